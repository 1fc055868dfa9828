// Tests: tests/engine/indexing_test.cc.
#include "lib/engine/kernels/indexing.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <type_traits>

#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using ir::DType;

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
// Elements and bytes that are worth waking a thread for.
constexpr int64_t kGrainElements = 16384, kGrainBytes = 1 << 18;
// Runs of fewer bytes are scattered by one thread.
constexpr int64_t kShortRun = 64;
// Lines that lie side by side and are worked together.
constexpr int64_t kLines = 64;

int64_t ProductOf(const std::vector<int64_t>& values) {
  int64_t product = 1;
  for (const int64_t value : values) product *= value;
  return product;
}

// Counted from the start; -1 when it is outside [-extent, extent).
int64_t Counted(int64_t index, int64_t extent) {
  if (index < 0) index += extent;
  return index >= 0 && index < extent ? index : -1;
}

int64_t IndexAt(Indices indices, int64_t i) {
  if (indices.wide) return reinterpret_cast<const int64_t*>(indices.data)[i];
  return reinterpret_cast<const int32_t*>(indices.data)[i];
}

// The first bad index that any thread met.
class FirstBad {
 public:
  void Meet(int64_t i) {
    int64_t known = first_.load();
    while (i < known && !first_.compare_exchange_weak(known, i)) {
    }
  }
  bool any() const { return first_.load() != kNone; }
  int64_t at() const { return first_.load(); }

 private:
  std::atomic<int64_t> first_ = kNone;
};

Status Refused(int64_t index, int64_t extent) {
  return OutOfRange("index {} is outside [{}, {}]", index, -extent, extent - 1);
}

template <typename Body>
void ForIndexType(Indices indices, const Body& body) {
  if (indices.wide) return body(reinterpret_cast<const int64_t*>(indices.data));
  body(reinterpret_cast<const int32_t*>(indices.data));
}

template <typename Body>
void ForWidth(int64_t bytes, const Body& body) {
  if (bytes == 1) return body(uint8_t{});
  if (bytes == 2) return body(uint16_t{});
  if (bytes == 4) return body(uint32_t{});
  if (bytes == 8) return body(uint64_t{});
  body(std::array<uint64_t, 2>{});
}

// As memcpy, which is slow to call for a single element.
void CopyRun(std::byte* to, const std::byte* from, int64_t bytes) {
  if (bytes == 4) {
    std::memcpy(to, from, 4);
  } else if (bytes == 8) {
    std::memcpy(to, from, 8);
  } else {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
}

// visit(i, position in x) for the indices in rows [row, end) of the last dim and its columns
// [column, column_end), in order; stops at a bad index.
template <typename Index, typename Visit>
void VisitElements(const ElementIndexPlan& plan, const Index* indices, int64_t row, int64_t end,
                   int64_t column, int64_t column_end, FirstBad& bad, const Visit& visit) {
  const size_t last = plan.dims.size() - 1;
  const int64_t columns = plan.dims[last], stride = plan.strides[last];
  std::vector<int64_t> at(last);
  int64_t base = 0;
  for (int64_t d = static_cast<int64_t>(last) - 1, rest = row; d >= 0; --d) {
    const size_t i = static_cast<size_t>(d);
    at[i] = rest % plan.dims[i], rest /= plan.dims[i];
    base += at[i] * plan.strides[i];
  }
  for (; row < end; ++row) {
    for (int64_t c = column; c < column_end; ++c) {
      const int64_t i = row * columns + c, index = Counted(indices[i], plan.extent);
      if (index < 0) return bad.Meet(i);
      visit(i, base + c * stride + index * plan.step);
    }
    for (size_t d = last; d-- > 0;) {
      base += plan.strides[d];
      if (++at[d] < plan.dims[d]) break;
      base -= at[d] * plan.strides[d];
      at[d] = 0;
    }
  }
}

// The place of a row's run, counted in runs; -1 at a bad index.
template <typename Index>
int64_t PlaceOf(const RunIndexPlan& plan, const Index* indices, int64_t row, FirstBad& bad) {
  const int64_t width = static_cast<int64_t>(plan.extents.size());
  int64_t place = 0;
  for (int64_t k = 0; k < width; ++k) {
    const int64_t extent = plan.extents[static_cast<size_t>(k)];
    const int64_t index = Counted(indices[row * width + k], extent);
    if (index < 0) {
      bad.Meet(row * width + k);
      return -1;
    }
    place = place * extent + index;
  }
  return place;
}

Status ResultOf(const RunIndexPlan& plan, Indices indices, const FirstBad& bad) {
  if (!bad.any()) return OkStatus();
  return Refused(IndexAt(indices, bad.at()),
                 plan.extents[static_cast<size_t>(bad.at()) % plan.extents.size()]);
}

// body(start, count) for up to kLines lines side by side, the first of which begins at `start`.
template <typename Body>
void ForBlocks(const LinesPlan& plan, const Body& body) {
  const int64_t blocks = (plan.inner + kLines - 1) / kLines;
  const int64_t work = plan.extent * std::min(plan.inner, kLines);
  ParallelRanges(plan.outer * blocks, kGrainElements / work + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * kLines;
      body(i / blocks * plan.extent * plan.inner + first, std::min(kLines, plan.inner - first));
    }
  });
}

