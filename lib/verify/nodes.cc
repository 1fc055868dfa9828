// Nodes against the opsets that are imported and the schemas of their ops. Tests:
// tests/verify/verify_test.cc.
//
// An op without a schema is a note: it is carried through untouched. Rules are in
// lib/verify/checks.h.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "lib/analysis/schema.h"
#include "lib/ir/text.h"
#include "lib/verify/checks.h"

namespace assize::verify {
namespace {

using analysis::OpSchema;
using ir::Graph;
using ir::Node;
using ir::NodeRef;

std::string Plain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }
std::string Shown(const std::string& domain) { return domain.empty() ? "ai.onnx" : domain; }

class Checker {
 public:
  Checker(const ir::Model& model, DiagnosticSink& sink) : model_(model), sink_(sink) {}

  void CheckImports(const std::vector<ir::OpsetImport>& imports, const std::string& where) {
    std::map<std::string, int64_t> seen;
    for (const ir::OpsetImport& import : imports) {
      const auto [it, added] = seen.emplace(Plain(import.domain), import.version);
      if (!added && it->second != import.version) {
        Report(Severity::kError, "AZ-VER-0020", where,
               fmt::format("imports opset {} and {} of {}", it->second, import.version,
                           Shown(it->first)));
      }
      const int64_t newest = analysis::NewestOpset(import.domain);
      if (newest > 0 && import.version > newest) {
        Report(Severity::kWarning, "AZ-VER-0021", where,
               fmt::format("imports opset {} of {}, the newest known is {}: newer ops are taken as "
                           "the known version",
                           import.version, Shown(import.domain), newest));
      }
    }
  }

