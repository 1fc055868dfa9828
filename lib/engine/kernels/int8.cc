// Integer kernels, portable form. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/int8.h"

#include <algorithm>
#include <cmath>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace assize::engine {
namespace {

constexpr int64_t kBlock = 256;  // floats that stay in the first-level cache between stages

float Low(const QuantizeSpec& spec) { return static_cast<float>((spec.is_signed ? -128 : 0) - spec.zero_point); }
float High(const QuantizeSpec& spec) { return static_cast<float>((spec.is_signed ? 127 : 255) - spec.zero_point); }

uint8_t QuantizeOne(const QuantizeSpec& spec, float x) {
  // Clamping to whole numbers first does not change what rounding gives, and keeps the conversion in range.
  const float v = x / spec.scale;
  const float low = Low(spec), high = High(spec);
  const float inside = v > low ? (v < high ? v : high) : low;
  return static_cast<uint8_t>(static_cast<int32_t>(std::lrint(inside)) + spec.zero_point);
}

}  // namespace

void QuantizeFloats(const QuantizeSpec& spec, const float* src, uint8_t* dst, int64_t count) {
  int64_t i = 0;
#ifdef __SSE2__
  const __m128 scale = _mm_set1_ps(spec.scale), low = _mm_set1_ps(Low(spec)), high = _mm_set1_ps(High(spec));
  const __m128i zero = _mm_set1_epi32(spec.zero_point);
  const auto four = [&](const float* at) {
    const __m128 v = _mm_div_ps(_mm_loadu_ps(at), scale);
    // max returns its second operand when one is NaN.
    return _mm_add_epi32(_mm_cvtps_epi32(_mm_min_ps(_mm_max_ps(v, low), high)), zero);
  };
  for (; i + 16 <= count; i += 16) {
    const __m128i a = _mm_packs_epi32(four(src + i), four(src + i + 4));
    const __m128i b = _mm_packs_epi32(four(src + i + 8), four(src + i + 12));
    const __m128i bytes = spec.is_signed ? _mm_packs_epi16(a, b) : _mm_packus_epi16(a, b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), bytes);
  }
#endif
  for (; i < count; ++i) dst[i] = QuantizeOne(spec, src[i]);
}

void DequantizeFloats(const QuantizeSpec& spec, const uint8_t* src, float* dst, int64_t count) {
  const int32_t zero = spec.zero_point;
  if (spec.is_signed) {
    for (int64_t i = 0; i < count; ++i) {
      dst[i] = static_cast<float>(static_cast<int8_t>(src[i]) - zero) * spec.scale;
    }
  } else {
    for (int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i] - zero) * spec.scale;
  }
}

