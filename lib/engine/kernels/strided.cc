// Strided copies. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/strided.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace assize::engine {
namespace {

template <typename T>
void CopyRun(const std::byte* src, int64_t src_stride, std::byte* dst, int64_t dst_stride,
             int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(dst + i * dst_stride * static_cast<int64_t>(sizeof(T)),
                src + i * src_stride * static_cast<int64_t>(sizeof(T)), sizeof(T));
  }
}

void Run(const StridedCopyPlan& plan, size_t depth, const std::byte* src, std::byte* dst) {
  const int64_t bytes = plan.element_bytes;
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
  return plan;
}

void StridedCopy(const StridedCopyPlan& plan, const std::byte* src, std::byte* dst) {
  Run(plan, 0, src + plan.src_offset * plan.element_bytes,
      dst + plan.dst_offset * plan.element_bytes);
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
