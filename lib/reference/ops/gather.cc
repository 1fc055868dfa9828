// Ops that pick elements by index: Gather, GatherElements, GatherND, OneHot, Compress, NonZero,
// TopK, Unique.
//
// Every index is checked; negative ones count from the end where the opset allows it.
// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

StatusOr<int64_t> Index(int64_t index, int64_t extent) {
  if (index < -extent || index >= extent) {
    return OutOfRange("index {} is outside [{}, {}]", index, -extent, extent - 1);
  }
  return index < 0 ? index + extent : index;
}

Status Gather(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  AZ_ASSIGN_OR_RETURN(std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  const auto a = static_cast<size_t>(axis);
  const int64_t extent = x.dims()[a];
  for (int64_t& index : indices) {
    AZ_ASSIGN_OR_RETURN(index, Index(index, extent));
  }
  ir::Shape dims(x.dims().begin(), x.dims().begin() + axis);
  dims.insert(dims.end(), ctx.in(1).dims().begin(), ctx.in(1).dims().end());
  dims.insert(dims.end(), x.dims().begin() + axis + 1, x.dims().end());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const int64_t outer = Product(x.dims(), 0, a), inner = Product(x.dims(), a + 1, x.dims().size());
  const CellReader from(x);
  CellWriter out(x.dtype(), count);
  int64_t to = 0;
  for (int64_t o = 0; count > 0 && o < outer; ++o) {
    for (const int64_t index : indices) {
      out.CopyRun(to, from, (o * extent + index) * inner, inner);
      to += inner;
    }
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

Status GatherElements(OpContext& ctx) {
  const ir::Tensor &x = ctx.in(0), &which = ctx.in(1);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  const auto a = static_cast<size_t>(axis);
  bool fits = which.rank() == x.rank();
  for (size_t d = 0; fits && d < x.dims().size(); ++d)
    fits = d == a || which.dims()[d] <= x.dims()[d];
  if (!fits)
    return InvalidArgument("indices {} do not fit into x {}", which.TypeText(), x.TypeText());
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), which.dims()).status());
  std::vector<int64_t> strides = Strides(x.dims());
  const int64_t step = strides[a];
  strides[a] = 0;
  std::vector<int64_t> positions = Positions(which.dims(), strides);
  for (size_t i = 0; i < positions.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const int64_t index, Index(indices[i], x.dims()[a]));
    positions[i] += index * step;
  }
  ctx.Set(0, Select(x, which.dims(), positions));
  return OkStatus();
}

Status GatherNd(OpContext& ctx) {
  const ir::Tensor &x = ctx.in(0), &which = ctx.in(1);
  const int64_t batch = ctx.Int("batch_dims", 0);
  if (which.rank() < 1 || x.rank() < 1 || batch < 0 || batch >= std::min(x.rank(), which.rank())) {
    return InvalidArgument("x {}, indices {}, batch_dims {}", x.TypeText(), which.TypeText(),
                           batch);
  }
  const auto b = static_cast<size_t>(batch);
  const int64_t width = which.dims().back();
  if (!std::equal(x.dims().begin(), x.dims().begin() + batch, which.dims().begin()) || width < 1 ||
      width > x.rank() - batch) {
    return InvalidArgument("indices {} do not fit x {} with {} batch dims", which.TypeText(),
                           x.TypeText(), batch);
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  ir::Shape dims(which.dims().begin(), which.dims().end() - 1);
  dims.insert(dims.end(), x.dims().begin() + batch + width, x.dims().end());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const std::vector<int64_t> strides = Strides(x.dims());
  const int64_t rows = Product(which.dims(), 0, which.dims().size() - 1);
  const int64_t batches = Product(x.dims(), 0, b),
                run = Product(x.dims(), b + static_cast<size_t>(width), x.dims().size());
  const int64_t batch_size = Product(x.dims(), b, x.dims().size());
  const CellReader from(x);
  CellWriter out(x.dtype(), count);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t position = batches == 0 ? 0 : row / (rows / batches) * batch_size;
    for (int64_t k = 0; k < width; ++k) {
      const size_t d = b + static_cast<size_t>(k);
      AZ_ASSIGN_OR_RETURN(const int64_t index,
                          Index(indices[static_cast<size_t>(row * width + k)], x.dims()[d]));
      position += index * strides[d];
    }
    out.CopyRun(row * run, from, position, run);
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

// values = [off, on]; indices outside [-depth, depth) give a row of off.
Status OneHot(OpContext& ctx) {
  if (!IsNumeric(ctx.in(0).dtype()) || !IsNumeric(ctx.in(1).dtype())) {
    return InvalidArgument("indices {} and depth {}, expected numbers", ctx.in(0).TypeText(),
                           ctx.in(1).TypeText());
  }
  const ir::Tensor &which = ctx.in(0), &values = ctx.in(2);
  if (ctx.in(1).element_count() != 1)
    return InvalidArgument("depth is {}, expected a scalar", ctx.in(1).TypeText());
  const int64_t depth = Ints(ctx.in(1))[0];
  if (values.element_count() != 2)
    return InvalidArgument("values is {}, expected [2]", values.TypeText());
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -1), which.rank() + 1));
  ir::Shape dims = which.dims();
  dims.insert(dims.begin() + axis, depth);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(values.dtype(), dims));
  std::vector<int64_t> index(static_cast<size_t>(count), 0);
  const std::vector<int64_t> indices = Ints(which);
  const int64_t inner = Product(which.dims(), static_cast<size_t>(axis), which.dims().size());
  for (size_t i = 0; count > 0 && i < indices.size(); ++i) {
    if (indices[i] < -depth || indices[i] >= depth) continue;
    const int64_t hot = indices[i] < 0 ? indices[i] + depth : indices[i];
    const auto at = static_cast<int64_t>(i);
    index[static_cast<size_t>((at / inner * depth + hot) * inner + at % inner)] = 1;
  }
  ctx.Set(0, Select(values, dims, index));
  return OkStatus();
}

