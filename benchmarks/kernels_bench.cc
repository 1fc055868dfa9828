// The engine's own kernels, alone and on arrays of the sizes that models have: bytes and operations
// a second.
//
//   cmake --preset bench && cmake --build --preset bench &&
//   build/bench/benchmarks/assize_kernels_bench
//
// Each runs at every level of instruction set that this CPU has (argument `level`: 0 baseline, 1
// AVX2, 2 AVX-512).
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "lib/engine/kernels/depthwise.h"
#include "lib/engine/kernels/elementwise.h"
#include "lib/engine/kernels/int8.h"
#include "lib/engine/kernels/norm.h"
#include "lib/engine/kernels/pool.h"
#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/kernels/transcendental.h"
#include "lib/support/parallel.h"
#include "lib/support/random.h"

namespace assize::engine {
namespace {

std::vector<float> Noise(int64_t count) {
  Philox random(1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.NextNormal());
  return values;
}

std::vector<uint8_t> Bytes(int64_t count) {
  Philox random(2);
  std::vector<uint8_t> values(static_cast<size_t>(count));
  for (uint8_t& value : values) value = static_cast<uint8_t>(random.NextU32());
  return values;
}

std::vector<int8_t> Weights(int64_t count) {
  const std::vector<uint8_t> random = Bytes(count);
  std::vector<int8_t> weights(random.size());
  std::memcpy(weights.data(), random.data(), random.size());
  return weights;
}

// One thread, and the level of the last argument; false when this CPU has no such level.
bool Prepare(benchmark::State& state, int64_t level) {
  SetThreadCount(1);
  static const int widest = simd::CurrentLevel();  // before the first limit
  if (level > widest) {
    state.SkipWithError("this CPU has no such instructions");
    return false;
  }
  simd::LimitLevel(static_cast<int>(level));
  return true;
}

void Report(benchmark::State& state, int64_t bytes, int64_t operations = 0) {
  state.SetBytesProcessed(state.iterations() * bytes);
  if (operations > 0) {
    state.counters["operations"] = benchmark::Counter(
        static_cast<double>(state.iterations() * operations), benchmark::Counter::kIsRate);
  }
}

// Arguments: elements, level.
template <typename Run>
void OverFloats(benchmark::State& state, Run run) {
  if (!Prepare(state, state.range(1))) return;
  const int64_t count = state.range(0);
  const std::vector<float> src = Noise(count);
  std::vector<float> dst(src.size());
  for (auto step : state) {
    run(src.data(), dst.data(), count);
    benchmark::DoNotOptimize(dst.data());
    benchmark::ClobberMemory();
  }
  Report(state, count * 8);
}

void Elements(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"count", "level"});
  for (const int64_t count : {4096, 1 << 20}) {
    for (const int64_t level : {0, 1, 2}) bench->Args({count, level});
  }
}

#define AZ_OVER_FLOATS(Name, ...)                                                    \
  void Name(benchmark::State& state) {                                               \
    OverFloats(state, [](const float* x, float* y, int64_t count) { __VA_ARGS__; }); \
  }                                                                                  \
  BENCHMARK(Name)->Apply(Elements)

AZ_OVER_FLOATS(Add, simd::AddFloats(x, x, y, count));
AZ_OVER_FLOATS(Relu, simd::ReluFloats(x, y, count));
AZ_OVER_FLOATS(Exp, simd::ExpFloats(x, y, count));
AZ_OVER_FLOATS(Tanh, simd::TanhFloats(x, y, count));
AZ_OVER_FLOATS(Sigmoid, simd::SigmoidFloats(x, y, count));
AZ_OVER_FLOATS(Gelu, simd::GeluFloats(x, y, count));
AZ_OVER_FLOATS(SoftmaxRows, simd::SoftmaxRows(x, y, count / 128, 128));
AZ_OVER_FLOATS(LayerNormRows, simd::LayerNormRows(x, nullptr, nullptr, y, nullptr, {}, count / 256,
                                                  256, 1e-5F, false));

