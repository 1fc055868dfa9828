// Quantized graphs: integer kernels against the definition, the graph computed as written by the
// reference. Catches: zero points in padding, per-channel scales on the wrong axis, wrong ties,
// residuals on the wrong grid, bytes passed on between tensors of different scales.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

// With integer kernels, and as written in float.
void ExpectWithinAStepBothWays(const Builder& b, const Feeds& feeds, double share = 0.01) {
  ExpectWithinAStep(b, feeds, share);
  CompileOptions written;
  written.integer_kernels = false;
  const auto slow = RunEngine(b.model, feeds, written), want = RunReference(b.model, feeds);
  ASSERT_EQ(slow.size(), want.size());
  for (size_t i = 0; i < slow.size(); ++i)
    EXPECT_LE(StepsApart(slow[i], want[i]).largest, 1) << "output " << i;
}

void ExpectKernel(const Builder& b, const std::string& part) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  std::string all;
  for (const StepInfo& step : Describe(**program)) all += step.kernel + " ";
  EXPECT_NE(all.find(part), std::string::npos) << all;
  EXPECT_EQ(all.find("reference"), std::string::npos) << all;
}

struct Quant {
  float scale;
  int zero;
  bool is_signed = false;
};

// Weights with one scale an output channel; returns the dequantized value.
ir::ValueRef Weights(Builder& b, Philox& random, const ir::Shape& dims, int64_t axis,
                     bool per_channel = true) {
  std::vector<int8_t> values(static_cast<size_t>(ir::ElementCount(dims).value()));
  for (int8_t& v : values) v = static_cast<int8_t>(static_cast<int>(random.NextBelow(255)) - 127);
  if (!per_channel) {
    return b.Op("DequantizeLinear", {b.Const<int8_t>(dims, values), b.Const<float>({}, {0.013f}),
                                     b.Const<int8_t>({}, {0})});
  }
  const int64_t channels = dims[static_cast<size_t>(axis)];
  std::vector<float> scales(static_cast<size_t>(channels));
  for (float& s : scales) s = 0.002f + 0.02f * static_cast<float>(random.NextDouble());
  return b.Op("DequantizeLinear",
              {b.Const<int8_t>(dims, values), b.Const<float>({channels}, scales),
               b.Const<int8_t>({channels}, std::vector<int8_t>(static_cast<size_t>(channels), 0))},
              {Int("axis", axis)});
}

struct ConvCase {
  std::string name;
  ir::Shape x, w;
  std::vector<ir::Attribute> attributes;
  Quant in, out;
  bool relu = false;
};
class Int8ConvTest : public testing::TestWithParam<ConvCase> {};

TEST_P(Int8ConvTest, WithinAStepOfTheDefinition) {
  const ConvCase& c = GetParam();
  Philox random(21);
  Builder b;
  const auto x = b.Input("x", c.x);
  const auto q = b.Quantize(x, c.in.scale, c.in.zero, c.in.is_signed);
  std::vector<int32_t> bias(static_cast<size_t>(c.w[0]));
  for (int32_t& v : bias) v = static_cast<int32_t>(random.NextBelow(20000)) - 10000;
  const auto bias_value =
      b.Op("DequantizeLinear", {b.Const<int32_t>({c.w[0]}, bias), b.Const<float>({}, {1e-4f})});
  auto y = b.Op("Conv",
                {b.Dequantize(q, c.in.scale, c.in.zero, c.in.is_signed), Weights(b, random, c.w, 0),
                 bias_value},
                c.attributes);
  if (c.relu) y = b.Op("Relu", {y});
  b.Output(b.Quantize(y, c.out.scale, c.out.zero, c.out.is_signed));
  ExpectKernel(b, ":int8");
  ExpectWithinAStepBothWays(b, {{"x", RandomTensor(random, c.x)}});
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Int8ConvTest,
    testing::Values(
        ConvCase{"plain", {2, 3, 9, 7}, {8, 3, 3, 3}, {}, {0.02f, 120}, {0.11f, 131}},
        ConvCase{"padded_with_zero_point",
                 {2, 16, 9, 7},
                 {24, 16, 3, 3},
                 {Ints("pads", {1, 2, 0, 1})},
                 {0.02f, 117},
                 {0.2f, 100}},
        ConvCase{"padded_relu",
                 {1, 16, 8, 8},
                 {16, 16, 3, 3},
                 {Ints("pads", {1, 1, 1, 1})},
                 {0.03f, 0},
                 {0.15f, 0},
                 true},
        ConvCase{"signed_both",
                 {1, 5, 8, 8},
                 {7, 5, 3, 3},
                 {Ints("pads", {1, 1, 1, 1})},
                 {0.03f, -7, true},
                 {0.15f, 11, true}},
        ConvCase{"depthwise",
                 {2, 20, 9, 9},
                 {20, 1, 3, 3},
                 {Int("group", 20), Ints("pads", {1, 1, 1, 1})},
                 {0.02f, 9},
                 {0.05f, 128}},
        ConvCase{"groups",
                 {1, 8, 9, 9},
                 {12, 2, 3, 3},
                 {Int("group", 4), Ints("strides", {2, 2})},
                 {0.02f, 128},
                 {0.1f, 128}},
        ConvCase{"one_dimension",
                 {2, 6, 25},
                 {8, 6, 5},
                 {Ints("pads", {2, 2})},
                 {0.02f, 128},
                 {0.1f, 128}},
        ConvCase{"pointwise", {3, 24, 5, 5}, {40, 24, 1, 1}, {}, {0.02f, 77}, {0.1f, 60}, true}),
    [](const auto& c) { return c.param.name; });

