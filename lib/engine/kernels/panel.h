// Small matrix products from registers, for the bodies of kernels/variants.h: each element is
// summed over its terms in index order, whatever the tile. Tests:
// tests/engine/vector_kernels_test.cc.
#pragma once

#include <cstdint>

#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::vec {

// Products of `Rows` rows of a (a_row apart, dense) with a panel b [terms, b_row], 16 * Vectors
// columns of it, into c (c_row apart).
template <int Rows, int Vectors>
AZ_INLINE void Panel(const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t terms,
                     float* c, int64_t c_row) {
  // Named, not indexed: arrays of vectors would live in memory.
  F16 s00{}, s01{}, s10{}, s11{}, s20{}, s21{}, s30{}, s31{}, s40{}, s41{}, s50{}, s51{}, s60{},
      s61{}, s70{}, s71{};
  for (int64_t t = 0; t < terms; ++t) {
    const F16 b0 = Load(b + t * b_row);
    F16 b1{};
    if (Vectors > 1) b1 = Load(b + t * b_row + 16);
#define AZ_STEP(R)                      \
  if (Rows > R) {                       \
    const float x = a[R * a_row + t];   \
    s##R##0 += x * b0;                  \
    if (Vectors > 1) s##R##1 += x * b1; \
  }
    AZ_STEP(0) AZ_STEP(1) AZ_STEP(2) AZ_STEP(3) AZ_STEP(4) AZ_STEP(5) AZ_STEP(6) AZ_STEP(7)
#undef AZ_STEP
  }
#define AZ_KEEP(R)                                       \
  if (Rows > R) {                                        \
    Store(c + R * c_row, s##R##0);                       \
    if (Vectors > 1) Store(c + R * c_row + 16, s##R##1); \
  }
  AZ_KEEP(0) AZ_KEEP(1) AZ_KEEP(2) AZ_KEEP(3) AZ_KEEP(4) AZ_KEEP(5) AZ_KEEP(6) AZ_KEEP(7)
#undef AZ_KEEP
}

// c [rows, columns] = a [rows, terms] b [terms, columns]; columns a multiple of 16.
template <int Rows, int Vectors>
AZ_INLINE void Block(const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t terms,
                     float* c, int64_t c_row, int64_t rows, int64_t columns) {
  int64_t j = 0;
  for (; j + 16 * Vectors <= columns; j += 16 * Vectors) {
    int64_t r = 0;
    for (; r + Rows <= rows; r += Rows)
      Panel<Rows, Vectors>(a + r * a_row, a_row, b + j, b_row, terms, c + r * c_row + j, c_row);
    for (; r < rows; ++r)
      Panel<1, Vectors>(a + r * a_row, a_row, b + j, b_row, terms, c + r * c_row + j, c_row);
  }
  for (; j < columns; j += 16) {
    int64_t r = 0;
    for (; r + Rows <= rows; r += Rows)
      Panel<Rows, 1>(a + r * a_row, a_row, b + j, b_row, terms, c + r * c_row + j, c_row);
    for (; r < rows; ++r)
      Panel<1, 1>(a + r * a_row, a_row, b + j, b_row, terms, c + r * c_row + j, c_row);
  }
}

}  // namespace assize::engine::vec
