// Where pairs go. Tests: tests/passes/quantize_placement_test.cc.
#include "passes/quantize/placement.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>

#include "lib/analysis/ops.h"
#include "lib/analysis/traits.h"
#include "lib/ir/text.h"

namespace assize::passes::quantize {

using analysis::ConstantValue;
using ir::DType;
using ir::Graph;
using ir::NodeRef;
using ir::Tensor;
using ir::ValueRef;

namespace {

// Ops that only move elements, or choose among them: what goes in at a scale comes out at it.
const std::set<std::string_view> kMoves = {"Concat", "DepthToSpace", "Dropout",   "Flatten",
                                           "Gather", "Identity",     "MaxPool",   "GlobalMaxPool",
                                           "Pad",    "Reshape",      "Slice",     "SpaceToDepth",
                                           "Split",  "Squeeze",      "Transpose", "Unsqueeze"};
// Upstream walks end after this many ops; a chain that long has no integer kernel anyway.
constexpr int kMaxDepth = 200;

// An op of ai.onnx, not a local function of its name.
bool IsOp(const ir::Model& model, const ir::Node& node, std::string_view op) {
  return node.op_type == op && ir::IsMainDomain(node.domain) &&
         model.FindFunction(node.domain, node.op_type, node.overload) == nullptr;
}

bool IsLayerOp(const ir::Model& model, const ir::Node& node) {
  return IsOp(model, node, "Conv") || IsOp(model, node, "ConvTranspose") ||
         IsOp(model, node, "Gemm") || IsOp(model, node, "MatMul");
}

// Values computed from constants alone, by ops without chance or subgraphs. A dequantized weight is
// none: the layer behind it is quantized already.
std::set<ValueRef> ConstantExpressions(const Graph& graph) {
  std::set<ValueRef> constant;
  for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    if (node.op_type == "DequantizeLinear" || node.has_subgraphs() || !analysis::IsPure(node))
      continue;
    if (analysis::IsRandom(graph, ref)) continue;
    const bool all = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueRef input) {
      return !input || graph.value(input).is_constant() || constant.contains(input);
    });
    for (const ValueRef output : node.outputs) {
      if (all && output) constant.insert(output);
    }
  }
  return constant;
}

class Placer {
 public:
  Placer(const ir::Model& model, const analysis::TypeTable& types, const Constants& computed,
         const PlacementOptions& options)
      : model_(model),
        graph_(model.graph),
        types_(types),
        computed_(computed),
        options_(options),
        opset_(model.opset().value_or(0)) {}

  Placement Run() {
    for (NodeRef ref = graph_.first_node(); ref; ref = graph_.next_node(ref)) {
      const ir::Node& node = graph_.node(ref);
      if (!IsLayerOp(model_, node)) continue;
      Layer layer;
      layer.node = ref;
      layer.label = ir::NodeLabel(graph_, ref);
      const std::string reason = Examine(layer);
      if (!reason.empty()) {
        result_.skipped.push_back({layer.label, reason});
        continue;
      }
      layer_of_[ref] = result_.layers.size();
      result_.layers.push_back(std::move(layer));
    }
    for (const Layer& layer : result_.layers) Want(layer.x);
    if (options_.quantize_outputs) {
      for (const ValueRef output : graph_.outputs()) {
        if (IsFloat(output) && IsInteger(output) && !graph_.value(output).is_input)
          Want(output), outputs_.insert(output);
      }
    }
    MakePairs();
    return std::move(result_);
  }

 private:
  bool IsFloat(ValueRef value) const {
    const ir::Type& type = types_.type(value);
    return type.is_tensor() && type.dtype == DType::kFloat;
  }
  std::optional<Tensor> ConstantOf(ValueRef value) const {
    if (!value) return std::nullopt;
    const auto found = computed_.find(value);
    if (found != computed_.end()) return found->second;
    return ConstantValue(graph_, value);
  }
  const ir::Node* Producer(ValueRef value) const {
    const NodeRef producer = graph_.value(value).producer;
    return producer ? &graph_.node(producer) : nullptr;
  }
  bool Is(NodeRef ref, std::string_view op) const { return IsOp(model_, graph_.node(ref), op); }

