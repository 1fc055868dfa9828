// Subgraphs of transformers, as exporters write them, against the reference: that they are found
// (the kernel that runs says so), that near misses are left alone, and what comes out.
#include <cstring>

#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

using Refs = std::vector<ir::ValueRef>;

// Kernels of the steps, in order.
std::vector<std::string> Kernels(const ir::Model& model, CompileOptions options = {}) {
  auto program = Compile(model, options);
  EXPECT_TRUE(program.ok()) << program.status();
  std::vector<std::string> kernels;
  for (const StepInfo& step : Describe(**program)) kernels.push_back(step.kernel);
  return kernels;
}
int Count(const std::vector<std::string>& kernels, const std::string& kernel) {
  return static_cast<int>(std::count(kernels.begin(), kernels.end(), kernel));
}

ir::ValueRef Scalar(Builder& b, float value) { return b.Const<float>({}, {value}); }

ir::ValueRef LayerNorm(Builder& b, ir::ValueRef x, Philox& random, int64_t width, int form = 0) {
  const auto mean = b.Op("ReduceMean", {x}, {Ints("axes", {-1})});
  const auto d = b.Op("Sub", {x, mean});
  const auto square = form == 1 ? b.Op("Mul", {d, d}) : b.Op("Pow", {d, Scalar(b, 2)});
  const auto variance = b.Op("ReduceMean", {square}, {Ints("axes", {form == 1 ? 2 : -1})});
  const auto root = b.Op("Sqrt", {b.Op("Add", {variance, Scalar(b, 1e-5f)})});
  auto y = form == 1 ? b.Op("Mul", {d, b.Op("Reciprocal", {root})}) : b.Op("Div", {d, root});
  if (form == 2) return y;
  y = b.Op("Mul", {b.Const(RandomTensor(random, {width})), y});
  return b.Op("Add", {y, b.Const(RandomTensor(random, {width}))});
}

ir::ValueRef Gelu(Builder& b, ir::ValueRef x, int form) {
  if (form >= 3) {  // by tanh
    const auto cube =
        form == 3 ? b.Op("Pow", {x, Scalar(b, 3)}) : b.Op("Mul", {b.Op("Mul", {x, x}), x});
    const auto inner = b.Op("Add", {x, b.Op("Mul", {Scalar(b, 0.044715f), cube})});
    const auto t = b.Op("Tanh", {b.Op("Mul", {inner, Scalar(b, 0.79788456f)})});
    return b.Op("Mul", {b.Op("Mul", {x, Scalar(b, 0.5f)}), b.Op("Add", {Scalar(b, 1), t})});
  }
  const auto erf = b.Op("Erf", {form == 1 ? b.Op("Mul", {x, Scalar(b, 0.70710678f)})
                                          : b.Op("Div", {x, Scalar(b, 1.41421356f)})});
  const auto plus = b.Op("Add", {erf, Scalar(b, 1)});
  if (form == 0) return b.Op("Mul", {b.Op("Mul", {x, plus}), Scalar(b, 0.5f)});
  if (form == 1) return b.Op("Mul", {x, b.Op("Mul", {Scalar(b, 0.5f), plus})});
  return b.Op("Mul", {b.Op("Mul", {Scalar(b, 0.5f), x}), plus});
}

ir::ValueRef Linear(Builder& b, ir::ValueRef x, Philox& random, int64_t in, int64_t out) {
  const auto y = b.Op("MatMul", {x, b.Const(RandomTensor(random, {in, out}, 0.2f))});
  return b.Op("Add", {b.Const(RandomTensor(random, {out})), y});
}

TEST(Patterns, LayerNormInAllForms) {
  Philox random(70);
  for (const int form : {0, 1, 2}) {
    SCOPED_TRACE(form);
    Builder b;
    const auto x = b.Input("x", {2, 5, 24});
    b.Output(LayerNorm(b, x, random, 24, form));
    EXPECT_EQ(Kernels(b.model), std::vector<std::string>{"own:layer-norm"});
    ExpectAgrees(b, {{"x", RandomTensor(random, {2, 5, 24}, 3)}});
  }
  Builder b(17);
  const auto x = b.Input("x", {2, 5, 24});
  b.Output(b.Op("LayerNormalization", {x, b.Const(RandomTensor(random, {5, 24}))},
                {Int("axis", 1), Float("epsilon", 0.1f)}));
  EXPECT_EQ(Kernels(b.model), std::vector<std::string>{"own:layer-norm"});
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 5, 24}, 3)}});
}

