// Attention on our own kernel, head by head; queries, keys and values are read where the products
// in front of them left them, and results are written where the product behind wants them. Tests:
// tests/engine/transformer_test.cc.
#include <algorithm>

#include "lib/engine/kernels/attention.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::Shape;

// Steps of a view of rank 3 or 4 over batch and heads.
struct Steps {
  int64_t batch = 0, head = 0, row = 0, column = 0;
};
Steps StepsOf(const std::vector<int64_t>& strides) {
  const size_t rank = strides.size();
  return {rank == 4 ? strides[0] : 0, strides[rank - 3], strides[rank - 2], strides[rank - 1]};
}

}  // namespace

bool Lowering::LowerAttention(const Unit& unit) {
  const AttentionMatch& match = *unit.attention;
  const size_t rank = match.result.size();
  const Operand q = Plain(match.q.base), k = Plain(match.k.base), v = Plain(match.v.base);
  for (const Operand& operand : {q, k, v}) {
    if (!operand.defined() || operand.dtype != DType::kFloat) return false;
  }
  const Steps qs = StepsOf(match.q.strides), ks = StepsOf(match.k.strides),
              vs = StepsOf(match.v.strides), ys = StepsOf(match.result_strides);
  simd::AttentionShape shape;
  shape.queries = match.result[rank - 2];
  shape.value_depth = match.result[rank - 1];
  shape.keys = match.k.dims[rank - 2];
  shape.depth = match.k.dims[rank - 1];
  if (match.q.dims[rank - 2] != shape.queries || match.q.dims[rank - 1] != shape.depth ||
      match.v.dims[rank - 2] != shape.keys || match.v.dims[rank - 1] != shape.value_depth)
    return false;
  shape.q_row = qs.row, shape.q_depth = qs.column;
  shape.k_row = ks.row, shape.k_depth = ks.column;
  shape.v_row = vs.row, shape.v_depth = vs.column;
  shape.y_row = ys.row, shape.y_depth = ys.column;
  shape.scale = static_cast<float>(match.scale);
  std::vector<Operand> reads{q, k, v};
  Operand mask;
  Steps ms;
  if (match.mask) {
    mask = Plain(match.mask);
    Shape scores = match.result;
    scores[rank - 1] = shape.keys;
    if (!mask.defined() || mask.dtype != DType::kFloat || mask.dims.size() > rank) return false;
    std::vector<int64_t> strides(rank, 0);
    const std::vector<int64_t> own = mask.strides();
    for (size_t i = 0; i < own.size(); ++i) {
      const size_t at = rank - own.size() + i;
      if (mask.dims[i] == 1) continue;
      if (mask.dims[i] != scores[at]) return false;
      strides[at] = own[i];
    }
    ms = StepsOf(strides);
    shape.mask_row = ms.row, shape.mask_key = ms.column;
    reads.push_back(mask);
  }
  if (unit.result) {
    shape.quantized = true;
    shape.grid = GridOf(*unit.result);
  }
  const int64_t batch = rank == 4 ? match.result[0] : 1, heads = match.result[rank - 3];
  const Operand y = NewArray(unit.result ? unit.result->dtype : DType::kFloat, fact(match.y).dims,
                             Layout::kPlain);
  // Each thread has scratch of its own.
  const double macs = static_cast<double>(batch * heads * shape.queries * shape.keys) *
                      static_cast<double>(shape.depth + shape.value_depth);
  Work work = WorkOf(macs, false);
  const int64_t pieces = std::min<int64_t>(work.threads, batch * heads);
  const int64_t floats = (simd::AttentionScratch(shape) + 15) / 16 * 16;
  const Operand scratch = NewArray(DType::kFloat, {pieces * floats}, Layout::kPlain);
  const int64_t bytes = unit.result ? 1 : 4;
  AddStep(unit.result ? "own:attention:int8" : "own:attention", reads, {y, scratch},
          [=](const StepContext& c) {
            ParallelFor(pieces, [&](int64_t piece) {
              const int64_t end = batch * heads * (piece + 1) / pieces;
              for (int64_t i = batch * heads * piece / pieces; i < end; ++i) {
                const int64_t n = i / heads, h = i % heads;
                simd::AttentionHead(
                    shape, c.at<const float>(q) + n * qs.batch + h * qs.head,
                    c.at<const float>(k) + n * ks.batch + h * ks.head,
                    c.at<const float>(v) + n * vs.batch + h * vs.head,
                    mask.defined() ? c.at<const float>(mask) + n * ms.batch + h * ms.head : nullptr,
                    c.at<std::byte>(y) + (n * ys.batch + h * ys.head) * bytes,
                    c.at<float>(scratch) + piece * floats);
              }
            });
            return OkStatus();
          });
  plan_.steps.back().info.operations = work.operations;
  plan_.steps.back().threads = work.threads;
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
