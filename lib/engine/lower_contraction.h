// What a convolution or matrix product needs besides its unit. Tests: tests/engine/int8_test.cc,
// tests/engine/contraction_test.cc.
#pragma once

#include <vector>

#include "lib/engine/lower.h"

namespace assize::engine {

struct Lowering::ContractionGeometry {
  Operand x;           // channels-last [N, C, *], or [..., K] for a matrix product
  ir::Tensor weights;  // [O, C/group, *K], or [O, K]; int8, or the floats of a float convolution
  int64_t group = 1;
  std::vector<int64_t> strides, dilations, pads_begin,
      pads_end;  // dilations as oneDNN counts them: 0 is dense
  ir::Shape y_dims;
  std::vector<double> scale = {}, shift = {};  // per output channel
};

}  // namespace assize::engine
