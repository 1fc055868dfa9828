// The vector kernels of transformers against plain double arithmetic, on every instruction set.
#include <cmath>
#include <cstring>

#include "lib/engine/kernels/attention.h"
#include "lib/engine/kernels/elementwise.h"
#include "lib/engine/kernels/norm.h"
#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/transcendental.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

template <typename F>
void AtEveryLevel(F f) {
  for (const int level : {0, 1, 2}) {
    SCOPED_TRACE(level);
    simd::LimitLevel(level);
    f();
  }
  simd::LimitLevel(2);
}

// All magnitudes and both signs, ends of ranges, and the places where formulas change over.
std::vector<float> Probes() {
  std::vector<float> x{0.0f,   -0.0f,    1.0f,      -1.0f, 0.99999f, 1.00001f, 0.61f,
                       0.62f,  -88.0f,   88.7f,     89.5f, -104.0f,  -90.0f,   1e30f,
                       -1e30f, INFINITY, -INFINITY, NAN,   3.9f,     4.1f};
  Philox random(60);
  for (int i = 0; i < 4000; ++i) {
    const float exponent = -20.0f + 30.0f * static_cast<float>(i) / 4000.0f;
    x.push_back(std::exp2(exponent) * static_cast<float>(random.NextNormal()));
  }
  x.push_back(0.3f);  // a count that is no multiple of 16
  return x;
}

// |got - want| within `ulps` units of the last place of want, plus `absolute`.
void ExpectNear(const std::vector<float>& x, const std::vector<float>& got, double (*want)(double),
                double ulps, double absolute) {
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = want(static_cast<double>(x[i]));
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(got[i])) << x[i];
      continue;
    }
    const float rounded = static_cast<float>(exact);
    if (std::isinf(rounded)) {
      EXPECT_EQ(got[i], rounded) << x[i];
      continue;
    }
    const double unit = std::fabs(static_cast<double>(std::nextafter(rounded, INFINITY)) - rounded);
    ASSERT_LE(std::fabs(got[i] - exact), ulps * unit + absolute) << x[i] << " gave " << got[i];
  }
}

TEST(Transcendental, CloseToTheExactFunctionAndTheSameEverywhere) {
  struct Case {
    const char* name;
    void (*kernel)(const float*, float*, int64_t);
    double (*exact)(double);
    double ulps, absolute;
  };
  const Case cases[] = {
      {"exp", simd::ExpFloats, [](double v) { return std::exp(v); }, 3, 2e-45},
      {"erf", simd::ErfFloats, [](double v) { return std::erf(v); }, 4, 0},
      {"tanh", simd::TanhFloats, [](double v) { return std::tanh(v); }, 4, 0},
      {"sigmoid", simd::SigmoidFloats, [](double v) { return 1 / (1 + std::exp(-v)); }, 5, 1e-38},
      {"gelu", simd::GeluFloats,
       [](double v) {
         return v < -30 ? (std::isinf(v) ? NAN : -0.0) : v * 0.5 * std::erfc(-v * M_SQRT1_2);
       },
       4, 3e-7},
      {"gelu-tanh", simd::GeluTanhFloats,
       [](double v) {
         if (std::isinf(v) && v < 0) return static_cast<double>(NAN);
         return 0.5 * v * (1 + std::tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
       },
       4, 3e-7},
      {"log", simd::LogFloats, [](double v) { return std::log(v); }, 2, 0},
      {"softplus", simd::SoftplusFloats,
       [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v))); }, 4, 2e-38},
      {"mish", simd::MishFloats,
       [](double v) {
         const double softplus = std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v)));
         return v * std::tanh(softplus);
       },
       6, 1e-36},
      {"elu", [](const float* x, float* y, int64_t n) { simd::EluFloats(x, y, n, 1, 1, 1); },
       [](double v) { return v < 0 ? std::expm1(v) : v; }, 4, 0},
      {"hard-swish", simd::HardSwishFloats,
       [](double v) { return v * std::clamp(v / 6 + 0.5, 0.0, 1.0); }, 3, 3e-7},
      {"round", simd::RoundFloats, [](double v) { return std::nearbyint(v); }, 0, 0},
      {"softsign", simd::SoftsignFloats, [](double v) { return v / (1 + std::fabs(v)); }, 1, 0},
  };
  const std::vector<float> x = Probes();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<std::vector<float>> seen;
    AtEveryLevel([&] {
      std::vector<float> y(x.size());
      c.kernel(x.data(), y.data(), static_cast<int64_t>(x.size()));
      ExpectNear(x, y, c.exact, c.ulps, c.absolute);
      seen.push_back(y);
    });
    for (size_t level = 1; level < seen.size(); ++level)
      EXPECT_EQ(std::memcmp(seen[0].data(), seen[level].data(), x.size() * 4), 0) << level;
  }
}

