// BatchNormalization, InstanceNormalization, GroupNormalization, LayerNormalization,
// RMSNormalization, LRN, LpNormalization, MeanVarianceNormalization.
//
// Means and (biased) variances in double over the normalized positions: two passes, index order.
// One rounding. Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

Moments MomentsOf(const std::vector<double>& x, const std::vector<int64_t>& at, int64_t base) {
  Moments m;
  for (const int64_t p : at) m.mean += x[static_cast<size_t>(base + p)];
  m.mean /= static_cast<double>(at.size());
  for (const int64_t p : at) {
    const double d = x[static_cast<size_t>(base + p)] - m.mean;
    m.variance += d * d;
  }
  m.variance /= static_cast<double>(at.size());
  return m;
}

std::vector<int64_t> Run(int64_t count) {
  std::vector<int64_t> at(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) at[static_cast<size_t>(i)] = i;
  return at;
}

Status CheckChannels(const OpContext& ctx, size_t i, int64_t channels, std::string_view what) {
  if (ctx.in(i).element_count() == channels) return OkStatus();
  return InvalidArgument("{} is {}, expected [{}] (x dim 1)", what, ctx.in(i).TypeText(), channels);
}

// Training when training_mode says so (opset 14 on), or when more outputs than y are named
// (before).
Status BatchNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 1) return InvalidArgument("x is a scalar, expected [N, C, ...]");
  const bool per_feature = ctx.opset() < 9 && ctx.Int("spatial", 1) == 0;
  const bool training = ctx.opset() >= 14 ? ctx.Int("training_mode", 0) != 0 : ctx.wants(1);
  const double epsilon = ctx.Float("epsilon", 1e-5f), momentum = ctx.Float("momentum", 0.9f);
  const int64_t batch = x.dims()[0];
  const int64_t channels = x.rank() < 2  ? 1
                           : per_feature ? Product(x.dims(), 1, x.dims().size())
                                         : x.dims()[1];
  const int64_t size = x.rank() < 2 || per_feature ? 1 : Product(x.dims(), 2, x.dims().size());
  const char* const names[] = {"x", "scale", "B", "mean", "var"};
  for (size_t i = 1; i < 5; ++i) AZ_RETURN_IF_ERROR(CheckChannels(ctx, i, channels, names[i]));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> y = Reals(x);
  const std::vector<double> scale = Reals(ctx.in(1)), bias = Reals(ctx.in(2));
  std::vector<double> mean = Reals(ctx.in(3)), variance = Reals(ctx.in(4));
  if (training) {
    std::vector<double> running_mean = mean, running_variance = variance;
    std::vector<int64_t> at;
    for (int64_t n = 0; n < batch; ++n) {
      for (int64_t i = 0; i < size; ++i) at.push_back(n * channels * size + i);
    }
    for (int64_t c = 0; c < channels; ++c) {
      const auto k = static_cast<size_t>(c);
      const Moments m = MomentsOf(y, at, c * size);
      mean[k] = m.mean;
      variance[k] = m.variance;
      running_mean[k] = running_mean[k] * momentum + m.mean * (1 - momentum);
      running_variance[k] = running_variance[k] * momentum + m.variance * (1 - momentum);
    }
    if (ctx.wants(1)) ctx.Set(1, FromReals(ctx.in(3).dtype(), ctx.in(3).dims(), running_mean));
    if (ctx.wants(2)) ctx.Set(2, FromReals(ctx.in(4).dtype(), ctx.in(4).dims(), running_variance));
    if (ctx.wants(3)) ctx.Set(3, FromReals(ctx.in(3).dtype(), ctx.in(3).dims(), mean));
    if (ctx.wants(4)) ctx.Set(4, FromReals(ctx.in(4).dtype(), ctx.in(4).dims(), variance));
  }
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t c = i / static_cast<size_t>(size) % static_cast<size_t>(channels);
    y[i] = (y[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

Status InstanceNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 2) return InvalidArgument("x is {}, expected [N, C, ...]", x.TypeText());
  const double epsilon = ctx.Float("epsilon", 1e-5f);
  const int64_t channels = x.dims()[1], size = Product(x.dims(), 2, x.dims().size());
  AZ_RETURN_IF_ERROR(CheckChannels(ctx, 1, channels, "scale"));
  AZ_RETURN_IF_ERROR(CheckChannels(ctx, 2, channels, "B"));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> y = Reals(x);
  const std::vector<double> scale = Reals(ctx.in(1)), bias = Reals(ctx.in(2));
  const std::vector<int64_t> at = Run(size);
  for (int64_t plane = 0; !y.empty() && plane < x.dims()[0] * channels; ++plane) {
    const auto c = static_cast<size_t>(plane % channels);
    const Moments m = MomentsOf(y, at, plane * size);
    for (int64_t i = 0; i < size; ++i) {
      double& value = y[static_cast<size_t>(plane * size + i)];
      value = scale[c] * (value - m.mean) / std::sqrt(m.variance + epsilon) + bias[c];
    }
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

// Scale and bias are per group in opset 18, per channel from 21 on.
Status GroupNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 2) return InvalidArgument("x is {}, expected [N, C, ...]", x.TypeText());
  const int64_t channels = x.dims()[1], groups = ctx.Int("num_groups", 0);
  if (groups < 1 || channels % groups != 0) {
    return InvalidArgument("num_groups {} does not divide the {} channels of x", groups, channels);
  }
  const double epsilon = ctx.Float("epsilon", 1e-5f);
  const int64_t affine = ctx.opset() < 21 ? groups : channels;
  AZ_RETURN_IF_ERROR(CheckChannels(ctx, 1, affine, "scale"));
  AZ_RETURN_IF_ERROR(CheckChannels(ctx, 2, affine, "bias"));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const int64_t per_group = channels / groups, size = Product(x.dims(), 2, x.dims().size());
  std::vector<double> y = Reals(x);
  const std::vector<double> scale = Reals(ctx.in(1)), bias = Reals(ctx.in(2));
  const std::vector<int64_t> at = Run(per_group * size);
  for (int64_t row = 0; !y.empty() && row < x.dims()[0] * groups; ++row) {
    const Moments m = MomentsOf(y, at, row * per_group * size);
    for (int64_t i = 0; i < per_group * size; ++i) {
      const int64_t channel = row % groups * per_group + i / size;
      const auto c = static_cast<size_t>(ctx.opset() < 21 ? row % groups : channel);
      double& value = y[static_cast<size_t>(row * per_group * size + i)];
      value = scale[c] * (value - m.mean) / std::sqrt(m.variance + epsilon) + bias[c];
    }
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

// Layer (with mean) and RMS (without) normalization over the dims from `axis` on. Scale and bias
// broadcast to x.
template <bool centered>
Status NormalizeTail(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 1));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -1), x.rank()));
  const double epsilon = ctx.Float("epsilon", 1e-5f);
  for (size_t i = 1; i < 3; ++i) {
    if (ctx.has(i) && !BroadcastsTo(ctx.in(i).dims(), x.dims())) {
      return InvalidArgument("{} is {}, expected to broadcast to x {}", i == 1 ? "scale" : "bias",
                             ctx.in(i).TypeText(), x.TypeText());
    }
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const auto a = static_cast<size_t>(axis);
  const int64_t rows = Product(x.dims(), 0, a), size = Product(x.dims(), a, x.dims().size());
  std::vector<double> y = Reals(x);
  const BroadcastMap scale_at(ctx.in(1).dims(), x.dims());
  const std::vector<double> scale = Reals(ctx.in(1));
  const ir::Tensor no_bias = ir::Tensor::Scalar<float>(0.0f);
  const ir::Tensor& bias_tensor = ctx.has(2) ? ctx.in(2) : no_bias;
  const BroadcastMap bias_at(bias_tensor.dims(), x.dims());
  const std::vector<double> bias = Reals(bias_tensor);
  const std::vector<int64_t> at = Run(size);
  std::vector<double> means, inverses;
  for (int64_t row = 0; !y.empty() && row < rows; ++row) {
    Moments m;
    if (centered) {
      m = MomentsOf(y, at, row * size);
    } else {
      for (int64_t i = 0; i < size; ++i) {
        const double v = y[static_cast<size_t>(row * size + i)];
        m.variance += v * v;
      }
      m.variance /= static_cast<double>(size);
    }
    const double inverse = 1.0 / std::sqrt(m.variance + epsilon);
    means.push_back(m.mean);
    inverses.push_back(inverse);
    for (int64_t i = row * size; i < (row + 1) * size; ++i) {
      double& value = y[static_cast<size_t>(i)];
      value = (value - m.mean) * inverse * scale[static_cast<size_t>(scale_at(i))] +
              bias[static_cast<size_t>(bias_at(i))];
    }
  }
  ctx.Set(0, FromReals(centered ? x.dtype() : ctx.in(1).dtype(), x.dims(), y));
  ir::Shape kept = x.dims();
  std::fill(kept.begin() + axis, kept.end(), 1);
  const ir::DType stash = ctx.Int("stash_type", 1) == 1 ? ir::DType::kFloat : x.dtype();
  if (means.size() != static_cast<size_t>(Product(kept))) {
    means.resize(static_cast<size_t>(Product(kept)));
    inverses.resize(means.size());
  }
  if (ctx.wants(1)) ctx.Set(1, FromReals(stash, kept, means));
  if (ctx.wants(2)) ctx.Set(2, FromReals(stash, kept, inverses));
  return OkStatus();
}

