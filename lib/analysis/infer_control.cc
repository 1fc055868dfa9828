// Inference through subgraphs, and for sequences and optionals. Tests:
// tests/analysis/infer_test.cc.
#include "lib/analysis/infer_context.h"

namespace assize::analysis {
namespace {

using ir::DType;
using ir::Type;

const ir::Graph* Subgraph(const InferContext& c, std::string_view name) {
  const ir::Attribute* attribute = c.node.FindAttribute(name);
  const auto* box = attribute ? std::get_if<ir::GraphBox>(&attribute->value) : nullptr;
  return box ? &**box : nullptr;
}

// What holds of a value that has one of two types.
Type Union(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.dtype != b.dtype) return Type();
  if (!a.is_tensor()) return a;
  Type both = Type::TensorOf(a.dtype);
  if (!a.shape || !b.shape || a.shape->size() != b.shape->size()) return both;
  both.shape.emplace();
  for (size_t i = 0; i < a.shape->size(); ++i) {
    const Dim &x = (*a.shape)[i], &y = (*b.shape)[i];
    both.shape->push_back(Same(x, y) ? Meet(x, y) : Dim{});
  }
  return both;
}

Status If(InferContext& c) {
  const ir::Graph* then_graph = Subgraph(c, "then_branch");
  const ir::Graph* else_graph = Subgraph(c, "else_branch");
  if (then_graph == nullptr || else_graph == nullptr) return OkStatus();
  const auto a = c.InferSubgraph(*then_graph, {}), b = c.InferSubgraph(*else_graph, {});
  if (a.size() != b.size())
    return c.Mismatch("the branches give {} and {} results", a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) c.Set(i, Union(a[i], b[i]));
  return OkStatus();
}

// A loop may change the shape of what it carries; only the element type is sure.
Type Carried(const Type& type) { return type.is_tensor() ? Type::TensorOf(type.dtype) : type; }

Type WithLeading(const Type& type, const Dim& leading, size_t axis) {
  if (!type.is_tensor() || !type.shape || axis > type.shape->size()) return Carried(type);
  Type stacked = type;
  stacked.shape->insert(stacked.shape->begin() + static_cast<std::ptrdiff_t>(axis), leading);
  return stacked;
}

Status Loop(InferContext& c) {
  const ir::Graph* body = Subgraph(c, "body");
  if (body == nullptr) return OkStatus();
  std::vector<Type> inputs = {Type::TensorOf(DType::kInt64, std::vector<int64_t>{}),
                              Type::TensorOf(DType::kBool, std::vector<int64_t>{})};
  for (size_t i = 2; i < c.node.inputs.size(); ++i) inputs.push_back(Carried(c.type(i)));
  const auto outputs = c.InferSubgraph(*body, inputs);
  const size_t carried = c.node.inputs.size() < 2 ? 0 : c.node.inputs.size() - 2;
  for (size_t i = 1; i < outputs.size(); ++i) {
    c.Set(i - 1, i - 1 < carried ? Carried(outputs[i]) : WithLeading(outputs[i], Dim{}, 0));
  }
  return OkStatus();
}

Status Scan(InferContext& c) {
  const ir::Graph* body = Subgraph(c, "body");
  const int64_t scanned = c.read.RequiredInt("num_scan_inputs");
  const auto input_axes = c.read.Ints("scan_input_axes");
  const auto output_axes = c.read.Ints("scan_output_axes");
  AZ_RETURN_IF_ERROR(c.read.status());
  const auto count = static_cast<int64_t>(c.node.inputs.size());
  // Opset 8's Scan has a batch axis and an optional first input; nothing sure can be said cheaply.
  if (body == nullptr || c.opset < 9 || scanned < 0 || scanned > count) return OkStatus();
  const auto states = static_cast<size_t>(count - scanned);
  std::vector<Type> inputs;
  Dim steps;
  for (size_t i = 0; i < c.node.inputs.size(); ++i) {
    if (i < states) {
      inputs.push_back(c.type(i));
      continue;
    }
    Type slice = Carried(c.type(i));
    if (c.shape(i)) {
      AZ_ASSIGN_OR_RETURN(
          const size_t axis,
          Axis(i - states < input_axes.size() ? input_axes[i - states] : 0, c.shape(i)->size()));
      Dims dims = *c.shape(i);
      steps = Meet(steps, dims[axis]);
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
      slice.shape = dims;
    }
    inputs.push_back(slice);
  }
  const auto outputs = c.InferSubgraph(*body, inputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (i < states) {
      c.Set(i, outputs[i]);
      continue;
    }
    size_t axis = 0;
    if (i - states < output_axes.size() && outputs[i].is_tensor() && outputs[i].shape) {
      AZ_ASSIGN_OR_RETURN(axis, Axis(output_axes[i - states], outputs[i].shape->size() + 1));
    }
    c.Set(i, WithLeading(outputs[i], steps, axis));
  }
  return OkStatus();
}

Type SequenceOf(Type element) {
  Type type;
  type.kind = Type::Kind::kSequence;
  type.element = std::make_shared<const Type>(std::move(element));
  return type;
}

Status SequenceConstruct(InferContext& c) {
  Type element = c.type(0);
  for (size_t i = 1; i < c.node.inputs.size(); ++i) element = Union(element, c.type(i));
  if (element.kind != Type::Kind::kUnset) c.Set(0, SequenceOf(element));
  return OkStatus();
}

Status SequenceEmpty(InferContext& c) {
  const int64_t dtype = c.read.Int("dtype", 1);
  AZ_RETURN_IF_ERROR(c.read.status());
  c.Set(0, SequenceOf(Type::TensorOf(static_cast<DType>(dtype))));
  return OkStatus();
}

Status SequenceAt(InferContext& c) {
  if (c.type(0).element) c.Set(0, *c.type(0).element);
  return OkStatus();
}

Status SequenceInsert(InferContext& c) {
  if (c.type(0).element) c.Set(0, SequenceOf(Union(*c.type(0).element, c.type(1))));
  return OkStatus();
}

Status SequenceErase(InferContext& c) {
  if (c.type(0).kind != Type::Kind::kUnset) c.Set(0, c.type(0));
  return OkStatus();
}

Status SequenceLength(InferContext& c) {
  c.Set(0, DType::kInt64, Dims{});
  return OkStatus();
}

Status ConcatFromSequence(InferContext& c) {
  if (c.type(0).element) c.Set(0, Carried(*c.type(0).element));
  return OkStatus();
}

Status OptionalHasElement(InferContext& c) {
  c.Set(0, DType::kBool, Dims{});
  return OkStatus();
}

Status OptionalGetElement(InferContext& c) {
  const Type& type = c.type(0);
  if (type.kind == Type::Kind::kOptional && type.element)
    c.Set(0, *type.element);
  else if (type.kind != Type::Kind::kUnset && type.kind != Type::Kind::kOptional)
    c.Set(0, type);
  return OkStatus();
}

}  // namespace

void AddControlRules(InferRules& rules) {
  rules["If"] = If;
  rules["Loop"] = Loop;
  rules["Scan"] = Scan;
  rules["SequenceConstruct"] = SequenceConstruct;
  rules["SequenceEmpty"] = SequenceEmpty;
  rules["SequenceAt"] = SequenceAt;
  rules["SequenceInsert"] = SequenceInsert;
  rules["SequenceErase"] = SequenceErase;
  rules["SequenceLength"] = SequenceLength;
  rules["ConcatFromSequence"] = ConcatFromSequence;
  rules["OptionalHasElement"] = OptionalHasElement;
  rules["OptionalGetElement"] = OptionalGetElement;
}

}  // namespace assize::analysis
