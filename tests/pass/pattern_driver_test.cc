// The driver: nodes that vanish or appear during a walk, subgraphs, functions, the limit.
#include <gtest/gtest.h>

#include "lib/pass/pass.h"
#include "lib/verify/verify.h"
#include "tests/passes/testing_models.h"

namespace assize::pass {
namespace {

using assize::testing::Attr;
using assize::testing::GraphBuilder;
using assize::testing::MakeModel;
using assize::testing::Ops;

struct Pair {
  ir::NodeRef first, second;
};

// Neg(Neg(x)) -> x through a Relu marker: removes both nodes and adds an Abs, which nothing matches
// again.
class FoldNegNeg final : public PatternPass<Pair> {
 public:
  Descriptor Describe() const override { return {.summary = "Folds Neg(Neg(x)) to Abs(x)"}; }
  std::optional<Pair> Match(const GraphContext& context, const ir::Graph& graph, ir::NodeRef node,
                            MatchLog& why) const override {
    if (!graph.node(node).Is("Neg")) return std::nullopt;
    const ir::NodeRef before = graph.value(graph.node(node).inputs[0]).producer;
    if (!before || !graph.node(before).Is("Neg")) return why.Because("no Neg before it");
    if (graph.use_count(graph.node(before).outputs[0]) != 1) return why.Because("used elsewhere");
    AZ_CHECK(context.opset() == 13);
    return Pair{before, node};
  }
  void Rewrite(const Pair& match, ir::Editor& edit) const override {
    ir::NodeSpec spec;
    spec.op_type = "Abs";
    spec.inputs = {edit.graph().node(match.first).inputs[0]};
    spec.outputs = {edit.UniqueName("abs")};
    const ir::NodeRef abs = edit.AddNode(spec, match.first);
    edit.TakeOver(edit.graph().node(match.second).outputs[0], edit.output(abs));
    edit.RemoveNode(match.second);
    edit.RemoveNode(match.first);
  }
};

Status Drive(ir::Model& model, std::map<std::string, int64_t>& statistics) {
  FoldNegNeg pass;
  CollectingSink sink;
  Json facts;
  Context context{{}, &sink, &NoProgress(), 0, &statistics, &facts};
  return pass.Run(model, context);
}

void Chain(GraphBuilder& b, const std::string& from, int count, const std::string& prefix) {
  std::string last = from;
  for (int i = 0; i < count; ++i) {
    const std::string next = prefix + std::to_string(i);
    b.Node("Neg", {last}, {next});
    last = next;
  }
  b.Output(last);
}

TEST(PatternDriver, SurvivesRewritesThatRemoveAndAddAroundTheWalk) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"});
  Chain(b, "x", 5, "n");
  std::map<std::string, int64_t> statistics;
  ASSERT_TRUE(Drive(model, statistics).ok());
  EXPECT_EQ(Ops(model.graph), "Abs Abs Neg");
  EXPECT_EQ(statistics["rewritten"], 2);
  EXPECT_GT(statistics["declined: no Neg before it"], 0);
  EXPECT_TRUE(verify::CheckModel(model).ok());
  EXPECT_EQ(model.graph.value(model.graph.outputs()[0]).name, "n4");
}

TEST(PatternDriver, ReachesSubgraphsThatCaptureAndFunctions) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("c", {}, ir::DType::kBool).Input("x", {"2"});
  const auto branch = [](const std::string& prefix) {
    ir::Graph graph;
    GraphBuilder inner(graph);
    inner.edit().SetName(prefix);
    inner.edit().AddCapture("x");
    Chain(inner, "x", 2, prefix);
    return ir::GraphBox(graph);
  };
  b.Node("If", {"c"}, {"y"}, {Attr("then_branch", branch("t")), Attr("else_branch", branch("e"))})
      .Output("y");
  ir::Function function;
  function.name = "Twice";
  function.domain = "local";
  function.opset_imports = {{"", 13, ""}};
  GraphBuilder body(function.body);
  body.edit().AddInput("p", ir::Type());
  Chain(body, "p", 2, "f");
  model.functions.push_back(function);
  std::map<std::string, int64_t> statistics;
  ASSERT_TRUE(Drive(model, statistics).ok());
  EXPECT_EQ(statistics["rewritten"], 3);
  EXPECT_EQ(Ops(model.functions[0].body), "Abs");
  EXPECT_TRUE(verify::CheckModel(model).ok()) << Message(verify::CheckModel(model));
}

}  // namespace
}  // namespace assize::pass
