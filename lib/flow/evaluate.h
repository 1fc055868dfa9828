// `eval` and `run`: a model over the user's data. Tests: tests/flow/evaluate_test.cc.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/eval/metrics.h"
#include "lib/eval/report.h"
#include "lib/flow/user_data.h"
#include "lib/support/progress.h"

namespace assize::flow {

struct EvaluateRequest {
  std::string model;    // path
  std::string against;  // source model's path; empty: no comparison
  UserData data;
  std::string output;  // output to judge; empty: the first
  uint64_t seed = 0;
};
StatusOr<eval::Report> EvaluateFile(const EvaluateRequest& request, Progress& progress);

// A table of what was measured, for people.
std::string ReportText(const eval::Report& report);
// `eval --json`: n, correct, top1 and the whole report.
Json EvaluateJson(const eval::Report& report);

struct RunRequest {
  std::string model;
  UserData data;
  std::string output;  // npz to write
};
struct RunResult {
  int64_t rows = 0;
  std::vector<std::pair<std::string, std::string>> outputs;  // name, "f32 [624,2]"
};
StatusOr<RunResult> RunFile(const RunRequest& request, Progress& progress);

}  // namespace assize::flow
