// Ops about shapes and constants: Shape, Size, Reshape, Flatten, Squeeze, Unsqueeze, Identity,
// Dropout, Constant, ConstantOfShape, EyeLike, Range, Expand.
//
// None of them changes an element; most share the input's bytes.
// Tests: tests/reference/robustness_test.cc.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/mersenne.h"
#include "lib/reference/sparse.h"

namespace assize::reference {
namespace {

Status Shape(OpContext& ctx) {
  const ir::Shape& dims = ctx.in(0).dims();
  const auto rank = static_cast<int64_t>(dims.size());
  const auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t start = clamp(ctx.Int("start", 0));
  const int64_t end = std::max(start, clamp(ctx.Int("end", rank)));
  ctx.Set(0, ir::Tensor::Of<int64_t>({end - start},
                                     ir::Shape(dims.begin() + start, dims.begin() + end)));
  return OkStatus();
}

Status Size(OpContext& ctx) {
  ctx.Set(0, ir::Tensor::Scalar<int64_t>(ctx.in(0).element_count()));
  return OkStatus();
}

// 0 copies the input's dim (unless allowzero), -1 is inferred.
Status Reshape(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  ir::Shape dims;
  if (ctx.opset() < 5) {
    dims = ctx.Ints("shape");
  } else {
    if (!ctx.has(1)) return InvalidArgument("input 1 (shape) is missing");
    AZ_ASSIGN_OR_RETURN(dims, ctx.IntsIn(1, "shape"));
  }
  const ir::Shape wanted = dims;
  const bool allow_zero = ctx.Int("allowzero", 0) != 0;
  int64_t inferred = -1, known = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0 && !allow_zero) {
      if (d >= x.dims().size()) {
        return InvalidArgument("shape {} copies dim {} of x {}", ir::ShapeText(wanted), d,
                               x.TypeText());
      }
      dims[d] = x.dims()[d];
    }
    if (dims[d] < -1 || (dims[d] == -1 && inferred >= 0)) {
      return InvalidArgument("shape {} has a negative dim beside one -1", ir::ShapeText(wanted));
    }
    if (dims[d] == -1) {
      inferred = static_cast<int64_t>(d);
      continue;
    }
    const auto product = CheckedMul(known, dims[d]);
    if (!product) return InvalidArgument("shape {} overflows", ir::ShapeText(wanted));
    known = *product;
  }
  const int64_t count = x.element_count();
  if (inferred >= 0) {
    if (known == 0 || count % known != 0) {
      return InvalidArgument("x {} has {} elements, shape {} leaves no whole dim for -1",
                             x.TypeText(), count, ir::ShapeText(wanted));
    }
    dims[static_cast<size_t>(inferred)] = count / known;
  } else if (known != count) {
    return InvalidArgument("x {} has {} elements, shape {} has {}", x.TypeText(), count,
                           ir::ShapeText(wanted), known);
  }
  ctx.Set(0, x.Reshaped(dims));
  return OkStatus();
}

Status Flatten(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const int64_t axis = ctx.Int("axis", 1), rank = x.rank();
  if (axis < -rank || axis > rank) {
    return InvalidArgument("axis {} is outside [{}, {}] of x {}", axis, -rank, rank, x.TypeText());
  }
  const auto a = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  ctx.Set(0, x.Reshaped({Product(x.dims(), 0, a), Product(x.dims(), a, x.dims().size())}));
  return OkStatus();
}

StatusOr<std::vector<int64_t>> AxesOf(const OpContext& ctx) {
  if (ctx.has(1)) return ctx.IntsIn(1, "axes");
  return ctx.Ints("axes");
}

Status Squeeze(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> given, AxesOf(ctx));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ctx.Axes(given, x.rank()));
  const bool all = !ctx.has(1) && !ctx.HasAttribute("axes");
  ir::Shape dims;
  for (size_t d = 0; d < x.dims().size(); ++d) {
    const bool listed = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(d));
    if (listed && x.dims()[d] != 1)
      return InvalidArgument("dim {} of x {} is not 1", d, x.TypeText());
    if (!(listed || (all && x.dims()[d] == 1))) dims.push_back(x.dims()[d]);
  }
  ctx.Set(0, x.Reshaped(dims));
  return OkStatus();
}

