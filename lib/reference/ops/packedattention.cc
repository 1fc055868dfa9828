// com.microsoft Attention, QAttention, MultiHeadAttention, RotaryEmbedding.
//
// Shapes  Attention projects its input [B, S, I] by weights [I, Q + K + V] (QAttention: both 8
// bits,
//         the sum exact); the others take projected query [B, S, H * D], key and value. Present
//         keys and values are those of the past, then the new ones.
// Mask    int32: ends [B], ends then starts [2 * B], keys [B, T], or [B, S, T]. What is masked gets
//         mask_filter_value added, not minus infinity: rows masked whole still attend.
//         `unidirectional` hides the keys behind a token.
// Sums in double, one rounding.
// Source  Vaswani et al. 2017.        Tests  tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/heads.h"
#include "lib/reference/ops/narrow.h"
#include "lib/reference/ops/product.h"

namespace assize::reference {
namespace {

// Adds mask, input `i`, and causality to the scores.
Status AddMask(const OpContext& ctx, size_t i, const Problem& p, int64_t past,
               std::vector<double>& scores) {
  const double filter = ctx.Float("mask_filter_value", -10000.0f);
  const int64_t batch = p.q.batch, length = p.q.length, total = p.k.length;
  std::vector<int64_t> mask;
  ir::Shape dims;
  if (ctx.has(i)) {
    AZ_ASSIGN_OR_RETURN(mask, ctx.IntsIn(i, "mask"));
    dims = ctx.in(i).dims();
    const bool fits = dims == ir::Shape{batch} || dims == ir::Shape{2 * batch} ||
                      dims == ir::Shape{batch, total} || dims == ir::Shape{batch, length, total};
    if (!fits) {
      return InvalidArgument("mask is {}, expected [{}], [{}], [{}, {}] or [{}, {}, {}]",
                             ctx.in(i).TypeText(), batch, 2 * batch, batch, total, batch, length,
                             total);
    }
  }
  const bool causal = ctx.Int("unidirectional", 0) != 0;
  const auto hidden = [&](int64_t b, int64_t row, int64_t key) {
    const auto at = [&](int64_t index) { return mask[static_cast<size_t>(index)]; };
    switch (dims.size()) {
      case 1:
        return key >= at(b) || (dims[0] == 2 * batch && key < at(batch + b));
      case 2:
        return at(b * total + key) <= 0;
      case 3:
        return at((b * length + row) * total + key) <= 0;
      default:
        return false;
    }
  };
  for (size_t k = 0; k < scores.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const int64_t key = at % total, row = at / total % length, b = at / total / length / p.q.heads;
    if (causal && key > past + row) {
      scores[k] = kMinusInfinity;
    } else if (hidden(b, row, key)) {
      scores[k] += filter;
    }
  }
  return OkStatus();
}

// Adds input `i`, [B or 1, H or 1, S, T], to the scores.
Status AddScoreBias(const OpContext& ctx, size_t i, const Problem& p, std::vector<double>& scores) {
  if (!ctx.has(i)) return OkStatus();
  const ir::Shape dims = p.ScoreDims();
  if (!BroadcastsTo(ctx.in(i).dims(), dims)) {
    return InvalidArgument("attention_bias is {}, expected to broadcast to {}",
                           ctx.in(i).TypeText(), ir::ShapeText(dims));
  }
  const BroadcastMap at(ctx.in(i).dims(), dims);
  const std::vector<double> bias = Reals(ctx.in(i));
  for (size_t k = 0; k < scores.size(); ++k)
    scores[k] += bias[static_cast<size_t>(at(static_cast<int64_t>(k)))];
  return OkStatus();
}

// Plans, checks and computes what the ops share, and sets output 0.
Status Attend(OpContext& ctx, Problem& p, size_t mask, size_t bias, int64_t past) {
  AZ_RETURN_IF_ERROR(CheckProblem(p));
  p.scale = ctx.Float("scale", 0);
  if (p.scale == 0) p.scale = 1 / std::sqrt(static_cast<double>(p.q.width));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, p.ScoreDims()).status());
  std::vector<double> scores = Scores(p);
  AZ_RETURN_IF_ERROR(AddScoreBias(ctx, bias, p, scores));
  AZ_RETURN_IF_ERROR(AddMask(ctx, mask, p, past, scores));
  SoftmaxRows(scores, p.k.length);
  const Heads y = Weighted(p, scores);
  const ir::DType dtype = ir::IsFloating(ctx.in(0).dtype()) ? ctx.in(0).dtype() : ctx.in(3).dtype();
  ctx.Set(0, FromReals(dtype, y.Dims(), y.values));
  return OkStatus();
}

