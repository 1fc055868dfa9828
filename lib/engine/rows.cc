// The proof, op by op. Tests: tests/engine/session_test.cc.
#include "lib/engine/rows.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "lib/analysis/ops.h"
#include "lib/engine/resizes.h"

namespace assize::engine {
namespace {

using ir::Shape;
using ir::ValueRef;

class Proof {
 public:
  Proof(Facts& many, Facts& one, int64_t rows)
      : many_(many), one_(one), graph_(one.graph()), rows_(rows) {}

  bool Scales(ValueRef value) {
    const ValueFact *m = many_.Find(value), *o = one_.Find(value);
    if (m == nullptr || o == nullptr || o->dims.empty() || m->dims.size() != o->dims.size())
      return false;
    // Rows of packed or string elements do not begin at a byte of their own.
    if (ir::BitsOf(o->dtype) < 8 || ir::IsPacked(o->dtype)) return false;
    if (m->dtype != o->dtype || m->dims[0] != o->dims[0] * rows_ || o->dims[0] < 1) return false;
    return std::equal(m->dims.begin() + 1, m->dims.end(), o->dims.begin() + 1);
  }

  bool Node(ir::NodeRef ref) {
    const ir::Node& n = graph_.node(ref);
    if (!IsOnnx(n) || n.has_subgraphs()) return false;
    for (const ValueRef output : n.outputs) {
      if (output && !Scales(output)) return false;
    }
    const bool reshape = n.op_type == "Reshape", resize = n.op_type == "Resize";
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const ValueRef input = n.inputs[i];
      if (!input) continue;
      if (!Runs(input)) {
        // Decided by shapes: must say the same for one row as for all. Reshape's target is judged
        // by its result, Resize's sizes by what they mean for each axis.
        const bool judged = (reshape && i == 1) || (resize && i == 3);
        if (!judged && !SameEitherWay(input)) return false;
      } else if (!Scales(input)) {
        return false;
      }
    }
    return Op(ref, n);
  }

 private:
  bool Runs(ValueRef value) { return value && !one_.IsEvaluable(value); }

  bool SameEitherWay(ValueRef value) {
    if (one_.constants().IsConstant(value)) return true;
    const ir::Tensor *m = many_.Known(value), *o = one_.Known(value);
    return m != nullptr && o != nullptr && *m == *o;
  }

  // Operands of an elementwise op: what runs is aligned with dim 0 of the result, constants do not
  // reach it.
  bool Aligned(const ir::Node& n, size_t rank) {
    return std::all_of(n.inputs.begin(), n.inputs.end(), [&](ValueRef input) {
      if (!input) return true;
      const Shape& dims = one_.Find(input)->dims;
      if (Runs(input)) return dims.size() == rank;
      return dims.size() < rank || dims[0] == 1;
    });
  }

  bool AxisIsInner(int64_t axis, size_t rank) {
    if (axis < 0) axis += static_cast<int64_t>(rank);
    return axis > 0;
  }

  bool AxesAreInner(const analysis::IntsArgument& argument, size_t rank) {
    const auto axes = one_.KnownInts(argument);
    return axes && !axes->empty() &&
           std::all_of(axes->begin(), axes->end(), [&](int64_t a) { return AxisIsInner(a, rank); });
  }

