// Integer weights and biases: within half a step, never a zero scale, never more than 32 bits.
#include <gtest/gtest.h>

#include <cmath>

#include "lib/support/random.h"
#include "passes/quantize/weights.h"

namespace assize::passes::quantize {
namespace {

std::vector<double> NormalValues(size_t count, uint64_t seed) {
  Philox random(seed);
  std::vector<double> values(count);
  for (double& v : values) v = random.NextNormal();
  return values;
}

TEST(QuantizeWeight, EveryChannelUsesItsOwnScale) {
  // [2, 3, 2]: along axis 1 the channels differ by factors of 100.
  std::vector<double> w = NormalValues(12, 3);
  for (size_t i = 0; i < w.size(); ++i) w[i] *= std::pow(100.0, static_cast<double>(i / 2 % 3));
  const QuantizedWeight result = QuantizeWeight(w, {2, 3, 2}, 1, 0.1, {}, 4);
  ASSERT_EQ(result.scale.dims(), ir::Shape{3});
  const auto scale = result.scale.data<float>();
  const auto q = result.q.data<int8_t>();
  std::vector<int> top(3, 0);
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t c = i / 2 % 3;
    EXPECT_NEAR(static_cast<double>(scale[c]) * q[i], w[i], 0.5001 * static_cast<double>(scale[c]))
        << i;
    top[c] = std::max(top[c], std::abs(static_cast<int>(q[i])));
  }
  EXPECT_EQ(top, (std::vector<int>{127, 127, 127}));
  const QuantizedWeight one = QuantizeWeight(w, {2, 3, 2}, std::nullopt, 0.1, {}, 4);
  EXPECT_EQ(one.scale.rank(), 0);
  EXPECT_FLOAT_EQ(one.scale.data<float>()[0], scale[2]);
}

TEST(QuantizeWeight, AChannelOfZerosHasAScale) {
  const std::vector<double> w = {0, 0, 1, -2}, b = {3, 4};
  const QuantizedWeight result = QuantizeWeight(w, {2, 2}, 0, 0.5, b, 2);
  EXPECT_GT(result.scale.data<float>()[0], 0);
  const QuantizedBias bias = QuantizeBias(b, 0.5f, result);
  for (size_t o = 0; o < 2; ++o) {
    EXPECT_NEAR(static_cast<double>(bias.scale.data<float>()[o]) * bias.q.data<int32_t>()[o], b[o],
                1e-2)
        << o;
  }
  const QuantizedWeight all = QuantizeWeight(std::vector<double>(4, 0), {2, 2}, 0, 0.5, {}, 2);
  EXPECT_GT(all.scale.data<float>()[0], 0);
}

TEST(QuantizeWeight, WidensTheScaleOfAChannelWhoseBiasWouldOverflow) {
  const std::vector<double> w = {1e-6, 1e-6, 1, 1}, b = {5e4, 1};
  const QuantizedWeight result = QuantizeWeight(w, {2, 2}, 0, 1e-4, b, 2);
  EXPECT_EQ(result.widened, 1);
  EXPECT_FLOAT_EQ(result.scale.data<float>()[1], 1.0f / 127);  // the other channel keeps its own
  const QuantizedBias bias = QuantizeBias(b, 1e-4f, result);
  const int64_t q = bias.q.data<int32_t>()[0];
  EXPECT_LT(q + 2 * 255 * 127, int64_t{1} << 31);  // with the products beside it
  EXPECT_GT(q, int64_t{1} << 29);
  EXPECT_NEAR(static_cast<double>(bias.scale.data<float>()[0]) * static_cast<double>(q), 5e4, 1);
}

TEST(QuantizeBias, GroupsOfATransposedConvolutionShareScales) {
  const std::vector<double> w = {1, 10, -1, 10},
                            b = {1, 2, 3, 4};  // [2, 2, 1]: 2 groups of 2 channels
  const QuantizedWeight weight = QuantizeWeight(w, {2, 2, 1}, 1, 0.1, b, 2);
  const QuantizedBias bias = QuantizeBias(b, 0.1f, weight);
  const auto scale = bias.scale.data<float>();
  ASSERT_EQ(scale.size(), 4u);
  EXPECT_EQ(scale[0], scale[2]);
  EXPECT_EQ(scale[1], scale[3]);
  EXPECT_NE(scale[0], scale[1]);
}

}  // namespace
}  // namespace assize::passes::quantize
