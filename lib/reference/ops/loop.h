// A loop over independent results, on several threads only when it is worth waking them.
// Tests: tests/reference/layers_test.cc.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/support/parallel.h"

namespace assize::reference {

// Multiply-adds below which one thread is faster than two: about a millisecond of work.
inline constexpr int64_t kParallelWork = int64_t{1} << 20;

// body(i) for each i below `count`, each of about `work` multiply-adds.
inline void ForEachResult(int64_t count, int64_t work, const std::function<void(int64_t)>& body) {
  if (count > 1 && work > kParallelWork / count) {
    ParallelFor(count, body);
  } else {
    for (int64_t i = 0; i < count; ++i) body(i);
  }
}

}  // namespace assize::reference
