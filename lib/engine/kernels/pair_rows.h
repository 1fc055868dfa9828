// One row of an elementwise operation on two arrays. A step is 1, or 0 where one number stands for
// the whole row; not both are 0. The bits are the same on every instruction set.
// Tests: tests/engine/kernels_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

inline bool AreRowSteps(int64_t a, int64_t b) {
  return (a == 0 || a == 1) && (b == 0 || b == 1) && a + b > 0;
}

using FloatRow = void(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
                      int64_t count);
FloatRow AddRow, SubRow, MulRow, DivRow, PReluRow;
FloatRow MinRow, MaxRow;  // NaN where either is
FloatRow PowRow;          // a small whole exponent for all costs a few products

using FloatTestRow = void(const float* a, int64_t a_step, const float* b, int64_t b_step,
                          uint8_t* y, int64_t count);
FloatTestRow EqualRow, LessRow, LessOrEqualRow, GreaterRow, GreaterOrEqualRow;

// condition ? a : b, 4-byte elements; any of the steps may be 0.
void ChooseRow(const uint8_t* condition, int64_t condition_step, const uint32_t* a, int64_t a_step,
               const uint32_t* b, int64_t b_step, uint32_t* y, int64_t count);

}  // namespace assize::engine::simd
