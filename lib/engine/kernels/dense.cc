// Tests: tests/engine/dense_test.cc.
#include "lib/engine/kernels/dense.h"

#include <cstring>
#include <utility>

#include "lib/engine/kernels/vector_math.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace assize::engine {
namespace {

constexpr int64_t kLanes = 16;

int64_t Padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// kBlocks blocks of 16 outputs of one row.
template <int kBlocks>
AZ_INLINE void FloatBlocks(const float* x, const float* w, const float* bias, int64_t inputs,
                           vec::F16* sums) {
  for (int b = 0; b < kBlocks; ++b) sums[b] = vec::Load(bias + b * kLanes);
  for (int64_t k = 0; k < inputs; ++k) {
    const vec::F16 value = vec::Splat(x[k]);
    for (int b = 0; b < kBlocks; ++b) sums[b] += value * vec::Load(w + (b * inputs + k) * kLanes);
  }
}

AZ_INLINE void FloatRowsBody(const float* x, const float* packed, const float* bias, float* y,
                             int64_t rows, int64_t inputs, int64_t outputs, float low, float high) {
  const vec::F16 floor = vec::Splat(low), ceiling = vec::Splat(high);
  for (int64_t row = 0; row < rows; ++row, x += inputs, y += outputs) {
    for (int64_t n = 0; n < outputs;) {
      const float* w = packed + n * inputs;
      vec::F16 sums[4];
      int64_t blocks = 1;
      if (outputs - n > 3 * kLanes) {
        FloatBlocks<4>(x, w, bias + n, inputs, sums);
        blocks = 4;
      } else if (outputs - n > kLanes) {
        FloatBlocks<2>(x, w, bias + n, inputs, sums);
        blocks = 2;
      } else {
        FloatBlocks<1>(x, w, bias + n, inputs, sums);
      }
      for (int64_t b = 0; b < blocks; ++b, n += kLanes) {
        const vec::F16 r = vec::Min(vec::Max(sums[b], floor), ceiling);
        vec::StoreUpTo(y + n, r, outputs - n);
      }
    }
  }
}
AZ_VARIANTS_FMA(FloatRows,
                (const float* x, const float* packed, const float* bias, float* y, int64_t rows,
                 int64_t inputs, int64_t outputs, float low, float high),
                (x, packed, bias, y, rows, inputs, outputs, low, high))

// What the kernels of bytes read, free of classes.
struct ByteView {
  int64_t inputs, outputs;
  uint8_t flip;  // turns a signed byte into an unsigned one
  const int8_t* packed;
  const int32_t* start;
  const float *scale, *shift;
  float low, high;
  bool quantized;
  int32_t zero;
};

AZ_INLINE void FinishBytes(const ByteView& v, const int32_t* sums, int64_t n, void* y) {
  typedef int32_t Loose __attribute__((vector_size(64), aligned(4), may_alias));
  const vec::I16 sum = *reinterpret_cast<const Loose*>(sums);
  vec::F16 r =
      __builtin_convertvector(sum, vec::F16) * vec::Load(v.scale + n) + vec::Load(v.shift + n);
  r = vec::Min(vec::Max(r, vec::Splat(v.low)), vec::Splat(v.high));
  const int64_t lanes = v.outputs - n;
  if (v.quantized) {
    vec::StoreBytesUpTo(static_cast<uint8_t*>(y) + n, vec::Rounded(r, v.zero), lanes);
  } else {
    vec::StoreUpTo(static_cast<float*>(y) + n, r, lanes);
  }
}

// One row of inputs as unsigned bytes, padded with zeros to whole groups of four.
AZ_INLINE int64_t TakeRow(const ByteView& v, const uint8_t* x, uint8_t* row) {
  for (int64_t k = 0; k < v.inputs; ++k) row[k] = x[k] ^ v.flip;
  int64_t padded = v.inputs;
  while (padded % 4 != 0) row[padded++] = 0;
  return padded / 4;
}

AZ_INLINE void ByteRowsBody(const ByteView& v, const uint8_t* x, void* y, int64_t rows) {
  uint8_t row[kMaxDenseInputs + 4];
  for (int64_t r = 0; r < rows; ++r, x += v.inputs) {
    const int64_t groups = TakeRow(v, x, row);
    for (int64_t n = 0; n < v.outputs; n += kLanes) {
      int32_t sums[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) sums[i] = v.start[n + i];
      const int8_t* w = v.packed + n * groups * 4;
      for (int64_t k = 0; k < groups; ++k, w += 4 * kLanes) {
        for (int64_t i = 0; i < kLanes; ++i) {
          for (int64_t j = 0; j < 4; ++j) sums[i] += row[4 * k + j] * w[4 * i + j];
        }
      }
      FinishBytes(v, sums, n, y);
    }
    y = static_cast<uint8_t*>(y) + v.outputs * (v.quantized ? 1 : 4);
  }
}
AZ_VARIANTS(ByteRows, (const ByteView& v, const uint8_t* x, void* y, int64_t rows), (v, x, y, rows))

#if defined(__x86_64__) && defined(__GNUC__)

AZ_VNNI void ByteRowsVnni(const ByteView& v, const uint8_t* x, void* y, int64_t rows) {
  alignas(64) uint8_t row[kMaxDenseInputs + 4];
  for (int64_t r = 0; r < rows; ++r, x += v.inputs) {
    const int64_t groups = TakeRow(v, x, row);
    for (int64_t n = 0; n < v.outputs; n += kLanes) {
      __m512i even = _mm512_loadu_si512(v.start + n), odd = _mm512_setzero_si512();
      const int8_t* w = v.packed + n * groups * 4;
      int64_t k = 0;
      for (; k + 2 <= groups; k += 2, w += 8 * kLanes) {
        int32_t four[2];
        std::memcpy(four, row + 4 * k, 8);
        even = _mm512_dpbusd_epi32(even, _mm512_set1_epi32(four[0]), _mm512_loadu_si512(w));
        odd = _mm512_dpbusd_epi32(odd, _mm512_set1_epi32(four[1]),
                                  _mm512_loadu_si512(w + 4 * kLanes));
      }
      if (k < groups) {
        int32_t four;
        std::memcpy(&four, row + 4 * k, 4);
        even = _mm512_dpbusd_epi32(even, _mm512_set1_epi32(four), _mm512_loadu_si512(w));
      }
      alignas(64) int32_t sums[kLanes];
      _mm512_store_si512(sums, _mm512_add_epi32(even, odd));
      FinishBytes(v, sums, n, y);
    }
    y = static_cast<uint8_t*>(y) + v.outputs * (v.quantized ? 1 : 4);
  }
}

#else

void ByteRowsVnni(const ByteView& v, const uint8_t* x, void* y, int64_t rows) {
  ByteRows(v, x, y, rows);
}

#endif

}  // namespace