// What looks like it but is not: another axis, a value somebody else reads, another power.
TEST(Patterns, NoLayerNormWhereTheMeaningDiffers) {
  Philox random(71);
  for (const int form : {0, 1, 2, 3}) {
    SCOPED_TRACE(form);
    Builder b;
    const auto x = b.Input("x", {2, 5, 6});
    const auto mean = b.Op("ReduceMean", {x}, {Ints("axes", {form == 0 ? 1 : -1})});
    const auto d = b.Op("Sub", {x, mean});
    const auto square = b.Op("Pow", {d, Scalar(b, form == 1 ? 4.0f : 2.0f)});
    const auto variance = b.Op("ReduceMean", {square}, {Ints("axes", {form == 3 ? 1 : -1})});
    const auto root = b.Op("Sqrt", {b.Op("Add", {variance, Scalar(b, 1e-5f)})});
    b.Output(b.Op("Div", {d, root}));
    if (form == 2) b.Output(variance);
    EXPECT_EQ(Count(Kernels(b.model), "own:layer-norm"), 0);
    ExpectAgrees(b, {{"x", RandomTensor(random, {2, 5, 6}, 3)}}, 2e-5);
  }
}

TEST(Patterns, GeluInAllForms) {
  Philox random(72);
  for (const int form : {0, 1, 2, 3, 4}) {
    SCOPED_TRACE(form);
    Builder b;
    const auto x = b.Input("x", {3, 40});
    b.Output(Gelu(b, x, form));
    EXPECT_EQ(Kernels(b.model), std::vector<std::string>{"own:activation"});
    ExpectAgrees(b, {{"x", RandomTensor(random, {3, 40}, 2)}});
    // Behind a product, in its epilogue.
    Builder c;
    const auto y = Linear(c, c.Input("x", {3, 40}), random, 40, 24);
    c.Output(Gelu(c, y, form));
    EXPECT_EQ(Kernels(c.model), std::vector<std::string>{"onednn:matmul:f32"});
    ExpectAgrees(c, {{"x", RandomTensor(random, {3, 40})}});
    // The product's result is wanted too: it stays a value of its own.
    Builder d;
    const auto kept = Linear(d, d.Input("x", {3, 40}), random, 40, 24);
    d.Output(Gelu(d, kept, form));
    d.Output(kept);
    ExpectAgrees(d, {{"x", RandomTensor(random, {3, 40})}});
  }
}

// Another constant inside is another function.
TEST(Patterns, NoGeluWhereTheConstantsDiffer) {
  Philox random(73);
  Builder b;
  const auto x = b.Input("x", {3, 40});
  const auto erf = b.Op("Erf", {b.Op("Div", {x, Scalar(b, 1.5f)})});
  const auto y = b.Op("Mul", {b.Op("Mul", {x, b.Op("Add", {erf, Scalar(b, 1)})}), Scalar(b, 0.5f)});
  b.Output(y);
  EXPECT_GT(Kernels(b.model).size(), 1u);
  ExpectAgrees(b, {{"x", RandomTensor(random, {3, 40}, 2)}});
}

struct AttentionForm {
  bool mask = true, exported = true;  // exported: targets of reshapes computed from shapes
  bool scale_before = false, rank3 = false, turned_output = true, other_reader = false;
};

