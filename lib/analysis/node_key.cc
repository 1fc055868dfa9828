// Keys of nodes. Tests: tests/analysis/ops_test.cc.
#include "lib/analysis/node_key.h"

#include <cstring>
#include <map>

#include "lib/analysis/traits.h"
#include "lib/support/sha256.h"

namespace assize::analysis {
namespace {

// Every part is preceded by its length, so that no two sequences of parts give one key.
void Add(std::string& key, const std::string& part) {
  key += fmt::format("{}:{};", part.size(), part);
}

void AddTensor(std::string& key, const ir::Tensor& tensor) { Add(key, "t" + Hex(tensor.digest())); }

uint32_t BitsOfFloat(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

bool AddAttribute(std::string& key, const ir::Attribute& attribute) {
  if (!attribute.ref_name.empty() || !attribute.unknown_fields.empty()) return false;
  Add(key, attribute.name);
  Add(key, std::to_string(attribute.number()));
  if (const auto* v = std::get_if<float>(&attribute.value)) {
    Add(key, std::to_string(BitsOfFloat(*v)));
  } else if (const auto* i = std::get_if<int64_t>(&attribute.value)) {
    Add(key, std::to_string(*i));
  } else if (const auto* s = std::get_if<std::string>(&attribute.value)) {
    Add(key, *s);
  } else if (const auto* t = std::get_if<ir::NamedTensor>(&attribute.value)) {
    AddTensor(key, t->tensor);
  } else if (const auto* fs = std::get_if<std::vector<float>>(&attribute.value)) {
    for (const float f : *fs) Add(key, std::to_string(BitsOfFloat(f)));
  } else if (const auto* is = std::get_if<std::vector<int64_t>>(&attribute.value)) {
    for (const int64_t n : *is) Add(key, std::to_string(n));
  } else if (const auto* ss = std::get_if<std::vector<std::string>>(&attribute.value)) {
    for (const std::string& text : *ss) Add(key, text);
  } else {
    return false;
  }
  Add(key, "end");
  return true;
}

}  // namespace

std::optional<std::string> NodeKey(const ir::Graph& graph, ir::NodeRef ref) {
  const ir::Node& node = graph.node(ref);
  if (!IsPure(node) || IsRandom(graph, ref) || node.has_subgraphs() || !node.unknown_fields.empty())
    return std::nullopt;
  std::string key;
  Add(key, node.domain == "ai.onnx" ? "" : node.domain);
  Add(key, node.op_type);
  Add(key, node.overload);
  for (const ir::ValueRef input : node.inputs) {
    if (!input)
      Add(key, "omitted");
    else if (const ir::Tensor* constant = graph.ConstantOf(input))
      AddTensor(key, *constant);
    else
      Add(key, fmt::format("v{}.{}", input.index, input.generation));
  }
  Add(key, "outputs");
  for (const ir::ValueRef output : node.outputs) Add(key, output ? "1" : "0");
  std::map<std::string, const ir::Attribute*> sorted;
  for (const ir::Attribute& attribute : node.attributes) sorted[attribute.name] = &attribute;
  for (const auto& [name, attribute] : sorted) {
    if (!AddAttribute(key, *attribute)) return std::nullopt;
  }
  return key;
}

}  // namespace assize::analysis
