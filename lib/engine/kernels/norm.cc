// Tests: tests/engine/vector_kernels_test.cc.
#include "lib/engine/kernels/norm.h"

#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::simd {

struct Moments {
  float mean, inverse;
};

// Two passes over a row that lies in the first-level cache: a difference of large squares would
// lose what a variance small against the mean is made of.
AZ_INLINE Moments MomentsOf(const float* x, int64_t width, float epsilon, bool plain_rms) {
  const int64_t whole = width / 16 * 16, rest = width - whole;
  float mean = 0.0f;
  if (!plain_rms) {
    vec::F16 a = vec::Splat(0.0f), b = a;
    int64_t i = 0;
    for (; i + 32 <= whole; i += 32) a += vec::Load(x + i), b += vec::Load(x + i + 16);
    for (; i < whole; i += 16) a += vec::Load(x + i);
    if (rest > 0) b += vec::LoadPart(x + whole, rest, 0.0f);
    mean = vec::SumLanes(a + b) / static_cast<float>(width);
  }
  vec::F16 a = vec::Splat(0.0f), b = a;
  int64_t i = 0;
  for (; i + 32 <= whole; i += 32) {
    const vec::F16 d = vec::Load(x + i) - mean, e = vec::Load(x + i + 16) - mean;
    a += d * d, b += e * e;
  }
  for (; i < whole; i += 16) {
    const vec::F16 d = vec::Load(x + i) - mean;
    a += d * d;
  }
  if (rest > 0) {
    const vec::F16 d = vec::LoadPart(x + whole, rest, mean) - mean;
    b += d * d;
  }
  const float variance = vec::SumLanes(a + b) / static_cast<float>(width);
  return {mean, 1.0f / __builtin_sqrtf(variance + epsilon)};
}

AZ_INLINE void LayerNormRowsBody(const float* x, const float* gain, const float* shift, float* y,
                                 uint8_t* bytes, const ByteGrid& grid, int64_t rows, int64_t width,
                                 float epsilon, bool plain_rms) {
  const int64_t whole = width / 16 * 16, rest = width - whole;
  for (int64_t row = 0; row < rows; ++row) {
    const Moments m = MomentsOf(x, width, epsilon, plain_rms);
    for (int64_t i = 0; i < whole; i += 16) {
      vec::F16 v = (vec::Load(x + i) - m.mean) * m.inverse;
      if (gain != nullptr) v *= vec::Load(gain + i);
      if (shift != nullptr) v += vec::Load(shift + i);
      if (y != nullptr) vec::Store(y + i, v);
      if (bytes != nullptr) vec::StoreBytes(bytes + i, vec::ToBytes(v, grid));
    }
    if (rest > 0) {
      vec::F16 v = (vec::LoadPart(x + whole, rest, m.mean) - m.mean) * m.inverse;
      if (gain != nullptr) v *= vec::LoadPart(gain + whole, rest, 0.0f);
      if (shift != nullptr) v += vec::LoadPart(shift + whole, rest, 0.0f);
      if (y != nullptr) vec::StorePart(y + whole, v, rest);
      if (bytes != nullptr) vec::StoreBytesPart(bytes + whole, vec::ToBytes(v, grid), rest);
    }
    x += width;
    if (y != nullptr) y += width;
    if (bytes != nullptr) bytes += width;
  }
}
AZ_VARIANTS(LayerNormRows,
            (const float* x, const float* gain, const float* shift, float* y, uint8_t* bytes,
             const ByteGrid& grid, int64_t rows, int64_t width, float epsilon, bool plain_rms),
            (x, gain, shift, y, bytes, grid, rows, width, epsilon, plain_rms))

AZ_INLINE void InstanceNormRowsBody(const float* x, const float* gain, const float* shift, float* y,
                                    int64_t rows, int64_t width, float epsilon) {
  const int64_t whole = width / 16 * 16;
  for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const Moments m = MomentsOf(x, width, epsilon, false);
    const float k = gain[row], d = shift[row];
    for (int64_t i = 0; i < whole; i += 16)
      vec::Store(y + i, (vec::Load(x + i) - m.mean) * m.inverse * k + d);
    for (int64_t i = whole; i < width; ++i) y[i] = (x[i] - m.mean) * m.inverse * k + d;
  }
}
AZ_VARIANTS(InstanceNormRows,
            (const float* x, const float* gain, const float* shift, float* y, int64_t rows,
             int64_t width, float epsilon),
            (x, gain, shift, y, rows, width, epsilon))

}  // namespace assize::engine::simd
