// Sabotage: renames the first graph input, and declares that it keeps the signature.
//
// Needs      nothing.
// Caught by  the manager's comparison of inputs and outputs.
// Tests      tests/passes/sabotage_change_signature_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageChangeSignature final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Renames a graph input", .idempotent = false};
  }

  Status Run(ir::Model& model, pass::Context&) override {
    if (model.graph.inputs().empty()) return OkStatus();
    ir::Editor edit(model.graph);
    edit.Rename(model.graph.inputs()[0], edit.UniqueName("renamed"));
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(SabotageChangeSignature);

}  // namespace assize::passes
