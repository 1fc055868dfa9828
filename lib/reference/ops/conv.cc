// Conv, ConvTranspose, ConvInteger, QLinearConv, over any number of spatial dims; com.microsoft
// FusedConv.
//
//   y[n, m, o] = b[m] + sum over c, k of x[n, c, o * stride + k * dilation - pad] * W[m, c, k]
//
// Shapes    x [N, C, *S]; W [M, C/groups, *K] (ConvTranspose: [C, M/groups, *K]); b [M];
//           y [N, M, *O].
// Numerics  products and sums of floats in double, in the order c, k; integers exact; one
//           rounding. The innermost loop runs along the last spatial dim, contiguous in y.
// Tests     tests/reference/layers_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/convolve.h"
#include "lib/reference/ops/loop.h"
#include "lib/reference/ops/named_activation.h"
#include "lib/reference/ops/narrow.h"
#include "lib/reference/ops/window.h"

namespace assize::reference {

StatusOr<ConvShapes> ConvShapes::Of(const OpContext& ctx, const ir::Tensor& x, const ir::Tensor& w,
                                    bool transposed) {
  ConvShapes s;
  AZ_ASSIGN_OR_RETURN(const ir::Shape spatial, SpatialDims(x));
  if (w.rank() != x.rank()) {
    return InvalidArgument("W is {}, x is {}: expected equal ranks", w.TypeText(), x.TypeText());
  }
  s.batch = x.dims()[0];
  s.in_channels = x.dims()[1];
  s.groups = ctx.Int("group", 1);
  if (s.groups < 1 || s.in_channels % s.groups != 0) {
    return InvalidArgument("group {} does not divide the {} channels of x", s.groups,
                           s.in_channels);
  }
  const int64_t per_group = s.in_channels / s.groups;
  const std::vector<int64_t> kernel(w.dims().begin() + 2, w.dims().end());
  if (transposed) {
    if (w.dims()[0] != s.in_channels) {
      return InvalidArgument("W dim 0 is {}, expected {} (x dim 1)", w.dims()[0], s.in_channels);
    }
    const auto out = CheckedMul(w.dims()[1], s.groups);
    if (!out)
      return InvalidArgument("W dim 1 is {} with group {}: too large", w.dims()[1], s.groups);
    s.out_channels = *out;
    AZ_ASSIGN_OR_RETURN(s.window, TransposedWindowOf(ctx, spatial, kernel));
    s.out_dims = {s.batch, s.out_channels};
    s.out_dims.insert(s.out_dims.end(), s.window.input.begin(), s.window.input.end());
  } else {
    if (w.dims()[1] != per_group) {
      return InvalidArgument("W dim 1 is {}, expected {} (x dim 1 / group = {} / {})", w.dims()[1],
                             per_group, s.in_channels, s.groups);
    }
    s.out_channels = w.dims()[0];
    if (s.out_channels % s.groups != 0) {
      return InvalidArgument("group {} does not divide the {} rows of W", s.groups, s.out_channels);
    }
    AZ_ASSIGN_OR_RETURN(s.window, WindowOf(ctx, spatial, kernel));
    s.out_dims = {s.batch, s.out_channels};
    s.out_dims.insert(s.out_dims.end(), s.window.output.begin(), s.window.output.end());
  }
  // Every weight meets every position: those of the result, of x when transposed.
  double products = static_cast<double>(s.batch) * static_cast<double>(w.element_count());
  for (const int64_t size : s.window.output) products *= static_cast<double>(size);
  AZ_RETURN_IF_ERROR(ctx.CountProducts(products));
  return s;
}

namespace {

// Calls row(o_base, i_base, first, end, step, shift) for each run along the last dim that tap `k`
// touches: output positions o_base + [first, end) meet input positions i_base + o * step + shift.
template <typename Row>
void ForEachRow(const Window& w, std::span<const int64_t> k, const Row& row) {
  const size_t last = w.rank() - 1;
  const auto [first, end] = w.Inside(last, k[last]);
  if (first >= end) return;
  const int64_t shift = k[last] * w.dilations[last] - w.pads_begin[last];
  const auto descend = [&](const auto& self, size_t d, int64_t o, int64_t i) -> void {
    if (d == last) {
      row(o * w.output[last], i * w.input[last], first, end, w.strides[last], shift);
      return;
    }
    const auto [from, to] = w.Inside(d, k[d]);
    for (int64_t at = from; at < to; ++at) {
      self(self, d + 1, o * w.output[d] + at,
           i * w.input[d] + w.Start(d, at) + k[d] * w.dilations[d]);
    }
  };
  descend(descend, 0, 0, 0);
}

template <typename T>
T MulAdd(T sum, T a, T b) {
  if constexpr (std::is_same_v<T, int64_t>) {
    return WrapAdd(sum, WrapMul(a, b));
  } else {
    return sum + a * b;
  }
}

}  // namespace

template <typename T>
std::vector<T> Convolve(const ConvShapes& s, const std::vector<T>& x, const std::vector<T>& w) {
  const int64_t in_size = Product(s.window.input), out_size = Product(s.window.output);
  const int64_t taps = Product(s.window.kernel);
  const int64_t per_in = s.in_channels / s.groups, per_out = s.out_channels / s.groups;
  std::vector<T> y(static_cast<size_t>(s.batch * s.out_channels * out_size));
  if (y.empty()) return y;
  ForEachResult(s.batch * s.out_channels, per_in * taps * out_size, [&](int64_t task) {
    const int64_t n = task / s.out_channels, m = task % s.out_channels;
    const int64_t channel0 = m / per_out * per_in;
    T* out = y.data() + task * out_size;
    for (int64_t c = 0; c < per_in; ++c) {
      const T* in = x.data() + (n * s.in_channels + channel0 + c) * in_size;
      const T* weight = w.data() + (m * per_in + c) * taps;
      int64_t tap = 0;
      ForEachCoordinate(s.window.kernel, [&](std::span<const int64_t> k) {
        const T value = weight[tap++];
        ForEachRow(
            s.window, k,
            [&](int64_t o, int64_t i, int64_t first, int64_t end, int64_t step, int64_t shift) {
              T* to = out + o;
              const T* from = in + i + shift;
              if (step == 1) {
                for (int64_t at = first; at < end; ++at) to[at] = MulAdd(to[at], value, from[at]);
              } else {
                for (int64_t at = first; at < end; ++at)
                  to[at] = MulAdd(to[at], value, from[at * step]);
              }
            });
      });
    }
  });
  return y;
}

template std::vector<double> Convolve(const ConvShapes&, const std::vector<double>&,
                                      const std::vector<double>&);
template std::vector<int64_t> Convolve(const ConvShapes&, const std::vector<int64_t>&,
                                       const std::vector<int64_t>&);

namespace {

Status CheckBias(const ir::Tensor& bias, int64_t channels) {
  if (bias.element_count() == channels && bias.rank() == 1) return OkStatus();
  return InvalidArgument("bias is {}, expected [{}]", bias.TypeText(), channels);
}

void AddBias(std::vector<double>& y, const std::vector<double>& bias, int64_t size) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += bias[i / static_cast<size_t>(size) % bias.size()];
}

// x, W, b, then (FusedConv) Z of y's shape that is added, and an activation; null: nothing is.
Status ConvThen(OpContext& ctx, const NamedActivation* after) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const ConvShapes s, ConvShapes::Of(ctx, x, ctx.in(1), false));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), s.out_dims).status());
  if (ctx.has(2)) AZ_RETURN_IF_ERROR(CheckBias(ctx.in(2), s.out_channels));
  std::vector<double> y = Convolve(s, Reals(x), Reals(ctx.in(1)));
  if (ctx.has(2) && !y.empty()) AddBias(y, Reals(ctx.in(2)), Product(s.window.output));
  if (ctx.has(3)) {
    if (ctx.in(3).dims() != s.out_dims) {
      return InvalidArgument("Z is {}, expected {}", ctx.in(3).TypeText(),
                             ir::ShapeText(s.out_dims));
    }
    const std::vector<double> z = Reals(ctx.in(3));
    for (size_t i = 0; i < y.size(); ++i) y[i] += z[i];
  }
  if (after != nullptr) {
    for (double& value : y) value = (*after)(value);
  }
  ctx.Set(0, FromReals(x.dtype(), s.out_dims, y));
  return OkStatus();
}

