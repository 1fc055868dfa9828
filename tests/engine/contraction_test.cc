// Conv, Gemm and MatMul in float, with everything the engine fuses into them, against the
// reference. Catches: wrong padding, groups, dilation, transposes, scale folding, residuals summed
// over a live buffer.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

struct ConvCase {
  std::string name;
  ir::Shape x, w;
  std::vector<ir::Attribute> attributes;
  bool bias = true;
};

class ConvTest : public testing::TestWithParam<ConvCase> {};

TEST_P(ConvTest, AgreesWithTheReference) {
  const ConvCase& c = GetParam();
  Philox random(1);
  Builder b;
  const auto x = b.Input("x", c.x);
  std::vector<ir::ValueRef> inputs{x, b.Const(RandomTensor(random, c.w))};
  if (c.bias) inputs.push_back(b.Const(RandomTensor(random, {c.w[0]})));
  b.Output(b.Op("Conv", inputs, c.attributes));
  ExpectAgrees(b, {{"x", RandomTensor(random, c.x)}});
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ConvTest,
    testing::Values(
        ConvCase{"plain", {1, 3, 9, 7}, {5, 3, 3, 3}, {}, true},
        ConvCase{"asymmetric_pads", {2, 3, 9, 7}, {8, 3, 3, 2}, {Ints("pads", {2, 0, 1, 1})}, true},
        ConvCase{"strides_dilations",
                 {1, 4, 12, 11},
                 {16, 4, 3, 3},
                 {Ints("strides", {2, 1}), Ints("dilations", {2, 3}), Ints("pads", {1, 2, 1, 2})},
                 false},
        ConvCase{"groups",
                 {3, 8, 6, 6},
                 {12, 2, 3, 3},
                 {Int("group", 4), Ints("pads", {1, 1, 1, 1})},
                 true},
        ConvCase{"depthwise",
                 {2, 19, 8, 8},
                 {19, 1, 3, 3},
                 {Int("group", 19), Ints("pads", {1, 1, 1, 1})},
                 true},
        ConvCase{"depthwise_multiplier",
                 {1, 6, 8, 8},
                 {12, 1, 5, 5},
                 {Int("group", 6), Ints("strides", {2, 2})},
                 true},
        ConvCase{"same_upper",
                 {1, 3, 10, 9},
                 {4, 3, 4, 4},
                 {Text("auto_pad", "SAME_UPPER"), Ints("strides", {2, 2})},
                 true},
        ConvCase{"same_lower",
                 {1, 3, 10, 9},
                 {4, 3, 4, 4},
                 {Text("auto_pad", "SAME_LOWER"), Ints("strides", {2, 2})},
                 true},
        ConvCase{"pointwise", {4, 24, 5, 5}, {40, 24, 1, 1}, {}, true},
        ConvCase{"one_dimension",
                 {2, 5, 30},
                 {7, 5, 4},
                 {Ints("pads", {3, 1}), Ints("strides", {2})},
                 true},
        ConvCase{"three_dimensions",
                 {1, 3, 5, 6, 7},
                 {4, 3, 2, 3, 3},
                 {Ints("pads", {0, 1, 1, 1, 1, 0})},
                 true},
        ConvCase{
            "one_channel", {2, 1, 28, 28}, {8, 1, 5, 5}, {Text("auto_pad", "SAME_UPPER")}, false}),
    [](const auto& c) { return c.param.name; });

// Conv -> BatchNormalization -> Add (residual) -> Relu, the residual being the convolution's own
// input: it must not be overwritten while it is read.
TEST(ConvChain, ResidualOfTheInputItself) {
  Philox random(2);
  Builder b;
  const auto x = b.Batch("x", {16, 9, 9});
  const auto first = b.Op("Relu", {x});
  const auto conv = b.Op("Conv", {first, b.Const(RandomTensor(random, {16, 16, 3, 3}, 0.1f))},
                         {Ints("pads", {1, 1, 1, 1})});
  std::vector<float> variance = RandomFloats(random, 16);
  for (float& v : variance) v = v * v + 0.1f;
  const auto bn =
      b.Op("BatchNormalization",
           {conv, b.Const(RandomTensor(random, {16})), b.Const(RandomTensor(random, {16})),
            b.Const(RandomTensor(random, {16})), b.Const<float>({16}, variance)});
  b.Output(b.Op("Relu", {b.Op("Add", {first, bn})}));
  ExpectAgrees(b, {{"x", RandomTensor(random, {3, 16, 9, 9})}});
}

