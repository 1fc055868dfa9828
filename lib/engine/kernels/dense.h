// Dense layers too small for a library call: a handful of rows times a matrix that stays in cache,
// with bias, bounds and requantization in the same pass. A row's result does not depend on the rows
// around it. Tests: tests/engine/dense_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/engine/kernels/byte_grid.h"

namespace assize::engine {

// y[r][n] = clamp(sum over k of x[r][k] * w[k][n] + bias[n], low, high), k in order.
class DenseFloat {
 public:
  // `weights`: [inputs, outputs].
  DenseFloat(int64_t inputs, int64_t outputs, std::span<const float> weights,
             std::span<const float> bias, float low, float high);
  void Run(const float* x, float* y, int64_t rows) const;

 private:
  int64_t inputs_, outputs_;
  std::vector<float> packed_;  // [block of 16 outputs][inputs][16]
  std::vector<float> bias_;    // padded to whole blocks
  float low_, high_;
};

struct DenseBytesSpec {
  int64_t inputs = 1, outputs = 1;  // inputs at most kMaxDenseInputs
  bool source_signed = false;
  int32_t source_zero = 0;
  std::vector<float> scale, shift;  // [outputs]: of the exact sum of (q - source_zero) * w
  float low = 0, high = 0;          // bounds of scale * sum + shift
  bool quantized = false;           // bytes: what is bounded is in steps of the grid, before `zero`
  int32_t zero = 0;
};
constexpr int64_t kMaxDenseInputs = 4096;

class DenseBytes {
 public:
  // `weights`: [outputs, inputs].
  DenseBytes(DenseBytesSpec spec, const int8_t* weights);
  // `y` holds floats or bytes, as the spec says.
  void Run(const uint8_t* x, void* y, int64_t rows) const;

 private:
  DenseBytesSpec spec_;
  std::vector<int8_t> packed_;  // [block of 16 outputs][four inputs][16][4]
  std::vector<int32_t> start_;  // what the zero point adds
};

}  // namespace assize::engine
