// Elementwise kernels. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "lib/engine/kernels/pair_rows.h"
#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/transcendental.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

template <typename F>
void Map(const float* src, float* dst, int64_t count, F f) {
  for (int64_t i = 0; i < count; ++i) dst[i] = f(src[i]);
}

// In double, rounded once.
void MapReals(const float* src, float* dst, int64_t count, double (*f)(double)) {
  for (int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(f(static_cast<double>(src[i])));
}

// Rows of `size` elements of dim `depth` and all that stand in it.
template <typename F>
void MapPairs(const BinaryPlan& plan, size_t depth, int64_t size, const float* a, const float* b,
              float* y, simd::FloatRow* row, F f) {
  if (plan.dims.empty()) {
    *y = f(*a, *b);
    return;
  }
  const BinaryPlan::Dim& dim = plan.dims[depth];
  if (depth + 1 < plan.dims.size()) {
    for (int64_t i = 0; i < size; ++i) {
      MapPairs(plan, depth + 1, plan.dims[depth + 1].size, a + i * dim.a, b + i * dim.b,
               y + i * dim.y, row, f);
    }
    return;
  }
  if (dim.y == 1 && simd::AreRowSteps(dim.a, dim.b)) return row(a, dim.a, b, dim.b, y, size);
  for (int64_t i = 0; i < size; ++i) y[i * dim.y] = f(a[i * dim.a], b[i * dim.b]);
}

// The first `size` of the outermost dim.
void RunRows(Binary kind, const BinaryPlan& plan, int64_t size, const float* a, const float* b,
             float* y) {
  switch (kind) {
    case Binary::kAdd:
      return MapPairs(plan, 0, size, a, b, y, simd::AddRow, [](float p, float q) { return p + q; });
    case Binary::kSub:
      return MapPairs(plan, 0, size, a, b, y, simd::SubRow, [](float p, float q) { return p - q; });
    case Binary::kMul:
      return MapPairs(plan, 0, size, a, b, y, simd::MulRow, [](float p, float q) { return p * q; });
    case Binary::kDiv:
      return MapPairs(plan, 0, size, a, b, y, simd::DivRow, [](float p, float q) { return p / q; });
    case Binary::kPow:
      return MapPairs(plan, 0, size, a, b, y, simd::PowRow, [](float p, float q) {
        return static_cast<float>(std::pow(static_cast<double>(p), static_cast<double>(q)));
      });
    case Binary::kPRelu:
      return MapPairs(plan, 0, size, a, b, y, simd::PReluRow,
                      [](float p, float q) { return p < 0.0f ? p * q : p; });
  }
}

}  // namespace

