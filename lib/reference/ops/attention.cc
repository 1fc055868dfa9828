// Attention, FlexAttention, RotaryEmbedding, LinearAttention, CausalConvWithState: sums in double,
// one rounding.
//
// Shapes  Q [B, Hq, L, D], K [B, Hkv, S, D], V [B, Hkv, S, Dv]; packed inputs are [B, L, H * D].
//         Query head h reads key head h / (Hq / Hkv).
// Bias    Mask, causal frontier, sliding window and padding are composed; a row with no key to
//         attend gives zeros.
// Source  Vaswani et al. 2017; Su et al. 2021 for the rotary form.
// Tests   tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/heads.h"

namespace assize::reference {
namespace {

// The additive bias of every score: 0, -infinity, or a float mask's value.
StatusOr<std::vector<double>> BiasOf(const OpContext& ctx, const Problem& p, int64_t past) {
  const ir::Shape dims = p.ScoreDims();
  std::vector<double> bias(static_cast<size_t>(Product(dims)), 0.0);
  if (ctx.has(3)) {
    const ir::Tensor& mask = ctx.in(3);
    const int64_t given = mask.rank() < 1 ? 1 : mask.dims().back();
    ir::Shape target = dims;
    // A mask may be shorter than the keys: what it does not cover is masked. One column broadcasts.
    const bool shorter = given < p.k.length && given != 1;
    if (shorter) target.back() = given;
    if (!BroadcastsTo(mask.dims(), target)) {
      return InvalidArgument("attn_mask is {}, expected to broadcast to {}", mask.TypeText(),
                             ir::ShapeText(dims));
    }
    const BroadcastMap at(mask.dims(), target);
    const std::vector<double> values = Reals(mask);
    const bool boolean = mask.dtype() == ir::DType::kBool;
    for (size_t i = 0; i < bias.size(); ++i) {
      const auto row = static_cast<int64_t>(i) / p.k.length,
                 column = static_cast<int64_t>(i) % p.k.length;
      if (shorter && column >= given) {
        bias[i] = kMinusInfinity;
        continue;
      }
      const double value = values[static_cast<size_t>(at(row * target.back() + column))];
      bias[i] = boolean ? (value != 0 ? 0 : kMinusInfinity) : value;
    }
  }
  std::vector<int64_t> valid;
  if (ctx.has(6)) {
    AZ_ASSIGN_OR_RETURN(valid, ctx.IntsIn(6, "nonpad_kv_seqlen"));
    if (static_cast<int64_t>(valid.size()) != p.q.batch) {
      return InvalidArgument("nonpad_kv_seqlen is {}, expected [{}]", ctx.in(6).TypeText(),
                             p.q.batch);
    }
  }
  const bool causal = ctx.Int("is_causal", 0) != 0;
  const int64_t left = ctx.Int("left_window_size", -1), right = ctx.Int("right_window_size", -1);
  for (size_t i = 0; i < bias.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t j = at % p.k.length, row = at / p.k.length % p.q.length;
    const auto b = static_cast<size_t>(at / p.k.length / p.q.length / p.q.heads);
    // Opset 23 aligns the causal frontier without looking at an external cache; later ones do.
    const int64_t offset = !valid.empty() && !ctx.has(4) ? valid[b] - p.q.length : past;
    const int64_t place = row + offset;
    if ((causal && j > place) || (left >= 0 && j < place - left) ||
        (right >= 0 && j > place + right) || (!valid.empty() && j >= valid[b])) {
      bias[i] = kMinusInfinity;
    }
  }
  return bias;
}

// Q, K, V, mask, past_key, past_value, nonpad_kv_seqlen -> Y, present_key, present_value, scores.
Status Attention(OpContext& ctx) {
  for (size_t i = 0; i < 3; ++i) AZ_RETURN_IF_ERROR(NeedFloat(ctx, i));
  const int64_t q_heads = ctx.Int("q_num_heads", 0), kv_heads = ctx.Int("kv_num_heads", 0);
  Problem p;
  AZ_ASSIGN_OR_RETURN(p.q, HeadsOf(ctx.in(0), q_heads, "Q"));
  AZ_ASSIGN_OR_RETURN(p.k, HeadsOf(ctx.in(1), kv_heads, "K"));
  AZ_ASSIGN_OR_RETURN(p.v, HeadsOf(ctx.in(2), kv_heads, "V"));
  if (ctx.has(4) != ctx.has(5))
    return InvalidArgument("past_key and past_value are given one without the other");
  int64_t past = 0;
  if (ctx.has(4)) {
    past = ctx.in(4).rank() == 4 ? ctx.in(4).dims()[2] : 0;
    AZ_ASSIGN_OR_RETURN(const Heads past_k, HeadsOf(ctx.in(4), 0, "past_key"));
    AZ_ASSIGN_OR_RETURN(const Heads past_v, HeadsOf(ctx.in(5), 0, "past_value"));
    AZ_ASSIGN_OR_RETURN(p.k, Joined(p.k, past_k, "past_key"));
    AZ_ASSIGN_OR_RETURN(p.v, Joined(p.v, past_v, "past_value"));
  } else {
    p.k = Unpacked(p.k);
    p.v = Unpacked(p.v);
  }
  AZ_RETURN_IF_ERROR(CheckProblem(p));
  const double scale = ctx.Float("scale", 0);
  p.scale = ctx.HasAttribute("scale") ? scale : 1 / std::sqrt(static_cast<double>(p.q.width));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, p.ScoreDims()).status());
  const ir::DType dtype = ctx.in(0).dtype();
  std::vector<double> scores = Scores(p);
  const int64_t mode = ctx.Int("qk_matmul_output_mode", 0);
  const auto show = [&](int64_t when) {
    if (mode == when && ctx.wants(3)) ctx.Set(3, FromReals(dtype, p.ScoreDims(), scores));
  };
  show(0);
  const double cap = ctx.Float("softcap", 0);
  if (cap > 0) {
    for (double& score : scores) score = cap * std::tanh(score / cap);
  }
  show(1);
  AZ_ASSIGN_OR_RETURN(const std::vector<double> bias, BiasOf(ctx, p, past));
  for (size_t i = 0; i < scores.size(); ++i)
    scores[i] = bias[i] == kMinusInfinity ? kMinusInfinity : scores[i] + bias[i];
  show(2);
  SoftmaxRows(scores, p.k.length);
  show(3);
  const Heads y = Weighted(p, scores);
  ctx.Set(0, FromReals(dtype, y.Dims(), y.values));
  if (ctx.wants(1)) ctx.Set(1, FromReals(ctx.in(1).dtype(), p.k.Dims(), p.k.values));
  if (ctx.wants(2)) ctx.Set(2, FromReals(ctx.in(2).dtype(), p.v.Dims(), p.v.values));
  return OkStatus();
}

