// ConvInteger: a convolution of bytes with exact 32-bit sums. Padding counts as the source's zero
// point, so oneDNN takes that away itself; what zero points of the weights are multiplied with
// comes out of one more output channel whose weights are 1. Where its products are not exact, our
// own kernel does it. Tests: tests/engine/dynamic_quantized_test.cc.
#include <algorithm>

#include "lib/analysis/ops.h"
#include "lib/engine/dnnl_steps.h"
#include "lib/engine/kernels/int8.h"
#include "lib/engine/kernels/integer_product.h"
#include "lib/engine/lower_integer.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using dnnl::memory;
using ir::DType;
using ir::Shape;

std::array<int64_t, 3> Spatial(const std::vector<int64_t>& values, size_t skip, int64_t fill,
                               int64_t add = 0) {
  std::array<int64_t, 3> out{fill, fill, fill};
  for (size_t i = skip; i < values.size(); ++i) out[3 - values.size() + i] = values[i] + add;
  return out;
}

}  // namespace

struct Lowering::ConvSums {
  Operand x, zero;  // channels-last; zero point of x, or undefined
  Shape w_dims, y_dims;
  MovedWeights weights;
  int64_t group = 1;
  std::vector<int64_t> strides, dilations, pads_begin, pads_end;  // dilations: 0 is dense
};

bool Lowering::LowerConvInteger(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "ConvInteger") return false;
  const auto view = analysis::ConvIntegerOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || !facts_.IsEvaluable(view->w)) return false;
  const ir::Tensor* w = facts_.Known(view->w);
  Operand x = Get(view->x);
  if (w == nullptr || !IsByte(w->dtype()) || !x.defined() || !IsByte(x.dtype)) return false;
  if (x.dims.size() > 5) return false;
  const int64_t outputs = w->dims()[0], terms = w->element_count() / std::max<int64_t>(1, outputs);
  if (terms > kMostDifferences || !IsZeroPoint(facts_, view->x_zero_point, x.dtype, 0) ||
      !IsZeroPoint(facts_, view->w_zero_point, w->dtype(), outputs) ||
      (view->w_zero_point && !facts_.IsEvaluable(view->w_zero_point)))
    return false;
  auto moved = MoveWeights(facts_, *w, view->w_zero_point, outputs);
  auto window = view->window.Filled(x.dims.size() - 2);
  if (!moved || !window.ok()) return false;
  window->kernel_shape.assign(w->dims().begin() + 2, w->dims().end());
  const auto extent = window->Apply({x.dims.begin() + 2, x.dims.end()});
  if (!extent.ok()) return false;
  const size_t spatial = x.dims.size() - 2;
  ConvSums conv;
  for (size_t i = 0; i < spatial; ++i) {
    conv.dilations.push_back(window->dilations[i] - 1);
    conv.pads_begin.push_back(extent->pads[i]);
    conv.pads_end.push_back(extent->pads[i + spatial]);
    if (extent->pads[i] < 0 || extent->pads[i + spatial] < 0) return false;
  }
  conv.x = In(x, Layout::kChannelsLast, "channels-last");
  if (view->x_zero_point) {
    conv.zero = Plain(view->x_zero_point);
    if (!conv.zero.defined()) return false;
  }
  conv.w_dims = w->dims();
  conv.weights = *std::move(moved);
  conv.group = view->group;
  conv.strides = window->strides;
  conv.y_dims = fact(n.outputs[0]).dims;
  return HasExactInt8() ? LowerDnnlConvSums(unit, std::move(conv)) : LowerOwnConvSums(unit, conv);
}

