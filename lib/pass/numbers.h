// Constant tensors as doubles and back, for passes that compute with weights. Tests:
// tests/pass/rewrite_test.cc.
#pragma once

#include <optional>
#include <vector>

#include "lib/ir/tensor.h"

namespace assize::pass {

// float, double, float16 and bfloat16: what weights are computed in.
bool IsComputable(ir::DType dtype);

// `values` rounded once (to nearest, ties to even) to `dtype`, one of the computable ones. Nullopt
// when a finite value would become infinite, or a value is not finite.
std::optional<ir::Tensor> RoundTo(ir::DType dtype, const ir::Shape& dims,
                                  const std::vector<double>& values);

}  // namespace assize::pass
