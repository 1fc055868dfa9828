// Operands that a pass made disagree are its bug, though a file may bring such ones.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageWrongShape, IsCaughtByTypeInferenceBeforeAndAfter) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"}).Init("W", Normal({3, 2}, 1)).Node("Gemm", {"x", "W"}, {"y"}).Output("y");
  const Outcome outcome = RunPipeline("sabotage-wrong-shape", model);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal);
  EXPECT_THAT(Message(outcome.status), ::testing::HasSubstr("inner dims are 3 (A) and 4 (B)"));
}

}  // namespace
}  // namespace assize::testing
