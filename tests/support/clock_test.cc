// RFC 3339 in both directions, against known instants.
#include "lib/support/clock.h"

#include <gtest/gtest.h>

namespace assize {
namespace {

TEST(Rfc3339, KnownInstants) {
  // Values as `date -u -d @N` prints them.
  EXPECT_EQ(Rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Rfc3339(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(Rfc3339(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(Rfc3339(1795424400), "2026-11-23T09:00:00Z");
  EXPECT_EQ(Rfc3339(4107542400), "2100-03-01T00:00:00Z");
}

TEST(Rfc3339, RoundTrips) {
  for (int64_t seconds = -3'000'000'000; seconds < 9'000'000'000; seconds += 12'345'679) {
    EXPECT_EQ(ParseRfc3339(Rfc3339(seconds)).value(), seconds);
  }
}

TEST(ParseRfc3339, ZonesAndFractions) {
  EXPECT_EQ(ParseRfc3339("2026-11-23T10:30:00+01:30").value(), 1795424400);
  EXPECT_EQ(ParseRfc3339("2026-11-23T08:00:00-01:00").value(), 1795424400);
  EXPECT_EQ(ParseRfc3339("2026-11-23T09:00:00.999Z").value(), 1795424400);
}

TEST(ParseRfc3339, RefusesImpossibleAndMalformed) {
  for (const char* text :
       {"", "2026-11-23", "2026-11-23T09:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T09:60:00Z", "2026-11-23 09:00:00Z",
        "2026-11-23T09:00:00.Z", "2026-11-23T09:00:00+0100", "2026-11-23T09:00:00Zx",
        "+026-11-23T09:00:00Z", "2026-00-23T09:00:00Z", "2026-11-00T09:00:00Z"}) {
    EXPECT_EQ(ParseRfc3339(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(Clock, FixedAndSystem) {
  EXPECT_EQ(FixedClock(7).NowSeconds(), 7);
  EXPECT_GT(SystemClock().NowSeconds(), 1'700'000'000);
  const int64_t before = SystemClock().MonotonicMicros();
  EXPECT_GE(SystemClock().MonotonicMicros(), before);
}

}  // namespace
}  // namespace assize