template <typename T>
void SumLines(const LinesPlan& plan, bool exclusive, bool reverse, const T* x, T* y) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  const auto add = [&](Sum& sum, int64_t at) {
    const Sum before = sum;
    sum += static_cast<Sum>(x[at]);
    y[at] = static_cast<T>(exclusive ? before : sum);
  };
  ForBlocks(plan, [&](int64_t start, int64_t count) {
    const int64_t step = reverse ? -plan.inner : plan.inner;
    int64_t at = start + (reverse ? (plan.extent - 1) * plan.inner : 0);
    if (count == 1) {
      Sum sum = 0;
      for (int64_t t = 0; t < plan.extent; ++t, at += step) add(sum, at);
      return;
    }
    Sum sums[kLines];
    std::fill_n(sums, count, Sum{0});
    for (int64_t t = 0; t < plan.extent; ++t, at += step) {
      for (int64_t j = 0; j < count; ++j) add(sums[j], at + j);
    }
  });
}

template <typename T>
void SumLinesOf(const LinesPlan& plan, bool exclusive, bool reverse, const std::byte* x,
                std::byte* y) {
  SumLines(plan, exclusive, reverse, reinterpret_cast<const T*>(x), reinterpret_cast<T*>(y));
}

// The source's coordinate for one of the result; reflection leaves the edge itself out.
int64_t Beyond(Border border, int64_t at, int64_t extent) {
  if (at >= 0 && at < extent) return at;
  if (border == Border::kEdge) return std::clamp<int64_t>(at, 0, extent - 1);
  const int64_t period = border == Border::kWrap ? extent : std::max<int64_t>(1, 2 * (extent - 1));
  at = (at % period + period) % period;
  return at < extent ? at : period - at;
}

}  // namespace

Status GatherElements(const ElementIndexPlan& plan, const std::byte* x, Indices indices,
                      std::byte* y) {
  const int64_t columns = plan.dims.back(), rows = ProductOf(plan.dims) / columns;
  FirstBad bad;
  ForWidth(plan.element_bytes, [&]<typename T>(T) {
    ForIndexType(indices, [&](const auto* index) {
      const T* from = reinterpret_cast<const T*>(x);
      T* to = reinterpret_cast<T*>(y);
      ParallelRanges(rows, kGrainElements / columns + 1, [&](int64_t begin, int64_t end) {
        VisitElements(plan, index, begin, end, 0, columns, bad,
                      [&](int64_t i, int64_t position) { to[i] = from[position]; });
      });
    });
  });
  return bad.any() ? Refused(IndexAt(indices, bad.at()), plan.extent) : OkStatus();
}

Status ScatterElements(const ElementIndexPlan& plan, const std::byte* updates, Indices indices,
                       std::byte* y) {
  const int64_t columns = plan.dims.back(), rows = ProductOf(plan.dims) / columns;
  // Elements that differ in a coordinate off the axis never meet in one place.
  const bool by_rows = plan.strides.back() == 0;
  FirstBad bad;
  ForWidth(plan.element_bytes, [&]<typename T>(T) {
    ForIndexType(indices, [&](const auto* index) {
      const T* from = reinterpret_cast<const T*>(updates);
      T* to = reinterpret_cast<T*>(y);
      const auto place = [&](int64_t i, int64_t position) { to[position] = from[i]; };
      const int64_t parts = by_rows ? rows : columns, each = by_rows ? columns : rows;
      ParallelRanges(parts, kGrainElements / each + 1, [&](int64_t begin, int64_t end) {
        if (by_rows) {
          VisitElements(plan, index, begin, end, 0, columns, bad, place);
        } else {
          VisitElements(plan, index, 0, rows, begin, end, bad, place);
        }
      });
    });
  });
  return bad.any() ? Refused(IndexAt(indices, bad.at()), plan.extent) : OkStatus();
}

