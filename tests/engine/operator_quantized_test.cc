// Models that other tools quantized, in operators: QLinear ops of ai.onnx and com.microsoft,
// dynamic quantization, weights of few bits. The engine against the reference, which computes each
// operator by its own definition. Catches: a zero point forgotten or taken twice, scales on the
// wrong axis, sums that differ by one, padding that counts as 0 instead of the zero point, the
// range of a part taken for the range of the whole, and forms that fall back to the reference.
#include <limits>

#include "lib/analysis/expand_operator_quantized.h"
#include "tests/engine/quantized_testing.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::ValueRef;

struct ConvCase {
  std::string name;
  ir::Shape x, w;
  std::vector<ir::Attribute> attributes;
  DType x_type = DType::kUint8;
  int x_zero = 120;
  DType w_type = DType::kInt8;
  std::vector<int> w_zero = {0};
  int w_low = 1, w_high = 255;  // as unsigned bytes; int8 lies 128 below
  bool per_channel = true;
  int64_t opset = 13;
  std::string kernel = ":int8";
};
class QLinearConvTest : public testing::TestWithParam<ConvCase> {};

TEST_P(QLinearConvTest, WithinAStepOfTheReference) {
  const ConvCase& c = GetParam();
  Philox random(31);
  Quantized b(c.opset);
  const int64_t outputs = c.w[0];
  std::vector<int32_t> bias(static_cast<size_t>(outputs));
  for (int32_t& v : bias) v = static_cast<int32_t>(random.NextBelow(4000)) - 2000;
  std::vector<int> zeros = c.w_zero;
  if (zeros.size() > 1) zeros.resize(static_cast<size_t>(outputs), zeros.back());
  const ir::Shape zero_dims = zeros.size() > 1 ? ir::Shape{outputs} : ir::Shape{};
  const ir::Shape scale_dims = c.per_channel ? ir::Shape{outputs} : ir::Shape{};
  const double terms = static_cast<double>(ir::ElementCount(c.w).value()) / outputs;
  // Wide enough for the sums, fine enough that they spread over the bytes.
  const float y_scale = static_cast<float>(0.02 * 0.012 * 75 * 75 * std::sqrt(terms) / 40);
  b.Output(
      b.Op("QLinearConv",
           {b.Input("x", c.x, c.x_type), b.Scale(0.02f), b.Const(Zeros({}, c.x_type, {c.x_zero})),
            b.Const(RandomBytes(random, c.w, c.w_type, c.w_low, c.w_high)),
            b.Const<float>(scale_dims, Scales(random, c.per_channel ? outputs : 1)),
            b.Const(Zeros(zero_dims, c.w_type, zeros)), b.Scale(y_scale), b.Zero(131, false),
            b.Const<int32_t>({outputs}, bias)},
           c.attributes));
  ExpectNative(b.model, c.kernel);
  ExpectWithinAStep(b, {{"x", RandomBytes(random, c.x, c.x_type)}});
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, QLinearConvTest,
    testing::Values(ConvCase{"per_channel", {2, 3, 9, 7}, {8, 3, 3, 3}, {}},
                    ConvCase{"padded", {2, 16, 9, 7}, {24, 16, 3, 3}, {Ints("pads", {1, 2, 0, 1})}},
                    ConvCase{.name = "padded_signed",
                             .x = {3, 5, 8, 8},
                             .w = {7, 5, 3, 3},
                             .attributes = {Text("auto_pad", "SAME_UPPER")},
                             .x_type = DType::kInt8,
                             .x_zero = -9},
                    ConvCase{.name = "groups",
                             .x = {2, 8, 9, 9},
                             .w = {12, 2, 3, 3},
                             .attributes = {Int("group", 4), Ints("strides", {2, 2})}},
                    ConvCase{.name = "depthwise",
                             .x = {2, 20, 9, 9},
                             .w = {20, 1, 3, 3},
                             .attributes = {Int("group", 20), Ints("pads", {1, 1, 1, 1})}},
                    ConvCase{.name = "unsigned_weights",
                             .x = {2, 6, 9, 9},
                             .w = {8, 6, 3, 3},
                             .attributes = {Ints("pads", {1, 1, 1, 1})},
                             .w_type = DType::kUint8,
                             .w_zero = {128},
                             .w_low = 0,
                             .per_channel = false},
                    ConvCase{.name = "unsigned_weights_that_fit",
                             .x = {2, 6, 9, 9},
                             .w = {8, 6, 3, 3},
                             .attributes = {},
                             .w_type = DType::kUint8,
                             .w_zero = {90, 100, 110, 99},
                             .w_low = 10,
                             .w_high = 200},
                    ConvCase{.name = "weights_too_wide_for_int8",
                             .x = {2, 6, 9, 9},
                             .w = {8, 6, 3, 3},
                             .attributes = {Ints("pads", {1, 1, 1, 1})},
                             .w_type = DType::kUint8,
                             .w_zero = {117},
                             .w_low = 0,
                             .kernel = "conv-integer:int8"},
                    ConvCase{.name = "per_channel_before_13",
                             .x = {1, 6, 9, 9},
                             .w = {8, 6, 3, 3},
                             .attributes = {},
                             .opset = 10},
                    ConvCase{.name = "one_dimension",
                             .x = {2, 6, 25},
                             .w = {8, 6, 5},
                             .attributes = {Ints("pads", {2, 2}), Ints("dilations", {2})}}),
    [](const auto& c) { return c.param.name; });

