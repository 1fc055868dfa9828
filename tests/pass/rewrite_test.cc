// Rewrites that passes share, and the rounding of computed weights.
#include "lib/pass/rewrite.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/ir/float_formats.h"
#include "lib/pass/numbers.h"
#include "lib/verify/verify.h"
#include "tests/passes/testing_models.h"

namespace assize::pass {
namespace {

using assize::testing::Floats;
using assize::testing::GraphBuilder;
using assize::testing::MakeModel;
using assize::testing::Ops;

TEST(ReplaceValue, AnOutputKeepsNameAndDeclaredType) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "2"}).Node("Relu", {"x"}, {"r"}).Node("Identity", {"r"}, {"y"});
  const ir::Type declared = ir::Type::TensorOf(
      ir::DType::kFloat, std::vector<ir::Dim>{{std::nullopt, "batch", {}}, {2, {}, {}}});
  b.Output("y", declared);
  ir::Editor edit(model.graph);
  const ir::ValueRef r = b.Get("r"), y = b.Get("y");
  ASSERT_TRUE(CanReplace(model.graph, y, r));
  ReplaceValue(edit, y, r);
  RemoveNodeAndConstants(edit, model.graph.nodes()[1]);
  const ir::Value& output = model.graph.value(model.graph.outputs()[0]);
  EXPECT_EQ(output.name, "y");
  EXPECT_TRUE(output.type == declared);
  EXPECT_EQ(Ops(model.graph), "Relu");
  EXPECT_TRUE(verify::CheckModel(model).ok());
}

TEST(CanReplace, NeverGivesAnOutputsNameToAnInputOrConstantOrOtherOutput) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}).Init("c", Floats({2}, {1, 2}));
  b.Node("Identity", {"x"}, {"y"}).Node("Relu", {"x"}, {"z"}).Output("y").Output("z");
  EXPECT_FALSE(CanReplace(model.graph, b.Get("y"), b.Get("x")));
  EXPECT_FALSE(CanReplace(model.graph, b.Get("y"), b.Get("c")));
  EXPECT_FALSE(CanReplace(model.graph, b.Get("y"), b.Get("z")));
  EXPECT_FALSE(CanReplace(model.graph, b.Get("z"), b.Get("z")));
}

TEST(SetConstantInput, KeepsASharedConstantAndDropsAnUnusedOne) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}).Init("c", Floats({2}, {1, 2}));
  b.Node("Add", {"x", "c"}, {"a"}).Node("Mul", {"a", "c"}, {"y"}).Output("y");
  ir::Editor edit(model.graph);
  SetConstantInput(edit, model.graph.nodes()[0], 1, "c", Floats({2}, {3, 4}));
  EXPECT_EQ(model.graph.initializers().size(), 2u);
  SetConstantInput(edit, model.graph.nodes()[1], 1, "c", Floats({2}, {5, 6}));
  EXPECT_EQ(model.graph.initializers().size(), 2u);
  EXPECT_FALSE(static_cast<bool>(model.graph.FindValue("c")));
  EXPECT_TRUE(verify::CheckModel(model).ok());
}

TEST(RoundTo, RoundsOnceToSixteenBits) {
  // 1 + 2^-11 lies between two halves; a hair above it must round up. A first rounding to float
  // drops the hair and ties to even would then go down.
  const double above = 1 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40);
  const auto half = RoundTo(ir::DType::kFloat16, {1}, {above});
  ASSERT_TRUE(half.has_value());
  EXPECT_EQ(ir::HalfToFloat(half->data<uint16_t>()[0]), 1 + std::ldexp(1.0f, -10));
  const auto negative = RoundTo(ir::DType::kFloat16, {1}, {-above});
  EXPECT_EQ(ir::HalfToFloat(negative->data<uint16_t>()[0]), -1 - std::ldexp(1.0f, -10));
}

TEST(RoundTo, RefusesOverflowAndNonNumbers) {
  EXPECT_FALSE(RoundTo(ir::DType::kFloat16, {1}, {70000.0}).has_value());
  EXPECT_FALSE(RoundTo(ir::DType::kFloat, {1}, {1e300}).has_value());
  EXPECT_FALSE(RoundTo(ir::DType::kDouble, {1}, {NAN}).has_value());
  EXPECT_FALSE(RoundTo(ir::DType::kInt32, {1}, {1.0}).has_value());
}

}  // namespace
}  // namespace assize::pass
