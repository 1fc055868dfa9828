// Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/pair_rows.h"

#include <cmath>

#include "lib/engine/kernels/variants.h"

namespace assize::engine::simd {

// `Expression` of p and q, for the three ways of two steps.
#define AZ_PAIR(Name, Result, Expression)                                                         \
  AZ_INLINE void Name##Body(const float* a, int64_t a_step, const float* b, int64_t b_step,       \
                            Result* y, int64_t count) {                                           \
    if (a_step != 0 && b_step != 0) {                                                             \
      for (int64_t i = 0; i < count; ++i) {                                                       \
        const float p = a[i], q = b[i];                                                           \
        y[i] = Expression;                                                                        \
      }                                                                                           \
    } else if (a_step != 0) {                                                                     \
      const float q = *b;                                                                         \
      for (int64_t i = 0; i < count; ++i) {                                                       \
        const float p = a[i];                                                                     \
        y[i] = Expression;                                                                        \
      }                                                                                           \
    } else {                                                                                      \
      const float p = *a;                                                                         \
      for (int64_t i = 0; i < count; ++i) {                                                       \
        const float q = b[i];                                                                     \
        y[i] = Expression;                                                                        \
      }                                                                                           \
    }                                                                                             \
  }                                                                                               \
  AZ_VARIANTS(                                                                                    \
      Name,                                                                                       \
      (const float* a, int64_t a_step, const float* b, int64_t b_step, Result* y, int64_t count), \
      (a, a_step, b, b_step, y, count))

AZ_INLINE float PReluOf(float x, float slope) {
  const float below = x * slope;
  return x < 0.0f ? below : x;
}

AZ_PAIR(AddRow, float, p + q)
AZ_PAIR(SubRow, float, p - q)
AZ_PAIR(MulRow, float, p* q)
AZ_PAIR(DivRow, float, p / q)
AZ_PAIR(PReluRow, float, PReluOf(p, q))
AZ_PAIR(MinRow, float, p != p || p < q ? p : q)
AZ_PAIR(MaxRow, float, p != p || p > q ? p : q)
AZ_PAIR(EqualRow, uint8_t, p == q)
AZ_PAIR(LessRow, uint8_t, p < q)
AZ_PAIR(LessOrEqualRow, uint8_t, p <= q)
AZ_PAIR(GreaterRow, uint8_t, p > q)
AZ_PAIR(GreaterOrEqualRow, uint8_t, p >= q)

AZ_INLINE void CubeBody(const float* src, float* dst, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const double x = src[i];
    dst[i] = static_cast<float>(x * x * x);
  }
}
AZ_VARIANTS(Cube, (const float* src, float* dst, int64_t count), (src, dst, count))

void PowRow(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
            int64_t count) {
  if (b_step == 0) {
    if (*b == 2.0f) return MulRow(a, 1, a, 1, y, count);
    if (*b == 3.0f) return Cube(a, y, count);
  }
  for (int64_t i = 0; i < count; ++i) {
    y[i] = static_cast<float>(
        std::pow(static_cast<double>(a[i * a_step]), static_cast<double>(b[i * b_step])));
  }
}

AZ_INLINE void ChooseRowBody(const uint8_t* condition, int64_t condition_step, const uint32_t* a,
                             int64_t a_step, const uint32_t* b, int64_t b_step, uint32_t* y,
                             int64_t count) {
  // Both are read before one is taken: no branch to guess.
  if (condition_step == 1 && a_step == 1 && b_step == 1) {
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t p = a[i], q = b[i];
      y[i] = condition[i] != 0 ? p : q;
    }
  } else if (condition_step == 1 && a_step == 1 && b_step == 0) {
    const uint32_t q = *b;
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t p = a[i];
      y[i] = condition[i] != 0 ? p : q;
    }
  } else if (condition_step == 1 && a_step == 0 && b_step == 1) {
    const uint32_t p = *a;
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t q = b[i];
      y[i] = condition[i] != 0 ? p : q;
    }
  } else {
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t p = a[i * a_step], q = b[i * b_step];
      y[i] = condition[i * condition_step] != 0 ? p : q;
    }
  }
}
AZ_VARIANTS(ChooseRow,
            (const uint8_t* condition, int64_t condition_step, const uint32_t* a, int64_t a_step,
             const uint32_t* b, int64_t b_step, uint32_t* y, int64_t count),
            (condition, condition_step, a, a_step, b, b_step, y, count))

}  // namespace assize::engine::simd
