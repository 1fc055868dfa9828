// Removes initializers that no node uses and that are no graph outputs.
//
// Needs     nothing; an initializer that is a graph input as well stays, since callers may name it.
// Numerics  exact: nothing that remains reads them.
// Not done  Constant nodes: eliminate-dead-nodes.        Tests
// tests/passes/eliminate_unused_initializers_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class EliminateUnusedInitializers final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Removes initializers that nothing uses"};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    ir::Editor edit(model.graph);
    (*context.statistics)["removed"] += Sweep(edit);
    return OkStatus();
  }

 private:
  static int64_t Sweep(ir::Editor& edit) {
    int64_t removed = 0;
    // Subgraphs first: what they stop using becomes free here.
    for (const ir::NodeRef node : edit.graph().nodes()) {
      if (!edit.graph().node(node).has_subgraphs()) continue;
      edit.EditSubgraphs(node, [&](ir::Editor& inner) { removed += Sweep(inner); });
    }
    const std::vector<ir::ValueRef> initializers = edit.graph().initializers();
    for (const ir::ValueRef ref : initializers) {
      const ir::Value& value = edit.graph().value(ref);
      if (value.used() || value.is_input) continue;
      edit.RemoveValue(ref);
      ++removed;
    }
    return removed;
  }
};

ASSIZE_DEFINE_PASS(EliminateUnusedInitializers);

}  // namespace assize::passes
