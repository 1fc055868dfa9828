// Streaming ranges. Tests: tests/passes/quantize_ranges_test.cc.
#include "passes/quantize/ranges.h"

#include <algorithm>
#include <cmath>

namespace assize::passes::quantize {

double Histogram::width() const { return std::ldexp(1.0, exponent_); }

void Histogram::Widen() {
  // Bin k becomes floor(k / 2); slot kSide + k stays in the array's middle half.
  std::vector<int64_t> merged(bins_.size(), 0);
  for (int64_t k = -kSide; k < kSide; ++k) {
    const int64_t half = k >= 0 ? k / 2 : -((-k + 1) / 2);
    merged[static_cast<size_t>(kSide + half)] += bins_[static_cast<size_t>(kSide + k)];
  }
  bins_ = std::move(merged);
  SetExponent(exponent_ + 1);
}

void Histogram::SetExponent(int exponent) {
  exponent_ = exponent;
  per_width_ = std::ldexp(1.0, -exponent);
}

void Histogram::Add(float value) {
  double k = std::floor(static_cast<double>(value) * per_width_);
  if (k < -kSide || k >= kSide) {
    if (bins_[static_cast<size_t>(kSide)] ==
        count_) {  // nothing to merge: straight to the width that holds the value
      int exponent = 0;
      std::frexp(static_cast<double>(value), &exponent);
      SetExponent(std::max(exponent_, exponent - 14));
    }
    while (k = std::floor(static_cast<double>(value) * per_width_), k < -kSide || k >= kSide)
      Widen();
  }
  ++bins_[static_cast<size_t>(kSide + static_cast<int64_t>(k))];
  ++count_;
}

double Histogram::LowerEdge(double tail) const {
  const double allowed = tail * static_cast<double>(count_);
  int64_t below = 0;
  for (int64_t k = -kSide; k < kSide; ++k) {
    below += bins_[static_cast<size_t>(kSide + k)];
    if (static_cast<double>(below) > allowed) return static_cast<double>(k) * width();
  }
  return static_cast<double>(kSide) * width();
}

double Histogram::UpperEdge(double tail) const {
  const double allowed = tail * static_cast<double>(count_);
  int64_t above = 0;
  for (int64_t k = kSide - 1; k >= -kSide; --k) {
    above += bins_[static_cast<size_t>(kSide + k)];
    if (static_cast<double>(above) > allowed) return static_cast<double>(k + 1) * width();
  }
  return -static_cast<double>(kSide) * width();
}

std::vector<Histogram::Point> Histogram::Points() const {
  std::vector<Point> points;
  for (int64_t k = -kSide; k < kSide; ++k) {
    const int64_t n = bins_[static_cast<size_t>(kSide + k)];
    if (n > 0) points.push_back({(static_cast<double>(k) + 0.5) * width(), static_cast<double>(n)});
  }
  return points;
}

double Histogram::MeanSquaredError(const std::vector<Point>& points, double lo, double hi) {
  const Grid8 grid = GridOfRange(lo, hi, "");
  const double scale = static_cast<double>(grid.scale);
  const double zero = static_cast<double>(grid.zero_point);
  double sum = 0, count = 0;
  for (const Point& point : points) {
    const double q = std::clamp(std::nearbyint(point.x / scale) + zero, 0.0, 255.0);
    const double error = scale * (q - zero) - point.x;
    sum += point.count * error * error;
    count += point.count;
  }
  return count == 0 ? 0 : sum / count;
}

double Histogram::LeastErrorShare(double lo, double hi) const {
  const std::vector<Point> points = Points();
  double best = 1, least = INFINITY;
  for (int hundredth = 100; hundredth >= 40; --hundredth) {
    const double share = hundredth / 100.0;
    const double error = MeanSquaredError(points, share * lo, share * hi);
    if (error < least) best = share, least = error;
  }
  return best;
}

Observer::Observer(bool histogram, bool distinct) : distinct_(distinct) {
  if (histogram) histogram_.emplace();
}

Status Observer::Observe(std::span<const float> values, std::string_view tensor) {
  for (size_t i = 0; i < values.size(); ++i) {
    const float v = values[i];
    if (!std::isfinite(v)) {
      return InvalidArgument(
          "tensor \"{}\" holds {} on the calibration data, expected finite numbers", tensor,
          std::isnan(v) ? "NaN" : "an infinity");
    }
    if (count_ == 0) minimum_ = maximum_ = v;
    minimum_ = std::min(minimum_, v);
    maximum_ = std::max(maximum_, v);
    ++count_;
    if (histogram_) histogram_->Add(v);
    if (distinct_) {
      ++levels_[v];
      if (levels_.size() > 256) {
        distinct_ = false;
        levels_.clear();
      }
    }
  }
  return OkStatus();
}

std::optional<double> Observer::Grid() const {
  if (!distinct_ || levels_.size() < kMinLevels) return std::nullopt;
  double step = INFINITY, before = -INFINITY;
  for (const auto& [level, count] : levels_) {
    const double gap = static_cast<double>(level) - before;
    if (std::isfinite(gap)) step = std::min(step, gap);
    before = static_cast<double>(level);
  }
  // The smallest gap carries the rounding of two floats; the farthest level tells the step more
  // exactly.
  const double far =
      std::max(std::fabs(static_cast<double>(minimum_)), std::fabs(static_cast<double>(maximum_)));
  const double steps = std::nearbyint(far / step);
  if (!(steps >= 1) || steps > 65536) return std::nullopt;
  step = far / steps;
  for (const auto& [level, count] : levels_) {
    const double k = static_cast<double>(level) / step;
    if (std::fabs(k - std::nearbyint(k)) > 0.01) return std::nullopt;
  }
  const double lo = std::min(0.0, static_cast<double>(minimum_)),
               hi = std::max(0.0, static_cast<double>(maximum_));
  if ((hi - lo) / step > 255.01 || step < kMinScale) return std::nullopt;
  return step;
}

Grid8 GridOfRange(double lo, double hi, std::string method) {
  lo = std::min(lo, 0.0);
  hi = std::max(hi, 0.0);
  Grid8 grid;
  grid.method = std::move(method);
  const double width = hi - lo;
  if (width / 255 < kMinScale) {
    grid.scale = static_cast<float>(1.0 / 255);
    grid.zero_point = 0;
    grid.method += ", degenerate";
    return grid;
  }
  grid.scale = static_cast<float>(width / 255);
  // Rounded up, the top level of a Clip's range would lie above its bound, and the Clip could not
  // be fused away.
  if (lo == 0 && static_cast<double>(grid.scale * 255.0f) > hi)
    grid.scale = std::nextafterf(grid.scale, 0.0f);
  grid.zero_point = static_cast<uint8_t>(
      std::clamp(std::nearbyint(-lo / static_cast<double>(grid.scale)), 0.0, 255.0));
  return grid;
}

Grid8 GridOfStep(double step, double lo, double hi) {
  const double low = std::min(0.0, std::nearbyint(lo / step)),
               high = std::max(0.0, std::nearbyint(hi / step));
  Grid8 grid;
  grid.scale = static_cast<float>(step);
  grid.method = "grid";
  const double room = std::max(0.0, 255 - (high - low));
  grid.zero_point =
      static_cast<uint8_t>(low == 0 ? 0 : std::clamp(-low + std::floor(room / 2), 0.0, 255.0));
  return grid;
}

}  // namespace assize::passes::quantize