// Conv + DQ(residual) -> Relu -> Q: the sum joins the convolution. The residual is also the
// convolution's input.
TEST(Int8Chain, ResidualSums) {
  for (const bool of_input : {true, false}) {
    SCOPED_TRACE(of_input);
    Philox random(22);
    Builder b;
    const auto x = b.Batch("x", {16, 8, 8});
    const auto q = b.Quantize(x, 0.03f, 20);
    const auto other = of_input ? q : b.Quantize(b.Op("Neg", {x}), 0.04f, 99);
    const auto conv =
        b.Op("Conv", {b.Dequantize(q, 0.03f, 20), Weights(b, random, {16, 16, 3, 3}, 0)},
             {Ints("pads", {1, 1, 1, 1})});
    const auto sum = b.Op(
        "Add", {conv, of_input ? b.Dequantize(other, 0.03f, 20) : b.Dequantize(other, 0.04f, 99)});
    b.Output(b.Quantize(b.Op("Relu", {sum}), 0.13f, 0));
    ExpectKernel(b, ":int8");
    ExpectWithinAStepBothWays(b, {{"x", RandomTensor(random, {2, 16, 8, 8})}});
  }
}

// Conv -> Q -> DQ -> Add(DQ residual) -> Relu -> Q, as most quantizers write a residual block: one
// step, the rounding in between included (the inner grid saturates here). A residual on the other
// kind of bytes, and a layer whose rounded result someone else reads, take a step of their own.
TEST(Int8Chain, RoundedBeforeTheSum) {
  for (const bool relu : {false, true}) {
    for (const std::string form : {"conv", "gemm", "other bytes", "read twice"}) {
      Philox random(32);
      Builder b;
      const bool gemm = form == "gemm";
      const ir::Shape dims = gemm ? ir::Shape{6, 16} : ir::Shape{2, 16, 6, 6};
      const auto q = b.Quantize(b.Input("x", dims), 0.03f, 120);
      const auto back = [&] { return b.Dequantize(q, 0.03f, 120); };
      auto y = gemm ? b.Op("MatMul", {back(), Weights(b, random, {16, 16}, 1)})
                    : b.Op("Conv", {back(), Weights(b, random, {16, 16, 3, 3}, 0)},
                           {Ints("pads", {1, 1, 1, 1})});
      const float inner = gemm ? 0.02f : 0.05f;
      const auto rounded = b.Quantize(y, inner, 131);
      const bool other = form == "other bytes";
      const auto residual =
          other ? b.Dequantize(b.Quantize(back(), 0.04f, -3, true), 0.04f, -3, true) : back();
      y = b.Op("Add", {b.Dequantize(rounded, inner, 131), residual});
      if (relu) y = b.Op("Relu", {y});
      b.Output(b.Quantize(y, 0.0617f, relu ? 0 : 128));  // no sum of the two grids is a tie
      if (form == "read twice") b.Output(b.Quantize(b.Dequantize(rounded, inner, 131), 0.1f, 128));
      const auto program = Compile(b.model);
      ASSERT_TRUE(program.ok()) << program.status();
      int sums = 0;
      bool exact = false;  // oneDNN's products are on this machine; it rounds in the same step
      for (const StepInfo& step : Describe(**program)) {
        sums += step.op_type == "Add" ? 1 : 0;
        exact = exact || (step.kernel.starts_with("onednn:") && step.kernel.ends_with(":int8"));
        EXPECT_NE(step.kernel, "reference") << form;
      }
      EXPECT_EQ(sums == 0, exact && !other && form != "read twice") << form;
      ExpectWithinAStepBothWays(b, {{"x", RandomTensor(random, dims)}});
    }
  }
}

