// Pooling over channels-last arrays [spatial..., channels] of up to three spatial dims.
// Tests: tests/engine/kernels_test.cc.
#pragma once

#include <array>
#include <cstdint>

#include "lib/engine/kernels/byte_grid.h"

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
// The mean of the dequantized elements, quantized to `grid`: scale / divisor * sum(q - zero_point)
// in double, rounded to float, then to the grid.
struct ByteAverage {
  bool is_signed = false;
  int32_t zero_point = 0;
  float scale = 1;
  simd::ByteGrid grid;
};
void AveragePoolBytes(const PoolPlan& plan, const ByteAverage& average, const uint8_t* src,
                      uint8_t* dst);

}  // namespace assize::engine
