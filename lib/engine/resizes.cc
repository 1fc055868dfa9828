// Source  Keys 1981 for the cubic kernel. Tests: tests/engine/resize_test.cc.
#include "lib/engine/resizes.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "lib/analysis/attributes.h"

namespace assize::engine {
namespace {

using Mode = ResizeMatch::Mode;
using Coordinates = ResizeMatch::Coordinates;
using Nearest = ResizeMatch::Nearest;

// Coordinates beyond are no positions; dims and taps beyond make tables of no use.
constexpr double kFarthest = 1e15;
constexpr int64_t kMaxDim = int64_t{1} << 30, kMaxTaps = int64_t{1} << 22;

template <typename T>
bool Choose(const std::string& text, T& to,
            std::initializer_list<std::pair<std::string_view, T>> known) {
  for (const auto& [name, value] : known) {
    if (text != name) continue;
    to = value;
    return true;
  }
  return false;
}

// In float, the type of the scales: 0.7f * 10 is 7.
std::optional<int64_t> Scaled(int64_t in, double scale) {
  if (!(scale > 0) || !std::isfinite(scale)) return std::nullopt;
  const float size = std::floor(static_cast<float>(scale) * static_cast<float>(in));
  if (!(size <= static_cast<float>(kMaxDim))) return std::nullopt;
  return static_cast<int64_t>(size);
}

// Elements of an input that planning knows; empty when it is not given.
std::optional<std::vector<double>> KnownReals(Facts& facts, ir::ValueRef value) {
  const ValueFact* fact = value ? facts.Find(value) : nullptr;
  if (!value || (fact != nullptr && ir::ElementCount(fact->dims) == 0))
    return std::vector<double>{};
  const ir::Tensor* tensor = facts.Known(value);
  if (tensor == nullptr || !ir::IsFloating(tensor->dtype())) return std::nullopt;
  return tensor->ToDoubles();
}

// Upsample, and Resize of opset 10: floor(x / scale), or linear from there.
std::optional<ResizeMatch> MatchUpsample(Facts& facts, const ir::Node& node,
                                         analysis::AttributeReader& read, ResizeMatch match) {
  match.coordinates = Coordinates::kAsymmetric;
  match.nearest = Nearest::kFloor;
  const std::string mode = read.Text("mode", "nearest");
  if (!Choose<Mode>(
          mode, match.mode,
          {{"nearest", Mode::kNearest}, {"linear", Mode::kLinear}, {"bilinear", Mode::kLinear}}))
    return std::nullopt;
  std::vector<double> scales;
  if (facts.opset() < 9) {
    for (const float scale : read.Floats("scales")) scales.push_back(static_cast<double>(scale));
  } else if (const auto known = KnownReals(facts, analysis::InputAt(node, 1))) {
    scales = *known;
  }
  if (!read.status().ok() || scales.size() != match.axes.size()) return std::nullopt;
  for (size_t i = 0; i < scales.size(); ++i) {
    const auto out = Scaled(match.axes[i].in, scales[i]);
    if (!out) return std::nullopt;
    match.axes[i].out = *out, match.axes[i].scale = scales[i];
  }
  return match;
}

bool ReadSettings(analysis::AttributeReader& read, ResizeMatch& match) {
  const bool known =
      Choose<Mode>(
          read.Text("mode", "nearest"), match.mode,
          {{"nearest", Mode::kNearest}, {"linear", Mode::kLinear}, {"cubic", Mode::kCubic}}) &&
      Choose<Coordinates>(read.Text("coordinate_transformation_mode", "half_pixel"),
                          match.coordinates,
                          {{"half_pixel", Coordinates::kHalfPixel},
                           {"pytorch_half_pixel", Coordinates::kPytorchHalfPixel},
                           {"half_pixel_symmetric", Coordinates::kHalfPixelSymmetric},
                           {"align_corners", Coordinates::kAlignCorners},
                           {"asymmetric", Coordinates::kAsymmetric},
                           {"tf_crop_and_resize", Coordinates::kCropAndResize},
                           {"tf_half_pixel_for_nn", Coordinates::kHalfPixelForNearest}}) &&
      Choose<Nearest>(read.Text("nearest_mode", "round_prefer_floor"), match.nearest,
                      {{"round_prefer_floor", Nearest::kPreferFloor},
                       {"round_prefer_ceil", Nearest::kPreferCeil},
                       {"floor", Nearest::kFloor},
                       {"ceil", Nearest::kCeil}});
  match.cubic_a = static_cast<double>(read.Float("cubic_coeff_a", -0.75f));
  match.extrapolation = read.Float("extrapolation_value", 0);
  match.exclude_outside = read.Int("exclude_outside", 0) != 0;
  match.antialias = read.Int("antialias", 0) != 0;
  return known && read.status().ok() && std::isfinite(match.cubic_a) &&
         std::isfinite(match.extrapolation);
}

// Where coordinate `at` of the result lies in the input.
double Source(const ResizeMatch& m, const ResizeAxis& a, int64_t at) {
  const double x = static_cast<double>(at), in = static_cast<double>(a.in);
  const double out = a.scale * in;  // before it became a whole size
  switch (m.coordinates) {
    case Coordinates::kAlignCorners:
      return out == 1 ? 0 : x * (in - 1) / (out - 1);
    case Coordinates::kAsymmetric:
      return x / a.scale;
    case Coordinates::kCropAndResize: {
      const double span = (a.roi_end - a.roi_start) * (in - 1);
      return a.roi_start * (in - 1) + (out == 1 ? span / 2 : x * span / (out - 1));
    }
    case Coordinates::kHalfPixelForNearest:
      return (x + 0.5) / a.scale;
    case Coordinates::kPytorchHalfPixel:
      return out == 1 ? -0.5 : (x + 0.5) / a.scale - 0.5;
    case Coordinates::kHalfPixelSymmetric:
      return in / 2 * (1 - static_cast<double>(a.out) / out) + (x + 0.5) / a.scale - 0.5;
    case Coordinates::kHalfPixel:
      break;
  }
  return (x + 0.5) / a.scale - 0.5;
}

double NearestTo(Nearest nearest, double x) {
  switch (nearest) {
    case Nearest::kPreferFloor:
      return std::ceil(x - 0.5);
    case Nearest::kPreferCeil:
      return std::floor(x + 0.5);
    case Nearest::kCeil:
      return std::ceil(x);
    case Nearest::kFloor:
      break;
  }
  return std::floor(x);
}

double Cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// Taps of one coordinate that is no copy of an element: position (beyond the edges, the edge's) and
// weight of each.
using TapList = std::vector<std::pair<int32_t, double>>;
TapList Weigh(const ResizeMatch& m, const ResizeAxis& a, double x) {
  // Antialiasing widens the kernel when it shrinks the input.
  const double narrow = m.antialias ? std::min(a.scale, 1.0) : 1.0;
  const double radius = (m.mode == Mode::kCubic ? 2.0 : 1.0) / narrow;
  const int64_t first = static_cast<int64_t>(std::floor(x - radius)) + 1;
  const int64_t last = static_cast<int64_t>(std::ceil(x + radius)) - 1;
  TapList taps;
  double sum = 0;
  for (int64_t i = first; i <= last; ++i) {
    const double distance = (static_cast<double>(i) - x) * narrow;
    double weight = m.mode == Mode::kCubic ? Cubic(distance, m.cubic_a)
                                           : std::max(0.0, 1 - std::fabs(distance));
    if (m.exclude_outside && (i < 0 || i >= a.in)) weight = 0;
    taps.emplace_back(static_cast<int32_t>(std::clamp<int64_t>(i, 0, a.in - 1)), weight);
    sum += weight;
  }
  if ((m.antialias || m.exclude_outside) && sum != 0) {
    for (auto& tap : taps) tap.second /= sum;
  }
  return taps;
}

}  // namespace

ir::Shape ResizeMatch::ResultDims() const {
  ir::Shape dims;
  for (const ResizeAxis& axis : axes) dims.push_back(axis.out);
  return dims;
}

std::optional<ResizeMatch> MatchResize(Facts& facts, ir::NodeRef ref) {
  const ir::Node& node = facts.graph().node(ref);
  const bool upsample = node.op_type == "Upsample";
  if (!IsOnnx(node) || (!upsample && node.op_type != "Resize")) return std::nullopt;
  if (node.inputs.empty() || node.outputs.size() != 1 || facts.opset() < 7) return std::nullopt;
  const ValueFact* x = facts.Find(node.inputs[0]);
  if (x == nullptr) return std::nullopt;
  ResizeMatch match;
  for (const int64_t dim : x->dims) {
    if (dim < 1 || dim > kMaxDim) return std::nullopt;
    ResizeAxis axis;
    axis.in = axis.out = dim;
    match.axes.push_back(axis);
  }
  analysis::AttributeReader read(facts.graph(), ref);
  if (upsample || facts.opset() < 11) return MatchUpsample(facts, node, read, std::move(match));

  if (!ReadSettings(read, match)) return std::nullopt;
  const int64_t rank = static_cast<int64_t>(match.axes.size());
  std::vector<int64_t> over = read.Ints("axes");
  if (over.empty()) {
    for (int64_t i = 0; i < rank; ++i) over.push_back(i);
  }
  std::vector<bool> seen(match.axes.size(), false);
  for (int64_t& axis : over) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || seen[static_cast<size_t>(axis)]) return std::nullopt;
    seen[static_cast<size_t>(axis)] = true;
  }
  const auto scales = KnownReals(facts, analysis::InputAt(node, 2));
  const ir::ValueRef wanted = analysis::InputAt(node, 3);
  const auto sizes = wanted ? facts.KnownInts(wanted) : std::vector<int64_t>{};
  if (!scales || !sizes || scales->empty() == sizes->empty()) return std::nullopt;
  if (std::max(scales->size(), sizes->size()) != over.size()) return std::nullopt;
  std::vector<double> roi;
  if (match.coordinates == Coordinates::kCropAndResize) {
    const auto known = KnownReals(facts, analysis::InputAt(node, 1));
    if (!known || known->size() != 2 * over.size()) return std::nullopt;
    roi = *known;
  }
  const std::string policy = read.Text("keep_aspect_ratio_policy", "stretch");
  const bool larger = policy == "not_smaller", smaller = policy == "not_larger";
  if (!read.status().ok() || (!larger && !smaller && policy != "stretch")) return std::nullopt;
  double common = 0;
  for (size_t k = 0; k < over.size(); ++k) {
    ResizeAxis& axis = match.axes[static_cast<size_t>(over[k])];
    if (!roi.empty()) axis.roi_start = roi[k], axis.roi_end = roi[k + over.size()];
    if (!scales->empty()) {
      const auto out = Scaled(axis.in, (*scales)[k]);
      if (!out) return std::nullopt;
      axis.out = *out, axis.scale = (*scales)[k];
      continue;
    }
    if ((*sizes)[k] < 0 || (*sizes)[k] > kMaxDim) return std::nullopt;
    axis.out = (*sizes)[k];
    axis.scale = static_cast<double>(axis.out) / static_cast<double>(axis.in);
    common = k == 0 ? axis.scale
                    : (smaller ? std::min(common, axis.scale) : std::max(common, axis.scale));
  }
  if (!sizes->empty() && (larger || smaller)) {
    for (const int64_t i : over) {
      ResizeAxis& axis = match.axes[static_cast<size_t>(i)];
      const double size = std::floor(common * static_cast<double>(axis.in) + 0.5);
      if (!(size <= static_cast<double>(kMaxDim))) return std::nullopt;
      axis.scale = common, axis.out = static_cast<int64_t>(size);
    }
  }
  return match;
}

