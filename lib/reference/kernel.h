// What a kernel of the reference evaluator sees, and the table that finds kernels.
//
// A kernel is a function of an OpContext: it reads checked inputs and attributes, plans its result
// under the limits, computes, and sets outputs. It never crashes on what a graph says: it returns a
// Status whose text the executor prefixes with the node's label.
// Tests: tests/reference/executor_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/model.h"
#include "lib/reference/reference.h"

namespace assize::reference {

class Executor;
struct Scope;

// Which tensors a kernel takes; checked before it runs, so kernels need no guard of their own
// against strings.
enum class Takes {
  kNumeric,  // every input is a tensor of numbers or bools (no strings, no complex)
  kAny,      // every input is a tensor, of any element type
  kValues,   // inputs may be sequences and optionals too
};

struct OpContext {
 public:
  OpContext(Executor& executor, const ir::Graph& graph, const ir::Node& node, const Scope* scope,
            int64_t opset, const std::vector<RuntimeValue>& inputs)
      : executor_(executor),
        graph_(graph),
        node_(node),
        scope_(scope),
        opset_(opset),
        inputs_(inputs) {
    outputs_.resize(node.outputs.size());
  }

  const ir::Node& node() const { return node_; }
  int64_t opset() const { return opset_; }  // imported version of the node's domain

  // Inputs, by position. `in` needs has(i).
  size_t input_count() const { return inputs_.size(); }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i].present(); }
  const ir::Tensor& in(size_t i) const;
  const RuntimeValue& value(size_t i) const { return inputs_[i]; }
  // Elements of an integer input used as indices or dims (any integer type); `what` names it in the
  // error.
  StatusOr<std::vector<int64_t>> IntsIn(size_t i, std::string_view what) const;
  // The one element of a scalar (or one-element) numeric input.
  StatusOr<double> RealScalarIn(size_t i, std::string_view what) const;
  StatusOr<int64_t> IntScalarIn(size_t i, std::string_view what) const;

  // Outputs. Setting one that the node does not name is harmless.
  size_t output_count() const { return outputs_.size(); }
  bool wants(size_t i) const {
    return i < node_.outputs.size() && static_cast<bool>(node_.outputs[i]);
  }
  void Set(size_t i, ir::Tensor tensor) { Set(i, RuntimeValue::Of(std::move(tensor))); }
  void Set(size_t i, RuntimeValue value) {
    if (i < outputs_.size()) outputs_[i] = std::move(value);
  }

  // Attributes: the value, or the default when absent. One of another type is remembered as the
  // node's error, which the executor returns instead of the result, so kernels need not test each
  // read.
  bool HasAttribute(std::string_view name) const { return Find(name) != nullptr; }
  int64_t Int(std::string_view name, int64_t fallback) const;
  double Float(std::string_view name, double fallback) const;
  std::string String(std::string_view name, const std::string& fallback) const;
  std::vector<int64_t> Ints(std::string_view name, std::vector<int64_t> fallback = {}) const;
  std::vector<double> Floats(std::string_view name, std::vector<double> fallback = {}) const;
  std::vector<std::string> Strings(std::string_view name) const;
  const ir::Tensor* TensorAttribute(std::string_view name) const;  // null when absent
  const ir::Graph* GraphAttribute(std::string_view name) const;    // null when absent
  // The attribute itself, references to a function's attributes resolved; null when absent.
  const ir::Attribute* Find(std::string_view name) const;
  const Status& attribute_status() const { return attribute_status_; }

  // Element count of a result about to be made, or ResourceExhausted naming the limit. Working
  // copies take up to eight bytes an element, so that is the least an element counts.
  StatusOr<int64_t> Plan(ir::DType dtype, const ir::Shape& dims) const;

  // ResourceExhausted when a kernel is about to compute more multiply-adds than it may.
  Status CountProducts(double products) const;

  int64_t max_tensor_bytes() const;

  // Runs a subgraph of this node; values of enclosing graphs are visible to it.
  StatusOr<std::vector<RuntimeValue>> RunGraph(const ir::Graph& graph,
                                               std::vector<RuntimeValue> inputs) const;
  // Recomputes `wanted` of this node's graph from `bound`, which are taken as given.
  StatusOr<std::vector<RuntimeValue>> RunPart(
      std::vector<std::pair<ir::ValueRef, RuntimeValue>> bound,
      const std::vector<ir::ValueRef>& wanted) const;
  const ir::Graph& graph() const { return graph_; }
  Status CountIteration() const;  // ResourceExhausted when the run's loop budget is spent

  // Axis in [0, rank), or InvalidArgument.
  StatusOr<int64_t> Axis(int64_t axis, int64_t rank, std::string_view what = "axis") const;
  // Distinct axes in [0, rank), sorted.
  StatusOr<std::vector<int64_t>> Axes(const std::vector<int64_t>& axes, int64_t rank) const;
  // InvalidArgument unless inputs a and b (both present) have one element type.
  Status SameType(size_t a, size_t b) const;

 private:
  friend class Executor;
  void WrongAttribute(std::string_view name, std::string_view expected) const;

  Executor& executor_;
  const ir::Graph& graph_;
  const ir::Node& node_;
  const Scope* scope_;
  int64_t opset_;
  const std::vector<RuntimeValue>& inputs_;
  std::vector<RuntimeValue> outputs_;
  mutable Status attribute_status_;
};

using Kernel = Status (*)(OpContext&);

// One row: the kernel of `op` from version `since` on, with the inputs it must and may have (max
// -1: any number).
struct KernelRow {
  const char* op;
  int since;
  Kernel run;
  int min_inputs;
  int max_inputs;
  Takes takes = Takes::kNumeric;
  const char* domain = "";
};
using KernelRows = std::span<const KernelRow>;

inline constexpr const char* kMlDomain = "ai.onnx.ml";
inline constexpr const char* kPreviewDomain = "ai.onnx.preview";
inline constexpr const char* kTrainingDomain = "ai.onnx.preview.training";
inline constexpr const char* kMicrosoftDomain = "com.microsoft";

// The row of greatest `since` not above `opset`, or null. "ai.onnx" is "".
const KernelRow* FindKernel(std::string_view domain, std::string_view op, int64_t opset);

}  // namespace assize::reference
