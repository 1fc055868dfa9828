// Tests: tests/engine/native_ops_test.cc.
#include "lib/engine/kernels/broadcast.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "lib/engine/kernels/pair_rows.h"

namespace assize::engine {
namespace {

using ir::DType;

// run(in offsets, out offset) for each innermost run.
template <typename F>
void Walk(const BroadcastPlan& plan, size_t depth, std::array<int64_t, 3> in, int64_t out, F& run) {
  if (depth + 1 == plan.dims.size()) return run(in, out);
  const BroadcastPlan::Dim& dim = plan.dims[depth];
  for (int64_t i = 0; i < dim.size; ++i) {
    Walk(plan, depth + 1, in, out, run);
    for (size_t k = 0; k < 3; ++k) in[k] += dim.in[k];
    out += dim.out;
  }
}

template <typename T, typename R>
using RowOf = void(const T* a, int64_t a_step, const T* b, int64_t b_step, R* y, int64_t count);

template <typename T, typename R, typename F>
void Pair(const BroadcastPlan& plan, const std::byte* a, const std::byte* b, std::byte* y, F f,
          RowOf<T, R>* row = nullptr) {
  const T *left = reinterpret_cast<const T*>(a), *right = reinterpret_cast<const T*>(b);
  R* to = reinterpret_cast<R*>(y);
  const BroadcastPlan::Dim& last = plan.dims.back();
  const bool in_rows = row != nullptr && last.out == 1 && simd::AreRowSteps(last.in[0], last.in[1]);
  auto run = [&](const std::array<int64_t, 3>& in, int64_t out) {
    const T *p = left + in[0], *q = right + in[1];
    R* r = to + out;
    const int64_t n = last.size;
    if (in_rows) {
      row(p, last.in[0], q, last.in[1], r, n);
    } else if (last.in[0] == 1 && last.in[1] == 1 && last.out == 1) {
      for (int64_t i = 0; i < n; ++i) r[i] = f(p[i], q[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) r[i * last.out] = f(p[i * last.in[0]], q[i * last.in[1]]);
    }
  };
  Walk(plan, 0, {0, 0, 0}, 0, run);
}

template <typename T>
T Wrapped(Pairwise op, T p, T q) {
  if constexpr (std::is_integral_v<T>) {
    // Through the widest unsigned type: overflow wraps, and narrow types are not promoted to int.
    const uint64_t a = static_cast<uint64_t>(p), b = static_cast<uint64_t>(q);
    return static_cast<T>(op == Pairwise::kAdd ? a + b : op == Pairwise::kSub ? a - b : a * b);
  } else {
    return op == Pairwise::kAdd ? p + q : op == Pairwise::kSub ? p - q : p * q;
  }
}

template <typename T>
T Divided(Pairwise op, T p, T q) {
  if (q == 0) return 0;
  // The one quotient that has no place in its type wraps.
  if (std::is_signed_v<T> && q == static_cast<T>(-1))
    return op == Pairwise::kDiv ? Wrapped<T>(Pairwise::kSub, 0, p) : T{0};
  if (op == Pairwise::kDiv) return static_cast<T>(p / q);
  const T r = static_cast<T>(p % q);
  const bool turns = op == Pairwise::kMod && r != 0 && (r < 0) != (q < 0);
  return turns ? static_cast<T>(r + q) : r;
}

template <typename T>
bool IsNan(T v) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(v);
  return false;
}

// The vector kernel of an operation, for floats.
template <typename T>
RowOf<T, uint8_t>* TestRow(RowOf<float, uint8_t>* row) {
  if constexpr (std::is_same_v<T, float>) return row;
  return nullptr;
}
template <typename T>
RowOf<T, T>* ValueRow(RowOf<float, float>* row) {
  if constexpr (std::is_same_v<T, float>) return row;
  return nullptr;
}

template <typename T>
void RunTyped(Pairwise op, const BroadcastPlan& plan, const std::byte* a, const std::byte* b,
              std::byte* y) {
  const auto test = [&](auto f, RowOf<float, uint8_t>* row) {
    Pair<T, uint8_t>(plan, a, b, y, f, TestRow<T>(row));
  };
  switch (op) {
    case Pairwise::kEqual:
      return test([](T p, T q) { return p == q ? 1 : 0; }, simd::EqualRow);
    case Pairwise::kLess:
      return test([](T p, T q) { return p < q ? 1 : 0; }, simd::LessRow);
    case Pairwise::kGreater:
      return test([](T p, T q) { return p > q ? 1 : 0; }, simd::GreaterRow);
    case Pairwise::kLessOrEqual:
      return test([](T p, T q) { return p <= q ? 1 : 0; }, simd::LessOrEqualRow);
    case Pairwise::kGreaterOrEqual:
      return test([](T p, T q) { return p >= q ? 1 : 0; }, simd::GreaterOrEqualRow);
    case Pairwise::kAdd:
      return Pair<T, T>(plan, a, b, y, [](T p, T q) { return Wrapped(Pairwise::kAdd, p, q); });
    case Pairwise::kSub:
      return Pair<T, T>(plan, a, b, y, [](T p, T q) { return Wrapped(Pairwise::kSub, p, q); });
    case Pairwise::kMul:
      return Pair<T, T>(plan, a, b, y, [](T p, T q) { return Wrapped(Pairwise::kMul, p, q); });
    case Pairwise::kMin:
      return Pair<T, T>(
          plan, a, b, y, [](T p, T q) { return IsNan(p) || p < q ? p : q; },
          ValueRow<T>(simd::MinRow));
    case Pairwise::kMax:
      return Pair<T, T>(
          plan, a, b, y, [](T p, T q) { return IsNan(p) || p > q ? p : q; },
          ValueRow<T>(simd::MaxRow));
    case Pairwise::kDiv:
    case Pairwise::kMod:
    case Pairwise::kRemainder:
      if constexpr (std::is_integral_v<T>)
        Pair<T, T>(plan, a, b, y, [op](T p, T q) { return Divided(op, p, q); });
      return;
    case Pairwise::kAnd:
    case Pairwise::kOr:
    case Pairwise::kXor:
      return;  // of bools only
  }
}

void RunBools(Pairwise op, const BroadcastPlan& plan, const std::byte* a, const std::byte* b,
              std::byte* y) {
  using B = uint8_t;
  if (op == Pairwise::kAnd)
    return Pair<B, B>(plan, a, b, y, [](B p, B q) { return (p != 0) && (q != 0) ? 1 : 0; });
  if (op == Pairwise::kOr)
    return Pair<B, B>(plan, a, b, y, [](B p, B q) { return (p != 0) || (q != 0) ? 1 : 0; });
  const bool equal = op == Pairwise::kEqual;
  Pair<B, B>(plan, a, b, y, [equal](B p, B q) { return ((p != 0) == (q != 0)) == equal ? 1 : 0; });
}

template <typename T>
void Choose(const BroadcastPlan& plan, const uint8_t* condition, const std::byte* a,
            const std::byte* b, std::byte* y) {
  const T *left = reinterpret_cast<const T*>(a), *right = reinterpret_cast<const T*>(b);
  T* to = reinterpret_cast<T*>(y);
  const BroadcastPlan::Dim& last = plan.dims.back();
  auto run = [&](const std::array<int64_t, 3>& in, int64_t out) {
    if constexpr (std::is_same_v<T, uint32_t>) {
      if (last.out == 1) {
        return simd::ChooseRow(condition + in[0], last.in[0], left + in[1], last.in[1],
                               right + in[2], last.in[2], to + out, last.size);
      }
    }
    for (int64_t i = 0; i < last.size; ++i) {
      const bool first = condition[in[0] + i * last.in[0]] != 0;
      to[out + i * last.out] = first ? left[in[1] + i * last.in[1]] : right[in[2] + i * last.in[2]];
    }
  };
  Walk(plan, 0, {0, 0, 0}, 0, run);
}

}  // namespace

BroadcastPlan PlanBroadcast(std::span<const int64_t> dims,
                            const std::array<std::vector<int64_t>, 3>& in,
                            const std::vector<int64_t>& out) {
  BroadcastPlan plan;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    BroadcastPlan::Dim dim{dims[i], {}, out[i]};
    for (size_t k = 0; k < 3; ++k) dim.in[k] = in[k].empty() ? 0 : in[k][i];
    plan.dims.push_back(dim);
  }
  std::stable_sort(plan.dims.begin(), plan.dims.end(),
                   [](const auto& a, const auto& b) { return a.out > b.out; });
  std::vector<BroadcastPlan::Dim> merged;
  for (const auto& dim : plan.dims) {
    const auto joins = [&](const BroadcastPlan::Dim& outer) {
      for (size_t k = 0; k < 3; ++k) {
        if (outer.in[k] != dim.in[k] * dim.size) return false;
      }
      return outer.out == dim.out * dim.size;
    };
    if (!merged.empty() && joins(merged.back())) {
      merged.back() = {merged.back().size * dim.size, dim.in, dim.out};
    } else {
      merged.push_back(dim);
    }
  }
  if (merged.empty()) merged.push_back({1, {0, 0, 0}, 1});
  plan.dims = std::move(merged);
  return plan;
}

