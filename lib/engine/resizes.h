// Resize and Upsample read once, for shapes, rows and kernels: which axes change, and from which
// elements of the input each coordinate of the result is made. The coordinates are those of ONNX's
// definition, in double. Tests: tests/engine/resize_test.cc.
#pragma once

#include <optional>
#include <vector>

#include "lib/engine/facts.h"
#include "lib/engine/kernels/resize.h"

namespace assize::engine {

struct ResizeAxis {
  int64_t in = 0, out = 0;
  double scale = 1;
  double roi_start = 0, roi_end = 1;  // of tf_crop_and_resize, as parts of the input
  // False where the result has the input's elements as they are.
  bool Changes() const { return out != in || scale != 1 || roi_start != 0 || roi_end != 1; }
  friend bool operator==(const ResizeAxis&, const ResizeAxis&) = default;
};

struct ResizeMatch {
  enum class Mode { kNearest, kLinear, kCubic };
  enum class Coordinates {
    kHalfPixel,
    kPytorchHalfPixel,
    kHalfPixelSymmetric,
    kAlignCorners,
    kAsymmetric,
    kCropAndResize,
    kHalfPixelForNearest,
  };
  enum class Nearest { kPreferFloor, kPreferCeil, kFloor, kCeil };
  Mode mode = Mode::kNearest;
  Coordinates coordinates = Coordinates::kHalfPixel;
  Nearest nearest = Nearest::kPreferFloor;
  double cubic_a = -0.75;   // Keys' coefficient
  float extrapolation = 0;  // beyond the input, for kCropAndResize
  bool exclude_outside = false, antialias = false;
  std::vector<ResizeAxis> axes;  // one for each dim of x

  ir::Shape ResultDims() const;
  // The result is made of elements of the input alone: of any type, and in any order.
  bool OnlyMoves() const {
    return mode == Mode::kNearest && coordinates != Coordinates::kCropAndResize;
  }
};

// Nullopt when the node is no Resize or Upsample, breaks a rule of the op, or hangs on scales,
// sizes or a region that only a run knows.
std::optional<ResizeMatch> MatchResize(Facts& facts, ir::NodeRef ref);

// The taps of all coordinates of one axis. Nullopt when a coordinate is no number or too large to
// index with, or when the table would not be worth its memory.
std::optional<ResizeTaps> TapsOf(const ResizeMatch& match, const ResizeAxis& axis);

}  // namespace assize::engine
