// Walks graphs: binds values, finds kernels and functions, runs subgraphs, frees what is no longer
// used, keeps the run's budget. Internal to the room. Tests: tests/reference/executor_test.cc.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/reference/kernel.h"

namespace assize::reference {

// What holds for a body: the opsets it imports and, inside a function, the values of its
// attributes.
struct Frame {
  const std::vector<ir::OpsetImport>* opsets = nullptr;
  std::map<std::string, const ir::Attribute*, std::less<>> attributes;
};

// The values of one running graph. A subgraph sees those of its parents by name.
struct Scope {
  const ir::Graph* graph = nullptr;
  const Frame* frame = nullptr;
  const Scope* parent = nullptr;
  const std::map<std::string, RuntimeValue>* outer =
      nullptr;                      // given from outside, at the outermost scope
  std::vector<RuntimeValue> slots;  // by ValueRef::index
  std::vector<char> known;          // the slot was bound or computed (possibly as absent)
};

class Executor {
 public:
  Executor(const ir::Model& model, const Limits& limits, const BodyRunner* run_body = nullptr)
      : model_(model), limits_(limits), run_body_(run_body) {}

  StatusOr<std::vector<RuntimeValue>> RunMain(const std::map<std::string, RuntimeValue>& feeds,
                                              const std::vector<std::string>& fetch);
  StatusOr<std::vector<RuntimeValue>> EvaluateOne(
      const ir::Graph& graph, ir::NodeRef node, const std::vector<RuntimeValue>& inputs,
      const std::map<std::string, RuntimeValue>& captures);
  // Runs a subgraph or function body on positional inputs.
  StatusOr<std::vector<RuntimeValue>> RunBody(const ir::Graph& graph,
                                              std::vector<RuntimeValue> inputs, const Scope* parent,
                                              const Frame* frame);

  // Runs the part of `graph` that leads from `bound` to `wanted`; bound values are taken as given,
  // even where the graph computes them.
  using Bound = std::vector<std::pair<ir::ValueRef, RuntimeValue>>;
  StatusOr<std::vector<RuntimeValue>> RunPart(const ir::Graph& graph, Bound bound,
                                              const std::vector<ir::ValueRef>& wanted,
                                              const Frame* frame);

  const Limits& limits() const { return limits_; }
  int64_t live_bytes() const { return live_bytes_; }
  Status CountIteration();
  // For bodies of the one node that EvaluateOne was asked for; may be null or empty.
  const BodyRunner* body_runner() const { return run_body_; }

 private:
  // RunGraph one level deeper, under the limit.
  StatusOr<std::vector<RuntimeValue>> RunNested(Scope& scope, Bound bound,
                                                const std::vector<ir::ValueRef>& wanted);
  StatusOr<std::vector<RuntimeValue>> RunGraph(Scope& scope, Bound bound,
                                               const std::vector<ir::ValueRef>& wanted);
  StatusOr<std::vector<RuntimeValue>> RunNode(const ir::Graph& graph, ir::NodeRef ref,
                                              const Scope* scope, const Frame& frame,
                                              const std::vector<RuntimeValue>& inputs);
  StatusOr<std::vector<RuntimeValue>> CallFunction(const ir::Function& function,
                                                   const ir::Node& node, const Frame& frame,
                                                   const std::vector<RuntimeValue>& inputs);
  StatusOr<std::vector<RuntimeValue>> CallKernel(const KernelRow& row, OpContext& context) const;
  StatusOr<RuntimeValue> Lookup(const Scope& scope, ir::ValueRef ref) const;
  StatusOr<RuntimeValue> LookupName(const Scope& scope, const std::string& name) const;
  void Bind(Scope& scope, ir::ValueRef ref, RuntimeValue value);
  void Release(Scope& scope, ir::ValueRef ref);

  const ir::Model& model_;
  const Limits& limits_;
  const BodyRunner* run_body_;
  int64_t live_bytes_ = 0;
  int64_t iterations_ = 0;
  int depth_ = 0;
};

}  // namespace assize::reference