struct MatMulCase {
  std::string name;
  ir::Shape a, b;
  DType b_type = DType::kInt8;
  std::vector<int> b_zero = {0};
  bool per_column = true, constant = true;
  std::string kernel = ":int8";
};
class QLinearMatMulTest : public testing::TestWithParam<MatMulCase> {};

TEST_P(QLinearMatMulTest, WithinAStepOfTheReference) {
  const MatMulCase& c = GetParam();
  Philox random(32);
  Quantized b;
  const int64_t columns = c.b.back();
  const ir::Tensor weights = RandomBytes(random, c.b, c.b_type);
  std::vector<int> zeros = c.b_zero;
  if (zeros.size() > 1) zeros.resize(static_cast<size_t>(columns), zeros.back());
  const float y_scale =
      static_cast<float>(0.02 * 0.012 * 75 * 75 * std::sqrt(static_cast<double>(c.a.back())) / 40);
  const auto a = b.Input("a", c.a, DType::kUint8);
  const auto right = c.constant ? b.Const(weights) : b.Input("b", c.b, c.b_type);
  b.Output(
      b.Op("QLinearMatMul",
           {a, b.Scale(0.02f), b.Zero(119, false), right,
            c.per_column ? b.Const<float>({columns}, Scales(random, columns)) : b.Scale(0.012f),
            b.Const(Zeros(zeros.size() > 1 ? ir::Shape{columns} : ir::Shape{}, c.b_type, zeros)),
            b.Scale(y_scale), b.Zero(-3, true)}));
  ExpectNative(b.model, c.kernel);
  Feeds feeds{{"a", RandomBytes(random, c.a, DType::kUint8)}};
  if (!c.constant) feeds["b"] = weights;
  ExpectWithinAStep(b, feeds);
}

INSTANTIATE_TEST_SUITE_P(Shapes, QLinearMatMulTest,
                         testing::Values(MatMulCase{"rows", {5, 33}, {33, 20}},
                                         MatMulCase{"batch", {2, 7, 64}, {64, 48}},
                                         MatMulCase{.name = "unsigned_weights",
                                                    .a = {3, 5, 40},
                                                    .b = {40, 24},
                                                    .b_type = DType::kUint8,
                                                    .b_zero = {128},
                                                    .per_column = false},
                                         MatMulCase{.name = "weights_too_wide_for_int8",
                                                    .a = {3, 5, 40},
                                                    .b = {40, 24},
                                                    .b_type = DType::kUint8,
                                                    .b_zero = {117, 12, 250},
                                                    .kernel = "matmul-integer:int8"},
                                         MatMulCase{.name = "both_run",
                                                    .a = {2, 3, 9, 16},
                                                    .b = {2, 3, 16, 11},
                                                    .b_type = DType::kUint8,
                                                    .b_zero = {99},
                                                    .per_column = false,
                                                    .constant = false,
                                                    .kernel = "onednn:matmul"}),
                         [](const auto& c) { return c.param.name; });

class ByteTypes : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Of, ByteTypes, testing::Values(DType::kUint8, DType::kInt8),
                         [](const auto& c) { return std::string(ir::NameOf(c.param)); });