std::optional<ResizeTaps> TapsOf(const ResizeMatch& match, const ResizeAxis& axis) {
  if (axis.in > kMaxDim || axis.out > kMaxTaps) return std::nullopt;
  // A kernel that is wider than the table may be.
  if (match.antialias && !(axis.scale * static_cast<double>(kMaxTaps) > 4)) return std::nullopt;
  const double last = static_cast<double>(axis.in - 1);
  std::vector<TapList> all;
  ResizeTaps taps;
  taps.out = axis.out;
  size_t total = 0;
  for (int64_t at = 0; at < axis.out; ++at) {
    const double x = Source(match, axis, at);
    if (!(std::fabs(x) < kFarthest)) return std::nullopt;
    const bool outside = match.coordinates == Coordinates::kCropAndResize && (x < 0 || x > last);
    taps.outside.push_back(outside);
    taps.any_outside = taps.any_outside || outside;
    if (match.mode == Mode::kNearest) {
      const double place = std::clamp(NearestTo(match.nearest, x), 0.0, last);
      all.push_back({{static_cast<int32_t>(place), 1.0}});
    } else {
      all.push_back(Weigh(match, axis, x));
    }
    taps.count = std::max(taps.count, static_cast<int64_t>(all.back().size()));
    total += all.back().size();
    if (total > static_cast<size_t>(kMaxTaps)) return std::nullopt;
  }
  if (taps.count * taps.out > kMaxTaps) return std::nullopt;
  for (TapList& list : all) {
    // As many taps everywhere: one taken in halves adds nothing, where a weight of 0 would make NaN
    // of an infinity.
    while (static_cast<int64_t>(list.size()) < taps.count) {
      list.back().second /= 2;
      list.push_back(list.back());
    }
  }
  for (int64_t k = 0; k < taps.count; ++k) {
    for (const TapList& list : all) {
      taps.index.push_back(list[static_cast<size_t>(k)].first);
      taps.weight.push_back(list[static_cast<size_t>(k)].second);
    }
  }
  return taps;
}

}  // namespace assize::engine
