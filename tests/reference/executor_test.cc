// The executor: what is computed, in which scope, under which limits; and what it says about graphs
// that are wrong.
#include "lib/reference/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reference/one_node.h"

namespace assize::reference {
namespace {

using testing::HasSubstr;

const ir::Type kFloats = ir::Type::TensorOf(ir::DType::kFloat);

ir::Model Empty(int64_t opset = 21) {
  ir::Model model;
  model.ir_version = 10;
  model.set_opset("", opset);
  return model;
}

ir::ValueRef AddOp(ir::Editor& edit, std::string op, std::vector<ir::ValueRef> inputs,
                   std::string output, std::vector<ir::Attribute> attributes = {},
                   std::string domain = "") {
  ir::NodeSpec spec;
  spec.op_type = std::move(op);
  spec.domain = std::move(domain);
  spec.inputs = std::move(inputs);
  spec.outputs = {std::move(output)};
  spec.attributes = std::move(attributes);
  return edit.output(edit.AddNode(std::move(spec)));
}

std::map<std::string, RuntimeValue> Feed(float x) {
  return {{"x", RuntimeValue::Of(ir::Tensor::Scalar<float>(x))}};
}

TEST(Executor, FetchesInnerValuesAndLeavesOutWhatNobodyNeeds) {
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  const ir::ValueRef x = edit.AddInput("x", kFloats);
  const ir::ValueRef a = AddOp(edit, "Add", {x, x}, "a");
  edit.AddOutput(AddOp(edit, "NoSuchOp", {a}, "b"));
  const auto result = reference::Run(model, Feed(2), {"a", "x"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].tensor.data<float>()[0], 4);
  EXPECT_EQ((*result)[1].tensor.data<float>()[0], 2);
  const auto all = reference::Run(model, Feed(2));
  EXPECT_EQ(all.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(Message(all.status()), HasSubstr("NoSuchOp of ai.onnx version 21"));
}

TEST(Executor, InitializersThatAreInputsTooCanBeReplaced) {
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  const ir::ValueRef x = edit.AddInput("x", kFloats);
  const ir::ValueRef w = edit.AddInput("w", kFloats);
  ir::NamedTensor given;
  given.name = "w";
  given.tensor = ir::Tensor::Scalar<float>(10);
  edit.SetInitializer("w", given);
  edit.AddOutput(AddOp(edit, "Mul", {x, w}, "y"));
  EXPECT_EQ((*reference::Run(model, Feed(3)))[0].tensor.data<float>()[0], 30);
  auto feeds = Feed(3);
  feeds["w"] = RuntimeValue::Of(ir::Tensor::Scalar<float>(2));
  EXPECT_EQ((*reference::Run(model, feeds))[0].tensor.data<float>()[0], 6);
}

TEST(Executor, FeedsAreCheckedAgainstDeclarations) {
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  const ir::ValueRef x =
      edit.AddInput("x", ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{2, 3}));
  edit.AddOutput(AddOp(edit, "Relu", {x}, "y"));
  EXPECT_THAT(
      Message(reference::Run(model, {{"x", RuntimeValue::Of(F32({3, 2}, {1, 2, 3, 4, 5, 6}))}})
                  .status()),
      HasSubstr("input \"x\" wants f32 [2,3], found f32 [3,2]"));
  EXPECT_THAT(Message(reference::Run(model, {}).status()),
              HasSubstr("input \"x\" (f32 [2,3]) has no value"));
  EXPECT_THAT(Message(reference::Run(model, {{"z", RuntimeValue::None()}}).status()),
              HasSubstr("no input \"z\""));
}

// y = if(c) x * 2 else x + k, with x and k captured two graphs deep.
TEST(Executor, SubgraphsSeeTheGraphsAroundThem) {
  ir::Graph inner;
  {
    ir::Editor edit(inner);
    const ir::ValueRef x = edit.AddCapture("x"), k = edit.AddCapture("k");
    edit.AddOutput(AddOp(edit, "Add", {x, k}, "inner_y"));
  }
  ir::Graph middle;
  {
    ir::Editor edit(middle);
    const ir::ValueRef c = edit.AddCapture("c");
    edit.AddCapture("x");
    edit.AddInitializer("k", ir::Tensor::Scalar<float>(100));
    edit.AddOutput(AddOp(
        edit, "If", {c}, "middle_y",
        {Attr("then_branch", ir::GraphBox(inner)), Attr("else_branch", ir::GraphBox(inner))}));
  }
  ir::Graph twice;
  {
    ir::Editor edit(twice);
    const ir::ValueRef x = edit.AddCapture("x");
    edit.AddOutput(AddOp(edit, "Add", {x, x}, "twice_y"));
  }
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  edit.AddInput("x", kFloats);
  const ir::ValueRef c = edit.AddInput("c", ir::Type::TensorOf(ir::DType::kBool));
  edit.AddOutput(
      AddOp(edit, "If", {c}, "y",
            {Attr("then_branch", ir::GraphBox(twice)), Attr("else_branch", ir::GraphBox(middle))}));
  for (const bool condition : {true, false}) {
    auto feeds = Feed(7);
    feeds["c"] = RuntimeValue::Of(ir::Tensor::Of<bool>({}, {condition}));
    const auto result = reference::Run(model, feeds);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ((*result)[0].tensor.data<float>()[0], condition ? 14 : 107);
  }
}

// f(x; alpha = 0.5) = LeakyRelu(x, alpha), called with and without the attribute, through another
// function.
TEST(Executor, FunctionAttributesReachTheBodyAcrossCalls) {
  ir::Model model = Empty();
  model.set_opset("my", 1);
  ir::Attribute by_reference;
  by_reference.name = "alpha";
  by_reference.ref_name = "slope";
  by_reference.ref_type = 1;
  const auto function = [&](std::string name, std::string op, std::string domain,
                            ir::Attribute attribute) {
    ir::Function f;
    f.name = std::move(name);
    f.domain = "my";
    f.opset_imports = {{"", 16, ""}, {"my", 1, ""}};
    f.attribute_defaults = {Attr("slope", 0.5f)};
    ir::Editor edit(f.body);
    const ir::ValueRef x = edit.AddInput("a", ir::Type());
    edit.AddOutput(AddOp(edit, std::move(op), {x}, "b", {std::move(attribute)}, std::move(domain)));
    model.functions.push_back(std::move(f));
  };
  function("Leaky", "LeakyRelu", "", by_reference);
  by_reference.name = "slope";
  function("Outer", "Leaky", "my", by_reference);
  ir::Editor edit(model.graph);
  const ir::ValueRef x = edit.AddInput("x", kFloats);
  edit.AddOutput(AddOp(edit, "Outer", {x}, "y0", {}, "my"));
  edit.AddOutput(AddOp(edit, "Outer", {x}, "y1", {Attr("slope", 0.25f)}, "my"));
  const auto result = reference::Run(model, Feed(-8));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].tensor.data<float>()[0], -4);
  EXPECT_EQ((*result)[1].tensor.data<float>()[0], -2);
}

