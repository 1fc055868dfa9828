// prune-magnitude: which weights go, how many, in which order; what is left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/ir/hash.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::passes {
namespace {

using ::assize::testing::Attr;
using ::assize::testing::ExpectUnchanged;
using ::assize::testing::Floats;
using ::assize::testing::GraphBuilder;
using ::assize::testing::MakeModel;
using ::assize::testing::Normal;
using ::assize::testing::Outcome;
using ::assize::testing::RunPipeline;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> WeightsOf(const ir::Model& model, const std::string& name) {
  return model.graph.value(model.graph.FindValue(name)).initializer->tensor.ToFloats();
}

// Two matrix products: the second's weights are ten times larger.
ir::Model TwoLayers() {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "2"})
      .Init("small", Floats({2, 2}, {0.1f, -0.2f, 0.3f, -0.4f}))
      .Init("large", Floats({2, 2}, {1, -2, 3, -4}))
      .Node("MatMul", {"x", "small"}, {"h"})
      .Node("MatMul", {"h", "large"}, {"y"})
      .Output("y");
  return model;
}

TEST(PruneMagnitude, OneThresholdForAllLayers) {
  ir::Model model = TwoLayers();
  const Outcome outcome = RunPipeline("prune-magnitude{sparsity=0.5}", model);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_THAT(WeightsOf(model, "small"), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(WeightsOf(model, "large"), ElementsAre(1, -2, 3, -4));
  EXPECT_EQ(outcome.record().statistics.at("weights"), 8);
  EXPECT_EQ(outcome.record().statistics.at("zeros_after"), 4);
  EXPECT_EQ(outcome.record().facts.at("layers").size(), 2u);
}

TEST(PruneMagnitude, TheSameShareOfEachLayer) {
  ir::Model model = TwoLayers();
  ASSERT_TRUE(RunPipeline("prune-magnitude{scope=layer}", model).status.ok());
  EXPECT_THAT(WeightsOf(model, "small"), ElementsAre(0, 0, 0.3f, -0.4f));
  EXPECT_THAT(WeightsOf(model, "large"), ElementsAre(0, 0, 3, -4));
}

TEST(PruneMagnitude, CountIsTheFloorOfTheShare) {
  for (const auto& [sparsity, zeros] :
       std::map<std::string, int>{{"0.3", 3}, {"0.39", 3}, {"0.7", 7}, {"0", 0}, {"1", 10}}) {
    ir::Model model = MakeModel();
    GraphBuilder(model.graph)
        .Input("x", {"N", "10"})
        .Init("w", Normal({10, 1}, 3))
        .Node("MatMul", {"x", "w"}, {"y"})
        .Output("y");
    ASSERT_TRUE(RunPipeline("prune-magnitude{sparsity=" + sparsity + "}", model).status.ok());
    const auto weights = WeightsOf(model, "w");
    EXPECT_EQ(std::count(weights.begin(), weights.end(), 0.0f), zeros) << sparsity;
  }
}

TEST(PruneMagnitude, TiesGoInOrder) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "2"})
      .Init("a", Floats({2, 2}, {1, -1, 1, -1}))
      .Init("b", Floats({2, 2}, {1, 1, 1, 5}))
      .Node("MatMul", {"x", "a"}, {"h"})
      .Node("MatMul", {"h", "b"}, {"y"})
      .Output("y");
  ASSERT_TRUE(RunPipeline("prune-magnitude{sparsity=0.625}", model).status.ok());
  EXPECT_THAT(WeightsOf(model, "a"), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(WeightsOf(model, "b"), ElementsAre(0, 1, 1, 5));
}

TEST(PruneMagnitude, SecondRunChangesNothing) {
  ir::Model model = TwoLayers();
  ASSERT_TRUE(RunPipeline("prune-magnitude{sparsity=0.6}", model).status.ok());
  ExpectUnchanged("prune-magnitude{sparsity=0.6}", model);
  ExpectUnchanged("prune-magnitude{sparsity=0.2}", model);  // the zeros that are there count
}

