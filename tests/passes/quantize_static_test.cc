// quantize-static: what it writes computes nearly the same, is standard, and is the same however
// the data are cut.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/ir/hash.h"
#include "tests/passes/quantize_testing.h"

namespace assize::testing {
namespace {

using ::testing::HasSubstr;

// Conv, Relu, MaxPool, Flatten, Gemm.
ir::Model SmallNet(int64_t opset = 13, int64_t ir_version = 8, const std::string& batch = "N") {
  ir::Model model = MakeModel(opset, ir_version);
  GraphBuilder(model.graph)
      .Input("x", {batch, "2", "6", "6"})
      .Init("w", Normal({4, 2, 3, 3}, 1))
      .Init("b", Normal({4}, 2))
      .Init("v", Normal({3, 16}, 3))
      .Init("c", Normal({3}, 4))
      .Node("Conv", {"x", "w", "b"}, {"a"})
      .Node("Relu", {"a"}, {"r"})
      .Node("MaxPool", {"r"}, {"p"}, {Ints("kernel_shape", {2, 2}), Ints("strides", {2, 2})})
      .Node("Flatten", {"p"}, {"f"})
      .Node("Gemm", {"f", "v", "c"}, {"y"}, {Int("transB", 1)})
      .Output("y", ir::Type::TensorOf(ir::DType::kFloat,
                                      std::vector<ir::Dim>{{std::nullopt, "N", {}}, {3, {}, {}}}));
  return model;
}

TEST(QuantizeStatic, ComputesNearlyTheSameFromIntegers) {
  ir::Model model = SmallNet();
  const ir::Tensor x = Normal({40, 2, 6, 6}, 5);
  const std::vector<float> before = Predict(model, "x", x);
  const Outcome outcome = Quantize("quantize-static", model, Rows("x", x));
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_TRUE(outcome.record().changed);
  EXPECT_EQ(outcome.record().statistics.at("quantized"), 2);
  const double noise = Noise(Predict(model, "x", x), before);
  EXPECT_LT(noise, 0.03);
  EXPECT_GT(noise, 0.0005);  // it did round

  const ir::Graph& graph = model.graph;
  EXPECT_EQ(Ops(graph),
            "QuantizeLinear DequantizeLinear DequantizeLinear DequantizeLinear Conv Relu "
            "QuantizeLinear DequantizeLinear "
            "MaxPool QuantizeLinear DequantizeLinear Flatten QuantizeLinear DequantizeLinear "
            "DequantizeLinear "
            "DequantizeLinear Gemm");
  for (const char* gone : {"w", "b", "v", "c"}) EXPECT_FALSE(graph.FindValue(gone)) << gone;
  EXPECT_EQ(graph.ConstantOf(graph.FindValue("w_quantized"))->TypeText(),
            ir::Tensor::Zeros(ir::DType::kInt8, {4, 2, 3, 3}).TypeText());
  EXPECT_EQ(graph.ConstantOf(graph.FindValue("w_scale"))->dims(), ir::Shape{4});
  EXPECT_EQ(graph.ConstantOf(graph.FindValue("b_quantized"))->dtype(), ir::DType::kInt32);
  // One scale constant through pool and Flatten.
  const ir::Node& pool = OnlyNode(graph, "MaxPool");
  const ir::Node& flatten = OnlyNode(graph, "Flatten");
  EXPECT_EQ(graph.node(graph.value(pool.inputs[0]).producer).inputs[1],
            graph.node(graph.value(flatten.inputs[0]).producer).inputs[1]);
  EXPECT_EQ(model.opset(), 13);
  EXPECT_EQ(model.ir_version, 8);
}

TEST(QuantizeStatic, BatchesDoNotChangeABit) {
  const ir::Tensor x = Normal({21, 2, 6, 6}, 6);
  for (const char* text : {"quantize-static", "quantize-static{calibrator=minmax}",
                           "quantize-static{calibrator=percentile,percentile=99}"}) {
    std::optional<Digest> first;
    for (const int64_t batch : {1, 4, 21}) {
      ir::Model model = SmallNet();
      ASSERT_TRUE(Quantize(text, model, Rows("x", x, batch)).status.ok());
      const Digest digest = ir::StructuralHash(model);
      if (!first) first = digest;
      EXPECT_EQ(digest, *first) << text << " batch " << batch;
    }
  }
}

TEST(QuantizeStatic, ASecondRunFindsNothing) {
  ir::Model model = SmallNet();
  const Rows rows("x", Normal({10, 2, 6, 6}, 7));
  ASSERT_TRUE(Quantize("quantize-static", model, rows).status.ok());
  const Outcome again = Quantize("quantize-static", model, rows);
  ASSERT_TRUE(again.status.ok()) << Message(again.status);
  EXPECT_FALSE(again.record().changed);
  EXPECT_EQ(again.record().facts["skipped"][0]["reason"], "quantized already");
}

TEST(QuantizeStatic, OldFilesAreMovedUpOnlyAsFarAsNeeded) {
  // IR 3: every initializer is an input too. Per-channel scales need opset 13, one scale needs 10.
  for (const bool per_channel : {true, false}) {
    ir::Model model = SmallNet(8, 3);
    std::vector<ir::ValueRef> inputs = model.graph.inputs();
    for (const ir::ValueRef value : model.graph.initializers()) inputs.push_back(value);
    ir::Editor(model.graph).SetInputs(inputs);
    const ir::Tensor x = Normal({12, 2, 6, 6}, 8);
    const std::vector<float> before = Predict(model, "x", x);
    const Outcome outcome = Quantize(fmt::format("quantize-static{{per-channel={}}}", per_channel),
                                     model, Rows("x", x));
    ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
    EXPECT_EQ(model.opset(), per_channel ? 13 : 10);
    ASSERT_EQ(model.graph.inputs().size(), 1u);
    EXPECT_GE(model.ir_version, 4);
    EXPECT_EQ(model.graph.ConstantOf(model.graph.FindValue("w_scale"))->rank(),
              per_channel ? 1 : 0);
    EXPECT_LT(Noise(Predict(model, "x", x), before), 0.05);
  }
}

TEST(QuantizeStatic, NothingToQuantizeLeavesTheFileAsItWas) {
  ir::Model model = MakeModel(9, 3);  // not even its opset or its IR version
  GraphBuilder(model.graph).Input("x", {"N", "4"}).Node("Relu", {"x"}, {"y"}).Output("y");
  const Outcome outcome = Quantize("quantize-static", model, Rows("x", Normal({4, 4}, 9)));
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_FALSE(outcome.record().changed);
}

TEST(QuantizeStatic, AFixedBatchGetsWholeBatches) {
  ir::Model model = SmallNet(13, 8, "4");
  const ir::Tensor x =
      Normal({10, 2, 6, 6}, 10);  // 4 + 4 + 2: the last two come with two of those before
  ASSERT_TRUE(Quantize("quantize-static{calibrator=minmax}", model, Rows("x", x, 4)).status.ok());
  ir::Model free = SmallNet();
  ASSERT_TRUE(Quantize("quantize-static{calibrator=minmax}", free, Rows("x", x, 4)).status.ok());
  EXPECT_EQ(*model.graph.ConstantOf(model.graph.FindValue("r_scale")),
            *free.graph.ConstantOf(free.graph.FindValue("r_scale")));
  const Outcome few =
      Quantize("quantize-static", *std::make_unique<ir::Model>(SmallNet(13, 8, "4")),
               Rows("x", Normal({3, 2, 6, 6}, 1), 4));
  EXPECT_THAT(Message(few.status), HasSubstr("3 rows of calibration data, expected at least 4"));
}

TEST(QuantizeStatic, RefusesNanInTheDataAndKeepsTheModel) {
  ir::Model model = SmallNet();
  const Digest before = ir::StructuralHash(model);
  std::vector<float> values(10 * 72, 0.5f);
  values[400] = NAN;
  const Outcome outcome =
      Quantize("quantize-static", model, Rows("x", Floats({10, 2, 6, 6}, values)));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(outcome.status), HasSubstr("tensor \"x\" holds NaN"));
  EXPECT_EQ(ir::StructuralHash(model), before);
}

TEST(QuantizeStatic, WeightsInConstantNodesAndBehindReshape) {
  ir::Model model = MakeModel();
  ir::NamedTensor weight;
  weight.tensor = Normal({2, 3, 5}, 11);
  GraphBuilder(model.graph)
      .Input("x", {"N", "6"})
      .Init("shape", Longs({6, 5}))
      .Node("Constant", {}, {"k"}, {Attr("value", weight)})
      .Node("Reshape", {"k", "shape"}, {"w"})
      .Node("MatMul", {"x", "w"}, {"y"})
      .Output("y");
  const ir::Tensor x = Normal({20, 6}, 12);
  const std::vector<float> before = Predict(model, "x", x);
  const Outcome outcome = Quantize("quantize-static", model, Rows("x", x));
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_EQ(outcome.record().statistics.at("quantized"), 1);
  EXPECT_EQ(Ops(model.graph), "QuantizeLinear DequantizeLinear DequantizeLinear MatMul");
  EXPECT_EQ(model.graph.ConstantOf(model.graph.FindValue("w_scale"))->dims(), ir::Shape{5});
  EXPECT_LT(Noise(Predict(model, "x", x), before), 0.03);
}

TEST(QuantizeStatic, GemmFactorsGoIntoTheIntegers) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "6"})
      .Init("w", Normal({6, 4}, 13))
      .Init("c", Floats({1, 4}, {1, -2, 3, 4}))
      .Init("v", Normal({4, 2}, 14))
      .Init("one", Floats({1}, {0.7f}))
      .Node("Gemm", {"x", "w", "c"}, {"h"}, {Attr("alpha", 0.5f), Attr("beta", 3.0f)})
      .Node("Gemm", {"h", "v", "one"}, {"y"})
      .Output("y");
  const ir::Tensor x = Normal({30, 6}, 15);
  const std::vector<float> before = Predict(model, "x", x);
  ASSERT_TRUE(Quantize("quantize-static", model, Rows("x", x)).status.ok());
  EXPECT_LT(Noise(Predict(model, "x", x), before), 0.03);
  for (const ir::NodeRef ref :
       model.graph.nodes()) {  // runtimes add an int32 bias only to a plain product
    for (const ir::Attribute& attribute : model.graph.node(ref).attributes) {
      if (attribute.name == "alpha" || attribute.name == "beta") {
        EXPECT_EQ(std::get<float>(attribute.value), 1.0f);
      }
    }
  }
  EXPECT_EQ(model.graph.ConstantOf(model.graph.FindValue("one_quantized"))->dims(), ir::Shape{2});
}

