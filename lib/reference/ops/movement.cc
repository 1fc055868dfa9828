// Ops that move elements without reading them, by arithmetic on positions: Transpose, Concat,
// Split, Slice, Pad, Tile, DepthToSpace, SpaceToDepth, Trilu, ReverseSequence, CenterCropPad,
// Col2Im.
//
// Each computes, for every output element, the position of its source.
// Tests: tests/reference/robustness_test.cc.
#include <algorithm>
#include <numeric>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// Source position of each output element when dim d of the output takes coordinates from[d] of the
// source; a negative coordinate gives -1 (the fill).
std::vector<int64_t> PositionsOf(const ir::Shape& source,
                                 const std::vector<std::vector<int64_t>>& from) {
  const std::vector<int64_t> strides = Strides(source);
  std::vector<int64_t> index{0};
  for (size_t d = 0; d < from.size(); ++d) {
    std::vector<int64_t> next;
    next.reserve(index.size() * from[d].size());
    for (const int64_t base : index) {
      for (const int64_t at : from[d])
        next.push_back(base < 0 || at < 0 ? -1 : base + at * strides[d]);
    }
    index = std::move(next);
  }
  return index;
}

std::vector<int64_t> Count(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

Status Transpose(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  std::vector<int64_t> perm = ctx.Ints("perm");
  const auto rank = x.dims().size();
  if (perm.empty()) {
    perm = Count(static_cast<int64_t>(rank));
    std::reverse(perm.begin(), perm.end());
  }
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != Count(static_cast<int64_t>(rank))) {
    return InvalidArgument("perm {} is no permutation of the {} dims of x {}", ir::ShapeText(perm),
                           rank, x.TypeText());
  }
  const std::vector<int64_t> own = Strides(x.dims());
  ir::Shape dims(rank), strides(rank);
  for (size_t d = 0; d < rank; ++d) {
    dims[d] = x.dims()[static_cast<size_t>(perm[d])];
    strides[d] = own[static_cast<size_t>(perm[d])];
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  ctx.Set(0, Select(x, dims, Positions(dims, strides)));
  return OkStatus();
}

Status Concat(OpContext& ctx) {
  const ir::Tensor& first = ctx.in(0);
  size_t inputs = 0;
  while (ctx.has(inputs)) ++inputs;
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 1), first.rank()));
  const auto a = static_cast<size_t>(axis);
  ir::Shape dims = first.dims();
  for (size_t i = 1; i < inputs; ++i) {
    AZ_RETURN_IF_ERROR(ctx.SameType(0, i));
    ir::Shape other = ctx.in(i).dims();
    const bool ranks_agree = other.size() == dims.size();
    const int64_t extent = ranks_agree ? other[a] : 0;
    if (ranks_agree) other[a] = first.dims()[a];
    if (!ranks_agree || other != first.dims()) {
      return InvalidArgument("inputs 0 and {} are {} and {}: they differ outside axis {}", i,
                             first.TypeText(), ctx.in(i).TypeText(), axis);
    }
    const auto sum = CheckedAdd(dims[a], extent);
    if (!sum) return InvalidArgument("axis {} of the result overflows", axis);
    dims[a] = *sum;
  }
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(first.dtype(), dims));
  CellWriter out(first.dtype(), count);
  const int64_t outer = Product(dims, 0, a), row = Product(dims, a, dims.size());
  int64_t offset = 0;
  for (size_t i = 0; count > 0 && i < inputs; ++i) {
    const CellReader from(ctx.in(i));
    const int64_t run = Product(ctx.in(i).dims(), a, dims.size());
    for (int64_t o = 0; o < outer; ++o) out.CopyRun(o * row + offset, from, o * run, run);
    offset += run;
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

// Sizes come as an attribute (before opset 13) or an input; else parts are equal, from opset 18 on
// by num_outputs with a smaller last part.
Status Split(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  const auto a = static_cast<size_t>(axis);
  const int64_t extent = x.dims()[a];
  std::vector<int64_t> sizes = ctx.Ints("split");
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(sizes, ctx.IntsIn(1, "split"));
  }
  const auto parts = static_cast<int64_t>(ctx.output_count());
  if (sizes.empty()) {
    const int64_t count = ctx.Int("num_outputs", parts);
    if (count != parts)
      return InvalidArgument("num_outputs is {}, the node has {} outputs", count, parts);
    if (ctx.opset() < 18 && extent % parts != 0) {
      return InvalidArgument("axis {} of x {} does not split into {} equal parts", axis,
                             x.TypeText(), parts);
    }
    const int64_t size = (extent + parts - 1) / parts;
    int64_t left = extent;
    for (int64_t i = 0; i < parts; ++i) {
      sizes.push_back(std::min(size, left));
      left -= sizes.back();
    }
  }
  int64_t total = 0;
  for (const int64_t size : sizes) {
    if (size < 0 || size > extent - total) {
      return InvalidArgument("split {} does not sum to dim {} of x {}", ir::ShapeText(sizes), axis,
                             x.TypeText());
    }
    total += size;
  }
  if (total != extent || sizes.size() != ctx.output_count()) {
    return InvalidArgument("split {} for {} outputs and dim {} of x {}", ir::ShapeText(sizes),
                           parts, axis, x.TypeText());
  }
  const CellReader from(x);
  const int64_t outer = Product(x.dims(), 0, a), inner = Product(x.dims(), a + 1, x.dims().size());
  int64_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    ir::Shape dims = x.dims();
    dims[a] = sizes[i];
    AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
    CellWriter out(x.dtype(), count);
    const int64_t run = sizes[i] * inner;
    for (int64_t o = 0; count > 0 && o < outer; ++o) {
      out.CopyRun(o * run, from, (o * extent + offset) * inner, run);
    }
    offset += sizes[i];
    ctx.Set(i, std::move(out).Finish(dims));
  }
  return OkStatus();
}

