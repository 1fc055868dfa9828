// com.microsoft QGemm, MatMulIntegerToFloat, DynamicQuantizeMatMul, MatMulNBits.
//
// Integer sums are exact; scales are applied in double; one rounding. MatMulNBits holds a weight
// row in blocks along K, `bits` a weight, low bits first, with a scale and a zero point each block:
//   W[n, k] = (B[n, k] - zero[n, k / block]) * scale[n, k / block]        Y = A W' + bias
// Its accuracy_level lets a runtime round A to 8 bits; here A is never rounded.
// Tests: tests/conformance/.
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/narrow.h"
#include "lib/reference/ops/product.h"
#include "lib/reference/ops/quantize.h"

namespace assize::reference {
namespace {

// Bias [N] onto rows of N.
Status AddBias(const OpContext& ctx, size_t i, int64_t columns, std::vector<double>& y) {
  if (!ctx.has(i)) return OkStatus();
  if (ctx.in(i).dims() != ir::Shape{columns})
    return InvalidArgument("bias is {}, expected [{}]", ctx.in(i).TypeText(), columns);
  const std::vector<double> bias = Reals(ctx.in(i));
  for (size_t k = 0; k < y.size(); ++k) y[k] += bias[k % bias.size()];
  return OkStatus();
}

// a, b, a_scale, b_scale, a_zero, b_zero, bias.
Status MatMulIntegerToFloat(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(ctx.in(0).dims(), ctx.in(1).dims()));
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 3));
  const ir::DType dtype = ctx.in(3).dtype();
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, s.out).status());
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> a, CenteredOperand(ctx, 0, 4, false));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> b, CenteredOperand(ctx, 1, 5, false));
  AZ_ASSIGN_OR_RETURN(const double a_scale, ctx.RealScalarIn(2, "a_scale"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> b_scale,
                      Spread(ctx.in(3), s.out, false, "b_scale"));
  const std::vector<int64_t> sums = Multiply(s, a, b);
  std::vector<double> y(sums.size());
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = static_cast<double>(sums[i]) * (a_scale * b_scale[i]);
  AZ_RETURN_IF_ERROR(AddBias(ctx, 6, s.columns, y));
  ctx.Set(0, FromReals(dtype, s.out, y));
  return OkStatus();
}

// a (float), b, b_scale, b_zero, bias: a becomes uint8 by its own range first.
Status DynamicQuantizeMatMul(OpContext& ctx) {
  const ir::Tensor& a = ctx.in(0);
  if (a.dtype() != ir::DType::kFloat)
    return InvalidArgument("A is {}, expected float", a.TypeText());
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(a.dims(), ctx.in(1).dims()));
  AZ_RETURN_IF_ERROR(ctx.Plan(a.dtype(), s.out).status());
  const Affine range = DynamicUint8(a.data<float>());
  std::vector<int64_t> quantized;
  for (const float value : a.data<float>())
    quantized.push_back(static_cast<int64_t>(DynamicQuantized(value, range) - range.zero));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> b, CenteredOperand(ctx, 1, 3, false));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> b_scale,
                      Spread(ctx.in(2), s.out, false, "b_scale"));
  const std::vector<int64_t> sums = Multiply(s, quantized, b);
  std::vector<double> y(sums.size());
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = static_cast<double>(sums[i]) * (range.scale * b_scale[i]);
  AZ_RETURN_IF_ERROR(AddBias(ctx, 4, s.columns, y));
  ctx.Set(0, FromReals(a.dtype(), s.out, y));
  return OkStatus();
}

