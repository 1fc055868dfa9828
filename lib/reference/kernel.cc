// OpContext and the kernel table. Tests: tests/reference/executor_test.cc.
#include "lib/reference/kernel.h"

#include <algorithm>
#include <map>

#include "lib/reference/convert.h"
#include "lib/reference/executor.h"
#include "lib/reference/families.h"

namespace assize::reference {

const ir::Tensor& OpContext::in(size_t i) const {
  AZ_CHECK(has(i) && inputs_[i].is_tensor(), "input {} of {}", i, node_.op_type);
  return inputs_[i].tensor;
}

StatusOr<std::vector<int64_t>> OpContext::IntsIn(size_t i, std::string_view what) const {
  const ir::Tensor& tensor = in(i);
  if (!ir::IsInteger(tensor.dtype())) {
    return InvalidArgument("{} is {}, expected integers", what, tensor.TypeText());
  }
  return reference::Ints(tensor);
}

StatusOr<double> OpContext::RealScalarIn(size_t i, std::string_view what) const {
  const ir::Tensor& tensor = in(i);
  if (tensor.element_count() != 1 || !IsNumeric(tensor.dtype())) {
    return InvalidArgument("{} is {}, expected one number", what, tensor.TypeText());
  }
  return Reals(tensor)[0];
}

StatusOr<int64_t> OpContext::IntScalarIn(size_t i, std::string_view what) const {
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> values, IntsIn(i, what));
  if (values.size() != 1) {
    return InvalidArgument("{} is {}, expected one integer", what, in(i).TypeText());
  }
  return values[0];
}

const ir::Attribute* OpContext::Find(std::string_view name) const {
  const ir::Attribute* attribute = node_.FindAttribute(name);
  if (attribute == nullptr || attribute->ref_name.empty()) return attribute;
  if (scope_ == nullptr || scope_->frame == nullptr) return nullptr;
  const auto found = scope_->frame->attributes.find(attribute->ref_name);
  return found == scope_->frame->attributes.end() ? nullptr : found->second;
}

void OpContext::WrongAttribute(std::string_view name, std::string_view expected) const {
  if (attribute_status_.ok()) {
    attribute_status_ = InvalidArgument("attribute \"{}\" is not {}", name, expected);
  }
}

int64_t OpContext::Int(std::string_view name, int64_t fallback) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return fallback;
  if (const auto* value = std::get_if<int64_t>(&attribute->value)) return *value;
  WrongAttribute(name, "an integer");
  return fallback;
}

double OpContext::Float(std::string_view name, double fallback) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return fallback;
  if (const auto* value = std::get_if<float>(&attribute->value)) return static_cast<double>(*value);
  WrongAttribute(name, "a float");
  return fallback;
}

std::string OpContext::String(std::string_view name, const std::string& fallback) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return fallback;
  if (const auto* value = std::get_if<std::string>(&attribute->value)) return *value;
  WrongAttribute(name, "a string");
  return fallback;
}

std::vector<int64_t> OpContext::Ints(std::string_view name, std::vector<int64_t> fallback) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return fallback;
  if (const auto* value = std::get_if<std::vector<int64_t>>(&attribute->value)) return *value;
  WrongAttribute(name, "a list of integers");
  return fallback;
}

std::vector<double> OpContext::Floats(std::string_view name, std::vector<double> fallback) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return fallback;
  if (const auto* value = std::get_if<std::vector<float>>(&attribute->value)) {
    return std::vector<double>(value->begin(), value->end());
  }
  WrongAttribute(name, "a list of floats");
  return fallback;
}

std::vector<std::string> OpContext::Strings(std::string_view name) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return {};
  if (const auto* value = std::get_if<std::vector<std::string>>(&attribute->value)) return *value;
  WrongAttribute(name, "a list of strings");
  return {};
}

const ir::Tensor* OpContext::TensorAttribute(std::string_view name) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return nullptr;
  if (const auto* value = std::get_if<ir::NamedTensor>(&attribute->value)) return &value->tensor;
  WrongAttribute(name, "a tensor");
  return nullptr;
}

const ir::Graph* OpContext::GraphAttribute(std::string_view name) const {
  const ir::Attribute* attribute = Find(name);
  if (attribute == nullptr) return nullptr;
  if (const auto* value = std::get_if<ir::GraphBox>(&attribute->value)) return &**value;
  WrongAttribute(name, "a graph");
  return nullptr;
}

