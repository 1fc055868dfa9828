// What adapters share: constants, inputs, types. Tests: tests/passes/convert_opset_test.cc.
#include "lib/analysis/ops.h"
#include "lib/ir/float_formats.h"
#include "lib/ir/text.h"
#include "passes/convert/adapters.h"

namespace assize::passes::convert {

ir::ValueRef MakeConstant(Site& site, std::string_view role, const ir::Tensor& tensor) {
  const ir::Graph& graph = site.edit.graph();
  std::string base;
  for (const ir::ValueRef output : graph.node(site.node).outputs) {
    if (output && base.empty()) base = graph.value(output).name;
  }
  base += "_";
  base += role;
  if (!site.in_function) return site.edit.AddInitializer(base, tensor);
  ir::NodeSpec spec;
  spec.op_type = "Constant";
  spec.outputs = {site.edit.UniqueName(base)};
  ir::Attribute value;
  value.name = "value";
  ir::NamedTensor named;
  named.tensor = tensor;
  value.value = std::move(named);
  spec.attributes.push_back(std::move(value));
  return site.edit.output(site.edit.AddNode(std::move(spec), site.node));
}

void SetInputAt(Site& site, size_t index, ir::ValueRef value) {
  std::vector<ir::ValueRef> inputs = site.edit.graph().node(site.node).inputs;
  if (inputs.size() <= index) inputs.resize(index + 1);
  inputs[index] = value;
  site.edit.SetNodeInputs(site.node, std::move(inputs));
}

namespace {

const ir::Type& TypeOf(const Site& site, ir::ValueRef value) {
  const ir::Type& declared = site.edit.graph().value(value).type;
  if (site.types == nullptr) return declared;
  const ir::Type& inferred = site.types->type(value);
  return inferred.is_tensor() ? inferred : declared;
}

}  // namespace

std::optional<int64_t> RankOf(const Site& site, ir::ValueRef value) {
  const auto constant = analysis::ConstantValue(site.edit.graph(), value);
  if (constant) return constant->rank();
  const ir::Type& type = TypeOf(site, value);
  if (!type.is_tensor() || !type.shape) return std::nullopt;
  return static_cast<int64_t>(type.shape->size());
}

std::optional<ir::DType> DTypeOfValue(const Site& site, ir::ValueRef value) {
  const auto constant = analysis::ConstantValue(site.edit.graph(), value);
  if (constant) return constant->dtype();
  const ir::Type& type = TypeOf(site, value);
  if (!type.is_tensor() || type.dtype == ir::DType::kUndefined) return std::nullopt;
  return type.dtype;
}

StatusOr<ir::Tensor> ScalarLike(const Site& site, ir::ValueRef like, double number) {
  const std::optional<ir::DType> dtype = DTypeOfValue(site, like);
  if (!dtype) return Refuse(site, "the element type of its input is not known");
  switch (*dtype) {
    case ir::DType::kFloat:
      return ir::Tensor::Scalar<float>(static_cast<float>(number));
    case ir::DType::kDouble:
      return ir::Tensor::Scalar<double>(number);
    case ir::DType::kFloat16: {
      const uint16_t bits = ir::FloatToHalf(static_cast<float>(number));
      return ir::Tensor::FromBytes(
          *dtype, {}, {static_cast<std::byte>(bits & 0xff), static_cast<std::byte>(bits >> 8)});
    }
    default:
      return Refuse(site,
                    fmt::format("no {} scalar can stand for its attribute", ir::NameOf(*dtype)));
  }
}

Status Refuse(const Site& site, const std::string& reason) {
  return FailedPrecondition("{}: cannot move to opset {}: {}",
                            ir::NodeLabel(site.edit.graph(), site.node), site.version, reason);
}

}  // namespace assize::passes::convert
