// InstanceNormalization and GroupNormalization against the reference, in both layouts; that they
// run natively; and that threads and instruction sets do not show in the bits.
#include "lib/engine/kernels/simd.h"
#include "lib/support/parallel.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

void ExpectNative(const Builder& b) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  for (const StepInfo& step : Describe(**program))
    EXPECT_NE(step.kernel, "reference") << step.op_type;
}

ir::ValueRef ChannelsLast(Builder& b, ir::ValueRef x) {
  return b.Op("MaxPool", {x}, {Ints("kernel_shape", {1, 1})});
}

// Sums are in double, so only the last rounding may differ, and products that cancel after it.
constexpr double kClose = 5e-7;

TEST(GroupNorm, InstancesOfEveryShape) {
  Philox random(70);
  for (const ir::Shape& dims : std::vector<ir::Shape>{{2, 5},
                                                      {2, 3, 40},
                                                      {1, 1, 7, 5},
                                                      {2, 21, 3, 5},
                                                      {3, 16, 1, 1},
                                                      {1, 70, 20, 19},
                                                      {1, 3, 4, 5, 6}}) {
    SCOPED_TRACE(ir::ShapeText(dims));
    Builder b;
    const auto x = b.Input("x", dims), gain = b.Input("gain", {dims[1]});
    const auto shift = b.Const(RandomTensor(random, {dims[1]}));
    const std::vector<ir::Attribute> epsilon = {Float("epsilon", 0.02f)};
    b.Output(b.Op("InstanceNormalization", {x, gain, shift}, epsilon));
    if (dims.size() == 4)
      b.Output(b.Op("InstanceNormalization", {ChannelsLast(b, x), gain, shift}));
    ExpectNative(b);
    // Far from 0: a difference of squares would leave nothing.
    std::vector<float> values = RandomFloats(random, ir::ElementCount(dims).value());
    for (float& value : values) value += 30;
    ExpectAgrees(
        b, {{"x", ir::Tensor::Of<float>(dims, values)}, {"gain", RandomTensor(random, {dims[1]})}},
        kClose);
  }
}

// Gain and shift are of a group in opset 18, of a channel from 21 on.
TEST(GroupNorm, GroupsOfChannels) {
  Philox random(71);
  for (const int64_t opset : {18, 21}) {
    for (const int64_t groups : {1, 3, 8, 24}) {
      SCOPED_TRACE(fmt::format("opset {} groups {}", opset, groups));
      for (const ir::Shape& dims :
           std::vector<ir::Shape>{{2, 24, 6, 5}, {1, 24, 40, 33}, {3, 24, 9}}) {
        Builder b(opset);
        const auto x = b.Input("x", dims);
        const ir::Shape affine{opset == 18 ? groups : 24};
        const auto gain = b.Const(RandomTensor(random, affine));
        const auto shift = b.Const(RandomTensor(random, affine));
        b.Output(b.Op("GroupNormalization", {x, gain, shift}, {Int("num_groups", groups)}));
        if (dims.size() == 4)
          b.Output(b.Op("GroupNormalization", {ChannelsLast(b, x), gain, shift},
                        {Int("num_groups", groups), Float("epsilon", 0.1f)}));
        ExpectNative(b);
        ExpectAgrees(b, {{"x", RandomTensor(random, dims)}}, kClose);
      }
    }
  }
}

// Gain and shift that are x itself, seen with other dims: nothing may be written over them.
TEST(GroupNorm, GainThatIsAViewOfTheInput) {
  Philox random(72);
  Builder b;
  const auto x = b.Op("Exp", {b.Input("x", {1, 4, 4})});
  const auto whole = b.Op("Reshape", {x, b.Const<int64_t>({3}, {1, 16, 1})});
  const auto flat = b.Op("Reshape", {x, b.Const<int64_t>({1}, {16})});
  b.Output(b.Op("InstanceNormalization", {whole, flat, flat}));
  ExpectAgrees(b, {{"x", RandomTensor(random, {1, 4, 4})}}, kClose);
}

// A batch gives each sample what it would get alone.
TEST(GroupNorm, SamplesThreadsAndInstructionSetsDoNotShow) {
  Philox random(73);
  Builder b(21);
  const auto x = b.Batch("x", {48, 37, 41}), last = ChannelsLast(b, x);
  const auto gain = b.Const(RandomTensor(random, {48})),
             shift = b.Const(RandomTensor(random, {48}));
  for (const auto& input : {x, last}) {
    b.Output(b.Op("GroupNormalization", {input, gain, shift}, {Int("num_groups", 6)}));
    b.Output(b.Op("InstanceNormalization", {input, gain, shift}));
  }
  const ir::Tensor two = RandomTensor(random, {2, 48, 37, 41});
  const int64_t half = two.element_count() / 2;
  const auto floats = two.data<float>();
  const ir::Tensor second =
      ir::Tensor::Of<float>({1, 48, 37, 41}, {floats.begin() + half, floats.end()});
  const int before = ThreadCount();
  SetThreadCount(1);
  const auto want = RunEngine(b.model, {{"x", two}});
  for (const int level : {0, 1, 2}) {
    simd::LimitLevel(level);
    SetThreadCount(level == 1 ? 1 : 5);
    const auto got = RunEngine(b.model, {{"x", two}}), alone = RunEngine(b.model, {{"x", second}});
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i], want[i]) << level << " " << i;
      const auto part = got[i].data<float>();
      EXPECT_TRUE(std::equal(part.begin() + half, part.end(), alone[i].data<float>().begin()))
          << level << " " << i;
    }
  }
  simd::LimitLevel(2);
  SetThreadCount(before);
}

}  // namespace
}  // namespace assize::engine
