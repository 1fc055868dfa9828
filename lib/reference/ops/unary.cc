// Elementwise functions of one input: arithmetic, transcendental, classification.
//
// Reals are computed in double by the C library and rounded once; integers wrap. Round is half to
// even. Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

template <double (*F)(double)>
Status Real(OpContext& ctx) {
  return MapReals(ctx, F);
}

double Reciprocal(double x) { return 1.0 / x; }
double SquareRoot(double x) { return std::sqrt(x); }
double SignOf(double x) { return std::isnan(x) ? x : x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }

Status Abs(OpContext& ctx) {
  if (IsUnsigned(ctx.in(0).dtype()))
    return MapNumbers(ctx, [](double x) { return x; }, [](int64_t x) { return x; });
  return MapNumbers(
      ctx, [](double x) { return std::fabs(x); },
      [](int64_t x) { return x < 0 ? WrapSub(0, x) : x; });
}

Status Neg(OpContext& ctx) {
  return MapNumbers(ctx, [](double x) { return -x; }, [](int64_t x) { return WrapSub(0, x); });
}

Status Sign(OpContext& ctx) {
  if (ctx.in(0).dtype() == ir::DType::kUint64) {
    return MapNumbers(ctx, SignOf, [](int64_t x) { return int64_t{x != 0}; });
  }
  return MapNumbers(ctx, SignOf, [](int64_t x) { return int64_t{x > 0} - int64_t{x < 0}; });
}

Status IsNan(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const std::vector<double> x = Reals(ctx.in(0));
  std::vector<uint8_t> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = std::isnan(x[i]);
  ctx.Set(0, FromBools(ctx.in(0).dims(), y));
  return OkStatus();
}

Status IsInf(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const bool negative = ctx.Int("detect_negative", 1) != 0;
  const bool positive = ctx.Int("detect_positive", 1) != 0;
  const std::vector<double> x = Reals(ctx.in(0));
  std::vector<uint8_t> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = std::isinf(x[i]) && (x[i] > 0 ? positive : negative);
  }
  ctx.Set(0, FromBools(ctx.in(0).dims(), y));
  return OkStatus();
}

Status Not(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedBool(ctx, 0));
  const std::vector<int64_t> x = Ints(ctx.in(0));
  std::vector<uint8_t> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] == 0;
  ctx.Set(0, FromBools(ctx.in(0).dims(), y));
  return OkStatus();
}

Status BitwiseNot(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
  return MapNumbers(ctx, [](double x) { return x; }, [](int64_t x) { return ~x; });
}

const KernelRow kRows[] = {
    {"Abs", 1, Abs, 1, 1},
    {"Neg", 1, Neg, 1, 1},
    {"Sign", 9, Sign, 1, 1},
    {"Floor", 1, Real<std::floor>, 1, 1},
    {"Ceil", 1, Real<std::ceil>, 1, 1},
    {"Round", 11, Real<std::nearbyint>, 1, 1},
    {"Sqrt", 1, Real<SquareRoot>, 1, 1},
    {"Exp", 1, Real<std::exp>, 1, 1},
    {"Log", 1, Real<std::log>, 1, 1},
    {"Reciprocal", 1, Real<Reciprocal>, 1, 1},
    {"Sin", 7, Real<std::sin>, 1, 1},
    {"Cos", 7, Real<std::cos>, 1, 1},
    {"Tan", 7, Real<std::tan>, 1, 1},
    {"Asin", 7, Real<std::asin>, 1, 1},
    {"Acos", 7, Real<std::acos>, 1, 1},
    {"Atan", 7, Real<std::atan>, 1, 1},
    {"Sinh", 9, Real<std::sinh>, 1, 1},
    {"Cosh", 9, Real<std::cosh>, 1, 1},
    {"Asinh", 9, Real<std::asinh>, 1, 1},
    {"Acosh", 9, Real<std::acosh>, 1, 1},
    {"Atanh", 9, Real<std::atanh>, 1, 1},
    {"Tanh", 1, Real<std::tanh>, 1, 1},
    {"Erf", 9, Real<std::erf>, 1, 1},
    {"IsNaN", 9, IsNan, 1, 1},
    {"IsInf", 10, IsInf, 1, 1},
    {"Not", 1, Not, 1, 1},
    {"BitwiseNot", 18, BitwiseNot, 1, 1},
};

}  // namespace

KernelRows UnaryRows() { return kRows; }

}  // namespace assize::reference
