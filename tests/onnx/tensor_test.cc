// Element types one by one: typed fields against raw_data, exact lengths, ranges, and the layouts
// of packed types.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/onnx/onnx.h"
#include "tests/onnx/wire_builder.h"

namespace assize::onnx {
namespace {

using ir::DType;
using ::testing::HasSubstr;

std::string Packed(const std::vector<int64_t>& values) {
  std::string out;
  for (const int64_t value : values) AppendVarint(out, static_cast<uint64_t>(value));
  return out;
}

Wire Typed(int dtype, const std::vector<int64_t>& dims, int field, std::string_view packed) {
  Wire tensor;
  for (const int64_t dim : dims) tensor.Int(1, dim);
  return tensor.Int(2, dtype).Text(field, packed);
}

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

struct Pairing {
  DType dtype;
  std::vector<int64_t> dims;
  int field;
  std::string packed;
  std::string raw;
};

TEST(Tensor, TypedFieldsEqualRawData) {
  const std::vector<Pairing> pairs = {
      {DType::kFloat, {2}, 4, Bytes<float>({1.5f, -2}), Bytes<float>({1.5f, -2})},
      {DType::kComplex64, {1}, 4, Bytes<float>({1.5f, -2}), Bytes<float>({1.5f, -2})},
      {DType::kDouble, {2}, 10, Bytes<double>({1.5, -2}), Bytes<double>({1.5, -2})},
      {DType::kComplex128, {1}, 10, Bytes<double>({1.5, -2}), Bytes<double>({1.5, -2})},
      {DType::kInt64, {2}, 7, Packed({-5, 1ll << 40}), Bytes<int64_t>({-5, 1ll << 40})},
      {DType::kUint64, {2}, 11, Packed({-1, 7}), Bytes<uint64_t>({UINT64_MAX, 7})},
      {DType::kUint32, {2}, 11, Packed({0xffffffffll, 7}), Bytes<uint32_t>({0xffffffff, 7})},
      {DType::kInt32, {2}, 5, Packed({-5, 70000}), Bytes<int32_t>({-5, 70000})},
      {DType::kInt16, {2}, 5, Packed({-5, 7}), Bytes<int16_t>({-5, 7})},
      {DType::kInt8, {2}, 5, Packed({-128, 7}), Bytes<int8_t>({-128, 7})},
      {DType::kUint16, {2}, 5, Packed({65535, 7}), Bytes<uint16_t>({65535, 7})},
      {DType::kUint8, {2}, 5, Packed({255, 7}), Bytes<uint8_t>({255, 7})},
      {DType::kBool, {2}, 5, Packed({1, 0}), Bytes<uint8_t>({1, 0})},
      {DType::kFloat16, {2}, 5, Packed({0x3c00, 0xc000}), Bytes<uint16_t>({0x3c00, 0xc000})},
      {DType::kBfloat16, {1}, 5, Packed({0x3f80}), Bytes<uint16_t>({0x3f80})},
      {DType::kFloat8E4M3Fn, {2}, 5, Packed({0x80, 0x7f}), "\x80\x7f"},
      {DType::kFloat8E8M0, {1}, 5, Packed({0x7f}), "\x7f"},
      {DType::kUint4, {3}, 5, Packed({0x21, 0x03}), "\x21\x03"},
      {DType::kInt4, {3}, 5, Packed({0x2f, 0x03}), "\x2f\x03"},
      {DType::kInt4, {3}, 5, Packed({-2, 0x03}), "\xfe\x03"},  // written as a signed byte
      {DType::kFloat4E2M1, {2}, 5, Packed({0xa7}), "\xa7"},
      {DType::kUint2, {5}, 5, Packed({0xe4, 0x03}), "\xe4\x03"},
      {DType::kInt2, {4}, 5, Packed({0xe4}), "\xe4"},
      // Four six-bit elements in three bytes: 1, 2, 3, 63; then one more.
      {DType::kFloat6E2M3, {5}, 5, Packed({1, 2, 3, 63, 32}), "\x81\x30\xfc\x20"},
      {DType::kFloat6E3M2, {1}, 5, Packed({33}), "\x21"},
  };
  for (const Pairing& pair : pairs) {
    const int number = static_cast<int>(pair.dtype);
    const auto typed =
        ImportTensor(Typed(number, pair.dims, pair.field, pair.packed).bytes(), "typed");
    const auto raw = ImportTensor(Typed(number, pair.dims, 9, pair.raw).bytes(), "raw");
    ASSERT_TRUE(typed.ok()) << Message(typed.status()) << " " << NameOf(pair.dtype);
    ASSERT_TRUE(raw.ok()) << Message(raw.status()) << " " << NameOf(pair.dtype);
    EXPECT_TRUE(typed->tensor == raw->tensor) << NameOf(pair.dtype);
    EXPECT_EQ(typed->tensor.dtype(), pair.dtype);
    const std::string written = ExportTensor(*typed);
    EXPECT_THAT(written, HasSubstr(pair.raw)) << NameOf(pair.dtype);
    // One byte more or less is refused.
    for (const std::string& wrong : {pair.raw + '\0', pair.raw.substr(1)}) {
      const auto refused = ImportTensor(Typed(number, pair.dims, 9, wrong).bytes(), "raw");
      ASSERT_FALSE(refused.ok()) << NameOf(pair.dtype);
      EXPECT_THAT(Message(refused.status()),
                  HasSubstr(wrong.empty() ? "no data is set"
                                          : fmt::format("has {} bytes, expected", wrong.size())));
    }
  }
}

struct BadTensor {
  std::string name;
  std::string bytes;
  std::string message;
};

TEST(Tensor, RefusesWhatDoesNotAddUp) {
  constexpr int64_t kTwo32 = int64_t{1} << 32;
  const std::vector<BadTensor> cases = {
      {"data_type 0", Typed(0, {1}, 9, "1234").bytes(), "data_type is 0, expected 1 to 28"},
      {"data_type 999", Typed(999, {1}, 9, "1234").bytes(), "data_type is 999"},
      {"product overflow", Typed(1, {kTwo32, kTwo32}, 9, "1234").bytes(), "overflow"},
      {"byte count overflow", Typed(11, {kTwo32, kTwo32 / 4}, 9, "1234").bytes(), "overflow"},
      {"a petabyte of nothing", Typed(2, {int64_t{1} << 50}, 9, "1").bytes(),
       "has 1 bytes, expected 1125899906842624"},
      {"negative dim", Typed(1, {-1}, 9, "1234").bytes(), "dims[0] is -1"},
      {"dim INT64_MIN", Typed(1, {INT64_MIN}, 9, "1234").bytes(),
       "dims[0] is -9223372036854775808"},
      {"two data fields", Typed(1, {1}, 9, "1234").Text(4, "1234").bytes(),
       "both float_data and raw_data"},
      {"float_data for int8", Typed(3, {1}, 4, "1234").bytes(),
       "float_data is set, expected int32_data"},
      {"raw_data for strings", Typed(8, {1}, 9, "1234").bytes(), "expected string_data"},
      {"no data", Wire().Int(1, 2).Int(2, 1).bytes(), "no data is set, expected 2 elements"},
      {"segment", Typed(1, {1}, 9, "1234").Sub(3, Wire().Int(1, 0)).bytes(), "segment is set"},
      {"bool of 2", Typed(9, {2}, 9, std::string("\x01\x02")).bytes(),
       "byte 1 of a bool tensor is 2"},
      {"int32_data out of range", Typed(2, {1}, 5, Packed({256})).bytes(),
       "int32_data[0] is 256, expected 0 to 255"},
      {"uint64_data out of range", Typed(12, {1}, 11, Packed({kTwo32})).bytes(),
       "too large for uint32"},
      {"too few entries", Typed(6, {3}, 5, Packed({1, 2})).bytes(),
       "int32_data has 2 entries, expected 3"},
      {"too many strings", Wire().Int(2, 8).Text(6, "a").Text(6, "b").bytes(),
       "string_data has 2 entries, expected 1"},
      {"set bits behind the last float6", Typed(27, {1}, 9, "\xff").bytes(),
       "bits beyond the last element"},
      {"external data",
       Wire().Int(1, 1).Int(2, 2).Int(14, 1).Sub(13, Pair("location", "w")).bytes(),
       "must not refer to files"},
      {"external_data without location EXTERNAL",
       Typed(2, {1}, 9, "1").Sub(13, Pair("location", "w")).bytes(),
       "data_location is not EXTERNAL"},
  };
  for (const BadTensor& bad : cases) {
    const auto result = ImportTensor(bad.bytes, "t.pb");
    ASSERT_FALSE(result.ok()) << bad.name;
    EXPECT_THAT(Message(result.status()), HasSubstr(bad.message)) << bad.name;
  }
  Wire rank;
  for (int i = 0; i < 1025; ++i) rank.Int(1, 1);
  EXPECT_THAT(Message(ImportTensor(rank.Int(2, 2).Text(9, "1").bytes(), "t").status()),
              HasSubstr("limit max_rank of 1024"));
}

TEST(Tensor, KeepsWhatIsBesideTheElements) {
  const Wire wire = Tensor("w", 2, {2}, "ab").Text(12, "doc").Sub(16, Pair("k", "v")).Int(99, 7);
  const auto tensor = ImportTensor(wire.bytes(), "t");
  ASSERT_TRUE(tensor.ok());
  const auto again = ImportTensor(ExportTensor(*tensor), "t");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->name, "w");
  EXPECT_EQ(again->doc, "doc");
  EXPECT_EQ(again->metadata, (ir::StringPairs{{"k", "v"}}));
  EXPECT_EQ(again->unknown_fields, tensor->unknown_fields);
  EXPECT_FALSE(again->unknown_fields.empty());
}

TEST(Tensor, SparseIndicesStayInside) {
  const auto sparse = [](const std::vector<int64_t>& dims, const std::vector<int64_t>& index_dims,
                         const std::vector<int64_t>& indices) {
    Wire wire;
    wire.Sub(1, Tensor("s", 1, {2}, std::string(8, 'a')));
    wire.Sub(2, Tensor("", 7, index_dims, Bytes(indices)));
    for (const int64_t dim : dims) wire.Int(3, dim);
    return ImportBytes(ModelOf(ReluGraph(Wire().Sub(15, wire))).bytes(), "m").status();
  };
  EXPECT_TRUE(sparse({3, 4}, {2}, {0, 11}).ok());
  EXPECT_TRUE(sparse({3, 4}, {2, 2}, {0, 0, 2, 3}).ok());
  EXPECT_THAT(Message(sparse({3, 4}, {2}, {0, 12})),
              HasSubstr("indices[1] of a sparse tensor is 12"));
  EXPECT_THAT(Message(sparse({3, 4}, {2, 2}, {0, 0, 3, 0})),
              HasSubstr("indices[2] of a sparse tensor is 3"));
  EXPECT_THAT(Message(sparse({3, 4}, {2, 1}, {0, 1})), HasSubstr("have shape [2,1]"));
  EXPECT_THAT(Message(sparse({-3, 4}, {2}, {0, 1})), HasSubstr("negative"));
}

}  // namespace
}  // namespace assize::onnx
