// Layer normalization, written out or as one op, on our own kernel: floats, 8 bits, or both in one
// pass; local response normalization. Tests: tests/engine/transformer_test.cc,
// tests/engine/native_ops_test.cc.
#include <algorithm>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/lrn.h"
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
          [=, epsilon = norm.epsilon, rms = norm.plain_rms](const StepContext& c) {
            ParallelRanges(rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
              const int64_t at = begin * width;
              simd::LayerNormRows(c.at<const float>(x) + at,
                                  gain.defined() ? c.at<const float>(gain) : nullptr,
                                  shift.defined() ? c.at<const float>(shift) : nullptr,
                                  y.defined() ? c.at<float>(y) + at : nullptr,
                                  bytes.defined() ? c.at<uint8_t>(bytes) + at : nullptr, grid,
                                  end - begin, width, epsilon, rms);
            });
            return OkStatus();
          });
  if (floats) Bind(norm.y, y);
  if (unit.quantized) Bind(unit.quantized, bytes);
  return true;
}

bool Lowering::LowerLrn(const Unit& unit) {
  if (node(unit).op_type != "LRN") return false;
  const auto view = analysis::LrnOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || view->size < 1 || view->size > 1024) return false;
  Operand x = Get(view->x);
  if (!x.defined() || x.dtype != DType::kFloat || x.dims.size() < 3) return false;
  x = In(x, Layout::kChannelsLast, "channels-last");
  const int64_t channels = x.dims[1], rows = x.count() / channels;
  const int64_t pieces =
      std::max<int64_t>(1, std::min<int64_t>(options_.threads, x.count() / kGrain));
  const int64_t floats = 2 * (channels + view->size + 32);
  const Operand y = NewArray(DType::kFloat, x.dims, Layout::kChannelsLast);
  const Operand scratch = NewArray(DType::kFloat, {pieces * floats}, Layout::kPlain);
  AddStep("own:lrn", {x}, {y, scratch},
          [=, size = view->size, alpha = view->alpha, beta = view->beta,
           bias = view->bias](const StepContext& c) {
            ParallelFor(pieces, [&](int64_t piece) {
              const int64_t begin = rows * piece / pieces, end = rows * (piece + 1) / pieces;
              simd::LrnRows(c.at<const float>(x) + begin * channels,
                            c.at<float>(y) + begin * channels, end - begin, channels, size, alpha,
                            beta, bias, c.at<float>(scratch) + piece * floats);
            });
            return OkStatus();
          });
  Bind(view->y, y);
  return true;
}

}  // namespace assize::engine