// Runs a modifier subgraph on scores or probabilities, which must keep their shape and type.
Status Modify(OpContext& ctx, const char* name, ir::DType dtype, const ir::Shape& dims,
              std::vector<double>& values) {
  const ir::Graph* body = ctx.GraphAttribute(name);
  if (body == nullptr) return OkStatus();
  AZ_ASSIGN_OR_RETURN(const std::vector<RuntimeValue> results,
                      ctx.RunGraph(*body, {RuntimeValue::Of(FromReals(dtype, dims, values))}));
  if (results.size() != 1 || !results[0].is_tensor() || results[0].tensor.dims() != dims ||
      results[0].tensor.dtype() != dtype) {
    return InvalidArgument("{} does not yield one {} {}", name, ir::ShortNameOf(dtype),
                           ir::ShapeText(dims));
  }
  values = Reals(results[0].tensor);
  return OkStatus();
}

Status FlexAttention(OpContext& ctx) {
  for (size_t i = 0; i < 3; ++i) AZ_RETURN_IF_ERROR(NeedFloat(ctx, i));
  Problem p;
  AZ_ASSIGN_OR_RETURN(p.q, HeadsOf(ctx.in(0), 0, "Q"));
  AZ_ASSIGN_OR_RETURN(p.k, HeadsOf(ctx.in(1), 0, "K"));
  AZ_ASSIGN_OR_RETURN(p.v, HeadsOf(ctx.in(2), 0, "V"));
  AZ_RETURN_IF_ERROR(CheckProblem(p));
  p.scale = ctx.Float("scale", 1 / std::sqrt(static_cast<double>(p.q.width)));
  const ir::DType own = ctx.in(0).dtype();
  const int64_t number =
      ctx.Int("softmax_precision",
              static_cast<int64_t>(own == ir::DType::kDouble ? own : ir::DType::kFloat));
  if (number < 1 || number > ir::kMaxDType || !ir::IsFloating(static_cast<ir::DType>(number))) {
    return InvalidArgument("attribute \"softmax_precision\" is {}", number);
  }
  const auto precision = static_cast<ir::DType>(number);
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, p.ScoreDims()).status());
  std::vector<double> scores = Scores(p);
  AZ_RETURN_IF_ERROR(Modify(ctx, "score_mod", precision, p.ScoreDims(), scores));
  SoftmaxRows(scores, p.k.length);
  AZ_RETURN_IF_ERROR(Modify(ctx, "prob_mod", precision, p.ScoreDims(), scores));
  const Heads y = Weighted(p, scores);
  ctx.Set(0, FromReals(own, y.Dims(), y.values));
  return OkStatus();
}

