// Strided copies. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/strided.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "lib/engine/kernels/vector_math.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

// The elements only move; that they are called floats changes no bit of them.
AZ_INLINE void Turn16Body(const float* src, int64_t src_stride, float* dst, int64_t dst_stride) {
  vec::Turn16(src, src_stride, dst, dst_stride);
}
AZ_VARIANTS(Turn16, (const float* src, int64_t src_stride, float* dst, int64_t dst_stride),
            (src, src_stride, dst, dst_stride))

// Sixteen elements of two vectors alternating, first and second half of the result.
template <typename V>
AZ_INLINE void Zip(const V& a, const V& b, V& low, V& high) {
  low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  high =
      __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// dst[r * kPlanes + p] = src[p * stride + r]: planes woven to pixels, 16 of each at a time.
// Elements only move, so one type of each size stands for all.
template <typename T, int kPlanes>
AZ_INLINE void WeaveBody(const T* src, int64_t stride, T* dst, int64_t count) {
  typedef T V __attribute__((vector_size(16 * sizeof(T))));
  typedef V Loose __attribute__((aligned(1), may_alias));
  int64_t r = 0;
  for (; r + 16 <= count; r += 16) {
    V in[kPlanes], out[kPlanes];
    for (int p = 0; p < kPlanes; ++p) in[p] = *reinterpret_cast<const Loose*>(src + p * stride + r);
    if constexpr (kPlanes == 2) {
      Zip(in[0], in[1], out[0], out[1]);
    } else if constexpr (kPlanes == 3) {
      out[0] =
          __builtin_shufflevector(__builtin_shufflevector(in[0], in[1], 0, 16, 0, 1, 17, 0, 2, 18,
                                                          0, 3, 19, 0, 4, 20, 0, 5),
                                  in[2], 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
      out[1] =
          __builtin_shufflevector(__builtin_shufflevector(in[0], in[1], 21, 0, 6, 22, 0, 7, 23, 0,
                                                          8, 24, 0, 9, 25, 0, 10, 26),
                                  in[2], 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
      out[2] =
          __builtin_shufflevector(__builtin_shufflevector(in[0], in[1], 0, 11, 27, 0, 12, 28, 0, 13,
                                                          29, 0, 14, 30, 0, 15, 31, 0),
                                  in[2], 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
    } else {
      V even[2], odd[2];
      Zip(in[0], in[2], even[0], even[1]);
      Zip(in[1], in[3], odd[0], odd[1]);
      Zip(even[0], odd[0], out[0], out[1]);
      Zip(even[1], odd[1], out[2], out[3]);
    }
    for (int p = 0; p < kPlanes; ++p)
      *reinterpret_cast<Loose*>(dst + r * kPlanes + p * 16) = out[p];
  }
  for (; r < count; ++r) {
    for (int p = 0; p < kPlanes; ++p) dst[r * kPlanes + p] = src[p * stride + r];
  }
}
template <typename T>
AZ_INLINE void WeavePlanes(const T* src, int64_t stride, T* dst, int64_t count, int64_t planes) {
  if (planes == 2) return WeaveBody<T, 2>(src, stride, dst, count);
  if (planes == 3) return WeaveBody<T, 3>(src, stride, dst, count);
  return WeaveBody<T, 4>(src, stride, dst, count);
}
AZ_INLINE void WeaveBytesBody(const uint8_t* src, int64_t stride, uint8_t* dst, int64_t count,
                              int64_t planes) {
  WeavePlanes(src, stride, dst, count, planes);
}
AZ_VARIANTS(WeaveBytes,
            (const uint8_t* src, int64_t stride, uint8_t* dst, int64_t count, int64_t planes),
            (src, stride, dst, count, planes))
AZ_INLINE void WeaveFloatsBody(const float* src, int64_t stride, float* dst, int64_t count,
                               int64_t planes) {
  WeavePlanes(src, stride, dst, count, planes);
}
AZ_VARIANTS(WeaveFloats,
            (const float* src, int64_t stride, float* dst, int64_t count, int64_t planes),
            (src, stride, dst, count, planes))

template <typename T>
void CopyRun(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride,
             int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(dst + i * dst_stride * static_cast<int64_t>(sizeof(T)),
                src + i * src_stride * static_cast<int64_t>(sizeof(T)), sizeof(T));
  }
}

// dst[r * dst_stride + c] = src[c * src_stride + r], in tiles whose lines stay in the first-level
// cache.
template <typename T>
void Turn(const std::byte* from, int64_t src_stride, std::byte* to, int64_t dst_stride,
          int64_t rows, int64_t columns) {
  typedef T Loose __attribute__((aligned(1), may_alias));
  constexpr int64_t kTile = 64 / sizeof(T);
  const Loose* src = reinterpret_cast<const Loose*>(from);
  Loose* dst = reinterpret_cast<Loose*>(to);
  const bool aligned =
      (reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to)) % 4 == 0;
  if (columns >= 2 && columns <= 4 && dst_stride == columns) {
    if constexpr (sizeof(T) == 1) {
      return WeaveBytes(reinterpret_cast<const uint8_t*>(from), src_stride,
                        reinterpret_cast<uint8_t*>(to), rows, columns);
    }
    if constexpr (sizeof(T) == 4) {
      if (aligned) {
        return WeaveFloats(reinterpret_cast<const float*>(from), src_stride,
                           reinterpret_cast<float*>(to), rows, columns);
      }
    }
  }
  if (columns <= 4 || rows <= 4) {  // few planes woven together or taken apart: one pass
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) dst[r * dst_stride + c] = src[c * src_stride + r];
    }
    return;
  }
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = std::min(rows, r0 + kTile);
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t c1 = std::min(columns, c0 + kTile);
      if constexpr (sizeof(T) == 4) {
        if (aligned && r1 - r0 == kTile && c1 - c0 == kTile) {
          Turn16(reinterpret_cast<const float*>(src + c0 * src_stride + r0), src_stride,
                 reinterpret_cast<float*>(dst + r0 * dst_stride + c0), dst_stride);
          continue;
        }
      }
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) dst[r * dst_stride + c] = src[c * src_stride + r];
      }
    }
  }
}

