// Pooling kernels. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/vector_math.h"
#include "lib/support/parallel.h"

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

typedef uint8_t U64 __attribute__((vector_size(64)));
typedef int8_t S64 __attribute__((vector_size(64)));

// Positions of a window that lie inside the input, along each dim: first, and how many.
struct Span {
  int64_t first = 0, count = 0;
};
AZ_INLINE Span Inside(int64_t out, int64_t stride, int64_t pad, int64_t kernel, int64_t dilation,
                      int64_t size) {
  const int64_t start = out * stride - pad;
  const int64_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
  const int64_t reach = size - start <= 0 ? 0 : (size - start + dilation - 1) / dilation;
  const int64_t last = kernel < reach ? kernel : reach;
  return {start + skipped * dilation, last > skipped ? last - skipped : 0};
}

// Rows [begin, end) of the output, counted over depth and height. A stretch of channels stays in
// registers while the window passes.
template <typename T, typename V>
AZ_INLINE void MaxPoolBody(const PoolPlan& p, const T* src, T* dst, T lowest, int64_t begin,
                           int64_t end) {
  typedef V Loose __attribute__((aligned(1), may_alias));
  constexpr int64_t kLanes = static_cast<int64_t>(sizeof(V) / sizeof(T));
  const auto load = [](const T* from) -> V { return *reinterpret_cast<const Loose*>(from); };
  const auto larger = [](V a, V b) -> V { return a > b ? a : b; };
  for (int64_t row = begin; row < end; ++row) {
    const int64_t od = row / p.out[1], oh = row % p.out[1];
    const Span d = Inside(od, p.stride[0], p.pad_begin[0], p.kernel[0], p.dilation[0], p.in[0]);
    const Span h = Inside(oh, p.stride[1], p.pad_begin[1], p.kernel[1], p.dilation[1], p.in[1]);
    for (int64_t ow = 0; ow < p.out[2]; ++ow) {
      const Span w = Inside(ow, p.stride[2], p.pad_begin[2], p.kernel[2], p.dilation[2], p.in[2]);
      T* y = dst + (row * p.out[2] + ow) * p.channels;
      const auto pixel = [&](int64_t i, int64_t j, int64_t k) {
        return src + (((d.first + i * p.dilation[0]) * p.in[1] + h.first + j * p.dilation[1]) *
                          p.in[2] +
                      w.first + k * p.dilation[2]) *
                         p.channels;
      };
      int64_t c = 0;
      for (; c + 4 * kLanes <= p.channels; c += 4 * kLanes) {
        V a = V{} + lowest, b = a, e = a, f = a;
        for (int64_t i = 0; i < d.count; ++i) {
          for (int64_t j = 0; j < h.count; ++j) {
            for (int64_t k = 0; k < w.count; ++k) {
              const T* x = pixel(i, j, k) + c;
              a = larger(load(x), a), b = larger(load(x + kLanes), b);
              e = larger(load(x + 2 * kLanes), e), f = larger(load(x + 3 * kLanes), f);
            }
          }
        }
        *reinterpret_cast<Loose*>(y + c) = a, *reinterpret_cast<Loose*>(y + c + kLanes) = b;
        *reinterpret_cast<Loose*>(y + c + 2 * kLanes) = e;
        *reinterpret_cast<Loose*>(y + c + 3 * kLanes) = f;
      }
      for (; c + kLanes <= p.channels; c += kLanes) {
        V a = V{} + lowest;
        for (int64_t i = 0; i < d.count; ++i) {
          for (int64_t j = 0; j < h.count; ++j) {
            for (int64_t k = 0; k < w.count; ++k) a = larger(load(pixel(i, j, k) + c), a);
          }
        }
        *reinterpret_cast<Loose*>(y + c) = a;
      }
      for (int64_t i = c; i < p.channels; ++i) y[i] = lowest;
      for (int64_t i = 0; i < d.count && c < p.channels; ++i) {
        for (int64_t j = 0; j < h.count; ++j) {
          for (int64_t k = 0; k < w.count; ++k) {
            const T* x = pixel(i, j, k);
            for (int64_t n = c; n < p.channels; ++n) y[n] = x[n] > y[n] ? x[n] : y[n];
          }
        }
      }
    }
  }
}

AZ_INLINE void MaxRowsFloatBody(const PoolPlan& p, const float* src, float* dst, int64_t begin,
                                int64_t end) {
  MaxPoolBody<float, vec::F16>(p, src, dst, -__builtin_inff(), begin, end);
}
AZ_INLINE void MaxRowsU8Body(const PoolPlan& p, const uint8_t* src, uint8_t* dst, int64_t begin,
                             int64_t end) {
  MaxPoolBody<uint8_t, U64>(p, src, dst, 0, begin, end);
}
AZ_INLINE void MaxRowsS8Body(const PoolPlan& p, const int8_t* src, int8_t* dst, int64_t begin,
                             int64_t end) {
  MaxPoolBody<int8_t, S64>(p, src, dst, -128, begin, end);
}
AZ_VARIANTS(MaxRowsFloat,
            (const PoolPlan& p, const float* src, float* dst, int64_t begin, int64_t end),
            (p, src, dst, begin, end))
AZ_VARIANTS(MaxRowsU8,
            (const PoolPlan& p, const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end),
            (p, src, dst, begin, end))
AZ_VARIANTS(MaxRowsS8,
            (const PoolPlan& p, const int8_t* src, int8_t* dst, int64_t begin, int64_t end),
            (p, src, dst, begin, end))

// Output rows that are worth a thread of their own.
int64_t RowGrain(const PoolPlan& p) {
  const int64_t taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  return std::max<int64_t>(1, (int64_t{1} << 19) / std::max<int64_t>(1, p.out[2] * p.channels * taps));
}

}  // namespace

void MaxPoolFloat(const PoolPlan& plan, const float* src, float* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan), [&](int64_t begin, int64_t end) {
    MaxRowsFloat(plan, src, dst, begin, end);
  });
}
void MaxPoolU8(const PoolPlan& plan, const uint8_t* src, uint8_t* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan) * 4, [&](int64_t begin, int64_t end) {
    MaxRowsU8(plan, src, dst, begin, end);
  });
}
void MaxPoolS8(const PoolPlan& plan, const int8_t* src, int8_t* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan) * 4, [&](int64_t begin, int64_t end) {
    MaxRowsS8(plan, src, dst, begin, end);
  });
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
