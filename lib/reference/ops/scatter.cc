// Scatter, ScatterElements, ScatterND, TensorScatter: copies of a tensor with some elements
// replaced or combined.
//
// Updates apply in index order, so duplicates are defined: the last replaces, reductions combine in
// that order (sums in double or wrapping int64, rounded once).
// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

enum class Join { kReplace, kAdd, kMul, kMax, kMin };

StatusOr<Join> JoinOf(const OpContext& ctx) {
  const std::string name = ctx.String("reduction", "none");
  if (name == "none") return Join::kReplace;
  if (!IsNumeric(ctx.in(0).dtype()))
    return InvalidArgument("reduction {} of {}", name, ctx.in(0).TypeText());
  if (name == "add") return Join::kAdd;
  if (name == "mul") return Join::kMul;
  if (name == "max") return Join::kMax;
  if (name == "min") return Join::kMin;
  return InvalidArgument("attribute \"reduction\" is \"{}\", expected none, add, mul, max or min",
                         name);
}

double Joined(Join join, double a, double b) {
  switch (join) {
    case Join::kReplace:
      return b;
    case Join::kAdd:
      return a + b;
    case Join::kMul:
      return a * b;
    case Join::kMax:
      return std::isnan(a) || a > b ? a : b;
    case Join::kMin:
      return std::isnan(a) || a < b ? a : b;
  }
  return b;
}

int64_t Joined(Join join, int64_t a, int64_t b, bool unsigned64) {
  const bool less = unsigned64 ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
  switch (join) {
    case Join::kReplace:
      return b;
    case Join::kAdd:
      return WrapAdd(a, b);
    case Join::kMul:
      return WrapMul(a, b);
    case Join::kMax:
      return less ? b : a;
    case Join::kMin:
      return less ? a : b;
  }
  return b;
}

// Element i of `updates` joins element to[i] of x.
ir::Tensor Scattered(const ir::Tensor& x, const ir::Tensor& updates, const std::vector<int64_t>& to,
                     Join join) {
  if (join == Join::kReplace) {
    CellWriter out(x.dtype(), x.element_count());
    const CellReader from(x), update(updates);
    out.CopyRun(0, from, 0, x.element_count());
    for (size_t i = 0; i < to.size(); ++i) out.Copy(to[i], update, static_cast<int64_t>(i));
    return std::move(out).Finish(x.dims());
  }
  if (ir::IsFloating(x.dtype())) {
    std::vector<double> values = Reals(x);
    const std::vector<double> with = Reals(updates);
    for (size_t i = 0; i < to.size(); ++i) {
      double& value = values[static_cast<size_t>(to[i])];
      value = Joined(join, value, with[i]);
    }
    return FromReals(x.dtype(), x.dims(), values);
  }
  std::vector<int64_t> values = Ints(x);
  const std::vector<int64_t> with = Ints(updates);
  for (size_t i = 0; i < to.size(); ++i) {
    int64_t& value = values[static_cast<size_t>(to[i])];
    value = Joined(join, value, with[i], x.dtype() == ir::DType::kUint64);
  }
  return FromInts(x.dtype(), x.dims(), values);
}

StatusOr<int64_t> Index(int64_t index, int64_t extent) {
  if (index < -extent || index >= extent) {
    return OutOfRange("index {} is outside [{}, {}]", index, -extent, extent - 1);
  }
  return index < 0 ? index + extent : index;
}

Status ScatterElements(OpContext& ctx) {
  const ir::Tensor &x = ctx.in(0), &which = ctx.in(1), &updates = ctx.in(2);
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 2));
  AZ_ASSIGN_OR_RETURN(const Join join, JoinOf(ctx));
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  const auto a = static_cast<size_t>(axis);
  bool fits = which.rank() == x.rank() && which.dims() == updates.dims();
  for (size_t d = 0; fits && d < x.dims().size(); ++d)
    fits = d == a || which.dims()[d] <= x.dims()[d];
  if (!fits) {
    return InvalidArgument("indices {} and updates {} do not fit x {}", which.TypeText(),
                           updates.TypeText(), x.TypeText());
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<int64_t> strides = Strides(x.dims());
  const int64_t step = strides[a];
  strides[a] = 0;
  std::vector<int64_t> to = Positions(which.dims(), strides);
  for (size_t i = 0; i < to.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const int64_t index, Index(indices[i], x.dims()[a]));
    to[i] += index * step;
  }
  ctx.Set(0, Scattered(x, updates, to, join));
  return OkStatus();
}

