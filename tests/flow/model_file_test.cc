// Loading and writing models: what is refused and how, what is pinned, and that a failure leaves
// the old file.
#include "lib/flow/model_file.h"

#include <unistd.h>

#include "lib/ir/hash.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

std::string Written(const TemporaryFolder& folder, const ir::Model& model,
                    const std::string& name = "m.onnx") {
  Must(onnx::ExportFile(model, folder / name).status());
  return folder / name;
}

TEST(LoadModel, ADigestThatDiffersIsNotTrusted) {
  TemporaryFolder folder;
  const std::string path = Written(folder, Dense());
  const std::string digest = Hex(Must(Sha256OfFile(path)));
  for (const bool sealed : {false, true}) {
    LoadOptions options;
    options.sealed = sealed;
    options.sha256 = digest;
    EXPECT_TRUE(LoadModel(path, options).ok());
    options.sha256 = std::string(64, '0');
    const auto other = LoadModel(path, options);
    EXPECT_EQ(ExitCodeOf(other.status()), ExitCode::kNotTrusted);
    EXPECT_EQ(Message(other.status()),
              path + ": sha256 is " + digest + ", expected " + options.sha256);
  }
}

TEST(LoadModel, SizeLimitsAreNamed) {
  TemporaryFolder folder;
  LoadOptions options;
  options.max_model_bytes = 50;
  const auto loaded = LoadModel(Written(folder, Dense()), options);
  EXPECT_TRUE(absl::IsResourceExhausted(loaded.status())) << Message(loaded.status());
  EXPECT_THAT(Message(loaded.status()), HasSubstr("50"));
}

TEST(LoadModel, ACycleIsNamedWithItsPlace) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N"}).Init("c0", Floats({1}, {1}));
  b.Node("Add", {"x", "c0"}, {"a0"}).Node("Relu", {"a0"}, {"b0"}).Output("b0");
  // The addition's second operand becomes the end of the chain; names of one length keep the file's
  // framing.
  std::string bytes = Must(onnx::ExportBytes(model)).model;
  bytes.replace(bytes.find("c0"), 2, "b0");
  Must(WriteFileAtomic(folder / "cycle.onnx", bytes));
  const auto loaded = LoadModel(folder / "cycle.onnx");
  EXPECT_EQ(ExitCodeOf(loaded.status()), ExitCode::kBadInput);
  EXPECT_THAT(
      Message(loaded.status()),
      ::testing::AllOf(HasSubstr("cycle.onnx"), HasSubstr("\"b0\" is used before it is defined"),
                       HasSubstr("cycle")));
}

TEST(LoadModel, NodesOutOfOrderArePutInOrder) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  ir::Graph branch;
  {
    GraphBuilder inner(branch);
    inner.edit().SetName("branch");
    inner.edit().AddCapture("late");
    inner.Node("Neg", {"late"}, {"n"}).Node("Abs", {"n"}, {"o"}).Output("o");
    inner.edit().MoveBefore(branch.value(inner.Get("o")).producer,
                            branch.value(inner.Get("n")).producer);
  }
  ir::Graph other = branch;
  b.Input("x", {"N"}).Input("on", {}, ir::DType::kBool).Node("Exp", {"x"}, {"late"});
  b.Node("If", {"on"}, {"picked"},
         {Attr("then_branch", ir::GraphBox(branch)), Attr("else_branch", ir::GraphBox(other))});
  b.Node("Relu", {"picked"}, {"y"}).Output("y");
  b.edit().MoveBefore(model.graph.value(b.Get("late")).producer, {});
  EXPECT_EQ(assize::testing::Ops(model.graph), "If Relu Exp");
  const LoadedModel loaded = Must(LoadModel(Written(folder, model)));
  EXPECT_EQ(assize::testing::Ops(loaded.model().graph), "Exp If Relu");
  const ir::Node& picked = assize::testing::OnlyNode(loaded.model().graph, "If");
  EXPECT_EQ(assize::testing::Ops(*std::get<ir::GraphBox>(picked.attributes[0].value)), "Neg Abs");
}

