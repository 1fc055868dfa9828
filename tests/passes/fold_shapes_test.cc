// fold-shapes: arithmetic over static dims becomes constant, over symbolic ones it stays.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

ir::Model FlattenByHand(const std::string& batch) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {batch, "3", "4"})
      .Init("i", ir::Tensor::Scalar<int64_t>(0))
      .Init("axes", Longs({0}))
      .Init("m1", Longs({-1}));
  b.Node("Tanh", {"x"}, {"t"}).Node("Shape", {"t"}, {"s"}).Node("Gather", {"s", "i"}, {"d"});
  b.Node("Unsqueeze", {"d", "axes"}, {"u"}).Node("Concat", {"u", "m1"}, {"c"}, {Int("axis", 0)});
  b.Node("Reshape", {"t", "c"}, {"y"}).Output("y");
  return model;
}

TEST(FoldShapes, FoldsWhatStaticDimsDecide) {
  ir::Model model = FlattenByHand("2");
  ExpectChanged("fold-shapes", model);
  EXPECT_EQ(Ops(model.graph), "Tanh Reshape");
  EXPECT_EQ(model.graph.ConstantOf(model.graph.FindValue("c"))->ToInts(),
            (std::vector<int64_t>{2, -1}));
}

TEST(FoldShapes, KeepsWhatDependsOnASymbolicDim) {
  ir::Model model = FlattenByHand("N");
  ExpectUnchanged("fold-shapes", model);
}

TEST(FoldShapes, DoesNotBelieveADeclaredIntermediateShape) {
  ir::Model model = FlattenByHand("N");
  ir::Editor edit(model.graph);
  edit.SetType(model.graph.FindValue("t"),
               ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{1, 3, 4}));
  ExpectUnchanged("fold-shapes", model);
}

}  // namespace
}  // namespace assize::testing
