// Elementwise, pooling, moving and normalizing ops, in both layouts, against the reference.
// Convolutions in front make values channels-last, where strides and reorders go wrong if they do.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

// f applied to a plain value and to a channels-last one.
template <typename F>
void InBothLayouts(F f, const ir::Shape& dims = {2, 6, 5, 7}, double tolerance = 1e-5) {
  for (const bool last : {false, true}) {
    SCOPED_TRACE(last ? "channels-last" : "plain");
    Philox random(11);
    Builder b;
    ir::ValueRef x = b.Input("x", dims);
    if (last) x = b.Op("Conv", {x, b.Const(RandomTensor(random, {dims[1], dims[1], 1, 1}))});
    for (const ir::ValueRef y : f(b, x, random)) b.Output(y);
    ExpectAgrees(b, {{"x", RandomTensor(random, dims)}}, tolerance);
  }
}
using Values = std::vector<ir::ValueRef>;

TEST(Elementwise, Unary) {
  InBothLayouts([](Builder& b, ir::ValueRef x, Philox&) {
    Values out;
    for (const char* op : {"Relu",     "Sigmoid",
                           "Tanh",     "Exp",
                           "Abs",      "Neg",
                           "Floor",    "Ceil",
                           "Erf",      "Softplus",
                           "Sin",      "LeakyRelu",
                           "Elu",      "HardSigmoid",
                           "Identity", "Reciprocal",
                           "Selu",     "Celu",

                           "Softsign", "ThresholdedRelu",
                           "Shrink",   "Sign",
                           "Round",    "Cos",
                           "Sinh",     "Cosh",
                           "Atan",     "Asinh"}) {
      out.push_back(b.Op(op, {x}));
    }
    const auto small = b.Op("Mul", {b.Op("Tanh", {x}), b.Const<float>({}, {0.9f})});
    for (const char* op : {"Asin", "Acos", "Atanh", "Tan"}) out.push_back(b.Op(op, {small}));
    out.push_back(b.Op("Acosh", {b.Op("Add", {b.Op("Abs", {x}), b.Const<float>({}, {1.5f})})}));
    out.push_back(b.Op("Celu", {x}, {Float("alpha", 0.7f)}));
    out.push_back(b.Op("Selu", {x}, {Float("alpha", 1.2f), Float("gamma", 0.9f)}));
    out.push_back(b.Op("Shrink", {x}, {Float("bias", 0.25f), Float("lambd", 0.75f)}));
    for (const float power : {2.0f, 3.0f, 0.5f, -1.5f}) {
      out.push_back(b.Op("Pow", {b.Op("Exp", {x}), b.Const<float>({}, {power})}));
    }
    out.push_back(b.Op("Pow", {x, b.Const<float>({}, {2.0f})}));
    out.push_back(b.Op("Pow", {x, b.Const<float>({}, {3.0f})}));
    out.push_back(b.Op("Log", {b.Op("Abs", {x})}));
    out.push_back(b.Op("Sqrt", {b.Op("Abs", {x})}));
    out.push_back(b.Op("LeakyRelu", {x}, {Float("alpha", 0.3f)}));
    out.push_back(b.Op("Clip", {x, b.Const<float>({}, {-0.5f})}));
    out.push_back(b.Op("Clip", {x, ir::ValueRef{}, b.Const<float>({}, {0.25f})}));
    return out;
  });
}

TEST(Elementwise, NotANumberPasses) {
  Builder b;
  const auto x = b.Input("x", {5});
  b.Output(b.Op("Relu", {x}));
  b.Output(b.Op("Clip", {x, b.Const<float>({}, {-1.0f}), b.Const<float>({}, {1.0f})}));
  b.Output(b.Op("Add", {x, b.Const<float>({}, {1.0f})}));
  ExpectAgrees(b, {{"x", ir::Tensor::Of<float>({5}, {NAN, -INFINITY, INFINITY, -0.0f, 3})}}, 0);
}

