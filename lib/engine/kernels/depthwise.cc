// Tests: tests/engine/depthwise_test.cc.
#include "lib/engine/kernels/depthwise.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/engine/kernels/vector_math.h"
#include "lib/engine/plan.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace assize::engine {
namespace {

constexpr int64_t kBlock = 64;  // channels that one pass over a row handles
constexpr int64_t kColumnVectors =
    512;  // interleaved columns kept: 32 KB, in the first-level cache

// What the kernels read, free of classes.
struct DepthwiseView {
  DepthwiseShape s;
  uint8_t flip;  // turns a signed byte into an unsigned one
  const int8_t* taps;
  const std::byte* packed;
  const int32_t* start;
  const uint8_t* fill;
  const float *scale, *shift;
  float low, high;
  int32_t zero;
  bool result_signed;
  int64_t padded_channels;
};

AZ_INLINE const uint8_t* RowOf(const DepthwiseView& v, const uint8_t* src, int64_t out, int64_t k) {
  const int64_t row = out * v.s.stride_h + k * v.s.dilation_h - v.s.pad_top;
  return row < 0 || row >= v.s.in_h ? nullptr : src + row * v.s.in_w * v.s.channels;
}

AZ_INLINE void DepthwiseRowsBody(const DepthwiseView& v, const uint8_t* src, uint8_t* dst,
                                 int64_t begin, int64_t end) {
  typedef int8_t S16 __attribute__((vector_size(16)));
  typedef int8_t LooseS16 __attribute__((vector_size(16), aligned(1), may_alias));
  for (int64_t h = begin; h < end; ++h) {
    for (int64_t w = 0; w < v.s.out_w; ++w) {
      uint8_t* y = dst + (h * v.s.out_w + w) * v.s.channels;
      for (int64_t c = 0; c < v.s.channels; c += 16) {
        const int64_t lanes = v.s.channels - c;
        vec::I16 sum;
        for (int i = 0; i < 16; ++i) sum[i] = v.start[c + i];
        for (int64_t kh = 0; kh < v.s.kernel_h; ++kh) {
          const uint8_t* row = RowOf(v, src, h, kh);
          for (int64_t kw = 0; kw < v.s.kernel_w; ++kw) {
            const int64_t at = w * v.s.stride_w + kw * v.s.dilation_w - v.s.pad_left;
            const uint8_t* pixel = row == nullptr || at < 0 || at >= v.s.in_w
                                       ? v.fill + c
                                       : row + at * v.s.channels + c;
            const vec::B16 bytes = vec::LoadBytesUpTo(pixel, lanes) ^ v.flip;
            const S16 taps = *reinterpret_cast<const LooseS16*>(
                v.taps + (kh * v.s.kernel_w + kw) * v.padded_channels + c);
            sum +=
                __builtin_convertvector(bytes, vec::I16) * __builtin_convertvector(taps, vec::I16);
          }
        }
        vec::F16 r = __builtin_convertvector(sum, vec::F16) * vec::Load(v.scale + c) +
                     vec::Load(v.shift + c);
        r = vec::Min(vec::Max(r, vec::Splat(v.low)), vec::Splat(v.high));
        vec::StoreBytesUpTo(y + c, vec::Rounded(r, v.zero), lanes);
      }
    }
  }
}
AZ_VARIANTS(DepthwiseRows,
            (const DepthwiseView& v, const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end),
            (v, src, dst, begin, end))

#if defined(__x86_64__) && defined(__GNUC__)

// Rows a..d at one column, 64 channels: in each 128-bit lane, vector j holds channels 4j .. 4j+3 of
// that lane, four bytes each.
#define AZ_VNNI_INLINE AZ_VNNI __attribute__((always_inline)) inline

AZ_VNNI_INLINE void Interleave(__m512i a, __m512i b, __m512i c, __m512i d, __m512i* out) {
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  _mm512_store_si512(out, _mm512_unpacklo_epi16(ab_low, cd_low));
  _mm512_store_si512(out + 1, _mm512_unpackhi_epi16(ab_low, cd_low));
  _mm512_store_si512(out + 2, _mm512_unpacklo_epi16(ab_high, cd_high));
  _mm512_store_si512(out + 3, _mm512_unpackhi_epi16(ab_high, cd_high));
}

// Columns [first, first + count) of up to four rows (null: padding), each column `step` vectors
// after the one before.
template <int kRows>
AZ_VNNI void InterleaveColumns(const uint8_t* const* rows, int64_t first, int64_t count,
                               int64_t width, int64_t channels, __mmask64 mask, __m512i fill,
                               __m512i flip, __m512i* out, int64_t step) {
  const int64_t inside = std::clamp<int64_t>(-first, 0, count);
  const int64_t beyond = std::clamp<int64_t>(width - first, inside, count);
  // Rows of padding repeat one pixel of it.
  const uint8_t* at[4];
  int64_t stride[4];
  alignas(64) uint8_t padding[64];
  _mm512_store_si512(padding, _mm512_xor_si512(fill, flip));
  for (int i = 0; i < kRows; ++i) {
    stride[i] = rows[i] == nullptr ? 0 : channels;
    at[i] = rows[i] == nullptr ? padding : rows[i] + (first + inside) * channels;
  }
  for (int64_t x = 0; x < inside; ++x, out += step) Interleave(fill, fill, fill, fill, out);
  for (int64_t x = inside; x < beyond; ++x, out += step) {
    __m512i q[4] = {fill, fill, fill, fill};
    for (int i = 0; i < kRows; ++i) {
      q[i] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, at[i]), flip);
      at[i] += stride[i];
    }
    Interleave(q[0], q[1], q[2], q[3], out);
  }
  for (int64_t x = beyond; x < count; ++x, out += step) Interleave(fill, fill, fill, fill, out);
}

