// bench on small models with a clock of the test's own, which moves one tick at every look: figures
// are exact then, and no machine is too slow for a test.
#include "lib/flow/bench.h"

#include "lib/flow/bench_feeds.h"
#include "lib/support/json.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

constexpr int64_t kTick = 1'000'000;  // nanoseconds

std::function<int64_t()> TickingClock() {
  auto now = std::make_shared<int64_t>(0);
  return [now] { return *now += kTick; };
}

BenchRequest Request(const std::string& model, const std::string& against = "") {
  BenchRequest request;
  request.model = model;
  request.against = against;
  request.rounds = 4;
  request.round_seconds = 0.01;
  request.nanos = TickingClock();
  return request;
}

std::string Written(const TemporaryFolder& folder, const std::string& name,
                    const ir::Model& model) {
  Must(WriteModel(model, folder / name).status());
  return folder / name;
}

// y = Relu(x W + b) with another b[0].
ir::Model DenseWithBias(float bias) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"})
      .Init("W", Floats({3, 2}, {0, 0, 0, 0, 0, 0}))
      .Init("b", Floats({2}, {bias, 4}));
  b.Node("Gemm", {"x", "W", "b"}, {"hidden"}).Node("Relu", {"hidden"}, {"y"});
  const ir::Dim rows = model.graph.value(b.Get("x")).type.shape->front();
  b.Output("y",
           ir::Type::TensorOf(ir::DType::kFloat, std::vector<ir::Dim>{rows, ir::Dim{2, {}, {}}}));
  return model;
}

// Rows of a table, added up under a mask of its own; ids and mask [N, L].
ir::Model Tokens() {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("ids", {"N", "L"}, ir::DType::kInt64)
      .Input("attention_mask", {"N", "L"}, ir::DType::kInt64);
  b.Init("table", Normal({5, 4}, 1));
  b.Node("Gather", {"table", "ids"}, {"words"}).Node("Add", {"ids", "attention_mask"}, {"sum"});
  b.Output("words").Output("sum");
  return model;
}

std::string MessageOf(const BenchRequest& request) {
  const auto result = RunBench(request, NoProgress());
  EXPECT_FALSE(result.ok());
  if (result.ok()) return "";
  EXPECT_EQ(ExitCodeOf(result.status()), ExitCode::kBadInput) << Message(result.status());
  return Message(result.status());
}

TEST(Bench, FiguresOfOneModelAreThoseOfTheClock) {
  TemporaryFolder folder;
  BenchRequest request = Request(Written(folder, "m.onnx", Dense()));
  request.batch = 3;
  const BenchResult result = Must(RunBench(request, NoProgress()));
  ASSERT_EQ(result.models.size(), 1u);
  const BenchFigures& figures = result.models[0];
  EXPECT_EQ(result.turns, "AAAA");
  EXPECT_EQ(figures.median_us, 1000);  // one tick between two looks
  EXPECT_EQ(figures.p95_us, 1000);
  EXPECT_EQ(figures.least_us, 1000);
  // 10 ticks a round: each run costs two looks of its own and one at the end of the round.
  EXPECT_EQ(figures.runs, 4 * 4);
  EXPECT_EQ(result.batch, 3);
  EXPECT_THAT(result.inputs, ElementsAre("x f32 [3,3]"));
  EXPECT_EQ(result.feeds, "seeded noise");
  EXPECT_GT(figures.profile_runs, 0);
  ASSERT_FALSE(figures.profile.empty());
  EXPECT_GT(figures.profile[0].runs, 0);
  EXPECT_EQ(BenchJson(result)["models"][0]["samplesPerSecond"], 3000);
}

TEST(Bench, TwoModelsTakeTurns) {
  TemporaryFolder folder;
  const std::string a = Written(folder, "a.onnx", Dense()), b = Written(folder, "b.onnx", Dense());
  const BenchResult result = Must(RunBench(Request(a, b), NoProgress()));
  EXPECT_EQ(result.turns, "ABBAABBA");
  ASSERT_EQ(result.models.size(), 2u);
  EXPECT_EQ(result.models[0].path, a);
  EXPECT_EQ(result.models[1].rounds_us.size(), 4u);
  EXPECT_EQ(result.speedup, 1);
  EXPECT_EQ(result.largest_difference, 0);
  EXPECT_THAT(BenchText(result), HasSubstr("is 1.000 times as fast as"));
}

