// Loops of independent multiply-adds that stay in registers, and a read of more than the caches
// hold. Tests: tests/flow/bench_test.cc.
#include "lib/engine/peak.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "lib/support/parallel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define AZ_PEAK_X86 1
// GCC 12 warns about the header's own "undefined" vectors (PR 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#define AZ_PEAK_X86 0
#endif

namespace assize::engine {
namespace {

// Multiply-adds in flight at once: latency 4 times 2 units, with room.
constexpr int kChains = 12;
constexpr int64_t kSteps = 1'000'000;
constexpr int64_t kReadBytes = int64_t{64} << 20;  // a thread, and each thread its own

// A kernel runs `steps` steps of kChains independent operations and returns something that depends
// on all of them.
struct Kernel {
  const char* name;
  double operations_a_step;
  float (*run)(int64_t steps);
};

#if AZ_PEAK_X86

__attribute__((target("avx512f"))) float Fma512(int64_t steps) {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999F), b = _mm512_set1_ps(0.001F);
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_cvtss_f32(sums[0]);
}

__attribute__((target("avx2,fma"))) float Fma256(int64_t steps) {
  __m256 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999F), b = _mm256_set1_ps(0.001F);
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  return _mm256_cvtss_f32(sums[0]);
}

__attribute__((target("avx512f,avx512vnni"))) float Vnni512(int64_t steps) {
  __m512i sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_epi32(i);
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(1);
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  return static_cast<float>(_mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0])));
}

// Without dot products of bytes: bytes widened to 16 bits, two products and a sum an instruction,
// and one addition.
__attribute__((target("avx2"))) float Madd256(int64_t steps) {
  __m256i sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm256_set1_epi32(i);
  __m256i a = _mm256_set1_epi16(3);
  const __m256i b = _mm256_set1_epi16(1);
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_xor_si256(a, sums[i]), b));
    }
  }
  for (int i = 1; i < kChains; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  return static_cast<float>(_mm_cvtsi128_si32(_mm256_castsi256_si128(sums[0])));
}

#endif

float Plain(int64_t steps) {
  float sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = static_cast<float>(i);
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (float& sum : sums) sum = sum * 0.999F + 0.001F;
  }
  for (int i = 1; i < kChains; ++i) sums[0] += sums[i];
  return sums[0];
}

Kernel FloatKernel() {
#if AZ_PEAK_X86
  if (__builtin_cpu_supports("avx512f")) return {"avx512f", 2.0 * 16 * kChains, Fma512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"avx2 fma", 2.0 * 8 * kChains, Fma256};
#endif
  return {"baseline", 2.0 * kChains, Plain};
}

Kernel IntegerKernel() {
#if AZ_PEAK_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
    return {"avx512_vnni", 2.0 * 64 * kChains, Vnni512};
  if (__builtin_cpu_supports("avx2")) return {"avx2 madd", 2.0 * 16 * kChains, Madd256};
#endif
  return {"baseline", 2.0 * kChains, Plain};
}

// The best of some tries: a peak is what the machine can do, not what it did while busy with
// something else.
constexpr int kTries = 5;

double OperationsPerSecond(const Kernel& kernel, const std::function<int64_t()>& nanos) {
  const int threads = ThreadCount();
  std::atomic<float> kept{0};
  double best = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const int64_t begin = nanos();
    ParallelFor(threads,
                [&](int64_t) { kept.store(kernel.run(kSteps), std::memory_order_relaxed); });
    const int64_t taken = std::max<int64_t>(nanos() - begin, 1);
    best = std::max(best,
                    kernel.operations_a_step * kSteps * threads / static_cast<double>(taken) * 1e9);
  }
  return best;
}

double ReadBytesPerSecond(const std::function<int64_t()>& nanos) {
  const int threads = ThreadCount();
  const size_t words = kReadBytes / sizeof(uint64_t);
  std::vector<std::vector<uint64_t>> arrays(static_cast<size_t>(threads));
  ParallelFor(threads, [&](int64_t t) { arrays[static_cast<size_t>(t)].assign(words, 1); });
  std::atomic<uint64_t> kept{0};
  double best = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const int64_t begin = nanos();
    ParallelFor(threads, [&](int64_t t) {
      const uint64_t* data = arrays[static_cast<size_t>(t)].data();
      uint64_t sums[8] = {};  // independent, so that the additions keep up with the loads
      for (size_t i = 0; i + 8 <= words; i += 8) {
        for (size_t k = 0; k < 8; ++k) sums[k] += data[i + k];
      }
      uint64_t sum = 0;
      for (const uint64_t part : sums) sum += part;
      kept.fetch_add(sum, std::memory_order_relaxed);
    });
    const int64_t taken = std::max<int64_t>(nanos() - begin, 1);
    best = std::max(best,
                    static_cast<double>(kReadBytes) * threads / static_cast<double>(taken) * 1e9);
  }
  return best;
}

}  // namespace

Peaks MeasurePeaks(const std::function<int64_t()>& nanos) {
  const Kernel floats = FloatKernel(), integers = IntegerKernel();
  Peaks peaks;
  peaks.flops = OperationsPerSecond(floats, nanos);
  peaks.integer_ops = OperationsPerSecond(integers, nanos);
  peaks.bytes_per_second = ReadBytesPerSecond(nanos);
  peaks.how = std::string(floats.name) + ", " + integers.name;
  return peaks;
}

}  // namespace assize::engine
