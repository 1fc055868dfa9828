// IDX, plain and gzip: wrong magic, wrong counts, wrong checksums.
#include "lib/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

namespace assize::data {
namespace {

using ::testing::HasSubstr;

std::string Gzip(const std::string& body) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, body.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

StatusOr<Array> Parse(const std::string& file, const DataLimits& limits = {}) {
  return ParseIdx(std::as_bytes(std::span(file)), "t.idx", limits);
}

// u8 [2,3]
const std::string kGood(
    "\0\0\x08\x02\0\0\0\x02\0\0\0\x03"
    "abcdef",
    18);

TEST(ParseIdx, PlainAndGzipAreTheSame) {
  const Array plain = *Parse(kGood);
  EXPECT_EQ(plain.ToString(), "u8 [2,3]");
  EXPECT_EQ(plain.As<uint8_t>()[5], 'f');
  const Array unpacked = *Parse(Gzip(kGood));
  EXPECT_TRUE(std::equal(plain.bytes.begin(), plain.bytes.end(), unpacked.bytes.begin()));
}

TEST(ParseIdx, ElementsAreBigEndian) {
  EXPECT_EQ(Parse(std::string("\0\0\x0b\x01\0\0\0\x01\x01\x02", 10))->As<int16_t>()[0], 0x0102);
  EXPECT_EQ(Parse(std::string("\0\0\x0d\x01\0\0\0\x01\x3f\x80\0\0", 12))->As<float>()[0], 1.0f);
}

TEST(ParseIdx, DamageIsRefused) {
  for (size_t cut = 0; cut < kGood.size(); ++cut) {
    EXPECT_EQ(Parse(kGood.substr(0, cut)).status().code(), StatusCode::kInvalidArgument) << cut;
  }
  EXPECT_FALSE(Parse(kGood + "g").ok());  // trailing
  std::string wrong = kGood;
  wrong[0] = 1;
  EXPECT_FALSE(Parse(wrong).ok());
  wrong = kGood;
  wrong[2] = 0x0a;
  EXPECT_THAT(Message(Parse(wrong).status()), HasSubstr("0x0a"));
  const std::string packed = Gzip(kGood);
  for (size_t cut = 2; cut < packed.size(); ++cut) {
    EXPECT_EQ(Parse(packed.substr(0, cut)).status().code(), StatusCode::kInvalidArgument) << cut;
  }
  wrong = packed;
  wrong[wrong.size() - 6] ^= 1;  // in the CRC
  EXPECT_FALSE(Parse(wrong).ok());
  EXPECT_FALSE(Parse(packed + packed).ok());
  EXPECT_FALSE(Parse(Gzip(kGood + "g")).ok());
}

TEST(ParseIdx, ClaimsAreCheckedBeforeAllocation) {
  // 2^31 x 2^31 bytes, and 3 GiB that 40 gzip bytes cannot hold.
  const std::string wraps("\0\0\x0e\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
  EXPECT_EQ(Parse(wraps).status().code(), StatusCode::kResourceExhausted);
  const std::string claim("\0\0\x08\x01\xc0\0\0\0", 8);
  const Status status = Parse(Gzip(claim)).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("cannot come from"));
  DataLimits limits;
  limits.max_array_bytes = 5;
  EXPECT_THAT(Message(Parse(kGood, limits).status()), HasSubstr("max_array_bytes"));
}

}  // namespace
}  // namespace assize::data