Status ScatterNd(OpContext& ctx) {
  const ir::Tensor &x = ctx.in(0), &which = ctx.in(1), &updates = ctx.in(2);
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 2));
  AZ_ASSIGN_OR_RETURN(const Join join, JoinOf(ctx));
  const int64_t width = which.rank() < 1 ? 0 : which.dims().back();
  if (width < 1 || width > x.rank()) {
    return InvalidArgument("indices {} do not index x {}", which.TypeText(), x.TypeText());
  }
  ir::Shape expected(which.dims().begin(), which.dims().end() - 1);
  expected.insert(expected.end(), x.dims().begin() + width, x.dims().end());
  if (updates.dims() != expected) {
    return InvalidArgument("updates are {}, expected {}", updates.TypeText(),
                           ir::ShapeText(expected));
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, updates.dims()).status());
  const std::vector<int64_t> strides = Strides(x.dims());
  const int64_t run = Product(x.dims(), static_cast<size_t>(width), x.dims().size());
  std::vector<int64_t> to;
  for (size_t row = 0; row * static_cast<size_t>(width) < indices.size(); ++row) {
    int64_t position = 0;
    for (size_t k = 0; k < static_cast<size_t>(width); ++k) {
      AZ_ASSIGN_OR_RETURN(const int64_t index,
                          Index(indices[row * static_cast<size_t>(width) + k], x.dims()[k]));
      position += index * strides[k];
    }
    for (int64_t i = 0; i < run; ++i) to.push_back(position + i);
  }
  ctx.Set(0, Scattered(x, updates, to, join));
  return OkStatus();
}

// Writes `update` into a cache along the sequence axis from write_indices[batch] on.
Status TensorScatter(OpContext& ctx) {
  const ir::Tensor &cache = ctx.in(0), &update = ctx.in(1);
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -2), cache.rank()));
  const std::string mode = ctx.String("mode", "linear");
  if (axis == 0 || (mode != "linear" && mode != "circular")) {
    return InvalidArgument(
        "axis {} with mode \"{}\", expected an axis above 0 and linear or circular", axis, mode);
  }
  const auto a = static_cast<size_t>(axis);
  ir::Shape expected = cache.dims();
  if (update.rank() == cache.rank()) expected[a] = update.dims()[a];
  if (update.dims() != expected || expected[a] > cache.dims()[a]) {
    return InvalidArgument("update {} does not fit the cache {}", update.TypeText(),
                           cache.TypeText());
  }
  const int64_t batch = cache.dims()[0], extent = cache.dims()[a], length = update.dims()[a];
  std::vector<int64_t> starts(static_cast<size_t>(batch), 0);
  if (ctx.has(2)) {
    AZ_ASSIGN_OR_RETURN(starts, ctx.IntsIn(2, "write_indices"));
    if (static_cast<int64_t>(starts.size()) != batch) {
      return InvalidArgument("write_indices are {}, expected [{}]", ctx.in(2).TypeText(), batch);
    }
  }
  for (const int64_t start : starts) {
    if (start < 0 || (mode == "linear" && start > extent - length)) {
      return OutOfRange("write index {} with {} rows passes the cache's {}", start, length, extent);
    }
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(cache.dtype(), cache.dims()).status());
  const int64_t inner = Product(cache.dims(), a + 1, cache.dims().size());
  const int64_t outer = Product(cache.dims(), 0, a), per_batch = batch == 0 ? 1 : outer / batch;
  std::vector<int64_t> to;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t s = 0; s < length; ++s) {
      const int64_t at = (starts[static_cast<size_t>(o / per_batch)] % extent + s) % extent;
      for (int64_t i = 0; i < inner; ++i) to.push_back((o * extent + at) * inner + i);
    }
  }
  ctx.Set(0, Scattered(cache, update, to, Join::kReplace));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Scatter", 9, ScatterElements, 3, 3, Takes::kAny},
    {"ScatterElements", 11, ScatterElements, 3, 3, Takes::kAny},
    {"ScatterND", 11, ScatterNd, 3, 3, Takes::kAny},
    {"TensorScatter", 24, TensorScatter, 2, 3, Takes::kAny},
};

}  // namespace

KernelRows ScatterRows() { return kRows; }

}  // namespace assize::reference