Status Slice(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  std::vector<int64_t> starts, ends, axes, steps;
  if (ctx.opset() < 10) {
    starts = ctx.Ints("starts");
    ends = ctx.Ints("ends");
    axes = ctx.Ints("axes");
  } else {
    if (!ctx.has(1) || !ctx.has(2)) return InvalidArgument("inputs starts and ends are required");
    AZ_ASSIGN_OR_RETURN(starts, ctx.IntsIn(1, "starts"));
    AZ_ASSIGN_OR_RETURN(ends, ctx.IntsIn(2, "ends"));
    if (ctx.has(3)) {
      AZ_ASSIGN_OR_RETURN(axes, ctx.IntsIn(3, "axes"));
    }
    if (ctx.has(4)) {
      AZ_ASSIGN_OR_RETURN(steps, ctx.IntsIn(4, "steps"));
    }
  }
  if (axes.empty()) axes = Count(static_cast<int64_t>(starts.size()));
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    return InvalidArgument("starts, ends, axes and steps have {}, {}, {} and {} values",
                           starts.size(), ends.size(), axes.size(), steps.size());
  }
  AZ_RETURN_IF_ERROR(ctx.Axes(axes, x.rank()).status());
  ir::Shape dims = x.dims();
  std::vector<int64_t> strides = Strides(x.dims());
  int64_t base = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(axes[i], x.rank()));
    const auto a = static_cast<size_t>(axis);
    const int64_t extent = x.dims()[a], step = steps[i];
    if (step == 0) return InvalidArgument("step of axis {} is 0", axis);
    int64_t start = starts[i], end = ends[i];
    if (start < 0) start = start < -extent ? -1 : start + extent;
    if (end < 0) end = end < -extent ? -1 : end + extent;
    if (step > 0) {
      start = std::clamp<int64_t>(start, 0, extent);
      end = std::clamp<int64_t>(end, 0, extent);
    } else {
      start = std::clamp<int64_t>(start, -1, extent - 1);
      end = std::clamp<int64_t>(end, -1, extent - 1);
    }
    const int64_t span = step > 0 ? end - start : start - end;
    // |step| may be INT64_MIN's: compare before dividing.
    const uint64_t width = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
    dims[a] = span <= 0 ? 0 : static_cast<int64_t>((static_cast<uint64_t>(span) - 1) / width) + 1;
    base += start * strides[a];
    if (dims[a] <= 1) {
      strides[a] = 0;
    } else {
      strides[a] *= step;
    }
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  ctx.Set(0, Select(x, dims, Positions(dims, strides, base)));
  return OkStatus();
}

