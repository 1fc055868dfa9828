// Activations. Formulas as in ONNX's operator documents; x is one element, all in double, rounded
// once.
//
//   PRelu's slope broadcasts one way to x. Clip takes min and max as attributes before opset 11, as
//   optional scalar inputs from 11 on (and when min > max everything becomes max).
// Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

double SigmoidOf(double x) {
  if (x >= 0) return 1.0 / (1.0 + std::exp(-x));
  const double e = std::exp(x);  // no overflow for large negative x
  return e / (1.0 + e);
}

double SoftplusOf(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double SoftsignOf(double x) { return x / (1.0 + std::fabs(x)); }
double MishOf(double x) { return x * std::tanh(SoftplusOf(x)); }

template <double (*F)(double)>
Status Real(OpContext& ctx) {
  return MapReals(ctx, F);
}

Status Relu(OpContext& ctx) {
  return MapNumbers(
      ctx, [](double x) { return x < 0 ? 0.0 : x; },
      [](int64_t x) { return std::max<int64_t>(x, 0); });
}

Status LeakyRelu(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 0.01f);
  return MapReals(ctx, [=](double x) { return x < 0 ? alpha * x : x; });
}

Status PRelu(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  ir::Tensor slope = ctx.in(1);
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  if (ctx.opset() < 7 && slope.rank() == 1 && x.rank() > 1 && slope.element_count() > 1) {
    ir::Shape dims(static_cast<size_t>(x.rank() - 1), 1);
    dims[0] = slope.element_count();  // one slope a channel
    slope = slope.Reshaped(dims);
  }
  if (!BroadcastsTo(slope.dims(), x.dims())) {
    return InvalidArgument("slope {} does not broadcast to x {}", slope.TypeText(), x.TypeText());
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const BroadcastMap map(slope.dims(), x.dims());
  if (ir::IsFloating(x.dtype())) {
    std::vector<double> values = Reals(x);
    const std::vector<double> slopes = Reals(slope);
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] < 0) values[i] *= slopes[static_cast<size_t>(map(static_cast<int64_t>(i)))];
    }
    ctx.Set(0, FromReals(x.dtype(), x.dims(), values));
    return OkStatus();
  }
  std::vector<int64_t> values = Ints(x);
  const std::vector<int64_t> slopes = Ints(slope);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 && !IsUnsigned(x.dtype())) {
      values[i] = WrapMul(values[i], slopes[static_cast<size_t>(map(static_cast<int64_t>(i)))]);
    }
  }
  ctx.Set(0, FromInts(x.dtype(), x.dims(), values));
  return OkStatus();
}

Status Elu(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 1.0);
  return MapReals(ctx, [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

Status Celu(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 1.0);
  return MapReals(ctx, [=](double x) {
    return std::max(0.0, x) + std::min(0.0, alpha * std::expm1(x / alpha));
  });
}

Status Selu(OpContext& ctx) {
  // Defaults: ONNX prints them as 1.67326319217681884765625 and 1.05070102214813232421875, floats;
  // opset 1 rounds.
  const double alpha = ctx.Float("alpha", ctx.opset() < 6 ? 1.6732f : 1.67326319217681884765625f);
  const double gamma = ctx.Float("gamma", ctx.opset() < 6 ? 1.0507f : 1.05070102214813232421875f);
  return MapReals(ctx, [=](double x) { return x > 0 ? gamma * x : gamma * alpha * std::expm1(x); });
}

Status Gelu(OpContext& ctx) {
  const std::string approximate = ctx.String("approximate", "none");
  if (approximate != "none" && approximate != "tanh") {
    return InvalidArgument("attribute \"approximate\" is \"{}\", expected none or tanh",
                           approximate);
  }
  if (approximate == "tanh") {
    const double k = std::sqrt(2.0 / std::numbers::pi);
    return MapReals(
        ctx, [=](double x) { return 0.5 * x * (1.0 + std::tanh(k * (x + 0.044715 * x * x * x))); });
  }
  return MapReals(ctx,
                  [](double x) { return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2)); });
}

Status HardSigmoid(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 0.2f);
  const double beta = ctx.Float("beta", 0.5f);
  return MapReals(ctx, [=](double x) { return std::clamp(alpha * x + beta, 0.0, 1.0); });
}

Status HardSwish(OpContext& ctx) {
  return MapReals(ctx, [](double x) { return x * std::max(0.0, std::min(1.0, x / 6.0 + 0.5)); });
}

Status Shrink(OpContext& ctx) {
  const double bias = ctx.Float("bias", 0.0);
  const double lambd = ctx.Float("lambd", 0.5);
  const auto shrink = [=](double x) { return x < -lambd ? x + bias : x > lambd ? x - bias : 0.0; };
  if (ir::IsFloating(ctx.in(0).dtype())) return MapReals(ctx, shrink);
  std::vector<double> values = Reals(ctx.in(0));
  for (double& value : values) value = shrink(value);
  ctx.Set(0, FromReals(ctx.in(0).dtype(), ctx.in(0).dims(), values));
  return OkStatus();
}

