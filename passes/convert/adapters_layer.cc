// Adapters of layers: normalization, dropout, softmax, region pooling. Tests:
// tests/passes/convert_opset_test.cc.
#include <cstring>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "passes/convert/adapters.h"

namespace assize::passes::convert {
namespace {

using analysis::AttributeReader;
using ir::Tensor;

const ir::Node& NodeOf(const Site& site) { return site.edit.graph().node(site.node); }

void SetInt(Site& site, std::string name, int64_t number) {
  ir::Attribute attribute;
  attribute.name = std::move(name);
  attribute.value = number;
  site.edit.SetAttribute(site.node, std::move(attribute));
}

bool OutputUsed(const Site& site, size_t index) {
  const ir::ValueRef output = analysis::OutputAt(NodeOf(site), index);
  return output && site.edit.graph().value(output).used();
}

Status BatchNormalizationSpatial(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const int64_t spatial = read.Int("spatial", 1);
  AZ_RETURN_IF_ERROR(read.status());
  if (spatial == 0) return Refuse(site, "spatial = 0 (statistics per element) has no counterpart");
  site.edit.RemoveAttribute(site.node, "spatial");
  return OkStatus();
}

// Before 14 further results meant training; after, training_mode says so, and the statistics are
// defined otherwise.
Status BatchNormalizationTraining(Site& site) {
  const size_t outputs = NodeOf(site).outputs.size();
  for (size_t i = 1; i < outputs; ++i) {
    if (OutputUsed(site, i))
      return Refuse(site, "its running or saved statistics are in use (training)");
  }
  // The results being there at all is what selects training, used or not.
  for (size_t i = 1; i < outputs; ++i) {
    if (analysis::OutputAt(NodeOf(site), i))
      return Refuse(site, "it lists further results, which means training");
  }
  if (outputs > 1) site.edit.ResizeOutputs(site.node, 1);
  return OkStatus();
}

// The mask became boolean.
Status DropoutMask(Site& site) {
  if (OutputUsed(site, 1))
    return Refuse(site, "its mask is in use as a float tensor, a boolean one from opset 10 on");
  return OkStatus();
}

Status DropoutRatioToInput(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const std::optional<float> ratio = read.MaybeFloat("ratio");
  AZ_RETURN_IF_ERROR(read.status());
  if (ratio) SetInputAt(site, 1, MakeConstant(site, "ratio", Tensor::Scalar<float>(*ratio)));
  site.edit.RemoveAttribute(site.node, "ratio");
  return OkStatus();
}

ir::NodeSpec Spec(const std::string& op, std::vector<ir::ValueRef> inputs, std::string output) {
  ir::NodeSpec spec;
  spec.op_type = op;
  spec.inputs = std::move(inputs);
  spec.outputs = {std::move(output)};
  return spec;
}

// Before 13: all axes from `axis` on are one. The same when `axis` is the last; else through two
// dimensions:
//   y = Reshape(Softmax(Flatten(x, axis), axis = -1), Shape(x))
Status SoftmaxAxis(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const int64_t axis = read.Int("axis", 1);
  AZ_RETURN_IF_ERROR(read.status());
  const ir::ValueRef x = analysis::InputAt(NodeOf(site), 0);
  const ir::ValueRef y = analysis::OutputAt(NodeOf(site), 0);
  if (!x || !y) return Refuse(site, "it has no input or no output");
  const std::optional<int64_t> rank = RankOf(site, x);
  if (axis == -1 || (rank && (axis == *rank - 1))) {
    SetInt(site, "axis", -1);
    return OkStatus();
  }
  const std::string name = site.edit.graph().value(y).name;
  ir::NodeSpec flatten = Spec("Flatten", {x}, site.edit.UniqueName(name + "_flat"));
  ir::Attribute flat_axis;
  flat_axis.name = "axis";
  flat_axis.value = axis;
  flatten.attributes.push_back(std::move(flat_axis));
  const ir::ValueRef flat = site.edit.output(site.edit.AddNode(std::move(flatten), site.node));
  const ir::ValueRef shape = site.edit.output(
      site.edit.AddNode(Spec("Shape", {x}, site.edit.UniqueName(name + "_shape")), site.node));
  ir::NodeSpec inner = Spec(NodeOf(site).op_type, {flat}, site.edit.UniqueName(name + "_rows"));
  ir::Attribute last;
  last.name = "axis";
  last.value = int64_t{-1};
  inner.attributes.push_back(std::move(last));
  const ir::ValueRef rows = site.edit.output(site.edit.AddNode(std::move(inner), site.node));
  // The node itself becomes the Reshape: its result keeps name, type and users.
  site.edit.RemoveAttribute(site.node, "axis");
  site.edit.SetOp(site.node, "Reshape", NodeOf(site).domain);
  site.edit.SetNodeInputs(site.node, {rows, shape});
  return OkStatus();
}

Status RoiAlignOldCoordinates(Site& site) {
  ir::Attribute attribute;
  attribute.name = "coordinate_transformation_mode";
  attribute.value = std::string("output_half_pixel");
  site.edit.SetAttribute(site.node, std::move(attribute));
  return OkStatus();
}

// Scale and bias were per group, [G]; from 21 on per channel, [C].
Status GroupNormalizationPerChannel(Site& site) {
  AttributeReader read(site.edit.graph(), site.node);
  const int64_t groups = read.RequiredInt("num_groups");
  AZ_RETURN_IF_ERROR(read.status());
  const ir::Graph& graph = site.edit.graph();
  const ir::ValueRef x = analysis::InputAt(NodeOf(site), 0);
  const ir::Type& type = site.types != nullptr ? site.types->type(x) : graph.value(x).type;
  if (!type.is_tensor() || !type.shape || type.shape->size() < 2 || !type.shape->at(1).known()) {
    return Refuse(site, "the number of channels of its input is not known");
  }
  const int64_t channels = *type.shape->at(1).value;
  if (groups < 1 || channels % groups != 0) {
    return Refuse(site, fmt::format("{} channels do not divide into {} groups", channels, groups));
  }
  std::vector<Tensor> wide;
  for (const size_t index : {1u, 2u}) {
    const auto constant = analysis::ConstantValue(graph, analysis::InputAt(NodeOf(site), index));
    if (!constant) return Refuse(site, "its scale or bias is computed");
    if (constant->dims() != ir::Shape{groups}) {
      return Refuse(site, fmt::format("its scale or bias has shape {}, expected [{}]",
                                      ir::ShapeText(constant->dims()), groups));
    }
    const std::span<const std::byte> narrow = constant->bytes();
    const size_t size = narrow.size() / static_cast<size_t>(groups);
    const size_t repeat = static_cast<size_t>(channels / groups);
    std::vector<std::byte> bytes(size * static_cast<size_t>(channels));
    for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
      std::memcpy(bytes.data() + c * size, narrow.data() + c / repeat * size, size);
    }
    wide.push_back(Tensor::FromBytes(constant->dtype(), {channels}, std::move(bytes)));
  }
  SetInputAt(site, 1, MakeConstant(site, "scale", wide[0]));
  SetInputAt(site, 2, MakeConstant(site, "bias", wide[1]));
  return OkStatus();
}

constexpr OpChange kChanges[] = {
    {"BatchNormalization", 9, BatchNormalizationSpatial},
    {"BatchNormalization", 14, BatchNormalizationTraining},
    {"Dropout", 10, DropoutMask},
    {"Dropout", 12, DropoutRatioToInput},
    {"GroupNormalization", 21, GroupNormalizationPerChannel},
    {"Hardmax", 13, SoftmaxAxis},
    {"LogSoftmax", 13, SoftmaxAxis},
    {"RoiAlign", 16, RoiAlignOldCoordinates},
    {"Softmax", 13, SoftmaxAxis},
};

}  // namespace

std::span<const OpChange> LayerAdapters() { return kChanges; }

}  // namespace assize::passes::convert
