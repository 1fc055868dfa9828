// One-sided confidence bounds on counts: Clopper-Pearson for proportions, Tango's score bounds for
// paired drops, DeLong for areas under the ROC curve, BCa bootstrap for the rest. Never Wald: its
// bound of 0 for "no change seen" would pass anything. Tests: tests/eval/intervals_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/support/status.h"

namespace assize::eval {

// Both bounds are one-sided, each at the asked confidence.
struct Bounds {
  double lower = 0;
  double upper = 1;
};

// k of n. Counts may be real (a rate carried to another n; counts divided by a design effect); 0 <=
// k <= n, n > 0. lower = B^-1(a; k, n-k+1), 0 if k = 0; upper = B^-1(1-a; k+1, n-k), 1 if k = n; a
// = 1 - confidence. Clopper and Pearson 1934.
Bounds ClopperPearson(double k, double n, double confidence);

// Drop (b - c) / n: b right before and wrong after, c the reverse, of n pairs. All d with |z(d)|
// below the normal quantile, by bisection. Tango 1998, Statistics in Medicine 17:891.
Bounds TangoDrop(double b, double c, double n, double confidence);

// Area under the ROC curve of a score (higher means positive), and its structural components.
// DeLong, DeLong and Clarke-Pearson 1988; midranks, O(n log n).
struct RocArea {
  double area = 0;
  double variance = 0;
  int64_t positives = 0;
  int64_t negatives = 0;
  std::vector<double> v10;  // per positive, in order of appearance
  std::vector<double> v01;  // per negative
};
// labels: nonzero is positive. InvalidArgument without at least two of each kind or with a NaN
// score.
StatusOr<RocArea> DeLong(std::span<const double> scores, std::span<const uint8_t> positive);
// Covariance of two areas on the same samples.
double DeLongCovariance(const RocArea& first, const RocArea& second);

// On the logit scale when area > 0.95 or positives + negatives < 100, else normal, clipped to
// [0,1]. A perfect area (1, or variance 0) has no such bound: then min(positives, negatives)
// disjoint pairs, all ranked right, are a proportion for Clopper-Pearson.
Bounds AreaBounds(double area, double standard_error, double positives, double negatives,
                  double confidence);
// Drop area_source - area_model: normal; with standard error 0 Tango's with no change in
// min(positives, negatives) pairs.
Bounds AreaDropBounds(double drop, double standard_error, double positives, double negatives,
                      double confidence);

// Bias-corrected and accelerated bootstrap (Efron 1987) of a statistic of sums: `rows` holds
// per-sample (or per-group) vectors of `width` numbers; `statistic` maps their sums over a resample
// to a number. Resample i uses stream i of Philox(seed): the same result for any thread count.
struct BootstrapResult {
  double estimate = 0;
  Bounds bounds;
};
StatusOr<BootstrapResult> BcaBootstrap(
    std::span<const double> rows, int64_t width,
    const std::function<double(std::span<const double>)>& statistic, double confidence,
    uint64_t seed, int64_t resamples = 10'000);

}  // namespace assize::eval
