// Tests: tests/engine/vector_kernels_test.cc.
#include "lib/engine/kernels/transcendental.h"

#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::simd {

#define AZ_MAP(Name, Expression)                                           \
  AZ_INLINE void Name##Body(const float* src, float* dst, int64_t count) { \
    int64_t i = 0;                                                         \
    for (; i + 16 <= count; i += 16) {                                     \
      const vec::F16 x = vec::Load(src + i);                               \
      vec::Store(dst + i, Expression);                                     \
    }                                                                      \
    if (i < count) {                                                       \
      const vec::F16 x = vec::LoadPart(src + i, count - i, 0.0f);          \
      vec::StorePart(dst + i, Expression, count - i);                      \
    }                                                                      \
  }                                                                        \
  AZ_VARIANTS(Name, (const float* src, float* dst, int64_t count), (src, dst, count))

AZ_MAP(ExpFloats, vec::Exp(x))
AZ_MAP(ErfFloats, vec::Erf(x))
AZ_MAP(TanhFloats, vec::Tanh(x))
AZ_MAP(SigmoidFloats, vec::Sigmoid(x))
AZ_MAP(GeluFloats, vec::Gelu(x))
AZ_MAP(GeluTanhFloats, vec::GeluTanh(x))
AZ_MAP(LogFloats, vec::Log(x))
AZ_MAP(SoftplusFloats, vec::Softplus(x))
AZ_MAP(MishFloats, vec::Mish(x))

AZ_INLINE vec::F16 HardSigmoidOf(vec::F16 x, float alpha, float beta) {
  return vec::Min(vec::Max(x * alpha + beta, vec::Splat(0.0f)), vec::Splat(1.0f));
}
AZ_MAP(HardSwishFloats, x* HardSigmoidOf(x, 1.0f / 6.0f, 0.5f))
AZ_INLINE void HardSigmoidFloatsBody(const float* src, float* dst, int64_t count, float alpha,
                                     float beta) {
  for (int64_t i = 0; i < count; i += 16) {
    const vec::F16 x = vec::LoadUpTo(src + i, count - i, 0.0f);
    vec::StoreUpTo(dst + i, HardSigmoidOf(x, alpha, beta), count - i);
  }
}
AZ_VARIANTS(HardSigmoidFloats,
            (const float* src, float* dst, int64_t count, float alpha, float beta),
            (src, dst, count, alpha, beta))

AZ_INLINE vec::F16 EluOf(vec::F16 x, float alpha, float width, float gain) {
  const vec::F16 below = vec::ExpM1OfNegative(vec::Min(x, vec::Splat(0.0f)) / width) * alpha;
  return (x < 0.0f ? below : x) * gain;
}
AZ_INLINE void EluFloatsBody(const float* src, float* dst, int64_t count, float alpha, float width,
                             float gain) {
  for (int64_t i = 0; i < count; i += 16) {
    const vec::F16 x = vec::LoadUpTo(src + i, count - i, 0.0f);
    vec::StoreUpTo(dst + i, EluOf(x, alpha, width, gain), count - i);
  }
}
AZ_VARIANTS(EluFloats,
            (const float* src, float* dst, int64_t count, float alpha, float width, float gain),
            (src, dst, count, alpha, width, gain))

AZ_INLINE void SwishFloatsBody(const float* src, float* dst, int64_t count, float alpha) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const vec::F16 x = vec::Load(src + i);
    vec::Store(dst + i, x * vec::Sigmoid(x * alpha));
  }
  if (i < count) {
    const vec::F16 x = vec::LoadPart(src + i, count - i, 0.0f);
    vec::StorePart(dst + i, x * vec::Sigmoid(x * alpha), count - i);
  }
}
AZ_VARIANTS(SwishFloats, (const float* src, float* dst, int64_t count, float alpha),
            (src, dst, count, alpha))

AZ_INLINE void SoftmaxRowsBody(const float* src, float* dst, int64_t rows, int64_t width) {
  const float lowest = -__builtin_inff();
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = src + row * width;
    float* y = dst + row * width;
    const int64_t whole = width / 16 * 16, rest = width - whole;
    vec::F16 tops = vec::Splat(lowest);
    for (int64_t i = 0; i < whole; i += 16) tops = vec::Max(tops, vec::Load(x + i));
    if (rest > 0) tops = vec::Max(tops, vec::LoadPart(x + whole, rest, lowest));
    const float top = vec::MaxLanes(tops);
    vec::F16 sums = vec::Splat(0.0f);
    for (int64_t i = 0; i < whole; i += 16) {
      const vec::F16 e = vec::ExpOfNegative(vec::Load(x + i) - top);
      sums += e;
      vec::Store(y + i, e);
    }
    if (rest > 0) {
      const vec::F16 e = vec::ExpOfNegative(vec::LoadPart(x + whole, rest, top) - top);
      for (int64_t i = 0; i < rest; ++i) sums[i] += e[i];
      vec::StorePart(y + whole, e, rest);
    }
    const float scale = 1.0f / vec::SumLanes(sums);
    for (int64_t i = 0; i < whole; i += 16) vec::Store(y + i, vec::Load(y + i) * scale);
    for (int64_t i = whole; i < width; ++i) y[i] *= scale;
  }
}
AZ_VARIANTS(SoftmaxRows, (const float* src, float* dst, int64_t rows, int64_t width),
            (src, dst, rows, width))

AZ_INLINE void LogSoftmaxRowsBody(const float* src, float* dst, int64_t rows, int64_t width) {
  const float lowest = -__builtin_inff();
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = src + row * width;
    float* y = dst + row * width;
    vec::F16 tops = vec::Splat(lowest);
    for (int64_t i = 0; i < width; i += 16)
      tops = vec::Max(tops, vec::LoadUpTo(x + i, width - i, lowest));
    const float top = vec::MaxLanes(tops);
    vec::F16 sums = vec::Splat(0.0f);
    const int64_t whole = width / 16 * 16;
    for (int64_t i = 0; i < whole; i += 16) sums += vec::ExpOfNegative(vec::Load(x + i) - top);
    if (whole < width) {
      const vec::F16 e = vec::ExpOfNegative(vec::LoadPart(x + whole, width - whole, top) - top);
      for (int64_t i = 0; i < width - whole; ++i) sums[i] += e[i];
    }
    const vec::F16 log_sum = vec::Log(vec::Splat(vec::SumLanes(sums)));
    for (int64_t i = 0; i < width; i += 16) {
      const vec::F16 shifted = vec::LoadUpTo(x + i, width - i, top) - top;
      vec::StoreUpTo(y + i, shifted - log_sum, width - i);
    }
  }
}
AZ_VARIANTS(LogSoftmaxRows, (const float* src, float* dst, int64_t rows, int64_t width),
            (src, dst, rows, width))

}  // namespace assize::engine::simd