Status Compress(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedBool(ctx, 1));
  ir::Tensor x = ctx.in(0);
  int64_t axis = 0;
  if (ctx.HasAttribute("axis")) {
    AZ_ASSIGN_OR_RETURN(axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  } else {
    x = x.Reshaped({x.element_count()});
  }
  const auto a = static_cast<size_t>(axis);
  const std::vector<int64_t> condition = Ints(ctx.in(1));
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < std::min<int64_t>(x.dims()[a], static_cast<int64_t>(condition.size()));
       ++i) {
    if (condition[static_cast<size_t>(i)] != 0) kept.push_back(i);
  }
  ir::Shape dims = x.dims();
  dims[a] = static_cast<int64_t>(kept.size());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const int64_t inner = Product(x.dims(), a + 1, x.dims().size());
  const CellReader from(x);
  CellWriter out(x.dtype(), count);
  int64_t to = 0;
  for (int64_t o = 0; count > 0 && o < Product(x.dims(), 0, a); ++o) {
    for (const int64_t at : kept) {
      out.CopyRun(to, from, (o * x.dims()[a] + at) * inner, inner);
      to += inner;
    }
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

Status NonZero(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const std::vector<double> values = Reals(x);
  std::vector<int64_t> found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) found.push_back(static_cast<int64_t>(i));
  }
  const auto rank = static_cast<size_t>(x.rank());
  const auto count = static_cast<int64_t>(found.size());
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, {x.rank(), count}).status());
  const std::vector<int64_t> strides = Strides(x.dims());
  std::vector<int64_t> out;
  for (size_t d = 0; d < rank; ++d) {
    for (const int64_t at : found) out.push_back(at / strides[d] % x.dims()[d]);
  }
  ctx.Set(0, ir::Tensor::Of<int64_t>({x.rank(), count}, out));
  return OkStatus();
}

// Order of `order` rows by keys; ties keep the lower index first. NaN counts as largest.
template <typename T>
void SortKeys(const std::vector<T>& keys, int64_t base, int64_t step, bool largest,
              std::vector<int64_t>& order) {
  std::stable_sort(order.begin(), order.end(), [&](int64_t l, int64_t r) {
    const T a = keys[static_cast<size_t>(base + l * step)],
            b = keys[static_cast<size_t>(base + r * step)];
    if constexpr (std::is_same_v<T, double>) {
      if (std::isnan(a) || std::isnan(b))
        return largest ? std::isnan(a) && !std::isnan(b) : !std::isnan(a) && std::isnan(b);
    }
    return largest ? a > b : a < b;
  });
}

// k is an attribute before opset 10, an input from there on. Always sorted.
Status TopK(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -1), x.rank()));
  int64_t k = ctx.Int("k", -1);
  if (ctx.opset() >= 10) {
    if (!ctx.has(1)) return InvalidArgument("input 1 (k) is missing");
    AZ_ASSIGN_OR_RETURN(k, ctx.IntScalarIn(1, "k"));
  }
  const auto a = static_cast<size_t>(axis);
  const int64_t extent = x.dims()[a];
  if (k < 0 || k > extent)
    return InvalidArgument("k is {}, axis {} of x {} has {}", k, axis, x.TypeText(), extent);
  const bool largest = ctx.Int("largest", 1) != 0;
  ir::Shape dims = x.dims();
  dims[a] = k;
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const int64_t outer = Product(x.dims(), 0, a), inner = Product(x.dims(), a + 1, x.dims().size());
  std::vector<int64_t> indices(static_cast<size_t>(count)), positions(static_cast<size_t>(count));
  const auto select = [&](const auto& keys) {
    std::vector<int64_t> order(static_cast<size_t>(extent));
    for (int64_t o = 0; count > 0 && o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        std::iota(order.begin(), order.end(), int64_t{0});
        const int64_t base = o * extent * inner + i;
        SortKeys(keys, base, inner, largest, order);
        for (int64_t r = 0; r < k; ++r) {
          const auto to = static_cast<size_t>((o * k + r) * inner + i);
          indices[to] = order[static_cast<size_t>(r)];
          positions[to] = base + indices[to] * inner;
        }
      }
    }
  };
  if (ir::IsFloating(x.dtype())) {
    select(Reals(x));
  } else if (x.dtype() == ir::DType::kUint64) {
    const std::vector<int64_t> bits = Ints(x);
    select(std::vector<uint64_t>(bits.begin(), bits.end()));
  } else {
    select(Ints(x));
  }
  ctx.Set(0, Select(x, dims, positions));
  ctx.Set(1, ir::Tensor::Of<int64_t>(dims, indices));
  return OkStatus();
}

