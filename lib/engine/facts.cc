// Shape rules of the ops that the engine plans. Tests: tests/engine/ops_test.cc,
// tests/engine/node_cases_test.cc.
#include "lib/engine/facts.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "lib/analysis/ops.h"
#include "lib/analysis/schema.h"
#include "lib/reference/reference.h"

namespace assize::engine {
namespace {

using analysis::InputAt;
using ir::DType;
using ir::Shape;

// Bytes of a shape-derived value that is worth evaluating while planning.
constexpr int64_t kMaxEvaluatedBytes = int64_t{1} << 24;

// What every rule and every kernel takes for granted: the inputs and outputs that the op's schema
// asks for, and no more. A node without them runs alone, in the reference, which says what is
// missing.
bool IsComplete(const ir::Node& node, int64_t opset) {
  using Option = analysis::OpSchema::Option;
  const analysis::OpSchema* schema = analysis::FindSchema(node.domain, node.op_type, opset);
  if (schema == nullptr) return !node.outputs.empty() && node.outputs[0];
  if (static_cast<int64_t>(node.inputs.size()) < schema->min_inputs) return false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const analysis::OpSchema::Formal* formal = schema->InputFormal(i);
    if (formal == nullptr || (!node.inputs[i] && formal->option != Option::kOptional)) return false;
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const analysis::OpSchema::Formal* formal = schema->OutputFormal(i);
    if (formal == nullptr || (!node.outputs[i] && formal->option != Option::kOptional))
      return false;
  }
  return !node.outputs.empty();
}

// Dims of a convolution's result; nullopt when the weights do not fit.
std::optional<Shape> Convolved(const Shape& x, const Shape& w, int64_t group,
                               const analysis::Window& given) {
  if (x.size() < 3 || w.size() != x.size() || group < 1) return std::nullopt;
  if (w[0] % group != 0 || w[1] * group != x[1]) return std::nullopt;
  auto window = given.Filled(x.size() - 2);
  if (!window.ok()) return std::nullopt;
  const Shape kernel(w.begin() + 2, w.end());
  if (!window->kernel_shape.empty() && window->kernel_shape != kernel) return std::nullopt;
  window->kernel_shape = kernel;
  const auto extent = window->Apply({x.begin() + 2, x.end()});
  if (!extent.ok()) return std::nullopt;
  Shape shape{x[0], w[0]};
  shape.insert(shape.end(), extent->output.begin(), extent->output.end());
  return shape;
}

}  // namespace

std::optional<int64_t> NormalAxis(int64_t axis, int64_t rank) {
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return std::nullopt;
  return axis;
}

bool IsOnnx(const ir::Node& node) { return ir::IsMainDomain(node.domain); }

bool IsUnarySameShape(const ir::Node& node) {
  static const std::set<std::string_view> kOps = {"Relu",
                                                  "Sigmoid",
                                                  "Tanh",
                                                  "LeakyRelu",
                                                  "Elu",
                                                  "Selu",
                                                  "Celu",
                                                  "HardSigmoid",
                                                  "HardSwish",
                                                  "Exp",
                                                  "Log",
                                                  "Sqrt",
                                                  "Abs",
                                                  "Neg",
                                                  "Reciprocal",
                                                  "Floor",
                                                  "Ceil",
                                                  "Round",
                                                  "Sign",
                                                  "Erf",
                                                  "Softplus",
                                                  "Softsign",
                                                  "Identity",
                                                  "Clip",
                                                  "Sin",
                                                  "Cos",
                                                  "Tan",
                                                  "Asin",
                                                  "Acos",
                                                  "Atan",
                                                  "Sinh",
                                                  "Cosh",
                                                  "Asinh",
                                                  "Acosh",
                                                  "Atanh",
                                                  "ThresholdedRelu",
                                                  "Gelu",
                                                  "Mish",
                                                  "Softmax",
                                                  "LogSoftmax",
                                                  "Hardmax",
                                                  "LRN",
                                                  "InstanceNormalization",
                                                  "MeanVarianceNormalization",
                                                  "LpNormalization",
                                                  "Not",
                                                  "CumSum",
                                                  "Shrink",
                                                  "Swish"};
  return IsOnnx(node) && kOps.contains(node.op_type);
}

