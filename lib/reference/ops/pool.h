// Average pooling in double, for the float op and the quantized one.
// Tests: tests/reference/layers_test.cc, tests/conformance/.
#pragma once

#include <vector>

#include "lib/reference/kernel.h"

namespace assize::reference {

struct Pooled {
  ir::Shape dims;  // [N, C, *O]
  std::vector<double> values;
};

// Averages of x [N, C, *S] over the node's windows, or over all of *S when `global`.
StatusOr<Pooled> Averages(const OpContext& ctx, const ir::Tensor& x, bool global);

}  // namespace assize::reference