// Rotates pairs of a head's first rotary_embedding_dim elements by the angle of the token's
// position.
Status RotaryEmbedding(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_ASSIGN_OR_RETURN(Heads x, HeadsOf(ctx.in(0), ctx.Int("num_heads", 0), "X"));
  const int64_t given = ctx.Int("rotary_embedding_dim", 0);
  const int64_t width = given == 0 ? x.width : given;
  const bool interleaved = ctx.Int("interleaved", 0) != 0;
  if (width < 0 || width > x.width || width % 2 != 0) {
    return InvalidArgument("rotary_embedding_dim {} of head size {}", width, x.width);
  }
  const int64_t half = width / 2;
  std::vector<int64_t> positions;
  const ir::Shape& cache = ctx.in(1).dims();
  if (ctx.has(3)) {
    AZ_ASSIGN_OR_RETURN(positions, ctx.IntsIn(3, "position_ids"));
    if (ctx.in(3).dims() != ir::Shape{x.batch, x.length} || cache.size() != 2 || cache[1] != half) {
      return InvalidArgument("cos_cache {} with position_ids {}, expected [M, {}] and [{}, {}]",
                             ctx.in(1).TypeText(), ctx.in(3).TypeText(), half, x.batch, x.length);
    }
    for (const int64_t position : positions) {
      if (position < 0 || position >= cache[0])
        return OutOfRange("position {} of a cache of {}", position, cache[0]);
    }
  } else {
    if (cache != ir::Shape{x.batch, x.length, half}) {
      return InvalidArgument("cos_cache is {}, expected [{}, {}, {}]", ctx.in(1).TypeText(),
                             x.batch, x.length, half);
    }
    for (int64_t i = 0; i < x.batch * x.length; ++i) positions.push_back(i);
  }
  if (ctx.in(2).dims() != cache)
    return InvalidArgument("sin_cache is {}, cos_cache {}", ctx.in(2).TypeText(),
                           ctx.in(1).TypeText());
  AZ_RETURN_IF_ERROR(ctx.Plan(ctx.in(0).dtype(), ctx.in(0).dims()).status());
  Rotate(x, positions, Reals(ctx.in(1)), Reals(ctx.in(2)), half, interleaved);
  ctx.Set(0, FromReals(ctx.in(0).dtype(), ctx.in(0).dims(), x.values));
  return OkStatus();
}