bool IsAdd(const ir::Node& node) {
  return IsOnnx(node) && node.inputs.size() == 2 &&
         (node.op_type == "Add" || node.op_type == "Sum");
}

bool IsBinaryArithmetic(const ir::Node& node) {
  static const std::set<std::string_view> kOps = {"Add", "Sub", "Mul", "Div", "Pow", "PRelu"};
  return IsOnnx(node) && (kOps.contains(node.op_type) || IsAdd(node));
}

std::optional<Shape> Broadcast(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < out.size() - a.size() ? 1 : a[i - (out.size() - a.size())];
    const int64_t y = i < out.size() - b.size() ? 1 : b[i - (out.size() - b.size())];
    if (x != y && x != 1 && y != 1) return std::nullopt;
    out[i] = x == 1 ? y : x;
  }
  return out;
}

Facts::Facts(const Constants& constants, int64_t max_bytes)
    : constants_(constants), max_bytes_(max_bytes), opset_(constants.model().opset().value_or(0)) {}

void Facts::Set(ir::ValueRef value, DType dtype, Shape dims) {
  facts_[value.index] = {dtype, std::move(dims), false};
}

const ValueFact* Facts::Find(ir::ValueRef value) {
  if (!value) return nullptr;
  const auto found = facts_.find(value.index);
  if (found != facts_.end()) return &found->second;
  const ir::Value& v = graph().value(value);
  if (!constants_.IsConstant(value) || !v.initializer) return nullptr;
  const ir::Tensor& tensor = v.initializer->tensor;
  return &(facts_[value.index] = {tensor.dtype(), tensor.dims(), true});
}

bool Facts::IsEvaluable(ir::ValueRef value) {
  const ValueFact* fact = Find(value);
  return fact != nullptr && fact->evaluable;
}

const ir::Tensor* Facts::Known(ir::ValueRef value) {
  if (!IsEvaluable(value)) return nullptr;
  const auto found = known_.find(value.index);
  if (found != known_.end()) return &found->second;
  if (constants_.IsConstant(value)) {
    StatusOr<ir::Tensor> tensor = constants_.Get(value);
    if (!tensor.ok()) return nullptr;
    return &(known_[value.index] = *std::move(tensor));
  }
  const ir::NodeRef producer = graph().value(value).producer;
  if (!producer) return nullptr;
  const ir::Node& node = graph().node(producer);
  if (IsOnnx(node) && (node.op_type == "Shape" || node.op_type == "Size"))
    return nullptr;  // set by Infer
  std::vector<reference::RuntimeValue> inputs(node.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!node.inputs[i]) continue;
    const ir::Tensor* input = Known(node.inputs[i]);
    if (input == nullptr) return nullptr;
    inputs[i] = reference::RuntimeValue::Of(*input);
  }
  reference::Limits limits;
  limits.max_tensor_bytes = std::min(max_bytes_, kMaxEvaluatedBytes);
  const auto results =
      reference::EvaluateNode(constants_.model(), graph(), producer, inputs, {}, limits);
  if (!results.ok()) return nullptr;
  for (size_t i = 0; i < node.outputs.size() && i < results->size(); ++i) {
    if (node.outputs[i] && (*results)[i].is_tensor())
      known_[node.outputs[i].index] = (*results)[i].tensor;
  }
  const auto again = known_.find(value.index);
  return again == known_.end() ? nullptr : &again->second;
}

std::optional<std::vector<int64_t>> Facts::KnownInts(ir::ValueRef value) {
  const ir::Tensor* tensor = Known(value);
  if (tensor == nullptr || !ir::IsInteger(tensor->dtype())) return std::nullopt;
  return tensor->ToInts();
}

std::optional<std::vector<int64_t>> Facts::KnownInts(const analysis::IntsArgument& argument) {
  if (argument.attribute) return argument.attribute;
  return argument.input ? KnownInts(argument.input) : std::vector<int64_t>{};
}

