// Tests: tests/engine/native_ops_test.cc.
#include "lib/engine/kernels/reduce.h"

#include "lib/engine/kernels/variants.h"

namespace assize::engine {
namespace {

AZ_INLINE double Start(Reduction kind) {
  switch (kind) {
    case Reduction::kMax:
      return -__builtin_inf();
    case Reduction::kMin:
      return __builtin_inf();
    case Reduction::kProd:
      return 1;
    default:
      return 0;
  }
}

// NaN wins: comparisons with it are false, so it is taken by name.
AZ_INLINE double Step(Reduction kind, double sum, double x) {
  switch (kind) {
    case Reduction::kMax:
      return x > sum || x != x ? x : sum;
    case Reduction::kMin:
      return x < sum || x != x ? x : sum;
    case Reduction::kProd:
      return sum * x;
    case Reduction::kSumSquare:
    case Reduction::kL2:
      return sum + x * x;
    case Reduction::kL1:
      return sum + __builtin_fabs(x);
    default:
      return sum + x;
  }
}

AZ_INLINE double Finish(Reduction kind, double sum, int64_t terms) {
  if (kind == Reduction::kMean) return sum / static_cast<double>(terms);
  if (kind == Reduction::kL2) return __builtin_sqrt(sum);
  return sum;
}

// Several sums side by side: a single chain of additions would wait for each.
constexpr int64_t kSums = 32;

// The loops with the kind known outside of them.
template <Reduction kKind>
AZ_INLINE void Run(const float* src, float* dst, int64_t begin, int64_t end, int64_t terms,
                   int64_t inner, double* sums) {
  for (int64_t o = begin; o < end; ++o) {
    const float* x = src + o * terms * inner;
    float* y = dst + o * inner;
    if (inner == 1) {
      double lane[kSums];
      for (double& sum : lane) sum = Start(kKind);
      int64_t i = 0;
      for (; i + kSums <= terms; i += kSums) {
        for (int64_t k = 0; k < kSums; ++k)
          lane[k] = Step(kKind, lane[k], static_cast<double>(x[i + k]));
      }
      for (int64_t k = 0; i < terms; ++i, ++k)
        lane[k] = Step(kKind, lane[k], static_cast<double>(x[i]));
      // The lanes hold sums already: squares and magnitudes were taken.
      constexpr Reduction kJoin =
          kKind == Reduction::kMax || kKind == Reduction::kMin || kKind == Reduction::kProd
              ? kKind
              : Reduction::kSum;
      for (int64_t width = kSums / 2; width > 0; width /= 2) {
        for (int64_t k = 0; k < width; ++k) lane[k] = Step(kJoin, lane[k], lane[k + width]);
      }
      *y = static_cast<float>(Finish(kKind, lane[0], terms));
      continue;
    }
    for (int64_t i = 0; i < inner; ++i) sums[i] = Start(kKind);
    for (int64_t t = 0; t < terms; ++t) {
      for (int64_t i = 0; i < inner; ++i)
        sums[i] = Step(kKind, sums[i], static_cast<double>(x[t * inner + i]));
    }
    for (int64_t i = 0; i < inner; ++i) y[i] = static_cast<float>(Finish(kKind, sums[i], terms));
  }
}

}  // namespace

std::optional<Reduction> ReductionFromName(std::string_view op) {
  if (op == "ReduceSum") return Reduction::kSum;
  if (op == "ReduceMean") return Reduction::kMean;
  if (op == "ReduceMax") return Reduction::kMax;
  if (op == "ReduceMin") return Reduction::kMin;
  if (op == "ReduceProd") return Reduction::kProd;
  if (op == "ReduceSumSquare") return Reduction::kSumSquare;
  if (op == "ReduceL1") return Reduction::kL1;
  if (op == "ReduceL2") return Reduction::kL2;
  return std::nullopt;
}

AZ_INLINE void ReduceBody(Reduction kind, const float* src, float* dst, int64_t begin, int64_t end,
                          int64_t terms, int64_t inner, double* sums) {
  switch (kind) {
    case Reduction::kSum:
      return Run<Reduction::kSum>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kMean:
      return Run<Reduction::kMean>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kMax:
      return Run<Reduction::kMax>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kMin:
      return Run<Reduction::kMin>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kProd:
      return Run<Reduction::kProd>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kSumSquare:
      return Run<Reduction::kSumSquare>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kL1:
      return Run<Reduction::kL1>(src, dst, begin, end, terms, inner, sums);
    case Reduction::kL2:
      return Run<Reduction::kL2>(src, dst, begin, end, terms, inner, sums);
  }
}
AZ_VARIANTS(Reduce,
            (Reduction kind, const float* src, float* dst, int64_t begin, int64_t end,
             int64_t terms, int64_t inner, double* sums),
            (kind, src, dst, begin, end, terms, inner, sums))

}  // namespace assize::engine