// Bytes that are worth a thread of their own.
constexpr int64_t kCopyGrain = 1 << 16;

void TurnMatrix(const StridedCopyPlan& plan, const std::byte* src, std::byte* dst) {
  const StridedCopyPlan::Dim &rows = plan.dims[plan.dims.size() - 2], &columns = plan.dims.back();
  const auto turn = [&](auto element, int64_t begin, int64_t end) {
    using T = decltype(element);
    Turn<T>(src + begin * plan.element_bytes, columns.src,
            dst + begin * rows.dst * plan.element_bytes, rows.dst, end - begin, columns.size);
  };
  const int64_t grain = std::max<int64_t>(64, (int64_t{1} << 18) / columns.size);
  ParallelRanges(rows.size, grain, [&](int64_t begin, int64_t end) {
    switch (plan.element_bytes) {
      case 1:
        return turn(uint8_t{}, begin, end);
      case 2:
        return turn(uint16_t{}, begin, end);
      case 4:
        return turn(uint32_t{}, begin, end);
      default:
        return turn(uint64_t{}, begin, end);
    }
  });
}

void Run(const StridedCopyPlan& plan, size_t depth, const std::byte* src, std::byte* dst) {
  const int64_t bytes = plan.element_bytes;
  if (plan.turned && depth + 2 == plan.dims.size()) return TurnMatrix(plan, src, dst);
  if (depth == plan.dims.size()) {
    std::memcpy(dst, src, static_cast<size_t>(bytes));
    return;
  }
  const StridedCopyPlan::Dim& dim = plan.dims[depth];
  if (depth + 1 < plan.dims.size()) {
    for (int64_t i = 0; i < dim.size; ++i) {
      Run(plan, depth + 1, src + i * dim.src * bytes, dst + i * dim.dst * bytes);
    }
    return;
  }
  if (dim.src == 1 && dim.dst == 1) {
    std::memcpy(dst, src, static_cast<size_t>(dim.size * bytes));
    return;
  }
  switch (bytes) {
    case 1:
      return CopyRun<uint8_t>(src, dim.src, dst, dim.dst, dim.size);
    case 2:
      return CopyRun<uint16_t>(src, dim.src, dst, dim.dst, dim.size);
    case 4:
      return CopyRun<uint32_t>(src, dim.src, dst, dim.dst, dim.size);
    case 8:
      return CopyRun<uint64_t>(src, dim.src, dst, dim.dst, dim.size);
    default:
      for (int64_t i = 0; i < dim.size; ++i) {
        std::memcpy(dst + i * dim.dst * bytes, src + i * dim.src * bytes,
                    static_cast<size_t>(bytes));
      }
  }
}

}  // namespace

