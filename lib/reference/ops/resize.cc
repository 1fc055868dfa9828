// Resize and Upsample.
//
// Separable: along each axis an output coordinate maps to a place in the input
// (coordinate_transformation_mode), and takes a weighted sum of the input's elements near it;
// elements beyond the edges are the edge's, or are left out (exclude_outside). Opset 10 and
// Upsample: nearest or linear, asymmetric, floor. Weights in double, one rounding.
// Source  Keys 1981 for the cubic kernel.
// Tests   tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

struct Settings {
  std::string mode = "nearest";  // nearest, linear, cubic
  std::string transform = "half_pixel";
  std::string nearest = "round_prefer_floor";
  std::string aspect = "stretch";
  double cubic = -0.75, extrapolation = 0;
  bool exclude_outside = false, antialias = false;
};

struct AxisPlan {
  int64_t in = 0, out = 0;
  double scale = 1, roi_start = 0, roi_end = 1;
};

// The taps of one output coordinate: consecutive input positions from `first` (before clamping),
// one weight each.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights;
  bool outside = false;  // tf_crop_and_resize beyond the input: the extrapolation value
};

double Source(const Settings& s, const AxisPlan& a, int64_t at) {
  const auto x = static_cast<double>(at), in = static_cast<double>(a.in);
  const double out = a.scale * in;  // before rounding to a whole size
  if (s.transform == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (s.transform == "asymmetric") return x / a.scale;
  if (s.transform == "tf_crop_and_resize") {
    const double span = (a.roi_end - a.roi_start) * (in - 1);
    return a.roi_start * (in - 1) + (out == 1 ? span / 2 : x * span / (out - 1));
  }
  // Resize 11 and 12: nearest without the half pixel that is taken off again.
  if (s.transform == "tf_half_pixel_for_nn") return (x + 0.5) / a.scale;
  if (s.transform == "pytorch_half_pixel" && out == 1) return -0.5;
  double offset = 0;
  if (s.transform == "half_pixel_symmetric")
    offset = in / 2 * (1 - static_cast<double>(a.out) / out);
  return offset + (x + 0.5) / a.scale - 0.5;
}

double Cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

Taps TapsOf(const Settings& s, const AxisPlan& a, int64_t at) {
  const double x = Source(s, a, at);
  Taps taps;
  // Not a number counts as outside: a region of interest may hold anything.
  taps.outside =
      s.transform == "tf_crop_and_resize" && !(x >= 0 && x <= static_cast<double>(a.in - 1));
  if (taps.outside) return taps;
  if (s.mode == "nearest") {
    double place = std::floor(x);
    if (s.nearest == "round_prefer_floor") place = std::ceil(x - 0.5);
    if (s.nearest == "round_prefer_ceil") place = std::floor(x + 0.5);
    if (s.nearest == "ceil") place = std::ceil(x);
    taps.first = static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(a.in - 1)));
    taps.weights = {1};
    return taps;
  }
  // Antialiasing widens the kernel when it shrinks the input.
  const double narrow = s.antialias ? std::min(a.scale, 1.0) : 1.0;
  const double radius = (s.mode == "cubic" ? 2.0 : 1.0) / narrow;
  taps.first = static_cast<int64_t>(std::floor(x - radius)) + 1;
  const auto last = static_cast<int64_t>(std::ceil(x + radius)) - 1;
  double sum = 0;
  for (int64_t i = taps.first; i <= last; ++i) {
    const double distance = (static_cast<double>(i) - x) * narrow;
    double weight =
        s.mode == "cubic" ? Cubic(distance, s.cubic) : std::max(0.0, 1 - std::fabs(distance));
    if (s.exclude_outside && (i < 0 || i >= a.in)) weight = 0;
    taps.weights.push_back(weight);
    sum += weight;
  }
  if ((s.antialias || s.exclude_outside) && sum != 0) {
    for (double& weight : taps.weights) weight /= sum;
  }
  return taps;
}