TEST_P(ByteTypes, ElementwiseOperators) {
  const DType type = GetParam();
  Philox random(33);
  const ir::Shape dims{2, 6, 5, 7};
  const auto zero = [&](Quantized& b, int value) {
    return b.Const(Zeros({}, type, {type == DType::kInt8 ? value - 128 : value}));
  };
  const auto run = [&](const std::string& kernel, const auto& build) {
    Quantized b;
    const auto x = b.Input("x", dims, type), y = b.Input("y", dims, type);
    b.Output(build(b, x, y));
    b.Output(b.Op("Identity", {y}));
    SCOPED_TRACE(kernel);
    ExpectNative(b.model, kernel);
    ExpectWithinAStep(
        b, {{"x", RandomBytes(random, dims, type)}, {"y", RandomBytes(random, dims, type)}});
  };
  for (const std::string op : {"QLinearAdd", "QLinearMul"}) {
    run("binary:int8", [&](Quantized& b, ValueRef x, ValueRef y) {
      return b.Contrib(op, {x, b.Scale(0.03f), zero(b, 120), y, b.Scale(0.02f), zero(b, 90),
                            b.Scale(0.05f), zero(b, 100)});
    });
  }
  // One operand a constant that is repeated, and no zero points of operands.
  run("own:", [&](Quantized& b, ValueRef x, ValueRef) {
    return b.Contrib("QLinearAdd", {x,
                                    b.Scale(0.03f),
                                    {},
                                    b.Const(RandomBytes(random, {6, 1, 1}, type)),
                                    b.Scale(0.02f),
                                    {},
                                    b.Scale(0.0613f),
                                    zero(b, 100)});
  });
  run("table:int8", [&](Quantized& b, ValueRef x, ValueRef) {
    return b.Contrib("QLinearSigmoid",
                     {x, b.Scale(0.04f), zero(b, 120), b.Scale(0.004f), zero(b, 2)});
  });
  run("table:int8", [&](Quantized& b, ValueRef x, ValueRef) {
    return b.Contrib("QLinearLeakyRelu",
                     {x, b.Scale(0.04f), zero(b, 120), b.Scale(0.03f), zero(b, 60)},
                     {Float("alpha", 0.2f)});
  });
  run("average-pool:int8", [&](Quantized& b, ValueRef x, ValueRef) {
    return b.Contrib("QLinearAveragePool",
                     {x, b.Scale(0.04f), zero(b, 120), b.Scale(0.03f), zero(b, 110)},
                     {Ints("kernel_shape", {3, 2}), Ints("pads", {1, 0, 1, 1}),
                      Ints("strides", {2, 1}), Int("count_include_pad", 1)});
  });
  run("average-pool:int8", [&](Quantized& b, ValueRef x, ValueRef) {
    return b.Contrib("QLinearGlobalAveragePool",
                     {x, b.Scale(0.04f), zero(b, 120), b.Scale(0.01f), zero(b, 110)},
                     {Int("channels_last", 0)});
  });
  run("softmax", [&](Quantized& b, ValueRef x, ValueRef) {
    return b.Contrib("QLinearSoftmax",
                     {x, b.Scale(0.04f), zero(b, 120), b.Scale(0.004f), zero(b, 0)},
                     {Int("axis", 2), Int("opset", 13)});
  });
  run("table:int8", [&](Quantized& b, ValueRef x, ValueRef y) {
    return b.Contrib("QLinearConcat",
                     {b.Scale(0.03f), zero(b, 110), x, b.Scale(0.03f), zero(b, 110), y,
                      b.Scale(0.02f), zero(b, 70)},
                     {Int("axis", 1)});
  });
  run("where", [&](Quantized& b, ValueRef x, ValueRef y) {
    const auto condition = b.Const<bool>({7}, {true, false, true, true, false, false, true});
    return b.Contrib("QLinearWhere", {condition, x, b.Scale(0.03f), zero(b, 110), y, b.Scale(0.02f),
                                      zero(b, 70), b.Scale(0.0437f), zero(b, 100)});
  });
}

TEST(OperatorQuantized, Gemm) {
  Philox random(34);
  for (const bool turned : {false, true}) {
    for (const bool quantized : {true, false}) {
      for (const bool per_column : {true, false}) {
        Quantized b;
        std::vector<int32_t> c(24);
        for (int32_t& v : c) v = static_cast<int32_t>(random.NextBelow(4000)) - 2000;
        std::vector<ValueRef> inputs{
            b.Input("a", {5, 40}, DType::kUint8),
            b.Scale(0.02f),
            b.Zero(119, false),
            b.Const(
                RandomBytes(random, turned ? ir::Shape{24, 40} : ir::Shape{40, 24}, DType::kInt8)),
            per_column ? b.Const<float>({24}, Scales(random, 24)) : b.Scale(0.012f),
            per_column ? b.Const(Zeros({24}, DType::kInt8, std::vector<int>(24, 0)))
                       : b.Zero(0, true),
            b.Const<int32_t>({1, 24}, c)};
        if (quantized) {
          inputs.push_back(b.Scale(0.1f));
          inputs.push_back(b.Zero(125, false));
        }
        b.Output(b.Contrib("QGemm", inputs, {Float("alpha", 0.5f), Int("transB", turned)}));
        ExpectNative(b.model, ":int8");
        const Feeds feeds{{"a", RandomBytes(random, {5, 40}, DType::kUint8)}};
        if (quantized) {
          ExpectWithinAStep(b, feeds);
        } else {
          ExpectAgrees(b, feeds, 1e-6);
        }
      }
    }
  }
}

