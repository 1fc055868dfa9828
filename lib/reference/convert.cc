// Elements in and out of tensors. Tests: tests/reference/numbers_test.cc.
#include "lib/reference/convert.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "lib/ir/float_formats.h"
#include "lib/support/status.h"

namespace assize::reference {
namespace {

using ir::DType;

bool IsSmallFloat(DType dtype) { return ir::IsFloating(dtype) && ir::BitsOf(dtype) <= 8; }

bool HasNan(DType dtype) {
  return dtype != DType::kFloat4E2M1 && dtype != DType::kFloat6E2M3 && dtype != DType::kFloat6E3M2;
}

// One element a byte, low bits, from ONNX's packing (first element in the low bits).
std::vector<std::byte> Unpack(const ir::Tensor& tensor) {
  const int bits = ir::BitsOf(tensor.dtype());
  const int per_byte = 8 / bits;
  const auto packed = tensor.bytes();
  std::vector<std::byte> out(static_cast<size_t>(tensor.element_count()));
  const unsigned mask = (1u << bits) - 1;
  for (size_t i = 0; i < out.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(packed[i / static_cast<size_t>(per_byte)]);
    out[i] =
        std::byte((byte >> (static_cast<int>(i % static_cast<size_t>(per_byte)) * bits)) & mask);
  }
  return out;
}

ir::Tensor Pack(DType dtype, ir::Shape dims, std::span<const std::byte> cells) {
  const int bits = ir::BitsOf(dtype);
  const auto per_byte = static_cast<size_t>(8 / bits);
  std::vector<std::byte> packed((cells.size() + per_byte - 1) / per_byte);
  const unsigned mask = (1u << bits) - 1;
  for (size_t i = 0; i < cells.size(); ++i) {
    const unsigned shifted = (std::to_integer<unsigned>(cells[i]) & mask)
                             << (static_cast<int>(i % per_byte) * bits);
    packed[i / per_byte] |= std::byte(shifted);
  }
  return ir::Tensor::FromBytes(dtype, std::move(dims), std::move(packed));
}

// Calls visit.template operator()<T>() for the C++ type of a plain type; false for the others.
template <typename Visit>
bool VisitPlain(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::kFloat:
      visit.template operator()<float>();
      return true;
    case DType::kDouble:
      visit.template operator()<double>();
      return true;
    case DType::kUint8:
      visit.template operator()<uint8_t>();
      return true;
    case DType::kInt8:
      visit.template operator()<int8_t>();
      return true;
    case DType::kUint16:
      visit.template operator()<uint16_t>();
      return true;
    case DType::kInt16:
      visit.template operator()<int16_t>();
      return true;
    case DType::kInt32:
      visit.template operator()<int32_t>();
      return true;
    case DType::kInt64:
      visit.template operator()<int64_t>();
      return true;
    case DType::kUint32:
      visit.template operator()<uint32_t>();
      return true;
    case DType::kUint64:
      visit.template operator()<uint64_t>();
      return true;
    default:
      return false;
  }
}

template <typename T>
T LoadAt(const std::byte* base, size_t i) {
  T value;
  std::memcpy(&value, base + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void StoreAt(std::byte* base, size_t i, T value) {
  std::memcpy(base + i * sizeof(T), &value, sizeof(T));
}

int SignExtend(unsigned value, int bits) {
  const unsigned sign = 1u << (bits - 1);
  return static_cast<int>((value ^ sign)) - static_cast<int>(sign);
}

int64_t SaturatedInt(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775808.0) return std::numeric_limits<int64_t>::max();
  if (value <= -9223372036854775808.0) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

// The bits of an integer type for a real: truncated toward zero and saturated.
int64_t ToIntType(DType dtype, double value) {
  if (dtype == DType::kUint64) {
    if (std::isnan(value) || value <= 0) return 0;
    if (value >= 18446744073709551616.0) return -1;
    return static_cast<int64_t>(static_cast<uint64_t>(value));
  }
  const int64_t whole = SaturatedInt(value);
  return std::min(std::max(whole, LowestInt(dtype)), HighestInt(dtype));
}

}  // namespace

bool IsNumeric(DType dtype) {
  return dtype == DType::kBool || ir::IsFloating(dtype) || ir::IsInteger(dtype);
}

bool IsUnsigned(DType dtype) {
  switch (dtype) {
    case DType::kUint2:
    case DType::kUint4:
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
    case DType::kUint64:
    case DType::kBool:
      return true;
    default:
      return false;
  }
}

int64_t LowestInt(DType dtype) {
  if (IsUnsigned(dtype)) return 0;
  const int bits = ir::BitsOf(dtype);
  return bits == 64 ? std::numeric_limits<int64_t>::min() : -(int64_t{1} << (bits - 1));
}

int64_t HighestInt(DType dtype) {
  if (dtype == DType::kBool) return 1;
  const int bits = ir::BitsOf(dtype) - (IsUnsigned(dtype) ? 0 : 1);
  return bits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << bits) - 1;
}

float RoundToOdd(double value) {
  const float nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || !std::isfinite(value) || !std::isfinite(nearest)) {
    return nearest;
  }
  // Toward zero, then the sticky bit.
  float truncated = nearest;
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value))
    truncated = std::nextafterf(nearest, 0.0f);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(truncated) | 1u);
}

