// Array's storage, conversions and row selection. Tests: tests/data/array_test.cc.
#include "lib/data/array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "lib/support/suggest.h"

namespace assize::data {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are little endian in memory");

struct DTypeRow {
  DType dtype;
  const char* name;
  const char* long_name;
  size_t size;
};
constexpr DTypeRow kDTypes[] = {
    {DType::kBool, "bool", "bool", 1},  {DType::kI8, "i8", "int8", 1},
    {DType::kI16, "i16", "int16", 2},   {DType::kI32, "i32", "int32", 4},
    {DType::kI64, "i64", "int64", 8},   {DType::kU8, "u8", "uint8", 1},
    {DType::kU16, "u16", "uint16", 2},  {DType::kU32, "u32", "uint32", 4},
    {DType::kU64, "u64", "uint64", 8},  {DType::kF16, "f16", "float16", 2},
    {DType::kF32, "f32", "float32", 4}, {DType::kF64, "f64", "float64", 8},
};

// Calls visit(T{}) with the C++ type that stores `dtype` (f16 as uint16_t).
template <typename Visitor>
decltype(auto) WithStorage(DType dtype, Visitor&& visit) {
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
      return visit(uint8_t{});
    case DType::kI8:
      return visit(int8_t{});
    case DType::kI16:
      return visit(int16_t{});
    case DType::kI32:
      return visit(int32_t{});
    case DType::kI64:
      return visit(int64_t{});
    case DType::kU16:
    case DType::kF16:
      return visit(uint16_t{});
    case DType::kU32:
      return visit(uint32_t{});
    case DType::kU64:
      return visit(uint64_t{});
    case DType::kF32:
      return visit(float{});
    case DType::kF64:
      return visit(double{});
  }
  AZ_CHECK(false, "dtype {}", static_cast<int>(dtype));
  return visit(uint8_t{});
}

template <typename T>
T LoadElement(const Array& array, int64_t element) {
  T value;
  std::memcpy(&value, array.bytes.data() + static_cast<size_t>(element) * sizeof(T), sizeof(T));
  return value;
}

// An integer element as a 128-bit value, so that u64 and i64 compare without loss.
__extension__ using Wide = __int128;

bool IntegerRange(DType dtype, Wide& low, Wide& high) {
  switch (dtype) {
    case DType::kBool:
      low = 0, high = 1;
      return true;
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64: {
      const int bits = static_cast<int>(SizeOf(dtype)) * 8;
      high = (Wide{1} << (bits - 1)) - 1;
      low = -high - 1;
      return true;
    }
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
    case DType::kU64:
      low = 0;
      high = (Wide{1} << (static_cast<int>(SizeOf(dtype)) * 8)) - 1;
      return true;
    default:
      return false;
  }
}

}  // namespace

size_t SizeOf(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].size; }
const char* DTypeName(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].name; }

StatusOr<DType> ParseDType(std::string_view name) {
  std::vector<std::string> known;
  for (const DTypeRow& row : kDTypes) {
    if (name == row.name || name == row.long_name) return row.dtype;
    known.push_back(row.name);
    known.push_back(row.long_name);
  }
  if (name == "float") return DType::kF32;
  if (name == "double") return DType::kF64;
  return InvalidArgument("unknown element type \"{}\"{}", name, DidYouMean(name, known));
}

bool IsFloat(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kF32 || dtype == DType::kF64;
}

StatusOr<int64_t> ElementCount(std::span<const int64_t> shape) {
  // Zero wins over overflow only when every other dimension is sane too: each is checked first.
  bool zero = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0) {
      return InvalidArgument("dimension {} of shape {} is negative", i, ShapeText(shape));
    }
    zero = zero || shape[i] == 0;
  }
  if (zero) return 0;
  int64_t count = 1;
  for (const int64_t dim : shape) {
    if (__builtin_mul_overflow(count, dim, &count)) {
      return ResourceExhausted("shape {} has more than 2^63 - 1 elements", ShapeText(shape));
    }
  }
  return count;
}

