// The depthwise kernels of bytes and floats against their definition in 64-bit integers and double,
// for windows, strides, paddings and channel counts around their blocks, on every instruction set.
#include "lib/engine/kernels/depthwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/engine/kernels/depthwise_3x3.h"
#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/strided.h"
#include "lib/support/random.h"

namespace assize::engine {
namespace {

struct Case {
  DepthwiseSpec spec;
  std::vector<int8_t> weights;
  std::vector<uint8_t> x;
};

int64_t Outputs(int64_t in, int64_t pad, int64_t kernel, int64_t stride, int64_t dilation) {
  return (in + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
}

DepthwiseShape MakeShape(Philox& random) {
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(high - low + 1)));
  };
  DepthwiseShape s;
  do {
    s.channels = pick(1, 150);
    s.kernel_h = pick(1, 9), s.kernel_w = pick(1, 7);
    s.stride_h = pick(1, 3), s.stride_w = pick(1, 3);
    s.dilation_h = pick(1, 2), s.dilation_w = pick(1, 2);
    s.pad_top = pick(0, s.kernel_h), s.pad_left = pick(0, s.kernel_w);
    s.in_h = pick(1, 12), s.in_w = pick(1, 300) / static_cast<int64_t>(pick(1, 30)) + 1;
    s.out_h = Outputs(s.in_h, s.pad_top, s.kernel_h, s.stride_h, s.dilation_h);
    s.out_w = Outputs(s.in_w, s.pad_left, s.kernel_w, s.stride_w, s.dilation_w);
  } while (s.out_h < 1 || s.out_w < 1);
  return s;
}

Case MakeCase(Philox& random) {
  Case made;
  const DepthwiseShape s = made.spec.shape = MakeShape(random);
  made.spec.source_signed = random.NextBelow(2) == 1;
  made.spec.result_signed = random.NextBelow(2) == 1;
  const auto byte = [&](bool is_signed) {
    return static_cast<int32_t>(random.NextBelow(256)) - (is_signed ? 128 : 0);
  };
  made.spec.source_zero = byte(made.spec.source_signed);
  made.spec.zero = byte(made.spec.result_signed);
  made.spec.low = static_cast<float>((made.spec.result_signed ? -128 : 0) - made.spec.zero);
  made.spec.high = static_cast<float>((made.spec.result_signed ? 127 : 255) - made.spec.zero);
  if (random.NextBelow(2) == 1) made.spec.low = std::max(made.spec.low, 0.0f);  // ReLU
  for (int64_t c = 0; c < s.channels; ++c) {
    made.spec.scale.push_back(
        static_cast<float>(1e-3 * (1 + static_cast<double>(random.NextBelow(9)))));
    made.spec.shift.push_back(static_cast<float>(random.NextNormal() * 20));
  }
  made.weights.resize(static_cast<size_t>(s.channels * s.kernel_h * s.kernel_w));
  // The ends of the range too: sums of 255 * 128 must not saturate.
  for (int8_t& w : made.weights) {
    w = static_cast<int8_t>(random.NextBelow(4) == 0 ? -128 : byte(true));
  }
  made.x.resize(static_cast<size_t>(s.in_h * s.in_w * s.channels));
  for (uint8_t& v : made.x) v = static_cast<uint8_t>(random.NextBelow(256));
  return made;
}

std::vector<uint8_t> Convolved(const Case& made) {
  const DepthwiseShape& s = made.spec.shape;
  const Depthwise kernel(made.spec, made.weights.data());
  std::vector<uint8_t> y(static_cast<size_t>(s.out_h * s.out_w * s.channels), 0xAA);
  // In two parts, as two threads would.
  kernel.Run(made.x.data(), y.data(), 0, s.out_h / 2);
  kernel.Run(made.x.data(), y.data(), s.out_h / 2, s.out_h);
  return y;
}

// visit(element of x, element of the weights) for what output (h, w, c) is made of.
template <typename Visit>
void ForEachTap(const DepthwiseShape& s, int64_t h, int64_t w, int64_t c, const Visit& visit) {
  for (int64_t kh = 0; kh < s.kernel_h; ++kh) {
    for (int64_t kw = 0; kw < s.kernel_w; ++kw) {
      const int64_t y = h * s.stride_h + kh * s.dilation_h - s.pad_top;
      const int64_t x = w * s.stride_w + kw * s.dilation_w - s.pad_left;
      if (y < 0 || y >= s.in_h || x < 0 || x >= s.in_w) continue;
      visit(static_cast<size_t>((y * s.in_w + x) * s.channels + c),
            static_cast<size_t>((c * s.kernel_h + kh) * s.kernel_w + kw));
    }
  }
}

double Defined(const Case& made, int64_t h, int64_t w, int64_t c) {
  int64_t sum = 0;
  ForEachTap(made.spec.shape, h, w, c, [&](size_t x, size_t tap) {
    const uint8_t byte = made.x[x];
    const int64_t q = made.spec.source_signed ? static_cast<int8_t>(byte) : byte;
    sum += (q - made.spec.source_zero) * made.weights[tap];
  });
  const size_t at = static_cast<size_t>(c);
  const double real = static_cast<double>(sum) * static_cast<double>(made.spec.scale[at]) +
                      static_cast<double>(made.spec.shift[at]);
  return std::clamp(real, static_cast<double>(made.spec.low), static_cast<double>(made.spec.high)) +
         made.spec.zero;
}

