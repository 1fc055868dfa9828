// Constant values, evaluated on demand by the reference. Tests: tests/engine/session_test.cc.
#include "lib/engine/constants.h"

#include <string_view>
#include <utility>

#include "lib/reference/reference.h"

namespace assize::engine {

bool IsFoldable(const ir::Node& node) {
  if (node.has_subgraphs()) return false;
  const std::string_view op = node.op_type;
  return !op.starts_with("Random") && op != "Bernoulli" && op != "Multinomial";
}

Constants::Constants(const ir::Model& model, const std::set<std::string>& overridden,
                     int64_t max_bytes)
    : model_(model), max_bytes_(max_bytes) {
  const ir::Graph& graph = model.graph;
  const auto mark = [&](ir::ValueRef value) {
    if (constant_.size() <= value.index) constant_.resize(value.index + 1);
    constant_[value.index] = true;
  };
  for (const ir::ValueRef value : graph.initializers()) {
    const ir::Value& v = graph.value(value);
    if (v.initializer && !overridden.contains(v.name)) mark(value);
  }
  for (ir::NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    // Only a plain Constant (or a generator of constants) may have no inputs at all.
    bool constant =
        IsFoldable(node) && model.FindFunction(node.domain, node.op_type, node.overload) == nullptr;
    for (const ir::ValueRef input : node.inputs)
      constant = constant && (!input || IsConstant(input));
    // Several results, or one that is no tensor (sequences, optionals): left to the run.
    constant = constant && node.outputs.size() == 1 && node.outputs[0];
    constant =
        constant && !node.op_type.starts_with("Sequence") && !node.op_type.starts_with("Optional");
    if (constant) mark(node.outputs[0]);
  }
}

StatusOr<ir::Tensor> Constants::Get(ir::ValueRef value) const {
  AZ_CHECK(IsConstant(value), "value is not constant");
  const std::scoped_lock lock(mutex_);
  return Compute(value);
}

StatusOr<ir::Tensor> Constants::Compute(ir::ValueRef value) const {
  const ir::Graph& graph = model_.graph;
  // Depth first with a stack of our own: chains of constants may be long.
  std::vector<ir::ValueRef> stack{value};
  while (!stack.empty()) {
    const ir::ValueRef top = stack.back();
    const ir::Value& v = graph.value(top);
    if (v.initializer) {
      memo_[top.index] = v.initializer->tensor;
    }
    if (memo_.contains(top.index)) {
      stack.pop_back();
      continue;
    }
    const ir::Node& node = graph.node(v.producer);
    std::vector<reference::RuntimeValue> inputs(node.inputs.size());
    bool ready = true;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.inputs[i]) continue;
      const auto found = memo_.find(node.inputs[i].index);
      if (found == memo_.end()) {
        stack.push_back(node.inputs[i]);
        ready = false;
      } else {
        inputs[i] = reference::RuntimeValue::Of(found->second);
      }
    }
    if (!ready) continue;
    reference::Limits limits;
    limits.max_tensor_bytes = max_bytes_;
    AZ_ASSIGN_OR_RETURN(std::vector<reference::RuntimeValue> results,
                        reference::EvaluateNode(model_, graph, v.producer, inputs, {}, limits));
    if (results.size() != 1 || !results[0].is_tensor()) {
      return Unimplemented("value \"{}\": a constant that is no tensor", v.name);
    }
    memo_[top.index] = std::move(results[0].tensor);
  }
  return memo_.at(value.index);
}

}  // namespace assize::engine