TEST(Bench, TheBudgetBoundsTheRoundsButNeverBelowFive) {
  TemporaryFolder folder;
  BenchRequest request = Request(Written(folder, "m.onnx", Dense()));
  request.rounds = 100;
  request.budget_seconds = 0.08;  // of rounds of 10 ms and a run of 1 ms to warm up
  EXPECT_EQ(Must(RunBench(request, NoProgress())).turns.size(), 7u);
  request.budget_seconds = 0;
  EXPECT_EQ(Must(RunBench(request, NoProgress())).turns.size(), 5u);
}

TEST(Bench, OutputsThatDifferAreMeasuredAgainstTheLargestValue) {
  TemporaryFolder folder;
  const std::string a = Written(folder, "a.onnx", DenseWithBias(1)),
                    b = Written(folder, "b.onnx", DenseWithBias(2));
  EXPECT_DOUBLE_EQ(Must(RunBench(Request(a, b), NoProgress())).largest_difference,
                   0.25);  // |1 - 2| of 4
}

TEST(Bench, ModelsThatCannotBeComparedSayWhy) {
  TemporaryFolder folder;
  const std::string dense = Written(folder, "dense.onnx", Dense());
  EXPECT_THAT(MessageOf(Request(dense, Written(folder, "fixed.onnx", Dense("2")))),
              AllOf(HasSubstr("fixed.onnx cannot take what"),
                    HasSubstr("input \"x\" is f32 [2,3], fed is f32 [1,3]")));
  BenchRequest tokens = Request(Written(folder, "tokens.onnx", Tokens()), dense);
  tokens.dims["L"] = 2;
  EXPECT_THAT(MessageOf(tokens), HasSubstr("input \"x\" is not fed; fed are: attention_mask, ids"));
  ir::Model two = Dense();
  GraphBuilder(two.graph).Output("hidden");
  EXPECT_THAT(MessageOf(Request(dense, Written(folder, "two.onnx", two))),
              AllOf(HasSubstr("dense.onnx has 1 outputs"), HasSubstr("two.onnx has 2")));
}

TEST(BenchFeeds, SizesNobodyGaveAreAskedFor) {
  const ir::Model model = Tokens();
  const Status missing = MakeBenchFeeds(model, 2, {}, {}).status();
  EXPECT_THAT(Message(missing),
              AllOf(HasSubstr("input \"ids\" is i64 [N,L]"), HasSubstr("--dim L=N")));
  const Status unknown = MakeBenchFeeds(model, 2, {{"L", 3}, {"M", 4}}, {}).status();
  EXPECT_THAT(Message(unknown), AllOf(HasSubstr("--dim M=4"), HasSubstr("there are: L, N")));
  const Status fixed = MakeBenchFeeds(Dense("2"), 3, {}, {}).status();
  EXPECT_THAT(Message(fixed), AllOf(HasSubstr("--batch 3"), HasSubstr("fixed at 2")));
  EXPECT_EQ(Must(MakeBenchFeeds(Dense("2"), 0, {}, {})).batch, 2);
}

TEST(BenchFeeds, IdsStayInTheirTableAndMasksAreOne) {
  const BenchFeeds made = Must(MakeBenchFeeds(Tokens(), 50, {{"L", 7}}, {}));
  EXPECT_EQ(made.batch, 50);
  const ir::Tensor& ids = made.feeds.at("ids");
  EXPECT_THAT(ids.dims(), ElementsAre(50, 7));
  std::vector<int> seen(5);
  for (const int64_t id : ids.data<int64_t>()) {
    ASSERT_GE(id, 0);
    ASSERT_LT(id, 5);
    ++seen[static_cast<size_t>(id)];
  }
  EXPECT_THAT(seen, ::testing::Each(::testing::Gt(0)));  // all of them: not only row 0
  for (const int64_t one : made.feeds.at("attention_mask").data<int64_t>()) ASSERT_EQ(one, 1);
  // The same values every time: a figure that moves does not move because of its input.
  const BenchFeeds again = Must(MakeBenchFeeds(Tokens(), 50, {{"L", 7}}, {}));
  EXPECT_TRUE(std::ranges::equal(again.feeds.at("ids").bytes(), ids.bytes()));
}

