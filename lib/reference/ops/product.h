// Matrix products and their quantized operands, for all ops that multiply matrices.
// Tests: tests/reference/layers_test.cc, tests/conformance/.
#pragma once

#include <string_view>
#include <vector>

#include "lib/reference/kernel.h"

namespace assize::reference {

// Batches broadcast as numpy's matmul; a vector is a row on the left and a column on the right.
struct MatMulShapes {
  int64_t rows = 0, inner = 0, columns = 0;
  ir::Shape batch;             // broadcast
  ir::Shape a_batch, b_batch;  // own
  ir::Shape out;

  static StatusOr<MatMulShapes> Of(ir::Shape a, ir::Shape b);
};

// a * b; T is double (sums in the order of the inner dim) or int64_t (wraps).
template <typename T>
std::vector<T> Multiply(const MatMulShapes& s, const std::vector<T>& a, const std::vector<T>& b);

template <typename T>
std::vector<T> Transposed(const std::vector<T>& x, int64_t rows, int64_t columns) {
  std::vector<T> out(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      out[static_cast<size_t>(c * rows + r)] = x[static_cast<size_t>(r * columns + c)];
    }
  }
  return out;
}

// Zero point (or scale) of each element of `dims`: given as a scalar, as one a row of A / one a
// column of B, or in the full batched form of it.
StatusOr<std::vector<double>> Spread(const ir::Tensor& given, const ir::Shape& dims, bool per_row,
                                     std::string_view what);
// Elements of integer input i less its zero point, input `zero` (absent: none).
StatusOr<std::vector<int64_t>> CenteredOperand(const OpContext& ctx, size_t i, size_t zero,
                                               bool per_row);

}  // namespace assize::reference
