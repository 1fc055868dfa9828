// Sabotage: makes the first node read a result of the last one, a cycle.
//
// Needs      nothing.
// Caught by  the verifier after the pass (AZ-VER-0013).        Tests
// tests/passes/sabotage_break_ssa_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageBreakSsa final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override { return {.summary = "Makes a cycle"}; }

  Status Run(ir::Model& model, pass::Context&) override {
    const std::vector<ir::NodeRef> nodes = model.graph.nodes();
    if (nodes.empty()) return OkStatus();
    ir::Editor(model.graph).SetInput(nodes.front(), 0, model.graph.node(nodes.back()).outputs[0]);
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(SabotageBreakSsa);

}  // namespace assize::passes
