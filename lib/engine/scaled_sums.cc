// Tests: tests/engine/dynamic_quantized_test.cc.
#include "lib/engine/scaled_sums.h"

#include <algorithm>
#include <map>
#include <optional>

namespace assize::engine {
namespace {

using ir::DType;
using ir::NodeRef;
using ir::ValueRef;

class Joiner {
 public:
  Joiner(Facts& facts, const Readers& readers, std::vector<Unit>& units)
      : facts_(facts), graph_(facts.graph()), readers_(readers), units_(units) {
    for (size_t i = 0; i < units.size(); ++i) {
      if (units[i].kind == Unit::Kind::kNode && units[i].nodes.size() == 1)
        single_[units[i].head.index] = i;
    }
  }

  void Run() {
    for (const auto& [index, at] : single_) {
      const ir::Node& n = graph_.node(units_[at].head);
      const bool product = n.op_type == "MatMulInteger" || n.op_type == "ConvInteger";
      if (product && IsOnnx(n) && n.outputs.size() == 1 && n.outputs[0]) Join(at);
    }
    std::erase_if(units_, [](const Unit& unit) { return unit.nodes.empty(); });
  }

 private:
  // The unit of the one reader of `value`, when it is the node `op` alone.
  std::optional<size_t> Next(ValueRef value, std::string_view op) const {
    const auto reader = readers_.Only(value);
    if (!reader || !IsOnnx(graph_.node(*reader)) || graph_.node(*reader).op_type != op)
      return std::nullopt;
    const auto found = single_.find(reader->index);
    if (found == single_.end()) return std::nullopt;
    return found->second;
  }

  // The operand of `unit` beside `tail`: floats, one or one a channel, that do not widen the
  // result.
  std::optional<ValueRef> Beside(const Unit& unit, ValueRef tail, const ir::Shape& dims,
                                 size_t axis) {
    const ir::Node& n = graph_.node(unit.head);
    if (n.inputs.size() != 2 || n.inputs[0] == n.inputs[1]) return std::nullopt;
    const ValueRef other = n.inputs[0] == tail ? n.inputs[1] : n.inputs[0];
    const ValueFact *fact = facts_.Find(other), *y = facts_.Find(n.outputs[0]);
    if (fact == nullptr || y == nullptr || y->dims != dims || fact->dtype != DType::kFloat)
      return std::nullopt;
    const size_t lead = dims.size() - fact->dims.size();
    for (size_t i = 0; i < fact->dims.size(); ++i) {
      if (fact->dims[i] != 1 && i + lead != axis) return std::nullopt;
    }
    return other;
  }

  void Join(size_t at) {
    ValueRef tail = graph_.node(units_[at].head).outputs[0];
    const ir::Shape dims = facts_.Find(tail)->dims;
    if (dims.size() < 2 || ir::ElementCount(dims).value_or(0) == 0) return;
    for (const ValueRef input : graph_.node(units_[at].head).inputs) {
      if (input && ir::ElementCount(facts_.Find(input)->dims).value_or(0) == 0) return;
    }
    const size_t axis = graph_.node(units_[at].head).op_type == "ConvInteger" ? 1 : dims.size() - 1;
    const auto cast = Next(tail, "Cast");
    if (!cast) return;
    tail = graph_.node(units_[*cast].head).outputs[0];
    if (facts_.Find(tail)->dtype != DType::kFloat) return;
    const auto times = Next(tail, "Mul");
    const auto scales = times ? Beside(units_[*times], tail, dims, axis) : std::nullopt;
    if (!scales) return;
    tail = graph_.node(units_[*times].head).outputs[0];
    std::vector<size_t> taken{*cast, *times};
    const auto plus = Next(tail, "Add");
    const auto bias = plus ? Beside(units_[*plus], tail, dims, axis) : std::nullopt;
    Unit& unit = units_[at];
    if (bias) {
      tail = graph_.node(units_[*plus].head).outputs[0];
      taken.push_back(*plus);
      unit.reads.push_back(*bias);
      unit.bias = *bias;
    }
    unit.kind = Unit::Kind::kScaledSums;
    unit.reads.push_back(*scales);
    unit.scales = *scales;
    unit.writes = {tail};
    for (const size_t i : taken) {
      unit.nodes.push_back(units_[i].head);
      units_[i].nodes.clear();
    }
  }

  Facts& facts_;
  const ir::Graph& graph_;
  const Readers& readers_;
  std::vector<Unit>& units_;
  std::map<uint32_t, size_t> single_;  // by node
};

}  // namespace

void JoinScaledSums(Facts& facts, const Readers& readers, std::vector<Unit>& units) {
  Joiner(facts, readers, units).Run();
}

}  // namespace assize::engine