TEST(Executor, AFunctionThatCallsItselfHitsTheDepthLimit) {
  ir::Model model = Empty();
  model.set_opset("my", 1);
  ir::Function f;
  f.name = "F";
  f.domain = "my";
  f.opset_imports = {{"", 16, ""}, {"my", 1, ""}};
  ir::Editor body(f.body);
  body.AddOutput(AddOp(body, "F", {body.AddInput("a", ir::Type())}, "b", {}, "my"));
  model.functions.push_back(std::move(f));
  ir::Editor edit(model.graph);
  edit.AddOutput(AddOp(edit, "F", {edit.AddInput("x", kFloats)}, "y", {}, "my"));
  const auto result = reference::Run(model, Feed(1));
  EXPECT_EQ(result.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(result.status()), HasSubstr("max_call_depth (100)"));
}

ir::Model Counter(bool with_scan) {
  ir::Graph body;
  ir::Editor inner(body);
  const ir::ValueRef i = inner.AddInput("i", ir::Type::TensorOf(ir::DType::kInt64));
  const ir::ValueRef c = inner.AddInput("c", ir::Type::TensorOf(ir::DType::kBool));
  const ir::ValueRef s = inner.AddInput("s", kFloats);
  inner.AddOutput(AddOp(inner, "Identity", {c}, "c_out"));
  const ir::ValueRef next = AddOp(inner, "Add", {s, inner.AddCapture("x")}, "s_out");
  inner.AddOutput(next);
  if (with_scan) inner.AddOutput(AddOp(inner, "Mul", {next, next}, "square"));
  (void)i;
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  const ir::ValueRef x = edit.AddInput("x", kFloats);
  const ir::ValueRef m =
      edit.AddInitializer("m", ir::Tensor::Scalar<int64_t>(with_scan ? 3 : int64_t{1} << 40));
  ir::NodeSpec spec;
  spec.op_type = "Loop";
  spec.inputs = {m, ir::ValueRef(), x};
  spec.outputs = {"y"};
  if (with_scan) spec.outputs.push_back("squares");
  spec.attributes = {Attr("body", ir::GraphBox(body))};
  const ir::NodeRef loop = edit.AddNode(std::move(spec));
  edit.AddOutput(edit.output(loop));
  if (with_scan) edit.AddOutput(edit.output(loop, 1));
  return model;
}

