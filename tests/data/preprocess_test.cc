// Preprocessing: exact values, layouts, and declarations that do not fit.
#include "lib/data/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assize::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kFirst[] = {0};

Array Apply(const Preprocessing& p, const Array& raw, std::span<const int64_t> rows = kFirst) {
  StatusOr<Array> result = ApplyPreprocessing(p, raw, rows, "t");
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : Array();
}

TEST(ApplyPreprocessing, ScaledBytesAreNumPysForAll256) {
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
  Preprocessing p;
  p.scale = 1.0 / 255;
  const Array result = Apply(p, Array::Of<uint8_t>({1, 256}, bytes));
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(result.As<float>()[i], static_cast<float>(i) / 255.0f) << i;
  }
}

TEST(ApplyPreprocessing, AffineThenMeanAndDeviationByChannel) {
  Preprocessing p;
  p.zero_point = 83;
  p.scale = 0.5847029;
  EXPECT_EQ(Apply(p, Array::Of<int8_t>({1, 2}, {-128, 84})).As<float>()[0],
            static_cast<float>(-211 * 0.5847029));
  p = Preprocessing();
  p.scale = 0.5;
  p.mean = {1, 2};
  p.std = {2, 4};
  p.layout = "HWC->NCHW";
  // [1,1,2,2]: pixels (10,20) and (30,40)
  const Array result = Apply(p, Array::Of<uint8_t>({1, 1, 2, 2}, {10, 20, 30, 40}));
  EXPECT_EQ(result.ToString(), "f32 [1,2,1,2]");
  EXPECT_THAT(result.As<float>(), ElementsAre(2, 7, 2, 4.5f));
}

TEST(ApplyPreprocessing, LayoutsMoveElementsAndKeepDtypes) {
  Preprocessing p;
  p.layout = "HW->NCHW";
  const Array image = Array::Of<uint8_t>({2, 2, 3}, {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15});
  const std::vector<int64_t> rows = {1};
  const Array inserted = Apply(p, image, rows);
  EXPECT_EQ(inserted.ToString(), "u8 [1,1,2,3]");
  EXPECT_EQ(inserted.As<uint8_t>()[0], 10);
  p.layout = "NHW->NWH";
  const Array turned = Apply(p, image, rows);
  EXPECT_EQ(turned.ToString(), "u8 [1,3,2]");
  EXPECT_THAT(turned.As<uint8_t>(), ElementsAre(10, 13, 11, 14, 12, 15));
  p.layout = "";
  p.reshape = {3, -1};
  p.dtype = DType::kF32;
  const Array reshaped = Apply(p, image, rows);
  EXPECT_EQ(reshaped.ToString(), "f32 [1,3,2]");
  EXPECT_THAT(reshaped.As<float>(), ElementsAre(10, 11, 12, 13, 14, 15));
}

TEST(ApplyPreprocessing, NotFiniteNamesRowAndElement) {
  const Array raw = Array::Of<float>({3, 2}, {1, 2, 3, 4, 5, NAN});
  const std::vector<int64_t> rows = {0, 2};
  const Status status = ApplyPreprocessing({}, raw, rows, "x.npz[x]").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("x.npz[x]: row 2, element 1 is nan"));
  Preprocessing p;
  p.scale = 1e30;  // overflows float32
  EXPECT_FALSE(ApplyPreprocessing(p, Array::Of<float>({1, 1}, {1e20f}), kFirst, "x").ok());
}

TEST(ParseLayout, RefusesWhatIsNoPermutation) {
  for (const char* text : {"HW", "HW->CHW", "HWC->NHW", "HH->NHW", "HW->NHHW", "hw->Nhw",
                           "HNW->NHW", "HW->N->HW", "->"}) {
    EXPECT_EQ(ParseLayout(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  const Layout layout = *ParseLayout("HWC->NCHW");
  EXPECT_THAT(layout.source, ElementsAre(2, 0, 1));
  EXPECT_EQ(layout.channel, 0);
}

TEST(PreprocessedType, DeclarationsThatDoNotFit) {
  const std::vector<int64_t> shape = {5, 28, 28};
  const auto message = [&](const Preprocessing& p) {
    return Message(PreprocessedType(p, DType::kU8, shape).status());
  };
  Preprocessing p;
  p.layout = "HWC->NCHW";
  EXPECT_THAT(message(p), HasSubstr("[28,28]"));
  p = Preprocessing();
  p.reshape = {1, 27, 28};
  EXPECT_THAT(message(p), HasSubstr("784 elements, not 756"));
  p.reshape = {-1, -1};
  EXPECT_THAT(message(p), HasSubstr("one may be -1"));
  p = Preprocessing();
  p.std = {0};
  EXPECT_THAT(message(p), HasSubstr("std must be above 0"));
  p.std = {1, 2, 3};
  p.layout = "HW->NCHW";
  EXPECT_THAT(message(p), HasSubstr("3 values, but a row [1,28,28] has 1 channels"));
}

TEST(Preprocessing, TextAndJsonSayTheSame) {
  Preprocessing p;
  p.scale = 1.0 / 255;
  p.mean = {0.485, 0.456, 0.406};
  p.layout = "HWC->NCHW";
  p.dtype = DType::kF16;
  EXPECT_EQ(p.ToText(),
            "scale 0.00392156862745098, mean [0.485,0.456,0.406], layout HWC->NCHW, dtype f16");
  EXPECT_EQ(Preprocessing::FromJson(p.ToJson(), "")->ToText(), p.ToText());
  EXPECT_FALSE(Preprocessing::FromJson({{"scale", 1}, {"sclae", 1}}, "").ok());
}

}  // namespace
}  // namespace assize::data