// query, key, value, past_state, decay, beta -> output, present_state. One recurrence a key head:
//   S = exp(decay) S;  v = beta (v - S' k) (delta rules);  S = S + k v';  o = scale S' q.
Status LinearAttention(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const int64_t q_heads = ctx.Int("q_num_heads", 0), kv_heads = ctx.Int("kv_num_heads", 0);
  const std::string rule = ctx.String("update_rule", "gated_delta");
  const bool gated = rule == "gated" || rule == "gated_delta",
             delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear")
    return InvalidArgument("attribute \"update_rule\" is \"{}\"", rule);
  if (gated != ctx.has(4) || delta != ctx.has(5)) {
    return InvalidArgument("update_rule {} with{} decay and with{} beta", rule,
                           ctx.has(4) ? "" : "out", ctx.has(5) ? "" : "out");
  }
  if (ctx.in(0).rank() != 3 || ctx.in(1).rank() != 3 || ctx.in(2).rank() != 3 || kv_heads < 1 ||
      q_heads < 1 || q_heads % kv_heads != 0) {
    return InvalidArgument("query {}, key {}, value {} with {} and {} heads", ctx.in(0).TypeText(),
                           ctx.in(1).TypeText(), ctx.in(2).TypeText(), q_heads, kv_heads);
  }
  AZ_ASSIGN_OR_RETURN(const Heads q, HeadsOf(ctx.in(0), q_heads, "query"));
  AZ_ASSIGN_OR_RETURN(const Heads k, HeadsOf(ctx.in(1), kv_heads, "key"));
  AZ_ASSIGN_OR_RETURN(const Heads v, HeadsOf(ctx.in(2), kv_heads, "value"));
  if (k.batch != q.batch || v.batch != q.batch || k.length != q.length || v.length != q.length ||
      k.width != q.width) {
    return InvalidArgument("query {}, key {} and value {} do not fit together",
                           ctx.in(0).TypeText(), ctx.in(1).TypeText(), ctx.in(2).TypeText());
  }
  const ir::Shape state_dims{q.batch, kv_heads, q.width, v.width};
  AZ_ASSIGN_OR_RETURN(const int64_t state_size, ctx.Plan(ir::DType::kDouble, state_dims));
  std::vector<double> state(static_cast<size_t>(state_size));
  if (ctx.has(3)) {
    if (ctx.in(3).dims() != state_dims) {
      return InvalidArgument("past_state is {}, expected {}", ctx.in(3).TypeText(),
                             ir::ShapeText(state_dims));
    }
    state = Reals(ctx.in(3));
  }
  const auto widths = [&](size_t i, std::vector<int64_t> allowed,
                          std::string_view what) -> StatusOr<int64_t> {
    const ir::Shape& dims = ctx.in(i).dims();
    if (dims.size() == 3 && dims[0] == q.batch && dims[1] == q.length &&
        std::find(allowed.begin(), allowed.end(), dims[2]) != allowed.end()) {
      return dims[2];
    }
    return InvalidArgument("{} is {}, expected [{}, {}, {} or {}]", what, ctx.in(i).TypeText(),
                           q.batch, q.length, allowed[0], allowed[1]);
  };
  int64_t decay_width = 0, beta_width = 0;
  std::vector<double> decay, beta;
  if (gated) {
    AZ_ASSIGN_OR_RETURN(decay_width, widths(4, {kv_heads, kv_heads * q.width}, "decay"));
    decay = Reals(ctx.in(4));
  }
  if (delta) {
    AZ_ASSIGN_OR_RETURN(beta_width, widths(5, {kv_heads, 1}, "beta"));
    beta = Reals(ctx.in(5));
  }
  const double given = ctx.Float("scale", 0),
               scale = given == 0 ? 1 / std::sqrt(static_cast<double>(q.width)) : given;
  const ir::Shape out_dims{q.batch, q.length, q_heads * v.width};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ctx.in(0).dtype(), out_dims));
  std::vector<double> out(static_cast<size_t>(count));
  const int64_t group = q_heads / kv_heads;
  std::vector<double> update(static_cast<size_t>(v.width));
  for (int64_t b = 0; b < q.batch; ++b) {
    for (int64_t h = 0; h < kv_heads; ++h) {
      double* s = state.data() + (b * kv_heads + h) * q.width * v.width;
      for (int64_t t = 0; t < q.length; ++t) {
        const double *kt = k.Row(b, h, t), *vt = v.Row(b, h, t);
        const int64_t row = b * q.length + t;
        for (int64_t d = 0; gated && d < q.width; ++d) {
          const int64_t at = decay_width == kv_heads ? h : h * q.width + d;
          const double factor = std::exp(decay[static_cast<size_t>(row * decay_width + at)]);
          for (int64_t m = 0; m < v.width; ++m) s[d * v.width + m] *= factor;
        }
        for (int64_t m = 0; m < v.width; ++m) {
          double value = vt[m];
          if (delta) {
            double retrieved = 0;
            for (int64_t d = 0; d < q.width; ++d) retrieved += s[d * v.width + m] * kt[d];
            value = beta[static_cast<size_t>(row * beta_width + (beta_width == 1 ? 0 : h))] *
                    (value - retrieved);
          }
          update[static_cast<size_t>(m)] = value;
        }
        for (int64_t d = 0; d < q.width; ++d) {
          for (int64_t m = 0; m < v.width; ++m)
            s[d * v.width + m] += kt[d] * update[static_cast<size_t>(m)];
        }
        for (int64_t g = h * group; g < (h + 1) * group; ++g) {
          const double* qt = q.Row(b, g, t);
          double* to = out.data() + (row * q_heads + g) * v.width;
          for (int64_t m = 0; m < v.width; ++m) {
            double sum = 0;
            for (int64_t d = 0; d < q.width; ++d) sum += qt[d] * s[d * v.width + m];
            to[m] = scale * sum;
          }
        }
      }
    }
  }
  ctx.Set(0, FromReals(ctx.in(0).dtype(), out_dims, out));
  ctx.Set(1, FromReals(ctx.has(3) ? ctx.in(3).dtype() : ctx.in(0).dtype(), state_dims, state));
  return OkStatus();
}