Status GatherRuns(const RunIndexPlan& plan, const std::byte* x, Indices indices, std::byte* y) {
  const int64_t runs = ProductOf(plan.extents);
  FirstBad bad;
  ForIndexType(indices, [&](const auto* index) {
    const int64_t bytes = plan.run_bytes;
    ParallelRanges(plan.rows, kGrainBytes / (bytes + 16) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t place = PlaceOf(plan, index, row, bad);
        if (place < 0) return;
        CopyRun(y + row * bytes, x + (row / plan.rows_per_array * runs + place) * bytes, bytes);
      }
    });
  });
  return ResultOf(plan, indices, bad);
}

Status ScatterRuns(const RunIndexPlan& plan, const std::byte* x, const std::byte* updates,
                   Indices indices, int64_t* places, std::byte* y) {
  const int64_t runs = ProductOf(plan.extents), bytes = plan.run_bytes;
  FirstBad bad;
  ForIndexType(indices, [&](const auto* index) {
    ParallelRanges(plan.rows, kGrainElements, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        places[row] = PlaceOf(plan, index, row, bad);
        if (places[row] < 0) return;
      }
    });
  });
  AZ_RETURN_IF_ERROR(ResultOf(plan, indices, bad));
  if (x != y) {
    ParallelRanges(runs, kGrainBytes / bytes + 1, [&](int64_t begin, int64_t end) {
      const size_t size = static_cast<size_t>((end - begin) * bytes);
      std::memcpy(y + begin * bytes, x + begin * bytes, size);
    });
  }
  // Each thread has a part of the result, and takes from the updates what falls into it; for short
  // runs the search would take longer than the copies.
  const int64_t moved = bytes < kShortRun ? 0 : plan.rows * bytes;
  const int64_t pieces = std::max<int64_t>(moved / kGrainBytes, 1);
  ParallelRanges(runs, (runs + pieces - 1) / pieces, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < plan.rows; ++row) {
      if (places[row] < begin || places[row] >= end) continue;
      CopyRun(y + places[row] * bytes, updates + row * bytes, bytes);
    }
  });
  return OkStatus();
}

void KeepTriangle(const TrianglePlan& plan, const std::byte* x, std::byte* y) {
  const int64_t line = plan.columns * plan.element_bytes;
  const int64_t k = std::clamp(plan.k, -plan.rows - 1, plan.columns + 1);
  ParallelRanges(
      plan.matrices * plan.rows, kGrainBytes / line + 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t diagonal = i % plan.rows + k;
          const int64_t cut =
              std::clamp<int64_t>(plan.upper ? diagonal : diagonal + 1, 0, plan.columns) *
              plan.element_bytes;
          const int64_t keep = plan.upper ? cut : 0, kept = plan.upper ? line - cut : cut;
          std::byte* to = y + i * line;
          if (x != y) {
            std::memcpy(to + keep, x + i * line + keep, static_cast<size_t>(kept));
          }
          std::memset(plan.upper ? to : to + cut, 0, static_cast<size_t>(line - kept));
        }
      });
}

bool CanSumUp(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kDouble || dtype == DType::kInt32 ||
         dtype == DType::kInt64 || dtype == DType::kUint32 || dtype == DType::kUint64;
}

void SumUp(const LinesPlan& plan, DType dtype, bool exclusive, bool reverse, const std::byte* x,
           std::byte* y) {
  if (dtype == DType::kFloat) return SumLinesOf<float>(plan, exclusive, reverse, x, y);
  if (dtype == DType::kDouble) return SumLinesOf<double>(plan, exclusive, reverse, x, y);
  if (dtype == DType::kInt32) return SumLinesOf<int32_t>(plan, exclusive, reverse, x, y);
  if (dtype == DType::kUint32) return SumLinesOf<uint32_t>(plan, exclusive, reverse, x, y);
  SumLinesOf<uint64_t>(plan, exclusive, reverse, x, y);  // modulo 2^64 the sign makes no difference
}

