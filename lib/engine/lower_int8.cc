// 8-bit convolutions and matrix products: oneDNN where its products are exact, our own kernel
// elsewhere.
//
//   y = Q(activation(s_x s_w[c] k[c] * sum((q_x - z_x) q_w) + d[c] + s_r (q_r - z_r)))
//
// where the model quantizes the layer before the residual comes, with that rounding in between.
// The sum is an exact 32-bit integer. A source zero point goes into d where no padding is (padding
// is the real 0, not the byte 0); elsewhere oneDNN compensates. Scales go to a primitive as
// arguments, never as attributes: layers of one geometry share it, and its code.
// Tests: tests/engine/int8_test.cc.
#include <algorithm>
#include <cmath>

#include "lib/engine/dnnl_steps.h"
#include "lib/engine/kernels/int8.h"
#include "lib/engine/lower_contraction.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using dnnl::memory;
using ir::DType;
using ir::Shape;

QuantizeSpec SpecOf(const QuantParams& params) {
  return {params.scale, params.zero_point, params.dtype == DType::kInt8};
}

std::array<int64_t, 3> Spatial(const std::vector<int64_t>& values, int64_t fill, int64_t add = 0) {
  std::array<int64_t, 3> out{fill, fill, fill};
  for (size_t i = 0; i < values.size(); ++i) out[3 - values.size() + i] = values[i] + add;
  return out;
}

// Products and their sums fit 32 bits whatever the data.
bool SumsFit(int64_t terms) { return terms <= 2147483647 / (255 * 128); }

// In steps of the residual's grid the residual is added as it is. An activation must not see it,
// and scales must leave room for the quotients.
bool AddsInSteps(const Unit& unit, const std::optional<QuantParams>& result) {
  return unit.residual_params && result &&
         (!unit.activation || unit.activation->kind == Unary::kRelu) &&
         unit.residual_params->scale > 1e-10f && unit.residual_params->scale < 1e10f &&
         result->scale > 1e-20f && result->scale < 1e20f;
}

}  // namespace

