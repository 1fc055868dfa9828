// Where pairs stand: on what integer layers read, nowhere else; one scale through what only moves
// elements.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "passes/quantize/placement.h"
#include "tests/passes/quantize_testing.h"

namespace assize::passes::quantize {
namespace {

using assize::testing::GraphBuilder;
using assize::testing::Int;
using assize::testing::Ints;
using assize::testing::MakeModel;
using assize::testing::Normal;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct Placed {
  std::vector<std::string> pairs;              // names
  std::map<std::string, size_t> range;         // by name
  std::map<std::string, std::string> skipped;  // reason by label
  std::vector<std::vector<std::string>> observed;
};

Placed PlaceIn(const ir::Model& model, const PlacementOptions& options = {}) {
  const analysis::TypeTable types =
      analysis::InferTypesLeniently(model, {.ignore_declared = true}, nullptr);
  const Placement placement = Place(model, types, {}, options);
  Placed placed;
  for (const Pair& pair : placement.pairs) {
    const std::string& name = model.graph.value(pair.value).name;
    placed.pairs.push_back(name);
    placed.range[name] = pair.range;
  }
  for (const Skipped& skip : placement.skipped) placed.skipped[skip.node] = skip.reason;
  for (const SharedRange& range : placement.ranges) {
    placed.observed.emplace_back();
    for (const ir::ValueRef value : range.observe)
      placed.observed.back().push_back(model.graph.value(value).name);
  }
  return placed;
}

TEST(Placement, NoneBehindALayerNoneOnLogits) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "3", "8", "8"})
      .Init("w", Normal({4, 3, 3, 3}, 1))
      .Init("b", Normal({4}, 2))
      .Init("v", Normal({2, 4, 1, 1}, 3))
      .Node("Conv", {"x", "w", "b"}, {"c"})
      .Node("Relu", {"c"}, {"r"})
      .Node("Conv", {"r", "v"}, {"y"})
      .Output("y");
  EXPECT_THAT(PlaceIn(model).pairs, ElementsAre("x", "r"));
  EXPECT_THAT(PlaceIn(model, {.quantize_outputs = true}).pairs, ElementsAre("x", "r", "y"));
}

TEST(Placement, WhatMovesElementsSharesItsScale) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "3", "8", "8"})
      .Init("w", Normal({4, 3, 1, 1}, 1))
      .Init("u", Normal({4, 3, 1, 1}, 2))
      .Init("v", Normal({128, 5}, 3))
      .Node("Conv", {"x", "w"}, {"a"})
      .Node("Conv", {"x", "u"}, {"b"})
      .Node("Concat", {"a", "b"}, {"k"}, {Int("axis", 1)})
      .Node("MaxPool", {"k"}, {"p"}, {Ints("kernel_shape", {2, 2}), Ints("strides", {2, 2})})
      .Node("Flatten", {"p"}, {"f"})
      .Node("Gemm", {"f", "v"}, {"y"})
      .Output("y");
  const Placed placed = PlaceIn(model);
  EXPECT_THAT(placed.pairs, ElementsAre("x", "a", "b", "k", "p", "f"));
  for (const char* name : {"b", "k", "p", "f"})
    EXPECT_EQ(placed.range.at(name), placed.range.at("a")) << name;
  EXPECT_NE(placed.range.at("x"), placed.range.at("a"));
  EXPECT_THAT(placed.observed[placed.range.at("a")],
              UnorderedElementsAre("a", "b"));  // what moves adds nothing
}

TEST(Placement, AMovingOpBehindFloatArithmeticIsLeftAlone) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "4", "8"})
      .Init("w", Normal({4, 6}, 1))
      .Node("Tanh", {"x"}, {"t"})
      .Node("Transpose", {"t"}, {"m"}, {Ints("perm", {0, 2, 1})})
      .Node("MatMul", {"m", "w"}, {"y"})
      .Output("y");
  EXPECT_THAT(PlaceIn(model).pairs, ElementsAre("m"));
}

void Residual(ir::Model& model) {
  GraphBuilder(model.graph)
      .Input("x", {"N", "3", "8", "8"})
      .Init("w", Normal({3, 3, 1, 1}, 1))
      .Init("u", Normal({3, 3, 1, 1}, 2))
      .Init("v", Normal({3, 3, 1, 1}, 3))
      .Node("Conv", {"x", "w"}, {"a"})
      .Node("Relu", {"a"}, {"r"})
      .Node("Conv", {"r", "u"}, {"b"})
      .Node("Add", {"b", "r"}, {"s"})
      .Node("Relu", {"s"}, {"t"})
      .Node("Conv", {"t", "v"}, {"y"})
      .Output("y");
}

