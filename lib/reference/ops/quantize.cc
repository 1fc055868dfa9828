// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
//
//   q = saturate(round_half_even(x / scale) + zero)        x' = (q - zero) * scale
//
// The quotient is rounded once to the division's precision (the scale's type unless `precision`
// says otherwise), as ONNX prescribes, then to an integer. Scale and zero point: a scalar, one a
// slice along `axis`, or one a block of `block_size` elements along `axis`.
// Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include "lib/reference/ops/quantize.h"

#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {

using ir::DType;

StatusOr<Affine> Affine::Of(const OpContext& ctx, size_t scale, size_t zero) {
  Affine a;
  AZ_ASSIGN_OR_RETURN(a.scale, ctx.RealScalarIn(scale, "scale"));
  if (ctx.has(zero)) {
    AZ_ASSIGN_OR_RETURN(a.zero, ctx.RealScalarIn(zero, "zero point"));
  }
  return a;
}

std::vector<double> Dequantized(const ir::Tensor& q, const Affine& a) {
  std::vector<double> values = Reals(q);
  for (double& value : values) value = (value - a.zero) * a.scale;
  return values;
}

ir::Tensor Quantized(DType dtype, const ir::Shape& dims, std::vector<double> values,
                     const Affine& a) {
  for (double& value : values) {
    const double q = value / a.scale;
    value = (std::isnan(q) ? 0 : std::nearbyint(q)) + a.zero;
  }
  return FromReals(dtype, dims, values);
}

Affine DynamicUint8(std::span<const float> x) {
  float low = 0, high = 0;
  for (const float value : x) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float scale = (high - low) / 255.0f;
  const float zero =
      scale == 0 ? 0.0f : std::clamp(std::nearbyintf((0.0f - low) / scale), 0.0f, 255.0f);
  return {scale, std::isnan(zero) ? 0.0 : zero};  // an infinite range has no middle
}

double DynamicQuantized(float x, const Affine& a) {
  const float q = a.scale == 0 ? 0.0f : std::nearbyintf(x / static_cast<float>(a.scale));
  return std::isnan(q) ? a.zero : std::clamp(static_cast<double>(q) + a.zero, 0.0, 255.0);
}

namespace {

// Which element of scale (and zero point) belongs to element i of x.
class ScaleMap {
 public:
  static StatusOr<ScaleMap> Of(const OpContext& ctx) {
    const ir::Tensor &x = ctx.in(0), &scale = ctx.in(1);
    ScaleMap map;
    if (ctx.has(2) && ctx.in(2).dims() != scale.dims() &&
        !(ctx.in(2).element_count() == 1 && scale.element_count() == 1)) {
      return InvalidArgument("zero point is {}, scale is {}: expected one shape",
                             ctx.in(2).TypeText(), scale.TypeText());
    }
    const int64_t block = ctx.Int("block_size", 0);
    if (scale.element_count() == 1 && block == 0 && scale.rank() <= 1) return map;
    AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 1), x.rank()));
    const auto a = static_cast<size_t>(axis);
    map.extent_ = x.dims()[a];
    map.inner_ = Product(x.dims(), a + 1, x.dims().size());
    if (block == 0) {
      if (scale.rank() != 1 || scale.element_count() != map.extent_) {
        return InvalidArgument("scale is {}, expected a scalar or [{}] (dim {} of x {})",
                               scale.TypeText(), map.extent_, axis, x.TypeText());
      }
      map.slices_ = map.extent_;
      map.per_axis_ = true;
      return map;
    }
    if (block < 0) return InvalidArgument("attribute \"block_size\" is {}", block);
    ir::Shape expected = x.dims();
    expected[a] = map.extent_ / block + (map.extent_ % block != 0 ? 1 : 0);
    if (scale.dims() != expected) {
      return InvalidArgument("scale is {}, expected {} (x {} in blocks of {} along axis {})",
                             scale.TypeText(), ir::ShapeText(expected), x.TypeText(), block, axis);
    }
    map.block_ = block;
    map.slices_ = expected[a];
    return map;
  }

  size_t operator()(size_t i) const {
    if (block_ == 0 && !per_axis_) return 0;
    const auto at = static_cast<int64_t>(i);
    const int64_t along = at / inner_ % extent_;
    if (per_axis_) return static_cast<size_t>(along);
    return static_cast<size_t>((at / inner_ / extent_ * slices_ + along / block_) * inner_ +
                               at % inner_);
  }

 private:
  bool per_axis_ = false;
  int64_t block_ = 0, extent_ = 1, inner_ = 1, slices_ = 1;
};

