// Makes one Gemm of a MatMul and the Add of a bias.
//
//   before  y = Add(MatMul(a, b), c)      after  y = Gemm(a, b, c)
//
// Shapes    a [M, K], b [K, N]; c broadcasts to [M, N] and does not widen it: [N], [1, N], [M, 1],
// [M, N], [1] or []. Needs     both ranks 2, known from graph inputs and constants; float, double
// or float16; the MatMul's result used
//           once and no graph output.
// Numerics  the sum may be rounded once instead of twice: bound kReassociate in
// lib/verify/tolerance.h. Not done  batched MatMul; a quantized MatMul.        Tests
// tests/passes/fuse_matmul_add_test.cc
#include "lib/analysis/ops.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;
using ir::ValueRef;

struct FuseMatmulAddMatch {
  NodeRef matmul, add;
  ValueRef a, b, c, result;
};

class FuseMatmulAdd final : public pass::PatternPass<FuseMatmulAddMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Makes one Gemm of a MatMul and the Add of a bias",
            .tolerance = verify::kReassociate};
  }
  bool NeedsTypes() const override { return true; }

  std::optional<FuseMatmulAddMatch> Match(const pass::GraphContext& context, const Graph& graph,
                                          NodeRef ref, pass::MatchLog& why) const override {
    const int64_t opset = context.opset().value_or(0);
    const auto add = analysis::BinaryOp::From(graph, ref, opset);
    if (!add.ok() || add->op_type != "Add") return std::nullopt;
    for (const auto& [sum, c] : {std::pair(add->a, add->b), std::pair(add->b, add->a)}) {
      const NodeRef producer = graph.value(sum).producer;
      if (!producer || sum == c) continue;
      const auto matmul = analysis::MatMulOp::From(graph, producer, opset);
      if (!matmul.ok()) continue;
      if (graph.use_count(sum) != 1) return why.Because("the MatMul's result has other uses");
      const analysis::TypeTable& types = *context.types;
      const ir::DType dtype = types.type(matmul->a).dtype;
      if (dtype != ir::DType::kFloat && dtype != ir::DType::kDouble &&
          dtype != ir::DType::kFloat16) {
        return why.Because("the element type is not float, double or float16");
      }
      if (types.rank(matmul->a) != 2 || types.rank(matmul->b) != 2)
        return why.Because("an operand is not known to have rank 2");
      if (!Broadcasts(types.type(c), types.type(matmul->y)))
        return why.Because("the addend is not known to be a bias");
      return FuseMatmulAddMatch{producer, ref, matmul->a, matmul->b, c, add->y};
    }
    return std::nullopt;
  }

  void Rewrite(const FuseMatmulAddMatch& m, ir::Editor& edit) const override {
    ir::NodeSpec spec;
    spec.op_type = "Gemm";
    spec.name = edit.graph().node(m.matmul).name;
    spec.inputs = {m.a, m.b, m.c};
    spec.outputs = {edit.UniqueName(edit.graph().value(m.result).name + "_gemm")};
    const NodeRef gemm = edit.AddNode(std::move(spec), m.add);
    edit.SetType(edit.output(gemm), edit.graph().value(m.result).type);
    const std::string name = edit.graph().value(m.result).name;
    const bool output = edit.graph().value(m.result).graph_output_uses > 0;
    pass::ReplaceValue(edit, m.result, edit.output(gemm));
    const ValueRef result = edit.output(gemm);
    edit.RemoveNode(m.add);
    edit.RemoveNode(m.matmul);
    if (!output) edit.Rename(result, name);  // an output's name was taken over already
  }

 private:
  // Every dim of c is 1, or surely that of y; c has no more dims than y.
  static bool Broadcasts(const ir::Type& c, const ir::Type& y) {
    if (!c.is_tensor() || !c.shape || !y.is_tensor() || !y.shape ||
        c.shape->size() > y.shape->size())
      return false;
    for (size_t i = 0; i < c.shape->size(); ++i) {
      const ir::Dim& p = (*c.shape)[i];
      const ir::Dim& q = (*y.shape)[i + y.shape->size() - c.shape->size()];
      const bool one = p.known() && *p.value == 1;
      const bool same = p.known() ? q.known() && *p.value == *q.value
                                  : !q.known() && !p.param.empty() && p.param == q.param;
      if (!one && !same) return false;
    }
    return true;
  }
};

ASSIZE_DEFINE_PASS(FuseMatmulAdd);

}  // namespace assize::passes
