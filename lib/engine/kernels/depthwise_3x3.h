// Depthwise convolution of floats with windows of 3 by 3: one filter per channel, bias and clamp in
// the same pass.
//
// Sixteen channels go side by side, and their taps stay in registers while the image passes. Sums
// run over the window in its order, from the bias on. (Larger windows are oneDNN's: measured faster
// there.) Tests: tests/engine/depthwise_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/engine/kernels/depthwise.h"

namespace assize::engine {

class Depthwise3x3 {
 public:
  // A window of 3 by 3, and at least 16 channels.
  static bool Fits(const DepthwiseShape& shape);
  // `weights`: [channels, 3, 3]; `bias`: [channels]. Results are held within [low, high]; infinite
  // bounds hold nothing back. Traps on a shape that does not fit.
  Depthwise3x3(const DepthwiseShape& shape, std::span<const float> weights,
               std::span<const float> bias, float low, float high);
  const DepthwiseShape& shape() const { return shape_; }
  // Output rows [begin, end) of one sample; arrays as in DepthwiseShape.
  void Run(const float* src, float* dst, int64_t begin, int64_t end) const;

 private:
  DepthwiseShape shape_;
  std::vector<float> taps_;  // [kernel position][channel]
  std::vector<float> bias_;
  float low_, high_;
};

}  // namespace assize::engine
