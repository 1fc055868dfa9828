// MaxPool, AveragePool, LpPool, their global forms, MaxUnpool.
//
// Shapes x [N, C, *S]; y [N, C, *O]. AveragePool divides by the taps inside the input, or with
// count_include_pad by those inside input and padding. MaxPool's indices count over the whole
// input, row or column major (storage_order).
// Tests: tests/reference/layers_test.cc, tests/conformance/.
#include "lib/reference/ops/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/window.h"

namespace assize::reference {
namespace {

// The taps of one output position: those inside the input (flat spatial positions), and the number
// of those inside the input with its padding.
struct Taps {
  std::vector<int64_t> inside;
  int64_t padded = 0;
};

std::vector<Taps> TapsOf(const Window& w) {
  const std::vector<int64_t> strides = Strides(w.input);
  std::vector<Taps> all;
  all.reserve(static_cast<size_t>(Product(w.output)));
  ForEachCoordinate(w.output, [&](std::span<const int64_t> o) {
    Taps taps;
    taps.padded = 1;
    std::vector<int64_t> from(w.rank()), count(w.rank()), step(w.rank());
    int64_t base = 0;
    for (size_t d = 0; d < w.rank(); ++d) {
      const int64_t start = w.Start(d, o[d]);
      int64_t first = w.kernel[d], last = -1, padded = 0;
      for (int64_t k = 0; k < w.kernel[d]; ++k) {
        const int64_t at = start + k * w.dilations[d];
        if (at < w.input[d] + w.pads_end[d]) ++padded;
        if (at < 0 || at >= w.input[d]) continue;
        first = std::min(first, k);
        last = k;
      }
      taps.padded *= padded;
      count[d] = std::max<int64_t>(0, last - first + 1);
      step[d] = w.dilations[d] * strides[d];
      base += (start + first * w.dilations[d]) * strides[d];
    }
    taps.inside = Positions(count, step, base);
    all.push_back(std::move(taps));
  });
  return all;
}

struct PoolShapes {
  int64_t planes = 0, in_size = 0;
  ir::Shape dims;
  Window window;
};

StatusOr<PoolShapes> ShapesOf(const OpContext& ctx, const ir::Tensor& x, bool global) {
  AZ_ASSIGN_OR_RETURN(const ir::Shape spatial, SpatialDims(x));
  PoolShapes s;
  if (global) {
    const size_t rank = spatial.size();
    const std::vector<int64_t> ones(rank, 1), zeros(rank, 0);
    s.window = {spatial, ones, spatial, ones, ones, zeros, zeros};
  } else {
    if (!ctx.HasAttribute("kernel_shape"))
      return InvalidArgument("attribute \"kernel_shape\" is missing");
    AZ_ASSIGN_OR_RETURN(s.window, WindowOf(ctx, spatial, {}));
  }
  s.planes = Product(x.dims(), 0, 2);
  s.in_size = Product(spatial);
  s.dims = {x.dims()[0], x.dims()[1]};
  s.dims.insert(s.dims.end(), s.window.output.begin(), s.window.output.end());
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), s.dims).status());
  // The table of taps is the largest working array.
  const auto taps =
      CheckedMul(Product(s.window.output), std::max<int64_t>(1, Product(s.window.kernel)));
  if (!taps) return InvalidArgument("windows have too many taps");
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, {*taps}).status());
  return s;
}

// pool(plane, taps) for each output.
template <typename Pool>
StatusOr<Pooled> OverWindows(const OpContext& ctx, const ir::Tensor& x, bool global, Pool pool) {
  AZ_ASSIGN_OR_RETURN(const PoolShapes s, ShapesOf(ctx, x, global));
  const std::vector<Taps> taps = TapsOf(s.window);
  const std::vector<double> values = Reals(x);
  std::vector<double> out(static_cast<size_t>(Product(s.dims)));
  for (int64_t plane = 0, at = 0; plane < s.planes; ++plane) {
    for (size_t o = 0; o < taps.size(); ++o) {
      out[static_cast<size_t>(at++)] = pool(values.data() + plane * s.in_size, taps[o]);
    }
  }
  return Pooled{s.dims, std::move(out)};
}