// Coordinates of one padded dim. Reflect mirrors without repeating the edge, wrap repeats the dim.
StatusOr<std::vector<int64_t>> PaddedCoordinates(int64_t extent, int64_t before, int64_t after,
                                                 const std::string& mode) {
  const int64_t size = extent + before + after;
  std::vector<int64_t> from(static_cast<size_t>(std::max<int64_t>(0, size)));
  for (int64_t i = 0; i < size; ++i) {
    int64_t at = i - before;
    if (at < 0 || at >= extent) {
      if (mode == "constant") {
        at = -1;
      } else if (extent == 0) {
        return InvalidArgument("mode {} pads an empty dim", mode);
      } else if (mode == "edge") {
        at = std::clamp<int64_t>(at, 0, extent - 1);
      } else if (mode == "wrap") {
        at = (at % extent + extent) % extent;
      } else {
        const int64_t period = std::max<int64_t>(1, 2 * (extent - 1));
        at = (at % period + period) % period;
        if (at >= extent) at = period - at;
      }
    }
    from[static_cast<size_t>(i)] = at;
  }
  return from;
}

// Pads (attribute before opset 11: `paddings` in opset 1) or crops where negative.
Status Pad(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const auto rank = static_cast<size_t>(x.rank());
  std::vector<int64_t> given = ctx.Ints(ctx.opset() < 2 ? "paddings" : "pads");
  std::vector<int64_t> axes = Count(x.rank());
  ir::Tensor fill = FromReals(IsNumeric(x.dtype()) ? x.dtype() : ir::DType::kFloat, {},
                              std::vector<double>{ctx.opset() < 11 ? ctx.Float("value", 0) : 0.0});
  if (ctx.opset() >= 11) {
    if (!ctx.has(1)) return InvalidArgument("input 1 (pads) is missing");
    AZ_ASSIGN_OR_RETURN(given, ctx.IntsIn(1, "pads"));
    if (ctx.has(2) && ctx.in(2).element_count() > 0) {
      AZ_RETURN_IF_ERROR(ctx.SameType(0, 2));
      if (ctx.in(2).element_count() != 1) {
        return InvalidArgument("constant_value is {}, expected a scalar", ctx.in(2).TypeText());
      }
      fill = ctx.in(2);
    }
    if (ctx.has(3)) {
      AZ_ASSIGN_OR_RETURN(axes, ctx.IntsIn(3, "axes"));
      AZ_RETURN_IF_ERROR(ctx.Axes(axes, x.rank()).status());
    }
  }
  if (given.size() != 2 * axes.size()) {
    return InvalidArgument("pads has {} values, expected {} for {} axes", given.size(),
                           2 * axes.size(), axes.size());
  }
  const std::string mode = ctx.String("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap") {
    return InvalidArgument("attribute \"mode\" is \"{}\", expected constant, reflect, edge or wrap",
                           mode);
  }
  std::vector<int64_t> before(rank, 0), after(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(axes[i], x.rank()));
    before[static_cast<size_t>(axis)] = given[i];
    after[static_cast<size_t>(axis)] = given[i + axes.size()];
  }
  ir::Shape dims(rank);
  for (size_t d = 0; d < rank; ++d) {
    const auto sum = CheckedAdd(x.dims()[d], before[d]);
    const auto total = sum ? CheckedAdd(*sum, after[d]) : std::nullopt;
    if (!total || *total < 0) {
      return InvalidArgument("dim {} of x {} padded by {} and {} is no size", d, x.TypeText(),
                             before[d], after[d]);
    }
    dims[d] = *total;
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  std::vector<std::vector<int64_t>> from;
  for (size_t d = 0; d < rank; ++d) {
    AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, {dims[d]}).status());
    AZ_ASSIGN_OR_RETURN(std::vector<int64_t> coordinates,
                        PaddedCoordinates(x.dims()[d], before[d], after[d], mode));
    from.push_back(std::move(coordinates));
  }
  ctx.Set(
      0, Select(x, dims, PositionsOf(x.dims(), from), fill.dtype() == x.dtype() ? &fill : nullptr));
  return OkStatus();
}

