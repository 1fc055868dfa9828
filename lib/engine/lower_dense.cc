// Small dense layers on our own kernels: what a library call costs is more than what they take.
// Tests: tests/engine/contraction_test.cc, tests/engine/int8_test.cc.
#include "lib/engine/kernels/dense.h"
#include "lib/engine/lower.h"
#include "lib/engine/lower_contraction.h"

namespace assize::engine {
namespace {

// The weights stay in the second-level cache, and rows are too few to share them in registers.
bool IsSmall(int64_t rows, int64_t inputs, int64_t outputs) {
  return rows <= 4 && inputs * outputs <= 1 << 16 && inputs <= kMaxDenseInputs;
}

}  // namespace

bool Lowering::LowerDense(const Unit& unit, const Operand& a, const std::vector<float>& weights,
                          const std::vector<double>& shift, const ir::Shape& y_dims) {
  const int64_t outputs = y_dims.back(), inputs = a.dims.back(), rows = a.count() / inputs;
  const auto bounds = BoundsOf(unit.activation);
  if (!bounds || unit.residual || unit.result) return false;
  if (!IsSmall(rows / options_.batch, inputs, outputs)) return false;
  const std::vector<float> bias(shift.begin(), shift.end());
  const auto kernel =
      std::make_shared<const DenseFloat>(inputs, outputs, weights, bias, bounds->low, bounds->high);
  const Operand y = NewArray(ir::DType::kFloat, y_dims, Layout::kPlain);
  AddStep("own:dense:f32", {a}, {y}, [=](const StepContext& c) {
    kernel->Run(c.at<const float>(a), c.at<float>(y), rows);
    return OkStatus();
  });
  CountWork(WorkOf(static_cast<double>(rows * inputs * outputs), false));
  Bind(unit.writes[0], y);
  return true;
}

bool Lowering::LowerDenseInt8(const Unit& unit, const ContractionGeometry& geometry,
                              const std::vector<double>& step) {
  const ir::Shape& wd = geometry.weights.dims();
  const Operand& x = geometry.x;
  const int64_t rows = x.count() / wd[1];
  const auto bounds = BoundsOf(unit.activation);
  if (!bounds || unit.residual || !IsSmall(rows / options_.batch, wd[1], wd[0])) return false;
  const QuantParams& xq = unit.sources[0]->params;
  DenseBytesSpec spec;
  spec.outputs = wd[0], spec.inputs = wd[1];
  spec.source_signed = xq.dtype == ir::DType::kInt8;
  spec.source_zero = xq.zero_point;
  spec.low = bounds->low, spec.high = bounds->high;
  double unit_step = 1;
  if (unit.result) {
    const QuantParams& out = *unit.result;
    const Bounds steps = InSteps(*bounds, out);
    spec.low = steps.low, spec.high = steps.high;
    spec.quantized = true;
    spec.zero = out.zero_point;
    unit_step = out.scale;
  }
  for (size_t c = 0; c < step.size(); ++c) {
    spec.scale.push_back(static_cast<float>(step[c] / unit_step));
    spec.shift.push_back(static_cast<float>(geometry.shift[c] / unit_step));
  }
  const auto kernel =
      std::make_shared<const DenseBytes>(std::move(spec), geometry.weights.data<int8_t>().data());
  const Operand y = NewArray(unit.result ? unit.result->dtype : ir::DType::kFloat, geometry.y_dims,
                             Layout::kPlain);
  AddStep("own:dense:int8", {x}, {y}, [=](const StepContext& c) {
    kernel->Run(c.at<const uint8_t>(x), c.at<std::byte>(y), rows);
    return OkStatus();
  });
  CountWork(WorkOf(static_cast<double>(rows) * static_cast<double>(wd[0] * wd[1]), true));
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