std::vector<double> Reals(const ir::Tensor& tensor) {
  const DType dtype = tensor.dtype();
  std::vector<double> out(static_cast<size_t>(tensor.element_count()));
  const std::byte* base = tensor.bytes().data();
  if (VisitPlain(dtype, [&]<typename T>() {
        for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(LoadAt<T>(base, i));
      })) {
    return out;
  }
  if (dtype == DType::kFloat16 || dtype == DType::kBfloat16) {
    for (size_t i = 0; i < out.size(); ++i) {
      const auto bits = LoadAt<uint16_t>(base, i);
      out[i] = dtype == DType::kFloat16 ? ir::HalfToFloat(bits) : ir::Bfloat16ToFloat(bits);
    }
    return out;
  }
  std::vector<std::byte> unpacked;
  if (ir::IsPacked(dtype)) {
    unpacked = Unpack(tensor);
    base = unpacked.data();
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const auto bits = std::to_integer<uint8_t>(base[i]);
    if (IsSmallFloat(dtype)) {
      out[i] = ir::SmallFloatToFloat(dtype, bits);
    } else if (dtype == DType::kBool) {
      out[i] = bits != 0 ? 1 : 0;
    } else {
      out[i] = IsUnsigned(dtype) ? bits : SignExtend(bits, ir::BitsOf(dtype));
    }
  }
  return out;
}

std::vector<int64_t> Ints(const ir::Tensor& tensor) {
  const DType dtype = tensor.dtype();
  std::vector<int64_t> out(static_cast<size_t>(tensor.element_count()));
  if (ir::IsFloating(dtype)) {
    const std::vector<double> reals = Reals(tensor);
    for (size_t i = 0; i < out.size(); ++i) out[i] = SaturatedInt(reals[i]);
    return out;
  }
  const std::byte* base = tensor.bytes().data();
  if (VisitPlain(dtype, [&]<typename T>() {
        for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int64_t>(LoadAt<T>(base, i));
      })) {
    return out;
  }
  std::vector<std::byte> unpacked;
  if (ir::IsPacked(dtype)) {
    unpacked = Unpack(tensor);
    base = unpacked.data();
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const auto bits = std::to_integer<uint8_t>(base[i]);
    if (dtype == DType::kBool) {
      out[i] = bits != 0 ? 1 : 0;
    } else {
      out[i] = IsUnsigned(dtype) ? bits : SignExtend(bits, ir::BitsOf(dtype));
    }
  }
  return out;
}

ir::Tensor FromReals(DType dtype, ir::Shape dims, std::span<const double> values, bool saturate) {
  if (ir::IsInteger(dtype) || dtype == DType::kBool) {
    std::vector<int64_t> whole(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      whole[i] = dtype == DType::kBool ? (values[i] != 0 ? 1 : 0) : ToIntType(dtype, values[i]);
    }
    return FromInts(dtype, std::move(dims), whole);
  }
  const int bits = ir::BitsOf(dtype);
  std::vector<std::byte> bytes(values.size() * static_cast<size_t>(std::max(bits, 8) / 8));
  for (size_t i = 0; i < values.size(); ++i) {
    switch (dtype) {
      case DType::kDouble:
        StoreAt(bytes.data(), i, values[i]);
        break;
      case DType::kFloat:
        StoreAt(bytes.data(), i, static_cast<float>(values[i]));
        break;
      case DType::kFloat16:
        StoreAt(bytes.data(), i, ir::FloatToHalf(RoundToOdd(values[i])));
        break;
      case DType::kBfloat16:
        StoreAt(bytes.data(), i, ir::FloatToBfloat16(RoundToOdd(values[i])));
        break;
      default:
        // The formats without NaN make it -0, as ONNX's cases do.
        bytes[i] = std::byte(ir::FloatToSmallFloat(
            dtype, std::isnan(values[i]) && !HasNan(dtype) ? -0.0f : RoundToOdd(values[i]),
            saturate));
        break;
    }
  }
  if (ir::IsPacked(dtype)) return Pack(dtype, std::move(dims), bytes);
  return ir::Tensor::FromBytes(dtype, std::move(dims), std::move(bytes));
}

