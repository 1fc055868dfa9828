// Builds and runs a model of one node, for tests of kernels.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/ir/editor.h"
#include "lib/reference/reference.h"

namespace assize::reference {

struct OneNode {
  std::string op;
  std::vector<ir::Tensor> inputs;  // an undefined tensor is an omitted input
  std::vector<ir::Attribute> attributes = {};
  int64_t opset = 21;
  size_t outputs = 1;
  std::string domain = {};
};

template <typename T>
ir::Attribute Attr(std::string name, T value) {
  ir::Attribute attribute;
  attribute.name = std::move(name);
  attribute.value = std::move(value);
  return attribute;
}
inline ir::Attribute IntAttr(std::string name, int64_t value) {
  return Attr(std::move(name), value);
}
inline ir::Attribute IntsAttr(std::string name, std::vector<int64_t> value) {
  return Attr(std::move(name), std::move(value));
}

inline ir::Tensor F32(ir::Shape dims, const std::vector<float>& values) {
  return ir::Tensor::Of<float>(std::move(dims), values);
}
inline ir::Tensor I64(ir::Shape dims, const std::vector<int64_t>& values) {
  return ir::Tensor::Of<int64_t>(std::move(dims), values);
}

inline StatusOr<std::vector<RuntimeValue>> RunNode(const OneNode& spec, const Limits& limits = {}) {
  ir::Model model;
  model.ir_version = 10;
  model.set_opset("", spec.domain.empty() ? spec.opset : 21);
  if (!spec.domain.empty()) model.set_opset(spec.domain, spec.opset);
  ir::Editor edit(model.graph);
  ir::NodeSpec node;
  node.op_type = spec.op;
  node.domain = spec.domain;
  node.name = "n";
  node.attributes = spec.attributes;
  std::map<std::string, RuntimeValue> feeds;
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    if (!spec.inputs[i].defined()) {
      node.inputs.emplace_back();
      continue;
    }
    const std::string name = "x" + std::to_string(i);
    node.inputs.push_back(edit.AddInput(name, ir::Type::TensorOf(spec.inputs[i].dtype())));
    feeds.emplace(name, RuntimeValue::Of(spec.inputs[i]));
  }
  for (size_t i = 0; i < spec.outputs; ++i) node.outputs.push_back("y" + std::to_string(i));
  const ir::NodeRef ref = edit.AddNode(std::move(node));
  for (size_t i = 0; i < spec.outputs; ++i) edit.AddOutput(edit.output(ref, i));
  return Run(model, feeds, {}, limits);
}

// The first output; fails the test when the node does not run.
inline ir::Tensor Y(const OneNode& spec) {
  auto result = RunNode(spec);
  EXPECT_TRUE(result.ok()) << spec.op << ": " << result.status();
  if (!result.ok() || !(*result)[0].is_tensor()) return {};
  return (*result)[0].tensor;
}

inline std::string ErrorOf(const OneNode& spec, const Limits& limits = {}) {
  const auto result = RunNode(spec, limits);
  return result.ok() ? "" : Message(result.status());
}

}  // namespace assize::reference
