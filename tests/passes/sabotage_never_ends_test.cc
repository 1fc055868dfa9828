// The pattern driver stops a pass that matches for ever, and names the limit.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageNeverEnds, IsStoppedByTheNamedLimit) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph).Input("x", {"2"}).Node("Relu", {"x"}, {"y"}).Output("y");
  const Outcome outcome = RunPipeline("sabotage-never-ends", model);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal);
  EXPECT_THAT(Message(outcome.status), ::testing::HasSubstr("kMaxPatternRounds = 64"));
}

}  // namespace
}  // namespace assize::testing
