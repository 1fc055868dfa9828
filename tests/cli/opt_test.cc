// opt, quantize and prune: what they write, print and leave alone.
#include "tests/cli/process.h"

namespace assize::cli {
namespace {

const std::vector<std::string> kCalibration = {"--data",        kData,      "--input",
                                               "input=train_x", "--labels", "train_y"};

TEST(Opt, WritesTheModelAndTheTable) {
  TemporaryFolder folder;
  const std::string out = folder / "small.onnx";
  const Result result =
      Assize(With({"opt", kModel, "-p", "simplify,fuse", "-o", out, "--json"}, kCalibration));
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json json = JsonOf(result);
  EXPECT_EQ(json.at("output"), out);
  EXPECT_EQ(json.at("pipeline"), "simplify,fuse");
  EXPECT_EQ(json.at("comparison").at("after").at("bytes"), fs::file_size(out));
  EXPECT_EQ(json.at("comparison").at("report").at("n"), 369);
  EXPECT_GT(json.at("passes").size(), 5u) << "groups are recorded pass by pass";
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"small.onnx"});
}

TEST(Opt, ThePipelineIsReadBeforeTheModel) {
  // Neither the model nor the data exist: the typo is found first, with its column and the nearest
  // name.
  ExpectError(Assize({"opt", "/nonexistent.onnx", "-p", "simplify,fuse-conv-bm", "-o", "x.onnx"}),
              2, {"fuse-conv-bm", "did you mean \"fuse-conv-bn\"?"});
  ExpectError(
      Assize({"opt", "/nonexistent.onnx", "-p", "prune-magnitude{sparcity=0.5}", "-o", "x.onnx"}),
      2, {"sparcity", "sparsity"});
  ExpectError(
      Assize({"opt", "/nonexistent.onnx", "-p", "prune-magnitude{sparsity=2}", "-o", "x.onnx"}), 2,
      {"sparsity", "2", "1"});
}

TEST(Opt, PrintPipelineRoundTrips) {
  const std::string text = "simplify,quantize-static{calibrator=percentile,percentile=99.9}";
  const Result first = Assize({"opt", "-p", text, "--print-pipeline"});
  ASSERT_EQ(first.exit, 0) << first.err;
  EXPECT_EQ(first.out, text + "\n");
}

TEST(Opt, InstrumentationGoesToStandardError) {
  const Result result =
      Assize({"opt", kModel, "-p", "simplify", "--print-after=all", "--time-passes", "--stats"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_NE(result.err.find("eliminate-dead-nodes"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("Gemm"), std::string::npos) << "the graph is printed";
  EXPECT_EQ(result.out.find("Gemm"), std::string::npos) << "but not among the data";
}

TEST(Opt, UnknownPassAfterWhichToPrint) {
  ExpectError(Assize({"opt", kModel, "-p", "simplify", "--print-after=cze"}), 2,
              {"--print-after", "did you mean \"cse\"?"});
}

TEST(Opt, BisectLimitStopsEarly) {
  const Result result =
      Assize({"opt", kModel, "-p", "simplify", "--bisect-limit=2", "--stats", "--json"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(JsonOf(result).at("passes").size(), 2u);
}

TEST(Opt, APassThatLiesIsOurBugWithAReproducerThatFailsAgain) {
  TemporaryFolder folder;
  Conditions there;
  there.folder = folder.path();
  there.environment = {{"TMPDIR", folder.path()}};
  const Result result =
      Assize({"opt", kModel, "-p", "sabotage-wrong-math", "-o", "out.onnx"}, there);
  EXPECT_EQ(result.exit, 70) << result.err;
  EXPECT_FALSE(fs::exists(folder / "out.onnx")) << "nothing is written";
  std::string reproducer;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
    if (entry.path().filename() == "reproducer.json")
      reproducer = entry.path().parent_path().string();
  }
  ASSERT_NE(reproducer, "") << result.err;
  EXPECT_NE(result.err.find(fs::path(reproducer).filename().string()), std::string::npos)
      << result.err;
  EXPECT_EQ(Assize({"opt", "--run-reproducer", reproducer}, there).exit, 70);
}

TEST(Opt, APipeGetsTheSameBytesAsAFile) {
  TemporaryFolder folder;
  const std::string out = folder / "small.onnx";
  ASSERT_EQ(Assize({"opt", kModel, "-p", "simplify", "-o", out}).exit, 0);
  Conditions quiet;
  quiet.environment = {{"TMPDIR", folder.path()}};
  const Result piped = Assize({"opt", kModel, "-p", "simplify", "-o", "-"}, quiet);
  ASSERT_EQ(piped.exit, 0) << piped.err;
  EXPECT_EQ(piped.out, ReadAll(out));
  EXPECT_NE(piped.err.find("nodes"), std::string::npos) << "the table moves to standard error";
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"small.onnx"})
      << "no temporary file stays";
}

TEST(Quantize, IsThePipelineOfItsPasses) {
  TemporaryFolder folder;
  const std::string by_verb = folder / "a.onnx", by_pipeline = folder / "b.onnx";
  const Result verb = Assize(With({"quantize", kModel, "-o", by_verb, "--calibrator", "percentile",
                                   "--per-tensor", "--threads", "1"},
                                  kCalibration));
  ASSERT_EQ(verb.exit, 0) << verb.err;
  EXPECT_NE(verb.out.find("top-1"), std::string::npos)
      << "labels were given, so the table shows accuracy";
  const Result pipeline =
      Assize(With({"opt", kModel, "-p",
                   "simplify,fuse,quantize-static{calibrator=percentile,per-channel=false}", "-o",
                   by_pipeline, "--threads", "2"},
                  kCalibration));
  ASSERT_EQ(pipeline.exit, 0) << pipeline.err;
  EXPECT_EQ(ReadAll(by_verb), ReadAll(by_pipeline)) << "for any number of threads";
}

TEST(Quantize, SwitchesThatContradict) {
  ExpectError(
      Assize(With({"quantize", kModel, "-o", "x.onnx", "--per-tensor", "--per-channel", "true"},
                  kCalibration)),
      2, {"contradict"});
}

TEST(Prune, SparsityCanBeCounted) {
  TemporaryFolder folder;
  const Result result = Assize({"prune", kModel, "--sparsity", "0.5", "--scope", "layer", "-o",
                                folder / "sparse.onnx", "--json"});
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json facts = JsonOf(result).at("comparison");
  const double before = facts.at("before").at("nonzeroParameters").get<double>();
  const double after = facts.at("after").at("nonzeroParameters").get<double>();
  EXPECT_GT(after, 0.4 * before);
  EXPECT_LT(after, 0.6 * before);
}

TEST(Opt, QuietPrintsNothingAndVerboseNamesEachPass) {
  TemporaryFolder folder;
  const Result quiet =
      Assize({"opt", kModel, "-p", "simplify", "-o", folder / "a.onnx", "--quiet"});
  EXPECT_EQ(quiet.exit, 0);
  EXPECT_EQ(quiet.out + quiet.err, "");
  const Result verbose =
      Assize({"opt", kModel, "-p", "simplify", "-o", folder / "b.onnx", "--verbose"});
  EXPECT_NE(verbose.err.find("cse: "), std::string::npos) << verbose.err;
}

}  // namespace
}  // namespace assize::cli
