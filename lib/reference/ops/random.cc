// RandomNormal, RandomUniform, their Like forms, Bernoulli, Multinomial.
//
// ONNX fixes no generator. Values come from the counter-based generator under the node's `seed`
// (its float bits; 0 when absent), so a run repeats. Tests: tests/reference/numbers_test.cc.
#include "lib/support/random.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

Philox Generator(const OpContext& ctx) {
  return Philox(std::bit_cast<uint32_t>(static_cast<float>(ctx.Float("seed", 0))));
}

StatusOr<ir::DType> TypeOf(const OpContext& ctx, ir::DType fallback) {
  const int64_t number = ctx.Int("dtype", static_cast<int64_t>(fallback));
  if (number < 1 || number > ir::kMaxDType || !IsNumeric(static_cast<ir::DType>(number))) {
    return InvalidArgument("attribute \"dtype\" is {}, expected a numeric element type", number);
  }
  return static_cast<ir::DType>(number);
}

template <bool normal>
Status Fill(OpContext& ctx, ir::DType dtype, const ir::Shape& dims) {
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, dims));
  Philox random = Generator(ctx);
  const double a = normal ? ctx.Float("mean", 0) : ctx.Float("low", 0);
  const double b = normal ? ctx.Float("scale", 1) : ctx.Float("high", 1);
  std::vector<double> out(static_cast<size_t>(count));
  for (double& value : out)
    value = normal ? a + b * random.NextNormal() : a + (b - a) * random.NextDouble();
  ctx.Set(0, FromReals(dtype, dims, out));
  return OkStatus();
}

template <bool normal>
Status Random(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, TypeOf(ctx, ir::DType::kFloat));
  return Fill<normal>(ctx, dtype, ctx.Ints("shape"));
}

template <bool normal>
Status RandomLike(OpContext& ctx) {
  const ir::DType own = IsNumeric(ctx.in(0).dtype()) ? ctx.in(0).dtype() : ir::DType::kFloat;
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, TypeOf(ctx, own));
  return Fill<normal>(ctx, dtype, ctx.in(0).dims());
}

Status Bernoulli(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, TypeOf(ctx, ctx.in(0).dtype()));
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, ctx.in(0).dims()).status());
  Philox random = Generator(ctx);
  std::vector<double> values = Reals(ctx.in(0));
  for (double& value : values) value = random.NextDouble() < value ? 1 : 0;
  ctx.Set(0, FromReals(dtype, ctx.in(0).dims(), values));
  return OkStatus();
}

// x [batch, classes] holds unnormalized log-probabilities; sample_size draws a row.
Status Multinomial(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  const int64_t samples = ctx.Int("sample_size", 1);
  if (x.rank() != 2 || x.dims()[1] < 1 || samples < 0) {
    return InvalidArgument("x is {} with sample_size {}, expected [batch, classes]", x.TypeText(),
                           samples);
  }
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, TypeOf(ctx, ir::DType::kInt32));
  const ir::Shape dims{x.dims()[0], samples};
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, dims).status());
  Philox random = Generator(ctx);
  const std::vector<double> logits = Reals(x);
  const auto classes = static_cast<size_t>(x.dims()[1]);
  std::vector<int64_t> out;
  for (size_t row = 0; row < static_cast<size_t>(x.dims()[0]); ++row) {
    const double* from = logits.data() + row * classes;
    const double top = *std::max_element(from, from + classes);
    double total = 0;
    for (size_t c = 0; c < classes; ++c) total += std::exp(from[c] - top);
    for (int64_t s = 0; s < samples; ++s) {
      double left = random.NextDouble() * total;
      size_t c = 0;
      while (c + 1 < classes && (left -= std::exp(from[c] - top)) >= 0) ++c;
      out.push_back(static_cast<int64_t>(c));
    }
  }
  ctx.Set(0, FromInts(dtype, dims, out));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"RandomNormal", 1, Random<true>, 0, 0},
    {"RandomUniform", 1, Random<false>, 0, 0},
    {"RandomNormalLike", 1, RandomLike<true>, 1, 1, Takes::kAny},
    {"RandomUniformLike", 1, RandomLike<false>, 1, 1, Takes::kAny},
    {"Bernoulli", 15, Bernoulli, 1, 1},
    {"Multinomial", 7, Multinomial, 1, 1},
};

}  // namespace

KernelRows RandomRows() { return kRows; }

}  // namespace assize::reference
