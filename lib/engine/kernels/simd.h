// Loops over plain arrays, each compiled for AVX-512, AVX2 and the baseline, picked at run time.
//
// All variants do the same IEEE operations in the same order for each element, so they give the
// same bits; contraction to fused multiply-adds is off in each. Bodies are plain loops: no
// templates of libraries are compiled for an instruction set that the machine may lack. Tests:
// tests/engine/kernels_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

void DequantizeU8(const uint8_t* src, float* dst, int64_t count, float scale, int32_t zero);
void DequantizeS8(const int8_t* src, float* dst, int64_t count, float scale, int32_t zero);
// Clamps x / scale to [low, high], rounds to even, adds zero; the low byte is what is stored.
void Quantize(const float* src, uint8_t* dst, int64_t count, float scale, float low, float high,
              int32_t zero);

void AddFloats(const float* a, const float* b, float* y, int64_t count);
void SubFloats(const float* a, const float* b, float* y, int64_t count);
void MulFloats(const float* a, const float* b, float* y, int64_t count);
void DivFloats(const float* a, const float* b, float* y, int64_t count);
void ReluFloats(const float* src, float* dst, int64_t count);
void ClipFloats(const float* src, float* dst, int64_t count, float low, float high);
// Elementwise, each result rounded once.
void LeakyReluFloats(const float* src, float* dst, int64_t count, float slope);
void SoftsignFloats(const float* src, float* dst, int64_t count);
void ThresholdFloats(const float* src, float* dst, int64_t count, float alpha);
void ShrinkFloats(const float* src, float* dst, int64_t count, float bias, float lambd);
void SignFloats(const float* src, float* dst, int64_t count);
void SqrtFloats(const float* src, float* dst, int64_t count);
void AbsFloats(const float* src, float* dst, int64_t count);
void NegFloats(const float* src, float* dst, int64_t count);
void ReciprocalFloats(const float* src, float* dst, int64_t count);
void FloorFloats(const float* src, float* dst, int64_t count);
void CeilFloats(const float* src, float* dst, int64_t count);
void RoundFloats(const float* src, float* dst, int64_t count);  // ties to even
void ScaleShift(const float* src, const float* k, const float* d, float* dst,
                int64_t count);  // src * k + d
void ScaleShiftInts(const int32_t* src, const float* k, const float* d, float* dst, int64_t count);

void MultiplyAccumulate(int32_t value, const int16_t* weights, int32_t* sums, int64_t count);

// The widest set this process uses: "avx512", "avx2" or "baseline".
const char* Level();
// The same as a number: 2, 1 or 0.
int CurrentLevel();
// At level 2, with dot products of bytes.
bool HasVnni();
// For tests: at most this level (0 baseline, 1 AVX2, 2 AVX-512) from now on.
void LimitLevel(int level);

}  // namespace assize::engine::simd