std::optional<std::vector<int64_t>> Facts::KnownPads(const analysis::PadOp& pad, size_t rank) {
  const auto given = KnownInts(pad.pads);
  if (!given) return std::nullopt;
  if (!pad.axes) return given->size() == 2 * rank ? given : std::nullopt;
  const auto axes = KnownInts(pad.axes);
  if (!axes || given->size() != 2 * axes->size()) return std::nullopt;
  std::vector<int64_t> pads(2 * rank, 0);
  std::set<int64_t> seen;
  for (size_t i = 0; i < axes->size(); ++i) {
    const auto axis = NormalAxis((*axes)[i], static_cast<int64_t>(rank));
    if (!axis || !seen.insert(*axis).second) return std::nullopt;
    pads[static_cast<size_t>(*axis)] = (*given)[i];
    pads[static_cast<size_t>(*axis) + rank] = (*given)[i + axes->size()];
  }
  return pads;
}

bool Facts::Infer(ir::NodeRef ref) {
  const ir::Node& node = graph().node(ref);
  if (!IsComplete(node, constants_.model().opset(node.domain).value_or(1))) return false;
  bool evaluable = IsFoldable(node) && !node.inputs.empty();
  if (node.inputs.empty())
    evaluable = node.outputs.size() == 1 && constants_.IsConstant(node.outputs[0]);
  for (const ir::ValueRef input : node.inputs) {
    if (!input) continue;
    if (Find(input) == nullptr) return false;
    evaluable = evaluable && IsEvaluable(input);
  }
  if (IsOnnx(node) && (node.op_type == "Shape" || node.op_type == "Size") &&
      node.inputs.size() == 1) {
    const Shape& dims = Find(node.inputs[0])->dims;
    std::vector<int64_t> values = dims;
    if (node.op_type == "Size") {
      const auto count = ir::ElementCount(dims);
      if (!count) return false;
      values = {*count};
    } else if (opset_ >= 15) {
      const int64_t rank = static_cast<int64_t>(dims.size());
      const auto bound = [&](std::string_view name, int64_t fallback) {
        const ir::Attribute* attribute = node.FindAttribute(name);
        if (attribute == nullptr) return fallback;
        const int64_t* given = std::get_if<int64_t>(&attribute->value);
        const int64_t axis = given == nullptr ? fallback : *given;
        return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
      };
      const int64_t start = bound("start", 0), end = std::max(start, bound("end", rank));
      values.assign(dims.begin() + start, dims.begin() + end);
    }
    const Shape shape =
        node.op_type == "Size" ? Shape{} : Shape{static_cast<int64_t>(values.size())};
    const ir::ValueRef out = node.outputs[0];
    facts_[out.index] = {DType::kInt64, shape, true};
    known_[out.index] = ir::Tensor::Of<int64_t>(shape, values);
    return true;
  }
  std::vector<ValueFact> out(node.outputs.size());
  const bool has_rule = InferShape(ref, node, out);
  if (!has_rule && !evaluable) return false;
  if (!has_rule) {
    // No rule, but nothing fed decides it: evaluate, and read the facts off the result.
    for (const ir::ValueRef value : node.outputs) {
      if (value) facts_[value.index] = {DType::kUndefined, {}, true};
    }
    for (const ir::ValueRef value : node.outputs) {
      if (!value) continue;
      const ir::Tensor* tensor = Known(value);
      // Strings that are no constant of the model are left to the run.
      if (tensor == nullptr ||
          (tensor->dtype() == DType::kString && !constants_.IsConstant(value))) {
        for (const ir::ValueRef undo : node.outputs) {
          if (undo) facts_.erase(undo.index);
        }
        return false;
      }
      facts_[value.index] = {tensor->dtype(), tensor->dims(), true};
    }
    return true;
  }
  for (const ir::ValueRef input : node.inputs) {
    // Buffers hold bytes: strings stay with the reference.
    if (input && !evaluable && Find(input)->dtype == DType::kString) return false;
  }
  std::vector<int64_t> bytes(node.outputs.size(), 0);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ir::ValueRef value = node.outputs[i];
    if (!value) continue;
    if (out[i].dtype == DType::kUndefined) return false;
    if (out[i].dtype == DType::kString && !constants_.IsConstant(value)) return false;
    const auto count = ir::ElementCount(out[i].dims);
    const auto size = count ? ir::ByteCount(out[i].dtype, *count) : std::nullopt;
    if (!size) return false;
    bytes[i] = *size;
    // Large arrays that hang on shapes alone are computed by the plan like any other.
    evaluable = evaluable && (constants_.IsConstant(value) || bytes[i] <= kMaxEvaluatedBytes);
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i]) continue;
    // What no run may hold is not planned either: the reference refuses it, and names the limit.
    if (!evaluable && bytes[i] > max_bytes_) return false;
    out[i].evaluable = evaluable;
    facts_[node.outputs[i].index] = std::move(out[i]);
  }
  return true;
}

