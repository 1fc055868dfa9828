// GridSample, AffineGrid, RoiAlign, MaxRoiPool, NonMaxSuppression, DeformConv.
//
// Places in an image are in pixels, in double; a sample is a weighted sum of its neighbours.
// Source  He et al. 2017 (RoiAlign), Dai et al. 2017 (DeformConv).
// Tests   tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/window.h"

namespace assize::reference {
namespace {

double Reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  if (x < low) {
    const double beyond = low - x, turns = std::floor(beyond / range),
                 rest = beyond - turns * range;
    return std::fmod(turns, 2) == 0 ? low + rest : high - rest;
  }
  if (x > high) {
    const double beyond = x - high, turns = std::floor(beyond / range),
                 rest = beyond - turns * range;
    return std::fmod(turns, 2) == 0 ? high - rest : low + rest;
  }
  return x;
}

// Neighbours of one coordinate along one dim and their weights; position -1 reads as zero.
struct Neighbours {
  std::vector<int64_t> at;
  std::vector<double> weights;
};

struct Sampler {
  std::string mode, padding;
  bool align = false;

  Neighbours Of(double normalized, int64_t extent) const {
    const auto size = static_cast<double>(extent);
    double x = align ? (normalized + 1) / 2 * (size - 1) : ((normalized + 1) * size - 1) / 2;
    if (std::isnan(x)) x = -1e9;  // nowhere
    x = std::clamp(x, -1e9, 1e9);
    if (mode == "nearest") x = std::nearbyint(x);
    const double low = align ? 0 : -0.5, high = align ? size - 1 : size - 0.5;
    if (x < low || x > high) {
      if (padding == "border") x = std::clamp(x, 0.0, size - 1);
      if (padding == "reflection") x = Reflected(x, low, high);
    }
    Neighbours n;
    if (mode == "nearest") {
      n.at = {static_cast<int64_t>(x)};
      n.weights = {1};
    } else {
      const double base = std::floor(x), t = x - base;
      const auto first = static_cast<int64_t>(base);
      if (mode == "linear") {
        n.at = {first, first + 1};
        n.weights = {1 - t, t};
      } else {
        constexpr double a = -0.75;
        const auto outer = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
        const auto inner = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
        n.at = {first - 1, first, first + 1, first + 2};
        n.weights = {outer(t + 1), inner(t), inner(1 - t), outer(2 - t)};
      }
    }
    for (int64_t& at : n.at) {
      if (at >= 0 && at < extent) continue;
      if (padding == "zeros") {
        at = -1;
      } else if (padding == "border") {
        at = std::clamp<int64_t>(at, 0, extent - 1);
      } else {
        at = std::clamp<int64_t>(
            static_cast<int64_t>(Reflected(static_cast<double>(at), low, high)), 0, extent - 1);
      }
    }
    return n;
  }
};

Status GridSample(OpContext& ctx) {
  const ir::Tensor &x = ctx.in(0), &grid = ctx.in(1);
  AZ_ASSIGN_OR_RETURN(const ir::Shape spatial, SpatialDims(x));
  const size_t rank = spatial.size();
  if (grid.rank() != x.rank() || grid.dims()[0] != x.dims()[0] ||
      grid.dims().back() != static_cast<int64_t>(rank)) {
    return InvalidArgument("grid is {}, expected [{}, ..., {}] of rank {}", grid.TypeText(),
                           x.dims()[0], rank, x.rank());
  }
  Sampler sampler{ctx.String("mode", ctx.opset() < 20 ? "bilinear" : "linear"),
                  ctx.String("padding_mode", "zeros"), ctx.Int("align_corners", 0) != 0};
  if (sampler.mode == "bilinear") sampler.mode = "linear";
  if (sampler.mode == "bicubic") sampler.mode = "cubic";
  if ((sampler.mode != "linear" && sampler.mode != "nearest" && sampler.mode != "cubic") ||
      (sampler.padding != "zeros" && sampler.padding != "border" &&
       sampler.padding != "reflection")) {
    return InvalidArgument("mode \"{}\" with padding_mode \"{}\"", sampler.mode, sampler.padding);
  }
  ir::Shape dims{x.dims()[0], x.dims()[1]};
  dims.insert(dims.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const int64_t places = Product(dims, 2, dims.size()), size = Product(spatial),
                channels = x.dims()[1];
  if (size == 0 && count != 0) return InvalidArgument("x {} has no pixels", x.TypeText());
  const std::vector<double> values = Reals(x), points = Reals(grid);
  const std::vector<int64_t> strides = Strides(spatial);
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t n = 0; count > 0 && n < dims[0]; ++n) {
    for (int64_t p = 0; p < places; ++p) {
      // The grid's last dim counts x first: the last spatial dim.
      std::vector<int64_t> at{0};
      std::vector<double> weights{1};
      for (size_t d = 0; d < rank; ++d) {
        const double point =
            points[static_cast<size_t>((n * places + p) * static_cast<int64_t>(rank)) + rank - 1 -
                   d];
        const Neighbours near = sampler.Of(point, spatial[d]);
        std::vector<int64_t> next_at;
        std::vector<double> next_weights;
        for (size_t i = 0; i < at.size(); ++i) {
          for (size_t k = 0; k < near.at.size(); ++k) {
            next_at.push_back(at[i] < 0 || near.at[k] < 0 ? -1 : at[i] + near.at[k] * strides[d]);
            next_weights.push_back(weights[i] * near.weights[k]);
          }
        }
        at = std::move(next_at);
        weights = std::move(next_weights);
      }
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (size_t k = 0; k < at.size(); ++k) {
          if (at[k] >= 0)
            sum += weights[k] * values[static_cast<size_t>((n * channels + c) * size + at[k])];
        }
        out[static_cast<size_t>((n * channels + c) * places + p)] = sum;
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

Status AffineGrid(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& theta = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> size, ctx.IntsIn(1, "size"));
  const auto rank = static_cast<int64_t>(size.size()) - 2;
  if ((rank != 2 && rank != 3) || theta.dims() != ir::Shape{size[0], rank, rank + 1}) {
    return InvalidArgument("theta is {} for size {}, expected [N, 2, 3] or [N, 3, 4]",
                           theta.TypeText(), ir::ShapeText(size));
  }
  const bool align = ctx.Int("align_corners", 0) != 0;
  ir::Shape dims{size[0]};
  dims.insert(dims.end(), size.begin() + 2, size.end());
  dims.push_back(rank);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(theta.dtype(), dims));
  const std::vector<double> matrix = Reals(theta);
  std::vector<double> out;
  out.reserve(static_cast<size_t>(count));
  const ir::Shape places(size.begin() + 2, size.end());
  for (int64_t n = 0; count > 0 && n < size[0]; ++n) {
    ForEachCoordinate(places, [&](std::span<const int64_t> at) {
      for (int64_t row = 0; row < rank; ++row) {
        const double* m = matrix.data() + (n * rank + row) * (rank + 1);
        double sum = m[rank];
        for (int64_t d = 0; d < rank; ++d) {
          // Coordinates count x first: the last spatial dim.
          const auto axis = static_cast<size_t>(rank - 1 - d);
          const auto extent = static_cast<double>(places[axis]), i = static_cast<double>(at[axis]);
          const double place =
              align ? (extent > 1 ? -1 + 2 * i / (extent - 1) : -1) : -1 + (2 * i + 1) / extent;
          sum += m[d] * place;
        }
        out.push_back(sum);
      }
    });
  }
  ctx.Set(0, FromReals(theta.dtype(), dims, out));
  return OkStatus();
}

// Most grid points a region may be sampled at along one dim, when the op derives the number from
// the region.
constexpr double kMaxSamples = 1 << 14;

// Regions [x1, y1, x2, y2] in the image's scale; opset 10 has no half pixel shift. `max` takes the
// greatest of the weighted corners, as ONNX defines it.
Status RoiAlign(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor &x = ctx.in(0), &rois = ctx.in(1);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims()[1] != 4 ||
      ctx.in(2).dims() != ir::Shape{rois.dims()[0]}) {
    return InvalidArgument("x {}, rois {}, batch_indices {}", x.TypeText(), rois.TypeText(),
                           ctx.in(2).TypeText());
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> batches, ctx.IntsIn(2, "batch_indices"));
  const std::string mode = ctx.String("mode", "avg");
  const std::string transform = ctx.String("coordinate_transformation_mode",
                                           ctx.opset() < 16 ? "output_half_pixel" : "half_pixel");
  const bool half = transform == "half_pixel";
  const int64_t rows = ctx.Int("output_height", 1), columns = ctx.Int("output_width", 1);
  const int64_t ratio = ctx.Int("sampling_ratio", 0);
  const double scale = ctx.Float("spatial_scale", 1.0);
  if ((mode != "avg" && mode != "max") || (!half && transform != "output_half_pixel") || rows < 1 ||
      columns < 1 || ratio < 0 || ratio > kMaxSamples) {
    return InvalidArgument("mode \"{}\", transformation \"{}\", output {} by {}, sampling_ratio {}",
                           mode, transform, rows, columns, ratio);
  }
  const int64_t channels = x.dims()[1], height = x.dims()[2], width = x.dims()[3],
                regions = rois.dims()[0];
  const ir::Shape dims{regions, channels, rows, columns};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  if (count > 0 && (height == 0 || width == 0))
    return InvalidArgument("x {} has no pixels", x.TypeText());
  const std::vector<double> values = Reals(x), boxes = Reals(rois);
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t r = 0; r < regions; ++r) {
    const int64_t batch = batches[static_cast<size_t>(r)];
    if (batch < 0 || batch >= x.dims()[0])
      return OutOfRange("batch index {} of {}", batch, x.dims()[0]);
    const double* box = boxes.data() + r * 4;
    const double shift = half ? 0.5 : 0;
    const double x0 = box[0] * scale - shift, y0 = box[1] * scale - shift;
    double w = box[2] * scale - shift - x0, h = box[3] * scale - shift - y0;
    if (!half) {
      w = std::max(w, 1.0);
      h = std::max(h, 1.0);
    }
    const double bin_h = h / static_cast<double>(rows), bin_w = w / static_cast<double>(columns);
    if (!(bin_h < kMaxSamples && bin_w < kMaxSamples && std::isfinite(x0) && std::isfinite(y0))) {
      return InvalidArgument("region {} is {} by {} bins of {} by {} pixels", r, rows, columns,
                             bin_h, bin_w);
    }
    const auto steps_h = ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(bin_h));
    const auto steps_w = ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(bin_w));
    const double samples = static_cast<double>(std::max<int64_t>(1, steps_h * steps_w));
    for (int64_t at = 0; at < channels * rows * columns; ++at) {
      const int64_t c = at / (rows * columns), row = at / columns % rows, column = at % columns;
      const double* plane = values.data() + (batch * channels + c) * height * width;
      double sum = 0, best = 0;
      bool first = true;
      for (int64_t iy = 0; iy < steps_h; ++iy) {
        for (int64_t ix = 0; ix < steps_w; ++ix) {
          double py = y0 + static_cast<double>(row) * bin_h +
                      (static_cast<double>(iy) + 0.5) * bin_h / static_cast<double>(steps_h);
          double px = x0 + static_cast<double>(column) * bin_w +
                      (static_cast<double>(ix) + 0.5) * bin_w / static_cast<double>(steps_w);
          double parts[4] = {0, 0, 0, 0};
          if (py >= -1 && py <= static_cast<double>(height) && px >= -1 &&
              px <= static_cast<double>(width)) {
            py = std::clamp(py, 0.0, static_cast<double>(height - 1));
            px = std::clamp(px, 0.0, static_cast<double>(width - 1));
            const auto top = static_cast<int64_t>(py), left = static_cast<int64_t>(px);
            const int64_t bottom = std::min(top + 1, height - 1),
                          right = std::min(left + 1, width - 1);
            const double ly = py - static_cast<double>(top), lx = px - static_cast<double>(left);
            parts[0] = (1 - ly) * (1 - lx) * plane[top * width + left];
            parts[1] = (1 - ly) * lx * plane[top * width + right];
            parts[2] = ly * (1 - lx) * plane[bottom * width + left];
            parts[3] = ly * lx * plane[bottom * width + right];
          }
          sum += parts[0] + parts[1] + parts[2] + parts[3];
          const double greatest = *std::max_element(parts, parts + 4);
          best = first ? greatest : std::max(best, greatest);
          first = false;
        }
      }
      out[static_cast<size_t>(r * channels * rows * columns + at)] =
          mode == "avg" ? sum / samples : best;
    }
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

