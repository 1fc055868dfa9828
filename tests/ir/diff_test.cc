// Differences between models: each kind of change is named, and equal means equal.
#include "lib/ir/diff.h"

#include <gtest/gtest.h>

#include "lib/ir/hash.h"
#include "tests/ir/building.h"

namespace assize::ir {
namespace {

Model Sample() {
  Model model;
  model.ir_version = 8;
  model.opset_imports = {{"", 13, ""}};
  GraphMaker make(model.graph);
  make.Input("x").Init("w", std::vector<float>(20, 1.0f));
  Attribute value;
  value.name = "value";
  NamedTensor tensor;
  tensor.tensor = Tensor::Of<float>({20}, std::vector<float>(20, 3.0f));
  value.value = tensor;
  make.Node("Constant", {}, {"c"}, {value});
  make.Node("Add", {"x", "w"}, {"y"});
  make.Output("y");
  return model;
}

std::vector<std::string> Kinds(const ModelDiff& diff) {
  std::vector<std::string> kinds;
  for (const auto& change : diff.changes) kinds.push_back(change.what + " " + change.name);
  return kinds;
}

TEST(Diff, EqualModelsHaveNoChanges) { EXPECT_TRUE(Diff(Sample(), Sample()).empty()); }

TEST(Diff, NamesWhatChanged) {
  const Model before = Sample();
  Model after = Sample();
  after.set_opset("", 14);
  after.metadata = {{"author", "me"}};
  GraphMaker make(after.graph);
  make.edit.SetType(after.graph.inputs()[0], Type::TensorOf(DType::kFloat16));
  make.edit.ReplaceInitializer(after.graph.FindValue("w"),
                               Tensor::Of<float>({20}, std::vector<float>(20, 2.0f)));
  make.edit.SetOp(after.graph.node(after.graph.first_node()).op_type == "Constant"
                      ? after.graph.next_node(after.graph.first_node())
                      : after.graph.first_node(),
                  "Sub", "");
  make.Node("Relu", {"y"}, {"z"});
  EXPECT_EQ(Kinds(Diff(before, after)),
            (std::vector<std::string>{"opset ai.onnx", "metadata author", "input x",
                                      "initializer w", "node y", "node z"}));
  const ModelDiff diff = Diff(before, after);
  EXPECT_EQ(diff.changes[0].before, "13");
  EXPECT_EQ(diff.changes[0].after, "14");
  EXPECT_EQ(diff.changes[5].before, "");
  EXPECT_EQ(Diff(after, before).changes.back().after, "") << "a node that is gone";
}

TEST(Diff, SeesTheElementsOfALongConstant) {
  Model after = Sample();
  Attribute value;
  value.name = "value";
  NamedTensor tensor;
  std::vector<float> values(20, 3.0f);
  values[19] = 4;
  tensor.tensor = Tensor::Of<float>({20}, values);
  value.value = tensor;
  Editor(after.graph).SetAttribute(after.graph.first_node(), value);
  EXPECT_EQ(Kinds(Diff(Sample(), after)), (std::vector<std::string>{"node c"}));
}

TEST(Diff, SeesInsideFunctions) {
  Model before = Sample();
  Function function;
  function.name = "f";
  function.domain = "d";
  GraphMaker body(function.body);
  body.Input("p", Type());
  body.Node("Neg", {"p"}, {"q"});
  body.Output("q");
  before.functions.push_back(function);
  Model after = before;
  Editor(after.functions[0].body).SetOp(after.functions[0].body.first_node(), "Abs", "");
  EXPECT_EQ(Kinds(Diff(before, after)), (std::vector<std::string>{"function d.f"}));
}

// Whatever the hash sees and no list names is still a difference.
TEST(Diff, IsEmptyOnlyForEqualHashes) {
  const Model before = Sample();
  std::vector<Model> others(4, before);
  Editor(others[0].graph).SetNodeName(others[0].graph.first_node(), "name");
  Editor(others[1].graph).SetDoc("doc");
  others[2].unknown_fields = "bytes";
  Editor(others[3].graph).MoveBefore(others[3].graph.first_node(), {});
  for (const Model& other : others) {
    ASSERT_NE(StructuralHash(before), StructuralHash(other));
    EXPECT_FALSE(Diff(before, other).empty());
  }
}

}  // namespace
}  // namespace assize::ir