std::string ShapeText(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

StatusOr<Array> Array::FromBytes(DType dtype, std::vector<int64_t> shape,
                                 std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view(*owner);
  return View(dtype, std::move(shape), view, std::move(owner));
}

StatusOr<Array> Array::View(DType dtype, std::vector<int64_t> shape,
                            std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  AZ_ASSIGN_OR_RETURN(const int64_t count, ElementCount(shape));
  int64_t wanted = 0;
  if (__builtin_mul_overflow(count, static_cast<int64_t>(SizeOf(dtype)), &wanted)) {
    return ResourceExhausted("{} {} has more than 2^63 - 1 bytes", DTypeName(dtype),
                             ShapeText(shape));
  }
  if (static_cast<uint64_t>(wanted) != bytes.size()) {
    return InvalidArgument("{} {} needs {} bytes, found {}", DTypeName(dtype), ShapeText(shape),
                           wanted, bytes.size());
  }
  if (reinterpret_cast<uintptr_t>(bytes.data()) % 8 != 0) {
    auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    bytes = *copy;
    owner = std::move(copy);
  }
  Array array;
  array.dtype = dtype;
  array.shape = std::move(shape);
  array.owner = std::move(owner);
  array.bytes = bytes;
  return array;
}

int64_t Array::size() const { return static_cast<int64_t>(bytes.size() / SizeOf(dtype)); }

int64_t Array::row_elements() const {
  int64_t count = 1;
  for (size_t i = 1; i < shape.size(); ++i) count *= shape[i];
  return count;
}

double Array::ValueAt(int64_t element) const {
  AZ_CHECK(element >= 0 && element < size(), "element {} of {}", element, size());
  if (dtype == DType::kF16) return HalfToFloat(LoadElement<uint16_t>(*this, element));
  return WithStorage(dtype, [&](auto type) {
    return static_cast<double>(LoadElement<decltype(type)>(*this, element));
  });
}

std::string Array::ToString() const {
  return fmt::format("{} {}", DTypeName(dtype), ShapeText(shape));
}

StatusOr<Array> Cast(const Array& array, DType dtype) {
  if (array.dtype == dtype) return array;
  const int64_t count = array.size();
  const uint64_t size = static_cast<uint64_t>(count) * SizeOf(dtype);
  std::vector<std::byte> bytes(size);
  Wide low = 0, high = 0, source_low = 0, source_high = 0;
  const bool to_integer = IntegerRange(dtype, low, high);
  const bool from_integer = IntegerRange(array.dtype, source_low, source_high);
  const auto store = [&](int64_t i, auto value) {
    std::memcpy(bytes.data() + static_cast<size_t>(i) * sizeof(value), &value, sizeof(value));
  };
  for (int64_t i = 0; i < count; ++i) {
    if (to_integer) {
      Wide whole = 0;
      if (from_integer) {
        whole = WithStorage(array.dtype, [&](auto type) {
          return static_cast<Wide>(LoadElement<decltype(type)>(array, i));
        });
      } else {
        const double value = array.ValueAt(i);
        // 2^64 bounds every integer type here, so the conversion below is defined.
        if (!(std::abs(value) < 0x1p65) || value != std::trunc(value)) {
          return InvalidArgument("element {} is {}, which {} cannot hold", i, value,
                                 DTypeName(dtype));
        }
        whole = static_cast<Wide>(value);
      }
      if (whole < low || whole > high) {
        return InvalidArgument("element {} is {}, which {} cannot hold", i, array.ValueAt(i),
                               DTypeName(dtype));
      }
      WithStorage(dtype, [&](auto type) { store(i, static_cast<decltype(type)>(whole)); });
    } else if (dtype == DType::kF16) {
      store(i, FloatToHalf(static_cast<float>(array.ValueAt(i))));
    } else if (dtype == DType::kF32) {
      // Integers convert straight: 64-bit ones must not be rounded twice on the way through double.
      if (from_integer) {
        store(i, WithStorage(array.dtype, [&](auto type) {
                return static_cast<float>(LoadElement<decltype(type)>(array, i));
              }));
      } else {
        store(i, static_cast<float>(array.ValueAt(i)));
      }
    } else {
      store(i, array.ValueAt(i));
    }
  }
  return Array::FromBytes(dtype, array.shape, std::move(bytes));
}

StatusOr<Array> TakeRows(const Array& array, std::span<const int64_t> rows) {
  if (array.shape.empty()) return InvalidArgument("a scalar has no rows");
  const size_t row_bytes = array.row_bytes();
  std::vector<std::byte> bytes(rows.size() * row_bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= array.rows()) {
      return OutOfRange("row {} of {}: rows are 0 to {}", rows[i], array.ToString(),
                        array.rows() - 1);
    }
    if (row_bytes > 0) {
      std::memcpy(bytes.data() + i * row_bytes,
                  array.bytes.data() + static_cast<size_t>(rows[i]) * row_bytes, row_bytes);
    }
  }
  std::vector<int64_t> shape = array.shape;
  shape[0] = static_cast<int64_t>(rows.size());
  return Array::FromBytes(array.dtype, std::move(shape), std::move(bytes));
}

int64_t FirstNonFinite(const Array& array) {
  if (!IsFloat(array.dtype)) return -1;
  const int64_t count = array.size();
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(array.ValueAt(i))) return i;
  }
  return -1;
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24, exact in float
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // above 65519: inf
  if (magnitude < 0x38800000u) {  // below 2^-14: the unit is 2^-24
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24f;
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(scaled)));
  }
  const uint32_t rebased = magnitude - (112u << 23);
  const uint32_t odd = (rebased >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((rebased + 0xfffu + odd) >> 13));
}

}  // namespace assize::data
