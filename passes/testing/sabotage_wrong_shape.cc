// Sabotage: gives the first weight of rank 2 or more one row too many.
//
// Needs      nothing.
// Caught by  the manager's comparison of what type inference finds wrong before and after
// (AZ-VER-0040). Tests      tests/passes/sabotage_wrong_shape_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

class SabotageWrongShape final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Gives a weight a wrong shape", .idempotent = false};
  }

  Status Run(ir::Model& model, pass::Context&) override {
    ir::Editor edit(model.graph);
    for (const ir::ValueRef ref : model.graph.initializers()) {
      const auto& initializer = model.graph.value(ref).initializer;
      if (!initializer || initializer->tensor.rank() < 2) continue;
      ir::Shape dims = initializer->tensor.dims();
      for (int64_t& dim : dims) ++dim;
      edit.ReplaceInitializer(ref, ir::Tensor::Zeros(initializer->tensor.dtype(), dims));
      return OkStatus();
    }
    return OkStatus();
  }
};

ASSIZE_DEFINE_PASS(SabotageWrongShape);

}  // namespace assize::passes
