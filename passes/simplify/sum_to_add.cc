// Writes a Sum of two as Add, which every runtime and every other pass knows better.
//
//   before  y = Sum(a, b)      after  y = Add(a, b)
//
// Needs     exactly two operands; opset >= 7, where Add broadcasts as Sum does.
// Numerics  exact: one addition either way.
// Not done  Sum of more: the order of its additions is the runtime's own.
// Tests     tests/passes/sum_to_add_test.cc
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

struct SumToAddMatch {
  ir::NodeRef sum;
};

class SumToAdd final : public pass::PatternPass<SumToAddMatch> {
 public:
  pass::Descriptor Describe() const override { return {.summary = "Writes a Sum of two as Add"}; }

  std::optional<SumToAddMatch> Match(const pass::GraphContext& context, const ir::Graph& graph,
                                     ir::NodeRef ref, pass::MatchLog& why) const override {
    const ir::Node& node = graph.node(ref);
    if (node.op_type != "Sum" || !ir::IsMainDomain(node.domain)) return std::nullopt;
    if (node.inputs.size() != 2) return why.Because("it has not two operands");
    if (context.opset().value_or(0) < 7) return why.Because("Add does not broadcast below opset 7");
    return SumToAddMatch{ref};
  }

  void Rewrite(const SumToAddMatch& m, ir::Editor& edit) const override {
    edit.SetOp(m.sum, "Add", edit.graph().node(m.sum).domain);
  }
};

ASSIZE_DEFINE_PASS(SumToAdd);

}  // namespace assize::passes