// [N, S, H * D] -> the same, with projections around as exporters write it.
ir::ValueRef Attention(Builder& b, ir::ValueRef x, ir::ValueRef mask, Philox& random,
                       const AttentionForm& form, int64_t heads, int64_t depth) {
  const int64_t width = heads * depth;
  const auto ints = [&](std::vector<int64_t> v) {
    const int64_t n = static_cast<int64_t>(v.size());
    return b.Const<int64_t>({n}, v);
  };
  const auto target = [&](ir::ValueRef y, std::vector<int64_t> rest) {
    if (!form.exported) {
      rest.insert(rest.begin(), {0, 0});
      return ints(rest);
    }
    const auto shape = b.Op("Shape", {y});
    Refs parts;
    for (const int64_t i : {0, 1})
      parts.push_back(
          b.Op("Unsqueeze", {b.Op("Gather", {shape, b.Const<int64_t>({}, {i})}), ints({0})}));
    for (const int64_t dim : rest) parts.push_back(ints({dim}));
    return b.Op("Concat", parts, {Int("axis", 0)});
  };
  const auto split = [&](ir::ValueRef y, std::vector<int64_t> perm) {
    return b.Op("Transpose", {b.Op("Reshape", {y, target(y, {heads, depth})})},
                {Ints("perm", std::move(perm))});
  };
  auto q = split(Linear(b, x, random, width, width), {0, 2, 1, 3});
  auto k = split(Linear(b, x, random, width, width), {0, 2, 3, 1});
  auto v = split(Linear(b, x, random, width, width), {0, 2, 1, 3});
  if (form.rank3) {  // one sample: heads are the batch
    q = b.Op("Squeeze", {q, ints({0})});
    k = b.Op("Squeeze", {k, ints({0})});
    v = b.Op("Squeeze", {v, ints({0})});
  }
  if (form.scale_before) q = b.Op("Mul", {q, Scalar(b, 0.25f)});
  auto scores = b.Op("MatMul", {q, k});
  if (!form.scale_before) scores = b.Op("Div", {scores, Scalar(b, 4.0f)});
  if (form.mask) scores = b.Op("Add", {scores, mask});
  if (form.other_reader) b.Output(scores);
  auto y = b.Op("MatMul", {b.Op("Softmax", {scores}, {Int("axis", -1)}), v});
  if (form.rank3) y = b.Op("Unsqueeze", {y, ints({0})});
  if (!form.turned_output) return y;
  y = b.Op("Transpose", {y}, {Ints("perm", {0, 2, 1, 3})});
  return b.Op("Reshape", {y, target(y, {width})});
}

TEST(Patterns, AttentionInAllForms) {
  Philox random(74);
  const int64_t heads = 3, depth = 16, width = 48;
  for (const AttentionForm& form :
       {AttentionForm{}, AttentionForm{.mask = false}, AttentionForm{.exported = false},
        AttentionForm{.scale_before = true}, AttentionForm{.mask = false, .rank3 = true},
        AttentionForm{.turned_output = false}}) {
    for (const int64_t samples : {1, 2}) {
      if (form.rank3 && samples != 1) continue;
      SCOPED_TRACE(fmt::format("mask {} exported {} before {} rank3 {} turned {} samples {}",
                               form.mask, form.exported, form.scale_before, form.rank3,
                               form.turned_output, samples));
      Builder b;
      const auto x = b.Input("x", {samples, 10, width});
      const auto mask = b.Input("mask", {samples, 1, 1, 10});
      b.Output(Attention(b, x, mask, random, form, heads, depth));
      const auto kernels = Kernels(b.model);
      EXPECT_EQ(Count(kernels, "own:attention"), 1);
      EXPECT_EQ(Count(kernels, "onednn:matmul:f32"), 3);
      EXPECT_EQ(kernels.size(), form.rank3 ? 5u : 4u)
          << fmt::format("{}", fmt::join(kernels, ", "));
      std::vector<float> m(static_cast<size_t>(samples * 10), 0);
      m[3] = m.back() = -10000;
      ExpectAgrees(b, {{"x", RandomTensor(random, {samples, 10, width})},
                       {"mask", ir::Tensor::Of<float>({samples, 1, 1, 10}, m)}});
    }
  }
}

// Scores that somebody else reads exist; nothing is lost.
TEST(Patterns, NoAttentionWhereScoresAreRead) {
  Philox random(75);
  Builder b;
  const auto x = b.Input("x", {2, 10, 48});
  const auto mask = b.Input("mask", {2, 1, 10, 10});
  b.Output(Attention(b, x, mask, random, {.other_reader = true}, 3, 16));
  EXPECT_EQ(Count(Kernels(b.model), "own:attention"), 0);
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 10, 48})},
                   {"mask", RandomTensor(random, {2, 1, 10, 10})}});
}

