// fold-constants: what is constant is evaluated once; inputs with defaults, random and quantizing
// nodes are not.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

TEST(FoldConstants, FoldsChainsUnderTheNameOfTheResult) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "2"}).Init("a", Floats({2}, {1, 2})).Init("b", Floats({2}, {3, 5}));
  b.Node("Mul", {"a", "b"}, {"ab"})
      .Node("Exp", {"ab"}, {"e"})
      .Node("Add", {"x", "e"}, {"y"})
      .Output("y");
  EXPECT_EQ(ExpectChanged("fold-constants", model).statistics.at("rewritten"), 2);
  EXPECT_EQ(Ops(model.graph), "Add");
  ASSERT_EQ(model.graph.initializers().size(), 1u);
  EXPECT_EQ(model.graph.value(model.graph.initializers()[0]).name, "e");
  EXPECT_NEAR(model.graph.ConstantOf(b.Get("e"))->data<float>()[0], std::exp(3.0f), 1e-5);
}

TEST(FoldConstants, AnInitializerThatIsAnInputIsNoConstant) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}).Input("w", {"2"});
  ir::NamedTensor w;
  w.name = "w";
  w.tensor = Floats({2}, {1, 2});
  b.edit().SetInitializer("w", w);
  b.Node("Exp", {"w"}, {"e"}).Node("Add", {"x", "e"}, {"y"}).Output("y");
  ExpectUnchanged("fold-constants", model);
}

TEST(FoldConstants, LeavesQuantizationRandomnessAndOutputsAlone) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"2"})
      .Init("q", ir::Tensor::Of<int8_t>({2}, {3, 5}))
      .Init("s", ir::Tensor::Scalar<float>(0.5f));
  b.Init("z", ir::Tensor::Scalar<int8_t>(0)).Init("a", Floats({2}, {1, 2}));
  b.Node("DequantizeLinear", {"q", "s", "z"}, {"w"}).Node("RandomNormalLike", {"a"}, {"r"});
  b.Node("Exp", {"a"}, {"o"}).Node("Sum", {"x", "w", "r"}, {"y"}).Output("y").Output("o");
  ExpectUnchanged("fold-constants", model);
}

TEST(FoldConstants, AResultMayNotGrowBeyondTheLimit) {
  const auto make = [] {
    ir::Model model = MakeModel();
    GraphBuilder b(model.graph);
    b.Input("x", {"64"}).Init("a", Floats({1}, {2})).Init("s", Longs({64}));
    b.Node("Expand", {"a", "s"}, {"e"}).Node("Add", {"x", "e"}, {"y"}).Output("y");
    return model;
  };
  ir::Model small = make(), large = make();
  EXPECT_EQ(Declined(ExpectUnchanged("fold-constants{max-result-bytes=255}", small),
                     "the result exceeds max-result-bytes"),
            1);
  ExpectChanged("fold-constants{max-result-bytes=256}", large);
}

TEST(FoldConstants, AHugeResultIsDeclinedBeforeItIsComputed) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"1"}).Init("s", Longs({1 << 30, 1 << 10}));
  b.Node("ConstantOfShape", {"s"}, {"huge"})
      .Node("Shape", {"huge"}, {"n"})
      .Node("Cast", {"n"}, {"f"}, {Int("to", 1)});
  b.Node("Add", {"x", "f"}, {"y"}).Output("y");
  const Outcome outcome = RunPipeline("fold-constants", model, {.numeric_checks = false});
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_EQ(Declined(outcome.record().statistics, "the result exceeds max-result-bytes"), 1);
}

TEST(FoldConstants, WithoutAnEvaluatorItIsRefusedBeforeItStarts) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph).Input("x", {"2"}).Node("Relu", {"x"}, {"y"}).Output("y");
  const auto pipeline = pass::Pipeline::Parse("fold-constants", passes::AllPasses());
  CollectingSink sink;
  pass::PassManager manager({});
  EXPECT_EQ(manager.Run(*pipeline, model, {}, sink, NoProgress()).code(),
            StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace assize::testing