Status ThresholdedRelu(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 1.0);
  return MapReals(ctx, [=](double x) { return x > alpha ? x : 0.0; });
}

Status Swish(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 1.0);
  return MapReals(ctx, [=](double x) { return x * SigmoidOf(alpha * x); });
}

Status SwiGlu(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  const ir::Tensor& gate = ctx.in(0);
  if (gate.dims() != ctx.in(1).dims()) {
    return InvalidArgument("A is {} and B is {}, expected one shape", gate.TypeText(),
                           ctx.in(1).TypeText());
  }
  const double alpha = ctx.Float("alpha", 1.0);
  AZ_RETURN_IF_ERROR(ctx.Plan(gate.dtype(), gate.dims()).status());
  std::vector<double> values = Reals(gate);
  const std::vector<double> linear = Reals(ctx.in(1));
  for (size_t i = 0; i < values.size(); ++i) values[i] *= SigmoidOf(alpha * values[i]) * linear[i];
  ctx.Set(0, FromReals(gate.dtype(), gate.dims(), values));
  return OkStatus();
}

Status ClipWithAttributes(OpContext& ctx) {
  const double low = ctx.Float("min", std::numeric_limits<float>::lowest());
  const double high = ctx.Float("max", std::numeric_limits<float>::max());
  return MapReals(ctx,
                  [=](double x) { return std::isnan(x) ? x : std::min(std::max(x, low), high); });
}

Status Clip(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  for (size_t i = 1; i < 3; ++i) {
    if (!ctx.has(i)) continue;
    AZ_RETURN_IF_ERROR(ctx.SameType(0, i));
    if (ctx.in(i).element_count() != 1) {
      return InvalidArgument("{} is {}, expected a scalar", i == 1 ? "min" : "max",
                             ctx.in(i).TypeText());
    }
  }
  if (ir::IsFloating(x.dtype())) {
    const double low = ctx.has(1) ? Reals(ctx.in(1))[0] : -std::numeric_limits<double>::infinity();
    const double high = ctx.has(2) ? Reals(ctx.in(2))[0] : std::numeric_limits<double>::infinity();
    return MapReals(ctx,
                    [=](double v) { return std::isnan(v) ? v : std::min(std::max(v, low), high); });
  }
  if (x.dtype() == ir::DType::kUint64) {
    const uint64_t low = ctx.has(1) ? static_cast<uint64_t>(Ints(ctx.in(1))[0]) : 0;
    const uint64_t high = ctx.has(2) ? static_cast<uint64_t>(Ints(ctx.in(2))[0]) : UINT64_MAX;
    return MapNumbers(
        ctx, [](double v) { return v; },
        [=](int64_t v) {
          return static_cast<int64_t>(std::min(std::max(static_cast<uint64_t>(v), low), high));
        });
  }
  const int64_t low = ctx.has(1) ? Ints(ctx.in(1))[0] : INT64_MIN;
  const int64_t high = ctx.has(2) ? Ints(ctx.in(2))[0] : INT64_MAX;
  return MapNumbers(
      ctx, [](double v) { return v; }, [=](int64_t v) { return std::min(std::max(v, low), high); });
}

const KernelRow kRows[] = {
    {"Relu", 1, Relu, 1, 1},
    {"Sigmoid", 1, Real<SigmoidOf>, 1, 1},
    {"Softplus", 1, Real<SoftplusOf>, 1, 1},
    {"Softsign", 1, Real<SoftsignOf>, 1, 1},
    {"Mish", 18, Real<MishOf>, 1, 1},
    {"LeakyRelu", 1, LeakyRelu, 1, 1},
    {"PRelu", 1, PRelu, 2, 2},
    {"Elu", 1, Elu, 1, 1},
    {"Celu", 12, Celu, 1, 1},
    {"Selu", 1, Selu, 1, 1},
    {"Gelu", 20, Gelu, 1, 1},
    {"HardSigmoid", 1, HardSigmoid, 1, 1},
    {"HardSwish", 14, HardSwish, 1, 1},
    {"Shrink", 9, Shrink, 1, 1},
    {"ThresholdedRelu", 10, ThresholdedRelu, 1, 1},
    {"Swish", 24, Swish, 1, 1},
    {"SwiGLU", 28, SwiGlu, 2, 2},
    {"Clip", 1, ClipWithAttributes, 1, 1},
    {"Clip", 11, Clip, 1, 3},
};

}  // namespace

KernelRows ActivationRows() { return kRows; }

}  // namespace assize::reference
