// Rewrites that several passes share. Tests: tests/pass/rewrite_test.cc.
#include "lib/pass/rewrite.h"

#include <set>

namespace assize::pass {

using ir::Editor;
using ir::Graph;
using ir::NodeRef;
using ir::Value;
using ir::ValueRef;

namespace {

void RemoveConstantIfUnused(Editor& edit, ValueRef ref) {
  if (!ref || !edit.graph().valid(ref)) return;
  const Value& value = edit.graph().value(ref);
  if (value.is_constant() && !value.used()) edit.RemoveValue(ref);
}

}  // namespace

bool CanReplace(const Graph& graph, ValueRef from, ValueRef to) {
  if (from == to) return false;
  if (graph.value(from).graph_output_uses == 0) return true;
  const Value& value = graph.value(to);
  return value.producer && value.graph_output_uses == 0;
}

void ReplaceValue(Editor& edit, ValueRef from, ValueRef to) {
  const Value was = edit.graph().value(from);
  AZ_CHECK(edit.TakeOver(from, to), "value {} cannot be replaced", was.name);
  if (was.graph_output_uses == 0) return;
  edit.SetType(to, was.type);
  edit.SetValueDoc(to, was.doc, was.metadata, was.unknown_fields);
  edit.SetValueInfo(to, was.has_value_info);
}

void RemoveNodeAndConstants(Editor& edit, NodeRef node) {
  const std::vector<ValueRef> inputs = edit.graph().node(node).inputs;
  edit.RemoveNode(node);
  for (const ValueRef v : std::set<ValueRef>(inputs.begin(), inputs.end()))
    RemoveConstantIfUnused(edit, v);
}

void ReplaceByConstant(Editor& edit, NodeRef node, ir::Tensor tensor) {
  const ValueRef old = edit.graph().node(node).outputs[0];
  const std::string name = edit.graph().value(old).name;
  AZ_CHECK(edit.graph().value(old).graph_output_uses == 0, "{} is a graph output", name);
  const ValueRef constant = edit.AddInitializer(name, std::move(tensor));
  edit.ReplaceAllUses(old, constant);
  RemoveNodeAndConstants(edit, node);
  edit.Rename(constant, name);
}

void SetConstantInput(Editor& edit, NodeRef node, size_t index, const std::string& base,
                      ir::Tensor tensor) {
  const auto& inputs = edit.graph().node(node).inputs;
  const ValueRef old = index < inputs.size() ? inputs[index] : ValueRef();
  edit.SetInput(node, index, edit.AddInitializer(base, std::move(tensor)));
  RemoveConstantIfUnused(edit, old);
}

}  // namespace assize::pass
