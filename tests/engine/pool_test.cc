// Average pooling of bytes and floats against its definition: channel counts around the vectors,
// and windows whose sums pass what 16 bits hold.
#include "lib/engine/kernels/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/engine/kernels/simd.h"
#include "lib/support/random.h"

namespace assize::engine {
namespace {

PoolPlan PlanOf(int64_t size, int64_t kernel, int64_t channels) {
  PoolPlan plan;
  plan.channels = channels;
  for (const size_t i : {1, 2}) {
    plan.in[i] = size, plan.kernel[i] = kernel;
    plan.pad_begin[i] = plan.pad_end[i] = kernel < size ? kernel / 2 : 0;
    plan.stride[i] = kernel < size ? 2 : 1;
    plan.out[i] = (size + 2 * plan.pad_begin[i] - kernel) / plan.stride[i] + 1;
  }
  return plan;
}

// The mean of what lies inside the window of output (h, w).
template <typename Get>
double MeanOf(const PoolPlan& p, int64_t h, int64_t w, const Get& get) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < p.kernel[1]; ++i) {
    for (int64_t j = 0; j < p.kernel[2]; ++j) {
      const int64_t y = h * p.stride[1] - p.pad_begin[1] + i;
      const int64_t x = w * p.stride[2] - p.pad_begin[2] + j;
      if (y < 0 || y >= p.in[1] || x < 0 || x >= p.in[2]) continue;
      sum += get(static_cast<size_t>((y * p.in[2] + x) * p.channels));
      ++count;
    }
  }
  return sum / static_cast<double>(count);
}

TEST(AveragePool, EqualsItsDefinitionOnEveryInstructionSet) {
  Philox random(3);
  const int widest = simd::CurrentLevel();
  for (const int64_t channels : {1, 7, 8, 15, 16, 31, 32, 33, 64, 70, 130}) {
    for (const auto& [size, kernel] : std::vector<std::pair<int64_t, int64_t>>{{9, 3}, {24, 24}}) {
      const PoolPlan plan = PlanOf(size, kernel, channels);
      const size_t elements = static_cast<size_t>(size * size * channels);
      std::vector<float> floats(elements);
      std::vector<uint8_t> bytes(elements);
      for (size_t i = 0; i < elements; ++i) {
        floats[i] = static_cast<float>(random.NextNormal());
        // Mostly the largest byte: 576 of them do not fit 16 bits.
        bytes[i] = random.NextBelow(9) == 0 ? static_cast<uint8_t>(random.NextBelow(256)) : 255;
      }
      for (const bool is_signed : {false, true}) {
        ByteAverage average;
        average.is_signed = is_signed, average.zero_point = is_signed ? -3 : 5;
        average.scale = 0.5f;
        average.grid = {0.25f, is_signed ? -128.0f : 0.0f, is_signed ? 127.0f : 255.0f, 0};
        for (int level = 0; level <= widest; ++level) {
          simd::LimitLevel(level);
          const size_t results = static_cast<size_t>(plan.out[1] * plan.out[2] * channels);
          std::vector<float> y(results, NAN);
          std::vector<uint8_t> q(results, 0xAA);
          AveragePoolFloat(plan, floats.data(), y.data());
          AveragePoolBytes(plan, average, bytes.data(), q.data());
          for (size_t at = 0; at < results; ++at) {
            const int64_t pixel = static_cast<int64_t>(at) / channels;
            const int64_t h = pixel / plan.out[2], w = pixel % plan.out[2];
            const size_t c = at % static_cast<size_t>(channels);
            const double mean =
                MeanOf(plan, h, w, [&](size_t x) { return static_cast<double>(floats[x + c]); });
            ASSERT_EQ(y[at], static_cast<float>(mean)) << channels << " channels, level " << level;
            const double real = 0.5 * MeanOf(plan, h, w, [&](size_t x) {
                                  const int byte =
                                      is_signed ? static_cast<int8_t>(bytes[x + c]) : bytes[x + c];
                                  return static_cast<double>(byte - average.zero_point);
                                });
            const double step =
                std::clamp(std::nearbyint(real / 0.25), static_cast<double>(average.grid.low),
                           static_cast<double>(average.grid.high));
            ASSERT_NEAR(is_signed ? static_cast<int8_t>(q[at]) : q[at], step, 1.0)
                << channels << " channels, level " << level;
          }
        }
      }
    }
  }
  simd::LimitLevel(widest);
}

}  // namespace
}  // namespace assize::engine