Status Conv(OpContext& ctx) { return ConvThen(ctx, nullptr); }

// Conv, plus Z, then the activation that attribute "activation" names.
Status FusedConv(OpContext& ctx) {
  const std::string name = ctx.String("activation", "");
  if (name.empty()) return ConvThen(ctx, nullptr);
  const std::vector<double> params = ctx.Floats("activation_params");
  const double first = params.empty() ? 0 : params[0], second = params.size() < 2 ? 0 : params[1];
  if (name == "Clip") {
    if (params.size() != 2)
      return InvalidArgument("activation Clip with {} parameters, expected 2", params.size());
    const NamedActivation clip = NamedActivation::Clip(first, second);
    return ConvThen(ctx, &clip);
  }
  AZ_ASSIGN_OR_RETURN(const NamedActivation after,
                      NamedActivation::Of(name, first, second, !params.empty(), params.size() > 1));
  return ConvThen(ctx, &after);
}

Status ConvTranspose(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const ConvShapes s, ConvShapes::Of(ctx, x, ctx.in(1), true));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), s.out_dims).status());
  if (ctx.has(2)) AZ_RETURN_IF_ERROR(CheckBias(ctx.in(2), s.out_channels));
  const std::vector<double> in = Reals(x), w = Reals(ctx.in(1));
  // The window is swapped: its input is our output.
  const int64_t out_size = Product(s.window.input), in_size = Product(s.window.output);
  const int64_t taps = Product(s.window.kernel);
  const int64_t per_in = s.in_channels / s.groups, per_out = s.out_channels / s.groups;
  std::vector<double> y(static_cast<size_t>(s.batch * s.out_channels * out_size));
  for (int64_t task = 0; !y.empty() && task < s.batch * s.out_channels; ++task) {
    const int64_t n = task / s.out_channels, m = task % s.out_channels;
    double* out = y.data() + task * out_size;
    for (int64_t c = m / per_out * per_in; c < (m / per_out + 1) * per_in; ++c) {
      const double* from = in.data() + (n * s.in_channels + c) * in_size;
      const double* weight = w.data() + (c * per_out + m % per_out) * taps;
      int64_t tap = 0;
      ForEachCoordinate(s.window.kernel, [&](std::span<const int64_t> k) {
        const double value = weight[tap++];
        ForEachRow(
            s.window, k,
            [&](int64_t o, int64_t i, int64_t first, int64_t end, int64_t step, int64_t shift) {
              for (int64_t at = first; at < end; ++at)
                out[i + at * step + shift] += from[o + at] * value;
            });
      });
    }
  }
  if (ctx.has(2) && !y.empty()) AddBias(y, Reals(ctx.in(2)), out_size);
  ctx.Set(0, FromReals(x.dtype(), s.out_dims, y));
  return OkStatus();
}

