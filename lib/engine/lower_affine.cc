// Scale and shift per channel with what follows, on channels-last arrays. Tests:
// tests/engine/image_units_test.cc.
#include <cmath>

#include "lib/engine/kernels/affine.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {

bool Lowering::LowerAffine(const Unit& unit) {
  const Operand input = Get(unit.reads[0]);
  if (!input.defined() || input.dtype != ir::DType::kFloat || input.dims.size() > 5) return false;
  const bool image = input.dims.size() > 2;
  const Operand x = image ? In(input, Layout::kChannelsLast, "channels-last") : input;
  float low = -INFINITY, high = INFINITY;
  if (unit.activation) {
    const bool clip = unit.activation->kind == Unary::kClip;
    low = clip ? unit.activation->a : 0.0f;
    if (clip) high = unit.activation->b;
  }
  const Operand k = ConstantFloats({unit.scale.begin(), unit.scale.end()});
  const Operand d = ConstantFloats({unit.shift.begin(), unit.shift.end()});
  simd::ByteGrid grid;
  const bool bytes = unit.result.has_value();
  if (bytes) {
    const QuantParams& out = *unit.result;
    grid = {out.scale, static_cast<float>(out.low() - out.zero_point),
            static_cast<float>(out.high() - out.zero_point), out.zero_point};
  }
  const Operand y = bytes ? NewArray(unit.result->dtype, x.dims, x.layout)
                          : ResultLike(x, ir::DType::kFloat);
  const int64_t channels = x.dims[1], rows = x.count() / channels;
  const int64_t grain = std::max<int64_t>(1, 65536 / channels);
  AddStep(bytes ? "own:affine:int8" : "own:affine", {x, k, d}, {y}, [=](const StepContext& c) {
    ParallelRanges(rows, grain, [&](int64_t begin, int64_t end) {
      simd::AffineRows(c.at<const float>(x) + begin * channels, c.at<const float>(k),
                       c.at<const float>(d), low, high,
                       bytes ? nullptr : c.at<float>(y) + begin * channels,
                       bytes ? c.at<uint8_t>(y) + begin * channels : nullptr, grid, end - begin,
                       channels);
    });
    return OkStatus();
  });
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
