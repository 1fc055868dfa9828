// Arithmetic of two or more inputs with broadcasting: Add, Sub, Mul, Div, Pow, Mod, BitShift,
// Bitwise*, Min, Max, Sum, Mean.
//
// Before opset 7 broadcasting is one way and asked for (`broadcast`, `axis`). Integers wrap;
// division truncates toward zero; division and remainder by zero are defined here as 0, so that no
// graph can trap the evaluator. Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/operands.h"

namespace assize::reference {
namespace {

// Applies f on reals or g on integers (g sees whether the type is uint64: its values are bit
// patterns).
template <typename F, typename G>
Status Arithmetic(OpContext& ctx, F f, G g) {
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  AZ_ASSIGN_OR_RETURN(const Operands operands, Operands::Of(ctx));
  const ir::DType dtype = ctx.in(0).dtype();
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, operands.dims));
  const BroadcastMap a_at(operands.a.dims(), operands.dims), b_at(operands.b.dims(), operands.dims);
  if (ir::IsFloating(dtype)) {
    const std::vector<double> a = Reals(operands.a), b = Reals(operands.b);
    std::vector<double> out(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      out[static_cast<size_t>(i)] =
          f(a[static_cast<size_t>(a_at(i))], b[static_cast<size_t>(b_at(i))]);
    }
    ctx.Set(0, FromReals(dtype, operands.dims, out));
    return OkStatus();
  }
  AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
  const bool unsigned64 = dtype == ir::DType::kUint64;
  const std::vector<int64_t> a = Ints(operands.a), b = Ints(operands.b);
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    out[static_cast<size_t>(i)] =
        g(a[static_cast<size_t>(a_at(i))], b[static_cast<size_t>(b_at(i))], unsigned64);
  }
  ctx.Set(0, FromInts(dtype, operands.dims, out));
  return OkStatus();
}

Status Add(OpContext& ctx) {
  return Arithmetic(
      ctx, [](double a, double b) { return a + b; },
      [](int64_t a, int64_t b, bool) { return WrapAdd(a, b); });
}

Status Sub(OpContext& ctx) {
  return Arithmetic(
      ctx, [](double a, double b) { return a - b; },
      [](int64_t a, int64_t b, bool) { return WrapSub(a, b); });
}

Status Mul(OpContext& ctx) {
  return Arithmetic(
      ctx, [](double a, double b) { return a * b; },
      [](int64_t a, int64_t b, bool) { return WrapMul(a, b); });
}

int64_t Quotient(int64_t a, int64_t b, bool unsigned64) {
  if (b == 0) return 0;
  if (unsigned64) return static_cast<int64_t>(static_cast<uint64_t>(a) / static_cast<uint64_t>(b));
  return b == -1 ? WrapSub(0, a) : a / b;
}

int64_t Remainder(int64_t a, int64_t b, bool unsigned64) {
  if (b == 0) return 0;
  if (unsigned64) return static_cast<int64_t>(static_cast<uint64_t>(a) % static_cast<uint64_t>(b));
  return b == -1 ? 0 : a % b;
}

Status Div(OpContext& ctx) {
  return Arithmetic(ctx, [](double a, double b) { return a / b; }, Quotient);
}

double FloorMod(double a, double b) {
  if (std::isnan(a) || std::isnan(b) || std::isinf(a) || b == 0)
    return std::numeric_limits<double>::quiet_NaN();
  const double r = std::fmod(a, b);
  if (r == 0) return std::copysign(0.0, b);
  return (r < 0) != (b < 0) ? r + b : r;
}

Status Mod(OpContext& ctx) {
  if (ctx.Int("fmod", 0) != 0) {
    return Arithmetic(ctx, [](double a, double b) { return std::fmod(a, b); }, Remainder);
  }
  return Arithmetic(ctx, FloorMod, [](int64_t a, int64_t b, bool unsigned64) {
    const int64_t r = Remainder(a, b, unsigned64);
    return !unsigned64 && r != 0 && (r < 0) != (b < 0) ? r + b : r;
  });
}

int64_t IntegerPower(int64_t base, int64_t exponent, bool unsigned_exponent) {
  if (exponent < 0 && !unsigned_exponent) {
    if (base == 1) return 1;
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
    return 0;  // truncated fractions, and the undefined 0 to a negative power
  }
  int64_t result = 1;
  for (auto bits = static_cast<uint64_t>(exponent); bits != 0; bits >>= 1) {
    if ((bits & 1) != 0) result = WrapMul(result, base);
    base = WrapMul(base, base);
  }
  return result;
}

// The exponent may have another type than the base; the result has the base's.
Status Pow(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Operands operands, Operands::Of(ctx));
  const ir::DType dtype = operands.a.dtype();
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, operands.dims));
  const BroadcastMap a_at(operands.a.dims(), operands.dims), b_at(operands.b.dims(), operands.dims);
  if (ir::IsInteger(dtype) && ir::IsInteger(operands.b.dtype())) {
    const bool unsigned_exponent = operands.b.dtype() == ir::DType::kUint64;
    const std::vector<int64_t> a = Ints(operands.a), b = Ints(operands.b);
    std::vector<int64_t> out(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      out[static_cast<size_t>(i)] = IntegerPower(
          a[static_cast<size_t>(a_at(i))], b[static_cast<size_t>(b_at(i))], unsigned_exponent);
    }
    ctx.Set(0, FromInts(dtype, operands.dims, out));
    return OkStatus();
  }
  const std::vector<double> a = Reals(operands.a), b = Reals(operands.b);
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    out[static_cast<size_t>(i)] =
        std::pow(a[static_cast<size_t>(a_at(i))], b[static_cast<size_t>(b_at(i))]);
  }
  ctx.Set(0, FromReals(dtype, operands.dims, out));
  return OkStatus();
}