// Zero point at input i: absent 0, one value, or one for each of `channels` rows.
StatusOr<std::vector<int64_t>> ZeroPoints(const OpContext& ctx, size_t i, int64_t channels) {
  if (!ctx.has(i)) return std::vector<int64_t>{0};
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, i));
  std::vector<int64_t> zeros = Ints(ctx.in(i));
  if (zeros.size() != 1 && static_cast<int64_t>(zeros.size()) != channels) {
    return InvalidArgument("zero point is {}, expected a scalar or [{}]", ctx.in(i).TypeText(),
                           channels);
  }
  return zeros;
}

// x - zero, zero per row of `row` elements when there are several.
std::vector<int64_t> Centered(const ir::Tensor& x, const std::vector<int64_t>& zeros, int64_t row) {
  std::vector<int64_t> values = Ints(x);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] -= zeros.size() == 1 ? zeros[0] : zeros[i / static_cast<size_t>(row)];
  }
  return values;
}

Status ConvInteger(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 0));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 1));
  const ir::Tensor &x = ctx.in(0), &w = ctx.in(1);
  AZ_ASSIGN_OR_RETURN(const ConvShapes s, ConvShapes::Of(ctx, x, w, false));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt32, s.out_dims).status());
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> x_zero, ZeroPoints(ctx, 2, 1));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> w_zero, ZeroPoints(ctx, 3, s.out_channels));
  const int64_t row = Product(w.dims(), 1, w.dims().size());
  ctx.Set(0, FromInts(ir::DType::kInt32, s.out_dims,
                      Convolve(s, Centered(x, x_zero, 1), Centered(w, w_zero, row))));
  return OkStatus();
}

