// Depthwise convolution of bytes: one filter per channel, exact 32-bit sums, requantized in the
// same pass.
//
// Four rows of the window are interleaved byte by byte, channel by channel, so that one VNNI
// instruction multiplies four of them at once; a column that is interleaved serves every output
// whose window it lies in. Without VNNI a plain loop gives the same bits. Tests:
// tests/engine/depthwise_test.cc, tests/engine/int8_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace assize::engine {

// Arrays are channels-last [height, width, channels]; a missing height is 1.
struct DepthwiseShape {
  int64_t in_h = 1, in_w = 1, out_h = 1, out_w = 1, kernel_h = 1, kernel_w = 1, stride_h = 1,
          stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0, channels = 1;
};

// y = saturate(round(clamp(scale[c] * sum((q - source_zero) * w) + shift[c], low, high)) + zero):
// scale and shift are in steps of the result's grid, low and high bound what the activation and the
// byte leave.
struct DepthwiseSpec {
  DepthwiseShape shape;
  bool source_signed = false, result_signed = false;
  int32_t source_zero = 0, zero = 0;
  std::vector<float> scale, shift;  // [channels]
  float low = 0, high = 255;
};

class Depthwise {
 public:
  // `weights`: [channels, kernel_h, kernel_w].
  Depthwise(DepthwiseSpec spec, const int8_t* weights);
  const DepthwiseShape& shape() const { return spec_.shape; }
  // Output rows [begin, end) of one sample.
  void Run(const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end) const;

 private:
  DepthwiseSpec spec_;
  // Padded to whole blocks of channels, in the order that the chosen kernel reads.
  std::vector<int8_t> taps_;           // plain: [kernel position][channel]
  std::shared_ptr<std::byte> packed_;  // VNNI: [block][column][four rows][64 channels x 4]
  std::vector<int32_t> start_;         // what the zero point adds
  std::vector<uint8_t> fill_;          // a pixel of padding
  std::vector<float> scale_, shift_;
};

}  // namespace assize::engine
