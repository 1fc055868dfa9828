// Tests: tests/engine/vector_kernels_test.cc.
#include "lib/engine/kernels/attention.h"

#include "lib/engine/kernels/panel.h"
#include "lib/engine/kernels/vector_math.h"

namespace assize::engine::simd {

namespace {

constexpr int64_t kBlock = 8;  // queries whose scores are held at a time

int64_t Padded(int64_t n) { return (n + 15) / 16 * 16; }

}  // namespace

// Scores of one query, scaled already, to unnormalized weights; returns 1 / their sum. Lanes from
// `keys` on become 0. With `zero_if_none`, where all scores are -infinity, all weights and what is
// returned are 0.
AZ_INLINE float Weights(float* scores, int64_t keys, const float* mask, int64_t mask_key,
                        bool zero_if_none) {
  const float lowest = -__builtin_inff();
  const int64_t whole = keys / 16 * 16, rest = keys - whole;
  vec::F16 tops = vec::Splat(lowest);
  if (mask == nullptr) {
    for (int64_t i = 0; i < whole; i += 16) tops = vec::Max(tops, vec::Load(scores + i));
  } else {
    for (int64_t i = 0; i < whole; i += 16) {
      vec::F16 s = vec::Load(scores + i);
      if (mask_key == 1) {
        s += vec::Load(mask + i);
      } else {
        for (int lane = 0; lane < 16; ++lane) s[lane] += mask[(i + lane) * mask_key];
      }
      vec::Store(scores + i, s);
      tops = vec::Max(tops, s);
    }
  }
  for (int64_t i = whole; i < keys; ++i) {
    if (mask != nullptr) scores[i] += mask[i * mask_key];
    tops[0] = scores[i] > tops[0] ? scores[i] : tops[0];
  }
  const float top = vec::MaxLanes(tops);
  if (zero_if_none && top == lowest) {
    for (int64_t i = 0; i < Padded(keys); i += 16) vec::Store(scores + i, vec::Splat(0.0f));
    return 0.0f;
  }
  vec::F16 sums = vec::Splat(0.0f);
  for (int64_t i = 0; i < whole; i += 16) {
    const vec::F16 e = vec::ExpOfNegative(vec::Load(scores + i) - top);
    sums += e;
    vec::Store(scores + i, e);
  }
  if (rest > 0) {
    vec::F16 e = vec::ExpOfNegative(vec::LoadPart(scores + whole, rest, top) - top);
    for (int64_t i = rest; i < 16; ++i) e[i] = 0.0f;
    sums += e;
    vec::Store(scores + whole, e);
  }
  return 1.0f / vec::SumLanes(sums);
}

template <int Rows, int Vectors>
AZ_INLINE void AttentionBody(const AttentionShape& s, const float* q, const float* k,
                             const float* v, const float* mask, void* y, float* scratch) {
  const int64_t keys = (s.keys + 15) / 16 * 16, values = (s.value_depth + 15) / 16 * 16;
  float* keys_turned = scratch;                 // [depth, keys]
  float* dense = keys_turned + s.depth * keys;  // [keys, values]
  float* queries = dense + s.keys * values;     // [kBlock, depth]
  float* scores = queries + kBlock * s.depth;   // [kBlock, keys]
  float* sums = scores + kBlock * keys;         // [kBlock, values]
  // Sixteen keys at a time, so that both sides stay in cache; the scale goes in with them.
  for (int64_t j = 0; j < keys; j += 16) {
    const int64_t some = s.keys - j < 16 ? s.keys - j : 16;
    int64_t d = 0;
    if (some == 16 && s.k_depth == 1) {
      for (; d + 16 <= s.depth; d += 16) {
        float* to = keys_turned + d * keys + j;
        vec::Turn16(k + j * s.k_row + d, s.k_row, to, keys);
        for (int64_t i = 0; i < 16; ++i)
          vec::Store(to + i * keys, vec::Load(to + i * keys) * s.scale);
      }
    }
    for (; d < s.depth; ++d) {
      float* to = keys_turned + d * keys + j;
      const float* from = k + j * s.k_row + d * s.k_depth;
      for (int64_t i = 0; i < some; ++i) to[i] = from[i * s.k_row] * s.scale;
      for (int64_t i = some; i < 16; ++i) to[i] = 0.0f;
    }
  }
  for (int64_t j = 0; j < s.keys; ++j) {
    const float* from = v + j * s.v_row;
    float* to = dense + j * values;
    int64_t d = 0;
    if (s.v_depth == 1) {
      for (; d + 16 <= s.value_depth; d += 16) vec::Store(to + d, vec::Load(from + d));
    }
    for (; d < s.value_depth; ++d) to[d] = from[d * s.v_depth];
    for (; d < values; ++d) to[d] = 0.0f;
  }
  for (int64_t row = 0; row < s.queries; row += kBlock) {
    const int64_t rows = s.queries - row < kBlock ? s.queries - row : kBlock;
    const float* left = q + row * s.q_row;
    int64_t left_row = s.q_row;
    if (s.q_depth != 1) {
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t d = 0; d < s.depth; ++d)
          queries[r * s.depth + d] = left[r * s.q_row + d * s.q_depth];
      }
      left = queries, left_row = s.depth;
    }
    vec::Block<Rows, Vectors>(left, left_row, keys_turned, keys, s.depth, scores, keys, rows, keys);
    float inverse[kBlock];
    for (int64_t r = 0; r < rows; ++r) {
      inverse[r] = Weights(scores + r * keys, s.keys,
                           mask == nullptr ? nullptr : mask + (row + r) * s.mask_row, s.mask_key,
                           s.masked_row_is_zero);
    }
    vec::Block<Rows, Vectors>(scores, keys, dense, values, s.keys, sums, values, rows, values);
    for (int64_t r = 0; r < rows; ++r) {
      const float* from = sums + r * values;
      const int64_t at = (row + r) * s.y_row;
      for (int64_t d = 0; d < values; d += 16) {
        const int64_t some = s.value_depth - d < 16 ? s.value_depth - d : 16;
        const vec::F16 result = vec::Load(from + d) * inverse[r];
        if (s.quantized) {
          const vec::B16 bytes = vec::ToBytes(result, s.grid);
          uint8_t* to = static_cast<uint8_t*>(y) + at + d * s.y_depth;
          if (some == 16 && s.y_depth == 1) {
            vec::StoreBytes(to, bytes);
          } else {
            for (int64_t i = 0; i < some; ++i) to[i * s.y_depth] = bytes[i];
          }
        } else {
          float* to = static_cast<float*>(y) + at + d * s.y_depth;
          if (some == 16 && s.y_depth == 1) {
            vec::Store(to, result);
          } else {
            for (int64_t i = 0; i < some; ++i) to[i * s.y_depth] = result[i];
          }
        }
      }
    }
  }
}

