// The cost model against sums done by hand.
#include "lib/analysis/cost.h"

#include <gtest/gtest.h>

#include "tests/passes/testing_models.h"

namespace assize::analysis {
namespace {

using assize::testing::Attr;
using assize::testing::Floats;
using assize::testing::GraphBuilder;
using assize::testing::Int;
using assize::testing::Ints;
using assize::testing::Longs;
using assize::testing::MakeModel;
using assize::testing::Normal;

TEST(Cost, CountsOneRow) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"batch", "4", "6", "6"})
      .Init("W", Normal({8, 2, 3, 3}, 1))
      .Init("M", Normal({128, 3}, 2))
      .Init("c", Floats({3}, {0, -0.0f, 2}));
  b.Node("Conv", {"x", "W"}, {"y1"}, {Int("group", 2)})
      .Node("Flatten", {"y1"}, {"f"})
      .Node("Gemm", {"f", "M", "c"}, {"y"})
      .Output("y");
  const auto cost = CostOf(model);
  ASSERT_TRUE(cost.ok());
  EXPECT_TRUE(cost->macs_complete);
  EXPECT_EQ(cost->macs, 8 * 4 * 4 * (2 * 3 * 3) + 128 * 3);
  EXPECT_EQ(cost->parameters, 8 * 2 * 9 + 128 * 3 + 3);
  EXPECT_EQ(cost->nonzero_parameters, cost->parameters - 2);
  EXPECT_EQ(cost->weight_bytes, 4 * cost->parameters);
  EXPECT_EQ(cost->nodes, 3);
  EXPECT_EQ(cost->ops.at("Conv"), 1);
}

TEST(Cost, AFixedBatchCountsOneRowToo) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"10", "4"})
      .Init("M", Normal({4, 3}, 2))
      .Node("MatMul", {"x", "M"}, {"y"})
      .Output("y");
  EXPECT_EQ(CostOf(model)->macs, 12);
}

TEST(Cost, SaysWhenAShapeIsMissing) {
  ir::Model model = MakeModel();
  model.set_opset("com.example", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "4"})
      .Init("M", Normal({4, 3}, 2))
      .Node("Custom", {"x"}, {"u"}, {}, "com.example")
      .Node("MatMul", {"u", "M"}, {"y"})
      .Output("y");
  const auto cost = CostOf(model);
  EXPECT_FALSE(cost->macs_complete);
  EXPECT_EQ(cost->ops.at("com.example.Custom"), 1);
}

TEST(Cost, ConstantNodesAreWeightsAndNoNodes) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  ir::NamedTensor m;
  m.tensor = Normal({4, 3}, 2);
  b.Input("x", {"N", "4"})
      .Node("Constant", {}, {"M"}, {Attr("value", m)})
      .Node("MatMul", {"x", "M"}, {"y"})
      .Output("y");
  const auto cost = CostOf(model);
  EXPECT_EQ(cost->nodes, 1);
  EXPECT_EQ(cost->parameters, 12);
  EXPECT_EQ(cost->macs, 12);
}

}  // namespace
}  // namespace assize::analysis
