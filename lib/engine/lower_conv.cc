// Conv on oneDNN, with scale and shift, residual and activation in the same primitive; float and 8
// bits.
//
// Primitives are made for one sample, so a sample's result cannot depend on the batch around it.
// Arrays are channels-last (measured as fast as blocked layouts, and every kernel of ours can read
// them). Tests: tests/engine/contraction_test.cc, tests/engine/int8_test.cc.
#include <cstring>

#include "lib/analysis/ops.h"
#include "lib/engine/dnnl_steps.h"
#include "lib/engine/lower.h"
#include "lib/engine/lower_contraction.h"

namespace assize::engine {
namespace {

using dnnl::memory;
using ir::DType;
using ir::Shape;

struct ConvShape {
  Shape src, dst;  // of one sample
  int64_t samples = 1, group = 1;
  std::vector<int64_t> strides, dilations, pads_begin, pads_end, kernel;
  bool padded = false;
};

// Weights as oneDNN names them: [O, I, *K], or [G, O/G, I/G, *K].
Shape WeightDims(const Shape& w, int64_t group) {
  if (group == 1) return w;
  Shape dims = w;
  dims[0] /= group;
  dims.insert(dims.begin(), group);
  return dims;
}

}  // namespace

bool Lowering::LowerConv(const Unit& unit) {
  const auto view = analysis::ConvOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok()) return false;
  const bool integer = !unit.sources.empty();
  Operand x = Get(integer ? unit.sources[0]->quantized : view->x);
  if (!x.defined() || x.dims.size() < 3 || x.dims.size() > 5) return false;
  if (!integer && x.dtype != DType::kFloat) return false;
  const ir::Tensor* weights = facts_.Known(integer ? unit.sources[1]->quantized : view->w);
  if (weights == nullptr || (!integer && weights->dtype() != DType::kFloat)) return false;
  const Shape& wd = weights->dims();
  const Shape& y_dims = fact(graph_.node(unit.head).outputs[0]).dims;

  ConvShape conv;
  conv.samples = x.dims[0];
  conv.group = view->group;
  conv.src = x.dims, conv.dst = y_dims;
  conv.src[0] = conv.dst[0] = 1;
  auto window = view->window.Filled(wd.size() - 2);
  if (!window.ok()) return false;
  window->kernel_shape.assign(wd.begin() + 2, wd.end());
  const auto extent = window->Apply({x.dims.begin() + 2, x.dims.end()});
  if (!extent.ok()) return false;
  const size_t spatial = wd.size() - 2;
  for (size_t i = 0; i < spatial; ++i) {
    conv.strides.push_back(window->strides[i]);
    conv.dilations.push_back(window->dilations[i] - 1);
    conv.pads_begin.push_back(extent->pads[i]);
    conv.pads_end.push_back(extent->pads[i + spatial]);
    if (extent->pads[i] < 0 || extent->pads[i + spatial] < 0) return false;
    conv.padded = conv.padded || extent->pads[i] != 0 || extent->pads[i + spatial] != 0;
  }
  const size_t channels = static_cast<size_t>(wd[0]);
  const size_t per_channel = static_cast<size_t>(weights->element_count()) / channels;

  // y = k * (W x + b) + d, in double until the one rounding.
  std::vector<double> shift(channels, 0.0), scale(channels, 1.0);
  if (view->b) {
    const ir::Tensor* b = facts_.Known(view->b);
    if (b == nullptr || b->dtype() != DType::kFloat) return false;
    shift = b->ToDoubles();
  }
  if (!unit.scale.empty()) {
    for (size_t c = 0; c < channels; ++c) {
      scale[c] = unit.scale[c];
      shift[c] = shift[c] * unit.scale[c] + unit.shift[c];
    }
  }
  const bool has_bias = view->b || !unit.scale.empty();

  x = In(x, Layout::kChannelsLast, "channels-last");
  const ContractionGeometry geometry{
      x,      *weights, conv.group, conv.strides, conv.dilations, conv.pads_begin, conv.pads_end,
      y_dims, scale,    shift};
  if (integer) return LowerInt8(unit, geometry);
  if (LowerDepthwiseFloat(unit, geometry)) return true;

  const std::vector<float> bias(shift.begin(), shift.end());

  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops post;
  Operand y;
  if (unit.residual) {
    Operand residual = Get(unit.residual);
    if (!residual.defined() || residual.dtype != DType::kFloat) return false;
    const Operand laid = In(residual, Layout::kChannelsLast, "residual");
    // The sum is made in place: on the residual itself when this is its last use, else on a copy.
    if (laid.storage != x.storage && (laid.storage != residual.storage || DiesHere(residual))) {
      y = laid;
    } else {
      y = NewArray(DType::kFloat, y_dims, Layout::kChannelsLast);
      AddCopy(laid, y, "own:copy");
    }
    post.append_sum(1.0f);
  } else {
    y = NewArray(DType::kFloat, y_dims, Layout::kChannelsLast);
  }
  std::optional<UnaryOpSpec> rest = unit.activation;
  if (rest && AppendActivation(*rest, post)) rest.reset();
  attr.set_post_ops(post);

  const memory::desc src_md =
      Describe(conv.src, DType::kFloat, StridesOf(conv.src, Layout::kChannelsLast));
  const memory::desc dst_md =
      Describe(conv.dst, DType::kFloat, StridesOf(conv.dst, Layout::kChannelsLast));
  const Shape w_dims = WeightDims(wd, view->group);
  const memory::desc any_w(w_dims, memory::data_type::f32, memory::format_tag::any);
  const memory::desc bias_md({wd[0]}, memory::data_type::f32, memory::format_tag::a);
  const double terms = static_cast<double>(weights->element_count()) / static_cast<double>(wd[0]);
  const Work work = WorkOf(static_cast<double>(y.count()) * terms, false);
  const ThreadScope threads(work.threads);
  const dnnl::convolution_forward::primitive_desc pd(
      CpuEngine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src_md,
      any_w, has_bias ? bias_md : memory::desc(), dst_md, conv.strides, conv.dilations,
      conv.pads_begin, conv.pads_end, attr);
  const int packed = PackedWeights(unit, pd.weights_desc(), [&] {
    const memory::desc stored = Describe(w_dims, DType::kFloat, StridesOf(w_dims, Layout::kPlain));
    if (unit.scale.empty()) return PackedOnce(*weights, stored, pd.weights_desc());
    std::vector<float> w = CopiedFloats(*weights);
    for (size_t c = 0; c < unit.scale.size(); ++c) {
      for (size_t i = 0; i < per_channel; ++i) {
        float& element = w[c * per_channel + i];
        element = static_cast<float>(static_cast<double>(element) * scale[c]);
      }
    }
    return Reordered(w.data(), stored, pd.weights_desc());
  });
  std::vector<DnnlArgument> arguments = {
      {DNNL_ARG_SRC, src_md, x.storage, static_cast<int64_t>(src_md.get_size())},
      {DNNL_ARG_WEIGHTS, pd.weights_desc(), packed},
      {DNNL_ARG_DST, dst_md, y.storage, static_cast<int64_t>(dst_md.get_size())}};
  if (has_bias) arguments.push_back({DNNL_ARG_BIAS, bias_md, ConstantFloats(bias).storage});
  AddScratchpad(pd.scratchpad_desc(), arguments);
  AddDnnl("onednn:conv:f32", dnnl::convolution_forward(pd), std::move(arguments), conv.samples,
          work);
  if (rest) y = Activated(y, *rest);
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
