// A mismatch teaches: the exact words that scripts and people see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/data/dataset.h"

namespace assize::data {
namespace {

Dataset Images(const Array& raw, const Preprocessing& p = {}) {
  return *Dataset::Create("t", {{"x", "images", raw, p}}, std::nullopt, std::nullopt, {});
}

std::string Check(const Dataset& set, const std::string& dtype, std::vector<int64_t> dims) {
  WantedInput wanted;
  wanted.name = "x";
  wanted.dtype = dtype;
  wanted.dims = std::move(dims);
  return Message(CheckFeed(set, std::vector<WantedInput>{wanted}));
}

template <typename T>
Array Zeros(std::vector<int64_t> shape) {
  return Array::Of<T>(shape, std::vector<T>(static_cast<size_t>(*ElementCount(shape))));
}

TEST(CheckFeed, TeachesLayoutAndScale) {
  EXPECT_EQ(Check(Images(Zeros<uint8_t>({624, 28, 28})), "f32", {-1, 1, 28, 28}),
            "images: u8 [624,28,28], input \"x\" wants f32 [N,1,28,28]; try layout HW->NCHW, scale "
            "1/255");
  EXPECT_EQ(
      Check(Images(Zeros<uint8_t>({5, 32, 32, 3})), "f32", {1, 3, 32, 32}),
      "images: u8 [5,32,32,3], input \"x\" wants f32 [1,3,32,32]; try layout HWC->NCHW, scale "
      "1/255");
}

TEST(CheckFeed, TeachesReshapeAndDtype) {
  EXPECT_EQ(Check(Images(Zeros<int8_t>({5, 490})), "f32", {-1, 1, 49, 10}),
            "images: i8 [5,490], input \"x\" wants f32 [N,1,49,10]; try reshape [1,49,10], "
            "zero_point and scale of the stored values");
  EXPECT_EQ(Check(Images(Zeros<double>({5, 30})), "f32", {-1, 30}),
            "images: f64 [5,30], input \"x\" wants f32 [N,30]; try dtype f32");
}

TEST(CheckFeed, WhatIsDeclaredIsShown) {
  Preprocessing p;
  p.scale = 0.5;
  EXPECT_EQ(Check(Images(Zeros<uint8_t>({5, 28, 28}), p), "f32", {-1, 1, 28, 28}),
            "images: u8 [5,28,28] becomes f32 [5,28,28] by scale 0.5, input \"x\" wants f32 "
            "[N,1,28,28]; try layout HW->NCHW");
}

TEST(CheckFeed, NothingToSuggestIsNotInvented) {
  EXPECT_EQ(Check(Images(Zeros<float>({5, 7})), "f32", {-1, 30}),
            "images: f32 [5,7], input \"x\" wants f32 [N,30]");
}

TEST(CheckFeed, FitsAndUnknownShapes) {
  Preprocessing p;
  p.scale = 1.0 / 255;
  p.layout = "HW->NCHW";
  const Dataset fitting = Images(Zeros<uint8_t>({5, 28, 28}), p);
  EXPECT_EQ(Check(fitting, "f32", {-1, 1, 28, 28}), "");
  EXPECT_EQ(Check(fitting, "f32", {1, 1, -1, -1}), "");
  WantedInput unknown;
  unknown.name = "x";
  unknown.dtype = "f32";
  unknown.unknown_shape = true;
  EXPECT_TRUE(CheckFeed(fitting, std::vector<WantedInput>{unknown}).ok());
  unknown.name = "z";
  EXPECT_FALSE(CheckFeed(fitting, std::vector<WantedInput>{unknown}).ok());
}

}  // namespace
}  // namespace assize::data
