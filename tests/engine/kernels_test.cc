// Our own kernels against plain loops of their definitions, and the placement of buffers.
#include <cmath>
#include <cstdlib>

#include "lib/engine/kernels/int8.h"
#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/plan.h"
#include "lib/support/parallel.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

// Ties go to even, in the vector path (16 at a time) and in the tail; out-of-range values and NaN
// saturate.
TEST(Quantize, RoundsTiesToEvenAndSaturates) {
  std::vector<float> x;
  for (int i = -300; i <= 300; ++i) x.push_back(0.5f * static_cast<float>(i));
  for (const float v : {1e30f, -1e30f, INFINITY, -INFINITY, 0.49999997f, -0.0f}) x.push_back(v);
  for (const bool is_signed : {false, true}) {
    for (const int zero : {0, 3, 100}) {
      const QuantizeSpec spec{0.5f, zero, is_signed};
      std::vector<uint8_t> q(x.size());
      QuantizeFloats(spec, x.data(), q.data(), static_cast<int64_t>(x.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        const double low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
        const double want =
            std::min(high, std::max(low, std::nearbyint(static_cast<double>(x[i]) / 0.5) + zero));
        const int got = is_signed ? static_cast<int8_t>(q[i]) : q[i];
        ASSERT_EQ(got, want) << x[i] << " zero " << zero;
      }
      float back;
      DequantizeFloats(spec, q.data() + 300, &back, 1);
      EXPECT_EQ(back, 0.0f);
    }
  }
  std::vector<float> nan(17, NAN);
  std::vector<uint8_t> q(17, 77);
  QuantizeFloats({1, 5, false}, nan.data(), q.data(), 17);
  for (const uint8_t byte : q) EXPECT_EQ(byte, q[0]);  // both paths say the same
}

// Every instruction set gives the same bits.
TEST(Simd, LevelsAgree) {
  Philox random(40);
  const int64_t count = 333;
  const std::vector<float> a = RandomFloats(random, count), b = RandomFloats(random, count),
                           c = RandomFloats(random, count);
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.NextBelow(256));
  std::vector<std::vector<float>> seen;
  for (const int level : {0, 1, 2}) {
    simd::LimitLevel(level);
    std::vector<float> y(a.size()), all;
    const auto keep = [&] { all.insert(all.end(), y.begin(), y.end()); };
    simd::ScaleShift(a.data(), b.data(), c.data(), y.data(),
                     count);  // a fused multiply-add would differ
    keep();
    simd::DivFloats(a.data(), b.data(), y.data(), count);
    keep();
    simd::ClipFloats(a.data(), y.data(), count, -0.5f, 0.7f);
    keep();
    simd::DequantizeU8(bytes.data(), y.data(), count, 0.0137f, 101);
    keep();
    std::vector<uint8_t> q(bytes.size());
    simd::Quantize(a.data(), q.data(), count, 0.013f, -100, 155, 100);
    all.insert(all.end(), q.begin(), q.end());
    seen.push_back(all);
  }
  simd::LimitLevel(2);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
}

// Exact sums at the extremes, where 16-bit products of pairs would saturate.
TEST(Int8Conv, SumsAreExact) {
  Philox random(41);
  Int8ConvPlan plan;
  plan.in = {1, 6, 5}, plan.out = {1, 3, 5}, plan.kernel = {1, 3, 3}, plan.stride = {1, 2, 1},
  plan.pad = {0, 1, 1};
  plan.group = 2, plan.channels = 8, plan.outputs = 6;
  plan.x = {1.0f, 7, false};
  std::vector<int8_t> weights(6 * 4 * 9);
  for (int8_t& w : weights) w = random.NextBelow(2) == 0 ? 127 : -128;
  PackWeights(plan, weights.data());
  plan.scale.assign(6, 1.0f);
  plan.shift.assign(6, 0.0f);
  std::vector<uint8_t> x(6 * 5 * 8);
  for (uint8_t& v : x) v = static_cast<uint8_t>(255 - random.NextBelow(3));
  std::vector<float> y(3 * 5 * 6);
  RunInt8Conv(plan, x.data(), nullptr, y.data());
  for (int h = 0; h < 3; ++h) {
    for (int w = 0; w < 5; ++w) {
      for (int o = 0; o < 6; ++o) {
        int64_t sum = 0;
        for (int c = 0; c < 4; ++c) {
          for (int kh = 0; kh < 3; ++kh) {
            for (int kw = 0; kw < 3; ++kw) {
              const int at_h = h * 2 + kh - 1, at_w = w + kw - 1;
              if (at_h < 0 || at_h >= 6 || at_w < 0 || at_w >= 5) continue;
              sum += (x[static_cast<size_t>((at_h * 5 + at_w) * 8 + o / 3 * 4 + c)] - 7) *
                     weights[static_cast<size_t>((o * 4 + c) * 9 + kh * 3 + kw)];
            }
          }
        }
        ASSERT_EQ(y[static_cast<size_t>((h * 5 + w) * 6 + o)], static_cast<float>(sum));
      }
    }
  }
}

