// upcast-float16: the function up to 16-bit roundings, the same signature, and what quantize-static
// makes of it.
#include "lib/ir/float_formats.h"
#include "lib/ir/hash.h"
#include "tests/passes/quantize_testing.h"

namespace assize::testing {
namespace {

ir::Tensor Halved(const ir::Tensor& wide, ir::DType dtype = ir::DType::kFloat16) {
  const auto values = wide.data<float>();
  std::vector<std::byte> bytes(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits =
        dtype == ir::DType::kFloat16 ? ir::FloatToHalf(values[i]) : ir::FloatToBfloat16(values[i]);
    __builtin_memcpy(&bytes[2 * i], &bits, 2);
  }
  return ir::Tensor::FromBytes(dtype, wide.dims(), std::move(bytes));
}

// Conv, BN, Relu, MatMul, all of `dtype`.
ir::Model Small(ir::DType dtype) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  const auto init = [&](const std::string& name, const ir::Tensor& tensor) {
    b.Init(name, Halved(tensor, dtype));
  };
  b.Input("x", {"N", "2", "6", "6"}, dtype);
  init("W", Normal({4, 2, 3, 3}, 1));
  init("gamma", Floats({4}, {1, 1.5f, 0.5f, 2}));
  init("beta", Normal({4}, 3));
  init("mean", Normal({4}, 4));
  init("var", Floats({4}, {1, 2, 3, 4}));
  init("M", Normal({4, 3}, 5));
  b.Node("Conv", {"x", "W"}, {"c"})
      .Node("BatchNormalization", {"c", "gamma", "beta", "mean", "var"}, {"n"});
  b.Node("Relu", {"n"}, {"r"})
      .Node("GlobalAveragePool", {"r"}, {"g"})
      .Node("Flatten", {"g"}, {"f"});
  b.Node("MatMul", {"f", "M"}, {"y"});
  b.Output("y",
           ir::Type::TensorOf(dtype, std::vector<ir::Dim>{{std::nullopt, "N", {}}, {3, {}, {}}}));
  return model;
}

std::vector<float> Outputs(const ir::Model& model, const ir::Tensor& x) {
  const auto results = reference::Run(model, {{"x", reference::RuntimeValue::Of(x)}});
  EXPECT_TRUE(results.ok()) << Message(results.status());
  return results.ok() ? results->at(0).tensor.ToFloats() : std::vector<float>{};
}

class UpcastFloat16Types : public ::testing::TestWithParam<ir::DType> {};

TEST_P(UpcastFloat16Types, MovesOutputsByRoundingsOnly) {
  const ir::Model before = Small(GetParam());
  ir::Model after = before;
  const Outcome outcome = RunPipeline("upcast-float16", after);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_TRUE(outcome.record().changed);
  EXPECT_EQ(outcome.record().check.kind, "none");
  EXPECT_EQ(outcome.record().statistics.at("tensors"), 6);
  EXPECT_EQ(Ops(after.graph),
            "Cast Conv BatchNormalization Relu GlobalAveragePool Flatten MatMul Cast");
  const ir::Tensor x = Halved(Normal({3, 2, 6, 6}, 9), GetParam());
  const auto y = Outputs(before, x), z = Outputs(after, x);
  ASSERT_EQ(y.size(), z.size());
  float largest = 0, difference = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    largest = std::max(largest, std::fabs(y[i]));
    difference = std::max(difference, std::fabs(y[i] - z[i]));
  }
  ASSERT_GT(largest, 0.1f);
  // Half a dozen ops, each rounded to 11 or to 8 bits by the source alone.
  EXPECT_LE(difference / largest, GetParam() == ir::DType::kFloat16 ? 4e-3 : 4e-2);

  ir::Model again = after;
  const Outcome second = RunPipeline("upcast-float16", again);
  EXPECT_FALSE(second.record().changed) << "a second run has nothing to do";
}

INSTANTIATE_TEST_SUITE_P(Types, UpcastFloat16Types,
                         ::testing::Values(ir::DType::kFloat16, ir::DType::kBfloat16),
                         [](const auto& param) { return std::string(NameOf(param.param)); });

TEST(UpcastFloat16, LeavesFloatModelsAlone) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "2"})
      .Init("w", Normal({2, 2}, 1))
      .Node("MatMul", {"x", "w"}, {"y"})
      .Output("y");
  ExpectUnchanged("upcast-float16", model);
}

TEST(UpcastFloat16, WarnsWhereAnUnknownOpHidesATypeAndLeavesTheModel) {
  ir::Model model = MakeModel();
  model.set_opset("acme", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"2"}, ir::DType::kFloat16).Node("Twist", {"x"}, {"t"}, {}, "acme");
  b.Node("Add", {"t", "x"}, {"y"})
      .Output("y", ir::Type::TensorOf(ir::DType::kFloat16, std::vector<int64_t>{2}));
  const Digest before = ir::StructuralHash(model);
  const auto pipeline = pass::Pipeline::Parse("upcast-float16", passes::AllPasses());
  ASSERT_TRUE(pipeline.ok());
  CollectingSink sink;
  pass::PassManager manager({});
  ASSERT_TRUE(manager.Run(*pipeline, model, {}, sink, NoProgress()).ok());
  ASSERT_EQ(sink.diagnostics().size(), 1u);
  EXPECT_EQ(sink.diagnostics()[0].rule, "AZ-CVT-0001");
  EXPECT_EQ(ir::StructuralHash(model), before);
}

// Layers of 16-bit floats quantize, with the pass in front or without it.
TEST(UpcastFloat16, MakesWayForQuantization) {
  for (const std::string pipeline :
       {"upcast-float16,simplify,fuse,quantize-static", "quantize-static"}) {
    ir::Model model = Small(ir::DType::kFloat16);
    const Rows rows("x", Halved(Normal({16, 2, 6, 6}, 11)));
    const Outcome outcome = Quantize(pipeline, model, rows);
    ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
    const pass::PassRecord& record = outcome.records.back();
    EXPECT_EQ(record.statistics.at("quantized"), 2) << pipeline;
    EXPECT_EQ(record.statistics.contains("upcast"), pipeline == "quantize-static");
    const ir::Tensor x = Halved(Normal({3, 2, 6, 6}, 9));
    const auto y = Outputs(Small(ir::DType::kFloat16), x), z = Outputs(model, x);
    ASSERT_EQ(y.size(), z.size());
    for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], z[i], 0.15) << pipeline;
  }
}

}  // namespace
}  // namespace assize::testing
