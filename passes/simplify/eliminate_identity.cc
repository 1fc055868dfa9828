// Removes nodes that give their input back unchanged.
//
//   before  a = Identity(x);  b = Dropout(a);  y = Relu(b)      after  y = Relu(x)
//
// Removes   Identity; Dropout in inference mode whose mask nobody uses; Cast to the type that is
// there; Reshape,
//           Flatten, Expand to the shape that is there; Transpose with the identity permutation;
//           Pad with zeros only; Slice that keeps all; Squeeze and Unsqueeze of no axes; Concat,
//           Sum, Min, Max, Mean of one input; Mul by 1, Div by 1, Sub of 0, Pow to 1 where the
//           constant has one element and no higher rank.
// Needs     for the ones about shapes: dims known from graph inputs and constants. A node between a
// graph input (or a
//           constant) and a graph output stays: the output needs its own name.
// Numerics  exact. x + 0 is not removed: it turns -0 into +0.
// Tests     tests/passes/eliminate_identity_test.cc
#include <algorithm>
#include <cmath>

#include "lib/analysis/ops.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

using analysis::TypeTable;
using ir::Graph;
using ir::NodeRef;
using ir::ValueRef;

struct EliminateIdentityMatch {
  NodeRef node;
  ValueRef from, to;
};

namespace {

using Shape = std::optional<ir::Shape>;

// Static shapes that are equal. Symbolic dims of one name are equal as well.
bool SameShape(const TypeTable& types, ValueRef a, ValueRef b) {
  const ir::Type &x = types.type(a), &y = types.type(b);
  if (!x.is_tensor() || !y.is_tensor() || !x.shape || !y.shape ||
      x.shape->size() != y.shape->size())
    return false;
  for (size_t i = 0; i < x.shape->size(); ++i) {
    const ir::Dim &p = (*x.shape)[i], &q = (*y.shape)[i];
    const bool same_number = p.known() && q.known() && *p.value == *q.value;
    const bool same_name = !p.known() && !q.known() && !p.param.empty() && p.param == q.param;
    if (!same_number && !same_name) return false;
  }
  return true;
}

bool AllAre(const std::vector<int64_t>& values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
}

bool IsIdentityPerm(const std::vector<int64_t>& perm) {
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return !perm.empty();
}

// One element with exactly this value, which broadcasting does not let change the shape of x.
bool IsNeutral(const Graph& graph, const TypeTable& types, ValueRef x, ValueRef constant,
               double wanted) {
  const auto tensor = analysis::ConstantValue(graph, constant);
  if (!tensor || tensor->element_count() != 1) return false;
  if (!ir::IsFloating(tensor->dtype()) && !ir::IsInteger(tensor->dtype())) return false;
  if (tensor->rank() > types.rank(x).value_or(0)) return false;
  const double value = tensor->ToDoubles()[0];
  return value == wanted && !std::signbit(value);
}

// The input that the node gives back, or null.
ValueRef GivenBack(const Graph& graph, NodeRef ref, int64_t opset, const TypeTable& types) {
  const ir::Node& node = graph.node(ref);
  const std::string& op = node.op_type;
  const ValueRef x = analysis::InputAt(node, 0), y = analysis::OutputAt(node, 0);
  if (!x || !y || !ir::IsMainDomain(node.domain)) return {};
  if (op == "Identity") return x;
  if (op == "Dropout") {
    const auto dropout = analysis::DropoutOp::From(graph, ref, opset);
    const bool plain = dropout.ok() && dropout->IsInference(graph) &&
                       (!dropout->mask || !graph.value(dropout->mask).used());
    return plain ? x : ValueRef();
  }
  if (op == "Cast") {
    const auto cast = analysis::CastOp::From(graph, ref, opset);
    const ir::Type& type = types.type(x);
    return cast.ok() && type.is_tensor() && type.dtype == cast->to ? x : ValueRef();
  }
  if (op == "Reshape" || op == "Flatten" || op == "Expand")
    return SameShape(types, x, y) ? x : ValueRef();
  if (op == "Transpose") {
    const auto transpose = analysis::TransposeOp::From(graph, ref, opset);
    return transpose.ok() && IsIdentityPerm(transpose->perm) ? x : ValueRef();
  }
  if (op == "Pad") {
    const auto pad = analysis::PadOp::From(graph, ref, opset);
    const auto pads = pad.ok() ? pad->pads.Constant(graph) : std::nullopt;
    return pads && AllAre(*pads, 0) ? x : ValueRef();
  }
  if (op == "Slice") {
    const auto slice = analysis::SliceOp::From(graph, ref, opset);
    if (!slice.ok()) return {};
    const auto steps = slice->steps.given() ? slice->steps.Constant(graph) : std::vector<int64_t>();
    return steps && AllAre(*steps, 1) && SameShape(types, x, y) && types.shape(x) ? x : ValueRef();
  }
  if (op == "Squeeze" || op == "Unsqueeze") {
    const auto squeeze = analysis::SqueezeOp::From(graph, ref, opset);
    const auto axes = squeeze.ok() ? squeeze->axes.Constant(graph) : std::nullopt;
    return axes && axes->empty() ? x : ValueRef();
  }
  const bool joins = op == "Concat" || op == "Sum" || op == "Min" || op == "Max" || op == "Mean";
  if (joins) return node.inputs.size() == 1 ? x : ValueRef();
  const ValueRef second = analysis::InputAt(node, 1);
  if (!second) return {};
  if (op == "Mul" && IsNeutral(graph, types, second, x, 1)) return second;
  if ((op == "Mul" || op == "Div" || op == "Pow") && IsNeutral(graph, types, x, second, 1))
    return x;
  if (op == "Sub" && IsNeutral(graph, types, x, second, 0)) return x;
  return {};
}

}  // namespace

class EliminateIdentity final : public pass::PatternPass<EliminateIdentityMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Removes nodes that give their input back unchanged"};
  }
  bool NeedsTypes() const override { return true; }

  std::optional<EliminateIdentityMatch> Match(const pass::GraphContext& context, const Graph& graph,
                                              NodeRef ref, pass::MatchLog& why) const override {
    const ValueRef to = GivenBack(graph, ref, context.opset().value_or(0), *context.types);
    if (!to) return std::nullopt;
    const ir::Node& node = graph.node(ref);
    const ValueRef from = node.outputs[0];
    if (!pass::CanReplace(graph, from, to)) {
      return why.Because("the result is a graph output and its source cannot take its name");
    }
    return EliminateIdentityMatch{ref, from, to};
  }

  void Rewrite(const EliminateIdentityMatch& match, ir::Editor& edit) const override {
    pass::ReplaceValue(edit, match.from, match.to);
    pass::RemoveNodeAndConstants(edit, match.node);
  }
};

ASSIZE_DEFINE_PASS(EliminateIdentity);

}  // namespace assize::passes
