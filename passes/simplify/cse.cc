// Common subexpressions: of two nodes that compute the same, the later one goes.
//
//   before  a = Relu(x);  b = Relu(x);  y = Add(a, b)      after  a = Relu(x);  y = Add(a, a)
//
// Needs     same op, inputs and attributes; constants count by content. Graph outputs keep their
// names, so two that
//           compute the same both stay.
// Numerics  exact.
// Not done  random ops, ops with subgraphs, ops outside ONNX's domains; commuted inputs; across
// graphs. Tests     tests/passes/cse_test.cc
#include <map>

#include "lib/analysis/node_key.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;

class Cse final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Computes common subexpressions once"};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    int64_t merged = 0;
    {
      ir::Editor edit(model.graph);
      merged += Merge(edit);
    }
    for (ir::Function& function : model.functions) {
      ir::Editor edit(function.body);
      merged += Merge(edit);
    }
    (*context.statistics)["rewritten"] += merged;
    return OkStatus();
  }

 private:
  // In execution order, so that the inputs of a node are merged before the node is looked at.
  static int64_t Merge(ir::Editor& edit) {
    int64_t merged = 0;
    std::map<std::string, NodeRef> first;
    for (const NodeRef node : edit.graph().nodes()) {
      if (edit.graph().node(node).has_subgraphs()) {
        edit.EditSubgraphs(node, [&](ir::Editor& inner) { merged += Merge(inner); });
        continue;
      }
      const auto key = analysis::NodeKey(edit.graph(), node);
      if (!key) continue;
      const auto [it, added] = first.emplace(*key, node);
      if (added || !CanMerge(edit.graph(), node, it->second)) continue;
      const std::vector<ir::ValueRef> from = edit.graph().node(node).outputs,
                                      to = edit.graph().node(it->second).outputs;
      for (size_t i = 0; i < from.size(); ++i) {
        if (from[i]) pass::ReplaceValue(edit, from[i], to[i]);
      }
      pass::RemoveNodeAndConstants(edit, node);
      ++merged;
    }
    return merged;
  }

  static bool CanMerge(const Graph& graph, NodeRef later, NodeRef earlier) {
    const auto &from = graph.node(later).outputs, &to = graph.node(earlier).outputs;
    for (size_t i = 0; i < from.size(); ++i) {
      if (from[i] && !pass::CanReplace(graph, from[i], to[i])) return false;
    }
    return true;
  }
};

ASSIZE_DEFINE_PASS(Cse);

}  // namespace assize::passes
