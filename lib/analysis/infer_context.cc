// The algebra of dimensions. Tests: tests/analysis/infer_test.cc.
#include "lib/analysis/infer_context.h"

#include <algorithm>

namespace assize::analysis {

const std::optional<Dims>& InferContext::shape(size_t i) const {
  static const std::optional<Dims> none;
  return type(i).is_tensor() ? type(i).shape : none;
}

std::optional<std::vector<int64_t>> InferContext::ints(ir::ValueRef value) const {
  if (!value) return std::nullopt;
  const auto data = DataOf(value);
  if (!data) return std::nullopt;
  std::vector<int64_t> values;
  for (const Dim& d : data->values) {
    if (!d.known()) return std::nullopt;
    values.push_back(*d.value);
  }
  return values;
}

std::optional<SmallInts> InferContext::small(size_t i) const {
  const auto known = tensor(i);
  if (!known || (known->dtype() != ir::DType::kInt64 && known->dtype() != ir::DType::kInt32))
    return std::nullopt;
  if (known->element_count() > kMaxShapeData) return std::nullopt;
  return SmallInts{known->dims(), known->ToInts()};
}

std::optional<std::vector<int64_t>> InferContext::ints(const IntsArgument& argument) const {
  return argument.attribute ? argument.attribute : ints(argument.input);
}

void InferContext::Set(size_t output, ir::Type type) {
  if (const ir::ValueRef value = OutputAt(node, output)) SetType(value, std::move(type));
}

void InferContext::Set(size_t output, ir::DType dtype, std::optional<Dims> dims) {
  // Attributes give element types as numbers: one that does not exist says nothing.
  const bool exists =
      dtype != ir::DType::kUndefined && ir::IsKnownDType(static_cast<int32_t>(dtype));
  if (exists) Set(output, ir::Type::TensorOf(dtype, std::move(dims)));
}

InferRule FindInferRule(std::string_view domain, std::string_view op) {
  static const InferRules contrib = [] {
    InferRules made;
    AddContribLayerRules(made);
    AddContribRules(made);
    return made;
  }();
  if (domain == "com.microsoft") {
    const auto found = contrib.find(op);
    return found == contrib.end() ? nullptr : found->second;
  }
  if (!domain.empty() && domain != "ai.onnx") return nullptr;
  static const InferRules rules = [] {
    InferRules made;
    AddElementwiseRules(made);
    AddLayerRules(made);
    AddShapeRules(made);
    AddIndexRules(made);
    AddControlRules(made);
    return made;
  }();
  const auto found = rules.find(op);
  return found == rules.end() ? nullptr : found->second;
}

std::string DimsText(const Dims& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ",";
    text += dims[i].known()         ? std::to_string(*dims[i].value)
            : dims[i].param.empty() ? "?"
                                    : dims[i].param;
  }
  return text + "]";
}

Dims KnownDims(const std::vector<int64_t>& values) {
  Dims dims;
  for (const int64_t v : values) dims.push_back(Known(v));
  return dims;
}

bool Differ(const Dim& a, const Dim& b) { return a.known() && b.known() && *a.value != *b.value; }

bool Same(const Dim& a, const Dim& b) {
  if (a.known() || b.known()) return a.known() && b.known() && *a.value == *b.value;
  return !a.param.empty() && a.param == b.param;
}

Dim Meet(const Dim& a, const Dim& b) {
  if (a.known()) return Known(*a.value);
  if (b.known()) return Known(*b.value);
  return Dim{std::nullopt, a.param.empty() ? b.param : a.param, {}};
}

StatusOr<Dims> Broadcast(const Dims& a, const Dims& b) {
  Dims result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    const Dim one = Known(1);
    const Dim& x = i + a.size() >= result.size() ? a[i + a.size() - result.size()] : one;
    const Dim& y = i + b.size() >= result.size() ? b[i + b.size() - result.size()] : one;
    const bool x_is_one = x.known() && *x.value == 1, y_is_one = y.known() && *y.value == 1;
    if (x_is_one)
      result[i] = Meet(y, {});
    else if (y_is_one)
      result[i] = Meet(x, {});
    else if (Differ(x, y)) {
      return InvalidArgument("{} and {} do not broadcast: dim {} is {} and {}", DimsText(a),
                             DimsText(b), i, *x.value, *y.value);
    } else if (x.known() || y.known())
      result[i] = Known(x.known() ? *x.value : *y.value);
    else if (Same(x, y))
      result[i] = Meet(x, y);
    else
      result[i] = Dim{};  // either may be 1
  }
  return result;
}

StatusOr<size_t> Axis(int64_t axis, size_t rank) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= r)
    return InvalidArgument("axis {} is out of range for rank {}", axis, rank);
  return static_cast<size_t>(axis < 0 ? axis + r : axis);
}

Dim Times(const Dim& a, const Dim& b) {
  if ((a.known() && *a.value == 0) || (b.known() && *b.value == 0)) return Known(0);
  if (a.known() && *a.value == 1) return Meet(b, {});
  if (b.known() && *b.value == 1) return Meet(a, {});
  int64_t product = 0;
  if (!a.known() || !b.known() || __builtin_mul_overflow(*a.value, *b.value, &product)) return {};
  return Known(product);
}

Dim Plus(const Dim& a, int64_t b) {
  if (b == 0) return Meet(a, {});
  int64_t sum = 0;
  if (!a.known() || __builtin_add_overflow(*a.value, b, &sum)) return {};
  return Known(sum);
}

Dim Product(const Dims& dims, size_t begin, size_t end) {
  Dim product = Known(1);
  for (size_t i = begin; i < end; ++i) product = Times(product, dims[i]);
  return product;
}

}  // namespace assize::analysis
