// The editor: after any change use-lists, names and captures are what a fresh count gives, and
// misuse traps.
#include "lib/ir/editor.h"

#include <gtest/gtest.h>

#include "lib/support/random.h"
#include "tests/ir/building.h"

namespace assize::ir {
namespace {

using Strings = std::vector<std::string>;

// x -> Relu -> a -> Identity -> b; an If whose branch adds a and b.
struct Fixture {
  Graph graph;
  GraphMaker make{graph};
  NodeRef relu, identity, branch;
  Fixture() {
    make.Input("x").Init("w");
    relu = make.Node("Relu", {"x"}, {"a"});
    identity = make.Node("Identity", {"a"}, {"b"});
    branch = make.Node("If", {"b"}, {"c"}, {GraphAttribute("then_branch", AddOf("a", "b"))});
    make.Output("c");
  }
  ValueRef operator[](const std::string& name) { return graph.FindValue(name); }
  const Graph& inner() { return *SubgraphsOf(graph.node(branch)).at(0); }
};

TEST(Editor, CapturesAreUsesOfTheOuterGraph) {
  Fixture f;
  ExpectConsistent(f.graph);
  EXPECT_EQ(Names(f.graph, f.graph.node(f.branch).captures), (Strings{"a", "b"}));
  EXPECT_DEATH(f.make.edit.RemoveNode(f.relu), "\"a\" of a node to remove is still used");
}

TEST(Editor, AnOuterNameThatThisGraphLacksIsCapturedHereToo) {
  Graph middle;
  GraphMaker inner(middle);
  inner.Node("If", {"cond"}, {"m"}, {GraphAttribute("then_branch", AddOf("far", "farther"))});
  inner.Output("m");
  EXPECT_TRUE(middle.value(middle.FindValue("far")).is_capture);
  Graph outer;
  GraphMaker make(outer);
  make.Input("far").Input("farther").Input("cond");
  const NodeRef loop = make.Node("Loop", {}, {"y"}, {GraphAttribute("body", middle)});
  make.Output("y");
  EXPECT_EQ(Names(outer, outer.node(loop).captures), (Strings{"cond", "far", "farther"}));
  ExpectConsistent(outer);
  // Through both levels at once.
  make.edit.Rename(outer.FindValue("far"), "near");
  ExpectConsistent(outer);
  const Graph& second = *SubgraphsOf(outer.node(loop)).at(0);
  const Graph& third = *SubgraphsOf(second.node(second.first_node())).at(0);
  EXPECT_TRUE(static_cast<bool>(third.FindValue("near")));
  EXPECT_FALSE(static_cast<bool>(third.FindValue("far")));
}

TEST(Editor, ReplaceAllUsesReachesSubgraphsAndOutputs) {
  Fixture f;
  f.make.Output("b");
  f.make.edit.ReplaceAllUses(f["b"], f["a"]);
  ExpectConsistent(f.graph);
  EXPECT_FALSE(f.graph.value(f["b"]).used());
  EXPECT_EQ(Names(f.graph, f.graph.outputs()), (Strings{"c", "a"}));
  const NodeRef add = f.inner().first_node();
  EXPECT_EQ(Names(f.inner(), f.inner().node(add).inputs), (Strings{"a", "a"}));
  EXPECT_EQ(Names(f.graph, f.graph.node(f.branch).captures), (Strings{"a"}));
  f.make.edit.RemoveNode(f.identity);
  ExpectConsistent(f.graph);
  EXPECT_DEATH(f.make.edit.ReplaceAllUses(f["a"], f["a"]), "replace itself");
}

TEST(Editor, ACaptureThatIsASubgraphsOutputIsReplacedToo) {
  Graph inner;
  GraphMaker(inner).Output("b");
  Graph graph;
  GraphMaker make(graph);
  make.Input("a").Input("b");
  make.Node("If", {"a"}, {"y"}, {GraphAttribute("then_branch", inner)});
  make.edit.ReplaceAllUses(graph.FindValue("b"), graph.FindValue("a"));
  ExpectConsistent(graph);
  const Graph& after = *SubgraphsOf(graph.node(graph.first_node())).at(0);
  EXPECT_EQ(Names(after, after.outputs()), (Strings{"a"}));
}

TEST(Editor, ALocalNameOfASubgraphMakesRoomForTheOuterOne) {
  // The branch takes b from outside and has an "a" of its own, which hides the outer one: legal in
  // ONNX's files.
  Graph inner;
  GraphMaker inside(inner);
  inside.Node("Abs", {"b"}, {"a"});
  inside.Output("a");
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  make.Node("Relu", {"x"}, {"a"});
  const NodeRef identity = make.Node("Identity", {"a"}, {"b"});
  const NodeRef branch = make.Node("If", {"x"}, {"y"}, {GraphAttribute("then_branch", inner)});
  make.Output("y");
  ASSERT_TRUE(make.edit.TakeOver(graph.FindValue("b"), graph.FindValue("a")));
  make.edit.RemoveNode(identity);
  ExpectConsistent(graph);
  const Graph& after = *SubgraphsOf(graph.node(branch)).at(0);
  const Node& abs = after.node(after.first_node());
  EXPECT_EQ(Names(after, abs.inputs), (Strings{"a"}));
  EXPECT_TRUE(after.value(abs.inputs[0]).is_capture);
  EXPECT_NE(abs.outputs[0], abs.inputs[0]);
  EXPECT_EQ(after.outputs(), abs.outputs);
}

TEST(Editor, TakeOverKeepsTheNameAndTypeOfAnOutput) {
  Fixture f;
  f.make.edit.SetOutputs({f["b"], f["c"]});
  f.make.edit.SetType(f["b"], Type::TensorOf(DType::kFloat, std::vector<int64_t>{7}));
  f.make.edit.SetValueDoc(f["b"], "the answer", {{"k", "v"}}, "");
  const ValueRef a = f["a"];
  ASSERT_TRUE(f.make.edit.TakeOver(f["b"], a));
  ExpectConsistent(f.graph);
  EXPECT_EQ(Names(f.graph, f.graph.outputs()), (Strings{"b", "c"}));
  EXPECT_EQ(f.graph.outputs()[0], a);
  EXPECT_EQ(f.graph.value(a).name, "b");
  EXPECT_EQ(f.graph.value(a).doc, "the answer");
  EXPECT_EQ(TypeText(f.graph.value(a).type), "f32 [7]");
  EXPECT_EQ(Names(f.inner(), f.inner().node(f.inner().first_node()).inputs), (Strings{"b", "b"}));
  f.make.edit.RemoveNode(f.identity);
  ExpectConsistent(f.graph);
}

TEST(Editor, TakeOverRefusesWhatWouldChangeTheInterface) {
  Fixture f;
  f.make.edit.SetOutputs({f["b"], f["c"]});
  const Graph before = f.graph;
  EXPECT_FALSE(f.make.edit.TakeOver(f["b"], f["x"]));  // an input keeps its name
  EXPECT_FALSE(f.make.edit.TakeOver(f["b"], f["w"]));  // so does an initializer
  EXPECT_FALSE(f.make.edit.TakeOver(f["b"], f["c"]));  // and another output
  f.make.Output("x");
  EXPECT_FALSE(f.make.edit.TakeOver(f["x"], f["a"]));  // an output that is an input as well
  EXPECT_EQ(Names(f.graph, f.graph.inputs()), (Strings{"x"}));
  EXPECT_EQ(Names(f.graph, f.graph.outputs()), (Strings{"b", "c", "x"}));
  ExpectConsistent(f.graph);
  EXPECT_EQ(OpTypes(f.graph), OpTypes(before));
}

TEST(Editor, RenameRefusesATakenName) {
  Fixture f;
  EXPECT_DEATH(f.make.edit.Rename(f["a"], "x"), "\"x\" is taken");
  EXPECT_DEATH(f.make.Node("Relu", {"x"}, {"a"}), "\"a\" is taken");
  EXPECT_DEATH(f.make.edit.AddInput("w", Type()), "\"w\" is taken");
  EXPECT_DEATH(f.make.Node("Two", {"x"}, {"p", "p"}), "\"p\" is taken");
  f.make.edit.Rename(f["w"], "weights");
  EXPECT_EQ(f.graph.value(f["weights"]).initializer->name, "weights");
  f.make.edit.Rename(f["x"], "x");
  ExpectConsistent(f.graph);
}

TEST(Editor, UniqueNamesAvoidSubgraphs) {
  Fixture f;
  EXPECT_EQ(f.make.edit.UniqueName("inner_sum"), "inner_sum_1");
  EXPECT_EQ(f.make.edit.UniqueName("a"), "a_1");
  EXPECT_EQ(f.make.edit.UniqueName("new"), "new");
  EXPECT_EQ(f.make.edit.UniqueName(""), "value");
  EXPECT_EQ(f.graph.value(f.make.edit.AddInitializer("inner_sum", Tensor::Scalar(1.0f))).name,
            "inner_sum_1");
}

TEST(Editor, RemovalOfWhatIsUsedTraps) {
  Fixture f;
  EXPECT_DEATH(f.make.edit.RemoveNode(f.branch), "still used");
  EXPECT_DEATH(f.make.edit.RemoveValue(f["x"]), "\"x\" is still used");
  f.make.edit.SetOutputs({});
  EXPECT_DEATH(f.make.edit.RemoveValue(f["c"]), "belongs to a node");
  f.make.edit.RemoveNode(f.branch);
  ExpectConsistent(f.graph);
  EXPECT_FALSE(f.graph.value(f["b"]).used()) << "the captures went with the node";
  f.make.edit.RemoveNode(f.identity);
  f.make.edit.RemoveNode(f.relu);
  f.make.edit.RemoveValue(f["x"]);
  f.make.edit.RemoveValue(f["w"]);
  EXPECT_TRUE(f.graph.values().empty());
  EXPECT_TRUE(f.graph.inputs().empty());
  EXPECT_TRUE(f.graph.initializers().empty());
  EXPECT_EQ(f.graph.node_count(), 0u);
  ExpectConsistent(f.graph);
}

TEST(Editor, InputsAreSetAndRemovedWithTheirInitializers) {
  Fixture f;
  NamedTensor tensor;
  tensor.tensor = Tensor::Of<float>({2}, {1, 2});
  EXPECT_DEATH(f.make.edit.SetInitializer("a", tensor), "\"a\" cannot become an initializer");
  EXPECT_DEATH(f.make.edit.SetInitializer("w", tensor), "\"w\" cannot become an initializer");
  EXPECT_DEATH(f.make.edit.RemoveFromInputs(f["x"]), "still used");
  EXPECT_DEATH(f.make.edit.RemoveFromInputs(f["w"]), "no input");
  EXPECT_DEATH(f.make.edit.SetInputs({f["a"]}), "cannot be an input");
  EXPECT_DEATH(f.make.edit.SetInputs({f["x"], f["x"]}), "cannot be an input");
  f.make.edit.SetInputs({f["w"], f["x"]});
  ExpectConsistent(f.graph);
  f.make.edit.RemoveFromInputs(f["w"]);
  EXPECT_TRUE(f.graph.value(f["w"]).is_constant());
  f.make.edit.AddInput("unused", Type());
  f.make.edit.RemoveFromInputs(f["unused"]);
  EXPECT_FALSE(static_cast<bool>(f["unused"]));
  ExpectConsistent(f.graph);
}

TEST(Editor, AttributesBringAndTakeTheirCaptures) {
  Fixture f;
  f.make.edit.SetAttribute(f.branch, GraphAttribute("else_branch", AddOf("w", "x", "other")));
  EXPECT_EQ(Names(f.graph, f.graph.node(f.branch).captures), (Strings{"a", "b", "w", "x"}));
  ExpectConsistent(f.graph);
  f.make.edit.RemoveAttribute(f.branch, "then_branch");
  EXPECT_EQ(Names(f.graph, f.graph.node(f.branch).captures), (Strings{"w", "x"}));
  Attribute plain;
  plain.name = "else_branch";
  plain.value = int64_t{1};
  f.make.edit.SetAttribute(f.branch, plain);
  EXPECT_TRUE(f.graph.node(f.branch).captures.empty());
  ExpectConsistent(f.graph);
}

TEST(Editor, EditingASubgraphRefreshesWhatItTakes) {
  Fixture f;
  f.make.edit.EditSubgraphs(f.branch, [](Editor& inner) {
    GraphMaker make(const_cast<Graph&>(inner.graph()));
    make.edit.SetInput(inner.graph().first_node(), 1, make.Get("w"));
  });
  EXPECT_EQ(Names(f.graph, f.graph.node(f.branch).captures), (Strings{"a", "w"}));
  ExpectConsistent(f.graph);
}

TEST(Editor, OutputsGrowAndShrink) {
  Fixture f;
  f.make.edit.ResizeOutputs(f.relu, 3);
  EXPECT_EQ(Names(f.graph, f.graph.node(f.relu).outputs),
            (Strings{"a", "Relu_output_1", "Relu_output_2"}));
  ExpectConsistent(f.graph);
  f.make.edit.ResizeOutputs(f.relu, 1);
  ExpectConsistent(f.graph);
  EXPECT_DEATH(f.make.edit.ResizeOutputs(f.relu, 0), "\"a\" is still used");
}

TEST(Editor, OmittedInputsAndOutputsAreKept) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  const NodeRef node = make.Node("Resize", {"x", "", "x"}, {"", "y"});
  ExpectConsistent(graph);
  EXPECT_EQ(graph.value(graph.FindValue("y")).output_index, 1u);
  make.edit.SetInput(node, 1, graph.FindValue("x"));
  make.edit.SetInput(node, 0, {});
  make.edit.SetInput(node, 3, graph.FindValue("x"));
  EXPECT_DEATH(make.edit.SetInput(node, 5, {}), "input 5 of 4");
  EXPECT_EQ(Names(graph, graph.node(node).inputs), (Strings{"", "x", "x", "x"}));
  ExpectConsistent(graph);
  make.edit.SetNodeInputs(node, {graph.FindValue("x")});
  ExpectConsistent(graph);
  make.edit.RemoveNode(node);
  ExpectConsistent(graph);
}

TEST(Editor, SortsStablyByNeedCapturesIncluded) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  make.Node("Independent", {"x"}, {"i"});
  make.Node("If", {"x"}, {"y"}, {GraphAttribute("then_branch", AddOf("x", "late"))});
  const NodeRef maker = make.Node("Relu", {"x"}, {"made"});
  make.edit.Rename(graph.FindValue("late"), "unused");
  // The branch needs what the last node makes.
  make.edit.ReplaceAllUses(graph.FindValue("unused"), graph.FindValue("made"));
  make.Node("Tail", {"y"}, {"t"});
  EXPECT_TRUE(make.edit.SortTopologically());
  EXPECT_EQ(OpTypes(graph), (Strings{"Independent", "Relu", "If", "Tail"}));
  ExpectConsistent(graph);
  make.edit.SetInput(maker, 0, graph.FindValue("t"));
  EXPECT_FALSE(make.edit.SortTopologically()) << "that is a cycle";
  EXPECT_EQ(OpTypes(graph), (Strings{"Independent", "Relu", "If", "Tail"})) << "and nothing moved";
  ExpectConsistent(graph);
}