// Two convolutions into one Add; the residual is used again afterwards.
TEST(ConvChain, ResidualThatLivesOn) {
  Philox random(3);
  Builder b;
  const auto x = b.Batch("x", {8, 7, 7});
  const auto left =
      b.Op("Conv", {x, b.Const(RandomTensor(random, {16, 8, 3, 3}))}, {Ints("pads", {1, 1, 1, 1})});
  const auto right = b.Op("Conv", {x, b.Const(RandomTensor(random, {16, 8, 1, 1}))});
  const auto sum = b.Op("Add", {left, right});
  const auto third = b.Op("Conv", {sum, b.Const(RandomTensor(random, {16, 16, 1, 1}, 0.2f))});
  const auto again = b.Op(
      "Clip", {b.Op("Add", {third, sum}), b.Const<float>({}, {-1.0f}), b.Const<float>({}, {2.5f})});
  b.Output(b.Op("Mul", {again, sum}));
  b.Output(sum);
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 8, 7, 7})}});
}

// Per-channel constants behind a convolution fold; per-pixel ones must not.
TEST(ConvChain, ConstantsFoldOnlyPerChannel) {
  Philox random(4);
  for (const ir::Shape& dims :
       std::vector<ir::Shape>{{6, 1, 1}, {1, 6, 1, 1}, {1}, {}, {5}, {6, 5, 5}}) {
    SCOPED_TRACE(ir::ShapeText(dims));
    Builder b;
    const auto x = b.Batch("x", {4, 5, 5});
    const auto conv = b.Op("Conv", {x, b.Const(RandomTensor(random, {6, 4, 1, 1}))});
    const auto mul = b.Op("Mul", {conv, b.Const(RandomTensor(random, dims))});
    b.Output(b.Op("Add", {b.Const(RandomTensor(random, dims)), mul}));
    ExpectAgrees(b, {{"x", RandomTensor(random, {2, 4, 5, 5})}});
  }
}

TEST(Gemm, EveryForm) {
  Philox random(5);
  for (int form = 0; form < 4; ++form) {
    for (const ir::Shape& c : std::vector<ir::Shape>{{}, {7}, {1, 7}, {5, 1}, {5, 7}}) {
      for (const bool constant_b : {true, false}) {
        SCOPED_TRACE(fmt::format("form {} c {} constant {}", form, ir::ShapeText(c), constant_b));
        const bool ta = (form & 1) != 0, tb = (form & 2) != 0;
        const ir::Shape ad = ta ? ir::Shape{9, 5} : ir::Shape{5, 9},
                        bd = tb ? ir::Shape{7, 9} : ir::Shape{9, 7};
        Builder b;
        Feeds feeds{{"a", RandomTensor(random, ad)}};
        const auto a = b.Input("a", ad);
        ir::ValueRef right;
        if (constant_b) {
          right = b.Const(RandomTensor(random, bd));
        } else {
          right = b.Input("b", bd);
          feeds["b"] = RandomTensor(random, bd);
        }
        const auto y = b.Op(
            "Gemm", {a, right, b.Const(RandomTensor(random, c))},
            {Int("transA", ta), Int("transB", tb), Float("alpha", 0.75f), Float("beta", -1.5f)});
        b.Output(b.Op("Relu", {y}));
        ExpectAgrees(b, feeds);
      }
    }
  }
}

TEST(Gemm, ThirdOperandThatRuns) {
  Philox random(6);
  Builder b;
  const auto a = b.Batch("a", {9});
  const auto c = b.Batch("c", {7});
  b.Output(b.Op("Relu", {b.Op("Gemm", {a, b.Const(RandomTensor(random, {9, 7})), c})}));
  ExpectAgrees(b, {{"a", RandomTensor(random, {4, 9})}, {"c", RandomTensor(random, {4, 7})}});
}

TEST(MatMul, RanksAndBroadcasting) {
  Philox random(7);
  const std::vector<std::pair<ir::Shape, ir::Shape>> shapes = {{{4, 5}, {5, 6}},
                                                               {{2, 3, 4, 5}, {5, 6}},
                                                               {{2, 3, 4, 5}, {3, 5, 6}},
                                                               {{2, 1, 4, 5}, {1, 3, 5, 6}},
                                                               {{5}, {5, 6}},
                                                               {{4, 5}, {5}},
                                                               {{4, 5}, {3, 5, 6}}};
  for (const auto& [ad, bd] : shapes) {
    for (const bool constant : {true, false}) {
      SCOPED_TRACE(
          fmt::format("{} x {} constant {}", ir::ShapeText(ad), ir::ShapeText(bd), constant));
      Builder b;
      Feeds feeds{{"a", RandomTensor(random, ad)}};
      const auto a = b.Input("a", ad);
      ir::ValueRef right = constant ? b.Const(RandomTensor(random, bd)) : b.Input("b", bd);
      if (!constant) feeds["b"] = RandomTensor(random, bd);
      const auto y = b.Op("MatMul", {a, right});
      b.Output(b.Op("Add", {y, b.Const(RandomTensor(random, {1}))}));
      ExpectAgrees(b, feeds);
    }
  }
}

}  // namespace
}  // namespace assize::engine
