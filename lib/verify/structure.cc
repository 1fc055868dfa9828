// Structure: single assignment, order, use-lists, names, captures, recursion of functions.
// Tests: tests/verify/verify_test.cc.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_set>

#include "lib/ir/text.h"
#include "lib/verify/checks.h"

namespace assize::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeRef;
using ir::Use;
using ir::Value;
using ir::ValueRef;

// Subgraphs nest at most this deep; the check recurses with them.
constexpr int kMaxGraphDepth = 64;

template <typename F>
void ForEachNamedSubgraph(const Node& node, const F& f) {
  for (const ir::Attribute& attribute : node.attributes) {
    if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value)) f(attribute.name, **box);
    if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
      for (const ir::GraphBox& b : *boxes) f(attribute.name, *b);
    }
  }
}

struct Scope {
  const Scope* outer = nullptr;
  const Graph* graph = nullptr;
  // Names that may be used at the present node: defined before it.
  std::unordered_set<std::string> visible;
  bool Sees(const std::string& name) const {
    for (const Scope* s = this; s != nullptr; s = s->outer) {
      if (s->visible.count(name) != 0) return true;
    }
    return false;
  }
};

class Checker {
 public:
  explicit Checker(DiagnosticSink& sink) : sink_(sink) {}
  bool ok() const { return ok_; }

  void CheckGraph(const Graph& graph, const std::string& where, const Scope* outer, int depth,
                  bool in_function) {
    if (depth > kMaxGraphDepth) {
      Error("AZ-VER-0001", where, fmt::format("subgraphs nest deeper than {}", kMaxGraphDepth));
      return;
    }
    const std::vector<NodeRef> nodes = graph.nodes();
    if (nodes.size() != graph.node_count()) {
      Error("AZ-VER-0002", where,
            fmt::format("the node list has {} nodes, the graph counts {}", nodes.size(),
                        graph.node_count()));
      return;
    }
    if (!HandlesAreValid(graph, nodes, where)) return;
    CheckValues(graph, where, outer);
    CheckUseLists(graph, nodes, where);
    CheckOrder(graph, nodes, where, outer, depth, in_function);
  }

  void CheckFunctions(const ir::Model& model) {
    std::map<std::string, const ir::Function*> by_key;
    for (const ir::Function& f : model.functions) {
      if (!by_key.emplace(Key(f.domain, f.name, f.overload), &f).second) {
        Error("AZ-VER-0014", fmt::format("function \"{}\"", f.name), "is defined twice");
      }
    }
    // Depth-first with an explicit stack of (function, its callees left); a callee on the stack is
    // recursion.
    std::map<std::string, int> state;  // 1 on the stack, 2 done
    for (const auto& [key, function] : by_key) {
      if (state[key] != 0) continue;
      std::vector<std::pair<std::string, std::vector<std::string>>> stack;
      const auto push = [&](const std::string& k) {
        std::set<std::string> callees;
        Callees(by_key.at(k)->body, by_key, callees, 0);
        stack.emplace_back(k, std::vector<std::string>(callees.begin(), callees.end()));
        state[k] = 1;
      };
      push(key);
      while (!stack.empty()) {
        auto& [current, left] = stack.back();
        if (left.empty()) {
          state[current] = 2;
          stack.pop_back();
          continue;
        }
        const std::string callee = left.back();
        left.pop_back();
        if (state[callee] == 1) {
          Error("AZ-VER-0015", fmt::format("function \"{}\"", by_key.at(callee)->name),
                fmt::format("is recursive: it is called from \"{}\" which it calls",
                            by_key.at(current)->name));
        } else if (state[callee] == 0) {
          push(callee);
        }
      }
    }
  }

 private:
  static std::string Key(const std::string& domain, const std::string& name,
                         const std::string& overload) {
    return (domain == "ai.onnx" ? "" : domain) + "\n" + name + "\n" + overload;
  }