StridedCopyPlan PlanStridedCopy(std::span<const int64_t> dims, std::span<const int64_t> src_strides,
                                std::span<const int64_t> dst_strides, int64_t element_bytes,
                                int64_t src_offset, int64_t dst_offset) {
  StridedCopyPlan plan;
  plan.element_bytes = element_bytes;
  plan.src_offset = src_offset;
  plan.dst_offset = dst_offset;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0) {  // nothing to move
      plan.dims = {{0, 1, 1}};
      return plan;
    }
    if (dims[i] != 1) plan.dims.push_back({dims[i], src_strides[i], dst_strides[i]});
  }
  // Writes in order: the smallest step of the destination innermost; ties by the source's step.
  std::stable_sort(plan.dims.begin(), plan.dims.end(), [](const auto& a, const auto& b) {
    if (std::abs(a.dst) != std::abs(b.dst)) return std::abs(a.dst) > std::abs(b.dst);
    return std::abs(a.src) > std::abs(b.src);
  });
  std::vector<StridedCopyPlan::Dim> merged;
  for (const auto& dim : plan.dims) {
    if (!merged.empty() && merged.back().src == dim.src * dim.size &&
        merged.back().dst == dim.dst * dim.size) {
      merged.back() = {merged.back().size * dim.size, dim.src, dim.dst};
    } else {
      merged.push_back(dim);
    }
  }
  plan.dims = std::move(merged);
  // Where another dim is dense in the source, it goes next to the innermost, to be turned with it.
  if (plan.dims.size() >= 2 && plan.dims.back().dst == 1 && plan.dims.back().src > 1 &&
      (element_bytes == 1 || element_bytes == 2 || element_bytes == 4 || element_bytes == 8)) {
    const auto dense = std::find_if(plan.dims.begin(), plan.dims.end() - 1,
                                    [](const auto& dim) { return dim.src == 1 && dim.dst > 1; });
    if (dense != plan.dims.end() - 1) {
      std::rotate(dense, dense + 1, plan.dims.end() - 1);
      plan.turned = true;
    }
  }
  return plan;
}

void StridedCopy(const StridedCopyPlan& plan, const std::byte* src, std::byte* dst) {
  const int64_t bytes = plan.element_bytes;
  src += plan.src_offset * bytes;
  dst += plan.dst_offset * bytes;
  if (plan.dims.size() < (plan.turned ? 3 : 2)) return Run(plan, 0, src, dst);
  const StridedCopyPlan::Dim& outer = plan.dims[0];
  int64_t inner = bytes;
  for (size_t i = 1; i < plan.dims.size(); ++i) inner *= plan.dims[i].size;
  ParallelRanges(outer.size, kCopyGrain / inner + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      Run(plan, 1, src + i * outer.src * bytes, dst + i * outer.dst * bytes);
  });
}

void FillElements(std::byte* dst, int64_t count, const std::byte* element, int64_t element_bytes) {
  bool same = true;  // all bytes of the element are one value: memset does it
  for (int64_t i = 1; i < element_bytes; ++i) same = same && element[i] == element[0];
  if (same && element_bytes > 0) {
    std::memset(dst, std::to_integer<int>(element[0]), static_cast<size_t>(count * element_bytes));
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(dst + i * element_bytes, element, static_cast<size_t>(element_bytes));
  }
}

}  // namespace assize::engine
