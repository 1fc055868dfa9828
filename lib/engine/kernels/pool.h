// Pooling over channels-last arrays [spatial..., channels] of up to three spatial dims.
// Tests: tests/engine/kernels_test.cc.
#pragma once

#include <array>
#include <cstdint>

namespace assize::engine {

// Missing leading dims are 1 (kernel, stride, dilation 1, pad 0).
struct PoolPlan {
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1},
      dilation{1, 1, 1}, pad_begin{0, 0, 0}, pad_end{0, 0, 0};
  int64_t channels = 1;
  bool count_include_pad = false;
};

// One sample. Windows that see no element give the lowest value (max) or NaN (average), as the
// definition does.
void MaxPoolFloat(const PoolPlan& plan, const float* src, float* dst);
void MaxPoolU8(const PoolPlan& plan, const uint8_t* src, uint8_t* dst);
void MaxPoolS8(const PoolPlan& plan, const int8_t* src, int8_t* dst);
// Sums in double, one rounding at the end.
void AveragePoolFloat(const PoolPlan& plan, const float* src, float* dst);
// Sums of (q - zero_point) over each window and the divisor that belongs to it: out[i * channels +
// c], divisor[i].
void SumPoolInt8(const PoolPlan& plan, const uint8_t* src, bool is_signed, int32_t zero_point,
                 int32_t* sums, int32_t* divisors);

}  // namespace assize::engine
