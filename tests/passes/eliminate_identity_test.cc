// eliminate-identity: each form it removes, and the neighbours it must not.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

struct Case {
  std::string name, op;
  std::vector<std::string> more_inputs;  // after x
  Attributes attributes;
  std::vector<std::pair<std::string, ir::Tensor>> constants;
  int64_t opset = 13;
};

// x -> Tanh -> op -> Sin, so that neither end is an input or output.
ir::Model Model(const Case& c) {
  ir::Model model = MakeModel(c.opset);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3", "4"});
  for (const auto& [name, tensor] : c.constants) b.Init(name, tensor);
  b.Node("Tanh", {"x"}, {"t"});
  std::vector<std::string> inputs = {"t"};
  inputs.insert(inputs.end(), c.more_inputs.begin(), c.more_inputs.end());
  b.Node(c.op, inputs, {"i"}, c.attributes).Node("Sin", {"i"}, {"y"}).Output("y");
  return model;
}

TEST(EliminateIdentity, RemovesEachForm) {
  const ir::Tensor off = ir::Tensor::Scalar<bool>(false);
  const ir::Tensor one = ir::Tensor::Scalar<float>(1), zero = ir::Tensor::Scalar<float>(0);
  const std::vector<Case> cases = {
      {"identity", "Identity", {}, {}, {}},
      {"dropout 10", "Dropout", {}, {Attr("ratio", 0.3f)}, {}, 10},
      {"dropout 13", "Dropout", {"", "off"}, {}, {{"off", off}}},
      {"dropout no mode", "Dropout", {}, {}, {}},
      {"cast", "Cast", {}, {Int("to", 1)}, {}},
      {"transpose", "Transpose", {}, {Ints("perm", {0, 1, 2})}, {}},
      {"pad", "Pad", {"p"}, {}, {{"p", Longs({0, 0, 0, 0, 0, 0})}}},
      {"reshape", "Reshape", {"s"}, {}, {{"s", Longs({-1, 3, 4})}}},
      {"reshape zeros", "Reshape", {"s"}, {}, {{"s", Longs({0, 0, 4})}}},
      {"concat", "Concat", {}, {Int("axis", 1)}, {}},
      {"sum", "Sum", {}, {}, {}},
      {"mul 1", "Mul", {"one"}, {}, {{"one", one}}},
      {"div 1", "Div", {"one"}, {}, {{"one", one}}},
      {"sub 0", "Sub", {"zero"}, {}, {{"zero", zero}}},
      {"pow 1", "Pow", {"one"}, {}, {{"one", one}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ir::Model model = Model(c);
    ExpectChanged("eliminate-identity", model);
    EXPECT_EQ(Ops(model.graph), "Tanh Sin");
  }
}

TEST(EliminateIdentity, LeavesTheirNeighbours) {
  const ir::Tensor on = ir::Tensor::Scalar<bool>(true);
  const std::vector<Case> cases = {
      {"add 0 turns -0 into +0", "Add", {"z"}, {}, {{"z", ir::Tensor::Scalar<float>(0)}}},
      {"sub -0 likewise", "Sub", {"z"}, {}, {{"z", ir::Tensor::Scalar<float>(-0.0f)}}},
      {"mul by ones that widen", "Mul", {"one"}, {}, {{"one", Floats({1, 1, 1, 1}, {1})}}},
      {"mul by many ones", "Mul", {"one"}, {}, {{"one", Floats({4}, {1, 1, 1, 2})}}},
      {"transpose", "Transpose", {}, {Ints("perm", {0, 2, 1})}, {}},
      {"reshape", "Reshape", {"s"}, {}, {{"s", Longs({-1, 4, 3})}}},
      {"cast", "Cast", {}, {Int("to", 11)}, {}},
      {"pad", "Pad", {"p"}, {}, {{"p", Longs({0, 0, 0, 0, 0, 1})}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ir::Model model = Model(c);
    ExpectUnchanged("eliminate-identity", model);
  }
  ir::Model training = Model({"training", "Dropout", {"", "on"}, {}, {{"on", on}}});
  ExpectUnchanged("eliminate-identity", training);
}

TEST(EliminateIdentity, KeepsTheNamesOfInputsAndOutputs) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"})
      .Node("Identity", {"x"}, {"y"})
      .Node("Relu", {"x"}, {"r"})
      .Node("Identity", {"r"}, {"z"});
  b.Output("y").Output("z");
  ExpectChanged("eliminate-identity", model);
  // x cannot be called y; r can be called z.
  EXPECT_EQ(Ops(model.graph), "Identity Relu");
  EXPECT_EQ(model.graph.value(model.graph.outputs()[1]).name, "z");
}

TEST(EliminateIdentity, DoesNotBelieveAStaleDeclaredShape) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "4", "3"}).Init("s", Longs({-1, 3, 4})).Node("Tanh", {"x"}, {"t"});
  b.Node("Reshape", {"t", "s"}, {"r"}).Node("Sin", {"r"}, {"y"}).Output("y");
  // The file claims that t has the shape of r already.
  const std::vector<ir::Dim> stale = {{std::nullopt, "N", {}}, {3, {}, {}}, {4, {}, {}}};
  b.edit().SetType(b.Get("t"), ir::Type::TensorOf(ir::DType::kFloat, stale));
  ExpectUnchanged("eliminate-identity", model);
}

TEST(EliminateIdentity, DropoutWithAMaskInUseStays) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"})
      .Node("Dropout", {"x"}, {"d", "mask"})
      .Node("Sin", {"d"}, {"y"})
      .Output("y")
      .Output("mask");
  ExpectUnchanged("eliminate-identity", model);
}

}  // namespace
}  // namespace assize::testing
