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
#include "passes/fuse/conv_affine.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;

struct FuseConvBnMatch {
  fuse::FoldableConv conv;
  NodeRef bn;
  ir::ValueRef bn_result;
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
    std::string reason;
    auto conv = fuse::FoldableConvOf(graph, bn->x, opset, reason);
    if (!conv) return why.Because(reason);
    if (bn->training) return why.Because("the BatchNormalization is in training mode");
    if (!bn->spatial) return why.Because("the BatchNormalization is not per channel");
    if (!context.MayAddInitializers())
      return why.Because("no initializers in functions and below IR version 4");
    if (!pass::CanReplace(graph, bn->y, conv->result))
      return why.Because("the result cannot take the output's name");
    const std::array<ir::ValueRef, 4> refs = {bn->scale, bn->bias, bn->mean, bn->var};
    const int64_t channels = conv->weight.dims()[0];
    std::array<std::vector<double>, 4> parameters;
    for (size_t i = 0; i < refs.size(); ++i) {
      const ir::Tensor* t = graph.ConstantOf(refs[i]);
      if (t == nullptr) return why.Because("the BatchNormalization's parameters are no constants");
      if (!pass::IsComputable(t->dtype()) || t->dims() != ir::Shape{channels}) {
        return why.Because("the BatchNormalization's parameters have another type or shape");
      }
      parameters[i] = t->ToDoubles();
    }
    const auto& [gamma, beta, mean, var] = parameters;
    std::vector<double> k(gamma.size()), d(gamma.size());
    for (size_t o = 0; o < k.size(); ++o) {
      const double spread = var[o] + static_cast<double>(bn->epsilon);
      if (!(spread > 0)) return why.Because("a folded weight is not finite");
      k[o] = gamma[o] / std::sqrt(spread);
      d[o] = beta[o] - mean[o] * k[o];
    }
    if (!fuse::FoldAffine(*conv, k, d)) return why.Because("a folded weight is not finite");
    return FuseConvBnMatch{std::move(*conv), ref, bn->y};
  }

  void Rewrite(const FuseConvBnMatch& m, ir::Editor& edit) const override {
    fuse::SetFolded(edit, m.conv);
    pass::ReplaceValue(edit, m.bn_result, m.conv.result);
    pass::RemoveNodeAndConstants(edit, m.bn);
  }
};

ASSIZE_DEFINE_PASS(FuseConvBn);

}  // namespace assize::passes
