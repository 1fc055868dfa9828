// The evaluation as a record: verdicts, before/after numbers with bounds, slices by class.
// Aggregates only: no row numbers, no outputs, no slice below kSmallestSlice rows, and none that
// subtraction would reveal. Tests: tests/eval/report_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/eval/criteria.h"
#include "lib/eval/metrics.h"
#include "lib/support/json.h"

namespace assize::eval {

// k of n with one-sided 95 % bounds.
struct Proportion {
  int64_t k = 0;
  int64_t n = 0;
  double lower = 0;
  double upper = 1;
  double design_effect = 1;  // as Counts::design_effect
  double value() const { return n == 0 ? 0 : static_cast<double>(k) / static_cast<double>(n); }
};
Proportion MakeProportion(int64_t k, int64_t n, double confidence = 0.95);

struct ClassSlice {
  int64_t class_index = 0;
  Proportion model;  // recall
  std::optional<Proportion> source;
};

struct Judged {
  Criterion criterion;
  Verdict verdict;
};

struct Report {
  int64_t n = 0;
  int64_t outputs = 0;  // numbers per row
  OutputKind kind = OutputKind::kClasses;
  float threshold = 0;       // kBinary
  double confidence = 0.95;  // of the table's bounds
  uint64_t seed = 0;
  int64_t groups = 0;  // clusters; 0: "samples taken as independent"

  std::optional<Proportion> top1;  // with labels
  std::optional<Proportion> source_top1;
  std::optional<Proportion> flips;  // with a source and classes
  int64_t right_to_wrong = 0, wrong_to_right = 0;
  double drop_design_effect = 1;
  std::optional<double> drop, drop_lower,
      drop_upper;                           // top-1 of the source minus the model's, Tango
  std::optional<double> auc, source_auc;    // two classes: of class 1
  std::optional<double> rmse, source_rmse;  // with targets
  std::optional<double> logit_noise;        // with a source
  std::vector<ClassSlice> slices;           // with labels, by class
  int64_t slices_not_shown = 0;             // classes that occur but are too small to show

  std::vector<Judged> criteria;
  Outcome outcome = Outcome::kUndecided;  // Overall; kUndecided without criteria

  Json ToJson() const;
  // Exact inverse. Unknown members, wrong types and impossible numbers are InvalidArgument with the
  // place; outcomes are read as stored, never trusted: use Recheck.
  static StatusOr<Report> FromJson(const Json& json, const std::string& where = "");
};

StatusOr<Report> Evaluate(const std::vector<Criterion>& criteria, const Observations& observations,
                          const MeasureOptions& options = {});

// Decides every criterion again from the stored counts; InvalidArgument naming the first number
// that differs (bounds by more than 1e-9, outcome, n). What a gate calls.
Status Recheck(const Report& report);

}  // namespace assize::eval
