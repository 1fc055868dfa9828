// exp, log, erf, tanh and what is like them, over float arrays; within 2 ulp or 2e-7 of the
// exact value, the same bits on every instruction set. Tests: tests/engine/vector_kernels_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

// `src` may be `dst`.
void ExpFloats(const float* src, float* dst, int64_t count);
void ErfFloats(const float* src, float* dst, int64_t count);
void TanhFloats(const float* src, float* dst, int64_t count);
void SigmoidFloats(const float* src, float* dst, int64_t count);
void LogFloats(const float* src, float* dst, int64_t count);
void SoftplusFloats(const float* src, float* dst, int64_t count);
void MishFloats(const float* src, float* dst, int64_t count);
// gain x where x >= 0, else gain alpha (e^(x / width) - 1): Elu, Selu, Celu.
void EluFloats(const float* src, float* dst, int64_t count, float alpha, float width, float gain);
// alpha x + beta between 0 and 1; x times that with 1/6 and 1/2.
void HardSigmoidFloats(const float* src, float* dst, int64_t count, float alpha, float beta);
void HardSwishFloats(const float* src, float* dst, int64_t count);
void SwishFloats(const float* src, float* dst, int64_t count, float alpha);  // x sigmoid(alpha x)
void GeluFloats(const float* src, float* dst, int64_t count);
void GeluTanhFloats(const float* src, float* dst, int64_t count);

// Softmax over each of `rows` rows of `width` floats, or its logarithm. A NaN makes its whole row
// NaN.
void SoftmaxRows(const float* src, float* dst, int64_t rows, int64_t width);
void LogSoftmaxRows(const float* src, float* dst, int64_t rows, int64_t width);

}  // namespace assize::engine::simd