Status TileBy(OpContext& ctx, const std::vector<int64_t>& repeats) {
  const ir::Tensor& x = ctx.in(0);
  if (repeats.size() != x.dims().size()) {
    return InvalidArgument("repeats has {} values, x is {}", repeats.size(), x.TypeText());
  }
  ir::Shape dims(repeats.size());
  for (size_t d = 0; d < repeats.size(); ++d) {
    const auto dim = CheckedMul(x.dims()[d], repeats[d]);
    if (repeats[d] < 0 || !dim)
      return InvalidArgument("repeats {} of x {}", ir::ShapeText(repeats), x.TypeText());
    dims[d] = *dim;
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  std::vector<std::vector<int64_t>> from(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, {dims[d]}).status());
    for (int64_t i = 0; i < dims[d]; ++i) from[d].push_back(i % x.dims()[d]);
  }
  ctx.Set(0, Select(x, dims, PositionsOf(x.dims(), from)));
  return OkStatus();
}

Status Tile(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> repeats, ctx.IntsIn(1, "repeats"));
  return TileBy(ctx, repeats);
}

// Opset 1: how often, and along which axis.
Status TileAlongAxis(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const double tiles, ctx.RealScalarIn(1, "tiles"));
  AZ_ASSIGN_OR_RETURN(const double given, ctx.RealScalarIn(2, "axis"));
  AZ_ASSIGN_OR_RETURN(
      const int64_t axis,
      ctx.Axis(static_cast<int64_t>(std::clamp(given, -1e6, 1e6)), ctx.in(0).rank()));
  std::vector<int64_t> repeats(ctx.in(0).dims().size(), 1);
  repeats[static_cast<size_t>(axis)] = static_cast<int64_t>(std::clamp(tiles, -1.0, 1e15));
  return TileBy(ctx, repeats);
}

// Regroups x seen with dims `split` (same elements) by permutation `perm` into `dims`.
Status Regroup(OpContext& ctx, const ir::Shape& split, const std::vector<size_t>& perm,
               const ir::Shape& dims) {
  const ir::Tensor& x = ctx.in(0);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  const std::vector<int64_t> own = Strides(split);
  ir::Shape moved, strides;
  for (const size_t p : perm) {
    moved.push_back(split[p]);
    strides.push_back(own[p]);
  }
  ctx.Set(0, Select(x, dims, Positions(moved, strides)));
  return OkStatus();
}

StatusOr<int64_t> BlockSize(const OpContext& ctx) {
  const int64_t block = ctx.Int("blocksize", 0);
  if (ctx.in(0).rank() != 4)
    return InvalidArgument("x is {}, expected [N, C, H, W]", ctx.in(0).TypeText());
  if (block < 1 || block > (1 << 20))
    return InvalidArgument("attribute \"blocksize\" is {}", block);
  return block;
}

StatusOr<bool> DepthFirst(const OpContext& ctx) {
  const std::string mode = ctx.String("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return InvalidArgument("attribute \"mode\" is \"{}\", expected DCR or CRD", mode);
  return mode == "DCR";
}

Status DepthToSpace(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const int64_t b, BlockSize(ctx));
  AZ_ASSIGN_OR_RETURN(const bool depth_first, DepthFirst(ctx));
  const ir::Shape& d = ctx.in(0).dims();
  if (d[1] % (b * b) != 0)
    return InvalidArgument("{} channels do not divide by blocksize {} squared", d[1], b);
  const ir::Shape dims{d[0], d[1] / (b * b), d[2] * b, d[3] * b};
  if (depth_first) return Regroup(ctx, {d[0], b, b, dims[1], d[2], d[3]}, {0, 3, 4, 1, 5, 2}, dims);
  return Regroup(ctx, {d[0], dims[1], b, b, d[2], d[3]}, {0, 1, 4, 2, 5, 3}, dims);
}