  // Fills in the layer; the reason when it stays as it is.
  std::string Examine(Layer& layer) const {
    const ir::Node& node = graph_.node(layer.node);
    if (options_.exclude_ops.contains(node.op_type)) return "excluded by op type";
    if (!node.name.empty() && options_.exclude_nodes.contains(node.name)) return "excluded by name";
    if (node.op_type == "Conv") {
      const auto view = analysis::ConvOp::From(graph_, layer.node, opset_);
      if (!view.ok()) return std::string(Message(view.status()));
      layer.x = view->x, layer.w = view->w, layer.b = view->b;
      layer.axis = 0;
    } else if (node.op_type == "ConvTranspose") {
      const auto view = analysis::ConvTransposeOp::From(graph_, layer.node, opset_);
      if (!view.ok()) return std::string(Message(view.status()));
      layer.x = view->x, layer.w = view->w, layer.b = view->b;
      layer.axis = 1;
      layer.groups = view->group;
    } else if (node.op_type == "Gemm") {
      const auto view = analysis::GemmOp::From(graph_, layer.node, opset_);
      if (!view.ok()) return std::string(Message(view.status()));
      layer.x = view->a, layer.w = view->b, layer.b = view->c;
      layer.axis = view->trans_b ? 0 : 1;
      layer.alpha = static_cast<double>(view->alpha), layer.beta = static_cast<double>(view->beta);
    } else {
      const auto view = analysis::MatMulOp::From(graph_, layer.node, opset_);
      if (!view.ok()) return std::string(Message(view.status()));
      layer.x = view->a, layer.w = view->b;
      if (!ConstantOf(layer.w) && ConstantOf(layer.x)) {
        std::swap(layer.x, layer.w);
        std::swap(layer.x_index, layer.w_index);
      }
    }
    for (const ValueRef operand : {layer.x, layer.w}) {
      const ir::Node* producer = Producer(operand);
      if (producer != nullptr && producer->op_type == "DequantizeLinear")
        return "quantized already";
      if (!types_.type(operand).is_tensor()) {
        return fmt::format("the type of \"{}\" is not known", graph_.value(operand).name);
      }
      if (!IsFloat(operand)) {
        return fmt::format("\"{}\" is {}: only layers of 32-bit floats are quantized",
                           graph_.value(operand).name, ir::NameOf(types_.type(operand).dtype));
      }
    }
    const auto weight = ConstantOf(layer.w);
    if (ConstantOf(layer.x)) return "both operands are constants";
    if (!weight) {
      if (graph_.value(layer.w).is_initializer())
        return "the weight is a graph input too: a caller can replace it";
      return node.op_type == "MatMul" || node.op_type == "Gemm" ? "both operands are activations"
                                                                : "the weight is no constant";
    }
    if (weight->element_count() == 0) return "the weight has no elements";
    for (const float w : weight->data<float>()) {
      if (!std::isfinite(w)) return "the weight is not finite everywhere";
    }
    layer.weight = *weight;
    const int64_t rank = weight->rank();
    if (node.op_type == "MatMul") {
      // On the left the rows are output channels, and no runtime takes a scale for each of them
      // there.
      if (layer.w_index == 1 && rank >= 2) layer.axis = rank - 1;
    }
    if (layer.axis && *layer.axis >= rank) return fmt::format("the weight has rank {}", rank);
    const int64_t channels = layer.axis ? weight->dims()[static_cast<size_t>(*layer.axis)] : 1;
    layer.terms = std::max<int64_t>(1, weight->element_count() / std::max<int64_t>(1, channels));
    TakeBias(layer, channels * layer.groups);
    return "";
  }

  // A bias of one number per output channel goes into the integer sum; any other stays a float
  // operand.
  void TakeBias(Layer& layer, int64_t channels) const {
    const auto bias = ConstantOf(layer.b);
    if (!bias || bias->dtype() != DType::kFloat) return;
    const std::string& op = graph_.node(layer.node).op_type;
    const bool row =
        bias->rank() == 1 || (op == "Gemm" && bias->rank() == 2 && bias->dims()[0] == 1);
    const bool one = op == "Gemm" && bias->element_count() == 1;
    if (!one && !(row && bias->element_count() == channels)) return;
    for (const float b : bias->data<float>()) {
      if (!std::isfinite(b)) return;
    }
    layer.bias = *bias;
  }

