// Ops that pick or place elements by their index, OneHot, Trilu, CumSum, Hardmax and Pad that
// repeats the border: they run natively, give the reference's bits with any number of threads, and
// refuse what it refuses.
#include <limits>

#include "lib/support/parallel.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

using ir::DType;

const std::vector<DType> kMovedTypes = {DType::kFloat,   DType::kInt64, DType::kInt16,
                                        DType::kFloat16, DType::kBool,  DType::kComplex128};

ir::Tensor RandomElements(Philox& random, DType dtype, const ir::Shape& dims) {
  if (dtype == DType::kFloat) return RandomTensor(random, dims);
  const int64_t count = ir::ElementCount(dims).value();
  std::vector<std::byte> bytes(static_cast<size_t>(ir::ByteCount(dtype, count).value()));
  const uint32_t mask = dtype == DType::kBool ? 1 : 63;  // no NaN comes of it
  for (std::byte& byte : bytes) byte = std::byte(static_cast<uint8_t>(random.NextU32() & mask));
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

// Indices in [-extent, extent).
std::vector<int64_t> RandomIndices(Philox& random, int64_t count, int64_t extent) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i)
    indices.push_back(static_cast<int64_t>(random.NextU32()) % (2 * extent) - extent);
  return indices;
}

ir::Tensor IndexTensor(DType dtype, const ir::Shape& dims, const std::vector<int64_t>& values) {
  if (dtype == DType::kInt64) return ir::Tensor::Of<int64_t>(dims, values);
  return ir::Tensor::Of<int32_t>(dims, std::vector<int32_t>(values.begin(), values.end()));
}

void ExpectOwnKernels(const Builder& b) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  const auto steps = Describe(**program);
  EXPECT_FALSE(steps.empty());
  for (const StepInfo& step : steps)
    EXPECT_TRUE(step.kernel.starts_with("own:")) << step.op_type << " " << step.kernel;
}

class KeepThreadCount {
 public:
  KeepThreadCount() = default;
  KeepThreadCount(const KeepThreadCount&) = delete;
  ~KeepThreadCount() { SetThreadCount(before_); }

 private:
  const int before_ = ThreadCount();
};

void ExpectSameBits(const Builder& b, const Feeds& feeds) {
  const KeepThreadCount keep;
  const auto want = RunReference(b.model, feeds);
  for (const int threads : {1, 5}) {
    SetThreadCount(threads);
    const auto got = RunEngine(b.model, feeds);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_EQ(got[i], want[i]) << "output " << i << ", " << threads << " threads";
  }
}

void ExpectRefused(const Builder& b, const Feeds& feeds, const std::string& what) {
  const KeepThreadCount keep;
  std::map<std::string, reference::RuntimeValue> values;
  for (const auto& [name, tensor] : feeds) values[name] = reference::RuntimeValue::Of(tensor);
  const auto want = reference::Run(b.model, values);
  ASSERT_FALSE(want.ok());
  for (const int threads : {1, 5}) {
    SetThreadCount(threads);
    Session session(*Compile(b.model));
    const auto got = session.Run(feeds);
    EXPECT_EQ(got.status().code(), want.status().code()) << got.status();
    EXPECT_NE(Message(got.status()).find(what), std::string::npos) << got.status();
    EXPECT_NE(Message(want.status()).find(what), std::string::npos) << want.status();
  }
}

TEST(Indexing, Triangles) {
  Philox random(400);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(),
                    kMost = std::numeric_limits<int64_t>::max();
  for (const ir::Shape& dims :
       std::vector<ir::Shape>{{5, 7}, {1, 9}, {9, 1}, {3, 4, 4}, {2, 3, 6, 2}, {3, 260, 260}}) {
    for (const DType dtype : kMovedTypes) {
      SCOPED_TRACE(fmt::format("{} {}", ir::ShapeText(dims), ir::ShortNameOf(dtype)));
      Builder b(14);
      const auto x = b.Input("x", dims, dtype);
      b.Output(b.Op("Trilu", {x}));
      b.Output(b.Op("Trilu", {x}, {Int("upper", 0)}));
      for (const int64_t k : {kLeast, int64_t{-20}, int64_t{-5}, int64_t{-2}, int64_t{1},
                              int64_t{3}, int64_t{20}, kMost}) {
        const auto diagonal = b.Const<int64_t>({}, {k});
        b.Output(b.Op("Trilu", {x, diagonal}));
        b.Output(b.Op("Trilu", {b.Op("Identity", {x}), diagonal}, {Int("upper", 0)}));
      }
      ExpectOwnKernels(b);
      ExpectSameBits(b, {{"x", RandomElements(random, dtype, dims)}});
    }
  }
}

