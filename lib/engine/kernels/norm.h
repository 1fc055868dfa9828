// Normalization of rows, with what stands around it in transformers: a residual in front, 8 bits
// behind. Sums run in 16 lanes in a fixed order. Tests: tests/engine/vector_kernels_test.cc.
#pragma once

#include <cstdint>

#include "lib/engine/kernels/byte_grid.h"

namespace assize::engine::simd {

// y = (x - mean) / sqrt(var + epsilon) * gain + shift over each row of `width`; gain and shift
// [width], or null for 1 and 0. `x` may be `y`. With `plain_rms` the mean is not taken away. `y`
// or `bytes` may be null: the result is wanted as floats, on `grid`, or both.
void LayerNormRows(const float* x, const float* gain, const float* shift, float* y, uint8_t* bytes,
                   const ByteGrid& grid, int64_t rows, int64_t width, float epsilon,
                   bool plain_rms);
// The same with one gain and shift a row: [rows] each, rows of one channel or group.
void InstanceNormRows(const float* x, const float* gain, const float* shift, float* y, int64_t rows,
                      int64_t width, float epsilon);

}  // namespace assize::engine::simd
