// The largest or smallest elements of rows, in order. Tests: tests/engine/native_ops_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/ir/tensor.h"

namespace assize::engine {

// Of arrays [outer, extent, inner], along the middle; results [outer, k, inner].
struct TopKPlan {
  int64_t extent = 1, inner = 1, k = 1;
  bool largest = true;
};

// Floats, and integers of 32 and 64 bits.
bool CanTopK(ir::DType dtype);
// Rows [begin, end), counted over outer and inner; `values` or `indices` may be null. Of equal
// elements the first comes first; NaN is larger than every number.
void TopKRows(const TopKPlan& plan, ir::DType dtype, const std::byte* x, std::byte* values,
              int64_t* indices, int64_t begin, int64_t end);

}  // namespace assize::engine
