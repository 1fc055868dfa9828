// The bounds. Tests: tests/eval/intervals_test.cc (vectors made with SciPy).
#include "lib/eval/intervals.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/eval/special.h"
#include "lib/support/parallel.h"
#include "lib/support/random.h"

namespace assize::eval {
namespace {

// z(d) of Tango's score statistic; falls as d grows.
double TangoScore(double b, double c, double n, double d) {
  const double quadratic = 2 * n;
  const double linear = -b - c + (2 * n - b + c) * d;
  const double constant = -c * d * (1 - d);
  const double root = std::max(0.0, linear * linear - 4 * quadratic * constant);
  const double q = (std::sqrt(root) - linear) / (2 * quadratic);
  const double variance = n * (2 * q + d * (1 - d));
  const double numerator = b - c - n * d;
  if (variance <= 0) return numerator == 0 ? 0 : std::copysign(INFINITY, numerator);
  return numerator / std::sqrt(variance);
}

// The d in [low, high] where the falling z(d) passes `target`.
double SolveTango(double b, double c, double n, double low, double high, double target) {
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (TangoScore(b, c, n, middle) > target ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

double Logit(double p) { return std::log(p / (1 - p)); }
double Expit(double x) { return 1 / (1 + std::exp(-x)); }

// Sums in a fixed tree: neither order of execution nor vector width changes a bit.
void SumRows(std::span<const double> rows, int64_t width, std::span<const int64_t> picks,
             std::span<double> sums) {
  std::fill(sums.begin(), sums.end(), 0.0);
  constexpr size_t kLeaf = 64;
  if (picks.size() <= kLeaf) {
    for (const int64_t pick : picks) {
      for (int64_t j = 0; j < width; ++j) {
        sums[static_cast<size_t>(j)] += rows[static_cast<size_t>(pick * width + j)];
      }
    }
    return;
  }
  const size_t half = picks.size() / 2;
  std::vector<double> right(sums.size());
  SumRows(rows, width, picks.first(half), sums);
  SumRows(rows, width, picks.subspan(half), right);
  for (size_t j = 0; j < sums.size(); ++j) sums[j] += right[j];
}

double Variance(const std::vector<double>& values, double mean) {
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size() - 1);
}

double Covariance(const std::vector<double>& first, double first_mean,
                  const std::vector<double>& second, double second_mean) {
  double sum = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    sum += (first[i] - first_mean) * (second[i] - second_mean);
  }
  return sum / static_cast<double>(first.size() - 1);
}

}  // namespace

Bounds ClopperPearson(double k, double n, double confidence) {
  AZ_CHECK(n > 0 && k >= 0 && k <= n, "{} of {}", k, n);
  const double a = 1 - confidence;
  Bounds bounds;
  bounds.lower = k <= 0 ? 0 : InverseRegularizedBeta(k, n - k + 1, a);
  bounds.upper = k >= n ? 1 : InverseRegularizedBeta(k + 1, n - k, 1 - a);
  return bounds;
}

Bounds TangoDrop(double b, double c, double n, double confidence) {
  AZ_CHECK(n > 0 && b >= 0 && c >= 0 && b + c <= n * (1 + 1e-12), "b {}, c {} of {}", b, c, n);
  const double z = NormalQuantile(confidence);
  const double estimate = (b - c) / n;
  Bounds bounds;
  bounds.upper = SolveTango(b, c, n, estimate, 1, -z);
  bounds.lower = SolveTango(b, c, n, -1, estimate, z);
  return bounds;
}

StatusOr<RocArea> DeLong(std::span<const double> scores, std::span<const uint8_t> positive) {
  AZ_CHECK(scores.size() == positive.size(), "{} scores, {} labels", scores.size(),
           positive.size());
  std::vector<double> above, below;  // scores of positives and of negatives
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) return InvalidArgument("the score of row {} is not a number", i);
    (positive[i] != 0 ? above : below).push_back(scores[i]);
  }
  if (above.size() < 2 || below.size() < 2) {
    return InvalidArgument(
        "an ROC area needs at least 2 positives and 2 negatives, found {} and {}", above.size(),
        below.size());
  }
  std::vector<double> sorted_above = above, sorted_below = below;
  std::sort(sorted_above.begin(), sorted_above.end());
  std::sort(sorted_below.begin(), sorted_below.end());
  // Share of `sorted` below the value, ties counted half.
  const auto share_below = [](const std::vector<double>& sorted, double value) {
    const auto range = std::equal_range(sorted.begin(), sorted.end(), value);
    return (static_cast<double>(range.first - sorted.begin()) +
            0.5 * static_cast<double>(range.second - range.first)) /
           static_cast<double>(sorted.size());
  };
  RocArea roc;
  roc.positives = static_cast<int64_t>(above.size());
  roc.negatives = static_cast<int64_t>(below.size());
  double sum = 0;
  for (const double score : above) {
    roc.v10.push_back(share_below(sorted_below, score));
    sum += roc.v10.back();
  }
  for (const double score : below) roc.v01.push_back(1 - share_below(sorted_above, score));
  roc.area = sum / static_cast<double>(roc.positives);
  roc.variance = Variance(roc.v10, roc.area) / static_cast<double>(roc.positives) +
                 Variance(roc.v01, roc.area) / static_cast<double>(roc.negatives);
  return roc;
}

