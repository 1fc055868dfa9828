// The table of element types against the enum of ONNX's own .proto file.
#include "lib/ir/dtype.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "lib/support/files.h"

namespace assize::ir {
namespace {

// TensorProto.DataType of the .proto that the program is compiled with: name -> number.
std::map<std::string, int> ProtoEnum() {
  const std::string path = std::string(ASSIZE_SOURCE_DIR) + "/.deps/onnx-proto/onnx/onnx-ml.proto";
  const std::string text = ReadFile(path).value();
  const size_t begin = text.find("enum DataType {");
  const std::string body = text.substr(begin, text.find('}', begin) - begin);
  const std::regex row("\n *([A-Z0-9]+) = ([0-9]+);");
  std::map<std::string, int> rows;
  for (auto it = std::sregex_iterator(body.begin(), body.end(), row); it != std::sregex_iterator();
       ++it) {
    rows[(*it)[1]] = std::stoi((*it)[2]);
  }
  return rows;
}

TEST(DType, HasEveryNumberAndNameOfTheProto) {
  const std::map<std::string, int> proto = ProtoEnum();
  ASSERT_GE(proto.size(), 29u);
  for (const auto& [upper, number] : proto) {
    std::string name = upper;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    if (number == 0) continue;
    ASSERT_LE(number, kMaxDType) << name;
    EXPECT_TRUE(IsKnownDType(number));
    EXPECT_EQ(NameOf(static_cast<DType>(number)), name);
  }
  EXPECT_EQ(static_cast<size_t>(kMaxDType) + 1, proto.size());
}

TEST(DType, NumbersOutsideTheTableAreUndefined) {
  for (const int32_t number : {0, -1, kMaxDType + 1, INT32_MAX, INT32_MIN}) {
    EXPECT_FALSE(IsKnownDType(number));
    EXPECT_EQ(BitsOf(static_cast<DType>(number)), 0);
    EXPECT_FALSE(IsFloating(static_cast<DType>(number)));
    EXPECT_FALSE(IsInteger(static_cast<DType>(number)));
    EXPECT_FALSE(IsPacked(static_cast<DType>(number)));
  }
}

TEST(DType, NamesReadBackAndAreUnique) {
  std::set<std::string_view> names;
  for (int32_t number = 1; number <= kMaxDType; ++number) {
    const auto dtype = static_cast<DType>(number);
    EXPECT_EQ(DTypeFromName(NameOf(dtype)), dtype);
    EXPECT_EQ(DTypeFromName(ShortNameOf(dtype)), dtype);
    EXPECT_TRUE(names.insert(NameOf(dtype)).second);
    if (NameOf(dtype) != ShortNameOf(dtype)) {
      EXPECT_TRUE(names.insert(ShortNameOf(dtype)).second);
    }
  }
  EXPECT_EQ(DTypeFromName("float32"), std::nullopt);
  EXPECT_EQ(DTypeFromName(""), std::nullopt);
  EXPECT_EQ(DTypeFromName("undefined"), std::nullopt);
}

TEST(DType, StoredWidths) {
  const std::map<DType, int> bits = {
      {DType::kFloat, 32},     {DType::kBool, 8},         {DType::kFloat16, 16},
      {DType::kBfloat16, 16},  {DType::kComplex128, 128}, {DType::kUint4, 4},
      {DType::kInt4, 4},       {DType::kFloat4E2M1, 4},   {DType::kUint2, 2},
      {DType::kInt2, 2},       {DType::kFloat6E2M3, 8},   {DType::kFloat6E3M2, 8},
      {DType::kFloat8E8M0, 8}, {DType::kString, 0}};
  for (const auto& [dtype, want] : bits) EXPECT_EQ(BitsOf(dtype), want) << NameOf(dtype);
  std::set<DType> packed;
  for (int32_t number = 1; number <= kMaxDType; ++number) {
    if (IsPacked(static_cast<DType>(number))) packed.insert(static_cast<DType>(number));
  }
  EXPECT_EQ(packed, (std::set{DType::kUint4, DType::kInt4, DType::kFloat4E2M1, DType::kUint2,
                              DType::kInt2}));
}

TEST(DType, BoolStringAndComplexAreNeitherIntegersNorFloats) {
  for (const DType dtype : {DType::kBool, DType::kString, DType::kComplex64, DType::kComplex128}) {
    EXPECT_FALSE(IsInteger(dtype)) << NameOf(dtype);
    EXPECT_FALSE(IsFloating(dtype)) << NameOf(dtype);
  }
  for (const DType dtype :
       {DType::kFloat8E8M0, DType::kFloat6E3M2, DType::kFloat4E2M1, DType::kBfloat16}) {
    EXPECT_TRUE(IsFloating(dtype)) << NameOf(dtype);
  }
  for (const DType dtype : {DType::kInt2, DType::kUint4, DType::kUint64})
    EXPECT_TRUE(IsInteger(dtype));
}

}  // namespace
}  // namespace assize::ir
