// What families of kernels share: checks of element types, elementwise maps.
// Tests: tests/reference/.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "lib/reference/convert.h"
#include "lib/reference/kernel.h"
#include "lib/reference/shapes.h"

namespace assize::reference {

inline Status NeedFloat(const OpContext& ctx, size_t i) {
  if (ir::IsFloating(ctx.in(i).dtype())) return OkStatus();
  return InvalidArgument("input {} is {}, expected a floating type", i, ctx.in(i).TypeText());
}

// InvalidArgument unless all of these inputs are given: for ops with optional inputs between
// others.
inline Status NeedInputs(const OpContext& ctx, std::initializer_list<size_t> inputs) {
  for (const size_t i : inputs) {
    if (!ctx.has(i)) return InvalidArgument("input {} is missing", i);
  }
  return OkStatus();
}

inline Status NeedBool(const OpContext& ctx, size_t i) {
  if (ctx.in(i).dtype() == ir::DType::kBool) return OkStatus();
  return InvalidArgument("input {} is {}, expected bool", i, ctx.in(i).TypeText());
}

inline Status NeedInteger(const OpContext& ctx, size_t i) {
  if (ir::IsInteger(ctx.in(i).dtype())) return OkStatus();
  return InvalidArgument("input {} is {}, expected integers", i, ctx.in(i).TypeText());
}

// y = f(x), element by element, computed in double and rounded once.
template <typename F>
Status MapReals(OpContext& ctx, F f) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> values = Reals(x);
  for (double& value : values) value = f(value);
  ctx.Set(0, FromReals(x.dtype(), x.dims(), values));
  return OkStatus();
}

// Same, with a second form for integer types: exact on int64, then wrapped to the type.
template <typename F, typename G>
Status MapNumbers(OpContext& ctx, F f, G g) {
  const ir::Tensor& x = ctx.in(0);
  if (ir::IsFloating(x.dtype())) return MapReals(ctx, f);
  AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<int64_t> values = Ints(x);
  for (int64_t& value : values) value = g(value);
  ctx.Set(0, FromInts(x.dtype(), x.dims(), values));
  return OkStatus();
}

// Two's complement arithmetic that wraps and is defined everywhere.
inline int64_t WrapAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t WrapSub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t WrapMul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

}  // namespace assize::reference
