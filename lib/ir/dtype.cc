// One table of element types that every query reads. Tests: tests/ir/dtype_test.cc.
#include "lib/ir/dtype.h"

#include <array>

namespace assize::ir {
namespace {

enum class Class { kNone, kFloating, kInteger, kOther };

struct Row {
  std::string_view name, short_name;
  int bits;
  Class kind;
};

// Indexed by ONNX's number.
constexpr std::array<Row, kMaxDType + 1> kRows = {{
    {"undefined", "?", 0, Class::kNone},
    {"float", "f32", 32, Class::kFloating},
    {"uint8", "u8", 8, Class::kInteger},
    {"int8", "i8", 8, Class::kInteger},
    {"uint16", "u16", 16, Class::kInteger},
    {"int16", "i16", 16, Class::kInteger},
    {"int32", "i32", 32, Class::kInteger},
    {"int64", "i64", 64, Class::kInteger},
    {"string", "str", 0, Class::kOther},
    {"bool", "bool", 8, Class::kOther},
    {"float16", "f16", 16, Class::kFloating},
    {"double", "f64", 64, Class::kFloating},
    {"uint32", "u32", 32, Class::kInteger},
    {"uint64", "u64", 64, Class::kInteger},
    {"complex64", "c64", 64, Class::kOther},
    {"complex128", "c128", 128, Class::kOther},
    {"bfloat16", "bf16", 16, Class::kFloating},
    {"float8e4m3fn", "f8e4m3fn", 8, Class::kFloating},
    {"float8e4m3fnuz", "f8e4m3fnuz", 8, Class::kFloating},
    {"float8e5m2", "f8e5m2", 8, Class::kFloating},
    {"float8e5m2fnuz", "f8e5m2fnuz", 8, Class::kFloating},
    {"uint4", "u4", 4, Class::kInteger},
    {"int4", "i4", 4, Class::kInteger},
    {"float4e2m1", "f4e2m1", 4, Class::kFloating},
    {"float8e8m0", "f8e8m0", 8, Class::kFloating},
    {"uint2", "u2", 2, Class::kInteger},
    {"int2", "i2", 2, Class::kInteger},
    {"float6e2m3", "f6e2m3", 8, Class::kFloating},
    {"float6e3m2", "f6e3m2", 8, Class::kFloating},
}};

const Row& RowOf(DType dtype) {
  const auto number = static_cast<int32_t>(dtype);
  return kRows[number >= 0 && number <= kMaxDType ? static_cast<size_t>(number) : 0];
}

}  // namespace

bool IsKnownDType(int32_t number) { return number >= 1 && number <= kMaxDType; }
int BitsOf(DType dtype) { return RowOf(dtype).bits; }
std::string_view NameOf(DType dtype) { return RowOf(dtype).name; }
std::string_view ShortNameOf(DType dtype) { return RowOf(dtype).short_name; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (int32_t number = 1; number <= kMaxDType; ++number) {
    const Row& row = kRows[static_cast<size_t>(number)];
    if (row.name == name || row.short_name == name) return static_cast<DType>(number);
  }
  return std::nullopt;
}

bool IsFloating(DType dtype) { return RowOf(dtype).kind == Class::kFloating; }
bool IsInteger(DType dtype) { return RowOf(dtype).kind == Class::kInteger; }
bool IsPacked(DType dtype) { return BitsOf(dtype) > 0 && BitsOf(dtype) < 8; }

}  // namespace assize::ir