Status BitShift(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
  const std::string direction = ctx.String("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    return InvalidArgument("attribute \"direction\" is \"{}\", expected LEFT or RIGHT", direction);
  }
  const int bits = ir::BitsOf(ctx.in(0).dtype());
  const bool left = direction == "LEFT";
  return Arithmetic(
      ctx, [](double a, double) { return a; },
      [=](int64_t a, int64_t b, bool unsigned64) -> int64_t {
        // Unsigned types below 64 bits are positive int64, so their right shift fills with zeros
        // too.
        if (b < 0 || b >= bits) return !left && !unsigned64 && a < 0 ? -1 : 0;
        if (left) return static_cast<int64_t>(static_cast<uint64_t>(a) << b);
        return unsigned64 ? static_cast<int64_t>(static_cast<uint64_t>(a) >> b) : a >> b;
      });
}

template <typename G>
Status Bitwise(OpContext& ctx, G g) {
  AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
  return Arithmetic(
      ctx, [](double a, double) { return a; }, [=](int64_t a, int64_t b, bool) { return g(a, b); });
}
Status BitwiseAnd(OpContext& ctx) {
  return Bitwise(ctx, [](int64_t a, int64_t b) { return a & b; });
}
Status BitwiseOr(OpContext& ctx) {
  return Bitwise(ctx, [](int64_t a, int64_t b) { return a | b; });
}
Status BitwiseXor(OpContext& ctx) {
  return Bitwise(ctx, [](int64_t a, int64_t b) { return a ^ b; });
}

// Min, Max, Sum, Mean over any number of inputs, left to right in double (one rounding) or int64.
template <typename F, typename G>
Status Fold(OpContext& ctx, F f, G g, bool mean = false) {
  ir::Shape dims = ctx.in(0).dims();
  size_t inputs = 0;
  while (ctx.has(inputs)) ++inputs;
  for (size_t i = 1; i < inputs; ++i) {
    AZ_RETURN_IF_ERROR(ctx.SameType(0, i));
    AZ_ASSIGN_OR_RETURN(dims, BroadcastShapes(dims, ctx.in(i).dims()));
  }
  const ir::DType dtype = ctx.in(0).dtype();
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, dims));
  if (ir::IsFloating(dtype)) {
    std::vector<double> out(static_cast<size_t>(count));
    for (size_t k = 0; k < inputs; ++k) {
      const BroadcastMap at(ctx.in(k).dims(), dims);
      const std::vector<double> x = Reals(ctx.in(k));
      for (int64_t i = 0; i < count; ++i) {
        double& to = out[static_cast<size_t>(i)];
        const double value = x[static_cast<size_t>(at(i))];
        to = k == 0 ? value : f(to, value);
      }
    }
    if (mean) {
      for (double& value : out) value /= static_cast<double>(inputs);
    }
    ctx.Set(0, FromReals(dtype, dims, out));
    return OkStatus();
  }
  AZ_RETURN_IF_ERROR(NeedInteger(ctx, 0));
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (size_t k = 0; k < inputs; ++k) {
    const BroadcastMap at(ctx.in(k).dims(), dims);
    const std::vector<int64_t> x = Ints(ctx.in(k));
    for (int64_t i = 0; i < count; ++i) {
      int64_t& to = out[static_cast<size_t>(i)];
      const int64_t value = x[static_cast<size_t>(at(i))];
      to = k == 0 ? value : g(to, value, dtype == ir::DType::kUint64);
    }
  }
  ctx.Set(0, FromInts(dtype, dims, out));
  return OkStatus();
}

bool LessThan(int64_t a, int64_t b, bool unsigned64) {
  return unsigned64 ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
}

Status Max(OpContext& ctx) {
  return Fold(
      ctx, [](double a, double b) { return std::isnan(a) || a > b ? a : b; },
      [](int64_t a, int64_t b, bool u) { return LessThan(a, b, u) ? b : a; });
}
Status Min(OpContext& ctx) {
  return Fold(
      ctx, [](double a, double b) { return std::isnan(a) || a < b ? a : b; },
      [](int64_t a, int64_t b, bool u) { return LessThan(b, a, u) ? b : a; });
}
Status Sum(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  return Fold(
      ctx, [](double a, double b) { return a + b; },
      [](int64_t a, int64_t b, bool) { return WrapAdd(a, b); });
}
Status Mean(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  return Fold(
      ctx, [](double a, double b) { return a + b; },
      [](int64_t a, int64_t b, bool) { return WrapAdd(a, b); }, true);
}

const KernelRow kRows[] = {
    {"Add", 1, Add, 2, 2},
    {"Sub", 1, Sub, 2, 2},
    {"Mul", 1, Mul, 2, 2},
    {"Div", 1, Div, 2, 2},
    {"Pow", 1, Pow, 2, 2},
    {"Mod", 10, Mod, 2, 2},
    {"BitShift", 11, BitShift, 2, 2},
    {"BitwiseAnd", 18, BitwiseAnd, 2, 2},
    {"BitwiseOr", 18, BitwiseOr, 2, 2},
    {"BitwiseXor", 18, BitwiseXor, 2, 2},
    {"Max", 1, Max, 1, -1},
    {"Min", 1, Min, 1, -1},
    {"Sum", 1, Sum, 1, -1},
    {"Mean", 1, Mean, 1, -1},
};

}  // namespace

KernelRows BinaryRows() { return kRows; }

}  // namespace assize::reference