ir::Tensor FromInts(DType dtype, ir::Shape dims, std::span<const int64_t> values) {
  if (ir::IsFloating(dtype)) {
    std::vector<double> reals(values.size());
    for (size_t i = 0; i < values.size(); ++i) reals[i] = static_cast<double>(values[i]);
    return FromReals(dtype, std::move(dims), reals);
  }
  std::vector<std::byte> bytes(values.size() *
                               static_cast<size_t>(std::max(ir::BitsOf(dtype), 8) / 8));
  if (!VisitPlain(dtype, [&]<typename T>() {
        for (size_t i = 0; i < values.size(); ++i)
          StoreAt(bytes.data(), i, static_cast<T>(values[i]));
      })) {
    for (size_t i = 0; i < values.size(); ++i) {
      bytes[i] = dtype == DType::kBool ? std::byte{values[i] != 0 ? uint8_t{1} : uint8_t{0}}
                                       : std::byte(static_cast<uint8_t>(values[i] & 0xff));
    }
    if (ir::IsPacked(dtype)) return Pack(dtype, std::move(dims), bytes);
  }
  return ir::Tensor::FromBytes(dtype, std::move(dims), std::move(bytes));
}

ir::Tensor FromBools(ir::Shape dims, std::span<const uint8_t> values) {
  std::vector<std::byte> bytes(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    bytes[i] = std::byte{values[i] != 0 ? uint8_t{1} : uint8_t{0}};
  return ir::Tensor::FromBytes(DType::kBool, std::move(dims), std::move(bytes));
}

CellReader::CellReader(const ir::Tensor& tensor) : dtype_(tensor.dtype()) {
  if (dtype_ == DType::kString) {
    strings_ = &tensor.strings();
    return;
  }
  width_ = std::max(ir::BitsOf(dtype_), 8) / 8;
  if (ir::IsPacked(dtype_)) {
    unpacked_ = Unpack(tensor);
    base_ = unpacked_.data();
  } else {
    base_ = tensor.bytes().data();
  }
}

CellWriter::CellWriter(DType dtype, int64_t count) : dtype_(dtype) {
  if (dtype == DType::kString) {
    strings_.resize(static_cast<size_t>(count));
    return;
  }
  width_ = std::max(ir::BitsOf(dtype), 8) / 8;
  cells_.resize(static_cast<size_t>(count * width_));
}

void CellWriter::Copy(int64_t to, const CellReader& from, int64_t index) {
  if (from.strings_ != nullptr) {
    strings_[static_cast<size_t>(to)] = (*from.strings_)[static_cast<size_t>(index)];
    return;
  }
  std::byte* out = cells_.data() + to * width_;
  const std::byte* in = from.base_ + index * width_;
  switch (width_) {  // fixed sizes let the compiler move one register
    case 1:
      *out = *in;
      break;
    case 2:
      std::memcpy(out, in, 2);
      break;
    case 4:
      std::memcpy(out, in, 4);
      break;
    case 8:
      std::memcpy(out, in, 8);
      break;
    default:
      std::memcpy(out, in, static_cast<size_t>(width_));
      break;
  }
}

void CellWriter::CopyRun(int64_t to, const CellReader& from, int64_t index, int64_t count) {
  if (count <= 0) return;
  if (from.strings_ != nullptr) {
    for (int64_t i = 0; i < count; ++i) Copy(to + i, from, index + i);
    return;
  }
  std::memcpy(cells_.data() + to * width_, from.base_ + index * width_,
              static_cast<size_t>(count * width_));
}

ir::Tensor CellWriter::Finish(ir::Shape dims) && {
  if (dtype_ == DType::kString) return ir::Tensor::Strings(std::move(dims), std::move(strings_));
  if (ir::IsPacked(dtype_)) return Pack(dtype_, std::move(dims), cells_);
  return ir::Tensor::FromBytes(dtype_, std::move(dims), std::move(cells_));
}

ir::Tensor Select(const ir::Tensor& source, ir::Shape dims, std::span<const int64_t> index,
                  const ir::Tensor* fill) {
  const CellReader reader(source);
  CellWriter writer(source.dtype(), static_cast<int64_t>(index.size()));
  std::optional<CellReader> filler;
  if (fill != nullptr) filler.emplace(*fill);
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] >= 0) {
      writer.Copy(static_cast<int64_t>(i), reader, index[i]);
    } else if (filler) {
      writer.Copy(static_cast<int64_t>(i), *filler, 0);
    }
  }
  return std::move(writer).Finish(std::move(dims));
}

}  // namespace assize::reference