// Columns [begin, begin + heads * width) of rows [batch * length, columns], as heads.
Heads Columns(const std::vector<double>& rows, int64_t batch, int64_t length, int64_t columns,
              int64_t begin, int64_t heads, int64_t width) {
  Heads out{batch, heads, length, width, true, {}};
  out.values.reserve(static_cast<size_t>(batch * length * heads * width));
  for (int64_t row = 0; row < batch * length; ++row) {
    const double* from = rows.data() + row * columns + begin;
    out.values.insert(out.values.end(), from, from + heads * width);
  }
  return out;
}

// Input `past` [2, B, H, P, D] in front of K and V; both become output 1.
StatusOr<int64_t> JoinPast(OpContext& ctx, size_t past, ir::DType dtype, Problem& p) {
  int64_t length = 0;
  if (ctx.has(past)) {
    const ir::Tensor& given = ctx.in(past);
    if (given.rank() != 5 || given.dims()[0] != 2)
      return InvalidArgument("past is {}, expected [2, B, H, P, D]", given.TypeText());
    const ir::Shape half(given.dims().begin() + 1, given.dims().end());
    const std::vector<double> values = Reals(given);
    const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
    const Heads keys{half[0], half[1], half[2], half[3], false, {values.begin(), middle}};
    const Heads rest{half[0], half[1], half[2], half[3], false, {middle, values.end()}};
    length = half[2];
    AZ_ASSIGN_OR_RETURN(p.k, Joined(p.k, keys, "past"));
    AZ_ASSIGN_OR_RETURN(p.v, Joined(p.v, rest, "past"));
  } else {
    p.k = Unpacked(p.k);
    p.v = Unpacked(p.v);
  }
  if (ctx.wants(1)) {
    if (p.k.width != p.v.width)
      return InvalidArgument("present with heads of {} in K and {} in V", p.k.width, p.v.width);
    std::vector<double> both = p.k.values;
    both.insert(both.end(), p.v.values.begin(), p.v.values.end());
    ctx.Set(1, FromReals(dtype, {2, p.k.batch, p.k.heads, p.k.length, p.k.width}, both));
  }
  return length;
}

Status RefuseDeviceForms(const OpContext& ctx) {
  for (const char* name : {"do_rotary", "past_present_share_buffer"}) {
    if (ctx.Int(name, 0) != 0) return Unimplemented("attribute \"{}\" is set", name);
  }
  return OkStatus();
}

// Projected rows [B * S, columns] split into Q, K and V of these widths, then attention.
Status AttendProjected(OpContext& ctx, const std::vector<double>& rows, const ir::Shape& input,
                       const std::vector<int64_t>& widths, ir::DType dtype, size_t mask,
                       size_t past, size_t bias) {
  const int64_t heads = ctx.Int("num_heads", 0);
  const int64_t columns = widths[0] + widths[1] + widths[2];
  for (const int64_t width : widths) {
    if (heads < 1 || width < 1 || width % heads != 0)
      return InvalidArgument("{} heads do not divide the widths {}", heads, ir::ShapeText(widths));
  }
  Problem p;
  int64_t begin = 0;
  Heads* const parts[] = {&p.q, &p.k, &p.v};
  for (size_t i = 0; i < 3; ++i) {
    *parts[i] = Columns(rows, input[0], input[1], columns, begin, heads, widths[i] / heads);
    begin += widths[i];
  }
  AZ_ASSIGN_OR_RETURN(const int64_t length, JoinPast(ctx, past, dtype, p));
  return Attend(ctx, p, mask, bias, length);
}

