// Local response normalization, channels innermost. Tests: tests/engine/native_ops_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

// y = x / (bias + alpha / size * sum of the squares of `size` channels around)^beta over `rows` of
// `channels`. `scratch` holds 2 * (channels + size + 32) floats.
void LrnRows(const float* x, float* y, int64_t rows, int64_t channels, int64_t size, float alpha,
             float beta, float bias, float* scratch);

}  // namespace assize::engine::simd
