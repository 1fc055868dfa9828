// Arrays: sizes that overflow, conversions that would lose something.
#include "lib/data/array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assize::data {
namespace {

using ::testing::HasSubstr;

TEST(ElementCount, OverflowNegativeAndZero) {
  const std::vector<int64_t> wraps = {int64_t{1} << 32, int64_t{1} << 32};
  EXPECT_EQ(ElementCount(wraps).status().code(), StatusCode::kResourceExhausted);
  const std::vector<int64_t> negative = {4, -1};
  EXPECT_EQ(ElementCount(negative).status().code(), StatusCode::kInvalidArgument);
  const std::vector<int64_t> zero = {0, INT64_MAX, INT64_MAX};
  EXPECT_EQ(*ElementCount(zero), 0);
  EXPECT_EQ(*ElementCount({}), 1);
}

TEST(Array, BytesMustBeTheShapes) {
  EXPECT_FALSE(Array::FromBytes(DType::kF32, {2, 3}, std::vector<std::byte>(23)).ok());
  const Array array = Array::Of<uint8_t>({624, 28, 28}, std::vector<uint8_t>(624 * 784));
  EXPECT_EQ(array.ToString(), "u8 [624,28,28]");
  EXPECT_EQ(array.row_elements(), 784);
}

TEST(Array, UnalignedViewsAreCopied) {
  auto memory = std::make_shared<std::vector<std::byte>>(41);
  for (size_t i = 0; i < memory->size(); ++i) (*memory)[i] = static_cast<std::byte>(i);
  const std::span<const std::byte> odd = std::span<const std::byte>(*memory).subspan(1, 40);
  const Array array = *Array::View(DType::kI64, {5}, odd, memory);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(array.bytes.data()) % 8, 0u);
  EXPECT_EQ(array.As<int64_t>()[0], 0x0807060504030201);
}

TEST(Half, EveryValueSurvivesAndRoundsToEven) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float value = HalfToFloat(static_cast<uint16_t>(half));
    if (std::isnan(value)) continue;
    EXPECT_EQ(FloatToHalf(value), half) << half;
  }
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24f);
  EXPECT_EQ(HalfToFloat(0x3555), 0.333251953125f);
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-11f), 0x3c00);             // tie: to even
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-10f + 0x1p-11f), 0x3c02);  // tie: to even
  EXPECT_EQ(FloatToHalf(65519.996f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);
}

TEST(Cast, RefusesWhatWouldBeLost) {
  EXPECT_FALSE(Cast(Array::Of<int64_t>({1}, {256}), DType::kU8).ok());
  EXPECT_FALSE(Cast(Array::Of<int8_t>({1}, {-1}), DType::kU64).ok());
  EXPECT_FALSE(Cast(Array::Of<double>({1}, {0.5}), DType::kI32).ok());
  EXPECT_FALSE(Cast(Array::Of<double>({1}, {NAN}), DType::kI32).ok());
  EXPECT_FALSE(Cast(Array::Of<float>({1}, {0x1p63f}), DType::kI64).ok());
  const Array wide = *Cast(Array::Of<double>({2}, {-3, 0x1p53}), DType::kI64);
  EXPECT_EQ(wide.As<int64_t>()[1], int64_t{1} << 53);
  // A u64 goes to float in one rounding: through double this would round twice and come out one
  // step lower.
  const uint64_t once = (uint64_t{1} << 63) + (uint64_t{1} << 39) + 1;
  EXPECT_EQ(Cast(Array::Of<uint64_t>({1}, {once}), DType::kF32)->As<float>()[0], 0x1p63f + 0x1p40f);
}

TEST(TakeRows, InOrderAndInRange) {
  const Array array = Array::Of<int32_t>({3, 2}, {0, 1, 10, 11, 20, 21});
  const std::vector<int64_t> rows = {2, 0, 2};
  const Array taken = *TakeRows(array, rows);
  EXPECT_THAT(taken.As<int32_t>(), ::testing::ElementsAre(20, 21, 0, 1, 20, 21));
  const std::vector<int64_t> beyond = {3};
  EXPECT_EQ(TakeRows(array, beyond).status().code(), StatusCode::kOutOfRange);
}

TEST(ParseDType, NamesAndNeighbours) {
  EXPECT_EQ(*ParseDType("float32"), DType::kF32);
  EXPECT_EQ(*ParseDType("u8"), DType::kU8);
  EXPECT_THAT(Message(ParseDType("flaot32").status()), HasSubstr("did you mean \"float32\""));
}

}  // namespace
}  // namespace assize::data