// y = x / (bias + alpha / size * sum over the window of channels of x^2) ^ beta.
Status Lrn(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 2) return InvalidArgument("x is {}, expected [N, C, ...]", x.TypeText());
  const int64_t window = ctx.Int("size", 0);
  if (window < 1) return InvalidArgument("attribute \"size\" is {}, expected at least 1", window);
  const double alpha = ctx.Float("alpha", 0.0001f), beta = ctx.Float("beta", 0.75f),
               bias = ctx.Float("bias", 1.0);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const std::vector<double> values = Reals(x);
  std::vector<double> y(values.size());
  const int64_t channels = x.dims()[1], size = Product(x.dims(), 2, x.dims().size());
  const int64_t before = (window - 1) / 2, after = window - 1 - before;
  for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
    const int64_t c = i / size % channels, base = i - c * size;
    double sum = 0;
    for (int64_t k = std::max<int64_t>(0, c - before);
         k <= std::min(channels - 1, c + std::min(after, channels)); ++k) {
      const double v = values[static_cast<size_t>(base + k * size)];
      sum += v * v;
    }
    y[static_cast<size_t>(i)] = values[static_cast<size_t>(i)] /
                                std::pow(bias + alpha / static_cast<double>(window) * sum, beta);
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

// Rows along one axis divided by their norm; a row of norm 0 stays.
Status LpNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -1), x.rank()));
  const int64_t p = ctx.Int("p", 2);
  if (p != 1 && p != 2) return InvalidArgument("attribute \"p\" is {}, expected 1 or 2", p);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> y = Reals(x);
  const auto a = static_cast<size_t>(axis);
  const int64_t length = x.dims()[a], inner = Product(x.dims(), a + 1, x.dims().size());
  for (int64_t o = 0; !y.empty() && o < Product(x.dims(), 0, a); ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      double* row = y.data() + o * length * inner + i;
      double norm = 0;
      for (int64_t k = 0; k < length; ++k)
        norm += p == 1 ? std::fabs(row[k * inner]) : row[k * inner] * row[k * inner];
      if (p == 2) norm = std::sqrt(norm);
      for (int64_t k = 0; norm != 0 && k < length; ++k) row[k * inner] /= norm;
    }
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

