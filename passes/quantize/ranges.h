// Ranges of activations from data, streamed in constant memory, and the 8-bit grid they choose.
//
// Minimum and maximum are exact. The histogram's bins are a power of two wide and start at
// multiples of it; when a value lies outside, neighbours merge until it fits. So the counts depend
// on the values alone, not on their order or on how they were cut into batches. Tests:
// tests/passes/quantize_ranges_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/status.h"

namespace assize::passes::quantize {

// Counts of values in bins [k * width, (k + 1) * width), k in [-kSide, kSide).
class Histogram {
 public:
  static constexpr int64_t kSide = 8192;
  void Add(float value);
  int64_t count() const { return count_; }
  double width() const;
  // Edges below and above which at most `tail` of all values lie, in [0, 0.5).
  double LowerEdge(double tail) const;
  double UpperEdge(double tail) const;
  // The factor of lo and hi in [0.4, 1], in hundredths, for which the values (taken at their bins'
  // centres) lie nearest to the grid of 256 levels, by mean squared distance; the larger of equals.
  // 61 passes over the bins.
  double LeastErrorShare(double lo, double hi) const;

 private:
  struct Point {
    double x, count;
  };
  std::vector<Point> Points() const;  // centres of the bins that are not empty
  static double MeanSquaredError(const std::vector<Point>& points, double lo, double hi);
  void Widen();
  void SetExponent(int exponent);
  // The finest bins: values below 2^-100 are zero to every scale that is used.
  static constexpr int kMinExponent = -113;
  int exponent_ = kMinExponent;  // width = 2^exponent
  double per_width_ = 0x1p113;   // 1 / width, exact
  int64_t count_ = 0;
  std::vector<int64_t> bins_ = std::vector<int64_t>(2 * kSide, 0);
};

// What is kept of one tensor's elements.
class Observer {
 public:
  // `histogram`: percentiles will be asked for. `distinct`: so will be the grid of a graph input.
  Observer(bool histogram, bool distinct);
  // InvalidArgument on NaN and infinities, naming no value.
  Status Observe(std::span<const float> values, std::string_view tensor);
  bool empty() const { return count_ == 0; }
  double minimum() const { return minimum_; }
  double maximum() const { return maximum_; }
  const Histogram* histogram() const { return histogram_ ? &*histogram_ : nullptr; }
  // The step of which all elements are multiples, when there are at least kMinLevels different ones
  // and they span at most 255 steps: pixels and 8-bit features that were scaled. Nullopt otherwise.
  std::optional<double> Grid() const;
  static constexpr size_t kMinLevels = 16;

 private:
  int64_t count_ = 0;
  float minimum_ = 0, maximum_ = 0;
  std::optional<Histogram> histogram_;
  bool distinct_ = false;  // off once there are more than 256 levels
  std::map<float, int64_t> levels_;
};

// Scale and zero point of a uint8 tensor: x ~ scale * (q - zero_point).
struct Grid8 {
  float scale = 1;
  uint8_t zero_point = 0;
  std::string method;  // how it was chosen: "minmax", "percentile", "grid" ..., for the record
};

// The grid for a range, which is widened to hold 0; 0 lies on it exactly. A range too small to
// divide (of constant zeros, say) gets the scale floor.
Grid8 GridOfRange(double lo, double hi, std::string method);
// The grid of `step`, placed so that data in [lo, hi] fit with as much room on both sides as there
// is.
Grid8 GridOfStep(double step, double lo, double hi);

// Below this, scales are not emitted: products of two scales must stay normal floats.
inline constexpr double kMinScale = 1e-12;

}  // namespace assize::passes::quantize
