// Element types of tensors: ONNX's numbers, sizes and names.
// Tests: tests/ir/dtype_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assize::ir {

// Values equal onnx.TensorProto.DataType (IR version 14).
enum class DType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3Fn = 17,
  kFloat8E4M3Fnuz = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2Fnuz = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
  kFloat6E2M3 = 27,
  kFloat6E3M2 = 28,
};

inline constexpr int32_t kMaxDType = 28;

bool IsKnownDType(int32_t number);
// Bits per element as stored: 4 and 2 for packed types, 8 for float6 (one element a byte), 0 for
// strings.
int BitsOf(DType dtype);
std::string_view NameOf(
    DType dtype);  // "float", "uint8", "bfloat16", ... (ONNX's type-string names)
std::string_view ShortNameOf(DType dtype);  // "f32", "u8", "i4", ...
std::optional<DType> DTypeFromName(std::string_view name);

bool IsFloating(DType dtype);  // float, double, float16, bfloat16 and the small floats
bool IsInteger(DType dtype);   // signed or unsigned, packed ones too; not bool
bool IsPacked(DType dtype);    // several elements a byte: 4- and 2-bit types

// The C++ type of an element, for the types that have one.
template <typename T>
struct DTypeOf;
#define ASSIZE_DTYPE(T, D)                   \
  template <>                                \
  struct DTypeOf<T> {                        \
    static constexpr DType value = DType::D; \
  }
ASSIZE_DTYPE(float, kFloat);
ASSIZE_DTYPE(double, kDouble);
ASSIZE_DTYPE(uint8_t, kUint8);
ASSIZE_DTYPE(int8_t, kInt8);
ASSIZE_DTYPE(uint16_t, kUint16);
ASSIZE_DTYPE(int16_t, kInt16);
ASSIZE_DTYPE(int32_t, kInt32);
ASSIZE_DTYPE(int64_t, kInt64);
ASSIZE_DTYPE(uint32_t, kUint32);
ASSIZE_DTYPE(uint64_t, kUint64);
ASSIZE_DTYPE(bool, kBool);
#undef ASSIZE_DTYPE

}  // namespace assize::ir
