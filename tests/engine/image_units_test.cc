// Units of image networks against the reference: pools of every channel count, chains of scales and
// shifts, channel shuffles; and that the threads of one sample do not show in its bits.
#include "lib/support/parallel.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

std::string Kernels(const ir::Model& model) {
  auto program = Compile(model);
  EXPECT_TRUE(program.ok()) << program.status();
  std::string all;
  if (program.ok()) {
    for (const StepInfo& step : Describe(**program)) all += step.kernel + " ";
  }
  return all;
}

// Vectors of channels, what is left of them, and windows that hang over every edge.
TEST(ImagePools, EveryCountOfChannels) {
  Philox random(5);
  for (const int64_t channels : {1, 3, 4, 7, 8, 12, 16, 17, 24, 63, 64, 65, 100, 130, 256, 300}) {
    SCOPED_TRACE(channels);
    for (const bool quantized : {false, true}) {
      Builder b;
      ir::ValueRef x = b.Input("x", {1, channels, 6, 7});
      if (quantized) x = b.Dequantize(b.Quantize(x, 0.03f, 100), 0.03f, 100);
      const std::vector<ir::Attribute> window = {
          Ints("kernel_shape", {3, 2}), Ints("strides", {2, 1}), Ints("pads", {1, 0, 2, 1}),
          Ints("dilations", {1, 2})};
      const ir::ValueRef top = b.Op("MaxPool", {x}, window);
      b.Output(quantized ? b.Quantize(top, 0.03f, 100) : top);
      if (!quantized) {
        b.Output(
            b.Op("AveragePool", {x},
                 {Ints("kernel_shape", {3, 2}), Ints("strides", {2, 1}), Ints("pads", {1, 0, 1, 1}),
                  Int("count_include_pad", 1), Int("ceil_mode", 1)}));
        b.Output(
            b.Op("AveragePool", {x}, {Ints("kernel_shape", {3, 3}), Ints("pads", {1, 1, 1, 1})}));
      }
      ExpectAgrees(b, {{"x", RandomTensor(random, {1, channels, 6, 7})}}, 1e-6);
    }
  }
}

TEST(Affine, ChainsOfScalesAndShifts) {
  for (const ir::Shape& dims : std::vector<ir::Shape>{{2, 20, 3, 5}, {3, 33}, {1, 16, 4}}) {
    for (const bool quantized : {false, true}) {
      SCOPED_TRACE(ir::ShapeText(dims) + (quantized ? " quantized" : ""));
      Philox random(3);
      Builder b;
      const ir::ValueRef x = b.Input("x", dims);
      const int64_t channels = dims[1];
      ir::Shape broadcast(dims.size() - 1, 1);
      broadcast[0] = channels;
      std::vector<float> variance = RandomFloats(random, channels);
      for (float& v : variance) v = v * v + 0.1f;
      ir::ValueRef y = b.Op(
          "BatchNormalization",
          {x, b.Const(RandomTensor(random, {channels})), b.Const(RandomTensor(random, {channels})),
           b.Const(RandomTensor(random, {channels})), b.Const<float>({channels}, variance)});
      y = b.Op("Mul", {b.Const(RandomTensor(random, broadcast)), y});
      y = b.Op("Add", {y, b.Const(RandomTensor(random, broadcast))});
      y = b.Op("Clip", {y, b.Const<float>({}, {-0.4f}), b.Const<float>({}, {2.5f})});
      b.Output(quantized ? b.Quantize(y, 0.02f, 30) : y);
      EXPECT_EQ(Kernels(b.model).find("binary"), std::string::npos) << Kernels(b.model);
      const Feeds feeds{{"x", RandomTensor(random, dims)}};
      if (!quantized) {
        ExpectAgrees(b, feeds, 1e-6);
      } else {
        const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
        EXPECT_LE(StepsApart(got[0], want[0]).largest, 1);
      }
    }
  }
}

// What lies between is read elsewhere too: it must still be there, and right.
TEST(Affine, ValuesInBetweenAreKept) {
  Philox random(4);
  Builder b;
  const ir::ValueRef x = b.Input("x", {1, 8, 4, 4});
  const ir::ValueRef scaled = b.Op("Mul", {x, b.Const(RandomTensor(random, {8, 1, 1}))});
  const ir::ValueRef moved = b.Op("Add", {scaled, b.Const(RandomTensor(random, {8, 1, 1}))});
  b.Output(b.Op("Relu", {moved}));
  b.Output(b.Op("Sigmoid", {scaled}));
  b.Output(b.Op("Mul", {x, x}));
  ExpectAgrees(b, {{"x", RandomTensor(random, {1, 8, 4, 4})}}, 1e-6);
}

