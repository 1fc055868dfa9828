// ParallelFor: the one way to use several threads (OpenMP as oneDNN's; std::thread without OpenMP).
// Tests: tests/support/parallel_test.cc.
#pragma once

#include <cstdint>
#include <functional>

namespace assize {

// Threads that ParallelFor may use; 0 asks for the number of cores. Process-wide; set at start.
void SetThreadCount(int threads);
int ThreadCount();

// Calls body(i) once for each i in [0, count), in any order, on up to ThreadCount() threads; returns when all
// are done. `body` must not throw. Results must not depend on the schedule: write to slot i only.
void ParallelFor(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace assize
