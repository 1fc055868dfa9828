// Criteria: what must hold, decided by bounds on counts. Decide is a pure function of criterion and
// counts, so a gate derives every verdict again without the data. Formulas: intervals.h. Tests:
// tests/eval/criteria_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::eval {

enum class Metric {
  kTop1,         // share of rows whose predicted class is the label
  kTopK,         // share whose label is among the k largest
  kRecall,       // of the rows labelled `class_index`, the share predicted so
  kSensitivity,  // the same, in the words of a test for condition `class_index`
  kSpecificity,  // of the rows not labelled `class_index`, the share not predicted so
  kAuc,          // area under the ROC curve of class_index's score, one against the rest
  kRmse,         // root of the mean squared error over rows and outputs, against targets
  kFlipRate,     // share of rows whose predicted class differs from the source model's
  kLogitNoise,   // RMS of (output - source's output) over RMS of the source's output
};
const char* MetricName(Metric metric);  // "top1" "topk" "recall" ... "flip_rate" "logit_noise"
StatusOr<Metric> ParseMetric(
    std::string_view name);  // also "top5": topk (k by TopKOf); nearest name otherwise
std::vector<std::string> MetricNames();
std::optional<int64_t> TopKOf(
    std::string_view name);  // 5 for "top5", nothing for "top1" and other names

enum class Comparator { kAtLeast, kAtMost, kMaxDrop };
const char* ComparatorName(Comparator comparator);  // "at_least" "at_most" "max_drop"
StatusOr<Comparator> ParseComparator(std::string_view name);

struct Criterion {
  std::string id;  // unique in its list; MakeCriterionId when the user gave none
  Metric metric = Metric::kTop1;
  int64_t k = 1;             // kTopK
  int64_t class_index = -1;  // kRecall, kSensitivity, kSpecificity, kAuc
  Comparator comparator = Comparator::kAtLeast;
  double threshold = 0;
  bool against_source = false;  // true for max_drop, flip_rate and logit_noise
  double confidence = 0.95;     // one-sided
  int64_t min_samples = 0;      // a policy's floor on n
};
// "sensitivity[1] at_least 0.95", "top1 max_drop 0.02".
std::string MakeCriterionId(const Criterion& criterion);
// Combinations and ranges: class_index where needed, k >= 1, thresholds in [0,1] for rates,
// confidence in [0.5, 1), max_drop only for metrics with a source comparison, at_most only upward
// metrics ... InvalidArgument explains.
Status CheckCriterion(const Criterion& criterion);
Json ToJson(const Criterion& criterion);
StatusOr<Criterion> CriterionFromJson(const Json& json, const std::string& where);

// What was counted: all that Decide needs, and nothing about any one sample.
struct Counts {
  enum class Kind {
    kProportion,  // k of n
    kPaired,      // b right before and wrong after, c the reverse, of n
    kArea,        // ROC area: estimate, standard_error, positives, negatives
    kAreaDrop,    // the same for source's minus model's
    kBootstrap,   // estimate with BCa bounds made at `confidence` (not derivable from counts: needs
                  // the data)
    kWithheld,    // fewer than kSmallestSlice rows of the class: nothing is said about them
  };
  Kind kind = Kind::kProportion;
  int64_t n = 0;
  int64_t k = 0;
  int64_t b = 0, c = 0;
  double estimate = 0;        // kArea, kAreaDrop, kBootstrap
  double standard_error = 0;  // kArea, kAreaDrop
  int64_t positives = 0, negatives = 0;
  double lower = 0, upper = 0, confidence = 0;  // kBootstrap
  uint64_t seed = 0;
  int64_t resamples = 0;
  // Variance of clustered rows over that of independent ones, at least 1 (Rao and Scott 1992);
  // counts are divided by it before the bounds. 1: rows taken as independent.
  double design_effect = 1;
  std::optional<double> model_value, source_value;  // the metric itself, for the before/after table
};
inline constexpr int64_t kSmallestSlice = 11;
Json ToJson(const Counts& counts);
StatusOr<Counts> CountsFromJson(const Json& json, const std::string& where);

enum class Outcome { kPassed, kFailed, kUndecided };
const char* OutcomeName(Outcome outcome);  // "PASSED" "FAILED" "UNDECIDED"
StatusOr<Outcome> ParseOutcome(std::string_view name);

struct Verdict {
  Outcome outcome = Outcome::kUndecided;
  double estimate = 0;          // of the metric, or of the drop
  double lower = 0, upper = 0;  // one-sided bounds at the criterion's confidence
  int64_t n = 0;
  Counts counts;
  // UNDECIDED: the number of samples at which the estimate, if it stayed, would decide; 0 when no
  // number would (the estimate equals the threshold) or nothing is known; else 0.
  int64_t needed_samples = 0;
  std::string text;  // one line for people
};
// Pure. InvalidArgument when the counts are impossible (k > n, b + c > n, n = 0, NaN, a kind that
// does not belong to the criterion, bootstrap bounds of another confidence): forged or broken
// evidence.
StatusOr<Verdict> Decide(const Criterion& criterion, const Counts& counts);

// Smallest n that decides if the estimated rates stayed; 0 when none does. By doubling and
// bisection.
int64_t SamplesNeeded(const Criterion& criterion, const Counts& counts);

// Before any data: the smallest n that can pass at all, with a perfect outcome (every answer right,
// nothing changed).
struct SampleNeed {
  int64_t samples = 0;  // 0: no number follows from the criterion alone
  std::string of;       // "samples", "samples of class 1", "samples of each kind"
  std::string text;  // `top1 max_drop 0.01 needs at least 268 samples even when no answer changes`
};
SampleNeed MinimumSamples(const Criterion& criterion);

// PASSED when all passed, FAILED when any failed, else UNDECIDED. No correction between criteria:
// all must pass (intersection-union test). An empty list is UNDECIDED.
Outcome Overall(const std::vector<Verdict>& verdicts);

}  // namespace assize::eval
