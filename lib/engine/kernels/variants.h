// One body, compiled for AVX-512, AVX2 with FMA and the baseline, picked at run time.
//
// The body is an always-inlined function over plain types, so that nothing of a library is compiled
// for an instruction set that the machine may lack. AZ_VARIANTS keeps products and sums apart: all
// variants give the same bits. AZ_VARIANTS_FMA lets the compiler fuse them, for inner loops whose
// speed is the product of matrices: the baseline then rounds once more per step than the others.
// Tests: tests/engine/kernels_test.cc, tests/engine/vector_kernels_test.cc.
#pragma once

#include "lib/engine/kernels/simd.h"

#define AZ_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define AZ_EXACT
#define AZ_FUSED
#else
#define AZ_EXACT \
  optimize("O3", "fp-contract=off", "no-math-errno", "no-trapping-math", "no-stack-protector"),
#define AZ_FUSED \
  optimize("O3", "fp-contract=fast", "no-math-errno", "no-trapping-math", "no-stack-protector"),
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define AZ_VARIANTS_WITH(Rules, Name, Parameters, Arguments)                                       \
  __attribute__((                                                                                  \
      Rules target("avx512f,avx512bw,avx512vl,avx512dq,fma"))) static void Name##512 Parameters {  \
    Name##Body Arguments;                                                                          \
  }                                                                                                \
  __attribute__((Rules target("avx2,fma"))) static void Name##256 Parameters {                     \
    Name##Body Arguments;                                                                          \
  }                                                                                                \
  __attribute__((Rules target("sse2"))) static void Name##128 Parameters { Name##Body Arguments; } \
  void Name Parameters {                                                                           \
    const int now = simd::CurrentLevel();                                                          \
    if (now == 2) return Name##512 Arguments;                                                      \
    if (now == 1) return Name##256 Arguments;                                                      \
    Name##128 Arguments;                                                                           \
  }
#else
#define AZ_VARIANTS_WITH(Rules, Name, Parameters, Arguments) \
  void Name Parameters { Name##Body Arguments; }
#endif

// A function that may use dot products of bytes; called where simd::HasVnni().
#define AZ_VNNI __attribute__((AZ_EXACT target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

#define AZ_VARIANTS(Name, Parameters, Arguments) \
  AZ_VARIANTS_WITH(AZ_EXACT, Name, Parameters, Arguments)
#define AZ_VARIANTS_FMA(Name, Parameters, Arguments) \
  AZ_VARIANTS_WITH(AZ_FUSED, Name, Parameters, Arguments)
