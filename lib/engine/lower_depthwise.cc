// Depthwise convolutions over a plane or a line, on our own kernels: in bytes, quantized in and
// out, and in floats. Tests: tests/engine/depthwise_test.cc, tests/engine/int8_test.cc.
#include <algorithm>
#include <memory>

#include "lib/engine/kernels/depthwise.h"
#include "lib/engine/kernels/depthwise_3x3.h"
#include "lib/engine/lower_contraction.h"
#include "lib/support/parallel.h"

namespace assize::engine {

std::optional<DepthwiseShape> Lowering::DepthwiseShapeOf(const ContractionGeometry& geometry) {
  const ir::Shape &xd = geometry.x.dims, &wd = geometry.weights.dims(), &yd = geometry.y_dims;
  if (wd.size() < 3 || wd.size() > 4) return std::nullopt;
  if (wd[0] != geometry.group || wd[1] != 1 || xd[1] != wd[0]) return std::nullopt;
  DepthwiseShape s;
  const size_t last = wd.size() - 1;
  s.channels = wd[0];
  s.in_w = xd[last], s.out_w = yd[last], s.kernel_w = wd[last];
  s.stride_w = geometry.strides.back(), s.dilation_w = geometry.dilations.back() + 1;
  s.pad_left = geometry.pads_begin.back();
  if (wd.size() == 4) {
    s.in_h = xd[2], s.out_h = yd[2], s.kernel_h = wd[2];
    s.stride_h = geometry.strides[0], s.dilation_h = geometry.dilations[0] + 1;
    s.pad_top = geometry.pads_begin[0];
  }
  return s;
}

template <typename T, typename Kernel>
void Lowering::AddDepthwise(const std::string& name, const Operand& x, const Operand& y,
                            std::shared_ptr<const Kernel> kernel) {
  const DepthwiseShape& s = kernel->shape();
  const int64_t samples = x.dims[0], x_step = x.count() / samples, y_step = y.count() / samples;
  const int64_t row_macs = s.out_w * s.channels * s.kernel_h * s.kernel_w;
  const int64_t grain = std::max<int64_t>(1, 1000000 / std::max<int64_t>(row_macs, 1));
  AddStep(name, {x}, {y}, [=](const StepContext& c) {
    for (int64_t n = 0; n < samples; ++n) {
      const T* from = c.at<const T>(x) + n * x_step;
      T* to = c.at<T>(y) + n * y_step;
      ParallelRanges(kernel->shape().out_h, grain,
                     [&](int64_t begin, int64_t end) { kernel->Run(from, to, begin, end); });
    }
    return OkStatus();
  });
  CountWork(WorkOf(static_cast<double>(row_macs * s.out_h * samples), sizeof(T) == 1));
}

bool Lowering::LowerDepthwise(const Unit& unit, const ContractionGeometry& geometry,
                              const std::vector<double>& step, const QuantParams& out) {
  const auto shape = DepthwiseShapeOf(geometry);
  if (!shape) return false;
  const QuantParams& xq = unit.sources[0]->params;
  DepthwiseSpec spec;
  spec.shape = *shape;
  spec.source_signed = xq.dtype == ir::DType::kInt8;
  spec.source_zero = xq.zero_point;
  spec.result_signed = out.dtype == ir::DType::kInt8;
  spec.zero = out.zero_point;
  for (size_t c = 0; c < step.size(); ++c) {
    spec.scale.push_back(static_cast<float>(step[c] / out.scale));
    spec.shift.push_back(static_cast<float>(geometry.shift[c] / out.scale));
  }
  const Bounds steps = InSteps(*BoundsOf(unit.activation), out);
  spec.low = steps.low, spec.high = steps.high;
  const Operand y = NewArray(out.dtype, geometry.y_dims, Layout::kChannelsLast);
  AddDepthwise<uint8_t>(
      "own:depthwise:int8", geometry.x, y,
      std::make_shared<const Depthwise>(std::move(spec), geometry.weights.data<int8_t>().data()));
  Bind(unit.writes[0], y);
  return true;
}

bool Lowering::LowerDepthwiseFloat(const Unit& unit, const ContractionGeometry& geometry) {
  const auto shape = DepthwiseShapeOf(geometry);
  const auto bounds = BoundsOf(unit.activation);
  if (!shape || !bounds || unit.residual || !Depthwise3x3::Fits(*shape)) return false;
  std::vector<float> weights = CopiedFloats(geometry.weights);
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) * geometry.scale[i / 9]);
  }
  const std::vector<float> bias(geometry.shift.begin(), geometry.shift.end());
  const Operand y = NewArray(ir::DType::kFloat, geometry.y_dims, Layout::kChannelsLast);
  AddDepthwise<float>(
      "own:depthwise:f32", geometry.x, y,
      std::make_shared<const Depthwise3x3>(*shape, weights, bias, bounds->low, bounds->high));
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
