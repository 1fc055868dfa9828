// Grouping of nodes into units. Tests: tests/engine/contraction_test.cc, tests/engine/int8_test.cc.
#include "lib/engine/units.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/resizes.h"
#include "lib/engine/scaled_sums.h"
#include "lib/engine/shuffles.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::NodeRef;
using ir::ValueRef;

// Scales and shifts are folded for layers, not for whatever a hostile graph calls a channel.
constexpr int64_t kMaxAffineChannels = int64_t{1} << 20;

class Grouping {
 public:
  Grouping(Facts& facts, const std::vector<NodeRef>& order, const std::set<uint32_t>& keep,
           const UnitOptions& options)
      : facts_(facts),
        graph_(facts.graph()),
        order_(order),
        options_(options),
        readers_(graph_, order, keep),
        patterns_(facts, readers_) {}

  std::vector<Unit> Run() {
    std::vector<Unit> units;
    FindPatterns(units);
    for (const NodeRef ref : order_) {
      if (covered_.contains(ref.index)) continue;
      Unit unit = Match(ref);
      for (const NodeRef node : unit.nodes) covered_.insert(node.index);
      units.push_back(std::move(unit));
    }
    JoinScaledSums(facts_, readers_, units);
    // A unit runs where its last node stood: by then everything it reads is there.
    const auto position = [&](const Unit& unit) {
      return readers_.Position(unit.place ? unit.place : unit.nodes.back());
    };
    std::stable_sort(units.begin(), units.end(),
                     [&](const Unit& a, const Unit& b) { return position(a) < position(b); });
    JoinChannelShuffles(facts_, units);
    return units;
  }

 private:
  const ir::Node& node(NodeRef ref) const { return graph_.node(ref); }

  // Attention and layer normalization become units at once; GELU waits for the contraction that may
  // take it.
  void FindPatterns(std::vector<Unit>& units) {
    const auto free = [&](const std::vector<NodeRef>& nodes) {
      return std::none_of(nodes.begin(), nodes.end(),
                          [&](NodeRef node) { return covered_.contains(node.index); });
    };
    const auto take = [&](Unit unit) {
      for (const NodeRef node : unit.nodes) covered_.insert(node.index);
      units.push_back(std::move(unit));
    };
    for (const NodeRef ref : order_) {
      const std::string_view op = node(ref).op_type;
      if (op == "Softmax") {
        auto match = patterns_.Attention(ref);
        if (!match || !free(match->nodes)) continue;
        Unit unit;
        unit.kind = Unit::Kind::kAttention;
        unit.head = ref;
        unit.nodes = match->nodes;
        unit.reads = {match->q.base, match->k.base, match->v.base};
        if (match->mask) unit.reads.push_back(match->mask);
        ValueRef tail = match->y;
        if (options_.integer_kernels) TakeSink(unit, tail);
        unit.writes = {tail};
        unit.attention = std::move(match);
        take(std::move(unit));
      } else if (op == "ReduceMean" || op == "LayerNormalization" || op == "RMSNormalization" ||
                 op == "SimplifiedLayerNormalization") {
        auto match = op == "ReduceMean" ? patterns_.LayerNorm(ref) : patterns_.LayerNormNode(ref);
        if (!match || !free(match->nodes)) continue;
        Unit unit;
        unit.kind = Unit::Kind::kLayerNorm;
        unit.head = ref;
        unit.nodes = match->nodes;
        unit.place = match->nodes.back();
        unit.reads = {match->x};
        unit.writes = {match->y};
        if (options_.integer_kernels) TakeGrid(unit, match->y);
        unit.norm = std::move(match);
        take(std::move(unit));
      } else if (op == "Erf" || op == "Tanh") {
        auto match = patterns_.Gelu(ref);
        if (!match || !free(match->nodes)) continue;
        gelus_[match->x.index] = std::move(*match);
      }
    }
  }

  // The first QuantizeLinear among the readers of `value`: its result is made on the way, whoever
  // else reads the floats.
  void TakeGrid(Unit& unit, ValueRef value) {
    for (const NodeRef reader : readers_.Inside(value)) {
      if (!IsOnnx(node(reader)) || covered_.contains(reader.index)) continue;
      const auto params = Sink(reader);
      if (!params || node(reader).inputs[0] != value) continue;
      unit.result = params;
      unit.quantized = node(reader).outputs[0];
      unit.nodes.push_back(reader);
      unit.writes.push_back(unit.quantized);
      return;
    }
  }

