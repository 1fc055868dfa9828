// What ops on bytes whose scale and zero point are found at run time need beside the products: the
// range of an array, its bytes, and sums brought from zero points of 0 to others.
//
// Sums are 32-bit integers and wrap as unsigned ones do: whatever the order, they end on the same
// bits. All variants give the same results. Tests: tests/engine/dynamic_quantized_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

// Widens [range[0], range[1]] to hold x; NaNs are passed over.
void WidenRange(const float* x, int64_t count, float* range);
// round_half_even(x / scale) + zero in 0..255; NaN is `zero`. `scale` is not 0.
void QuantizeToGrid(const float* x, uint8_t* y, int64_t count, float scale, float zero);
// The sum of a row of bytes.
int32_t SumBytes(const uint8_t* x, bool is_signed, int64_t count);
// sums[c] -= zero * columns[c] + row * zeros[c]; null `zeros`: without the second.
void TakeZeros(int32_t* sums, const int32_t* columns, const int32_t* zeros, int32_t zero,
               int32_t row, int64_t count);
// y[c] = float(sums[c]) * scale + bias, each rounded: steps of 0 or 1 through `scale` and `bias`;
// null `bias`: none.
void ScaleSums(const int32_t* sums, float* y, const float* scale, int64_t scale_step,
               const float* bias, int64_t bias_step, int64_t count);
// y[i] = x[i] - zeros[i].
void CentreBytes(const uint8_t* x, bool is_signed, const int32_t* zeros, int16_t* y, int64_t count);

}  // namespace assize::engine::simd