TEST(BenchFeeds, RowsOfAFileAreRepeatedUpToTheBatch) {
  TemporaryFolder folder;
  Must(data::WriteNpz(folder / "rows.npz",
                      {{"x", data::Array::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6})}}));
  UserData data;
  data.path = folder / "rows.npz";
  const BenchFeeds made = Must(MakeBenchFeeds(Dense(), 3, {}, data));
  EXPECT_THAT(made.feeds.at("x").data<float>(), ElementsAre(1, 2, 3, 4, 5, 6, 1, 2, 3));
  EXPECT_EQ(made.source, data.path);
  EXPECT_THAT(Message(MakeBenchFeeds(Dense(), 3, {{"N", 4}}, data).status()),
              HasSubstr("--dim N=4"));
}

TEST(BenchReport, JsonIsOfItsSchemaAndThePageLoadsNothing) {
  TemporaryFolder folder;
  const std::string a = Written(folder, "a&<b>.onnx", Dense()),
                    b = Written(folder, "b.onnx", Dense());
  const Json schema =
      Must(ParseJson(Must(ReadFile(SourcePath("schemas/bench.schema.json"))), "schema"));
  for (const BenchRequest& request : {Request(a), Request(a, b)}) {
    const BenchResult result = Must(RunBench(request, NoProgress()));
    EXPECT_THAT(Must(ValidateJson(schema, BenchJson(result))), ::testing::IsEmpty());
    const std::string page = BenchHtml(result);
    EXPECT_THAT(page, AllOf(HasSubstr("default-src 'none'"), HasSubstr("a&amp;&lt;b&gt;.onnx")));
    for (const char* foreign : {"<script", "http:", "https:", "url(", "@import", "src=", "a&<b>"})
      EXPECT_EQ(page.find(foreign), std::string::npos) << foreign;
    // Every kernel of the profile is on the page, and a point of the roofline for each counted
    // step.
    size_t counted = 0, points = 0;
    for (const BenchFigures& figures : result.models) {
      for (const engine::StepProfile& step : figures.profile) {
        EXPECT_THAT(page, HasSubstr("<code>" + step.info.kernel + "</code>"));
        counted += step.info.operations > 0 && step.info.bytes > 0 && step.seconds > 0;
      }
    }
    for (size_t at = page.find("<circle class=\"point"); at != std::string::npos;
         at = page.find("<circle class=\"point", at + 1))
      ++points;
    EXPECT_EQ(points, counted);
    EXPECT_EQ(page.find("nan"), std::string::npos);
    EXPECT_EQ(page.find("inf"), std::string::npos);
  }
}

TEST(BenchReport, SharesAddUpStepsOfOneKernelPerRun) {
  BenchFigures figures;
  figures.profile_runs = 10;
  engine::StepProfile conv, relu;
  conv.info = {"c1", "Conv", "onednn:conv:f32", 100, false, 40};
  conv.runs = 20;  // two rows a run
  conv.seconds = 4;
  relu.info = {"r", "Relu", "own:relu", 0, false, 8};
  relu.runs = 10;
  relu.seconds = 5;
  figures.profile = {conv, relu, conv};
  const auto shares = SharesByKernel(figures);
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].kernel, "onednn:conv:f32");
  EXPECT_EQ(shares[0].steps, 2);
  EXPECT_DOUBLE_EQ(shares[0].seconds, 0.8);
  EXPECT_DOUBLE_EQ(shares[0].operations, 400);
  EXPECT_EQ(shares[0].bytes, 160);
  EXPECT_DOUBLE_EQ(shares[1].seconds, 0.5);
}

TEST(BenchReport, TheRooflineIsTheLowerOfArithmeticAndMemory) {
  engine::Peaks peaks;
  peaks.flops = 100;
  peaks.integer_ops = 400;
  peaks.bytes_per_second = 10;
  EXPECT_EQ(RooflineLimit(peaks, 1000, 10, false), 100);
  EXPECT_EQ(RooflineLimit(peaks, 1000, 10, true), 400);
  EXPECT_EQ(RooflineLimit(peaks, 20, 10, false), 20);  // two operations a byte
  EXPECT_EQ(RooflineLimit(peaks, 20, 0, false), 100);
}

}  // namespace
}  // namespace assize::flow
