// The reference evaluator: the oracle for every op, naive and right. No oneDNN, no Eigen.
//
// One file per family of ops under lib/reference/ops/. Version-aware; If, Loop and Scan run under a
// budget. Sums are in double or in exact integers, in index order, so a result depends on the
// inputs alone. Tests: tests/reference/, tests/conformance/.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/ir/model.h"
#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::reference {

// A value at run time: tensor, sequence or optional (a null optional has no element).
struct RuntimeValue;
using Sequence = std::vector<RuntimeValue>;
struct RuntimeValue {
  enum class Kind { kAbsent, kTensor, kSequence, kOptionalNone };
  Kind kind = Kind::kAbsent;  // kAbsent: an omitted optional input
  ir::Tensor tensor;
  std::shared_ptr<const Sequence> sequence;

  static RuntimeValue Of(ir::Tensor t) { return {Kind::kTensor, std::move(t), nullptr}; }
  static RuntimeValue OfSequence(Sequence s) {
    return {Kind::kSequence, {}, std::make_shared<const Sequence>(std::move(s))};
  }
  static RuntimeValue None() { return {Kind::kOptionalNone, {}, nullptr}; }
  bool present() const { return kind != Kind::kAbsent; }
  bool is_tensor() const { return kind == Kind::kTensor; }
};

struct Limits {
  int64_t max_tensor_bytes = int64_t{4} << 30;  // of one result, refused before it is allocated
  int64_t max_total_bytes = int64_t{16} << 30;  // of all live values
  int64_t max_loop_iterations = 10'000'000;     // over all loops of a run
  double max_products = 1e12;  // multiply-adds of one convolution, some minutes' work
  int max_call_depth = 100;    // functions and subgraphs
};

struct OpContext;  // what a kernel sees: node, opset, attributes, inputs; see kernel.h

// True when the evaluator has a kernel for this op (domain, type) at this opset version.
bool Supports(const std::string& domain, const std::string& op_type, int64_t opset);

// Runs a body that a node holds in the evaluator's place; what it captures is among the node's
// captures. nullopt: the evaluator runs it.
using BodyRunner = std::function<std::optional<StatusOr<std::vector<RuntimeValue>>>(
    const ir::Graph& body, const std::vector<RuntimeValue>& inputs)>;

// Evaluates one node on given inputs (positional, absent ones kAbsent). Subgraph attributes see
// only `inputs` and `captures` (outer values by name).
StatusOr<std::vector<RuntimeValue>> EvaluateNode(
    const ir::Model& model, const ir::Graph& graph, ir::NodeRef node,
    const std::vector<RuntimeValue>& inputs,
    const std::map<std::string, RuntimeValue>& captures = {}, const Limits& limits = {},
    const BodyRunner& run_body = {});

// Runs a model. `feeds` by input name; inputs that are initializers too may be left out. Returns
// the values of `fetch` (any value of the main graph), or of the graph's outputs when empty.
StatusOr<std::vector<RuntimeValue>> Run(const ir::Model& model,
                                        const std::map<std::string, RuntimeValue>& feeds,
                                        const std::vector<std::string>& fetch = {},
                                        const Limits& limits = {});

}  // namespace assize::reference