void RunUnary(const UnaryOpSpec& op, const float* src, float* dst, int64_t count) {
  const float a = op.a, b = op.b;
  switch (op.kind) {
    // NaN passes through Relu and Clip, as comparisons with it are false.
    case Unary::kRelu:
      return simd::ReluFloats(src, dst, count);
    case Unary::kClip:
      return simd::ClipFloats(src, dst, count, a, b);
    case Unary::kLeakyRelu:
      return simd::LeakyReluFloats(src, dst, count, a);
    case Unary::kSigmoid:
      return Map(src, dst, count, [](float x) {
        const double v = x;
        return static_cast<float>(v >= 0 ? 1.0 / (1.0 + std::exp(-v))
                                         : std::exp(v) / (1.0 + std::exp(v)));
      });
    case Unary::kTanh:
      return MapReals(src, dst, count, std::tanh);
    case Unary::kElu:
      return Map(src, dst, count, [a](float x) {
        return x < 0.0f ? static_cast<float>(a * std::expm1(static_cast<double>(x))) : x;
      });
    case Unary::kSelu:
      return Map(src, dst, count,
                 [alpha = static_cast<double>(a), gamma = static_cast<double>(b)](float x) {
                   return static_cast<float>(
                       gamma * (x > 0 ? x : alpha * std::expm1(static_cast<double>(x))));
                 });
    case Unary::kCelu:
      return Map(src, dst, count, [alpha = static_cast<double>(a)](float x) {
        return x < 0.0f ? static_cast<float>(alpha * std::expm1(x / alpha)) : x;
      });
    case Unary::kHardSigmoid:
      return Map(src, dst, count, [a, b](float x) {
        const double v = static_cast<double>(a) * x + b;
        return static_cast<float>(v < 0 ? 0.0 : v > 1 ? 1.0 : v);
      });
    case Unary::kHardSwish:
      return Map(src, dst, count, [](float x) {
        const double v = static_cast<double>(x) / 6.0 + 0.5;
        return static_cast<float>(x * (v < 0 ? 0.0 : v > 1 ? 1.0 : v));
      });
    case Unary::kSwish:
      return Map(src, dst, count, [alpha = static_cast<double>(a)](float x) {
        return static_cast<float>(x / (1.0 + std::exp(-alpha * x)));
      });
    case Unary::kMish:
      return Map(src, dst, count, [](float x) {
        const double v = x;
        const double softplus = std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v)));
        return static_cast<float>(v * std::tanh(softplus));
      });
    case Unary::kSoftsign:
      return simd::SoftsignFloats(src, dst, count);
    case Unary::kThresholdedRelu:
      return simd::ThresholdFloats(src, dst, count, a);
    case Unary::kShrink:
      return simd::ShrinkFloats(src, dst, count, a, b);
    case Unary::kSign:
      return simd::SignFloats(src, dst, count);
    case Unary::kRound:
      return simd::RoundFloats(src, dst, count);
    case Unary::kSin:
      return MapReals(src, dst, count, std::sin);
    case Unary::kCos:
      return MapReals(src, dst, count, std::cos);
    case Unary::kTan:
      return MapReals(src, dst, count, std::tan);
    case Unary::kAsin:
      return MapReals(src, dst, count, std::asin);
    case Unary::kAcos:
      return MapReals(src, dst, count, std::acos);
    case Unary::kAtan:
      return MapReals(src, dst, count, std::atan);
    case Unary::kSinh:
      return MapReals(src, dst, count, std::sinh);
    case Unary::kCosh:
      return MapReals(src, dst, count, std::cosh);
    case Unary::kAsinh:
      return MapReals(src, dst, count, std::asinh);
    case Unary::kAcosh:
      return MapReals(src, dst, count, std::acosh);
    case Unary::kAtanh:
      return MapReals(src, dst, count, std::atanh);
    case Unary::kExp:
      return MapReals(src, dst, count, std::exp);
    case Unary::kLog:
      return MapReals(src, dst, count, std::log);
    case Unary::kSqrt:
      return simd::SqrtFloats(src, dst, count);
    case Unary::kAbs:
      return simd::AbsFloats(src, dst, count);
    case Unary::kNeg:
      return simd::NegFloats(src, dst, count);
    case Unary::kReciprocal:
      return simd::ReciprocalFloats(src, dst, count);
    case Unary::kFloor:
      return simd::FloorFloats(src, dst, count);
    case Unary::kCeil:
      return simd::CeilFloats(src, dst, count);
    case Unary::kErf:
      return MapReals(src, dst, count, std::erf);
    case Unary::kSoftplus:
      return Map(src, dst, count, [](float x) {
        const double v = x;
        return static_cast<float>(v > 0 ? v + std::log1p(std::exp(-v)) : std::log1p(std::exp(v)));
      });
    case Unary::kGelu:
      return Map(src, dst, count, [](float x) {
        const double v = x;
        return static_cast<float>(0.5 * v * (1.0 + std::erf(v * 0.70710678118654752440)));
      });
    case Unary::kGeluTanh:
      return Map(src, dst, count, [](float x) {
        const double v = x;
        return static_cast<float>(
            0.5 * v * (1.0 + std::tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v))));
      });
    case Unary::kCopy:
      return Map(src, dst, count, [](float x) { return x; });
  }
}

void RunUnaryFast(const UnaryOpSpec& op, const float* src, float* dst, int64_t count) {
  switch (op.kind) {
    case Unary::kSigmoid:
      return simd::SigmoidFloats(src, dst, count);
    case Unary::kTanh:
      return simd::TanhFloats(src, dst, count);
    case Unary::kExp:
      return simd::ExpFloats(src, dst, count);
    case Unary::kErf:
      return simd::ErfFloats(src, dst, count);
    case Unary::kGelu:
      return simd::GeluFloats(src, dst, count);
    case Unary::kGeluTanh:
      return simd::GeluTanhFloats(src, dst, count);
    case Unary::kLog:
      return simd::LogFloats(src, dst, count);
    case Unary::kSoftplus:
      return simd::SoftplusFloats(src, dst, count);
    case Unary::kMish:
      return simd::MishFloats(src, dst, count);
    case Unary::kHardSigmoid:
      return simd::HardSigmoidFloats(src, dst, count, op.a, op.b);
    case Unary::kHardSwish:
      return simd::HardSwishFloats(src, dst, count);
    case Unary::kSwish:
      return simd::SwishFloats(src, dst, count, op.a);
    case Unary::kElu:
      return simd::EluFloats(src, dst, count, op.a, 1.0f, 1.0f);
    case Unary::kSelu:
      return simd::EluFloats(src, dst, count, op.a, 1.0f, op.b);
    case Unary::kCelu:
      return simd::EluFloats(src, dst, count, op.a, op.a, 1.0f);
    default:
      return RunUnary(op, src, dst, count);
  }
}

