// `inspect` and `diff`: what a model is, what we cannot run of it, and what differs between two.
#include "lib/flow/inspect.h"

#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

TEST(Inspect, SaysWhatTheModelIs) {
  const std::string path = SourcePath("examples/breast-cancer/wdbc_mlp.onnx");
  const Inspection seen = Must(InspectModel(path, false));
  EXPECT_EQ(seen.json.at("sha256"), Hex(Must(Sha256OfFile(path))));
  EXPECT_EQ(seen.json.at("inputs").at(0).at("name"), "input");
  EXPECT_EQ(seen.json.at("inputs").at(0).at("shape"), "[N,30]");
  EXPECT_EQ(seen.json.at("macs"), 4032);
  EXPECT_FALSE(seen.json.contains("text"));
  int64_t nodes = 0;
  for (const auto& [op, count] : seen.json.at("ops").items()) nodes += count.get<int64_t>();
  EXPECT_EQ(nodes, seen.json.at("nodes").get<int64_t>());
  EXPECT_THAT(seen.text, ::testing::AllOf(HasSubstr("runs here   yes"), HasSubstr("ai.onnx 13")));
  EXPECT_THAT(Must(InspectModel(path, true)).json.at("text").get<std::string>(), HasSubstr("Gemm"));
}

TEST(Inspect, ListsWhatWeCannotRun) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  model.set_opset("com.example", 2);
  GraphBuilder b(model.graph);
  b.Input("x", {"N"}).Node("Frobnicate", {"x"}, {"y"}, {}, "com.example").Output("y");
  Must(WriteModel(model, folder / "m.onnx").status());
  const Inspection seen = Must(InspectModel(folder / "m.onnx", false));
  EXPECT_EQ(seen.json.at("notExecutable"), Json::array({"com.example.Frobnicate(2)"}));
  EXPECT_THAT(seen.text, HasSubstr("carried through untouched: com.example.Frobnicate(2)"));
}

TEST(Diff, OneWeightIsOneChange) {
  TemporaryFolder folder;
  ir::Model model = Dense();
  Must(WriteModel(model, folder / "a.onnx").status());
  Must(WriteModel(model, folder / "same.onnx").status());
  GraphBuilder b(model.graph);
  b.edit().ReplaceInitializer(b.Get("b"), Floats({2}, {0.25F, 0.75F}));
  Must(WriteModel(model, folder / "b.onnx").status());
  const Differences none = Must(DiffPaths(folder / "a.onnx", folder / "same.onnx"));
  EXPECT_TRUE(none.equal);
  EXPECT_EQ(none.json.at("sameBytes"), true);
  const Differences one = Must(DiffPaths(folder / "a.onnx", folder / "b.onnx"));
  EXPECT_FALSE(one.equal);
  EXPECT_EQ(one.json.at("changes").size(), 1u) << one.text;
  EXPECT_EQ(one.json.at("changes").at(0).at("name"), "b");
}

TEST(Diff, AModelAndAReleaseAreOfTwoKinds) {
  TemporaryFolder folder;
  Must(WriteModel(Dense(), folder / "a.onnx").status());
  EXPECT_EQ(ExitCodeOf(DiffPaths(folder / "a.onnx", folder.path()).status()), ExitCode::kUsage);
}

TEST(Diff, TwoBuildsOfOneRecipeAgreeAndAnotherRecipeDoesNot) {
  Workshop one;
  const std::string first = Must(one.Build(one.recipe())).release;
  Workshop two;
  const std::string second = Must(two.Build(two.recipe())).release;
  const Differences same = Must(DiffPaths(first, second));
  EXPECT_TRUE(same.equal) << same.text;
  Workshop three;
  const std::string other =
      Must(three.Build(Replaced(three.recipe(), "at_least: 0.90", "at_least: 0.91"))).release;
  const Differences different = Must(DiffPaths(first, other));
  EXPECT_FALSE(different.equal);
  EXPECT_THAT(different.text, HasSubstr("0.91"));
}

}  // namespace
}  // namespace assize::flow
