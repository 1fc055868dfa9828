// The text form: what a reader sees of nodes, constants and subgraphs, and that no name reaches the
// terminal raw.
#include "lib/ir/text.h"

#include <gtest/gtest.h>

#include "tests/ir/building.h"

namespace assize::ir {
namespace {

TEST(Text, PrintsAModelOneLineANode) {
  Model model;
  model.ir_version = 8;
  model.opset_imports = {{"", 13, ""}, {"com.x", 1, ""}};
  GraphMaker make(model.graph);
  make.edit.SetName("g");
  make.Input("x").Init("w", {0.5f, -2});
  Attribute axis;
  axis.name = "axis";
  axis.value = int64_t{-1};
  Attribute list;
  list.name = "pads";
  list.value = std::vector<int64_t>{0, 1};
  make.Node("Conv", {"x", "", "w"}, {"y"}, {axis, list});
  make.Output("y");
  EXPECT_EQ(Print(model),
            "model ir 8 ai.onnx:13 com.x:1\n"
            "graph g\n"
            "input x: f32 [2]\n"
            "init w = f32 [2] {0.5 -2}\n"
            "y = Conv(x, _, w) {axis=-1, pads=[0,1]}\n"
            "output y: ?\n");
  EXPECT_EQ(NodeLabel(model.graph, model.graph.first_node()), "Conv -> \"y\"");
  make.edit.SetNodeName(model.graph.first_node(), "c1");
  EXPECT_EQ(NodeLabel(model.graph, model.graph.first_node()), "Conv \"c1\"");
}

TEST(Text, LongConstantsAreNamedByTheirDigest) {
  Graph one, other;
  GraphMaker(one).Init("w", std::vector<float>(9, 1.0f));
  GraphMaker(other).Init("w", std::vector<float>(9, 2.0f));
  EXPECT_NE(Print(one), Print(other)) << "a reader could not tell them apart";
  EXPECT_NE(Print(one).find("f32 [9] sha256:"), std::string::npos) << Print(one);
  EXPECT_NE(Print(one, {.max_elements = 9}).find("{1 1 1 1 1 1 1 1 1}"), std::string::npos);
}

TEST(Text, SubgraphsAreIndented) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  make.Node("If", {"x"}, {"y"}, {GraphAttribute("then_branch", AddOf("x", "x"))});
  EXPECT_NE(Print(graph).find("\n  inner_sum = Add(x, x)\n"), std::string::npos) << Print(graph);
}

TEST(Text, NothingFromTheFileReachesTheTerminalRaw) {
  const std::string evil = "\x1b[2J\n";
  Model model;
  model.opset_imports = {{evil, 1, ""}};
  GraphMaker make(model.graph);
  make.edit.SetName(evil);
  Dim dim;
  dim.param = evil;
  make.Input(evil + "in", Type::TensorOf(DType::kFloat, std::vector<Dim>{dim}));
  make.edit.AddInitializer("s", Tensor::Strings({1}, {evil}));
  Attribute attribute;
  attribute.name = evil;
  attribute.value = evil;
  const NodeRef node = make.Node(evil, {evil + "in"}, {evil + "out"}, {attribute});
  make.edit.SetOp(node, evil, evil);
  make.Output(evil + "out");
  Function function;
  function.name = function.domain = evil;
  model.functions.push_back(function);
  const std::string text = Print(model) + NodeLabel(model.graph, node);
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  // Lines: the model, graph, input, init, node, output, function, and the function's graph.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8) << text;
}

}  // namespace
}  // namespace assize::ir
