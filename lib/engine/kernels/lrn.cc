// Tests: tests/engine/native_ops_test.cc.
#include "lib/engine/kernels/lrn.h"

#include <cmath>

#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::simd {

AZ_INLINE vec::F16 Root(vec::F16 v) {
  for (int i = 0; i < 16; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}

// The denominators of one row, before the power, for beta 3/4: nearly every model's.
AZ_INLINE void LrnRowsOfThreeQuartersBody(const float* x, float* y, int64_t rows, int64_t channels,
                                          int64_t size, float factor, float bias, float* scratch) {
  const int64_t before = (size - 1) / 2, whole = (channels + 15) / 16 * 16;
  for (int64_t i = 0; i < whole + size + 16; ++i) scratch[i] = 0.0f;
  float* squares = scratch + before;
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
    int64_t c = 0;
    for (; c + 16 <= channels; c += 16) {
      const vec::F16 v = vec::Load(x + c);
      vec::Store(squares + c, v * v);
    }
    for (; c < channels; ++c) squares[c] = x[c] * x[c];
    for (c = 0; c < channels; c += 16) {
      vec::F16 sum = vec::Load(scratch + c);
      for (int64_t k = 1; k < size; ++k) sum += vec::Load(scratch + c + k);
      const vec::F16 root = Root(sum * factor + bias);
      const vec::F16 scale = root * Root(root);  // ^(3/4)
      if (c + 16 <= channels) {
        vec::Store(y + c, vec::Load(x + c) / scale);
      } else {
        vec::StorePart(y + c, vec::LoadPart(x + c, channels - c, 0.0f) / scale, channels - c);
      }
    }
  }
}
AZ_VARIANTS(LrnRowsOfThreeQuarters,
            (const float* x, float* y, int64_t rows, int64_t channels, int64_t size, float factor,
             float bias, float* scratch),
            (x, y, rows, channels, size, factor, bias, scratch))

void LrnRows(const float* x, float* y, int64_t rows, int64_t channels, int64_t size, float alpha,
             float beta, float bias, float* scratch) {
  if (beta == 0.75f) {
    return LrnRowsOfThreeQuarters(x, y, rows, channels, size, alpha / static_cast<float>(size),
                                  bias, scratch);
  }
  const int64_t before = (size - 1) / 2, after = size - 1 - before;
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t k = c > before ? c - before : 0; k < channels && k <= c + after; ++k)
        sum += static_cast<double>(x[k]) * x[k];
      y[c] = static_cast<float>(
          x[c] / std::pow(bias + static_cast<double>(alpha) / static_cast<double>(size) * sum,
                          static_cast<double>(beta)));
    }
  }
}

}  // namespace assize::engine::simd