Status SpaceToDepth(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const int64_t b, BlockSize(ctx));
  AZ_ASSIGN_OR_RETURN(const bool depth_first, DepthFirst(ctx));
  const ir::Shape& d = ctx.in(0).dims();
  if (d[2] % b != 0 || d[3] % b != 0)
    return InvalidArgument("{} by {} does not divide by blocksize {}", d[2], d[3], b);
  const ir::Shape dims{d[0], d[1] * b * b, d[2] / b, d[3] / b};
  const ir::Shape split{d[0], d[1], dims[2], b, dims[3], b};
  if (depth_first) return Regroup(ctx, split, {0, 3, 5, 1, 2, 4}, dims);
  return Regroup(ctx, split, {0, 1, 3, 5, 2, 4}, dims);
}

Status Trilu(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 2) return InvalidArgument("x is {}, expected at least two dims", x.TypeText());
  int64_t k = 0;
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(k, ctx.IntScalarIn(1, "k"));
  }
  const bool upper = ctx.Int("upper", 1) != 0;
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), x.dims()));
  const int64_t columns = x.dims().back(), rows = x.dims()[x.dims().size() - 2];
  std::vector<int64_t> index(static_cast<size_t>(count), -1);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t diagonal = i % columns - i / columns % rows;
    if (upper ? diagonal >= k : diagonal <= k) index[static_cast<size_t>(i)] = i;
  }
  ctx.Set(0, Select(x, x.dims(), index));
  return OkStatus();
}

Status ReverseSequence(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const int64_t batch = ctx.Int("batch_axis", 1), time = ctx.Int("time_axis", 0);
  if (x.rank() < 2 || batch == time || batch < 0 || batch > 1 || time < 0 || time > 1) {
    return InvalidArgument(
        "x is {} with batch_axis {} and time_axis {}, expected 0 and 1 of two dims or more",
        x.TypeText(), batch, time);
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> lengths, ctx.IntsIn(1, "sequence_lens"));
  const int64_t batches = x.dims()[static_cast<size_t>(batch)],
                times = x.dims()[static_cast<size_t>(time)];
  if (static_cast<int64_t>(lengths.size()) != batches) {
    return InvalidArgument("sequence_lens has {} values, expected {}", lengths.size(), batches);
  }
  for (const int64_t length : lengths) {
    if (length < 0 || length > times)
      return OutOfRange("sequence length {} is outside [0, {}]", length, times);
  }
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), x.dims()));
  const std::vector<int64_t> strides = Strides(x.dims());
  const int64_t b_step = strides[static_cast<size_t>(batch)],
                t_step = strides[static_cast<size_t>(time)];
  std::vector<int64_t> index(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t t = i / t_step % times,
                  length = lengths[static_cast<size_t>(i / b_step % batches)];
    index[static_cast<size_t>(i)] = t < length ? i + (length - 1 - 2 * t) * t_step : i;
  }
  ctx.Set(0, Select(x, x.dims(), index));
  return OkStatus();
}

Status CenterCropPad(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, ctx.IntsIn(1, "shape"));
  std::vector<int64_t> axes = ctx.Ints("axes");
  if (axes.empty()) axes = Count(x.rank());
  AZ_RETURN_IF_ERROR(ctx.Axes(axes, x.rank()).status());
  if (wanted.size() != axes.size()) {
    return InvalidArgument("shape has {} values for {} axes", wanted.size(), axes.size());
  }
  ir::Shape dims = x.dims();
  for (size_t i = 0; i < axes.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(axes[i], x.rank()));
    dims[static_cast<size_t>(axis)] = wanted[i];
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  std::vector<std::vector<int64_t>> from(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    const int64_t extent = x.dims()[d];
    AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kInt64, {dims[d]}).status());
    const int64_t shift = dims[d] < extent ? (extent - dims[d]) / 2 : -((dims[d] - extent) / 2);
    for (int64_t i = 0; i < dims[d]; ++i) {
      from[d].push_back(i + shift >= 0 && i + shift < extent ? i + shift : -1);
    }
  }
  ctx.Set(0, Select(x, dims, PositionsOf(x.dims(), from)));
  return OkStatus();
}

