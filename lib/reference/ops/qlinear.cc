// com.microsoft QLinear ops other than the matrix products: elementwise, pooling, Concat, Where,
// Softmax on 8-bit tensors.
//
// Each is the float op between (q - zero) * scale and saturate(round_half_even(y / scale) + zero),
// computed in double: runtimes that work in float or by tables may land one step beside it.
// Tests: tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/narrow.h"
#include "lib/reference/ops/pool.h"
#include "lib/reference/ops/quantize.h"

namespace assize::reference {
namespace {

// a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero -> c.
template <typename F>
Status Binary(OpContext& ctx, F f) {
  AZ_RETURN_IF_ERROR(NeedInputs(ctx, {0, 1, 3, 4, 6}));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 3));
  const ir::Tensor &a = ctx.in(0), &b = ctx.in(3);
  AZ_ASSIGN_OR_RETURN(const Affine of_a, Affine::Of(ctx, 1, 2));
  AZ_ASSIGN_OR_RETURN(const Affine of_b, Affine::Of(ctx, 4, 5));
  AZ_ASSIGN_OR_RETURN(const Affine of_c, Affine::Of(ctx, 6, 7));
  AZ_ASSIGN_OR_RETURN(const ir::Shape dims, BroadcastShapes(a.dims(), b.dims()));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(a.dtype(), dims));
  const std::vector<double> x = Dequantized(a, of_a), y = Dequantized(b, of_b);
  const BroadcastMap at_a(a.dims(), dims), at_b(b.dims(), dims);
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    out[static_cast<size_t>(i)] =
        f(x[static_cast<size_t>(at_a(i))], y[static_cast<size_t>(at_b(i))]);
  }
  ctx.Set(0, Quantized(a.dtype(), dims, std::move(out), of_c));
  return OkStatus();
}

Status Add(OpContext& ctx) {
  return Binary(ctx, [](double a, double b) { return a + b; });
}
Status Mul(OpContext& ctx) {
  return Binary(ctx, [](double a, double b) { return a * b; });
}

// x, x_scale, x_zero, y_scale, y_zero -> y.
template <typename F>
Status Unary(OpContext& ctx, F f) {
  AZ_RETURN_IF_ERROR(NeedInputs(ctx, {0, 1, 3}));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const Affine from, Affine::Of(ctx, 1, 2));
  AZ_ASSIGN_OR_RETURN(const Affine to, Affine::Of(ctx, 3, 4));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> values = Dequantized(x, from);
  for (double& value : values) value = f(value);
  ctx.Set(0, Quantized(x.dtype(), x.dims(), std::move(values), to));
  return OkStatus();
}

Status Sigmoid(OpContext& ctx) {
  return Unary(ctx, [](double x) { return 1 / (1 + std::exp(-x)); });
}

Status LeakyRelu(OpContext& ctx) {
  const double alpha = ctx.Float("alpha", 0.01f);
  return Unary(ctx, [=](double x) { return x < 0 ? alpha * x : x; });
}

// Element order of a tensor [N, C, *S] taken from [N, *S, C], or back.
std::vector<double> MoveChannels(const std::vector<double>& x, int64_t batch, int64_t channels,
                                 int64_t positions, bool to_last) {
  std::vector<double> out(x.size());
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < positions; ++p) {
        const auto first = static_cast<size_t>((n * channels + c) * positions + p);
        const auto last = static_cast<size_t>((n * positions + p) * channels + c);
        out[to_last ? last : first] = x[to_last ? first : last];
      }
    }
  }
  return out;
}

// x, x_scale, x_zero, y_scale, y_zero; attribute channels_last: the channels are the last dim.
template <bool global>
Status Average(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedInputs(ctx, {0, 1, 3}));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 3) return InvalidArgument("X is {}, expected [N, C, ...]", x.TypeText());
  AZ_ASSIGN_OR_RETURN(const Affine from, Affine::Of(ctx, 1, 2));
  AZ_ASSIGN_OR_RETURN(const Affine to, Affine::Of(ctx, 3, 4));
  const bool last = ctx.Int("channels_last", 0) != 0;
  ir::Shape dims = x.dims();
  if (last) std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, dims).status());
  std::vector<double> values = Dequantized(x, from);
  if (last) values = MoveChannels(values, dims[0], dims[1], Product(dims, 2, dims.size()), false);
  AZ_ASSIGN_OR_RETURN(Pooled y, Averages(ctx, FromReals(ir::DType::kDouble, dims, values), global));
  if (last) {
    y.values =
        MoveChannels(y.values, y.dims[0], y.dims[1], Product(y.dims, 2, y.dims.size()), true);
    std::rotate(y.dims.begin() + 1, y.dims.begin() + 2, y.dims.end());
  }
  ctx.Set(0, Quantized(x.dtype(), y.dims, std::move(y.values), to));
  return OkStatus();
}

