// How far the engine is from the reference, op by op, on every kernel path; and that nothing else
// moves its results.
//
// With ASSIZE_EXACTNESS=FILE the measurements are appended to FILE, one JSON object a line:
// scripts/make-exactness runs this binary once for each instruction set of oneDNN and renders
// docs/exactness.md. HoldsWithoutVnni of kernels_test.cc runs the tests with Int8 and Determinism
// in their names under smaller instruction sets too.
#include <cstdlib>
#include <fstream>
#include <set>

#include "lib/engine/kernels/simd.h"
#include "lib/support/parallel.h"
#include "tests/engine/exactness_cases.h"
#include "tests/engine/generated_graphs.h"

namespace assize::engine {
namespace {

using ir::ValueRef;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kCases = 4, kGraphs = 60;
#else
constexpr uint64_t kCases = 20, kGraphs = 250;
#endif
constexpr double kMaxShare = 0.01;  // of the elements, a step apart: near ties alone

class Level {
 public:
  explicit Level(int level) : before_(simd::CurrentLevel()) { simd::LimitLevel(level); }
  ~Level() { simd::LimitLevel(before_); }

 private:
  int before_;
};

class Threads {
 public:
  explicit Threads(int count) { SetThreadCount(count); }
  ~Threads() { SetThreadCount(0); }
};

struct Measured {
  int steps = 0;
  double share = 0;  // of the elements of all cases that differ at all
  double relative = 0;
  int64_t elements = 0;
  std::set<std::string> kernels;
};

Measured Measure(const ExactnessOp& op, uint64_t cases) {
  Measured measured;
  double differing = 0;
  for (uint64_t seed = 0; seed < cases; ++seed) {
    Philox random(seed, 0xe8ac7);
    Builder b(14);
    Feeds feeds;
    op.make(b, random, feeds);
    const auto program = Compile(b.model);
    EXPECT_TRUE(program.ok()) << program.status();
    if (!program.ok()) return measured;
    for (const StepInfo& step : Describe(**program)) measured.kernels.insert(step.kernel);
    const auto got = Session(*program).Run(feeds);
    EXPECT_TRUE(got.ok()) << got.status();
    const auto want = RunReference(b.model, feeds);
    if (!got.ok() || got->size() != want.size()) return measured;
    for (size_t i = 0; i < want.size(); ++i) {
      measured.elements += want[i].element_count();
      if (want[i].dtype() == ir::DType::kFloat) {
        measured.relative = std::max(measured.relative, Distance((*got)[i], want[i]));
        const auto x = (*got)[i].data<float>(), y = want[i].data<float>();
        for (size_t k = 0; k < std::min(x.size(), y.size()); ++k) differing += x[k] != y[k];
      } else {
        const Steps steps = StepsApart((*got)[i], want[i]);
        measured.steps = std::max(measured.steps, steps.largest);
        differing += steps.share * static_cast<double>(want[i].element_count());
      }
    }
  }
  measured.share = measured.elements == 0 ? 0 : differing / static_cast<double>(measured.elements);
  return measured;
}

void Report(const ExactnessOp& op, int level, const Measured& m) {
  const char* path = std::getenv("ASSIZE_EXACTNESS");
  if (path == nullptr) return;
  static constexpr const char* kKinds[] = {"integer", "steps", "float"};
  static constexpr const char* kLevels[] = {"baseline", "avx2", "avx512"};
  std::ofstream(path, std::ios::app) << fmt::format(
      "{{\"op\":\"{}\",\"kind\":\"{}\",\"bound\":{},\"library\":\"{}\",\"own\":\"{}\",\"cases\":{},"
      "\"elements\":{},"
      "\"steps\":{},\"share\":{},\"relative\":{},\"kernels\":[{}]}}\n",
      op.name, kKinds[static_cast<int>(op.kind)], op.bound, InstructionSet(), kLevels[level],
      kCases, m.elements, m.steps, m.share, m.relative,
      m.kernels.empty() ? "" : fmt::format("\"{}\"", fmt::join(m.kernels, "\",\"")));
}

void CheckAll(bool floats) {
  const int widest = simd::CurrentLevel();
  for (const ExactnessOp& op : ExactnessOps()) {
    if ((op.kind == ExactnessOp::Kind::kFloat) != floats) continue;
    for (int level = widest; level >= 0; --level) {
      SCOPED_TRACE(fmt::format("{}, own kernels at level {}", op.name, level));
      const Level guard(level);
      const Measured m = Measure(op, kCases);
      Report(op, level, m);
      EXPECT_GT(m.elements, static_cast<int64_t>(kCases)) << "MISTRUSTED: next to nothing compared";
      switch (op.kind) {
        case ExactnessOp::Kind::kInteger:
          EXPECT_EQ(m.steps, 0);
          EXPECT_EQ(m.share, 0);
          break;
        case ExactnessOp::Kind::kSteps:
          EXPECT_LE(m.steps, 1);
          EXPECT_LE(m.share, kMaxShare);
          break;
        case ExactnessOp::Kind::kFloat:
          EXPECT_LE(m.relative, op.bound);
          break;
      }
    }
  }
}

TEST(ExactnessInt8, EveryOpOnEveryKernelPathWithinAStep) { CheckAll(false); }
TEST(Exactness, EveryFloatOpOnEveryKernelPathWithinItsBound) { CheckAll(true); }

// The same bits for 1, 2 and 4 threads, on fresh sessions and on used ones.
TEST(DeterminismOfGenerated, ThreadsAndEarlierRunsMoveNothing) {
  int compared = 0;
  for (uint64_t seed = 0; seed < kGraphs; ++seed) {
    const Generated generated = GenerateGraph(SeededBytes(1000 + seed));
    const auto program = Compile(generated.model, GeneratedOptions(generated));
    if (!program.ok()) continue;
    std::optional<std::vector<ir::Tensor>> expected;
    for (const int threads : {1, 2, 4}) {
      const Threads guard(threads);
      Session session(*program);
      for (int run = 0; run < 2; ++run) {
        if (run == 1) (void)session.Run(generated.other_feeds);
        const auto got = session.Run(generated.feeds);
        if (!got.ok()) break;
        if (!expected) expected = *got;
        EXPECT_EQ(*got, *expected) << "seed " << seed << ", " << threads << " threads, run " << run;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, static_cast<int>(kGraphs) * 3) << "MISTRUSTED: most graphs do not run";
}

// Networks of random layers on a free batch: rows get the same bits alone and in company.
void RandomNetwork(Builder& b, Philox& r) {
  int64_t c = 1 + static_cast<int64_t>(r.NextBelow(17)), side = 8;
  ValueRef x = b.Batch("x", {c, side, side});
  const bool quantized = r.NextBelow(2) == 1;
  const auto grid = [&](ValueRef v) {
    return quantized ? b.Dequantize(b.Quantize(v, 0.06f, 118), 0.06f, 118) : v;
  };
  const auto weights = [&](const ir::Shape& dims) {
    const ValueRef w = b.Const(RandomTensor(r, dims, 0.3f));
    return quantized ? b.Dequantize(b.Quantize(w, 0.007f, 0, true), 0.007f, 0, true) : w;
  };
  x = grid(x);
  for (uint64_t layer = 0; layer < 1 + r.NextBelow(5); ++layer) {
    switch (r.NextBelow(6)) {
      case 0: {
        const int64_t out = 1 + static_cast<int64_t>(r.NextBelow(20));
        x = b.Op("Conv", {x, weights({out, c, 3, 3}), b.Const(RandomTensor(r, {out}))},
                 {Ints("pads", {1, 1, 1, 1})});
        c = out;
        break;
      }
      case 1:
        x = b.Op("Conv", {x, weights({c, 1, 3, 3})}, {Ints("pads", {1, 1, 1, 1}), Int("group", c)});
        break;
      case 2:
        x = b.Op(r.NextBelow(2) == 0 ? "Relu" : "Sigmoid", {x});
        break;
      case 3:
        x = b.Op("Add", {x, grid(b.Op("Mul", {x, b.Const(RandomTensor(r, {c, 1, 1}))}))});
        break;
      case 4:
        if (side < 4) break;
        x = b.Op(r.NextBelow(2) == 0 ? "MaxPool" : "AveragePool", {x},
                 {Ints("kernel_shape", {2, 2}), Ints("strides", {2, 2})});
        side /= 2;
        break;
      default:
        x = b.Op("Softmax", {x}, {Int("axis", static_cast<int64_t>(1 + r.NextBelow(3)))});
        break;
    }
    x = grid(x);
  }
  const int64_t out = 1 + static_cast<int64_t>(r.NextBelow(20));
  x = b.Op("Gemm",
           {b.Op("Flatten", {x}), weights({out, c * side * side}), b.Const(RandomTensor(r, {out}))},
           {Int("transB", 1)});
  b.Output(grid(x));
}

TEST(DeterminismOfGenerated, BatchesMoveNothing) {
  for (uint64_t seed = 0; seed < kGraphs / 4; ++seed) {
    Philox random(seed, 0xba7c4);
    Builder b;
    RandomNetwork(b, random);
    const auto program = Compile(b.model);
    ASSERT_TRUE(program.ok()) << program.status();
    const auto& shape = *b.model.graph.value(b.model.graph.inputs()[0]).type.shape;
    ir::Shape dims = {6};
    for (size_t i = 1; i < shape.size(); ++i) dims.push_back(*shape[i].value);
    const ir::Tensor all = RandomTensor(random, dims);
    const auto values = all.data<float>();
    const int64_t row = static_cast<int64_t>(values.size()) / 6;
    std::vector<float> expected;
    for (const int threads : {1, 4}) {
      const Threads guard(threads);
      Session session(*program);
      for (const int64_t batch : {6, 1, 4, 2}) {
        std::vector<float> got;
        for (int64_t begin = 0; begin < 6; begin += batch) {
          const int64_t end = std::min<int64_t>(6, begin + batch);
          dims[0] = end - begin;
          const ir::Tensor rows = ir::Tensor::Of<float>(
              dims, {values.begin() + begin * row, values.begin() + end * row});
          const auto result = session.Run({{"x", rows}});
          ASSERT_TRUE(result.ok()) << result.status();
          const auto y = (*result)[0].data<float>();
          got.insert(got.end(), y.begin(), y.end());
        }
        if (expected.empty()) expected = got;
        EXPECT_EQ(got, expected) << "seed " << seed << ", " << threads << " threads, batches of "
                                 << batch;
      }
    }
  }
}

}  // namespace
}  // namespace assize::engine