TEST(Executor, LoopsCarryAndScan) {
  const auto result = reference::Run(Counter(true), Feed(2));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].tensor, ir::Tensor::Scalar<float>(8));
  EXPECT_EQ((*result)[1].tensor, F32({3}, {16, 36, 64}));
}

TEST(Executor, EndlessLoopsEnd) {
  Limits limits;
  limits.max_loop_iterations = 1000;
  const auto result = reference::Run(Counter(false), Feed(1), {}, limits);
  EXPECT_EQ(result.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(result.status()), HasSubstr("max_loop_iterations (1000)"));
}

TEST(Executor, LongConvolutionsAreRefused) {
  Limits limits;
  const OneNode conv{
      "Conv", {F32({1, 2, 3}, {1, 2, 3, 4, 5, 6}), F32({4, 2, 2}, std::vector<float>(16, 1))}};
  limits.max_products = 32;  // two positions, 16 weights
  EXPECT_EQ(ErrorOf(conv, limits), "");
  limits.max_products = 31;
  EXPECT_THAT(ErrorOf(conv, limits), HasSubstr("max_products (31)"));
}

TEST(Executor, LargeResultsAreRefusedBeforeTheyAreMade) {
  const int64_t big = int64_t{1} << 31;
  EXPECT_THAT(ErrorOf({"Expand", {ir::Tensor::Scalar<float>(1), I64({2}, {big, big})}}),
              HasSubstr("max_tensor_bytes"));
  EXPECT_THAT(ErrorOf({"ConstantOfShape", {I64({3}, {big, big, big})}}),
              HasSubstr("max_tensor_bytes"));
  EXPECT_THAT(ErrorOf({"Range", {I64({}, {0}), I64({}, {int64_t{1} << 50}), I64({}, {1})}}),
              HasSubstr("max_tensor_bytes"));
  EXPECT_THAT(ErrorOf({"Tile", {F32({2}, {1, 2}), I64({1}, {INT64_MAX})}}), HasSubstr("repeats"));
  EXPECT_THAT(ErrorOf({"Pad", {F32({2}, {1, 2}), I64({2}, {INT64_MAX, INT64_MAX})}}),
              HasSubstr("is no size"));
}

