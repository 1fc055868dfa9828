// Tests: tests/engine/vector_kernels_test.cc, tests/engine/group_norm_test.cc.
#include "lib/engine/kernels/norm.h"

#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::simd {

struct Moments {
  float mean, inverse;
};

// Two passes over a row that lies in the first-level cache: a difference of large squares would
// lose what a variance small against the mean is made of.
AZ_INLINE Moments MomentsOf(const float* x, int64_t width, float epsilon, bool plain_rms) {
  const int64_t whole = width / 16 * 16, rest = width - whole;
  float mean = 0.0f;
  if (!plain_rms) {
    vec::F16 a = vec::Splat(0.0f), b = a;
    int64_t i = 0;
    for (; i + 32 <= whole; i += 32) a += vec::Load(x + i), b += vec::Load(x + i + 16);
    for (; i < whole; i += 16) a += vec::Load(x + i);
    if (rest > 0) b += vec::LoadPart(x + whole, rest, 0.0f);
    mean = vec::SumLanes(a + b) / static_cast<float>(width);
  }
  vec::F16 a = vec::Splat(0.0f), b = a;
  int64_t i = 0;
  for (; i + 32 <= whole; i += 32) {
    const vec::F16 d = vec::Load(x + i) - mean, e = vec::Load(x + i + 16) - mean;
    a += d * d, b += e * e;
  }
  for (; i < whole; i += 16) {
    const vec::F16 d = vec::Load(x + i) - mean;
    a += d * d;
  }
  if (rest > 0) {
    const vec::F16 d = vec::LoadPart(x + whole, rest, mean) - mean;
    b += d * d;
  }
  const float variance = vec::SumLanes(a + b) / static_cast<float>(width);
  return {mean, 1.0f / __builtin_sqrtf(variance + epsilon)};
}

AZ_INLINE void LayerNormRowsBody(const float* x, const float* gain, const float* shift, float* y,
                                 uint8_t* bytes, const ByteGrid& grid, int64_t rows, int64_t width,
                                 float epsilon, bool plain_rms) {
  const int64_t whole = width / 16 * 16, rest = width - whole;
  for (int64_t row = 0; row < rows; ++row) {
    const Moments m = MomentsOf(x, width, epsilon, plain_rms);
    for (int64_t i = 0; i < whole; i += 16) {
      vec::F16 v = (vec::Load(x + i) - m.mean) * m.inverse;
      if (gain != nullptr) v *= vec::Load(gain + i);
      if (shift != nullptr) v += vec::Load(shift + i);
      if (y != nullptr) vec::Store(y + i, v);
      if (bytes != nullptr) vec::StoreBytes(bytes + i, vec::ToBytes(v, grid));
    }
    if (rest > 0) {
      vec::F16 v = (vec::LoadPart(x + whole, rest, m.mean) - m.mean) * m.inverse;
      if (gain != nullptr) v *= vec::LoadPart(gain + whole, rest, 0.0f);
      if (shift != nullptr) v += vec::LoadPart(shift + whole, rest, 0.0f);
      if (y != nullptr) vec::StorePart(y + whole, v, rest);
      if (bytes != nullptr) vec::StoreBytesPart(bytes + whole, vec::ToBytes(v, grid), rest);
    }
    x += width;
    if (y != nullptr) y += width;
    if (bytes != nullptr) bytes += width;
  }
}
AZ_VARIANTS(LayerNormRows,
            (const float* x, const float* gain, const float* shift, float* y, uint8_t* bytes,
             const ByteGrid& grid, int64_t rows, int64_t width, float epsilon, bool plain_rms),
            (x, gain, shift, y, bytes, grid, rows, width, epsilon, plain_rms))

using vec::D16;

AZ_INLINE double SumDoubles(D16 v) {
  for (int step = 8; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) v[i] += v[i + step];
  }
  return v[0];
}

// The mean and the sum of squared distances from it.
struct WideMoments {
  double mean, squares;
};
AZ_INLINE WideMoments WideMomentsOf(const float* x, int64_t width) {
  const int64_t whole = width / 16 * 16;
  D16 sum{};
  for (int64_t i = 0; i < whole; i += 16) sum += vec::Wide(vec::Load(x + i));
  if (whole < width) sum += vec::Wide(vec::LoadPart(x + whole, width - whole, 0.0f));
  WideMoments m;
  m.mean = SumDoubles(sum) / static_cast<double>(width);
  D16 squares{};
  for (int64_t i = 0; i < whole; i += 16) {
    const D16 d = vec::Wide(vec::Load(x + i)) - m.mean;
    squares += d * d;
  }
  m.squares = SumDoubles(squares);
  for (int64_t i = whole; i < width; ++i) {
    const double d = static_cast<double>(x[i]) - m.mean;
    m.squares += d * d;
  }
  return m;
}

AZ_INLINE double InverseDeviation(double squares, double terms, float epsilon) {
  return 1.0 / __builtin_sqrt(squares / terms + static_cast<double>(epsilon));
}

