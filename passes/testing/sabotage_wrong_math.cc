// Sabotage: multiplies the first element of the first float weight by 1 + amount, structure
// untouched.
//
// Needs      nothing.
// Caught by  the differential run before and after the pass.        Tests
// tests/passes/sabotage_wrong_math_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageWrongMath final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Changes one weight",
            .options = {{.name = "amount",
                         .type = pass::OptionType::kNumber,
                         .default_text = "0.01",
                         .summary = "relative change of the weight"}},
            .idempotent = false};
  }

  Status Run(ir::Model& model, pass::Context&) override {
    ir::Editor edit(model.graph);
    for (const ir::ValueRef ref : model.graph.initializers()) {
      const auto& initializer = model.graph.value(ref).initializer;
      if (!initializer || initializer->tensor.dtype() != ir::DType::kFloat) continue;
      const auto data = initializer->tensor.data<float>();
      if (data.empty()) continue;
      std::vector<float> values(data.begin(), data.end());
      values[0] *= 1 + static_cast<float>(options().Number("amount"));
      edit.ReplaceInitializer(ref, ir::Tensor::Of<float>(initializer->tensor.dims(), values));
      return OkStatus();
    }
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(SabotageWrongMath);

}  // namespace assize::passes
