// Reductions, ArgMax and ArgMin, CumSum and CumProd.
//
// Axes come as an attribute, and as an input from opset 18 (ReduceSum: 13) on; none means all axes,
// or no reduction with noop_with_empty_axes. Sums run in index order, in double or wrapping int64.
// The reduction of an empty set is its neutral element: 0, 1, and for Max and Min the least and
// greatest value of the type. Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// The input seen as rows of elements that are reduced together, row by row in output order.
struct Rows {
  ir::Shape dims;                // of the output
  std::vector<int64_t> starts;   // of each row, in the input
  std::vector<int64_t> offsets;  // of a row's elements from its start
};

StatusOr<std::vector<int64_t>> AxesOf(const OpContext& ctx, bool& all) {
  std::vector<int64_t> axes = ctx.Ints("axes");
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(axes, ctx.IntsIn(1, "axes"));
  }
  all = axes.empty();
  return ctx.Axes(axes, ctx.in(0).rank());
}

Rows RowsOf(const ir::Tensor& x, const std::vector<int64_t>& axes, bool keep) {
  const std::vector<int64_t> strides = Strides(x.dims());
  Rows rows;
  ir::Shape kept, kept_strides, reduced, reduced_strides;
  for (size_t d = 0; d < x.dims().size(); ++d) {
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end()) {
      reduced.push_back(x.dims()[d]);
      reduced_strides.push_back(strides[d]);
      if (keep) rows.dims.push_back(1);
    } else {
      kept.push_back(x.dims()[d]);
      kept_strides.push_back(strides[d]);
      rows.dims.push_back(x.dims()[d]);
    }
  }
  rows.starts = Positions(kept, kept_strides);
  rows.offsets = Positions(reduced, reduced_strides);
  return rows;
}

// real(row) gets a callable element(i) and the row's length; whole(row) likewise on integers.
template <typename Real, typename Whole>
Status Reduce(OpContext& ctx, Real real, Whole whole) {
  const ir::Tensor& x = ctx.in(0);
  bool all = false;
  AZ_ASSIGN_OR_RETURN(std::vector<int64_t> axes, AxesOf(ctx, all));
  const bool noop = all && ctx.Int("noop_with_empty_axes", 0) != 0;
  if (all && !noop) {
    for (int64_t d = 0; d < x.rank(); ++d) axes.push_back(d);
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const Rows rows = RowsOf(x, axes, ctx.Int("keepdims", 1) != 0);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), rows.dims).status());
  const size_t length = rows.offsets.size();
  if (ir::IsFloating(x.dtype())) {
    const std::vector<double> values = Reals(x);
    std::vector<double> out(rows.starts.size());
    for (size_t r = 0; r < out.size(); ++r) {
      out[r] = real(
          [&](size_t i) { return values[static_cast<size_t>(rows.starts[r] + rows.offsets[i])]; },
          length);
    }
    ctx.Set(0, FromReals(x.dtype(), rows.dims, out));
    return OkStatus();
  }
  const std::vector<int64_t> values = Ints(x);
  std::vector<int64_t> out(rows.starts.size());
  for (size_t r = 0; r < out.size(); ++r) {
    out[r] = whole(
        [&](size_t i) { return values[static_cast<size_t>(rows.starts[r] + rows.offsets[i])]; },
        length, x.dtype());
  }
  ctx.Set(0, FromInts(x.dtype(), rows.dims, out));
  return OkStatus();
}

// Sum of term(element): the shape of most reductions; `finish` ends a real one.
template <typename Term, typename Finish>
Status SumOf(OpContext& ctx, Term term, Finish finish) {
  return Reduce(
      ctx,
      [=](auto element, size_t n) {
        double sum = 0;
        for (size_t i = 0; i < n; ++i) sum += term(element(i));
        return finish(sum, n);
      },
      [=](auto element, size_t n, ir::DType dtype) {
        if constexpr (std::is_same_v<decltype(term(int64_t{1})), double>) {
          double sum = 0;
          for (size_t i = 0; i < n; ++i) sum += term(element(i));
          const double result = finish(sum, n);
          return Ints(FromReals(dtype, {}, std::vector<double>{result}))[0];
        } else {
          int64_t sum = 0;
          for (size_t i = 0; i < n; ++i) sum = WrapAdd(sum, term(element(i)));
          return sum;
        }
      });
}

