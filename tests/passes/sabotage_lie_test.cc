// The changed bit is computed: no pass can hide or make up a change.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageLie, TheRecordTellsTheTruth) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph).Input("x", {"2"}).Node("Relu", {"x"}, {"y"}).Output("y");
  const Outcome hidden = RunPipeline("sabotage-lie", model);
  ASSERT_TRUE(hidden.status.ok()) << Message(hidden.status);
  EXPECT_EQ(hidden.record().statistics.at("rewritten"), 0);
  EXPECT_TRUE(hidden.record().changed);
  const Outcome made_up = RunPipeline("sabotage-lie{about=no-change}", model);
  EXPECT_EQ(made_up.record().statistics.at("rewritten"), 1);
  EXPECT_FALSE(made_up.record().changed);
}

}  // namespace
}  // namespace assize::testing