TEST(QuantizeStatic, LayersThatShareAWeightShareItsIntegers) {
  ir::Model model = MakeModel();
  GraphBuilder(model.graph)
      .Input("x", {"N", "6"})
      .Init("w", Normal({6, 6}, 16))
      .Node("MatMul", {"x", "w"}, {"a"})
      .Node("Relu", {"a"}, {"r"})
      .Node("MatMul", {"r", "w"}, {"y"})
      .Output("y");
  ASSERT_TRUE(Quantize("quantize-static", model, Rows("x", Normal({20, 6}, 17))).status.ok());
  EXPECT_EQ(Count(model.graph, "QuantizeLinear"), 2);
  EXPECT_EQ(Count(model.graph, "DequantizeLinear"), 3);
  std::set<std::string> names;
  for (const ir::NodeRef ref : model.graph.nodes()) {
    const std::string& name = model.graph.node(ref).name;
    if (name.empty()) continue;
    EXPECT_TRUE(names.insert(name).second) << name;  // runtimes refuse two of one name
  }
}

TEST(QuantizeStatic, OutputsWhenAsked) {
  ir::Model model = SmallNet();
  const ir::Tensor x = Normal({20, 2, 6, 6}, 18);
  const std::vector<float> before = Predict(model, "x", x);
  ASSERT_TRUE(Quantize("quantize-static{quantize-outputs=true}", model, Rows("x", x)).status.ok());
  ASSERT_EQ(model.graph.outputs().size(), 1u);
  const ir::ValueRef y = model.graph.outputs()[0];
  EXPECT_EQ(model.graph.value(y).name, "y");
  EXPECT_TRUE(HasPair(model.graph, y));
  EXPECT_EQ(ir::TypeText(model.graph.value(y).type), "f32 [N,3]");
  EXPECT_LT(Noise(Predict(model, "x", x), before), 0.04);
}

