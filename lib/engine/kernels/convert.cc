// Tests: tests/engine/native_ops_test.cc.
#include "lib/engine/kernels/convert.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "lib/ir/float_formats.h"

namespace assize::engine {
namespace {

using ir::DType;

struct Bool {
  uint8_t value;
};

template <typename F>
bool Visit(DType dtype, F f) {
  switch (dtype) {
    case DType::kFloat:
      return f.template operator()<float>();
    case DType::kDouble:
      return f.template operator()<double>();
    case DType::kInt8:
      return f.template operator()<int8_t>();
    case DType::kUint8:
      return f.template operator()<uint8_t>();
    case DType::kInt16:
      return f.template operator()<int16_t>();
    case DType::kUint16:
      return f.template operator()<uint16_t>();
    case DType::kInt32:
      return f.template operator()<int32_t>();
    case DType::kUint32:
      return f.template operator()<uint32_t>();
    case DType::kInt64:
      return f.template operator()<int64_t>();
    case DType::kBool:
      return f.template operator()<Bool>();
    default:
      return false;
  }
}

template <typename To>
To FromReal(double value) {
  if (std::isnan(value)) return 0;
  // Powers of two: exact as doubles, unlike the largest 64-bit integer.
  const double beyond = std::ldexp(1.0, std::numeric_limits<To>::digits);
  if (value >= beyond) return std::numeric_limits<To>::max();
  if (value <= (std::is_signed_v<To> ? -beyond : 0.0)) return std::numeric_limits<To>::min();
  return static_cast<To>(value);
}

template <typename From, typename To>
void Convert(const From* src, To* dst, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<From, To>) {
      dst[i] = src[i];
    } else if constexpr (std::is_same_v<From, Bool>) {
      dst[i] = static_cast<To>(src[i].value != 0 ? 1 : 0);
    } else if constexpr (std::is_same_v<To, Bool>) {
      dst[i].value = src[i] != 0 ? 1 : 0;
    } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
      dst[i] = FromReal<To>(static_cast<double>(src[i]));
    } else {
      dst[i] = static_cast<To>(src[i]);
    }
  }
}

// Between float and its 16-bit forms, one element at a time. Not for other pairs: the way from 64
// bits over float to 16 would round twice.
bool Is16(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBfloat16; }

template <typename From, typename To, typename F>
void Each(const std::byte* src, std::byte* dst, int64_t count, F convert) {
  const auto* from = reinterpret_cast<const From*>(src);
  auto* to = reinterpret_cast<To*>(dst);
  for (int64_t i = 0; i < count; ++i) to[i] = convert(from[i]);
}

}  // namespace

bool CanConvert(DType from, DType to) {
  if (Is16(from) || Is16(to)) return from == DType::kFloat || to == DType::kFloat;
  const auto yes = []<typename T>() { return true; };
  return Visit(from, yes) && Visit(to, yes);
}

void ConvertElements(DType from, const std::byte* src, DType to, std::byte* dst, int64_t count) {
  if (from == DType::kFloat16) return Each<uint16_t, float>(src, dst, count, ir::HalfToFloat);
  if (from == DType::kBfloat16) return Each<uint16_t, float>(src, dst, count, ir::Bfloat16ToFloat);
  if (to == DType::kFloat16) return Each<float, uint16_t>(src, dst, count, ir::FloatToHalf);
  if (to == DType::kBfloat16) return Each<float, uint16_t>(src, dst, count, ir::FloatToBfloat16);
  Visit(from, [&]<typename From>() {
    return Visit(to, [&]<typename To>() {
      Convert(reinterpret_cast<const From*>(src), reinterpret_cast<To*>(dst), count);
      return true;
    });
  });
}

}  // namespace assize::engine