TEST(Int8Chain, FloatResidualAndFloatResult) {
  Philox random(23);
  Builder b;
  const auto x = b.Batch("x", {8, 6, 6});
  const auto q = b.Quantize(x, 0.03f, 20);
  const auto conv = b.Op("Conv", {b.Dequantize(q, 0.03f, 20), Weights(b, random, {8, 8, 1, 1}, 0)});
  b.Output(b.Quantize(b.Op("Relu", {b.Op("Add", {conv, x})}), 0.1f, 3));
  const auto second =
      b.Op("Conv", {b.Dequantize(q, 0.03f, 20), Weights(b, random, {4, 8, 3, 3}, 0)});
  b.Output(b.Quantize(b.Op("Sigmoid", {second}), 1.0f / 256, 0));
  ExpectWithinAStepBothWays(b, {{"x", RandomTensor(random, {2, 8, 6, 6})}});
}

TEST(Int8Gemm, FormsAndScales) {
  for (const bool trans_b : {true, false}) {
    for (const bool per_channel : {true, false}) {
      for (const char* op : {"Gemm", "MatMul"}) {
        if (trans_b && std::string(op) == "MatMul") continue;
        // A few rows at a time run in our own kernel, many at once in the library's.
        for (const bool many : {false, true}) {
          SCOPED_TRACE(
              fmt::format("{} transB {} per channel {} many {}", op, trans_b, per_channel, many));
          Philox random(24);
          Builder b;
          const auto x = many ? b.Input("x", {1, 9, 37}) : b.Batch("x", {37});
          if (many && std::string(op) == "Gemm") continue;
          const auto q = b.Dequantize(b.Quantize(x, 0.02f, 113), 0.02f, 113);
          const ir::Shape dims = trans_b ? ir::Shape{11, 37} : ir::Shape{37, 11};
          const auto w = Weights(b, random, dims, trans_b ? 0 : 1, per_channel);
          const auto c = b.Const(RandomTensor(random, {11}));
          const auto y =
              std::string(op) == "Gemm"
                  ? b.Op("Gemm", {q, w, c}, {Int("transB", trans_b), Float("alpha", 0.5f)})
                  : b.Op("Add", {b.Op("MatMul", {q, w}), c});
          b.Output(b.Quantize(y, 0.05f, 128));
          ExpectKernel(b, many ? "matmul:int8" : "dense:int8");
          const ir::Shape fed = many ? ir::Shape{1, 9, 37} : ir::Shape{9, 37};
          ExpectWithinAStepBothWays(b, {{"x", RandomTensor(random, fed)}});
        }
      }
    }
  }
}

// Logits left in float: integer sums, one scale. Agreement to float rounding.
TEST(Int8Gemm, FloatLogits) {
  Philox random(25);
  Builder b;
  const auto x = b.Batch("x", {64});
  const auto q = b.Dequantize(b.Quantize(x, 0.02f, 113), 0.02f, 113);
  b.Output(b.Op("Gemm", {q, Weights(b, random, {10, 64}, 0), b.Const(RandomTensor(random, {10}))},
                {Int("transB", 1)}));
  ExpectKernel(b, "dense:int8");
  ExpectAgrees(b, {{"x", RandomTensor(random, {5, 64})}}, 1e-5);
}

// Elementwise as written: bit for bit the reference's.
TEST(Int8Elementwise, EqualToTheReference) {
  Philox random(26);
  Builder b;
  const auto x = b.Batch("x", {6, 5, 7});
  const auto z = b.Batch("z", {6, 5, 7});
  const auto qx = b.Quantize(x, 0.02f, 100), qz = b.Quantize(z, 0.03f, 3, true);
  const auto dx = [&] { return b.Dequantize(qx, 0.02f, 100); };
  const auto dz = [&] { return b.Dequantize(qz, 0.03f, 3, true); };
  for (const char* op : {"Add", "Sub", "Mul"})
    b.Output(b.Quantize(b.Op(op, {dx(), dz()}), 0.05f, 90));
  b.Output(b.Quantize(b.Op("Relu", {b.Op("Add", {dz(), dx()})}), 0.05f, 0));
  b.Output(b.Quantize(b.Op("Sigmoid", {dx()}), 1.0f / 256, -128, true));
  b.Output(b.Quantize(b.Op("HardSigmoid", {dx()}), 1.0f / 256, 0));
  b.Output(b.Quantize(dx(), 0.031f, 7));   // another grid
  b.Output(b.Quantize(dx(), 0.02f, 100));  // the same
  b.Output(b.Quantize(dx(), 0.02f, 0, true));
  const Feeds feeds{{"x", RandomTensor(random, {3, 6, 5, 7})},
                    {"z", RandomTensor(random, {3, 6, 5, 7})}};
  ExpectAgrees(b, feeds, 0);
  ExpectKernel(b, "own:binary:int8");
}

