// The graphs that If, Loop and Scan hold, as programs of their own: the reference walks the
// control flow, and what an iteration computes runs here. Tests: tests/engine/bodies_test.cc.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lib/engine/engine.h"
#include "lib/reference/reference.h"

namespace assize::engine {

using Captures = std::map<std::string, reference::RuntimeValue>;
using RuntimeValues = std::vector<reference::RuntimeValue>;

// The programs of one model's bodies, made when they are first run. Shared between threads.
class Bodies {
 public:
  Bodies(const ir::Model& model, const CompileOptions& options)
      : model_(model), options_(options) {}

  // The program of `body`, which `node` holds; it is fed the body's inputs and what it captures.
  // Null where the reference is as good: in loops without a heavy layer (a plan for each new shape
  // would cost more), in loops within loops (they share one budget of iterations), and where a
  // value is no tensor of numbers.
  std::shared_ptr<const Program> For(const ir::Node& node, const ir::Graph& body,
                                     const RuntimeValues& inputs, const Captures& captures) const;
  // From now on For gives null: its results are no tensors, as a run has shown.
  void LeaveToReference(const ir::Graph& body) const;

 private:
  const ir::Model& model_;
  const CompileOptions& options_;
  mutable std::mutex mutex_;
  mutable std::map<const ir::Graph*, std::shared_ptr<const Program>> programs_;
};

// What `program` of `body` is fed.
std::map<std::string, ir::Tensor> FeedsOf(const Program& program, const ir::Graph& body,
                                          const RuntimeValues& inputs, const Captures& captures);

}  // namespace assize::engine
