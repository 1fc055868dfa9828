// Moves a zero Pad into the pads of the Conv that it feeds.
//
//   before  y = Conv(Pad(x, [0,0,1,1, 0,0,1,1]), W){pads=p}      after  y = Conv(x, W){pads=p+1}
//
// Shapes    x [N, C, *S]; only spatial axes are padded.
// Needs     constant mode with value 0, constant pads >= 0 and none on N and C; the Pad's result
// used once and no graph
//           output; auto_pad NOTSET or VALID.
// Numerics  the products with padded zeros leave the sum: bound kReassociate in
// lib/verify/tolerance.h. Not done  pooling (its padding is no zero); quantized convolutions;
// negative pads. Tests     tests/passes/fuse_pad_conv_test.cc
#include <algorithm>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;

struct FusePadConvMatch {
  NodeRef pad, conv;
  ir::ValueRef x;
  std::vector<int64_t> pads;
};

class FusePadConv final : public pass::PatternPass<FusePadConvMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Moves a zero Pad into the Conv that it feeds",
            .tolerance = verify::kReassociate};
  }

  std::optional<FusePadConvMatch> Match(const pass::GraphContext& context, const Graph& graph,
                                        NodeRef ref, pass::MatchLog& why) const override {
    const int64_t opset = context.opset().value_or(0);
    const auto conv = analysis::ConvOp::From(graph, ref, opset);
    if (!conv.ok()) return std::nullopt;
    const NodeRef producer = graph.value(conv->x).producer;
    const auto pad = producer ? analysis::PadOp::From(graph, producer, opset)
                              : StatusOr<analysis::PadOp>(NotFound("no producer"));
    if (!pad.ok()) return std::nullopt;
    if (graph.use_count(pad->y) != 1) return why.Because("the Pad's result has other uses");
    if (pad->mode != analysis::PadOp::Mode::kConstant)
      return why.Because("the Pad's mode is not constant");
    if (pad->value.given() && pad->value.Constant(graph) != 0.0)
      return why.Because("the Pad's value is not 0");
    const ir::Tensor* w = graph.ConstantOf(conv->w);
    const auto rank =
        w != nullptr ? static_cast<size_t>(w->rank()) : conv->window.kernel_shape.size() + 2;
    if (rank < 3) return why.Because("the rank of the Conv is not known");
    const auto pads = pad->ConstantPads(graph, rank);
    if (!pads) return why.Because("the pads are not constant, or not over all axes");
    if (std::any_of(pads->begin(), pads->end(), [](int64_t p) { return p < 0; }))
      return why.Because("a pad is negative");
    if ((*pads)[0] != 0 || (*pads)[1] != 0 || (*pads)[rank] != 0 || (*pads)[rank + 1] != 0) {
      return why.Because("batch or channels are padded");
    }
    const bool same = conv->window.auto_pad == analysis::AutoPad::kSameUpper ||
                      conv->window.auto_pad == analysis::AutoPad::kSameLower;
    if (same) return why.Because("auto_pad depends on the padded size");
    const auto window = conv->window.Filled(rank - 2);
    if (!window.ok()) return why.Because("the Conv's attributes are inconsistent");
    std::vector<int64_t> sum(2 * (rank - 2), 0);
    for (size_t i = 0; i < rank - 2; ++i) {
      // VALID means no pads of its own, whatever the attribute says.
      const bool valid = conv->window.auto_pad == analysis::AutoPad::kValid;
      sum[i] = (*pads)[i + 2] + (valid ? 0 : window->pads[i]);
      sum[i + rank - 2] = (*pads)[i + 2 + rank] + (valid ? 0 : window->pads[i + rank - 2]);
    }
    return FusePadConvMatch{producer, ref, pad->x, std::move(sum)};
  }

  void Rewrite(const FusePadConvMatch& m, ir::Editor& edit) const override {
    edit.SetInput(m.conv, 0, m.x);
    edit.RemoveAttribute(m.conv, "auto_pad");
    edit.SetAttribute(m.conv, analysis::MakeAttribute("pads", m.pads));
    pass::RemoveNodeAndConstants(edit, m.pad);
  }
};

ASSIZE_DEFINE_PASS(FusePadConv);

}  // namespace assize::passes