double DeLongCovariance(const RocArea& first, const RocArea& second) {
  AZ_CHECK(first.positives == second.positives && first.negatives == second.negatives,
           "areas of different samples");
  return Covariance(first.v10, first.area, second.v10, second.area) /
             static_cast<double>(first.positives) +
         Covariance(first.v01, first.area, second.v01, second.area) /
             static_cast<double>(first.negatives);
}

Bounds AreaBounds(double area, double standard_error, double positives, double negatives,
                  double confidence) {
  const double z = NormalQuantile(confidence);
  if (area >= 1 || area <= 0 || standard_error <= 0) {
    const double pairs = std::min(positives, negatives);
    return ClopperPearson(area * pairs, pairs, confidence);
  }
  if (area > 0.95 || positives + negatives < 100) {
    const double half = z * standard_error / (area * (1 - area));
    return {Expit(Logit(area) - half), Expit(Logit(area) + half)};
  }
  return {std::max(0.0, area - z * standard_error), std::min(1.0, area + z * standard_error)};
}

Bounds AreaDropBounds(double drop, double standard_error, double positives, double negatives,
                      double confidence) {
  if (standard_error <= 0) {
    const double pairs = std::min(positives, negatives);
    return TangoDrop(std::max(0.0, drop) * pairs, std::max(0.0, -drop) * pairs, pairs, confidence);
  }
  const double half = NormalQuantile(confidence) * standard_error;
  return {std::max(-1.0, drop - half), std::min(1.0, drop + half)};
}

StatusOr<BootstrapResult> BcaBootstrap(
    std::span<const double> rows, int64_t width,
    const std::function<double(std::span<const double>)>& statistic, double confidence,
    uint64_t seed, int64_t resamples) {
  AZ_CHECK(width > 0 && static_cast<int64_t>(rows.size()) % width == 0, "{} numbers of width {}",
           rows.size(), width);
  const int64_t n = static_cast<int64_t>(rows.size()) / width;
  if (n < 2) return InvalidArgument("a bootstrap needs at least 2 samples, found {}", n);
  if (resamples < 100) {
    return InvalidArgument("a bootstrap needs at least 100 resamples, {} asked", resamples);
  }
  std::vector<int64_t> identity(static_cast<size_t>(n));
  std::iota(identity.begin(), identity.end(), 0);
  std::vector<double> total(static_cast<size_t>(width));
  SumRows(rows, width, identity, total);
  BootstrapResult result;
  result.estimate = statistic(total);

  std::vector<double> replicates(static_cast<size_t>(resamples));
  ParallelFor(resamples, [&](int64_t i) {
    Philox random(seed, static_cast<uint64_t>(i));
    std::vector<int64_t> picks(static_cast<size_t>(n));
    for (int64_t& pick : picks) {
      pick = static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(n)));
    }
    std::vector<double> sums(static_cast<size_t>(width));
    SumRows(rows, width, picks, sums);
    replicates[static_cast<size_t>(i)] = statistic(sums);
  });
  std::sort(replicates.begin(), replicates.end());
  if (!std::isfinite(replicates.front()) || !std::isfinite(replicates.back()) ||
      !std::isfinite(result.estimate)) {
    return InvalidArgument("the statistic is not finite on every resample");
  }
  if (replicates.front() == replicates.back()) {
    result.bounds = {result.estimate, result.estimate};
    return result;
  }
  // Bias: where the estimate lies among the replicates, ties half.
  const auto range = std::equal_range(replicates.begin(), replicates.end(), result.estimate);
  double share = (static_cast<double>(range.first - replicates.begin()) +
                  0.5 * static_cast<double>(range.second - range.first)) /
                 static_cast<double>(resamples);
  share = std::clamp(share, 0.5 / static_cast<double>(resamples),
                     1 - 0.5 / static_cast<double>(resamples));
  const double bias = NormalQuantile(share);
  // Acceleration: skewness of the jackknife values.
  std::vector<double> jackknife(static_cast<size_t>(n)), without(static_cast<size_t>(width));
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      without[static_cast<size_t>(j)] =
          total[static_cast<size_t>(j)] - rows[static_cast<size_t>(i * width + j)];
    }
    jackknife[static_cast<size_t>(i)] = statistic(without);
    mean += jackknife[static_cast<size_t>(i)];
  }
  mean /= static_cast<double>(n);
  double squares = 0, cubes = 0;
  for (const double value : jackknife) {
    const double difference = mean - value;
    squares += difference * difference;
    cubes += difference * difference * difference;
  }
  double acceleration = squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
  if (!std::isfinite(acceleration)) acceleration = 0;
  const auto quantile = [&](double z) {
    const double shifted = bias + z;
    const double level = NormalCdf(bias + shifted / (1 - acceleration * shifted));
    // Linear between order statistics (Hyndman and Fan's type 7).
    const double at = level * static_cast<double>(resamples - 1);
    const size_t below =
        static_cast<size_t>(std::clamp(std::floor(at), 0.0, static_cast<double>(resamples - 1)));
    const size_t above = std::min(below + 1, replicates.size() - 1);
    return replicates[below] +
           (replicates[above] - replicates[below]) * (at - static_cast<double>(below));
  };
  const double z = NormalQuantile(confidence);
  result.bounds = {quantile(-z), quantile(z)};
  return result;
}

}  // namespace assize::eval