// The library's 8-bit products saturate without VNNI; the integer tests must hold there too. The
// instruction set is fixed for a process, so they run in another one.
TEST(Int8Conv, HoldsWithoutVnni) {
  if (std::getenv("ONEDNN_MAX_CPU_ISA") != nullptr)
    return;  // the other process: its own tests are the test
  for (const char* isa : {"AVX2", "AVX512_CORE"}) {
    const std::string command = std::string("ONEDNN_MAX_CPU_ISA=") + isa + " '" +
                                testing::internal::GetArgvs()[0] +
                                "' --gtest_filter='*Int8*:*Determinism*' --gtest_brief=1";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
}

TEST(StridedCopy, EqualsTheDefinitionForAllStrides) {
  Philox random(42);
  for (int round = 0; round < 200; ++round) {
    const size_t rank = 1 + random.NextBelow(4);
    std::vector<int64_t> dims(rank), src_strides(rank), dst_strides(rank);
    for (int64_t& dim : dims) dim = 1 + static_cast<int64_t>(random.NextBelow(4));
    // The destination dense in some order of dims; the source any strides, negative and zero ones
    // too.
    std::vector<size_t> order(rank);
    for (size_t i = 0; i < rank; ++i) order[i] = i;
    for (size_t i = rank; i-- > 1;) std::swap(order[i], order[random.NextBelow(i + 1)]);
    int64_t step = 1;
    for (const size_t i : order) {
      dst_strides[i] = step;
      step *= dims[i];
    }
    for (int64_t& stride : src_strides) stride = static_cast<int64_t>(random.NextBelow(9)) - 4;
    std::vector<uint16_t> src(256), dst(static_cast<size_t>(step), 0), want(dst);
    for (size_t i = 0; i < src.size(); ++i) src[i] = static_cast<uint16_t>(i);
    const int64_t base = 128;
    const auto plan = PlanStridedCopy(dims, src_strides, dst_strides, 2, base);
    StridedCopy(plan, reinterpret_cast<std::byte*>(src.data()),
                reinterpret_cast<std::byte*>(dst.data()));
    for (int64_t i = 0; i < step; ++i) {
      int64_t left = i, from = base, to = 0;
      for (size_t d = rank; d-- > 0;) {
        from += left % dims[d] * src_strides[d];
        to += left % dims[d] * dst_strides[d];
        left /= dims[d];
      }
      want[static_cast<size_t>(to)] = src[static_cast<size_t>(from)];
    }
    ASSERT_EQ(dst, want) << "round " << round;
  }
}

// Large copies are divided between threads: outer pieces, and of a matrix that is turned its rows.
TEST(StridedCopy, EqualsTheDefinitionOnSeveralThreads) {
  const int64_t outer = 6, rows = 700, columns = 90;
  const std::vector<int64_t> dims{outer, rows, columns};
  std::vector<uint32_t> src(static_cast<size_t>(outer * rows * columns));
  for (size_t i = 0; i < src.size(); ++i) src[i] = static_cast<uint32_t>(i);
  const int before = ThreadCount();
  SetThreadCount(5);
  for (const bool turned : {false, true}) {
    // Into the first columns of rows that are wider, as a concatenation writes.
    const int64_t wide = columns + 30;
    const std::vector<int64_t> from = turned ? std::vector<int64_t>{rows * columns, 1, rows}
                                             : std::vector<int64_t>{rows * columns, columns, 1};
    const std::vector<int64_t> to{rows * wide, wide, 1};
    std::vector<uint32_t> dst(static_cast<size_t>(outer * rows * wide), 0), want(dst);
    const auto plan = PlanStridedCopy(dims, from, to, 4);
    StridedCopy(plan, reinterpret_cast<const std::byte*>(src.data()),
                reinterpret_cast<std::byte*>(dst.data()));
    for (int64_t i = 0; i < outer; ++i) {
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          want[static_cast<size_t>(i * to[0] + r * to[1] + c)] =
              src[static_cast<size_t>(i * from[0] + r * from[1] + c * from[2])];
        }
      }
    }
    EXPECT_EQ(dst, want) << (turned ? "turned" : "as it is");
  }
  SetThreadCount(before);
}

// Storages that live at the same time never overlap, and bytes are reused where lives do not meet.
TEST(PlaceStorages, NeverOverlapsTheLiving) {
  Philox random(43);
  for (int round = 0; round < 50; ++round) {
    Plan plan;
    const size_t count = 20;
    int64_t sum = 0;
    for (size_t i = 0; i < count; ++i) {
      Storage storage;
      storage.bytes = static_cast<int64_t>(random.NextBelow(5000));
      sum += (storage.bytes + 63) / 64 * 64;
      plan.storages.push_back(std::move(storage));
    }
    for (size_t i = 0; i + 1 < count; ++i) {  // a chain with a few long lives
      Step step;
      step.reads = {static_cast<int>(i), static_cast<int>(random.NextBelow(i + 1))};
      step.writes = {static_cast<int>(i + 1)};
      plan.steps.push_back(std::move(step));
    }
    ASSERT_TRUE(PlaceStorages(plan, int64_t{1} << 40).ok());
    EXPECT_LT(plan.arena_bytes, sum);
    const auto life = [&](int storage) {
      std::pair<size_t, size_t> range{1000, 0};
      for (size_t s = 0; s < plan.steps.size(); ++s) {
        for (const auto* list : {&plan.steps[s].reads, &plan.steps[s].writes}) {
          for (const int used : *list) {
            if (used == storage) range = {std::min(range.first, s), std::max(range.second, s)};
          }
        }
      }
      return range;
    };
    for (int a = 0; a < static_cast<int>(count); ++a) {
      for (int b = 0; b < a; ++b) {
        const auto la = life(a), lb = life(b);
        if (la.first > lb.second || lb.first > la.second) continue;
        const Storage &x = plan.storages[static_cast<size_t>(a)],
                      &y = plan.storages[static_cast<size_t>(b)];
        ASSERT_TRUE(x.offset + x.bytes <= y.offset || y.offset + y.bytes <= x.offset)
            << a << " and " << b;
      }
    }
    EXPECT_EQ(PlaceStorages(plan, 10).code(), absl::StatusCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace assize::engine
