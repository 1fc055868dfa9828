// What becomes float, what stays 16-bit behind Casts, and what is refused. Numbers are checked in
// tests/engine/float16_test.cc and tests/passes/upcast_float16_test.cc.
#include "lib/analysis/upcast_float16.h"

#include <gmock/gmock.h>

#include "lib/analysis/float16_use.h"
#include "lib/ir/float_formats.h"
#include "lib/ir/hash.h"
#include "tests/passes/testing_models.h"

namespace assize::analysis {
namespace {

using assize::testing::Attr;
using assize::testing::GraphBuilder;
using assize::testing::Int;
using assize::testing::Longs;
using assize::testing::MakeModel;
using assize::testing::OnlyNode;
using assize::testing::Ops;
using ir::DType;
using ::testing::HasSubstr;

ir::Tensor Halves(ir::Shape dims, const std::vector<float>& values, DType dtype = DType::kFloat16) {
  std::vector<std::byte> bytes(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits =
        dtype == DType::kFloat16 ? ir::FloatToHalf(values[i]) : ir::FloatToBfloat16(values[i]);
    __builtin_memcpy(&bytes[2 * i], &bits, 2);
  }
  return ir::Tensor::FromBytes(dtype, std::move(dims), std::move(bytes));
}
ir::NamedTensor Named(ir::Tensor tensor) {
  ir::NamedTensor named;
  named.tensor = std::move(tensor);
  return named;
}
ir::Type F16(const std::vector<int64_t>& dims) { return ir::Type::TensorOf(DType::kFloat16, dims); }

UpcastCounts Upcast(ir::Model& model) {
  const auto counts = UpcastFloat16(model);
  EXPECT_TRUE(counts.ok()) << Message(counts.status());
  return counts.ok() ? *counts : UpcastCounts{};
}

DType TypeOf(const ir::Model& model, const std::string& name) {
  return model.graph.value(model.graph.FindValue(name)).type.dtype;
}

TEST(UpcastFloat16, WeightsKeepTheirValuesAndTheSignatureStays) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  // A subnormal, the largest number, a negative zero and an infinity among them.
  const std::vector<float> values = {5.9604645e-8f, 65504, -0.0f, INFINITY};
  b.Input("x", {"N", "2"}, DType::kFloat16).Init("w", Halves({2, 2}, values));
  b.Node("MatMul", {"x", "w"}, {"m"}).Node("Relu", {"m"}, {"y"}).Output("y", F16({1, 2}));
  b.edit().SetType(b.Get("m"), F16({1, 2}));
  ASSERT_TRUE(HasFloat16Layers(model));
  const UpcastCounts counts = Upcast(model);
  EXPECT_EQ(Ops(model.graph), "Cast MatMul Relu Cast");
  const ir::Tensor& w = *model.graph.ConstantOf(model.graph.FindValue("w"));
  EXPECT_EQ(w, ir::Tensor::Of<float>({2, 2}, values));
  EXPECT_EQ(TypeOf(model, "x"), DType::kFloat16);
  EXPECT_EQ(TypeOf(model, "y"), DType::kFloat16);
  EXPECT_EQ(TypeOf(model, "m"), DType::kFloat);
  EXPECT_EQ(model.graph.value(model.graph.outputs()[0]).name, "y");
  EXPECT_EQ(counts.tensors, 1);
  EXPECT_EQ(counts.casts_added, 2);
  EXPECT_FALSE(HasFloat16Layers(model));
  // Once done, nothing is left to do.
  const Digest once = ir::StructuralHash(model);
  Upcast(model);
  EXPECT_EQ(ir::StructuralHash(model), once);
}

TEST(UpcastFloat16, GraphsOfEverySizeKeepTheirShapes) {
  // The new values make the graph's tables grow, at whatever size they happen to be full.
  for (int length = 1; length < 70; ++length) {
    ir::Model model = MakeModel();
    GraphBuilder b(model.graph);
    b.Input("x", {"7", "5"}, DType::kFloat16);
    std::string last = "x";
    for (int i = 0; i < length; ++i) {
      const std::string next = i + 1 == length ? "y" : "v" + std::to_string(i);
      b.Node("Relu", {last}, {next});
      last = next;
    }
    b.Output("y", F16({7, 5}));
    Upcast(model);
    const ir::Node& first = model.graph.node(model.graph.first_node());
    EXPECT_EQ(ir::TypeText(model.graph.value(first.outputs[0]).type), "f32 [7,5]") << length;
    EXPECT_EQ(ir::TypeText(model.graph.value(model.graph.outputs()[0]).type), "f16 [7,5]")
        << length;
  }
}

TEST(UpcastFloat16, Bfloat16KeepsItsOwnBorder) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kBfloat16)
      .Init("c", Halves({2}, {3.140625f, -1e38f}, DType::kBfloat16));
  b.Node("Mul", {"x", "c"}, {"y"})
      .Output("y", ir::Type::TensorOf(DType::kBfloat16, std::vector<int64_t>{2}));
  Upcast(model);
  EXPECT_EQ(TypeOf(model, "y"), DType::kBfloat16);
  const ir::Tensor& c = *model.graph.ConstantOf(model.graph.FindValue("c"));
  EXPECT_EQ(c.data<float>()[0], 3.140625f);
  EXPECT_EQ(c.data<float>()[1], ir::Bfloat16ToFloat(ir::FloatToBfloat16(-1e38f)));
}

