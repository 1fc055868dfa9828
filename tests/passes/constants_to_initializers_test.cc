// constants-to-initializers: every dense form, names kept, and where initializers are not allowed.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

ir::Attribute Value(ir::Tensor tensor) {
  ir::NamedTensor named;
  named.tensor = std::move(tensor);
  return Attr("value", std::move(named));
}

TEST(ConstantsToInitializers, TakesEveryDenseFormAndKeepsNames) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "2"});
  b.Node("Constant", {}, {"a"}, {Value(Floats({2}, {1, 2}))});
  b.Node("Constant", {}, {"f"}, {Attr("value_float", 3.0f)});
  b.Node("Constant", {}, {"fs"}, {Attr("value_floats", std::vector<float>{5, 6})});
  b.Node("Constant", {}, {"is"}, {Ints("value_ints", {-1, 2})});
  b.Node("Add", {"x", "a"}, {"p"}).Node("Mul", {"p", "f"}, {"q"}).Node("Sub", {"q", "fs"}, {"r"});
  b.Node("Reshape", {"r", "is"}, {"y"}).Output("y");
  EXPECT_EQ(ExpectChanged("constants-to-initializers", model).statistics.at("rewritten"), 4);
  EXPECT_EQ(Ops(model.graph), "Add Mul Sub Reshape");
  for (const std::string name : {"a", "f", "fs", "is"})
    EXPECT_NE(model.graph.ConstantOf(b.Get(name)), nullptr) << name;
  EXPECT_TRUE(model.graph.ConstantOf(b.Get("f"))->dims().empty());
}

TEST(ConstantsToInitializers, DeclinesWhereInitializersAreNotAllowed) {
  ir::Model old = MakeModel(8, 3);
  GraphBuilder b(old.graph);
  b.Input("x", {"2"})
      .Node("Constant", {}, {"c"}, {Value(Floats({2}, {1, 2}))})
      .Node("Add", {"x", "c"}, {"y"})
      .Output("y");
  EXPECT_EQ(Declined(ExpectUnchanged("constants-to-initializers", old),
                     "below IR version 4 an initializer is an input too"),
            1);

  ir::Model model = MakeModel();
  model.set_opset("local", 1);
  GraphBuilder m(model.graph);
  m.Input("x", {"2"}).Node("Twice", {"x"}, {"y"}, {}, "local").Output("y");
  ir::Function function;
  function.name = "Twice";
  function.domain = "local";
  function.opset_imports = {{"", 13, ""}};
  GraphBuilder body(function.body);
  body.edit().AddInput("p", ir::Type());
  body.Node("Constant", {}, {"two"}, {Attr("value_float", 2.0f)})
      .Node("Mul", {"p", "two"}, {"q"})
      .Output("q");
  model.functions.push_back(function);
  EXPECT_EQ(Declined(ExpectUnchanged("constants-to-initializers", model),
                     "a function's body has no initializers"),
            1);
}

TEST(ConstantsToInitializers, AGraphOutputStaysANode) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Node("Constant", {}, {"c"}, {Value(Floats({2}, {1, 2}))}).Output("c");
  EXPECT_EQ(Declined(ExpectUnchanged("constants-to-initializers", model),
                     "the constant is a graph output"),
            1);
}

}  // namespace
}  // namespace assize::testing
