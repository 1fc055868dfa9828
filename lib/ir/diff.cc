// Differences by name, in a fixed order: header, opsets, metadata, inputs, outputs, initializers,
// nodes, functions; and a line for whatever else the structural hash sees. Tests:
// tests/ir/diff_test.cc.
#include "lib/ir/diff.h"

#include <map>

#include "lib/ir/hash.h"
#include "lib/ir/text.h"

namespace assize::ir {
namespace {

using Items = std::vector<std::pair<std::string, std::string>>;  // name, text

void Compare(const std::string& what, const Items& before, const Items& after, ModelDiff& diff) {
  std::map<std::string, std::string> old(before.begin(), before.end());
  std::map<std::string, std::string> now(after.begin(), after.end());
  for (const auto& [name, text] : before) {
    const auto found = now.find(name);
    if (found == now.end()) {
      diff.changes.push_back({what, name, text, ""});
    } else if (found->second != text) {
      diff.changes.push_back({what, name, text, found->second});
    }
  }
  for (const auto& [name, text] : after) {
    if (!old.contains(name)) diff.changes.push_back({what, name, "", text});
  }
}

Items Header(const Model& m) {
  return {{"ir_version", std::to_string(m.ir_version)},
          {"producer", m.producer_name + " " + m.producer_version},
          {"domain", m.domain},
          {"model_version", m.model_version ? std::to_string(*m.model_version) : ""},
          {"doc", m.doc}};
}

Items Opsets(const Model& m) {
  Items items;
  for (const OpsetImport& import : m.opset_imports) {
    items.emplace_back(import.domain.empty() ? "ai.onnx" : import.domain,
                       std::to_string(import.version));
  }
  return items;
}

Items Interface(const Graph& g, const std::vector<ValueRef>& refs) {
  Items items;
  for (const ValueRef ref : refs)
    items.emplace_back(g.value(ref).name, TypeText(g.value(ref).type));
  return items;
}

Items Initializers(const Graph& g) {
  Items items;
  for (const ValueRef ref : g.initializers()) {
    const Value& value = g.value(ref);
    const Tensor& tensor =
        value.initializer ? value.initializer->tensor : value.sparse_initializer->values;
    items.emplace_back(value.name, fmt::format("{} sha256:{}", tensor.TypeText(),
                                               Hex(tensor.digest()).substr(0, 16)));
  }
  return items;
}

Items Nodes(const Graph& g) {
  Items items;
  for (NodeRef at = g.first_node(); at; at = g.next_node(at)) {
    const Node& node = g.node(at);
    std::string name = node.name;
    for (const ValueRef output : node.outputs) {
      if (output) {
        name = g.value(output).name;
        break;
      }
    }
    items.emplace_back(name, PrintNode(g, at));
  }
  return items;
}

Items Functions(const Model& m) {
  Items items;
  for (const Function& f : m.functions) {
    const std::string overload = f.overload.empty() ? "" : ":" + f.overload;
    items.emplace_back(f.domain + "." + f.name + overload, Print(f.body));
  }
  return items;
}

}  // namespace

ModelDiff Diff(const Model& before, const Model& after) {
  ModelDiff diff;
  Compare("header", Header(before), Header(after), diff);
  Compare("opset", Opsets(before), Opsets(after), diff);
  Compare("metadata", before.metadata, after.metadata, diff);
  Compare("input", Interface(before.graph, before.graph.inputs()),
          Interface(after.graph, after.graph.inputs()), diff);
  Compare("output", Interface(before.graph, before.graph.outputs()),
          Interface(after.graph, after.graph.outputs()), diff);
  Compare("initializer", Initializers(before.graph), Initializers(after.graph), diff);
  Compare("node", Nodes(before.graph), Nodes(after.graph), diff);
  Compare("function", Functions(before), Functions(after), diff);
  if (diff.empty()) {
    const std::string left = Hex(StructuralHash(before)), right = Hex(StructuralHash(after));
    if (left != right) {
      diff.changes.push_back(
          {"other", "order, names of nodes, doc strings or unknown fields", left, right});
    }
  }
  return diff;
}

}  // namespace assize::ir
