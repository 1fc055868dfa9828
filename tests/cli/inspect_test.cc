// inspect and diff, and model files that are not what they should be.
#include "lib/data/npz.h"
#include "tests/cli/process.h"
#include "tests/onnx/wire_builder.h"

namespace assize::cli {
namespace {

using onnx::ModelOf;
using onnx::Node;
using onnx::TensorType;
using onnx::ValueInfo;
using onnx::Wire;

std::string GraphFile(const TemporaryFolder& folder, const std::string& name,
                      const std::vector<Wire>& nodes) {
  Wire graph;
  for (const Wire& node : nodes) graph.Sub(1, node);
  graph.Text(2, "g")
      .Sub(11, ValueInfo("x", TensorType(1, {2})))
      .Sub(12, ValueInfo("y", TensorType(1, {2})));
  WriteAll(folder / name, ModelOf(graph).bytes());
  return folder / name;
}

TEST(Inspect, DescribesTheModel) {
  const Result result = Assize({"inspect", kModel, "--json"});
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json json = JsonOf(result);
  EXPECT_EQ(json.at("sha256"), "76e0f0baf733932b053936f0a81a72ae20de80a1bd16417faa64c32a37462d97");
  EXPECT_EQ(json.at("inputs").at(0).at("name"), "input");
  EXPECT_TRUE(json.at("notExecutable").empty());
  EXPECT_GT(json.at("ops").size(), 0u);
  EXPECT_FALSE(json.contains("text"));
  EXPECT_NE(Assize({"inspect", kModel, "--full"}).out.find("Gemm"), std::string::npos);
}

TEST(Inspect, TruncatedModel) {
  TemporaryFolder folder;
  const std::string whole = ReadAll(kModel);
  WriteAll(folder / "cut.onnx", whole.substr(0, whole.size() / 2));
  ExpectError(Assize({"inspect", folder / "cut.onnx"}), 3, {"cut.onnx"});
  ExpectError(Assize({"opt", folder / "cut.onnx", "-p", "simplify", "-o", folder / "out.onnx"}), 3,
              {"cut.onnx"});
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"cut.onnx"});
}

TEST(Inspect, CyclicGraph) {
  TemporaryFolder folder;
  const std::string path = GraphFile(
      folder, "cycle.onnx",
      {Node("Add", {"x", "b"}, {"a"}), Node("Relu", {"a"}, {"b"}), Node("Relu", {"b"}, {"y"})});
  ExpectError(Assize({"inspect", path}), 3, {"cycle.onnx"});
  ExpectError(Assize({"quantize", path, "--data", kData, "-o", folder / "out.onnx"}), 3,
              {"cycle.onnx"});
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"cycle.onnx"});
}

TEST(Inspect, MissingFileAndFolder) {
  ExpectError(Assize({"inspect", "/nonexistent/model.onnx"}), 3, {"/nonexistent/model.onnx"});
  TemporaryFolder folder;
  ExpectError(Assize({"inspect", folder.path()}), 3, {folder.path()});
}

TEST(Inspect, UnknownOpIsCarriedThroughAndListedButNotRun) {
  TemporaryFolder folder;
  Wire graph;
  graph.Sub(1, Node("Wobble", {"x"}, {"y"}).Text(7, "com.example"));
  graph.Text(2, "g")
      .Sub(11, ValueInfo("x", TensorType(1, {2})))
      .Sub(12, ValueInfo("y", TensorType(1, {2})));
  WriteAll(folder / "odd.onnx", Wire()
                                    .Int(1, 8)
                                    .Sub(8, onnx::Opset(17))
                                    .Sub(8, onnx::Opset(1, "com.example"))
                                    .Sub(7, graph)
                                    .bytes());
  const Json json = JsonOf(Assize({"inspect", folder / "odd.onnx", "--json"}));
  ASSERT_EQ(json.at("notExecutable").size(), 1u);
  EXPECT_NE(json.at("notExecutable").at(0).get<std::string>().find("com.example.Wobble"),
            std::string::npos);
  const Result opt =
      Assize({"opt", folder / "odd.onnx", "-p", "simplify", "-o", folder / "out.onnx"});
  EXPECT_EQ(opt.exit, 0) << opt.err;
  EXPECT_EQ(Assize({"diff", folder / "odd.onnx", folder / "out.onnx"}).exit, 0);
  const Result run = Assize(
      {"run", folder / "odd.onnx", "--data", kData, "--input", "x=test_x", "-o", folder / "o.npz"});
  EXPECT_EQ(run.exit, 3);
  EXPECT_FALSE(fs::exists(folder / "o.npz"));
}

TEST(Inspect, AMisspeltOpIsNotExecutableAndRunSaysWhich) {
  TemporaryFolder folder;
  const std::string path = GraphFile(folder, "typo.onnx", {Node("Rleu", {"x"}, {"y"})});
  const Result result = Assize({"inspect", path, "--json"});
  EXPECT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(JsonOf(result).at("notExecutable"), Json::array({"ai.onnx.Rleu(17)"}));
  const std::string npz = folder / "x.npz";
  ASSERT_TRUE(data::WriteNpz(npz, {{"x", data::Array::Of<float>({2}, {-1, 1})}}).ok());
  ExpectError(Assize({"run", path, "--data", npz, "-o", folder / "out.npz"}), 3, {"Rleu"});
  EXPECT_FALSE(fs::exists(folder / "out.npz"));
}

TEST(Diff, FindsWhatDiffers) {
  TemporaryFolder folder;
  EXPECT_EQ(Assize({"diff", kModel, kModel}).exit, 0);
  const std::string relu = GraphFile(folder, "relu.onnx", {Node("Relu", {"x"}, {"y"})});
  const std::string neg = GraphFile(folder, "neg.onnx", {Node("Neg", {"x"}, {"y"})});
  const Result result = Assize({"diff", relu, neg});
  EXPECT_EQ(result.exit, 1) << result.err;
  EXPECT_NE(result.out.find("Relu"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("Neg"), std::string::npos) << result.out;
  ExpectError(Assize({"diff", relu, folder.path()}), 2, {"two kinds"});
}

}  // namespace
}  // namespace assize::cli