void Hardmax(const LinesPlan& plan, const float* x, float* y) {
  ForBlocks(plan, [&](int64_t start, int64_t count) {
    if (count == 1) {
      float most = x[start];
      int64_t place = 0;
      for (int64_t t = 1; t < plan.extent; ++t) {
        const float now = x[start + t * plan.inner];
        if (now > most) most = now, place = t;
      }
      for (int64_t t = 0; t < plan.extent; ++t) y[start + t * plan.inner] = t == place ? 1 : 0;
      return;
    }
    float top[kLines];
    int64_t best[kLines];
    std::copy_n(x + start, count, top);
    std::fill_n(best, count, 0);
    for (int64_t t = 1; t < plan.extent; ++t) {
      const float* now = x + start + t * plan.inner;
      for (int64_t j = 0; j < count; ++j) {
        best[j] = now[j] > top[j] ? t : best[j];
        top[j] = now[j] > top[j] ? now[j] : top[j];
      }
    }
    for (int64_t t = 0; t < plan.extent; ++t) std::fill_n(y + start + t * plan.inner, count, 0.0f);
    for (int64_t j = 0; j < count; ++j) y[start + best[j] * plan.inner + j] = 1;
  });
}

void OneHot(const LinesPlan& plan, Indices indices, const std::byte* values, int64_t element_bytes,
            std::byte* y) {
  const int64_t size = plan.extent * plan.inner;
  ForWidth(element_bytes, [&]<typename T>(T) {
    const T off = reinterpret_cast<const T*>(values)[0], on = reinterpret_cast<const T*>(values)[1];
    T* to = reinterpret_cast<T*>(y);
    ParallelRanges(plan.outer, kGrainElements / size + 1, [&](int64_t begin, int64_t end) {
      std::fill(to + begin * size, to + end * size, off);
      for (int64_t i = begin * plan.inner; i < end * plan.inner; ++i) {
        const int64_t hot = Counted(IndexAt(indices, i), plan.extent);
        if (hot >= 0) to[i / plan.inner * size + hot * plan.inner + i % plan.inner] = on;
      }
    });
  });
}

BorderPlan PlanBorder(Border border, const std::vector<int64_t>& dims,
                      const std::vector<int64_t>& pads, int64_t element_bytes) {
  size_t changing = dims.size();  // dims up to and with the last one that changes
  BorderPlan plan;
  plan.inner_bytes = element_bytes;
  while (changing > 0 && pads[changing - 1] == 0 && pads[changing - 1 + dims.size()] == 0)
    plan.inner_bytes *= dims[--changing];
  plan.line = {0};
  plan.run_end = 1;
  int64_t stride = plan.inner_bytes;
  for (size_t d = changing; d-- > 0;) {
    const int64_t before = pads[d], size = dims[d] + before + pads[d + dims.size()];
    std::vector<int64_t> from;
    for (int64_t i = 0; i < size; ++i) from.push_back(Beyond(border, i - before, dims[d]) * stride);
    stride *= dims[d];
    if (d + 1 < changing) {
      plan.outer.insert(plan.outer.begin(), std::move(from));
      continue;
    }
    plan.line = std::move(from);
    plan.run_begin = std::clamp<int64_t>(before, 0, size);
    plan.run_end = std::clamp<int64_t>(before + dims[d], plan.run_begin, size);
  }
  return plan;
}

void PadBorder(const BorderPlan& plan, const std::byte* x, std::byte* y) {
  const int64_t size = static_cast<int64_t>(plan.line.size()), bytes = plan.inner_bytes;
  int64_t lines = 1;
  for (const auto& from : plan.outer) lines *= static_cast<int64_t>(from.size());
  ParallelRanges(lines, kGrainBytes / (size * bytes) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const std::byte* src = x;
      int64_t rest = line;
      for (size_t d = plan.outer.size(); d-- > 0;) {
        const auto& from = plan.outer[d];
        src += from[static_cast<size_t>(rest) % from.size()];
        rest /= static_cast<int64_t>(from.size());
      }
      std::byte* dst = y + line * size * bytes;
      const auto copy = [&](int64_t i, int64_t last) {
        for (; i < last; ++i)
          CopyRun(dst + i * bytes, src + plan.line[static_cast<size_t>(i)], bytes);
      };
      copy(0, plan.run_begin);
      if (plan.run_begin < plan.run_end) {
        std::memcpy(dst + plan.run_begin * bytes,
                    src + plan.line[static_cast<size_t>(plan.run_begin)],
                    static_cast<size_t>((plan.run_end - plan.run_begin) * bytes));
      }
      copy(plan.run_end, size);
    }
  });
}

}  // namespace assize::engine