  const GeluMatch* GeluOf(ValueRef value) const {
    const auto found = gelus_.find(value.index);
    if (found == gelus_.end()) return nullptr;
    const bool free = std::none_of(found->second.nodes.begin(), found->second.nodes.end(),
                                   [&](NodeRef node) { return covered_.contains(node.index); });
    return free ? &found->second : nullptr;
  }

  static UnaryOpSpec SpecOf(const GeluMatch& match) {
    return {match.tanh ? Unary::kGeluTanh : Unary::kGelu};
  }

  // A GELU whose first node is `ref`, on its own.
  std::optional<Unit> MatchGelu(NodeRef ref) {
    for (const ValueRef x : node(ref).inputs) {
      const GeluMatch* match = x ? GeluOf(x) : nullptr;
      if (match == nullptr || match->nodes.front() != ref) continue;
      Unit unit;
      unit.kind = Unit::Kind::kActivation;
      unit.head = ref;
      unit.nodes = match->nodes;
      unit.reads = {match->x};
      unit.activation = SpecOf(*match);
      ValueRef tail = match->y;
      if (options_.integer_kernels) TakeSink(unit, tail);
      unit.writes = {tail};
      return unit;
    }
    return std::nullopt;
  }

  Unit Match(NodeRef ref) {
    const ir::Node& n = node(ref);
    if (std::optional<Unit> unit = MatchGelu(ref)) return *std::move(unit);
    if (IsOnnx(n)) {
      if (n.op_type == "Conv" || n.op_type == "Gemm" || n.op_type == "MatMul") {
        if (options_.integer_kernels) {
          if (std::optional<Unit> unit = MatchContraction(ref, true)) return *std::move(unit);
        }
        if (std::optional<Unit> unit = MatchContraction(ref, false)) return *std::move(unit);
      } else if (options_.integer_kernels) {
        if (std::optional<Unit> unit = MatchQuantized(ref)) return *std::move(unit);
      }
      if (std::optional<Unit> unit = MatchAffine(ref)) return *std::move(unit);
    }
    return Single(ref);
  }

  Unit Single(NodeRef ref) const {
    Unit unit;
    unit.head = ref;
    unit.nodes = {ref};
    const ir::Node& n = node(ref);
    for (const ValueRef input : n.inputs) {
      if (input) unit.reads.push_back(input);
    }
    for (const ValueRef capture : n.captures) unit.reads.push_back(capture);
    for (const ValueRef output : n.outputs) {
      if (output) unit.writes.push_back(output);
    }
    return unit;
  }

  // The one node that reads `value`, when nobody else does and it belongs to this plan.
  std::optional<NodeRef> OnlyReader(ValueRef value) const {
    const auto reader = readers_.Only(value);
    if (!reader || covered_.contains(reader->index)) return std::nullopt;
    return IsOnnx(node(*reader)) ? reader : std::nullopt;
  }

  // Scale and zero point when they are known, whole-tensor, float and 8 bits.
  std::optional<QuantParams> Params(ValueRef scale, ValueRef zero_point, DType dtype) {
    const ir::Tensor* s = facts_.Known(scale);
    if (s == nullptr || s->dtype() != DType::kFloat || s->element_count() != 1) return std::nullopt;
    QuantParams params;
    params.scale = s->data<float>()[0];
    if (!(params.scale > 0) || !std::isfinite(params.scale)) return std::nullopt;
    params.dtype = dtype;
    if (dtype != DType::kUint8 && dtype != DType::kInt8) return std::nullopt;
    if (zero_point) {
      const ir::Tensor* z = facts_.Known(zero_point);
      if (z == nullptr || z->element_count() != 1 || z->dtype() != dtype) return std::nullopt;
      params.zero_point = static_cast<int32_t>(z->ToInts()[0]);
    }
    return params;
  }

