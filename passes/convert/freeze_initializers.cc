// Takes initializers out of the list of graph inputs, so that they are constants.
//
//   before  input W (default: initializer W)      after  initializer W
//
// Below IR version 4 every initializer had to be listed as an input too; a caller could replace a
// weight by feeding it, so no pass may take it for a constant. This one gives that possibility up:
// what callers see changes.
//
// Needs     nothing; the IR version becomes at least 4, the first that has initializers which are
// no inputs. Numerics  exact, for callers that feed none of them. Not done  choosing among them.
// Tests  tests/passes/freeze_initializers_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class FreezeInitializers final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Takes initializers out of the graph's inputs, so that they are constants",
            .keeps_signature = false};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    ir::Editor edit(model.graph);
    int64_t frozen = 0;
    const std::vector<ir::ValueRef> inputs = model.graph.inputs();
    for (const ir::ValueRef ref : inputs) {
      if (!model.graph.value(ref).is_initializer()) continue;
      edit.RemoveFromInputs(ref);
      ++frozen;
    }
    if (frozen > 0 && model.ir_version < 4) model.ir_version = 4;
    (*context.statistics)["frozen"] += frozen;
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(FreezeInitializers);

}  // namespace assize::passes
