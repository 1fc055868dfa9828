// com.microsoft GroupQueryAttention: causal attention over a cache of keys and values.
//
// Shapes  query [B, S, H * D], key and value [B, S, G * D], or query with all three in one; past
// and
//         present [B, G, C, D]. Sample b has seqlens_k[b] + 1 tokens after the step; its S new ones
//         come last, or are all there are when S is total_sequence_length (the first prompt).
// A query sees the last local_window_size keys up to its own place. Rows of the present past a
// sample's tokens are zeros.
// Not done  quantized and windowed caches, norms of Q and K, head sinks, padded chunks.
// Source  Ainslie et al. 2023.        Tests  tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/heads.h"

namespace assize::reference {
namespace {

Status RefuseForms(const OpContext& ctx) {
  for (size_t i = 10; i < 17; ++i) {
    if (ctx.has(i)) return Unimplemented("input {}", i);
  }
  for (const char* name : {"sliding_window_cache", "kv_cache_bit_width", "qk_output"}) {
    if (ctx.Int(name, 0) != 0) return Unimplemented("attribute \"{}\" is set", name);
  }
  if (ctx.Int("smooth_softmax", -1) > 0)
    return Unimplemented("attribute \"smooth_softmax\" is set");
  if (ctx.String("k_quant_type", "NONE") != "NONE" || ctx.String("v_quant_type", "NONE") != "NONE")
    return Unimplemented("a quantized cache");
  if (ctx.HasAttribute("causal") && ctx.Int("causal", 1) != 1)
    return Unimplemented("attribute \"causal\" is 0");
  return OkStatus();
}

// Heads [first, first + count) of packed heads.
Heads Part(const Heads& x, int64_t first, int64_t count) {
  Heads out{x.batch, count, x.length, x.width, true, {}};
  for (int64_t b = 0; b < x.batch; ++b) {
    for (int64_t s = 0; s < x.length; ++s) {
      const double* from = x.Row(b, first, s);
      out.values.insert(out.values.end(), from, from + count * x.width);
    }
  }
  return out;
}

// Query, key and value of the new tokens.
Status ReadNew(const OpContext& ctx, Problem& p) {
  const int64_t heads = ctx.Int("num_heads", 0), groups = ctx.Int("kv_num_heads", 0);
  if (heads < 1 || groups < 1 || heads % groups != 0 || heads > (int64_t{1} << 31))
    return InvalidArgument("num_heads {} and kv_num_heads {}", heads, groups);
  if (ctx.in(0).rank() != 3 || ctx.has(1) != ctx.has(2))
    return InvalidArgument("query is {}, expected three dims, and key and value both or neither",
                           ctx.in(0).TypeText());
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(p.q, HeadsOf(ctx.in(0), heads, "query"));
    AZ_ASSIGN_OR_RETURN(p.k, HeadsOf(ctx.in(1), groups, "key"));
    AZ_ASSIGN_OR_RETURN(p.v, HeadsOf(ctx.in(2), groups, "value"));
    if (!p.k.packed || !p.v.packed)
      return InvalidArgument("key is {}, expected three dims", ctx.in(1).TypeText());
  } else {
    AZ_ASSIGN_OR_RETURN(const Heads all, HeadsOf(ctx.in(0), heads + 2 * groups, "query"));
    p.q = Part(all, 0, heads);
    p.k = Part(all, heads, groups);
    p.v = Part(all, heads + groups, groups);
  }
  AZ_RETURN_IF_ERROR(CheckProblem(p));
  if (p.k.length != p.q.length || p.v.width != p.q.width)
    return InvalidArgument("{} new keys of width {} for {} queries of width {}", p.k.length,
                           p.v.width, p.q.length, p.q.width);
  return OkStatus();
}

// The cache [B, G, C, D] with sample b's new rows from row first[b] on.
StatusOr<Heads> Present(const OpContext& ctx, size_t past, const Heads& now, int64_t capacity,
                        const std::vector<int64_t>& first) {
  Heads out{now.batch, now.heads, capacity, now.width, false, {}};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ir::DType::kDouble, out.Dims()));
  out.values.resize(static_cast<size_t>(count));
  if (ctx.has(past)) {
    AZ_ASSIGN_OR_RETURN(const Heads before, HeadsOf(ctx.in(past), 0, "past"));
    if (before.batch != now.batch || before.heads != now.heads || before.width != now.width) {
      return InvalidArgument("past is {}, expected [{}, {}, C, {}]", ctx.in(past).TypeText(),
                             now.batch, now.heads, now.width);
    }
    for (int64_t b = 0; b < now.batch; ++b) {
      for (int64_t h = 0; h < now.heads; ++h) {
        std::copy_n(before.Row(b, h, 0),
                    std::min(before.length, first[static_cast<size_t>(b)]) * now.width,
                    out.values.data() + out.At(b, h, 0));
      }
    }
  }
  for (int64_t b = 0; b < now.batch; ++b) {
    for (int64_t h = 0; h < now.heads; ++h) {
      for (int64_t s = 0; s < now.length; ++s) {
        std::copy_n(now.Row(b, h, s), now.width,
                    out.values.data() + out.At(b, h, first[static_cast<size_t>(b)] + s));
      }
    }
  }
  return out;
}

