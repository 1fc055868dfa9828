// The table of op schemas, and that the typed views' defaults are the table's.
#include "lib/analysis/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/analysis/ops.h"
#include "tests/passes/testing_models.h"

namespace assize::analysis {
namespace {

TEST(Schema, FindsTheVersionThatHolds) {
  EXPECT_EQ(FindSchema("", "Clip", 10)->since_version, 6);
  EXPECT_EQ(FindSchema("ai.onnx", "Clip", 11)->since_version, 11);
  EXPECT_EQ(FindSchema("", "Clip", 28)->since_version, 13);
  EXPECT_EQ(FindSchema("", "Gelu", 19), nullptr);
  EXPECT_EQ(FindSchema("", "NoSuchOp", 13), nullptr);
  EXPECT_EQ(FindSchema("com.microsoft", "Gelu", 1)->since_version, 1);
  EXPECT_EQ(FindSchema("com.microsoft", "Sampling", 1), nullptr);
  EXPECT_EQ(FindSchema("org.example", "Gelu", 1), nullptr);
  EXPECT_TRUE(FindSchema("", "Upsample", 10)->deprecated);
  EXPECT_TRUE(FindSchema("", "RandomNormal", 13)->nondeterministic);
  EXPECT_GE(NewestOpset(), 26);
  EXPECT_GT(NewestOpset("ai.onnx.ml"), 0);
  EXPECT_EQ(NewestOpset("com.microsoft"), 1);
  EXPECT_EQ(NewestOpset("org.example"), 0);
}

TEST(Schema, KnowsFormalsAttributesAndTypes) {
  const OpSchema* conv = FindSchema("", "Conv", 13);
  ASSERT_NE(conv, nullptr);
  EXPECT_EQ(conv->min_inputs, 2);
  EXPECT_EQ(conv->max_inputs, 3);
  EXPECT_EQ(conv->inputs[2].option, OpSchema::Option::kOptional);
  EXPECT_EQ(conv->FindAttribute("group")->default_text, "1");
  EXPECT_EQ(conv->FindAttribute("group")->type, 2);
  EXPECT_THAT(*conv->FindConstraint("T")->types,
              ::testing::ElementsAre("float16", "float", "double"));
  const OpSchema* concat = FindSchema("", "Concat", 13);
  EXPECT_TRUE(concat->FindAttribute("axis")->required);
  EXPECT_EQ(concat->InputFormal(17)->option, OpSchema::Option::kVariadic);
  EXPECT_EQ(conv->InputFormal(3), nullptr);
  EXPECT_FALSE(FindSchema("", "Loop", 13)->outputs.back().homogeneous);
}

// A default in a view that differs from the standard's would change what a model means.
TEST(Schema, ViewsUseTheStandardsDefaults) {
  using assize::testing::GraphBuilder;
  using assize::testing::MakeModel;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"1", "1", "4", "4"}).Input("w", {"1", "1", "3", "3"}).Input("v", {"4"});
  b.Node("Conv", {"x", "w"}, {"c"})
      .Node("Gemm", {"v", "v"}, {"g"})
      .Node("BatchNormalization", {"x", "v", "v", "v", "v"}, {"n"});
  b.Node("LRN", {"x"}, {"l"}, {assize::testing::Int("size", 3)})
      .Node("Softmax", {"x"}, {"s"})
      .Node("Flatten", {"x"}, {"f"});
  b.Node("QuantizeLinear", {"x", "v"}, {"q"});
  const auto node = [&](const std::string& value) {
    return model.graph.value(b.Get(value)).producer;
  };
  const auto fallback = [](const std::string& op, const std::string& name, int64_t opset) {
    return std::atof(FindSchema("", op, opset)->FindAttribute(name)->default_text.c_str());
  };
  const auto f = [](float v) { return static_cast<double>(v); };
  EXPECT_EQ(ConvOp::From(model.graph, node("c"), 13)->group, fallback("Conv", "group", 13));
  const auto gemm = *GemmOp::From(model.graph, node("g"), 13);
  EXPECT_EQ(f(gemm.alpha), fallback("Gemm", "alpha", 13));
  EXPECT_EQ(f(gemm.beta), fallback("Gemm", "beta", 13));
  const auto bn = *BatchNormalizationOp::From(model.graph, node("n"), 13);
  EXPECT_EQ(bn.epsilon, static_cast<float>(fallback("BatchNormalization", "epsilon", 13)));
  EXPECT_EQ(bn.momentum, static_cast<float>(fallback("BatchNormalization", "momentum", 13)));
  const auto lrn = *LrnOp::From(model.graph, node("l"), 13);
  EXPECT_EQ(lrn.alpha, static_cast<float>(fallback("LRN", "alpha", 13)));
  EXPECT_EQ(lrn.beta, static_cast<float>(fallback("LRN", "beta", 13)));
  EXPECT_EQ(lrn.bias, static_cast<float>(fallback("LRN", "bias", 13)));
  for (const int64_t opset : {7, 11, 13}) {
    EXPECT_EQ(f(static_cast<float>(SoftmaxOp::From(model.graph, node("s"), opset)->axis)),
              fallback("Softmax", "axis", opset))
        << opset;
  }
  EXPECT_EQ(FlattenOp::From(model.graph, node("f"), 13)->axis, fallback("Flatten", "axis", 13));
  EXPECT_EQ(QuantizeLinearOp::From(model.graph, node("q"), 13)->axis,
            fallback("QuantizeLinear", "axis", 13));
}

}  // namespace
}  // namespace assize::analysis
