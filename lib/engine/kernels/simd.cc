// The loops, three times compiled. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/simd.h"

#include <atomic>

#include "lib/engine/kernels/variants.h"

namespace assize::engine::simd {
namespace {

int Detect() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return 2;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
  return 0;
}

std::atomic<int> level{Detect()};

}  // namespace

#define AZ_BODY AZ_INLINE void

AZ_BODY DequantizeU8Body(const uint8_t* src, float* dst, int64_t count, float scale, int32_t zero) {
  for (int64_t i = 0; i < count; ++i)
    dst[i] = static_cast<float>(static_cast<int32_t>(src[i]) - zero) * scale;
}
AZ_VARIANTS(DequantizeU8,
            (const uint8_t* src, float* dst, int64_t count, float scale, int32_t zero),
            (src, dst, count, scale, zero))

AZ_BODY DequantizeS8Body(const int8_t* src, float* dst, int64_t count, float scale, int32_t zero) {
  for (int64_t i = 0; i < count; ++i)
    dst[i] = static_cast<float>(static_cast<int32_t>(src[i]) - zero) * scale;
}
AZ_VARIANTS(DequantizeS8, (const int8_t* src, float* dst, int64_t count, float scale, int32_t zero),
            (src, dst, count, scale, zero))

AZ_BODY QuantizeBody(const float* src, uint8_t* dst, int64_t count, float scale, float low,
                     float high, int32_t zero) {
  // Below 2^22, adding and taking away 1.5 * 2^23 rounds to a whole number, ties to even.
  const float magic = 12582912.0f;
  for (int64_t i = 0; i < count; ++i) {
    float v = src[i] / scale;
    v = v > low ? v : low;  // NaN too
    v = v < high ? v : high;
    const float whole = (v + magic) - magic;
    dst[i] = static_cast<uint8_t>(static_cast<int32_t>(whole) + zero);
  }
}
AZ_VARIANTS(Quantize,
            (const float* src, uint8_t* dst, int64_t count, float scale, float low, float high,
             int32_t zero),
            (src, dst, count, scale, low, high, zero))

AZ_BODY AddFloatsBody(const float* a, const float* b, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}
AZ_VARIANTS(AddFloats, (const float* a, const float* b, float* y, int64_t count), (a, b, y, count))

AZ_BODY SubFloatsBody(const float* a, const float* b, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] - b[i];
}
AZ_VARIANTS(SubFloats, (const float* a, const float* b, float* y, int64_t count), (a, b, y, count))

AZ_BODY MulFloatsBody(const float* a, const float* b, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] * b[i];
}
AZ_VARIANTS(MulFloats, (const float* a, const float* b, float* y, int64_t count), (a, b, y, count))

AZ_BODY DivFloatsBody(const float* a, const float* b, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] / b[i];
}
AZ_VARIANTS(DivFloats, (const float* a, const float* b, float* y, int64_t count), (a, b, y, count))

AZ_BODY ReluFloatsBody(const float* src, float* dst, int64_t count) {
  for (int64_t i = 0; i < count; ++i) dst[i] = src[i] < 0.0f ? 0.0f : src[i];
}
AZ_VARIANTS(ReluFloats, (const float* src, float* dst, int64_t count), (src, dst, count))

AZ_BODY ClipFloatsBody(const float* src, float* dst, int64_t count, float low, float high) {
  for (int64_t i = 0; i < count; ++i) {
    const float v = src[i] < low ? low : src[i];
    dst[i] = v > high ? high : v;
  }
}
AZ_VARIANTS(ClipFloats, (const float* src, float* dst, int64_t count, float low, float high),
            (src, dst, count, low, high))

AZ_BODY LeakyReluFloatsBody(const float* src, float* dst, int64_t count, float slope) {
  for (int64_t i = 0; i < count; ++i) {
    const float below = src[i] * slope;
    dst[i] = src[i] < 0.0f ? below : src[i];
  }
}
AZ_VARIANTS(LeakyReluFloats, (const float* src, float* dst, int64_t count, float slope),
            (src, dst, count, slope))

AZ_BODY ThresholdFloatsBody(const float* src, float* dst, int64_t count, float alpha) {
  for (int64_t i = 0; i < count; ++i) dst[i] = src[i] > alpha ? src[i] : 0.0f;
}
AZ_VARIANTS(ThresholdFloats, (const float* src, float* dst, int64_t count, float alpha),
            (src, dst, count, alpha))

AZ_BODY ShrinkFloatsBody(const float* src, float* dst, int64_t count, float bias, float lambd) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = src[i], up = x + bias, down = x - bias;
    const float above = x > lambd ? down : 0.0f;
    dst[i] = x < -lambd ? up : above;
  }
}
AZ_VARIANTS(ShrinkFloats, (const float* src, float* dst, int64_t count, float bias, float lambd),
            (src, dst, count, bias, lambd))

#define AZ_UNARY(Name, Expression)                                  \
  AZ_BODY Name##Body(const float* src, float* dst, int64_t count) { \
    for (int64_t i = 0; i < count; ++i) {                           \
      const float x = src[i];                                       \
      dst[i] = static_cast<float>(Expression);                      \
    }                                                               \
  }                                                                 \
  AZ_VARIANTS(Name, (const float* src, float* dst, int64_t count), (src, dst, count))

AZ_UNARY(SoftsignFloats, x / (1.0 + __builtin_fabs(static_cast<double>(x))))
AZ_UNARY(SignFloats, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x == x ? 0.0f : x)
AZ_UNARY(SqrtFloats, __builtin_sqrtf(x))
AZ_UNARY(AbsFloats, __builtin_fabsf(x))
AZ_UNARY(NegFloats, -x)
AZ_UNARY(ReciprocalFloats, 1.0f / x)
AZ_UNARY(FloorFloats, __builtin_floorf(x))
AZ_UNARY(CeilFloats, __builtin_ceilf(x))
AZ_UNARY(RoundFloats, __builtin_rintf(x))

AZ_BODY ScaleShiftBody(const float* src, const float* k, const float* d, float* dst,
                       int64_t count) {
  for (int64_t i = 0; i < count; ++i) dst[i] = src[i] * k[i] + d[i];
}
AZ_VARIANTS(ScaleShift,
            (const float* src, const float* k, const float* d, float* dst, int64_t count),
            (src, k, d, dst, count))

AZ_BODY ScaleShiftIntsBody(const int32_t* src, const float* k, const float* d, float* dst,
                           int64_t count) {
  for (int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i]) * k[i] + d[i];
}
AZ_VARIANTS(ScaleShiftInts,
            (const int32_t* src, const float* k, const float* d, float* dst, int64_t count),
            (src, k, d, dst, count))

AZ_BODY MultiplyAccumulateBody(int32_t value, const int16_t* weights, int32_t* sums,
                               int64_t count) {
  for (int64_t i = 0; i < count; ++i) sums[i] += value * weights[i];
}
AZ_VARIANTS(MultiplyAccumulate,
            (int32_t value, const int16_t* weights, int32_t* sums, int64_t count),
            (value, weights, sums, count))

const char* Level() {
  const int now = level.load();
  return now == 2 ? "avx512" : now == 1 ? "avx2" : "baseline";
}

int CurrentLevel() { return level.load(std::memory_order_relaxed); }

bool HasVnni() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool has = __builtin_cpu_supports("avx512vnni");
  return has && CurrentLevel() == 2;
#else
  return false;
#endif
}

void LimitLevel(int limit) {
  const int most = Detect();
  level.store(limit < most ? limit : most);
}

}  // namespace assize::engine::simd
