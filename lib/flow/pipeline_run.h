// A pipeline over a model with the real services and a reproducer writer: what `opt` and `build`
// share. Tests: tests/flow/optimize_test.cc.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lib/ir/model.h"
#include "lib/pass/manager.h"
#include "lib/pass/pipeline.h"
#include "lib/pass/services.h"

namespace assize::flow {

struct PipelineRun {
  const pass::Dataset* calibration = nullptr;
  const pass::Dataset* tuning = nullptr;
  std::string artifacts;  // folder for what passes make besides; empty: they are refused
  uint64_t seed = 0;
  const Clock* clock = nullptr;
  int64_t max_memory_bytes = 0;  // 0: the engine's default
  int64_t bisect_limit = -1;
  std::vector<std::string> print_after;
  std::ostream* print_stream = nullptr;
  bool numeric_checks = true;
  bool reproducers = true;  // off for models that must not be copied
  // Filled by the run.
  std::vector<pass::PassRecord> records;
  std::vector<Diagnostic> diagnostics;
};

Status RunPipeline(const pass::Pipeline& pipeline, ir::Model& model, PipelineRun& run,
                   Progress& progress);

}  // namespace assize::flow