bool Lowering::LowerInt8(const Unit& unit, const ContractionGeometry& geometry) {
  const Operand& x = geometry.x;
  const QuantParams& xq = unit.sources[0]->params;
  const ir::Tensor& weights = geometry.weights;
  const bool conv = x.layout == Layout::kChannelsLast && weights.rank() > 2;
  const Shape& wd = weights.dims();
  const size_t outputs = static_cast<size_t>(wd[0]);
  const int64_t terms = weights.element_count() / wd[0];
  if (weights.dtype() != DType::kInt8 || !SumsFit(terms)) return false;
  const auto q = weights.data<int8_t>();

  std::vector<double> step(outputs);  // real value of 1 in the sum
  for (size_t c = 0; c < outputs; ++c) {
    const float sw = unit.weight_scales[unit.weight_scales.size() == 1 ? 0 : c];
    step[c] = static_cast<double>(xq.scale) * sw * geometry.scale[c];
    if (unit.rounded) step[c] /= unit.rounded->scale;
  }
  const bool padded = std::any_of(geometry.pads_begin.begin(), geometry.pads_begin.end(),
                                  [](int64_t p) { return p != 0; }) ||
                      std::any_of(geometry.pads_end.begin(), geometry.pads_end.end(),
                                  [](int64_t p) { return p != 0; });

  Operand residual;
  bool fuse_residual = false;
  if (unit.residual) {
    residual = In(Get(unit.residual), conv ? Layout::kChannelsLast : Layout::kPlain, "residual");
    if (!residual.defined()) return false;
    // In place, so the bytes must mean the same: quantized on quantized, float on float.
    fuse_residual = unit.residual_params.has_value() == unit.result.has_value();
    if (unit.residual_params && unit.result)
      fuse_residual = unit.residual_params->dtype == unit.result->dtype;
  }
  const bool finish_here = !unit.residual || fuse_residual;
  dnnl::post_ops ignored;
  const bool activation_fits = !unit.activation || AppendActivation(*unit.activation, ignored);
  const std::optional<QuantParams> out =
      finish_here && activation_fits ? unit.result : std::nullopt;
  const DType y_type = out ? out->dtype : DType::kFloat;
  const Layout layout = conv ? Layout::kChannelsLast : Layout::kPlain;

  if (conv && out && !unit.residual && LowerDepthwise(unit, geometry, step, *out)) return true;
  if (!conv && LowerDenseInt8(unit, geometry, step)) return true;

  if (!HasExactInt8()) {
    Int8ConvPlan plan;
    Shape y_rows;
    if (conv) {
      plan.in = Spatial({x.dims.begin() + 2, x.dims.end()}, 1);
      plan.out = Spatial({geometry.y_dims.begin() + 2, geometry.y_dims.end()}, 1);
      plan.kernel = Spatial({wd.begin() + 2, wd.end()}, 1);
      plan.stride = Spatial(geometry.strides, 1);
      plan.dilation = Spatial(geometry.dilations, 1, 1);
      plan.pad = Spatial(geometry.pads_begin, 0);
      plan.group = geometry.group;
      plan.channels = x.dims[1];
    } else {
      plan.channels = wd[1];
      plan.in[2] = plan.out[2] = x.count() / wd[1];
    }
    plan.outputs = wd[0];
    plan.x = SpecOf(xq);
    PackWeights(plan, q.data());
    for (size_t c = 0; c < outputs; ++c) {
      plan.scale.push_back(static_cast<float>(step[c]));
      plan.shift.push_back(static_cast<float>(geometry.shift[c]));
    }
    const bool with_residual = unit.residual && unit.residual_params && finish_here;
    const bool finish = !unit.residual || with_residual;
    if (with_residual) {
      plan.has_residual = true;
      plan.residual = SpecOf(*unit.residual_params);
    }
    if (finish && unit.activation) plan.activation = *unit.activation;
    plan.quantized = finish && unit.result.has_value();
    if (plan.quantized) plan.y = SpecOf(*unit.result);
    Operand y =
        NewArray(plan.quantized ? unit.result->dtype : DType::kFloat, geometry.y_dims, layout);
    const int64_t samples = conv ? x.dims[0] : 1;
    const int64_t x_bytes = x.bytes() / samples, y_bytes = y.bytes() / samples;
    std::vector<Operand> reads{x};
    if (with_residual) reads.push_back(residual);
    const int64_t r_bytes = with_residual ? residual.bytes() / samples : 0;
    auto shared = std::make_shared<const Int8ConvPlan>(std::move(plan));
    AddStep(conv ? "own:conv:int8" : "own:matmul:int8", reads, {y},
            [shared, x, y, residual, with_residual, samples, x_bytes, y_bytes,
             r_bytes](const StepContext& c) {
              for (int64_t s = 0; s < samples; ++s) {
                const uint8_t* extra =
                    with_residual ? c.at<const uint8_t>(residual) + s * r_bytes : nullptr;
                RunInt8Conv(*shared, c.at<const uint8_t>(x) + s * x_bytes, extra,
                            c.at<uint8_t>(y) + s * y_bytes);
              }
              return OkStatus();
            });
    if (!finish) y = Finished(unit, y, false, false);
    if (!y.defined()) return false;
    Bind(unit.writes[0], y);
    return true;
  }

  // What 1 is in the residual's addition. A rounded sum is in steps of its own grid before that.
  const bool in_steps = unit.residual && finish_here && AddsInSteps(unit, out);
  const double unit_of_sum = in_steps ? unit.residual_params->scale : 1.0;
  // d[c], with the source's zero point where it is the same for every position.
  std::vector<double> shift = geometry.shift;
  for (double& d : shift) d /= unit.rounded ? unit.rounded->scale : unit_of_sum;
  if (!unit.rounded) {
    for (double& s : step) s /= unit_of_sum;
  }
  const bool fold_zero = xq.zero_point != 0 && !padded;
  if (fold_zero) {
    for (size_t c = 0; c < outputs; ++c) {
      int64_t sum = 0;
      for (int64_t i = 0; i < terms; ++i)
        sum += q[c * static_cast<size_t>(terms) + static_cast<size_t>(i)];
      shift[c] -= step[c] * xq.zero_point * static_cast<double>(sum);
    }
  }
  const bool has_bias = std::any_of(shift.begin(), shift.end(), [](double d) { return d != 0; });

  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  // One scale per channel holds source, weights and what was folded.
  attr.set_scales_mask(DNNL_ARG_WEIGHTS, !conv ? 2 : geometry.group == 1 ? 1 : 3);
  if (out) attr.set_scales_mask(DNNL_ARG_DST, 0);
  if (out && out->zero_point != 0) attr.set_zero_points_mask(DNNL_ARG_DST, 0);
  if (xq.zero_point != 0 && !fold_zero) attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
  dnnl::post_ops post;
  std::vector<DnnlArgument> arguments;
  const Shape ones(conv ? geometry.y_dims.size() : 2, 1);
  const memory::desc number = Describe(ones, DType::kFloat, StridesOf(ones, Layout::kPlain));
  const auto append_binary = [&](dnnl::algorithm algorithm, double second) {
    arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(post.len()) | DNNL_ARG_SRC_1, number,
                         ConstantFloats({static_cast<float>(second)}).storage});
    post.append_binary(algorithm, number);
  };
  if (unit.rounded) {
    // Sums are in steps of this grid, the zero point not in them.
    const QuantParams& grid = *unit.rounded;
    post.append_eltwise(dnnl::algorithm::eltwise_round, 0, 0);
    append_binary(dnnl::algorithm::binary_max, grid.low() - grid.zero_point);
    append_binary(dnnl::algorithm::binary_min, grid.high() - grid.zero_point);
    append_binary(dnnl::algorithm::binary_mul, grid.scale / unit_of_sum);
  }
  if (unit.residual && finish_here) {
    if (unit.residual_params) {
      post.append_sum(in_steps ? 1.0f : unit.residual_params->scale,
                      unit.residual_params->zero_point, DnnlType(residual.dtype));
    } else {
      post.append_sum(1.0f);
    }
  }
  std::optional<UnaryOpSpec> rest = unit.activation;
  if (finish_here && rest && AppendActivation(*rest, post)) rest.reset();
  attr.set_post_ops(post);

  dnnl::primitive primitive;
  Operand y;
  if (unit.residual && finish_here) {
    const Operand original = Get(unit.residual);
    if (residual.storage != x.storage &&
        (residual.storage != original.storage || DiesHere(original))) {
      y = residual;
      y.dtype = y_type;
    } else {
      y = NewArray(y_type, geometry.y_dims, layout);
      AddCopy(residual, y, "own:copy");
    }
  } else {
    y = NewArray(y_type, geometry.y_dims, layout);
  }
  Shape w_dims = wd;
  memory::desc weights_md;
  const Work work = WorkOf(static_cast<double>(y.count()) * static_cast<double>(terms), true);
  const ThreadScope threads(work.threads);
  int64_t samples = 1;
  if (conv) {
    samples = x.dims[0];
    Shape src = x.dims, dst = geometry.y_dims;
    src[0] = dst[0] = 1;
    if (geometry.group != 1) {
      w_dims[0] /= geometry.group;
      w_dims.insert(w_dims.begin(), geometry.group);
    }
    const memory::desc src_md = Describe(src, x.dtype, StridesOf(src, Layout::kChannelsLast));
    const memory::desc dst_md = Describe(dst, y_type, StridesOf(dst, Layout::kChannelsLast));
    const memory::desc bias_md({wd[0]}, memory::data_type::f32, memory::format_tag::a);
    const dnnl::convolution_forward::primitive_desc pd(
        CpuEngine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        src_md, memory::desc(w_dims, memory::data_type::s8, memory::format_tag::any),
        has_bias ? bias_md : memory::desc(), dst_md, geometry.strides, geometry.dilations,
        geometry.pads_begin, geometry.pads_end, attr);
    weights_md = pd.weights_desc();
    primitive = dnnl::convolution_forward(pd);
    arguments.push_back({DNNL_ARG_SRC, src_md, x.storage, static_cast<int64_t>(src_md.get_size())});
    arguments.push_back({DNNL_ARG_DST, dst_md, y.storage, static_cast<int64_t>(dst_md.get_size())});
    if (has_bias) {
      arguments.push_back(
          {DNNL_ARG_BIAS, bias_md, ConstantFloats({shift.begin(), shift.end()}).storage});
    }
    AddScratchpad(pd.scratchpad_desc(), arguments);
  } else {
    const Shape src{x.count() / wd[1], wd[1]}, dst{src[0], wd[0]}, b{wd[1], wd[0]}, bias{1, wd[0]};
    const memory::desc src_md = Describe(src, x.dtype, StridesOf(src, Layout::kPlain));
    const memory::desc dst_md = Describe(dst, y_type, StridesOf(dst, Layout::kPlain));
    const memory::desc bias_md = Describe(bias, DType::kFloat, StridesOf(bias, Layout::kPlain));
    const dnnl::matmul::primitive_desc pd(
        CpuEngine(), src_md, memory::desc(b, memory::data_type::s8, memory::format_tag::any),
        has_bias ? bias_md : memory::desc(), dst_md, attr);
    weights_md = pd.weights_desc();
    primitive = dnnl::matmul(pd);
    arguments.push_back({DNNL_ARG_SRC, src_md, x.storage});
    arguments.push_back({DNNL_ARG_DST, dst_md, y.storage});
    if (has_bias) {
      arguments.push_back(
          {DNNL_ARG_BIAS, bias_md, ConstantFloats({shift.begin(), shift.end()}).storage});
    }
    AddScratchpad(pd.scratchpad_desc(), arguments);
  }
  // [O, K] stored is [K, O] with strides exchanged.
  const memory::desc stored =
      conv ? Describe(w_dims, DType::kInt8, StridesOf(w_dims, Layout::kPlain))
           : Describe({wd[1], wd[0]}, DType::kInt8, {1, wd[1]});
  arguments.push_back({DNNL_ARG_WEIGHTS, weights_md, PackedWeights(unit, weights_md, [&] {
                         return PackedOnce(weights, stored, weights_md);
                       })});

  const memory::desc one_f({1}, memory::data_type::f32, memory::format_tag::a);
  const memory::desc one_i({1}, memory::data_type::s32, memory::format_tag::a);
  const memory::desc per_channel({wd[0]}, memory::data_type::f32, memory::format_tag::a);
  arguments.push_back({DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, per_channel,
                       ConstantFloats({step.begin(), step.end()}).storage});
  if (out) {
    const double scale = out->scale / unit_of_sum;
    arguments.push_back({DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, one_f,
                         ConstantFloats({static_cast<float>(scale)}).storage});
    if (out->zero_point != 0) {
      arguments.push_back({DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_DST, one_i,
                           Constant(DType::kInt32, {1}, &out->zero_point, 4).storage});
    }
  }
  if (xq.zero_point != 0 && !fold_zero) {
    arguments.push_back({DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, one_i,
                         Constant(DType::kInt32, {1}, &xq.zero_point, 4).storage});
  }
  AddDnnl(conv ? "onednn:conv:int8" : "onednn:matmul:int8", primitive, std::move(arguments),
          samples, work);
  if (!finish_here || (unit.result && !out)) {
    y = Finished(unit, y, finish_here, finish_here && unit.activation && !rest);
    if (!y.defined()) return false;
  } else if (rest) {
    y = Activated(y, *rest);
  }
  Bind(unit.writes[0], y);
  return true;
}

Operand Lowering::Finished(const Unit& unit, Operand x, bool residual_done, bool activation_done) {
  if (unit.residual && !residual_done) {
    Operand residual = Get(unit.residual);
    if (unit.residual_params) residual = Dequantized(residual, *unit.residual_params);
    x = AddedTo(x, residual);
    if (!x.defined()) return x;
  }
  if (unit.activation && !activation_done) x = Activated(x, *unit.activation);
  if (unit.result) x = Quantized(x, *unit.result);
  return x;
}

}  // namespace assize::engine