TEST(PruneMagnitude, BiasesAndOtherReadersAreLeftAlone) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "3", "4", "4"})
      .Input("i", {"N"}, ir::DType::kInt64)
      .Init("w", Normal({2, 3, 3, 3}, 1))
      .Init("bias", Floats({2}, {0.001f, 0.002f}))
      .Init("table", Normal({4, 4}, 2))
      .Node("Conv", {"x", "w", "bias"}, {"c"})
      .Node("Gather", {"table", "i"}, {"rows"})
      .Node("MatMul", {"rows", "table"}, {"z"})
      .Output("c")
      .Output("z");
  const auto table = WeightsOf(model, "table");
  const Outcome outcome = RunPipeline("prune-magnitude{sparsity=0.9}", model);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_THAT(WeightsOf(model, "bias"), ElementsAre(0.001f, 0.002f));
  EXPECT_EQ(WeightsOf(model, "table"), table);
  EXPECT_EQ(outcome.record().statistics.at("shared"), 1);
  const auto weights = WeightsOf(model, "w");
  EXPECT_EQ(std::count(weights.begin(), weights.end(), 0.0f), 48);  // floor(0.9 * 54)
}

TEST(PruneMagnitude, OpsChooseTheLayers) {
  const auto build = [] {
    ir::Model model = MakeModel();
    GraphBuilder(model.graph)
        .Input("x", {"N", "1", "2", "2"})
        .Init("w", Normal({2, 1, 2, 2}, 1))
        .Init("g", Normal({3, 2}, 2))
        .Node("Conv", {"x", "w"}, {"c"})
        .Node("Flatten", {"c"}, {"f"})
        .Node("Gemm", {"f", "g"}, {"y"}, {Attr("transB", int64_t{1})})
        .Output("y");
    return model;
  };
  ir::Model conv = build(), linear = build();
  ASSERT_TRUE(RunPipeline("prune-magnitude{sparsity=1,ops=conv}", conv).status.ok());
  ASSERT_TRUE(RunPipeline("prune-magnitude{sparsity=1,ops=linear}", linear).status.ok());
  EXPECT_THAT(WeightsOf(conv, "w"), ::testing::Each(0));
  EXPECT_EQ(WeightsOf(conv, "g"), WeightsOf(build(), "g"));
  EXPECT_THAT(WeightsOf(linear, "g"), ::testing::Each(0));
  EXPECT_EQ(WeightsOf(linear, "w"), WeightsOf(build(), "w"));
}

TEST(PruneMagnitude, WeightsInConstantNodes) {
  ir::Model model = MakeModel();
  ir::NamedTensor named;
  named.tensor = Floats({2, 2}, {1, -5, 2, 6});
  GraphBuilder(model.graph)
      .Input("x", {"N", "2"})
      .Node("Constant", {}, {"w"}, {Attr("value", named)})
      .Node("MatMul", {"x", "w"}, {"y"})
      .Output("y");
  ASSERT_TRUE(RunPipeline("prune-magnitude{sparsity=0.5}", model).status.ok());
  const ir::Node& node = ::assize::testing::OnlyNode(model.graph, "Constant");
  EXPECT_THAT(std::get<ir::NamedTensor>(node.FindAttribute("value")->value).tensor.ToFloats(),
              ElementsAre(0, -5, 0, 6));
}

TEST(PruneMagnitude, WeightsThatAreNoNumbersAreRefused) {
  ir::Model model = TwoLayers();
  ir::Editor edit(model.graph);
  edit.ReplaceInitializer(model.graph.FindValue("large"), Floats({2, 2}, {1, NAN, 3, 4}));
  const Outcome outcome = RunPipeline("prune-magnitude", model);
  EXPECT_THAT(Message(outcome.status), HasSubstr("weight 1 of \"large\" is nan"));
}

}  // namespace
}  // namespace assize::passes