// Regions [batch, x1, y1, x2, y2], rounded to pixels and divided into pooled_shape bins.
Status MaxRoiPool(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor &x = ctx.in(0), &rois = ctx.in(1);
  const std::vector<int64_t> pooled = ctx.Ints("pooled_shape");
  const double scale = ctx.Float("spatial_scale", 1.0);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims()[1] != 5 || pooled.size() != 2 ||
      pooled[0] < 1 || pooled[1] < 1) {
    return InvalidArgument("x {}, rois {}, pooled_shape {}", x.TypeText(), rois.TypeText(),
                           ir::ShapeText(pooled));
  }
  const int64_t channels = x.dims()[1], height = x.dims()[2], width = x.dims()[3];
  const ir::Shape dims{rois.dims()[0], channels, pooled[0], pooled[1]};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const std::vector<double> values = Reals(x), boxes = Reals(rois);
  std::vector<double> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t pw = at % pooled[1], ph = at / pooled[1] % pooled[0],
                  c = at / (pooled[0] * pooled[1]) % channels;
    const double* box = boxes.data() + at / (pooled[0] * pooled[1] * channels) * 5;
    const double batch = box[0];
    if (!(batch >= 0 && batch < static_cast<double>(x.dims()[0])))
      return OutOfRange("batch index {} of {}", batch, x.dims()[0]);
    const auto pixel = [&](double v) { return std::clamp(std::round(v * scale), -1e9, 1e9); };
    const double x0 = pixel(box[1]), y0 = pixel(box[2]);
    const double w = std::max(pixel(box[3]) - x0 + 1, 1.0),
                 h = std::max(pixel(box[4]) - y0 + 1, 1.0);
    const auto edge = [](double start, double size, int64_t k, int64_t bins, bool up,
                         int64_t limit) {
      const double e = static_cast<double>(k) * size / static_cast<double>(bins);
      const double v = (up ? std::ceil(e) : std::floor(e)) + start;
      return static_cast<int64_t>(std::clamp(v, 0.0, static_cast<double>(limit)));
    };
    const int64_t top = edge(y0, h, ph, pooled[0], false, height),
                  bottom = edge(y0, h, ph + 1, pooled[0], true, height);
    const int64_t left = edge(x0, w, pw, pooled[1], false, width),
                  right = edge(x0, w, pw + 1, pooled[1], true, width);
    const double* plane =
        values.data() + (static_cast<int64_t>(batch) * channels + c) * height * width;
    bool empty = true;
    for (int64_t y = top; y < bottom; ++y) {
      for (int64_t k = left; k < right; ++k) {
        out[i] = empty ? plane[y * width + k] : std::max(out[i], plane[y * width + k]);
        empty = false;
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

struct Box {
  double x0, y0, x1, y1;
};

bool Overlaps(const Box& a, const Box& b, double threshold) {
  const double w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0),
               h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (w <= 0 || h <= 0) return false;
  const double inner = w * h;
  const double whole = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - inner;
  return whole > 0 && inner / whole > threshold;
}

// Greedy by score, highest first (ties: lower index first), per batch and class.
Status NonMaxSuppression(OpContext& ctx) {
  const ir::Tensor &boxes = ctx.in(0), &scores = ctx.in(1);
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dims()[2] != 4 ||
      boxes.dims()[0] != scores.dims()[0] || boxes.dims()[1] != scores.dims()[2]) {
    return InvalidArgument("boxes {} and scores {}, expected [B, N, 4] and [B, C, N]",
                           boxes.TypeText(), scores.TypeText());
  }
  int64_t most = 0;
  double overlap = 0, least = 0;
  if (ctx.has(2)) {
    AZ_ASSIGN_OR_RETURN(most, ctx.IntScalarIn(2, "max_output_boxes_per_class"));
  }
  if (ctx.has(3)) {
    AZ_ASSIGN_OR_RETURN(overlap, ctx.RealScalarIn(3, "iou_threshold"));
  }
  if (ctx.has(4)) {
    AZ_ASSIGN_OR_RETURN(least, ctx.RealScalarIn(4, "score_threshold"));
  }
  const bool center = ctx.Int("center_point_box", 0) != 0;
  const int64_t batches = scores.dims()[0], classes = scores.dims()[1], count = scores.dims()[2];
  const std::vector<double> corners = Reals(boxes), score = Reals(scores);
  std::vector<int64_t> out;
  for (int64_t b = 0; b < batches; ++b) {
    std::vector<Box> all;
    for (int64_t i = 0; i < count; ++i) {
      const double* p = corners.data() + (b * count + i) * 4;
      if (center) {
        all.push_back({p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2});
      } else {
        all.push_back({std::min(p[1], p[3]), std::min(p[0], p[2]), std::max(p[1], p[3]),
                       std::max(p[0], p[2])});
      }
    }
    for (int64_t c = 0; c < classes; ++c) {
      const double* own = score.data() + (b * classes + c) * count;
      std::vector<int64_t> order;
      for (int64_t i = 0; i < count; ++i) {
        if (!ctx.has(4) || own[i] > least) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t l, int64_t r) { return own[l] > own[r]; });
      std::vector<int64_t> kept;
      for (const int64_t i : order) {
        if (static_cast<int64_t>(kept.size()) >= most) break;
        const bool clear = std::none_of(kept.begin(), kept.end(), [&](int64_t k) {
          return Overlaps(all[static_cast<size_t>(i)], all[static_cast<size_t>(k)], overlap);
        });
        if (!clear) continue;
        kept.push_back(i);
        out.insert(out.end(), {b, c, i});
      }
    }
  }
  ctx.Set(0, ir::Tensor::Of<int64_t>({static_cast<int64_t>(out.size() / 3), 3}, out));
  return OkStatus();
}