// A result that nobody else reads is cut where it lies.
TEST(Indexing, TriangleInPlace) {
  Philox random(401);
  Builder b(14);
  const auto y = b.Op("Relu", {b.Input("x", {2, 5, 6})});
  b.Output(b.Op("Neg", {b.Op("Trilu", {y, b.Const<int64_t>({}, {-1})})}));
  ExpectOwnKernels(b);
  ExpectSameBits(b, {{"x", RandomTensor(random, {2, 5, 6})}});
}

TEST(Indexing, RunningSums) {
  Philox random(402);
  for (const ir::Shape& dims :
       std::vector<ir::Shape>{{9}, {3, 5}, {2, 3, 130}, {2, 7, 3, 2}, {64, 900}, {40, 30, 65}}) {
    for (const DType dtype : {DType::kFloat, DType::kDouble, DType::kInt32, DType::kInt64}) {
      for (int64_t axis = -1; axis < static_cast<int64_t>(dims.size()); ++axis) {
        SCOPED_TRACE(fmt::format("{} {} {}", ir::ShapeText(dims), ir::ShortNameOf(dtype), axis));
        Builder b(14);
        const auto x = b.Input("x", dims);
        const auto cast = b.Op("Cast", {b.Op("Mul", {x, b.Const<float>({}, {1e9f})})},
                               {Int("to", static_cast<int64_t>(dtype))});
        const auto a = axis == 0 ? b.Const<int32_t>({}, {0}) : b.Const<int64_t>({1}, {axis});
        for (const int64_t exclusive : {0, 1}) {
          for (const int64_t reverse : {0, 1}) {
            b.Output(
                b.Op("CumSum", {cast, a}, {Int("exclusive", exclusive), Int("reverse", reverse)}));
          }
        }
        ExpectSameBits(b, {{"x", RandomTensor(random, dims)}});
        auto program = Compile(b.model);
        ASSERT_TRUE(program.ok()) << program.status();
        for (const StepInfo& step : Describe(**program)) {
          if (step.op_type == "CumSum") {
            EXPECT_EQ(step.kernel, "own:cumulative-sum");
          }
        }
      }
    }
  }
}

TEST(Indexing, RunningSumsInPlace) {
  Philox random(403);
  for (const int64_t exclusive : {0, 1}) {
    Builder b(14);
    const auto y = b.Op("Relu", {b.Input("x", {6, 70})});
    b.Output(b.Op("CumSum", {y, b.Const<int64_t>({}, {1})}, {Int("exclusive", exclusive)}));
    ExpectOwnKernels(b);
    ExpectSameBits(b, {{"x", RandomTensor(random, {6, 70})}});
  }
}

TEST(Indexing, LargestOfLines) {
  Philox random(404);
  for (const int64_t opset : {11, 13}) {
    for (const ir::Shape& dims : std::vector<ir::Shape>{{7}, {4, 6}, {3, 5, 2, 4}, {30, 50, 40}}) {
      for (int64_t axis = -1; axis < static_cast<int64_t>(dims.size()); ++axis) {
        SCOPED_TRACE(fmt::format("opset {} {} {}", opset, ir::ShapeText(dims), axis));
        Builder b(opset);
        const auto x = b.Input("x", dims);
        b.Output(b.Op("Hardmax", {x}, {Int("axis", axis)}));
        if (opset == 13 || dims.size() > 1) b.Output(b.Op("Hardmax", {b.Op("Relu", {x})}));
        ExpectOwnKernels(b);
        // Few values, so that the first of several counts.
        std::vector<float> values;
        for (const float value : RandomFloats(random, ir::ElementCount(dims).value()))
          values.push_back(std::round(value));
        values[2] = NAN;
        ExpectSameBits(b, {{"x", ir::Tensor::Of<float>(dims, values)}});
      }
    }
  }
}