void Quantize(benchmark::State& state) {
  if (!Prepare(state, state.range(1))) return;
  const std::vector<float> src = Noise(state.range(0));
  std::vector<uint8_t> dst(src.size());
  const QuantizeSpec spec{0.02F, 128, false};
  for (auto step : state) {
    QuantizeFloats(spec, src.data(), dst.data(), state.range(0));
    benchmark::ClobberMemory();
  }
  Report(state, state.range(0) * 5);
}
BENCHMARK(Quantize)->Apply(Elements);

void Dequantize(benchmark::State& state) {
  if (!Prepare(state, state.range(1))) return;
  const std::vector<uint8_t> src = Bytes(state.range(0));
  std::vector<float> dst(src.size());
  const QuantizeSpec spec{0.02F, 128, false};
  for (auto step : state) {
    DequantizeFloats(spec, src.data(), dst.data(), state.range(0));
    benchmark::ClobberMemory();
  }
  Report(state, state.range(0) * 5);
}
BENCHMARK(Dequantize)->Apply(Elements);

void QuantizedAdd(benchmark::State& state) {
  if (!Prepare(state, state.range(1))) return;
  const std::vector<uint8_t> src = Bytes(state.range(0));
  std::vector<uint8_t> dst(src.size());
  QuantBinarySpec spec;
  spec.a = {0.02F, 128, false};
  spec.b = {0.03F, 120, false};
  spec.y = {0.05F, 124, false};
  spec.op = Binary::kAdd;
  for (auto step : state) {
    RunQuantBinary(spec, src.data(), src.data(), dst.data(), state.range(0));
    benchmark::ClobberMemory();
  }
  Report(state, state.range(0) * 3);
}
BENCHMARK(QuantizedAdd)->Apply(Elements);

void TableOfBytes(benchmark::State& state) {
  if (!Prepare(state, state.range(1))) return;
  const std::vector<uint8_t> src = Bytes(state.range(0));
  std::vector<uint8_t> dst(src.size());
  const ByteTable table =
      MakeTable({0.02F, 128, false}, {Unary::kHardSwish, 0, 0}, {0.02F, 100, false});
  for (auto step : state) {
    ApplyTable(table, src.data(), dst.data(), state.range(0));
    benchmark::ClobberMemory();
  }
  Report(state, state.range(0) * 2);
}
BENCHMARK(TableOfBytes)->Apply(Elements);

// Arguments: size of the square, channels, level.
void Images(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"size", "channels", "level"});
  for (const auto& [size, channels] : {std::pair<int64_t, int64_t>{112, 64}, {14, 512}}) {
    for (const int64_t level : {0, 1, 2}) bench->Args({size, channels, level});
  }
}

// 3x3, stride 2, padded by 1, as ResNet's stem.
PoolPlan Windows(int64_t size, int64_t channels) {
  PoolPlan plan;
  plan.in = {1, size, size};
  plan.out = {1, size / 2, size / 2};
  plan.kernel = {1, 3, 3};
  plan.stride = {1, 2, 2};
  plan.pad_begin = {0, 1, 1};
  plan.channels = channels;
  return plan;
}

void MaxPool(benchmark::State& state) {
  if (!Prepare(state, state.range(2))) return;
  const PoolPlan plan = Windows(state.range(0), state.range(1));
  const std::vector<float> src = Noise(state.range(0) * state.range(0) * state.range(1));
  std::vector<float> dst(src.size() / 4);
  for (auto step : state) {
    MaxPoolFloat(plan, src.data(), dst.data());
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<int64_t>(src.size() + dst.size()) * 4);
}
BENCHMARK(MaxPool)->Apply(Images);

void AveragePool(benchmark::State& state) {
  if (!Prepare(state, state.range(2))) return;
  const PoolPlan plan = Windows(state.range(0), state.range(1));
  const std::vector<float> src = Noise(state.range(0) * state.range(0) * state.range(1));
  std::vector<float> dst(src.size() / 4);
  for (auto step : state) {
    AveragePoolFloat(plan, src.data(), dst.data());
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<int64_t>(src.size() + dst.size()) * 4);
}
BENCHMARK(AveragePool)->Apply(Images);

