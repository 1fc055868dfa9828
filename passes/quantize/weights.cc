// Integer weights and biases. Tests: tests/passes/quantize_weights_test.cc.
#include "passes/quantize/weights.h"

#include <algorithm>
#include <cmath>

#include "passes/quantize/ranges.h"

namespace assize::passes::quantize {

namespace {

constexpr double kMaxInt32 = 2147483647;
// A channel's scale is at least this part of the largest channel's: below, its outputs vanish
// beside the others', and the step of its bias would be needlessly fine.
constexpr double kDeadChannel = 1e-6;

}  // namespace

QuantizedWeight QuantizeWeight(std::span<const double> weight, const ir::Shape& dims,
                               std::optional<int64_t> axis, double x_scale,
                               std::span<const double> bias, int64_t terms) {
  const size_t channels = axis ? static_cast<size_t>(dims[static_cast<size_t>(*axis)]) : 1;
  size_t inner = 1;
  if (axis) {
    for (size_t i = static_cast<size_t>(*axis) + 1; i < dims.size(); ++i)
      inner *= static_cast<size_t>(dims[i]);
  }
  const auto channel_of = [&](size_t i) { return axis ? i / inner % channels : 0; };

  std::vector<double> largest(channels, 0);
  for (size_t i = 0; i < weight.size(); ++i) {
    double& m = largest[channel_of(i)];
    m = std::max(m, std::fabs(weight[i]));
  }
  const double overall = *std::max_element(largest.begin(), largest.end());
  const double floor = std::max(overall * kDeadChannel / 127, kMinScale);
  // What is left of 32 bits beside the products: 255 * 127 each.
  const double products = static_cast<double>(terms) * 255 * 127;
  const double room = products < kMaxInt32 / 2 ? kMaxInt32 - products : kMaxInt32 / 2;

  QuantizedWeight result;
  std::vector<float> scale(channels);
  for (size_t c = 0; c < channels; ++c) {
    double s = overall == 0 ? 1.0 / 127 : std::max(largest[c] / 127, floor);
    double needed = 0;
    for (size_t o = c; o < bias.size(); o += channels)
      needed = std::max(needed, std::fabs(bias[o]) / (x_scale * room));
    if (needed > s) {
      s = needed * (1 + 1e-6);
      ++result.widened;
    }
    scale[c] = static_cast<float>(s);
  }
  std::vector<int8_t> q(weight.size());
  for (size_t i = 0; i < weight.size(); ++i) {
    const double level = std::nearbyint(weight[i] / static_cast<double>(scale[channel_of(i)]));
    q[i] = static_cast<int8_t>(std::clamp(level, -127.0, 127.0));
  }
  const ir::Shape shape = axis ? ir::Shape{static_cast<int64_t>(channels)} : ir::Shape{};
  result.q = ir::Tensor::Of<int8_t>(dims, q);
  result.scale = ir::Tensor::Of<float>(shape, scale);
  result.zero_point = ir::Tensor::Of<int8_t>(shape, std::vector<int8_t>(channels, 0));
  return result;
}

QuantizedBias QuantizeBias(std::span<const double> bias, float x_scale,
                           const QuantizedWeight& weight) {
  const auto scales = weight.scale.data<float>();
  std::vector<int32_t> q(bias.size());
  std::vector<float> steps(bias.size());
  for (size_t o = 0; o < bias.size(); ++o) {
    steps[o] = x_scale * scales[o % scales.size()];
    const double level = std::nearbyint(bias[o] / static_cast<double>(steps[o]));
    q[o] = static_cast<int32_t>(std::clamp(level, -kMaxInt32, kMaxInt32));
  }
  const int64_t outputs = static_cast<int64_t>(bias.size());
  QuantizedBias result;
  result.q = ir::Tensor::Of<int32_t>({outputs}, q);
  result.scale = weight.scale.rank() == 0
                     ? ir::Tensor::Scalar<float>(steps.empty() ? x_scale : steps[0])
                     : ir::Tensor::Of<float>({outputs}, steps);
  return result;
}

}  // namespace assize::passes::quantize