// y_scale, y_zero, then (x, x_scale, x_zero) for each operand.
Status Concat(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Affine to, Affine::Of(ctx, 0, 1));
  const size_t count = ctx.input_count();
  if (count < 5 || (count - 2) % 3 != 0)
    return InvalidArgument("{} inputs, expected 2 and 3 for each operand", count);
  const ir::DType dtype = ctx.in(1).dtype();
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 1));
  if (!ctx.has(2)) return InvalidArgument("the first operand is missing");
  ir::Shape dims = ctx.in(2).dims();
  AZ_ASSIGN_OR_RETURN(const int64_t axis,
                      ctx.Axis(ctx.Int("axis", 0), static_cast<int64_t>(dims.size())));
  const auto along = static_cast<size_t>(axis);
  dims[along] = 0;
  for (size_t i = 2; i < count; i += 3) {
    if (!ctx.has(i) || !ctx.has(i + 1))
      return InvalidArgument("operand {} is missing", (i - 2) / 3);
    AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, i));
    ir::Shape own = ctx.in(i).dims();
    if (own.size() != dims.size())
      return InvalidArgument("operand {} is {}", (i - 2) / 3, ctx.in(i).TypeText());
    const auto sum = CheckedAdd(dims[along], own[along]);
    if (!sum) return InvalidArgument("the operands' dims {} add up to too much", axis);
    own[along] = dims[along];
    if (own != dims) {
      return InvalidArgument(
          "operand {} is {}, which fits the first, {}, in other dims than {} not", (i - 2) / 3,
          ctx.in(i).TypeText(), ctx.in(2).TypeText(), axis);
    }
    dims[along] = *sum;
  }
  AZ_ASSIGN_OR_RETURN(const int64_t total, ctx.Plan(dtype, dims));
  std::vector<double> out(static_cast<size_t>(total));
  const int64_t inner = Product(dims, along + 1, dims.size()), row = dims[along] * inner;
  int64_t begin = 0;
  for (size_t i = 2; i < count; i += 3) {
    AZ_ASSIGN_OR_RETURN(const Affine from, Affine::Of(ctx, i + 1, i + 2));
    const std::vector<double> values = Dequantized(ctx.in(i), from);
    const int64_t piece = ctx.in(i).dims()[along] * inner;
    for (size_t k = 0; k < values.size(); ++k) {
      const auto at = static_cast<int64_t>(k);
      out[static_cast<size_t>(at / piece * row + begin + at % piece)] = values[k];
    }
    begin += piece;
  }
  ctx.Set(0, Quantized(dtype, dims, std::move(out), to));
  return OkStatus();
}

// condition, x, x_scale, x_zero, y, y_scale, y_zero, z_scale, z_zero -> z.
Status Where(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedBool(ctx, 0));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 1));
  AZ_RETURN_IF_ERROR(ctx.SameType(1, 4));
  const ir::Tensor &condition = ctx.in(0), &x = ctx.in(1), &y = ctx.in(4);
  AZ_ASSIGN_OR_RETURN(const Affine of_x, Affine::Of(ctx, 2, 3));
  AZ_ASSIGN_OR_RETURN(const Affine of_y, Affine::Of(ctx, 5, 6));
  AZ_ASSIGN_OR_RETURN(const Affine of_z, Affine::Of(ctx, 7, 8));
  AZ_ASSIGN_OR_RETURN(const ir::Shape both, BroadcastShapes(x.dims(), y.dims()));
  AZ_ASSIGN_OR_RETURN(const ir::Shape dims, BroadcastShapes(both, condition.dims()));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const BroadcastMap at_c(condition.dims(), dims), at_x(x.dims(), dims), at_y(y.dims(), dims);
  const std::vector<int64_t> chosen = Ints(condition);
  const std::vector<double> of_true = Dequantized(x, of_x), of_false = Dequantized(y, of_y);
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    out[static_cast<size_t>(i)] = chosen[static_cast<size_t>(at_c(i))] != 0
                                      ? of_true[static_cast<size_t>(at_x(i))]
                                      : of_false[static_cast<size_t>(at_y(i))];
  }
  ctx.Set(0, Quantized(x.dtype(), dims, std::move(out), of_z));
  return OkStatus();
}

// Attribute `opset` says which Softmax: below 13 all dims from `axis` on are one row.
Status Softmax(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedInputs(ctx, {0, 1, 3}));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const Affine from, Affine::Of(ctx, 1, 2));
  AZ_ASSIGN_OR_RETURN(const Affine to, Affine::Of(ctx, 3, 4));
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -1), x.rank()));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const auto a = static_cast<size_t>(axis);
  const bool rows = ctx.Int("opset", 13) < 13;
  const int64_t inner = rows ? 1 : Product(x.dims(), a + 1, x.dims().size());
  const int64_t length = rows ? Product(x.dims(), a, x.dims().size()) : x.dims()[a];
  std::vector<double> values = Dequantized(x, from);
  for (size_t start = 0; start < values.size(); ++start) {
    const auto at = static_cast<int64_t>(start);
    if (at / inner % length != 0) continue;  // not the first of its row
    const auto element = [&](int64_t i) -> double& {
      return values[static_cast<size_t>(at + i * inner)];
    };
    double top = element(0), sum = 0;
    for (int64_t i = 1; i < length; ++i) top = std::max(top, element(i));
    for (int64_t i = 0; i < length; ++i) sum += element(i) = std::exp(element(i) - top);
    for (int64_t i = 0; i < length; ++i) element(i) /= sum;
  }
  ctx.Set(0, Quantized(x.dtype(), x.dims(), std::move(values), to));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"QLinearAdd", 1, Add, 1, 8, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearMul", 1, Mul, 1, 8, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearSigmoid", 1, Sigmoid, 1, 5, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearLeakyRelu", 1, LeakyRelu, 1, 5, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearAveragePool", 1, Average<false>, 1, 5, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearGlobalAveragePool", 1, Average<true>, 1, 5, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearConcat", 1, Concat, 5, -1, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearWhere", 1, Where, 9, 9, Takes::kNumeric, kMicrosoftDomain},
    {"QLinearSoftmax", 1, Softmax, 1, 5, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows QLinearRows() { return kRows; }

}  // namespace assize::reference
