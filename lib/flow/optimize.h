// `opt`, `quantize` and `prune`: a pipeline over a model file. Tests: tests/flow/optimize_test.cc.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lib/flow/comparison.h"
#include "lib/flow/user_data.h"
#include "lib/pass/record.h"
#include "lib/support/diagnostics.h"
#include "lib/support/progress.h"

namespace assize::flow {

struct OptimizeRequest {
  std::string model;     // path
  std::string pipeline;  // text; parsed completely before the model is opened
  UserData data;  // calibration rows; with labels, the table also shows accuracy on the same rows
  std::string output;     // path of the new model; empty: nothing is written
  std::string artifacts;  // folder for what passes make besides; empty: <output>.artifacts
  uint64_t seed = 0;
  // Instrumentation.
  int64_t bisect_limit = -1;
  std::vector<std::string> print_after;
  std::ostream* print_stream = nullptr;
  bool numeric_checks = true;
};

struct OptimizeResult {
  Comparison comparison;
  std::vector<pass::PassRecord> records;
  std::vector<Diagnostic> diagnostics;
  std::string pipeline;                // as text, groups unexpanded
  std::vector<std::string> artifacts;  // folder's files
};

StatusOr<OptimizeResult> Optimize(const OptimizeRequest& request, Progress& progress);

// The pipeline text, completely parsed and printed back (--print-pipeline). UsageError.
StatusOr<std::string> NormalizePipeline(const std::string& pipeline);

// Replays a reproducer that a failed pass left (--run-reproducer); OK when it no longer fails.
Status RunReproducer(const std::string& path, Progress& progress);

}  // namespace assize::flow
