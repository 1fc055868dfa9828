// Ops that came to run natively, each against the reference over seeded shapes and attributes; and
// that they do run natively.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

using Values = std::vector<ir::ValueRef>;

void ExpectNative(const Builder& b) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  for (const StepInfo& step : Describe(**program))
    EXPECT_NE(step.kernel, "reference") << step.op_type;
}

ir::ValueRef ChannelsLast(Builder& b, ir::ValueRef x, Philox& random, int64_t channels) {
  return b.Op("Conv", {x, b.Const(RandomTensor(random, {channels, channels, 1, 1}))});
}

TEST(NativeOps, Reductions) {
  Philox random(80);
  for (const bool last : {false, true}) {
    for (const std::vector<int64_t>& axes : std::vector<std::vector<int64_t>>{
             {2, 3}, {1}, {-1}, {0}, {1, 2, 3}, {0, 1, 2, 3}, {1, 3}, {0, 2}, {3, 2}}) {
      SCOPED_TRACE(fmt::format("channels-last {} axes {}", last, fmt::join(axes, ",")));
      Builder b;
      auto x = b.Input("x", {3, 6, 5, 9});
      if (last) x = ChannelsLast(b, x, random, 6);
      for (const char* op :
           {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceL2"}) {
        b.Output(b.Op(op, {x}, {Ints("axes", axes)}));
        b.Output(b.Op(op, {x}, {Ints("axes", axes), Int("keepdims", 0)}));
      }
      const int64_t count = static_cast<int64_t>(axes.size());
      b.Output(b.Op("ReduceSum", {x, b.Const<int64_t>({count}, axes)}));
      b.Output(b.Op("ReduceSum", {x}));
      ExpectAgrees(b, {{"x", RandomTensor(random, {3, 6, 5, 9})}}, 2e-5);
    }
  }
  Builder b;
  b.Output(b.Op("ReduceMax", {b.Input("x", {2, 40})}, {Ints("axes", {1})}));
  ExpectNative(b);
  std::vector<float> values = RandomFloats(random, 80);
  values[50] = NAN;
  ExpectAgrees(b, {{"x", ir::Tensor::Of<float>({2, 40}, values)}});
}

TEST(NativeOps, CastsBetweenAllTypes) {
  Philox random(81);
  Builder b;
  const auto x = b.Input("x", {40});
  const std::vector<int64_t> types = {1, 2, 3, 4, 5, 6, 7, 9, 11, 12};
  for (const int64_t from : types) {
    const auto y = b.Op("Cast", {x}, {Int("to", from)});
    for (const int64_t to : types) b.Output(b.Op("Cast", {y}, {Int("to", to)}));
  }
  ExpectNative(b);
  std::vector<float> values = RandomFloats(random, 40, 100);
  const float odd[] = {0.0f,     -0.0f,     0.7f, -0.7f, 1e20f, -1e20f,
                       INFINITY, -INFINITY, NAN,  300,   -129};
  std::copy(std::begin(odd), std::end(odd), values.begin());
  ExpectAgrees(b, {{"x", ir::Tensor::Of<float>({40}, values)}}, 0);
}

TEST(NativeOps, GatherWithIndicesThatRun) {
  Philox random(82);
  for (const int64_t axis : {0, 1, -1}) {
    Builder b;
    const auto x = b.Input("x", {4, 5, 6});
    const auto i = b.Input("i", {2, 3}, ir::DType::kInt64);
    b.Output(b.Op("Gather", {x, i}, {Int("axis", axis)}));
    b.Output(b.Op("Gather", {x, b.Op("Cast", {i}, {Int("to", 6)})}, {Int("axis", axis)}));
    ExpectNative(b);
    ExpectAgrees(b,
                 {{"x", RandomTensor(random, {4, 5, 6})},
                  {"i", ir::Tensor::Of<int64_t>({2, 3}, {0, 3, -1, -4, 1, 2})}},
                 0);
    // Out of range is said, not read.
    Session session(*Compile(b.model));
    const auto bad = session.Run({{"x", RandomTensor(random, {4, 5, 6})},
                                  {"i", ir::Tensor::Of<int64_t>({2, 3}, {0, 3, -1, -7, 1, 2})}});
    EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(Message(bad.status()).find("-7"), std::string::npos);
  }
}

TEST(NativeOps, LocalResponseNormalization) {
  Philox random(83);
  for (const int64_t channels : {3, 16, 37}) {
    for (const int64_t size : {1, 4, 5, 50}) {
      for (const float beta : {0.75f, 0.6f}) {
        SCOPED_TRACE(fmt::format("{} channels, size {}, beta {}", channels, size, beta));
        Builder b;
        const auto x = b.Input("x", {2, channels, 3, 5});
        const auto y = ChannelsLast(b, x, random, channels);
        for (const auto v : {x, y}) {
          b.Output(b.Op(
              "LRN", {v},
              {Int("size", size), Float("alpha", 0.3f), Float("beta", beta), Float("bias", 1.5f)}));
        }
        ExpectNative(b);
        ExpectAgrees(b, {{"x", RandomTensor(random, {2, channels, 3, 5})}});
      }
    }
  }
}

TEST(NativeOps, ComparisonsLogicAndSelection) {
  Philox random(84);
  for (const ir::Shape& other : std::vector<ir::Shape>{{2, 3, 4}, {4}, {3, 1}, {1, 1, 1}, {}}) {
    SCOPED_TRACE(ir::ShapeText(other));
    Builder b(16);
    const auto x = b.Input("x", {2, 3, 4}), y = b.Input("y", other);
    const auto i = b.Op("Cast", {x}, {Int("to", 7)}), j = b.Op("Cast", {y}, {Int("to", 7)});
    for (const char* op :
         {"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Min", "Max"}) {
      b.Output(b.Op(op, {x, y}));
      b.Output(b.Op(op, {j, i}));
    }
    for (const char* op : {"Add", "Sub", "Mul"}) b.Output(b.Op(op, {i, j}));
    b.Output(b.Op("Max", {x, y, b.Const<float>({}, {0.2f})}));
    const auto p = b.Op("Less", {x, y}), q = b.Op("Greater", {y, b.Const<float>({}, {0.0f})});
    for (const char* op : {"And", "Or", "Xor", "Equal"}) b.Output(b.Op(op, {p, q}));
    b.Output(b.Op("Where", {p, x, y}));
    b.Output(b.Op("Where", {q, j, i}));
    ExpectNative(b);
    // Some equal, some not a number.
    std::vector<float> left = RandomFloats(random, 24, 3), right;
    right = RandomFloats(random, ir::ElementCount(other).value(), 3);
    right[0] = left[0];
    left[7] = NAN;
    const auto got = RunEngine(b.model, {{"x", ir::Tensor::Of<float>({2, 3, 4}, left)},
                                         {"y", ir::Tensor::Of<float>(other, right)}});
    const auto want = RunReference(b.model, {{"x", ir::Tensor::Of<float>({2, 3, 4}, left)},
                                             {"y", ir::Tensor::Of<float>(other, right)}});
    ASSERT_EQ(got.size(), want.size());
    for (size_t k = 0; k < got.size(); ++k)
      EXPECT_EQ(Distance(got[k], want[k]), 0) << "result " << k;
  }
}

TEST(NativeOps, RepeatsAndBlocks) {
  Philox random(85);
  Builder b(13);
  const auto x = b.Input("x", {2, 8, 4, 6});
  const auto ints = [&](std::vector<int64_t> v) {
    const int64_t n = static_cast<int64_t>(v.size());
    return b.Const<int64_t>({n}, v);
  };
  b.Output(b.Op("Tile", {x, ints({1, 2, 3, 1})}));
  b.Output(b.Op("Expand", {b.Op("ReduceMax", {x}, {Ints("axes", {2, 3})}), ints({3, 2, 8, 5, 4})}));
  for (const char* mode : {"DCR", "CRD"})
    b.Output(b.Op("DepthToSpace", {x}, {Int("blocksize", 2), Text("mode", mode)}));
  b.Output(b.Op("SpaceToDepth", {x}, {Int("blocksize", 2)}));
  for (const int64_t axis : {0, 1, 3, -2}) {
    b.Output(b.Op("ArgMax", {x}, {Int("axis", axis)}));
    b.Output(b.Op("ArgMin", {x}, {Int("axis", axis), Int("keepdims", 0)}));
    b.Output(
        b.Op("ArgMax", {b.Op("Floor", {x})}, {Int("axis", axis), Int("select_last_index", 1)}));
  }
  ExpectNative(b);
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 8, 4, 6})}}, 0);
}

