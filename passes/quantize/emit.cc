// The QDQ form. Tests: tests/passes/quantize_static_test.cc.
#include "passes/quantize/emit.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/analysis/attributes.h"
#include "lib/ir/text.h"
#include "passes/quantize/weights.h"

namespace assize::passes::quantize {

using analysis::MakeAttribute;
using ir::Editor;
using ir::Graph;
using ir::NodeRef;
using ir::Tensor;
using ir::ValueRef;

namespace {

class Emitter {
 public:
  Emitter(Editor& edit, const Placement& placement, const std::vector<Grid8>& grids,
          bool per_channel)
      : edit_(edit),
        graph_(edit.graph()),
        placement_(placement),
        grids_(grids),
        per_channel_(per_channel) {
    for (const NodeRef ref : graph_.nodes()) node_names_.insert(graph_.node(ref).name);
  }

  std::vector<EmittedLayer> Run() {
    for (const Pair& pair : placement_.pairs) EmitPair(pair);
    std::vector<EmittedLayer> emitted;
    for (const Layer& layer : placement_.layers) emitted.push_back(EmitLayer(layer));
    return emitted;
  }

 private:
  std::string NameOf(ValueRef value) const { return graph_.value(value).name; }

  // Runtimes refuse two nodes of one name.
  std::string NodeName(const std::string& base) {
    std::string name = base;
    for (int i = 1; !node_names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
    return name;
  }

  // DequantizeLinear(q, scale, zero point) before `before`; a null zero point is 0.
  ValueRef Dequantize(const std::string& base, ValueRef q, ValueRef scale, ValueRef zero_point,
                      std::optional<int64_t> axis, NodeRef before) {
    ir::NodeSpec spec;
    spec.op_type = "DequantizeLinear";
    spec.name = NodeName(base + "_DequantizeLinear");
    spec.inputs = {q, scale};
    if (zero_point) spec.inputs.push_back(zero_point);
    spec.outputs = {edit_.UniqueName(base + "_dequantized")};
    if (axis) spec.attributes.push_back(MakeAttribute("axis", *axis));
    return edit_.output(edit_.AddNode(std::move(spec), before));
  }

  void EmitPair(const Pair& pair) {
    const Grid8& grid = grids_[pair.range];
    const std::string base = NameOf(pair.value);
    // One scale, one constant: tensors that share it show that they do.
    auto constants = scales_.find(pair.range);
    if (constants == scales_.end()) {
      const ValueRef scale =
          edit_.AddInitializer(base + "_scale", Tensor::Scalar<float>(grid.scale));
      const ValueRef zero =
          edit_.AddInitializer(base + "_zero_point", Tensor::Scalar<uint8_t>(grid.zero_point));
      constants = scales_.emplace(pair.range, std::pair(scale, zero)).first;
    }
    const auto [scale, zero_point] = constants->second;
    const NodeRef producer = graph_.value(pair.value).producer;
    const NodeRef before = producer ? graph_.next_node(producer) : graph_.first_node();
    ir::NodeSpec spec;
    spec.op_type = "QuantizeLinear";
    spec.name = NodeName(base + "_QuantizeLinear");
    spec.inputs = {pair.value, scale, zero_point};
    spec.outputs = {edit_.UniqueName(base + "_quantized")};
    const ValueRef q = edit_.output(edit_.AddNode(std::move(spec), before));
    const ValueRef x = Dequantize(base, q, scale, zero_point, std::nullopt, before);
    for (const ir::Use& use : pair.readers) edit_.SetInput(use.node, use.index, x);
    if (pair.is_output) TakeOverOutput(pair.value, x);
  }

  // The graph output becomes the dequantized tensor, under the name and type it had.
  void TakeOverOutput(ValueRef from, ValueRef to) {
    const std::string name = NameOf(from);
    const ir::Type type = graph_.value(from).type;
    const std::vector<ValueRef> outputs = graph_.outputs();
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] == from) edit_.SetOutput(i, to);
    }
    edit_.Rename(from, edit_.UniqueName(name + "_float"));
    edit_.Rename(to, name);
    edit_.SetType(to, type);
  }

