// Storage of tensors: owned bytes, views, strings. Tests: tests/ir/tensor_test.cc.
#include "lib/ir/tensor.h"

#include <cstring>
#include <mutex>

#include "lib/ir/float_formats.h"
#include "lib/support/files.h"

namespace assize::ir {

struct Tensor::Payload {
  std::vector<std::byte> owned;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  bool mapped = false;
  size_t alignment = 1;  // that the elements need to be read in place
  mutable std::once_flag aligned;
  mutable std::vector<std::byte> copy;  // of a view that is not aligned, once somebody reads it
  std::vector<std::string> strings;
  mutable std::once_flag digested;
  mutable Digest digest{};
};

std::optional<int64_t> ElementCount(std::span<const int64_t> dims) {
  // A zero dim makes the product zero only when the others are valid too, so all are looked at.
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, dim, &count)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : count;
}

std::optional<int64_t> ByteCount(DType dtype, int64_t count) {
  int64_t bits = 0;
  if (count < 0 || __builtin_mul_overflow(count, static_cast<int64_t>(BitsOf(dtype)), &bits)) {
    return std::nullopt;
  }
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

std::string ShapeText(std::span<const int64_t> dims) {
  return fmt::format("[{}]", fmt::join(dims, ","));
}

Tensor Tensor::FromBytes(DType dtype, Shape dims, std::vector<std::byte> bytes) {
  auto payload = std::make_shared<Payload>();
  payload->owned = std::move(bytes);
  payload->bytes = payload->owned;
  const std::optional<int64_t> count = ElementCount(dims);
  AZ_CHECK(BitsOf(dtype) > 0 && count &&
               ByteCount(dtype, *count) == static_cast<int64_t>(payload->bytes.size()),
           "{} {} from {} bytes", NameOf(dtype), ShapeText(dims), payload->bytes.size());
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.payload_ = std::move(payload);
  return tensor;
}

Tensor Tensor::View(DType dtype, Shape dims, std::span<const std::byte> bytes,
                    std::shared_ptr<const void> owner, bool mapped) {
  const std::optional<int64_t> count = ElementCount(dims);
  AZ_CHECK(
      BitsOf(dtype) > 0 && count && ByteCount(dtype, *count) == static_cast<int64_t>(bytes.size()),
      "{} {} viewed from {} bytes", NameOf(dtype), ShapeText(dims), bytes.size());
  auto payload = std::make_shared<Payload>();
  payload->bytes = bytes;
  payload->owner = std::move(owner);
  payload->mapped = mapped;
  payload->alignment = static_cast<size_t>(std::min(std::max(BitsOf(dtype) / 8, 1), 8));
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.payload_ = std::move(payload);
  return tensor;
}

Tensor Tensor::Strings(Shape dims, std::vector<std::string> values) {
  AZ_CHECK(ElementCount(dims) == static_cast<int64_t>(values.size()), "string {} from {} values",
           ShapeText(dims), values.size());
  auto payload = std::make_shared<Payload>();
  payload->strings = std::move(values);
  Tensor tensor;
  tensor.dtype_ = DType::kString;
  tensor.dims_ = std::move(dims);
  tensor.payload_ = std::move(payload);
  return tensor;
}

Tensor Tensor::Zeros(DType dtype, Shape dims) {
  const std::optional<int64_t> count = ElementCount(dims);
  AZ_CHECK(count.has_value(), "zeros of {}", ShapeText(dims));
  if (dtype == DType::kString) {
    return Strings(std::move(dims), std::vector<std::string>(static_cast<size_t>(*count)));
  }
  const std::optional<int64_t> size = ByteCount(dtype, *count);
  AZ_CHECK(size.has_value(), "zeros of {}", ShapeText(dims));
  return FromBytes(dtype, std::move(dims), std::vector<std::byte>(static_cast<size_t>(*size)));
}

int64_t Tensor::element_count() const { return defined() ? *ElementCount(dims_) : 0; }

std::span<const std::byte> Tensor::bytes() const {
  if (!payload_) return {};
  const std::span<const std::byte> raw = payload_->bytes;
  if (reinterpret_cast<uintptr_t>(raw.data()) % payload_->alignment == 0) return raw;
  std::call_once(payload_->aligned, [&] { payload_->copy.assign(raw.begin(), raw.end()); });
  return payload_->copy;
}

std::span<const std::byte> Tensor::raw_bytes() const {
  return payload_ ? payload_->bytes : std::span<const std::byte>();
}

void Tensor::Release() const {
  if (payload_ && payload_->mapped) DropPages(payload_->bytes);
}

const std::vector<std::string>& Tensor::strings() const {
  AZ_CHECK(dtype_ == DType::kString, "tensor of {} read as strings", NameOf(dtype_));
  return payload_->strings;
}

namespace {

// Calls visit(i, value) with the value of every element as its own C++ type (floats of small
// formats as float).
template <typename Visit>
void ForEachElement(const Tensor& tensor, const Visit& visit) {
  const auto count = static_cast<size_t>(tensor.element_count());
  const auto all = [&](auto zero) {
    const auto values = tensor.data<decltype(zero)>();
    for (size_t i = 0; i < count; ++i) visit(i, values[i]);
  };
  const auto raw = tensor.bytes();
  switch (tensor.dtype()) {
    case DType::kFloat:
      return all(float{});
    case DType::kDouble:
      return all(double{});
    case DType::kUint8:
      return all(uint8_t{});
    case DType::kInt8:
      return all(int8_t{});
    case DType::kUint16:
      return all(uint16_t{});
    case DType::kInt16:
      return all(int16_t{});
    case DType::kInt32:
      return all(int32_t{});
    case DType::kInt64:
      return all(int64_t{});
    case DType::kUint32:
      return all(uint32_t{});
    case DType::kUint64:
      return all(uint64_t{});
    case DType::kBool:
      for (size_t i = 0; i < count; ++i) visit(i, static_cast<uint8_t>(raw[i] != std::byte{0}));
      return;
    case DType::kFloat16:
    case DType::kBfloat16: {
      const auto values = tensor.data<uint16_t>();
      const bool half = tensor.dtype() == DType::kFloat16;
      for (size_t i = 0; i < count; ++i) {
        visit(i, half ? HalfToFloat(values[i]) : Bfloat16ToFloat(values[i]));
      }
      return;
    }
    case DType::kUint4:
    case DType::kInt4:
    case DType::kUint2:
    case DType::kInt2:
    case DType::kFloat4E2M1: {
      const int bits = BitsOf(tensor.dtype());
      const auto per_byte = static_cast<size_t>(8 / bits);
      const bool is_signed = tensor.dtype() == DType::kInt4 || tensor.dtype() == DType::kInt2;
      for (size_t i = 0; i < count; ++i) {
        const auto shift = static_cast<int>(i % per_byte) * bits;
        const int code = (static_cast<int>(raw[i / per_byte]) >> shift) & ((1 << bits) - 1);
        if (tensor.dtype() == DType::kFloat4E2M1) {
          visit(i, SmallFloatToFloat(DType::kFloat4E2M1, static_cast<uint8_t>(code)));
        } else {
          const int limit = 1 << (bits - 1);
          visit(i, static_cast<int32_t>(is_signed && code >= limit ? code - 2 * limit : code));
        }
      }
      return;
    }
    case DType::kFloat8E4M3Fn:
    case DType::kFloat8E4M3Fnuz:
    case DType::kFloat8E5M2:
    case DType::kFloat8E5M2Fnuz:
    case DType::kFloat8E8M0:
    case DType::kFloat6E2M3:
    case DType::kFloat6E3M2:
      for (size_t i = 0; i < count; ++i) {
        visit(i, SmallFloatToFloat(tensor.dtype(), static_cast<uint8_t>(raw[i])));
      }
      return;
    case DType::kUndefined:
    case DType::kString:
    case DType::kComplex64:
    case DType::kComplex128:
      break;
  }
  AZ_CHECK(false, "{} has no numeric value", NameOf(tensor.dtype()));
}

}  // namespace

std::vector<double> Tensor::ToDoubles() const {
  std::vector<double> values(static_cast<size_t>(element_count()));
  ForEachElement(*this, [&](size_t i, auto value) { values[i] = static_cast<double>(value); });
  return values;
}

std::vector<int64_t> Tensor::ToInts() const {
  AZ_CHECK(!IsFloating(dtype_), "{} read as integers", NameOf(dtype_));
  std::vector<int64_t> values(static_cast<size_t>(element_count()));
  ForEachElement(*this, [&](size_t i, auto value) { values[i] = static_cast<int64_t>(value); });
  return values;
}

std::vector<float> Tensor::ToFloats() const {
  AZ_CHECK(IsFloating(dtype_), "{} read as floats", NameOf(dtype_));
  std::vector<float> values(static_cast<size_t>(element_count()));
  ForEachElement(*this, [&](size_t i, auto value) { values[i] = static_cast<float>(value); });
  return values;
}

Tensor Tensor::Reshaped(Shape dims) const {
  AZ_CHECK(ElementCount(dims) == element_count(), "{} reshaped to {}", ShapeText(dims_),
           ShapeText(dims));
  Tensor tensor = *this;
  tensor.dims_ = std::move(dims);
  if (tensor
          .payload_) {  // the digest covers dims, so the reshaped tensor needs a payload of its own
    auto payload = std::make_shared<Payload>();
    payload->bytes = payload_->bytes;
    payload->mapped = payload_->mapped;
    payload->alignment = payload_->alignment;
    payload->strings = payload_->strings;
    payload->owner = payload_;
    tensor.payload_ = std::move(payload);
  }
  return tensor;
}

const Digest& Tensor::digest() const {
  static const Digest undefined = Sha256(std::string_view("undefined tensor"));
  if (!payload_) return undefined;
  std::call_once(payload_->digested, [&] {
    Sha256Stream stream;
    stream.UpdateInt(static_cast<int64_t>(dtype_));
    stream.UpdateInt(rank());
    for (const int64_t dim : dims_) stream.UpdateInt(dim);
    if (dtype_ == DType::kString) {
      for (const std::string& value : payload_->strings) stream.UpdateSized(value);
    } else {
      stream.Update(payload_->bytes);
    }
    payload_->digest = stream.Finish();
  });
  return payload_->digest;
}

bool operator==(const Tensor& a, const Tensor& b) {
  if (a.dtype_ != b.dtype_ || a.dims_ != b.dims_) return false;
  if (a.payload_ == b.payload_) return true;
  if (!a.payload_ || !b.payload_) return false;
  if (a.dtype_ == DType::kString) return a.payload_->strings == b.payload_->strings;
  const auto x = a.raw_bytes();
  const auto y = b.raw_bytes();
  return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0);
}

std::string Tensor::TypeText() const {
  return fmt::format("{} {}", ShortNameOf(dtype_), ShapeText(dims_));
}

}  // namespace assize::ir