TEST(Softmax, RowsSumToOneAndMatchTheDefinition) {
  Philox random(61);
  for (const int64_t width : {1, 5, 16, 37, 128}) {
    SCOPED_TRACE(width);
    std::vector<float> x = RandomFloats(random, 3 * width, 10);
    x[static_cast<size_t>(width / 2)] = -INFINITY;  // a masked place
    if (width == 1) x[0] = 0;
    std::vector<std::vector<float>> seen;
    AtEveryLevel([&] {
      std::vector<float> y(x.size());
      simd::SoftmaxRows(x.data(), y.data(), 3, width);
      for (int64_t row = 0; row < 3; ++row) {
        const float* r = x.data() + row * width;
        const double top = *std::max_element(r, r + width);
        double sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += std::exp(r[i] - top);
        for (int64_t i = 0; i < width; ++i)
          ASSERT_NEAR(y[static_cast<size_t>(row * width + i)], std::exp(r[i] - top) / sum, 3e-7);
      }
      seen.push_back(y);
    });
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(seen[0], seen[2]);
  }
  float row[3] = {1, NAN, 2}, y[3];
  simd::SoftmaxRows(row, y, 1, 3);
  for (const float v : y) EXPECT_TRUE(std::isnan(v));
}

TEST(LogSoftmax, IsTheLogarithmOfSoftmax) {
  Philox random(66);
  for (const int64_t width : {1, 5, 16, 37, 128}) {
    SCOPED_TRACE(width);
    const std::vector<float> x = RandomFloats(random, 3 * width, 10);
    std::vector<std::vector<float>> seen;
    AtEveryLevel([&] {
      std::vector<float> y(x.size());
      simd::LogSoftmaxRows(x.data(), y.data(), 3, width);
      for (int64_t row = 0; row < 3; ++row) {
        const float* r = x.data() + row * width;
        const double top = *std::max_element(r, r + width);
        double sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += std::exp(r[i] - top);
        for (int64_t i = 0; i < width; ++i) {
          const double want = r[i] - top - std::log(sum);
          ASSERT_NEAR(y[static_cast<size_t>(row * width + i)], want, 1e-6 * (1 - want));
        }
      }
      seen.push_back(y);
    });
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(seen[0], seen[2]);
  }
}

TEST(LayerNorm, MatchesTheDefinitionAsFloatsAndBytes) {
  Philox random(62);
  for (const int64_t width : {1, 7, 16, 33, 80, 768}) {
    SCOPED_TRACE(width);
    const int64_t rows = 5;
    std::vector<float> x = RandomFloats(random, rows * width, 2);
    for (float& v : x) v += 100;  // a mean that squares would drown the variance in
    const std::vector<float> gain = RandomFloats(random, width),
                             shift = RandomFloats(random, width);
    const simd::ByteGrid grid{0.02f, -128, 127, 0};
    std::vector<std::vector<float>> seen;
    AtEveryLevel([&] {
      std::vector<float> y(x.size());
      std::vector<uint8_t> bytes(x.size()), alone(x.size());
      simd::LayerNormRows(x.data(), gain.data(), shift.data(), y.data(), bytes.data(), grid, rows,
                          width, 1e-5f, false);
      simd::LayerNormRows(x.data(), gain.data(), shift.data(), nullptr, alone.data(), grid, rows,
                          width, 1e-5f, false);
      EXPECT_EQ(bytes, alone);
      std::vector<uint8_t> want(x.size());
      simd::Quantize(y.data(), want.data(), rows * width, 0.02f, -128, 127, 0);
      EXPECT_EQ(bytes, want);
      for (int64_t row = 0; row < rows; ++row) {
        const float* r = x.data() + row * width;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < width; ++i) mean += r[i];
        mean /= static_cast<double>(width);
        for (int64_t i = 0; i < width; ++i) variance += (r[i] - mean) * (r[i] - mean);
        variance /= static_cast<double>(width);
        for (int64_t i = 0; i < width; ++i) {
          const size_t c = static_cast<size_t>(i);
          const double exact = (r[i] - mean) / std::sqrt(variance + 1e-5) * gain[c] + shift[c];
          ASSERT_NEAR(y[static_cast<size_t>(row * width) + c], exact, 2e-4);
        }
      }
      seen.push_back(y);
    });
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(seen[0], seen[2]);
  }
}