bool Facts::InferShape(ir::NodeRef ref, const ir::Node& node, std::vector<ValueFact>& out) {
  if (node.outputs.empty() || node.inputs.empty()) return false;
  const ValueFact* first = Find(node.inputs[0]);
  if (first == nullptr) return false;
  // A function of the model's own may bear the name.
  if (IsContribSameShape(node) &&
      constants_.model().FindFunction(node.domain, node.op_type, node.overload) == nullptr)
    return InferMore(ref, node, out);
  if (!IsOnnx(node)) return false;
  const DType dtype = first->dtype;
  const Shape& dims = first->dims;
  const int64_t rank = static_cast<int64_t>(dims.size());
  const std::string_view op = node.op_type;
  const ir::Graph& g = graph();
  const bool single = node.outputs.size() == 1;
  const auto one = [&](DType type, Shape shape) {
    out[0] = {type, std::move(shape), false};
    return true;
  };

  if (IsUnarySameShape(node) && single) return one(dtype, dims);
  if (IsBinaryArithmetic(node) && node.inputs.size() == 2) {
    const ValueFact* second = Find(node.inputs[1]);
    if (second == nullptr || opset_ < 7) return false;
    if (op != "Pow" && second->dtype != dtype) return false;
    const auto shape = Broadcast(dims, second->dims);
    return shape ? one(dtype, *shape) : false;
  }
  if (op == "Conv") {
    const auto view = analysis::ConvOp::From(g, ref, opset_);
    const ValueFact* w = view.ok() ? Find(view->w) : nullptr;
    if (w == nullptr || w->dtype != dtype) return false;
    const auto shape = Convolved(dims, w->dims, view->group, view->window);
    if (!shape) return false;
    if (view->b) {
      const ValueFact* b = Find(view->b);
      if (b == nullptr || b->dims != Shape{w->dims[0]}) return false;
    }
    return one(dtype, *shape);
  }
  if (op == "ConvInteger") {
    const auto view = analysis::ConvIntegerOp::From(g, ref, opset_);
    const ValueFact* w = view.ok() ? Find(view->w) : nullptr;
    const auto shape =
        w == nullptr ? std::nullopt : Convolved(dims, w->dims, view->group, view->window);
    return shape ? one(DType::kInt32, *shape) : false;
  }
  if ((op == "MaxPool" || op == "AveragePool") && single) {
    const auto view = analysis::PoolOp::From(g, ref, opset_);
    if (!view.ok() || rank < 3) return false;
    const auto window = view->window.Filled(static_cast<size_t>(rank - 2));
    if (!window.ok() || window->kernel_shape.size() != static_cast<size_t>(rank - 2)) return false;
    const auto extent = window->Apply({dims.begin() + 2, dims.end()});
    if (!extent.ok()) return false;
    Shape shape{dims[0], dims[1]};
    shape.insert(shape.end(), extent->output.begin(), extent->output.end());
    return one(dtype, shape);
  }
  if (op == "GlobalAveragePool" || op == "GlobalMaxPool") {
    if (rank < 3) return false;
    Shape shape(dims.size(), 1);
    shape[0] = dims[0], shape[1] = dims[1];
    return one(dtype, shape);
  }
  if (op == "BatchNormalization" && single) return one(dtype, dims);
  if (op == "LayerNormalization" && single) return one(dtype, dims);
  if (op == "Dropout" && single) {
    const auto view = analysis::DropoutOp::From(g, ref, opset_);
    return view.ok() && view->IsInference(g) ? one(dtype, dims) : false;
  }
  if (op == "Gemm") {
    const auto view = analysis::GemmOp::From(g, ref, opset_);
    const ValueFact* b = view.ok() ? Find(view->b) : nullptr;
    if (b == nullptr || rank != 2 || b->dims.size() != 2 || b->dtype != dtype) return false;
    const int64_t k = dims[view->trans_a ? 0 : 1], m = dims[view->trans_a ? 1 : 0];
    if (b->dims[view->trans_b ? 1 : 0] != k) return false;
    const Shape shape{m, b->dims[view->trans_b ? 0 : 1]};
    if (view->c) {
      const ValueFact* c = Find(view->c);
      if (c == nullptr || c->dtype != dtype || Broadcast(c->dims, shape) != shape) return false;
    }
    return one(dtype, shape);
  }
  if (op == "MatMul" || op == "MatMulInteger") {
    const bool integer = op == "MatMulInteger";
    const ValueFact* second = node.inputs.size() < 2 ? nullptr : Find(node.inputs[1]);
    if (second == nullptr || (!integer && (node.inputs.size() != 2 || second->dtype != dtype)))
      return false;
    Shape a = dims, b = second->dims;
    if (a.empty() || b.empty()) return false;
    const bool row = a.size() == 1, column = b.size() == 1;
    if (row) a.insert(a.begin(), 1);
    if (column) b.push_back(1);
    if (a[a.size() - 1] != b[b.size() - 2]) return false;
    auto shape = Broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
    if (!shape) return false;
    if (!row) shape->push_back(a[a.size() - 2]);
    if (!column) shape->push_back(b.back());
    return one(integer ? DType::kInt32 : dtype, *shape);
  }
  if (op == "Flatten") {
    const auto view = analysis::FlattenOp::From(g, ref, opset_);
    if (!view.ok()) return false;
    const int64_t axis = view->axis < 0 ? view->axis + rank : view->axis;
    if (axis < 0 || axis > rank) return false;
    const auto outer = ir::ElementCount(std::span(dims).first(static_cast<size_t>(axis)));
    const auto inner = ir::ElementCount(std::span(dims).subspan(static_cast<size_t>(axis)));
    return outer && inner ? one(dtype, {*outer, *inner}) : false;
  }
  if (op == "Reshape") {
    const auto view = analysis::ReshapeOp::From(g, ref, opset_);
    const auto wanted = view.ok() ? KnownInts(view->shape) : std::nullopt;
    const auto count = ir::ElementCount(dims);
    if (!wanted || !count) return false;
    Shape shape = *wanted;
    int64_t product = 1;
    std::optional<size_t> free;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == 0 && !view->allow_zero) {
        if (i >= dims.size()) return false;
        shape[i] = dims[i];
      }
      if (shape[i] < -1 || (shape[i] == -1 && free)) return false;
      if (shape[i] == -1) {
        free = i;
      } else if (__builtin_mul_overflow(product, shape[i], &product)) {
        return false;
      }
    }
    if (free) {
      if (product == 0 || *count % product != 0) return false;
      shape[*free] = *count / product;
    } else if (product != *count) {
      return false;
    }
    return one(dtype, shape);
  }
  if (op == "Squeeze" || op == "Unsqueeze") {
    const auto view = analysis::SqueezeOp::From(g, ref, opset_);
    if (!view.ok()) return false;
    std::optional<std::vector<int64_t>> axes;
    if (view->axes.given()) {
      axes = KnownInts(view->axes);
      if (!axes) return false;
    } else if (view->unsqueeze) {
      return false;
    }
    const int64_t out_rank = view->unsqueeze ? rank + static_cast<int64_t>(axes->size()) : rank;
    std::set<int64_t> chosen;
    if (axes) {
      for (const int64_t axis : *axes) {
        const auto normal = NormalAxis(axis, out_rank);
        if (!normal || !chosen.insert(*normal).second) return false;
      }
    } else {
      for (int64_t i = 0; i < rank; ++i) {
        if (dims[static_cast<size_t>(i)] == 1) chosen.insert(i);
      }
    }
    Shape shape;
    if (view->unsqueeze) {
      auto next = dims.begin();
      for (int64_t i = 0; i < out_rank; ++i) shape.push_back(chosen.contains(i) ? 1 : *next++);
    } else {
      for (int64_t i = 0; i < rank; ++i) {
        if (!chosen.contains(i)) {
          shape.push_back(dims[static_cast<size_t>(i)]);
        } else if (dims[static_cast<size_t>(i)] != 1) {
          return false;
        }
      }
    }
    return one(dtype, shape);
  }
  if (op == "Transpose") {
    const auto view = analysis::TransposeOp::From(g, ref, opset_);
    if (!view.ok()) return false;
    const std::vector<int64_t> perm = view->PermFor(dims.size());
    if (perm.size() != dims.size()) return false;
    Shape shape;
    for (const int64_t axis : perm) {
      if (axis < 0 || axis >= rank) return false;
      shape.push_back(dims[static_cast<size_t>(axis)]);
    }
    return one(dtype, shape);
  }
  if (op == "Concat") {
    const auto view = analysis::ConcatOp::From(g, ref, opset_);
    const auto axis = view.ok() ? NormalAxis(view->axis, rank) : std::nullopt;
    if (!axis) return false;
    Shape shape = dims;
    shape[static_cast<size_t>(*axis)] = 0;
    for (const ir::ValueRef x : view->xs) {
      const ValueFact* fact = Find(x);
      if (fact == nullptr || fact->dtype != dtype || fact->dims.size() != dims.size()) return false;
      for (size_t i = 0; i < dims.size(); ++i) {
        if (static_cast<int64_t>(i) != *axis && fact->dims[i] != dims[i]) return false;
      }
      shape[static_cast<size_t>(*axis)] += fact->dims[static_cast<size_t>(*axis)];
    }
    return one(dtype, shape);
  }
  if (op == "Slice") {
    const auto view = analysis::SliceOp::From(g, ref, opset_);
    if (!view.ok()) return false;
    const auto starts = KnownInts(view->starts), ends = KnownInts(view->ends);
    if (!starts || !ends || starts->size() != ends->size()) return false;
    const auto axes = KnownInts(view->axes);
    const auto steps = KnownInts(view->steps);
    if (!axes || !steps) return false;
    Shape shape = dims;
    std::set<int64_t> seen;
    for (size_t i = 0; i < starts->size(); ++i) {
      if (!axes->empty() && axes->size() != starts->size()) return false;
      if (!steps->empty() && steps->size() != starts->size()) return false;
      const auto axis = NormalAxis(axes->empty() ? static_cast<int64_t>(i) : (*axes)[i], rank);
      if (!axis || !seen.insert(*axis).second) return false;
      const int64_t step = steps->empty() ? 1 : (*steps)[i];
      const int64_t dim = dims[static_cast<size_t>(*axis)];
      if (step == 0 || step == INT64_MIN) return false;
      const auto clamp = [&](int64_t at) {
        if (at < 0) at = at < -dim ? -1 : at + dim;
        return step > 0 ? std::clamp<int64_t>(at, 0, dim) : std::clamp<int64_t>(at, -1, dim - 1);
      };
      // A negative index below -dim clamps to 0 for positive steps (and to -1, before the start,
      // for negative).
      const int64_t begin = clamp((*starts)[i]), end = clamp((*ends)[i]);
      const int64_t span = step > 0 ? end - begin : begin - end;
      const int64_t magnitude = step > 0 ? step : -step;
      shape[static_cast<size_t>(*axis)] = span <= 0 ? 0 : (span - 1) / magnitude + 1;
    }
    return one(dtype, shape);
  }
  if (op == "Pad") {
    const auto view = analysis::PadOp::From(g, ref, opset_);
    const auto pads = view.ok() ? KnownPads(*view, dims.size()) : std::nullopt;
    if (!pads) return false;
    Shape shape = dims;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (__builtin_add_overflow(shape[i], (*pads)[i], &shape[i])) return false;
      if (__builtin_add_overflow(shape[i], (*pads)[i + dims.size()], &shape[i]) || shape[i] < 0)
        return false;
    }
    return one(dtype, shape);
  }
  if (op == "Gather") {
    const auto view = analysis::GatherOp::From(g, ref, opset_);
    const ValueFact* indices = view.ok() ? Find(view->indices) : nullptr;
    const auto axis = view.ok() ? NormalAxis(view->axis, rank) : std::nullopt;
    if (indices == nullptr || !axis) return false;
    Shape shape(dims.begin(), dims.begin() + *axis);
    shape.insert(shape.end(), indices->dims.begin(), indices->dims.end());
    shape.insert(shape.end(), dims.begin() + *axis + 1, dims.end());
    return one(dtype, shape);
  }
  if (op == "Cast") {
    const auto view = analysis::CastOp::From(g, ref, opset_);
    return view.ok() ? one(view->to, dims) : false;
  }
  if (op.starts_with("Reduce")) {
    const auto view = analysis::ReduceOp::From(g, ref, opset_);
    if (!view.ok()) return false;
    std::vector<int64_t> axes;
    if (view->axes.given()) {
      const auto given = KnownInts(view->axes);
      if (!given) return false;
      axes = *given;
    }
    if (axes.empty() && view->noop_with_empty_axes) return one(dtype, dims);
    std::set<int64_t> chosen;
    for (const int64_t axis : axes) {
      const auto normal = NormalAxis(axis, rank);
      if (!normal) return false;
      chosen.insert(*normal);
    }
    Shape shape;
    for (int64_t i = 0; i < rank; ++i) {
      const bool reduced = chosen.empty() || chosen.contains(i);
      if (!reduced) shape.push_back(dims[static_cast<size_t>(i)]);
      if (reduced && view->keep_dims) shape.push_back(1);
    }
    return one(dtype, shape);
  }
  if (op == "Split") {
    const auto view = analysis::SplitOp::From(g, ref, opset_);
    const auto axis = view.ok() ? NormalAxis(view->axis, rank) : std::nullopt;
    if (!axis) return false;
    const int64_t dim = dims[static_cast<size_t>(*axis)],
                  count = static_cast<int64_t>(node.outputs.size());
    std::vector<int64_t> parts;
    if (view->split.given()) {
      const auto given = KnownInts(view->split);
      if (!given || given->size() != node.outputs.size()) return false;
      parts = *given;
    } else {
      const int64_t part = (dim + count - 1) / count;
      for (int64_t i = 0; i < count; ++i)
        parts.push_back(std::clamp<int64_t>(dim - i * part, 0, part));
      if (opset_ < 18 && dim % count != 0) return false;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] < 0) return false;
      sum += parts[i];
      Shape shape = dims;
      shape[static_cast<size_t>(*axis)] = parts[i];
      out[i] = {dtype, shape, false};
    }
    return sum == dim;
  }
  if (op == "DynamicQuantizeLinear" && node.outputs.size() == 3) {
    if (dtype != DType::kFloat) return false;
    out = {{DType::kUint8, dims}, {DType::kFloat, {}}, {DType::kUint8, {}}};
    return true;
  }
  if (op == "QuantizeLinear") {
    const auto view = analysis::QuantizeLinearOp::From(g, ref, opset_);
    if (!view.ok()) return false;
    DType to = DType::kUint8;
    if (view->zero_point) {
      const ValueFact* zero = Find(view->zero_point);
      if (zero == nullptr) return false;
      to = zero->dtype;
    } else if (view->output_dtype != 0) {
      to = static_cast<DType>(view->output_dtype);
    }
    return one(to, dims);
  }
  if (op == "DequantizeLinear") {
    const auto view = analysis::DequantizeLinearOp::From(g, ref, opset_);
    const ValueFact* scale = view.ok() ? Find(view->scale) : nullptr;
    if (scale == nullptr) return false;
    return one(view->output_dtype != 0 ? static_cast<DType>(view->output_dtype) : scale->dtype,
               dims);
  }
  return InferMore(ref, node, out);
}

}  // namespace assize::engine
