// Models of 16-bit floats: computed in float from border to border, in the engine's own kernels.
// What ONNX Runtime says comes from float16_oracle.py; skipped, with the reason, where it cannot
// run; with CI=true that is a failure.
#include "lib/ir/float_formats.h"
#include "lib/onnx/onnx.h"
#include "tests/engine/ort_oracle.h"
#include "tests/engine/testing.h"

namespace assize::engine {
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

// ---- against ONNX Runtime -------------------------------------------------------------------

struct Case {
  std::string set, form;
  int rows;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.set << "_" << c.form; }

using Float16Models = OrtOracle<Case>;

TEST_P(Float16Models, ComputeInFloatBetweenTheBorders) {
  const Case& c = GetParam();
  const std::string folder =
      Asked("float16_oracle.py", "float16-", c.set + " " + c.form + " " + std::to_string(c.rows));
  ASSERT_FALSE(HasFailure());
  std::ifstream facts(folder + "/facts.txt");
  std::string input, type, line;
  int fixed = 0;
  facts >> input >> type >> fixed;
  std::getline(facts, line);
  const auto dims = [&] {
    std::getline(facts, line);
    return ReadDims(line);
  };
  const ir::Shape x_dims = dims(), y_dims = dims();
  const ir::DType dtype = type == "float16" ? ir::DType::kFloat16
                          : type == "int64" ? ir::DType::kInt64
                                            : ir::DType::kFloat;
  const auto x = ReadBytes(folder + "/x.bin");
  const auto want = ReadFloats(folder + "/y.f32"), peer = ReadFloats(folder + "/o.f32");
  ASSERT_FALSE(x.empty());
  ASSERT_EQ(want.size(), peer.size());

  auto imported = onnx::ImportFile(folder + "/model.onnx");
  ASSERT_TRUE(imported.ok()) << imported.status();
  // ONNX Runtime's converter appends its Casts.
  ASSERT_TRUE(ir::Editor(imported->model.graph).SortTopologically());
  const auto program = Compile(imported->model);
  ASSERT_TRUE(program.ok()) << program.status();
  for (const StepInfo& step : Describe(**program)) {
    EXPECT_NE(step.kernel, "reference") << step.op_type << " " << step.node;
  }
  Session session(*program);
  std::vector<float> got;
  const int64_t batch = fixed != 0 ? 1 : x_dims[0];
  const auto row = static_cast<int64_t>(x.size()) / x_dims[0];
  ir::DType out = ir::DType::kUndefined;
  for (int64_t begin = 0; begin < x_dims[0]; begin += batch) {
    ir::Shape shape = x_dims;
    shape[0] = batch;
    const std::vector<std::byte> rows(x.begin() + begin * row, x.begin() + (begin + batch) * row);
    const auto result = session.Run({{input, ir::Tensor::FromBytes(dtype, shape, rows)}});
    ASSERT_TRUE(result.ok()) << result.status();
    out = (*result)[0].dtype();
    const auto values = (*result)[0].ToFloats();
    got.insert(got.end(), values.begin(), values.end());
  }
  EXPECT_EQ(out, c.form == "half" ? ir::DType::kFloat16 : ir::DType::kFloat);
  ASSERT_EQ(got.size(), want.size());
  double difference = 0, from_peer = 0, magnitude = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference = std::max(difference, std::fabs(static_cast<double>(got[i]) - want[i]));
    from_peer = std::max(from_peer, std::fabs(static_cast<double>(got[i]) - peer[i]));
    magnitude = std::max(magnitude, std::fabs(static_cast<double>(want[i])));
  }
  RecordProperty("largest_relative_difference", std::to_string(difference / magnitude));
  RecordProperty("from_onnx_runtime_on_16_bits", std::to_string(from_peer / magnitude));
  // Two float engines, and where the output is float16 a rounding that may fall the other way.
  EXPECT_LE(difference / magnitude, c.form == "half" ? 1e-3 : 1e-4);
  // Its kernels round after nodes, as the file says; tens of nodes deep.
  EXPECT_LE(from_peer / magnitude, 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Data, Float16Models,
                         testing::Values(Case{"resnet20", "half", 64}, Case{"resnet20", "ends", 64},
                                         Case{"resnet20", "islands", 64}, Case{"kws", "half", 64},
                                         Case{"fashion", "ends", 64},
                                         Case{"fashion", "bfloat16", 64},
                                         Case{"transformer", "half", 32},
                                         Case{"transformer", "islands", 32},
                                         Case{"transformer", "bfloat16", 32}),
                         [](const auto& c) {
                           std::ostringstream name;
                           name << c.param;
                           return name.str();
                         });

// ---- semantics ------------------------------------------------------------------------------

TEST(Float16, OneRoundingFromBorderToBorder) {
  // 2048 + 1 is no float16: rounded after the MatMul, the 1 would be lost before 2048 goes away.
  Builder b;
  const auto x = b.Input("x", {1, 2}, ir::DType::kFloat16);
  const auto w = b.Const(Halved(ir::Tensor::Of<float>({2, 1}, {2048, 1})));
  const auto m = b.Op("MatMul", {x, w});
  b.Output(b.Op("Sub", {m, b.Const(Halved(ir::Tensor::Of<float>({1}, {2048})))}));
  const auto results = RunEngine(b.model, {{"x", Halved(ir::Tensor::Of<float>({1, 2}, {1, 1}))}});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].dtype(), ir::DType::kFloat16);
  EXPECT_EQ(results[0].ToFloats()[0], 1);
}