// Subtensors along `axis` (or elements of the flattened input), each once: sorted, or in order of
// first occurrence. Outputs: values, first indices, inverse indices, counts.
Status Unique(OpContext& ctx) {
  ir::Tensor x = ctx.in(0);
  int64_t axis = 0;
  const bool flat = !ctx.HasAttribute("axis");
  if (flat) {
    x = x.Reshaped({x.element_count()});
  } else {
    AZ_ASSIGN_OR_RETURN(axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  }
  const auto a = static_cast<size_t>(axis);
  const int64_t extent = x.dims()[a], inner = Product(x.dims(), a + 1, x.dims().size());
  const int64_t outer = Product(x.dims(), 0, a);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<int64_t> order(static_cast<size_t>(extent));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::vector<int64_t> first, counts, inverse(static_cast<size_t>(extent));
  const auto group = [&](const auto& keys) {
    // <0, 0, >0 as slices l and r compare element by element.
    const auto compare = [&](int64_t l, int64_t r) {
      for (int64_t o = 0; o < outer; ++o) {
        for (int64_t i = 0; i < inner; ++i) {
          const auto& p = keys[static_cast<size_t>((o * extent + l) * inner + i)];
          const auto& q = keys[static_cast<size_t>((o * extent + r) * inner + i)];
          if (p < q) return -1;
          if (q < p) return 1;
        }
      }
      return 0;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t l, int64_t r) { return compare(l, r) < 0; });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) {
        first.push_back(order[i]);
        counts.push_back(0);
      }
      ++counts.back();
      inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(first.size()) - 1;
    }
  };
  if (x.dtype() == ir::DType::kString) {
    group(x.strings());
  } else if (!IsNumeric(x.dtype())) {
    return InvalidArgument("x is {}, expected numbers or strings", x.TypeText());
  } else if (ir::IsFloating(x.dtype())) {
    group(Reals(x));
  } else {
    group(Ints(x));
  }
  if (ctx.Int("sorted", 1) == 0) {
    std::vector<int64_t> by_first(first.size());
    std::iota(by_first.begin(), by_first.end(), int64_t{0});
    std::sort(by_first.begin(), by_first.end(), [&](int64_t l, int64_t r) {
      return first[static_cast<size_t>(l)] < first[static_cast<size_t>(r)];
    });
    std::vector<int64_t> new_first, new_counts, rank(first.size());
    for (size_t i = 0; i < by_first.size(); ++i) {
      const auto old = static_cast<size_t>(by_first[i]);
      new_first.push_back(first[old]);
      new_counts.push_back(counts[old]);
      rank[old] = static_cast<int64_t>(i);
    }
    first = std::move(new_first);
    counts = std::move(new_counts);
    for (int64_t& i : inverse) i = rank[static_cast<size_t>(i)];
  }
  const auto count = static_cast<int64_t>(first.size());
  ir::Shape dims = x.dims();
  dims[a] = count;
  const CellReader from(x);
  CellWriter out(x.dtype(), Product(dims));
  for (int64_t o = 0; inner > 0 && o < outer; ++o) {
    for (int64_t i = 0; i < count; ++i) {
      out.CopyRun((o * count + i) * inner, from,
                  (o * extent + first[static_cast<size_t>(i)]) * inner, inner);
    }
  }
  ctx.Set(0, std::move(out).Finish(dims));
  ctx.Set(1, ir::Tensor::Of<int64_t>({count}, first));
  ctx.Set(2, ir::Tensor::Of<int64_t>({extent}, inverse));
  ctx.Set(3, ir::Tensor::Of<int64_t>({count}, counts));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Gather", 1, Gather, 2, 2, Takes::kAny},
    {"GatherElements", 11, GatherElements, 2, 2, Takes::kAny},
    {"GatherND", 11, GatherNd, 2, 2, Takes::kAny},
    {"OneHot", 9, OneHot, 3, 3, Takes::kAny},
    {"Compress", 9, Compress, 2, 2, Takes::kAny},
    {"NonZero", 9, NonZero, 1, 1},
    {"TopK", 1, TopK, 1, 2},
    {"Unique", 11, Unique, 1, 1, Takes::kAny},
};

}  // namespace

KernelRows GatherRows() { return kRows; }

}  // namespace assize::reference
