// com.microsoft Gelu, BiasGelu, FastGelu, QuickGelu: in double, rounded once.
//
//   Gelu, BiasGelu  x / 2 * (1 + erf(x / sqrt(2)))        FastGelu, its tanh form
//   QuickGelu       x * sigmoid(alpha * x)
// BiasGelu and FastGelu add a bias of x's last dim first.
// Source  Hendrycks and Gimpel 2016.        Tests  tests/conformance/.
#include <cmath>
#include <numbers>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

double GeluOf(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }

double TanhGeluOf(double x) {
  const double inner = std::numbers::sqrt2 * std::numbers::inv_sqrtpi * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

Status Gelu(OpContext& ctx) { return MapReals(ctx, GeluOf); }

Status QuickGelu(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 1.702f);
  return MapReals(ctx, [=](double x) { return x / (1 + std::exp(-alpha * x)); });
}

template <double (*F)(double)>
Status Biased(OpContext& ctx) {
  if (!ctx.has(1)) return MapReals(ctx, F);
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 1 || ctx.in(1).dims() != ir::Shape{x.dims().back()}) {
    return InvalidArgument("bias is {}, expected the last dim of {}", ctx.in(1).TypeText(),
                           x.TypeText());
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> y = Reals(x);
  const std::vector<double> bias = Reals(ctx.in(1));
  for (size_t i = 0; i < y.size(); ++i) y[i] = F(y[i] + bias[i % bias.size()]);
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Gelu", 1, Gelu, 1, 1, Takes::kNumeric, kMicrosoftDomain},
    {"BiasGelu", 1, Biased<GeluOf>, 2, 2, Takes::kNumeric, kMicrosoftDomain},
    {"FastGelu", 1, Biased<TanhGeluOf>, 1, 2, Takes::kNumeric, kMicrosoftDomain},
    {"QuickGelu", 1, QuickGelu, 1, 1, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows GeluRows() { return kRows; }

}  // namespace assize::reference
