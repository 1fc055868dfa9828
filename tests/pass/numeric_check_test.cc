// The comparison of outputs: bounds, bits, and runs that prove little.
#include "lib/pass/numeric_check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/passes/testing_models.h"

namespace assize::pass {
namespace {

using assize::testing::Floats;
using assize::testing::Longs;

StatusOr<NumericCheck> Compare(const ir::Tensor& a, const ir::Tensor& b,
                               const verify::Tolerance& t) {
  return CompareOutputs({"y"}, {a}, {b}, t);
}

TEST(CompareOutputs, ExactMeansBits) {
  EXPECT_EQ(Compare(Floats({2}, {1, 2}), Floats({2}, {1, 2}), verify::kExact)->outcome, "passed");
  EXPECT_EQ(
      Compare(Floats({2}, {1, 2}), Floats({2}, {1, std::nextafter(2.0f, 3.0f)}), verify::kExact)
          .status()
          .code(),
      StatusCode::kInternal);
  // -0 is another value for a division that follows.
  EXPECT_FALSE(Compare(Floats({3}, {1, 2, 0.0f}), Floats({3}, {1, 2, -0.0f}), verify::kExact).ok());
  EXPECT_TRUE(Compare(Floats({3}, {1, 2, NAN}), Floats({3}, {1, 2, -NAN}), verify::kExact).ok());
}

TEST(CompareOutputs, BoundIsRelativeToTheLargestMagnitude) {
  const auto within =
      Compare(Floats({2}, {1000, 1}), Floats({2}, {1000, 1.09f}), verify::kAffineFold);
  ASSERT_TRUE(within.ok()) << Message(within.status());
  EXPECT_NEAR(within->max_abs_difference, 0.09, 1e-6);
  EXPECT_DOUBLE_EQ(within->bound, 1e-4 * 1000);
  const auto beyond =
      Compare(Floats({2}, {1000, 1}), Floats({2}, {1000, 1.11f}), verify::kAffineFold);
  EXPECT_THAT(Message(beyond.status()), ::testing::HasSubstr("output \"y\" element 1"));
}

TEST(CompareOutputs, NanAndInfinityThatAppearAreViolations) {
  EXPECT_FALSE(Compare(Floats({2}, {1, 2}), Floats({2}, {1, NAN}), verify::kAffineFold).ok());
  EXPECT_FALSE(Compare(Floats({2}, {1, NAN}), Floats({2}, {1, 2}), verify::kAffineFold).ok());
  EXPECT_FALSE(Compare(Floats({2}, {1, 2}), Floats({2}, {1, INFINITY}), verify::kAffineFold).ok());
  EXPECT_FALSE(
      Compare(Floats({2}, {1, INFINITY}), Floats({2}, {1, -INFINITY}), verify::kAffineFold).ok());
}

TEST(CompareOutputs, ShapeAndTypeCount) {
  EXPECT_FALSE(Compare(Floats({2}, {1, 2}), Floats({1, 2}, {1, 2}), verify::kAffineFold).ok());
  EXPECT_FALSE(Compare(Floats({2}, {1, 2}), Longs({1, 2}), verify::kAffineFold).ok());
}

TEST(CompareOutputs, MistrustsRunsThatProveLittle) {
  EXPECT_EQ(Compare(Floats({3}, {0, 0, 0}), Floats({3}, {0, 0, 0}), verify::kExact)->outcome,
            "mistrusted");
  EXPECT_EQ(Compare(Floats({3}, {7, 7, 7}), Floats({3}, {7, 7, 7}), verify::kExact)->outcome,
            "mistrusted");
  EXPECT_EQ(
      Compare(Floats({3}, {NAN, NAN, 1}), Floats({3}, {NAN, NAN, 1}), verify::kExact)->outcome,
      "mistrusted");
  EXPECT_EQ(Compare(Floats({0}, {}), Floats({0}, {}), verify::kExact)->outcome, "mistrusted");
  EXPECT_EQ(Compare(Longs({1, 2}), Longs({1, 3}), verify::kAffineFold)->outcome, "mistrusted");
}

TEST(RandomFeeds, BindFreeDimsAndAreReproducible) {
  ir::Model model = assize::testing::MakeModel();
  assize::testing::GraphBuilder(model.graph)
      .Input("x", {"N", "3"})
      .Input("i", {"4"}, ir::DType::kInt64)
      .Node("Relu", {"x"}, {"y"})
      .Output("y");
  const auto a = RandomFeeds(model, 1, 2), b = RandomFeeds(model, 1, 2),
             c = RandomFeeds(model, 2, 2);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(a->at("x").dims(), (ir::Shape{2, 3}));
  EXPECT_TRUE(a->at("x") == b->at("x"));
  EXPECT_FALSE(a->at("x") == c->at("x"));
  for (const int64_t v : a->at("i").ToInts()) EXPECT_TRUE(v == 0 || v == 1);
}

TEST(RandomFeeds, LeaveInitializersThatAreInputsAtTheirDefault) {
  ir::Model model = assize::testing::MakeModel();
  assize::testing::GraphBuilder b(model.graph);
  b.Input("x", {"2"}).Input("w", {"2"}).Node("Add", {"x", "w"}, {"y"}).Output("y");
  ir::NamedTensor w;
  w.name = "w";
  w.tensor = Floats({2}, {1, 2});
  b.edit().SetInitializer("w", w);
  const auto feeds = RandomFeeds(model, 1, 2);
  ASSERT_TRUE(feeds.ok());
  EXPECT_EQ(feeds->count("w"), 0u);
}

}  // namespace
}  // namespace assize::pass