TEST(Elementwise, BinaryBroadcasts) {
  for (const ir::Shape& other : std::vector<ir::Shape>{
           {2, 6, 5, 7}, {6, 1, 1}, {1, 6, 1, 1}, {7}, {5, 1}, {}, {1, 1, 5, 7}, {2, 1, 1, 1}}) {
    SCOPED_TRACE(ir::ShapeText(other));
    InBothLayouts([&](Builder& b, ir::ValueRef x, Philox& random) {
      Values out;
      for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
        out.push_back(b.Op(op, {x, b.Const(RandomTensor(random, other))}));
        // Away from 0: a quotient by a tiny number shows the last bits of the convolution in front.
        const auto away = b.Op("Add", {b.Op("Abs", {x}), b.Const<float>({}, {0.5f})});
        out.push_back(b.Op(op, {b.Const(RandomTensor(random, other)), away}));
      }
      out.push_back(b.Op("PRelu", {x, b.Const(RandomTensor(random, other))}));
      return out;
    });
  }
}

// Operands of different layouts, ranks and lives: x is used again after the sum that could be made
// in its place.
TEST(Elementwise, OperandsThatRun) {
  InBothLayouts([](Builder& b, ir::ValueRef x, Philox&) {
    const auto pooled = b.Op("GlobalAveragePool", {x});
    const auto gated = b.Op("Mul", {x, b.Op("Sigmoid", {pooled})});
    const auto turned = b.Op("Transpose", {b.Op("Transpose", {x}, {Ints("perm", {0, 2, 3, 1})})},
                             {Ints("perm", {0, 3, 1, 2})});
    const auto sum = b.Op("Add", {gated, turned});
    const auto squeezed = b.Op("Squeeze", {pooled, b.Const<int64_t>({2}, {2, 3})});
    return Values{b.Op("Add", {sum, b.Op("Relu", {sum})}), squeezed, b.Op("Mul", {x, x})};
  });
}

TEST(Norms, BatchNormalizationSoftmaxAndReductions) {
  InBothLayouts([](Builder& b, ir::ValueRef x, Philox& random) {
    std::vector<float> variance = RandomFloats(random, 6);
    for (float& v : variance) v = v * v + 0.1f;
    const auto relu = b.Op("Relu", {x});
    Values out{b.Op("BatchNormalization",
                    {relu, b.Const(RandomTensor(random, {6})), b.Const(RandomTensor(random, {6})),
                     b.Const(RandomTensor(random, {6})), b.Const<float>({6}, variance)})};
    for (int64_t axis = 0; axis < 4; ++axis) {
      out.push_back(b.Op("Softmax", {relu}, {Int("axis", axis)}));
      out.push_back(b.Op("LogSoftmax", {x}, {Int("axis", axis - 4)}));
    }
    out.push_back(b.Op("ReduceMean", {x}, {Ints("axes", {2, 3}), Int("keepdims", 0)}));
    out.push_back(b.Op("ReduceMax", {x}, {Ints("axes", {1})}));
    return out;
  });
}

TEST(Norms, SoftmaxOfOldCoercesToTwoDims) {
  Philox random(12);
  Builder b(11);
  const auto x = b.Input("x", {3, 4, 5});
  b.Output(b.Op("Softmax", {x}));
  b.Output(b.Op("Softmax", {x}, {Int("axis", 0)}));
  ExpectAgrees(b, {{"x", RandomTensor(random, {3, 4, 5})}});
}

TEST(Pools, WindowsPadsAndModes) {
  InBothLayouts([](Builder& b, ir::ValueRef x, Philox&) {
    const auto k = Ints("kernel_shape", {3, 2}), s = Ints("strides", {2, 2}),
               p = Ints("pads", {1, 0, 1, 1});
    return Values{
        b.Op("MaxPool", {x}, {k}),
        b.Op("MaxPool", {x}, {k, s, p}),
        b.Op("MaxPool", {x}, {k, s, p, Int("ceil_mode", 1)}),
        b.Op("MaxPool", {x}, {k, s, Ints("dilations", {2, 2})}),
        b.Op("MaxPool", {x}, {k, s, Text("auto_pad", "SAME_LOWER")}),
        b.Op("AveragePool", {x}, {k, s, p}),
        b.Op("AveragePool", {x}, {k, s, p, Int("count_include_pad", 1)}),
        b.Op("AveragePool", {x}, {k, s, Int("ceil_mode", 1)}),
        b.Op("AveragePool", {x}, {k, s, p, Int("ceil_mode", 1), Int("count_include_pad", 1)}),
        b.Op("GlobalAveragePool", {x}),
        b.Op("GlobalMaxPool", {x})};
  });
}