int64_t AttentionScratch(const AttentionShape& s) {
  const int64_t keys = Padded(s.keys), values = Padded(s.value_depth);
  return s.depth * keys + s.keys * values + kBlock * (s.depth + keys + values);
}

#define AZ_HEAD_PARAMETERS                                                                     \
  (const AttentionShape& s, const float* q, const float* k, const float* v, const float* mask, \
   void* y, float* scratch)

#if defined(__x86_64__) && defined(__GNUC__)
// Tiles as the registers of each set hold them: 32 of 16 floats, 16 of 8, 16 of 4.
__attribute__((AZ_FUSED target(
    "avx512f,avx512bw,avx512vl,avx512dq,fma"))) static void AttentionHead512 AZ_HEAD_PARAMETERS {
  AttentionBody<8, 2>(s, q, k, v, mask, y, scratch);
}
__attribute__((AZ_FUSED target("avx2,fma"))) static void AttentionHead256 AZ_HEAD_PARAMETERS {
  AttentionBody<4, 1>(s, q, k, v, mask, y, scratch);
}
#endif
__attribute__((AZ_FUSED used)) static void AttentionHead128 AZ_HEAD_PARAMETERS {
  AttentionBody<2, 1>(s, q, k, v, mask, y, scratch);
}

void AttentionHead AZ_HEAD_PARAMETERS {
#if defined(__x86_64__) && defined(__GNUC__)
  const int now = CurrentLevel();
  if (now == 2) return AttentionHead512(s, q, k, v, mask, y, scratch);
  if (now == 1) return AttentionHead256(s, q, k, v, mask, y, scratch);
#endif
  AttentionHead128(s, q, k, v, mask, y, scratch);
}

}  // namespace assize::engine::simd
