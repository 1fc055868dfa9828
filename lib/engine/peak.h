// What this CPU can do at most, measured: multiply-adds on floats and on 8-bit integers, and bytes
// from memory. The lines that a profile is held against. Tests: tests/flow/bench_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace assize::engine {

struct Peaks {
  double flops = 0;             // float operations a second, 2 per multiply-add
  double integer_ops = 0;       // operations on 8-bit integers a second, 2 per multiply-add
  double bytes_per_second = 0;  // read from memory beyond the caches
  std::string how;              // the instructions that were measured: "avx512f, avx512_vnni"
};

// On ThreadCount() threads, about 0.3 s. `nanos`: the clock.
Peaks MeasurePeaks(const std::function<int64_t()>& nanos);

}  // namespace assize::engine
