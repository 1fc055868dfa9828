// Handles: a stale one traps even when its slot lives again; copies of a graph are their own.
#include "lib/ir/graph.h"

#include <gtest/gtest.h>

#include "tests/ir/building.h"

namespace assize::ir {
namespace {

TEST(Graph, AStaleHandleTrapsAlsoWhenItsSlotIsUsedAgain) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  const NodeRef old_node = make.Node("Relu", {"x"}, {"y"});
  const ValueRef old_value = graph.FindValue("y");
  make.edit.RemoveNode(old_node);
  EXPECT_FALSE(graph.valid(old_node));
  EXPECT_FALSE(graph.valid(old_value));
  const NodeRef new_node = make.Node("Abs", {"x"}, {"y"});
  EXPECT_EQ(new_node.index, old_node.index) << "the slot is meant to be used again";
  EXPECT_NE(new_node, old_node);
  EXPECT_FALSE(graph.valid(old_node));
  EXPECT_DEATH(graph.node(old_node), "stale node handle");
  EXPECT_DEATH(graph.value(old_value), "stale value handle");
  EXPECT_DEATH(graph.next_node(old_node), "stale node handle");
  EXPECT_DEATH(make.edit.SetNodeName(old_node, "n"), "stale node handle");
  EXPECT_DEATH(make.edit.SetType(old_value, Type()), "stale value handle");
  EXPECT_EQ(graph.node(new_node).op_type, "Abs");
}

TEST(Graph, NullHandlesTrap) {
  const Graph graph;
  EXPECT_DEATH(graph.node(NodeRef()), "stale node handle");
  EXPECT_DEATH(graph.value(ValueRef()), "stale value handle");
  EXPECT_FALSE(graph.valid(NodeRef()));
  EXPECT_EQ(graph.ConstantOf(ValueRef()), nullptr);
}

TEST(Graph, ACopyIsItsOwnAndItsHandlesHold) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x").Init("w");
  const NodeRef node =
      make.Node("Add", {"x", "w"}, {"y"}, {GraphAttribute("body", AddOf("x", "w"))});
  make.Output("y");
  Graph copy = graph;
  GraphMaker other(copy);
  other.edit.SetOp(node, "Mul", "");
  other.edit.EditSubgraphs(node, [](Editor& inner) { inner.SetName("changed"); });
  other.edit.Rename(copy.FindValue("x"), "renamed");
  EXPECT_EQ(graph.node(node).op_type, "Add");
  EXPECT_EQ(SubgraphsOf(graph.node(node)).at(0)->name(), "");
  EXPECT_TRUE(static_cast<bool>(graph.FindValue("x")));
  EXPECT_EQ(graph.ConstantOf(graph.FindValue("w"))->bytes().data(),
            copy.ConstantOf(copy.FindValue("w"))->bytes().data())
      << "tensors are shared";
  ExpectConsistent(graph);
  ExpectConsistent(copy);
}

TEST(Graph, AnInitializerThatIsAnInputIsNoConstant) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("w").Init("c");
  NamedTensor tensor;
  tensor.tensor = Tensor::Of<float>({2}, {1, 2});
  make.edit.SetInitializer("w", tensor);
  EXPECT_EQ(graph.ConstantOf(graph.FindValue("w")), nullptr) << "a caller may replace it";
  EXPECT_NE(graph.ConstantOf(graph.FindValue("c")), nullptr);
  make.edit.RemoveFromInputs(graph.FindValue("w"));
  EXPECT_NE(graph.ConstantOf(graph.FindValue("w")), nullptr);
}

TEST(Graph, CountsUsesByNodesOutputsAndSubgraphs) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  make.Node("Mul", {"x", "x"}, {"y"});
  make.Node("If", {"x"}, {"z"}, {GraphAttribute("then_branch", AddOf("x", "x"))});
  make.Output("x").Output("x");
  EXPECT_EQ(graph.use_count(graph.FindValue("x")), 2u + 1u + 1u + 2u);
  EXPECT_EQ(graph.use_count(graph.FindValue("y")), 0u);
  ExpectConsistent(graph);
}

TEST(Graph, WalksForwardsAndBackwards) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  const NodeRef last = make.Node("C", {"x"}, {"c"});
  const NodeRef first = make.Node("A", {"x"}, {"a"}, {}, last);
  const NodeRef middle = make.Node("B", {"x"}, {"b"}, {}, last);
  EXPECT_EQ(graph.nodes(), (std::vector<NodeRef>{first, middle, last}));
  EXPECT_EQ(graph.first_node(), first);
  EXPECT_EQ(graph.previous_node(last), middle);
  EXPECT_FALSE(static_cast<bool>(graph.previous_node(first)));
  EXPECT_FALSE(static_cast<bool>(graph.next_node(last)));
}

}  // namespace
}  // namespace assize::ir
