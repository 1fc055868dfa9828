// The manager catches a graph input that lost its name.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageChangeSignature, IsCaughtByTheComparisonOfInputs) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph).Input("x", {"2"}).Node("Relu", {"x"}, {"y"}).Output("y");
  const Outcome outcome = RunPipeline("sabotage-change-signature", model);
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal);
  EXPECT_THAT(Message(outcome.status), ::testing::HasSubstr("graph input 0 was \"x\""));
  EXPECT_EQ(model.graph.value(model.graph.inputs()[0]).name, "x");
}

}  // namespace
}  // namespace assize::testing