std::optional<Pairwise> PairwiseFromName(std::string_view op) {
  if (op == "Equal") return Pairwise::kEqual;
  if (op == "Less") return Pairwise::kLess;
  if (op == "Greater") return Pairwise::kGreater;
  if (op == "LessOrEqual") return Pairwise::kLessOrEqual;
  if (op == "GreaterOrEqual") return Pairwise::kGreaterOrEqual;
  if (op == "And") return Pairwise::kAnd;
  if (op == "Or") return Pairwise::kOr;
  if (op == "Xor") return Pairwise::kXor;
  if (op == "Add" || op == "Sum") return Pairwise::kAdd;
  if (op == "Sub") return Pairwise::kSub;
  if (op == "Mul") return Pairwise::kMul;
  if (op == "Min") return Pairwise::kMin;
  if (op == "Max") return Pairwise::kMax;
  if (op == "Div") return Pairwise::kDiv;
  if (op == "Mod") return Pairwise::kMod;
  return std::nullopt;
}

bool GivesBool(Pairwise op) { return op <= Pairwise::kXor; }

bool CanPair(Pairwise op, DType dtype) {
  const bool logic = op == Pairwise::kAnd || op == Pairwise::kOr || op == Pairwise::kXor;
  if (dtype == DType::kBool) return logic || op == Pairwise::kEqual;
  if (logic) return false;
  if (op >= Pairwise::kDiv && !ir::IsInteger(dtype)) return false;
  switch (dtype) {
    case DType::kFloat:
    case DType::kDouble:
    case DType::kInt8:
    case DType::kUint8:
    case DType::kInt32:
    case DType::kInt64:
      return true;
    default:
      return false;
  }
}