TEST(ChannelShuffle, JoinedInFloatsAndBytes) {
  for (const int64_t groups : {2, 3, 4, 5, 8}) {
    for (const bool quantized : {false, true}) {
      SCOPED_TRACE(std::to_string(groups) + (quantized ? " quantized" : ""));
      Philox random(6);
      const int64_t channels = groups * 7;
      Builder b;
      ir::ValueRef x = b.Input("x", {2, channels, 5, 4});
      const auto through = [&](ir::ValueRef value) {
        return quantized ? b.Dequantize(b.Quantize(value, 0.04f, 99), 0.04f, 99) : value;
      };
      x = through(x);
      x = through(b.Op("Reshape", {x, b.Const<int64_t>({5}, {2, groups, 7, 5, 4})}));
      x = through(b.Op("Transpose", {x}, {Ints("perm", {0, 2, 1, 3, 4})}));
      x = through(b.Op("Reshape", {x, b.Const<int64_t>({4}, {2, channels, 5, 4})}));
      b.Output(x);
      const std::string kernels = Kernels(b.model);
      EXPECT_NE(kernels.find("own:shuffle"), std::string::npos) << kernels;
      EXPECT_EQ(kernels.find("transpose"), std::string::npos) << kernels;
      ExpectAgrees(b, {{"x", RandomTensor(random, {2, channels, 5, 4})}}, 0);
    }
  }
}

TEST(ChannelShuffle, OtherTurnsStayAsWritten) {
  Philox random(6);
  Builder b;
  ir::ValueRef x = b.Input("x", {1, 12, 4, 4});
  x = b.Op("Reshape", {x, b.Const<int64_t>({5}, {1, 3, 4, 4, 4})});
  x = b.Op("Transpose", {x}, {Ints("perm", {0, 2, 1, 4, 3})});
  b.Output(b.Op("Reshape", {x, b.Const<int64_t>({4}, {1, 12, 4, 4})}));
  EXPECT_EQ(Kernels(b.model).find("own:shuffle"), std::string::npos);
  ExpectAgrees(b, {{"x", RandomTensor(random, {1, 12, 4, 4})}}, 0);
}

// Steps large enough for several threads, in floats and bytes: the same bits with one and with
// four.
TEST(Threads, DoNotShowInTheBitsOfOneSample) {
  Philox random(8);
  for (const bool quantized : {false, true}) {
    SCOPED_TRACE(quantized);
    Builder b;
    const auto through = [&](ir::ValueRef value, float scale) {
      return quantized ? b.Dequantize(b.Quantize(value, scale, 120), scale, 120) : value;
    };
    const auto conv = [&](ir::ValueRef x, int64_t from, int64_t to, int64_t kernel, int64_t group) {
      const ir::Shape dims{to, from / group, kernel, kernel};
      const std::vector<ir::Attribute> window = {
          Int("group", group), Ints("pads", {kernel / 2, kernel / 2, kernel / 2, kernel / 2})};
      if (!quantized) return b.Op("Conv", {x, b.Const(RandomTensor(random, dims, 0.05f))}, window);
      std::vector<int8_t> weights(static_cast<size_t>(*ir::ElementCount(dims)));
      for (int8_t& w : weights)
        w = static_cast<int8_t>(static_cast<int>(random.NextBelow(255)) - 127);
      const auto w =
          b.Op("DequantizeLinear", {b.Const<int8_t>(dims, weights), b.Const<float>({}, {0.001f})});
      return b.Op("Conv", {x, w}, window);
    };
    const ir::ValueRef input = b.Input("x", {1, 24, 56, 56});
    ir::ValueRef x = through(input, 0.03f);
    x = through(b.Op("Relu", {conv(x, 24, 64, 3, 1)}), 0.03f);
    x = through(b.Op("Relu", {conv(x, 64, 64, 3, 64)}), 0.03f);
    x = through(b.Op("MaxPool", {x}, {Ints("kernel_shape", {3, 3}), Ints("strides", {2, 2})}),
                0.03f);
    x = through(conv(x, 64, 128, 1, 1), 0.05f);
    x = b.Op("Reshape", {x, b.Const<int64_t>({2}, {1, 128 * 27 * 27})});
    ir::ValueRef w = b.Const(RandomTensor(random, {128 * 27 * 27, 40}, 0.01f));
    b.Output(b.Op("MatMul", {x, w}));
    const Feeds feeds{{"x", RandomTensor(random, {1, 24, 56, 56})}};
    const int before = ThreadCount();
    SetThreadCount(1);
    const auto alone = RunEngine(b.model, feeds);
    for (const int threads : {2, 3, 4}) {
      SetThreadCount(threads);
      const auto together = RunEngine(b.model, feeds);
      EXPECT_EQ(together[0], alone[0]) << threads << " threads";
    }
    SetThreadCount(before);
  }
}

}  // namespace
}  // namespace assize::engine
