// Sabotage: dies in an AZ_CHECK.
//
// Needs      nothing.
// Caught by  the check hook, which writes the reproducer before the program ends with 70.
// Tests      tests/passes/sabotage_check_fails_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageCheckFails final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override { return {.summary = "Dies in a check"}; }

  Status Run(ir::Model& model, pass::Context&) override {
    AZ_CHECK(model.graph.node_count() == SIZE_MAX, "sabotage: {} nodes", model.graph.node_count());
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(SabotageCheckFails);

}  // namespace assize::passes