Status MeanVarianceNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> axes,
                      ctx.Axes(ctx.Ints("axes", {0, 2, 3}), x.rank()));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const std::vector<int64_t> strides = Strides(x.dims());
  ir::Shape kept, kept_strides, gone, gone_strides;
  for (size_t d = 0; d < x.dims().size(); ++d) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end();
    (reduced ? gone : kept).push_back(x.dims()[d]);
    (reduced ? gone_strides : kept_strides).push_back(strides[d]);
  }
  std::vector<double> y = Reals(x);
  const std::vector<int64_t> at = Positions(gone, gone_strides);
  for (const int64_t start : Positions(kept, kept_strides)) {
    const Moments m = MomentsOf(y, at, start);
    for (const int64_t p : at) {
      double& value = y[static_cast<size_t>(start + p)];
      value = (value - m.mean) / (std::sqrt(m.variance) + 1e-9);  // ONNX adds 1e-9 to the deviation
    }
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"BatchNormalization", 1, BatchNormalization, 5, 5},
    {"InstanceNormalization", 1, InstanceNormalization, 3, 3},
    {"GroupNormalization", 18, GroupNormalization, 3, 3},
    {"LayerNormalization", 17, NormalizeTail<true>, 2, 3},
    {"RMSNormalization", 23, NormalizeTail<false>, 2, 2},
    {"LRN", 1, Lrn, 1, 1},
    {"LpNormalization", 1, LpNormalization, 1, 1},
    {"MeanVarianceNormalization", 9, MeanVarianceNormalization, 1, 1},
};

}  // namespace

KernelRows NormalizationRows() { return kRows; }

}  // namespace assize::reference