TEST(QuantizeStatic, RecordsScalesAndNoData) {
  ir::Model model = SmallNet();
  const Outcome outcome =
      Quantize("quantize-static{exclude-ops=Gemm}", model, Rows("x", Normal({20, 2, 6, 6}, 19)));
  ASSERT_TRUE(outcome.status.ok());
  const Json& facts = outcome.record().facts;
  ASSERT_EQ(facts["activations"].size(), 1u);
  EXPECT_EQ(facts["activations"][0]["tensor"], "x");
  EXPECT_EQ(facts["activations"][0]["range"], "mse");
  EXPECT_EQ(facts["activations"][0]["scale"].get<double>(),
            static_cast<double>(
                model.graph.ConstantOf(model.graph.FindValue("x_scale"))->data<float>()[0]));
  EXPECT_EQ(facts["skipped"][0]["reason"], "excluded by op type");
  EXPECT_EQ(facts["calibration"]["rows"], 20);
  for (const auto& [key, value] : facts["activations"][0].items()) {
    EXPECT_THAT(key, ::testing::AnyOf("tensor", "scale", "zero_point", "range", "shared"));
  }
}

TEST(QuantizeStatic, AnUnknownNodeToExcludeIsAnError) {
  ir::Model model = SmallNet();
  const Outcome outcome =
      Quantize("quantize-static{exclude-nodes=conv9}", model, Rows("x", Normal({4, 2, 6, 6}, 20)));
  EXPECT_THAT(Message(outcome.status), HasSubstr("no node is named \"conv9\""));
}