Status SetPooled(OpContext& ctx, const StatusOr<Pooled>& pooled) {
  AZ_RETURN_IF_ERROR(pooled.status());
  ctx.Set(0, FromReals(ctx.in(0).dtype(), pooled->dims, pooled->values));
  return OkStatus();
}

}  // namespace

StatusOr<Pooled> Averages(const OpContext& ctx, const ir::Tensor& x, bool global) {
  const bool include = !global && ctx.Int("count_include_pad", 0) != 0;
  return OverWindows(ctx, x, global, [=](const double* plane, const Taps& taps) {
    double sum = 0;
    for (const int64_t at : taps.inside) sum += plane[at];
    const auto count =
        include ? static_cast<double>(taps.padded) : static_cast<double>(taps.inside.size());
    return sum / count;
  });
}

namespace {

template <bool global>
Status AveragePool(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  return SetPooled(ctx, Averages(ctx, ctx.in(0), global));
}

template <bool global>
Status LpPool(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  // Opset 1 gives p as a float.
  const double p = ctx.opset() < 2 ? ctx.Float("p", 2.0) : static_cast<double>(ctx.Int("p", 2));
  if (!(p >= 1)) return InvalidArgument("attribute \"p\" is {}, expected at least 1", p);
  return SetPooled(ctx,
                   OverWindows(ctx, ctx.in(0), global, [=](const double* plane, const Taps& taps) {
                     double sum = 0;
                     for (const int64_t at : taps.inside)
                       sum += p == 2 ? plane[at] * plane[at] : std::pow(std::fabs(plane[at]), p);
                     return p == 2 ? std::sqrt(sum) : std::pow(sum, 1.0 / p);
                   }));
}

Status GlobalMaxPool(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  return SetPooled(ctx,
                   OverWindows(ctx, ctx.in(0), true, [](const double* plane, const Taps& taps) {
                     double best = -std::numeric_limits<double>::infinity();
                     for (const int64_t at : taps.inside)
                       best = std::isnan(plane[at]) || plane[at] > best ? plane[at] : best;
                     return best;
                   }));
}

Status MaxPool(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const PoolShapes s, ShapesOf(ctx, ctx.in(0), false));
  const bool column_major = ctx.Int("storage_order", 0) != 0;
  const std::vector<Taps> taps = TapsOf(s.window);
  const std::vector<double> values = Reals(x);
  // Column-major position of each spatial position.
  std::vector<int64_t> reordered;
  if (column_major) {
    ir::Shape strides(s.window.input.size());
    int64_t step = 1;
    for (size_t d = 0; d < strides.size(); ++d) {
      strides[d] = step;
      step *= s.window.input[d];
    }
    reordered = Positions(s.window.input, strides);
  }
  const double lowest = ir::IsFloating(x.dtype()) ? -std::numeric_limits<double>::infinity()
                                                  : static_cast<double>(LowestInt(x.dtype()));
  std::vector<double> out(static_cast<size_t>(Product(s.dims)), lowest);
  std::vector<int64_t> indices(ctx.wants(1) ? out.size() : 0);
  size_t to = 0;
  for (int64_t plane = 0; plane < s.planes; ++plane) {
    const double* from = values.data() + plane * s.in_size;
    for (size_t o = 0; o < taps.size(); ++o, ++to) {
      int64_t best = taps[o].inside.empty() ? 0 : taps[o].inside[0];
      for (const int64_t at : taps[o].inside) {
        if (from[at] > from[best] || (std::isnan(from[at]) && !std::isnan(from[best]))) best = at;
      }
      if (!taps[o].inside.empty()) out[to] = from[best];
      if (!indices.empty()) {
        indices[to] =
            plane * s.in_size +
            (column_major && !reordered.empty() ? reordered[static_cast<size_t>(best)] : best);
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), s.dims, out));
  if (ctx.wants(1)) ctx.Set(1, FromInts(ir::DType::kInt64, s.dims, indices));
  return OkStatus();
}