// One axis of `values` [outer, in, inner] becomes [outer, out, inner].
std::vector<double> ResizeAxis(const std::vector<double>& values, const Settings& s,
                               const AxisPlan& a, int64_t outer, int64_t inner) {
  std::vector<double> out(static_cast<size_t>(outer * a.out * inner));
  for (int64_t y = 0; y < a.out; ++y) {
    const Taps taps = TapsOf(s, a, y);
    for (int64_t o = 0; o < outer; ++o) {
      double* to = out.data() + (o * a.out + y) * inner;
      if (taps.outside) {
        std::fill(to, to + inner, s.extrapolation);
        continue;
      }
      for (size_t k = 0; k < taps.weights.size(); ++k) {
        const int64_t at = std::clamp<int64_t>(taps.first + static_cast<int64_t>(k), 0, a.in - 1);
        const double* from = values.data() + (o * a.in + at) * inner;
        for (int64_t i = 0; i < inner; ++i) to[i] += taps.weights[k] * from[i];
      }
    }
  }
  return out;
}

Status Apply(OpContext& ctx, const Settings& s, const std::vector<AxisPlan>& plan) {
  const ir::Tensor& x = ctx.in(0);
  ir::Shape dims;
  for (const AxisPlan& a : plan) dims.push_back(a.out);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  if (count == 0 || x.element_count() == 0) {
    if (count != 0) return InvalidArgument("x {} is empty", x.TypeText());
    ctx.Set(0, ir::Tensor::Zeros(x.dtype(), dims));
    return OkStatus();
  }
  std::vector<double> values = Reals(x);
  ir::Shape now = x.dims();
  for (size_t d = 0; d < plan.size(); ++d) {
    const AxisPlan& a = plan[d];
    const bool whole = a.roi_start == 0 && a.roi_end == 1;
    if (a.out == a.in && a.scale == 1 && whole) continue;
    now[d] = a.out;
    AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, now).status());
    values = ResizeAxis(values, s, a, Product(now, 0, d), Product(now, d + 1, now.size()));
  }
  if (!ir::IsFloating(x.dtype())) {
    for (double& value : values) value = std::nearbyint(value);
  }
  ctx.Set(0, FromReals(x.dtype(), dims, values));
  return OkStatus();
}

StatusOr<int64_t> ScaledSize(int64_t in, double scale) {
  if (!(scale > 0) || !std::isfinite(scale))
    return InvalidArgument("scale {} is not above 0", scale);
  // In float, the type of the scales: 0.7f * 10 is 7.
  const float size = std::floor(static_cast<float>(scale) * static_cast<float>(in));
  if (!(size < 1e15f)) return InvalidArgument("scale {} of dim {} is too large", scale, in);
  return static_cast<int64_t>(size);
}

// Upsample: scales as attribute before opset 9, as input from there; Resize 10 has the same
// meaning.
Status Upsample(OpContext& ctx) {
  Settings s;
  s.transform = "asymmetric";
  s.nearest = "floor";
  s.mode = ctx.String("mode", "nearest");
  if (s.mode == "bilinear") s.mode = "linear";
  if (s.mode != "nearest" && s.mode != "linear") {
    return InvalidArgument("attribute \"mode\" is \"{}\", expected nearest or linear", s.mode);
  }
  const ir::Tensor& x = ctx.in(0);
  std::vector<double> scales = ctx.Floats("scales");
  if (ctx.opset() < 7) scales = {1, 1, ctx.Float("height_scale", 1), ctx.Float("width_scale", 1)};
  if (ctx.has(1)) scales = Reals(ctx.in(1));
  if (scales.size() != x.dims().size()) {
    return InvalidArgument("{} scales are given, x is {}", scales.size(), x.TypeText());
  }
  std::vector<AxisPlan> plan(scales.size());
  for (size_t d = 0; d < plan.size(); ++d) {
    plan[d].in = x.dims()[d];
    plan[d].scale = scales[d];
    AZ_ASSIGN_OR_RETURN(plan[d].out, ScaledSize(plan[d].in, scales[d]));
  }
  return Apply(ctx, s, plan);
}