TEST(QuantizeStatic, BodiesOfControlFlowAreNotTouched) {
  ir::Model model = MakeModel();
  GraphBuilder builder(model.graph);
  builder.Input("x", {"N", "4"})
      .Init("w", Normal({4, 4}, 21))
      .Init("yes", ir::Tensor::Scalar<bool>(true))
      .Node("MatMul", {"x", "w"}, {"a"});
  const auto branch = [&](const std::string& op) {
    ir::Graph graph;
    ir::Editor edit(graph);
    edit.SetName(op);
    const ir::ValueRef a = edit.AddCapture("a");
    const ir::ValueRef w = edit.AddInitializer("inner_" + op, Normal({4, 4}, 22));
    ir::NodeSpec spec;
    spec.op_type = "MatMul";
    spec.inputs = {a, w};
    spec.outputs = {op + "_out"};
    edit.AddOutput(edit.output(edit.AddNode(std::move(spec))));
    return ir::GraphBox(std::move(graph));
  };
  builder
      .Node("If", {"yes"}, {"z"},
            {Attr("then_branch", branch("one")), Attr("else_branch", branch("two"))})
      .Output("z");
  const ir::Tensor x = Normal({20, 4}, 23);
  const std::vector<float> before = Predict(model, "x", x);
  const Outcome outcome = Quantize("quantize-static", model, Rows("x", x));
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_EQ(outcome.record().statistics.at("quantized"), 1);
  const auto& inner =
      std::get<ir::GraphBox>(OnlyNode(model.graph, "If").FindAttribute("then_branch")->value);
  EXPECT_EQ(Ops(*inner), "MatMul");
  EXPECT_LT(Noise(Predict(model, "x", x), before), 0.03);
}

}  // namespace
}  // namespace assize::testing
