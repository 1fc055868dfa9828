// Tests: tests/engine/image_units_test.cc.
#include "lib/engine/kernels/affine.h"

#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::simd {

AZ_INLINE vec::F16 AffineOf(vec::F16 x, vec::F16 scale, vec::F16 shift, float low, float high) {
  return vec::Min(vec::Max(x * scale + shift, vec::Splat(low)), vec::Splat(high));
}

AZ_INLINE void AffineRowsBody(const float* x, const float* scale, const float* shift, float low,
                              float high, float* y, uint8_t* bytes, const ByteGrid& grid,
                              int64_t rows, int64_t channels) {
  const int64_t whole = channels / 16 * 16, rest = channels - whole;
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < whole; c += 16) {
      const vec::F16 v =
          AffineOf(vec::Load(x + c), vec::Load(scale + c), vec::Load(shift + c), low, high);
      if (y != nullptr) {
        vec::Store(y + c, v);
      } else {
        vec::StoreBytes(bytes + c, vec::ToBytes(v, grid));
      }
    }
    if (rest > 0) {
      const vec::F16 v =
          AffineOf(vec::LoadPart(x + whole, rest, 0.0f), vec::LoadPart(scale + whole, rest, 0.0f),
                   vec::LoadPart(shift + whole, rest, 0.0f), low, high);
      if (y != nullptr) {
        vec::StorePart(y + whole, v, rest);
      } else {
        vec::StoreBytesPart(bytes + whole, vec::ToBytes(v, grid), rest);
      }
    }
    if (y != nullptr) y += channels;
    if (bytes != nullptr) bytes += channels;
  }
}
AZ_VARIANTS(AffineRows,
            (const float* x, const float* scale, const float* shift, float low, float high,
             float* y, uint8_t* bytes, const ByteGrid& grid, int64_t rows, int64_t channels),
            (x, scale, shift, low, high, y, bytes, grid, rows, channels))

}  // namespace assize::engine::simd
