// NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss, and the training domain's Adagrad, Adam,
// Momentum.
//
// Shapes  scores [N, C, *D], labels [N, *D], weights [C]. A label equal to ignore_index counts
//         nothing. The mean divides by the sum of the weights that count.
// Tests   tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// Loss of log-probabilities `logs` laid out as `x`.
Status Loss(OpContext& ctx, const ir::Tensor& x, const std::vector<double>& logs) {
  const ir::Tensor& target = ctx.in(1);
  ir::Shape expected{x.dims()[0]};
  expected.insert(expected.end(), x.dims().begin() + 2, x.dims().end());
  if (target.dims() != expected) {
    return InvalidArgument("labels are {}, expected {}", target.TypeText(),
                           ir::ShapeText(expected));
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> labels, ctx.IntsIn(1, "labels"));
  const int64_t classes = x.dims()[1], inner = Product(x.dims(), 2, x.dims().size());
  std::vector<double> weights(static_cast<size_t>(classes), 1.0);
  if (ctx.has(2)) {
    if (ctx.in(2).dims() != ir::Shape{classes}) {
      return InvalidArgument("weights are {}, expected [{}]", ctx.in(2).TypeText(), classes);
    }
    weights = Reals(ctx.in(2));
  }
  const std::string reduction = ctx.String("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean") {
    return InvalidArgument("attribute \"reduction\" is \"{}\", expected none, sum or mean",
                           reduction);
  }
  const bool ignores = ctx.HasAttribute("ignore_index");
  const int64_t ignored = ctx.Int("ignore_index", 0);
  std::vector<double> losses(labels.size());
  double total = 0, total_weight = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (ignores && labels[i] == ignored) continue;
    if (labels[i] < 0 || labels[i] >= classes)
      return OutOfRange("label {} of {} classes", labels[i], classes);
    const auto at = static_cast<int64_t>(i);
    const double weight = weights[static_cast<size_t>(labels[i])];
    losses[i] = -weight *
                logs[static_cast<size_t>((at / inner * classes + labels[i]) * inner + at % inner)];
    total += losses[i];
    total_weight += weight;
  }
  if (reduction == "none") {
    ctx.Set(0, FromReals(x.dtype(), target.dims(), losses));
  } else {
    ctx.Set(0, FromReals(x.dtype(), {},
                         std::vector<double>{reduction == "sum" ? total : total / total_weight}));
  }
  return OkStatus();
}

Status CheckScores(const OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  if (ctx.in(0).rank() >= 2) return OkStatus();
  return InvalidArgument("scores are {}, expected [N, C, ...]", ctx.in(0).TypeText());
}

Status NegativeLogLikelihoodLoss(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(CheckScores(ctx));
  return Loss(ctx, ctx.in(0), Reals(ctx.in(0)));
}

Status SoftmaxCrossEntropyLoss(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(CheckScores(ctx));
  const ir::Tensor& x = ctx.in(0);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> logs = Reals(x);
  const int64_t classes = x.dims()[1], inner = Product(x.dims(), 2, x.dims().size());
  for (int64_t row = 0; !logs.empty() && row < x.dims()[0] * inner; ++row) {
    double* at = logs.data() + row / inner * classes * inner + row % inner;
    double top = at[0], sum = 0;
    for (int64_t c = 1; c < classes; ++c) top = std::max(top, at[c * inner]);
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(at[c * inner] - top);
    const double log_sum = std::log(sum);
    for (int64_t c = 0; c < classes; ++c) at[c * inner] -= top + log_sum;
  }
  if (ctx.wants(1)) ctx.Set(1, FromReals(x.dtype(), x.dims(), logs));
  return Loss(ctx, x, logs);
}