  bool Op(ir::NodeRef ref, const ir::Node& n) {
    static const std::set<std::string_view> kAlways = {"Conv",          "MaxPool",
                                                       "AveragePool",   "GlobalAveragePool",
                                                       "GlobalMaxPool", "BatchNormalization",
                                                       "LRN",           "InstanceNormalization",
                                                       "Identity",      "Dropout",
                                                       "Cast",          "Clip",
                                                       "Reshape",       "Flatten",
                                                       "Squeeze",       "Unsqueeze",
                                                       "DepthToSpace",  "SpaceToDepth",
                                                       "ConvTranspose", "GroupNormalization"};
    static const std::set<std::string_view> kNever = {"CumSum", "Hardmax", "LpNormalization",
                                                      "MeanVarianceNormalization"};
    const std::string_view op = n.op_type;
    const size_t rank = one_.Find(n.inputs.empty() ? n.outputs[0] : n.inputs[0])->dims.size();
    const int64_t opset = one_.opset();
    // Weights that run, or a second operand of unknown meaning: only where named below.
    const auto only_first_runs = [&] {
      for (size_t i = 1; i < n.inputs.size(); ++i) {
        if (Runs(n.inputs[i])) return false;
      }
      return Runs(n.inputs[0]);
    };
    if (kNever.contains(op)) return false;
    if (kAlways.contains(op)) return only_first_runs();
    if (op == "Softmax" || op == "LogSoftmax") {
      const auto view = analysis::SoftmaxOp::From(graph_, ref, opset);
      return view.ok() && AxisIsInner(view->axis, rank);
    }
    if (IsUnarySameShape(n)) return only_first_runs();
    static const std::set<std::string_view> kPairs = {
        "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And",   "Or",
        "Xor",   "Min",  "Max",     "Sum",         "Mean",           "Where", "Mod"};
    if (IsBinaryArithmetic(n) || kPairs.contains(op))
      return Aligned(n, one_.Find(n.outputs[0])->dims.size());
    if (op == "Gemm") {
      const auto view = analysis::GemmOp::From(graph_, ref, opset);
      if (!view.ok() || view->trans_a || !Runs(view->a) || Runs(view->b)) return false;
      if (!view->c) return true;
      const Shape& c = one_.Find(view->c)->dims;
      return Runs(view->c) ? c.size() == 2 : c.size() < 2 || c[0] == 1;
    }
    if (op == "MatMul") {
      const Shape &a = one_.Find(n.inputs[0])->dims, &b = one_.Find(n.inputs[1])->dims;
      const bool run_a = Runs(n.inputs[0]), run_b = Runs(n.inputs[1]);
      if (run_a && run_b) return a.size() == b.size() && a.size() >= 3;
      if (run_a)
        return a.size() >= 2 &&
               (b.size() <= 2 || (b.size() < a.size()) || (b.size() == a.size() && b[0] == 1));
      return b.size() >= 3 && (a.size() < b.size() || (a.size() == b.size() && a[0] == 1));
    }
    if (op == "Concat") {
      const auto view = analysis::ConcatOp::From(graph_, ref, opset);
      return view.ok() && AxisIsInner(view->axis, rank) &&
             std::all_of(n.inputs.begin(), n.inputs.end(), [&](ValueRef v) { return Runs(v); });
    }
    if (op == "Split") {
      const auto view = analysis::SplitOp::From(graph_, ref, opset);
      return view.ok() && AxisIsInner(view->axis, rank) && only_first_runs();
    }
    if (op == "Transpose") {
      const auto view = analysis::TransposeOp::From(graph_, ref, opset);
      if (!view.ok()) return false;
      const std::vector<int64_t> perm = view->PermFor(rank);
      return !perm.empty() && perm[0] == 0;
    }
    if (op == "Slice") {
      const auto view = analysis::SliceOp::From(graph_, ref, opset);
      if (!view.ok() || !only_first_runs()) return false;
      return AxesAreInner(view->axes, rank);
    }
    if (op == "Pad") {
      const auto view = analysis::PadOp::From(graph_, ref, opset);
      if (!view.ok() || !only_first_runs()) return false;
      const auto pads = one_.KnownPads(*view, rank);
      return pads && (*pads)[0] == 0 && (*pads)[rank] == 0;
    }
    if (op == "Gather") {
      const auto view = analysis::GatherOp::From(graph_, ref, opset);
      if (!view.ok()) return false;
      if (Runs(view->x)) return !Runs(view->indices) && AxisIsInner(view->axis, rank);
      return Runs(view->indices) && !AxisIsInner(view->axis, rank);
    }
    if (op.starts_with("Reduce")) {
      const auto view = analysis::ReduceOp::From(graph_, ref, opset);
      if (!view.ok() || !only_first_runs()) return false;
      return AxesAreInner(view->axes, rank);
    }
    if (op == "QuantizeLinear" || op == "DequantizeLinear") {
      if (!only_first_runs()) return false;
      const ValueFact* scale = one_.Find(n.inputs[1]);
      int64_t axis = 1, block = 0;
      if (op == "QuantizeLinear") {
        const auto view = analysis::QuantizeLinearOp::From(graph_, ref, opset);
        if (!view.ok()) return false;
        axis = view->axis, block = view->block_size;
      } else {
        const auto view = analysis::DequantizeLinearOp::From(graph_, ref, opset);
        if (!view.ok()) return false;
        axis = view->axis, block = view->block_size;
      }
      return block == 0 && (ir::ElementCount(scale->dims) == 1 || AxisIsInner(axis, rank));
    }
    if (op == "Resize" || op == "Upsample") {
      const auto many = MatchResize(many_, ref), one = MatchResize(one_, ref);
      if (!many || !one || !only_first_runs()) return false;
      return !many->axes[0].Changes() && !one->axes[0].Changes() &&
             std::equal(many->axes.begin() + 1, many->axes.end(), one->axes.begin() + 1,
                        one->axes.end());
    }
    if (op == "TopK") {
      const ir::Attribute* axis = n.FindAttribute("axis");
      const int64_t* given = axis == nullptr ? nullptr : std::get_if<int64_t>(&axis->value);
      return only_first_runs() && AxisIsInner(given == nullptr ? -1 : *given, rank);
    }
    if (op == "LayerNormalization") {
      const ir::Attribute* axis = n.FindAttribute("axis");
      const int64_t* given = axis == nullptr ? nullptr : std::get_if<int64_t>(&axis->value);
      return only_first_runs() && AxisIsInner(given == nullptr ? -1 : *given, rank);
    }
    return false;
  }

  Facts &many_, &one_;
  const ir::Graph& graph_;
  const int64_t rows_;
};

}  // namespace

bool RowsAreIndependent(Facts& many, Facts& one, const std::vector<ir::NodeRef>& order,
                        const std::vector<ValueRef>& outputs, int64_t rows) {
  Proof proof(many, one, rows);
  for (const ValueRef output : outputs) {
    if (one.IsEvaluable(output) || many.IsEvaluable(output) || !proof.Scales(output)) return false;
  }
  for (const ir::NodeRef ref : order) {
    const ir::Node& n = one.graph().node(ref);
    const bool runs = std::any_of(n.outputs.begin(), n.outputs.end(),
                                  [&](ValueRef v) { return v && !one.IsEvaluable(v); });
    if (runs && !proof.Node(ref)) return false;
  }
  return true;
}

}  // namespace assize::engine
