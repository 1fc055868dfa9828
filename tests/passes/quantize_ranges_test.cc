// Ranges: the same for every order and cut of the data, zero on the grid, no scale of zero.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/support/random.h"
#include "passes/quantize/ranges.h"

namespace assize::passes::quantize {
namespace {

std::vector<float> NormalValues(size_t count, uint64_t seed, double scale) {
  Philox random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(scale * random.NextNormal());
  return values;
}

TEST(Histogram, DoesNotDependOnTheOrder) {
  std::vector<float> values = NormalValues(5000, 1, 1e-3);
  values.push_back(900.0f);  // seen last it widens everything, seen first it sets the width
  values.push_back(-70.25f);
  values.push_back(0.0f);
  Histogram forward, backward;
  for (const float v : values) forward.Add(v);
  std::reverse(values.begin(), values.end());
  for (const float v : values) backward.Add(v);
  EXPECT_EQ(forward.width(), backward.width());
  for (const double tail : {0.0, 0.0002, 0.001, 0.01, 0.3}) {
    EXPECT_EQ(forward.LowerEdge(tail), backward.LowerEdge(tail)) << tail;
    EXPECT_EQ(forward.UpperEdge(tail), backward.UpperEdge(tail)) << tail;
  }
  EXPECT_EQ(forward.LeastErrorShare(-70.25, 900), backward.LeastErrorShare(-70.25, 900));
}

TEST(Histogram, EdgesHoldAllButTheTail) {
  Histogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.Add(static_cast<float>(i));  // 0 .. 999
  for (int i = 0; i < 1000; ++i) histogram.Add(static_cast<float>(-i));
  const double width = histogram.width();
  EXPECT_GE(histogram.UpperEdge(0), 999);
  EXPECT_LE(histogram.UpperEdge(0), 999 + width);
  EXPECT_LE(histogram.LowerEdge(0), -999);
  EXPECT_GE(histogram.LowerEdge(0), -999 - width);
  // 1 % of 2,000 values at each end: the 20 largest and the 20 smallest go.
  EXPECT_NEAR(histogram.UpperEdge(0.01), 980, 1 + width);
  EXPECT_NEAR(histogram.LowerEdge(0.01), -980, 1 + width);
}

TEST(Histogram, TheLeastErrorCutsOutliersAndNothingElse) {
  Histogram even, outlier;
  for (int i = 0; i < 400000; ++i) {
    even.Add(static_cast<float>(i % 1000) / 1000);
    outlier.Add(static_cast<float>(i % 1000) / 1000);
  }
  outlier.Add(1.5f);
  EXPECT_GE(even.LeastErrorShare(0, 0.999), 0.99);
  const double share = outlier.LeastErrorShare(0, 1.5);
  EXPECT_LT(share, 0.75);  // one value in 400,000 is not worth a third of the levels
  EXPECT_GE(share, 0.6);
}

TEST(Observer, RefusesNanAndInfinityWithoutShowingData) {
  Observer observer(false, false);
  const std::vector<float> nan = {123.25f, NAN}, inf = {123.25f, -INFINITY};
  const Status refused = observer.Observe(nan, "act");
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(Message(refused).find("\"act\" holds NaN"), std::string::npos) << Message(refused);
  EXPECT_EQ(Message(refused).find("123"), std::string::npos);
  EXPECT_NE(Message(observer.Observe(inf, "act")).find("infinity"), std::string::npos);
}

TEST(Observer, FindsTheGridOfScaledIntegers) {
  Observer pixels(false, true), features(false, true), three(false, true), few(false, true),
      wide(false, true);
  std::vector<float> p, f, t, w;
  for (int i = 3; i < 250; i += 2) p.push_back(static_cast<float>(i) / 255);
  p.push_back(static_cast<float>(8) /
              255);  // one even level among odd ones: the step is 1/255 all the same
  for (int i = -120; i < 44; ++i) f.push_back(static_cast<float>(i) * 0.5847029f);
  for (int i = 0; i < 255; ++i)
    t.push_back((static_cast<float>(i) / 255 - 0.485f) / 0.229f);  // zero is off the grid
  for (int i = 0; i < 200; ++i) w.push_back(static_cast<float>(2 * i + (i == 7)));  // 400 steps
  ASSERT_TRUE(pixels.Observe(p, "x").ok());
  ASSERT_TRUE(features.Observe(f, "x").ok());
  ASSERT_TRUE(three.Observe(t, "x").ok());
  ASSERT_TRUE(few.Observe(std::vector<float>{0, 1, 0, 1}, "x").ok());
  ASSERT_TRUE(wide.Observe(w, "x").ok());
  ASSERT_TRUE(pixels.Grid().has_value());
  EXPECT_NEAR(*pixels.Grid(), 1.0 / 255, 1e-9);
  ASSERT_TRUE(features.Grid().has_value());
  EXPECT_NEAR(*features.Grid(), 0.5847029, 1e-6);
  EXPECT_FALSE(three.Grid().has_value());
  EXPECT_FALSE(few.Grid().has_value());
  EXPECT_FALSE(wide.Grid().has_value());
  // Levels that the calibration rows missed still fit: the room is shared by both ends.
  const Grid8 grid = GridOfStep(*features.Grid(), features.minimum(), features.maximum());
  EXPECT_GE(grid.zero_point, 120 + 40);
  EXPECT_LE(grid.zero_point + 43, 255 - 40);
  EXPECT_EQ(GridOfStep(1.0 / 255, 0.1, 0.9).zero_point, 0);  // pixels are never negative
}

TEST(Grid8, HoldsZeroExactlyAndNeverDividesByZero) {
  const std::vector<std::pair<double, double>> ranges = {
      {-1, 3}, {2, 5}, {-7, -2}, {0, 1e-5}, {-1e-9, 1e9}};
  for (const auto& [lo, hi] : ranges) {
    const Grid8 grid = GridOfRange(lo, hi, "minmax");
    const double scale = static_cast<double>(grid.scale), zero = grid.zero_point;
    EXPECT_GT(grid.scale, 0);
    // Both ends (and zero) are within half a step of a level.
    EXPECT_LE(-zero * scale, std::min(lo, 0.0) + 0.51 * scale) << lo;
    EXPECT_GE((255 - zero) * scale, std::max(hi, 0.0) - 0.51 * scale) << hi;
  }
  const Grid8 dead = GridOfRange(0, 0, "minmax");
  EXPECT_GT(dead.scale, 1e-6f);
  EXPECT_EQ(dead.method, "minmax, degenerate");
}

TEST(Grid8, TheTopLevelStaysWithinAClip) {
  // Above the bound a runtime may not drop the Clip.
  for (const double bound : {6.0, 1.0, 5.1, 0.7, 3.3}) {
    const Grid8 grid = GridOfRange(0, bound, "minmax");
    EXPECT_LE(static_cast<double>(grid.scale * 255.0f), bound) << bound;
    EXPECT_GT(static_cast<double>(grid.scale * 255.0f), bound * (1 - 1e-6)) << bound;
  }
}

}  // namespace
}  // namespace assize::passes::quantize
