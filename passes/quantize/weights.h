// Weights as int8 and biases as int32, for sums that cannot overflow.
// Tests: tests/passes/quantize_weights_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/ir/tensor.h"

namespace assize::passes::quantize {

// w ~ scale[c] * q with q in [-127, 127]: symmetric, zero point 0.
struct QuantizedWeight {
  ir::Tensor q;           // int8, the weight's shape
  ir::Tensor scale;       // f32 [C] along `axis`, or [] for one scale
  ir::Tensor zero_point;  // int8 zeros of scale's shape
  int64_t widened = 0;    // channels whose scale was enlarged so that the bias fits 32 bits
};

struct QuantizedBias {
  ir::Tensor q;      // int32 [O]
  ir::Tensor scale;  // f32 [O], or [] for one scale: x_scale * weight scale
};

// A weight of `dims` in C order. `axis`: one scale for each index along it; unset: one for all.
// `bias` (may be empty) has one number per output channel; channel o uses scale o modulo their
// number. A channel of zeros gets a scale of its neighbours' size, so no scale is 0. Linear.
QuantizedWeight QuantizeWeight(std::span<const double> weight, const ir::Shape& dims,
                               std::optional<int64_t> axis, double x_scale,
                               std::span<const double> bias, int64_t terms);
QuantizedBias QuantizeBias(std::span<const double> bias, float x_scale,
                           const QuantizedWeight& weight);

}  // namespace assize::passes::quantize
