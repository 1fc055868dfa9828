// Scaled dot product attention, the part that all attention ops share: tensors seen as heads,
// scores, probabilities, weighted values. Sums in double, index order. Tests:
// tests/reference/robustness_test.cc, tests/conformance/.
#pragma once

#include <limits>
#include <string_view>
#include <vector>

#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::reference {

inline constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// A tensor seen as [batch, heads, length, width], whatever its layout.
struct Heads {
  int64_t batch = 0, heads = 0, length = 0, width = 0;
  bool packed = false;
  std::vector<double> values;

  const double* Row(int64_t b, int64_t h, int64_t s) const { return values.data() + At(b, h, s); }
  int64_t At(int64_t b, int64_t h, int64_t s) const {
    return (packed ? (b * length + s) * heads + h : (b * heads + h) * length + s) * width;
  }
  ir::Shape Dims() const {
    return packed ? ir::Shape{batch, length, heads * width}
                  : ir::Shape{batch, heads, length, width};
  }
};

// Of [B, H, S, D], or with `heads` of packed [B, S, H * D]; `what` names it in the error.
StatusOr<Heads> HeadsOf(const ir::Tensor& x, int64_t heads, std::string_view what);
// `before` [B, H, P, D] followed by `now`, unpacked.
StatusOr<Heads> Joined(const Heads& now, const Heads& before, std::string_view what);
Heads Unpacked(const Heads& x);

// Rotates pairs of each head's first 2 * half elements by the angle of the token's position: row
// positions[b * length + s] of cosines and sines [M, half]. Pairs are (i, i + half), or neighbours
// when `interleaved`.
void Rotate(Heads& x, const std::vector<int64_t>& positions, const std::vector<double>& cosines,
            const std::vector<double>& sines, int64_t half, bool interleaved);

// Query head h reads key head h / (query heads / key heads).
struct Problem {
  Heads q, k, v;
  double scale = 1;
  ir::Shape ScoreDims() const { return {q.batch, q.heads, q.length, k.length}; }
};

// InvalidArgument unless Q, K and V fit together.
Status CheckProblem(const Problem& p);
// scale * Q K', shape ScoreDims.
std::vector<double> Scores(const Problem& p);
// Rows of `length` become probabilities; a row of -infinity becomes zeros.
void SoftmaxRows(std::vector<double>& rows, int64_t length);
// probabilities * V, in the layout of Q.
Heads Weighted(const Problem& p, const std::vector<double>& probabilities);

}  // namespace assize::reference
