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

typedef uint8_t U64 __attribute__((vector_size(64)));
typedef int8_t S64 __attribute__((vector_size(64)));
typedef float F4 __attribute__((vector_size(16)));
typedef uint8_t U8 __attribute__((vector_size(8)));
typedef int8_t S8 __attribute__((vector_size(8)));

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

struct Window {
  Span d, h, w;
  int64_t count() const { return d.count * h.count * w.count; }
};

// Of an output row, counted over depth and height; its place along the row is still open.
AZ_INLINE Window WindowOfRow(const PoolPlan& p, int64_t row) {
  Window window;
  window.d =
      Inside(row / p.out[1], p.stride[0], p.pad_begin[0], p.kernel[0], p.dilation[0], p.in[0]);
  window.h =
      Inside(row % p.out[1], p.stride[1], p.pad_begin[1], p.kernel[1], p.dilation[1], p.in[1]);
  return window;
}
AZ_INLINE Span AlongRow(const PoolPlan& p, int64_t out) {
  return Inside(out, p.stride[2], p.pad_begin[2], p.kernel[2], p.dilation[2], p.in[2]);
}
// The first pixel of line (i, j) of the window.
AZ_INLINE int64_t FirstPixel(const PoolPlan& p, const Window& window, int64_t i, int64_t j) {
  const int64_t d = window.d.first + i * p.dilation[0], h = window.h.first + j * p.dilation[1];
  return (d * p.in[1] + h) * p.in[2] + window.w.first;
}

// Elements of output `o`'s window that lie inside the padded input: ceil_mode's last window may
// hang over the padded end, and what lies beyond does not count as padding.
AZ_INLINE int64_t Covered(const PoolPlan& p, const std::array<int64_t, 3>& o) {
  int64_t covered = 1;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t start = o[i] * p.stride[i] - p.pad_begin[i];
    int64_t inside = 0;
    for (int64_t k = 0; k < p.kernel[i]; ++k)
      inside += start + k * p.dilation[i] < p.in[i] + p.pad_end[i] ? 1 : 0;
    covered *= inside;
  }
  return covered;
}

// The maxima of kCount vectors of channels from `at` on, in registers while the window passes.
template <typename T, typename V, int kCount>
AZ_INLINE void MaxStretch(const PoolPlan& p, const Window& window, const T* src, T* y, T lowest,
                          int64_t at) {
  typedef V Loose __attribute__((aligned(1), may_alias));
  constexpr int64_t kLanes = static_cast<int64_t>(sizeof(V) / sizeof(T));
  V best[kCount];
  for (int n = 0; n < kCount; ++n) best[n] = V{} + lowest;
  for (int64_t i = 0; i < window.d.count; ++i) {
    for (int64_t j = 0; j < window.h.count; ++j) {
      const T* x = src + FirstPixel(p, window, i, j) * p.channels + at;
      for (int64_t k = 0; k < window.w.count; ++k, x += p.dilation[2] * p.channels) {
        for (int n = 0; n < kCount; ++n) {
          const V v = *reinterpret_cast<const Loose*>(x + n * kLanes);
          best[n] = v > best[n] ? v : best[n];
        }
      }
    }
  }
  for (int n = 0; n < kCount; ++n) *reinterpret_cast<Loose*>(y + at + n * kLanes) = best[n];
}

// Rows [begin, end) of the output, counted over depth and height. What is left over of the channels
// goes in narrower vectors; the last of them overlaps its neighbour.
template <typename T, typename V, typename W>
AZ_INLINE void MaxPoolBody(const PoolPlan& p, const T* src, T* dst, T lowest, int64_t begin,
                           int64_t end) {
  constexpr int64_t kWide = static_cast<int64_t>(sizeof(V) / sizeof(T));
  constexpr int64_t kNarrow = static_cast<int64_t>(sizeof(W) / sizeof(T));
  for (int64_t row = begin; row < end; ++row) {
    Window window = WindowOfRow(p, row);
    for (int64_t ow = 0; ow < p.out[2]; ++ow) {
      window.w = AlongRow(p, ow);
      T* y = dst + (row * p.out[2] + ow) * p.channels;
      int64_t c = 0;
      for (; c + 4 * kWide <= p.channels; c += 4 * kWide)
        MaxStretch<T, V, 4>(p, window, src, y, lowest, c);
      for (; c + kWide <= p.channels; c += kWide) MaxStretch<T, V, 1>(p, window, src, y, lowest, c);
      for (; c + kNarrow <= p.channels; c += kNarrow)
        MaxStretch<T, W, 1>(p, window, src, y, lowest, c);
      if (c < p.channels && c > 0) {
        MaxStretch<T, W, 1>(p, window, src, y, lowest, p.channels - kNarrow);
      } else {
        for (; c < p.channels; ++c) {
          typedef T One __attribute__((vector_size(sizeof(T))));
          MaxStretch<T, One, 1>(p, window, src, y, lowest, c);
        }
      }
    }
  }
}

