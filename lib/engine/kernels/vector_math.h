// Sixteen floats at a time: loads, stores, and exp, log, erf, tanh without branches.
//
// For the bodies of kernels/variants.h alone. Compilers split the vectors where the instruction set
// is narrower; the operations on each lane stay the same, so every set gives the same bits. The
// polynomials are minimax fits of our own; errors are below 2 ulp of the result for exp and log,
// and below 2e-7 for erf and tanh. Tests: tests/engine/vector_kernels_test.cc.
#pragma once

#include <cstdint>

#include "lib/engine/kernels/byte_grid.h"
#include "lib/engine/kernels/variants.h"

namespace assize::engine::vec {

typedef float F16 __attribute__((vector_size(64)));
typedef int32_t I16 __attribute__((vector_size(64)));
typedef uint8_t B16 __attribute__((vector_size(16)));
typedef uint8_t LooseB16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef float LooseF16 __attribute__((vector_size(64), aligned(4), may_alias));

typedef double D16 __attribute__((vector_size(128)));
typedef double LooseD16 __attribute__((vector_size(128), aligned(8), may_alias));

AZ_INLINE F16 Splat(float x) { return F16{} + x; }
AZ_INLINE F16 Load(const float* p) { return *reinterpret_cast<const LooseF16*>(p); }
AZ_INLINE void Store(float* p, F16 v) { *reinterpret_cast<LooseF16*>(p) = v; }
// The first `count` lanes; the others are `fill`.
AZ_INLINE F16 LoadPart(const float* p, int64_t count, float fill) {
  F16 v = Splat(fill);
  for (int64_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
}
AZ_INLINE void StorePart(float* p, F16 v, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = v[i];
}
// Sixteen lanes, or as many as are left of a row.
AZ_INLINE F16 LoadUpTo(const float* p, int64_t count, float fill) {
  return count >= 16 ? Load(p) : LoadPart(p, count, fill);
}
AZ_INLINE void StoreUpTo(float* p, F16 v, int64_t count) {
  if (count >= 16) {
    Store(p, v);
  } else {
    StorePart(p, v, count);
  }
}
AZ_INLINE D16 Wide(F16 v) { return __builtin_convertvector(v, D16); }
AZ_INLINE F16 Narrow(D16 v) { return __builtin_convertvector(v, F16); }
// Lanes beyond `count` are 0.
AZ_INLINE D16 LoadDoublesUpTo(const double* p, int64_t count) {
  if (count >= 16) return *reinterpret_cast<const LooseD16*>(p);
  D16 v{};
  for (int64_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
}
AZ_INLINE void StoreDoublesUpTo(double* p, D16 v, int64_t count) {
  if (count >= 16) {
    *reinterpret_cast<LooseD16*>(p) = v;
  } else {
    for (int64_t i = 0; i < count; ++i) p[i] = v[i];
  }
}
AZ_INLINE F16 AsFloats(I16 v) { return reinterpret_cast<F16>(v); }
AZ_INLINE I16 AsInts(F16 v) { return reinterpret_cast<I16>(v); }
AZ_INLINE F16 Min(F16 a, F16 b) { return b < a ? b : a; }  // NaN in `a` stays
AZ_INLINE F16 Max(F16 a, F16 b) { return b > a ? b : a; }
AZ_INLINE F16 Abs(F16 v) { return AsFloats(AsInts(v) & 0x7fffffff); }
AZ_INLINE F16 WithSignOf(F16 v, F16 sign) {
  return AsFloats((AsInts(v) & 0x7fffffff) | (AsInts(sign) & static_cast<int32_t>(0x80000000)));
}

// Lanes added pair by pair, always in the same tree.
AZ_INLINE float SumLanes(F16 v) {
  float t[16];
  Store(t, v);
  for (int step = 8; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) t[i] += t[i + step];
  }
  return t[0];
}
AZ_INLINE float MaxLanes(F16 v) {  // NaN anywhere need not show: callers meet it again
  float t[16];
  Store(t, v);
  float top = t[0];
  for (int i = 1; i < 16; ++i) top = t[i] > top ? t[i] : top;
  return top;
}

// A 16 by 16 tile of 4-byte elements turned in registers: four rounds of a perfect shuffle.
AZ_INLINE void Turn16(const float* src, int64_t src_stride, float* dst, int64_t dst_stride) {
  F16 rows[16], next[16];
  for (int i = 0; i < 16; ++i) rows[i] = Load(src + i * src_stride);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                            5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27,
                                                12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; ++i) rows[i] = next[i];
  }
  for (int i = 0; i < 16; ++i) Store(dst + i * dst_stride, rows[i]);
}

