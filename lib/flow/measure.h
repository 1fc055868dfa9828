// What a model does on labelled rows, on its own or beside the model it came from.
// Tests: tests/flow/evaluate_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/data/dataset.h"
#include "lib/eval/report.h"
#include "lib/ir/model.h"
#include "lib/support/progress.h"

namespace assize::flow {

// A model and the data bound to its inputs.
struct Subject {
  const ir::Model& model;
  const data::Dataset& data;
};

struct MeasureRequest {
  std::span<const int64_t> rows;
  std::vector<eval::Criterion> criteria;  // to decide; none: counts and bounds alone
  std::string output;                     // output to judge; empty: the first
  uint64_t seed = 0;
};

// Predicts the rows with `subject` and, for drops and flips, with `source`; labels and groups are
// the subject's. `what` names the subject in the progress ("the result"). Errors are Predict's and
// eval::Evaluate's.
StatusOr<eval::Report> Measure(const Subject& subject, const std::optional<Subject>& source,
                               const MeasureRequest& request, const std::string& what,
                               Progress& progress);

}  // namespace assize::flow
