// MatMul, Gemm, MatMulInteger, QLinearMatMul; com.microsoft FusedMatMul and FusedGemm.
//
// Batches broadcast as numpy's matmul; a vector is a row on the left and a column on the right.
// Float sums in double in the order of the inner dim; integers exact.
// Tests: tests/reference/layers_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/named_activation.h"
#include "lib/reference/ops/narrow.h"
#include "lib/reference/ops/product.h"

namespace assize::reference {
namespace {

Status MatMul(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(ctx.in(0).dims(), ctx.in(1).dims()));
  const ir::DType dtype = ctx.in(0).dtype();
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, s.out).status());
  if (ir::IsFloating(dtype)) {
    ctx.Set(0, FromReals(dtype, s.out, Multiply(s, Reals(ctx.in(0)), Reals(ctx.in(1)))));
  } else {
    AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
    ctx.Set(0, FromInts(dtype, s.out, Multiply(s, Ints(ctx.in(0)), Ints(ctx.in(1)))));
  }
  return OkStatus();
}

Status MatMulInteger(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(ctx.in(0).dims(), ctx.in(1).dims()));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt32, s.out).status());
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> a, CenteredOperand(ctx, 0, 2, true));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> b, CenteredOperand(ctx, 1, 3, false));
  ctx.Set(0, FromInts(ir::DType::kInt32, s.out, Multiply(s, a, b)));
  return OkStatus();
}

// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero.
Status QLinearMatMul(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(ctx.in(0).dims(), ctx.in(3).dims()));
  const ir::DType dtype = ctx.in(7).dtype();
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, 7));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, s.out));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> a, CenteredOperand(ctx, 0, 2, true));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> b, CenteredOperand(ctx, 3, 5, false));
  const std::vector<int64_t> sums = Multiply(s, a, b);
  // Scales as the result sees them: rows of a, columns of b.
  ir::Shape full = s.batch;
  full.push_back(s.rows);
  full.push_back(s.columns);
  AZ_ASSIGN_OR_RETURN(const std::vector<double> a_scale, Spread(ctx.in(1), full, true, "a_scale"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> b_scale, Spread(ctx.in(4), full, false, "b_scale"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> y_scale, Spread(ctx.in(6), full, true, "y_scale"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> y_zero,
                      Spread(ctx.in(7), full, true, "y_zero_point"));
  std::vector<double> y(static_cast<size_t>(count));
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = std::nearbyint(static_cast<double>(sums[i]) * (a_scale[i] * b_scale[i] / y_scale[i])) +
           y_zero[i];
  }
  ctx.Set(0, FromReals(dtype, s.out, y));
  return OkStatus();
}

// y = alpha * A' * B' + beta * C; A' [M, K], B' [K, N], C broadcasts to [M, N].
// `after` is applied to a float result; null: nothing is.
Status GemmThen(OpContext& ctx, const NamedActivation* after) {
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  const ir::Tensor &a = ctx.in(0), &b = ctx.in(1);
  if (a.rank() != 2 || b.rank() != 2) {
    return InvalidArgument("A is {} and B is {}, expected two dims", a.TypeText(), b.TypeText());
  }
  const double alpha = ctx.Float("alpha", 1.0), beta = ctx.Float("beta", 1.0);
  const bool trans_a = ctx.Int("transA", 0) != 0, trans_b = ctx.Int("transB", 0) != 0;
  ir::Shape a_dims = a.dims(), b_dims = b.dims();
  if (trans_a) std::swap(a_dims[0], a_dims[1]);
  if (trans_b) std::swap(b_dims[0], b_dims[1]);
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(a_dims, b_dims));
  AZ_RETURN_IF_ERROR(ctx.Plan(a.dtype(), s.out).status());
  if (ctx.has(2)) {
    AZ_RETURN_IF_ERROR(ctx.SameType(0, 2));
    if (!BroadcastsTo(ctx.in(2).dims(), s.out)) {
      return InvalidArgument("C is {}, expected to broadcast to {}", ctx.in(2).TypeText(),
                             ir::ShapeText(s.out));
    }
  }
  const auto product = [&](const auto& left, const auto& right) {
    return Multiply(s, trans_a ? Transposed(left, a.dims()[0], a.dims()[1]) : left,
                    trans_b ? Transposed(right, b.dims()[0], b.dims()[1]) : right);
  };
  if (ir::IsFloating(a.dtype()) || alpha != 1.0 || beta != 1.0) {
    std::vector<double> y = product(Reals(a), Reals(b));
    for (double& value : y) value *= alpha;
    if (ctx.has(2)) {
      const BroadcastMap at(ctx.in(2).dims(), s.out);
      const std::vector<double> c = Reals(ctx.in(2));
      for (size_t i = 0; i < y.size(); ++i)
        y[i] += beta * c[static_cast<size_t>(at(static_cast<int64_t>(i)))];
    }
    if (after != nullptr) {
      for (double& value : y) value = (*after)(value);
    }
    ctx.Set(0, FromReals(a.dtype(), s.out, y));
    return OkStatus();
  }
  std::vector<int64_t> y = product(Ints(a), Ints(b));
  if (ctx.has(2)) {
    const BroadcastMap at(ctx.in(2).dims(), s.out);
    const std::vector<int64_t> c = Ints(ctx.in(2));
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = WrapAdd(y[i], c[static_cast<size_t>(at(static_cast<int64_t>(i)))]);
    }
  }
  ctx.Set(0, FromInts(a.dtype(), s.out, y));
  return OkStatus();
}

