// Removes nodes whose results nothing uses.
//
//   before  y = Conv(x, W);  unused = Relu(y);  return y      after  y = Conv(x, W);  return y
//
// Needs     nothing; works in subgraphs and functions too.
// Numerics  exact: no value that remains is computed differently.
// Not done  ops outside ONNX's own domains and calls of functions: they may have effects.
// Initializers that
//           become unused stay: eliminate-unused-initializers.
// Tests     tests/passes/eliminate_dead_nodes_test.cc
#include "lib/analysis/traits.h"
#include "lib/pass/pass.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;

class EliminateDeadNodes final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Removes nodes whose results nothing uses"};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    int64_t removed = 0;
    {
      ir::Editor edit(model.graph);
      removed += Sweep(edit);
    }
    for (ir::Function& function : model.functions) {
      ir::Editor edit(function.body);
      removed += Sweep(edit);
    }
    (*context.statistics)["removed"] += removed;
    return OkStatus();
  }

 private:
  // Users come after producers, so one walk from the end sees every node after its users are gone.
  // Subgraphs go first: a capture they drop may free a node of this graph.
  static int64_t Sweep(ir::Editor& edit) {
    int64_t removed = 0;
    const std::vector<NodeRef> nodes = edit.graph().nodes();
    for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
      if (IsDead(edit.graph(), *it)) {
        edit.RemoveNode(*it);
        ++removed;
      } else if (edit.graph().node(*it).has_subgraphs()) {
        edit.EditSubgraphs(*it, [&](ir::Editor& inner) { removed += Sweep(inner); });
      }
    }
    return removed;
  }

  static bool IsDead(const Graph& graph, NodeRef ref) {
    const ir::Node& node = graph.node(ref);
    if (!analysis::IsPure(node)) return false;
    for (const ir::ValueRef output : node.outputs) {
      if (output && graph.value(output).used()) return false;
    }
    return true;
  }
};

ASSIZE_DEFINE_PASS(EliminateDeadNodes);

}  // namespace assize::passes
