// A pass that fails after half its work leaves the model untouched.
#include "lib/ir/hash.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageFailMidway, LeavesTheModelAndTheRecordsBeforeIt) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"2"})
      .Node("Identity", {"x"}, {"i"})
      .Node("Relu", {"i"}, {"y"})
      .Output("y");
  const Outcome outcome = RunPipeline("eliminate-identity,sabotage-fail-midway", model);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInvalidArgument);
  ASSERT_EQ(outcome.records.size(), 1u);
  EXPECT_EQ(ir::StructuralHash(model), outcome.record().output);
  EXPECT_EQ(Ops(model.graph), "Relu");
}

}  // namespace
}  // namespace assize::testing
