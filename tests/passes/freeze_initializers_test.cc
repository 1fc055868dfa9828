// freeze-initializers: weights stop being inputs, the rest of the signature stays.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(FreezeInitializers, MakesConstantsOfInputsWithDefaults) {
  ir::Model model = MakeModel(8, 3);
  GraphBuilder b(model.graph);
  b.Input("w", {"2"}).Input("x", {"N", "2"});
  ir::NamedTensor w;
  w.name = "w";
  w.tensor = Floats({2}, {1, 2});
  b.edit().SetInitializer("w", w);
  b.Node("Add", {"x", "w"}, {"y"}).Output("y");
  EXPECT_EQ(model.graph.ConstantOf(b.Get("w")), nullptr);
  ExpectChanged("freeze-initializers", model);
  EXPECT_EQ(model.ir_version, 4);
  ASSERT_EQ(model.graph.inputs().size(), 1u);
  EXPECT_EQ(model.graph.value(model.graph.inputs()[0]).name, "x");
  EXPECT_NE(model.graph.ConstantOf(b.Get("w")), nullptr);
  ExpectUnchanged("freeze-initializers", model);
}

}  // namespace
}  // namespace assize::testing