  void CheckGraph(const Graph& graph, const std::string& where,
                  const std::vector<ir::OpsetImport>& imports) {
    for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
      const Node& node = graph.node(ref);
      const std::string place = where + ": " + ir::NodeLabel(graph, ref);
      CheckNode(node, place, imports);
      for (const ir::Attribute& attribute : node.attributes) {
        const std::string inner = place + ", " + attribute.name;
        if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value))
          CheckGraph(**box, inner, imports);
        if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
          for (const ir::GraphBox& b : *boxes) CheckGraph(*b, inner, imports);
        }
      }
    }
  }

 private:
  void Report(Severity severity, const char* rule, const std::string& place,
              const std::string& message) {
    sink_.Report({severity, rule, place, message, {}});
  }

  void CheckNode(const Node& node, const std::string& place,
                 const std::vector<ir::OpsetImport>& imports) {
    CheckAttributeNames(node, place);
    const auto import = std::find_if(imports.begin(), imports.end(), [&](const ir::OpsetImport& i) {
      return Plain(i.domain) == Plain(node.domain);
    });
    if (import == imports.end()) {
      Report(Severity::kError, "AZ-VER-0022", place,
             fmt::format("domain {} is not imported", Shown(node.domain)));
      return;
    }
    if (model_.FindFunction(node.domain, node.op_type, node.overload) != nullptr) return;
    const OpSchema* schema = analysis::FindSchema(node.domain, node.op_type, import->version);
    if (schema == nullptr) {
      const auto versions = analysis::SchemaVersions(node.domain, node.op_type);
      const std::string since = versions.empty() ? std::string()
                                                 : fmt::format("; it exists since opset {}",
                                                               versions.front()->since_version);
      Report(Severity::kNote, "AZ-VER-0023", place,
             fmt::format("op {} is not known in opset {} of {}{}: carried through untouched",
                         node.op_type, import->version, Shown(node.domain), since));
      return;
    }
    if (schema->deprecated) {
      Report(
          Severity::kWarning, "AZ-VER-0024", place,
          fmt::format("op {} is deprecated since opset {}", node.op_type, schema->since_version));
    }
    CheckArity(node, place, *schema);
    CheckAttributes(node, place, *schema);
  }

  void CheckAttributeNames(const Node& node, const std::string& place) {
    std::set<std::string> names;
    for (const ir::Attribute& a : node.attributes) {
      if (!names.insert(a.name).second) {
        Report(Severity::kError, "AZ-VER-0025", place,
               fmt::format("attribute \"{}\" is given twice", a.name));
      }
    }
  }

  void CheckArity(const Node& node, const std::string& place, const OpSchema& schema) {
    const auto inputs = static_cast<int64_t>(node.inputs.size()),
               outputs = static_cast<int64_t>(node.outputs.size());
    if (inputs < schema.min_inputs || inputs > schema.max_inputs) {
      Report(Severity::kError, "AZ-VER-0026", place,
             fmt::format("has {} inputs, expected {}", inputs,
                         Range(schema.min_inputs, schema.max_inputs)));
    }
    if (outputs < schema.min_outputs || outputs > schema.max_outputs) {
      Report(Severity::kError, "AZ-VER-0027", place,
             fmt::format("has {} outputs, expected {}", outputs,
                         Range(schema.min_outputs, schema.max_outputs)));
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const OpSchema::Formal* formal = schema.InputFormal(i);
      if (formal != nullptr && formal->option == OpSchema::Option::kSingle && !node.inputs[i]) {
        Report(Severity::kError, "AZ-VER-0028", place,
               fmt::format("input {} ({}) is omitted, and it is required", i, formal->name));
      }
    }
  }

  static std::string Range(int64_t low, int64_t high) {
    if (low == high) return std::to_string(low);
    return high >= INT32_MAX ? fmt::format("at least {}", low) : fmt::format("{} to {}", low, high);
  }

  void CheckAttributes(const Node& node, const std::string& place, const OpSchema& schema) {
    for (const ir::Attribute& a : node.attributes) {
      const OpSchema::Attribute* known = schema.FindAttribute(a.name);
      if (known == nullptr) {
        std::vector<std::string> names;
        for (const OpSchema::Attribute& k : schema.attributes) names.push_back(k.name);
        Report(Severity::kWarning, "AZ-VER-0029", place,
               fmt::format("attribute \"{}\" is none of {} version {}, which has {}", a.name,
                           schema.name, schema.since_version,
                           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
        continue;
      }
      // An empty list may come in as a list of another kind, and a reference may leave its type
      // out.
      const bool untyped = a.number() == 0 || (!a.ref_name.empty() && a.ref_type == 0);
      if (!untyped && a.number() != known->type && !IsEmptyList(a)) {
        Report(Severity::kError, "AZ-VER-0030", place,
               fmt::format("attribute \"{}\" has type {}, expected {}", a.name,
                           TypeName(a.number()), TypeName(known->type)));
      }
    }
    for (const OpSchema::Attribute& known : schema.attributes) {
      if (known.required && node.FindAttribute(known.name) == nullptr) {
        Report(Severity::kError, "AZ-VER-0031", place,
               fmt::format("attribute \"{}\" is missing", known.name));
      }
    }
  }

  static bool IsEmptyList(const ir::Attribute& a) {
    if (const auto* v = std::get_if<std::vector<float>>(&a.value)) return v->empty();
    if (const auto* v = std::get_if<std::vector<int64_t>>(&a.value)) return v->empty();
    if (const auto* v = std::get_if<std::vector<std::string>>(&a.value)) return v->empty();
    return std::holds_alternative<std::monostate>(a.value);
  }

  static std::string TypeName(int32_t number) {
    static constexpr const char* kNames[] = {"none",           "float",   "int",    "string",
                                             "tensor",         "graph",   "floats", "ints",
                                             "strings",        "tensors", "graphs", "sparse tensor",
                                             "sparse tensors", "type",    "types"};
    return number >= 0 && number < 15 ? kNames[number] : std::to_string(number);
  }

  const ir::Model& model_;
  DiagnosticSink& sink_;
};

}  // namespace

void CheckNodes(const ir::Model& model, DiagnosticSink& sink) {
  Checker checker(model, sink);
  const std::string where = fmt::format("graph \"{}\"", model.graph.name());
  checker.CheckImports(model.opset_imports, where);
  checker.CheckGraph(model.graph, where, model.opset_imports);
  for (const ir::Function& f : model.functions) {
    const std::string place = fmt::format("function \"{}\"", f.name);
    checker.CheckImports(f.opset_imports, place);
    checker.CheckGraph(f.body, place, f.opset_imports);
  }
}

}  // namespace assize::verify
