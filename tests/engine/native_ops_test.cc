// Ops that came to run natively, each against the reference over seeded shapes and attributes; and
// that they do run natively.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

void ExpectNative(const Builder& b) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  for (const StepInfo& step : Describe(**program)) EXPECT_NE(step.kernel, "reference") << step.op_type;
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
      for (const char* op : {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1",
                             "ReduceL2"}) {
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
  const float odd[] = {0.0f, -0.0f, 0.7f, -0.7f, 1e20f, -1e20f, INFINITY, -INFINITY, NAN, 300, -129};
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
    ExpectAgrees(b, {{"x", RandomTensor(random, {4, 5, 6})},
                     {"i", ir::Tensor::Of<int64_t>({2, 3}, {0, 3, -1, -4, 1, 2})}}, 0);
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
          b.Output(b.Op("LRN", {v}, {Int("size", size), Float("alpha", 0.3f), Float("beta", beta),
                                     Float("bias", 1.5f)}));
        }
        ExpectNative(b);
        ExpectAgrees(b, {{"x", RandomTensor(random, {2, channels, 3, 5})}});
      }
    }
  }
}

}  // namespace
}  // namespace assize::engine
