// Arrays of other sizes: each element of the result a weighted sum of elements of the input, along
// every axis that changes; or a copy of one of them. Sums run in double and are rounded once.
// Tests: tests/engine/resize_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/engine/kernels/byte_grid.h"

namespace assize::engine {

// For each of `out` coordinates the elements it is made of, `count` everywhere: tap k of coordinate
// i stands at [k * out + i].
struct ResizeTaps {
  int64_t count = 0, out = 1;  // count 0: the elements as they are
  std::vector<int32_t> index;
  std::vector<double> weight;
  std::vector<uint8_t> outside;  // by coordinate: not 0 where the result is the fill value
  bool any_outside = false;
};

// An array [outer..., last, run] in the order of memory; `run` stays as it is.
struct ResizePlan {
  struct Dim {
    int64_t out = 1, src_stride = 0;  // in elements of the source
    ResizeTaps taps;                  // count 0: out is in
  };
  std::vector<Dim> outer;
  ResizeTaps last;  // count 0: there is none, last is 1
  int64_t last_in = 1, run = 1;
  int64_t line() const { return last_in * run; }           // elements of the source in a row
  int64_t rows() const;                                    // of the result
  int64_t positions() const { return rows() * last.out; }  // runs of the result
  int64_t combined() const;  // lines of the source that a row is made of
};

// 8 bits in: scale * (q - zero_point), as DequantizeLinear gives it.
struct ResizeBytes {
  bool is_signed = false;
  int32_t zero_point = 0;
  float scale = 1;
  simd::ByteGrid grid;  // 8 bits out
  uint8_t fill = 0;     // on that grid
};

// Doubles that one thread needs.
int64_t ResizeScratch(const ResizePlan& plan);
// `scratch`: ResizeScratch doubles for each of `pieces`, which run side by side.
void ResizeFloats(const ResizePlan& plan, float fill, const float* src, float* dst, double* scratch,
                  int64_t pieces);
void ResizeQuantized(const ResizePlan& plan, const ResizeBytes& bytes, const uint8_t* src,
                     uint8_t* dst, double* scratch, int64_t pieces);
// Of elements of any size, each made of one: `last` has one tap, as every axis of `outer` that
// changes. `fill`: an element.
void ResizeNearest(const ResizePlan& plan, int64_t element_bytes, const std::byte* fill,
                   const std::byte* src, std::byte* dst);

}  // namespace assize::engine