  // `value` is the result of a whole-tensor DequantizeLinear of something that runs.
  std::optional<QuantSource> Source(ValueRef value) {
    if (!value || facts_.IsEvaluable(value)) return std::nullopt;
    const NodeRef producer = graph_.value(value).producer;
    if (!producer || !IsOnnx(node(producer)) || node(producer).op_type != "DequantizeLinear")
      return std::nullopt;
    const auto view = analysis::DequantizeLinearOp::From(graph_, producer, facts_.opset());
    if (!view.ok() || view->block_size != 0 || view->output_dtype > 1) return std::nullopt;
    const ValueFact* x = facts_.Find(view->x);
    if (x == nullptr) return std::nullopt;
    const auto params = Params(view->scale, view->zero_point, x->dtype);
    if (!params) return std::nullopt;
    return QuantSource{view->x, *params};
  }

  std::optional<QuantParams> Sink(NodeRef ref) {
    if (node(ref).op_type != "QuantizeLinear") return std::nullopt;
    const auto view = analysis::QuantizeLinearOp::From(graph_, ref, facts_.opset());
    if (!view.ok() || view->block_size != 0) return std::nullopt;
    const ValueFact* y = facts_.Find(view->y);
    if (y == nullptr) return std::nullopt;
    return Params(view->scale, view->zero_point, y->dtype);
  }

  // Adds the QuantizeLinear that alone reads `tail`.
  bool TakeSink(Unit& unit, ValueRef& tail) {
    const auto reader = OnlyReader(tail);
    if (!reader) return false;
    const auto params = Sink(*reader);
    if (!params || node(*reader).inputs[0] != tail) return false;
    unit.result = params;
    unit.nodes.push_back(*reader);
    tail = node(*reader).outputs[0];
    return true;
  }

