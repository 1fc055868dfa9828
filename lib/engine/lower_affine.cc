// Scale and shift per channel with what follows, on channels-last arrays. Tests:
// tests/engine/image_units_test.cc.
#include "lib/engine/kernels/affine.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {

bool Lowering::LowerAffine(const Unit& unit) {
  const Operand input = Get(unit.reads[0]);
  if (!input.defined() || input.dtype != ir::DType::kFloat || input.dims.size() > 5) return false;
  const bool image = input.dims.size() > 2;
  const Operand x = image ? In(input, Layout::kChannelsLast, "channels-last") : input;
  const auto bounds = BoundsOf(unit.activation);
  if (!bounds) return false;
  const Operand k = ConstantFloats({unit.scale.begin(), unit.scale.end()});
  const Operand d = ConstantFloats({unit.shift.begin(), unit.shift.end()});
  const bool bytes = unit.result.has_value();
  const simd::ByteGrid grid = bytes ? GridOf(*unit.result) : simd::ByteGrid{};
  const Operand y =
      bytes ? NewArray(unit.result->dtype, x.dims, x.layout) : ResultLike(x, ir::DType::kFloat);
  const int64_t channels = x.dims[1], rows = x.count() / channels;
  const int64_t grain = std::max<int64_t>(1, 65536 / channels);
  AddStep(bytes ? "own:affine:int8" : "own:affine", {x, k, d}, {y}, [=](const StepContext& c) {
    ParallelRanges(rows, grain, [&](int64_t begin, int64_t end) {
      simd::AffineRows(
          c.at<const float>(x) + begin * channels, c.at<const float>(k), c.at<const float>(d),
          bounds->low, bounds->high, bytes ? nullptr : c.at<float>(y) + begin * channels,
          bytes ? c.at<uint8_t>(y) + begin * channels : nullptr, grid, end - begin, channels);
    });
    return OkStatus();
  });
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
