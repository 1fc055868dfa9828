// Tests: tests/engine/image_units_test.cc.
#include "lib/engine/shuffles.h"

#include <map>

#include "lib/analysis/ops.h"

namespace assize::engine {
namespace {

// The unit moves elements and leaves them as they are: floats, or bytes on one grid.
bool OnlyMoves(const Unit& unit) {
  if (unit.reads.empty() || unit.writes.size() != 1) return false;
  if (unit.kind == Unit::Kind::kNode) return true;
  return unit.kind == Unit::Kind::kQuantMove && unit.sources[0] && unit.result &&
         unit.sources[0]->params == *unit.result;
}

}  // namespace

void JoinChannelShuffles(Facts& facts, std::vector<Unit>& units) {
  const ir::Graph& graph = facts.graph();
  std::map<uint32_t, size_t> maker;  // by value
  const auto dims_of = [&](ir::ValueRef value) {
    const ValueFact* fact = facts.Find(value);
    return fact == nullptr ? ir::Shape{} : fact->dims;
  };
  const auto before = [&](const Unit& unit, const std::string_view op) -> const Unit* {
    const auto found = maker.find(unit.reads[0].index);
    if (found == maker.end()) return nullptr;
    const Unit& made = units[found->second];
    const ir::Node& head = graph.node(made.head);
    return OnlyMoves(made) && made.kind == unit.kind && IsOnnx(head) && head.op_type == op
               ? &made
               : nullptr;
  };
  for (size_t i = 0; i < units.size(); ++i) {
    Unit& last = units[i];
    for (const ir::ValueRef write : last.writes) maker[write.index] = i;
    const ir::Node& head = graph.node(last.head);
    if (!IsOnnx(head) || head.op_type != "Reshape" || !OnlyMoves(last)) continue;
    const Unit* turn = before(last, "Transpose");
    const Unit* first = turn == nullptr ? nullptr : before(*turn, "Reshape");
    if (first == nullptr) continue;
    const ir::Shape x = dims_of(graph.node(first->head).inputs[0]);
    const ir::Shape split = dims_of(graph.node(first->head).outputs[0]);
    if (x.size() < 3 || split.size() != x.size() + 1 || dims_of(head.outputs[0]) != x) continue;
    if (split[0] != x[0] || split[1] * split[2] != x[1]) continue;
    if (!std::equal(x.begin() + 2, x.end(), split.begin() + 3)) continue;
    const auto view = analysis::TransposeOp::From(graph, turn->head, facts.opset());
    if (!view.ok()) continue;
    std::vector<int64_t> perm(split.size());
    for (size_t d = 0; d < perm.size(); ++d) perm[d] = static_cast<int64_t>(d);
    std::swap(perm[1], perm[2]);
    if (view->PermFor(split.size()) != perm) continue;
    Unit joined = last;
    joined.kind = Unit::Kind::kShuffle;
    joined.groups = split[1];
    joined.reads = {first->reads[0]};
    joined.nodes = first->nodes;
    joined.nodes.insert(joined.nodes.end(), turn->nodes.begin(), turn->nodes.end());
    joined.nodes.insert(joined.nodes.end(), last.nodes.begin(), last.nodes.end());
    last = std::move(joined);
  }
}

}  // namespace assize::engine
