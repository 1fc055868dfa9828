// Einsum and Det. Sums in double (or wrapping int64) in the order of the labels.
// Tests: tests/reference/layers_test.cc.
#include <algorithm>
#include <cmath>

#include "lib/analysis/equation.h"
#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

Status Einsum(OpContext& ctx) {
  size_t inputs = 0;
  while (ctx.has(inputs)) ++inputs;
  for (size_t i = 1; i < inputs; ++i) AZ_RETURN_IF_ERROR(ctx.SameType(0, i));
  std::vector<ir::Shape> dims;
  for (size_t i = 0; i < inputs; ++i) dims.push_back(ctx.in(i).dims());
  AZ_ASSIGN_OR_RETURN(const analysis::Equation equation,
                      analysis::ParseEquation(ctx.String("equation", ""), dims));
  // All labels: those of the result first, then those summed over.
  std::vector<int> labels = equation.output;
  for (const auto& [label, extent] : equation.extent) {
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
  }
  ir::Shape out_dims, sum_dims;
  for (size_t k = 0; k < labels.size(); ++k) {
    (k < equation.output.size() ? out_dims : sum_dims).push_back(equation.extent.at(labels[k]));
  }
  const ir::DType dtype = ctx.in(0).dtype();
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, out_dims).status());
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, sum_dims).status());
  std::vector<std::vector<int64_t>> out_at, sum_at;
  for (size_t i = 0; i < inputs; ++i) {
    const std::vector<int64_t> strides = Strides(ctx.in(i).dims());
    std::vector<int64_t> steps(labels.size(), 0);
    for (size_t d = 0; d < strides.size(); ++d) {
      const auto k =
          std::find(labels.begin(), labels.end(), equation.inputs[i][d]) - labels.begin();
      if (ctx.in(i).dims()[d] != 1)
        steps[static_cast<size_t>(k)] += strides[d];  // a repeated label: the diagonal
    }
    const auto split = steps.begin() + static_cast<int64_t>(out_dims.size());
    out_at.push_back(Positions(out_dims, std::vector<int64_t>(steps.begin(), split)));
    sum_at.push_back(Positions(sum_dims, std::vector<int64_t>(split, steps.end())));
  }
  const auto sum = [&](const auto& values, auto join, auto zero, auto one) {
    std::vector<decltype(zero)> out(out_at[0].size(), zero);
    for (size_t o = 0; o < out.size(); ++o) {
      for (size_t s = 0; s < sum_at[0].size(); ++s) {
        auto product = one;
        for (size_t i = 0; i < inputs; ++i) {
          product =
              join(product, values[i][static_cast<size_t>(out_at[i][o] + sum_at[i][s])], true);
        }
        out[o] = join(out[o], product, false);
      }
    }
    return out;
  };
  if (ir::IsFloating(dtype)) {
    std::vector<std::vector<double>> values;
    for (size_t i = 0; i < inputs; ++i) values.push_back(Reals(ctx.in(i)));
    ctx.Set(0,
            FromReals(dtype, out_dims,
                      sum(
                          values, [](double a, double b, bool mul) { return mul ? a * b : a + b; },
                          0.0, 1.0)));
  } else {
    std::vector<std::vector<int64_t>> values;
    for (size_t i = 0; i < inputs; ++i) values.push_back(Ints(ctx.in(i)));
    ctx.Set(0, FromInts(dtype, out_dims,
                        sum(
                            values,
                            [](int64_t a, int64_t b, bool mul) {
                              return mul ? WrapMul(a, b) : WrapAdd(a, b);
                            },
                            int64_t{0}, int64_t{1})));
  }
  return OkStatus();
}

// Gaussian elimination with partial pivoting, in double.
Status Det(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  const size_t rank = x.dims().size();
  if (rank < 2 || x.dims()[rank - 1] != x.dims()[rank - 2]) {
    return InvalidArgument("x is {}, expected [..., M, M]", x.TypeText());
  }
  const auto n = static_cast<size_t>(x.dims().back());
  const ir::Shape dims(x.dims().begin(), x.dims().end() - 2);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  std::vector<double> values = Reals(x), out(static_cast<size_t>(count), 1.0);
  for (size_t b = 0; b < out.size(); ++b) {
    double* m = values.data() + b * n * n;
    for (size_t k = 0; k < n; ++k) {
      size_t pivot = k;
      for (size_t r = k + 1; r < n; ++r) {
        if (std::fabs(m[r * n + k]) > std::fabs(m[pivot * n + k])) pivot = r;
      }
      if (m[pivot * n + k] == 0) {
        out[b] = 0;
        break;
      }
      if (pivot != k) {
        std::swap_ranges(m + k * n, m + (k + 1) * n, m + pivot * n);
        out[b] = -out[b];
      }
      out[b] *= m[k * n + k];
      for (size_t r = k + 1; r < n; ++r) {
        const double factor = m[r * n + k] / m[k * n + k];
        for (size_t c = k; c < n; ++c) m[r * n + c] -= factor * m[k * n + c];
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Einsum", 12, Einsum, 1, -1},
    {"Det", 11, Det, 1, 1},
};

}  // namespace

KernelRows LinearRows() { return kRows; }

}  // namespace assize::reference
