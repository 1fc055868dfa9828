// Inference: shape arithmetic, symbolic dims, stale declarations, subgraphs, functions, mismatches.
// Breadth over ops is checked against onnx.shape_inference in tests/oracle/infer_test.cc.
#include "lib/analysis/infer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/passes/testing_models.h"

namespace assize::analysis {
namespace {

using assize::testing::Attr;
using assize::testing::GraphBuilder;
using assize::testing::Int;
using assize::testing::Ints;
using assize::testing::Longs;
using assize::testing::MakeModel;
using assize::testing::Normal;
using ::testing::HasSubstr;

std::string Text(const ir::Model& model, const std::string& value,
                 const InferOptions& options = {}) {
  const auto types = InferTypes(model, options);
  if (!types.ok()) return Message(types.status());
  return ir::TypeText(types->type(model.graph.FindValue(value)));
}

InferOptions Bind(std::vector<std::pair<std::string, int64_t>> names,
                  std::optional<int64_t> batch) {
  InferOptions options;
  options.bind = std::move(names);
  options.bind_batch = batch;
  return options;
}

InferOptions Trusting() {
  InferOptions options;
  options.trust_declared = true;
  return options;
}

TEST(Infer, KeepsSymbolsThroughAFlattenByShapeArithmetic) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3", "4"})
      .Init("i", ir::Tensor::Scalar<int64_t>(0))
      .Init("axes", Longs({0}))
      .Init("m1", Longs({-1}));
  b.Node("Shape", {"x"}, {"s"})
      .Node("Gather", {"s", "i"}, {"d"})
      .Node("Unsqueeze", {"d", "axes"}, {"u"});
  b.Node("Concat", {"u", "m1"}, {"c"}, {Int("axis", 0)})
      .Node("Reshape", {"x", "c"}, {"y"})
      .Output("y");
  EXPECT_EQ(Text(model, "y"), "f32 [N,12]");
  EXPECT_EQ(Text(model, "y", Bind({{"N", 5}}, std::nullopt)), "f32 [5,12]");
  EXPECT_EQ(Text(model, "y", Bind({}, 7)), "f32 [7,12]");
  const auto types = InferTypes(model, Bind({}, 7));
  ASSERT_NE(types->known(b.Get("c")), nullptr);
  EXPECT_EQ(types->known(b.Get("c"))->ToInts(), (std::vector<int64_t>{7, -1}));
  EXPECT_EQ(InferTypes(model)->known(b.Get("c")), nullptr);
}

TEST(Infer, NeverBelievesAStaleDeclarationAgainstWhatComesOut) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "3"})
      .Node("Relu", {"x"}, {"r"})
      .Node("Custom", {"r"}, {"u"}, {}, "com.example")
      .Node("Exp", {"u"}, {"y"})
      .Output("y");
  model.set_opset("com.example", 1);
  b.edit().SetType(b.Get("r"), ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{1, 3}));
  b.edit().SetType(b.Get("u"), ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{9}));
  EXPECT_EQ(Text(model, "r"), "f32 [2,3]");
  EXPECT_EQ(Text(model, "r", Trusting()), "f32 [1,3]");
  // Nothing is known of the custom op: its declaration helps, unless the caller wants none.
  EXPECT_EQ(Text(model, "y"), "f32 [9]");
  InferOptions strict;
  strict.ignore_declared = true;
  EXPECT_EQ(InferTypes(model, strict)->type(b.Get("y")).kind, ir::Type::Kind::kUnset);
  std::vector<InferProblem> problems;
  InferTypesLeniently(model, {}, &problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].kind, InferProblem::Kind::kStaleDeclaration);
  EXPECT_THAT(problems[0].message, HasSubstr("is declared f32 [1,3] and comes out as f32 [2,3]"));
}

TEST(Infer, MismatchNamesNodeAndDims) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "48", "8", "8"})
      .Init("W", Normal({4, 12, 3, 3}, 1))
      .Node("Conv", {"x", "W"}, {"y"}, {Int("group", 2)})
      .Output("y");
  EXPECT_EQ(Text(model, "y"),
            "Conv -> \"y\": W dim 1 is 12, expected 24 (x dim 1 / group = 48 / 2)");
}

TEST(Infer, BroadcastsSymbolsOnlyWhenSure) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("a", {"N", "1"}).Input("b", {"N", "3"}).Input("c", {"M", "3"}).Input("d", {"4", "3"});
  b.Node("Add", {"a", "b"}, {"ab"})
      .Node("Add", {"b", "c"}, {"bc"})
      .Node("Add", {"b", "d"}, {"bd"})
      .Output("ab")
      .Output("bc")
      .Output("bd");
  EXPECT_EQ(Text(model, "ab"), "f32 [N,3]");
  EXPECT_EQ(Text(model, "bc"), "f32 [?,3]");
  EXPECT_EQ(Text(model, "bd"), "f32 [4,3]");
}

TEST(Infer, GoesThroughBranchesThatCapture) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("c", {}, ir::DType::kBool)
      .Input("x", {"N", "6"})
      .Init("s2", Longs({-1, 2}))
      .Init("s3", Longs({-1, 3}));
  const auto branch = [](const std::string& shape) {
    ir::Graph graph;
    GraphBuilder inner(graph);
    inner.edit().SetName(shape);
    inner.edit().AddCapture("x");
    inner.edit().AddCapture(shape);
    inner.Node("Reshape", {"x", shape}, {shape + "_y"}).Output(shape + "_y");
    return ir::GraphBox(graph);
  };
  b.Node("If", {"c"}, {"y"}, {Attr("then_branch", branch("s2")), Attr("else_branch", branch("s3"))})
      .Output("y");
  EXPECT_EQ(Text(model, "y"), "f32 [?,?]");
  const auto types = InferTypes(model);
  const ir::Node& node = model.graph.node(model.graph.first_node());
  const ir::Graph& then_graph = *std::get<ir::GraphBox>(node.FindAttribute("then_branch")->value);
  const TypeTable* inner = types->inner(then_graph);
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(ir::TypeText(inner->type(then_graph.outputs()[0])), "f32 [?,2]");
}