// input, weights, bias, mask_index, past, attention_bias -> y, present.
Status Attention(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(RefuseDeviceForms(ctx));
  const ir::Tensor &x = ctx.in(0), &w = ctx.in(1);
  if (x.rank() != 3 || w.rank() != 2)
    return InvalidArgument("input is {} and weights is {}, expected [B, S, I] and [I, N]",
                           x.TypeText(), w.TypeText());
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(x.dims(), w.dims()));
  std::vector<int64_t> widths =
      ctx.Ints("qkv_hidden_sizes", {s.columns / 3, s.columns / 3, s.columns / 3});
  const auto sum = widths.size() == 3 ? CheckedAdd(widths[0], widths[1]) : std::nullopt;
  const auto all = sum ? CheckedAdd(*sum, widths[2]) : std::nullopt;
  if (!all || *all != s.columns)
    return InvalidArgument("the weights' {} columns are not those of qkv_hidden_sizes {}",
                           s.columns, ir::ShapeText(widths));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, s.out).status());
  std::vector<double> rows = Multiply(s, Reals(x), Reals(w));
  if (ctx.has(2)) {
    if (ctx.in(2).dims() != ir::Shape{s.columns})
      return InvalidArgument("bias is {}, expected [{}]", ctx.in(2).TypeText(), s.columns);
    const std::vector<double> bias = Reals(ctx.in(2));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] += bias[i % bias.size()];
  }
  return AttendProjected(ctx, rows, x.dims(), widths, x.dtype(), 3, 4, 5);
}

// input, weight, bias, input_scale, weight_scale, mask_index, input_zero, weight_zero, past.
Status QAttention(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 3));
  AZ_RETURN_IF_ERROR(RefuseDeviceForms(ctx));
  const ir::Tensor &x = ctx.in(0), &w = ctx.in(1);
  if (x.rank() != 3 || w.rank() != 2)
    return InvalidArgument("input is {} and weight is {}, expected [B, S, I] and [I, N]",
                           x.TypeText(), w.TypeText());
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(x.dims(), w.dims()));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, s.out).status());
  if (s.columns % 3 != 0)
    return InvalidArgument("weight is {}: not three of one width", w.TypeText());
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> a, CenteredOperand(ctx, 0, 6, false));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> b, CenteredOperand(ctx, 1, 7, false));
  AZ_ASSIGN_OR_RETURN(const double x_scale, ctx.RealScalarIn(3, "input_scale"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> w_scale,
                      Spread(ctx.in(4), s.out, false, "weight_scale"));
  if (ctx.in(2).dims() != ir::Shape{s.columns})
    return InvalidArgument("bias is {}, expected [{}]", ctx.in(2).TypeText(), s.columns);
  const std::vector<double> bias = Reals(ctx.in(2));
  const std::vector<int64_t> sums = Multiply(s, a, b);
  std::vector<double> rows(sums.size());
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<double>(sums[i]) * (x_scale * w_scale[i]) + bias[i % bias.size()];
  return AttendProjected(ctx, rows, x.dims(), std::vector<int64_t>(3, s.columns / 3),
                         ctx.in(3).dtype(), 5, 8, ctx.input_count());
}

// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value -> y,
// present_key, present_value. Key and value as [B, L, H * D], or as [B, H, L, D] and then without
// bias.
Status MultiHeadAttention(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  if (!ctx.has(1) || !ctx.has(2) || ctx.in(0).rank() != 3)
    return Unimplemented("packed query, key and value");
  if (ctx.has(8) || ctx.has(9)) return Unimplemented("shared key and value buffers");
  if (ctx.wants(3)) return Unimplemented("output qk");
  const int64_t heads = ctx.Int("num_heads", 0);
  Problem p;
  AZ_ASSIGN_OR_RETURN(p.q, HeadsOf(ctx.in(0), heads, "query"));
  AZ_ASSIGN_OR_RETURN(p.k, HeadsOf(ctx.in(1), heads, "key"));
  AZ_ASSIGN_OR_RETURN(p.v, HeadsOf(ctx.in(2), heads, "value"));
  if (ctx.has(3)) {
    // Split tensors [B, H, L, D] may have any dims when they have no elements.
    const int64_t q = p.q.heads * p.q.width, k = CheckedMul(p.k.heads, p.k.width).value_or(-1),
                  v = CheckedMul(p.v.heads, p.v.width).value_or(-1);
    const auto some = CheckedAdd(q, k);
    const auto all = some ? CheckedAdd(*some, v) : std::nullopt;
    if (k < 0 || v < 0 || !all || ctx.in(3).dims() != ir::Shape{*all})
      return InvalidArgument("bias is {}, expected [{} + {} + {}]", ctx.in(3).TypeText(), q, k, v);
    const std::vector<double> bias = Reals(ctx.in(3));
    const auto add = [&](Heads& to, int64_t begin, int64_t width) {
      for (size_t i = 0; to.packed && i < to.values.size(); ++i)
        to.values[i] += bias[static_cast<size_t>(begin + static_cast<int64_t>(i) % width)];
    };
    add(p.q, 0, q);
    add(p.k, q, k);
    add(p.v, q + k, v);
  }
  if (ctx.has(6) != ctx.has(7))
    return InvalidArgument("past_key and past_value are given one without the other");
  p.k = Unpacked(p.k);
  p.v = Unpacked(p.v);
  int64_t past = 0;
  if (ctx.has(6)) {
    AZ_ASSIGN_OR_RETURN(const Heads keys, HeadsOf(ctx.in(6), 0, "past_key"));
    AZ_ASSIGN_OR_RETURN(const Heads values, HeadsOf(ctx.in(7), 0, "past_value"));
    past = keys.length;
    AZ_ASSIGN_OR_RETURN(p.k, Joined(p.k, keys, "past_key"));
    AZ_ASSIGN_OR_RETURN(p.v, Joined(p.v, values, "past_value"));
  }
  AZ_RETURN_IF_ERROR(Attend(ctx, p, 4, 5, past));
  if (ctx.wants(1)) ctx.Set(1, FromReals(ctx.in(0).dtype(), p.k.Dims(), p.k.values));
  if (ctx.wants(2)) ctx.Set(2, FromReals(ctx.in(0).dtype(), p.v.Dims(), p.v.values));
  return OkStatus();
}