StatusOr<DType> TypeAttribute(const OpContext& ctx, const char* name, DType fallback) {
  const int64_t number = ctx.Int(name, 0);
  if (number == 0) return fallback;
  if (number < 0 || number > ir::kMaxDType || !IsNumeric(static_cast<DType>(number))) {
    return InvalidArgument("attribute \"{}\" is {}, expected a numeric element type", name, number);
  }
  return static_cast<DType>(number);
}

double RoundedTo(DType dtype, double value) {
  switch (dtype) {
    case DType::kDouble:
      return value;
    case DType::kFloat:
      return static_cast<double>(static_cast<float>(value));
    default:
      return Reals(FromReals(dtype, {}, std::span(&value, 1)))[0];
  }
}

Status QuantizeLinear(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const ScaleMap at, ScaleMap::Of(ctx));
  AZ_ASSIGN_OR_RETURN(
      DType to, TypeAttribute(ctx, "output_dtype", ctx.has(2) ? ctx.in(2).dtype() : DType::kUint8));
  if (ctx.has(2)) to = ctx.in(2).dtype();
  const DType scale_type = ir::IsFloating(ctx.in(1).dtype()) ? ctx.in(1).dtype() : DType::kFloat;
  AZ_ASSIGN_OR_RETURN(DType precision, TypeAttribute(ctx, "precision", scale_type));
  if (precision == DType::kFloat8E8M0 || !ir::IsFloating(precision)) precision = DType::kFloat;
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(to, x.dims()));
  std::vector<double> values = Reals(x);
  const std::vector<double> scales = Reals(ctx.in(1));
  const std::vector<double> zeros =
      ctx.has(2) ? Reals(ctx.in(2)) : std::vector<double>(scales.size(), 0.0);
  const bool integer = ir::IsInteger(to);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t s = at(i);
    double& value = values[i];
    value = RoundedTo(precision, value / scales[s]);
    if (integer) {
      value = std::isnan(value) ? 0 : std::nearbyint(value) + zeros[s];
    } else {
      value += zeros[s];
    }
  }
  ctx.Set(0, FromReals(to, x.dims(), values, ctx.Int("saturate", 1) != 0));
  return OkStatus();
}

Status DequantizeLinear(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  if (ctx.has(2)) AZ_RETURN_IF_ERROR(ctx.SameType(0, 2));
  AZ_ASSIGN_OR_RETURN(const ScaleMap at, ScaleMap::Of(ctx));
  AZ_ASSIGN_OR_RETURN(const DType to, TypeAttribute(ctx, "output_dtype", ctx.in(1).dtype()));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(to, x.dims()));
  std::vector<double> values = Reals(x);
  const std::vector<double> scales = Reals(ctx.in(1));
  const std::vector<double> zeros =
      ctx.has(2) ? Reals(ctx.in(2)) : std::vector<double>(scales.size(), 0.0);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t s = at(i);
    values[i] = (values[i] - zeros[s]) * scales[s];
  }
  ctx.Set(0, FromReals(to, x.dims(), values));
  return OkStatus();
}

// uint8 by the data's own range, zero included; the float32 steps are those of ONNX's definition.
Status DynamicQuantizeLinear(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  if (x.dtype() != DType::kFloat) return InvalidArgument("x is {}, expected float", x.TypeText());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(DType::kUint8, x.dims()));
  const Affine a = DynamicUint8(x.data<float>());
  std::vector<double> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = DynamicQuantized(x.data<float>()[i], a);
  ctx.Set(0, FromReals(DType::kUint8, x.dims(), values));
  ctx.Set(1, ir::Tensor::Scalar<float>(static_cast<float>(a.scale)));
  ctx.Set(2, FromReals(DType::kUint8, {}, std::vector<double>{a.zero}));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"QuantizeLinear", 10, QuantizeLinear, 2, 3},
    {"DequantizeLinear", 10, DequantizeLinear, 2, 3},
    {"DynamicQuantizeLinear", 11, DynamicQuantizeLinear, 1, 1},
    {"QuantizeLinear", 1, QuantizeLinear, 2, 3, Takes::kNumeric, kMicrosoftDomain},
    {"DequantizeLinear", 1, DequantizeLinear, 2, 3, Takes::kNumeric, kMicrosoftDomain},
};

}  // namespace

KernelRows QuantizeRows() { return kRows; }

}  // namespace assize::reference