TEST(Infer, GoesThroughFunctionsWithTheCallsAttributes) {
  ir::Model model = MakeModel();
  model.set_opset("local", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"2", "3", "4"})
      .Node("Flat", {"x"}, {"y"}, {Int("from", 2)}, "local")
      .Node("Flat", {"x"}, {"z"}, {}, "local")
      .Output("y")
      .Output("z");
  ir::Function function;
  function.name = "Flat";
  function.domain = "local";
  function.attribute_defaults = {Int("from", 1)};
  function.opset_imports = {{"", 13, ""}};
  GraphBuilder body(function.body);
  body.edit().AddInput("p", ir::Type());
  ir::Attribute axis;
  axis.name = "axis";
  axis.ref_name = "from";
  axis.ref_type = 2;
  body.Node("Flatten", {"p"}, {"q"}, {axis}).Output("q");
  model.functions.push_back(function);
  EXPECT_EQ(Text(model, "y"), "f32 [6,4]");
  EXPECT_EQ(Text(model, "z"), "f32 [2,12]");
}

// Each function calls the next one twice: without a budget the last one would be looked at 2^60
// times.
TEST(Infer, FunctionsThatDoubleAtEveryLevelAreCutOff) {
  ir::Model model = MakeModel();
  model.set_opset("local", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}).Node("F0", {"x"}, {"y"}, {}, "local").Output("y");
  for (int i = 0; i < 60; ++i) {
    ir::Function f;
    f.name = "F" + std::to_string(i);
    f.domain = "local";
    f.opset_imports = {{"", 13, ""}, {"local", 1, ""}};
    GraphBuilder body(f.body);
    body.edit().AddInput("p", ir::Type());
    const std::string next = i < 59 ? "F" + std::to_string(i + 1) : "Relu";
    body.Node(next, {"p"}, {"q"}, {}, i < 59 ? "local" : "");
    body.Node(next, {"q"}, {"r"}, {}, i < 59 ? "local" : "").Output("r");
    model.functions.push_back(f);
  }
  EXPECT_TRUE(InferTypes(model).ok());
}

TEST(Infer, HostileNumbersAreNoTrap) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  const std::string huge = "9223372036854775807";
  b.Input("x", {"1", huge, "8", "8"}).Input("W", {"4", huge, "3", "3"}).Input("v", {huge});
  b.Init("nan", ir::Tensor::Scalar<float>(NAN)).Init("on", Longs({0, 1}));
  b.Init("lo", ir::Tensor::Scalar<int64_t>(INT64_MIN))
      .Init("hi", ir::Tensor::Scalar<int64_t>(INT64_MAX));
  b.Init("step", ir::Tensor::Scalar<int64_t>(int64_t{1} << 60)).Init("r", Longs({INT64_MAX}));
  b.Node("Conv", {"x", "W"}, {"c"}, {Int("group", 3)}).Node("Split", {"v"}, {"s1", "s2"});
  b.Node("OneHot", {"v", "nan", "on"}, {"o"}).Node("Range", {"lo", "hi", "step"}, {"g"});
  b.Node("Tile", {"v", "r"}, {"t"}).Node("Cast", {"v"}, {"k"}, {Int("to", 77)});
  b.Node("Concat", {"v", "v"}, {"j"}, {Int("axis", 0)}).Node("Flatten", {"x"}, {"f"});
  b.Node("RandomNormalLike", {"v"}, {"n"}, {Int("dtype", 4242)});
  std::vector<InferProblem> problems;
  const TypeTable types = InferTypesLeniently(model, {}, &problems);
  EXPECT_EQ(types.known(b.Get("g"))->element_count(), 16);
  EXPECT_EQ(types.type(b.Get("n")).kind, ir::Type::Kind::kUnset);
  EXPECT_EQ(ir::TypeText(types.type(b.Get("t"))), "f32 [?]");
}

TEST(Infer, ReverseAndClampedSlices) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"10"});
  int next = 0;
  const auto count = [&](int64_t start, int64_t end, int64_t step) {
    const std::string n = std::to_string(next++);
    b.Init("s" + n, Longs({start}))
        .Init("e" + n, Longs({end}))
        .Init("a" + n, Longs({0}))
        .Init("t" + n, Longs({step}));
    b.Node("Slice", {"x", "s" + n, "e" + n, "a" + n, "t" + n}, {"y" + n});
    return *InferTypes(model)->shape(b.Get("y" + n))->begin();
  };
  EXPECT_EQ(count(2, 8, 3), 2);
  EXPECT_EQ(count(-3, INT64_MAX, 1), 3);
  EXPECT_EQ(count(9, INT64_MIN, -1), 10);
  EXPECT_EQ(count(-1, -4, -2), 2);
  EXPECT_EQ(count(100, 200, 1), 0);
  EXPECT_EQ(count(5, 2, 1), 0);
  EXPECT_EQ(count(-100, 100, INT64_MAX), 1);
}

}  // namespace
}  // namespace assize::analysis