// What a pass over the columns needs, kept in registers.
struct RowPass {
  const __m512i *columns, *taps;
  const int32_t* start;
  const float *scale, *shift;
  float low, high;
  int32_t zero;
  bool result_signed;
  int64_t outputs, stride, dilation, kernel_w, groups;  // stride and dilation in columns
  uint8_t* y;
  int64_t y_step;
  __mmask64 mask;
};

// Window widths and groups of rows known to the compiler (0: not) unroll, and keep their weights in
// registers.
template <int kWidth, int kGroups>
AZ_VNNI_INLINE void MultiplyColumns(const RowPass& p) {
  const int64_t width = kWidth > 0 ? kWidth : p.kernel_w;
  const int64_t groups = kGroups > 0 ? kGroups : p.groups;
  const __m512 low = _mm512_set1_ps(p.low), high = _mm512_set1_ps(p.high);
  const __m512i zero = _mm512_set1_epi32(p.zero);
  __m512i start[4];
  __m512 scale[4], shift[4];
  for (int j = 0; j < 4; ++j) {
    start[j] = _mm512_loadu_si512(p.start + 16 * j);
    scale[j] = _mm512_loadu_ps(p.scale + 16 * j);
    shift[j] = _mm512_loadu_ps(p.shift + 16 * j);
  }
  const int64_t hop = p.stride * groups * 4, jump = p.dilation * groups * 4;
  const __m512i* columns = p.columns;
  uint8_t* y = p.y;
  for (int64_t o = 0; o < p.outputs; ++o, columns += hop, y += p.y_step) {
    __m512i sum[4] = {start[0], start[1], start[2], start[3]};
    for (int64_t k = 0; k < width; ++k) {
      for (int64_t g = 0; g < groups; ++g) {
        for (int j = 0; j < 4; ++j) {
          sum[j] = _mm512_dpbusd_epi32(sum[j], columns[k * jump + g * 4 + j],
                                       p.taps[(k * groups + g) * 4 + j]);
        }
      }
    }
    for (int j = 0; j < 4; ++j) {
      __m512 r = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[j]), scale[j]);
      r = _mm512_min_ps(_mm512_max_ps(_mm512_add_ps(r, shift[j]), low), high);
      sum[j] = _mm512_add_epi32(_mm512_cvtps_epi32(r), zero);
    }
    const __m512i s01 = _mm512_packs_epi32(sum[0], sum[1]);
    const __m512i s23 = _mm512_packs_epi32(sum[2], sum[3]);
    const __m512i q =
        p.result_signed ? _mm512_packs_epi16(s01, s23) : _mm512_packus_epi16(s01, s23);
    _mm512_mask_storeu_epi8(y, p.mask, q);
  }
}

