// What a pass may ask of the world outside the graph: execution, calibration data, scores, places
// for artifacts.
//
// Interfaces only; lib/flow implements them over the engine and the datasets, so that no pass sees
// oneDNN, files or labels it should not. Tests: tests/flow/services_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/model.h"
#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::pass {

using Feeds = std::map<std::string, ir::Tensor>;  // input name -> tensor, rows first

// A compiled model with chosen results. Not thread-safe; make one per thread.
class Runner {
 public:
  virtual ~Runner() = default;
  // Values of the names given to Prepare, in that order. The batch dimension of feeds may vary
  // between calls where the model allows it.
  virtual StatusOr<std::vector<ir::Tensor>> Run(const Feeds& feeds) = 0;
};

class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // `fetch` may name any value of the main graph, not only outputs. Unimplemented when an op cannot
  // run.
  virtual StatusOr<std::unique_ptr<Runner>> Prepare(const ir::Model& model,
                                                    const std::vector<std::string>& fetch) = 0;
};

// Rows ready to feed, in a fixed order. Rows are never shown to logs, records or reproducers.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t rows() const = 0;
  // Rows [begin, end) as one batch.
  virtual StatusOr<Feeds> Batch(int64_t begin, int64_t end) const = 0;
  // The batch size the model wants: its fixed batch dimension, or a size that suits the machine.
  virtual int64_t batch_rows() const = 0;
  virtual std::string digest()
      const = 0;  // hex SHA-256 over sources, preprocessing and row selection
};

// Takes files that a pass makes besides the model (distillation exports). Names are relative, `/`
// separated.
class ArtifactSink {
 public:
  virtual ~ArtifactSink() = default;
  virtual Status Write(const std::string& name, std::span<const std::byte> bytes) = 0;
  // A model that a pass makes besides the one it works on, as an ONNX file.
  virtual Status WriteModel(const std::string& name, const ir::Model& /*model*/) {
    return Unimplemented("{}: this place for artifacts takes no models", name);
  }
};

// Any of these may be null: a pass that needs one says so in its descriptor and is refused before
// it starts.
struct Services {
  Evaluator* evaluator = nullptr;
  // The exact evaluator that differential checks and constant folding go by; null: `evaluator`
  // serves for both.
  Evaluator* oracle = nullptr;
  const Dataset* calibration = nullptr;
  const Dataset* tuning = nullptr;
  ArtifactSink* artifacts = nullptr;

  Evaluator* exact() const { return oracle != nullptr ? oracle : evaluator; }
};

}  // namespace assize::pass