// Indices out of range name no place here.
TEST(Indexing, OneHotRows) {
  Philox random(416);
  for (const ir::Shape& dims : std::vector<ir::Shape>{{}, {7}, {3, 5}, {2, 3, 4}, {40, 60, 3}}) {
    for (int64_t axis = -1; axis <= static_cast<int64_t>(dims.size()); ++axis) {
      for (const DType dtype : kMovedTypes) {
        for (const DType index : {DType::kInt64, DType::kInt32}) {
          SCOPED_TRACE(
              fmt::format("{} axis {} {}", ir::ShapeText(dims), axis, ir::ShortNameOf(dtype)));
          Builder b;
          const auto i = b.Input("i", dims, index), values = b.Input("v", {2}, dtype);
          b.Output(b.Op("OneHot", {i, b.Const<int64_t>({}, {9}), values}, {Int("axis", axis)}));
          ExpectOwnKernels(b);
          const auto indices = RandomIndices(random, ir::ElementCount(dims).value(), 12);
          ExpectSameBits(b, {{"i", IndexTensor(index, dims, indices)},
                             {"v", RandomElements(random, dtype, {2})}});
        }
      }
    }
  }
}

struct ElementCase {
  ir::Shape x, indices;
  int64_t axis;
};
const std::vector<ElementCase> kElementCases = {
    {{8}, {5}, 0},
    {{8}, {20}, -1},
    {{4, 5}, {7, 5}, 0},
    {{4, 5}, {2, 3}, 0},
    {{4, 5}, {4, 9}, 1},
    {{4, 5}, {3, 1}, -1},
    {{3, 4, 5}, {2, 6, 3}, 1},
    {{3, 4, 5}, {3, 4, 2}, -1},
    {{3, 4, 5, 2}, {9, 1, 5, 2}, -4},
    {{90, 300}, {80, 290}, 0},
    {{90, 300}, {90, 400}, 1},
    {{20, 7, 200}, {20, 9, 190}, 1},
};

// body(random, dims of x, indices, element type, axis) for each case and type of elements and
// indices. The same place comes up again and again.
template <typename Body>
void ForElementCases(uint64_t seed, const Body& body) {
  Philox random(seed);
  for (const auto& [x_dims, dims, axis] : kElementCases) {
    const int64_t extent =
        x_dims[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(x_dims.size()) : axis)];
    for (const DType dtype : kMovedTypes) {
      for (const DType index : {DType::kInt64, DType::kInt32}) {
        SCOPED_TRACE(fmt::format("{} by {} axis {} {}", ir::ShapeText(x_dims), ir::ShapeText(dims),
                                 axis, ir::ShortNameOf(dtype)));
        const ir::Tensor indices =
            IndexTensor(index, dims, RandomIndices(random, ir::ElementCount(dims).value(), extent));
        body(random, x_dims, indices, dtype, axis);
      }
    }
  }
}

TEST(Indexing, GatheredElements) {
  ForElementCases(405, [](Philox& random, const ir::Shape& x_dims, const ir::Tensor& indices,
                          DType dtype, int64_t axis) {
    Builder b;
    const auto x = b.Input("x", x_dims, dtype);
    b.Output(b.Op("GatherElements", {x, b.Input("i", indices.dims(), indices.dtype())},
                  {Int("axis", axis)}));
    b.Output(b.Op("GatherElements", {x, b.Const(indices)}, {Int("axis", axis)}));
    ExpectOwnKernels(b);
    ExpectSameBits(b, {{"x", RandomElements(random, dtype, x_dims)}, {"i", indices}});
  });
}

