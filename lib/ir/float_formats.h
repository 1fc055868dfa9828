// Conversion of elements of the small float formats to and from float, one element at a time.
//
// Rounding is to nearest, ties to even. Overflow follows ONNX's Cast: `saturate` clamps to the
// largest finite value, otherwise infinity (or NaN where the format has none). Tests:
// tests/ir/float_formats_test.cc.
#pragma once

#include <cstdint>

#include "lib/ir/dtype.h"

namespace assize::ir {

float HalfToFloat(uint16_t bits);
uint16_t FloatToHalf(float value);
float Bfloat16ToFloat(uint16_t bits);
uint16_t FloatToBfloat16(float value);

// Float8 (all five), float6 (both), float4: `bits` in the low bits of the byte.
float SmallFloatToFloat(DType dtype, uint8_t bits);
uint8_t FloatToSmallFloat(DType dtype, float value, bool saturate = true);

}  // namespace assize::ir
