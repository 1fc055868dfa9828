// Einsum and Det. Sums in double (or wrapping int64) in the order of the labels.
// Tests: tests/reference/layers_test.cc.
#include <algorithm>
#include <cmath>
#include <map>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// One term of an equation as dims of labels: letters as their code, dims of the ellipsis as 256,
// 257 ... from the left.
struct Equation {
  std::vector<std::vector<int>> inputs;
  std::vector<int> output;
  std::map<int, int64_t> extent;
};

constexpr int kEllipsis = 256;

StatusOr<std::vector<int>> Labels(const std::string& term, int64_t rank, int64_t ellipsis_rank) {
  std::vector<int> labels;
  int64_t letters = 0;
  bool dots = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '.') {
      if (dots || term.compare(i, 3, "...") != 0)
        return InvalidArgument("\"{}\" has a stray dot", term);
      dots = true;
      i += 2;
      labels.push_back(-1);
    } else if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      labels.push_back(term[i]);
      ++letters;
    } else {
      return InvalidArgument("\"{}\" has a character that is no letter", term);
    }
  }
  const int64_t covered = rank < 0 ? (dots ? ellipsis_rank : 0) : rank - letters;
  if (covered < 0 || (covered > 0 && !dots))
    return InvalidArgument("\"{}\" does not label {} dims", term, rank);
  const auto at = std::find(labels.begin(), labels.end(), -1);
  if (at == labels.end()) return labels;
  // Ellipsis dims align right, as broadcasting does.
  std::vector<int> spread;
  const int64_t first = std::max(ellipsis_rank, covered) - covered;
  for (int64_t d = 0; d < covered; ++d) spread.push_back(kEllipsis + static_cast<int>(first + d));
  const auto where = labels.erase(at);
  labels.insert(where, spread.begin(), spread.end());
  return labels;
}

StatusOr<Equation> Parse(const OpContext& ctx, std::string text, size_t inputs) {
  std::erase(text, ' ');
  Equation equation;
  const size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  std::vector<std::string> terms(1);
  for (const char c : left) {
    if (c == ',') {
      terms.emplace_back();
    } else {
      terms.back() += c;
    }
  }
  if (terms.size() != inputs)
    return InvalidArgument("equation \"{}\" has {} terms for {} inputs", text, terms.size(),
                           inputs);
  int64_t ellipsis_rank = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (terms[i].find("...") == std::string::npos) continue;
    ellipsis_rank =
        std::max(ellipsis_rank, ctx.in(i).rank() - static_cast<int64_t>(terms[i].size()) + 3);
  }
  std::map<int, int> uses;
  for (size_t i = 0; i < terms.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(std::vector<int> labels, Labels(terms[i], ctx.in(i).rank(), ellipsis_rank));
    for (size_t d = 0; d < labels.size(); ++d) {
      ++uses[labels[d]];
      const int64_t dim = ctx.in(i).dims()[d];
      const auto [known, fresh] = equation.extent.emplace(labels[d], dim);
      if (!fresh && known->second != dim && known->second != 1 && dim != 1) {
        return InvalidArgument("equation \"{}\": one label has dims {} and {}", text, known->second,
                               dim);
      }
      if (known->second == 1) known->second = dim;
    }
    equation.inputs.push_back(std::move(labels));
  }
  if (arrow != std::string::npos) {
    AZ_ASSIGN_OR_RETURN(equation.output, Labels(text.substr(arrow + 2), -1, ellipsis_rank));
    for (const int label : equation.output) {
      if (!equation.extent.contains(label))
        return InvalidArgument("equation \"{}\": the result has a label of no input", text);
    }
  } else {
    for (int64_t d = 0; d < ellipsis_rank; ++d)
      equation.output.push_back(kEllipsis + static_cast<int>(d));
    for (const auto& [label, count] : uses) {
      if (label < kEllipsis && count == 1) equation.output.push_back(label);
    }
  }
  return equation;
}

Status Einsum(OpContext& ctx) {
  size_t inputs = 0;
  while (ctx.has(inputs)) ++inputs;
  for (size_t i = 1; i < inputs; ++i) AZ_RETURN_IF_ERROR(ctx.SameType(0, i));
  AZ_ASSIGN_OR_RETURN(const Equation equation, Parse(ctx, ctx.String("equation", ""), inputs));
  // All labels: those of the result first, then those summed over.
  std::vector<int> labels = equation.output;
  std::sort(labels.begin(), labels.end());
  if (std::adjacent_find(labels.begin(), labels.end()) != labels.end()) {
    return InvalidArgument("the result repeats a label");
  }
  labels = equation.output;
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