// a, a_scale, a_zero, b, b_scale, b_zero, c (int32, at scale alpha * a_scale * b_scale), y_scale,
// y_zero; without y_scale the result is float.
Status QGemm(OpContext& ctx) {
  const ir::Tensor &a = ctx.in(0), &b = ctx.in(3);
  if (a.rank() != 2 || b.rank() != 2)
    return InvalidArgument("A is {} and B is {}, expected two dims", a.TypeText(), b.TypeText());
  const bool trans_a = ctx.Int("transA", 0) != 0, trans_b = ctx.Int("transB", 0) != 0;
  ir::Shape a_dims = a.dims(), b_dims = b.dims();
  if (trans_a) std::swap(a_dims[0], a_dims[1]);
  if (trans_b) std::swap(b_dims[0], b_dims[1]);
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(a_dims, b_dims));
  if (ctx.has(7) != ctx.has(8))
    return InvalidArgument("y_scale and y_zero_point are given one without the other");
  const ir::DType dtype = ctx.has(8) ? ctx.in(8).dtype() : ctx.in(1).dtype();
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, s.out).status());
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 0));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 3));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 2));
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 5));
  AZ_ASSIGN_OR_RETURN(const int64_t a_zero, ctx.IntScalarIn(2, "a_zero_point"));
  AZ_ASSIGN_OR_RETURN(const double a_scale, ctx.RealScalarIn(1, "a_scale"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> b_zero,
                      Spread(ctx.in(5), b_dims, false, "b_zero_point"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> b_scale,
                      Spread(ctx.in(4), s.out, false, "b_scale"));
  std::vector<int64_t> left = Ints(a), right = Ints(b);
  for (int64_t& value : left) value -= a_zero;
  if (trans_a) left = Transposed(left, a.dims()[0], a.dims()[1]);
  if (trans_b) right = Transposed(right, b.dims()[0], b.dims()[1]);
  for (size_t i = 0; i < right.size(); ++i) right[i] -= static_cast<int64_t>(b_zero[i]);
  std::vector<int64_t> sums = Multiply(s, left, right);
  if (ctx.has(6)) {
    AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 6));
    const ir::Tensor& c = ctx.in(6);
    if (!BroadcastsTo(c.dims(), s.out)) {
      return InvalidArgument("C is {}, expected to broadcast to {}", c.TypeText(),
                             ir::ShapeText(s.out));
    }
    const BroadcastMap at(c.dims(), s.out);
    const std::vector<int64_t> values = Ints(c);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = WrapAdd(sums[i], values[static_cast<size_t>(at(static_cast<int64_t>(i)))]);
  }
  const double alpha = ctx.Float("alpha", 1.0);
  std::vector<double> y(sums.size());
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = static_cast<double>(sums[i]) * (alpha * a_scale * b_scale[i]);
  if (ctx.has(8)) {
    AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 8));
    AZ_ASSIGN_OR_RETURN(const Affine to, Affine::Of(ctx, 7, 8));
    ctx.Set(0, Quantized(dtype, s.out, std::move(y), to));
  } else {
    AZ_RETURN_IF_ERROR(NeedFloat(ctx, 1));
    ctx.Set(0, FromReals(dtype, s.out, y));
  }
  return OkStatus();
}

// Number `i` of those packed `bits` each into a row of bytes, the first in the lowest bits.
int64_t Packed(std::span<const uint8_t> row, int64_t i, int64_t bits) {
  const int64_t bit = i * bits;
  return row[static_cast<size_t>(bit / 8)] >> (bit % 8) & ((1 << bits) - 1);
}

