// Attention on our own kernel, head by head; queries, keys and values are read where the products
// in front of them left them, and results are written where the product behind wants them; the op,
// and what exporters write out. Tests: tests/engine/transformer_test.cc,
// tests/engine/attention_op_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "lib/analysis/ops.h"
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
Steps StepsOf(const analysis::AttentionOp::Heads& x) {
  const int64_t all = x.heads * x.length * x.width;
  if (x.packed) return {all, x.width, x.heads * x.width, 1};
  return {all, x.length * x.width, x.width, 1};
}

}  // namespace

// The operands of one attention and where the heads lie in them.
struct Lowering::AttentionHeads {
  Operand q, k, v, mask, y;  // mask: undefined for none
  Steps qs, ks, vs, ms, ys;
  int64_t batch = 1, heads = 1;
  int64_t sharing = 1;         // heads of q that read the same one of k and v
  simd::AttentionShape shape;  // the steps are AddAttention's to fill in
};

void Lowering::AddAttention(const AttentionHeads& heads) {
  AttentionHeads a = heads;
  simd::AttentionShape& shape = a.shape;
  shape.q_row = a.qs.row, shape.q_depth = a.qs.column;
  shape.k_row = a.ks.row, shape.k_depth = a.ks.column;
  shape.v_row = a.vs.row, shape.v_depth = a.vs.column;
  shape.y_row = a.ys.row, shape.y_depth = a.ys.column;
  shape.mask_row = a.ms.row, shape.mask_key = a.ms.column;
  std::vector<Operand> reads{a.q, a.k, a.v};
  if (a.mask.defined()) reads.push_back(a.mask);
  const int64_t count = a.batch * a.heads;
  // Each thread has scratch of its own.
  const double macs = static_cast<double>(count * shape.queries * shape.keys) *
                      static_cast<double>(shape.depth + shape.value_depth);
  const Work work = WorkOf(macs, false);
  const int64_t pieces = std::min<int64_t>(work.threads, count);
  const int64_t floats = (simd::AttentionScratch(shape) + 15) / 16 * 16;
  const Operand scratch = NewArray(DType::kFloat, {pieces * floats}, Layout::kPlain);
  const int64_t bytes = shape.quantized ? 1 : 4;
  AddStep(shape.quantized ? "own:attention:int8" : "own:attention", reads, {a.y, scratch},
          [=](const StepContext& c) {
            ParallelFor(pieces, [&](int64_t piece) {
              const int64_t end = count * (piece + 1) / pieces;
              for (int64_t i = count * piece / pieces; i < end; ++i) {
                const int64_t n = i / a.heads, h = i % a.heads, kept = h / a.sharing;
                const float* mask = nullptr;
                if (a.mask.defined())
                  mask = c.at<const float>(a.mask) + n * a.ms.batch + h * a.ms.head;
                simd::AttentionHead(
                    a.shape, c.at<const float>(a.q) + n * a.qs.batch + h * a.qs.head,
                    c.at<const float>(a.k) + n * a.ks.batch + kept * a.ks.head,
                    c.at<const float>(a.v) + n * a.vs.batch + kept * a.vs.head, mask,
                    c.at<std::byte>(a.y) + (n * a.ys.batch + h * a.ys.head) * bytes,
                    c.at<float>(scratch) + piece * floats);
              }
            });
            return OkStatus();
          });
  plan_.steps.back().info.operations = work.operations;
  plan_.steps.back().threads = work.threads;
}

bool Lowering::LowerAttention(const Unit& unit) {
  const AttentionMatch& match = *unit.attention;
  const size_t rank = match.result.size();
  AttentionHeads a;
  a.q = Plain(match.q.base), a.k = Plain(match.k.base), a.v = Plain(match.v.base);
  for (const Operand& operand : {a.q, a.k, a.v}) {
    if (!operand.defined() || operand.dtype != DType::kFloat) return false;
  }
  a.qs = StepsOf(match.q.strides), a.ks = StepsOf(match.k.strides);
  a.vs = StepsOf(match.v.strides), a.ys = StepsOf(match.result_strides);
  simd::AttentionShape& shape = a.shape;
  shape.queries = match.result[rank - 2];
  shape.value_depth = match.result[rank - 1];
  shape.keys = match.k.dims[rank - 2];
  shape.depth = match.k.dims[rank - 1];
  if (match.q.dims[rank - 2] != shape.queries || match.q.dims[rank - 1] != shape.depth ||
      match.v.dims[rank - 2] != shape.keys || match.v.dims[rank - 1] != shape.value_depth)
    return false;
  shape.scale = static_cast<float>(match.scale);
  if (match.mask) {
    a.mask = Plain(match.mask);
    Shape scores = match.result;
    scores[rank - 1] = shape.keys;
    if (!a.mask.defined() || a.mask.dtype != DType::kFloat || a.mask.dims.size() > rank)
      return false;
    if (Broadcast(a.mask.dims, scores) != scores) return false;
    a.ms = StepsOf(BroadcastStrides(a.mask, scores));
  }
  if (unit.result) {
    shape.quantized = true;
    shape.grid = GridOf(*unit.result);
  }
  a.batch = rank == 4 ? match.result[0] : 1, a.heads = match.result[rank - 3];
  a.y = NewArray(unit.result ? unit.result->dtype : DType::kFloat, fact(match.y).dims,
                 Layout::kPlain);
  AddAttention(a);
  Bind(unit.writes[0], a.y);
  return true;
}