TEST(UpcastFloat16, CastsBetweenFloatsGo) {
  // As converters write it: float in, an island of float in the middle, float out.
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "2"}).Init("w", Halves({2, 2}, {1, 2, 3, 4}));
  b.Node("Cast", {"x"}, {"x16"}, {Int("to", 10)}).Node("MatMul", {"x16", "w"}, {"m"});
  b.Node("Cast", {"m"}, {"m32"}, {Int("to", 1)}).Node("Softmax", {"m32"}, {"s"});
  b.Node("Cast", {"s"}, {"s16"}, {Int("to", 10)}).Node("MatMul", {"s16", "w"}, {"n"});
  b.Node("Cast", {"n"}, {"y"}, {Int("to", 1)})
      .Output("y", ir::Type::TensorOf(DType::kFloat, std::vector<int64_t>{2, 2}));
  const UpcastCounts counts = Upcast(model);
  EXPECT_EQ(Ops(model.graph), "MatMul Softmax MatMul");
  EXPECT_EQ(model.graph.value(model.graph.outputs()[0]).name, "y");
  EXPECT_EQ(counts.casts_removed, 4);
  EXPECT_EQ(counts.casts_added, 0);
}

TEST(UpcastFloat16, AttributesThatNameTypesOrHoldTensorsFollow) {
  ir::Model model = MakeModel(22, 10);
  GraphBuilder b(model.graph);
  b.Input("i", {"2", "2"}, DType::kInt64).Init("dims", Longs({2, 2}));
  b.Node("EyeLike", {"i"}, {"eye"}, {Int("dtype", 10)});
  b.Node("ConstantOfShape", {"dims"}, {"two"}, {Attr("value", Named(Halves({1}, {2})))});
  b.Node("Constant", {}, {"three"}, {Attr("value", Named(Halves({}, {3})))});
  b.Node("Cast", {"i"}, {"i16"}, {Int("to", 10)});
  b.Node("Sum", {"eye", "two", "three", "i16"}, {"y"}).Output("y", F16({2, 2}));
  Upcast(model);
  EXPECT_EQ(std::get<int64_t>(OnlyNode(model.graph, "EyeLike").FindAttribute("dtype")->value), 1);
  const auto& filled = OnlyNode(model.graph, "ConstantOfShape").FindAttribute("value")->value;
  EXPECT_EQ(std::get<ir::NamedTensor>(filled).tensor, ir::Tensor::Of<float>({1}, {2}));
  const auto& constant = OnlyNode(model.graph, "Constant").FindAttribute("value")->value;
  EXPECT_EQ(std::get<ir::NamedTensor>(constant).tensor, ir::Tensor::Scalar<float>(3));
  EXPECT_EQ(Ops(model.graph), "EyeLike ConstantOfShape Constant Cast Sum Cast");
}

TEST(UpcastFloat16, OpsThatHangOnTheBitsKeepThem) {
  ir::Model model = MakeModel(26, 13);
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kFloat16).Init("c", Halves({2}, {1, 2}));
  b.Node("Add", {"x", "c"}, {"a"}).Node("BitCast", {"a"}, {"bits"}, {Int("to", 4)});
  b.Node("BitCast", {"bits"}, {"back"}, {Int("to", 10)}).Node("Mul", {"back", "a"}, {"m"});
  b.Node("Cast", {"x"}, {"text"}, {Int("to", 8)}).Output("bits").Output("text");
  b.Output("m", F16({2}));
  b.edit().SetType(b.Get("bits"), ir::Type::TensorOf(DType::kUint16, std::vector<int64_t>{2}));
  b.edit().SetType(b.Get("text"), ir::Type::TensorOf(DType::kString, std::vector<int64_t>{2}));
  const UpcastCounts counts = Upcast(model);
  EXPECT_EQ(counts.nodes_kept, 3);
  // The text is made of the input itself, not of a copy that went to float and back.
  bool from_input = false;
  for (const ir::NodeRef ref : model.graph.nodes()) {
    const ir::Node& node = model.graph.node(ref);
    if (node.op_type != "BitCast" && !(node.outputs[0] == model.graph.FindValue("text"))) continue;
    const ir::Value& source = model.graph.value(node.inputs[0]);
    EXPECT_TRUE(source.type.dtype == DType::kFloat16 || source.type.dtype == DType::kUint16)
        << source.name;
    from_input = from_input || source.name == "x";
  }
  EXPECT_TRUE(from_input);
}

