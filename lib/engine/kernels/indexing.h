// Elements by their place: gathered and scattered by arrays of indices, kept on a triangle,
// repeated beyond a border, summed up or compared along an axis. Arrays lie plain. Large ones are
// divided between threads; the division does not show in the result. Tests:
// tests/engine/indexing_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::engine {

// Indices of 64 bits, or of 32. Negative ones count from the end; those beyond either end are
// refused (OutOfRange), and nothing is read or written for them.
struct Indices {
  const std::byte* data = nullptr;
  bool wide = true;
};

// One index for each element of an array `dims`: where it lies along one axis of x, its other
// coordinates being the element's own.
struct ElementIndexPlan {
  std::vector<int64_t> dims;     // of the indices, at least one
  std::vector<int64_t> strides;  // of x, in elements; 0 along the axis
  int64_t extent = 1, step = 1;  // of x along the axis
  int64_t element_bytes = 4;     // 1, 2, 4, 8 or 16
};
Status GatherElements(const ElementIndexPlan& plan, const std::byte* x, Indices indices,
                      std::byte* y);
// Into y, in the order of the indices along the axis: of two for one place the later one stays.
Status ScatterElements(const ElementIndexPlan& plan, const std::byte* updates, Indices indices,
                       std::byte* y);

// Each row of indices [rows, extents.size()] names one run of bytes in an array of `extents` runs.
// Row i reads from array i / rows_per_array of those that lie one after another.
struct RunIndexPlan {
  int64_t rows = 1, rows_per_array = 1;
  std::vector<int64_t> extents;
  int64_t run_bytes = 4;
};
Status GatherRuns(const RunIndexPlan& plan, const std::byte* x, Indices indices, std::byte* y);
// y is x (it may be the same memory) with the runs of `updates` in it, later rows over earlier
// ones. `places`: scratch for one number a row.
Status ScatterRuns(const RunIndexPlan& plan, const std::byte* x, const std::byte* updates,
                   Indices indices, int64_t* places, std::byte* y);

// Of matrices [rows, columns] one after another: what lies on and above (upper), or on and below
// the diagonal k; the rest is 0. y may be x.
struct TrianglePlan {
  int64_t matrices = 1, rows = 1, columns = 1, k = 0;
  bool upper = true;
  int64_t element_bytes = 4;
};
void KeepTriangle(const TrianglePlan& plan, const std::byte* x, std::byte* y);

// Arrays [outer, extent, inner], worked along the middle.
struct LinesPlan {
  int64_t outer = 1, extent = 1, inner = 1;
};

// Floats and integers of 32 and 64 bits.
bool CanSumUp(ir::DType dtype);
// Running sums: of floats in double, rounded once each; of integers modulo their size. Exclusive
// ones leave their own element out. y may be x.
void SumUp(const LinesPlan& plan, ir::DType dtype, bool exclusive, bool reverse, const std::byte* x,
           std::byte* y);

// 1 at the first of the largest elements of each line, else 0. y may be x.
void Hardmax(const LinesPlan& plan, const float* x, float* y);

// Of indices [outer, inner] an array of values[0], but values[1] where the middle is at the index.
// One out of range names no place.
void OneHot(const LinesPlan& plan, Indices indices, const std::byte* values, int64_t element_bytes,
            std::byte* y);

// Dims in the order of memory; all numbers in bytes of the source.
struct BorderPlan {
  // Where the coordinates of the result lie, for each dim before the last one that changes.
  std::vector<std::vector<int64_t>> outer;
  std::vector<int64_t> line;           // for the last dim that changes
  int64_t run_begin = 0, run_end = 0;  // coordinates of `line` that lie together in the source
  int64_t inner_bytes = 4;             // of what is moved for each
};
enum class Border { kReflect, kEdge, kWrap };
// `pads`: begins of all dims, then their ends; negative ones cut off.
BorderPlan PlanBorder(Border border, const std::vector<int64_t>& dims,
                      const std::vector<int64_t>& pads, int64_t element_bytes);
void PadBorder(const BorderPlan& plan, const std::byte* x, std::byte* y);

}  // namespace assize::engine
