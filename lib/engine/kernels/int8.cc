// Integer kernels over the loops of simd.h. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/int8.h"

#include <algorithm>
#include <cmath>

#include "lib/engine/kernels/simd.h"

namespace assize::engine {
namespace {

constexpr int64_t kBlock = 256;  // floats that stay in the first-level cache between stages

float Low(const QuantizeSpec& spec) {
  return static_cast<float>((spec.is_signed ? -128 : 0) - spec.zero_point);
}
float High(const QuantizeSpec& spec) {
  return static_cast<float>((spec.is_signed ? 127 : 255) - spec.zero_point);
}

// Adds the products of one output position to `sums`, one an output channel.
void SumPosition(const Int8ConvPlan& p, const uint8_t* src, int32_t zero_point, int64_t d,
                 int64_t h, int64_t w, int32_t* sums) {
  const int64_t ins = p.channels / p.group, outs = p.outputs / p.group;
  const int64_t positions = p.kernel[0] * p.kernel[1] * p.kernel[2];
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
          int32_t* sum = sums + g * outs;
          for (int64_t c = 0; c < ins; ++c) {
            const uint8_t byte = pixel[g * ins + c];
            const int32_t value = (p.x.is_signed ? static_cast<int8_t>(byte) : byte) - zero_point;
            const int16_t* weight = p.weights.data() + ((g * positions + k) * ins + c) * outs;
            simd::MultiplyAccumulate(value, weight, sum, outs);
          }
        }
      }
    }
  }
}

}  // namespace

void QuantizeFloats(const QuantizeSpec& spec, const float* src, uint8_t* dst, int64_t count) {
  // Clamping to whole numbers first does not change what rounding gives, and keeps the conversion
  // in range.
  simd::Quantize(src, dst, count, spec.scale, Low(spec), High(spec), spec.zero_point);
}

void DequantizeFloats(const QuantizeSpec& spec, const uint8_t* src, float* dst, int64_t count) {
  if (spec.is_signed) {
    simd::DequantizeS8(reinterpret_cast<const int8_t*>(src), dst, count, spec.scale,
                       spec.zero_point);
  } else {
    simd::DequantizeU8(src, dst, count, spec.scale, spec.zero_point);
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

void RunQuantBinary(const QuantBinarySpec& spec, const uint8_t* a, const uint8_t* b, uint8_t* y,
                    int64_t count) {
  float left[kBlock], right[kBlock];
  for (int64_t i = 0; i < count; i += kBlock) {
    const int64_t n = std::min(kBlock, count - i);
    DequantizeFloats(spec.a, a + i, left, n);
    DequantizeFloats(spec.b, b + i, right, n);
    switch (spec.op) {
      case Binary::kSub:
        simd::SubFloats(left, right, left, n);
        break;
      case Binary::kMul:
        simd::MulFloats(left, right, left, n);
        break;
      case Binary::kDiv:
        simd::DivFloats(left, right, left, n);
        break;
      default:
        simd::AddFloats(left, right, left, n);
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
  std::vector<int32_t> sums(static_cast<size_t>(p.outputs));
  std::vector<float> values(sums.size()), extra(sums.size());
  int64_t index = 0;
  for (int64_t d = 0; d < p.out[0]; ++d) {
    for (int64_t h = 0; h < p.out[1]; ++h) {
      for (int64_t w = 0; w < p.out[2]; ++w, ++index) {
        std::fill(sums.begin(), sums.end(), 0);
        SumPosition(p, src, p.x.zero_point, d, h, w, sums.data());
        simd::ScaleShiftInts(sums.data(), p.scale.data(), p.shift.data(), values.data(), p.outputs);
        if (p.has_residual) {
          DequantizeFloats(p.residual, residual + index * p.outputs, extra.data(), p.outputs);
          simd::AddFloats(values.data(), extra.data(), values.data(), p.outputs);
        }
        if (p.activation.kind != Unary::kCopy)
          RunUnary(p.activation, values.data(), values.data(), p.outputs);
        if (p.quantized) {
          QuantizeFloats(p.y, values.data(), static_cast<uint8_t*>(dst) + index * p.outputs,
                         p.outputs);
        } else {
          std::copy(values.begin(), values.end(), static_cast<float*>(dst) + index * p.outputs);
        }
      }
    }
  }
}

void SumInt8Conv(const Int8ConvPlan& p, const uint8_t* src, int32_t zero_point, int32_t* sums) {
  std::fill(sums, sums + p.out[0] * p.out[1] * p.out[2] * p.outputs, 0);
  for (int64_t d = 0; d < p.out[0]; ++d) {
    for (int64_t h = 0; h < p.out[1]; ++h) {
      for (int64_t w = 0; w < p.out[2]; ++w, sums += p.outputs)
        SumPosition(p, src, zero_point, d, h, w, sums);
    }
  }
}

}  // namespace assize::engine
