// Resize and Upsample against the reference: all modes, coordinates and policies, in both layouts,
// in floats, bytes and other elements; that they run natively, by rows where samples allow it; and
// that threads and instruction sets do not show in the bits.
#include <set>

#include "lib/engine/kernels/simd.h"
#include "lib/support/parallel.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

using Attributes = std::vector<ir::Attribute>;

std::set<std::string> KernelsOf(const ir::Model& model) {
  auto program = Compile(model);
  EXPECT_TRUE(program.ok()) << program.status();
  std::set<std::string> all;
  if (program.ok()) {
    for (const StepInfo& step : Describe(**program)) all.insert(step.kernel);
  }
  return all;
}

// A window of one element moves nothing, and leaves its result channels-last.
ir::ValueRef ChannelsLast(Builder& b, ir::ValueRef x, size_t rank) {
  return b.Op("MaxPool", {x}, {Ints("kernel_shape", std::vector<int64_t>(rank - 2, 1))});
}

ir::ValueRef ByScales(Builder& b, ir::ValueRef x, const std::vector<float>& scales,
                      const Attributes& attributes) {
  return b.Op("Resize", {x, {}, b.Const<float>({static_cast<int64_t>(scales.size())}, scales)},
              attributes);
}
ir::ValueRef BySizes(Builder& b, ir::ValueRef x, const std::vector<int64_t>& sizes,
                     const Attributes& attributes) {
  return b.Op("Resize", {x, {}, {}, b.Const<int64_t>({static_cast<int64_t>(sizes.size())}, sizes)},
              attributes);
}

const char* const kCoordinates[] = {"half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric",
                                    "align_corners", "asymmetric",         "tf_half_pixel_for_nn"};
const char* const kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

// The sums run as the reference's, in double: one axis after the other they have its very bits.
TEST(Resize, EveryModeInBothLayouts) {
  Philox random(90);
  for (const char* coordinates : kCoordinates) {
    for (const std::string mode : {"nearest", "linear", "cubic"}) {
      SCOPED_TRACE(mode + " " + coordinates);
      Builder b(19);
      const auto x = b.Input("x", {2, 19, 7, 6});
      const auto last = ChannelsLast(b, x, 4);
      for (const auto& input : {x, last}) {
        for (const char* nearest : kNearest) {
          if (mode != "nearest" && nearest != kNearest[0]) continue;
          const Attributes how = {Text("mode", mode),
                                  Text("coordinate_transformation_mode", coordinates),
                                  Text("nearest_mode", nearest)};
          b.Output(ByScales(b, input, {1, 1, 2, 1.7f}, how));
          b.Output(BySizes(b, input, {2, 19, 4, 13}, how));
          b.Output(BySizes(b, input, {2, 19, 7, 3}, how));
        }
      }
      EXPECT_FALSE(KernelsOf(b.model).contains("reference"));
      ExpectAgrees(b, {{"x", RandomTensor(random, {2, 19, 7, 6})}}, 0);
    }
  }
}

// Any number of axes, batch and channels among them, one of them alone, and runs long enough that
// all axes are taken at once.
TEST(Resize, AnyAxes) {
  struct Case {
    ir::Shape dims;
    std::vector<float> scales;
  };
  const Case cases[] = {
      {{9}, {1.5f}},
      {{5, 9}, {1, 2}},
      {{5, 40}, {2, 1}},
      {{3, 4, 9}, {1, 1, 0.6f}},
      {{3, 4, 9}, {1, 2.5f, 1}},
      {{3, 2, 4}, {2, 3, 1}},
      {{1, 1, 6, 5}, {1, 3, 2, 2}},
      {{2, 20, 6, 5}, {1, 1, 2, 1}},
      {{2, 20, 6, 5}, {1, 1, 1, 3}},
      {{2, 20, 6, 5}, {2, 0.5f, 1, 1}},
      {{1, 3, 4, 5, 3}, {1, 1, 2, 1.4f, 3}},
      {{1, 3, 4, 5, 3}, {1, 1, 2, 1, 3}},
      {{1, 1030, 3, 4}, {1, 1, 2, 2}},
      {{2, 3, 4, 2, 3, 2}, {1, 1, 2, 1, 0.7f, 2}},
  };
  Philox random(91);
  for (const Case& c : cases) {
    SCOPED_TRACE(ir::ShapeText(c.dims));
    for (const bool last : {false, true}) {
      if (last && (c.dims.size() < 3 || c.dims.size() > 5)) continue;
      Builder b(19);
      ir::ValueRef x = b.Input("x", c.dims);
      if (last) x = ChannelsLast(b, x, c.dims.size());
      for (const char* mode : {"nearest", "linear", "cubic"})
        b.Output(ByScales(b, x, c.scales, {Text("mode", mode)}));
      EXPECT_FALSE(KernelsOf(b.model).contains("reference"));
      // Three axes at once round their weights' products otherwise: half a unit of the last place.
      ExpectAgrees(b, {{"x", RandomTensor(random, c.dims)}}, 1.2e-7);
    }
  }
}