AZ_INLINE void MaxRowsFloatBody(const PoolPlan& p, const float* src, float* dst, int64_t begin,
                                int64_t end) {
  MaxPoolBody<float, vec::F16, F4>(p, src, dst, -__builtin_inff(), begin, end);
}
AZ_INLINE void MaxRowsU8Body(const PoolPlan& p, const uint8_t* src, uint8_t* dst, int64_t begin,
                             int64_t end) {
  MaxPoolBody<uint8_t, U64, U8>(p, src, dst, 0, begin, end);
}
AZ_INLINE void MaxRowsS8Body(const PoolPlan& p, const int8_t* src, int8_t* dst, int64_t begin,
                             int64_t end) {
  MaxPoolBody<int8_t, S64, S8>(p, src, dst, -128, begin, end);
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
  return std::max<int64_t>(1,
                           (int64_t{1} << 18) / std::max<int64_t>(1, p.out[2] * p.channels * taps));
}

typedef float F8 __attribute__((vector_size(32)));
typedef double D8 __attribute__((vector_size(64)));

// The means of kCount vectors of channels from `at` on: sums in double, one rounding at the end.
template <typename V, typename D, int kCount>
AZ_INLINE void MeanStretch(const PoolPlan& p, const Window& window, const float* src, float* y,
                           double divisor, int64_t at) {
  typedef V Loose __attribute__((aligned(4), may_alias));
  constexpr int64_t kLanes = static_cast<int64_t>(sizeof(V) / sizeof(float));
  D sum[kCount];
  for (int n = 0; n < kCount; ++n) sum[n] = D{};
  for (int64_t i = 0; i < window.d.count; ++i) {
    for (int64_t j = 0; j < window.h.count; ++j) {
      const float* x = src + FirstPixel(p, window, i, j) * p.channels + at;
      for (int64_t k = 0; k < window.w.count; ++k, x += p.dilation[2] * p.channels) {
        for (int n = 0; n < kCount; ++n)
          sum[n] += __builtin_convertvector(*reinterpret_cast<const Loose*>(x + n * kLanes), D);
      }
    }
  }
  for (int n = 0; n < kCount; ++n)
    *reinterpret_cast<Loose*>(y + at + n * kLanes) = __builtin_convertvector(sum[n] / divisor, V);
}

AZ_INLINE void AverageRowsBody(const PoolPlan& p, const float* src, float* dst, int64_t begin,
                               int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    std::array<int64_t, 3> o{row / p.out[1], row % p.out[1], 0};
    Window window = WindowOfRow(p, row);
    for (; o[2] < p.out[2]; ++o[2]) {
      window.w = AlongRow(p, o[2]);
      const double divisor =
          static_cast<double>(p.count_include_pad ? Covered(p, o) : window.count());
      float* y = dst + (row * p.out[2] + o[2]) * p.channels;
      int64_t c = 0;
      for (; c + 64 <= p.channels; c += 64) MeanStretch<F8, D8, 8>(p, window, src, y, divisor, c);
      for (; c + 8 <= p.channels; c += 8) MeanStretch<F8, D8, 1>(p, window, src, y, divisor, c);
      if (c < p.channels && c > 0) {
        MeanStretch<F8, D8, 1>(p, window, src, y, divisor, p.channels - 8);  // overlaps the last
      } else {
        typedef float One __attribute__((vector_size(sizeof(float))));
        typedef double OneD __attribute__((vector_size(sizeof(double))));
        for (; c < p.channels; ++c) MeanStretch<One, OneD, 1>(p, window, src, y, divisor, c);
      }
    }
  }
}
AZ_VARIANTS(AverageRows,
            (const PoolPlan& p, const float* src, float* dst, int64_t begin, int64_t end),
            (p, src, dst, begin, end))

typedef uint8_t B32 __attribute__((vector_size(32)));
typedef uint8_t LooseB32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint16_t H16 __attribute__((vector_size(32)));
typedef uint16_t H32 __attribute__((vector_size(64)));

// Sums of a window's bytes, 16 channels from `src` on, `lanes` of them real.
AZ_INLINE vec::I16 SumOf16(const PoolPlan& p, const Window& window, const uint8_t* src,
                           int64_t lanes, uint8_t flip) {
  vec::I16 sum{};
  for (int64_t i = 0; i < window.d.count; ++i) {
    for (int64_t j = 0; j < window.h.count; ++j) {
      const uint8_t* x = src + FirstPixel(p, window, i, j) * p.channels;
      for (int64_t k = 0; k < window.w.count; ++k, x += p.dilation[2] * p.channels)
        sum += __builtin_convertvector(vec::LoadBytesUpTo(x, lanes) ^ flip, vec::I16);
    }
  }
  return sum;
}

