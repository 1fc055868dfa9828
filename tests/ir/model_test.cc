// Lookups on a model: ONNX's default domain has two spellings.
#include "lib/ir/model.h"

#include <gtest/gtest.h>

namespace assize::ir {
namespace {

TEST(Model, TheDefaultDomainHasTwoSpellings) {
  Model model;
  EXPECT_EQ(model.opset(), std::nullopt);
  model.opset_imports = {{"ai.onnx.ml", 3, ""}, {"ai.onnx", 13, "kept"}};
  EXPECT_EQ(model.opset(), 13);
  EXPECT_EQ(model.opset("ai.onnx"), 13);
  EXPECT_EQ(model.opset("ai.onnx.ml"), 3);
  EXPECT_EQ(model.opset("com.example"), std::nullopt);
  model.set_opset("", 15);
  ASSERT_EQ(model.opset_imports.size(), 2u) << "no second import of the same domain";
  EXPECT_EQ(model.opset_imports[1], (OpsetImport{"ai.onnx", 15, "kept"}));
  model.set_opset("com.example", 1);
  EXPECT_EQ(model.opset("com.example"), 1);
}

TEST(Model, FunctionsAreFoundByDomainNameAndOverload) {
  Model model;
  model.functions.resize(2);
  model.functions[0].name = model.functions[1].name = "f";
  model.functions[0].domain = model.functions[1].domain = "d";
  model.functions[1].overload = "o";
  EXPECT_EQ(model.FindFunction("d", "f"), &model.functions[0]);
  EXPECT_EQ(model.FindFunction("d", "f", "o"), &model.functions[1]);
  EXPECT_EQ(model.FindFunction("", "f"), nullptr);
  EXPECT_EQ(model.FindFunction("d", "f", "p"), nullptr);
}

}  // namespace
}  // namespace assize::ir
