// The differential run catches one changed weight, however small, and the model stays as it was.
#include "lib/ir/hash.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

ir::Model Gemm() {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"}).Init("W", Normal({3, 2}, 1)).Node("Gemm", {"x", "W"}, {"y"}).Output("y");
  return model;
}

TEST(SabotageWrongMath, IsCaughtByTheDifferentialRun) {
  for (const std::string text : {"sabotage-wrong-math", "sabotage-wrong-math{amount=1e-06}"}) {
    ir::Model model = Gemm();
    const Digest before = ir::StructuralHash(model);
    const Outcome outcome = RunPipeline(text, model);
    EXPECT_EQ(outcome.status.code(), StatusCode::kInternal) << text;
    EXPECT_THAT(Message(outcome.status), ::testing::HasSubstr("the bound exact is 0"));
    EXPECT_EQ(ir::StructuralHash(model), before);
  }
}

TEST(SabotageWrongMath, ARunThatProvesNothingIsNotCalledPassed) {
  ir::Model model = Gemm();
  GraphBuilder b(model.graph);
  b.Init("zero", Floats({1}, {0}));
  b.Node("Mul", {"y", "zero"}, {"hidden"});
  b.edit().SetOutputs({b.Get("hidden")});
  const Outcome outcome = RunPipeline("sabotage-wrong-math", model);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_EQ(outcome.record().check.outcome, "mistrusted");
}

TEST(SabotageWrongMath, SkippedChecksSayWhy) {
  ir::Model model = Gemm();
  pass::ManagerOptions options;
  options.numeric_check_max_macs = 1;
  const Outcome outcome = RunPipeline("sabotage-wrong-math", model, options);
  ASSERT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.record().check.outcome, "skipped");
  EXPECT_THAT(outcome.record().check.reason, ::testing::HasSubstr("numeric_check_max_macs is 1"));
}

}  // namespace
}  // namespace assize::testing
