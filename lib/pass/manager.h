// PassManager: runs a pipeline, verifies after every pass, computes the changed-bit, checks each
// promise numerically, and keeps the records. Tests: tests/pass/manager_test.cc.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "lib/ir/model.h"
#include "lib/pass/pass.h"
#include "lib/pass/pipeline.h"
#include "lib/pass/record.h"
#include "lib/support/clock.h"

namespace assize::pass {

struct ManagerOptions {
  int64_t bisect_limit = -1;  // stop after this many pass applications; -1: no limit
  std::vector<std::string> print_after = {};  // flags, or "all"
  std::ostream* print_stream = nullptr;       // where --print-after goes
  bool numeric_checks =
      true;  // differential run after simplify/ and fuse/ passes, where it can run
  uint64_t seed = 0;
  const Clock* clock = nullptr;  // durations; null: system clock
  // Writes a reproducer and returns its path: the model before the failing pass, that pass as
  // pipeline text, and the seed. Called when a pass fails with Internal, breaks the model or its
  // promise, or dies in an AZ_CHECK. Null: none is written. Flow supplies it, since passes cannot
  // see files or ONNX.
  std::function<StatusOr<std::string>(const ir::Model& before, const std::string& pipeline_text,
                                      uint64_t seed)>
      write_reproducer = {};
  // A numeric check whose runs would cost more multiply-accumulates than this is skipped, with the
  // reason in the record: the evaluator is the naive reference, seconds for a billion.
  int64_t numeric_check_max_macs = 1'000'000'000;
  // Called before each pass with its index and flag: progress, instrumentation.
  std::function<void(size_t, const std::string&)> before_pass = {};
};

class PassManager {
 public:
  explicit PassManager(ManagerOptions options) : options_(std::move(options)) {}
  // Runs the pipeline on `model`. On failure `model` is what it was before the failing pass,
  // records() end with the last good pass, and the status names the pass. A pass that breaks the
  // verifier or its numeric promise is Internal (our bug), with the reproducer's path in the
  // message.
  Status Run(const Pipeline& pipeline, ir::Model& model, const Services& services,
             DiagnosticSink& diagnostics, Progress& progress);
  const std::vector<PassRecord>& records() const { return records_; }

 private:
  ManagerOptions options_;
  std::vector<PassRecord> records_;
};

// `--time-passes` and `--stats` tables.
std::string TimingTable(const std::vector<PassRecord>& records);
std::string StatisticsTable(const std::vector<PassRecord>& records);

}  // namespace assize::pass