Operand Lowering::AttentionMask(const Operand& mask, bool causal, int64_t queries, int64_t keys) {
  const bool flags = mask.defined() && mask.dtype == DType::kBool;
  if (!flags && !causal) return mask;
  const Shape plane{queries, keys};
  const Shape dims = mask.defined() ? *Broadcast(mask.dims, plane) : plane;
  std::vector<Operand> reads;
  std::vector<int64_t> strides(dims.size(), 0);
  if (mask.defined()) {
    reads.push_back(mask);
    strides = BroadcastStrides(mask, dims);
  }
  // Four dims, whatever leads.
  std::array<int64_t, 4> size{1, 1, 1, 1}, step{};
  std::copy(dims.begin(), dims.end(), size.end() - static_cast<int64_t>(dims.size()));
  std::copy(strides.begin(), strides.end(), step.end() - static_cast<int64_t>(dims.size()));
  const Operand y = NewArray(DType::kFloat, dims, Layout::kPlain);
  AddStep("own:attention-mask", reads, {y}, [=](const StepContext& c) {
    const float lowest = -std::numeric_limits<float>::infinity();
    ParallelRanges(size[0] * size[1] * queries, kGrain / keys + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t i = row % queries, h = row / queries % size[1], n = row / queries / size[1];
        const int64_t at = n * step[0] + h * step[1] + i * step[2];
        float* to = c.at<float>(y) + row * keys;
        for (int64_t j = 0; j < keys; ++j) {
          if (causal && j > i) {
            to[j] = lowest;
          } else if (flags) {
            to[j] = c.at<const uint8_t>(mask)[at + j * step[3]] != 0 ? 0.0f : lowest;
          } else {
            to[j] = mask.defined() ? c.at<const float>(mask)[at + j * step[3]] : 0.0f;
          }
        }
      }
    });
    return OkStatus();
  });
  return y;
}

bool Lowering::LowerAttentionOp(const Unit& unit) {
  if (node(unit).op_type != "Attention") return false;
  const auto view = analysis::AttentionOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || node(unit).outputs.size() != 1) return false;
  if (view->past_key || view->past_value || view->valid_keys || view->softcap != 0 ||
      view->left_window >= 0 || view->right_window >= 0)
    return false;
  const auto all = view->HeadsOf(fact(view->q).dims, fact(view->k).dims, fact(view->v).dims);
  if (!all) return false;
  AttentionHeads a;
  a.q = Plain(view->q), a.k = Plain(view->k), a.v = Plain(view->v);
  for (const Operand& operand : {a.q, a.k, a.v}) {
    if (!operand.defined() || operand.dtype != DType::kFloat) return false;
  }
  a.qs = StepsOf(all->q), a.ks = StepsOf(all->k), a.vs = StepsOf(all->v), a.ys = StepsOf(all->y);
  a.batch = all->q.batch, a.heads = all->q.heads, a.sharing = all->q.heads / all->k.heads;
  simd::AttentionShape& shape = a.shape;
  shape.queries = all->q.length, shape.keys = all->k.length;
  shape.depth = all->q.width, shape.value_depth = all->v.width;
  shape.scale = view->scale ? *view->scale
                            : static_cast<float>(1 / std::sqrt(static_cast<double>(shape.depth)));
  shape.masked_row_is_zero = true;
  if (view->mask) {
    a.mask = Plain(view->mask);
    if (!a.mask.defined() || a.mask.dims.size() > 4) return false;
    if (a.mask.dtype != DType::kFloat && a.mask.dtype != DType::kBool) return false;
  }
  a.mask = AttentionMask(a.mask, view->causal, shape.queries, shape.keys);
  if (a.mask.defined()) {
    a.ms = StepsOf(BroadcastStrides(a.mask, {a.batch, a.heads, shape.queries, shape.keys}));
  }
  a.y = NewArray(DType::kFloat, all->y.Dims(), Layout::kPlain);
  AddAttention(a);
  Bind(view->y, a.y);
  return true;
}

}  // namespace assize::engine