// Places each value of x at its index in a result of zeros; indices count as MaxPool's do, over the
// unpooled tensor of the size that the attributes imply, and keep their meaning inside a larger
// output_shape.
Status MaxUnpool(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const ir::Shape spatial, SpatialDims(x));
  const size_t rank = spatial.size();
  const std::vector<int64_t> kernel = ctx.Ints("kernel_shape");
  const std::vector<int64_t> strides = ctx.Ints("strides", std::vector<int64_t>(rank, 1));
  const std::vector<int64_t> pads = ctx.Ints("pads", std::vector<int64_t>(2 * rank, 0));
  if (kernel.size() != rank || strides.size() != rank || pads.size() != 2 * rank) {
    return InvalidArgument(
        "kernel_shape, strides and pads have {}, {} and {} values, expected {}, {} and {}",
        kernel.size(), strides.size(), pads.size(), rank, rank, 2 * rank);
  }
  if (ctx.in(1).dims() != x.dims()) {
    return InvalidArgument("indices are {}, expected the shape of x {}", ctx.in(1).TypeText(),
                           x.TypeText());
  }
  ir::Shape inferred = {x.dims()[0], x.dims()[1]};
  for (size_t d = 0; d < rank; ++d) {
    const auto steps = CheckedMul(spatial[d] - 1, strides[d]);
    const auto size = steps ? CheckedAdd(*steps, kernel[d]) : std::nullopt;
    const auto less = size ? CheckedAdd(*size, -pads[d]) : std::nullopt;
    const auto dim = less ? CheckedAdd(*less, -pads[d + rank]) : std::nullopt;
    if (!dim || *dim < 0) return InvalidArgument("unpooled size of dim {} is not a size", d + 2);
    inferred.push_back(*dim);
  }
  ir::Shape dims = inferred;
  if (ctx.has(2)) {
    AZ_ASSIGN_OR_RETURN(dims, ctx.IntsIn(2, "output_shape"));
    if (dims.size() != inferred.size()) {
      return InvalidArgument("output_shape has {} dims, expected {}", dims.size(), inferred.size());
    }
  }
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, inferred).status());
  const std::vector<int64_t> in_strides = Strides(inferred), out_strides = Strides(dims);
  const int64_t in_count = Product(inferred);
  CellWriter out(x.dtype(), count);
  const CellReader from(x);
  for (size_t i = 0; i < indices.size(); ++i) {
    int64_t rest = indices[i];
    int64_t position = 0;
    bool inside = rest >= 0 && rest < in_count;
    for (size_t d = 0; inside && d < dims.size(); ++d) {
      const int64_t at = rest / in_strides[d];
      rest %= in_strides[d];
      inside = at < dims[d];
      position += at * out_strides[d];
    }
    if (!inside)
      return OutOfRange("index {} lies outside the result {}", indices[i], ir::ShapeText(dims));
    out.Copy(position, from, static_cast<int64_t>(i));
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"MaxPool", 1, MaxPool, 1, 1},
    {"AveragePool", 1, AveragePool<false>, 1, 1},
    {"GlobalAveragePool", 1, AveragePool<true>, 1, 1},
    {"GlobalMaxPool", 1, GlobalMaxPool, 1, 1},
    {"LpPool", 1, LpPool<false>, 1, 1},
    {"GlobalLpPool", 1, LpPool<true>, 1, 1},
    {"MaxUnpool", 9, MaxUnpool, 2, 3},
};

}  // namespace

KernelRows PoolRows() { return kRows; }

}  // namespace assize::reference