TEST(UpcastFloat16, UnknownOpsKeepTheirTypes) {
  ir::Model model = MakeModel();
  model.set_opset("acme", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kFloat16)
      .Node("Relu", {"x"}, {"r"})
      .Node("Twist", {"r"}, {"t"}, {}, "acme");
  b.edit().SetType(b.Get("t"), F16({2}));
  b.Node("Neg", {"t"}, {"y"}).Output("y", F16({2}));
  Upcast(model);
  EXPECT_EQ(Ops(model.graph), "Cast Relu Cast Twist Cast Neg Cast");
  EXPECT_EQ(model.graph.value(OnlyNode(model.graph, "Twist").inputs[0]).type.dtype,
            DType::kFloat16);
  EXPECT_EQ(TypeOf(model, "t"), DType::kFloat16);
}

TEST(UpcastFloat16, AnUnknownTypeBesideAnUnknownOpIsRefused) {
  ir::Model model = MakeModel();
  model.set_opset("acme", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kFloat16).Node("Twist", {"x"}, {"t"}, {}, "acme");
  b.Node("Add", {"t", "x"}, {"y"}).Output("y", F16({2}));
  const Digest before = ir::StructuralHash(model);
  const auto counts = UpcastFloat16(model);
  ASSERT_TRUE(absl::IsFailedPrecondition(counts.status()));
  EXPECT_THAT(Message(counts.status()), HasSubstr("\"t\""));
  EXPECT_EQ(ir::StructuralHash(model), before);
}

TEST(UpcastFloat16, ASequenceInTheSignatureIsRefused) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kFloat16).Node("SequenceConstruct", {"x"}, {"s"});
  ir::Type sequence;
  sequence.kind = ir::Type::Kind::kSequence;
  sequence.element = std::make_shared<const ir::Type>(F16({2}));
  b.Output("s", sequence);
  EXPECT_TRUE(absl::IsFailedPrecondition(UpcastFloat16(model).status()));
}

TEST(UpcastFloat16, LargeTablesOfGatherStay) {
  for (const int64_t rows : {int64_t{1024}, int64_t{16}}) {
    ir::Model model = MakeModel();
    GraphBuilder b(model.graph);
    b.Input("ids", {"3"}, DType::kInt64);
    b.Init("table", Halves({rows, 64}, std::vector<float>(static_cast<size_t>(rows * 64), 0.5f)));
    b.Node("Gather", {"table", "ids"}, {"g"}).Node("Relu", {"g"}, {"y"}).Output("y", F16({3, 64}));
    Upcast(model);
    const bool large = rows > 1000;
    EXPECT_EQ(model.graph.ConstantOf(model.graph.FindValue("table"))->dtype(),
              large ? DType::kFloat16 : DType::kFloat);
    EXPECT_EQ(Ops(model.graph), large ? "Gather Cast Relu Cast" : "Gather Relu Cast");
  }
}

