// Replaces shape arithmetic whose result follows from static dimensions by constants.
//
//   before  s = Shape(x [N,3,8,8]);  d = Gather(s, 2);  r = Concat(d, -1)      after  r = [8, -1]
//
// Needs     every element of the result known from graph inputs' dims and constants alone (declared
// shapes of
//           intermediate values may be stale and count for nothing); an integer vector or scalar;
//           no graph output.
// Numerics  exact: integers.
// Not done  elements that depend on a symbolic dim; functions' bodies; IR versions below 4.
// Tests     tests/passes/fold_shapes_test.cc
#include "lib/analysis/traits.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

struct FoldShapesMatch {
  ir::NodeRef node;
  ir::Tensor value;
};

class FoldShapes final : public pass::PatternPass<FoldShapesMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Replaces shape arithmetic over static dimensions by constants"};
  }
  bool NeedsTypes() const override { return true; }

  std::optional<FoldShapesMatch> Match(const pass::GraphContext& context, const ir::Graph& graph,
                                       ir::NodeRef ref, pass::MatchLog& why) const override {
    const ir::Node& node = graph.node(ref);
    if (node.outputs.size() != 1 || !node.outputs[0] || node.Is("Constant") ||
        node.Is("Constant", "ai.onnx")) {
      return std::nullopt;
    }
    const ir::Tensor* known = context.types->known(node.outputs[0]);
    if (known == nullptr || !ir::IsInteger(known->dtype())) return std::nullopt;
    if (!context.MayAddInitializers())
      return why.Because("no initializers in functions and below IR version 4");
    if (!analysis::IsPure(node) || node.has_subgraphs())
      return why.Because("the op may have effects");
    if (graph.value(node.outputs[0]).graph_output_uses > 0)
      return why.Because("the result is a graph output");
    // Inference gives rank 0 or 1; the type it gives the node's result must agree, or one of them
    // is wrong.
    if (context.types->shape(node.outputs[0]) != known->dims())
      return why.Because("the rank is not known");
    return FoldShapesMatch{ref, *known};
  }

  void Rewrite(const FoldShapesMatch& match, ir::Editor& edit) const override {
    pass::ReplaceByConstant(edit, match.node, match.value);
  }
};

ASSIZE_DEFINE_PASS(FoldShapes);

}  // namespace assize::passes