// 1.5 * 2^23: added and taken away it rounds to a whole number, ties to even; while it is there the
// number stands in the low bits.
constexpr float kRounder = 12582912.0f;

// x = n ln 2 + r, |r| <= ln 2 / 2: r and e^r - 1 = r + power; n in the low bits of `shifted`.
struct ExpParts {
  F16 shifted, r, power;
};
AZ_INLINE ExpParts SplitExp(F16 x) {
  const F16 magic = Splat(kRounder);
  const F16 shifted = x * 1.44269504f + magic;
  const F16 n = shifted - magic;
  const F16 r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  F16 q = r * 1.395048662e-03f + 8.368889808e-03f;
  q = q * r + 4.166620586e-02f;
  q = q * r + 1.666651883e-01f;
  q = q * r + 5.000000095e-01f;
  return {shifted, r, (r * r) * q};
}

// e^x for x <= 0, as softmax wants it: what lies below the smallest normal number becomes it. NaN
// stays.
AZ_INLINE F16 ExpOfNegative(F16 x) {
  const ExpParts e = SplitExp(Max(x, Splat(-87.0f)));
  // The bits of the magic number leave on the left.
  return AsFloats(AsInts(e.r + e.power + 1.0f) + (AsInts(e.shifted) << 23));
}

// e^x, with overflow to infinity and gradual underflow; NaN stays.
AZ_INLINE F16 Exp(F16 x) {
  const ExpParts e = SplitExp(Max(Min(x, Splat(89.0f)), Splat(-104.0f)));
  // 2^n in two factors, each a number whatever n is.
  const I16 whole = AsInts(e.shifted) - AsInts(Splat(kRounder));
  const I16 half = whole >> 1, rest = whole - half;
  return (e.r + e.power + 1.0f) * AsFloats((half + 127) << 23) * AsFloats((rest + 127) << 23);
}

// e^x - 1 for x <= 0, as accurate near 0 as elsewhere. NaN stays.
AZ_INLINE F16 ExpM1OfNegative(F16 x) {
  const ExpParts e = SplitExp(Max(x, Splat(-30.0f)));  // e^-30 - 1 rounds to -1
  const F16 scale = AsFloats((AsInts(e.shifted) - AsInts(Splat(kRounder)) + 127) << 23);
  return (e.r + e.power) * scale + (scale - 1.0f);
}

// log x; -infinity at 0, NaN below it.
AZ_INLINE F16 Log(F16 x) {
  // x = 2^n (1 + f), sqrt(1/2) <= 1 + f < sqrt 2; what is below the normal numbers is brought up.
  const auto small = x < 1.17549435e-38f;
  const I16 bits = AsInts(Abs(small ? x * 8388608.0f : x));
  const I16 whole = (bits - 0x3f3504f3) >> 23;
  const F16 f = AsFloats(bits - whole * (1 << 23)) - 1.0f;
  const F16 n = __builtin_convertvector(whole, F16) - (small ? Splat(23.0f) : Splat(0.0f));
  F16 q = f * 6.747247279e-02f + -1.167515442e-01f;
  q = q * f + 1.188757569e-01f;
  q = q * f + -1.240563616e-01f;
  q = q * f + 1.421964765e-01f;
  q = q * f + -1.666799635e-01f;
  q = q * f + 2.000211328e-01f;
  q = q * f + -2.500000894e-01f;
  q = q * f + 3.333331347e-01f;
  const F16 s = f * f;
  const F16 y = n * 0.693145752f + (f + (q * f * s + (n * 1.42860677e-6f - s * 0.5f)));
  const F16 positive = x < __builtin_inff() ? y : x;
  return x > 0.0f ? positive : (x == 0.0f ? Splat(-__builtin_inff()) : Splat(__builtin_nanf("")));
}

