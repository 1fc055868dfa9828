// Where 8-bit results lie: q = saturate(round(x / scale) + zero), as kernels take it.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

struct ByteGrid {
  float scale = 1, low = 0, high = 255;  // bounds of round(x / scale), the zero point taken away
  int32_t zero = 0;
};

}  // namespace assize::engine::simd
