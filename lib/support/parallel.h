// ParallelFor: the one way to use several threads (OpenMP as oneDNN's; std::thread without OpenMP).
// Tests: tests/support/parallel_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace assize {

// Threads that ParallelFor may use; 0 asks for the number of cores. Process-wide; set at start.
void SetThreadCount(int threads);
int ThreadCount();

// Calls body(i) once for each i in [0, count), in any order, on up to ThreadCount() threads;
// returns when all are done. `body` must not throw. Results must not depend on the schedule: write
// to slot i only.
void ParallelFor(int64_t count, const std::function<void(int64_t)>& body);

// body(begin, end) over pieces of [0, count) of at least `grain` each; one piece, called directly,
// when there is not work for two. For loops over large arrays: what an element gets must not depend
// on the piece it falls into.
template <typename Body>
void ParallelRanges(int64_t count, int64_t grain, const Body& body) {
  const int64_t pieces = std::min<int64_t>(ThreadCount(), count / std::max<int64_t>(grain, 1));
  if (pieces <= 1) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
  ParallelFor(pieces, [&](int64_t i) { body(count * i / pieces, count * (i + 1) / pieces); });
}

}  // namespace assize
