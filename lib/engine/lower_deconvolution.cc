// ConvTranspose with constant weights on oneDNN's deconvolution, channels-last, one sample at a
// time. Tests: tests/engine/native_ops_test.cc.
#include "lib/analysis/ops.h"
#include "lib/engine/dnnl_steps.h"
#include "lib/engine/lower.h"

namespace assize::engine {

using dnnl::memory;
using ir::DType;
using ir::Shape;

bool Lowering::LowerConvTranspose(const Unit& unit) {
  if (node(unit).op_type != "ConvTranspose") return false;
  auto view = analysis::ConvTransposeOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok()) return false;
  Operand x = Get(view->x);
  const ir::Tensor* w = facts_.Known(view->w);
  if (!x.defined() || x.dtype != DType::kFloat || w == nullptr || w->dtype() != DType::kFloat)
    return false;
  if (x.dims.size() < 3 || x.dims.size() > 5) return false;
  const size_t spatial = x.dims.size() - 2;
  const auto window = view->window.Filled(spatial);
  if (!window.ok()) return false;
  view->window = *window;
  view->window.kernel_shape.assign(w->dims().begin() + 2, w->dims().end());
  const auto extent = view->Apply({x.dims.begin() + 2, x.dims.end()});
  if (!extent.ok()) return false;
  const Shape y_dims = fact(view->y).dims;
  memory::dims strides, dilations, before, after;
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t reach = (view->window.kernel_shape[i] - 1) * view->window.dilations[i] + 1;
    strides.push_back(view->window.strides[i]);
    dilations.push_back(view->window.dilations[i] - 1);
    before.push_back(extent->pads[i]);
    // What the sizes leave: the padding of the result takes part in it.
    after.push_back((x.dims[i + 2] - 1) * strides[i] + reach - extent->pads[i] - y_dims[i + 2]);
    if (before[i] < 0 || before[i] >= reach || after[i] >= reach || y_dims[i + 2] < 1) return false;
    if (after[i] < 0 && -after[i] >= strides[i]) return false;
  }
  std::vector<float> bias;
  if (view->b) {
    const ir::Tensor* b = facts_.Known(view->b);
    if (b == nullptr || b->dtype() != DType::kFloat || b->element_count() != y_dims[1])
      return false;
    bias.assign(b->data<float>().begin(), b->data<float>().end());
  }
  x = In(x, Layout::kChannelsLast, "channels-last");
  Shape src = x.dims, dst = y_dims;
  src[0] = dst[0] = 1;
  // Stored [C, O/g, *K]; oneDNN counts [g, O/g, C/g, *K].
  const int64_t g = view->group, outs = w->dims()[1], ins = w->dims()[0] / g;
  Shape w_dims = w->dims();
  w_dims[0] = outs, w_dims[1] = ins;
  int64_t kernel = 1;
  std::vector<int64_t> w_strides(w_dims.size(), 1);
  for (size_t i = w_dims.size(); i-- > 2;) {
    w_strides[i] = kernel;
    kernel *= w_dims[i];
  }
  w_strides[0] = kernel, w_strides[1] = kernel * outs;
  if (g != 1) {
    w_dims.insert(w_dims.begin(), g);
    w_strides.insert(w_strides.begin(), kernel * outs * ins);
  }
  const Operand y = NewArray(DType::kFloat, y_dims, Layout::kChannelsLast);
  const memory::desc src_md = Describe(src, DType::kFloat, StridesOf(src, Layout::kChannelsLast));
  const memory::desc dst_md = Describe(dst, DType::kFloat, StridesOf(dst, Layout::kChannelsLast));
  const memory::desc bias_md({y_dims[1]}, memory::data_type::f32, memory::format_tag::a);
  const Work work =
      WorkOf(static_cast<double>(x.count()) * static_cast<double>(outs * kernel), false);
  const ThreadScope threads(work.threads);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::deconvolution_forward::primitive_desc pd(
      CpuEngine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct,
      src_md, memory::desc(w_dims, memory::data_type::f32, memory::format_tag::any),
      bias.empty() ? memory::desc() : bias_md, dst_md, strides, dilations, before, after, attr);
  const int packed = PackedWeights(unit, pd.weights_desc(), [&] {
    return PackedOnce(*w, Describe(w_dims, DType::kFloat, w_strides), pd.weights_desc());
  });
  std::vector<DnnlArgument> arguments = {
      {DNNL_ARG_SRC, src_md, x.storage, static_cast<int64_t>(src_md.get_size())},
      {DNNL_ARG_WEIGHTS, pd.weights_desc(), packed},
      {DNNL_ARG_DST, dst_md, y.storage, static_cast<int64_t>(dst_md.get_size())}};
  if (!bias.empty()) arguments.push_back({DNNL_ARG_BIAS, bias_md, ConstantFloats(bias).storage});
  AddScratchpad(pd.scratchpad_desc(), arguments);
  AddDnnl("onednn:deconv:f32", dnnl::deconvolution_forward(pd), std::move(arguments), x.dims[0],
          work);
  Bind(view->y, y);
  return true;
}

}  // namespace assize::engine
