// Tests: tests/engine/depthwise_test.cc.
#include "lib/engine/kernels/depthwise_3x3.h"

#include "lib/engine/kernels/vector_math.h"
#include "lib/support/status.h"

namespace assize::engine {
namespace {

// What the kernels read, free of classes.
struct FloatView {
  DepthwiseShape s;
  const float *taps, *bias;
  float low, high;
};

// Steps of a window along one dim that lie inside the input.
struct Steps {
  int64_t begin, end;
};
AZ_INLINE Steps Inside(int64_t first, int64_t dilation, int64_t kernel, int64_t size) {
  Steps steps{0, kernel};
  while (steps.begin < kernel && first + steps.begin * dilation < 0) ++steps.begin;
  while (steps.end > steps.begin && first + (steps.end - 1) * dilation >= size) --steps.end;
  return steps;
}

AZ_INLINE vec::F16 Held(const FloatView& v, vec::F16 x) {
  return vec::Min(vec::Max(x, vec::Splat(v.low)), vec::Splat(v.high));
}

// Windows of one row of outputs, as far as they lie inside the input.
struct Row {
  int64_t top;
  Steps steps;
};

// One output of a row, kCount vectors of channels from `c` on, whatever part of its window is
// padding.
template <int kCount>
AZ_INLINE void Point(const FloatView& v, const float* src, float* y, const Row& row, int64_t left,
                     Steps columns, int64_t c) {
  const DepthwiseShape& s = v.s;
  vec::F16 sum[kCount];
  for (int n = 0; n < kCount; ++n) sum[n] = vec::Load(v.bias + c + 16 * n);
  for (int64_t i = row.steps.begin; i < row.steps.end; ++i) {
    const float* line = src + (row.top + i * s.dilation_h) * s.in_w * s.channels + c;
    for (int64_t k = columns.begin; k < columns.end; ++k) {
      const float* x = line + (left + k * s.dilation_w) * s.channels;
      const float* taps = v.taps + (i * s.kernel_w + k) * s.channels + c;
      for (int n = 0; n < kCount; ++n) sum[n] += vec::Load(x + 16 * n) * vec::Load(taps + 16 * n);
    }
  }
  for (int n = 0; n < kCount; ++n) vec::Store(y + c + 16 * n, Held(v, sum[n]));
}

// Outputs [begin, end) of a row, one by one.
AZ_INLINE void Points(const FloatView& v, const float* src, float* y, const Row& row, int64_t begin,
                      int64_t end) {
  const DepthwiseShape& s = v.s;
  for (int64_t w = begin; w < end; ++w) {
    const int64_t left = w * s.stride_w - s.pad_left;
    const Steps columns = Inside(left, s.dilation_w, s.kernel_w, s.in_w);
    float* to = y + w * s.channels;
    int64_t c = 0;
    for (; c + 64 <= s.channels; c += 64) Point<4>(v, src, to, row, left, columns, c);
    for (; c + 16 <= s.channels; c += 16) Point<1>(v, src, to, row, left, columns, c);
    if (c < s.channels) Point<1>(v, src, to, row, left, columns, s.channels - 16);
  }
}

// Outputs [begin, end) of a row, all of their windows inside the input, 16 channels from `c` on:
// the taps stay in registers.
AZ_INLINE void Stretch(const FloatView& v, const float* src, float* y, int64_t top, int64_t begin,
                       int64_t end, int64_t c) {
  const DepthwiseShape& s = v.s;
  vec::F16 taps[9];
  for (int k = 0; k < 9; ++k) taps[k] = vec::Load(v.taps + k * s.channels + c);
  const vec::F16 bias = vec::Load(v.bias + c);
  const int64_t line = s.dilation_h * s.in_w * s.channels, column = s.dilation_w * s.channels;
  const float* x = src + (top * s.in_w + begin * s.stride_w - s.pad_left) * s.channels + c;
  for (int64_t w = begin; w < end; ++w, x += s.stride_w * s.channels) {
    vec::F16 sum = bias;
    for (int i = 0; i < 3; ++i) {
      for (int k = 0; k < 3; ++k) sum += vec::Load(x + i * line + k * column) * taps[i * 3 + k];
    }
    vec::Store(y + w * s.channels + c, Held(v, sum));
  }
}

AZ_INLINE void Depthwise3x3RowsBody(const FloatView& v, const float* src, float* dst, int64_t begin,
                                    int64_t end) {
  const DepthwiseShape& s = v.s;
  // Outputs whose windows lie inside along the row.
  const int64_t reach = (s.kernel_w - 1) * s.dilation_w;
  int64_t first = 0, last = s.out_w;
  while (first < s.out_w && first * s.stride_w < s.pad_left) ++first;
  while (last > first && (last - 1) * s.stride_w - s.pad_left + reach >= s.in_w) --last;
  const auto row_of = [&](int64_t h) __attribute__((always_inline)) {
    const int64_t top = h * s.stride_h - s.pad_top;
    return Row{top, Inside(top, s.dilation_h, s.kernel_h, s.in_h)};
  };
  const auto whole = [&](const Row& row) __attribute__((always_inline)) {
    return row.steps.begin == 0 && row.steps.end == s.kernel_h;
  };
  const int64_t line = s.out_w * s.channels;
  for (int64_t h = begin; h < end; ++h) {
    const Row row = row_of(h);
    Points(v, src, dst + h * line, row, 0, whole(row) ? first : s.out_w);
    if (whole(row)) Points(v, src, dst + h * line, row, last, s.out_w);
  }
  if (first == last) return;
  // Channels outside, rows inside: the lines that the next row's windows share stay in the cache.
  for (int64_t at = 0; at < s.channels; at += 16) {
    const int64_t c = at + 16 <= s.channels ? at : s.channels - 16;  // overlaps its neighbour
    for (int64_t h = begin; h < end; ++h) {
      const Row row = row_of(h);
      if (whole(row)) Stretch(v, src, dst + h * line, row.top, first, last, c);
    }
  }
}
AZ_VARIANTS_FMA(Depthwise3x3Rows,
                (const FloatView& v, const float* src, float* dst, int64_t begin, int64_t end),
                (v, src, dst, begin, end))

}  // namespace

bool Depthwise3x3::Fits(const DepthwiseShape& shape) {
  return shape.kernel_h == 3 && shape.kernel_w == 3 && shape.channels >= 16;
}

Depthwise3x3::Depthwise3x3(const DepthwiseShape& shape, std::span<const float> weights,
                           std::span<const float> bias, float low, float high)
    : shape_(shape), bias_(bias.begin(), bias.end()), low_(low), high_(high) {
  AZ_CHECK(Fits(shape), "a window of {} by {} over {} channels", shape.kernel_h, shape.kernel_w,
           shape.channels);
  taps_.resize(weights.size());
  for (int64_t c = 0; c < shape.channels; ++c) {
    for (int64_t k = 0; k < 9; ++k)
      taps_[static_cast<size_t>(k * shape.channels + c)] = weights[static_cast<size_t>(c * 9 + k)];
  }
}

void Depthwise3x3::Run(const float* src, float* dst, int64_t begin, int64_t end) const {
  Depthwise3x3Rows({shape_, taps_.data(), bias_.data(), low_, high_}, src, dst, begin, end);
}

}  // namespace assize::engine
