// Tests: tests/reference/layers_test.cc, tests/conformance/.
#include "lib/reference/ops/product.h"

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/loop.h"
#include "lib/reference/ops/narrow.h"

namespace assize::reference {

StatusOr<MatMulShapes> MatMulShapes::Of(ir::Shape a, ir::Shape b) {
  MatMulShapes s;
  if (a.empty() || b.empty()) return InvalidArgument("a scalar operand, expected at least one dim");
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

template std::vector<double> Multiply(const MatMulShapes&, const std::vector<double>&,
                                      const std::vector<double>&);
template std::vector<int64_t> Multiply(const MatMulShapes&, const std::vector<int64_t>&,
                                       const std::vector<int64_t>&);

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

}  // namespace assize::reference
