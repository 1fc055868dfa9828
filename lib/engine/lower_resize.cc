// Resize and Upsample on our own kernels, in the layout that the input lies in: floats, 8 bits
// between two grids, and any element that only moves. Tests: tests/engine/resize_test.cc.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "lib/engine/kernels/simd.h"
#include "lib/engine/lower.h"
#include "lib/engine/resizes.h"

namespace assize::engine {
namespace {

using ir::DType;

// A run this long is worth its own pass over all taps of all axes, if they are not many more than
// axis by axis.
constexpr int64_t kLongRun = 1024, kFewTaps = 16;

// The plan over an array that lies as `x` does; nullopt when a table is too large.
std::optional<ResizePlan> PlanResize(const ResizeMatch& match, const Operand& x) {
  const std::vector<int64_t> strides = x.strides();
  std::vector<size_t> order(x.dims.size());  // of memory
  std::iota(order.begin(), order.end(), size_t{0});
  if (x.layout == Layout::kChannelsLast && order.size() >= 3)
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  // The last is the innermost that changes, and what lies behind it is the run.
  ResizePlan plan;
  size_t last = order.size();
  int64_t taps = 1, changing = 0;
  std::vector<ResizePlan::Dim> dims;
  for (size_t k = 0; k < order.size(); ++k) {
    const size_t d = order[k];
    const ResizeAxis& axis = match.axes[d];
    ResizePlan::Dim dim;
    dim.out = axis.out, dim.src_stride = strides[d];
    if (axis.Changes()) {
      auto table = TapsOf(match, axis);
      if (!table) return std::nullopt;
      dim.taps = *std::move(table);
      taps *= dim.taps.count, ++changing, last = k;
      if (taps > (int64_t{1} << 20)) return std::nullopt;
    }
    dims.push_back(std::move(dim));
  }
  if (last == order.size()) return std::nullopt;  // nothing changes
  plan.last_in = match.axes[order[last]].in;
  for (size_t k = last + 1; k < order.size(); ++k) plan.run *= dims[k].out;
  const bool direct =
      match.mode != ResizeMatch::Mode::kNearest &&
      ((changing == 1 && plan.run >= 16) || (plan.run >= kLongRun && taps <= kFewTaps));
  for (size_t k = 0; k < last + (direct ? 1 : 0); ++k) {
    ResizePlan::Dim& dim = dims[k];
    // Dims that stay and lie side by side count as one.
    if (dim.taps.count == 0 && dim.out == 1) continue;
    if (dim.taps.count == 0 && !plan.outer.empty() && plan.outer.back().taps.count == 0 &&
        plan.outer.back().src_stride == dim.src_stride * dim.out) {
      plan.outer.back().out *= dim.out;
      plan.outer.back().src_stride = dim.src_stride;
    } else {
      plan.outer.push_back(std::move(dim));
    }
  }
  if (direct) {
    plan.last_in = 1;
  } else {
    plan.last = std::move(dims[last].taps);
  }
  return plan;
}

bool AnyOutside(const ResizePlan& plan) {
  return plan.last.any_outside ||
         std::any_of(plan.outer.begin(), plan.outer.end(),
                     [](const ResizePlan::Dim& dim) { return dim.taps.any_outside; });
}

bool ChangesNothing(const ResizeMatch& match) {
  return std::none_of(match.axes.begin(), match.axes.end(),
                      [](const ResizeAxis& axis) { return axis.Changes(); });
}

}  // namespace

Operand Lowering::MoveResize(ir::NodeRef head, const Operand& x, const ir::Shape& dims) {
  const auto match = MatchResize(facts_, head);
  if (!match || match->mode != ResizeMatch::Mode::kNearest || match->ResultDims() != dims)
    return {};
  if (ChangesNothing(*match)) return x;
  auto made = PlanResize(*match, x);
  if (!made) return {};
  // Beyond the input lies a float: of other types the reference knows what it becomes.
  if (AnyOutside(*made) && x.dtype != DType::kFloat) return {};
  const int64_t bytes = ir::BitsOf(x.dtype) / 8;
  std::vector<std::byte> fill(static_cast<size_t>(bytes));
  if (x.dtype == DType::kFloat) std::memcpy(fill.data(), &match->extrapolation, fill.size());
  const auto plan = std::make_shared<const ResizePlan>(*std::move(made));
  const Operand y = NewArray(x.dtype, dims, x.layout);
  AddStep("own:resize:nearest", {x}, {y}, [=](const StepContext& c) {
    ResizeNearest(*plan, bytes, fill.data(), c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  return y;
}

bool Lowering::LowerResize(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "Resize" && n.op_type != "Upsample") return false;
  const auto match = MatchResize(facts_, unit.head);
  if (!match || match->ResultDims() != fact(n.outputs[0]).dims) return false;
  const bool integer = unit.kind == Unit::Kind::kQuantResize;
  const Operand x = Get(integer ? unit.sources[0]->quantized : n.inputs[0]);
  if (!x.defined()) return false;
  const ir::ValueRef result = integer ? unit.writes[0] : n.outputs[0];
  if (!integer && match->mode == ResizeMatch::Mode::kNearest) return false;  // see MoveResize
  if (!integer && x.dtype != DType::kFloat) return false;
  if (ChangesNothing(*match)) {
    if (integer && !(unit.sources[0]->params == *unit.result)) return false;
    Bind(result, x);
    return true;
  }
  auto made = PlanResize(*match, x);
  if (!made) return false;
  const auto plan = std::make_shared<const ResizePlan>(*std::move(made));
  const Operand y =
      NewArray(integer ? unit.result->dtype : DType::kFloat, fact(n.outputs[0]).dims, x.layout);
  const int64_t pieces = std::clamp<int64_t>(y.count() / kGrain, 1, std::max(options_.threads, 1));
  const Operand scratch = NewArray(DType::kDouble, {pieces * ResizeScratch(*plan)}, Layout::kPlain);
  if (!integer) {
    AddStep("own:resize", {x}, {y, scratch},
            [=, fill = match->extrapolation](const StepContext& c) {
              ResizeFloats(*plan, fill, c.at<const float>(x), c.at<float>(y), c.at<double>(scratch),
                           pieces);
              return OkStatus();
            });
  } else {
    const QuantParams from = unit.sources[0]->params;
    ResizeBytes bytes{from.dtype == DType::kInt8, from.zero_point, from.scale, GridOf(*unit.result),
                      0};
    simd::Quantize(&match->extrapolation, &bytes.fill, 1, bytes.grid.scale, bytes.grid.low,
                   bytes.grid.high, bytes.grid.zero);
    AddStep("own:resize:int8", {x}, {y, scratch}, [=](const StepContext& c) {
      ResizeQuantized(*plan, bytes, c.at<const uint8_t>(x), c.at<uint8_t>(y), c.at<double>(scratch),
                      pieces);
      return OkStatus();
    });
  }
  Bind(result, y);
  return true;
}

}  // namespace assize::engine