std::optional<Binary> BinaryFromName(std::string_view op_type) {
  if (op_type == "Add" || op_type == "Sum") return Binary::kAdd;  // Sum of two
  if (op_type == "Sub") return Binary::kSub;
  if (op_type == "Mul") return Binary::kMul;
  if (op_type == "Div") return Binary::kDiv;
  if (op_type == "Pow") return Binary::kPow;
  if (op_type == "PRelu") return Binary::kPRelu;
  return std::nullopt;
}

BinaryPlan PlanBinary(std::span<const int64_t> dims, std::span<const int64_t> a_strides,
                      std::span<const int64_t> b_strides, std::span<const int64_t> y_strides) {
  std::vector<BinaryPlan::Dim> raw;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) raw.push_back({dims[i], a_strides[i], b_strides[i], y_strides[i]});
  }
  std::stable_sort(raw.begin(), raw.end(), [](const auto& x, const auto& y) { return x.y > y.y; });
  BinaryPlan plan;
  for (const auto& dim : raw) {
    if (!plan.dims.empty()) {
      auto& last = plan.dims.back();
      if (last.a == dim.a * dim.size && last.b == dim.b * dim.size && last.y == dim.y * dim.size) {
        last = {last.size * dim.size, dim.a, dim.b, dim.y};
        continue;
      }
    }
    plan.dims.push_back(dim);
  }
  return plan;
}

void RunBinary(Binary kind, const BinaryPlan& plan, const float* a, const float* b, float* y) {
  constexpr int64_t kGrain = 1 << 14;
  if (plan.dims.empty()) return RunRows(kind, plan, 1, a, b, y);
  const BinaryPlan::Dim& outer = plan.dims[0];
  int64_t inner = 1;
  for (size_t i = 1; i < plan.dims.size(); ++i) inner *= plan.dims[i].size;
  ParallelRanges(outer.size, kGrain / inner + 1, [&](int64_t begin, int64_t end) {
    RunRows(kind, plan, end - begin, a + begin * outer.a, b + begin * outer.b, y + begin * outer.y);
  });
}

void ScaleShiftChannelsLast(const float* src, const float* k, const float* d, float* dst,
                            int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = src + row * channels;
    float* y = dst + row * channels;
    simd::ScaleShift(x, k, d, y, channels);
  }
}

void ScaleShiftPlain(const float* src, const float* k, const float* d, float* dst, int64_t outer,
                     int64_t channels, int64_t inner) {
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < channels; ++c) {
      const float* x = src + (o * channels + c) * inner;
      float* y = dst + (o * channels + c) * inner;
      const float scale = k[c], shift = d[c];
      for (int64_t i = 0; i < inner; ++i) y[i] = x[i] * scale + shift;
    }
  }
}

void RunSoftmax(const float* src, float* dst, int64_t outer, int64_t axis, int64_t inner,
                bool log) {
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const float* x = src + o * axis * inner + i;
      float* y = dst + o * axis * inner + i;
      double top = -INFINITY;
      for (int64_t k = 0; k < axis; ++k) top = std::max(top, static_cast<double>(x[k * inner]));
      double sum = 0;
      for (int64_t k = 0; k < axis; ++k) sum += std::exp(static_cast<double>(x[k * inner]) - top);
      const double log_sum = std::log(sum);
      for (int64_t k = 0; k < axis; ++k) {
        const double shifted = static_cast<double>(x[k * inner]) - top;
        y[k * inner] = static_cast<float>(log ? shifted - log_sum : std::exp(shifted) / sum);
      }
    }
  }
}

}  // namespace assize::engine
