// Versions against the examples and rules of semver.org 2.0.0.
#include "lib/release/version.h"

#include <gtest/gtest.h>

namespace assize::release {
namespace {

TEST(Versions, FollowThePrecedenceOfSemver) {
  const char* const kOrder[] = {"1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
                                "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",       "1.0.0",
                                "1.0.1",        "1.2.0",         "1.10.0",           "2.0.0",
                                "2.0.1-0.3.7",  "2.0.1-x.7.z.92"};
  for (size_t i = 0; i < std::size(kOrder); ++i) {
    for (size_t j = 0; j < std::size(kOrder); ++j) {
      const auto a = Version::Parse(kOrder[i]), b = Version::Parse(kOrder[j]);
      ASSERT_TRUE(a.ok() && b.ok());
      EXPECT_EQ(a->Compare(*b), i <=> j) << kOrder[i] << " " << kOrder[j];
    }
  }
  EXPECT_EQ(Version::Parse("1.0.0+a")->Compare(*Version::Parse("1.0.0+b")),
            std::strong_ordering::equal);
}

TEST(Versions, RefuseEverythingElse) {
  for (const char* text : {"", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.00", "1.0.0-", "1.0.0-01",
                           "1.0.0-a..b", "1.0.0+", "v1.0.0", "1.0.0 ", "1.0.0\n", "-1.0.0",
                           "1.0.0-ä", "1.0.0/..", "99999999999999999999.0.0"}) {
    EXPECT_FALSE(Version::Parse(text).ok()) << text;
  }
}

TEST(Versions, NamesAreSafeFolderNames) {
  for (const char* name : {"chest-xray", "A.b_c-1", "0"}) EXPECT_TRUE(CheckName(name).ok()) << name;
  for (const char* name : {"", ".", "..", ".keys", "-x", "a/b", "a b", "a\n", "ä", "a;b"}) {
    EXPECT_FALSE(CheckName(name).ok()) << name;
  }
}

}  // namespace
}  // namespace assize::release
