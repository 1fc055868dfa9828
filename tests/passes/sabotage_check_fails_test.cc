// A failed AZ_CHECK writes the reproducer, names it, and ends with 70.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(SabotageCheckFailsDeathTest, LeavesAReproducerAndEndsWith70) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph).Input("x", {"2"}).Node("Relu", {"x"}, {"y"}).Output("y");
  pass::ManagerOptions options;
  options.write_reproducer = [](const ir::Model& before, const std::string& text, uint64_t) {
    return StatusOr<std::string>(fmt::format("/r/{}/{}", text, before.graph.node_count()));
  };
  EXPECT_EXIT(RunPipeline("sabotage-check-fails", model, options), ::testing::ExitedWithCode(70),
              "reproducer: /r/sabotage-check-fails/1");
}

}  // namespace
}  // namespace assize::testing