// Quotients toward zero, remainders of either sign, by zero 0, and the one quotient that overflows.
TEST(NativeOps, IntegerDivision) {
  for (const ir::DType dtype :
       {ir::DType::kInt32, ir::DType::kInt64, ir::DType::kInt8, ir::DType::kUint8}) {
    SCOPED_TRACE(ir::ShortNameOf(dtype));
    Builder b(13);
    const auto x = b.Input("x", {5, 1}, dtype), y = b.Input("y", {6}, dtype);
    b.Output(b.Op("Div", {x, y}));
    b.Output(b.Op("Mod", {x, y}));
    b.Output(b.Op("Mod", {x, y}, {Int("fmod", 1)}));
    ExpectNative(b);
    const auto of = [&](const ir::Shape& dims, const std::vector<int64_t>& values) {
      if (dtype == ir::DType::kInt64) return ir::Tensor::Of<int64_t>(dims, values);
      if (dtype == ir::DType::kInt32)
        return ir::Tensor::Of<int32_t>(dims, {values.begin(), values.end()});
      std::vector<std::byte> bytes;
      for (const int64_t value : values) bytes.push_back(std::byte{static_cast<uint8_t>(value)});
      return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
    };
    const int64_t lowest = dtype == ir::DType::kInt64   ? INT64_MIN
                           : dtype == ir::DType::kInt32 ? INT32_MIN
                                                        : -128;
    ExpectAgrees(
        b, {{"x", of({5, 1}, {7, -7, 0, lowest, 100})}, {"y", of({6}, {3, -3, 0, -1, 1, lowest})}},
        0);
  }
}