Status Unsqueeze(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> given, AxesOf(ctx));
  const int64_t rank = x.rank() + static_cast<int64_t>(given.size());
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ctx.Axes(given, rank));
  ir::Shape dims;
  size_t next = 0;
  for (int64_t d = 0; d < rank; ++d) {
    dims.push_back(std::binary_search(axes.begin(), axes.end(), d) ? 1 : x.dims()[next++]);
  }
  ctx.Set(0, x.Reshaped(dims));
  return OkStatus();
}

Status Identity(OpContext& ctx) {
  ctx.Set(0, ctx.value(0));
  return OkStatus();
}

// Inference passes x through. In training mode (opset 12 on, by input) an element whose draw is
// below ratio is dropped, the others grow by 1 / (1 - ratio).
Status Dropout(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), x.dims()));
  bool training = false;
  double ratio = 0.5;
  if (ctx.opset() >= 12) {
    if (ctx.has(1)) {
      AZ_ASSIGN_OR_RETURN(ratio, ctx.RealScalarIn(1, "ratio"));
    }
    if (ctx.has(2)) {
      AZ_RETURN_IF_ERROR(NeedBool(ctx, 2));
      AZ_ASSIGN_OR_RETURN(const double mode, ctx.RealScalarIn(2, "training_mode"));
      training = mode != 0;
    }
  }
  const ir::DType mask_type = ctx.opset() >= 10 ? ir::DType::kBool : x.dtype();
  std::vector<int64_t> mask(static_cast<size_t>(count), 1);
  if (!training || ratio == 0) {
    ctx.Set(0, x);
  } else {
    AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
    if (!(ratio > 0 && ratio < 1))
      return InvalidArgument("ratio is {}, expected 0 or more and below 1", ratio);
    Mersenne draws(static_cast<uint32_t>(ctx.Int("seed", 0)));
    std::vector<double> y = Reals(x);
    for (size_t i = 0; i < y.size(); ++i) {
      mask[i] = draws.NextDouble() >= ratio;
      y[i] = mask[i] != 0 ? y[i] / (1 - ratio) : 0;
    }
    ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  }
  if (ctx.wants(1)) ctx.Set(1, FromInts(mask_type, x.dims(), mask));
  return OkStatus();
}

Status Constant(OpContext& ctx) {
  if (const ir::Tensor* value = ctx.TensorAttribute("value")) {
    ctx.Set(0, *value);
  } else if (ctx.HasAttribute("value_float")) {
    ctx.Set(0, ir::Tensor::Scalar<float>(static_cast<float>(ctx.Float("value_float", 0))));
  } else if (ctx.HasAttribute("value_int")) {
    ctx.Set(0, ir::Tensor::Scalar<int64_t>(ctx.Int("value_int", 0)));
  } else if (ctx.HasAttribute("value_string")) {
    ctx.Set(0, ir::Tensor::Strings({}, {ctx.String("value_string", "")}));
  } else if (ctx.HasAttribute("value_floats")) {
    const std::vector<double> values = ctx.Floats("value_floats");
    ctx.Set(0, FromReals(ir::DType::kFloat, {static_cast<int64_t>(values.size())}, values));
  } else if (ctx.HasAttribute("value_ints")) {
    const std::vector<int64_t> values = ctx.Ints("value_ints");
    ctx.Set(0, ir::Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values));
  } else if (ctx.HasAttribute("value_strings")) {
    std::vector<std::string> values = ctx.Strings("value_strings");
    const auto count = static_cast<int64_t>(values.size());
    ctx.Set(0, ir::Tensor::Strings({count}, std::move(values)));
  } else if (const ir::Attribute* sparse = ctx.Find("sparse_value")) {
    const auto* entries = std::get_if<ir::SparseTensor>(&sparse->value);
    if (entries == nullptr)
      return InvalidArgument("attribute \"sparse_value\" is not a sparse tensor");
    AZ_ASSIGN_OR_RETURN(ir::Tensor dense, Densify(*entries, ctx.max_tensor_bytes()));
    ctx.Set(0, std::move(dense));
  } else {
    return InvalidArgument("none of the value attributes is set");
  }
  return OkStatus();
}