TEST(Float16, WithoutALayerEveryOpRounds) {
  Builder b;
  const auto x = b.Input("x", {1}, ir::DType::kFloat16);
  const auto c = b.Const(Halved(ir::Tensor::Of<float>({1}, {2048})));
  b.Output(b.Op("Sub", {b.Op("Add", {x, c}), c}));
  const auto results = RunEngine(b.model, {{"x", Halved(ir::Tensor::Of<float>({1}, {1}))}});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].ToFloats()[0], 0);
}

TEST(Float16, CastsAreTheReferencesBitForBit) {
  // Ties, overflow, subnormals of both formats, infinities, NaN.
  std::vector<float> values = {0,        -0.0f,     1.0004883f, 1.0014648f, 65519,   65520,
                               1e30f,    -INFINITY, NAN,        6e-8f,      2.9e-8f, 3.0e-8f,
                               -6.1e-5f, 3.3e38f,   -3.4e38f,   1e-40f,     1.0039f, 1.0117f};
  Philox random(9);
  for (const float value : RandomFloats(random, 200, 100)) values.push_back(value);
  const auto count = static_cast<int64_t>(values.size());
  for (const ir::DType dtype : {ir::DType::kFloat16, ir::DType::kBfloat16}) {
    Builder b;
    const auto x = b.Input("x", {count});
    const auto narrow = b.Op("Cast", {x}, {Int("to", static_cast<int64_t>(dtype))});
    b.Output(narrow);
    b.Output(b.Op("Cast", {narrow}, {Int("to", 1)}));
    const auto program = Compile(b.model);
    ASSERT_TRUE(program.ok());
    for (const StepInfo& step : Describe(**program)) EXPECT_EQ(step.kernel, "own:cast");
    const Feeds feeds = {{"x", ir::Tensor::Of<float>({count}, values)}};
    const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0], want[0]);
    EXPECT_EQ(got[1], want[1]);
  }
}

TEST(Float16, FetchedValuesKeepTheirTypes) {
  Builder b;
  Philox random(3);
  const auto x = b.Input("x", {2, 4}, ir::DType::kFloat16);
  const auto w = b.Const(Halved(RandomTensor(random, {4, 3})));
  const auto m = b.Op("MatMul", {x, w});
  const auto r = b.Op("Relu", {m});
  b.Output(r);
  CompileOptions options;
  const std::string product = b.model.graph.value(m).name, weights = b.model.graph.value(w).name;
  options.fetch = {product, "x", weights, product};
  const ir::Tensor fed = Halved(RandomTensor(random, {2, 4}));
  const auto results = RunEngine(b.model, {{"x", fed}}, options);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].TypeText(), "f16 [2,3]");
  EXPECT_EQ(results[1], fed);
  EXPECT_EQ(results[2], *b.model.graph.ConstantOf(w));
  EXPECT_EQ(results[3], results[0]);
}

// A Loop whose body multiplies by a captured float16 matrix, and an If on top.
TEST(Float16, BodiesOfControlFlowFollow) {
  Builder b(16);
  Philox random(5);
  const auto x = b.Input("x", {2, 3}, ir::DType::kFloat16);
  const ir::Tensor w = Halved(RandomTensor(random, {3, 3}, 0.4f));
  b.edit.AddInitializer("w", w);
  ir::Graph body;
  {
    ir::Editor edit(body);
    edit.SetName("body");
    const auto i =
        edit.AddInput("i", ir::Type::TensorOf(ir::DType::kInt64, std::vector<int64_t>{}));
    const auto go =
        edit.AddInput("go", ir::Type::TensorOf(ir::DType::kBool, std::vector<int64_t>{}));
    const auto h =
        edit.AddInput("h", ir::Type::TensorOf(ir::DType::kFloat16, std::vector<int64_t>{2, 3}));
    (void)i;
    const auto node = [&](const std::string& op, std::vector<ir::ValueRef> inputs,
                          const std::string& out) {
      ir::NodeSpec spec;
      spec.op_type = op;
      spec.inputs = std::move(inputs);
      spec.outputs = {out};
      return edit.output(edit.AddNode(std::move(spec)));
    };
    const auto m = node("MatMul", {h, edit.AddCapture("w")}, "m");
    edit.AddOutput(node("Identity", {go}, "on"));
    edit.AddOutput(node("Tanh", {m}, "h_next"));
  }
  ir::Attribute attribute;
  attribute.name = "body";
  attribute.value = ir::GraphBox(std::move(body));
  const auto trips = b.Const<int64_t>({}, {3});
  const auto looped =
      b.Op("Loop", {trips, b.Const(ir::Tensor::Of<bool>({}, {true})), x}, {attribute});
  b.Output(b.Op("MatMul", {looped, b.edit.graph().FindValue("w")}));
  const ir::Tensor fed = Halved(RandomTensor(random, {2, 3}));
  const auto got = RunEngine(b.model, {{"x", fed}}), want = RunReference(b.model, {{"x", fed}});
  ASSERT_EQ(got.size(), 1u);
  ASSERT_EQ(want.size(), 1u);
  ASSERT_EQ(got[0].TypeText(), want[0].TypeText());
  const auto a = got[0].ToFloats(), c = want[0].ToFloats();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], c[i], 4e-3);
}

}  // namespace
}  // namespace assize::engine
