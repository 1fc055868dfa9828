// Declared preprocessing: what a recipe says must happen to a stored row before the model sees it.
//
//   y = ((x - zero_point) * scale - mean[c]) / std[c]      in double, rounded once to float32
//
// then reshape (per row), layout, dtype. Rounding once keeps it exact where numpy's float32 is: for
// bytes, x * (1/255) in double rounds to the same float as x / 255 in float (tested for all 256).
// Tests: tests/data/preprocess_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/data/array.h"
#include "lib/support/json.h"

namespace assize::data {

struct Preprocessing {
  std::optional<double> zero_point;  // subtracted first
  std::optional<double> scale;       // 1/255 is 0.00392156862745098
  std::vector<double> mean;          // one value, or one per channel
  std::vector<double> std;           // same; not zero
  std::vector<int64_t>
      reshape;         // dimensions of one row, without the rows; one may be -1. Empty: as stored
  std::string layout;  // "HW->NCHW", "HWC->NCHW"; see Layout. Empty: as stored
  std::optional<DType> dtype;  // last: convert (f32 when a value changes and nothing is said)

  bool ChangesValues() const { return zero_point || scale || !mean.empty() || !std.empty(); }
  bool empty() const { return !ChangesValues() && reshape.empty() && layout.empty() && !dtype; }
  // "layout HW->NCHW, scale 0.00392156862745098"; empty text when nothing is done. Canonical: equal
  // texts, equal work.
  std::string ToText() const;
  Json ToJson() const;
  static StatusOr<Preprocessing> FromJson(const Json& json, const std::string& where);
};

// A layout text: letters of one stored row (an optional leading N is the rows), "->", letters of
// the result, first N. Letters only on the right are inserted dimensions of size 1; a letter may
// not vanish.
struct Layout {
  std::vector<int> source;  // for each result dimension after N: index into the row's dimensions,
                            // or -1 (inserted)
  int channel = -1;         // result dimension (after N) lettered C, or -1
  size_t source_rank = 0;   // of one row
};
StatusOr<Layout> ParseLayout(std::string_view text);

// Checks the declaration against the stored dtype and row shape (shape[0] = rows); the result's
// dtype and row shape without the rows. InvalidArgument says what does not fit.
struct FeedType {
  DType dtype;
  std::vector<int64_t> row_shape;
};
StatusOr<FeedType> PreprocessedType(const Preprocessing& preprocessing, DType dtype,
                                    std::span<const int64_t> shape);

// Applies it to rows of `raw` (in the given order): [rows.size(), row shape...]. A value that is
// not finite before or after is InvalidArgument naming `origin`, row and element.
StatusOr<Array> ApplyPreprocessing(const Preprocessing& preprocessing, const Array& raw,
                                   std::span<const int64_t> rows, const std::string& origin);

}  // namespace assize::data
