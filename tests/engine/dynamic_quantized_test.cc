// Dynamic quantization, whose ranges are found as the model runs, and weights of few bits: the
// engine against the reference. Catches: integer sums that differ by one, a zero point forgotten,
// padding that counts as 0 instead of the zero point, the range of a row taken for the range of the
// batch, roundings that joined steps leave out, and forms that fall back to the reference.
#include <limits>

#include "lib/engine/kernels/simd.h"
#include "tests/engine/quantized_testing.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::ValueRef;

TEST(DynamicQuantize, SameBytesAsTheReference) {
  Philox random(37);
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  std::vector<std::vector<float>> rows = {RandomFloats(random, 100003),
                                          RandomFloats(random, 37, 1e-38f),
                                          {0, 0, 0},
                                          {nan, 0},
                                          {1, 2, 3, nan},
                                          {-1, -2, -3},
                                          {inf, 1, -2, nan},
                                          {-inf, inf, 3},
                                          {3e38f, -3e38f, 1},
                                          {1e-45f, 0},
                                          {255, 0.5f, 1.5f, 2.5f, 3.5f},
                                          {-127.5f, 127.5f, 0.5f, -0.5f, 1.5f},
                                          {5}};
  for (int level = 0; level <= 2; ++level) {
    simd::LimitLevel(level);
    for (const auto& row : rows) {
      Builder b;
      const auto count = static_cast<int64_t>(row.size());
      ir::NodeSpec spec;
      spec.op_type = "DynamicQuantizeLinear";
      spec.inputs = {b.Input("x", {count})};
      spec.outputs = {"y", "scale", "zero"};
      const auto node = b.edit.AddNode(std::move(spec));
      for (size_t i = 0; i < 3; ++i) b.Output(b.edit.output(node, i));
      ExpectNative(b.model, "own:dynamic-quantize");
      const Feeds feeds{{"x", ir::Tensor::Of<float>({count}, row)}};
      const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
      ASSERT_EQ(got.size(), 3u);
      for (size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(got[i] == want[i]) << "output " << i << " of a row from " << row[0];
    }
  }
  simd::LimitLevel(2);
}

struct IntegerCase {
  std::string name;
  ir::Shape a, b;
  DType a_type = DType::kUint8, b_type = DType::kInt8;
  std::vector<int> a_zero = {}, b_zero = {};  // empty: none
  bool constant = true;
};
class MatMulIntegerTest : public testing::TestWithParam<IntegerCase> {};

TEST_P(MatMulIntegerTest, SameSumsAsTheReference) {
  const IntegerCase& c = GetParam();
  Philox random(38);
  for (const bool zero_runs : {true, false}) {
    Quantized b;
    const ir::Tensor weights = RandomBytes(random, c.b, c.b_type);
    Feeds feeds{{"a", RandomBytes(random, c.a, c.a_type)}};
    std::vector<ValueRef> inputs{b.Input("a", c.a, c.a_type),
                                 c.constant ? b.Const(weights) : b.Input("b", c.b, c.b_type)};
    if (!c.constant) feeds["b"] = weights;
    inputs.resize(4);
    if (!c.a_zero.empty()) {
      const ir::Tensor zero = Zeros({}, c.a_type, c.a_zero);
      inputs[2] = zero_runs ? b.Input("a_zero", {}, c.a_type) : b.Const(zero);
      if (zero_runs) feeds["a_zero"] = zero;
    }
    if (!c.b_zero.empty()) {
      std::vector<int> zeros = c.b_zero;
      const int64_t columns = c.b.back();
      if (zeros.size() > 1) zeros.resize(static_cast<size_t>(columns), zeros.back());
      inputs[3] =
          b.Const(Zeros(zeros.size() > 1 ? ir::Shape{columns} : ir::Shape{}, c.b_type, zeros));
    }
    b.Output(b.Op("MatMulInteger", inputs));
    ExpectNative(b.model, "matmul-integer:int8");
    for (int level = 0; level <= 2; ++level) {
      simd::LimitLevel(level);
      ExpectSame(b, feeds);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MatMulIntegerTest,
    testing::Values(
        IntegerCase{"plain", {5, 33}, {33, 20}},
        IntegerCase{"zero_point", {5, 33}, {33, 20}, DType::kUint8, DType::kInt8, {119}, {}},
        IntegerCase{"batch", {2, 7, 64}, {64, 48}, DType::kUint8, DType::kUint8, {200}, {117}},
        IntegerCase{"unsigned_without_zero", {7, 64}, {64, 48}, DType::kUint8, DType::kUint8},
        IntegerCase{
            "columns", {3, 70}, {70, 65}, DType::kUint8, DType::kUint8, {5}, {1, 2, 250, 128}},
        IntegerCase{
            "signed_columns", {3, 70}, {70, 65}, DType::kInt8, DType::kInt8, {-5}, {1, -128, 127}},
        IntegerCase{"one_row", {1, 700}, {700, 30}, DType::kUint8, DType::kInt8, {3}, {}},
        IntegerCase{
            "both_run", {3, 9, 16}, {3, 16, 11}, DType::kUint8, DType::kUint8, {3}, {77}, false},
        IntegerCase{"both_run_repeated",
                    {2, 1, 9, 16},
                    {3, 16, 11},
                    DType::kInt8,
                    DType::kUint8,
                    {3},
                    {77, 3},
                    false},
        IntegerCase{
            "matrix_runs", {2, 9, 16}, {16, 11}, DType::kUint8, DType::kInt8, {255}, {}, false},
        IntegerCase{
            "constant_batch", {2, 9, 16}, {2, 16, 11}, DType::kUint8, DType::kInt8, {255}, {4}}),
    [](const auto& c) { return c.param.name; });

TEST(ConvIntegers, SameSumsAsTheReference) {
  struct Case {
    ir::Shape x, w;
    std::vector<ir::Attribute> attributes;
    DType x_type, w_type;
    std::vector<int> w_zero;
  };
  Philox random(39);
  const std::vector<Case> cases = {
      {{2, 3, 9, 7}, {8, 3, 3, 3}, {}, DType::kUint8, DType::kInt8, {}},
      {{2, 16, 9, 7},
       {24, 16, 3, 3},
       {Ints("pads", {1, 2, 0, 1})},
       DType::kUint8,
       DType::kUint8,
       {117}},
      {{1, 8, 9, 9},
       {12, 2, 3, 3},
       {Int("group", 4), Ints("pads", {1, 1, 1, 1}), Ints("strides", {2, 2})},
       DType::kUint8,
       DType::kUint8,
       {3, 128, 250}},
      {{2, 20, 9, 9},
       {20, 1, 3, 3},
       {Int("group", 20), Ints("pads", {1, 1, 1, 1})},
       DType::kUint8,
       DType::kInt8,
       {}},
      {{2, 6, 25}, {8, 6, 5}, {Ints("pads", {2, 2})}, DType::kInt8, DType::kInt8, {-4}}};
  for (const Case& c : cases) {
    for (const bool with_zero : {true, false}) {
      Builder b;
      std::vector<ValueRef> inputs{b.Input("x", c.x, c.x_type),
                                   b.Const(RandomBytes(random, c.w, c.w_type))};
      Feeds feeds{{"x", RandomBytes(random, c.x, c.x_type)}};
      inputs.resize(4);
      if (with_zero) {
        inputs[2] = b.Input("zero", {}, c.x_type);
        feeds["zero"] = Zeros({}, c.x_type, {101});
      }
      if (!c.w_zero.empty()) {
        std::vector<int> zeros = c.w_zero;
        if (zeros.size() > 1) zeros.resize(static_cast<size_t>(c.w[0]), zeros.back());
        inputs[3] =
            b.Const(Zeros(zeros.size() > 1 ? ir::Shape{c.w[0]} : ir::Shape{}, c.w_type, zeros));
      }
      b.Output(b.Op("ConvInteger", inputs, c.attributes));
      SCOPED_TRACE(ir::ShapeText(c.w) + (with_zero ? " with zero point" : ""));
      ExpectNative(b.model, "conv-integer:int8");
      ExpectSame(b, feeds);
    }
  }
}

// Nodes of an op that run in a step of their own.
int StepsOf(const ir::Model& model, const std::string& op) {
  const auto program = Compile(model);
  EXPECT_TRUE(program.ok()) << program.status();
  int count = 0;
  for (const StepInfo& step : Describe(**program)) count += step.op_type == op;
  return count;
}

std::array<ValueRef, 3> DynamicallyQuantized(Builder& b, ValueRef x) {
  ir::NodeSpec spec;
  spec.op_type = "DynamicQuantizeLinear";
  spec.inputs = {x};
  spec.outputs = {"xq", "xs", "xz"};
  const auto node = b.edit.AddNode(std::move(spec));
  return {b.edit.output(node, 0), b.edit.output(node, 1), b.edit.output(node, 2)};
}

// Rows that differ in range, so that the range of one is not that of another.
ir::Tensor Widening(Philox& random, const ir::Shape& dims) {
  std::vector<float> values = RandomFloats(random, ir::ElementCount(dims).value());
  const size_t row = values.size() / static_cast<size_t>(dims[0]);
  for (size_t i = 0; i < values.size(); ++i) values[i] *= static_cast<float>(1 + i / row);
  return ir::Tensor::Of<float>(dims, values);
}

// What quantize_dynamic writes for a layer. The range is of the whole batch: rows must not run one
// by one.
TEST(DynamicQuantize, AWholeLayer) {
  Philox random(40);
  const auto to_float = Int("to", static_cast<int64_t>(DType::kFloat));
  for (const bool biased : {true, false}) {
    for (const bool per_column : {true, false}) {
      Quantized b;
      const auto q = DynamicallyQuantized(b, b.Batch("x", {6, 40}));
      const ir::Shape channels = per_column ? ir::Shape{24} : ir::Shape{};
      const int64_t count = per_column ? 24 : 1;
      const auto zero = Zeros(channels, DType::kInt8, std::vector<int>(static_cast<size_t>(count)));
      const auto sums =
          b.Op("MatMulInteger",
               {q[0], b.Const(RandomBytes(random, {40, 24}, DType::kInt8)), q[2], b.Const(zero)});
      const auto scale = b.Op("Mul", {q[1], b.Const<float>(channels, Scales(random, count))});
      auto y = b.Op("Mul", {b.Op("Cast", {sums}, {to_float}), scale});
      if (biased) y = b.Op("Add", {b.Const<float>({24}, RandomFloats(random, 24)), y});
      b.Output(b.Op("Tanh", {y}));
      EXPECT_EQ(StepsOf(b.model, "Cast"), 0);
      ExpectNative(b.model, "matmul-integer:int8");
      for (const int64_t rows : {1, 2, 5})
        ExpectAgrees(b, {{"x", Widening(random, {rows, 6, 40})}}, 1e-6);
      // Whoever reads a value between gets it.
      for (const ValueRef between : {sums, y}) {
        CompileOptions options;
        options.fetch = {b.model.graph.value(between).name};
        Quantized copy;
        copy.model = b.model;
        copy.edit.SetOutputs({between});
        const Feeds feeds{{"x", Widening(random, {3, 6, 40})}};
        const auto got = RunEngine(b.model, feeds, options), want = RunReference(copy.model, feeds);
        ASSERT_EQ(got.size(), 1u);
        EXPECT_TRUE(got[0] == want[0]);
      }
    }
  }
}

TEST(DynamicQuantize, AWholeConvolution) {
  Philox random(43);
  const auto to_float = Int("to", static_cast<int64_t>(DType::kFloat));
  for (const DType type : {DType::kInt8, DType::kUint8}) {
    for (const bool per_channel : {true, false}) {
      Quantized b;
      const auto q = DynamicallyQuantized(b, b.Batch("x", {6, 9, 8}));
      const auto sums = b.Op("ConvInteger",
                             {q[0], b.Const(RandomBytes(random, {10, 3, 3, 3}, type)), q[2],
                              b.Const(Zeros({}, type, {type == DType::kInt8 ? 0 : 117}))},
                             {Int("group", 2), Ints("pads", {1, 1, 1, 1})});
      const auto scale =
          b.Op("Mul", {q[1], per_channel ? b.Const<float>({1, 10, 1, 1}, Scales(random, 10))
                                         : b.Const<float>({1}, {0.01f})});
      const auto y = b.Op("Mul", {b.Op("Cast", {sums}, {to_float}), scale});
      b.Output(b.Op("Add", {y, b.Const<float>({1, 10, 1, 1}, RandomFloats(random, 10))}));
      EXPECT_EQ(StepsOf(b.model, "Cast"), 0);
      ExpectNative(b.model, "conv-integer:int8");
      ExpectSame(b, {{"x", Widening(random, {3, 6, 9, 8})}});
    }
  }
}

TEST(DynamicQuantize, FusedOperators) {
  Philox random(41);
  for (const bool per_column : {true, false}) {
    for (const bool biased : {true, false}) {
      for (const DType type : {DType::kInt8, DType::kUint8}) {
        Quantized b;
        const auto x = b.Batch("x", {6, 40});
        const auto weights = b.Const(RandomBytes(random, {40, 24}, type));
        const auto scale = per_column ? b.Const<float>({24}, Scales(random, 24)) : b.Scale(0.01f);
        const auto zero = b.Const(Zeros(per_column ? ir::Shape{24} : ir::Shape{}, type,
                                        std::vector<int>(per_column ? 24 : 1, 9)));
        const auto bias = biased ? b.Const<float>({24}, RandomFloats(random, 24)) : ValueRef{};
        b.Output(b.Contrib("DynamicQuantizeMatMul", {x, weights, scale, zero, bias}));
        const auto q = DynamicallyQuantized(b, x);
        b.Output(b.Contrib("MatMulIntegerToFloat", {q[0], weights, q[1], scale, q[2], zero, bias}));
        ExpectNative(b.model, "matmul-integer:int8");
        ExpectAgrees(b, {{"x", RandomTensor(random, {3, 6, 40})}}, 1e-6);
      }
    }
  }
}

// No terms at all: every sum is 0.
TEST(DynamicQuantize, NothingToSum) {
  Philox random(44);
  Quantized b;
  b.Output(b.Contrib("DynamicQuantizeMatMul",
                     {b.Input("x", {3, 0}), b.Const<int8_t>({0, 4}, {}), b.Scale(0.01f),
                      b.Zero(0, true), b.Const<float>({4}, RandomFloats(random, 4))}));
  ExpectSame(b, {{"x", ir::Tensor::Of<float>({3, 0}, {})}});
}

TEST(MatMulNBits, AgreesWithTheReference) {
  Philox random(42);
  for (const int64_t bits : {2, 4, 8}) {
    for (const std::string zeros : {"none", "packed", "float"}) {
      for (const bool more : {false, true}) {
        const int64_t k = 70, n = 24, block = 32, blocks = 3;
        Quantized b;
        std::vector<ValueRef> inputs{
            b.Batch("x", {5, k}),
            b.Const(RandomBytes(random, {n, blocks, block * bits / 8}, DType::kUint8)),
            b.Const<float>({n, blocks}, Scales(random, n * blocks))};
        inputs.resize(6);
        if (zeros == "packed")
          inputs[3] = b.Const(RandomBytes(random, {n, (blocks * bits + 7) / 8}, DType::kUint8));
        if (zeros == "float")
          inputs[3] = b.Const<float>({n, blocks}, RandomFloats(random, n * blocks));
        if (more) {
          std::vector<int32_t> group(static_cast<size_t>(k));
          for (size_t i = 0; i < group.size(); ++i) group[i] = static_cast<int32_t>(i * 7 % blocks);
          inputs[4] = b.Const<int32_t>({k}, group);
          inputs[5] = b.Const<float>({n}, RandomFloats(random, n));
        }
        b.Output(
            b.Contrib("MatMulNBits", inputs,
                      {Int("K", k), Int("N", n), Int("bits", bits), Int("block_size", block)}));
        SCOPED_TRACE(std::to_string(bits) + " " + zeros);
        ExpectNative(b.model, ":f32");
        ExpectAgrees(b, {{"x", RandomTensor(random, {2, 5, k})}}, 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace assize::engine
