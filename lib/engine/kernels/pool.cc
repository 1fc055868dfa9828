// Pooling kernels. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lib/engine/kernels/simd.h"

namespace assize::engine {
namespace {

// Calls visit(input position) for the elements of output `o`'s window; returns the divisor of an
// average.
template <typename F>
int64_t VisitWindow(const PoolPlan& p, const std::array<int64_t, 3>& o, F visit) {
  int64_t seen = 0, covered = 0;
  std::array<int64_t, 3> start;
  for (size_t i = 0; i < 3; ++i) start[i] = o[i] * p.stride[i] - p.pad_begin[i];
  for (int64_t a = 0; a < p.kernel[0]; ++a) {
    const int64_t d = start[0] + a * p.dilation[0];
    for (int64_t b = 0; b < p.kernel[1]; ++b) {
      const int64_t h = start[1] + b * p.dilation[1];
      for (int64_t c = 0; c < p.kernel[2]; ++c) {
        const int64_t w = start[2] + c * p.dilation[2];
        // ceil_mode's last window may hang over the padded end: what lies beyond does not count as
        // padding.
        if (d < p.in[0] + p.pad_end[0] && h < p.in[1] + p.pad_end[1] && w < p.in[2] + p.pad_end[2])
          ++covered;
        if (d < 0 || d >= p.in[0] || h < 0 || h >= p.in[1] || w < 0 || w >= p.in[2]) continue;
        ++seen;
        visit((d * p.in[1] + h) * p.in[2] + w);
      }
    }
  }
  return p.count_include_pad ? covered : seen;
}

template <typename F>
void ForEachOutput(const PoolPlan& p, F body) {
  int64_t index = 0;
  for (int64_t d = 0; d < p.out[0]; ++d) {
    for (int64_t h = 0; h < p.out[1]; ++h) {
      for (int64_t w = 0; w < p.out[2]; ++w) body(index++, std::array<int64_t, 3>{d, h, w});
    }
  }
}

template <typename T>
void MaxPool(const PoolPlan& p, const T* src, T* dst, T lowest,
             void (*max_into)(const T*, T*, int64_t)) {
  ForEachOutput(p, [&](int64_t index, const std::array<int64_t, 3>& o) {
    T* y = dst + index * p.channels;
    std::fill(y, y + p.channels, lowest);
    VisitWindow(p, o, [&](int64_t at) { max_into(src + at * p.channels, y, p.channels); });
  });
}

}  // namespace

void MaxPoolFloat(const PoolPlan& plan, const float* src, float* dst) {
  MaxPool<float>(plan, src, dst, -std::numeric_limits<float>::infinity(), simd::MaxInto);
}
void MaxPoolU8(const PoolPlan& plan, const uint8_t* src, uint8_t* dst) {
  MaxPool<uint8_t>(plan, src, dst, 0, simd::MaxIntoU8);
}
void MaxPoolS8(const PoolPlan& plan, const int8_t* src, int8_t* dst) {
  MaxPool<int8_t>(plan, src, dst, -128, simd::MaxIntoS8);
}

void AveragePoolFloat(const PoolPlan& p, const float* src, float* dst) {
  std::vector<double> sums(static_cast<size_t>(p.channels));
  ForEachOutput(p, [&](int64_t index, const std::array<int64_t, 3>& o) {
    std::fill(sums.begin(), sums.end(), 0.0);
    const int64_t divisor = VisitWindow(p, o, [&](int64_t at) {
      simd::AccumulateDouble(src + at * p.channels, sums.data(), p.channels);
    });
    float* y = dst + index * p.channels;
    for (int64_t c = 0; c < p.channels; ++c) {
      y[c] = static_cast<float>(sums[static_cast<size_t>(c)] / static_cast<double>(divisor));
    }
  });
}

void SumPoolInt8(const PoolPlan& p, const uint8_t* src, bool is_signed, int32_t zero_point,
                 int32_t* sums, int32_t* divisors) {
  ForEachOutput(p, [&](int64_t index, const std::array<int64_t, 3>& o) {
    int32_t* y = sums + index * p.channels;
    std::fill(y, y + p.channels, 0);
    divisors[index] = static_cast<int32_t>(VisitWindow(p, o, [&](int64_t at) {
      const uint8_t* x = src + at * p.channels;
      if (is_signed) {
        simd::AccumulateS8(reinterpret_cast<const int8_t*>(x), y, p.channels, zero_point);
      } else {
        simd::AccumulateU8(x, y, p.channels, zero_point);
      }
    }));
  });
}

}  // namespace assize::engine