StatusOr<Settings> SettingsOf(const OpContext& ctx) {
  Settings s;
  s.mode = ctx.String("mode", s.mode);
  s.transform = ctx.String("coordinate_transformation_mode", s.transform);
  s.nearest = ctx.String("nearest_mode", s.nearest);
  s.aspect = ctx.String("keep_aspect_ratio_policy", s.aspect);
  s.cubic = ctx.Float("cubic_coeff_a", s.cubic);
  s.extrapolation = ctx.Float("extrapolation_value", 0);
  s.exclude_outside = ctx.Int("exclude_outside", 0) != 0;
  s.antialias = ctx.Int("antialias", 0) != 0;
  const auto one_of = [](const char* name, const std::string& value,
                         const std::vector<std::string>& known) -> Status {
    if (std::find(known.begin(), known.end(), value) != known.end()) return OkStatus();
    std::string list;
    for (const std::string& k : known) list += " " + k;
    return InvalidArgument("attribute \"{}\" is \"{}\", expected one of{}", name, value, list);
  };
  AZ_RETURN_IF_ERROR(one_of("mode", s.mode, {"nearest", "linear", "cubic"}));
  AZ_RETURN_IF_ERROR(
      one_of("coordinate_transformation_mode", s.transform,
             {"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners",
              "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn"}));
  AZ_RETURN_IF_ERROR(one_of("nearest_mode", s.nearest,
                            {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}));
  AZ_RETURN_IF_ERROR(
      one_of("keep_aspect_ratio_policy", s.aspect, {"stretch", "not_larger", "not_smaller"}));
  return s;
}

// Inputs x, roi, scales, sizes: scales or sizes, over `axes` (opset 18 on) or all dims.
Status Resize(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Settings s, SettingsOf(ctx));
  const ir::Tensor& x = ctx.in(0);
  std::vector<int64_t> axes = ctx.Ints("axes");
  if (axes.empty()) {
    for (int64_t d = 0; d < x.rank(); ++d) axes.push_back(d);
  }
  AZ_RETURN_IF_ERROR(ctx.Axes(axes, x.rank()).status());
  std::vector<AxisPlan> plan(x.dims().size());
  for (size_t d = 0; d < plan.size(); ++d) plan[d].in = plan[d].out = x.dims()[d];
  const bool by_scale = ctx.has(2) && ctx.in(2).element_count() > 0;
  const bool by_size = ctx.has(3) && ctx.in(3).element_count() > 0;
  if (by_scale == by_size) return InvalidArgument("one of scales and sizes is expected");
  const std::vector<double> scales = by_scale ? Reals(ctx.in(2)) : std::vector<double>();
  std::vector<int64_t> sizes;
  if (by_size) {
    AZ_ASSIGN_OR_RETURN(sizes, ctx.IntsIn(3, "sizes"));
  }
  if ((by_scale ? scales.size() : sizes.size()) != axes.size()) {
    return InvalidArgument("{} scales or sizes are given for {} axes",
                           std::max(scales.size(), sizes.size()), axes.size());
  }
  std::vector<double> roi;
  if (s.transform == "tf_crop_and_resize") {
    if (ctx.has(1)) roi = Reals(ctx.in(1));
    if (roi.size() != 2 * axes.size())
      return InvalidArgument("roi has {} values, expected {}", roi.size(), 2 * axes.size());
  }
  double common = 0;
  for (size_t k = 0; k < axes.size(); ++k) {
    AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(axes[k], x.rank()));
    AxisPlan& a = plan[static_cast<size_t>(axis)];
    if (!roi.empty()) {
      a.roi_start = roi[k];
      a.roi_end = roi[k + axes.size()];
    }
    if (by_scale) {
      a.scale = scales[k];
      AZ_ASSIGN_OR_RETURN(a.out, ScaledSize(a.in, a.scale));
    } else {
      if (sizes[k] < 0 || a.in == 0)
        return InvalidArgument("size {} of dim {} of x {}", sizes[k], axis, x.TypeText());
      a.out = sizes[k];
      a.scale = static_cast<double>(a.out) / static_cast<double>(a.in);
      common = k == 0                     ? a.scale
               : s.aspect == "not_larger" ? std::min(common, a.scale)
                                          : std::max(common, a.scale);
    }
  }
  if (by_size && s.aspect != "stretch") {
    for (const int64_t axis : axes) {
      AxisPlan& a = plan[static_cast<size_t>(axis < 0 ? axis + x.rank() : axis)];
      a.scale = common;
      const double size = std::floor(common * static_cast<double>(a.in) + 0.5);
      if (size > 1e15) return InvalidArgument("size {} of dim {} is too large", size, axis);
      a.out = static_cast<int64_t>(size);
    }
  }
  return Apply(ctx, s, plan);
}

const KernelRow kRows[] = {
    {"Upsample", 1, Upsample, 1, 2},
    {"Resize", 10, Upsample, 2, 2},
    {"Resize", 11, Resize, 1, 4},
};

}  // namespace

KernelRows ResizeRows() { return kRows; }

}  // namespace assize::reference
