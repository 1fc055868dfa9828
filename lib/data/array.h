// Array: a rectangular block of numbers in row-major order, little endian; what dataset files hold
// and what a session is fed with. Immutable and shared: copies are cheap. Tests:
// tests/data/array_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/support/status.h"

namespace assize::data {

enum class DType : uint8_t {
  kBool,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kF16,
  kF32,
  kF64
};

size_t SizeOf(DType dtype);          // bytes per element
const char* DTypeName(DType dtype);  // "bool" "i8" ... "u64" "f16" "f32" "f64"
StatusOr<DType> ParseDType(
    std::string_view name);  // also numpy's and ONNX's words: "float32", "uint8", "int64"
bool IsFloat(DType dtype);

template <typename T>
constexpr DType DTypeOf() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::kBool;
  else if constexpr (std::is_same_v<T, int8_t>)
    return DType::kI8;
  else if constexpr (std::is_same_v<T, int16_t>)
    return DType::kI16;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DType::kI32;
  else if constexpr (std::is_same_v<T, int64_t>)
    return DType::kI64;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DType::kU8;
  else if constexpr (std::is_same_v<T, uint16_t>)
    return DType::kU16;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return DType::kU32;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return DType::kU64;
  else if constexpr (std::is_same_v<T, float>)
    return DType::kF32;
  else {
    static_assert(std::is_same_v<T, double>);
    return DType::kF64;
  }
}

// Product of the dimensions; InvalidArgument for a negative one, ResourceExhausted when it leaves
// int64.
StatusOr<int64_t> ElementCount(std::span<const int64_t> shape);
std::string ShapeText(std::span<const int64_t> shape);  // "[624,28,28]", "[]"

// Elements are aligned for their type (at least 8 bytes). `owner` keeps `bytes` alive: memory or a
// mapped file.
struct Array {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;

  // Takes the bytes over; their number must be the shape's (checked, InvalidArgument otherwise).
  static StatusOr<Array> FromBytes(DType dtype, std::vector<int64_t> shape,
                                   std::vector<std::byte> bytes);
  // A view of somebody's memory; copied when it is not aligned.
  static StatusOr<Array> View(DType dtype, std::vector<int64_t> shape,
                              std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  // For our own code: the number of values is an invariant.
  template <typename T>
  static Array Of(std::vector<int64_t> shape, const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    StatusOr<Array> array = FromBytes(DTypeOf<T>(), std::move(shape), std::move(bytes));
    AZ_CHECK(array.ok());
    return *std::move(array);
  }

  int64_t size() const;  // elements
  int64_t rows() const { return shape.empty() ? 0 : shape[0]; }
  int64_t row_elements() const;  // elements of one row (1 for a vector)
  size_t row_bytes() const { return static_cast<size_t>(row_elements()) * SizeOf(dtype); }
  template <typename T>
  std::span<const T> As() const {
    AZ_CHECK(dtype == DTypeOf<T>(), "array is {}", DTypeName(dtype));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  double ValueAt(int64_t element) const;  // any dtype as double (u64/i64 above 2^53 rounded)
  std::string ToString() const;           // "u8 [624,28,28]"
};

// The same shape with every element converted. Floats to integers must be whole and in range,
// integers to narrower integers in range (InvalidArgument naming the element); f64 to f32 rounds to
// nearest.
StatusOr<Array> Cast(const Array& array, DType dtype);
// Some rows, in the given order. OutOfRange for a row that is not there.
StatusOr<Array> TakeRows(const Array& array, std::span<const int64_t> rows);
// Index of the first NaN or infinity of a float array, or -1.
int64_t FirstNonFinite(const Array& array);

float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);  // to nearest, ties to even

}  // namespace assize::data