// Equal elements keep their order, NaN is the largest of all; k of one, some and all.
TEST(NativeOps, TopKAlongAnyAxis) {
  Philox random(89);
  std::vector<float> values = RandomFloats(random, 3 * 40 * 7, 3);
  for (size_t i = 0; i < values.size(); i += 3) values[i] = std::round(values[i]);
  values[5] = NAN, values[40] = NAN, values[41] = INFINITY, values[300] = -INFINITY;
  values[9] = -0.0f, values[10] = 0.0f;
  for (const int64_t axis : {0, 1, -1}) {
    for (const int64_t k : {1, 3, 7, 40}) {
      if (k > (axis == 0 ? 3 : axis == 1 ? 40 : 7)) continue;
      SCOPED_TRACE(fmt::format("axis {} k {}", axis, k));
      Builder b(13);
      const auto x = b.Input("x", {3, 40, 7});
      for (const auto& input :
           {x, b.Op("Cast", {x}, {Int("to", 7)}), b.Op("Cast", {x}, {Int("to", 6)})}) {
        for (const int64_t largest : {0, 1}) {
          ir::NodeSpec spec;
          spec.op_type = "TopK";
          spec.inputs = {input, b.Const<int64_t>({1}, {k})};
          const std::string name = std::to_string(b.next++);
          spec.outputs = {"v" + name, "i" + name};
          spec.attributes = {Int("axis", axis), Int("largest", largest)};
          const auto made = b.edit.AddNode(std::move(spec));
          for (const ir::ValueRef out : b.model.graph.node(made).outputs) b.Output(out);
        }
      }
      ExpectNative(b);
      ExpectAgrees(b, {{"x", ir::Tensor::Of<float>({3, 40, 7}, values)}}, 0);
    }
  }
}