// With zero points of the weights, each group has one more channel: the sum of its window.
bool Lowering::LowerDnnlConvSums(const Unit& unit, ConvSums conv) {
  const Operand& x = conv.x;
  const int64_t outputs = conv.w_dims[0];
  const int64_t terms = ir::ElementCount(conv.w_dims).value_or(0) / outputs;
  MovedWeights* const moved = &conv.weights;
  const int64_t group = conv.group, own = outputs / group;
  const int64_t all = own + (moved->zeros.empty() ? 0 : 1);
  if (all != own) {
    std::vector<int8_t> bytes;
    for (int64_t g = 0; g < group; ++g) {
      const auto begin = moved->bytes.begin() + g * own * terms;
      bytes.insert(bytes.end(), begin, begin + own * terms);
      bytes.insert(bytes.end(), static_cast<size_t>(terms), int8_t{1});
    }
    moved->bytes = std::move(bytes);
  }
  const Shape y_dims = conv.y_dims;
  Shape src = x.dims, dst = y_dims, w_dims = conv.w_dims;
  src[0] = dst[0] = 1;
  dst[1] = group * all;
  w_dims[0] = all;
  if (group != 1) w_dims.insert(w_dims.begin(), group);
  Shape raw_dims = y_dims;
  raw_dims[1] = group * all;
  const Operand raw = NewArray(DType::kInt32, raw_dims, Layout::kChannelsLast);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (conv.zero.defined()) attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
  const Work work = WorkOf(static_cast<double>(raw.count()) * static_cast<double>(terms), true);
  const ThreadScope threads(work.threads);
  const memory::desc src_md = Describe(src, x.dtype, StridesOf(src, Layout::kChannelsLast));
  const memory::desc dst_md = Describe(dst, DType::kInt32, StridesOf(dst, Layout::kChannelsLast));
  const dnnl::convolution_forward::primitive_desc pd(
      CpuEngine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src_md,
      memory::desc(w_dims, memory::data_type::s8, memory::format_tag::any), dst_md, conv.strides,
      conv.dilations, conv.pads_begin, conv.pads_end, attr);
  const int packed = PackedWeights(unit, pd.weights_desc(), [&] {
    const memory::desc stored = Describe(w_dims, DType::kInt8, StridesOf(w_dims, Layout::kPlain));
    return Reordered(moved->bytes.data(), stored, pd.weights_desc());
  });
  std::vector<DnnlArgument> arguments = {
      {DNNL_ARG_SRC, src_md, x.storage, static_cast<int64_t>(src_md.get_size())},
      {DNNL_ARG_WEIGHTS, pd.weights_desc(), packed},
      {DNNL_ARG_DST, dst_md, raw.storage, static_cast<int64_t>(dst_md.get_size())}};
  if (conv.zero.defined()) {
    const Operand given = conv.zero;
    const Operand zero = NewArray(DType::kInt32, {1}, Layout::kPlain);
    AddStep("own:cast", {given}, {zero}, [=](const StepContext& c) {
      *c.at<int32_t>(zero) = ByteAt(c.at<const uint8_t>(given), given.dtype == DType::kInt8, 0);
      return OkStatus();
    });
    arguments.push_back({DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC,
                         memory::desc({1}, memory::data_type::s32, memory::format_tag::a),
                         zero.storage});
  }
  AddScratchpad(pd.scratchpad_desc(), arguments);
  AddDnnl("onednn:conv-integer:int8", dnnl::convolution_forward(pd), std::move(arguments),
          x.dims[0], work);
  const auto result = ResultOfSums(unit, Layout::kChannelsLast);
  if (!result) return false;
  if (all == own && !result->scaled()) {
    Bind(unit.writes[0], raw);
    return true;
  }
  std::vector<Operand> reads = result->reads(), writes;
  reads.push_back(raw);
  Operand sums = raw, zeros;
  if (all != own) {
    sums = NewArray(DType::kInt32, y_dims, Layout::kChannelsLast);
    zeros = Constant(DType::kInt32, {outputs}, moved->zeros.data(), outputs * 4);
    reads.push_back(zeros);
    writes.push_back(sums);
  }
  if (result->scaled()) writes.push_back(result->y);
  const int64_t positions = sums.count() / outputs;
  AddStep(result->scaled() ? "own:scaled-sums" : "own:zero-points", reads, writes,
          [=, result = *result](const StepContext& c) {
            ParallelRanges(positions, kGrain / outputs + 1, [&](int64_t begin, int64_t end) {
              for (int64_t i = begin; i < end; ++i) {
                int32_t* const to = c.at<int32_t>(sums) + i * outputs;
                for (int64_t g = 0; g < group && all != own; ++g) {
                  const int32_t* from = c.at<const int32_t>(raw) + (i * group + g) * all;
                  std::copy(from, from + own, to + g * own);
                  simd::TakeZeros(to + g * own, c.at<const int32_t>(zeros) + g * own, nullptr,
                                  from[own], 0, own);
                }
                result.Store(c, to, i, outputs);
              }
            });
            return OkStatus();
          });
  Bind(unit.writes[0], result->scaled() ? result->y : sums);
  return true;
}

