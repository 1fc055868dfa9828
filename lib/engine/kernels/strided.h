// Moving elements between strided arrays: slices, transposes, pads, concatenation, changes of
// layout. Tests: tests/engine/kernels_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace assize::engine {

// A box of elements and where they lie; strides in elements, they may be 0 (source) or negative.
struct StridedCopyPlan {
  struct Dim {
    int64_t size, src, dst;
  };
  std::vector<Dim> dims;  // outermost first
  int64_t src_offset = 0, dst_offset = 0;
  int64_t element_bytes = 4;
  // The two innermost dims are a matrix that is turned: the first is dense in the source, the last
  // in the destination.
  bool turned = false;
};

// Orders and merges dims so that the innermost run is as long as can be.
StridedCopyPlan PlanStridedCopy(std::span<const int64_t> dims, std::span<const int64_t> src_strides,
                                std::span<const int64_t> dst_strides, int64_t element_bytes,
                                int64_t src_offset = 0, int64_t dst_offset = 0);
void StridedCopy(const StridedCopyPlan& plan, const std::byte* src, std::byte* dst);

// Fills `count` elements with the bytes of one element.
void FillElements(std::byte* dst, int64_t count, const std::byte* element, int64_t element_bytes);

}  // namespace assize::engine
