// File names in releases and in folders that others signed.
#include "lib/trust/names.h"

#include <gtest/gtest.h>

#include <string>

namespace assize::trust {
namespace {

TEST(ReleaseNames, AcceptsWhatReleasesHold) {
  for (const char* name :
       {"model.onnx", "evidence/criteria.sigstore.json", "verdicts/0001.sigstore.json",
        "a-b_c.d/E-9", "..a", ".a", "a..", "..."}) {
    EXPECT_TRUE(CheckReleaseName(name).ok()) << name << ": " << CheckReleaseName(name);
  }
}

TEST(ReleaseNames, shell_metacharacters_in_name) {
  for (const char* name : {"a b",
                           "a;rm",
                           "$(id)",
                           "`id`",
                           "a'b",
                           "a\"b",
                           "a\nb",
                           "a\tb",
                           "a|b",
                           "a>b",
                           "a&b",
                           "*",
                           "a?",
                           "~",
                           "a\\b",
                           "a:b",
                           "a=b",
                           "a\x7f",
                           "\x1b[31m",
                           "gr\xc3\xb6\xc3\x9f"
                           "e"}) {
    EXPECT_EQ(CheckReleaseName(name).code(), StatusCode::kInvalidArgument) << name;
  }
}

TEST(ReleaseNames, leading_dash_reads_as_an_option) {
  for (const char* name : {"-rf", "a/-o", "--", "-", "a/b/-c/d"}) {
    EXPECT_EQ(CheckReleaseName(name).code(), StatusCode::kInvalidArgument) << name;
  }
}

TEST(ReleaseNames, path_leaves_the_folder) {
  for (const char* name :
       {"", "/", "/etc/passwd", "..", "../a", "a/..", "a/../b", ".", "a/./b", "a//b", "a/"}) {
    EXPECT_EQ(CheckReleaseName(name).code(), StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(CheckPortableName(name).code(), StatusCode::kInvalidArgument) << name;
  }
}

TEST(ReleaseNames, EmbeddedNulIsRefused) {
  const std::string name("a\0b", 3);
  EXPECT_FALSE(CheckReleaseName(name).ok());
  EXPECT_FALSE(CheckPortableName(name).ok());
}

TEST(ReleaseNames, LengthLimits) {
  EXPECT_TRUE(CheckReleaseName(std::string(255, 'a')).ok());
  EXPECT_FALSE(CheckReleaseName(std::string(256, 'a')).ok());
  std::string deep = "a";
  while (deep.size() < 1023) deep += "/a";
  EXPECT_TRUE(CheckReleaseName(deep).ok());
  EXPECT_FALSE(CheckReleaseName(deep + "/a").ok());
}

TEST(PortableNames, UnicodeYesControlsAndBackslashNo) {
  for (const char* name : {"gr\xc3\xb6\xc3\x9f"
                           "e.onnx",
                           "a b", "-x", "\xe2\x82\xac", "\xf0\x9f\x90\x8d"}) {
    EXPECT_TRUE(CheckPortableName(name).ok()) << name;
  }
  for (const char* name : {"a\nb", "a\\b", "a\rb", "\x7f"}) {
    EXPECT_FALSE(CheckPortableName(name).ok()) << name;
  }
}

TEST(PortableNames, non_utf8_name) {
  for (const char* name : {"\xff", "a\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(CheckPortableName(name).ok());
    // The refused bytes are never echoed raw: a terminal or JSON would choke on them.
    for (const char c : Message(CheckPortableName(name))) {
      EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    }
  }
}

}  // namespace
}  // namespace assize::trust
