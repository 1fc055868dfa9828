// Typed views over versions, windows, constants, and traits.
#include "lib/analysis/ops.h"

#include <gtest/gtest.h>

#include "lib/analysis/node_key.h"
#include "lib/analysis/traits.h"
#include "tests/passes/testing_models.h"

namespace assize::analysis {
namespace {

using assize::testing::Attr;
using assize::testing::Floats;
using assize::testing::GraphBuilder;
using assize::testing::Int;
using assize::testing::Ints;
using assize::testing::Longs;
using assize::testing::MakeModel;
using ::testing::HasSubstr;

class OpsTest : public ::testing::Test {
 protected:
  ir::NodeRef node(const std::string& output) {
    return model_.graph.value(b_.Get(output)).producer;
  }
  ir::Model model_ = MakeModel();
  GraphBuilder b_{model_.graph};
};

TEST_F(OpsTest, WhatMovedToInputsReadsTheSameInBothForms) {
  b_.Input("x", {"4", "4"}).Init("lo", ir::Tensor::Scalar<float>(-1)).Init("axes", Longs({1}));
  b_.Node("Clip", {"x"}, {"old"}, {Attr("min", -1.0f)}).Node("Clip", {"x", "lo"}, {"new"});
  b_.Node("ReduceSum", {"x"}, {"rold"}, {Ints("axes", {1})})
      .Node("ReduceSum", {"x", "axes"}, {"rnew"});
  const auto old_clip = *ClipOp::From(model_.graph, node("old"), 10);
  const auto new_clip = *ClipOp::From(model_.graph, node("new"), 13);
  EXPECT_EQ(old_clip.min.Constant(model_.graph), -1.0);
  EXPECT_EQ(new_clip.min.Constant(model_.graph), -1.0);
  EXPECT_FALSE(new_clip.max.given());
  EXPECT_EQ(ReduceOp::From(model_.graph, node("rold"), 12)->axes.Constant(model_.graph),
            std::vector<int64_t>{1});
  EXPECT_EQ(ReduceOp::From(model_.graph, node("rnew"), 13)->axes.Constant(model_.graph),
            std::vector<int64_t>{1});
  // Every other reduction moved in 18: at 13 its second input is not read.
  EXPECT_FALSE(SoftmaxOp::From(model_.graph, node("old"), 13).ok());
}

TEST_F(OpsTest, ErrorsNameTheNodeAndTheAttribute) {
  b_.Input("x", {"1", "1", "4", "4"}).Input("w", {"1", "1", "3", "3"});
  b_.Node("Conv", {"x", "w"}, {"a"}, {Attr("group", 1.0f)})
      .Node("Conv", {"x", "w"}, {"c"}, {Attr("auto_pad", std::string("SOME"))});
  b_.Node("Conv", {"x", ""}, {"m"});
  EXPECT_THAT(Message(ConvOp::From(model_.graph, node("a"), 13).status()),
              HasSubstr("attribute \"group\" has type number 1"));
  EXPECT_THAT(Message(ConvOp::From(model_.graph, node("c"), 13).status()),
              HasSubstr("auto_pad is \"SOME\""));
  EXPECT_THAT(Message(ConvOp::From(model_.graph, node("m"), 13).status()),
              HasSubstr("input 1 is missing"));
}

TEST_F(OpsTest, AReferenceToAFunctionsAttributeIsNotReadAsTheDefault) {
  b_.Input("x", {"1", "1", "4", "4"}).Input("w", {"1", "1", "3", "3"});
  ir::Attribute group = Int("group", 1);
  group.value = {};
  group.ref_name = "g";
  b_.Node("Conv", {"x", "w"}, {"a"}, {group});
  EXPECT_THAT(Message(ConvOp::From(model_.graph, node("a"), 13).status()),
              HasSubstr("refers to \"g\""));
}

TEST_F(OpsTest, ConstantsComeFromInitializersAndNodesAndNeverFromInputsWithDefaults) {
  ir::NamedTensor five;
  five.tensor = ir::Tensor::Scalar<float>(5);
  b_.Init("i", ir::Tensor::Scalar<float>(4))
      .Node("Constant", {}, {"c"}, {Attr("value", five)})
      .Node("Identity", {"c"}, {"d"});
  b_.Input("w", {});
  ir::NamedTensor w;
  w.name = "w";
  w.tensor = ir::Tensor::Scalar<float>(6);
  b_.edit().SetInitializer("w", w);
  EXPECT_EQ(ConstantValue(model_.graph, b_.Get("i"))->data<float>()[0], 4);
  EXPECT_EQ(ConstantValue(model_.graph, b_.Get("d"))->data<float>()[0], 5);
  EXPECT_FALSE(ConstantValue(model_.graph, b_.Get("w")).has_value());
  EXPECT_FALSE(ConstantValue(model_.graph, {}).has_value());
}

TEST(Window, SizesAndPads) {
  const auto apply = [](Window w, std::vector<int64_t> spatial) {
    return w.Filled(spatial.size())->Apply(spatial);
  };
  EXPECT_EQ(
      apply({.kernel_shape = {3}, .strides = {2}, .dilations = {}, .pads = {1, 1}}, {8})->output[0],
      4);
  EXPECT_EQ(
      apply({.kernel_shape = {3}, .strides = {}, .dilations = {2}, .pads = {}}, {8})->output[0], 4);
  const auto upper = apply({.kernel_shape = {4},
                            .strides = {2},
                            .dilations = {},
                            .pads = {},
                            .auto_pad = AutoPad::kSameUpper},
                           {7});
  EXPECT_EQ(upper->output[0], 4);
  EXPECT_EQ(upper->pads, (std::vector<int64_t>{1, 2}));
  const auto lower = apply({.kernel_shape = {4},
                            .strides = {2},
                            .dilations = {},
                            .pads = {},
                            .auto_pad = AutoPad::kSameLower},
                           {7});
  EXPECT_EQ(lower->pads, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(apply({.kernel_shape = {2},
                   .strides = {2},
                   .dilations = {},
                   .pads = {},
                   .auto_pad = AutoPad::kNotSet,
                   .ceil_mode = true},
                  {5})
                ->output[0],
            3);
  // The last window would start in the end padding.
  EXPECT_EQ(apply({.kernel_shape = {1},
                   .strides = {2},
                   .dilations = {},
                   .pads = {0, 1},
                   .auto_pad = AutoPad::kNotSet,
                   .ceil_mode = true},
                  {2})
                ->output[0],
            1);
}

TEST(Window, RefusesWhatCannotBe) {
  const Window window{.kernel_shape = {5}, .strides = {}, .dilations = {}, .pads = {}};
  EXPECT_THAT(Message(window.Filled(1)->Apply({3}).status()),
              HasSubstr("a window of 5 over dim 2 of 3"));
  EXPECT_FALSE(window.Filled(2).ok());
  Window zero = window;
  zero.strides = {0};
  EXPECT_FALSE(zero.Filled(1).ok());
  Window huge = window;
  huge.dilations = {INT64_MAX};
  EXPECT_FALSE(huge.Filled(1).ok());
}

TEST_F(OpsTest, TransposedWindowsGrowAndTakeGivenShapes) {
  b_.Input("x", {"1", "1", "3"}).Input("w", {"1", "1", "3"});
  b_.Node("ConvTranspose", {"x", "w"}, {"a"},
          {Ints("strides", {2}), Ints("pads", {1, 1}), Ints("output_padding", {1})});
  b_.Node("ConvTranspose", {"x", "w"}, {"b"}, {Ints("strides", {2}), Ints("output_shape", {6})});
  auto a = *ConvTransposeOp::From(model_.graph, node("a"), 13);
  a.window = *a.window.Filled(1);
  a.window.kernel_shape = {3};
  EXPECT_EQ(a.Apply({3})->output[0], 2 * 2 + 1 + 3 - 2);
  auto b = *ConvTransposeOp::From(model_.graph, node("b"), 13);
  b.window = *b.window.Filled(1);
  b.window.kernel_shape = {3};
  EXPECT_EQ(b.Apply({3})->output[0], 6);
  EXPECT_EQ(b.Apply({3})->pads, (std::vector<int64_t>{1, 0}));
}

TEST_F(OpsTest, TraitsAndKeys) {
  b_.Input("x", {"4"})
      .Init("on", ir::Tensor::Scalar<bool>(true))
      .Init("c", Floats({1}, {1}))
      .Init("d", Floats({1}, {1}))
      .Init("e", Floats({1, 1}, {1}));
  b_.Node("RandomNormalLike", {"x"}, {"r"})
      .Node("Dropout", {"x", "", "on"}, {"t"})
      .Node("Dropout", {"x"}, {"i"});
  b_.Node("Add", {"x", "c"}, {"a1"})
      .Node("Add", {"x", "d"}, {"a2"})
      .Node("Add", {"x", "e"}, {"a3"})
      .Node("Custom", {"x"}, {"u"}, {}, "com.example");
  EXPECT_TRUE(IsRandom(model_.graph, node("r")));
  EXPECT_TRUE(IsRandom(model_.graph, node("t")));
  EXPECT_FALSE(IsRandom(model_.graph, node("i")));
  EXPECT_FALSE(IsPure(model_.graph.node(node("u"))));
  EXPECT_EQ(NodeKey(model_.graph, node("a1")), NodeKey(model_.graph, node("a2")));
  EXPECT_NE(NodeKey(model_.graph, node("a1")), NodeKey(model_.graph, node("a3")));
  EXPECT_FALSE(NodeKey(model_.graph, node("r")).has_value());
  EXPECT_FALSE(NodeKey(model_.graph, node("u")).has_value());
}

}  // namespace
}  // namespace assize::analysis