// A whole layer, ids in, with any number of rows: row by row or together, on one thread or more,
// the bits are the same.
ir::Model Layer(Philox& random, bool decomposed) {
  Builder b(decomposed ? 13 : 17);
  const int64_t width = 32, heads = 2, sequence = 12, words = 20;
  const auto ids = b.Batch("ids", {sequence}, ir::DType::kInt64);
  const auto seen = b.Batch("seen", {sequence}, ir::DType::kInt64);
  auto x = b.Op("Gather", {b.Const(RandomTensor(random, {words, width})), ids});
  x = b.Op("Add", {x, b.Const(RandomTensor(random, {1, sequence, width}))});
  auto mask = b.Op("Unsqueeze", {seen, b.Const<int64_t>({2}, {1, 2})});
  mask = b.Op("Cast", {mask}, {Int("to", 1)});
  mask = b.Op("Mul", {b.Op("Sub", {Scalar(b, 1), mask}), Scalar(b, -10000)});
  const auto normal = [&](ir::ValueRef y) {
    if (decomposed) return LayerNorm(b, y, random, width);
    return b.Op("LayerNormalization", {y, b.Const(RandomTensor(random, {width})),
                                       b.Const(RandomTensor(random, {width}))});
  };
  x = normal(x);
  const auto context = Attention(b, x, mask, random, {}, heads, width / heads);
  x = normal(b.Op("Add", {Linear(b, context, random, width, width), x}));
  const auto wide = Gelu(b, Linear(b, x, random, width, 4 * width), 0);
  x = normal(b.Op("Add", {Linear(b, wide, random, 4 * width, width), x}));
  b.Output(x);
  const auto first = b.Op("Gather", {x, b.Const<int64_t>({}, {0})}, {Int("axis", 1)});
  b.Output(b.Op("Tanh", {b.Op("Gemm", {first, b.Const(RandomTensor(random, {width, width}, 0.2f)),
                                       b.Const(RandomTensor(random, {width}))})}));
  return std::move(b.model);
}

Feeds LayerFeeds(Philox& random, int64_t rows) {
  std::vector<int64_t> ids(static_cast<size_t>(rows * 12)), seen(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<int64_t>(random.NextBelow(20));
    seen[i] = i % 12 < 9;
  }
  return {{"ids", ir::Tensor::Of<int64_t>({rows, 12}, ids)},
          {"seen", ir::Tensor::Of<int64_t>({rows, 12}, seen)}};
}

TEST(Transformer, LayerRunsNativelyAndAgrees) {
  Philox random(76);
  for (const bool decomposed : {true, false}) {
    const ir::Model model = Layer(random, decomposed);
    for (const std::string& kernel : Kernels(model)) EXPECT_NE(kernel, "reference");
    for (const int64_t rows : {1, 3}) {
      const Feeds feeds = LayerFeeds(random, rows);
      const auto got = RunEngine(model, feeds), want = RunReference(model, feeds);
      ASSERT_EQ(got.size(), 2u);
      for (size_t i = 0; i < 2; ++i) EXPECT_LE(Distance(got[i], want[i]), 1e-5);
    }
  }
}

TEST(Transformer, RowsDoNotDependOnTheBatch) {
  Philox random(77);
  const ir::Model model = Layer(random, true);
  const Feeds feeds = LayerFeeds(random, 5);
  const auto together = RunEngine(model, feeds);
  ASSERT_EQ(together.size(), 2u);
  for (int64_t row = 0; row < 5; ++row) {
    Feeds one;
    for (const auto& [name, tensor] : feeds) {
      const auto all = tensor.data<int64_t>();
      one[name] =
          ir::Tensor::Of<int64_t>({1, 12}, {all.begin() + row * 12, all.begin() + (row + 1) * 12});
    }
    const auto alone = RunEngine(model, one);
    for (size_t i = 0; i < 2; ++i) {
      const size_t bytes = alone[i].bytes().size();
      EXPECT_EQ(std::memcmp(alone[i].bytes().data(),
                            together[i].bytes().data() + static_cast<size_t>(row) * bytes, bytes),
                0);
    }
  }
}