double Keep(double sum, size_t) { return sum; }

Status ReduceSum(OpContext& ctx) {
  return SumOf(ctx, [](auto x) { return x; }, Keep);
}
Status ReduceSumSquare(OpContext& ctx) {
  return SumOf(
      ctx,
      [](auto x) {
        if constexpr (std::is_same_v<decltype(x), int64_t>) {
          return WrapMul(x, x);
        } else {
          return x * x;
        }
      },
      Keep);
}
Status ReduceL1(OpContext& ctx) {
  return SumOf(
      ctx,
      [](auto x) {
        if constexpr (std::is_same_v<decltype(x), int64_t>) {
          return x < 0 ? WrapSub(0, x) : x;
        } else {
          return std::fabs(x);
        }
      },
      Keep);
}
Status ReduceL2(OpContext& ctx) {
  return SumOf(
      ctx, [](auto x) { return static_cast<double>(x) * static_cast<double>(x); },
      [](double sum, size_t) { return std::sqrt(sum); });
}
Status ReduceLogSum(OpContext& ctx) {
  return SumOf(
      ctx, [](auto x) { return static_cast<double>(x); },
      [](double sum, size_t) { return std::log(sum); });
}
Status ReduceMean(OpContext& ctx) {
  return SumOf(
      ctx, [](auto x) { return static_cast<double>(x); },
      [](double sum, size_t n) { return sum / static_cast<double>(n); });
}

Status ReduceLogSumExp(OpContext& ctx) {
  const auto real = [](auto element, size_t n) {
    double top = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < n; ++i) top = std::max(top, static_cast<double>(element(i)));
    if (std::isinf(top)) return top;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(element(i)) - top);
    return top + std::log(sum);
  };
  return Reduce(ctx, real, [=](auto element, size_t n, ir::DType dtype) {
    return Ints(FromReals(dtype, {}, std::vector<double>{real(element, n)}))[0];
  });
}

Status ReduceProd(OpContext& ctx) {
  return Reduce(
      ctx,
      [](auto element, size_t n) {
        double product = 1;
        for (size_t i = 0; i < n; ++i) product *= element(i);
        return product;
      },
      [](auto element, size_t n, ir::DType) {
        int64_t product = 1;
        for (size_t i = 0; i < n; ++i) product = WrapMul(product, element(i));
        return product;
      });
}

// sign +1: maximum, -1: minimum. NaN wins.
template <int sign>
Status ReduceExtreme(OpContext& ctx) {
  return Reduce(
      ctx,
      [](auto element, size_t n) {
        double best = -sign * std::numeric_limits<double>::infinity();
        for (size_t i = 0; i < n; ++i) {
          const double x = element(i);
          if (std::isnan(x)) return x;
          if (sign * x > sign * best) best = x;
        }
        return best;
      },
      [](auto element, size_t n, ir::DType dtype) {
        const bool u64 = dtype == ir::DType::kUint64;
        int64_t best = sign > 0 ? LowestInt(dtype) : (u64 ? -1 : HighestInt(dtype));
        for (size_t i = 0; i < n; ++i) {
          const int64_t x = element(i);
          const bool above =
              u64 ? static_cast<uint64_t>(x) > static_cast<uint64_t>(best) : x > best;
          if (x != best && above == (sign > 0)) best = x;
        }
        return best;
      });
}

