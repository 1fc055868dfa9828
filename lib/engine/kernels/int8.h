// Integer kernels of our own: quantize, dequantize, tables, arithmetic, and convolution with exact
// 32-bit sums. Rounding is to nearest, ties to even. Tests: tests/engine/kernels_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lib/engine/kernels/elementwise.h"

namespace assize::engine {

// q = saturate(round(x / scale) + zero_point); NaN becomes the lowest value.
struct QuantizeSpec {
  float scale = 1;
  int32_t zero_point = 0;
  bool is_signed = false;
};
// dst holds uint8 or int8, as the spec says.
void QuantizeFloats(const QuantizeSpec& spec, const float* src, uint8_t* dst, int64_t count);
void DequantizeFloats(const QuantizeSpec& spec, const uint8_t* src, float* dst, int64_t count);

using ByteTable = std::array<uint8_t, 256>;
// table[byte] = Q_to(f(DQ_from(byte))).
ByteTable MakeTable(const QuantizeSpec& from, const UnaryOpSpec& f, const QuantizeSpec& to);
void ApplyTable(const ByteTable& table, const uint8_t* src, uint8_t* dst, int64_t count);

// y = Q(activation(DQ(a) op DQ(b))), computed as written, in float.
struct QuantBinarySpec {
  QuantizeSpec a, b, y;
  Binary op = Binary::kAdd;
  UnaryOpSpec activation;
};
void RunQuantBinary(const QuantBinarySpec& spec, const uint8_t* a, const uint8_t* b, uint8_t* y,
                    int64_t count);

// Channels-last convolution of one sample with exact sums: for CPUs whose 8-bit products saturate,
// and for shapes the library has no kernel for. Missing leading dims are 1.
struct Int8ConvPlan {
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1},
      dilation{1, 1, 1}, pad{0, 0, 0};
  int64_t group = 1, channels = 1, outputs = 1;  // channels in and out, all groups together
  QuantizeSpec x;
  std::vector<int16_t> weights;     // [group][kernel positions][channels / group][outputs / group]
  std::vector<float> scale, shift;  // y = scale[o] * sum + shift[o]
  bool has_residual = false;        // y += DQ(residual), before the activation
  QuantizeSpec residual;
  UnaryOpSpec activation;
  bool quantized = false;  // else float results
  QuantizeSpec y;
};
// Weights [outputs, channels / group, kernel positions] into the plan's order.
void PackWeights(Int8ConvPlan& plan, const int8_t* weights);
void RunInt8Conv(const Int8ConvPlan& plan, const uint8_t* src, const uint8_t* residual, void* dst);
// The sums alone, with the source's zero point known only now; weights are differences of bytes.
void SumInt8Conv(const Int8ConvPlan& plan, const uint8_t* src, int32_t zero_point, int32_t* sums);

}  // namespace assize::engine