// input, position_ids ([1]: of the first token, or [B, S]), cos_cache, sin_cache.
Status RotaryEmbedding(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Shape& cache = ctx.in(2).dims();
  if (cache.size() != 2 || ctx.in(3).dims() != cache)
    return InvalidArgument("cos_cache is {} and sin_cache is {}, expected two of [M, D / 2]",
                           ctx.in(2).TypeText(), ctx.in(3).TypeText());
  const ir::Tensor& x = ctx.in(0);
  const int64_t half = cache[1], given = ctx.Int("num_heads", 0);
  if (half < 1 || half > (int64_t{1} << 40))
    return InvalidArgument("cos_cache is {}", ctx.in(2).TypeText());
  // Without a number of heads, the caches span a whole head.
  const int64_t heads = given > 0       ? given
                        : x.rank() == 3 ? x.dims()[2] / std::min(2 * half, x.dims()[2] + 1)
                                        : 0;
  AZ_ASSIGN_OR_RETURN(Heads h, HeadsOf(x, heads, "input"));
  if (half > h.width / 2)
    return InvalidArgument("cos_cache is {}, a head has {} elements", ctx.in(2).TypeText(),
                           h.width);
  if (ctx.Float("scale", 1.0) != 1.0) return Unimplemented("attribute \"scale\"");
  AZ_ASSIGN_OR_RETURN(std::vector<int64_t> positions, ctx.IntsIn(1, "position_ids"));
  if (ctx.in(1).dims() == ir::Shape{1}) {
    const int64_t first = positions[0];
    if (first < 0 || first > cache[0] - h.length)
      return OutOfRange("positions from {} on of a cache of {}", first, cache[0]);
    positions.clear();
    for (int64_t i = 0; i < h.batch * h.length; ++i) positions.push_back(first + i % h.length);
  } else if (ctx.in(1).dims() != ir::Shape{h.batch, h.length}) {
    return InvalidArgument("position_ids is {}, expected [1] or [{}, {}]", ctx.in(1).TypeText(),
                           h.batch, h.length);
  }
  for (const int64_t position : positions) {
    if (position < 0 || position >= cache[0])
      return OutOfRange("position {} of a cache of {}", position, cache[0]);
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  Rotate(h, positions, Reals(ctx.in(2)), Reals(ctx.in(3)), half, ctx.Int("interleaved", 0) != 0);
  ctx.Set(0, FromReals(x.dtype(), x.dims(), h.values));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Attention", 1, Attention, 2, 6, Takes::kNumeric, kMicrosoftDomain},
    {"QAttention", 1, QAttention, 5, 9, Takes::kNumeric, kMicrosoftDomain},
    {"MultiHeadAttention", 1, MultiHeadAttention, 1, 10, Takes::kNumeric, kMicrosoftDomain},
    {"RotaryEmbedding", 1, RotaryEmbedding, 4, 4, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows PackedAttentionRows() { return kRows; }

}  // namespace assize::reference
