// The driver of pattern passes: visits the nodes of every graph in execution order, round after round.
// Tests: tests/pass/pattern_driver_test.cc.
#include "lib/pass/pass.h"

namespace assize::pass {

std::optional<int64_t> GraphContext::opset(std::string_view domain) const {
  const auto plain = [](std::string_view d) { return d == "ai.onnx" ? std::string_view() : d; };
  for (const ir::OpsetImport& import : opset_imports) {
    if (plain(import.domain) == plain(domain)) return import.version;
  }
  return std::nullopt;
}

namespace pass_internal {
namespace {

struct Walk {
  GraphContext context;
  NodeVisitor& visitor;
  std::string where;  // "graph \"g\"" or "function \"f\""
};

bool MayMatchInside(const ir::Graph& graph) {
  for (ir::NodeRef node = graph.first_node(); node; node = graph.next_node(node)) {
    if (graph.node(node).has_subgraphs()) return true;
  }
  return false;
}

// One walk over the nodes that exist at its start; what a rewrite adds is seen by the next one.
bool Round(Walk& walk, ir::Editor& edit) {
  bool rewritten = false;
  for (const ir::NodeRef node : edit.graph().nodes()) {
    if (edit.graph().valid(node) && walk.visitor.Visit(walk.context, edit, node)) rewritten = true;
  }
  return rewritten;
}

Status DriveGraph(Walk& walk, ir::Editor& edit) {
  for (int round = 0; Round(walk, edit); ++round) {
    if (round + 1 >= kMaxPatternRounds) {
      return Internal("{} still changes after kMaxPatternRounds = {} rounds over its nodes", walk.where,
                      kMaxPatternRounds);
    }
  }
  if (!MayMatchInside(edit.graph())) return OkStatus();
  for (const ir::NodeRef node : edit.graph().nodes()) {
    if (!edit.graph().valid(node) || !edit.graph().node(node).has_subgraphs()) continue;
    Status status;
    edit.EditSubgraphs(node, [&](ir::Editor& inner) {
      if (status.ok()) status = DriveGraph(walk, inner);
    });
    AZ_RETURN_IF_ERROR(status);
  }
  return OkStatus();
}

}  // namespace

Status DrivePattern(ir::Model& model, Context&, NodeVisitor& visitor) {
  {
    // The model is const to Match; the graph it looks at is the one the editor changes.
    Walk walk{{model, model.opset_imports}, visitor, "the main graph"};
    ir::Editor edit(model.graph);
    AZ_RETURN_IF_ERROR(DriveGraph(walk, edit));
  }
  for (ir::Function& function : model.functions) {
    Walk walk{{model, function.opset_imports}, visitor,
              fmt::format("function \"{}\"", function.name)};
    ir::Editor edit(function.body);
    AZ_RETURN_IF_ERROR(DriveGraph(walk, edit));
  }
  return OkStatus();
}

void CountMatches(Context& context, int64_t rewritten, const MatchLog& log) {
  (*context.statistics)["rewritten"] += rewritten;
  for (const auto& [reason, count] : log.declined()) {
    (*context.statistics)["declined: " + reason] += count;
  }
}

}  // namespace pass_internal
}  // namespace assize::pass
