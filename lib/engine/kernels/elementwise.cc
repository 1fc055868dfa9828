// Elementwise kernels. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/kernels/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/transcendental.h"

namespace assize::engine {
namespace {

template <typename F>
void Map(const float* src, float* dst, int64_t count, F f) {
  for (int64_t i = 0; i < count; ++i) dst[i] = f(src[i]);
}

template <typename F>
void MapPairs(const BinaryPlan& plan, size_t depth, const float* a, const float* b, float* y, F f) {
  if (plan.dims.empty()) {
    *y = f(*a, *b);
    return;
  }
  const BinaryPlan::Dim& dim = plan.dims[depth];
  if (depth + 1 < plan.dims.size()) {
    for (int64_t i = 0; i < dim.size; ++i) {
      MapPairs(plan, depth + 1, a + i * dim.a, b + i * dim.b, y + i * dim.y, f);
    }
    return;
  }
  const int64_t n = dim.size;
  if (dim.y == 1 && dim.a == 1 && dim.b == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (dim.y == 1 && dim.a == 1 && dim.b == 0) {
    const float right = *b;
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], right);
  } else if (dim.y == 1 && dim.a == 0 && dim.b == 1) {
    const float left = *a;
    for (int64_t i = 0; i < n; ++i) y[i] = f(left, b[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * dim.y] = f(a[i * dim.a], b[i * dim.b]);
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
      return Map(src, dst, count, [a](float x) { return x < 0.0f ? a * x : x; });
    case Unary::kSigmoid:
      return Map(src, dst, count, [](float x) {
        const double v = x;
        return static_cast<float>(v >= 0 ? 1.0 / (1.0 + std::exp(-v))
                                         : std::exp(v) / (1.0 + std::exp(v)));
      });
    case Unary::kTanh:
      return Map(src, dst, count,
                 [](float x) { return static_cast<float>(std::tanh(static_cast<double>(x))); });
    case Unary::kElu:
      return Map(src, dst, count, [a](float x) {
        return x < 0.0f ? static_cast<float>(a * std::expm1(static_cast<double>(x))) : x;
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
    case Unary::kExp:
      return Map(src, dst, count,
                 [](float x) { return static_cast<float>(std::exp(static_cast<double>(x))); });
    case Unary::kLog:
      return Map(src, dst, count,
                 [](float x) { return static_cast<float>(std::log(static_cast<double>(x))); });
    case Unary::kSqrt:
      return Map(src, dst, count, [](float x) { return std::sqrt(x); });
    case Unary::kAbs:
      return Map(src, dst, count, [](float x) { return std::fabs(x); });
    case Unary::kNeg:
      return Map(src, dst, count, [](float x) { return -x; });
    case Unary::kReciprocal:
      return Map(src, dst, count, [](float x) { return 1.0f / x; });
    case Unary::kFloor:
      return Map(src, dst, count, [](float x) { return std::floor(x); });
    case Unary::kCeil:
      return Map(src, dst, count, [](float x) { return std::ceil(x); });
    case Unary::kErf:
      return Map(src, dst, count,
                 [](float x) { return static_cast<float>(std::erf(static_cast<double>(x))); });
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
  // Both dense: one run.
  if (plan.dims.size() == 1 && plan.dims[0].a == 1 && plan.dims[0].b == 1 && plan.dims[0].y == 1) {
    const int64_t count = plan.dims[0].size;
    if (kind == Binary::kAdd) return simd::AddFloats(a, b, y, count);
    if (kind == Binary::kSub) return simd::SubFloats(a, b, y, count);
    if (kind == Binary::kMul) return simd::MulFloats(a, b, y, count);
    if (kind == Binary::kDiv) return simd::DivFloats(a, b, y, count);
  }
  switch (kind) {
    case Binary::kAdd:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return p + q; });
    case Binary::kSub:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return p - q; });
    case Binary::kMul:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return p * q; });
    case Binary::kDiv:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return p / q; });
    case Binary::kPow:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) {
        return static_cast<float>(std::pow(static_cast<double>(p), static_cast<double>(q)));
      });
    case Binary::kMin:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return q < p ? q : p; });
    case Binary::kMax:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return q > p ? q : p; });
    case Binary::kPRelu:
      return MapPairs(plan, 0, a, b, y, [](float p, float q) { return p < 0.0f ? p * q : p; });
  }
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
