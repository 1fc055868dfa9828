// Normalization of rows, with what stands around it in transformers: a residual in front, 8 bits
// behind; and of groups of channels. Sums run in 16 lanes in a fixed order. Tests:
// tests/engine/vector_kernels_test.cc, tests/engine/group_norm_test.cc.
#pragma once

#include <cstdint>

#include "lib/engine/kernels/byte_grid.h"

namespace assize::engine::simd {

// y = (x - mean) / sqrt(var + epsilon) * gain + shift over each row of `width`; gain and shift
// [width], or null for 1 and 0. `x` may be `y`. With `plain_rms` the mean is not taken away. `y`
// or `bytes` may be null: the result is wanted as floats, on `grid`, or both.
void LayerNormRows(const float* x, const float* gain, const float* shift, float* y, uint8_t* bytes,
                   const ByteGrid& grid, int64_t rows, int64_t width, float epsilon,
                   bool plain_rms);

// Normalization of groups of channels over all their positions: in double, rounded once. y =
// (x - mean) / sqrt(var + epsilon) * gain + shift, of a channel or of its group; one channel a
// group is InstanceNormalization.
struct GroupNorm {
  int64_t groups = 1, channels = 1;  // channels of a group
  int64_t positions = 1;
  bool affine_of_group = false;  // gain and shift [groups], else [groups * channels]
  float epsilon = 1e-5f;
};
// Plain arrays [samples, groups, channels, positions]: rows [begin, end) of the first two dims.
void GroupNormRows(const GroupNorm& norm, const float* x, const float* gain, const float* shift,
                   float* y, int64_t begin, int64_t end);
// Channels-last arrays [positions, groups * channels] in four steps. Positions are summed in pieces
// whose number hangs on the shape alone.
int64_t GroupNormPieces(const GroupNorm& norm);
// sums [pieces, groups * channels] of x, or of its squared distances from `mean` where that is
// given; of the pieces [begin, end).
void GroupNormSums(const GroupNorm& norm, const float* x, const double* mean, double* sums,
                   int64_t begin, int64_t end);
// From these sums the mean, then the factor of each channel.
void GroupNormMeans(const GroupNorm& norm, const double* sums, double* mean);
void GroupNormFactors(const GroupNorm& norm, const double* sums, const float* gain, double* factor);
// Positions [begin, end).
void GroupNormPositions(const GroupNorm& norm, const float* x, const double* mean,
                        const double* factor, const float* shift, float* y, int64_t begin,
                        int64_t end);

}  // namespace assize::engine::simd