  // A constant that varies along the channel axis alone, as one double per channel.
  std::optional<std::vector<double>> PerChannel(ValueRef value, int64_t rank, size_t axis,
                                                int64_t channels) {
    const ir::Tensor* tensor = facts_.Known(value);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat || tensor->rank() > rank)
      return std::nullopt;
    const size_t lead = static_cast<size_t>(rank - tensor->rank());
    for (size_t i = 0; i < tensor->dims().size(); ++i) {
      const int64_t dim = tensor->dims()[i];
      if (i + lead == axis ? dim != channels && dim != 1 : dim != 1) return std::nullopt;
    }
    std::vector<double> values = tensor->ToDoubles();
    if (values.size() == 1) values.assign(static_cast<size_t>(channels), values[0]);
    return values;
  }

  // Scale and shift of the node that follows, when it is one: BatchNormalization, Mul or Add with
  // constants.
  bool TakeAffine(Unit& unit, NodeRef ref, ValueRef tail, const ir::Shape& dims, size_t axis) {
    const ir::Node& n = node(ref);
    const int64_t channels = dims[axis];
    if (channels > kMaxAffineChannels) return false;
    std::vector<double> k(static_cast<size_t>(channels), 1), d(static_cast<size_t>(channels), 0);
    if (n.op_type == "BatchNormalization" && axis == 1) {
      const auto view = analysis::BatchNormalizationOp::From(graph_, ref, facts_.opset());
      if (!view.ok() || view->training || !view->spatial || view->x != tail) return false;
      std::vector<std::vector<double>> parts;
      for (const ValueRef part : {view->scale, view->bias, view->mean, view->var}) {
        const ir::Tensor* tensor = facts_.Known(part);
        if (tensor == nullptr || tensor->dtype() != DType::kFloat ||
            tensor->element_count() != channels)
          return false;
        parts.push_back(tensor->ToDoubles());
      }
      for (size_t c = 0; c < k.size(); ++c) {
        k[c] = parts[0][c] / std::sqrt(parts[3][c] + static_cast<double>(view->epsilon));
        d[c] = parts[1][c] - parts[2][c] * k[c];
      }
    } else if ((n.op_type == "Add" || n.op_type == "Mul") && n.inputs.size() == 2) {
      const ValueRef other = n.inputs[0] == tail ? n.inputs[1] : n.inputs[0];
      const auto values = PerChannel(other, static_cast<int64_t>(dims.size()), axis, channels);
      if (!values) return false;
      (n.op_type == "Add" ? d : k) = *values;
    } else {
      return false;
    }
    for (size_t c = 0; c < k.size(); ++c) {
      if (!std::isfinite(k[c]) || !std::isfinite(d[c])) return false;
    }
    if (unit.scale.empty()) {
      unit.scale = std::move(k), unit.shift = std::move(d);
    } else {
      for (size_t c = 0; c < k.size(); ++c) {
        unit.scale[c] *= k[c];
        unit.shift[c] = unit.shift[c] * k[c] + d[c];
      }
    }
    return true;
  }

  // Scales and shifts of channels in a row that no contraction could take, as DenseNet's in front
  // of its convolutions.
  std::optional<Unit> MatchAffine(NodeRef ref) {
    const ir::Node& n = node(ref);
    if (n.inputs.empty() || n.outputs.size() != 1) return std::nullopt;
    ValueRef tail = n.inputs[0];
    if (facts_.IsEvaluable(tail) && n.inputs.size() == 2) tail = n.inputs[1];
    const ValueFact* x = facts_.Find(tail);
    const ValueFact* y = facts_.Find(n.outputs[0]);
    if (x == nullptr || y == nullptr || x->evaluable || x->dtype != DType::kFloat)
      return std::nullopt;
    const ir::Shape dims = x->dims;
    if (dims.size() < 2 || y->dims != dims || ir::ElementCount(dims).value_or(0) == 0)
      return std::nullopt;
    Unit unit;
    unit.kind = Unit::Kind::kAffine;
    unit.head = ref;
    unit.reads = {tail};
    NodeRef next = ref;
    while (TakeAffine(unit, next, tail, dims, 1)) {
      unit.nodes.push_back(next);
      tail = node(next).outputs[0];
      const auto reader = OnlyReader(tail);
      if (!reader || node(*reader).outputs.size() != 1) break;
      const ValueFact* result = facts_.Find(node(*reader).outputs[0]);
      if (result == nullptr || result->dims != dims) break;
      next = *reader;
      if (node(next).op_type != "Relu" && node(next).op_type != "Clip") continue;
      const auto spec = UnarySpec(facts_, next);
      if (spec && node(next).inputs[0] == tail) {
        unit.activation = spec;
        unit.nodes.push_back(next);
        tail = node(next).outputs[0];
      }
      break;
    }
    if (unit.nodes.empty()) return std::nullopt;
    if (options_.integer_kernels) TakeSink(unit, tail);
    if (unit.nodes.size() == 1 && n.op_type != "BatchNormalization") return std::nullopt;
    unit.writes = {tail};
    return unit;
  }

  std::optional<Unit> MatchContraction(NodeRef ref, bool integer) {
    const ir::Node& n = node(ref);
    const bool conv = n.op_type == "Conv";
    const ValueFact* y = facts_.Find(n.outputs[0]);
    if (y == nullptr || y->dtype != DType::kFloat || y->evaluable || n.inputs.size() < 2)
      return std::nullopt;
    const ir::Shape dims = y->dims;
    if (dims.size() < (conv ? 3u : 2u)) return std::nullopt;
    if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return std::nullopt;
    for (const ValueRef input : n.inputs) {
      if (!input) continue;
      const ir::Shape& in = facts_.Find(input)->dims;
      if (std::find(in.begin(), in.end(), 0) != in.end()) return std::nullopt;
    }
    const ValueRef x = n.inputs[0], w = n.inputs[1], b = analysis::InputAt(n, 2);
    if (conv && !facts_.IsEvaluable(w)) return std::nullopt;
    if (conv && b && !facts_.IsEvaluable(b)) return std::nullopt;
    if (facts_.IsEvaluable(x)) return std::nullopt;
    Unit unit;
    unit.kind = Unit::Kind::kContraction;
    unit.head = ref;
    unit.nodes = {ref};
    if (integer) {
      if (!facts_.IsEvaluable(w) || (b && !facts_.IsEvaluable(b))) return std::nullopt;
      unit.sources.resize(2);
      unit.sources[0] = Source(x);
      if (!unit.sources[0] || !QuantWeights(unit, ref, w)) return std::nullopt;
      unit.reads = {unit.sources[0]->quantized};
    } else {
      for (const ValueRef input : n.inputs) {
        if (input && !facts_.IsEvaluable(input)) unit.reads.push_back(input);
      }
    }
    const size_t axis = conv ? 1 : dims.size() - 1;
    ValueRef tail = n.outputs[0];
    // oneDNN's kernels for groups do not round in between.
    const bool grouped = analysis::AttributeReader(graph_, ref).Int("group", 1) != 1;
    // A Gemm whose third operand runs adds it in a step of its own: nothing may come between.
    const bool closed = !conv && b && !facts_.IsEvaluable(b);
    while (!closed) {
      if (const GeluMatch* gelu = GeluOf(tail); gelu != nullptr && !unit.activation) {
        const auto all = readers_.All(tail);
        const bool alone =
            all && std::all_of(all->begin(), all->end(), [&](NodeRef reader) {
              return std::find(gelu->nodes.begin(), gelu->nodes.end(), reader) != gelu->nodes.end();
            });
        if (!alone) break;
        unit.activation = SpecOf(*gelu);
        unit.nodes.insert(unit.nodes.end(), gelu->nodes.begin(), gelu->nodes.end());
        tail = gelu->y;
        continue;
      }
      if (integer && !grouped && TakeRoundedSum(unit, tail, dims)) break;
      const auto reader = OnlyReader(tail);
      if (!reader) break;
      const ir::Node& next = node(*reader);
      const ValueFact* result =
          next.outputs.empty() || !next.outputs[0] ? nullptr : facts_.Find(next.outputs[0]);
      if (result == nullptr || result->dims != dims || next.outputs.size() != 1) break;
      if (!unit.activation && !unit.residual && TakeAffine(unit, *reader, tail, dims, axis)) {
        // taken
      } else if (IsAdd(next) && !unit.residual && !unit.activation &&
                 next.inputs[0] != next.inputs[1]) {
        const ValueRef other = next.inputs[0] == tail ? next.inputs[1] : next.inputs[0];
        const ValueFact* fact = facts_.Find(other);
        if (fact == nullptr || fact->evaluable || fact->dims != dims ||
            fact->dtype != DType::kFloat)
          break;
        // What the residual needs must be there without this unit: it is, when it does not hang on
        // `tail`, which only this Add reads.
        unit.residual = other;
        if (integer) {
          if (const auto source = Source(other)) {
            unit.residual = source->quantized;
            unit.residual_params = source->params;
          }
        }
        unit.reads.push_back(unit.residual);
      } else if (!unit.activation && (next.op_type == "Relu" || next.op_type == "Clip")) {
        const auto spec = UnarySpec(facts_, *reader);
        if (!spec || next.inputs[0] != tail) break;
        unit.activation = spec;
      } else {
        break;
      }
      unit.nodes.push_back(*reader);
      tail = next.outputs[0];
    }
    if (integer && !closed && !unit.rounded) TakeSink(unit, tail);
    unit.writes = {tail};
    return unit;
  }

  // A layer whose rounded result is added to a quantized residual, as most quantizers write it:
  // `tail` -> QuantizeLinear -> DequantizeLinear -> Add [-> Relu or Clip] -> QuantizeLinear, each
  // the only reader of the one before, the residual on bytes of the result's kind.
  bool TakeRoundedSum(Unit& unit, ValueRef& tail, const ir::Shape& dims) {
    if (!options_.rounded_sums || unit.residual || unit.activation) return false;
    const auto quantize = OnlyReader(tail);
    if (!quantize || node(*quantize).inputs[0] != tail) return false;
    const auto rounded = Sink(*quantize);
    if (!rounded) return false;
    const auto dequantize = OnlyReader(node(*quantize).outputs[0]);
    if (!dequantize || node(*dequantize).op_type != "DequantizeLinear") return false;
    ValueRef value = node(*dequantize).outputs[0];
    const auto back = Source(value);
    if (!back || back->params != *rounded) return false;
    const auto add = OnlyReader(value);
    if (!add || !IsAdd(node(*add)) || node(*add).inputs[0] == node(*add).inputs[1]) return false;
    const ir::Node& sum = node(*add);
    const ValueRef other = sum.inputs[0] == value ? sum.inputs[1] : sum.inputs[0];
    const ValueFact* fact = facts_.Find(other);
    const auto residual = Source(other);
    if (fact == nullptr || fact->dims != dims || !residual) return false;
    std::vector<NodeRef> nodes{*quantize, *dequantize, *add};
    value = sum.outputs[0];
    auto last = OnlyReader(value);
    if (!last) return false;
    std::optional<UnaryOpSpec> activation;
    if (node(*last).op_type == "Relu" || node(*last).op_type == "Clip") {
      activation = UnarySpec(facts_, *last);
      if (!activation || node(*last).inputs[0] != value) return false;
      nodes.push_back(*last);
      value = node(*last).outputs[0];
      last = OnlyReader(value);
    }
    if (!last || node(*last).inputs[0] != value) return false;
    const auto result = Sink(*last);
    if (!result || result->dtype != residual->params.dtype) return false;
    nodes.push_back(*last);
    unit.rounded = rounded;
    unit.residual = residual->quantized;
    unit.residual_params = residual->params;
    unit.activation = activation;
    unit.result = result;
    unit.reads.push_back(unit.residual);
    unit.nodes.insert(unit.nodes.end(), nodes.begin(), nodes.end());
    tail = node(*last).outputs[0];
    return true;
  }

  // Weights as constant int8 with zero point 0 (or uint8 with 128, the same after a shift), scales
  // per tensor or per output channel.
  bool QuantWeights(Unit& unit, NodeRef ref, ValueRef w) {
    const ir::Node& n = node(ref);
    const NodeRef producer = graph_.value(w).producer;
    if (!producer || !IsOnnx(node(producer)) || node(producer).op_type != "DequantizeLinear")
      return false;
    const auto view = analysis::DequantizeLinearOp::From(graph_, producer, facts_.opset());
    if (!view.ok() || view->block_size != 0 || view->output_dtype > 1) return false;
    const ir::Tensor* q = facts_.Known(view->x);
    const ir::Tensor* scale = facts_.Known(view->scale);
    if (q == nullptr || scale == nullptr || scale->dtype() != DType::kFloat) return false;
    if (q->dtype() != DType::kInt8) return false;
    if (n.op_type != "Conv" && q->rank() != 2) return false;
    if (view->zero_point) {
      const ir::Tensor* zero = facts_.Known(view->zero_point);
      if (zero == nullptr) return false;
      for (const int64_t z : zero->ToInts()) {
        if (z != 0) return false;
      }
    }
    const auto scales = scale->data<float>();
    for (const float s : scales) {
      if (!(s >= 0) || !std::isfinite(s)) return false;
    }
    if (scales.size() != 1) {
      int64_t channel_axis = 0;
      if (n.op_type == "MatMul") channel_axis = 1;
      if (n.op_type == "Gemm") {
        const auto gemm = analysis::GemmOp::From(graph_, ref, facts_.opset());
        if (!gemm.ok()) return false;
        channel_axis = gemm->trans_b ? 0 : 1;
      }
      const int64_t axis = view->axis < 0 ? view->axis + q->rank() : view->axis;
      if (axis != channel_axis ||
          static_cast<int64_t>(scales.size()) != q->dims()[static_cast<size_t>(axis)]) {
        return false;
      }
    }
    unit.sources[1] = QuantSource{view->x, {}};
    unit.weight_scales.assign(scales.begin(), scales.end());
    return true;
  }

  std::optional<Unit> MatchQuantized(NodeRef ref) {
    static const std::set<std::string_view> kMoves = {
        "Reshape",       "Flatten", "Squeeze",  "Unsqueeze", "Transpose", "Slice", "MaxPool",
        "GlobalMaxPool", "Concat",  "Identity", "Dropout",   "Gather",    "Pad"};
    const ir::Node& n = node(ref);
    if (n.outputs.size() != 1 || n.inputs.empty()) return std::nullopt;
    const ValueFact* y = facts_.Find(n.outputs[0]);
    if (y == nullptr || y->evaluable || ir::ElementCount(y->dims).value_or(0) == 0)
      return std::nullopt;
    const std::string_view op = n.op_type;
    Unit unit;
    unit.head = ref;
    unit.nodes = {ref};
    unit.sources.resize(n.inputs.size());
    ValueRef tail = n.outputs[0];
    if (op == "QuantizeLinear") {  // DequantizeLinear straight into QuantizeLinear: another scale
      unit.sources[0] = Source(n.inputs[0]);
      unit.result = Sink(ref);
      if (!unit.sources[0] || !unit.result) return std::nullopt;
      unit.kind = Unit::Kind::kQuantUnary;
      unit.activation = UnaryOpSpec{};
    } else if (op == "Resize" || op == "Upsample") {
      const auto match = MatchResize(facts_, ref);
      if (!match) return std::nullopt;
      for (size_t i = 1; i < n.inputs.size(); ++i) {
        if (n.inputs[i] && !facts_.IsEvaluable(n.inputs[i])) return std::nullopt;
      }
      unit.kind = match->OnlyMoves() ? Unit::Kind::kQuantMove : Unit::Kind::kQuantResize;
      unit.sources[0] = Source(n.inputs[0]);
      if (!unit.sources[0] || !TakeSink(unit, tail)) return std::nullopt;
    } else if (op == "Concat" || kMoves.contains(op)) {
      unit.kind = Unit::Kind::kQuantMove;
      const size_t data = op == "Concat" ? n.inputs.size() : 1;
      for (size_t i = 0; i < data; ++i) {
        unit.sources[i] = Source(n.inputs[i]);
        if (!unit.sources[i]) return std::nullopt;
      }
      for (size_t i = data; i < n.inputs.size(); ++i) {
        if (n.inputs[i] && !facts_.IsEvaluable(n.inputs[i])) return std::nullopt;
      }
      if (!TakeSink(unit, tail)) return std::nullopt;
      // Types may differ only where a table translates: one byte in, one byte out.
    } else if (op == "AveragePool" || op == "GlobalAveragePool") {
      unit.kind = Unit::Kind::kQuantAverage;
      unit.sources[0] = Source(n.inputs[0]);
      if (!unit.sources[0] || !TakeSink(unit, tail)) return std::nullopt;
    } else if ((IsAdd(n) || op == "Sub" || op == "Mul" || op == "Div") && n.inputs.size() == 2) {
      unit.kind = Unit::Kind::kQuantBinary;
      for (size_t i = 0; i < 2; ++i) {
        unit.sources[i] = Source(n.inputs[i]);
        if (!unit.sources[i] || facts_.Find(n.inputs[i])->dims != y->dims) return std::nullopt;
      }
      if (const auto reader = OnlyReader(tail)) {
        const ir::Node& next = node(*reader);
        if ((next.op_type == "Relu" || next.op_type == "Clip") && next.inputs[0] == tail) {
          if (const auto spec = UnarySpec(facts_, *reader)) {
            unit.activation = spec;
            unit.nodes.push_back(*reader);
            tail = next.outputs[0];
          }
        }
      }
      if (!TakeSink(unit, tail)) return std::nullopt;
    } else if (const auto spec = UnarySpec(facts_, ref)) {
      unit.kind = Unit::Kind::kQuantUnary;
      unit.activation = spec;
      unit.sources[0] = Source(n.inputs[0]);
      if (!unit.sources[0] || !TakeSink(unit, tail)) return std::nullopt;
    } else {
      return std::nullopt;
    }
    for (const auto& source : unit.sources) {
      if (source) unit.reads.push_back(source->quantized);
    }
    if (op == "QuantizeLinear") tail = n.outputs[0];
    unit.writes = {tail};
    return unit;
  }

  Facts& facts_;
  const ir::Graph& graph_;
  const std::vector<NodeRef>& order_;
  const UnitOptions options_;
  const Readers readers_;
  Patterns patterns_;
  std::map<uint32_t, GeluMatch> gelus_;  // by x
  std::set<uint32_t> covered_;
};

}  // namespace

std::vector<Unit> MakeUnits(Facts& facts, const std::vector<NodeRef>& order,
                            const std::set<uint32_t>& keep, const UnitOptions& options) {
  return Grouping(facts, order, keep, options).Run();
}

}  // namespace assize::engine
