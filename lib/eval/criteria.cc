// Deciding criteria on counts. JSON forms are in criteria_json.cc. Tests:
// tests/eval/criteria_test.cc.
#include "lib/eval/criteria.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "lib/eval/intervals.h"
#include "lib/support/suggest.h"

namespace assize::eval {
namespace {

struct MetricRow {
  Metric metric;
  const char* name;
};
constexpr MetricRow kMetrics[] = {
    {Metric::kTop1, "top1"},
    {Metric::kTopK, "topk"},
    {Metric::kRecall, "recall"},
    {Metric::kSensitivity, "sensitivity"},
    {Metric::kSpecificity, "specificity"},
    {Metric::kAuc, "auc"},
    {Metric::kRmse, "rmse"},
    {Metric::kFlipRate, "flip_rate"},
    {Metric::kLogitNoise, "logit_noise"},
};
constexpr const char* kComparators[] = {"at_least", "at_most", "max_drop"};
constexpr const char* kOutcomes[] = {"PASSED", "FAILED", "UNDECIDED"};

// More samples than this decide nothing in practice; it also keeps counts exact in double.
constexpr double kMostSamples = 1e12;

bool NeedsClass(Metric metric) {
  return metric == Metric::kRecall || metric == Metric::kSensitivity ||
         metric == Metric::kSpecificity || metric == Metric::kAuc;
}
bool IsRate(Metric metric) { return metric != Metric::kRmse && metric != Metric::kLogitNoise; }

Counts::Kind KindOf(const Criterion& criterion) {
  const bool drop = criterion.comparator == Comparator::kMaxDrop;
  switch (criterion.metric) {
    case Metric::kAuc:
      return drop ? Counts::Kind::kAreaDrop : Counts::Kind::kArea;
    case Metric::kRmse:
    case Metric::kLogitNoise:
      return Counts::Kind::kBootstrap;
    default:
      return drop ? Counts::Kind::kPaired : Counts::Kind::kProportion;
  }
}

double EstimateOf(const Counts& counts) {
  const double n = static_cast<double>(counts.n);
  if (counts.kind == Counts::Kind::kProportion) return static_cast<double>(counts.k) / n;
  if (counts.kind == Counts::Kind::kPaired) return static_cast<double>(counts.b - counts.c) / n;
  return counts.estimate;
}

// Bounds if the same rates had been seen on `factor` times as many samples.
Bounds BoundsAt(const Counts& counts, double factor, double confidence) {
  const double scale = factor / counts.design_effect;
  const double n = static_cast<double>(counts.n) * scale;
  switch (counts.kind) {
    case Counts::Kind::kProportion:
      return ClopperPearson(std::min(n, static_cast<double>(counts.k) * scale), n, confidence);
    case Counts::Kind::kPaired:
      return TangoDrop(static_cast<double>(counts.b) * scale, static_cast<double>(counts.c) * scale,
                       n, confidence);
    // The standard error of an area comes from the data, clusters included: only the factor counts.
    case Counts::Kind::kArea:
      return AreaBounds(counts.estimate, counts.standard_error / std::sqrt(factor),
                        static_cast<double>(counts.positives) * scale,
                        static_cast<double>(counts.negatives) * scale, confidence);
    case Counts::Kind::kAreaDrop:
      return AreaDropBounds(counts.estimate, counts.standard_error / std::sqrt(factor),
                            static_cast<double>(counts.positives) * scale,
                            static_cast<double>(counts.negatives) * scale, confidence);
    case Counts::Kind::kBootstrap:
      return {counts.estimate + (counts.lower - counts.estimate) / std::sqrt(factor),
              counts.estimate + (counts.upper - counts.estimate) / std::sqrt(factor)};
    case Counts::Kind::kWithheld:
      break;
  }
  return {0, 1};
}

Outcome Compare(const Criterion& criterion, const Bounds& bounds) {
  if (criterion.comparator == Comparator::kAtLeast) {
    if (bounds.lower >= criterion.threshold) return Outcome::kPassed;
    if (bounds.upper < criterion.threshold) return Outcome::kFailed;
  } else {
    if (bounds.upper <= criterion.threshold) return Outcome::kPassed;
    if (bounds.lower > criterion.threshold) return Outcome::kFailed;
  }
  return Outcome::kUndecided;
}

Status CheckCounts(const Criterion& criterion, const Counts& counts) {
  const auto bad = [&](const std::string& why) {
    return InvalidArgument("criterion \"{}\": impossible counts: {}", criterion.id, why);
  };
  if (counts.kind == Counts::Kind::kWithheld) {
    if (!NeedsClass(criterion.metric)) return bad("only counts of one class may be withheld");
    return OkStatus();
  }
  if (counts.kind != KindOf(criterion)) {
    return bad(fmt::format("they are not of the kind that {} {} is decided on",
                           MetricName(criterion.metric), ComparatorName(criterion.comparator)));
  }
  if (counts.n < 1 || static_cast<double>(counts.n) > kMostSamples) {
    return bad(fmt::format("n is {}", counts.n));
  }
  if (!(counts.design_effect >= 1) || !(counts.design_effect <= static_cast<double>(counts.n))) {
    return bad(fmt::format("design effect {} (1 to n)", counts.design_effect));
  }
  if (NeedsClass(criterion.metric) && counts.n < kSmallestSlice) {
    return bad(
        fmt::format("{} rows of a class are shown, fewer than {}", counts.n, kSmallestSlice));
  }
  switch (counts.kind) {
    case Counts::Kind::kProportion:
      if (counts.k < 0 || counts.k > counts.n) {
        return bad(fmt::format("{} of {}", counts.k, counts.n));
      }
      break;
    case Counts::Kind::kPaired:
      if (counts.b < 0 || counts.c < 0 || counts.b > counts.n || counts.c > counts.n - counts.b) {
        return bad(fmt::format("b {} and c {} of {}", counts.b, counts.c, counts.n));
      }
      break;
    case Counts::Kind::kArea:
    case Counts::Kind::kAreaDrop: {
      const double low = counts.kind == Counts::Kind::kArea ? 0 : -1;
      if (!(counts.estimate >= low && counts.estimate <= 1) || !(counts.standard_error >= 0) ||
          !(counts.standard_error <= 1)) {
        return bad(
            fmt::format("area {} with standard error {}", counts.estimate, counts.standard_error));
      }
      if (counts.positives < 2 || counts.negatives < 2 || counts.positives > counts.n ||
          counts.negatives != counts.n - counts.positives) {
        return bad(fmt::format("{} positives and {} negatives of {}", counts.positives,
                               counts.negatives, counts.n));
      }
      break;
    }
    case Counts::Kind::kBootstrap:
      if (!std::isfinite(counts.estimate) || !std::isfinite(counts.lower) ||
          !std::isfinite(counts.upper) || counts.lower > counts.upper) {
        return bad(fmt::format("estimate {} with bounds {} and {}", counts.estimate, counts.lower,
                               counts.upper));
      }
      if (counts.confidence != criterion.confidence) {
        return bad(fmt::format("bounds at confidence {}, the criterion asks {}", counts.confidence,
                               criterion.confidence));
      }
      break;
    case Counts::Kind::kWithheld:
      break;
  }
  return OkStatus();
}

// Smallest whole n in [1, kMostSamples] with `decides(n)`, which must stay true once true; 0 when
// none.
int64_t SmallestDeciding(const std::function<bool(double)>& decides) {
  double high = 1;
  while (!decides(high)) {
    if (high >= kMostSamples) return 0;
    high *= 2;
  }
  double low = high / 2;  // does not decide, or high is 1
  if (high == 1) return 1;
  while (high - low > 1) {
    const double middle = std::floor(low + (high - low) / 2);
    (decides(middle) ? high : low) = middle;
  }
  return static_cast<int64_t>(high);
}

std::string CountsText(const Counts& counts) {
  switch (counts.kind) {
    case Counts::Kind::kProportion:
      return fmt::format("{} of {}", counts.k, counts.n);
    case Counts::Kind::kPaired:
      return fmt::format("{} right to wrong, {} wrong to right, of {}", counts.b, counts.c,
                         counts.n);
    case Counts::Kind::kArea:
    case Counts::Kind::kAreaDrop:
      return fmt::format("{} positives, {} negatives", counts.positives, counts.negatives);
    default:
      return fmt::format("n {}", counts.n);
  }
}

std::string SamplesOf(const Criterion& criterion) {
  switch (criterion.metric) {
    case Metric::kRecall:
    case Metric::kSensitivity:
      return fmt::format("samples of class {}", criterion.class_index);
    case Metric::kSpecificity:
      return fmt::format("samples of other classes than {}", criterion.class_index);
    case Metric::kAuc:
      return "samples of each kind";
    default:
      return "samples";
  }
}

std::string ThresholdText(const Criterion& criterion) {
  const char* words = criterion.comparator == Comparator::kAtLeast ? "at least" : "at most";
  return fmt::format("{} {}", words, criterion.threshold);
}

std::string VerdictText(const Criterion& criterion, const Verdict& verdict) {
  const char* what = criterion.comparator != Comparator::kMaxDrop ? ""
                     : criterion.metric == Metric::kRmse          ? "rise "
                                                                  : "drop ";
  // The bound that the outcome hangs on; both when it hangs between them.
  const bool wants_low = criterion.comparator == Comparator::kAtLeast;
  std::string bound;
  if (verdict.outcome == Outcome::kUndecided) {
    bound = fmt::format("between {:.4f} and {:.4f}", verdict.lower, verdict.upper);
  } else if ((verdict.outcome == Outcome::kPassed) == wants_low) {
    bound = fmt::format("lower bound {:.4f}", verdict.lower);
  } else {
    bound = fmt::format("upper bound {:.4f}", verdict.upper);
  }
  std::string text =
      fmt::format("{}: {}{:.4f} ({}), {}, wanted {}", OutcomeName(verdict.outcome), what,
                  verdict.estimate, CountsText(verdict.counts), bound, ThresholdText(criterion));
  if (verdict.outcome == Outcome::kUndecided) {
    text +=
        verdict.needed_samples > 0
            ? fmt::format("; {} samples would decide if the rates stayed", verdict.needed_samples)
            : std::string("; no number of samples would decide if the rates stayed");
  }
  return text;
}

}  // namespace

const char* MetricName(Metric metric) { return kMetrics[static_cast<size_t>(metric)].name; }

std::vector<std::string> MetricNames() {
  std::vector<std::string> names;
  for (const MetricRow& row : kMetrics) names.push_back(row.name);
  return names;
}

std::optional<int64_t> TopKOf(std::string_view name) {
  if (name.substr(0, 3) != "top" || name.size() < 4 || name.size() > 9) return std::nullopt;
  int64_t k = 0;
  const auto [end, error] = std::from_chars(name.data() + 3, name.data() + name.size(), k);
  if (error != std::errc() || end != name.data() + name.size() || k < 2) return std::nullopt;
  return k;
}

StatusOr<Metric> ParseMetric(std::string_view name) {
  for (const MetricRow& row : kMetrics) {
    if (name == row.name) return row.metric;
  }
  if (TopKOf(name)) return Metric::kTopK;
  const std::vector<std::string> names = MetricNames();
  return InvalidArgument("unknown metric \"{}\"{}; there are {}", name, DidYouMean(name, names),
                         fmt::join(names, ", "));
}

const char* ComparatorName(Comparator comparator) {
  return kComparators[static_cast<size_t>(comparator)];
}

StatusOr<Comparator> ParseComparator(std::string_view name) {
  for (size_t i = 0; i < std::size(kComparators); ++i) {
    if (name == kComparators[i]) return static_cast<Comparator>(i);
  }
  return InvalidArgument("unknown comparator \"{}\"; there are at_least, at_most, max_drop", name);
}

const char* OutcomeName(Outcome outcome) { return kOutcomes[static_cast<size_t>(outcome)]; }

StatusOr<Outcome> ParseOutcome(std::string_view name) {
  for (size_t i = 0; i < std::size(kOutcomes); ++i) {
    if (name == kOutcomes[i]) return static_cast<Outcome>(i);
  }
  return InvalidArgument("unknown outcome \"{}\"; there are PASSED, FAILED, UNDECIDED", name);
}

std::string MakeCriterionId(const Criterion& criterion) {
  std::string name = MetricName(criterion.metric);
  if (criterion.metric == Metric::kTopK) name = fmt::format("top{}", criterion.k);
  if (NeedsClass(criterion.metric)) name += fmt::format("[{}]", criterion.class_index);
  return fmt::format("{} {} {}", name, ComparatorName(criterion.comparator), criterion.threshold);
}

Status CheckCriterion(const Criterion& criterion) {
  const std::string title = criterion.id.empty() ? MakeCriterionId(criterion) : criterion.id;
  const auto bad = [&](const std::string& why) {
    return InvalidArgument("criterion \"{}\": {}", title, why);
  };
  if (!(criterion.confidence >= 0.5 && criterion.confidence < 1)) {
    return bad(fmt::format("confidence {} (from 0.5, below 1)", criterion.confidence));
  }
  if (!std::isfinite(criterion.threshold)) return bad("the threshold is not finite");
  if (NeedsClass(criterion.metric) && criterion.class_index < 0) {
    return bad(fmt::format("{} needs a class", MetricName(criterion.metric)));
  }
  if (!NeedsClass(criterion.metric) && criterion.class_index >= 0) {
    return bad(fmt::format("{} takes no class", MetricName(criterion.metric)));
  }
  if (criterion.metric == Metric::kTopK ? criterion.k < 1 : criterion.k != 1) {
    return bad(fmt::format("k is {} (only topk has one, from 1 on)", criterion.k));
  }
  if (criterion.min_samples < 0) return bad("min_samples is negative");
  const bool by_nature =
      criterion.metric == Metric::kFlipRate || criterion.metric == Metric::kLogitNoise;
  if (by_nature && criterion.comparator != Comparator::kAtMost) {
    return bad(fmt::format("{} is compared by at_most", MetricName(criterion.metric)));
  }
  const bool compares = by_nature || criterion.comparator == Comparator::kMaxDrop;
  if (criterion.against_source != compares) {
    return bad(compares ? "it compares with the source: say against: source"
                        : "against: source goes with max_drop, flip_rate or logit_noise");
  }
  const double t = criterion.threshold;
  if (IsRate(criterion.metric)) {
    switch (criterion.comparator) {
      case Comparator::kAtLeast:
        if (!(t >= 0 && t < 1)) {
          return bad(fmt::format("at_least {}: a rate from 0, below 1 (no sample proves 1)", t));
        }
        break;
      case Comparator::kAtMost:
        if (!(t > 0 && t <= 1)) {
          return bad(fmt::format("at_most {}: a rate above 0, to 1 (no sample proves 0)", t));
        }
        break;
      case Comparator::kMaxDrop:
        if (!(t > -1 && t < 1)) {
          return bad(fmt::format("max_drop {}: a share above -1, below 1 (0.01 is one point)", t));
        }
        break;
    }
  } else if (criterion.comparator != Comparator::kMaxDrop && t < 0) {
    return bad(fmt::format("{} {}: the metric is never negative",
                           ComparatorName(criterion.comparator), t));
  }
  return OkStatus();
}

StatusOr<Verdict> Decide(const Criterion& criterion, const Counts& counts) {
  AZ_RETURN_IF_ERROR(CheckCriterion(criterion));
  AZ_RETURN_IF_ERROR(CheckCounts(criterion, counts));
  Verdict verdict;
  verdict.counts = counts;
  if (counts.kind == Counts::Kind::kWithheld) {
    verdict.upper = 1;
    const SampleNeed need = MinimumSamples(criterion);
    verdict.needed_samples = need.samples;
    verdict.text = fmt::format("{}: fewer than {} {}: nothing is said about so few",
                               OutcomeName(verdict.outcome), kSmallestSlice, need.of);
    if (need.samples > 0) verdict.text += fmt::format("; it needs at least {}", need.samples);
    return verdict;
  }
  verdict.n = counts.n;
  verdict.estimate = EstimateOf(counts);
  const Bounds bounds = BoundsAt(counts, 1, criterion.confidence);
  verdict.lower = bounds.lower;
  verdict.upper = bounds.upper;
  verdict.outcome = Compare(criterion, bounds);
  if (verdict.outcome == Outcome::kPassed && counts.n < criterion.min_samples) {
    verdict.outcome = Outcome::kUndecided;
  }
  if (verdict.outcome == Outcome::kUndecided) {
    verdict.needed_samples = SamplesNeeded(criterion, counts);
  }
  verdict.text = VerdictText(criterion, verdict);
  return verdict;
}

int64_t SamplesNeeded(const Criterion& criterion, const Counts& counts) {
  if (counts.kind == Counts::Kind::kWithheld || counts.n < 1) return 0;
  const double n = static_cast<double>(counts.n);
  if (EstimateOf(counts) == criterion.threshold) return 0;
  const int64_t needed = SmallestDeciding([&](double samples) {
    return Compare(criterion, BoundsAt(counts, samples / n, criterion.confidence)) !=
           Outcome::kUndecided;
  });
  return needed == 0 ? 0 : std::max(needed, criterion.min_samples);
}

SampleNeed MinimumSamples(const Criterion& criterion) {
  SampleNeed need;
  need.of = SamplesOf(criterion);
  const std::string title = criterion.id.empty() ? MakeCriterionId(criterion) : criterion.id;
  const double t = criterion.threshold, confidence = criterion.confidence;
  const char* even = "";
  if (IsRate(criterion.metric)) {
    switch (criterion.comparator) {
      case Comparator::kAtLeast:
        if (t < 1) {
          need.samples = SmallestDeciding(
              [&](double n) { return ClopperPearson(n, n, confidence).lower >= t; });
        }
        even = criterion.metric == Metric::kAuc ? "every pair is ranked right"
                                                : "every answer is right";
        break;
      case Comparator::kAtMost:
        if (t > 0) {
          need.samples = SmallestDeciding(
              [&](double n) { return ClopperPearson(0, n, confidence).upper <= t; });
        }
        even = criterion.metric == Metric::kFlipRate ? "no answer changes" : "none is counted";
        break;
      case Comparator::kMaxDrop:
        if (t > 0) {
          need.samples =
              SmallestDeciding([&](double n) { return TangoDrop(0, 0, n, confidence).upper <= t; });
        }
        even = "no answer changes";
        break;
    }
  }
  need.samples = std::max(need.samples, criterion.min_samples);
  need.text =
      need.samples > 0
          ? fmt::format("{} needs at least {} {} even when {}", title, need.samples, need.of, even)
          : fmt::format("{}: the number of samples it needs follows from the data only", title);
  return need;
}

Outcome Overall(const std::vector<Verdict>& verdicts) {
  if (verdicts.empty()) return Outcome::kUndecided;
  Outcome overall = Outcome::kPassed;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == Outcome::kFailed) return Outcome::kFailed;
    if (verdict.outcome == Outcome::kUndecided) overall = Outcome::kUndecided;
  }
  return overall;
}

}  // namespace assize::eval
