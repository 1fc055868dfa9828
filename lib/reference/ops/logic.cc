// Comparison, logic and Where. Strings compare for equality only.
// Tests: tests/reference/numbers_test.cc.
#include "lib/reference/ops/common.h"
#include "lib/reference/ops/operands.h"

namespace assize::reference {
namespace {

template <typename Compare>
Status Comparison(OpContext& ctx, Compare compare, bool strings = false) {
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  AZ_ASSIGN_OR_RETURN(const Operands operands, Operands::Of(ctx));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ir::DType::kBool, operands.dims));
  const BroadcastMap a_at(operands.a.dims(), operands.dims), b_at(operands.b.dims(), operands.dims);
  std::vector<uint8_t> out(static_cast<size_t>(count));
  const auto fill = [&](const auto& a, const auto& b) {
    for (int64_t i = 0; i < count; ++i) {
      out[static_cast<size_t>(i)] =
          compare(a[static_cast<size_t>(a_at(i))], b[static_cast<size_t>(b_at(i))]);
    }
  };
  const ir::DType dtype = ctx.in(0).dtype();
  if (dtype == ir::DType::kString && strings) {
    fill(operands.a.strings(), operands.b.strings());
  } else if (!IsNumeric(dtype)) {
    return InvalidArgument("inputs are {}, expected numbers", ctx.in(0).TypeText());
  } else if (ir::IsFloating(dtype)) {
    fill(Reals(operands.a), Reals(operands.b));
  } else if (dtype == ir::DType::kUint64) {
    const std::vector<int64_t> a = Ints(operands.a), b = Ints(operands.b);
    fill(std::vector<uint64_t>(a.begin(), a.end()), std::vector<uint64_t>(b.begin(), b.end()));
  } else {
    fill(Ints(operands.a), Ints(operands.b));
  }
  ctx.Set(0, FromBools(operands.dims, out));
  return OkStatus();
}

Status Equal(OpContext& ctx) {
  return Comparison(ctx, [](const auto& a, const auto& b) { return a == b; }, true);
}
Status Less(OpContext& ctx) {
  return Comparison(ctx, [](const auto& a, const auto& b) { return a < b; });
}
Status LessOrEqual(OpContext& ctx) {
  return Comparison(ctx, [](const auto& a, const auto& b) { return a <= b; });
}
Status Greater(OpContext& ctx) {
  return Comparison(ctx, [](const auto& a, const auto& b) { return a > b; });
}
Status GreaterOrEqual(OpContext& ctx) {
  return Comparison(ctx, [](const auto& a, const auto& b) { return a >= b; });
}

template <typename F>
Status Logical(OpContext& ctx, F f) {
  AZ_RETURN_IF_ERROR(NeedBool(ctx, 0));
  AZ_RETURN_IF_ERROR(NeedBool(ctx, 1));
  return Comparison(ctx, [=](const auto& a, const auto& b) {
    if constexpr (std::is_same_v<std::decay_t<decltype(a)>, int64_t>) return f(a != 0, b != 0);
    return false;  // not reached: bools are read as int64
  });
}
Status And(OpContext& ctx) {
  return Logical(ctx, [](bool a, bool b) { return a && b; });
}
Status Or(OpContext& ctx) {
  return Logical(ctx, [](bool a, bool b) { return a || b; });
}
Status Xor(OpContext& ctx) {
  return Logical(ctx, [](bool a, bool b) { return a != b; });
}

Status Where(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedBool(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(1, 2));
  AZ_ASSIGN_OR_RETURN(ir::Shape dims, BroadcastShapes(ctx.in(0).dims(), ctx.in(1).dims()));
  AZ_ASSIGN_OR_RETURN(dims, BroadcastShapes(dims, ctx.in(2).dims()));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ctx.in(1).dtype(), dims));
  const std::vector<int64_t> condition = Ints(ctx.in(0));
  const BroadcastMap c_at(ctx.in(0).dims(), dims), x_at(ctx.in(1).dims(), dims),
      y_at(ctx.in(2).dims(), dims);
  const CellReader x(ctx.in(1)), y(ctx.in(2));
  CellWriter out(ctx.in(1).dtype(), count);
  for (int64_t i = 0; i < count; ++i) {
    if (condition[static_cast<size_t>(c_at(i))] != 0) {
      out.Copy(i, x, x_at(i));
    } else {
      out.Copy(i, y, y_at(i));
    }
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Equal", 1, Equal, 2, 2, Takes::kAny},
    {"Less", 1, Less, 2, 2},
    {"LessOrEqual", 12, LessOrEqual, 2, 2},
    {"Greater", 1, Greater, 2, 2},
    {"GreaterOrEqual", 12, GreaterOrEqual, 2, 2},
    {"And", 1, And, 2, 2},
    {"Or", 1, Or, 2, 2},
    {"Xor", 1, Xor, 2, 2},
    {"Where", 9, Where, 3, 3, Takes::kAny},
};

}  // namespace

KernelRows LogicRows() { return kRows; }

}  // namespace assize::reference