// x [N, C, H, W], W [M, C/groups, kh, kw], offset [N, G * kh * kw * 2, H', W'] (y before x), bias,
// mask.
Status DeformConv(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor &x = ctx.in(0), &w = ctx.in(1), &offset = ctx.in(2);
  if (x.rank() != 4 || w.rank() != 4 || offset.rank() != 4) {
    return Unimplemented("x {} and W {}: the reference evaluates two spatial dims", x.TypeText(),
                         w.TypeText());
  }
  const ir::Shape spatial{x.dims()[2], x.dims()[3]};
  AZ_ASSIGN_OR_RETURN(const Window window, WindowOf(ctx, spatial, {w.dims()[2], w.dims()[3]}));
  const int64_t batch = x.dims()[0], channels = x.dims()[1], out_channels = w.dims()[0];
  const int64_t groups = ctx.Int("group", 1), offset_groups = ctx.Int("offset_group", 1);
  const int64_t taps = window.kernel[0] * window.kernel[1], oh = window.output[0],
                ow = window.output[1];
  if (groups < 1 || offset_groups < 1 || channels % groups != 0 || out_channels % groups != 0 ||
      w.dims()[1] != channels / groups || channels % offset_groups != 0 ||
      offset.dims() != ir::Shape{batch, offset_groups * taps * 2, oh, ow}) {
    return InvalidArgument("x {}, W {}, offset {} with {} groups and {} offset groups do not fit",
                           x.TypeText(), w.TypeText(), offset.TypeText(), groups, offset_groups);
  }
  if (ctx.has(3) && ctx.in(3).dims() != ir::Shape{out_channels})
    return InvalidArgument("bias is {}", ctx.in(3).TypeText());
  if (ctx.has(4) && ctx.in(4).dims() != ir::Shape{batch, offset_groups * taps, oh, ow}) {
    return InvalidArgument("mask is {}, expected [{}, {}, {}, {}]", ctx.in(4).TypeText(), batch,
                           offset_groups * taps, oh, ow);
  }
  const ir::Shape dims{batch, out_channels, oh, ow};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const std::vector<double> values = Reals(x), weight = Reals(w), shifts = Reals(offset);
  const std::vector<double> bias = ctx.has(3) ? Reals(ctx.in(3)) : std::vector<double>();
  const std::vector<double> mask = ctx.has(4) ? Reals(ctx.in(4)) : std::vector<double>();
  const int64_t height = spatial[0], width = spatial[1];
  const auto sample = [&](const double* plane, double y, double k) {
    if (!(y > -1 && y < static_cast<double>(height) && k > -1 && k < static_cast<double>(width)))
      return 0.0;
    const double top = std::floor(y), left = std::floor(k);
    double sum = 0;
    for (int dy = 0; dy < 2; ++dy) {
      for (int dx = 0; dx < 2; ++dx) {
        const auto row = static_cast<int64_t>(top) + dy, column = static_cast<int64_t>(left) + dx;
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        sum += (dy == 0 ? 1 - (y - top) : y - top) * (dx == 0 ? 1 - (k - left) : k - left) *
               plane[row * width + column];
      }
    }
    return sum;
  };
  std::vector<double> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t place = at % (oh * ow), m = at / (oh * ow) % out_channels,
                  n = at / (oh * ow * out_channels);
    double sum = bias.empty() ? 0 : bias[static_cast<size_t>(m)];
    const int64_t first = m / (out_channels / groups) * (channels / groups);
    for (int64_t c = 0; c < channels / groups; ++c) {
      const double* plane = values.data() + (n * channels + first + c) * height * width;
      const int64_t og = n * offset_groups + (first + c) / (channels / offset_groups);
      for (int64_t t = 0; t < taps; ++t) {
        const double* shift = shifts.data() + ((og * taps + t) * 2) * oh * ow + place;
        const double y = static_cast<double>(window.Start(0, place / ow) +
                                             t / window.kernel[1] * window.dilations[0]) +
                         shift[0];
        const double k = static_cast<double>(window.Start(1, place % ow) +
                                             t % window.kernel[1] * window.dilations[1]) +
                         shift[oh * ow];
        const double gate =
            mask.empty() ? 1 : mask[static_cast<size_t>((og * taps + t) * oh * ow + place)];
        sum += weight[static_cast<size_t>((m * (channels / groups) + c) * taps + t)] * gate *
               sample(plane, y, k);
      }
    }
    out[i] = sum;
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"GridSample", 16, GridSample, 2, 2},
    {"AffineGrid", 20, AffineGrid, 2, 2},
    {"RoiAlign", 10, RoiAlign, 3, 3},
    {"MaxRoiPool", 1, MaxRoiPool, 2, 2},
    {"NonMaxSuppression", 10, NonMaxSuppression, 2, 5},
    {"DeformConv", 19, DeformConv, 3, 5},
};

}  // namespace

KernelRows VisionRows() { return kRows; }

}  // namespace assize::reference