TEST(UpcastFloat16, SubgraphsAndTheirCapturesFollow) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kFloat16).Input("on", {}, DType::kBool).Node("Relu", {"x"}, {"r"});
  const auto branch = [](bool first) {
    ir::Graph graph;
    GraphBuilder inner(graph);
    inner.edit().SetName(first ? "yes" : "no");
    inner.edit().AddCapture("x");
    inner.edit().AddCapture("r");
    inner.Init(first ? "c" : "d", Halves({2}, {1, 2}));
    if (first) {
      inner.Node("Add", {"r", "c"}, {"a"}).Node("Mul", {"a", "x"}, {"o"});
    } else {
      inner.Node("Cast", {"r"}, {"wide"}, {Int("to", 1)}).Node("Exp", {"wide"}, {"e"});
      inner.Node("Cast", {"e"}, {"narrow"}, {Int("to", 10)})
          .Node("Mul", {"narrow", "d"}, {"m"})
          .Node("Add", {"m", "x"}, {"o2"});
    }
    inner.Output(first ? "o" : "o2", F16({2}));
    return ir::GraphBox(std::move(graph));
  };
  b.Node("If", {"on"}, {"y"},
         {Attr("then_branch", branch(true)), Attr("else_branch", branch(false))});
  b.Output("y", F16({2}));
  Upcast(model);
  EXPECT_EQ(Ops(model.graph), "Cast Relu If Cast");
  const ir::Node& node = OnlyNode(model.graph, "If");
  const ir::Graph& yes = *std::get<ir::GraphBox>(node.FindAttribute("then_branch")->value);
  const ir::Graph& no = *std::get<ir::GraphBox>(node.FindAttribute("else_branch")->value);
  EXPECT_EQ(yes.ConstantOf(yes.FindValue("c"))->dtype(), DType::kFloat);
  EXPECT_EQ(yes.value(yes.outputs()[0]).type.dtype, DType::kFloat);
  EXPECT_EQ(Ops(no), "Exp Mul Add");
  for (const ir::ValueRef capture : node.captures) {
    EXPECT_NE(model.graph.value(capture).name, "x") << "the branches read the Cast of x";
  }
}

TEST(UpcastFloat16, FunctionsFollowWithTheTypesThatCallsPass) {
  ir::Model model = MakeModel(18, 10);
  model.set_opset("acme", 1);
  ir::Function function;
  function.domain = "acme";
  function.name = "Shift";
  function.attributes = {"kind"};
  function.opset_imports = model.opset_imports;
  GraphBuilder body(function.body);
  body.edit().AddInput("v", {});
  body.Node("Constant", {}, {"one"}, {Attr("value", Named(Halves({}, {1})))});
  ir::Attribute to;
  to.name = "to";
  to.ref_name = "kind";
  to.ref_type = 2;
  body.Node("Cast", {"v"}, {"c"}, {to}).Node("Add", {"c", "one"}, {"o"}).Output("o");
  model.functions.push_back(std::move(function));
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kInt32)
      .Node("Shift", {"x"}, {"y"}, {Int("kind", 10)}, "acme")
      .Output("y", F16({2}));
  Upcast(model);
  EXPECT_EQ(Ops(model.graph), "Shift Cast");
  EXPECT_EQ(std::get<int64_t>(OnlyNode(model.graph, "Shift").FindAttribute("kind")->value), 1);
  const auto& one = OnlyNode(model.functions[0].body, "Constant").FindAttribute("value")->value;
  EXPECT_EQ(std::get<ir::NamedTensor>(one).tensor.dtype(), DType::kFloat);
}

TEST(UpcastFloat16, InputsWithDefaultsKeepTypeAndDefault) {
  // Below IR version 4 every weight is an input too: a caller may feed float16 for it.
  ir::Model model = MakeModel(8, 3);
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "2"}, DType::kFloat16).Input("w", {"2", "2"}, DType::kFloat16);
  b.edit().SetInitializer("w", Named(Halves({2, 2}, {1, 2, 3, 4})));
  b.Node("MatMul", {"x", "w"}, {"y"}).Output("y", F16({2, 2}));
  Upcast(model);
  EXPECT_EQ(TypeOf(model, "w"), DType::kFloat16);
  EXPECT_EQ(model.graph.value(model.graph.FindValue("w")).initializer->tensor.dtype(),
            DType::kFloat16);
  EXPECT_EQ(Ops(model.graph), "Cast Cast MatMul Cast");
}

TEST(UpcastFloat16, OutputsThatAreInputsConstantsOrTwice) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, DType::kFloat16)
      .Init("c", Halves({2}, {1, 2}))
      .Node("Add", {"x", "c"}, {"y"});
  b.Output("x").Output("c", F16({2})).Output("y", F16({2})).Output("y");
  Upcast(model);
  std::vector<std::string> names;
  for (const ir::ValueRef output : model.graph.outputs()) {
    names.push_back(model.graph.value(output).name);
    EXPECT_EQ(model.graph.value(output).type.dtype, DType::kFloat16);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"x", "c", "y", "y"}));
}

TEST(UpcastFloat16, OnlyLayersOf16BitFloatsCount) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "2"}).Init("w", assize::testing::Floats({2, 2}, {1, 2, 3, 4}));
  b.Node("MatMul", {"x", "w"}, {"m"})
      .Node("Cast", {"m"}, {"h"}, {Int("to", 10)})
      .Node("Exp", {"h"}, {"y"});
  b.Output("y", F16({2, 2}));
  EXPECT_TRUE(Mentions16(model));
  EXPECT_FALSE(HasFloat16Layers(model));
}

}  // namespace
}  // namespace assize::analysis
