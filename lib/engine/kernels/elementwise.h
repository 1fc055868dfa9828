// Elementwise arithmetic on float: one operation a call, the same rounding steps as the reference.
// Tests: tests/engine/kernels_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace assize::engine {

enum class Unary {
  kRelu,
  kClip,
  kLeakyRelu,
  kSigmoid,
  kTanh,
  kElu,
  kSelu,
  kCelu,
  kHardSigmoid,
  kHardSwish,
  kSwish,
  kMish,
  kSoftsign,
  kThresholdedRelu,
  kShrink,
  kSign,
  kRound,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kExp,
  kLog,
  kSqrt,
  kAbs,
  kNeg,
  kReciprocal,
  kFloor,
  kCeil,
  kErf,
  kSoftplus,
  kGelu,
  kGeluTanh,
  kCopy
};
struct UnaryOpSpec {
  Unary kind = Unary::kCopy;
  // kClip: bounds; kLeakyRelu, kElu, kCelu, kThresholdedRelu, kSwish: alpha in a; kSelu: alpha,
  // gamma; kHardSigmoid: alpha, beta; kShrink: bias, lambd
  float a = 0, b = 0;
};

// Each result the one rounding of the exact value, where the op is not a chain of roundings itself.
// src may be dst.
void RunUnary(const UnaryOpSpec& op, const float* src, float* dst, int64_t count);

// The same to within 2e-7 where vectors make it much faster.
void RunUnaryFast(const UnaryOpSpec& op, const float* src, float* dst, int64_t count);

enum class Binary { kAdd, kSub, kMul, kDiv, kPow, kPRelu };
std::optional<Binary> BinaryFromName(std::string_view op_type);

// Operands of one shape after broadcasting; strides in elements, 0 along broadcast dims; the result
// is dense in its own order of dims.
struct BinaryPlan {
  struct Dim {
    int64_t size, a, b, y;
  };
  std::vector<Dim> dims;  // outermost first, merged
};
BinaryPlan PlanBinary(std::span<const int64_t> dims, std::span<const int64_t> a_strides,
                      std::span<const int64_t> b_strides, std::span<const int64_t> y_strides);
void RunBinary(Binary kind, const BinaryPlan& plan, const float* a, const float* b, float* y);

// y = x * k[c] + d[c] over [rows, channels], channels innermost.
void ScaleShiftChannelsLast(const float* src, const float* k, const float* d, float* dst,
                            int64_t rows, int64_t channels);
// The same over [outer, channels, inner].
void ScaleShiftPlain(const float* src, const float* k, const float* d, float* dst, int64_t outer,
                     int64_t channels, int64_t inner);

// Softmax over the middle of [outer, axis, inner]; sums in double. `log`: LogSoftmax.
void RunSoftmax(const float* src, float* dst, int64_t outer, int64_t axis, int64_t inner, bool log);

}  // namespace assize::engine
