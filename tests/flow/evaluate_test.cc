// `eval` and `run`: counts on a real model, what scripts read from the JSON, and what is written.
#include "lib/flow/evaluate.h"

#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

EvaluateRequest BreastCancer() {
  EvaluateRequest request;
  request.model = SourcePath("examples/breast-cancer/wdbc_mlp.onnx");
  request.data = {SourcePath("examples/breast-cancer/wdbc.npz"), {{"input", "test_x"}}, "test_y"};
  return request;
}

TEST(Evaluate, CountsTheRealModel) {
  const Json json = EvaluateJson(Must(EvaluateFile(BreastCancer(), NoProgress())));
  EXPECT_EQ(json.at("n"), 200);
  EXPECT_EQ(json.at("correct"), 193);
  EXPECT_DOUBLE_EQ(json.at("top1").get<double>(), 0.965);
  EXPECT_FALSE(json.contains("flips")) << "nothing to compare with was given";
}

TEST(Evaluate, AgainstItselfNothingFlips) {
  EvaluateRequest request = BreastCancer();
  request.against = request.model;
  const eval::Report report = Must(EvaluateFile(request, NoProgress()));
  ASSERT_TRUE(report.flips && report.drop);
  EXPECT_EQ(report.flips->k, 0);
  EXPECT_EQ(*report.drop, 0);
  EXPECT_EQ(EvaluateJson(report).at("flips"), 0);
  EXPECT_THAT(ReportText(report), HasSubstr("193 of 200 = 96.50 %"));
}

// Two constant classifiers that name their inputs differently: all of class 0, all of class 1.
ir::Model Constant(const std::string& input, float first) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input(input, {"N", "3"})
      .Init("W", Floats({3, 2}, {0, 0, 0, 0, 0, 0}))
      .Init("b", Floats({2}, {first, 0.5F}));
  b.Node("Gemm", {input, "W", "b"}, {"y"}).Output("y");
  return model;
}

TEST(Evaluate, PairsWithASourceThatNamesItsInputDifferently) {
  TemporaryFolder folder;
  Must(WriteModel(Constant("x", 1), folder / "zero.onnx").status());
  Must(WriteModel(Constant("pixels", 0), folder / "one.onnx").status());
  const data::Array labels = data::Array::Of<int64_t>({10}, {0, 0, 0, 0, 0, 0, 0, 1, 1, 1});
  Must(data::WriteNpz(folder / "d.npz", {{"x", Values(10)}, {"y", labels}}));
  EvaluateRequest request;
  request.model = folder / "one.onnx";
  request.against = folder / "zero.onnx";
  request.data.path = folder / "d.npz";
  const eval::Report report = Must(EvaluateFile(request, NoProgress()));
  EXPECT_EQ(report.top1->k, 3);
  EXPECT_EQ(report.source_top1->k, 7);
  EXPECT_EQ(report.flips->k, 10);
  EXPECT_EQ(report.right_to_wrong, 7);
  EXPECT_EQ(report.wrong_to_right, 3);
  EXPECT_NEAR(*report.drop, 0.4, 1e-12);
}

TEST(Evaluate, LabelsBeyondTheClassesAreBadInput) {
  TemporaryFolder folder;
  Must(WriteModel(Constant("x", 1), folder / "m.onnx").status());
  Must(data::WriteNpz(folder / "d.npz",
                      {{"x", Values(2)}, {"y", data::Array::Of<int64_t>({2}, {0, 2})}}));
  EvaluateRequest request;
  request.model = folder / "m.onnx";
  request.data.path = folder / "d.npz";
  const auto report = EvaluateFile(request, NoProgress());
  EXPECT_EQ(ExitCodeOf(report.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(report.status()), HasSubstr("2"));
}

TEST(Evaluate, ANanInTheAnswersIsNeverSkipped) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"}).Node("Log", {"x"}, {"y"}).Output("y");
  Must(WriteModel(model, folder / "m.onnx").status());
  Must(data::WriteNpz(folder / "d.npz", {{"x", data::Array::Of<float>({2, 3}, {1, 1, 1, 1, -1, 1})},
                                         {"y", data::Array::Of<int64_t>({2}, {0, 2})}}));
  EvaluateRequest request;
  request.model = folder / "m.onnx";
  request.data.path = folder / "d.npz";
  const auto report = EvaluateFile(request, NoProgress());
  EXPECT_TRUE(absl::IsInvalidArgument(report.status())) << Message(report.status());
  EXPECT_THAT(Message(report.status()), HasSubstr("row 1"));
}

TEST(Run, WritesEachOutputUnderItsName) {
  TemporaryFolder folder;
  const EvaluateRequest wdbc = BreastCancer();
  const RunResult result = Must(RunFile({wdbc.model, wdbc.data, folder / "out.npz"}, NoProgress()));
  EXPECT_EQ(result.rows, 200);
  EXPECT_THAT(result.outputs,
              ElementsAre(std::pair<std::string, std::string>("logits", "f32 [200,2]")));
  const auto arrays = Must(data::ReadNpz(folder / "out.npz"));
  ASSERT_EQ(arrays.size(), 1u);
  EXPECT_EQ(arrays.at("logits").shape, (std::vector<int64_t>{200, 2}));
  // The same numbers that were counted above.
  const auto labels = Must(data::ReadNpz(wdbc.data.path)).at("test_y");
  int correct = 0;
  for (int64_t row = 0; row < 200; ++row) {
    const int64_t said =
        arrays.at("logits").ValueAt(2 * row + 1) > arrays.at("logits").ValueAt(2 * row) ? 1 : 0;
    correct += said == static_cast<int64_t>(labels.ValueAt(row)) ? 1 : 0;
  }
  EXPECT_EQ(correct, 193);
}

}  // namespace
}  // namespace assize::flow
