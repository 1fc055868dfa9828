// Tensor: an immutable, reference-counted, dense array with a cached SHA-256.
//
// Copying a Tensor copies a pointer. The bytes are owned memory or a view of a mapped file; little
// endian, C order, packed types packed as ONNX does (first element in the low bits). Tests:
// tests/ir/tensor_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/dtype.h"
#include "lib/support/sha256.h"
#include "lib/support/status.h"

namespace assize::ir {

using Shape = std::vector<int64_t>;

// Product of dims; nullopt on a negative dim or int64 overflow.
std::optional<int64_t> ElementCount(std::span<const int64_t> dims);
// Bytes of `count` elements; nullopt on overflow. Strings: 0.
std::optional<int64_t> ByteCount(DType dtype, int64_t count);
std::string ShapeText(std::span<const int64_t> dims);  // "[2,3]"

class Tensor {
 public:
  Tensor() = default;  // undefined dtype, empty

  // Owns a copy of / takes the bytes. Dies unless the byte count fits dims (callers check untrusted
  // input first).
  static Tensor FromBytes(DType dtype, Shape dims, std::vector<std::byte> bytes);
  // Views memory that `owner` keeps alive. `mapped`: it is a file's, mapped read-only, and may
  // leave memory (Release).
  static Tensor View(DType dtype, Shape dims, std::span<const std::byte> bytes,
                     std::shared_ptr<const void> owner, bool mapped = false);
  static Tensor Strings(Shape dims, std::vector<std::string> values);
  template <typename T>
  static Tensor Of(Shape dims, const std::vector<T>& values);
  template <typename T>
  static Tensor Scalar(T value) {
    return Of<T>({}, std::vector<T>{value});
  }
  static Tensor Zeros(DType dtype, Shape dims);

  DType dtype() const { return dtype_; }
  const Shape& dims() const { return dims_; }
  int64_t rank() const { return static_cast<int64_t>(dims_.size()); }
  int64_t element_count() const;
  bool defined() const { return dtype_ != DType::kUndefined; }

  std::span<const std::byte> bytes() const;  // empty for strings
  // The bytes where they lie, for who copies them: in a file they may be unaligned, and bytes()
  // makes a copy then.
  std::span<const std::byte> raw_bytes() const;
  // The elements were read and will not soon be again: pages of a mapped file leave memory until
  // they are.
  void Release() const;
  const std::vector<std::string>& strings() const;  // dies unless dtype is kString
  // Elements as T. Dies unless T is the dtype's C++ type. float16/bfloat16 may be read as uint16_t,
  // the one-byte floats as uint8_t. Bytes of views may be unaligned in files: such tensors are
  // copied when first read.
  template <typename T>
  std::span<const T> data() const;

  // Any numeric tensor as double / int64 (widened exactly where possible; float to int64 is
  // refused).
  std::vector<double> ToDoubles() const;
  std::vector<int64_t> ToInts() const;
  // float tensor from any floating dtype (dies on others).
  std::vector<float> ToFloats() const;

  Tensor Reshaped(Shape dims) const;  // same bytes; dies unless counts agree

  // SHA-256 over dtype, dims and bytes (or strings); computed once.
  const Digest& digest() const;
  // Same dtype, dims and bytes.
  friend bool operator==(const Tensor& a, const Tensor& b);

  std::string TypeText() const;  // "f32 [2,3]"

 private:
  struct Payload;
  DType dtype_ = DType::kUndefined;
  Shape dims_;
  std::shared_ptr<const Payload> payload_;
};

template <typename T>
Tensor Tensor::Of(Shape dims, const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if constexpr (std::is_same_v<T, bool>) {
    for (size_t i = 0; i < values.size(); ++i)
      bytes[i] = std::byte{values[i] ? uint8_t{1} : uint8_t{0}};
  } else {
    if (!values.empty()) __builtin_memcpy(bytes.data(), values.data(), bytes.size());
  }
  return FromBytes(DTypeOf<T>::value, std::move(dims), std::move(bytes));
}

template <typename T>
std::span<const T> Tensor::data() const {
  constexpr DType want = DTypeOf<T>::value;
  const bool bits16 =
      std::is_same_v<T, uint16_t> && (dtype_ == DType::kFloat16 || dtype_ == DType::kBfloat16);
  const bool bits8 = std::is_same_v<T, uint8_t> && BitsOf(dtype_) == 8;
  AZ_CHECK(dtype_ == want || bits16 || bits8, "tensor of {} read as {}", NameOf(dtype_),
           NameOf(want));
  const auto raw = bytes();
  return {reinterpret_cast<const T*>(raw.data()), raw.size() / sizeof(T)};
}

}  // namespace assize::ir