  // `value` is what a layer computes, perhaps behind ops that runtimes fuse into it and that alone
  // read it.
  bool IsFused(ValueRef value, int depth = 0) const {
    const NodeRef producer = graph_.value(value).producer;
    if (!producer || depth > kMaxDepth) return false;
    if (layer_of_.contains(producer)) return true;
    const ir::Node& node = graph_.node(producer);
    const auto alone = [&](ValueRef input) {
      return input && graph_.use_count(input) == 1 && IsFused(input, depth + 1);
    };
    if (node.inputs.empty() || node.outputs[0] != value) return false;
    if (Is(producer, "Relu") || Is(producer, "Clip")) return alone(node.inputs[0]);
    if (Is(producer, "BatchNormalization")) {
      const auto view = analysis::BatchNormalizationOp::From(graph_, producer, opset_);
      return view.ok() && !view->training && alone(node.inputs[0]);
    }
    if ((Is(producer, "Add") || Is(producer, "Mul")) && node.inputs.size() == 2) {
      if (ConstantOf(node.inputs[1])) return alone(node.inputs[0]);
      if (ConstantOf(node.inputs[0])) return alone(node.inputs[1]);
    }
    return false;
  }

  // The Add of two activations behind `value`, with at most one activation function between them.
  NodeRef SumBehind(ValueRef value) const {
    NodeRef producer = graph_.value(value).producer;
    if (!producer) return {};
    if (Is(producer, "Relu") || Is(producer, "Clip")) {
      const ValueRef inner = graph_.node(producer).inputs[0];
      if (graph_.use_count(inner) != 1) return {};
      producer = graph_.value(inner).producer;
      if (!producer) return {};
    }
    if (!Is(producer, "Add") || graph_.node(producer).inputs.size() != 2) return {};
    for (const ValueRef input : graph_.node(producer).inputs) {
      if (ConstantOf(input) || graph_.value(input).is_initializer() || !IsFloat(input)) return {};
    }
    return producer;
  }

  // The operand of a sum that needs no pair: a layer's result that only the sum reads. Null when
  // there is none.
  ValueRef OpenOperand(NodeRef sum) const {
    if (options_.sums != Sums::kFused) return {};
    for (const ValueRef input : graph_.node(sum).inputs) {
      if (graph_.use_count(input) == 1 && IsFused(input)) return input;
    }
    return {};
  }

  // The activations that a moving op moves; empty when the node is none, or does more than that.
  std::vector<ValueRef> Moved(NodeRef ref) const {
    const ir::Node& node = graph_.node(ref);
    if (!ir::IsMainDomain(node.domain) || !kMoves.contains(node.op_type) ||
        !IsOp(model_, node, node.op_type))
      return {};
    if (options_.exclude_ops.contains(node.op_type)) return {};
    for (size_t i = 1; i < node.outputs.size(); ++i) {  // MaxPool's indices, Dropout's mask
      if (node.outputs[i] && node.op_type != "Split" && graph_.use_count(node.outputs[i]) > 0)
        return {};
    }
    if (node.op_type == "Dropout") {
      const auto view = analysis::DropoutOp::From(graph_, ref, opset_);
      if (!view.ok() || !view->IsInference(graph_)) return {};
    }
    if (node.op_type == "Pad") {  // zero lies on every grid, other fill values may not
      const auto view = analysis::PadOp::From(graph_, ref, opset_);
      if (!view.ok()) return {};
      if (view->mode == analysis::PadOp::Mode::kConstant && view->value.given() &&
          view->value.Constant(graph_) != std::optional<double>(0.0)) {
        return {};
      }
    }
    std::vector<ValueRef> moved(node.inputs.begin(), node.op_type == "Concat"
                                                         ? node.inputs.end()
                                                         : node.inputs.begin() + 1);
    for (const ValueRef value : moved) {
      if (!value || !IsFloat(value) || ConstantOf(value)) return {};
    }
    return moved;
  }

  bool IsAverage(NodeRef ref) const {
    return (Is(ref, "AveragePool") || Is(ref, "GlobalAveragePool")) &&
           !options_.exclude_ops.contains(graph_.node(ref).op_type);
  }

  // Integer layers compute `value`: directly, or through ops that have integer kernels.
  bool IsInteger(ValueRef value, int depth = 0) {
    const auto known = integer_.find(value);
    if (known != integer_.end()) return known->second;
    bool integer = IsFused(value);
    if (!integer && depth < kMaxDepth) {
      if (const NodeRef sum = SumBehind(value)) {
        const ir::Node& node = graph_.node(sum);
        integer = options_.sums != Sums::kFloat && !options_.exclude_ops.contains("Add") &&
                  IsInteger(node.inputs[0], depth + 1) && IsInteger(node.inputs[1], depth + 1);
      } else if (const NodeRef producer = graph_.value(value).producer) {
        const std::vector<ValueRef> moved = Moved(producer);
        integer = !moved.empty();
        for (const ValueRef input : moved) integer = integer && IsInteger(input, depth + 1);
        if (IsAverage(producer)) integer = IsInteger(graph_.node(producer).inputs[0], depth + 1);
      }
    }
    integer_[value] = integer;
    return integer;
  }

