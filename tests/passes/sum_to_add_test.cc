// sum-to-add: the same bits, broadcasting included; sums of one and of three stay.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

ir::Model Sum(const std::vector<std::string>& operands) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "3"}).Input("z", {"1", "3"}).Init("c", Normal({2, 1}, 1));
  b.Node("Sum", operands, {"s"}).Node("Relu", {"s"}, {"y"}).Output("y");
  return model;
}

TEST(SumToAdd, TwoOperandsThatBroadcast) {
  for (const auto& operands : std::vector<std::vector<std::string>>{{"x", "z"}, {"c", "z"}}) {
    ir::Model model = Sum(operands);
    const pass::PassRecord record = ExpectChanged("sum-to-add", model);
    EXPECT_EQ(record.check.kind, "bitwise");
    EXPECT_EQ(Ops(model.graph), "Add Relu");
  }
}

TEST(SumToAdd, OtherCountsStay) {
  ir::Model three = Sum({"x", "z", "c"});
  EXPECT_EQ(Declined(ExpectUnchanged("sum-to-add", three), "it has not two operands"), 1);
  ir::Model one = Sum({"x"});
  EXPECT_EQ(Declined(ExpectUnchanged("sum-to-add", one), "it has not two operands"), 1);
}

}  // namespace
}  // namespace assize::testing