// log(1 + e^x): of 1 + u, what rounding takes away is given back.
AZ_INLINE F16 Softplus(F16 x) {
  const F16 u = ExpOfNegative(Splat(0.0f) - Abs(x));
  const F16 one = u + 1.0f;
  return Max(x, Splat(0.0f)) + (Log(one) + (u - (one - 1.0f)) / one);
}

// x tanh(log(1 + e^x)) = x (t - 1) / (t + 1) with t = (1 + e^x)^2.
AZ_INLINE F16 Mish(F16 x) {
  const F16 e = Exp(Min(x, Splat(20.0f)));  // beyond, the quotient is 1
  const F16 n = e * (e + 2.0f);
  return x * (n / (n + 2.0f));
}

AZ_INLINE F16 Erf(F16 x) {
  const F16 t = Min(Abs(x), Splat(4.0f));  // erf(4) rounds to 1
  const F16 s = x * x;
  F16 near = s * 7.933098062e-05f + -8.035028564e-04f;
  near = near * s + 5.191291454e-03f;
  near = near * s + -2.685548399e-02f;
  near = near * s + 1.128362988e-01f;
  near = near * s + -3.761263072e-01f;
  near = near * s * x + x * 1.12837917f;
  F16 far = t * 1.879736993e-04f + -2.964025148e-03f;  // log(1 - erf(t)) from t = 1 on
  far = far * t + 2.190654978e-02f;
  far = far * t + -1.032563511e-01f;
  far = far * t + -6.379648335e-01f;
  far = far * t + -1.127202373e+00f;
  far = far * t + -3.124469239e-04f;
  const F16 outer = WithSignOf(1.0f - Exp(far), x);
  return (s < 1.0f) ? near : (s == s) ? outer : x;
}

AZ_INLINE F16 Tanh(F16 x) {
  const F16 t = Min(Abs(x), Splat(10.0f));  // tanh(10) rounds to 1
  const F16 s = x * x;
  F16 near = s * -5.754776100e-03f + 2.068252756e-02f;
  near = near * s + -5.375269393e-02f;
  near = near * s + 1.333159384e-01f;
  near = near * s + -3.333328740e-01f;
  near = near * s * x + x;
  const F16 outer = WithSignOf(1.0f - 2.0f / (Exp(t + t) + 1.0f), x);
  return (s < 0.38f) ? near : (s == s) ? outer : x;
}

AZ_INLINE F16 Sigmoid(F16 x) { return 1.0f / (1.0f + Exp(-x)); }
AZ_INLINE F16 Gelu(F16 x) { return (x * 0.5f) * (1.0f + Erf(x * 0.707106781f)); }
AZ_INLINE F16 GeluTanh(F16 x) {
  return (x * 0.5f) * (1.0f + Tanh((x + x * x * x * 0.044715f) * 0.797884561f));
}

// Rounds to even and adds `zero`; what comes out must fit a byte.
AZ_INLINE B16 Rounded(F16 v, int32_t zero) {
  const F16 magic = Splat(kRounder);
  v = (v + magic) - magic;
  return __builtin_convertvector(__builtin_convertvector(v, I16) + zero, B16);
}
// Rounds to even and saturates, as simd::Quantize does; NaN becomes the lowest value.
AZ_INLINE B16 ToBytes(F16 x, const simd::ByteGrid& grid) {
  F16 v = x / grid.scale;
  const F16 low = Splat(grid.low), high = Splat(grid.high);
  v = v > low ? v : low;
  v = v < high ? v : high;
  return Rounded(v, grid.zero);
}
AZ_INLINE void StoreBytes(uint8_t* p, B16 v) { *reinterpret_cast<LooseB16*>(p) = v; }
AZ_INLINE void StoreBytesPart(uint8_t* p, B16 v, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = v[i];
}
AZ_INLINE void StoreBytesUpTo(uint8_t* p, B16 v, int64_t count) {
  if (count >= 16) {
    StoreBytes(p, v);
  } else {
    StoreBytesPart(p, v, count);
  }
}
// Lanes beyond `count` are 0.
AZ_INLINE B16 LoadBytesUpTo(const uint8_t* p, int64_t count) {
  if (count >= 16) return *reinterpret_cast<const LooseB16*>(p);
  B16 v{};
  for (int64_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
}

}  // namespace assize::engine::vec
