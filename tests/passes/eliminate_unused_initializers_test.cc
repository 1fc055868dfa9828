// eliminate-unused-initializers: unused weights go, inputs and outputs stay.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(EliminateUnusedInitializers, KeepsInputsOutputsAndWhatSubgraphsUse) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("c", {}, ir::DType::kBool).Input("x", {"3"}).Input("w", {"3"});
  ir::NamedTensor w;
  w.name = "w";
  w.tensor = Floats({3}, {1, 2, 3});
  b.edit().SetInitializer("w", w);
  b.Init("unused", Floats({2}, {1, 2}))
      .Init("captured", Floats({3}, {4, 5, 6}))
      .Init("out", Floats({2}, {7, 8}));
  const auto branch = [](const std::string& name) {
    ir::Graph graph;
    GraphBuilder inner(graph);
    inner.edit().SetName(name);
    inner.edit().AddCapture("captured");
    inner.edit().AddCapture("x");
    inner.Init(name + "_unused", Floats({1}, {1}));
    inner.Node("Add", {"x", "captured"}, {name + "_y"}).Output(name + "_y");
    return ir::GraphBox(graph);
  };
  b.Node("If", {"c"}, {"y"}, {Attr("then_branch", branch("t")), Attr("else_branch", branch("f"))})
      .Output("y")
      .Output("out");
  EXPECT_EQ(ExpectChanged("eliminate-unused-initializers", model).statistics.at("removed"), 3);
  for (const std::string name : {"w", "captured", "out"})
    EXPECT_TRUE(static_cast<bool>(model.graph.FindValue(name))) << name;
  EXPECT_FALSE(static_cast<bool>(model.graph.FindValue("unused")));
}

}  // namespace
}  // namespace assize::testing
