// Shape arithmetic that kernels share. Tests: tests/reference/robustness_test.cc.
#include "lib/reference/shapes.h"

#include <algorithm>

namespace assize::reference {

std::vector<int64_t> Strides(std::span<const int64_t> dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t d = dims.size(); d-- > 1;) {
    // A shape with a zero dim may have others whose product overflows; no element is addressed
    // then.
    strides[d - 1] = CheckedMul(strides[d], dims[d]).value_or(0);
  }
  return strides;
}

int64_t Product(std::span<const int64_t> dims, size_t begin, size_t end) {
  const auto count = ir::ElementCount(dims.subspan(begin, end - begin));
  return count.value_or(0);  // only parts of a shape with a zero dim can overflow
}

StatusOr<ir::Shape> BroadcastShapes(const ir::Shape& a, const ir::Shape& b) {
  const size_t rank = std::max(a.size(), b.size());
  ir::Shape out(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      return InvalidArgument("shapes {} and {} do not broadcast: {} against {} at dim -{}",
                             ir::ShapeText(a), ir::ShapeText(b), x, y, i + 1);
    }
    out[rank - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

bool BroadcastsTo(const ir::Shape& from, const ir::Shape& to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t f = from[from.size() - 1 - i];
    if (f != 1 && f != to[to.size() - 1 - i]) return false;
  }
  return true;
}

BroadcastMap::BroadcastMap(const ir::Shape& from, const ir::Shape& to) {
  AZ_CHECK(BroadcastsTo(from, to), "{} to {}", ir::ShapeText(from), ir::ShapeText(to));
  if (from == to) {
    identity_ = true;
    return;
  }
  if (std::all_of(from.begin(), from.end(), [](int64_t d) { return d == 1; })) {
    scalar_ = true;
    return;
  }
  const std::vector<int64_t> own = Strides(from);
  std::vector<int64_t> strides(to.size(), 0);
  const size_t shift = to.size() - from.size();
  for (size_t d = 0; d < from.size(); ++d) strides[d + shift] = from[d] == 1 ? 0 : own[d];
  map_ = Positions(to, strides);
}

std::vector<int64_t> Positions(std::span<const int64_t> dims, std::span<const int64_t> strides,
                               int64_t base) {
  const int64_t count = Product(dims);
  std::vector<int64_t> positions;
  if (count == 0) return positions;
  positions.reserve(static_cast<size_t>(count));
  std::vector<int64_t> at(dims.size(), 0);
  int64_t position = base;
  for (int64_t i = 0; i < count; ++i) {
    positions.push_back(position);
    for (size_t d = dims.size(); d-- > 0;) {
      position += strides[d];
      if (++at[d] < dims[d]) break;
      position -= strides[d] * dims[d];
      at[d] = 0;
    }
  }
  return positions;
}

void ForEachCoordinate(std::span<const int64_t> dims,
                       const std::function<void(std::span<const int64_t>)>& visit) {
  const int64_t count = Product(dims);
  std::vector<int64_t> at(dims.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    visit(at);
    for (size_t d = dims.size(); d-- > 0;) {
      if (++at[d] < dims[d]) break;
      at[d] = 0;
    }
  }
}

std::optional<int64_t> CheckedMul(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

}  // namespace assize::reference
