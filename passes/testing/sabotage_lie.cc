// Sabotage: changes the model and counts nothing, or changes nothing and counts a rewrite.
//
// Needs      nothing.
// Caught by  the changed bit, which is computed from the structural hashes.
// Tests      tests/passes/sabotage_lie_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageLie final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Lies about whether it changed the model",
            .options = {{.name = "about",
                         .type = pass::OptionType::kChoice,
                         .default_text = "a-change",
                         .summary = "what is hidden or made up",
                         .choices = {"a-change", "no-change"}}},
            .idempotent = false};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    if (options().Text("about") == "a-change") {
      model.doc += "!";
      (*context.statistics)["rewritten"] = 0;
    } else {
      (*context.statistics)["rewritten"] = 1;
    }
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(SabotageLie);

}  // namespace assize::passes
