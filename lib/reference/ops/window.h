// Sliding windows of convolutions and pools over the spatial dims: output sizes, padding, valid
// ranges. Tests: tests/reference/layers_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/reference/kernel.h"

namespace assize::reference {

struct Window {
  std::vector<int64_t> input;  // spatial sizes, one a dim
  std::vector<int64_t> output;
  std::vector<int64_t> kernel, strides, dilations, pads_begin, pads_end;

  size_t rank() const { return kernel.size(); }
  // First input position of output position o at dim d (negative inside padding).
  int64_t Start(size_t d, int64_t o) const { return o * strides[d] - pads_begin[d]; }
  // Outputs [first, second) at dim d whose tap k lies inside the input.
  std::pair<int64_t, int64_t> Inside(size_t d, int64_t k) const;
};

// Reads kernel_shape (or takes `kernel` when given: the weight's), strides, dilations, pads,
// auto_pad, ceil_mode. `input` is the spatial shape. Sizes are checked: all products and sums fit
// int64.
StatusOr<Window> WindowOf(const OpContext& ctx, const ir::Shape& input,
                          std::vector<int64_t> kernel);

// Same for a transposed convolution: `output` by output_padding, output_shape and auto_pad; Start
// and Inside then speak of the output's positions that input positions reach (input and output
// swapped).
StatusOr<Window> TransposedWindowOf(const OpContext& ctx, const ir::Shape& input,
                                    std::vector<int64_t> kernel);

// Spatial part of a shape [N, C, *S], or InvalidArgument when the rank is below three.
StatusOr<ir::Shape> SpatialDims(const ir::Tensor& x);

}  // namespace assize::reference