DenseFloat::DenseFloat(int64_t inputs, int64_t outputs, std::span<const float> weights,
                       std::span<const float> bias, float low, float high)
    : inputs_(inputs), outputs_(outputs), low_(low), high_(high) {
  // A row is done in stretches of four, two or one block: as many as the last one may reach.
  const int64_t padded = Padded(outputs) + 3 * kLanes;
  packed_.resize(static_cast<size_t>(padded * inputs));
  bias_.resize(static_cast<size_t>(padded));
  for (int64_t n = 0; n < outputs; ++n) {
    bias_[static_cast<size_t>(n)] = bias[static_cast<size_t>(n)];
    for (int64_t k = 0; k < inputs; ++k) {
      packed_[static_cast<size_t>((n / kLanes * inputs + k) * kLanes + n % kLanes)] =
          weights[static_cast<size_t>(k * outputs + n)];
    }
  }
}

void DenseFloat::Run(const float* x, float* y, int64_t rows) const {
  FloatRows(x, packed_.data(), bias_.data(), y, rows, inputs_, outputs_, low_, high_);
}

DenseBytes::DenseBytes(DenseBytesSpec spec, const int8_t* weights) : spec_(std::move(spec)) {
  const int64_t padded = Padded(spec_.outputs), groups = (spec_.inputs + 3) / 4;
  packed_.resize(static_cast<size_t>(padded * groups * 4));
  start_.resize(static_cast<size_t>(padded));
  spec_.scale.resize(start_.size());
  spec_.shift.resize(start_.size());
  const int32_t offset = spec_.source_zero + (spec_.source_signed ? 128 : 0);
  for (int64_t n = 0; n < spec_.outputs; ++n) {
    int32_t sum = 0;
    for (int64_t k = 0; k < spec_.inputs; ++k) {
      const int8_t w = weights[n * spec_.inputs + k];
      sum += w;
      const int64_t at = (n / kLanes * groups + k / 4) * 4 * kLanes + n % kLanes * 4 + k % 4;
      packed_[static_cast<size_t>(at)] = w;
    }
    start_[static_cast<size_t>(n)] = -offset * sum;
  }
}

void DenseBytes::Run(const uint8_t* x, void* y, int64_t rows) const {
  const ByteView view{
      spec_.inputs,       spec_.outputs, static_cast<uint8_t>(spec_.source_signed ? 0x80 : 0),
      packed_.data(),     start_.data(), spec_.scale.data(),
      spec_.shift.data(), spec_.low,     spec_.high,
      spec_.quantized,    spec_.zero};
  if (simd::HasVnni()) return ByteRowsVnni(view, x, y, rows);
  ByteRows(view, x, y, rows);
}

}  // namespace assize::engine