// x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, b (int32, scale x_scale * w_scale).
Status QLinearConv(OpContext& ctx) {
  for (const size_t i : {size_t{0}, size_t{3}, size_t{7}})
    AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, i));
  const ir::Tensor &x = ctx.in(0), &w = ctx.in(3);
  AZ_ASSIGN_OR_RETURN(const ConvShapes s, ConvShapes::Of(ctx, x, w, false));
  const ir::DType dtype = ctx.in(7).dtype();
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, s.out_dims).status());
  AZ_ASSIGN_OR_RETURN(const double x_scale, ctx.RealScalarIn(1, "x_scale"));
  AZ_ASSIGN_OR_RETURN(const double y_scale, ctx.RealScalarIn(6, "y_scale"));
  AZ_ASSIGN_OR_RETURN(const int64_t y_zero, ctx.IntScalarIn(7, "y_zero_point"));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> x_zero, ZeroPoints(ctx, 2, 1));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> w_zero, ZeroPoints(ctx, 5, s.out_channels));
  const std::vector<double> w_scale = Reals(ctx.in(4));
  if (w_scale.size() != 1 && static_cast<int64_t>(w_scale.size()) != s.out_channels) {
    return InvalidArgument("w_scale is {}, expected a scalar or [{}]", ctx.in(4).TypeText(),
                           s.out_channels);
  }
  std::vector<int64_t> bias(static_cast<size_t>(s.out_channels), 0);
  if (ctx.has(8)) {
    AZ_RETURN_IF_ERROR(CheckBias(ctx.in(8), s.out_channels));
    bias = Ints(ctx.in(8));
  }
  const int64_t row = Product(w.dims(), 1, w.dims().size()), size = Product(s.window.output);
  const std::vector<int64_t> sums = Convolve(s, Centered(x, x_zero, 1), Centered(w, w_zero, row));
  std::vector<double> y(sums.size());
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t m = i / static_cast<size_t>(size) % static_cast<size_t>(s.out_channels);
    const double scale = x_scale * w_scale[w_scale.size() == 1 ? 0 : m] / y_scale;
    y[i] = std::nearbyint(static_cast<double>(WrapAdd(sums[i], bias[m])) * scale) +
           static_cast<double>(y_zero);
  }
  ctx.Set(0, FromReals(dtype, s.out_dims, y));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Conv", 1, Conv, 2, 3},
    {"ConvTranspose", 1, ConvTranspose, 2, 3},
    {"FusedConv", 1, FusedConv, 2, 4, Takes::kNumeric, kMicrosoftDomain},
    {"ConvInteger", 10, ConvInteger, 2, 4},
    {"QLinearConv", 10, QLinearConv, 8, 9},
};

}  // namespace

KernelRows ConvRows() { return kRows; }

}  // namespace assize::reference
