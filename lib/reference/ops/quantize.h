// Scale and zero point of a whole tensor, and what ops on quantized tensors do with them.
// Tests: tests/reference/numbers_test.cc, tests/conformance/.
#pragma once

#include <span>
#include <vector>

#include "lib/reference/kernel.h"

namespace assize::reference {

// x' = (q - zero) * scale.
struct Affine {
  double scale = 1, zero = 0;
  // From one-element inputs `scale` and `zero`; an absent zero point is 0.
  static StatusOr<Affine> Of(const OpContext& ctx, size_t scale, size_t zero);
};

std::vector<double> Dequantized(const ir::Tensor& q, const Affine& a);
// saturate(round_half_even(value / scale) + zero); NaN becomes the zero point.
ir::Tensor Quantized(ir::DType dtype, const ir::Shape& dims, std::vector<double> values,
                     const Affine& a);

// The range of x with zero in it over 0..255, in the float32 steps of ONNX's DynamicQuantizeLinear.
Affine DynamicUint8(std::span<const float> x);
// x in 0..255 under such a range.
double DynamicQuantized(float x, const Affine& a);

}  // namespace assize::reference