TEST(Resize, AntialiasPoliciesAxesAndRegions) {
  Philox random(92);
  const ir::Shape dims{2, 5, 12, 9};
  Builder b(19);
  const auto x = b.Input("x", dims), last = ChannelsLast(b, x, 4);
  for (const auto& input : {x, last}) {
    for (const char* mode : {"linear", "cubic"}) {
      for (const int64_t antialias : {0, 1}) {
        for (const int64_t exclude : {0, 1}) {
          const Attributes how = {Text("mode", mode), Int("antialias", antialias),
                                  Int("exclude_outside", exclude), Float("cubic_coeff_a", -0.5f)};
          b.Output(ByScales(b, input, {1, 1, 0.35f, 0.6f}, how));
          b.Output(BySizes(b, input, {2, 5, 3, 20}, how));
        }
      }
    }
    for (const char* policy : {"stretch", "not_larger", "not_smaller"}) {
      for (const char* mode : {"nearest", "linear"}) {
        b.Output(BySizes(
            b, input, {7, 8},
            {Text("mode", mode), Text("keep_aspect_ratio_policy", policy), Ints("axes", {3, 2})}));
      }
    }
    for (const char* mode : {"nearest", "linear", "cubic"}) {
      b.Output(
          b.Op("Resize",
               {input,
                b.Const<float>({4}, {-0.2f, 0.4f, 0.7f, 1.3f}),
                {},
                b.Const<int64_t>({2}, {7, 8})},
               {Text("mode", mode), Text("coordinate_transformation_mode", "tf_crop_and_resize"),
                Float("extrapolation_value", 3.5f), Ints("axes", {-2, -1})}));
    }
  }
  EXPECT_FALSE(KernelsOf(b.model).contains("reference"));
  ExpectAgrees(b, {{"x", RandomTensor(random, dims)}}, 1.2e-7);
}

TEST(Resize, OldForms) {
  Philox random(93);
  for (const int64_t opset : {7, 9, 10, 11, 13}) {
    SCOPED_TRACE(opset);
    Builder b(opset);
    const auto x = b.Input("x", {1, 3, 5, 4});
    for (const char* mode : {"nearest", "linear"}) {
      const std::vector<float> scales{1, 1, 2, 1.5f};
      if (opset == 7) {
        ir::Attribute attribute;
        attribute.name = "scales", attribute.value = scales;
        b.Output(b.Op("Upsample", {x}, {Text("mode", mode), attribute}));
      } else if (opset < 11) {
        b.Output(b.Op(opset == 9 ? "Upsample" : "Resize", {x, b.Const<float>({4}, scales)},
                      {Text("mode", mode)}));
      } else {
        const auto none = b.Const<float>({0}, {});
        b.Output(b.Op("Resize", {x, none, b.Const<float>({4}, scales)}, {Text("mode", mode)}));
        b.Output(b.Op("Resize", {x, none, none, b.Const<int64_t>({4}, {1, 3, 3, 9})},
                      {Text("mode", mode)}));
      }
    }
    EXPECT_FALSE(KernelsOf(b.model).contains("reference"));
    ExpectAgrees(b, {{"x", RandomTensor(random, {1, 3, 5, 4})}}, 0);
  }
}

