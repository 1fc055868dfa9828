// Shape arithmetic that kernels share: strides, broadcasting, positions.
// Tests: tests/reference/robustness_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::reference {

// Elements between neighbours along each dim, C order.
std::vector<int64_t> Strides(std::span<const int64_t> dims);
// Product of dims[begin, end); dims must be those of a tensor that exists.
int64_t Product(std::span<const int64_t> dims, size_t begin, size_t end);
inline int64_t Product(std::span<const int64_t> dims) { return Product(dims, 0, dims.size()); }

// ONNX's multidirectional broadcasting of two shapes, or InvalidArgument naming both.
StatusOr<ir::Shape> BroadcastShapes(const ir::Shape& a, const ir::Shape& b);
// False when `from` does not broadcast (one way) to `to`.
bool BroadcastsTo(const ir::Shape& from, const ir::Shape& to);

// Position of the element of an operand of shape `from` that lands on position i of `to`. `from`
// must broadcast.
class BroadcastMap {
 public:
  BroadcastMap(const ir::Shape& from, const ir::Shape& to);
  int64_t operator()(int64_t i) const {
    return identity_ ? i : scalar_ ? 0 : map_[static_cast<size_t>(i)];
  }

 private:
  bool identity_ = false, scalar_ = false;
  std::vector<int64_t> map_;
};

// Positions (sum of coordinate * stride) of every coordinate of `dims` in C order, starting at
// `base`.
std::vector<int64_t> Positions(std::span<const int64_t> dims, std::span<const int64_t> strides,
                               int64_t base = 0);

// Calls visit(coordinates) for every coordinate of `dims` in C order.
void ForEachCoordinate(std::span<const int64_t> dims,
                       const std::function<void(std::span<const int64_t>)>& visit);

// a * b and a + b, or nullopt on overflow.
std::optional<int64_t> CheckedMul(int64_t a, int64_t b);
std::optional<int64_t> CheckedAdd(int64_t a, int64_t b);

}  // namespace assize::reference