// query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache,
// position_ids.
Status GroupQueryAttention(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(RefuseForms(ctx));
  Problem p;
  AZ_RETURN_IF_ERROR(ReadNew(ctx, p));
  AZ_RETURN_IF_ERROR(NeedInputs(ctx, {5, 6}));
  const int64_t length = p.q.length;
  AZ_ASSIGN_OR_RETURN(const int64_t total, ctx.IntScalarIn(6, "total_sequence_length"));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> last, ctx.IntsIn(5, "seqlens_k"));
  if (static_cast<int64_t>(last.size()) != p.q.batch || total < length)
    return InvalidArgument(
        "seqlens_k is {} and total_sequence_length {}, of {} samples of {} tokens",
        ctx.in(5).TypeText(), total, p.q.batch, length);
  if (ctx.has(3) != ctx.has(4))
    return InvalidArgument("past_key and past_value are given one without the other");
  int64_t capacity = total;
  if (ctx.has(3) && ctx.in(3).rank() == 4) capacity = std::max(capacity, ctx.in(3).dims()[2]);
  std::vector<int64_t> first;
  for (const int64_t index : last) {
    if (index < 0 || index >= total)
      return OutOfRange("seqlens_k holds {}, total_sequence_length is {}", index, total);
    first.push_back(length == total ? 0 : index + 1 - length);
    if (first.back() < 0)
      return OutOfRange("seqlens_k holds {}, fewer than the {} new tokens", index, length);
  }
  if (ctx.Int("do_rotary", 0) != 0) {
    if (!ctx.has(7) || !ctx.has(8) || ctx.in(7).rank() != 2 ||
        ctx.in(8).dims() != ctx.in(7).dims() || ctx.in(7).dims()[1] > p.q.width / 2)
      return InvalidArgument("do_rotary without caches of cosines and sines that fit");
    std::vector<int64_t> positions;
    if (ctx.has(9)) {
      AZ_ASSIGN_OR_RETURN(positions, ctx.IntsIn(9, "position_ids"));
    } else {
      for (const int64_t from : first) {
        for (int64_t s = 0; s < length; ++s) positions.push_back(from + s);
      }
    }
    if (static_cast<int64_t>(positions.size()) != p.q.batch * length)
      return InvalidArgument("position_ids is {}", ctx.in(9).TypeText());
    for (const int64_t position : positions) {
      if (position < 0 || position >= ctx.in(7).dims()[0])
        return OutOfRange("position {} of a cache of {}", position, ctx.in(7).dims()[0]);
    }
    const bool neighbours = ctx.Int("rotary_interleaved", 0) != 0;
    const std::vector<double> cosines = Reals(ctx.in(7)), sines = Reals(ctx.in(8));
    for (Heads* part : {&p.q, &p.k})
      Rotate(*part, positions, cosines, sines, ctx.in(7).dims()[1], neighbours);
  }
  AZ_ASSIGN_OR_RETURN(p.k, Present(ctx, 3, p.k, capacity, first));
  AZ_ASSIGN_OR_RETURN(p.v, Present(ctx, 4, p.v, capacity, first));
  p.scale = ctx.Float("scale", 0);
  if (p.scale == 0) p.scale = 1 / std::sqrt(static_cast<double>(p.q.width));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, p.ScoreDims()).status());
  std::vector<double> scores = Scores(p);
  const double cap = ctx.Float("softcap", 0);
  const int64_t window = ctx.Int("local_window_size", -1);
  for (size_t i = 0; i < scores.size(); ++i) {
    if (cap > 0) scores[i] = cap * std::tanh(scores[i] / cap);
    const auto at = static_cast<int64_t>(i);
    const int64_t key = at % capacity, row = at / capacity % length;
    const int64_t place = first[static_cast<size_t>(at / capacity / length / p.q.heads)] + row;
    if (key > place || (window > 0 && key <= place - window)) scores[i] = kMinusInfinity;
  }
  SoftmaxRows(scores, capacity);
  const Heads y = Weighted(p, scores);
  const ir::DType dtype = ctx.in(0).dtype();
  ctx.Set(0, FromReals(dtype, y.Dims(), y.values));
  ctx.Set(1, FromReals(dtype, p.k.Dims(), p.k.values));
  ctx.Set(2, FromReals(dtype, p.v.Dims(), p.v.values));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"GroupQueryAttention", 1, GroupQueryAttention, 1, 17, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows GroupQueryRows() { return kRows; }

}  // namespace assize::reference