TEST(NativeOps, RecurrentLayers) {
  Philox random(86);
  for (const bool lstm : {true, false}) {
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      for (const int variant : {0, 1, 2}) {  // 0 bare, 1 bias and states, 2 GRU's reset after
        SCOPED_TRACE(fmt::format("lstm {} {} {}", lstm, direction, variant));
        const int64_t d = std::string(direction) == "bidirectional" ? 2 : 1, g = lstm ? 4 : 3;
        const int64_t steps = 5, batch = 3, inputs = 7, hidden = 10;
        Builder b(14);
        const auto x = b.Input("x", {steps, batch, inputs});
        Values in{x, b.Const(RandomTensor(random, {d, g * hidden, inputs}, 0.5f)),
                  b.Const(RandomTensor(random, {d, g * hidden, hidden}, 0.5f))};
        Feeds feeds{{"x", RandomTensor(random, {steps, batch, inputs})}};
        if (variant > 0) {
          in.push_back(b.Const(RandomTensor(random, {d, 2 * g * hidden})));
          in.push_back({});
          for (const char* name : {"h", "c"}) {
            if (!lstm && name[0] == 'c') continue;
            in.push_back(b.Input(name, {d, batch, hidden}));
            feeds[name] = RandomTensor(random, {d, batch, hidden});
          }
        }
        ir::NodeSpec spec;
        spec.op_type = lstm ? "LSTM" : "GRU";
        spec.inputs = in;
        spec.outputs = {"y", "yh"};
        if (lstm) spec.outputs.push_back("yc");
        spec.attributes = {Int("hidden_size", hidden), Text("direction", direction)};
        if (!lstm && variant == 2) spec.attributes.push_back(Int("linear_before_reset", 1));
        const auto made = b.edit.AddNode(std::move(spec));
        for (const ir::ValueRef out : b.model.graph.node(made).outputs) b.Output(out);
        ExpectNative(b);
        ExpectAgrees(b, feeds, 2e-6);
      }
    }
  }
}

TEST(NativeOps, TransposedConvolution) {
  Philox random(87);
  for (const int64_t group : {1, 2}) {
    for (const auto& attributes : std::vector<std::vector<ir::Attribute>>{
             {},
             {Ints("strides", {2, 2})},
             {Ints("strides", {2, 3}), Ints("pads", {1, 0, 1, 1})},
             {Ints("strides", {2, 2}), Ints("pads", {1, 1, 1, 1}), Ints("output_padding", {1, 1})},
             {Ints("dilations", {2, 1})}}) {
      Builder b;
      const auto x = b.Input("x", {2, 8, 5, 4});
      std::vector<ir::Attribute> all = attributes;
      all.push_back(Int("group", group));
      b.Output(b.Op("ConvTranspose",
                    {x, b.Const(RandomTensor(random, {8, 3, 3, 3})),
                     b.Const(RandomTensor(random, {3 * group}))},
                    all));
      ExpectNative(b);
      ExpectAgrees(b, {{"x", RandomTensor(random, {2, 8, 5, 4})}});
    }
  }
}

TEST(NativeOps, OpsThatRuntimesWriteIntoTransformers) {
  Philox random(88);
  Builder b(23);
  b.model.set_opset("com.microsoft", 1);
  const auto contrib = [&](const char* op, const Values& inputs, size_t outputs = 1) {
    ir::NodeSpec spec;
    spec.domain = "com.microsoft";
    spec.op_type = op;
    spec.inputs = inputs;
    for (size_t i = 0; i < outputs; ++i)
      spec.outputs.push_back(i == 0 || i == 3 ? "r" + std::to_string(b.next++) : "");
    const auto made = b.edit.AddNode(std::move(spec));
    for (const ir::ValueRef out : b.model.graph.node(made).outputs) {
      if (out) b.Output(out);
    }
  };
  const auto x = b.Input("x", {2, 3, 40}), skip = b.Input("skip", {2, 3, 40});
  const auto row = [&] { return b.Const(RandomTensor(random, {40})); };
  contrib("Gelu", {x});
  contrib("FastGelu", {x});
  contrib("FastGelu", {x, row()});
  contrib("QuickGelu", {x});
  contrib("BiasGelu", {x, row()});
  contrib("SkipLayerNormalization", {x, skip, row(), row()});
  contrib("SkipLayerNormalization", {x, skip, row(), row(), row()}, 4);
  contrib("SkipSimplifiedLayerNormalization", {x, skip, row()});
  b.Output(b.Op("RMSNormalization", {x, row()}));
  b.Output(b.Op("SimplifiedLayerNormalization", {x, row()}));
  ExpectNative(b);
  ExpectAgrees(
      b, {{"x", RandomTensor(random, {2, 3, 40})}, {"skip", RandomTensor(random, {2, 3, 40})}},
      2e-6);
}

TEST(Elementwise, UnaryOfNewerOpsets) {
  Philox random(12);
  Builder b(24);
  const auto x = b.Input("x", {2, 3, 50});
  for (const char* op : {"HardSwish", "Mish", "Swish"}) b.Output(b.Op(op, {x}));
  b.Output(b.Op("Swish", {x}, {Float("alpha", 1.7f)}));
  ExpectNative(b);
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 3, 50})}}, 1e-6);
}

}  // namespace
}  // namespace assize::engine
