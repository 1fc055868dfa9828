// What products of bytes share when a zero point may be known only as they run. Tests:
// tests/engine/dynamic_quantized_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/engine/lower.h"

namespace assize::engine {

// Sums fit 32 bits whatever the data: of bytes and int8, and of differences of bytes.
inline constexpr int64_t kMostProducts = 2147483647 / (255 * 128);
inline constexpr int64_t kMostDifferences = 2147483647 / (255 * 255);

inline bool IsByte(ir::DType dtype) {
  return dtype == ir::DType::kUint8 || dtype == ir::DType::kInt8;
}
inline int32_t ByteAt(const uint8_t* bytes, bool is_signed, int64_t i) {
  return is_signed ? static_cast<int8_t>(bytes[i]) : bytes[i];
}
// `given` bytes as `count` numbers; one stands for all.
std::vector<int32_t> SpreadBytes(const uint8_t* bytes, bool is_signed, int64_t given,
                                 int64_t count);

// `zero`: none, or one byte of type `dtype`, or (where `columns` is not 0) one for each of so many.
bool IsZeroPoint(Facts& facts, ir::ValueRef zero, ir::DType dtype, int64_t columns);

// Constant weights as int8, their zero points moved as far: one a channel, or none when all are 0.
struct MovedWeights {
  std::vector<int8_t> bytes;
  std::vector<int32_t> zeros;
};
// nullopt when the zero point is not known.
std::optional<MovedWeights> MoveWeights(Facts& facts, const ir::Tensor& weights, ir::ValueRef zero,
                                        int64_t channels);

// Rows of sums as the unit's result.
struct Lowering::SumRows {
  Operand y, scale, bias;  // undefined scale: the sums are the result, where they lie
  int64_t scale_step = 0, bias_step = 0;
  bool scaled() const { return scale.defined(); }
  std::vector<Operand> reads() const;
  // Row `row` of `count` sums, unless they are the result themselves.
  void Store(const StepContext& c, const int32_t* sums, int64_t row, int64_t count) const;
};

}  // namespace assize::engine
