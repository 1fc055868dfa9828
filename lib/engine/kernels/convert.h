// Casts between the element types that memory holds whole: floats, doubles, integers, bools; and
// between float and float16 or bfloat16. As the reference: to integers toward zero and saturating,
// NaN as 0; between integers the low bits; to 16-bit floats to nearest, ties to even.
// Tests: tests/engine/native_ops_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/ir/tensor.h"

namespace assize::engine {

bool CanConvert(ir::DType from, ir::DType to);
void ConvertElements(ir::DType from, const std::byte* src, ir::DType to, std::byte* dst,
                     int64_t count);

}  // namespace assize::engine