AZ_INLINE void AddHalves(const H32& sum, vec::I16* sums) {
  H16 halves[2];
  __builtin_memcpy(halves, &sum, sizeof sum);
  for (int n = 0; n < 2; ++n) sums[n] += __builtin_convertvector(halves[n], vec::I16);
}

// The same of 32 channels, in 16 bits until those could overflow.
AZ_INLINE void SumOf32(const PoolPlan& p, const Window& window, const uint8_t* src, uint8_t flip,
                       vec::I16* sums) {
  constexpr int64_t kMost = 65535 / 255;
  sums[0] = sums[1] = vec::I16{};
  H32 sum{};
  int64_t held = 0;
  for (int64_t i = 0; i < window.d.count; ++i) {
    for (int64_t j = 0; j < window.h.count; ++j) {
      const uint8_t* x = src + FirstPixel(p, window, i, j) * p.channels;
      for (int64_t k = 0; k < window.w.count;) {
        if (held == kMost) {
          AddHalves(sum, sums);
          sum = H32{};
          held = 0;
        }
        const int64_t end = window.w.count - k < kMost - held ? window.w.count : k + kMost - held;
        held += end - k;
        for (; k < end; ++k, x += p.dilation[2] * p.channels)
          sum += __builtin_convertvector(B32(*reinterpret_cast<const LooseB32*>(x)) ^ flip, H32);
      }
    }
  }
  AddHalves(sum, sums);
}

AZ_INLINE void AverageByteRowsBody(const PoolPlan& p, const ByteAverage& average,
                                   const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end) {
  // A signed byte with its highest bit turned is an unsigned one, 128 higher.
  const uint8_t flip = average.is_signed ? 0x80 : 0;
  const int32_t zero = average.zero_point + (average.is_signed ? 128 : 0);
  const double scale = static_cast<double>(average.scale);
  for (int64_t row = begin; row < end; ++row) {
    std::array<int64_t, 3> o{row / p.out[1], row % p.out[1], 0};
    Window window = WindowOfRow(p, row);
    for (; o[2] < p.out[2]; ++o[2]) {
      window.w = AlongRow(p, o[2]);
      const int64_t seen = window.count();
      const double factor = scale / static_cast<double>(p.count_include_pad ? Covered(p, o) : seen);
      const int32_t start = -static_cast<int32_t>(seen) * zero;
      const auto mean = [&](vec::I16 sum) __attribute__((always_inline)) {
        return vec::ToBytes(__builtin_convertvector(
                                __builtin_convertvector(sum + start, vec::D16) * factor, vec::F16),
                            average.grid);
      };
      uint8_t* y = dst + (row * p.out[2] + o[2]) * p.channels;
      if (p.channels < 32) {
        for (int64_t c = 0; c < p.channels; c += 16) {
          const int64_t lanes = p.channels - c;
          vec::StoreBytesUpTo(y + c, mean(SumOf16(p, window, src + c, lanes, flip)), lanes);
        }
        continue;
      }
      for (int64_t at = 0; at < p.channels; at += 32) {
        const int64_t c = at + 32 <= p.channels ? at : p.channels - 32;  // overlaps the last
        vec::I16 sums[2];
        SumOf32(p, window, src + c, flip, sums);
        for (int n = 0; n < 2; ++n) vec::StoreBytes(y + c + 16 * n, mean(sums[n]));
      }
    }
  }
}
AZ_VARIANTS(AverageByteRows,
            (const PoolPlan& p, const ByteAverage& average, const uint8_t* src, uint8_t* dst,
             int64_t begin, int64_t end),
            (p, average, src, dst, begin, end))

}  // namespace

void AveragePoolFloat(const PoolPlan& plan, const float* src, float* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan),
                 [&](int64_t begin, int64_t end) { AverageRows(plan, src, dst, begin, end); });
}
void MaxPoolFloat(const PoolPlan& plan, const float* src, float* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan),
                 [&](int64_t begin, int64_t end) { MaxRowsFloat(plan, src, dst, begin, end); });
}
void MaxPoolU8(const PoolPlan& plan, const uint8_t* src, uint8_t* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan) * 4,
                 [&](int64_t begin, int64_t end) { MaxRowsU8(plan, src, dst, begin, end); });
}
void MaxPoolS8(const PoolPlan& plan, const int8_t* src, int8_t* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan) * 4,
                 [&](int64_t begin, int64_t end) { MaxRowsS8(plan, src, dst, begin, end); });
}

void AveragePoolBytes(const PoolPlan& plan, const ByteAverage& average, const uint8_t* src,
                      uint8_t* dst) {
  ParallelRanges(plan.out[0] * plan.out[1], RowGrain(plan), [&](int64_t begin, int64_t end) {
    AverageByteRows(plan, average, src, dst, begin, end);
  });
}

}  // namespace assize::engine