  EmittedLayer EmitLayer(const Layer& layer) {
    const size_t range = RangeOf(layer.x);
    const float x_scale = grids_[range].scale;
    std::vector<double> weight = layer.weight.ToDoubles();
    for (double& w : weight) w *= layer.alpha;
    const std::optional<int64_t> axis = per_channel_ ? layer.axis : std::nullopt;
    std::vector<double> bias;
    if (layer.bias) {
      bias = layer.bias->ToDoubles();
      for (double& b : bias) b *= layer.beta;
      if (bias.size() == 1) bias.assign(static_cast<size_t>(OutputChannels(layer)), bias[0]);
    }
    const QuantizedWeight quantized = QuantizeWeight(
        weight, layer.weight.dims(), axis, static_cast<double>(x_scale), bias, layer.terms);

    edit_.SetInput(layer.node, layer.w_index, DequantizedWeight(layer, quantized, axis));
    if (layer.bias) {
      const QuantizedBias integer = QuantizeBias(bias, x_scale, quantized);
      const std::string name = NameOf(layer.b);
      const std::optional<int64_t> bias_axis =
          integer.scale.rank() == 0 ? std::nullopt : std::optional<int64_t>(0);
      const ValueRef b = Dequantize(name, edit_.AddInitializer(name + "_quantized", integer.q),
                                    edit_.AddInitializer(name + "_scale", integer.scale), {},
                                    bias_axis, layer.node);
      edit_.SetInput(layer.node, 2, b);
      if (layer.beta != 1) edit_.SetAttribute(layer.node, MakeAttribute("beta", 1.0f));
    }
    if (layer.alpha != 1) edit_.SetAttribute(layer.node, MakeAttribute("alpha", 1.0f));
    RemoveIfUnused(layer.w);
    if (layer.bias) RemoveIfUnused(layer.b);
    return {layer.label, quantized.scale.element_count(), quantized.widened,
            layer.bias.has_value()};
  }

  // Layers that share a weight share its 8-bit form, where their scales are the same.
  ValueRef DequantizedWeight(const Layer& layer, const QuantizedWeight& quantized,
                             std::optional<int64_t> axis) {
    std::vector<SharedWeight>& made = weights_[layer.w];
    for (const SharedWeight& other : made) {
      if (other.axis == axis && other.q == quantized.q && other.scale == quantized.scale)
        return other.dequantized;
    }
    const std::string base = NameOf(layer.w);
    const ValueRef w = Dequantize(base, edit_.AddInitializer(base + "_quantized", quantized.q),
                                  edit_.AddInitializer(base + "_scale", quantized.scale),
                                  edit_.AddInitializer(base + "_zero_point", quantized.zero_point),
                                  axis, layer.node);
    made.push_back({axis, quantized.q, quantized.scale, w});
    return w;
  }

  static int64_t OutputChannels(const Layer& layer) {
    return layer.weight.dims()[static_cast<size_t>(*layer.axis)] * layer.groups;
  }

  size_t RangeOf(ValueRef x) const {
    const auto found = std::find_if(placement_.pairs.begin(), placement_.pairs.end(),
                                    [&](const Pair& pair) { return pair.value == x; });
    AZ_CHECK(found != placement_.pairs.end(), "a layer reads \"{}\", which has no pair", NameOf(x));
    return found->range;
  }

  // A constant that nothing reads any more, and what it alone was computed from.
  void RemoveIfUnused(ValueRef value) {
    if (!value || !graph_.valid(value) || graph_.value(value).used() ||
        graph_.value(value).is_input)
      return;
    const NodeRef producer = graph_.value(value).producer;
    if (!producer) {
      edit_.RemoveValue(value);
      return;
    }
    const ir::Node node = graph_.node(producer);
    for (const ValueRef output : node.outputs) {
      if (output && graph_.value(output).used()) return;
    }
    edit_.RemoveNode(producer);
    for (const ValueRef input : node.inputs) RemoveIfUnused(input);
  }

  struct SharedWeight {
    std::optional<int64_t> axis;
    Tensor q, scale;
    ValueRef dequantized;
  };

  Editor& edit_;
  const Graph& graph_;
  const Placement& placement_;
  const std::vector<Grid8>& grids_;
  const bool per_channel_;
  std::map<size_t, std::pair<ValueRef, ValueRef>> scales_;  // constants by range
  std::map<ValueRef, std::vector<SharedWeight>> weights_;   // by float weight
  std::set<std::string> node_names_;
};

}  // namespace

std::vector<EmittedLayer> Emit(Editor& edit, const Placement& placement,
                               const std::vector<Grid8>& grids, bool per_channel) {
  return Emitter(edit, placement, grids, per_channel).Run();
}

}  // namespace assize::passes::quantize
