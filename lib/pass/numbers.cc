// Rounding of computed weights. Tests: tests/pass/rewrite_test.cc.
#include "lib/pass/numbers.h"

#include <cmath>

#include "lib/ir/float_formats.h"

namespace assize::pass {
namespace {

// Double to float with round-to-odd, so that a second rounding to 16 bits is the same as one
// rounding.
float RoundToOdd(double value) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  if (back == value || !std::isfinite(nearest)) return nearest;
  uint32_t bits = 0;
  std::memcpy(&bits, &nearest, sizeof bits);
  if ((bits & 1) != 0) return nearest;
  const float toward = back < value ? INFINITY : -INFINITY;
  return std::nextafter(nearest, toward);
}

}  // namespace

bool IsComputable(ir::DType dtype) {
  return dtype == ir::DType::kFloat || dtype == ir::DType::kDouble ||
         dtype == ir::DType::kFloat16 || dtype == ir::DType::kBfloat16;
}

std::optional<ir::Tensor> RoundTo(ir::DType dtype, const ir::Shape& dims,
                                  const std::vector<double>& values) {
  if (!IsComputable(dtype)) return std::nullopt;
  for (const double v : values) {
    if (!std::isfinite(v)) return std::nullopt;
  }
  if (dtype == ir::DType::kDouble) return ir::Tensor::Of<double>(dims, values);
  if (dtype == ir::DType::kFloat) {
    std::vector<float> floats;
    for (const double v : values) {
      floats.push_back(static_cast<float>(v));
      if (!std::isfinite(floats.back())) return std::nullopt;
    }
    return ir::Tensor::Of<float>(dims, floats);
  }
  std::vector<std::byte> bytes(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const float f = RoundToOdd(values[i]);
    const bool half = dtype == ir::DType::kFloat16;
    const uint16_t bits = half ? ir::FloatToHalf(f) : ir::FloatToBfloat16(f);
    if (!std::isfinite(half ? ir::HalfToFloat(bits) : ir::Bfloat16ToFloat(bits)))
      return std::nullopt;
    std::memcpy(&bytes[2 * i], &bits, 2);
  }
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

}  // namespace assize::pass