Status Gemm(OpContext& ctx) { return GemmThen(ctx, nullptr); }

// Gemm, then the activation that attribute "activation" names.
Status FusedGemm(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const std::string name = ctx.String("activation", "");
  if (name.empty()) return GemmThen(ctx, nullptr);
  AZ_ASSIGN_OR_RETURN(
      const NamedActivation after,
      NamedActivation::Of(name, ctx.Float("activation_alpha", 0), ctx.Float("activation_beta", 0),
                          ctx.HasAttribute("activation_alpha"),
                          ctx.HasAttribute("activation_beta")));
  return GemmThen(ctx, &after);
}

// An operand of FusedMatMul as MatMul wants it: with `batch`, dim 0 moves in front of the last one;
// then with `swap` the last two dims change places.
struct Turned {
  ir::Shape dims;
  std::vector<double> values;
  static Turned Of(const ir::Tensor& x, bool batch, bool swap) {
    const size_t rank = x.dims().size();
    std::vector<size_t> order(rank);
    for (size_t i = 0; i < rank; ++i) order[i] = i;
    if (batch && rank > 2) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
    if (swap && rank > 1) std::swap(order[rank - 1], order[rank - 2]);
    const std::vector<int64_t> strides = Strides(x.dims());
    Turned out;
    std::vector<int64_t> steps;
    for (const size_t i : order) {
      out.dims.push_back(x.dims()[i]);
      steps.push_back(strides[i]);
    }
    const std::vector<double> values = Reals(x);
    for (const int64_t at : Positions(out.dims, steps))
      out.values.push_back(values[static_cast<size_t>(at)]);
    return out;
  }
};

// alpha * A' * B'.
Status FusedMatMul(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const auto flag = [&](const char* name) { return ctx.Int(name, 0) != 0; };
  const Turned a = Turned::Of(ctx.in(0), flag("transBatchA"), flag("transA")),
               b = Turned::Of(ctx.in(1), flag("transBatchB"), flag("transB"));
  AZ_ASSIGN_OR_RETURN(const MatMulShapes s, MatMulShapes::Of(a.dims, b.dims));
  AZ_RETURN_IF_ERROR(ctx.Plan(ctx.in(0).dtype(), s.out).status());
  const double alpha = ctx.Float("alpha", 1.0);
  std::vector<double> y = Multiply(s, a.values, b.values);
  for (double& value : y) value *= alpha;
  ctx.Set(0, FromReals(ctx.in(0).dtype(), s.out, y));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"MatMul", 1, MatMul, 2, 2},
    {"Gemm", 1, Gemm, 2, 3},
    {"MatMulInteger", 10, MatMulInteger, 2, 4},
    {"QLinearMatMul", 10, QLinearMatMul, 8, 8},
    {"FusedMatMul", 1, FusedMatMul, 2, 2, Takes::kNumeric, kMicrosoftDomain},
    {"FusedGemm", 1, FusedGemm, 2, 3, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows MatMulRows() { return kRows; }

}  // namespace assize::reference
