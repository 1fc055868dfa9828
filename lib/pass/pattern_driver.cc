// The driver of pattern passes: visits the nodes of every graph in execution order, round after
// round. Tests: tests/pass/pattern_driver_test.cc.
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
  const ir::Model& model;
  const ir::Function* function;  // null in the main graph
  NodeVisitor& visitor;
  std::string where;  // for messages
};

const analysis::TypeTable* FindTable(const analysis::TypeTable& table, const ir::Graph& root,
                                     const ir::Graph& wanted) {
  if (&root == &wanted) return &table;
  if (const analysis::TypeTable* inner = table.inner(wanted)) return inner;
  for (ir::NodeRef ref = root.first_node(); ref; ref = root.next_node(ref)) {
    for (const ir::Attribute& attribute : root.node(ref).attributes) {
      const auto* box = std::get_if<ir::GraphBox>(&attribute.value);
      const analysis::TypeTable* inner = box ? table.inner(**box) : nullptr;
      if (inner == nullptr) continue;
      if (const analysis::TypeTable* found = FindTable(*inner, **box, wanted)) return found;
    }
  }
  return nullptr;
}

// One walk over the nodes that exist at its start; what a rewrite adds is seen by the next one.
bool Round(Walk& walk, ir::Editor& edit) {
  GraphContext context{walk.model,
                       walk.function ? walk.function->opset_imports : walk.model.opset_imports};
  context.in_function = walk.function != nullptr;
  analysis::TypeTable root;
  if (walk.visitor.NeedsTypes()) {
    analysis::InferOptions options;
    options.ignore_declared = true;
    root = walk.function ? analysis::InferFunctionTypes(walk.model, *walk.function)
                         : analysis::InferTypesLeniently(walk.model, options, nullptr);
    static const analysis::TypeTable nothing;
    context.types =
        FindTable(root, walk.function ? walk.function->body : walk.model.graph, edit.graph());
    if (context.types == nullptr) context.types = &nothing;
  }
  bool rewritten = false;
  for (const ir::NodeRef node : edit.graph().nodes()) {
    if (edit.graph().valid(node) && walk.visitor.Visit(context, edit, node)) rewritten = true;
  }
  return rewritten;
}

Status DriveGraph(Walk& walk, ir::Editor& edit) {
  for (int round = 0; Round(walk, edit); ++round) {
    if (round + 1 >= kMaxPatternRounds) {
      return Internal("{} still changes after kMaxPatternRounds = {} rounds over its nodes",
                      walk.where, kMaxPatternRounds);
    }
  }
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
    Walk walk{model, nullptr, visitor, "the main graph"};
    ir::Editor edit(model.graph);
    AZ_RETURN_IF_ERROR(DriveGraph(walk, edit));
  }
  for (ir::Function& function : model.functions) {
    Walk walk{model, &function, visitor, fmt::format("function \"{}\"", function.name)};
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
