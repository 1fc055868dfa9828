// Tolerances of the proof obligations: how far a pass may move the outputs of a model.
//
// A bound is relative to the largest magnitude of the output that is compared, in units of the
// output's type: |before - after| <= relative * max|before|. Zero means the same bits. Tests:
// tests/pass/numeric_check_test.cc.
#pragma once

#include <string_view>

#include "lib/ir/dtype.h"

namespace assize::verify {

struct Tolerance {
  std::string_view name;
  double f32 = 0;  // relative bounds by element type of the output
  double f64 = 0;
  double f16 = 0;
  double bf16 = 0;
  friend bool operator==(const Tolerance&, const Tolerance&) = default;
};

// Same bits (two NaNs count as the same).
inline constexpr Tolerance kExact{"exact"};

// A per-channel scale and shift moved into weights: one more rounding a weight, and the network
// amplifies it layer by layer. 1e-4 of the largest magnitude is what peers accept between two
// engines; a depth of 56 convolutions with random inputs stays below 2e-5.
inline constexpr Tolerance kAffineFold{"affine-fold", 1e-4, 1e-11, 2e-2, 1e-1};

// The same sums in another order or with one rounding less (MatMul and Add as one Gemm).
inline constexpr Tolerance kReassociate{"reassociate", 1e-5, 1e-13, 5e-3, 4e-2};

// The bound for an output type; zero for types that have no rounding (integers, bool).
constexpr double BoundFor(const Tolerance& tolerance, ir::DType dtype) {
  switch (dtype) {
    case ir::DType::kFloat:
      return tolerance.f32;
    case ir::DType::kDouble:
      return tolerance.f64;
    case ir::DType::kFloat16:
      return tolerance.f16;
    case ir::DType::kBfloat16:
      return tolerance.bf16;
    default:
      return 0;
  }
}

}  // namespace assize::verify