// The weights of MatMulNBits, dequantized: [K, N].
StatusOr<std::vector<double>> NBitsWeights(const OpContext& ctx, int64_t k, int64_t n) {
  const int64_t bits = ctx.Int("bits", 4), block = ctx.Int("block_size", 0);
  if (bits != 2 && bits != 4 && bits != 8)
    return InvalidArgument("attribute \"bits\" is {}, expected 2, 4 or 8", bits);
  if (block < 16 || (block & (block - 1)) != 0 || block > (int64_t{1} << 32))
    return InvalidArgument("attribute \"block_size\" is {}, expected a power of two from 16 on",
                           block);
  if (ctx.Int("weight_prepacked", 0) != 0)
    return Unimplemented("attribute \"weight_prepacked\": a layout of one device");
  const int64_t blocks = (k + block - 1) / block, blob = block * bits / 8;
  const ir::Tensor &b = ctx.in(1), &scales = ctx.in(2);
  const auto bytes = CheckedMul(blocks * blob, n);
  if (b.dtype() != ir::DType::kUint8 || !bytes || b.element_count() != *bytes)
    return InvalidArgument("B is {}, expected uint8 [{}, {}, {}]", b.TypeText(), n, blocks, blob);
  if (scales.element_count() != n * blocks)
    return InvalidArgument("scales is {}, expected [{}, {}]", scales.TypeText(), n, blocks);
  const std::vector<double> scale = Reals(scales);
  std::vector<double> zero(scale.size(), std::exp2(static_cast<double>(bits - 1)));
  if (ctx.has(3)) {
    const ir::Tensor& given = ctx.in(3);
    const int64_t row = (blocks * bits + 7) / 8;
    if (given.dtype() != ir::DType::kUint8) {
      if (given.element_count() != n * blocks)
        return InvalidArgument("zero_points is {}, expected [{}, {}]", given.TypeText(), n, blocks);
      zero = Reals(given);
    } else {
      if (given.element_count() != n * row)
        return InvalidArgument("zero_points is {}, expected [{}, {}]", given.TypeText(), n, row);
      for (size_t i = 0; i < zero.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        zero[i] = static_cast<double>(
            Packed(given.data<uint8_t>().subspan(static_cast<size_t>(at / blocks * row)),
                   at % blocks, bits));
      }
    }
  }
  std::vector<int64_t> group;
  if (ctx.has(4)) {
    AZ_ASSIGN_OR_RETURN(group, ctx.IntsIn(4, "g_idx"));
    if (static_cast<int64_t>(group.size()) < k)
      return InvalidArgument("g_idx is {}, expected [{}]", ctx.in(4).TypeText(), k);
    for (const int64_t g : group) {
      if (g < 0 || g >= blocks) return OutOfRange("g_idx holds {}, there are {} blocks", g, blocks);
    }
  }
  std::vector<double> w(static_cast<size_t>(k * n));
  for (int64_t column = 0; column < n; ++column) {
    const auto row = b.data<uint8_t>().subspan(static_cast<size_t>(column * blocks * blob));
    for (int64_t i = 0; i < k; ++i) {
      const int64_t of = group.empty() ? i / block : group[static_cast<size_t>(i)];
      const auto at = static_cast<size_t>(column * blocks + of);
      w[static_cast<size_t>(i * n + column)] =
          (static_cast<double>(Packed(row, i, bits)) - zero[at]) * scale[at];
    }
  }
  return w;
}

// a, b, scales, zero_points, g_idx, bias. An empty B stands for weights of zero.
Status MatMulNBits(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const int64_t k = ctx.Int("K", 0), n = ctx.Int("N", 0);
  if (k < 1 || n < 1 || !CheckedMul(k, n))
    return InvalidArgument("attributes K {} and N {}, expected at least 1", k, n);
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, {k, n}).status());
  const ir::Tensor& a = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(a.dims(), {k, n}));
  AZ_RETURN_IF_ERROR(ctx.Plan(a.dtype(), s.out).status());
  std::vector<double> y(static_cast<size_t>(Product(s.out)));
  if (ctx.in(1).element_count() != 0) {
    AZ_ASSIGN_OR_RETURN(const std::vector<double> w, NBitsWeights(ctx, k, n));
    y = Multiply(s, Reals(a), w);
  }
  AZ_RETURN_IF_ERROR(AddBias(ctx, 5, n, y));
  ctx.Set(0, FromReals(a.dtype(), s.out, y));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"QGemm", 1, QGemm, 6, 9, Takes::kNumeric, kMicrosoftDomain},
    {"MatMulIntegerToFloat", 1, MatMulIntegerToFloat, 4, 7, Takes::kNumeric, kMicrosoftDomain},
    {"DynamicQuantizeMatMul", 1, DynamicQuantizeMatMul, 3, 5, Takes::kNumeric, kMicrosoftDomain},
    {"MatMulNBits", 1, MatMulNBits, 3, 6, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows QMatMulRows() { return kRows; }

}  // namespace assize::reference
