// ParallelFor on OpenMP, or on std::thread where OpenMP is missing or hidden from the thread
// sanitizer. A call inside a call runs serially: there is one pool. Tests:
// tests/support/parallel_test.cc.
#include "lib/support/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#ifdef ASSIZE_OPENMP
#include <omp.h>
#endif

namespace assize {
namespace {

std::atomic<int> thread_count{0};  // 0: not set, the number of cores

// Calls without letting an exception out into the runtime, where it would end the program with no
// message.
void Call(const std::function<void(int64_t)>& body, int64_t i) noexcept { body(i); }

#ifndef ASSIZE_OPENMP
thread_local bool inside = false;
#endif

}  // namespace

void SetThreadCount(int threads) {
  thread_count.store(std::max(0, threads));
#ifdef ASSIZE_OPENMP
  omp_set_num_threads(ThreadCount());  // oneDNN asks OpenMP
#endif
}

int ThreadCount() {
  const int set = thread_count.load();
  if (set > 0) return set;
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

void ParallelFor(int64_t count, const std::function<void(int64_t)>& body) {
  const int threads = static_cast<int>(std::min<int64_t>(ThreadCount(), count));
#ifdef ASSIZE_OPENMP
  const bool nested = omp_in_parallel() != 0;
#else
  const bool nested = inside;
#endif
  if (threads <= 1 || nested) {
    for (int64_t i = 0; i < count; ++i) Call(body, i);
    return;
  }
  // Eight pieces per thread: even load for uneven bodies, and few visits to the shared counter.
  const int64_t piece = std::max<int64_t>(1, count / (int64_t{8} * threads));
#ifdef ASSIZE_OPENMP
  if (count == threads) {
    // Piece i on thread i, as oneDNN divides: it finds in its cache what it left there.
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int64_t i = 0; i < count; ++i) Call(body, i);
    return;
  }
#pragma omp parallel for schedule(dynamic, piece) num_threads(threads)
  for (int64_t i = 0; i < count; ++i) Call(body, i);
#else
  std::atomic<int64_t> next{0};
  auto work = [&] {
    inside = true;
    for (int64_t begin = next.fetch_add(piece); begin < count; begin = next.fetch_add(piece)) {
      for (int64_t i = begin; i < std::min(begin + piece, count); ++i) Call(body, i);
    }
    inside = false;
  };
  std::vector<std::thread> workers;
  for (int i = 1; i < threads; ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
#endif
}

}  // namespace assize