TEST(Placement, SumsAsTheOptionSays) {
  ir::Model model = MakeModel();
  Residual(model);
  EXPECT_THAT(PlaceIn(model).pairs, ElementsAre("x", "r", "b", "t"));
  // b is summed before it is rounded
  EXPECT_THAT(PlaceIn(model, {.sums = Sums::kFused}).pairs, ElementsAre("x", "r", "t"));
  EXPECT_THAT(PlaceIn(model, {.sums = Sums::kFloat}).pairs, ElementsAre("x", "r", "t"));
}

TEST(Placement, FloatReadersOfFloatTensorsKeepTheFloats) {
  ir::Model model = MakeModel();  // x feeds a layer and a Tanh: only the layer reads 8 bits
  GraphBuilder(model.graph)
      .Input("x", {"N", "8"})
      .Init("w", Normal({8, 8}, 1))
      .Node("MatMul", {"x", "w"}, {"a"})
      .Node("Tanh", {"x"}, {"t"})
      .Node("Add", {"a", "t"}, {"y"})
      .Output("y");
  const analysis::TypeTable types = analysis::InferTypesLeniently(model, {}, nullptr);
  const Placement placement = Place(model, types, {}, {});
  ASSERT_EQ(placement.pairs.size(), 1u);
  ASSERT_EQ(placement.pairs[0].readers.size(), 1u);
  EXPECT_EQ(model.graph.node(placement.pairs[0].readers[0].node).op_type, "MatMul");
}

TEST(Placement, ANormalisationInPrimitiveOpsStaysInFloat) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "8"})
      .Init("w", Normal({8, 8}, 1))
      .Init("v", Normal({8, 2}, 2))
      .Init("two", assize::testing::Floats({}, {2}))
      .Node("MatMul", {"x", "w"}, {"a"})
      .Node("ReduceMean", {"a"}, {"m"}, {Ints("axes", {-1})})
      .Node("Sub", {"a", "m"}, {"d"})
      .Node("Pow", {"d", "two"}, {"q"})
      .Node("ReduceMean", {"q"}, {"s"}, {Ints("axes", {-1})})
      .Node("Sqrt", {"s"}, {"e"})
      .Node("Div", {"d", "e"}, {"n"})
      .Node("MatMul", {"n", "v"}, {"y"})
      .Output("y");
  EXPECT_THAT(PlaceIn(model).pairs, ElementsAre("x", "n"));
}

TEST(Placement, SaysWhyALayerIsSkipped) {
  ir::Model model = MakeModel();
  GraphBuilder builder(model.graph);
  builder.Input("x", {"N", "8"})
      .Input("h", {"N", "8"}, ir::DType::kFloat16)
      .Init("w", Normal({8, 8}, 1))
      .Init("free", Normal({8, 8}, 2))
      .Init("hw", ir::Tensor::Zeros(ir::DType::kFloat16, {8, 8}))
      .Init("bad", assize::testing::Floats({8, 1}, {1, 2, 3, NAN, 5, 6, 7, 8}))
      .Node("Tanh", {"x"}, {"t"})
      .Node("Gemm", {"x", "t"}, {"both"})
      .Node("MatMul", {"h", "hw"}, {"half"})
      .Node("MatMul", {"x", "bad"}, {"nan"})
      .Node("MatMul", {"x", "free"}, {"over"})
      .Node("MatMul", {"x", "w"}, {"y"})
      .Output("y")
      .Output("both")
      .Output("half")
      .Output("nan")
      .Output("over");
  std::vector<ir::ValueRef> inputs = model.graph.inputs();
  inputs.push_back(model.graph.FindValue("free"));
  builder.edit().SetInputs(inputs);
  std::set<std::string> reasons;
  for (const auto& [label, reason] : PlaceIn(model, {.exclude_ops = {}}).skipped)
    reasons.insert(reason);
  EXPECT_THAT(reasons,
              UnorderedElementsAre("both operands are activations",
                                   "\"h\" is float16: only layers of 32-bit floats are quantized",
                                   "the weight is not finite everywhere",
                                   "the weight is a graph input too: a caller can replace it"));
  EXPECT_TRUE(PlaceIn(model, {.exclude_ops = {"MatMul"}}).pairs.empty());
}

}  // namespace
}  // namespace assize::passes::quantize