  // `value` gets a pair, and what leads to it as far as that is integer too.
  void Want(ValueRef first) {
    std::vector<ValueRef> work = {first};
    while (!work.empty()) {
      const ValueRef value = work.back();
      work.pop_back();
      if (parent_.contains(value)) continue;
      parent_[value] = value;
      if (!IsInteger(value) || IsFused(value)) continue;
      if (const NodeRef sum = SumBehind(value)) {
        const ValueRef open = OpenOperand(sum);
        for (const ValueRef input : graph_.node(sum).inputs) {
          if (input != open) work.push_back(input);
        }
        continue;
      }
      const NodeRef producer = graph_.value(value).producer;
      for (const ValueRef input : Moved(producer)) {
        moved_.insert(value);
        joins_.emplace_back(value, input);
        work.push_back(input);
      }
      if (IsAverage(producer)) work.push_back(graph_.node(producer).inputs[0]);
    }
  }

  ValueRef Root(ValueRef value) const {
    while (parent_.at(value) != value) value = parent_.at(value);
    return value;
  }

  void MakePairs() {
    for (const auto& [a, b] : joins_) {
      const ValueRef x = Root(a), y = Root(b);
      if (x != y) parent_[std::max(x, y)] = std::min(x, y);
    }
    std::vector<ValueRef> order;
    for (const ValueRef input : graph_.inputs()) order.push_back(input);
    for (NodeRef ref = graph_.first_node(); ref; ref = graph_.next_node(ref)) {
      for (const ValueRef output : graph_.node(ref).outputs) {
        if (output) order.push_back(output);
      }
    }
    std::map<ValueRef, size_t> range_of;
    for (const ValueRef value : order) {
      if (!parent_.contains(value)) continue;
      Pair pair;
      pair.value = value;
      pair.is_output = outputs_.contains(value);
      const auto [found, fresh] = range_of.emplace(Root(value), result_.ranges.size());
      if (fresh) result_.ranges.push_back({.observe = {}, .is_input = true});
      pair.range = found->second;
      SharedRange& range = result_.ranges[pair.range];
      if (!moved_.contains(value)) {
        range.observe.push_back(value);
        range.is_input = range.is_input && graph_.value(value).is_input;
      }
      pair.readers = ReadersOf(value);
      result_.pairs.push_back(std::move(pair));
    }
  }

  // What an integer layer computes is read dequantized by all, or it would not fuse; of other
  // tensors only the integer layers read the 8-bit form.
  std::vector<ir::Use> ReadersOf(ValueRef value) {
    const bool integer = IsInteger(value);
    std::vector<ir::Use> readers;
    for (const ir::Use& use : graph_.value(value).uses) {
      if (use.capture) continue;
      const auto layer = layer_of_.find(use.node);
      const bool reads_x =
          layer != layer_of_.end() && result_.layers[layer->second].x_index == use.index;
      if (integer || reads_x) readers.push_back(use);
    }
    std::sort(readers.begin(), readers.end(), [](const ir::Use& a, const ir::Use& b) {
      return std::pair(a.node, a.index) < std::pair(b.node, b.index);
    });
    return readers;
  }

  const ir::Model& model_;
  const Graph& graph_;
  const analysis::TypeTable& types_;
  const Constants& computed_;
  const PlacementOptions& options_;
  const int64_t opset_;
  Placement result_;
  std::map<NodeRef, size_t> layer_of_;
  std::map<ValueRef, bool> integer_;
  std::map<ValueRef, ValueRef> parent_;  // union-find over tensors with one scale
  std::vector<std::pair<ValueRef, ValueRef>> joins_;
  std::set<ValueRef> moved_, outputs_;
};

}  // namespace

std::vector<ValueRef> ComputedWeights(const ir::Model& model) {
  std::vector<ValueRef> found;
  const Graph& graph = model.graph;
  const std::set<ValueRef> constant = ConstantExpressions(graph);
  for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    if (!IsLayerOp(model, node)) continue;
    for (const ValueRef input : node.inputs) {
      if (!input || ConstantValue(graph, input) || !constant.contains(input)) continue;
      if (std::find(found.begin(), found.end(), input) == found.end()) found.push_back(input);
    }
  }
  return found;
}

Placement Place(const ir::Model& model, const analysis::TypeTable& types, const Constants& computed,
                const PlacementOptions& options) {
  return Placer(model, types, computed, options).Run();
}

}  // namespace assize::passes::quantize
