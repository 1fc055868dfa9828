// `opt` and what it shares with `build`: a pass that lies is caught and leaves a reproducer that
// shows it again; text is judged before files are opened; whatever fails leaves nothing behind.
#include "lib/flow/optimize.h"

#include <sys/stat.h>

#include <sstream>

#include "lib/flow/pipeline_run.h"
#include "lib/ir/hash.h"
#include "lib/support/json.h"
#include "passes/registry.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

const char kLiar[] = "sabotage-wrong-math{amount=0.5}";

class OptimizeTest : public ::testing::Test {
 protected:
  OptimizeTest() : temporary_("TMPDIR", folder_ / "tmp") {
    fs::create_directory(folder_ / "tmp");
    Must(WriteModel(Dense(), folder_ / "m.onnx").status());
    Must(data::WriteNpz(folder_ / "d.npz", {{"x", Values(20)}}));
  }
  OptimizeRequest Request(const std::string& pipeline) {
    OptimizeRequest request;
    request.model = folder_ / "m.onnx";
    request.pipeline = pipeline;
    request.output = folder_ / "out.onnx";
    return request;
  }
  StatusOr<OptimizeResult> Run(const std::string& pipeline) {
    return Optimize(Request(pipeline), NoProgress());
  }
  std::vector<std::string> Temporary() { return Listing(folder_ / "tmp"); }

  TemporaryFolder folder_;
  Variable temporary_;
};

TEST_F(OptimizeTest, TheNumericCheckCatchesALyingPassAndNothingIsWritten) {
  const auto result = Run(kLiar);
  EXPECT_EQ(ExitCodeOf(result.status()), ExitCode::kOurBug) << Message(result.status());
  EXPECT_THAT(Message(result.status()),
              ::testing::AllOf(HasSubstr("sabotage-wrong-math"), HasSubstr("bound"),
                               HasSubstr("reproducer: " + (folder_ / "tmp/"))));
  EXPECT_FALSE(fs::exists(folder_ / "out.onnx"));
  // Without the check the same pass gets through: it is the check that catches it.
  OptimizeRequest unchecked = Request(kLiar);
  unchecked.numeric_checks = false;
  EXPECT_TRUE(Optimize(unchecked, NoProgress()).ok());
}

TEST_F(OptimizeTest, AReproducerIsWholePrivateAndShowsTheFaultAgain) {
  OptimizeRequest request = Request(std::string("simplify,") + kLiar);
  request.seed = 11;
  request.data.path = folder_ / "d.npz";
  const auto result = Optimize(request, NoProgress());
  ASSERT_FALSE(result.ok());
  ASSERT_EQ(std::distance(fs::directory_iterator(folder_ / "tmp"), fs::directory_iterator()), 1);
  const std::string path = fs::directory_iterator(folder_ / "tmp")->path().string();
  EXPECT_THAT(Message(result.status()), HasSubstr(path));
  // The model, the failing pass and the seed; no rows of any data set.
  EXPECT_THAT(Listing(path), ElementsAre("model.onnx", "reproducer.json"));
  EXPECT_EQ(Hex(ir::StructuralHash(Must(LoadModel(path + "/model.onnx")).model())),
            Hex(ir::StructuralHash(Dense())));
  const Json json = Must(ParseJson(Must(ReadFile(path + "/reproducer.json")), path));
  EXPECT_EQ(json.at("pipeline"), kLiar);
  EXPECT_EQ(json.at("seed"), 11);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u) << "only its owner may look inside";

  const auto before = Temporary();
  const Status again = RunReproducer(path, NoProgress());
  EXPECT_EQ(ExitCodeOf(again), ExitCode::kOurBug);
  EXPECT_THAT(Message(again), HasSubstr("sabotage-wrong-math"));
  EXPECT_EQ(Temporary(), before) << "a replay leaves no second reproducer";
  // OK once the fault is gone.
  Must(WriteFileAtomic(path + "/reproducer.json", R"({"pipeline": "simplify", "seed": 11})"));
  EXPECT_TRUE(RunReproducer(path, NoProgress()).ok());
}

TEST_F(OptimizeTest, AReproducerThatNeedsDataSaysHowToReplayIt) {
  fs::create_directory(folder_ / "r");
  fs::copy_file(folder_ / "m.onnx", folder_ / "r/model.onnx");
  Must(WriteFileAtomic(folder_ / "r/reproducer.json",
                       R"({"pipeline": "quantize-static", "seed": 0})"));
  const Status status = RunReproducer(folder_ / "r", NoProgress());
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(Message(status), HasSubstr("--data"));
  EXPECT_EQ(ExitCodeOf(RunReproducer(folder_ / "none", NoProgress())), ExitCode::kBadInput);
}

TEST_F(OptimizeTest, AnHonestFailureLeavesNoReproducer) {
  const auto result = Run("sabotage-fail-midway");
  EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << Message(result.status());
  EXPECT_THAT(Temporary(), ElementsAre());
  EXPECT_FALSE(fs::exists(folder_ / "out.onnx"));
}

TEST_F(OptimizeTest, EncryptedModelsMayHaveNoReproducer) {
  ir::Model model = Dense();
  PipelineRun run;
  run.reproducers = false;
  const auto pipeline = Must(pass::Pipeline::Parse(kLiar, passes::AllPasses()));
  EXPECT_EQ(ExitCodeOf(RunPipeline(pipeline, model, run, NoProgress())), ExitCode::kOurBug);
  EXPECT_THAT(Temporary(), ElementsAre());
}

