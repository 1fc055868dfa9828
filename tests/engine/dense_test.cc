// The kernels of small dense layers against their definition, around the sizes of their blocks, on
// every instruction set.
#include "lib/engine/kernels/dense.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/engine/kernels/simd.h"
#include "lib/support/random.h"

namespace assize::engine {
namespace {

TEST(DenseFloat, EqualsItsDefinitionRowByRow) {
  Philox random(21);
  const int widest = simd::CurrentLevel();
  for (const int64_t outputs : {1, 2, 15, 16, 17, 31, 33, 48, 49, 64, 65, 100}) {
    for (const int64_t inputs : {1, 3, 30, 129}) {
      const auto normals = [&](int64_t count) {
        std::vector<float> values(static_cast<size_t>(count));
        for (float& v : values) v = static_cast<float>(random.NextNormal());
        return values;
      };
      const std::vector<float> w = normals(inputs * outputs), bias = normals(outputs);
      const std::vector<float> x = normals(3 * inputs);
      const DenseFloat kernel(inputs, outputs, w, bias, -2.0f, 3.0f);
      std::vector<float> all(static_cast<size_t>(3 * outputs)), one(static_cast<size_t>(outputs));
      kernel.Run(x.data(), all.data(), 3);
      for (int level = 0; level <= widest; ++level) {
        simd::LimitLevel(level);
        std::vector<float> y(all.size());
        kernel.Run(x.data(), y.data(), 3);
        for (size_t i = 0; i < y.size(); ++i) {
          const size_t row = i / static_cast<size_t>(outputs), n = i % static_cast<size_t>(outputs);
          double sum = static_cast<double>(bias[n]);
          for (size_t k = 0; k < static_cast<size_t>(inputs); ++k) {
            sum += static_cast<double>(x[row * static_cast<size_t>(inputs) + k]) *
                   static_cast<double>(w[k * static_cast<size_t>(outputs) + n]);
          }
          ASSERT_NEAR(y[i], std::clamp(sum, -2.0, 3.0), 1e-4) << inputs << " to " << outputs;
        }
      }
      simd::LimitLevel(widest);
      kernel.Run(x.data() + inputs, one.data(), 1);
      EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + outputs));
    }
  }
}

TEST(DenseBytes, ExactSumsOnEveryInstructionSet) {
  Philox random(22);
  const int widest = simd::CurrentLevel();
  for (const int64_t outputs : {1, 10, 16, 17, 40}) {
    for (const int64_t inputs : {1, 2, 3, 4, 7, 8, 30, 257}) {
      for (const bool quantized : {false, true}) {
        DenseBytesSpec spec;
        spec.inputs = inputs, spec.outputs = outputs;
        spec.source_signed = random.NextBelow(2) == 1;
        spec.source_zero =
            static_cast<int32_t>(random.NextBelow(256)) - (spec.source_signed ? 128 : 0);
        spec.quantized = quantized;
        spec.zero = quantized ? 7 : 0;
        spec.low = quantized ? -7.0f : -INFINITY;
        spec.high = quantized ? 248.0f : INFINITY;
        for (int64_t n = 0; n < outputs; ++n) {
          spec.scale.push_back(quantized ? 0.001f * static_cast<float>(n + 1) : 1.0f);
          spec.shift.push_back(quantized ? 40.0f : 0.0f);
        }
        std::vector<int8_t> w(static_cast<size_t>(inputs * outputs));
        for (int8_t& v : w)
          v = random.NextBelow(3) == 0 ? -128 : static_cast<int8_t>(random.NextBelow(128));
        std::vector<uint8_t> x(static_cast<size_t>(2 * inputs));
        for (uint8_t& v : x)
          v = random.NextBelow(3) == 0 ? 255 : static_cast<uint8_t>(random.NextBelow(256));
        const DenseBytes kernel(spec, w.data());
        for (int level = 0; level <= widest; ++level) {
          simd::LimitLevel(level);
          std::vector<float> floats(static_cast<size_t>(2 * outputs));
          std::vector<uint8_t> bytes(floats.size());
          kernel.Run(x.data(), quantized ? static_cast<void*>(bytes.data()) : floats.data(), 2);
          for (size_t i = 0; i < floats.size(); ++i) {
            const size_t row = i / static_cast<size_t>(outputs),
                         n = i % static_cast<size_t>(outputs);
            int64_t sum = 0;
            for (size_t k = 0; k < static_cast<size_t>(inputs); ++k) {
              const uint8_t byte = x[row * static_cast<size_t>(inputs) + k];
              const int64_t q = spec.source_signed ? static_cast<int8_t>(byte) : byte;
              sum += (q - spec.source_zero) * w[n * static_cast<size_t>(inputs) + k];
            }
            if (!quantized) {
              ASSERT_EQ(floats[i], static_cast<float>(sum));
            } else {
              const double steps =
                  static_cast<double>(sum) * static_cast<double>(spec.scale[n]) + 40;
              ASSERT_NEAR(bytes[i], std::clamp(steps, -7.0, 248.0) + 7, 0.502);
            }
          }
        }
        simd::LimitLevel(widest);
      }
    }
  }
}

}  // namespace
}  // namespace assize::engine