  static void Callees(const Graph& graph, const std::map<std::string, const ir::Function*>& by_key,
                      std::set<std::string>& callees, int depth) {
    if (depth > kMaxGraphDepth) return;
    for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
      const Node& node = graph.node(ref);
      const std::string key = Key(node.domain, node.op_type, node.overload);
      if (by_key.count(key) != 0) callees.insert(key);
      ForEachNamedSubgraph(node, [&](const std::string&, const Graph& g) {
        Callees(g, by_key, callees, depth + 1);
      });
    }
  }

  void Error(const char* rule, const std::string& place, const std::string& message) {
    ok_ = false;
    sink_.Report({Severity::kError, rule, place, message, {}});
  }
  void Warn(const char* rule, const std::string& place, const std::string& message) {
    sink_.Report({Severity::kWarning, rule, place, message, {}});
  }

  bool HandlesAreValid(const Graph& graph, const std::vector<NodeRef>& nodes,
                       const std::string& where) {
    bool valid = true;
    const auto check = [&](ValueRef ref, bool may_be_null, const std::string& place) {
      if (!ref ? may_be_null : graph.valid(ref)) return;
      valid = false;
      Error("AZ-VER-0003", place, ref ? "names a value that was removed" : "is null");
    };
    for (const NodeRef ref : nodes) {
      const Node& node = graph.node(ref);
      const auto place = [&](const char* what, size_t i) {
        return fmt::format("{}: {} {} {}", where, node.op_type, what, i);
      };
      for (size_t i = 0; i < node.inputs.size(); ++i)
        check(node.inputs[i], true, place("input", i));
      for (size_t i = 0; i < node.outputs.size(); ++i)
        check(node.outputs[i], true, place("output", i));
      for (size_t i = 0; i < node.captures.size(); ++i)
        check(node.captures[i], false, place("capture", i));
    }
    for (size_t i = 0; i < graph.inputs().size(); ++i)
      check(graph.inputs()[i], false, fmt::format("{}: graph input {}", where, i));
    for (size_t i = 0; i < graph.outputs().size(); ++i)
      check(graph.outputs()[i], false, fmt::format("{}: graph output {}", where, i));
    for (const ValueRef v : graph.initializers()) check(v, false, where + ": initializer");
    return valid;
  }

  void CheckValues(const Graph& graph, const std::string& where, const Scope* outer) {
    const std::set<ValueRef> inputs(graph.inputs().begin(), graph.inputs().end());
    if (inputs.size() != graph.inputs().size())
      Error("AZ-VER-0004", where, "a value is a graph input twice");
    const std::set<ValueRef> initializers(graph.initializers().begin(), graph.initializers().end());
    for (const ValueRef ref : graph.values()) {
      const Value& value = graph.value(ref);
      const std::string place = fmt::format("{}: value \"{}\"", where, value.name);
      if (value.name.empty())
        Error("AZ-VER-0005", where, "a value has no name");
      else if (graph.FindValue(value.name) != ref)
        Error("AZ-VER-0006", place, "another value has the same name");
      const int sources =
          (value.producer ? 1 : 0) + (value.is_input ? 1 : 0) + (value.is_capture ? 1 : 0);
      if (sources > 1 || (value.producer && value.is_initializer()) ||
          (value.is_capture && value.is_initializer())) {
        Error("AZ-VER-0007", place,
              "has several definitions (node, input, initializer or outer graph)");
      } else if (sources == 0 && !value.is_initializer() && value.used()) {
        Error("AZ-VER-0008", place, "is used and never defined");
      }
      if (value.is_input != (inputs.count(ref) != 0))
        Error("AZ-VER-0009", place, "is marked as graph input, and the list of inputs disagrees");
      if (value.is_initializer() != (initializers.count(ref) != 0))
        Error("AZ-VER-0009", place, "has a tensor, and the list of initializers disagrees");
      if (value.producer) {
        const bool back = graph.valid(value.producer) &&
                          value.output_index < graph.node(value.producer).outputs.size() &&
                          graph.node(value.producer).outputs[value.output_index] == ref;
        if (!back) Error("AZ-VER-0010", place, "its producer does not list it as output");
      }
      if (outer != nullptr && !value.is_capture && outer->Sees(value.name)) {
        Warn("AZ-VER-0016", place, "hides a value of the same name in an outer graph");
      }
    }
  }

  void CheckUseLists(const Graph& graph, const std::vector<NodeRef>& nodes,
                     const std::string& where) {
    std::map<ValueRef, std::multiset<std::tuple<NodeRef, uint32_t, bool>>> actual;
    std::map<ValueRef, int> outputs;
    for (const NodeRef ref : nodes) {
      const Node& node = graph.node(ref);
      for (uint32_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i]) actual[node.inputs[i]].emplace(ref, i, false);
      }
      for (uint32_t i = 0; i < node.captures.size(); ++i)
        actual[node.captures[i]].emplace(ref, i, true);
      for (uint32_t i = 0; i < node.outputs.size(); ++i) {
        const ValueRef v = node.outputs[i];
        if (v && (graph.value(v).producer != ref || graph.value(v).output_index != i)) {
          Error("AZ-VER-0010", fmt::format("{}: {} output {}", where, ir::NodeLabel(graph, ref), i),
                fmt::format("value \"{}\" is produced elsewhere too", graph.value(v).name));
        }
      }
    }
    for (const ValueRef v : graph.outputs()) ++outputs[v];
    for (const ValueRef ref : graph.values()) {
      const Value& value = graph.value(ref);
      std::multiset<std::tuple<NodeRef, uint32_t, bool>> listed;
      // The index of a capture use has no fixed meaning; only the node counts.
      for (const Use& use : value.uses)
        listed.emplace(use.node, use.capture ? 0 : use.index, use.capture);
      std::multiset<std::tuple<NodeRef, uint32_t, bool>> real;
      for (const auto& [node, index, capture] : actual[ref])
        real.emplace(node, capture ? 0 : index, capture);
      if (listed != real) {
        Error("AZ-VER-0011", fmt::format("{}: value \"{}\"", where, value.name),
              fmt::format("its use-list has {} entries that differ from its {} uses", listed.size(),
                          real.size()));
      }
      if (value.graph_output_uses != outputs[ref]) {
        Error("AZ-VER-0011", fmt::format("{}: value \"{}\"", where, value.name),
              fmt::format("counts {} uses as graph output, expected {}", value.graph_output_uses,
                          outputs[ref]));
      }
    }
  }

  // Definitions before uses; subgraphs see what is defined before their node. A cycle shows as a
  // use before its definition, whatever the order.
  void CheckOrder(const Graph& graph, const std::vector<NodeRef>& nodes, const std::string& where,
                  const Scope* outer, int depth, bool in_function) {
    Scope scope{outer, &graph, {}};
    for (const ValueRef ref : graph.values()) {
      const Value& value = graph.value(ref);
      // One that is no longer used may linger in the subgraph; it says nothing.
      if (value.is_capture && value.used()) {
        if (outer == nullptr || !outer->Sees(value.name)) {
          Error("AZ-VER-0012", fmt::format("{}: value \"{}\"", where, value.name),
                outer == nullptr
                    ? "is taken from an outer graph, and there is none"
                    : "is taken from an outer graph, which does not define it before this node");
        }
      }
      if (!value.producer) scope.visible.insert(value.name);
    }
    for (const NodeRef ref : nodes) {
      const Node& node = graph.node(ref);
      const std::string place = fmt::format("{}: {}", where, ir::NodeLabel(graph, ref));
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!node.inputs[i]) continue;
        const std::string& name = graph.value(node.inputs[i]).name;
        if (scope.visible.count(name) == 0) {
          Error("AZ-VER-0013", place,
                fmt::format("input {} \"{}\" is used before it is defined: the nodes are out of "
                            "order, or form a cycle",
                            i, name));
        }
      }
      std::set<std::string> needed;
      ForEachNamedSubgraph(node, [&](const std::string& attribute, const Graph& g) {
        CheckGraph(g, fmt::format("{}, {}", place, attribute), &scope, depth + 1, in_function);
        for (const ValueRef v : g.values()) {
          if (g.value(v).is_capture && g.value(v).used()) needed.insert(g.value(v).name);
        }
      });
      std::set<std::string> recorded;
      for (const ValueRef v : node.captures) recorded.insert(graph.value(v).name);
      if (needed != recorded) {
        Error("AZ-VER-0017", place,
              fmt::format("its subgraphs take {} outer values, the node records {}", needed.size(),
                          recorded.size()));
      }
      for (const ir::Attribute& attribute : node.attributes) {
        if (!attribute.ref_name.empty() && !in_function) {
          Error(
              "AZ-VER-0018", place,
              fmt::format(
                  "attribute \"{}\" refers to a function's attribute \"{}\" outside of a function",
                  attribute.name, attribute.ref_name));
        }
      }
      for (const ValueRef v : node.outputs) {
        if (v) scope.visible.insert(graph.value(v).name);
      }
    }
    for (const ValueRef v : graph.outputs()) {
      const Value& value = graph.value(v);
      if (scope.visible.count(value.name) == 0) {
        Error("AZ-VER-0013", fmt::format("{}: graph output \"{}\"", where, value.name),
              "is never defined");
      }
    }
  }

  DiagnosticSink& sink_;
  bool ok_ = true;
};

}  // namespace

bool CheckStructure(const ir::Model& model, DiagnosticSink& sink) {
  Checker checker(sink);
  checker.CheckGraph(model.graph, fmt::format("graph \"{}\"", model.graph.name()), nullptr, 0,
                     false);
  for (const ir::Function& f : model.functions) {
    checker.CheckGraph(f.body, fmt::format("function \"{}\"", f.name), nullptr, 0, true);
  }
  checker.CheckFunctions(model);
  return checker.ok();
}

}  // namespace assize::verify