TEST(Depthwise, EqualsItsDefinitionOnEveryInstructionSet) {
  Philox random(7);
  for (int round = 0; round < 120; ++round) {
    const Case made = MakeCase(random);
    const DepthwiseShape& s = made.spec.shape;
    const int widest = simd::CurrentLevel();
    const std::vector<uint8_t> y = Convolved(made);
    for (int level = 0; level < widest; ++level) {
      simd::LimitLevel(level);
      EXPECT_EQ(Convolved(made), y) << "round " << round << ", level " << level;
    }
    simd::LimitLevel(widest);
    for (int64_t h = 0; h < s.out_h; ++h) {
      for (int64_t w = 0; w < s.out_w; ++w) {
        for (int64_t c = 0; c < s.channels; ++c) {
          const uint8_t byte = y[static_cast<size_t>((h * s.out_w + w) * s.channels + c)];
          const int q = made.spec.result_signed ? static_cast<int8_t>(byte) : byte;
          // Half a step for the rounding, and what two float operations on such sums may lose.
          ASSERT_NEAR(q, Defined(made, h, w, c), 0.502) << "round " << round;
        }
      }
    }
  }
}

TEST(Depthwise3x3, EqualsItsDefinitionOnEveryInstructionSet) {
  Philox random(8);
  for (int round = 0; round < 120; ++round) {
    DepthwiseShape s = MakeShape(random);
    s.kernel_h = s.kernel_w = 3;
    s.out_h = Outputs(s.in_h, s.pad_top, s.kernel_h, s.stride_h, s.dilation_h);
    s.out_w = Outputs(s.in_w, s.pad_left, s.kernel_w, s.stride_w, s.dilation_w);
    if (!Depthwise3x3::Fits(s) || s.out_h < 1 || s.out_w < 1) continue;
    const auto draw = [&](int64_t count) {
      std::vector<float> values(static_cast<size_t>(count));
      for (float& v : values) v = static_cast<float>(random.NextNormal());
      return values;
    };
    const std::vector<float> x = draw(s.in_h * s.in_w * s.channels),
                             weights = draw(s.channels * s.kernel_h * s.kernel_w),
                             bias = draw(s.channels);
    const float low = round % 2 == 0 ? 0.0f : -INFINITY, high = round % 4 == 0 ? 2.0f : INFINITY;
    const Depthwise3x3 kernel(s, weights, bias, low, high);
    const int widest = simd::CurrentLevel();
    for (int level = 0; level <= widest; ++level) {
      simd::LimitLevel(level);
      std::vector<float> y(static_cast<size_t>(s.out_h * s.out_w * s.channels), NAN);
      kernel.Run(x.data(), y.data(), 0, s.out_h / 2);
      kernel.Run(x.data(), y.data(), s.out_h / 2, s.out_h);
      for (int64_t at = 0; at < static_cast<int64_t>(y.size()); ++at) {
        const int64_t c = at % s.channels, w = at / s.channels % s.out_w,
                      h = at / s.channels / s.out_w;
        double sum = static_cast<double>(bias[static_cast<size_t>(c)]), terms = std::abs(sum);
        ForEachTap(s, h, w, c, [&](size_t from, size_t tap) {
          const double term = static_cast<double>(x[from]) * static_cast<double>(weights[tap]);
          sum += term, terms += std::abs(term);
        });
        const double held = std::clamp(sum, static_cast<double>(low), static_cast<double>(high));
        ASSERT_NEAR(static_cast<double>(y[static_cast<size_t>(at)]), held, 2e-6 * terms)
            << "round " << round << ", level " << level << ", output " << at;
      }
    }
    simd::LimitLevel(widest);
  }
}

TEST(StridedCopy, TurnsMatricesOfEveryElementSize) {
  Philox random(9);
  for (const int64_t bytes : {1, 2, 4, 8}) {
    for (int round = 0; round < 12; ++round) {
      const int64_t planes = 1 + static_cast<int64_t>(random.NextBelow(3));
      const int64_t rows = 1 + static_cast<int64_t>(random.NextBelow(70));
      const int64_t columns = 1 + static_cast<int64_t>(random.NextBelow(70));
      std::vector<std::byte> src(static_cast<size_t>(planes * rows * columns * bytes));
      for (std::byte& b : src) b = static_cast<std::byte>(random.NextBelow(256));
      std::vector<std::byte> dst(src.size());
      const std::vector<int64_t> dims{planes, rows, columns};
      const auto plan = PlanStridedCopy(dims, std::vector<int64_t>{rows * columns, columns, 1},
                                        std::vector<int64_t>{rows * columns, 1, rows}, bytes);
      StridedCopy(plan, src.data(), dst.data());
      for (int64_t p = 0; p < planes; ++p) {
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t c = 0; c < columns; ++c) {
            for (int64_t b = 0; b < bytes; ++b) {
              const int64_t from = ((p * rows + r) * columns + c) * bytes + b;
              const int64_t to = ((p * columns + c) * rows + r) * bytes + b;
              ASSERT_EQ(dst[static_cast<size_t>(to)], src[static_cast<size_t>(from)])
                  << rows << " by " << columns << " of " << bytes;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace assize::engine