StatusOr<int64_t> OpContext::Plan(ir::DType dtype, const ir::Shape& dims) const {
  for (const int64_t dim : dims) {
    if (dim < 0)
      return InvalidArgument("result of shape {} has a negative dim", ir::ShapeText(dims));
  }
  const auto count = ir::ElementCount(dims);
  const int64_t width = std::max(8, ir::BitsOf(dtype) / 8);
  const Limits& limits = executor_.limits();
  if (!count || *count > limits.max_tensor_bytes / width) {
    return ResourceExhausted("result {} {} needs more than the limit max_tensor_bytes ({})",
                             ir::ShortNameOf(dtype), ir::ShapeText(dims), limits.max_tensor_bytes);
  }
  const int64_t bytes = *count * std::max(1, ir::BitsOf(dtype) / 8);
  if (bytes > limits.max_total_bytes - executor_.live_bytes()) {
    return ResourceExhausted(
        "result {} {} and the {} bytes that live pass the limit max_total_bytes ({})",
        ir::ShortNameOf(dtype), ir::ShapeText(dims), executor_.live_bytes(),
        limits.max_total_bytes);
  }
  return *count;
}

int64_t OpContext::max_tensor_bytes() const { return executor_.limits().max_tensor_bytes; }

StatusOr<std::vector<RuntimeValue>> OpContext::RunGraph(const ir::Graph& graph,
                                                        std::vector<RuntimeValue> inputs) const {
  const BodyRunner* runner = executor_.body_runner();
  // The outermost scope of a single node: the body sees nothing but the node's captures.
  if (runner != nullptr && *runner && scope_ != nullptr && scope_->outer != nullptr) {
    if (auto results = (*runner)(graph, inputs)) return *std::move(results);
  }
  return executor_.RunBody(graph, std::move(inputs), scope_,
                           scope_ == nullptr ? nullptr : scope_->frame);
}

StatusOr<std::vector<RuntimeValue>> OpContext::RunPart(
    std::vector<std::pair<ir::ValueRef, RuntimeValue>> bound,
    const std::vector<ir::ValueRef>& wanted) const {
  return executor_.RunPart(graph_, std::move(bound), wanted,
                           scope_ == nullptr ? nullptr : scope_->frame);
}

Status OpContext::CountProducts(double products) const {
  const double most = executor_.limits().max_products;
  if (products <= most) return OkStatus();
  return ResourceExhausted("{:.3g} multiply-adds are more than the limit max_products ({:.3g})",
                           products, most);
}

Status OpContext::CountIteration() const { return executor_.CountIteration(); }

StatusOr<int64_t> OpContext::Axis(int64_t axis, int64_t rank, std::string_view what) const {
  if (axis < -rank || axis >= rank) {
    return InvalidArgument("{} {} is outside [{}, {}] of a tensor of rank {}", what, axis, -rank,
                           rank - 1, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

StatusOr<std::vector<int64_t>> OpContext::Axes(const std::vector<int64_t>& axes,
                                               int64_t rank) const {
  std::vector<int64_t> out;
  for (const int64_t axis : axes) {
    AZ_ASSIGN_OR_RETURN(const int64_t positive, Axis(axis, rank, "axes: axis"));
    out.push_back(positive);
  }
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) {
    return InvalidArgument("axes {} name a dim twice", ir::ShapeText(axes));
  }
  return out;
}

Status OpContext::SameType(size_t a, size_t b) const {
  if (in(a).dtype() == in(b).dtype()) return OkStatus();
  return InvalidArgument("inputs {} and {} are {} and {}, expected one element type", a, b,
                         in(a).TypeText(), in(b).TypeText());
}

const KernelRow* FindKernel(std::string_view domain, std::string_view op, int64_t opset) {
  using Key = std::pair<std::string_view, std::string_view>;
  static const auto* const table = [] {
    auto* rows = new std::map<Key, std::vector<const KernelRow*>>;
    const auto add = [&](KernelRows family) {
      for (const KernelRow& row : family) (*rows)[{row.domain, row.op}].push_back(&row);
    };
#define ASSIZE_ADD_FAMILY(Name) add(Name##Rows());
    ASSIZE_KERNEL_FAMILIES(ASSIZE_ADD_FAMILY)
#undef ASSIZE_ADD_FAMILY
    for (auto& [key, versions] : *rows) {
      std::sort(versions.begin(), versions.end(),
                [](const KernelRow* a, const KernelRow* b) { return a->since < b->since; });
    }
    return rows;
  }();
  if (domain == "ai.onnx") domain = "";
  const auto found = table->find({domain, op});
  if (found == table->end()) return nullptr;
  const KernelRow* best = nullptr;
  for (const KernelRow* row : found->second) {
    if (row->since <= opset) best = row;
  }
  return best;
}

}  // namespace assize::reference