TEST(LoadModel, ATruncatedFileIsBadInput) {
  TemporaryFolder folder;
  const std::string bytes = Must(onnx::ExportBytes(Dense())).model;
  Must(WriteFileAtomic(folder / "half.onnx", bytes.substr(0, bytes.size() / 2)));
  const auto loaded = LoadModel(folder / "half.onnx");
  EXPECT_EQ(ExitCodeOf(loaded.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(loaded.status()), HasSubstr("half.onnx"));
}

TEST(NotExecutable, ListsEachUnknownOpOnceAlsoInsideSubgraphs) {
  ir::Model model = MakeModel();
  model.set_opset("com.example", 3);
  GraphBuilder b(model.graph);
  b.Input("x", {"N"}).Input("c", {}, ir::DType::kBool);
  b.Node("Frobnicate", {"x"}, {"a"}).Node("Frobnicate", {"a"}, {"b"});
  ir::Graph branch;
  GraphBuilder inner(branch);
  inner.Init("k", Floats({1}, {1})).Node("Hidden", {"k"}, {"r"}, {}, "com.example").Output("r");
  b.Node("If", {"c"}, {"y"},
         {Attr("then_branch", ir::GraphBox(branch)), Attr("else_branch", ir::GraphBox(branch))});
  b.Output("b").Output("y");
  EXPECT_THAT(NotExecutable(model), ElementsAre("ai.onnx.Frobnicate(13)", "com.example.Hidden(3)"));
  EXPECT_THAT(NotExecutable(Dense()), ElementsAre());
}

TEST(WriteModel, DescribesTheFileThatIsThere) {
  TemporaryFolder folder;
  const ir::Model model = Dense();
  const evidence::ModelFacts facts = Must(WriteModel(model, folder / "out.onnx"));
  EXPECT_EQ(facts.file.name, "out.onnx");
  EXPECT_EQ(facts.file.sha256, Hex(Must(Sha256OfFile(folder / "out.onnx"))));
  EXPECT_EQ(facts.file.bytes, static_cast<int64_t>(fs::file_size(folder / "out.onnx")));
  EXPECT_EQ(facts.structural_digest, Hex(ir::StructuralHash(model)));
  EXPECT_EQ(facts.nodes, 2);
  EXPECT_EQ(facts.parameters, 8);
  EXPECT_EQ(facts.weight_bytes, 32);
  EXPECT_EQ(facts.macs, 6) << "x [1,3] times W [3,2]";
  ASSERT_EQ(facts.inputs.size(), 1u);
  EXPECT_EQ(facts.inputs[0].shape, "[N,3]");
}

TEST(WriteModel, AModelThatDoesNotVerifyLeavesTheOldFile) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"})
      .Node("Frobnicate", {"x"}, {"y"}, {}, "com.example")
      .Output("y");  // of no opset
  const auto nothing = WriteModel(model, folder / "out.onnx");
  EXPECT_TRUE(absl::IsInvalidArgument(nothing.status())) << Message(nothing.status());
  EXPECT_THAT(Listing(folder.path()), ElementsAre());

  Must(WriteFileAtomic(folder / "out.onnx", "what was there"));
  EXPECT_FALSE(WriteModel(model, folder / "out.onnx").ok());
  EXPECT_EQ(Must(ReadFile(folder / "out.onnx")), "what was there");
  EXPECT_THAT(Listing(folder.path()), ElementsAre("out.onnx"));
}

TEST(WriteModel, AnUnwritablePlaceLeavesNothing) {
  TemporaryFolder folder;
  Must(WriteFileAtomic(folder / "file", ""));
  const auto written = WriteModel(Dense(), folder / "file/out.onnx");
  EXPECT_FALSE(written.ok());
  EXPECT_THAT(Message(written.status()), HasSubstr("file/out.onnx"));
  EXPECT_THAT(Listing(folder.path()), ElementsAre("file"));
}

TEST(Inputs, BatchIsFixedOnlyWhenAllFedInputsAgree) {
  EXPECT_EQ(FixedBatch(Dense("4")), 4);
  EXPECT_EQ(FixedBatch(Dense("N")), 0);
  const auto two = [](const std::string& a, const std::string& c) {
    ir::Model model = MakeModel();
    GraphBuilder b(model.graph);
    b.Input("a", {a, "3"}).Input("c", {c, "3"}).Output("a");
    return FixedBatch(model);
  };
  EXPECT_EQ(two("4", "4"), 4);
  EXPECT_EQ(two("4", "2"), 0);
  EXPECT_EQ(two("4", "N"), 0);
}

}  // namespace
}  // namespace assize::flow
