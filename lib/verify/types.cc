// Types: what inference finds wrong, and element types that an op does not take. All are warnings:
// real files carry stale shapes, and a runtime may take more than the standard allows. A pass that
// adds one has a bug, and the pass manager treats it so. Tests: tests/verify/verify_test.cc.
#include <algorithm>
#include <map>
#include <string>

#include "lib/analysis/infer.h"
#include "lib/analysis/ops.h"
#include "lib/analysis/schema.h"
#include "lib/ir/text.h"
#include "lib/verify/checks.h"

namespace assize::verify {
namespace {

using analysis::OpSchema;

void CheckNodeTypes(const ir::Graph& graph, ir::NodeRef ref, int64_t opset,
                    const analysis::TypeTable& types, const std::string& where,
                    DiagnosticSink& sink) {
  const ir::Node& node = graph.node(ref);
  const OpSchema* schema = analysis::FindSchema(node.domain, node.op_type, opset);
  if (schema == nullptr) return;
  const std::string place = where + ": " + ir::NodeLabel(graph, ref);
  std::map<std::string, ir::DType> bound;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OpSchema::Formal* formal = schema->InputFormal(i);
    if (formal == nullptr || !node.inputs[i]) continue;
    const ir::Type& type = types.type(node.inputs[i]);
    if (!type.is_tensor() || type.dtype == ir::DType::kUndefined) continue;
    const std::string name(ir::NameOf(type.dtype));
    const OpSchema::Constraint* constraint = schema->FindConstraint(formal->type);
    const bool allowed = constraint == nullptr
                             ? formal->type == name || !ir::DTypeFromName(formal->type)
                             : std::find(constraint->types->begin(), constraint->types->end(),
                                         name) != constraint->types->end();
    if (!allowed) {
      sink.Report({Severity::kWarning,
                   "AZ-VER-0042",
                   place,
                   fmt::format("input {} ({}) is {}, which {} version {} does not take", i,
                               formal->name, name, schema->name, schema->since_version),
                   {}});
      continue;
    }
    if (constraint == nullptr || !formal->homogeneous) continue;
    const auto [it, added] = bound.emplace(formal->type, type.dtype);
    if (!added && it->second != type.dtype) {
      sink.Report({Severity::kWarning,
                   "AZ-VER-0042",
                   place,
                   fmt::format("input {} ({}) is {}, an input of the same type {} is {}", i,
                               formal->name, name, formal->type, ir::NameOf(it->second)),
                   {}});
    }
  }
}

}  // namespace

void CheckTypes(const ir::Model& model, DiagnosticSink& sink) {
  std::vector<analysis::InferProblem> problems;
  const analysis::TypeTable types = analysis::InferTypesLeniently(model, {}, &problems);
  const std::string where = fmt::format("graph \"{}\"", model.graph.name());
  for (const analysis::InferProblem& p : problems) {
    const bool mismatch = p.kind == analysis::InferProblem::Kind::kMismatch;
    sink.Report({Severity::kWarning,
                 mismatch ? "AZ-VER-0040" : "AZ-VER-0041",
                 where + ": " + p.place,
                 p.message,
                 {}});
  }
  for (ir::NodeRef ref = model.graph.first_node(); ref; ref = model.graph.next_node(ref)) {
    const ir::Node& node = model.graph.node(ref);
    if (model.FindFunction(node.domain, node.op_type, node.overload) != nullptr) continue;
    if (const auto opset = model.opset(node.domain))
      CheckNodeTypes(model.graph, ref, *opset, types, where, sink);
  }
}

}  // namespace assize::verify