template <int sign>
Status ArgExtreme(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  const bool last = ctx.Int("select_last_index", 0) != 0;
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, x.dims()).status());
  const Rows rows = RowsOf(x, {axis}, ctx.Int("keepdims", 1) != 0);
  if (rows.offsets.empty() && !rows.starts.empty()) {
    return InvalidArgument("axis {} of {} is empty", axis, x.TypeText());
  }
  std::vector<int64_t> out(rows.starts.size());
  const auto search = [&](const auto& values) {
    for (size_t r = 0; r < out.size(); ++r) {
      size_t best = 0;
      for (size_t i = 1; i < rows.offsets.size(); ++i) {
        const auto a = values[static_cast<size_t>(rows.starts[r] + rows.offsets[i])];
        const auto b = values[static_cast<size_t>(rows.starts[r] + rows.offsets[best])];
        if ((sign > 0 ? a > b : a < b) || (last && a == b)) best = i;
      }
      out[r] = static_cast<int64_t>(best);
    }
  };
  if (ir::IsFloating(x.dtype())) {
    search(Reals(x));
  } else if (x.dtype() == ir::DType::kUint64) {
    const std::vector<int64_t> bits = Ints(x);
    search(std::vector<uint64_t>(bits.begin(), bits.end()));
  } else {
    search(Ints(x));
  }
  ctx.Set(0, FromInts(ir::DType::kInt64, rows.dims, out));
  return OkStatus();
}

template <bool product>
Status Cumulate(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t given, ctx.IntScalarIn(1, "axis"));
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(given, x.rank()));
  const bool exclusive = ctx.Int("exclusive", 0) != 0;
  const bool reverse = ctx.Int("reverse", 0) != 0;
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const Rows rows = RowsOf(x, {axis}, true);
  const auto run = [&](auto values, auto join) {
    auto out = values;
    for (const int64_t start : rows.starts) {
      auto total = static_cast<typename decltype(out)::value_type>(product ? 1 : 0);
      for (size_t i = 0; i < rows.offsets.size(); ++i) {
        const size_t step = reverse ? rows.offsets.size() - 1 - i : i;
        const auto at = static_cast<size_t>(start + rows.offsets[step]);
        const auto joined = join(total, values[at]);
        out[at] = exclusive ? total : joined;
        total = joined;
      }
    }
    return out;
  };
  if (ir::IsFloating(x.dtype())) {
    ctx.Set(0, FromReals(x.dtype(), x.dims(), run(Reals(x), [](double a, double b) {
                           return product ? a * b : a + b;
                         })));
  } else {
    ctx.Set(0, FromInts(x.dtype(), x.dims(), run(Ints(x), [](int64_t a, int64_t b) {
                          return product ? WrapMul(a, b) : WrapAdd(a, b);
                        })));
  }
  return OkStatus();
}

const KernelRow kRows[] = {
    {"ReduceSum", 1, ReduceSum, 1, 2},
    {"ReduceMean", 1, ReduceMean, 1, 2},
    {"ReduceProd", 1, ReduceProd, 1, 2},
    {"ReduceMax", 1, ReduceExtreme<1>, 1, 2},
    {"ReduceMin", 1, ReduceExtreme<-1>, 1, 2},
    {"ReduceL1", 1, ReduceL1, 1, 2},
    {"ReduceL2", 1, ReduceL2, 1, 2},
    {"ReduceLogSum", 1, ReduceLogSum, 1, 2},
    {"ReduceLogSumExp", 1, ReduceLogSumExp, 1, 2},
    {"ReduceSumSquare", 1, ReduceSumSquare, 1, 2},
    {"ArgMax", 1, ArgExtreme<1>, 1, 1},
    {"ArgMin", 1, ArgExtreme<-1>, 1, 1},
    {"CumSum", 11, Cumulate<false>, 2, 2},
    {"CumProd", 26, Cumulate<true>, 2, 2},
};

}  // namespace

KernelRows ReduceRows() { return kRows; }

}  // namespace assize::reference
