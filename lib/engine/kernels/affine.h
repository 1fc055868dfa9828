// Scale and shift per channel, bounds, and bytes when they are wanted, in one pass. Tests:
// tests/engine/image_units_test.cc.
#pragma once

#include <cstdint>

#include "lib/engine/kernels/byte_grid.h"

namespace assize::engine::simd {

// clamp(x * scale[c] + shift[c], low, high) over `rows` of `channels`: as floats to `y`, or (y
// null) as bytes on `grid`. NaN stays NaN among floats.
void AffineRows(const float* x, const float* scale, const float* shift, float low, float high,
                float* y, uint8_t* bytes, const ByteGrid& grid, int64_t rows, int64_t channels);

}  // namespace assize::engine::simd