// Inputs R (rate), T (step), then `kinds` lists of n tensors: X, G and the states; outputs the new
// X and states, list by list. update(i-th values of each kind) works in place on element values.
template <typename Update>
Status Optimize(OpContext& ctx, size_t kinds, Update update) {
  AZ_ASSIGN_OR_RETURN(const double rate, ctx.RealScalarIn(0, "R"));
  AZ_ASSIGN_OR_RETURN(const int64_t step, ctx.IntScalarIn(1, "T"));
  const size_t given = ctx.input_count() - 2;
  if (given == 0 || given % kinds != 0)
    return InvalidArgument("{} tensors are given, expected a multiple of {}", given, kinds);
  const size_t n = given / kinds;
  for (size_t i = 0; i < n; ++i) {
    const ir::Tensor& x = ctx.in(2 + i);
    std::vector<std::vector<double>> values;
    for (size_t k = 0; k < kinds; ++k) {
      if (!ctx.has(2 + k * n + i) || ctx.in(2 + k * n + i).dims() != x.dims()) {
        return InvalidArgument("tensor {} of kind {} has not the shape of x {}", i, k,
                               x.TypeText());
      }
      AZ_RETURN_IF_ERROR(NeedFloat(ctx, 2 + k * n + i));
      values.push_back(Reals(ctx.in(2 + k * n + i)));
    }
    for (size_t e = 0; e < values[0].size(); ++e) update(rate, step, values, e);
    for (size_t k = 0, out = 0; k < kinds; ++k) {
      if (k == 1) continue;  // the gradient
      ctx.Set(out++ * n + i, FromReals(ctx.in(2 + k * n + i).dtype(), x.dims(), values[k]));
    }
  }
  return OkStatus();
}

using Values = std::vector<std::vector<double>>;

Status Adagrad(OpContext& ctx) {
  const double norm = ctx.Float("norm_coefficient", 0), epsilon = ctx.Float("epsilon", 1e-6f);
  const double decay = ctx.Float("decay_factor", 0);
  return Optimize(ctx, 3, [=](double rate, int64_t step, Values& v, size_t e) {
    const double g = norm * v[0][e] + v[1][e];
    v[2][e] += g * g;
    v[0][e] -= rate / (1 + static_cast<double>(step) * decay) * g / (std::sqrt(v[2][e]) + epsilon);
  });
}

Status Momentum(OpContext& ctx) {
  const double norm = ctx.Float("norm_coefficient", 0), alpha = ctx.Float("alpha", 0),
               beta = ctx.Float("beta", 0);
  const std::string mode = ctx.String("mode", "standard");
  if (mode != "standard" && mode != "nesterov")
    return InvalidArgument("attribute \"mode\" is \"{}\"", mode);
  return Optimize(ctx, 3, [=](double rate, int64_t step, Values& v, size_t e) {
    const double g = norm * v[0][e] + v[1][e];
    v[2][e] = alpha * v[2][e] + (step > 0 ? beta : 1) * g;
    v[0][e] -= rate * (mode == "nesterov" ? g + alpha * v[2][e] : v[2][e]);
  });
}

Status Adam(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 0.9f), beta = ctx.Float("beta", 0.999f),
               epsilon = ctx.Float("epsilon", 1e-6f);
  const double before = ctx.Float("norm_coefficient", 0),
               after = ctx.Float("norm_coefficient_post", 0);
  return Optimize(ctx, 4, [=](double rate, int64_t step, Values& v, size_t e) {
    const double g = before * v[0][e] + v[1][e];
    v[2][e] = alpha * v[2][e] + (1 - alpha) * g;
    v[3][e] = beta * v[3][e] + (1 - beta) * g * g;
    const auto t = static_cast<double>(step);
    const double adjusted =
        step > 0 ? rate * std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t)) : rate;
    v[0][e] = (1 - after) * (v[0][e] - adjusted * v[2][e] / (std::sqrt(v[3][e]) + epsilon));
  });
}

const KernelRow kRows[] = {
    {"NegativeLogLikelihoodLoss", 12, NegativeLogLikelihoodLoss, 2, 3},
    {"SoftmaxCrossEntropyLoss", 12, SoftmaxCrossEntropyLoss, 2, 3},
    {"Adagrad", 1, Adagrad, 3, -1, Takes::kNumeric, kTrainingDomain},
    {"Momentum", 1, Momentum, 3, -1, Takes::kNumeric, kTrainingDomain},
    {"Adam", 1, Adam, 3, -1, Takes::kNumeric, kTrainingDomain},
};

}  // namespace

KernelRows LossRows() { return kRows; }

}  // namespace assize::reference