TEST_F(OptimizeTest, TextIsJudgedBeforeAnyFileIsOpened) {
  OptimizeRequest request = Request("simplify,quantise-static");
  request.model = folder_ / "missing.onnx";
  const auto typo = Optimize(request, NoProgress());
  EXPECT_EQ(ExitCodeOf(typo.status()), ExitCode::kUsage);
  EXPECT_THAT(Message(typo.status()), HasSubstr("quantize-static"));
  request.pipeline = "quantize-static";
  const auto no_data = Optimize(request, NoProgress());
  EXPECT_EQ(ExitCodeOf(no_data.status()), ExitCode::kUsage);
  EXPECT_THAT(Message(no_data.status()), HasSubstr("--data"));
  request.pipeline = "simplify";
  EXPECT_EQ(ExitCodeOf(Optimize(request, NoProgress()).status()), ExitCode::kBadInput);
}

TEST_F(OptimizeTest, QuantizesAndComparesOnTheGivenRows) {
  OptimizeRequest request = Request("quantize-static");
  request.data.path = folder_ / "d.npz";
  const OptimizeResult result = Must(Optimize(request, NoProgress()));
  ASSERT_EQ(result.records.size(), 1u);
  EXPECT_TRUE(result.records[0].changed);
  EXPECT_EQ(Hex(result.records[0].input), result.comparison.before.structural_digest);
  EXPECT_EQ(Hex(result.records[0].output), result.comparison.after.structural_digest);
  ASSERT_TRUE(result.comparison.report);
  EXPECT_EQ(result.comparison.report->n, 20);
  EXPECT_FALSE(result.comparison.report->top1) << "there are no labels";
  EXPECT_EQ(result.comparison.after.file.sha256, Hex(Must(Sha256OfFile(folder_ / "out.onnx"))));
}

TEST_F(OptimizeTest, CalibrationIsTheSameInAnyFixedBatch) {
  // 20 rows do not fill batches of 8: what pads the last one must not be seen by the observers.
  std::vector<std::string> ranges;
  for (const char* batch : {"1", "8", "N"}) {
    Must(WriteModel(Dense(batch), folder_ / "m.onnx").status());
    OptimizeRequest request = Request("quantize-static{calibrator=percentile}");
    request.data.path = folder_ / "d.npz";
    Must(Optimize(request, NoProgress()).status());
    const LoadedModel made = Must(LoadModel(folder_ / "out.onnx"));
    std::string scales;
    for (const ir::ValueRef ref : made.model().graph.initializers()) {
      const ir::Value& value = made.model().graph.value(ref);
      scales += value.name + "=" + Hex(value.initializer->tensor.digest()) + " ";
    }
    ranges.push_back(scales);
  }
  EXPECT_EQ(ranges[0], ranges[1]);
  EXPECT_EQ(ranges[0], ranges[2]);
}

TEST_F(OptimizeTest, ArtifactsLieBesideTheOutput) {
  OptimizeRequest request = Request("distill-export");
  request.data.path = folder_ / "d.npz";
  const OptimizeResult result = Must(Optimize(request, NoProgress()));
  EXPECT_FALSE(result.artifacts.empty());
  for (const std::string& name : result.artifacts)
    EXPECT_TRUE(fs::exists(folder_ / ("out.onnx.artifacts/" + name)));
  EXPECT_THAT(result.artifacts, ::testing::Contains("distill/student.onnx"));
}

TEST_F(OptimizeTest, BisectLimitStopsBeforeTheBadPass) {
  OptimizeRequest request = Request(std::string("eliminate-identity,") + kLiar);
  request.bisect_limit = 1;
  const auto good = Optimize(request, NoProgress());
  ASSERT_TRUE(good.ok()) << Message(good.status());
  EXPECT_EQ(good->records.size(), 1u);
  request.bisect_limit = 2;
  EXPECT_FALSE(Optimize(request, NoProgress()).ok());
}

TEST_F(OptimizeTest, PrintAfterShowsTheGraphOfThatPass) {
  std::ostringstream out;
  OptimizeRequest request = Request("eliminate-identity,cse");
  request.print_after = {"cse"};
  request.print_stream = &out;
  ASSERT_TRUE(Optimize(request, NoProgress()).ok());
  EXPECT_THAT(out.str(), ::testing::AllOf(HasSubstr("cse"), HasSubstr("Gemm")));
  EXPECT_THAT(out.str(), ::testing::Not(HasSubstr("eliminate-identity")));
}

TEST_F(OptimizeTest, OpsThatWeCannotRunAreCarriedThrough) {
  ir::Model model = MakeModel();
  model.set_opset("com.example", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"}).Node("Identity", {"x"}, {"i"});
  b.Node("Frobnicate", {"i"}, {"y"}, {Attr("level", int64_t{9})}, "com.example").Output("y");
  Must(WriteModel(model, folder_ / "m.onnx").status());
  OptimizeRequest request = Request("simplify");
  request.data.path = folder_ / "d.npz";
  const OptimizeResult result = Must(Optimize(request, NoProgress()));
  EXPECT_FALSE(result.comparison.report) << "nothing here runs it";
  const LoadedModel made = Must(LoadModel(folder_ / "out.onnx"));
  EXPECT_EQ(assize::testing::Ops(made.model().graph), "Frobnicate");
  const ir::Node& node = assize::testing::OnlyNode(made.model().graph, "Frobnicate");
  ASSERT_EQ(node.attributes.size(), 1u);
  EXPECT_EQ(std::get<int64_t>(node.attributes[0].value), 9);
}

TEST(NormalizePipeline, PrintsBackWhatItParses) {
  const std::string text =
      Must(NormalizePipeline(" simplify , quantize-static{ calibrator = percentile }"));
  EXPECT_EQ(Must(NormalizePipeline(text)), text);
  EXPECT_THAT(text, HasSubstr("quantize-static{calibrator=percentile}"));
  EXPECT_EQ(ExitCodeOf(NormalizePipeline("simplify,").status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace assize::flow