TEST(Moves, EveryKind) {
  InBothLayouts([](Builder& b, ir::ValueRef x, Philox& random) {
    const auto ints = [&](std::vector<int64_t> v) {
      const int64_t n = static_cast<int64_t>(v.size());
      return b.Const<int64_t>({n}, v);
    };
    const auto relu = b.Op("Relu", {x});
    return Values{
        b.Op("Reshape", {x, ints({0, -1, 7})}),
        b.Op("Flatten", {x}),
        b.Op("Flatten", {x}, {Int("axis", 3)}),
        b.Op("Transpose", {x}),
        b.Op("Transpose", {x}, {Ints("perm", {0, 2, 3, 1})}),
        b.Op("Slice", {x, ints({0, 1}), ints({1000, -1}), ints({2, 3}), ints({2, 3})}),
        b.Op("Slice", {x, ints({-1}), ints({-1000}), ints({1}), ints({-2})}),
        b.Op("Slice", {x, ints({-1000, 1}), ints({2, 6}), ints({3, 1})}),
        b.Op("Pad", {x, ints({0, 2, 1, 0, 0, 3, 0, 1}), b.Const<float>({}, {1.5f})}),
        b.Op("Pad", {x, ints({0, 0, 1, 2, 0, 0, 2, 1})}, {Text("mode", "reflect")}),
        b.Op("Concat", {x, relu, x}, {Int("axis", 1)}),
        b.Op("Concat", {relu, b.Const(RandomTensor(random, {2, 6, 3, 7}))}, {Int("axis", 2)}),
        b.Op("Concat", {x, b.Op("Abs", {x})}, {Int("axis", 0)}),
        b.Op("Gather", {x, ints({4, 0, -6})}, {Int("axis", 1)}),
        b.Op("Unsqueeze", {x, ints({0, 5})}),
        b.Op("Cast", {b.Op("Cast", {x}, {Int("to", 7)})}, {Int("to", 1)}),
    };
  });
}

// Shapes computed inside the graph, as exporters write them.
TEST(Moves, ShapeArithmetic) {
  Philox random(13);
  Builder b;
  const auto x = b.Batch("x", {6, 4, 4});
  const auto conv = b.Op("Conv", {x, b.Const(RandomTensor(random, {8, 6, 1, 1}))});
  const auto n =
      b.Op("Gather", {b.Op("Shape", {conv}), b.Const<int64_t>({1}, {0})}, {Int("axis", 0)});
  const auto target = b.Op("Concat", {n, b.Const<int64_t>({1}, {-1})}, {Int("axis", 0)});
  b.Output(b.Op("Reshape", {conv, target}));
  for (const int64_t rows : {1, 5}) ExpectAgrees(b, {{"x", RandomTensor(random, {rows, 6, 4, 4})}});
}

// Data decides the shape: the graph runs in segments.
TEST(Moves, ShapesThatDataDecides) {
  Philox random(14);
  Builder b;
  const auto x = b.Input("x", {4, 6});
  const auto relu = b.Op("Relu", {x});
  const auto where = b.Op("NonZero", {relu});
  const auto picked = b.Op("GatherND", {relu, b.Op("Transpose", {where})});
  b.Output(b.Op("Mul", {picked, b.Const<float>({}, {2.0f})}));
  b.Output(b.Op("Sigmoid", {relu}));
  for (int i = 0; i < 3; ++i) ExpectAgrees(b, {{"x", RandomTensor(random, {4, 6})}});
}

}  // namespace
}  // namespace assize::engine
