// Turns Constant nodes into initializers of the same name.
//
//   before  c = Constant{value=T};  y = Add(x, c)      after  y = Add(x, c)  with initializer c = T
//
// Needs     a dense value; the result is no graph output; not in a function's body (which has no
// initializers); IR
//           version 4 or newer (below it every initializer is also an input that a caller may
//           replace).
// Numerics  exact: the same bytes.
// Not done  sparse values.        Tests  tests/passes/constants_to_initializers_test.cc
#include "lib/analysis/ops.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

struct ConstantsToInitializersMatch {
  ir::NodeRef node;
  ir::Tensor value;
};

class ConstantsToInitializers final : public pass::PatternPass<ConstantsToInitializersMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Turns Constant nodes into initializers"};
  }

  std::optional<ConstantsToInitializersMatch> Match(const pass::GraphContext& context,
                                                    const ir::Graph& graph, ir::NodeRef node,
                                                    pass::MatchLog& why) const override {
    const auto op = analysis::ConstantOp::From(graph, node, context.opset().value_or(0));
    if (!op.ok()) return std::nullopt;
    if (context.in_function) return why.Because("a function's body has no initializers");
    if (!context.MayAddInitializers())
      return why.Because("below IR version 4 an initializer is an input too");
    if (!op->value) return why.Because("the value is sparse");
    if (graph.value(op->y).graph_output_uses > 0)
      return why.Because("the constant is a graph output");
    return ConstantsToInitializersMatch{node, *op->value};
  }

  void Rewrite(const ConstantsToInitializersMatch& match, ir::Editor& edit) const override {
    pass::ReplaceByConstant(edit, match.node, match.value);
  }
};

ASSIZE_DEFINE_PASS(ConstantsToInitializers);

}  // namespace assize::passes
