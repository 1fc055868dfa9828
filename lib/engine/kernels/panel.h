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

// One row times 128 columns of a panel.
AZ_INLINE void WideRow(const float* a, const float* b, int64_t b_row, int64_t terms, float* c) {
  F16 s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{};
  for (int64_t t = 0; t < terms; ++t) {
    const float x = a[t];
    const float* line = b + t * b_row;
    s0 += x * Load(line);
    s1 += x * Load(line + 16);
    s2 += x * Load(line + 32);
    s3 += x * Load(line + 48);
    s4 += x * Load(line + 64);
    s5 += x * Load(line + 80);
    s6 += x * Load(line + 96);
    s7 += x * Load(line + 112);
  }
  Store(c, s0);
  Store(c + 16, s1);
  Store(c + 32, s2);
  Store(c + 48, s3);
  Store(c + 64, s4);
  Store(c + 80, s5);
  Store(c + 96, s6);
  Store(c + 112, s7);
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
