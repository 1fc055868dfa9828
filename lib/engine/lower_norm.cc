// Layer normalization, written out or as one op, on our own kernel: floats, 8 bits, or both in one
// pass. Tests: tests/engine/transformer_test.cc.
#include "lib/engine/kernels/norm.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {

using ir::DType;

simd::ByteGrid GridOf(const QuantParams& params) {
  return {params.scale, static_cast<float>(params.low() - params.zero_point),
          static_cast<float>(params.high() - params.zero_point), params.zero_point};
}

bool Lowering::LowerLayerNorm(const Unit& unit) {
  const LayerNormMatch& norm = *unit.norm;
  const Operand x = Plain(norm.x);
  if (!x.defined() || x.dtype != DType::kFloat || norm.width < 1) return false;
  Operand gain, shift;
  std::vector<Operand> reads{x}, writes;
  for (auto [value, operand] : {std::pair{norm.gain, &gain}, std::pair{norm.shift, &shift}}) {
    if (!value) continue;
    *operand = Plain(value);
    if (!operand->defined() || operand->count() != norm.width) return false;
    reads.push_back(*operand);
  }
  // Floats only where somebody reads them.
  const bool floats = !unit.quantized || uses_left_[norm.y.index] > 0;
  Operand y, bytes;
  simd::ByteGrid grid;
  if (floats) writes.push_back(y = ResultLike(x, DType::kFloat));
  if (unit.quantized) {
    writes.push_back(bytes = NewArray(unit.result->dtype, x.dims, Layout::kPlain));
    grid = GridOf(*unit.result);
  }
  const int64_t width = norm.width, rows = x.count() / width;
  AddStep(unit.quantized ? "own:layer-norm:int8" : "own:layer-norm", reads, writes,
          [=, epsilon = norm.epsilon](const StepContext& c) {
            ParallelRanges(rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
              const int64_t at = begin * width;
              simd::LayerNormRows(c.at<const float>(x) + at,
                                  gain.defined() ? c.at<const float>(gain) : nullptr,
                                  shift.defined() ? c.at<const float>(shift) : nullptr,
                                  y.defined() ? c.at<float>(y) + at : nullptr,
                                  bytes.defined() ? c.at<uint8_t>(bytes) + at : nullptr, grid,
                                  end - begin, width, epsilon, false);
            });
            return OkStatus();
          });
  if (floats) Bind(norm.y, y);
  if (unit.quantized) Bind(unit.quantized, bytes);
  return true;
}

}  // namespace assize::engine
