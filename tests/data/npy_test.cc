// npy: every damage of the header or size is refused before anything is allocated.
#include "lib/data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assize::data {
namespace {

using ::testing::HasSubstr;

// A version 1.0 file with this dictionary and payload.
std::string File(const std::string& dict, const std::string& payload) {
  std::string file = "\x93NUMPY";
  file += '\x01';
  file += '\0';
  file += static_cast<char>(dict.size() & 0xff);
  file += static_cast<char>(dict.size() >> 8);
  return file + dict + payload;
}

StatusOr<Array> NpyOf(const std::string& file) {
  return ParseNpy(std::as_bytes(std::span(file)), nullptr, "t.npy");
}

StatusCode CodeOf(const std::string& file) { return NpyOf(file).status().code(); }

TEST(ParseNpy, ReadsWhatNumPyWrites) {
  const std::string file = File("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }  \n",
                                std::string("\x01\0\x02\0\x03\0\xff\xff", 8));
  const Array array = *NpyOf(file);
  EXPECT_EQ(array.ToString(), "i16 [2,2]");
  EXPECT_THAT(array.As<int16_t>(), ::testing::ElementsAre(1, 2, 3, -1));
}

TEST(ParseNpy, BigEndianAndFortranOrderBecomeOurs) {
  const std::string file = File("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n",
                                std::string("\0\x01\0\x04\0\x02\0\x05\0\x03\0\x06", 12));
  EXPECT_THAT(NpyOf(file)->As<int16_t>(), ::testing::ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(ParseNpy, ScalarsAndEmptyArrays) {
  EXPECT_EQ(
      NpyOf(File("{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", "\x07"))->ToString(),
      "u8 []");
  EXPECT_EQ(
      NpyOf(File("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5), }\n", ""))->ToString(),
      "f32 [0,5]");
}

TEST(ParseNpy, PickledObjectsAreNeverLoaded) {
  const auto status =
      NpyOf(File("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", "x")).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("pickled"));
}

TEST(ParseNpy, DamagedHeadersAreRefused) {
  const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n";
  EXPECT_TRUE(NpyOf(File(good, "x")).ok());
  for (const char* dict :
       {"", "[]", "{'descr': '|u1'}", "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '|u1', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} import os",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1"}) {
    EXPECT_EQ(CodeOf(File(dict, "x")), StatusCode::kInvalidArgument) << dict;
  }
  // Every cut of a good file.
  const std::string whole = File(good, "x");
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_EQ(CodeOf(whole.substr(0, cut)), StatusCode::kInvalidArgument) << cut;
  }
}

TEST(ParseNpy, SizesThatLieAreRefusedBeforeAllocation) {
  const auto dict = [](const std::string& shape) {
    return "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }\n";
  };
  EXPECT_EQ(CodeOf(File(dict("(1000000000000,)"), "12345678")), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(File(dict("(4294967296, 4294967296)"), "")), StatusCode::kResourceExhausted);
  // 2^61 doubles are 2^64 bytes, which wraps to the zero bytes that are there.
  EXPECT_EQ(CodeOf(File(dict("(2305843009213693952,)"), "")), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(File(dict("(1,)"), "123456789")), StatusCode::kInvalidArgument);  // trailing
  std::string rank = "(";
  for (int i = 0; i < 40; ++i) rank += "1, ";
  EXPECT_EQ(CodeOf(File(dict(rank + ")"), "12345678")), StatusCode::kResourceExhausted);
  // Version 2.0 with a header length of 4 GiB.
  std::string huge = "\x93NUMPY\x02";
  huge += '\0';
  huge += "\xf0\xff\xff\xff{}";
  EXPECT_EQ(CodeOf(huge), StatusCode::kResourceExhausted);
}

TEST(ParseNpy, BoolsAreZeroOrOne) {
  const std::string dict = "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_TRUE(NpyOf(File(dict, std::string("\0\x01", 2))).ok());
  EXPECT_EQ(CodeOf(File(dict, std::string("\0\x02", 2))), StatusCode::kInvalidArgument);
}

TEST(NpyBytes, RoundTripsAndAligns) {
  for (const Array& array : {Array::Of<double>({2, 3}, {1, 2, 3, 4, 5, 6}),
                             Array::Of<int64_t>({3}, {1, 2, 3}), Array::Of<float>({}, {7})}) {
    EXPECT_EQ(NpyHeader(array).size() % 64, 0u);
    const std::string bytes = NpyBytes(array);
    const Array again = *NpyOf(bytes);
    EXPECT_EQ(again.ToString(), array.ToString());
    EXPECT_TRUE(std::equal(again.bytes.begin(), again.bytes.end(), array.bytes.begin()));
  }
}

}  // namespace
}  // namespace assize::data