Status ConstantOfShape(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const ir::Shape dims, ctx.IntsIn(0, "shape"));
  const ir::Tensor* value = ctx.TensorAttribute("value");
  const ir::Tensor zero = ir::Tensor::Scalar<float>(0.0f);
  const ir::Tensor& fill = value == nullptr ? zero : *value;
  if (fill.element_count() != 1)
    return InvalidArgument("value is {}, expected one element", fill.TypeText());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(fill.dtype(), dims));
  ctx.Set(0, Select(fill, dims, std::vector<int64_t>(static_cast<size_t>(count), 0)));
  return OkStatus();
}

StatusOr<ir::DType> TypeAttribute(const OpContext& ctx, ir::DType fallback) {
  const int64_t number = ctx.Int("dtype", static_cast<int64_t>(fallback));
  if (number < 1 || number > ir::kMaxDType || !IsNumeric(static_cast<ir::DType>(number))) {
    return InvalidArgument("attribute \"dtype\" is {}, expected a numeric element type", number);
  }
  return static_cast<ir::DType>(number);
}

Status EyeLike(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() != 2) return InvalidArgument("x is {}, expected two dims", x.TypeText());
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, TypeAttribute(ctx, x.dtype()));
  const int64_t k = ctx.Int("k", 0);
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, x.dims()));
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = i / x.dims()[1], column = i % x.dims()[1];
    out[static_cast<size_t>(i)] = column - row == k;
  }
  ctx.Set(0, FromInts(dtype, x.dims(), out));
  return OkStatus();
}

Status Range(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 2));
  const ir::DType dtype = ctx.in(0).dtype();
  AZ_ASSIGN_OR_RETURN(const double start, ctx.RealScalarIn(0, "start"));
  AZ_ASSIGN_OR_RETURN(const double limit, ctx.RealScalarIn(1, "limit"));
  AZ_ASSIGN_OR_RETURN(const double delta, ctx.RealScalarIn(2, "delta"));
  if (delta == 0) return InvalidArgument("delta is 0");
  const double steps = std::ceil((limit - start) / delta);
  if (std::isnan(steps) || steps > 9e15) {
    return InvalidArgument("range from {} to {} by {} has no end", start, limit, delta);
  }
  const auto count = static_cast<int64_t>(std::max(0.0, steps));
  AZ_RETURN_IF_ERROR(ctx.Plan(dtype, {count}).status());
  if (ir::IsFloating(dtype)) {
    std::vector<double> out(static_cast<size_t>(count));
    for (size_t i = 0; i < out.size(); ++i) out[i] = start + static_cast<double>(i) * delta;
    ctx.Set(0, FromReals(dtype, {count}, out));
  } else {
    const int64_t first = Ints(ctx.in(0))[0], step = Ints(ctx.in(2))[0];
    std::vector<int64_t> out(static_cast<size_t>(count));
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = WrapAdd(first, WrapMul(static_cast<int64_t>(i), step));
    ctx.Set(0, FromInts(dtype, {count}, out));
  }
  return OkStatus();
}

Status Expand(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const ir::Shape wanted, ctx.IntsIn(1, "shape"));
  AZ_ASSIGN_OR_RETURN(const ir::Shape dims, BroadcastShapes(x.dims(), wanted));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const BroadcastMap at(x.dims(), dims);
  std::vector<int64_t> index(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) index[static_cast<size_t>(i)] = at(i);
  ctx.Set(0, Select(x, dims, index));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Shape", 1, Shape, 1, 1, Takes::kAny},
    {"Size", 1, Size, 1, 1, Takes::kAny},
    {"Reshape", 1, Reshape, 1, 2, Takes::kAny},
    {"Flatten", 1, Flatten, 1, 1, Takes::kAny},
    {"Squeeze", 1, Squeeze, 1, 2, Takes::kAny},
    {"Unsqueeze", 1, Unsqueeze, 1, 2, Takes::kAny},
    {"Identity", 1, Identity, 1, 1, Takes::kValues},
    {"Dropout", 1, Dropout, 1, 3},
    {"Constant", 1, Constant, 0, 0},
    {"ConstantOfShape", 9, ConstantOfShape, 1, 1},
    {"EyeLike", 9, EyeLike, 1, 1},
    {"Range", 11, Range, 3, 3},
    {"Expand", 8, Expand, 2, 2, Takes::kAny},
};

}  // namespace

KernelRows ShapeRows() { return kRows; }

}  // namespace assize::reference