ByteTable MakeTable(const QuantizeSpec& from, const UnaryOpSpec& f, const QuantizeSpec& to) {
  std::array<uint8_t, 256> bytes;
  for (size_t i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
  std::array<float, 256> values;
  DequantizeFloats(from, bytes.data(), values.data(), 256);
  RunUnary(f, values.data(), values.data(), 256);
  ByteTable table;
  QuantizeFloats(to, values.data(), table.data(), 256);
  return table;
}

void ApplyTable(const ByteTable& table, const uint8_t* src, uint8_t* dst, int64_t count) {
  for (int64_t i = 0; i < count; ++i) dst[i] = table[src[i]];
}

void RunQuantBinary(const QuantBinarySpec& spec, const uint8_t* a, const uint8_t* b, uint8_t* y, int64_t count) {
  float left[kBlock], right[kBlock];
  for (int64_t i = 0; i < count; i += kBlock) {
    const int64_t n = std::min(kBlock, count - i);
    DequantizeFloats(spec.a, a + i, left, n);
    DequantizeFloats(spec.b, b + i, right, n);
    switch (spec.op) {
      case Binary::kSub:
        for (int64_t j = 0; j < n; ++j) left[j] -= right[j];
        break;
      case Binary::kMul:
        for (int64_t j = 0; j < n; ++j) left[j] *= right[j];
        break;
      case Binary::kDiv:
        for (int64_t j = 0; j < n; ++j) left[j] /= right[j];
        break;
      default:
        for (int64_t j = 0; j < n; ++j) left[j] += right[j];
    }
    if (spec.activation.kind != Unary::kCopy) RunUnary(spec.activation, left, left, n);
    QuantizeFloats(spec.y, left, y + i, n);
  }
}

void PackWeights(Int8ConvPlan& plan, const int8_t* weights) {
  const int64_t positions = plan.kernel[0] * plan.kernel[1] * plan.kernel[2];
  const int64_t ins = plan.channels / plan.group, outs = plan.outputs / plan.group;
  plan.weights.resize(static_cast<size_t>(plan.outputs * ins * positions));
  for (int64_t g = 0; g < plan.group; ++g) {
    for (int64_t o = 0; o < outs; ++o) {
      for (int64_t c = 0; c < ins; ++c) {
        for (int64_t k = 0; k < positions; ++k) {
          plan.weights[static_cast<size_t>(((g * positions + k) * ins + c) * outs + o)] =
              weights[((g * outs + o) * ins + c) * positions + k];
        }
      }
    }
  }
}

void RunInt8Conv(const Int8ConvPlan& p, const uint8_t* src, const uint8_t* residual, void* dst) {
  const int64_t ins = p.channels / p.group, outs = p.outputs / p.group;
  const int64_t positions = p.kernel[0] * p.kernel[1] * p.kernel[2];
  std::vector<int32_t> sums(static_cast<size_t>(p.outputs));
  std::vector<float> values(sums.size()), extra(sums.size());
  int64_t index = 0;
  for (int64_t d = 0; d < p.out[0]; ++d) {
    for (int64_t h = 0; h < p.out[1]; ++h) {
      for (int64_t w = 0; w < p.out[2]; ++w, ++index) {
        std::fill(sums.begin(), sums.end(), 0);
        int64_t k = 0;
        for (int64_t kd = 0; kd < p.kernel[0]; ++kd) {
          for (int64_t kh = 0; kh < p.kernel[1]; ++kh) {
            for (int64_t kw = 0; kw < p.kernel[2]; ++kw, ++k) {
              const int64_t z = d * p.stride[0] + kd * p.dilation[0] - p.pad[0];
              const int64_t y = h * p.stride[1] + kh * p.dilation[1] - p.pad[1];
              const int64_t x = w * p.stride[2] + kw * p.dilation[2] - p.pad[2];
              // Padding is the real number 0, which the zero point stands for: it adds nothing.
              if (z < 0 || z >= p.in[0] || y < 0 || y >= p.in[1] || x < 0 || x >= p.in[2]) continue;
              const uint8_t* pixel = src + ((z * p.in[1] + y) * p.in[2] + x) * p.channels;
              for (int64_t g = 0; g < p.group; ++g) {
                int32_t* sum = sums.data() + g * outs;
                for (int64_t c = 0; c < ins; ++c) {
                  const uint8_t byte = pixel[g * ins + c];
                  const int32_t value = (p.x.is_signed ? static_cast<int8_t>(byte) : byte) - p.x.zero_point;
                  const int16_t* weight = p.weights.data() + ((g * positions + k) * ins + c) * outs;
                  for (int64_t o = 0; o < outs; ++o) sum[o] += value * weight[o];
                }
              }
            }
          }
        }
        for (size_t o = 0; o < sums.size(); ++o) values[o] = static_cast<float>(sums[o]) * p.scale[o] + p.shift[o];
        if (p.has_residual) {
          DequantizeFloats(p.residual, residual + index * p.outputs, extra.data(), p.outputs);
          for (size_t o = 0; o < sums.size(); ++o) values[o] += extra[o];
        }
        if (p.activation.kind != Unary::kCopy) RunUnary(p.activation, values.data(), values.data(), p.outputs);
        if (p.quantized) {
          QuantizeFloats(p.y, values.data(), static_cast<uint8_t*>(dst) + index * p.outputs, p.outputs);
        } else {
          std::copy(values.begin(), values.end(), static_cast<float*>(dst) + index * p.outputs);
        }
      }
    }
  }
}

}  // namespace assize::engine