// Of several elements for one place the last one counts.
TEST(Indexing, ScatteredElements) {
  ForElementCases(406, [](Philox& random, const ir::Shape& x_dims, const ir::Tensor& indices,
                          DType dtype, int64_t axis) {
    Builder b;
    const auto x = b.Input("x", x_dims, dtype), updates = b.Input("u", indices.dims(), dtype);
    const auto i = b.Input("i", indices.dims(), indices.dtype());
    b.Output(b.Op("ScatterElements", {x, i, updates}, {Int("axis", axis)}));
    b.Output(b.Op("ScatterElements", {b.Const(RandomElements(random, dtype, x_dims)), i, updates},
                  {Int("axis", axis)}));
    ExpectOwnKernels(b);
    ExpectSameBits(b, {{"x", RandomElements(random, dtype, x_dims)},
                       {"u", RandomElements(random, dtype, indices.dims())},
                       {"i", indices}});
  });
}

TEST(Indexing, ScatterOfOpset10) {
  Philox random(407);
  Builder b(10);
  const auto x = b.Input("x", {3, 4}), updates = b.Input("u", {2, 4});
  b.Output(b.Op("Scatter", {x, b.Input("i", {2, 4}, DType::kInt64), updates}));
  ExpectOwnKernels(b);
  ExpectSameBits(b, {{"x", RandomTensor(random, {3, 4})},
                     {"u", RandomTensor(random, {2, 4})},
                     {"i", ir::Tensor::Of<int64_t>({2, 4}, {0, 1, 2, 0, 2, 1, 0, 0})}});
}

struct RunCase {
  ir::Shape x, indices;
  int64_t batch;
};

// Indices of which each is right for its dim.
std::vector<int64_t> RandomRows(Philox& random, const RunCase& c) {
  const int64_t width = c.indices.back(), rows = ir::ElementCount(c.indices).value() / width;
  std::vector<int64_t> indices;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = 0; k < width; ++k)
      indices.push_back(RandomIndices(random, 1, c.x[static_cast<size_t>(c.batch + k)])[0]);
  }
  return indices;
}

TEST(Indexing, GatheredRuns) {
  Philox random(408);
  for (const RunCase& c : std::vector<RunCase>{{{6}, {4, 1}, 0},
                                               {{4, 5}, {7, 2}, 0},
                                               {{4, 5}, {2, 3, 1}, 0},
                                               {{4, 5, 3}, {2}, 0},
                                               {{2, 4, 5}, {2, 3, 1}, 1},
                                               {{2, 4, 5, 3}, {2, 3, 6, 2}, 1},
                                               {{2, 3, 5, 4}, {2, 3, 6, 1}, 2},
                                               {{2, 3, 5}, {2, 3, 1}, 2},
                                               {{50, 40, 64}, {2500, 2}, 0},
                                               {{4, 90, 300}, {4, 80, 1}, 1}}) {
    for (const DType dtype : kMovedTypes) {
      SCOPED_TRACE(fmt::format("{} by {} batch {} {}", ir::ShapeText(c.x), ir::ShapeText(c.indices),
                               c.batch, ir::ShortNameOf(dtype)));
      Builder b;
      const auto x = b.Input("x", c.x, dtype), i = b.Input("i", c.indices, DType::kInt64);
      b.Output(b.Op("GatherND", {x, i}, {Int("batch_dims", c.batch)}));
      ExpectOwnKernels(b);
      ExpectSameBits(b, {{"x", RandomElements(random, dtype, c.x)},
                         {"i", ir::Tensor::Of<int64_t>(c.indices, RandomRows(random, c))}});
    }
  }
}

TEST(Indexing, ScatteredRuns) {
  Philox random(409);
  for (const RunCase& c : std::vector<RunCase>{{{6}, {4, 1}, 0},
                                               {{4, 5}, {7, 2}, 0},
                                               {{4, 5}, {2, 3, 1}, 0},
                                               {{4, 5, 3}, {2}, 0},
                                               {{3, 4, 5, 2}, {5, 2, 3}, 0},
                                               {{20, 40, 640}, {250, 2}, 0},
                                               {{300, 200}, {30000, 2}, 0}}) {
    for (const DType dtype : kMovedTypes) {
      SCOPED_TRACE(fmt::format("{} by {} {}", ir::ShapeText(c.x), ir::ShapeText(c.indices),
                               ir::ShortNameOf(dtype)));
      ir::Shape dims(c.indices.begin(), c.indices.end() - 1);
      dims.insert(dims.end(), c.x.begin() + c.indices.back(), c.x.end());
      Builder b;
      const auto i = b.Input("i", c.indices, DType::kInt64), updates = b.Input("u", dims, dtype);
      b.Output(b.Op("ScatterND", {b.Input("x", c.x, dtype), i, updates}));
      b.Output(b.Op("ScatterND", {b.Const(RandomElements(random, dtype, c.x)), i, updates}));
      ExpectOwnKernels(b);
      ExpectSameBits(b, {{"x", RandomElements(random, dtype, c.x)},
                         {"u", RandomElements(random, dtype, dims)},
                         {"i", ir::Tensor::Of<int64_t>(c.indices, RandomRows(random, c))}});
    }
  }
}