void MaxPoolBytes(benchmark::State& state) {
  if (!Prepare(state, state.range(2))) return;
  const PoolPlan plan = Windows(state.range(0), state.range(1));
  const std::vector<uint8_t> src = Bytes(state.range(0) * state.range(0) * state.range(1));
  std::vector<uint8_t> dst(src.size() / 4);
  for (auto step : state) {
    MaxPoolU8(plan, src.data(), dst.data());
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<int64_t>(src.size() + dst.size()));
}
BENCHMARK(MaxPoolBytes)->Apply(Images);

// A convolution of 8-bit integers with exact sums, 3x3, padded by 1.
void Int8Conv(benchmark::State& state) {
  if (!Prepare(state, state.range(2))) return;
  const int64_t size = state.range(0), channels = state.range(1);
  Int8ConvPlan plan;
  plan.in = plan.out = {1, size, size};
  plan.kernel = {1, 3, 3};
  plan.pad = {0, 1, 1};
  plan.channels = plan.outputs = channels;
  plan.x = {0.02F, 128, false};
  plan.y = {0.05F, 128, false};
  plan.quantized = true;
  plan.scale.assign(static_cast<size_t>(channels), 1e-3F);
  plan.shift.assign(static_cast<size_t>(channels), 0.1F);
  PackWeights(plan, Weights(channels * channels * 9).data());
  const std::vector<uint8_t> src = Bytes(size * size * channels);
  std::vector<uint8_t> dst(src.size());
  for (auto step : state) {
    RunInt8Conv(plan, src.data(), nullptr, dst.data());
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<int64_t>(src.size() + dst.size()),
         2 * size * size * channels * channels * 9);
}
BENCHMARK(Int8Conv)
    ->ArgNames({"size", "channels", "level"})
    ->Args({28, 64, 0})
    ->Args({28, 64, 1})
    ->Args({28, 64, 2});

// One filter per channel, 3x3, padded by 1.
void Int8Depthwise(benchmark::State& state) {
  if (!Prepare(state, state.range(2))) return;
  const int64_t size = state.range(0), channels = state.range(1);
  DepthwiseSpec spec;
  spec.shape.in_h = spec.shape.in_w = spec.shape.out_h = spec.shape.out_w = size;
  spec.shape.kernel_h = spec.shape.kernel_w = 3;
  spec.shape.pad_top = spec.shape.pad_left = 1;
  spec.shape.channels = channels;
  spec.source_zero = 128;
  spec.scale.assign(static_cast<size_t>(channels), 1e-3F);
  spec.shift.assign(static_cast<size_t>(channels), 0.1F);
  const Depthwise depthwise(spec, Weights(channels * 9).data());
  const std::vector<uint8_t> src = Bytes(size * size * channels);
  std::vector<uint8_t> dst(src.size());
  for (auto step : state) {
    depthwise.Run(src.data(), dst.data(), 0, size);
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<int64_t>(src.size() + dst.size()), 2 * size * size * channels * 9);
}
BENCHMARK(Int8Depthwise)->Apply(Images);

// A layout change: channels from the front to the back.
void ChannelsLast(benchmark::State& state) {
  if (!Prepare(state, state.range(2))) return;
  const int64_t size = state.range(0), channels = state.range(1);
  const std::vector<float> src = Noise(size * size * channels);
  std::vector<float> dst(src.size());
  const int64_t dims[] = {channels, size * size}, from[] = {size * size, 1}, to[] = {1, channels};
  const StridedCopyPlan plan = PlanStridedCopy(dims, from, to, 4);
  for (auto step : state) {
    StridedCopy(plan, reinterpret_cast<const std::byte*>(src.data()),
                reinterpret_cast<std::byte*>(dst.data()));
    benchmark::ClobberMemory();
  }
  Report(state, static_cast<int64_t>(src.size()) * 8);
}
BENCHMARK(ChannelsLast)->Apply(Images);

}  // namespace
}  // namespace assize::engine
