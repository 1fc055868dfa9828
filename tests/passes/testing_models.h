// Builds small models for tests: inputs, constants and nodes by name.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/analysis/attributes.h"
#include "lib/ir/editor.h"
#include "lib/ir/model.h"
#include "lib/support/random.h"

namespace assize::testing {

using Attributes = std::vector<ir::Attribute>;
inline ir::Attribute Attr(const std::string& name, ir::Attribute::Value value) {
  return analysis::MakeAttribute(name, std::move(value));
}
inline ir::Attribute Ints(const std::string& name, std::vector<int64_t> values) {
  return Attr(name, std::move(values));
}
inline ir::Attribute Int(const std::string& name, int64_t value) { return Attr(name, value); }

inline ir::Tensor Floats(ir::Shape dims, const std::vector<float>& values) {
  return ir::Tensor::Of<float>(std::move(dims), values);
}
inline ir::Tensor Longs(const std::vector<int64_t>& values) {
  return ir::Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values);
}
// Normal values, the same for the same seed.
inline ir::Tensor Normal(ir::Shape dims, uint64_t seed) {
  Philox random(seed);
  std::vector<float> values(static_cast<size_t>(*ir::ElementCount(dims)));
  for (float& v : values) v = static_cast<float>(random.NextNormal());
  return ir::Tensor::Of<float>(std::move(dims), values);
}

// A graph under construction. Names that were not defined before trap in Get.
class GraphBuilder {
 public:
  explicit GraphBuilder(ir::Graph& graph) : edit_(graph) {}
  ir::Editor& edit() { return edit_; }

  ir::ValueRef Get(const std::string& name) const {
    if (name.empty()) return {};
    const ir::ValueRef value = edit_.graph().FindValue(name);
    AZ_CHECK(static_cast<bool>(value), "no value {}", name);
    return value;
  }
  // "N" is a symbolic dim, numbers are known ones.
  GraphBuilder& Input(const std::string& name, const std::vector<std::string>& dims,
                      ir::DType dtype = ir::DType::kFloat) {
    std::vector<ir::Dim> shape;
    for (const std::string& dim : dims) {
      const bool number = !dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos;
      shape.push_back(number ? ir::Dim{std::stoll(dim), {}, {}} : ir::Dim{std::nullopt, dim, {}});
    }
    edit_.AddInput(name, ir::Type::TensorOf(dtype, shape));
    return *this;
  }
  GraphBuilder& Init(const std::string& name, ir::Tensor tensor) {
    edit_.AddInitializer(name, std::move(tensor));
    return *this;
  }
  GraphBuilder& Node(const std::string& op, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, Attributes attributes = {},
                     const std::string& domain = "") {
    ir::NodeSpec spec;
    spec.op_type = op;
    spec.domain = domain;
    for (const std::string& name : inputs) spec.inputs.push_back(Get(name));
    spec.outputs = outputs;
    spec.attributes = std::move(attributes);
    edit_.AddNode(std::move(spec));
    return *this;
  }
  GraphBuilder& Output(const std::string& name) {
    edit_.AddOutput(Get(name));
    return *this;
  }
  // An output with a declared type.
  GraphBuilder& Output(const std::string& name, ir::Type type) {
    edit_.SetType(Get(name), std::move(type));
    return Output(name);
  }

 private:
  ir::Editor edit_;
};

inline ir::Model MakeModel(int64_t opset = 13, int64_t ir_version = 8) {
  ir::Model model;
  model.ir_version = ir_version;
  model.set_opset("", opset);
  ir::Editor(model.graph).SetName("test");
  return model;
}

// op types in execution order, joined by spaces.
inline std::string Ops(const ir::Graph& graph) {
  std::string text;
  for (const ir::NodeRef node : graph.nodes())
    text += (text.empty() ? "" : " ") + graph.node(node).op_type;
  return text;
}

inline const ir::Node& OnlyNode(const ir::Graph& graph, const std::string& op) {
  const ir::Node* found = nullptr;
  for (const ir::NodeRef node : graph.nodes()) {
    if (graph.node(node).op_type != op) continue;
    AZ_CHECK(found == nullptr, "two {} nodes", op);
    found = &graph.node(node);
  }
  AZ_CHECK(found != nullptr, "no {} node", op);
  return *found;
}

}  // namespace assize::testing