// Over an operand that nobody reads any more; not when what is written is a view of it.
TEST(Indexing, ScatterInPlace) {
  Philox random(410);
  Builder b;
  const auto x = b.Input("x", {6, 4}), updates = b.Input("u", {3, 4});
  const auto i = b.Input("i", {3, 1}, DType::kInt64), each = b.Input("e", {3, 4}, DType::kInt64);
  const auto first = b.Op("ScatterND", {b.Op("Relu", {x}), i, updates});
  b.Output(b.Op("ScatterElements", {b.Op("Neg", {first}), each, updates}));
  const auto kept = b.Op("Abs", {x});
  b.Output(b.Op("ScatterND", {kept, i, updates}));
  b.Output(b.Op("Neg", {kept}));
  const auto viewed = b.Op("Exp", {x});
  const auto turned = b.Op("Reshape", {viewed, b.Const<int64_t>({2}, {-1, 4})});
  b.Output(b.Op("ScatterND", {viewed, b.Const<int64_t>({6, 1}, {5, 4, 3, 2, 1, 0}), turned}));
  b.Output(b.Op("ScatterND",
                {b.Op("Exp", {x}), b.Const<int64_t>({0, 1}, {}), b.Const<float>({0, 4}, {})}));
  ExpectOwnKernels(b);
  // Exp rounds in its own way: its bits are the engine's.
  const Feeds feeds{{"x", RandomTensor(random, {6, 4})},
                    {"u", RandomTensor(random, {3, 4})},
                    {"i", ir::Tensor::Of<int64_t>({3, 1}, {4, -6, 4})},
                    {"e", ir::Tensor::Of<int64_t>({3, 4}, RandomIndices(random, 12, 6))}};
  ExpectAgrees(b, feeds, 1e-6);
}

// What combines stays with the reference.
TEST(Indexing, ScatterThatCombines) {
  Philox random(411);
  Builder b(16);
  const auto x = b.Op("Relu", {b.Input("x", {6, 4})}), updates = b.Input("u", {3, 4});
  const auto i = b.Input("i", {3, 1}, DType::kInt64), each = b.Input("e", {3, 4}, DType::kInt64);
  b.Output(b.Op("ScatterND", {x, i, updates}, {Text("reduction", "add")}));
  b.Output(b.Op("ScatterElements", {x, each, updates}, {Text("reduction", "mul")}));
  ExpectSameBits(b, {{"x", RandomTensor(random, {6, 4})},
                     {"u", RandomTensor(random, {3, 4})},
                     {"i", ir::Tensor::Of<int64_t>({3, 1}, {4, -6, 4})},
                     {"e", ir::Tensor::Of<int64_t>({3, 4}, RandomIndices(random, 12, 6))}});
}

