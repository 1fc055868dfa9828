// What Compile and Session promise: results that depend on the inputs alone, shared programs, words
// for wrong feeds.
#include <atomic>
#include <thread>

#include "lib/support/parallel.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

class Threads {
 public:
  explicit Threads(int count) { SetThreadCount(count); }
  ~Threads() { SetThreadCount(0); }
};

// A small network with everything that tempts a library to choose by batch: convolutions,
// depthwise, products.
void Network(Builder& b, bool quantized) {
  Philox random(31);
  ir::ValueRef x = b.Batch("x", {3, 16, 16});
  const auto maybe = [&](ir::ValueRef v) {
    return quantized ? b.Dequantize(b.Quantize(v, 0.05f, 60), 0.05f, 60) : v;
  };
  const auto weights = [&](const ir::Shape& dims) {
    if (!quantized) return b.Const(RandomTensor(random, dims, 0.2f));
    std::vector<int8_t> values(static_cast<size_t>(ir::ElementCount(dims).value()));
    for (int8_t& v : values) v = static_cast<int8_t>(static_cast<int>(random.NextBelow(255)) - 127);
    return b.Op("DequantizeLinear", {b.Const<int8_t>(dims, values), b.Const<float>({}, {0.002f}),
                                     b.Const<int8_t>({}, {0})});
  };
  x = maybe(x);
  x = maybe(
      b.Op("Relu", {b.Op("Conv", {x, weights({16, 3, 3, 3})}, {Ints("pads", {1, 1, 1, 1})})}));
  x = maybe(b.Op("Relu", {b.Op("Conv", {x, weights({16, 1, 3, 3})},
                               {Ints("pads", {1, 1, 1, 1}), Int("group", 16)})}));
  x = maybe(b.Op("Conv", {x, weights({32, 16, 1, 1})}, {Ints("strides", {2, 2})}));
  x = maybe(b.Op("Flatten",
                 {b.Op("MaxPool", {x}, {Ints("kernel_shape", {2, 2}), Ints("strides", {2, 2})})}));
  x = b.Op("Gemm", {x, weights({10, 512}), b.Const(RandomTensor(random, {10}))},
           {Int("transB", 1)});
  b.Output(b.Op("Softmax", {x}));
}

class Determinism : public testing::TestWithParam<bool> {};

TEST_P(Determinism, ResultsDoNotMoveWithThreadsBatchOrEarlierRuns) {
  Builder b;
  Network(b, GetParam());
  const auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  Philox random(32);
  const ir::Tensor all = RandomTensor(random, {64, 3, 16, 16});
  const auto rows = [&](int64_t begin, int64_t end) {
    const auto values = all.data<float>();
    const int64_t row = 3 * 16 * 16;
    return ir::Tensor::Of<float>({end - begin, 3, 16, 16},
                                 {values.begin() + begin * row, values.begin() + end * row});
  };
  std::vector<float> expected;
  for (const int threads : {1, 2, 3}) {
    const Threads guard(threads);
    Session session(*program);
    for (const int64_t batch : {64, 7, 1, 64}) {
      std::vector<float> got;
      for (int64_t begin = 0; begin < 64; begin += batch) {
        const auto result = session.Run({{"x", rows(begin, std::min<int64_t>(64, begin + batch))}});
        ASSERT_TRUE(result.ok()) << result.status();
        const auto values = (*result)[0].data<float>();
        got.insert(got.end(), values.begin(), values.end());
      }
      if (expected.empty()) expected = got;
      EXPECT_EQ(got, expected) << threads << " threads, batch " << batch;
    }
  }
  EXPECT_NE(expected[0], expected[10]) << "MISTRUSTED: rows alike";
}
INSTANTIATE_TEST_SUITE_P(FloatAndInt8, Determinism, testing::Bool());