TEST(Editor, MovesNodes) {
  Graph graph;
  GraphMaker make(graph);
  make.Input("x");
  const NodeRef a = make.Node("A", {"x"}, {"a"});
  const NodeRef b = make.Node("B", {"x"}, {"b"});
  const NodeRef c = make.Node("C", {"x"}, {"c"});
  make.edit.MoveBefore(c, a);
  EXPECT_EQ(OpTypes(graph), (Strings{"C", "A", "B"}));
  make.edit.MoveBefore(a, b);  // where it is
  make.edit.MoveBefore(b, b);
  make.edit.MoveBefore(c, {});
  EXPECT_EQ(OpTypes(graph), (Strings{"A", "B", "C"}));
  ExpectConsistent(graph);
}

// Thousands of random edits, each followed by the full count.
TEST(Editor, StaysConsistentUnderRandomEdits) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Philox random(seed);
    Graph graph;
    GraphMaker make(graph);
    make.Input("x").Init("w");
    int next = 0;
    const auto any_value = [&]() -> ValueRef {
      const std::vector<ValueRef> values = graph.values();
      return values[random.NextBelow(values.size())];
    };
    const auto any_node = [&]() -> NodeRef {
      const std::vector<NodeRef> nodes = graph.nodes();
      return nodes.empty() ? NodeRef() : nodes[random.NextBelow(nodes.size())];
    };
    for (int step = 0; step < 150; ++step) {
      const NodeRef node = any_node();
      const ValueRef value = any_value();
      const ValueRef other = any_value();
      switch (random.NextBelow(12)) {
        case 0:
        case 1:
          make.Node("Op", {graph.value(value).name, graph.value(other).name},
                    {make.edit.UniqueName("v")}, {}, node);
          break;
        case 2:
          make.Node(
              "If", {graph.value(value).name}, {make.edit.UniqueName("v")},
              {GraphAttribute("then_branch", AddOf(graph.value(value).name, graph.value(other).name,
                                                   fmt::format("in{}", next++)))});
          break;
        case 3:
          make.edit.AddInitializer("w", Tensor::Scalar(1.0f));
          break;
        case 4:
          make.edit.AddOutput(value);
          break;
        case 5:
          if (!graph.outputs().empty())
            make.edit.SetOutput(random.NextBelow(graph.outputs().size()), value);
          break;
        case 6:
          if (value != other) make.edit.ReplaceAllUses(value, other);
          break;
        case 7:
          if (value != other) make.edit.TakeOver(value, other);
          break;
        case 8:
          make.edit.Rename(value, make.edit.UniqueName("r"));
          break;
        case 9: {
          if (!node) break;
          bool used = false;
          for (const ValueRef output : graph.node(node).outputs)
            used = used || graph.value(output).used();
          if (!used) make.edit.RemoveNode(node);
          break;
        }
        case 10:
          if (node)
            make.edit.SetInput(node, random.NextBelow(graph.node(node).inputs.size() + 1), value);
          break;
        case 11:
          if (node) make.edit.MoveBefore(node, any_node());
          break;
      }
      ExpectConsistent(graph);
      if (::testing::Test::HasFailure()) FAIL() << "after step " << step;
    }
  }
}

}  // namespace
}  // namespace assize::ir
