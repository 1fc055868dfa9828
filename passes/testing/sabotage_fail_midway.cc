// Sabotage: renames every node, then fails.
//
// Needs      nothing.
// Caught by  the manager, which runs a pass on a clone: the model stays as it was.
// Tests      tests/passes/sabotage_fail_midway_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageFailMidway final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override { return {.summary = "Fails after half its work"}; }

  Status Run(ir::Model& model, pass::Context&) override {
    ir::Editor edit(model.graph);
    for (const ir::NodeRef node : model.graph.nodes()) edit.SetNodeName(node, "half-done");
    model.doc = "half-done";
    return InvalidArgument("sabotage: failed midway");
  }
};

ASSIZE_DEFINE_PASS(SabotageFailMidway);

}  // namespace assize::passes
