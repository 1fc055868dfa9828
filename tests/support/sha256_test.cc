// Digests against FIPS 180-4's examples, and what may not collide.
#include "lib/support/sha256.h"

#include <gtest/gtest.h>

#include "lib/support/files.h"
#include "tests/support/temporary_folder.h"

namespace assize {
namespace {

// NIST's examples for SHA-256, and the empty message.
constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kMillionA =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(Hex(Sha256("")), kEmpty);
  EXPECT_EQ(Hex(Sha256("abc")), kAbc);
  EXPECT_EQ(Hex(Sha256(std::string(1'000'000, 'a'))), kMillionA);
}

TEST(Sha256, FileEqualsMemoryAcrossBufferBoundaries) {
  const TemporaryFolder folder;
  for (size_t size : {size_t{0}, size_t{1} << 18, (size_t{1} << 18) + 1, size_t{1'000'000}}) {
    const std::string text(size, 'a');
    ASSERT_TRUE(WriteFileAtomic(folder / "f", text).ok());
    EXPECT_EQ(Sha256OfFile(folder / "f").value(), Sha256(text)) << size;
  }
  EXPECT_EQ(Sha256OfFile(folder / "absent").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Sha256OfFile(folder.path()).status().code(), StatusCode::kInvalidArgument);
}

TEST(Sha256Stream, SizedTextsDoNotCollideAndIntsAreLittleEndian) {
  auto digest = [](std::string_view a, std::string_view b) {
    Sha256Stream stream;
    stream.UpdateSized(a);
    stream.UpdateSized(b);
    return stream.Finish();
  };
  EXPECT_NE(digest("ab", "c"), digest("a", "bc"));
  Sha256Stream stream;
  stream.UpdateInt(0x0102);
  EXPECT_EQ(stream.Finish(), Sha256(std::string_view("\x02\x01\0\0\0\0\0\0", 8)));
}

TEST(ParseDigest, RefusesEverythingThatHexDoesNotPrint) {
  EXPECT_EQ(Hex(ParseDigest(kAbc).value()), kAbc);
  std::string upper = kAbc;
  upper[0] = 'B';
  EXPECT_FALSE(ParseDigest(upper).ok());
  EXPECT_FALSE(ParseDigest(std::string(kAbc) + "0").ok());
  EXPECT_FALSE(ParseDigest(std::string_view(kAbc).substr(1)).ok());
  EXPECT_FALSE(ParseDigest(std::string(63, '0') + "g").ok());
}

}  // namespace
}  // namespace assize