TEST(Executor, LiveValuesAreCountedAndFreed) {
  // A chain of 20 results of 4 KB runs in 64 KB, and not in 8 KB.
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  ir::ValueRef at = edit.AddInput("x", kFloats);
  for (int i = 0; i < 20; ++i) at = AddOp(edit, "Neg", {at}, "v" + std::to_string(i));
  edit.AddOutput(at);
  const std::map<std::string, RuntimeValue> feeds{
      {"x", RuntimeValue::Of(ir::Tensor::Zeros(ir::DType::kFloat, {1024}))}};
  Limits limits;
  limits.max_total_bytes = 64 << 10;
  EXPECT_TRUE(reference::Run(model, feeds, {}, limits).ok());
  limits.max_total_bytes = 6 << 10;
  EXPECT_EQ(reference::Run(model, feeds, {}, limits).status().code(),
            StatusCode::kResourceExhausted);
}

TEST(Executor, ErrorsNameTheNode) {
  EXPECT_EQ(ErrorOf({"Conv",
                     {ir::Tensor::Zeros(ir::DType::kFloat, {1, 48, 4, 4}),
                      ir::Tensor::Zeros(ir::DType::kFloat, {8, 12, 1, 1})},
                     {IntAttr("group", 2)}}),
            "Conv \"n\": W dim 1 is 12, expected 24 (x dim 1 / group = 48 / 2)");
  EXPECT_THAT(ErrorOf({"Add", {F32({2}, {1, 2}), I64({2}, {1, 2})}}),
              HasSubstr("expected one element type"));
  EXPECT_THAT(ErrorOf({"Add", {F32({2}, {1, 2}), F32({3}, {1, 2, 3})}}),
              HasSubstr("[2] and [3] do not broadcast"));
  EXPECT_THAT(ErrorOf({"Add", {ir::Tensor::Strings({1}, {"a"}), ir::Tensor::Strings({1}, {"b"})}}),
              HasSubstr("expected numbers"));
  EXPECT_THAT(ErrorOf({"Softmax", {F32({2}, {1, 2})}, {Attr("axis", std::string("x"))}}),
              HasSubstr("attribute \"axis\" is not an integer"));
  EXPECT_THAT(ErrorOf({"Relu", {}}), HasSubstr("input 0 is missing"));
}

TEST(Executor, SparseInitializersAreDense) {
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  ir::SparseTensor sparse;
  sparse.name = "w";
  sparse.dims = {2, 3};
  sparse.values = F32({2}, {5, 7});
  sparse.indices = I64({2, 2}, {0, 1, 1, 2});
  const ir::ValueRef w = edit.SetSparseInitializer("w", sparse);
  edit.AddOutput(AddOp(edit, "Identity", {w}, "y"));
  const auto result = reference::Run(model, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].tensor, F32({2, 3}, {0, 5, 0, 0, 0, 7}));
}

TEST(Executor, EvaluatesOneNodeOnGivenInputs) {
  ir::Model model = Empty();
  ir::Editor edit(model.graph);
  const ir::ValueRef x = edit.AddInput("x", kFloats);
  const ir::ValueRef y = AddOp(edit, "Sub", {x, x}, "y");
  edit.AddOutput(y);
  const auto result =
      EvaluateNode(model, model.graph, model.graph.value(y).producer,
                   {RuntimeValue::Of(F32({2}, {5, 6})), RuntimeValue::Of(F32({}, {1}))});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].tensor, F32({2}, {4, 5}));
}

TEST(Executor, SupportsFollowsVersionsAndDomains) {
  EXPECT_TRUE(Supports("", "Conv", 7));
  EXPECT_TRUE(Supports("ai.onnx", "Conv", 28));
  EXPECT_TRUE(Supports("ai.onnx.ml", "LabelEncoder", 4));
  EXPECT_FALSE(Supports("", "Gelu", 19));
  EXPECT_FALSE(Supports("com.example", "Conv", 1));
}

}  // namespace
}  // namespace assize::reference
