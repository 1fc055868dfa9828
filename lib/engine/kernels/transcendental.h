// exp, erf, tanh and what is made of them, over float arrays; within 2 ulp or 2e-7 of the exact
// value, the same bits on every instruction set. Tests: tests/engine/vector_kernels_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

// `src` may be `dst`.
void ExpFloats(const float* src, float* dst, int64_t count);
void ErfFloats(const float* src, float* dst, int64_t count);
void TanhFloats(const float* src, float* dst, int64_t count);
void SigmoidFloats(const float* src, float* dst, int64_t count);
void SwishFloats(const float* src, float* dst, int64_t count, float alpha);  // x sigmoid(alpha x)
void GeluFloats(const float* src, float* dst, int64_t count);
void GeluTanhFloats(const float* src, float* dst, int64_t count);

// Softmax over each of `rows` rows of `width` floats. A NaN makes its whole row NaN.
void SoftmaxRows(const float* src, float* dst, int64_t rows, int64_t width);

}  // namespace assize::engine::simd