AZ_INLINE void GroupNormRowsBody(const GroupNorm& norm, const float* x, const float* gain,
                                 const float* shift, float* y, int64_t begin, int64_t end) {
  const int64_t width = norm.channels * norm.positions;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t group = row % norm.groups;
    const WideMoments m = WideMomentsOf(x + row * width, width);
    const double inverse = InverseDeviation(m.squares, static_cast<double>(width), norm.epsilon);
    for (int64_t j = 0; j < norm.channels; ++j) {
      const int64_t affine = norm.affine_of_group ? group : group * norm.channels + j;
      const double k = inverse * static_cast<double>(gain[affine]);
      const double d = static_cast<double>(shift[affine]);
      const int64_t at = row * width + j * norm.positions;
      for (int64_t i = 0; i < norm.positions; i += 16) {
        const int64_t lanes = norm.positions - i;
        const D16 v = vec::Wide(vec::LoadUpTo(x + at + i, lanes, 0.0f));
        vec::StoreUpTo(y + at + i, vec::Narrow((v - m.mean) * k + d), lanes);
      }
    }
  }
}
AZ_VARIANTS(GroupNormRows,
            (const GroupNorm& norm, const float* x, const float* gain, const float* shift, float* y,
             int64_t begin, int64_t end),
            (norm, x, gain, shift, y, begin, end))

int64_t GroupNormPieces(const GroupNorm& norm) {
  // About what the second-level cache holds, and not so few positions that their sums outgrow them.
  const int64_t fits = 16384 / (norm.groups * norm.channels);
  const int64_t each = fits < 16 ? 16 : fits > 256 ? 256 : fits;
  return (norm.positions + each - 1) / each;
}

namespace {

AZ_INLINE void GroupNormSumsOfBody(const GroupNorm& norm, const float* x, const double* mean,
                                   double* sums, int64_t begin, int64_t end, int64_t pieces) {
  const int64_t channels = norm.groups * norm.channels;
  for (int64_t piece = begin; piece < end; ++piece) {
    const int64_t first = norm.positions * piece / pieces;
    const int64_t past = norm.positions * (piece + 1) / pieces;
    for (int64_t c = 0; c < channels; c += 16) {
      const int64_t lanes = channels - c;
      const D16 from = mean == nullptr ? D16{} : vec::LoadDoublesUpTo(mean + c, lanes);
      D16 sum{};
      for (int64_t p = first; p < past; ++p) {
        const D16 v = vec::Wide(vec::LoadUpTo(x + p * channels + c, lanes, 0.0f)) - from;
        sum += mean == nullptr ? v : v * v;
      }
      vec::StoreDoublesUpTo(sums + piece * channels + c, sum, lanes);
    }
  }
}
AZ_VARIANTS(GroupNormSumsOf,
            (const GroupNorm& norm, const float* x, const double* mean, double* sums, int64_t begin,
             int64_t end, int64_t pieces),
            (norm, x, mean, sums, begin, end, pieces))

// Of all channels of a group, over all pieces.
double GroupSum(const GroupNorm& norm, const double* sums, int64_t group) {
  const int64_t channels = norm.groups * norm.channels, pieces = GroupNormPieces(norm);
  double sum = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    for (int64_t j = 0; j < norm.channels; ++j)
      sum += sums[piece * channels + group * norm.channels + j];
  }
  return sum;
}

}  // namespace

void GroupNormSums(const GroupNorm& norm, const float* x, const double* mean, double* sums,
                   int64_t begin, int64_t end) {
  GroupNormSumsOf(norm, x, mean, sums, begin, end, GroupNormPieces(norm));
}

void GroupNormMeans(const GroupNorm& norm, const double* sums, double* mean) {
  const double terms = static_cast<double>(norm.channels * norm.positions);
  for (int64_t group = 0; group < norm.groups; ++group) {
    const double value = GroupSum(norm, sums, group) / terms;
    for (int64_t j = 0; j < norm.channels; ++j) mean[group * norm.channels + j] = value;
  }
}

void GroupNormFactors(const GroupNorm& norm, const double* sums, const float* gain,
                      double* factor) {
  const double terms = static_cast<double>(norm.channels * norm.positions);
  for (int64_t group = 0; group < norm.groups; ++group) {
    const double inverse = InverseDeviation(GroupSum(norm, sums, group), terms, norm.epsilon);
    for (int64_t j = 0; j < norm.channels; ++j) {
      const int64_t c = group * norm.channels + j;
      factor[c] = inverse * static_cast<double>(gain[norm.affine_of_group ? group : c]);
    }
  }
}

AZ_INLINE void GroupNormPositionsBody(const GroupNorm& norm, const float* x, const double* mean,
                                      const double* factor, const float* shift, float* y,
                                      int64_t begin, int64_t end) {
  const int64_t channels = norm.groups * norm.channels;
  for (int64_t c = 0; c < channels; c += 16) {
    const int64_t lanes = channels - c;
    const D16 m = vec::LoadDoublesUpTo(mean + c, lanes),
              k = vec::LoadDoublesUpTo(factor + c, lanes);
    D16 d;
    for (int64_t i = 0; i < 16; ++i) {
      const int64_t at = i < lanes ? c + i : c;
      d[i] = static_cast<double>(shift[norm.affine_of_group ? at / norm.channels : at]);
    }
    for (int64_t p = begin; p < end; ++p) {
      const D16 v = vec::Wide(vec::LoadUpTo(x + p * channels + c, lanes, 0.0f));
      vec::StoreUpTo(y + p * channels + c, vec::Narrow((v - m) * k + d), lanes);
    }
  }
}
AZ_VARIANTS(GroupNormPositions,
            (const GroupNorm& norm, const float* x, const double* mean, const double* factor,
             const float* shift, float* y, int64_t begin, int64_t end),
            (norm, x, mean, factor, shift, y, begin, end))

}  // namespace assize::engine::simd
