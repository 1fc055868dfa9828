// Folds BatchNormalization into the Conv that feeds it.
//
//   before  y = BN(Conv(x, W, b))      after  y = Conv(x, W', b')
//   k = gamma / sqrt(var + eps),  W'[o,:] = W[o,:] * k[o],  b' = (b - mean) * k + beta
//
// Shapes    W [O, I/groups, *K]; gamma, beta, mean, var, b all [O]; missing b means zeros.
// Needs     inference mode (spatial, below opset 9); all BN and Conv constants; the Conv's result
// used once and no
//           graph output; weights in float, double, float16 or bfloat16; not in a function; IR
//           version >= 4.
// Numerics  k in double, one rounding per weight; bound kAffineFold in lib/verify/tolerance.h.
// Declines when a weight
//           would overflow or var + eps is not positive.
// Not done  ConvTranspose; BN whose parameters are computed; BN before Conv.
// Source    Jacob et al. 2017, section 3.2.        Tests  tests/passes/fuse_conv_bn_test.cc
#include <array>
#include <cmath>

#include "lib/analysis/ops.h"
#include "lib/pass/numbers.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;

struct FuseConvBnMatch {
  NodeRef conv, bn;
  ir::ValueRef conv_result, bn_result;
  std::string weight_name, bias_name;
  ir::Tensor weight, bias;
};

class FuseConvBn final : public pass::PatternPass<FuseConvBnMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Folds BatchNormalization into the Conv that feeds it"};
  }

  std::optional<FuseConvBnMatch> Match(const pass::GraphContext& context, const Graph& graph,
                                       NodeRef ref, pass::MatchLog& why) const override {
    const int64_t opset = context.opset().value_or(0);
    const auto bn = analysis::BatchNormalizationOp::From(graph, ref, opset);
    if (!bn.ok()) return std::nullopt;
    const NodeRef producer = graph.value(bn->x).producer;
    const auto conv = producer ? analysis::ConvOp::From(graph, producer, opset)
                               : StatusOr<analysis::ConvOp>(NotFound("no producer"));
    if (!conv.ok()) return why.Because("no Conv feeds the BatchNormalization");
    if (bn->training) return why.Because("the BatchNormalization is in training mode");
    if (!bn->spatial) return why.Because("the BatchNormalization is not per channel");
    if (!context.MayAddInitializers())
      return why.Because("no initializers in functions and below IR version 4");
    if (graph.use_count(conv->y) != 1) return why.Because("the Conv's result has other uses");
    if (!pass::CanReplace(graph, bn->y, conv->y)) {
      return why.Because("the result cannot take the output's name");
    }
    const ir::Tensor* w = graph.ConstantOf(conv->w);
    const ir::Tensor* b = graph.ConstantOf(conv->b);
    if (w == nullptr || (conv->b && b == nullptr))
      return why.Because("the Conv's weights are no constants");
    if (!pass::IsComputable(w->dtype()) || w->rank() < 3)
      return why.Because("the weights' type or rank is not supported");
    const std::array<ir::ValueRef, 4> refs = {bn->scale, bn->bias, bn->mean, bn->var};
    const int64_t channels = w->dims()[0];
    std::array<std::vector<double>, 4> parameters;
    for (size_t i = 0; i < refs.size(); ++i) {
      const ir::Tensor* t = graph.ConstantOf(refs[i]);
      if (t == nullptr) return why.Because("the BatchNormalization's parameters are no constants");
      if (!pass::IsComputable(t->dtype()) || t->dims() != ir::Shape{channels}) {
        return why.Because("the BatchNormalization's parameters have another type or shape");
      }
      parameters[i] = t->ToDoubles();
    }
    if (b != nullptr && b->dims() != ir::Shape{channels})
      return why.Because("the bias has another shape");
    auto folded = Fold(*w, b, parameters, bn->epsilon);
    if (!folded) return why.Because("a folded weight is not finite");
    const std::string weight_name = graph.value(conv->w).name;
    return FuseConvBnMatch{producer,
                           ref,
                           conv->y,
                           bn->y,
                           weight_name,
                           conv->b ? graph.value(conv->b).name : weight_name + "_bias",
                           std::move(folded->first),
                           std::move(folded->second)};
  }

  void Rewrite(const FuseConvBnMatch& m, ir::Editor& edit) const override {
    pass::SetConstantInput(edit, m.conv, 1, m.weight_name, m.weight);
    pass::SetConstantInput(edit, m.conv, 2, m.bias_name, m.bias);
    pass::ReplaceValue(edit, m.bn_result, m.conv_result);
    pass::RemoveNodeAndConstants(edit, m.bn);
  }

 private:
  using Parameters = std::array<std::vector<double>, 4>;  // gamma, beta, mean, var

  static std::optional<std::pair<ir::Tensor, ir::Tensor>> Fold(const ir::Tensor& w,
                                                               const ir::Tensor* b,
                                                               const Parameters& p, float epsilon) {
    std::vector<double> weights = w.ToDoubles();
    const size_t channels = p[0].size();
    const size_t row = channels == 0 ? 0 : weights.size() / channels;
    std::vector<double> bias = b != nullptr ? b->ToDoubles() : std::vector<double>(channels, 0.0);
    for (size_t o = 0; o < channels; ++o) {
      const double spread = p[3][o] + static_cast<double>(epsilon);
      if (!(spread > 0)) return std::nullopt;
      const double k = p[0][o] / std::sqrt(spread);
      for (size_t i = 0; i < row; ++i) weights[o * row + i] *= k;
      bias[o] = (bias[o] - p[2][o]) * k + p[1][o];
    }
    auto new_w = pass::RoundTo(w.dtype(), w.dims(), weights);
    auto new_b = pass::RoundTo(w.dtype(), {static_cast<int64_t>(channels)}, bias);
    if (!new_w || !new_b) return std::nullopt;
    return std::pair(std::move(*new_w), std::move(*new_b));
  }
};

ASSIZE_DEFINE_PASS(FuseConvBn);

}  // namespace assize::passes