// The back of the network is worth running for the whole batch at once, its front row by row.
TEST_P(Determinism, HeavyLayersDoNotSeeTheBatch) {
  const bool quantized = GetParam();
  Builder b;
  Philox random(35);
  const auto through = [&](ir::ValueRef x) {
    return quantized ? b.Dequantize(b.Quantize(x, 0.05f, 120), 0.05f, 120) : x;
  };
  const auto dense = [&](ir::ValueRef x, int64_t from, int64_t to) {
    // The weights' shape is made in the graph, in front of where the layer runs.
    ir::ValueRef w = b.Op("Reshape", {b.Const(RandomTensor(random, {1, to, from}, 0.05f)),
                                      b.Const<int64_t>({2}, {to, from})});
    if (quantized) {
      std::vector<int8_t> q(static_cast<size_t>(from * to));
      for (int8_t& v : q) v = static_cast<int8_t>(static_cast<int>(random.NextBelow(255)) - 127);
      w = b.Op("DequantizeLinear", {b.Const<int8_t>({to, from}, q), b.Const<float>({}, {0.001f})});
    }
    return b.Op("Gemm", {x, w, b.Const(RandomTensor(random, {to}))}, {Int("transB", 1)});
  };
  ir::ValueRef x = b.Batch("x", {3, 16, 16});
  x = b.Op("Conv", {through(x), b.Const(RandomTensor(random, {8, 3, 3, 3}))},
           {Ints("pads", {1, 1, 1, 1})});
  x = through(b.Op("Flatten", {b.Op("Relu", {x})}));
  x = through(b.Op("Relu", {dense(x, 2048, 300)}));
  x = through(b.Op("Relu", {dense(x, 300, 200)}));
  b.Output(b.Op("Softmax", {dense(x, 200, 10)}));
  const ir::Tensor all = RandomTensor(random, {7, 3, 16, 16});
  const auto together = RunEngine(b.model, {{"x", all}});
  const auto want = RunReference(b.model, {{"x", all}});
  EXPECT_LE(Distance(together[0], want[0]), quantized ? 1e-3 : 1e-5);
  for (const int threads : {1, 2}) {
    const Threads guard(threads);
    for (const int64_t batch : {1, 2, 3}) {
      std::vector<float> got;
      for (int64_t begin = 0; begin < 7; begin += batch) {
        const int64_t end = std::min<int64_t>(7, begin + batch), row = 3 * 16 * 16;
        const auto values = all.data<float>();
        const ir::Tensor rows = ir::Tensor::Of<float>(
            {end - begin, 3, 16, 16}, {values.begin() + begin * row, values.begin() + end * row});
        const auto result = RunEngine(b.model, {{"x", rows}});
        const auto part = result[0].data<float>();
        got.insert(got.end(), part.begin(), part.end());
      }
      const auto whole = together[0].data<float>();
      EXPECT_EQ(got, std::vector<float>(whole.begin(), whole.end())) << batch << " a batch";
    }
  }
}