// x [N, C * prod(block), L], image_shape, block_shape: sums the columns back into [N, C, *image].
Status Col2Im(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> image, ctx.IntsIn(1, "image_shape"));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> block, ctx.IntsIn(2, "block_shape"));
  const size_t rank = image.size();
  const std::vector<int64_t> dilations = ctx.Ints("dilations", std::vector<int64_t>(rank, 1));
  const std::vector<int64_t> strides = ctx.Ints("strides", std::vector<int64_t>(rank, 1));
  const std::vector<int64_t> pads = ctx.Ints("pads", std::vector<int64_t>(2 * rank, 0));
  if (x.rank() != 3 || block.size() != rank || dilations.size() != rank || strides.size() != rank ||
      pads.size() != 2 * rank) {
    return InvalidArgument("x {}, image {}, block {}: expected [N, C * block, L] and equal ranks",
                           x.TypeText(), ir::ShapeText(image), ir::ShapeText(block));
  }
  constexpr int64_t kMax = int64_t{1} << 24;  // of every size, so that sums below stay small
  ir::Shape columns(rank);
  for (size_t d = 0; d < rank; ++d) {
    for (const int64_t value :
         {image[d], block[d], dilations[d], strides[d], pads[d] + 1, pads[d + rank] + 1}) {
      if (value < 1 || value > kMax)
        return InvalidArgument("size {} of dim {} is outside [1, {}]", value, d, kMax);
    }
    columns[d] =
        (image[d] + pads[d] + pads[d + rank] - dilations[d] * (block[d] - 1) - 1) / strides[d] + 1;
    if (columns[d] < 1)
      return InvalidArgument("block {} is larger than the padded image {}", block[d], image[d]);
  }
  const auto taps = ir::ElementCount(block), places = ir::ElementCount(columns);
  if (!taps || !places || *taps == 0 || x.dims()[1] % *taps != 0 || x.dims()[2] != *places) {
    return InvalidArgument("x is {}, expected [N, C * {}, {}]", x.TypeText(), ir::ShapeText(block),
                           ir::ShapeText(columns));
  }
  ir::Shape dims{x.dims()[0], x.dims()[1] / *taps};
  dims.insert(dims.end(), image.begin(), image.end());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const std::vector<double> values = Reals(x);
  std::vector<double> out(static_cast<size_t>(count));
  const std::vector<int64_t> image_strides = Strides(image);
  const int64_t size = Product(image);
  size_t at = 0;
  for (int64_t plane = 0; !values.empty() && plane < dims[0] * dims[1]; ++plane) {
    ForEachCoordinate(block, [&](std::span<const int64_t> k) {
      ForEachCoordinate(columns, [&](std::span<const int64_t> o) {
        int64_t position = plane * size;
        bool inside = true;
        for (size_t d = 0; d < rank; ++d) {
          const int64_t p = o[d] * strides[d] + k[d] * dilations[d] - pads[d];
          inside = inside && p >= 0 && p < image[d];
          position += p * image_strides[d];
        }
        if (inside) out[static_cast<size_t>(position)] += values[at];
        ++at;
      });
    });
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Transpose", 1, Transpose, 1, 1, Takes::kAny},
    {"Concat", 1, Concat, 1, -1, Takes::kAny},
    {"Split", 1, Split, 1, 2, Takes::kAny},
    {"Slice", 1, Slice, 1, 5, Takes::kAny},
    {"Pad", 1, Pad, 1, 4, Takes::kAny},
    {"Tile", 1, TileAlongAxis, 3, 3},
    {"Tile", 6, Tile, 2, 2, Takes::kAny},
    {"DepthToSpace", 1, DepthToSpace, 1, 1, Takes::kAny},
    {"SpaceToDepth", 1, SpaceToDepth, 1, 1, Takes::kAny},
    {"Trilu", 14, Trilu, 1, 2, Takes::kAny},
    {"ReverseSequence", 10, ReverseSequence, 2, 2, Takes::kAny},
    {"CenterCropPad", 18, CenterCropPad, 2, 2, Takes::kAny},
    {"Col2Im", 18, Col2Im, 3, 3},
};

}  // namespace

KernelRows MovementRows() { return kRows; }

}  // namespace assize::reference
