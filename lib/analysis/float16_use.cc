// Tests: tests/analysis/upcast_float16_test.cc.
#include "lib/analysis/float16_use.h"

#include <algorithm>
#include <array>
#include <variant>
#include <vector>

#include "lib/analysis/infer.h"
#include "lib/analysis/traits.h"

namespace assize::analysis {

using ir::DType;
using ir::Graph;
using ir::IsMainDomain;
using ir::NodeRef;
using ir::Type;
using ir::ValueRef;

namespace {

// Attributes of ONNX's ops that name an element type, by number.
constexpr std::array<std::string_view, 7> kTypeAttributes = {
    "to",        "dtype", "output_dtype", "output_datatype", "precision", "softmax_precision",
    "stash_type"};

template <size_t N>
bool Among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool Mentions16(const ir::Attribute& attribute) {
  if (const auto* tensor = std::get_if<ir::NamedTensor>(&attribute.value))
    return Is16(tensor->tensor.dtype());
  if (const auto* sparse = std::get_if<ir::SparseTensor>(&attribute.value))
    return Is16(sparse->values.dtype());
  if (const auto* type = std::get_if<Type>(&attribute.value)) return Is16(*type);
  if (const auto* number = std::get_if<int64_t>(&attribute.value)) {
    return IsTypeAttribute(attribute.name) && Is16(static_cast<DType>(*number));
  }
  return false;
}

bool HoldsLayer(const ir::Model& model, const Graph& graph, int depth) {
  if (depth > 16) return false;  // functions that call themselves are refused elsewhere
  for (const NodeRef ref : graph.nodes()) {
    const ir::Node& node = graph.node(ref);
    if (const ir::Function* called = model.FindFunction(node.domain, node.op_type, node.overload)) {
      if (HoldsLayer(model, called->body, depth + 1)) return true;
    } else if (IsLayer(node)) {
      return true;
    }
  }
  return false;
}

bool HasLayers16(const ir::Model& model, const Graph& graph, const TypeTable* types) {
  for (const NodeRef ref : graph.nodes()) {
    const ir::Node& node = graph.node(ref);
    bool found = false;
    ForEachSubgraph(node, [&](const Graph& inner) {
      found = found || HasLayers16(model, inner, types != nullptr ? types->inner(inner) : nullptr);
    });
    if (found) return true;
    const bool takes16 = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueRef value) {
      return value &&
             (Is16(graph.value(value).type) || (types != nullptr && Is16(types->type(value))));
    });
    if (!takes16) continue;
    const ir::Function* called = model.FindFunction(node.domain, node.op_type, node.overload);
    if (called != nullptr ? HoldsLayer(model, called->body, 0) : IsLayer(node)) return true;
  }
  return false;
}

}  // namespace

bool Is16(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBfloat16; }

bool Is16(const Type& type) {
  if (type.kind == Type::Kind::kTensor || type.kind == Type::Kind::kSparseTensor)
    return Is16(type.dtype);
  return type.element != nullptr && Is16(*type.element);
}

bool IsTypeAttribute(std::string_view name) { return Among(kTypeAttributes, name); }

bool Mentions16(const Graph& graph) {
  for (const ValueRef ref : graph.values()) {
    const ir::Value& value = graph.value(ref);
    if (Is16(value.type)) return true;
    if (value.initializer && Is16(value.initializer->tensor.dtype())) return true;
    if (value.sparse_initializer && Is16(value.sparse_initializer->values.dtype())) return true;
  }
  for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    if (std::any_of(node.attributes.begin(), node.attributes.end(),
                    [](const ir::Attribute& a) { return Mentions16(a); })) {
      return true;
    }
    bool inside = false;
    ForEachSubgraph(node, [&](const Graph& inner) { inside = inside || Mentions16(inner); });
    if (inside) return true;
  }
  return false;
}

bool Mentions16(const ir::Model& model) {
  if (Mentions16(model.graph)) return true;
  return std::any_of(model.functions.begin(), model.functions.end(), [](const ir::Function& f) {
    return Mentions16(f.body) ||
           std::any_of(f.attribute_defaults.begin(), f.attribute_defaults.end(),
                       [](const ir::Attribute& a) { return Mentions16(a); });
  });
}

bool HasFloat16Layers(const ir::Model& model) {
  if (!Mentions16(model)) return false;
  const TypeTable types = InferTypesLeniently(model, {}, nullptr);
  return HasLayers16(model, model.graph, &types);
}

}  // namespace assize::analysis