TEST(Int8Moves, BytesMoveOnTheRightGrid) {
  Philox random(27);
  Builder b;
  const auto x = b.Batch("x", {6, 6, 6});
  const auto q = b.Quantize(x, 0.02f, 100);
  const auto d = [&] { return b.Dequantize(q, 0.02f, 100); };
  const auto k = Ints("kernel_shape", {2, 2}), s = Ints("strides", {2, 2});
  b.Output(b.Quantize(b.Op("MaxPool", {d()}, {k, s}), 0.02f, 100));
  b.Output(b.Quantize(b.Op("MaxPool", {d()}, {k, s, Ints("pads", {1, 1, 1, 1})}), 0.05f, 3));
  b.Output(b.Quantize(b.Op("Flatten", {d()}), 0.02f, 100));
  b.Output(b.Quantize(b.Op("Transpose", {d()}, {Ints("perm", {0, 2, 3, 1})}), 0.03f, 128));
  b.Output(
      b.Quantize(b.Op("Pad", {d(), b.Const<int64_t>({8}, {0, 1, 0, 2, 0, 1, 3, 0})}), 0.02f, 100));
  const auto half = b.Const<float>({}, {0.5f});  // off the grid's zero
  b.Output(b.Quantize(b.Op("Pad", {d(), b.Const<int64_t>({8}, {0, 1, 0, 2, 0, 1, 3, 0}), half}),
                      0.02f, 100));
  const auto other = b.Dequantize(b.Quantize(b.Op("Neg", {x}), 0.04f, 7), 0.04f, 7);
  b.Output(b.Quantize(b.Op("Concat", {d(), other, d()}, {Int("axis", 1)}), 0.03f, 100));
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 6, 6, 6})}}, 0);
}

TEST(Int8Moves, Averages) {
  Philox random(28);
  Builder b;
  const auto x = b.Batch("x", {6, 6, 6});
  const auto q = b.Quantize(x, 0.02f, 100);
  b.Output(b.Quantize(b.Op("GlobalAveragePool", {b.Dequantize(q, 0.02f, 100)}), 0.0041f, 128));
  b.Output(b.Quantize(b.Op("AveragePool", {b.Dequantize(q, 0.02f, 100)},
                           {Ints("kernel_shape", {3, 3}), Ints("pads", {1, 1, 1, 1})}),
                      0.0113f, 128));
  ExpectKernel(b, "average-pool:int8");
  ExpectWithinAStepBothWays(b, {{"x", RandomTensor(random, {2, 6, 6, 6})}});
}

// A DequantizeLinear with two readers, one of them float, and an intermediate value that is
// fetched.
TEST(Int8Chain, SharedAndFetchedValues) {
  Philox random(29);
  Builder b;
  const auto x = b.Batch("x", {8, 6, 6});
  const auto d = b.Dequantize(b.Quantize(x, 0.03f, 20), 0.03f, 20);
  const auto conv = b.Op("Conv", {d, Weights(b, random, {8, 8, 1, 1}, 0)});
  const auto q = b.Quantize(b.Op("Relu", {conv}), 0.1f, 3);
  b.Output(q);
  b.Output(b.Quantize(b.Op("Softmax", {d}), 1.0f / 255, 0));
  const Feeds feeds{{"x", RandomTensor(random, {2, 8, 6, 6})}};
  ExpectWithinAStepBothWays(b, feeds);
  // Fetched by name: the float value between convolution and QuantizeLinear must exist then.
  CompileOptions options;
  options.fetch = {b.model.graph.value(conv).name, b.model.graph.value(d).name};
  const auto got = RunEngine(b.model, feeds, options);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].dtype(), ir::DType::kFloat);
  EXPECT_EQ(got[0].dims(), (ir::Shape{2, 8, 6, 6}));
}

}  // namespace
}  // namespace assize::engine
