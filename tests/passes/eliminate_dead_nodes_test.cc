// eliminate-dead-nodes: what nobody uses goes, what may have effects stays.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(EliminateDeadNodes, RemovesChainsAndKeepsWhatHasEffects) {
  ir::Model model = MakeModel();
  model.set_opset("com.example", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "4"}).Init("w", Normal({4, 4}, 1));
  b.Node("MatMul", {"x", "w"}, {"a"})
      .Node("Relu", {"a"}, {"dead1"})
      .Node("Exp", {"dead1"}, {"dead2"});
  b.Node("Tanh", {"a"}, {"y"}).Output("y");
  EXPECT_EQ(ExpectChanged("eliminate-dead-nodes", model).statistics.at("removed"), 2);
  EXPECT_EQ(Ops(model.graph), "MatMul Tanh");
  b.Node("Log", {"a"}, {"unused"}, {}, "com.example");
  ExpectUnchanged("eliminate-dead-nodes", model);
}

TEST(EliminateDeadNodes, FreesWhatOnlyADeadSubgraphCaptured) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("c", {}, ir::DType::kBool).Input("x", {"3"}).Node("Exp", {"x"}, {"e"});
  const auto branch = [](const std::string& name) {
    ir::Graph graph;
    GraphBuilder inner(graph);
    inner.edit().SetName(name);
    inner.edit().AddCapture("e");
    inner.edit().AddCapture("x");
    // Inside the branch e is used by a dead node only.
    inner.Node("Log", {"e"}, {name + "_dead"})
        .Node("Neg", {"x"}, {name + "_y"})
        .Output(name + "_y");
    return ir::GraphBox(graph);
  };
  b.Node("If", {"c"}, {"y"}, {Attr("then_branch", branch("t")), Attr("else_branch", branch("f"))})
      .Output("y");
  EXPECT_EQ(ExpectChanged("eliminate-dead-nodes", model).statistics.at("removed"), 3);
  EXPECT_EQ(Ops(model.graph), "If");
}

}  // namespace
}  // namespace assize::testing