// Elements of every size move as they are: 1, 2, 4 and 8 bytes, alone and in runs of odd length.
TEST(Resize, NearestOfAnyElement) {
  Philox random(94);
  using ir::DType;
  for (const DType dtype : {DType::kUint8, DType::kInt8, DType::kBool, DType::kFloat16,
                            DType::kInt16, DType::kInt32, DType::kInt64, DType::kDouble}) {
    SCOPED_TRACE(ir::ShortNameOf(dtype));
    const ir::Shape dims{2, 3, 4, 5};
    Builder b(13);
    const auto x = b.Input("x", dims, dtype);
    b.Output(ByScales(b, x, {1, 1, 2, 2}, {}));
    b.Output(ByScales(b, x, {1, 1, 2.6f, 1}, {}));
    b.Output(ByScales(b, x, {1, 2, 1, 1}, {}));
    EXPECT_FALSE(KernelsOf(b.model).contains("reference"));
    const int64_t width = ir::BitsOf(dtype) / 8;
    std::vector<std::byte> bytes(static_cast<size_t>(120 * width));
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = std::byte{static_cast<uint8_t>(random.NextBelow(dtype == DType::kBool ? 2 : 64))};
      if (dtype == DType::kInt64 && i % 8 > 3) bytes[i] = std::byte{0};  // whole in the reference
    }
    ExpectAgrees(b, {{"x", ir::Tensor::FromBytes(dtype, dims, std::move(bytes))}}, 0);
  }
}

// Infinities and what is no number touch the elements that hang on them, and no others: not through
// taps that only fill a table.
TEST(Resize, InfinitiesStayWhereTheyAre) {
  Philox random(95);
  std::vector<float> values = RandomFloats(random, 2 * 6 * 5);
  values[7] = INFINITY, values[28] = -INFINITY, values[40] = NAN, values[55] = 3e38f;
  values[56] = -3e38f;
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    for (const int64_t antialias : {0, 1}) {
      SCOPED_TRACE(fmt::format("{} antialias {}", mode, antialias));
      Builder b(18);
      const auto x = b.Input("x", {1, 2, 6, 5});
      const Attributes how = {Text("mode", mode), Int("antialias", antialias),
                              Text("coordinate_transformation_mode", "align_corners")};
      b.Output(BySizes(b, x, {1, 2, 11, 9}, how));
      // Channels-last, and every element itself: a maximum would leave NaN out.
      const auto last = b.Op("AveragePool", {x}, {Ints("kernel_shape", {1, 1})});
      b.Output(BySizes(b, last, {1, 2, 3, 9}, how));
      const Feeds feeds{{"x", ir::Tensor::Of<float>({1, 2, 6, 5}, values)}};
      const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
      for (size_t i = 0; i < want.size(); ++i) EXPECT_LE(Distance(got[i], want[i]), 1.2e-7);
    }
  }
}

// Between DequantizeLinear and QuantizeLinear bytes stay bytes; each is the reference's.
TEST(Resize, QuantizedStaysInBytes) {
  Philox random(96);
  for (const bool is_signed : {false, true}) {
    for (const bool same : {true, false}) {
      for (const std::string mode : {"nearest", "linear", "cubic"}) {
        SCOPED_TRACE(fmt::format("{} signed {} same grid {}", mode, is_signed, same));
        const int zero = is_signed ? -9 : 117;
        Builder b(13);
        const auto x = b.Dequantize(b.Quantize(b.Input("x", {2, 21, 6, 7}), 0.03f, zero, is_signed),
                                    0.03f, zero, is_signed);
        // As a quantized pool leaves it.
        const auto last = b.Dequantize(b.Quantize(ChannelsLast(b, x, 4), 0.03f, zero, is_signed),
                                       0.03f, zero, is_signed);
        for (const auto& input : {x, last}) {
          for (const float scale : {2.0f, 1.5f}) {
            const auto y = ByScales(b, input, {1, 1, 2, scale}, {Text("mode", mode)});
            b.Output(same ? b.Quantize(y, 0.03f, zero, is_signed)
                          : b.Quantize(y, 0.021f, 40, !is_signed));
          }
        }
        const std::set<std::string> kernels = KernelsOf(b.model);
        EXPECT_FALSE(kernels.contains("reference"));
        EXPECT_FALSE(kernels.contains("own:dequantize"));
        EXPECT_TRUE(kernels.contains(mode == "nearest" ? "own:resize:nearest" : "own:resize:int8"));
        ExpectAgrees(b, {{"x", RandomTensor(random, {2, 21, 6, 7})}}, 0);
      }
    }
  }
}

