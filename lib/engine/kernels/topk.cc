// Tests: tests/engine/native_ops_test.cc.
#include "lib/engine/kernels/topk.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <vector>

namespace assize::engine {
namespace {

using ir::DType;

// An integer that is larger where the element is; of floats both zeros are one, NaN is the largest.
template <typename T>
auto KeyOf(T x) {
  if constexpr (std::is_same_v<T, float>) {
    if (x != x) return std::numeric_limits<int32_t>::max();
    const int32_t bits = std::bit_cast<int32_t>(x + 0.0f);
    return bits < 0 ? bits ^ std::numeric_limits<int32_t>::max() : bits;
  } else {
    return x;
  }
}

template <typename T>
void Rows(const TopKPlan& plan, const T* x, T* values, int64_t* indices, int64_t begin,
          int64_t end) {
  using Key = decltype(KeyOf(T{}));
  struct Entry {
    Key key;
    int64_t index;
  };
  const auto before = [](const Entry& a, const Entry& b) {
    return a.key != b.key ? a.key > b.key : a.index < b.index;
  };
  std::vector<Entry> best;
  best.reserve(static_cast<size_t>(plan.k));
  for (int64_t row = begin; row < end; ++row) {
    const int64_t outer = row / plan.inner, i = row % plan.inner;
    const T* from = x + outer * plan.extent * plan.inner + i;
    const auto entry = [&](int64_t at) {
      const Key key = KeyOf(from[at * plan.inner]);
      return Entry{plan.largest ? key : static_cast<Key>(~key), at};
    };
    best.clear();
    for (int64_t at = 0; at < plan.k; ++at) best.push_back(entry(at));
    // On top of the heap lies the last of the best.
    std::make_heap(best.begin(), best.end(), before);
    for (int64_t at = plan.k; at < plan.extent; ++at) {
      const Entry next = entry(at);
      if (!before(next, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), before);
      best.back() = next;
      std::push_heap(best.begin(), best.end(), before);
    }
    std::sort_heap(best.begin(), best.end(), before);
    int64_t to = outer * plan.k * plan.inner + i;
    for (const Entry& one : best) {
      if (values != nullptr) values[to] = from[one.index * plan.inner];
      if (indices != nullptr) indices[to] = one.index;
      to += plan.inner;
    }
  }
}

template <typename T>
void RowsOf(const TopKPlan& plan, const std::byte* x, std::byte* values, int64_t* indices,
            int64_t begin, int64_t end) {
  Rows(plan, reinterpret_cast<const T*>(x), reinterpret_cast<T*>(values), indices, begin, end);
}

}  // namespace

bool CanTopK(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kInt32 || dtype == DType::kInt64;
}

void TopKRows(const TopKPlan& plan, DType dtype, const std::byte* x, std::byte* values,
              int64_t* indices, int64_t begin, int64_t end) {
  if (dtype == DType::kFloat) return RowsOf<float>(plan, x, values, indices, begin, end);
  if (dtype == DType::kInt32) return RowsOf<int32_t>(plan, x, values, indices, begin, end);
  RowsOf<int64_t>(plan, x, values, indices, begin, end);
}

}  // namespace assize::engine