// A quantized layer as the quantizer writes it: 8 bits into each product, floats between them.
// Every quantized value of the reference's own run is met within one step.
TEST(TransformerInt8, LayerIsWithinOneStep) {
  Philox random(78);
  Builder b;
  const int64_t width = 32, heads = 2;
  const auto weights = [&](int64_t in, int64_t out) {
    std::vector<int8_t> q(static_cast<size_t>(in * out));
    for (int8_t& v : q) v = static_cast<int8_t>(static_cast<int>(random.NextBelow(255)) - 127);
    std::vector<float> scales(static_cast<size_t>(out));
    for (float& s : scales) s = 0.002f + 0.001f * static_cast<float>(random.NextBelow(3));
    return b.Op("DequantizeLinear",
                {b.Const<int8_t>({in, out}, q), b.Const<float>({out}, scales),
                 b.Const<int8_t>({out}, std::vector<int8_t>(static_cast<size_t>(out), 0))},
                {Int("axis", 1)});
  };
  const auto linear = [&](ir::ValueRef x, int64_t in, int64_t out) {
    return b.Op("Add",
                {b.Op("MatMul", {x, weights(in, out)}), b.Const(RandomTensor(random, {out}))});
  };
  const auto x = b.Input("x", {2, 12, width});
  const auto normal = LayerNorm(b, x, random, width);
  const auto q = b.Quantize(normal, 0.03f, 120);
  const auto in = b.Dequantize(q, 0.03f, 120);
  const auto split = [&](ir::ValueRef y, std::vector<int64_t> perm) {
    const auto shape = b.Const<int64_t>({4}, {0, 0, heads, width / heads});
    return b.Op("Transpose", {b.Op("Reshape", {y, shape})}, {Ints("perm", std::move(perm))});
  };
  const auto query = split(linear(in, width, width), {0, 2, 1, 3});
  const auto key = split(linear(in, width, width), {0, 2, 3, 1});
  const auto value = split(linear(in, width, width), {0, 2, 1, 3});
  const auto scores = b.Op("Div", {b.Op("MatMul", {query, key}), Scalar(b, 4)});
  auto context = b.Op("MatMul", {b.Op("Softmax", {scores}, {Int("axis", -1)}), value});
  context = b.Op("Transpose", {context}, {Ints("perm", {0, 2, 1, 3})});
  context = b.Op("Reshape", {context, b.Const<int64_t>({3}, {0, 0, width})});
  const auto attended = b.Quantize(context, 0.01f, 130);
  const auto sum = b.Op("Add", {linear(b.Dequantize(attended, 0.01f, 130), width, width), normal});
  const auto again = LayerNorm(b, sum, random, width);
  const auto q2 = b.Quantize(again, 0.03f, 110);
  const auto wide = Gelu(b, linear(b.Dequantize(q2, 0.03f, 110), width, 4 * width), 0);
  const auto q3 = b.Quantize(wide, 0.02f, 10);
  const auto last = b.Op("Add", {linear(b.Dequantize(q3, 0.02f, 10), 4 * width, width), again});
  for (const auto v : {q, attended, q2, q3, last}) b.Output(v);
  const auto kernels = Kernels(b.model);
  EXPECT_EQ(Count(kernels, "own:layer-norm:int8"), 2);
  EXPECT_EQ(Count(kernels, "own:attention:int8"), 1);
  EXPECT_EQ(Count(kernels, "own:quantize") + Count(kernels, "own:dequantize"), 0);
  const Feeds feeds{{"x", RandomTensor(random, {2, 12, width})}};
  const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
  ASSERT_EQ(got.size(), 5u);
  for (size_t i = 0; i < 4; ++i) {
    const Steps steps = StepsApart(got[i], want[i]);
    EXPECT_LE(steps.largest, 1) << i;
    EXPECT_LE(steps.share, 0.01) << i;
  }
  EXPECT_LE(Distance(got[4], want[4]), 0.01);
}

}  // namespace
}  // namespace assize::engine
