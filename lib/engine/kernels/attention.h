// softmax(q k^T * scale + mask) v for one head, in cache: scores never reach memory.
//
// Sums run over the depth, and over the keys, in index order for each element, so a result depends
// neither on tiles nor on threads. Tests: tests/engine/vector_kernels_test.cc.
#pragma once

#include <cstdint>

#include "lib/engine/kernels/byte_grid.h"

namespace assize::engine::simd {

// Of one head; steps in elements.
struct AttentionShape {
  int64_t queries = 0, keys = 0, depth = 0, value_depth = 0;
  int64_t q_row = 0, q_depth = 1;  // from one query to the next, and along its depth
  int64_t k_row = 0, k_depth = 1;
  int64_t v_row = 0, v_depth = 1;
  int64_t y_row = 0, y_depth = 1;
  int64_t mask_row = 0, mask_key = 0;  // 0 where the mask repeats
  float scale = 1;
  bool masked_row_is_zero = false;  // a query that sees no key gives 0, not NaN
  bool quantized = false;           // results are bytes on `grid`
  ByteGrid grid;
};

// Floats of scratch that a call needs.
int64_t AttentionScratch(const AttentionShape& shape);
// `mask` may be null. `y` holds floats, or bytes when the shape says quantized.
void AttentionHead(const AttentionShape& shape, const float* q, const float* k, const float* v,
                   const float* mask, void* y, float* scratch);

}  // namespace assize::engine::simd