AZ_VNNI void DepthwiseRowsVnni(const DepthwiseView& v, const uint8_t* src, uint8_t* dst,
                               int64_t begin, int64_t end) {
  alignas(64) __m512i columns[kColumnVectors];
  const int64_t groups = (v.s.kernel_h + 3) / 4, blocks = v.padded_channels / kBlock;
  const int64_t per_column = groups * 4;
  const int64_t reach = (v.s.kernel_w - 1) * v.s.dilation_w + 1;
  // Outputs whose columns fit the buffer.
  const int64_t piece = std::max<int64_t>(1, (kColumnVectors / per_column - reach) / v.s.stride_w);
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(v.flip));
  for (int64_t h = begin; h < end; ++h) {
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t c = block * kBlock;
      const int64_t lanes = std::min<int64_t>(kBlock, v.s.channels - c);
      const __mmask64 mask = lanes == kBlock ? ~__mmask64{0} : (__mmask64{1} << lanes) - 1;
      const __m512i fill = _mm512_xor_si512(_mm512_loadu_si512(v.fill + c), flip);
      RowPass pass;
      pass.columns = columns;
      pass.taps = reinterpret_cast<const __m512i*>(v.packed) + block * v.s.kernel_w * per_column;
      pass.start = v.start + c;
      pass.scale = v.scale + c, pass.shift = v.shift + c;
      pass.low = v.low, pass.high = v.high, pass.zero = v.zero;
      pass.result_signed = v.result_signed;
      pass.stride = v.s.stride_w, pass.dilation = v.s.dilation_w;
      pass.kernel_w = v.s.kernel_w, pass.groups = groups;
      pass.y_step = v.s.channels, pass.mask = mask;
      for (int64_t w = 0; w < v.s.out_w; w += piece) {
        pass.outputs = std::min(piece, v.s.out_w - w);
        const int64_t first = w * v.s.stride_w - v.s.pad_left;
        const int64_t count = (pass.outputs - 1) * v.s.stride_w + reach;
        for (int64_t g = 0; g < groups; ++g) {
          const uint8_t* rows[4];
          const int64_t real = std::min<int64_t>(4, v.s.kernel_h - 4 * g);
          for (int64_t i = 0; i < real; ++i) rows[i] = RowOf(v, src, h, 4 * g + i);
          for (int64_t i = 0; i < real; ++i) {
            if (rows[i] != nullptr) rows[i] += c;
          }
          const auto weave = real == 1   ? InterleaveColumns<1>
                             : real == 2 ? InterleaveColumns<2>
                             : real == 3 ? InterleaveColumns<3>
                                         : InterleaveColumns<4>;
          weave(rows, first, count, v.s.in_w, v.s.channels, mask, fill, flip, columns + g * 4,
                per_column);
        }
        pass.y = dst + (h * v.s.out_w + w) * v.s.channels + c;
        if (groups == 1 && v.s.kernel_w == 3) {
          MultiplyColumns<3, 1>(pass);
        } else if (groups == 2 && v.s.kernel_w == 5) {
          MultiplyColumns<5, 2>(pass);
        } else {
          MultiplyColumns<0, 0>(pass);
        }
      }
    }
  }
}

#else

void DepthwiseRowsVnni(const DepthwiseView& v, const uint8_t* src, uint8_t* dst, int64_t begin,
                       int64_t end) {
  DepthwiseRows(v, src, dst, begin, end);
}

#endif

// Where channel `c` of a block stands in the interleaved order: lane, then vector, then place.
int64_t Interleaved(int64_t c) { return c % 16 / 4 * 16 + c / 16 * 4 + c % 4; }

}  // namespace

Depthwise::Depthwise(DepthwiseSpec spec, const int8_t* weights) : spec_(std::move(spec)) {
  const DepthwiseShape& s = spec_.shape;
  const int64_t padded = (s.channels + kBlock - 1) / kBlock * kBlock;
  const int64_t positions = s.kernel_h * s.kernel_w, groups = (s.kernel_h + 3) / 4;
  const int64_t reach = (s.kernel_w - 1) * s.dilation_w + 1;
  const bool vnni = simd::HasVnni() && (reach + s.stride_w) * groups * 4 <= kColumnVectors;
  const int32_t offset = spec_.source_zero + (spec_.source_signed ? 128 : 0);
  const size_t size = static_cast<size_t>(padded);
  start_.resize(size), scale_.resize(size), shift_.resize(size);
  fill_.assign(size, static_cast<uint8_t>(spec_.source_zero));
  if (vnni) {
    const int64_t bytes = padded * s.kernel_w * groups * 4;
    packed_ = AllocateAligned(bytes);
    std::memset(packed_.get(), 0, static_cast<size_t>(bytes));
  } else {
    taps_.resize(size * static_cast<size_t>(positions));
  }
  for (int64_t c = 0; c < s.channels; ++c) {
    const int64_t place = vnni ? c / kBlock * kBlock + Interleaved(c % kBlock) : c;
    int32_t sum = 0;
    for (int64_t k = 0; k < positions; ++k) {
      const int8_t tap = weights[c * positions + k];
      sum += tap;
      if (!vnni) {
        taps_[static_cast<size_t>(k * padded + c)] = tap;
        continue;
      }
      const int64_t row = k / s.kernel_w, column = k % s.kernel_w;
      const int64_t vectors = ((c / kBlock * s.kernel_w + column) * groups + row / 4) * 4;
      packed_.get()[vectors * kBlock + Interleaved(c % kBlock) * 4 + row % 4] =
          static_cast<std::byte>(tap);
    }
    const size_t at = static_cast<size_t>(place), from = static_cast<size_t>(c);
    start_[at] = -offset * sum;
    scale_[at] = spec_.scale[from];
    shift_[at] = spec_.shift[from];
  }
}

void Depthwise::Run(const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end) const {
  DepthwiseView view{spec_.shape,
                     static_cast<uint8_t>(spec_.source_signed ? 0x80 : 0),
                     taps_.data(),
                     packed_.get(),
                     start_.data(),
                     fill_.data(),
                     scale_.data(),
                     shift_.data(),
                     spec_.low,
                     spec_.high,
                     spec_.zero,
                     spec_.result_signed,
                     static_cast<int64_t>(scale_.size())};
  if (packed_ != nullptr) return DepthwiseRowsVnni(view, src, dst, begin, end);
  DepthwiseRows(view, src, dst, begin, end);
}

}  // namespace assize::engine
