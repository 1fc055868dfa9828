// Folds Mul, Add, Sub and Div by constants per channel into the Conv that feeds them.
//
//   before  y = Conv(x, W, b) * k + d      after  y = Conv(x, W', b')
//   W'[o,:] = W[o,:] * k[o],  b' = b * k + d
//
// Shapes    W [O, I/groups, *K]; the constant one number, or O of them along the channels: [O,1,1]
// or
//           [1,O,1,1] behind a 2-d Conv. One node is folded at a time; a chain goes one by one.
// Needs     Conv with constant weights, its result used once and no graph output; weights in float,
//           double, float16 or bfloat16; not in a function; IR version >= 4. For Sub and Div the
//           constant is the second operand.
// Numerics  double, one rounding per weight; bound kAffineFold in lib/verify/tolerance.h. Declines
//           when a weight would overflow.
// Not done  ConvTranspose; constants in front of the Conv; c / Conv and c - Conv.
// Source    the scale layers of Caffe's models; Jacob et al. 2017, section 3.2.
// Tests     tests/passes/fuse_conv_affine_test.cc
#include "lib/pass/numbers.h"
#include "lib/pass/pass.h"
#include "passes/fuse/conv_affine.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;
using ir::ValueRef;

struct FuseConvAffineMatch {
  fuse::FoldableConv conv;
  NodeRef node;
  ValueRef result;
};

class FuseConvAffine final : public pass::PatternPass<FuseConvAffineMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary =
                "Folds constants per channel (Mul, Add, Sub, Div) into the Conv that feeds them"};
  }

  std::optional<FuseConvAffineMatch> Match(const pass::GraphContext& context, const Graph& graph,
                                           NodeRef ref, pass::MatchLog& why) const override {
    const ir::Node& node = graph.node(ref);
    const std::string_view op = node.op_type;
    const bool commutes = op == "Mul" || op == "Add";
    if (!ir::IsMainDomain(node.domain)) return std::nullopt;
    if ((!commutes && op != "Sub" && op != "Div") || node.inputs.size() != 2) return std::nullopt;
    const size_t constant = commutes && graph.ConstantOf(node.inputs[0]) != nullptr ? 0 : 1;
    const ir::Tensor* c = graph.ConstantOf(node.inputs[constant]);
    if (c == nullptr) return std::nullopt;
    std::string reason;
    const int64_t opset = context.opset().value_or(0);
    auto conv = fuse::FoldableConvOf(graph, node.inputs[1 - constant], opset, reason);
    if (!conv) return why.Because(reason);
    if (!context.MayAddInitializers())
      return why.Because("no initializers in functions and below IR version 4");
    if (!pass::CanReplace(graph, node.outputs[0], conv->result))
      return why.Because("the result cannot take the output's name");
    if (c->dtype() != conv->weight.dtype()) return why.Because("the constant has another type");
    const auto values = PerChannel(*c, conv->weight.dims()[0], conv->weight.rank());
    if (!values) return why.Because("the constant does not vary along the channels alone");
    std::vector<double> k(values->size(), 1.0), d(values->size(), 0.0);
    for (size_t o = 0; o < values->size(); ++o) {
      const double v = (*values)[o];
      if (op == "Mul") k[o] = v;
      if (op == "Div") k[o] = 1.0 / v;
      if (op == "Add") d[o] = v;
      if (op == "Sub") d[o] = -v;
    }
    if (!fuse::FoldAffine(*conv, k, d)) return why.Because("a folded weight is not finite");
    return FuseConvAffineMatch{std::move(*conv), ref, node.outputs[0]};
  }

  void Rewrite(const FuseConvAffineMatch& m, ir::Editor& edit) const override {
    fuse::SetFolded(edit, m.conv);
    pass::ReplaceValue(edit, m.result, m.conv.result);
    pass::RemoveNodeAndConstants(edit, m.node);
  }

 private:
  // The constant as one number per channel of a result of `rank` dims, channels second.
  static std::optional<std::vector<double>> PerChannel(const ir::Tensor& c, int64_t channels,
                                                       int64_t rank) {
    if (c.rank() > rank) return std::nullopt;
    for (int64_t i = 0; i < c.rank(); ++i) {
      const int64_t dim = c.dims()[static_cast<size_t>(i)];
      const bool along = i + rank - c.rank() == 1;
      if (dim != 1 && !(along && dim == channels)) return std::nullopt;
    }
    std::vector<double> values = c.ToDoubles();
    if (values.size() == 1) values.assign(static_cast<size_t>(channels), values[0]);
    return values;
  }
};

ASSIZE_DEFINE_PASS(FuseConvAffine);

}  // namespace assize::passes