void RunPairwise(Pairwise op, DType dtype, const BroadcastPlan& plan, const std::byte* a,
                 const std::byte* b, std::byte* y) {
  switch (dtype) {
    case DType::kBool:
      return RunBools(op, plan, a, b, y);
    case DType::kFloat:
      return RunTyped<float>(op, plan, a, b, y);
    case DType::kDouble:
      return RunTyped<double>(op, plan, a, b, y);
    case DType::kInt8:
      return RunTyped<int8_t>(op, plan, a, b, y);
    case DType::kUint8:
      return RunTyped<uint8_t>(op, plan, a, b, y);
    case DType::kInt32:
      return RunTyped<int32_t>(op, plan, a, b, y);
    case DType::kInt64:
      return RunTyped<int64_t>(op, plan, a, b, y);
    default:
      AZ_CHECK(false, "no pairwise kernel for {}", ir::NameOf(dtype));
  }
}

void RunWhere(int64_t element_bytes, const BroadcastPlan& plan, const uint8_t* condition,
              const std::byte* a, const std::byte* b, std::byte* y) {
  switch (element_bytes) {
    case 1:
      return Choose<uint8_t>(plan, condition, a, b, y);
    case 2:
      return Choose<uint16_t>(plan, condition, a, b, y);
    case 4:
      return Choose<uint32_t>(plan, condition, a, b, y);
    default:
      return Choose<uint64_t>(plan, condition, a, b, y);
  }
}

}  // namespace assize::engine