// A residual block with its head: every layer on integers, under the name it had.
TEST(OperatorQuantized, AChainStaysInBytes) {
  Philox random(35);
  Quantized b;
  const auto x = b.Batch("x", {8, 9, 9}, DType::kUint8);
  const auto conv = b.Op("QLinearConv",
                         {x, b.Scale(0.02f), b.Zero(128, false),
                          b.Const(RandomBytes(random, {8, 8, 3, 3}, DType::kInt8)),
                          b.Const<float>({8}, Scales(random, 8)),
                          b.Const(Zeros({8}, DType::kInt8, std::vector<int>(8, 0))), b.Scale(0.3f),
                          b.Zero(128, false)},
                         {Ints("pads", {1, 1, 1, 1})});
  const auto sum =
      b.Contrib("QLinearAdd", {conv, b.Scale(0.3f), b.Zero(128, false), x, b.Scale(0.02f),
                               b.Zero(128, false), b.Scale(0.25f), b.Zero(120, false)});
  const auto pooled =
      b.Contrib("QLinearGlobalAveragePool",
                {sum, b.Scale(0.25f), b.Zero(120, false), b.Scale(0.04f), b.Zero(128, false)});
  const auto flat = b.Op("Flatten", {pooled});
  b.Output(
      b.Op("QLinearMatMul", {flat, b.Scale(0.04f), b.Zero(128, false),
                             b.Const(RandomBytes(random, {8, 10}, DType::kInt8)), b.Scale(0.01f),
                             b.Zero(0, true), b.Scale(0.05f), b.Zero(128, false)}));
  const auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  std::map<std::string, std::string> kernels;
  for (const StepInfo& step : Describe(**program)) {
    EXPECT_EQ(step.kernel.find("reference"), std::string::npos) << step.node;
    EXPECT_EQ(step.kernel.find("quantize"), std::string::npos) << step.node << " " << step.kernel;
    if (step.kernel.find(":int8") != std::string::npos) kernels[step.op_type] = step.node;
  }
  // The sum joins the convolution, where that rounds in between.
  for (const std::string op : {"Conv", "GlobalAveragePool", "MatMul"})
    EXPECT_TRUE(kernels.contains(op)) << op;
  EXPECT_EQ(kernels["GlobalAveragePool"],
            "GlobalAveragePool \"" + b.model.graph.node(b.model.graph.value(pooled).producer).name +
                "\"");
  const Feeds feeds{{"x", RandomBytes(random, {3, 8, 9, 9}, DType::kUint8)}};
  const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_LE(StepsApart(got[0], want[0]).largest, 1);
  // What lies between can be had by its name.
  CompileOptions options;
  options.fetch = {b.model.graph.value(sum).name, b.model.graph.value(conv).name};
  const auto between = RunEngine(b.model, feeds, options);
  ASSERT_EQ(between.size(), 2u);
  EXPECT_EQ(between[0].dims(), (ir::Shape{3, 8, 9, 9}));
  EXPECT_EQ(between[1].dtype(), DType::kUint8);
}

// What the rewriting needs and does not find: the node stays, and the reference runs it.
TEST(OperatorQuantized, LeavesAloneWhatItDoesNotKnow) {
  Philox random(36);
  const ir::Shape dims{2, 4, 3, 5};
  const auto leaves = [&](const auto& build, Feeds feeds = {}) {
    Quantized b;
    b.Output(build(b, b.Input("x", dims, DType::kUint8)));
    ir::Model copy = b.model;
    EXPECT_EQ(analysis::ExpandOperatorQuantized(copy), 0);
    feeds["x"] = RandomBytes(random, dims, DType::kUint8);
    ExpectSame(b, feeds);
  };
  leaves(
      [](Quantized& b, ValueRef x) {  // a scale that the caller gives
        return b.Contrib("QLinearSigmoid", {x, b.Input("s", {}), b.Zero(120, false),
                                            b.Scale(0.004f), b.Zero(2, false)});
      },
      {{"s", ir::Tensor::Scalar<float>(0.05f)}});
  leaves([](Quantized& b, ValueRef x) {  // channels in the last dim
    return b.Contrib("QLinearGlobalAveragePool",
                     {x, b.Scale(0.04f), b.Zero(120, false), b.Scale(0.03f), b.Zero(110, false)},
                     {Int("channels_last", 1)});
  });
  leaves([](Quantized& b, ValueRef x) {  // the older Softmax, over all dims from `axis` on
    return b.Contrib("QLinearSoftmax",
                     {x, b.Scale(0.04f), b.Zero(120, false), b.Scale(0.004f), b.Zero(0, false)},
                     {Int("axis", 2), Int("opset", 12)});
  });
  leaves([](Quantized& b, ValueRef x) {  // no zero point that tells the type
    return b.Contrib("QLinearSigmoid", {x, b.Scale(0.02f), {}, b.Scale(0.004f), {}});
  });
}

}  // namespace
}  // namespace assize::engine