// Runs of `model` that one session needed for a batch.
int64_t RunsFor(const ir::Model& model, const Feeds& feeds) {
  Session session(*Compile(model));
  session.set_profiling(true);
  EXPECT_TRUE(session.Run(feeds).ok());
  const auto profile = session.Profile();
  return profile.empty() ? 0 : profile[0].runs;
}

// Sizes that follow from the batch itself, as exporters write them: the samples still run one by
// one. Where the batch changes, they do not.
TEST(Resize, BatchesRunByRowsUnlessTheBatchChanges) {
  Philox random(97);
  const Feeds feeds{{"x", RandomTensor(random, {3, 4, 6, 5})}};
  {
    Builder b(13);
    const auto x = b.Batch("x", {4, 6, 5});
    const auto front =
        b.Op("Slice", {b.Op("Shape", {x}), b.Const<int64_t>({1}, {0}), b.Const<int64_t>({1}, {2})});
    const auto sizes = b.Op("Concat", {front, b.Const<int64_t>({2}, {12, 9})}, {Int("axis", 0)});
    b.Output(b.Op("Relu", {b.Op("Resize", {x, {}, {}, sizes}, {Text("mode", "linear")})}));
    EXPECT_EQ(RunsFor(b.model, feeds), 3);
    ExpectAgrees(b, feeds, 0);
  }
  Builder b(13);
  b.Output(
      b.Op("Relu", {BySizes(b, b.Batch("x", {4, 6, 5}), {6, 4, 6, 5}, {Text("mode", "linear")})}));
  EXPECT_EQ(RunsFor(b.model, feeds), 1);
  ExpectAgrees(b, feeds, 0);
}

// What no rule allows is refused in the reference's words, and what only a run knows runs there.
TEST(Resize, RefusalsAndScalesThatRun) {
  Philox random(98);
  const Feeds feeds{{"x", RandomTensor(random, {1, 1, 4, 4})}};
  for (const std::vector<float>& scales : std::vector<std::vector<float>>{
           {1, 1, 0, 2}, {1, 1, -1, 2}, {1, 1, NAN, 2}, {1, 1, INFINITY, 2}, {2, 2}}) {
    Builder b(13);
    b.Output(ByScales(b, b.Input("x", {1, 1, 4, 4}), scales, {}));
    const auto program = Compile(b.model);
    const Status status = program.ok() ? Session(*program).Run(feeds).status() : program.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << fmt::format("{}", fmt::join(scales, " "));
  }
  Builder b(13);
  b.Output(b.Op("Resize", {b.Input("x", {1, 1, 4, 4}), {}, b.Input("s", {4})}));
  Feeds both = feeds;
  both["s"] = ir::Tensor::Of<float>({4}, {1, 1, 2, 1.5f});
  ExpectAgrees(b, both, 0);
}

TEST(Resize, ThreadsAndInstructionSetsDoNotShow) {
  Philox random(99);
  Builder b(13);
  const auto x = b.Input("x", {1, 24, 33, 40});
  const auto q = b.Dequantize(b.Quantize(x, 0.03f, 120), 0.03f, 120);
  for (const auto& input : {x, ChannelsLast(b, x, 4), q}) {
    for (const char* mode : {"nearest", "linear", "cubic"}) {
      const auto y = ByScales(b, input, {1, 1, 2.3f, 3}, {Text("mode", mode)});
      b.Output(input == q ? b.Quantize(y, 0.03f, 120) : y);
      b.Output(ByScales(b, input, {1, 1, 5, 1}, {Text("mode", mode)}));
    }
  }
  const Feeds feeds{{"x", RandomTensor(random, {1, 24, 33, 40})}};
  const int before = ThreadCount();
  SetThreadCount(1);
  const auto want = RunEngine(b.model, feeds);
  for (const int level : {0, 1, 2}) {
    simd::LimitLevel(level);
    SetThreadCount(level == 1 ? 1 : 5);
    const auto got = RunEngine(b.model, feeds);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], want[i]) << level << " " << i;
  }
  simd::LimitLevel(2);
  SetThreadCount(before);
}

}  // namespace
}  // namespace assize::engine
