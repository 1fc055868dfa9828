// `bench`: how long a model takes, alone or against another one, and where its time goes.
//
// Two models take turns in short rounds (A B, B A, ...), so that what else the machine does hits
// both alike. Times and memory are measurements: they differ from run to run and decide nothing.
// Tests: tests/flow/bench_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/engine/engine.h"
#include "lib/engine/peak.h"
#include "lib/flow/user_data.h"
#include "lib/support/json.h"
#include "lib/support/progress.h"
#include "lib/support/status.h"

namespace assize::flow {

struct BenchRequest {
  std::string model;
  std::string against;                  // empty: alone
  int64_t batch = 0;                    // 0: the model's own, or 1
  std::map<std::string, int64_t> dims;  // other symbolic dims; "INPUT:AXIS" where a dim has no name
  UserData data;                        // rows to feed; without them, seeded noise
  int rounds = 21;                      // at most; slow models get fewer, 5 at least
  double round_seconds = 0.05;          // of runs in a round; one run at least
  double budget_seconds = 5;            // of rounds for each model
  std::function<int64_t()> nanos;       // the clock; empty: the machine's
};

struct BenchFigures {
  std::string path;
  double median_us = 0, p95_us = 0, least_us = 0;
  int64_t runs = 0;
  std::vector<double> rounds_us;  // median of each round, in order
  double import_ms = 0, compile_ms = 0, first_run_ms = 0;
  int64_t peak_bytes = 0;  // resident, above what there was before loading; 0: not known here
  std::vector<engine::StepProfile> profile;  // of runs of their own, after the rounds
  int64_t profile_runs = 0;
};

struct BenchResult {
  int64_t batch = 0;
  int threads = 0;
  std::string instruction_set;
  std::vector<std::string> inputs;   // "input float [1, 3, 224, 224]"
  std::string feeds;                 // "seeded noise", or the file's name
  std::vector<BenchFigures> models;  // one or two; the second is `against`
  std::string turns;                 // who ran in which order: "ABBAAB..."
  double speedup = 0;                // median over rounds of against / model; 0 when alone
  double largest_difference = 0;  // of the outputs, as a share of the largest value; when not alone
  engine::Peaks peaks;
};

// InvalidArgument: a size that is not known (says how to give it), or models whose inputs or
// outputs differ.
StatusOr<BenchResult> RunBench(const BenchRequest& request, Progress& progress);

std::string BenchText(const BenchResult& result);
Json BenchJson(const BenchResult& result);         // schemas/bench.schema.json
std::string BenchHtml(const BenchResult& result);  // one page, nothing loaded, no script

// What the steps of a profile share, in one run: by kernel, largest first.
struct KernelShare {
  std::string kernel;
  int64_t steps = 0;
  double seconds = 0, operations = 0;
  int64_t bytes = 0;
  bool integer = false;
};
std::vector<KernelShare> SharesByKernel(const BenchFigures& figures);
// Operations a second that `operations` on `bytes` could reach here: by arithmetic or by memory,
// whichever is less.
double RooflineLimit(const engine::Peaks& peaks, double operations, int64_t bytes, bool integer);

}  // namespace assize::flow
