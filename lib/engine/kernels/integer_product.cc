// Tests: tests/engine/dynamic_quantized_test.cc.
#include "lib/engine/kernels/integer_product.h"

#include "lib/engine/kernels/variants.h"

namespace assize::engine::simd {
namespace {

constexpr int64_t kLanes = 32;

AZ_INLINE uint32_t Wrapping(int32_t value) { return static_cast<uint32_t>(value); }

}  // namespace

AZ_INLINE void WidenRangeBody(const float* x, int64_t count, float* range) {
  float low[kLanes], high[kLanes];
  for (int64_t j = 0; j < kLanes; ++j) low[j] = range[0], high[j] = range[1];
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    // A comparison with NaN is false: what was found so far stays.
    for (int64_t j = 0; j < kLanes; ++j) low[j] = x[i + j] < low[j] ? x[i + j] : low[j];
    for (int64_t j = 0; j < kLanes; ++j) high[j] = x[i + j] > high[j] ? x[i + j] : high[j];
  }
  for (int64_t j = 0; i < count; ++i, ++j) {
    low[j] = x[i] < low[j] ? x[i] : low[j];
    high[j] = x[i] > high[j] ? x[i] : high[j];
  }
  for (int64_t j = 0; j < kLanes; ++j) {
    range[0] = low[j] < range[0] ? low[j] : range[0];
    range[1] = high[j] > range[1] ? high[j] : range[1];
  }
}
AZ_VARIANTS(WidenRange, (const float* x, int64_t count, float* range), (x, count, range))

AZ_INLINE void QuantizeToGridBody(const float* x, uint8_t* y, int64_t count, float scale,
                                  float zero) {
  // Below 2^22, adding and taking away 1.5 * 2^23 rounds to a whole number, ties to even.
  const float magic = 12582912.0f;
  for (int64_t i = 0; i < count; ++i) {
    float v = x[i] / scale;
    v = v == v ? v : 0.0f;
    v = v > -256.0f ? v : -256.0f;
    v = v < 256.0f ? v : 256.0f;
    float q = (v + magic) - magic + zero;
    q = q > 0.0f ? q : 0.0f;
    q = q < 255.0f ? q : 255.0f;
    y[i] = static_cast<uint8_t>(static_cast<int32_t>(q));
  }
}
AZ_VARIANTS(QuantizeToGrid, (const float* x, uint8_t* y, int64_t count, float scale, float zero),
            (x, y, count, scale, zero))

AZ_INLINE void SumBytesIntoBody(const uint8_t* x, bool is_signed, int64_t count, uint32_t* sum) {
  uint32_t total = 0;
  if (is_signed) {
    for (int64_t i = 0; i < count; ++i) total += Wrapping(static_cast<int8_t>(x[i]));
  } else {
    for (int64_t i = 0; i < count; ++i) total += x[i];
  }
  *sum = total;
}
AZ_VARIANTS(SumBytesInto, (const uint8_t* x, bool is_signed, int64_t count, uint32_t* sum),
            (x, is_signed, count, sum))

AZ_INLINE void TakeZerosBody(int32_t* sums, const int32_t* columns, const int32_t* zeros,
                             int32_t zero, int32_t row, int64_t count) {
  const uint32_t z = Wrapping(zero), r = Wrapping(row);
  if (zeros == nullptr) {
    for (int64_t c = 0; c < count; ++c)
      sums[c] = static_cast<int32_t>(Wrapping(sums[c]) - z * Wrapping(columns[c]));
    return;
  }
  for (int64_t c = 0; c < count; ++c) {
    sums[c] =
        static_cast<int32_t>(Wrapping(sums[c]) - z * Wrapping(columns[c]) - r * Wrapping(zeros[c]));
  }
}
AZ_VARIANTS(TakeZeros,
            (int32_t* sums, const int32_t* columns, const int32_t* zeros, int32_t zero, int32_t row,
             int64_t count),
            (sums, columns, zeros, zero, row, count))

AZ_INLINE void ScaleSumsBody(const int32_t* sums, float* y, const float* scale, int64_t scale_step,
                             const float* bias, int64_t bias_step, int64_t count) {
  if (scale_step == 0) {
    const float k = *scale;
    for (int64_t c = 0; c < count; ++c) y[c] = static_cast<float>(sums[c]) * k;
  } else {
    for (int64_t c = 0; c < count; ++c) y[c] = static_cast<float>(sums[c]) * scale[c];
  }
  if (bias == nullptr) return;
  if (bias_step == 0) {
    const float d = *bias;
    for (int64_t c = 0; c < count; ++c) y[c] += d;
  } else {
    for (int64_t c = 0; c < count; ++c) y[c] += bias[c];
  }
}
AZ_VARIANTS(ScaleSums,
            (const int32_t* sums, float* y, const float* scale, int64_t scale_step,
             const float* bias, int64_t bias_step, int64_t count),
            (sums, y, scale, scale_step, bias, bias_step, count))

AZ_INLINE void CentreBytesBody(const uint8_t* x, bool is_signed, const int32_t* zeros, int16_t* y,
                               int64_t count) {
  if (is_signed) {
    for (int64_t i = 0; i < count; ++i)
      y[i] = static_cast<int16_t>(static_cast<int8_t>(x[i]) - zeros[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<int16_t>(x[i] - zeros[i]);
  }
}
AZ_VARIANTS(CentreBytes,
            (const uint8_t* x, bool is_signed, const int32_t* zeros, int16_t* y, int64_t count),
            (x, is_signed, zeros, y, count))

int32_t SumBytes(const uint8_t* x, bool is_signed, int64_t count) {
  uint32_t sum = 0;
  SumBytesInto(x, is_signed, count, &sum);
  return static_cast<int32_t>(sum);
}

}  // namespace assize::engine::simd
