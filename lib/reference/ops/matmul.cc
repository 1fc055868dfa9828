// MatMul, Gemm, MatMulInteger, QLinearMatMul.
//
// Batches broadcast as numpy's matmul; a vector is a row on the left and a column on the right.
// Float sums in double in the order of the inner dim; integers exact.
// Tests: tests/reference/layers_test.cc, tests/conformance/.
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/loop.h"
#include "lib/reference/ops/narrow.h"

namespace assize::reference {
namespace {

struct MatMulShapes {
  int64_t rows = 0, inner = 0, columns = 0;
  ir::Shape batch;             // broadcast
  ir::Shape a_batch, b_batch;  // own
  ir::Shape out;

  static StatusOr<MatMulShapes> Of(ir::Shape a, ir::Shape b) {
    MatMulShapes s;
    if (a.empty() || b.empty())
      return InvalidArgument("a scalar operand, expected at least one dim");
    const ir::Shape a_given = a, b_given = b;
    const bool vector_a = a.size() == 1, vector_b = b.size() == 1;
    if (vector_a) a.insert(a.begin(), 1);
    if (vector_b) b.push_back(1);
    s.rows = a[a.size() - 2];
    s.inner = a.back();
    s.columns = b.back();
    if (b[b.size() - 2] != s.inner) {
      return InvalidArgument("a is {} and b is {}: the inner dims {} and {} differ",
                             ir::ShapeText(a_given), ir::ShapeText(b_given), s.inner,
                             b[b.size() - 2]);
    }
    s.a_batch.assign(a.begin(), a.end() - 2);
    s.b_batch.assign(b.begin(), b.end() - 2);
    AZ_ASSIGN_OR_RETURN(s.batch, BroadcastShapes(s.a_batch, s.b_batch));
    s.out = s.batch;
    if (!vector_a) s.out.push_back(s.rows);
    if (!vector_b) s.out.push_back(s.columns);
    return s;
  }
};

template <typename T>
std::vector<T> Multiply(const MatMulShapes& s, const std::vector<T>& a, const std::vector<T>& b) {
  const int64_t batches = Product(s.batch);
  std::vector<T> out(static_cast<size_t>(Product(s.out)));
  if (out.empty()) return out;
  const BroadcastMap a_at(s.a_batch, s.batch), b_at(s.b_batch, s.batch);
  ForEachResult(batches * s.rows, s.inner * s.columns, [&](int64_t task) {
    const int64_t batch = task / s.rows, row = task % s.rows;
    T* to = out.data() + task * s.columns;
    const T* left = a.data() + (a_at(batch) * s.rows + row) * s.inner;
    const T* right = b.data() + b_at(batch) * s.inner * s.columns;
    for (int64_t k = 0; k < s.inner; ++k, right += s.columns) {
      const T value = left[k];
      for (int64_t j = 0; j < s.columns; ++j) {
        if constexpr (std::is_same_v<T, int64_t>) {
          to[j] = WrapAdd(to[j], WrapMul(value, right[j]));
        } else {
          to[j] += value * right[j];
        }
      }
    }
  });
  return out;
}

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

// Zero point (or scale) positions: a scalar, or one a row of A / one a column of B, or the full
// batched form of it.
StatusOr<std::vector<double>> Spread(const ir::Tensor& given, const ir::Shape& dims, bool per_row,
                                     std::string_view what) {
  const size_t rank = dims.size();
  ir::Shape shape = given.dims();
  if (given.element_count() == 1) {
    shape.clear();
  } else if (shape.size() == 1 && per_row) {
    shape.push_back(1);  // [M] speaks of rows
  }
  if (rank < 1 || !BroadcastsTo(shape, dims)) {
    return InvalidArgument("{} is {}, expected a scalar or one value a {} of {}", what,
                           given.TypeText(), per_row ? "row" : "column", ir::ShapeText(dims));
  }
  const BroadcastMap at(shape, dims);
  const std::vector<double> values = Reals(given);
  std::vector<double> out(static_cast<size_t>(Product(dims)));
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = values[static_cast<size_t>(at(static_cast<int64_t>(i)))];
  return out;
}

StatusOr<std::vector<int64_t>> CenteredOperand(const OpContext& ctx, size_t i, size_t zero,
                                               bool per_row) {
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, i));
  std::vector<int64_t> values = Ints(ctx.in(i));
  if (!ctx.has(zero)) return values;
  AZ_RETURN_IF_ERROR(NeedNarrowInteger(ctx, zero));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> zeros,
                      Spread(ctx.in(zero), ctx.in(i).dims(), per_row, "zero point"));
  for (size_t k = 0; k < values.size(); ++k) values[k] -= static_cast<int64_t>(zeros[k]);
  return values;
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

template <typename T>
std::vector<T> Transposed(const std::vector<T>& x, int64_t rows, int64_t columns) {
  std::vector<T> out(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      out[static_cast<size_t>(c * rows + r)] = x[static_cast<size_t>(r * columns + c)];
    }
  }
  return out;
}

// y = alpha * A' * B' + beta * C; A' [M, K], B' [K, N], C broadcasts to [M, N].
Status Gemm(OpContext& ctx) {
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

const KernelRow kRows[] = {
    {"MatMul", 1, MatMul, 2, 2},
    {"Gemm", 1, Gemm, 2, 3},
    {"MatMulInteger", 10, MatMulInteger, 2, 4},
    {"QLinearMatMul", 10, QLinearMatMul, 8, 8},
};

}  // namespace

KernelRows MatMulRows() { return kRows; }

}  // namespace assize::reference
