// "Did you mean": near names only, and never a nonsensical one.
#include "lib/support/suggest.h"

#include <gtest/gtest.h>

namespace assize {
namespace {

const std::vector<std::string> kNames = {
    "fuse-conv-bn", "quantize-static", "at_least", "at_most", "npz", "x"};

TEST(NearestName, FindsUsualSlips) {
  EXPECT_EQ(NearestName("fuse-con-bn", kNames), "fuse-conv-bn");
  EXPECT_EQ(NearestName("quantise-static", kNames), "quantize-static");
  EXPECT_EQ(NearestName("at_laest", kNames), "at_least");
  EXPECT_EQ(NearestName("nzp", kNames), "npz");
}

TEST(NearestName, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(NearestName("prune", kNames), "");
  EXPECT_EQ(NearestName("y", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName("anything", {}), "");
  EXPECT_EQ(DidYouMean("prune", kNames), "");
}

TEST(NearestName, TiesGoToTheFirst) {
  const std::vector<std::string> names = {"abcd1", "abcd2"};
  EXPECT_EQ(NearestName("abcd", names), "abcd1");
  EXPECT_EQ(DidYouMean("abcd", names), " (did you mean \"abcd1\"?)");
}

}  // namespace
}  // namespace assize