// Depthwise causal convolution over [past_state, input]; present_state is the last k - 1 columns of
// that.
Status CausalConvWithState(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor &x = ctx.in(0), &w = ctx.in(1);
  const std::string activation = ctx.String("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    return InvalidArgument("attribute \"activation\" is \"{}\", expected none, silu or swish",
                           activation);
  }
  if (x.rank() != 3 || w.rank() != 3 || w.dims()[0] != x.dims()[1] || w.dims()[1] != 1 ||
      w.dims()[2] < 1) {
    return InvalidArgument("input {} and weight {}, expected [B, C, L] and [C, 1, k]", x.TypeText(),
                           w.TypeText());
  }
  const int64_t batch = x.dims()[0], channels = x.dims()[1], length = x.dims()[2],
                kernel = w.dims()[2];
  const ir::Shape state_dims{batch, channels, kernel - 1};
  if (ctx.has(2) && ctx.in(2).dims() != ir::Shape{channels})
    return InvalidArgument("bias is {}", ctx.in(2).TypeText());
  if (ctx.has(3) && ctx.in(3).dims() != state_dims) {
    return InvalidArgument("past_state is {}, expected {}", ctx.in(3).TypeText(),
                           ir::ShapeText(state_dims));
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  AZ_ASSIGN_OR_RETURN(const int64_t state_size, ctx.Plan(x.dtype(), state_dims));
  std::vector<double> y = Reals(x), state(static_cast<size_t>(state_size));
  const std::vector<double> weight = Reals(w);
  const std::vector<double> bias =
      ctx.has(2) ? Reals(ctx.in(2)) : std::vector<double>(static_cast<size_t>(channels));
  if (ctx.has(3)) state = Reals(ctx.in(3));
  std::vector<double> row(static_cast<size_t>(kernel - 1 + length));
  for (int64_t plane = 0; plane < batch * channels; ++plane) {
    const int64_t c = plane % channels;
    double* past = state.data() + plane * (kernel - 1);
    double* now = y.data() + plane * length;
    std::copy(past, past + kernel - 1, row.begin());
    std::copy(now, now + length, row.begin() + kernel - 1);
    for (int64_t i = 0; i < length; ++i) {
      double sum = bias[static_cast<size_t>(c)];
      for (int64_t t = 0; t < kernel; ++t)
        sum += weight[static_cast<size_t>(c * kernel + t)] * row[static_cast<size_t>(i + t)];
      now[i] = activation == "none" ? sum : sum / (1 + std::exp(-sum));
    }
    std::copy(row.end() - (kernel - 1), row.end(), past);
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  ctx.Set(1, FromReals(ctx.has(3) ? ctx.in(3).dtype() : x.dtype(), state_dims, state));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Attention", 23, Attention, 3, 7},
    {"FlexAttention", 1, FlexAttention, 3, 3, Takes::kNumeric, kPreviewDomain},
    {"RotaryEmbedding", 23, RotaryEmbedding, 3, 4},
    {"LinearAttention", 27, LinearAttention, 3, 6},
    {"CausalConvWithState", 27, CausalConvWithState, 2, 4},
};

}  // namespace

KernelRows AttentionRows() { return kRows; }

}  // namespace assize::reference
