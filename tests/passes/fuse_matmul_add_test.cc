// fuse-matmul-add: biases of every shape that Gemm takes, and addends that are none.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

ir::Model MatmulAdd(const ir::Shape& bias, bool bias_first = false,
                    const std::vector<std::string>& x = {"N", "4"}) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", x).Init("W", Normal({4, 3}, 1)).Init("c", Normal(bias, 2));
  b.Node("MatMul", {"x", "W"}, {"m"});
  b.Node("Add",
         bias_first ? std::vector<std::string>{"c", "m"} : std::vector<std::string>{"m", "c"},
         {"s"});
  b.Node("Tanh", {"s"}, {"y"}).Output("y");
  return model;
}

TEST(FuseMatmulAdd, TakesEveryShapeOfBiasInEitherOrder) {
  for (const bool first : {false, true}) {
    for (const ir::Shape& bias :
         {ir::Shape{3}, ir::Shape{1, 3}, ir::Shape{1}, ir::Shape{}, ir::Shape{1, 1}}) {
      SCOPED_TRACE(ir::ShapeText(bias));
      ir::Model model = MatmulAdd(bias, first);
      ExpectChanged("fuse-matmul-add", model);
      EXPECT_EQ(Ops(model.graph), "Gemm Tanh");
      EXPECT_TRUE(static_cast<bool>(model.graph.FindValue("s"))) << "the sum keeps its name";
    }
  }
}

TEST(FuseMatmulAdd, KeepsTheNameOfAnOutput) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "4"}).Init("W", Normal({4, 3}, 1)).Init("c", Normal({3}, 2));
  b.Node("MatMul", {"x", "W"}, {"m"}).Node("Add", {"m", "c"}, {"y"}).Output("y");
  ExpectChanged("fuse-matmul-add", model);
  EXPECT_EQ(model.graph.value(model.graph.outputs()[0]).name, "y");
}

TEST(FuseMatmulAdd, DeclinesWithTheReason) {
  const auto declined = [](ir::Model model, const std::string& reason) {
    EXPECT_EQ(Declined(ExpectUnchanged("fuse-matmul-add", model), reason), 1) << reason;
  };
  declined(MatmulAdd({2, 1, 3}), "the addend is not known to be a bias");
  // N may be 1: five rows of c would widen the result.
  declined(MatmulAdd({5, 3}), "the addend is not known to be a bias");
  declined(MatmulAdd({3}, false, {"N", "2", "4"}), "an operand is not known to have rank 2");
  ir::Model twice = MatmulAdd({3});
  GraphBuilder(twice.graph).Output("m");
  declined(twice, "the MatMul's result has other uses");
}

}  // namespace
}  // namespace assize::testing
