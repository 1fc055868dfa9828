// cse: what computes the same is computed once; what only looks the same is not touched.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(Cse, MergesThroughEqualConstantsAndChains) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "2"}).Init("c1", Floats({2}, {1, 2})).Init("c2", Floats({2}, {1, 2}));
  b.Node("Add", {"x", "c1"}, {"a"}).Node("Add", {"x", "c2"}, {"b"});
  b.Node("Tanh", {"a"}, {"ta"})
      .Node("Tanh", {"b"}, {"tb"})
      .Node("Mul", {"ta", "tb"}, {"y"})
      .Output("y");
  EXPECT_EQ(ExpectChanged("cse", model).statistics.at("rewritten"), 2);
  EXPECT_EQ(Ops(model.graph), "Add Tanh Mul");
  EXPECT_EQ(model.graph.initializers().size(), 1u);
}

TEST(Cse, AttributesTypesAndInputOrderCount) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "2"}).Input("z", {"2", "2"}).Init("f", Floats({2}, {1, 2}));
  b.Node("Softmax", {"x"}, {"a"}, {Int("axis", 0)}).Node("Softmax", {"x"}, {"b"}, {Int("axis", 1)});
  b.Node("Sub", {"x", "z"}, {"c"}).Node("Sub", {"z", "x"}, {"d"});
  b.Node("Sum", {"a", "b", "c", "d"}, {"y"}).Output("y");
  ExpectUnchanged("cse", model);
}

TEST(Cse, NeverMergesRandomNodesOrTwoOutputs) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"});
  b.Node("RandomNormalLike", {"x"}, {"r1"})
      .Node("RandomNormalLike", {"x"}, {"r2"})
      .Node("Sub", {"r1", "r2"}, {"y"});
  b.Node("Relu", {"x"}, {"o1"}).Node("Relu", {"x"}, {"o2"}).Output("y").Output("o1").Output("o2");
  ExpectUnchanged("cse", model);
}

TEST(Cse, AnOutputTakesOverWhenTheEarlierNodeIsNone) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"3"})
      .Node("Relu", {"x"}, {"a"})
      .Node("Relu", {"x"}, {"y"})
      .Node("Exp", {"a"}, {"z"})
      .Output("y")
      .Output("z");
  ExpectChanged("cse", model);
  EXPECT_EQ(Ops(model.graph), "Relu Exp");
  EXPECT_EQ(model.graph.value(model.graph.outputs()[0]).name, "y");
}

}  // namespace
}  // namespace assize::testing
