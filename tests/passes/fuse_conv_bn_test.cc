// fuse-conv-bn: the folded model computes the same; every line of "Needs" has a model that breaks
// it.
#include "lib/pass/numbers.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

struct BatchNormCase {
  bool bias = true;
  int64_t group = 1;
  int64_t opset = 13, ir_version = 8;
  Attributes bn_attributes = {Attr("epsilon", 1e-3f)};
};

ir::Tensor Positive(ir::Shape dims, uint64_t seed) {
  std::vector<float> values;
  const ir::Tensor normal = Normal(dims, seed);
  for (const float v : normal.data<float>()) values.push_back(v * v + 0.1f);
  return Floats(dims, values);
}

// x [N,4,6,6] -> Conv 8 channels 3x3 -> BN -> y
ir::Model ConvBn(const BatchNormCase& o, bool output_from_bn = true) {
  ir::Model model = MakeModel(o.opset, o.ir_version);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "4", "6", "6"}).Init("W", Normal({8, 4 / o.group, 3, 3}, 1));
  if (o.bias) b.Init("b", Normal({8}, 2));
  b.Init("gamma", Normal({8}, 3))
      .Init("beta", Normal({8}, 4))
      .Init("mean", Normal({8}, 5))
      .Init("var", Positive({8}, 6));
  b.Node("Conv",
         o.bias ? std::vector<std::string>{"x", "W", "b"} : std::vector<std::string>{"x", "W"},
         {"c"}, {Int("group", o.group), Ints("pads", {1, 1, 1, 1})});
  b.Node("BatchNormalization", {"c", "gamma", "beta", "mean", "var"}, {"n"}, o.bn_attributes);
  if (output_from_bn)
    b.Output("n");
  else
    b.Node("Relu", {"n"}, {"y"}).Output("y");
  return model;
}

TEST(FuseConvBn, ComputesTheSameWithAndWithoutBiasGroupsAndAsOutput) {
  for (const bool bias : {true, false}) {
    for (const int64_t group : {1, 2, 4}) {
      for (const bool output : {true, false}) {
        SCOPED_TRACE(fmt::format("bias {} group {} output {}", bias, group, output));
        ir::Model model = ConvBn({.bias = bias, .group = group}, output);
        const pass::PassRecord record = ExpectChanged("fuse-conv-bn", model);
        EXPECT_EQ(record.check.kind, "bounded");
        EXPECT_EQ(Ops(model.graph), output ? "Conv" : "Conv Relu");
        EXPECT_EQ(model.graph.initializers().size(), 2u) << "the old weights must go";
        EXPECT_EQ(model.graph.value(model.graph.outputs()[0]).name, output ? "n" : "y");
      }
    }
  }
}

TEST(FuseConvBn, MatchesTheFormulaOnOneChannel) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"1", "1", "1", "1"})
      .Init("W", Floats({1, 1, 1, 1}, {2}))
      .Init("b", Floats({1}, {3}));
  b.Init("gamma", Floats({1}, {5}))
      .Init("beta", Floats({1}, {7}))
      .Init("mean", Floats({1}, {11}))
      .Init("var", Floats({1}, {0.75f}));
  b.Node("Conv", {"x", "W", "b"}, {"c"});
  b.Node("BatchNormalization", {"c", "gamma", "beta", "mean", "var"}, {"y"},
         {Attr("epsilon", 0.25f)})
      .Output("y");
  ExpectChanged("fuse-conv-bn", model);
  const ir::Node& conv = OnlyNode(model.graph, "Conv");
  EXPECT_EQ(model.graph.ConstantOf(conv.inputs[1])->data<float>()[0], 10);  // 2 * 5 / sqrt(1)
  EXPECT_EQ(model.graph.ConstantOf(conv.inputs[2])->data<float>()[0], (3 - 11) * 5 + 7);
}

TEST(FuseConvBn, ASharedWeightStaysForItsOtherUser) {
  ir::Model model = ConvBn({});
  GraphBuilder b(model.graph);
  b.Node("Conv", {"x", "W"}, {"other"}).Output("other");
  ExpectChanged("fuse-conv-bn", model);
  EXPECT_TRUE(static_cast<bool>(model.graph.FindValue("W")));
  EXPECT_EQ(model.graph.initializers().size(), 3u);
}

TEST(FuseConvBn, WorksInHalfPrecision) {
  ir::Model model = MakeModel(15);
  GraphBuilder b(model.graph);
  const auto half = [](const ir::Tensor& t) {
    return *pass::RoundTo(ir::DType::kFloat16, t.dims(), t.ToDoubles());
  };
  b.Input("x", {"1", "2", "4", "4"}, ir::DType::kFloat16).Init("W", half(Normal({3, 2, 3, 3}, 1)));
  b.Init("gamma", Normal({3}, 3))
      .Init("beta", Normal({3}, 4))
      .Init("mean", Normal({3}, 5))
      .Init("var", Positive({3}, 6));
  b.Node("Conv", {"x", "W"}, {"c"})
      .Node("BatchNormalization", {"c", "gamma", "beta", "mean", "var"}, {"y"})
      .Output("y");
  ExpectChanged("fuse-conv-bn", model);
  EXPECT_EQ(model.graph.ConstantOf(OnlyNode(model.graph, "Conv").inputs[2])->dtype(),
            ir::DType::kFloat16);
}

TEST(FuseConvBn, DeclinesWithTheReason) {
  const auto declined = [](ir::Model model, const std::string& reason) {
    EXPECT_EQ(Declined(ExpectUnchanged("fuse-conv-bn", model), reason), 1) << reason;
  };
  ir::Model twice = ConvBn({});
  GraphBuilder(twice.graph).Output("c");
  declined(twice, "the Conv's result has other uses");

  ir::Model training = ConvBn({.opset = 14, .bn_attributes = {Int("training_mode", 1)}});
  declined(training, "the BatchNormalization is in training mode");

  ir::Model old = ConvBn({.opset = 8, .bn_attributes = {Int("spatial", 0)}});
  declined(old, "the BatchNormalization is not per channel");

  ir::Model ir3 = ConvBn({.opset = 9, .ir_version = 3});
  declined(ir3, "no initializers in functions and below IR version 4");

  ir::Model overflow = ConvBn({});
  ir::Editor edit(overflow.graph);
  edit.ReplaceInitializer(overflow.graph.FindValue("gamma"),
                          Floats({8}, std::vector<float>(8, 3e38f)));
  declined(overflow, "a folded weight is not finite");

  ir::Model negative = ConvBn({});
  ir::Editor(negative.graph)
      .ReplaceInitializer(negative.graph.FindValue("var"), Floats({8}, std::vector<float>(8, -1)));
  declined(negative, "a folded weight is not finite");
}

TEST(FuseConvBn, WeightsThatACallerMayReplaceAreNotFolded) {
  ir::Model model = ConvBn({});
  ir::Editor edit(model.graph);
  std::vector<ir::ValueRef> inputs = model.graph.inputs();
  inputs.push_back(model.graph.FindValue("W"));
  edit.SetType(inputs.back(),
               ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{8, 4, 3, 3}));
  edit.SetInputs(inputs);
  EXPECT_EQ(Declined(ExpectUnchanged("fuse-conv-bn", model), "the Conv's weights are no constants"),
            1);
}

}  // namespace
}  // namespace assize::testing