// Every tile and tail, every kind of stride, masks of all broadcasts, floats and bytes.
TEST(Attention, MatchesTheDefinition) {
  Philox random(63);
  struct Case {
    int64_t queries, keys, depth, value_depth;
    bool turned;  // depth strided, rows dense: K^T as it is
    int mask;     // 0 none, 1 per key, 2 full
  };
  for (const Case& c :
       {Case{128, 128, 64, 64, false, 1}, Case{5, 7, 3, 2, false, 2}, Case{17, 33, 20, 40, true, 2},
        Case{1, 1, 1, 1, false, 0}, Case{9, 16, 64, 16, true, 0}, Case{3, 40, 8, 33, false, 1}}) {
    SCOPED_TRACE(fmt::format("{} {} {} {}", c.queries, c.keys, c.depth, c.value_depth));
    simd::AttentionShape s;
    s.queries = c.queries, s.keys = c.keys, s.depth = c.depth, s.value_depth = c.value_depth;
    const auto lay = [&](int64_t rows, int64_t columns, int64_t& row, int64_t& column) {
      row = c.turned ? 1 : columns + 3, column = c.turned ? rows + 2 : 1;
      return RandomFloats(random, (rows + 3) * (columns + 3));
    };
    const auto q = lay(c.queries, c.depth, s.q_row, s.q_depth);
    const auto k = lay(c.keys, c.depth, s.k_row, s.k_depth);
    const auto v = lay(c.keys, c.value_depth, s.v_row, s.v_depth);
    std::vector<float> mask = RandomFloats(random, c.queries * c.keys);
    if (c.keys > 1) mask[1] = -10000.0f;
    s.mask_key = 1, s.mask_row = c.mask == 2 ? c.keys : 0;
    s.scale = 0.3f;
    s.y_row = c.value_depth, s.y_depth = 1;
    std::vector<double> want(static_cast<size_t>(c.queries * c.value_depth));
    for (int64_t i = 0; i < c.queries; ++i) {
      std::vector<double> e(static_cast<size_t>(c.keys));
      double top = -INFINITY, sum = 0;
      for (int64_t j = 0; j < c.keys; ++j) {
        double dot = 0;
        for (int64_t d = 0; d < c.depth; ++d)
          dot += static_cast<double>(q[static_cast<size_t>(i * s.q_row + d * s.q_depth)]) *
                 k[static_cast<size_t>(j * s.k_row + d * s.k_depth)];
        double& score = e[static_cast<size_t>(j)];
        score = dot * s.scale + (c.mask == 0 ? 0 : mask[static_cast<size_t>(i * s.mask_row + j)]);
        top = std::max(top, score);
      }
      for (double& score : e) sum += score = std::exp(score - top);
      for (int64_t d = 0; d < c.value_depth; ++d) {
        double& to = want[static_cast<size_t>(i * c.value_depth + d)];
        for (int64_t j = 0; j < c.keys; ++j)
          to +=
              e[static_cast<size_t>(j)] / sum * v[static_cast<size_t>(j * s.v_row + d * s.v_depth)];
      }
    }
    std::vector<float> scratch(static_cast<size_t>(simd::AttentionScratch(s)));
    std::vector<std::vector<float>> seen;
    AtEveryLevel([&] {
      std::vector<float> y(want.size());
      const float* m = c.mask == 0 ? nullptr : mask.data();
      simd::AttentionHead(s, q.data(), k.data(), v.data(), m, y.data(), scratch.data());
      for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], want[i], 3e-6) << i;
      simd::AttentionShape quantized = s;
      quantized.quantized = true;
      quantized.grid = {0.01f, -100, 155, 100};
      std::vector<uint8_t> bytes(y.size()), expected(y.size());
      simd::AttentionHead(quantized, q.data(), k.data(), v.data(), m, bytes.data(), scratch.data());
      simd::Quantize(y.data(), expected.data(), static_cast<int64_t>(y.size()), 0.01f, -100, 155,
                     100);
      EXPECT_EQ(bytes, expected);
      seen.push_back(y);
    });
    // AVX2 and AVX-512 fuse products into sums alike, whatever their tiles.
    if (simd::CurrentLevel() == 2) {
      EXPECT_EQ(seen[1], seen[2]);
    }
  }
}

}  // namespace
}  // namespace assize::engine