TEST(Indexing, BordersThatRepeat) {
  Philox random(412);
  for (const std::string mode : {"reflect", "edge", "wrap"}) {
    for (const auto& [dims, pads] : std::vector<std::pair<ir::Shape, std::vector<int64_t>>>{
             {{5}, {3, 4}},
             {{1}, {2, 3}},
             {{3}, {7, 11}},
             {{4, 5}, {1, 0, 2, 0}},
             {{4, 5}, {0, 2, 0, 3}},
             {{4, 5}, {0, 0, 0, 0}},
             {{4, 6}, {-1, 2, 3, -2}},
             {{4, 6}, {-3, -5, 4, 7}},
             {{2, 3, 4, 5}, {0, 0, 2, 3, 0, 0, 1, 4}},
             {{2, 3, 4, 5}, {1, 2, 0, 0, 0, 1, 0, 0}},
             {{1, 8, 90, 100}, {0, 0, 1, 1, 0, 0, 1, 1}}}) {
      for (const DType dtype : kMovedTypes) {
        SCOPED_TRACE(fmt::format("{} {} by {} {}", mode, ir::ShapeText(dims), ir::ShapeText(pads),
                                 ir::ShortNameOf(dtype)));
        Builder b(19);
        const auto x = b.Input("x", dims, dtype);
        const int64_t count = static_cast<int64_t>(pads.size());
        const auto around = b.Const<int64_t>({count}, pads);
        b.Output(b.Op("Pad", {x, around}, {Text("mode", mode)}));
        if (dims.size() == 4 && dtype == DType::kFloat) {  // channels last
          const auto last = b.Op("MaxPool", {x}, {Ints("kernel_shape", {1, 1})});
          b.Output(b.Op("Pad", {last, around}, {Text("mode", mode)}));
        }
        ExpectOwnKernels(b);
        ExpectSameBits(b, {{"x", RandomElements(random, dtype, dims)}});
      }
    }
  }
}

TEST(Indexing, PadsOfSomeAxes) {
  Philox random(413);
  for (const std::string mode : {"constant", "reflect", "edge", "wrap"}) {
    Builder b(19);
    const auto x = b.Input("x", {3, 4, 5});
    const auto pads = b.Const<int64_t>({4}, {2, 1, 3, 2});
    b.Output(b.Op("Pad", {x, pads, b.Const<float>({}, {1.5f}), b.Const<int64_t>({2}, {-1, 0})},
                  {Text("mode", mode)}));
    b.Output(b.Op("Pad", {x, b.Const<int64_t>({2}, {2, 1}), {}, b.Const<int32_t>({1}, {1})},
                  {Text("mode", mode)}));
    ExpectOwnKernels(b);
    ExpectSameBits(b, {{"x", RandomTensor(random, {3, 4, 5})}});
  }
}

// Each sample of a batch gets what it would get alone.
TEST(Indexing, PadsOfSamples) {
  Philox random(414);
  Builder b(19);
  const auto x = b.Batch("x", {3, 6});
  b.Output(b.Op("Pad", {x, b.Const<int64_t>({2}, {2, 1}), {}, b.Const<int64_t>({1}, {2})},
                {Text("mode", "reflect")}));
  ExpectSameBits(b, {{"x", RandomTensor(random, {4, 3, 6})}});
}

TEST(Indexing, RefusesIndicesOutOfRange) {
  Philox random(415);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(),
                    kMost = std::numeric_limits<int64_t>::max();
  for (const int64_t bad : {int64_t{5}, int64_t{-6}, int64_t{1000000}, kLeast, kMost}) {
    for (const char* op : {"GatherElements", "GatherND", "ScatterElements", "ScatterND"}) {
      SCOPED_TRACE(fmt::format("{} {}", op, bad));
      const bool elements = std::string(op).ends_with("Elements");
      const bool scatter = std::string(op).starts_with("Scatter");
      // Large, so that several threads meet bad ones; the first is named.
      const int64_t rows = 40000;
      const ir::Shape dims = elements ? ir::Shape{rows, 2} : ir::Shape{rows, 1};
      std::vector<int64_t> values = RandomIndices(random, ir::ElementCount(dims).value(), 5);
      values[333] = bad;
      values[20001] = 77;
      values[39999] = -77;
      Builder b;
      const auto x = b.Input("x", {5, 2}), i = b.Input("i", dims, DType::kInt64);
      const auto updates = b.Input("u", {rows, 2});
      b.Output(scatter ? b.Op(op, {b.Op("Relu", {x}), i, updates}) : b.Op(op, {x, i}));
      ExpectOwnKernels(b);
      ExpectRefused(b,
                    {{"x", RandomTensor(random, {5, 2})},
                     {"u", RandomTensor(random, {rows, 2})},
                     {"i", ir::Tensor::Of<int64_t>(dims, values)}},
                    fmt::format("index {} is outside [-5, 4]", bad));
    }
  }
}

}  // namespace
}  // namespace assize::engine
