// Pooling, float and 8 bits, on our own channels-last kernels. Tests: tests/engine/ops_test.cc.
#include <algorithm>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/int8.h"
#include "lib/engine/kernels/pool.h"
#include "lib/engine/lower.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::Shape;

void Put(std::array<int64_t, 3>& to, size_t rank, size_t i, int64_t value) {
  to[3 - rank + i] = value;
}

// The pooling that `ref` means over an input of `dims`; nullopt when it is none that the kernels
// know.
std::optional<PoolPlan> PlanPool(const ir::Graph& graph, ir::NodeRef ref, int64_t opset,
                                 const Shape& dims, const Shape& out) {
  const ir::Node& n = graph.node(ref);
  if (dims.size() < 3 || dims.size() > 5) return std::nullopt;
  const size_t spatial = dims.size() - 2;
  PoolPlan plan;
  plan.channels = dims[1];
  for (size_t i = 0; i < spatial; ++i) {
    Put(plan.in, spatial, i, dims[i + 2]);
    Put(plan.out, spatial, i, out[i + 2]);
  }
  if (n.op_type == "GlobalAveragePool" || n.op_type == "GlobalMaxPool") {
    plan.kernel = plan.in;
    return plan;
  }
  const auto view = analysis::PoolOp::From(graph, ref, opset);
  if (!view.ok()) return std::nullopt;
  const auto window = view->window.Filled(spatial);
  if (!window.ok()) return std::nullopt;
  const auto extent = window->Apply({dims.begin() + 2, dims.end()});
  if (!extent.ok()) return std::nullopt;
  plan.count_include_pad = view->count_include_pad;
  for (size_t i = 0; i < spatial; ++i) {
    if (extent->pads[i] < 0 || extent->pads[i + spatial] < 0) return std::nullopt;
    Put(plan.kernel, spatial, i, window->kernel_shape[i]);
    Put(plan.stride, spatial, i, window->strides[i]);
    Put(plan.dilation, spatial, i, window->dilations[i]);
    Put(plan.pad_begin, spatial, i, extent->pads[i]);
    Put(plan.pad_end, spatial, i, extent->pads[i + spatial]);
  }
  return plan;
}

bool IsMax(const ir::Node& n) { return n.op_type == "MaxPool" || n.op_type == "GlobalMaxPool"; }
bool IsAverage(const ir::Node& n) {
  return n.op_type == "AveragePool" || n.op_type == "GlobalAveragePool";
}

}  // namespace

bool Lowering::LowerPool(const Unit& unit) {
  const ir::Node& n = node(unit);
  if ((!IsMax(n) && !IsAverage(n)) || n.outputs.size() != 1) return false;
  const Operand input = Get(n.inputs[0]);
  const Shape& dims = fact(n.outputs[0]).dims;
  if (!input.defined()) return false;
  if (IsMax(n)) {
    const Operand y = MovePool(unit.head, input, dims);
    if (!y.defined()) return false;
    Bind(n.outputs[0], y);
    return true;
  }
  if (input.dtype != DType::kFloat) return false;
  const auto plan = PlanPool(graph_, unit.head, facts_.opset(), input.dims, dims);
  if (!plan) return false;
  const Operand x = In(input, Layout::kChannelsLast, "channels-last");
  const Operand y = NewArray(DType::kFloat, dims, Layout::kChannelsLast);
  const int64_t samples = dims[0], x_step = x.count() / samples, y_step = y.count() / samples;
  AddStep("own:average-pool", {x}, {y}, [=, plan = *plan](const StepContext& c) {
    for (int64_t s = 0; s < samples; ++s) {
      AveragePoolFloat(plan, c.at<const float>(x) + s * x_step, c.at<float>(y) + s * y_step);
    }
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

Operand Lowering::MovePool(ir::NodeRef head, const Operand& input, const Shape& dims) {
  const DType type = input.dtype;
  if (type != DType::kFloat && type != DType::kUint8 && type != DType::kInt8) return {};
  const auto plan = PlanPool(graph_, head, facts_.opset(), input.dims, dims);
  if (!plan) return {};
  const Operand x = In(input, Layout::kChannelsLast, "channels-last");
  const Operand y = NewArray(type, dims, Layout::kChannelsLast);
  const int64_t samples = dims[0], x_step = x.count() / samples, y_step = y.count() / samples;
  AddStep(type == DType::kFloat ? "own:max-pool" : "own:max-pool:int8", {x}, {y},
          [=, plan = *plan](const StepContext& c) {
            for (int64_t s = 0; s < samples; ++s) {
              if (type == DType::kFloat) {
                MaxPoolFloat(plan, c.at<const float>(x) + s * x_step, c.at<float>(y) + s * y_step);
              } else if (type == DType::kUint8) {
                MaxPoolU8(plan, c.at<const uint8_t>(x) + s * x_step, c.at<uint8_t>(y) + s * y_step);
              } else {
                MaxPoolS8(plan, c.at<const int8_t>(x) + s * x_step, c.at<int8_t>(y) + s * y_step);
              }
            }
            return OkStatus();
          });
  return y;
}

bool Lowering::LowerQuantAverage(const Unit& unit) {
  const ir::Node& n = node(unit);
  const Operand input = Get(unit.sources[0]->quantized);
  const Shape& dims = fact(n.outputs[0]).dims;
  if (!input.defined()) return false;
  const auto plan = PlanPool(graph_, unit.head, facts_.opset(), input.dims, dims);
  if (!plan) return false;
  const QuantParams from = unit.sources[0]->params, to = *unit.result;
  const Operand x = In(input, Layout::kChannelsLast, "channels-last");
  const Operand y = NewArray(to.dtype, dims, Layout::kChannelsLast);
  const int64_t samples = dims[0];
  const int64_t x_step = x.count() / samples, y_step = y.count() / samples;
  ByteAverage average{from.dtype == DType::kInt8, from.zero_point, from.scale, {}};
  average.grid = {to.scale, static_cast<float>(to.low() - to.zero_point),
                  static_cast<float>(to.high() - to.zero_point), to.zero_point};
  AddStep("own:average-pool:int8", {x}, {y}, [=, plan = *plan](const StepContext& c) {
    for (int64_t s = 0; s < samples; ++s) {
      AveragePoolBytes(plan, average, c.at<const uint8_t>(x) + s * x_step,
                       c.at<uint8_t>(y) + s * y_step);
    }
    return OkStatus();
  });
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
