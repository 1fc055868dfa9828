// The bounds against vectors computed with SciPy, and against what a bound must never do.
#include "lib/eval/intervals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "lib/eval/special.h"
#include "lib/support/parallel.h"
#include "lib/support/random.h"

namespace assize::eval {
namespace {

TEST(ClopperPearson, Vectors) {
  const struct {
    double k, n, lower, upper;
  } kVectors[] = {{390, 390, 99.2348, 100},     {111, 234, 41.9005, 53.0202},
                  {501, 624, 77.4842, 82.8777}, {193, 200, 93.5267, 98.3460},
                  {72, 75, 89.9854, 98.9010},   {0, 200, 0, 1.4867}};
  for (const auto& v : kVectors) {
    const Bounds bounds = ClopperPearson(v.k, v.n, 0.95);
    EXPECT_NEAR(100 * bounds.lower, v.lower, 5e-5) << v.k << "/" << v.n;
    EXPECT_NEAR(100 * bounds.upper, v.upper, 5e-5) << v.k << "/" << v.n;
  }
}

TEST(ClopperPearson, BoundIsTheRateAtWhichTheCountBecomesRare) {
  // At the lower bound, seeing k or more has probability 0.05: the definition, not the beta
  // quantile.
  const Bounds bounds = ClopperPearson(7, 20, 0.95);
  double tail = 0;
  for (int j = 7; j <= 20; ++j) {
    tail += std::exp(std::lgamma(21.0) - std::lgamma(j + 1.0) - std::lgamma(21.0 - j)) *
            std::pow(bounds.lower, j) * std::pow(1 - bounds.lower, 20 - j);
  }
  EXPECT_NEAR(tail, 0.05, 1e-12);
}

TEST(TangoDrop, Vectors) {
  const struct {
    double b, c, n, lower, upper;
  } kVectors[] = {{0, 0, 200, -1.3347, 1.3347},    {0, 0, 268, -0.9994, 0.9994},
                  {3, 3, 400, -1.2051, 1.2051},    {3, 3, 483, -0.9992, 0.9992},
                  {1, 0, 200, -0.8414, 2.2097},    {6, 0, 400, 0.7776, 2.8741},
                  {9, 2, 32, 5.3669, 38.0173},     {53, 16, 350, 6.8311, 14.4883},
                  {25, 25, 9700, -0.1231, 0.1231}, {621, 0, 9700, 6.0053, 6.8232}};
  for (const auto& v : kVectors) {
    const Bounds bounds = TangoDrop(v.b, v.c, v.n, 0.95);
    EXPECT_NEAR(100 * bounds.lower, v.lower, 5e-5) << v.b << " " << v.c << " " << v.n;
    EXPECT_NEAR(100 * bounds.upper, v.upper, 5e-5) << v.b << " " << v.c << " " << v.n;
  }
}

TEST(TangoDrop, MirrorsAndReachesTheEnds) {
  const Bounds one = TangoDrop(9, 2, 32, 0.9), other = TangoDrop(2, 9, 32, 0.9);
  EXPECT_NEAR(one.lower, -other.upper, 1e-12);
  EXPECT_NEAR(one.upper, -other.lower, 1e-12);
  const Bounds all = TangoDrop(50, 0, 50, 0.95);  // every answer lost
  EXPECT_NEAR(all.upper, 1, 1e-12);
  EXPECT_GT(all.lower, 0.85);
  EXPECT_LT(all.lower, 1);
  // No change seen is not "no change": z^2 / (n + z^2).
  const double z = NormalQuantile(0.95);
  EXPECT_NEAR(TangoDrop(0, 0, 200, 0.95).upper, z * z / (200 + z * z), 1e-12);
}

TEST(DeLong, PairedVectors) {
  const std::vector<uint8_t> y = {1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  const std::vector<double> s1 = {.9, .8, .7, .6, .4, .5, .3, .2, .65, .1};
  const std::vector<double> s2 = {.9, .6, .8, .3, .5, .4, .35, .2, .7, .1};
  const RocArea first = *DeLong(s1, y), second = *DeLong(s2, y);
  EXPECT_NEAR(first.area, 0.88, 1e-14);
  EXPECT_NEAR(second.area, 0.80, 1e-14);
  EXPECT_NEAR(first.variance, 0.0128, 1e-14);
  EXPECT_NEAR(second.variance, 0.0240, 1e-14);
  const double covariance = DeLongCovariance(first, second);
  EXPECT_NEAR(covariance, 0.0120, 1e-14);
  EXPECT_NEAR(std::sqrt(first.variance + second.variance - 2 * covariance), 0.1131371, 5e-8);
}

TEST(DeLong, TiesCountHalfAndTooFewAreRefused) {
  const std::vector<uint8_t> y = {1, 0, 1, 0};
  const std::vector<double> all_equal = {3, 3, 3, 3};
  EXPECT_NEAR(DeLong(all_equal, y)->area, 0.5, 1e-15);
  const std::vector<uint8_t> one_positive = {1, 0, 0, 0};
  EXPECT_EQ(DeLong(all_equal, one_positive).status().code(), StatusCode::kInvalidArgument);
  const std::vector<double> nan = {3, NAN, 3, 3};
  EXPECT_EQ(DeLong(nan, y).status().code(), StatusCode::kInvalidArgument);
}

TEST(AreaBounds, UsesTheLogitNearOneAndStaysInside) {
  const double se = 0.0069258;
  const Bounds bounds = AreaBounds(0.9640259, se, 390, 234, 0.95);
  const double z = 1.6448536269514722, logit = std::log(0.9640259 / (1 - 0.9640259));
  const double half = z * se / (0.9640259 * (1 - 0.9640259));
  EXPECT_NEAR(bounds.lower, 1 / (1 + std::exp(-(logit - half))), 1e-12);
  EXPECT_NEAR(bounds.upper, 1 / (1 + std::exp(-(logit + half))), 1e-12);
  const Bounds plain = AreaBounds(0.8, 0.02, 390, 234, 0.95);
  EXPECT_NEAR(plain.lower, 0.8 - z * 0.02, 1e-12);
  const Bounds small = AreaBounds(0.9, 0.2, 20, 20, 0.95);  // a normal bound would leave [0,1]
  EXPECT_LT(small.upper, 1);
  EXPECT_GT(small.lower, 0);
}

TEST(AreaBounds, PerfectAreaIsNotCertain) {
  // 20 positives and 90 negatives, all ranked right: 20 disjoint pairs.
  const Bounds bounds = AreaBounds(1, 0, 20, 90, 0.95);
  EXPECT_NEAR(bounds.lower, std::pow(0.05, 1.0 / 20), 1e-12);
  EXPECT_EQ(bounds.upper, 1);
  const Bounds drop = AreaDropBounds(0, 0, 20, 90, 0.95);
  EXPECT_NEAR(drop.upper, TangoDrop(0, 0, 20, 0.95).upper, 1e-15);
}

TEST(BcaBootstrap, CoversAndDoesNotDependOnThreads) {
  // Means of an exponential: skewed, so a plain percentile interval would sit too low.
  Philox random(11);
  std::vector<double> rows;
  for (int i = 0; i < 400; ++i) rows.insert(rows.end(), {-std::log(1 - random.NextDouble()), 1.0});
  const auto mean = [](std::span<const double> sums) { return sums[0] / sums[1]; };
  const int threads = ThreadCount();
  SetThreadCount(1);
  const BootstrapResult one = *BcaBootstrap(rows, 2, mean, 0.95, 7, 4000);
  SetThreadCount(4);
  const BootstrapResult four = *BcaBootstrap(rows, 2, mean, 0.95, 7, 4000);
  SetThreadCount(threads);
  EXPECT_EQ(one.bounds.lower, four.bounds.lower);
  EXPECT_EQ(one.bounds.upper, four.bounds.upper);
  EXPECT_NE(one.bounds.upper, BcaBootstrap(rows, 2, mean, 0.95, 8, 4000)->bounds.upper);
  // Near the normal interval, and skewed to the right of it.
  double squares = 0;
  for (size_t i = 0; i < rows.size(); i += 2) squares += std::pow(rows[i] - one.estimate, 2);
  const double half = 1.6448536269514722 * std::sqrt(squares / 399 / 400);
  EXPECT_NEAR(one.bounds.lower, one.estimate - half, 0.2 * half);
  EXPECT_NEAR(one.bounds.upper, one.estimate + half, 0.2 * half);
  EXPECT_GT(one.bounds.upper - one.estimate, one.estimate - one.bounds.lower);
}

TEST(BcaBootstrap, CoverageOfTheUpperBoundIsNearNominal) {
  // 95 % one-sided on 200 small samples: outside [0.88, 0.99] something is wrong with sign, bias or
  // quantile.
  int covered = 0;
  for (uint64_t trial = 0; trial < 200; ++trial) {
    Philox random(1000 + trial);
    std::vector<double> rows;
    for (int i = 0; i < 60; ++i) rows.insert(rows.end(), {-std::log(1 - random.NextDouble()), 1.0});
    const auto mean = [](std::span<const double> sums) { return sums[0] / sums[1]; };
    covered += BcaBootstrap(rows, 2, mean, 0.95, trial, 400)->bounds.upper >= 1.0;
  }
  EXPECT_GE(covered, 176);
  EXPECT_LE(covered, 198);
}

TEST(BcaBootstrap, RefusesWhatIsNotFinite) {
  const std::vector<double> rows = {1, 0, 2, 0, 3, 0};
  const auto ratio = [](std::span<const double> sums) { return sums[0] / sums[1]; };
  EXPECT_EQ(BcaBootstrap(rows, 2, ratio, 0.95, 1, 200).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace assize::eval
