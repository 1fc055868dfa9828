// Loading, describing and writing models, the same way for every verb.
// Tests: tests/flow/model_file_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/evidence/facts.h"
#include "lib/ir/model.h"
#include "lib/onnx/onnx.h"
#include "lib/support/status.h"

namespace assize::flow {

struct LoadedModel {
  std::string path;
  onnx::Imported imported;
  const ir::Model& model() const { return imported.model; }
};

struct LoadOptions {
  bool sealed = false;  // hash and use the very same bytes
  std::string sha256;   // expected digest of the .onnx file, hex; empty: not pinned (else DataLoss)
  uint64_t max_model_bytes = 0;  // 0: the import's default
  bool digests = true;           // off for who only runs the model
};

// Imports and verifies. InvalidArgument names file, place, found and expected. Nodes that stand
// before what they read (converters to float16 append their Casts) are put in order; what is
// written later is in that order.
StatusOr<LoadedModel> LoadModel(const std::string& path, const LoadOptions& options = {});

// "domain.Op(opset)" of every op that neither engine nor reference can run; empty when the model
// runs.
std::vector<std::string> NotExecutable(const ir::Model& model);

// What statements and tables say of a model. `file` and `external` are left empty.
StatusOr<evidence::ModelFacts> FactsOf(const ir::Model& model);
// The same, with the files.
StatusOr<evidence::ModelFacts> FactsOf(const LoadedModel& loaded);

// Writes the model (atomically) and describes what was written, files included. On failure nothing
// new is at `path`; a model that does not verify is InvalidArgument.
StatusOr<evidence::ModelFacts> WriteModel(const ir::Model& model, const std::string& path);

// Inputs that must be fed: graph inputs that are no initializers too, in order.
std::vector<std::string> FeedNames(const ir::Model& model);
// The fixed first dimension that all fed inputs share, or 0 when it is symbolic or unknown.
int64_t FixedBatch(const ir::Model& model);

}  // namespace assize::flow
