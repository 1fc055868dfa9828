// The verifier catches a cycle, the model stays as it was.
#include "lib/ir/hash.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageBreakSsa, IsCaughtByTheVerifier) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"2"})
      .Node("Relu", {"x"}, {"r"})
      .Node("Exp", {"r"}, {"y"})
      .Output("y");
  const Digest before = ir::StructuralHash(model);
  const Outcome outcome = RunPipeline("sabotage-break-ssa", model);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal);
  EXPECT_THAT(Message(outcome.status), ::testing::AllOf(::testing::HasSubstr("sabotage-break-ssa"),
                                                        ::testing::HasSubstr("AZ-VER-0013")));
  EXPECT_EQ(ir::StructuralHash(model), before);
  EXPECT_TRUE(outcome.records.empty());
}

}  // namespace
}  // namespace assize::testing