bool Lowering::LowerOwnConvSums(const Unit& unit, const ConvSums& conv) {
  const Operand x = conv.x;
  const int64_t outputs = conv.w_dims[0], own = outputs / conv.group;
  Int8ConvPlan plan;
  plan.in = Spatial(x.dims, 2, 1);
  plan.out = Spatial(conv.y_dims, 2, 1);
  plan.kernel = Spatial(conv.w_dims, 2, 1);
  plan.stride = Spatial(conv.strides, 0, 1);
  plan.dilation = Spatial(conv.dilations, 0, 1, 1);
  plan.pad = Spatial(conv.pads_begin, 0, 0);
  plan.group = conv.group;
  plan.channels = x.dims[1];
  plan.outputs = outputs;
  plan.x.is_signed = x.dtype == DType::kInt8;
  PackWeights(plan, conv.weights.bytes.data());
  if (!conv.weights.zeros.empty()) {
    const auto per_group = static_cast<int64_t>(plan.weights.size()) / conv.group;
    for (int64_t i = 0; i < per_group * conv.group; ++i) {
      const auto channel = static_cast<size_t>(i / per_group * own + i % own);
      int16_t& weight = plan.weights[static_cast<size_t>(i)];
      weight = static_cast<int16_t>(weight - conv.weights.zeros[channel]);
    }
  }
  const auto result = ResultOfSums(unit, Layout::kChannelsLast);
  if (!result) return false;
  const Operand raw = NewArray(DType::kInt32, conv.y_dims, Layout::kChannelsLast);
  std::vector<Operand> reads = result->reads(), writes{raw};
  reads.push_back(x);
  if (conv.zero.defined()) reads.push_back(conv.zero);
  if (result->scaled()) writes.push_back(result->y);
  const double macs = static_cast<double>(raw.count()) *
                      static_cast<double>(ir::ElementCount(conv.w_dims).value_or(0) / outputs);
  const int64_t samples = x.dims[0], x_step = x.bytes() / samples;
  const int64_t positions = raw.count() / (samples * outputs);
  const auto shared = std::make_shared<const Int8ConvPlan>(std::move(plan));
  AddStep("own:conv-integer:int8", reads, writes,
          [=, zero = conv.zero, result = *result](const StepContext& c) {
            const int32_t za =
                zero.defined() ? ByteAt(c.at<const uint8_t>(zero), shared->x.is_signed, 0) : 0;
            for (int64_t s = 0; s < samples; ++s) {
              int32_t* const sums = c.at<int32_t>(raw) + s * positions * outputs;
              SumInt8Conv(*shared, c.at<const uint8_t>(x) + s * x_step, za, sums);
              for (int64_t i = 0; i < positions; ++i)
                result.Store(c, sums + i * outputs, s * positions + i, outputs);
            }
            return OkStatus();
          });
  CountWork(WorkOf(macs, true));
  Bind(unit.writes[0], result->scaled() ? result->y : raw);
  return true;
}

}  // namespace assize::engine
