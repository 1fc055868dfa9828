// From per-row outputs to the counts that criteria are decided on. Tests:
// tests/eval/metrics_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/data/array.h"
#include "lib/eval/criteria.h"
#include "lib/eval/outputs.h"

namespace assize::eval {

// Everything measured on one evaluation set; row i of each belongs together. `source` is the model
// before.
struct Observations {
  Outputs model;
  std::optional<Outputs> source;
  std::vector<int64_t> labels;         // class labels, or empty
  std::optional<data::Array> targets;  // f32 [n, width], or nothing
  std::vector<int64_t> groups;         // cluster of each row, or empty: rows taken as independent
  std::optional<Reading> reading;      // overrides ReadOutputs
};

struct MeasureOptions {
  uint64_t seed = 0;  // of the bootstrap
  int64_t resamples = 10'000;
};

// Lengths equal, labels below the number of classes, something to judge by. InvalidArgument names
// both numbers.
Status CheckObservations(const Observations& observations);
Reading ReadingOf(const Observations& observations);

// FailedPrecondition when the criterion needs labels, targets or a source that are not there;
// InvalidArgument when the outputs are not class-like and the metric needs classes.
StatusOr<Counts> Measure(const Criterion& criterion, const Observations& observations,
                         const MeasureOptions& options = {});

}  // namespace assize::eval
