// The convolution loop and its shapes, for the kernels that convolve.
// Tests: tests/reference/layers_test.cc.
#pragma once

#include <vector>

#include "lib/reference/kernel.h"
#include "lib/reference/ops/window.h"

namespace assize::reference {

struct ConvShapes {
  int64_t batch = 0, in_channels = 0, out_channels = 0, groups = 1;
  Window window;       // of a transposed convolution: input and output swapped
  ir::Shape out_dims;  // [N, M, *O]

  static StatusOr<ConvShapes> Of(const OpContext& ctx, const ir::Tensor& x, const ir::Tensor& w,
                                 bool transposed);
};

// y [N, M, *O] without bias, of x [N, C, *S] and w [M, C/groups, *K]; T is double or int64_t.
template <typename T>
std::vector<T> Convolve(const ConvShapes& s, const std::vector<T>& x, const std::vector<T>& w);

}  // namespace assize::reference