TEST(Sessions, RunSideBySideOnOneProgram) {
  Builder b;
  Network(b, true);
  const auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  Philox random(33);
  const ir::Tensor x = RandomTensor(random, {4, 3, 16, 16});
  const auto want = Session(*program).Run({{"x", x}});
  ASSERT_TRUE(want.ok());
  std::atomic<int> equal{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Session session(*program);
      for (int i = 0; i < 5; ++i) {
        const auto got = session.Run({{"x", x}});
        if (got.ok() && (*got)[0] == (*want)[0]) ++equal;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal.load(), 20);
}

// Graphs that mix the rows of a batch must not be run row by row.
TEST(Rows, GraphsThatMixRowsRunWhole) {
  using Make = std::function<ir::ValueRef(Builder&, ir::ValueRef, Philox&)>;
  const auto ints = [](Builder& b, std::vector<int64_t> v) {
    return b.Const<int64_t>({static_cast<int64_t>(v.size())}, v);
  };
  const std::map<std::string, Make> graphs = {
      {"softmax over rows",
       [](Builder& b, ir::ValueRef x, Philox&) { return b.Op("Softmax", {x}, {Int("axis", 0)}); }},
      {"mean over rows",
       [](Builder& b, ir::ValueRef x, Philox&) {
         return b.Op("Sub", {x, b.Op("ReduceMean", {x}, {Ints("axes", {0})})});
       }},
      {"rows against rows",
       [](Builder& b, ir::ValueRef x, Philox&) {
         return b.Op("MatMul", {b.Op("MatMul", {x, b.Op("Transpose", {x})}), x});
       }},
      {"transposed product",
       [](Builder& b, ir::ValueRef x, Philox& r) {
         return b.Op("Gemm", {x, b.Const(RandomTensor(r, {4, 6}))}, {Int("transA", 1)});
       }},
      {"reversed rows",
       [&](Builder& b, ir::ValueRef x, Philox&) {
         return b.Op("Slice", {x, ints(b, {-1}), ints(b, {-1000}), ints(b, {0}), ints(b, {-1})});
       }},
      {"first row taken",
       [&](Builder& b, ir::ValueRef x, Philox&) {
         return b.Op("Add", {x, b.Op("Gather", {x, ints(b, {0})}, {Int("axis", 0)})});
       }},
      {"rows through another axis",
       [&](Builder& b, ir::ValueRef x, Philox&) {
         return b.Op("Softmax", {b.Op("Reshape", {x, ints(b, {2, -1})})}, {Int("axis", 1)});
       }},
      {"count of rows as a number",
       [](Builder& b, ir::ValueRef x, Philox&) {
         const auto n =
             b.Op("Cast", {b.Op("Gather", {b.Op("Shape", {x}), b.Const<int64_t>({}, {0})})},
                  {Int("to", 1)});
         return b.Op("Mul", {x, n});
       }},
      {"a row for each row",
       [](Builder& b, ir::ValueRef x, Philox& r) {
         return b.Op("Add", {x, b.Const(RandomTensor(r, {4, 6}))});
       }},
      {"running sum over rows",
       [](Builder& b, ir::ValueRef x, Philox&) {
         return b.Op("CumSum", {x, b.Const<int64_t>({}, {0})});
       }},
      {"kept apart", [](Builder& b, ir::ValueRef x, Philox& r) {
         return b.Op("Relu", {b.Op("MatMul", {x, b.Const(RandomTensor(r, {6, 5}))})});
       }}};
  for (const auto& [name, make] : graphs) {
    SCOPED_TRACE(name);
    Philox random(34);
    Builder b;
    const auto x = b.Batch("x", {6});
    b.Output(make(b, x, random));
    ExpectAgrees(b, {{"x", RandomTensor(random, {4, 6})}});
  }
}

TEST(Feeds, WrongOnesAreNamed) {
  Builder b;
  const auto x = b.Batch("x", {6});
  const auto z = b.Batch("z", {6});
  b.Output(b.Op("Add", {x, z}));
  const auto program = Compile(b.model);
  ASSERT_TRUE(program.ok());
  Session session(*program);
  const auto tensor = [](const ir::Shape& dims) {
    return ir::Tensor::Zeros(ir::DType::kFloat, dims);
  };
  const auto message = [&](const Feeds& feeds) {
    const auto result = session.Run(feeds);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return Message(result.status());
  };
  EXPECT_THAT(message({{"x", tensor({2, 6})}}), testing::HasSubstr("\"z\" is not fed"));
  EXPECT_THAT(message({{"x", tensor({2, 6})}, {"y", tensor({2, 6})}}),
              testing::HasSubstr("no such input"));
  EXPECT_THAT(message({{"x", tensor({2, 5})}, {"z", tensor({2, 6})}}),
              testing::HasSubstr("f32 [2,5]"));
  EXPECT_THAT(
      message({{"x", ir::Tensor::Zeros(ir::DType::kDouble, {2, 6})}, {"z", tensor({2, 6})}}),
      testing::HasSubstr("\"x\""));
  EXPECT_THAT(message({{"x", tensor({2, 6})}, {"z", tensor({3, 6})}}), testing::HasSubstr("N = 2"));
}

// Initializers that are inputs too: their values are defaults, and a feed replaces them for one
// run.
TEST(Feeds, InitializersMayBeOverridden) {
  Builder b;
  const auto x = b.Batch("x", {4});
  const auto w = b.Input("w", {4, 3});
  ir::NamedTensor named;
  named.name = "w";
  Philox random(35);
  named.tensor = RandomTensor(random, {4, 3});
  b.edit.SetInitializer("w", named);
  b.Output(b.Op("MatMul", {x, w}));
  const auto program = Compile(b.model);
  ASSERT_TRUE(program.ok());
  Session session(*program);
  const ir::Tensor feed = RandomTensor(random, {2, 4}), other = RandomTensor(random, {4, 3});
  for (const bool override : {false, true, false}) {
    Feeds feeds{{"x", feed}};
    if (override) feeds["w"] = other;
    const auto got = session.Run(feeds);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_LE(Distance((*got)[0], RunReference(b.model, feeds)[0]), 1e-6) << override;
  }
}

TEST(CompileErrors, MissingOpsAreAllNamed) {
  Builder b;
  const auto x = b.Input("x", {2});
  b.Output(b.Op("FrobnicateA", {b.Op("FrobnicateB", {x})}));
  const auto program = Compile(b.model);
  EXPECT_EQ(program.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(program.status()),
              testing::AllOf(testing::HasSubstr("FrobnicateA"), testing::HasSubstr("FrobnicateB")));
}

TEST(Limits, MemoryIsRefusedBeforeItIsTaken) {
  Builder b;
  const auto x = b.Batch("x", {4, 64, 64});
  b.Output(b.Op("Relu", {x}));
  CompileOptions options;
  options.max_memory_bytes = 100'000;
  const auto program = Compile(b.model, options);
  ASSERT_TRUE(program.ok());
  Session session(*program);
  EXPECT_TRUE(session.Run({{"x", ir::Tensor::Zeros(ir::DType::kFloat, {1, 4, 64, 64})}}).ok());
  const auto big = session.Run({{"x", ir::Tensor::Zeros(ir::DType::kFloat, {50, 4, 64, 64})}});
  EXPECT_EQ(big.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(big.status()), testing::HasSubstr("max_memory_bytes"));
}

TEST(Limits, LoopsRunNoLongerThanTheyMay) {
  Builder b(16);
  const auto trips = b.Input("trips", {}, ir::DType::kInt64);
  ir::Graph body;
  ir::Editor edit(body);
  edit.SetName("body");
  const auto scalar = [](ir::DType dtype) {
    return ir::Type::TensorOf(dtype, std::vector<int64_t>{});
  };
  const auto round = edit.AddInput("round", scalar(ir::DType::kInt64));
  edit.AddOutput(edit.AddInput("on", scalar(ir::DType::kBool)));
  edit.AddInput("last", scalar(ir::DType::kInt64));
  edit.AddOutput(round);
  ir::Attribute attribute;
  attribute.name = "body";
  attribute.value = ir::GraphBox(std::move(body));
  b.Output(b.Op("Loop",
                {trips, b.Const(ir::Tensor::Of<bool>({}, {true})), b.Const<int64_t>({}, {-1})},
                {attribute}));
  CompileOptions options;
  options.max_loop_iterations = 100;
  const auto program = Compile(b.model, options);
  ASSERT_TRUE(program.ok()) << Message(program.status());
  Session session(*program);
  const auto within = session.Run({{"trips", ir::Tensor::Of<int64_t>({}, {100})}});
  ASSERT_TRUE(within.ok()) << Message(within.status());
  EXPECT_EQ(within->at(0), ir::Tensor::Of<int64_t>({}, {99}));
  const auto beyond = session.Run({{"trips", ir::Tensor::Of<int64_t>({}, {101})}});
  EXPECT_EQ(beyond.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(beyond.status()), testing::HasSubstr("max_loop_iterations (100)"));
}

// An array that hangs on shapes alone, and is too large to be made while planning.
TEST(Facts, LargeArraysOfShapesAreComputedByThePlan) {
  Philox random(39);
  Builder b;
  const auto x = b.Input("x", {2100, 2100});
  const auto ones = b.Op("Expand", {b.Const<float>({1, 1}, {1.0f}), b.Op("Shape", {x})});
  b.Output(b.Op("Add", {x, b.Op("Mul", {ones, b.Const<float>({1}, {2.0f})})}));
  ExpectAgrees(b, {{"x", RandomTensor(random, {2100, 2100})}}, 0);
}

TEST(Fetch, AnyValueAndFedOnes) {
  Philox random(36);
  Builder b;
  const auto x = b.Batch("x", {4});
  const auto relu = b.Op("Relu", {x});
  b.Output(b.Op("Neg", {relu}));
  CompileOptions options;
  options.fetch = {"x", b.model.graph.value(relu).name, "x"};
  const ir::Tensor feed = RandomTensor(random, {3, 4});
  const auto got = RunEngine(b.model, {{"x", feed}}, options);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0], feed);
  EXPECT_EQ(got[2], feed);
  EXPECT_NE(got[1], feed);
}

}  // namespace
}  // namespace assize::engine
