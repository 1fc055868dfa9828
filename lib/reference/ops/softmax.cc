// Softmax, LogSoftmax, Hardmax.
//
// Before opset 13 the input is coerced to two dims at `axis` (default 1) and rows run over all that
// follow; from 13 on the axis (default -1) alone is a row. exp(x - max) in double, one rounding.
// Tests: tests/reference/numbers_test.cc.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// visit(values, start, step, length) for each row.
template <typename Visit>
Status OverRows(OpContext& ctx, Visit visit) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  const bool flat = ctx.opset() < 13;
  int64_t axis = 0;
  if (x.rank() > 0) {
    axis = ctx.Int("axis", flat ? 1 : -1);
    // The old form may flatten at the end: rows of one element.
    if (!(flat && axis == x.rank())) {
      AZ_ASSIGN_OR_RETURN(axis, ctx.Axis(axis, x.rank()));
    }
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> values = Reals(x);
  const auto a = static_cast<size_t>(axis);
  if (!values.empty()) {
    const size_t rank = x.dims().size();
    const int64_t outer = Product(x.dims(), 0, std::min(a, rank));
    const int64_t inner = flat || rank == 0 ? 1 : Product(x.dims(), a + 1, rank);
    const int64_t length = flat        ? Product(x.dims(), std::min(a, rank), rank)
                           : rank == 0 ? 1
                                       : x.dims()[a];
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i)
        visit(values.data() + o * length * inner + i, inner, length);
    }
  }
  ctx.Set(0, FromReals(x.dtype(), x.dims(), values));
  return OkStatus();
}

double Top(const double* row, int64_t step, int64_t length) {
  double top = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < length; ++i) top = std::max(top, row[i * step]);
  return top;
}

Status Softmax(OpContext& ctx) {
  return OverRows(ctx, [](double* row, int64_t step, int64_t length) {
    const double top = Top(row, step, length);
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += row[i * step] = std::exp(row[i * step] - top);
    for (int64_t i = 0; i < length; ++i) row[i * step] /= sum;
  });
}

Status LogSoftmax(OpContext& ctx) {
  return OverRows(ctx, [](double* row, int64_t step, int64_t length) {
    const double top = Top(row, step, length);
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += std::exp(row[i * step] - top);
    const double log_sum = std::log(sum);
    for (int64_t i = 0; i < length; ++i) row[i * step] = row[i * step] - top - log_sum;
  });
}

Status Hardmax(OpContext& ctx) {
  return OverRows(ctx, [](double* row, int64_t step, int64_t length) {
    int64_t best = 0;
    for (int64_t i = 1; i < length; ++i) {
      if (row[i * step] > row[best * step]) best = i;
    }
    for (int64_t i = 0; i < length; ++i) row[i * step] = i == best ? 1 : 0;
  });
}

const KernelRow kRows[] = {
    {"Softmax", 1, Softmax, 1, 1},
    {"LogSoftmax", 1, LogSoftmax, 1, 1},
    {"Hardmax", 1, Hardmax, 1, 1},
};

}  // namespace

KernelRows SoftmaxRows() { return kRows; }

}  // namespace assize::reference
