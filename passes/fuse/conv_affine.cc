// Tests: tests/passes/fuse_conv_bn_test.cc, tests/passes/fuse_conv_affine_test.cc.
#include "passes/fuse/conv_affine.h"

#include "lib/pass/numbers.h"

namespace assize::passes::fuse {

std::optional<FoldableConv> FoldableConvOf(const ir::Graph& graph, ir::ValueRef value,
                                           int64_t opset, std::string& reason) {
  const ir::NodeRef producer = value ? graph.value(value).producer : ir::NodeRef{};
  const auto view = producer ? analysis::ConvOp::From(graph, producer, opset)
                             : StatusOr<analysis::ConvOp>(NotFound("no producer"));
  const auto because = [&](const char* text) -> std::optional<FoldableConv> {
    reason = text;
    return std::nullopt;
  };
  if (!view.ok()) return because("no Conv feeds it");
  if (graph.use_count(view->y) != 1) return because("the Conv's result has other uses");
  const ir::Tensor* w = graph.ConstantOf(view->w);
  const ir::Tensor* b = graph.ConstantOf(view->b);
  if (w == nullptr || (view->b && b == nullptr))
    return because("the Conv's weights are no constants");
  if (!pass::IsComputable(w->dtype()) || w->rank() < 3)
    return because("the weights' type or rank is not supported");
  if (b != nullptr && b->dims() != ir::Shape{w->dims()[0]})
    return because("the bias has another shape");
  FoldableConv conv;
  conv.node = producer;
  conv.result = view->y;
  conv.weight_name = graph.value(view->w).name;
  conv.bias_name = view->b ? graph.value(view->b).name : conv.weight_name + "_bias";
  conv.weight = *w;
  if (b != nullptr) conv.bias = *b;
  return conv;
}

bool FoldAffine(FoldableConv& conv, const std::vector<double>& k, const std::vector<double>& d) {
  const size_t channels = k.size();
  std::vector<double> weights = conv.weight.ToDoubles();
  const size_t row = channels == 0 ? 0 : weights.size() / channels;
  std::vector<double> bias =
      conv.bias ? conv.bias->ToDoubles() : std::vector<double>(channels, 0.0);
  for (size_t o = 0; o < channels; ++o) {
    for (size_t i = 0; i < row; ++i) weights[o * row + i] *= k[o];
    bias[o] = bias[o] * k[o] + d[o];
  }
  auto w = pass::RoundTo(conv.weight.dtype(), conv.weight.dims(), weights);
  auto b = pass::RoundTo(conv.weight.dtype(), {static_cast<int64_t>(channels)}, bias);
  if (!w || !b) return false;
  conv.weight = std::move(*w);
  conv.bias = std::move(*b);
  return true;
}

void SetFolded(ir::Editor& edit, const FoldableConv& conv) {
  pass::SetConstantInput(edit, conv.node, 1, conv.weight_name, conv.weight);
  pass::SetConstantInput(edit, conv.node, 2, conv.bias_name, *conv.bias);
}

}  // namespace assize::passes::fuse
