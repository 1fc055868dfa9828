// Tests: tests/engine/transformer_test.cc.
#include "lib/engine/patterns.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::NodeRef;
using ir::Shape;
using ir::ValueRef;

bool Near(double a, double b) { return std::fabs(a - b) <= 1e-5 * std::fabs(b); }

std::vector<int64_t> PlainStrides(const Shape& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

// The strides after a reshape of a strided array; nullopt when it would have to copy.
std::optional<std::vector<int64_t>> Reshaped(const Shape& from, const std::vector<int64_t>& strides,
                                             const Shape& to) {
  std::vector<int64_t> result(to.size(), 1);
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && from[i] == 1) {
      ++i;
      continue;
    }
    if (j < to.size() && to[j] == 1) {
      ++j;
      continue;
    }
    if (i == from.size() || j == to.size()) return std::nullopt;
    // Groups of dims with one product on both sides.
    size_t i_end = i + 1, j_end = j + 1;
    int64_t a = from[i], b = to[j];
    while (a != b) {
      if (a < b) {
        if (i_end == from.size()) return std::nullopt;
        a *= from[i_end++];
      } else {
        if (j_end == to.size()) return std::nullopt;
        b *= to[j_end++];
      }
    }
    int64_t step = 0, size = 1;  // the group on the left must be one run
    for (size_t at = i_end; at-- > i;) {
      if (from[at] == 1) continue;
      if (size == 1) {
        step = strides[at];
      } else if (strides[at] != step * size) {
        return std::nullopt;
      }
      size *= from[at];
    }
    for (size_t at = j_end; at-- > j;) {
      result[at] = step;
      step *= to[at];
    }
    i = i_end, j = j_end;
  }
  return result;
}

}  // namespace

Readers::Readers(const ir::Graph& graph, const std::vector<NodeRef>& order,
                 const std::set<uint32_t>& keep)
    : graph_(graph), keep_(keep) {
  for (size_t i = 0; i < order.size(); ++i) position_[order[i].index] = i;
}

std::vector<NodeRef> Readers::Inside(ValueRef value) const {
  std::vector<NodeRef> nodes;
  for (const auto& use : graph_.value(value).uses) {
    if (!Runs(use.node)) continue;
    if (std::find(nodes.begin(), nodes.end(), use.node) == nodes.end()) nodes.push_back(use.node);
  }
  return nodes;
}

std::optional<std::vector<NodeRef>> Readers::All(ValueRef value) const {
  const ir::Value& v = graph_.value(value);
  if (keep_.contains(value.index) || v.graph_output_uses > 0) return std::nullopt;
  for (const auto& use : v.uses) {
    if (use.capture) return std::nullopt;
  }
  return Inside(value);
}

std::optional<NodeRef> Readers::Only(ValueRef value) const {
  const auto all = All(value);
  if (!all || all->size() != 1) return std::nullopt;
  return (*all)[0];
}

bool Patterns::Is(NodeRef ref, std::string_view op) const {
  const ir::Node& n = node(ref);
  return IsOnnx(n) && n.op_type == op && n.outputs.size() == 1 && readers_.Runs(ref);
}

std::optional<NodeRef> Patterns::MadeBy(ValueRef value, std::string_view op) const {
  if (!value) return std::nullopt;
  const NodeRef producer = facts_.graph().value(value).producer;
  return producer && Is(producer, op) ? std::optional(producer) : std::nullopt;
}

std::optional<double> Patterns::Scalar(ValueRef value) {
  if (!value || !facts_.IsEvaluable(value)) return std::nullopt;
  const ValueFact* fact = facts_.Find(value);
  if (fact->dtype != DType::kFloat || ir::ElementCount(fact->dims).value_or(0) != 1)
    return std::nullopt;
  const ir::Tensor* tensor = facts_.Known(value);
  return tensor == nullptr ? std::nullopt
                           : std::optional(static_cast<double>(tensor->data<float>()[0]));
}

std::optional<ValueRef> Patterns::Scaled(NodeRef ref, double& factor) {
  const ir::Node& n = node(ref);
  const bool divides = Is(ref, "Div");
  if ((!divides && !Is(ref, "Mul")) || n.inputs.size() != 2) return std::nullopt;
  for (size_t i = 0; i < (divides ? 1u : 2u); ++i) {
    const auto scalar = Scalar(n.inputs[1 - i]);
    const ValueRef x = n.inputs[i];
    if (!scalar || *scalar == 0 || !std::isfinite(*scalar) || facts_.IsEvaluable(x)) continue;
    if (facts_.Find(x)->dims != facts_.Find(n.outputs[0])->dims) continue;
    factor = divides ? factor / *scalar : factor * *scalar;
    return x;
  }
  return std::nullopt;
}

std::optional<GeluMatch> Patterns::Gelu(NodeRef ref) {
  GeluMatch match;
  const bool erf = Is(ref, "Erf");
  if (!erf && !Is(ref, "Tanh")) return std::nullopt;
  match.tanh = !erf;
  // Inward: erf(x / sqrt 2), or tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
  double factor = 1;
  const NodeRef inner = facts_.graph().value(node(ref).inputs[0]).producer;
  if (!inner || !readers_.Runs(inner) || readers_.Only(node(ref).inputs[0]) != ref)
    return std::nullopt;
  const auto scaled = Scaled(inner, factor);
  if (!scaled || !Near(factor, erf ? 0.70710678 : 0.79788456)) return std::nullopt;
  match.x = *scaled;
  match.nodes = {inner, ref};
  if (!erf) {
    const auto sum = MadeBy(*scaled, "Add");
    if (!sum || readers_.Only(*scaled) != inner) return std::nullopt;
    bool found = false;
    for (size_t i = 0; i < 2 && !found; ++i) {
      const ValueRef cubic = node(*sum).inputs[i], x = node(*sum).inputs[1 - i];
      double small = 1;
      const NodeRef times = cubic == x ? NodeRef{} : facts_.graph().value(cubic).producer;
      if (!times || !readers_.Runs(times) || readers_.Only(cubic) != *sum) continue;
      const auto cube = Scaled(times, small);
      if (!cube || !Near(small, 0.044715) || readers_.Only(*cube) != times) continue;
      std::vector<NodeRef> nodes{times, *sum};
      if (const auto power = MadeBy(*cube, "Pow")) {
        const auto exponent = Scalar(node(*power).inputs[1]);
        if (node(*power).inputs[0] != x || exponent != 3.0) continue;
        nodes.push_back(*power);
      } else if (const auto outer = MadeBy(*cube, "Mul")) {  // (x x) x
        const auto& in = node(*outer).inputs;
        const ValueRef square = in[0] == x ? in[1] : in[0];
        const auto made = MadeBy(square, "Mul");
        if ((in[0] != x && in[1] != x) || !made || readers_.Only(square) != *outer) continue;
        if (node(*made).inputs[0] != x || node(*made).inputs[1] != x) continue;
        nodes.push_back(*outer);
        nodes.push_back(*made);
      } else {
        continue;
      }
      match.x = x;
      match.nodes.insert(match.nodes.end(), nodes.begin(), nodes.end());
      found = true;
    }
    if (!found) return std::nullopt;
  }
  // Outward: + 1, and the product with x and 1/2 in any order.
  const ValueRef y = node(ref).outputs[0];
  const auto plus = readers_.Only(y);
  if (!plus || !Is(*plus, "Add")) return std::nullopt;
  const ValueRef one = node(*plus).inputs[0] == y ? node(*plus).inputs[1] : node(*plus).inputs[0];
  if (Scalar(one) != 1.0) return std::nullopt;
  match.nodes.push_back(*plus);
  ValueRef tail = node(*plus).outputs[0];
  bool has_x = false;
  double half = 1;
  for (int step = 0; step < 3 && !(has_x && half == 0.5); ++step) {
    const auto next = readers_.Only(tail);
    if (!next || node(*next).inputs.size() != 2) return std::nullopt;
    double with = half;
    const auto left = Scaled(*next, with);
    if (left == tail && half == 1) {
      half = with;
      if (half != 0.5) return std::nullopt;
    } else if (Is(*next, "Mul") && !has_x) {
      const auto& in = node(*next).inputs;
      const ValueRef other = in[0] == tail ? in[1] : in[0];
      double of_x = 1;
      const NodeRef made = facts_.graph().value(other).producer;
      if (other == match.x) {
        has_x = true;
      } else if (made && readers_.Runs(made) && Scaled(made, of_x) == match.x && of_x == 0.5 &&
                 half == 1 && readers_.Only(other) == *next) {
        has_x = true;
        half = 0.5;
        match.nodes.push_back(made);
      } else {
        return std::nullopt;
      }
    } else {
      return std::nullopt;
    }
    match.nodes.push_back(*next);
    tail = node(*next).outputs[0];
  }
  if (!has_x || half != 0.5) return std::nullopt;
  const ValueFact *x = facts_.Find(match.x), *result = facts_.Find(tail);
  if (x->dims != result->dims || x->dtype != DType::kFloat) return std::nullopt;
  match.y = tail;
  std::sort(match.nodes.begin(), match.nodes.end(),
            [&](NodeRef a, NodeRef b) { return readers_.Position(a) < readers_.Position(b); });
  return match;
}

bool Patterns::IsMeanOverLast(NodeRef ref, ValueRef x) {
  if (!Is(ref, "ReduceMean") || node(ref).inputs[0] != x) return false;
  const auto view = analysis::ReduceOp::From(facts_.graph(), ref, facts_.opset());
  if (!view.ok() || !view->keep_dims) return false;
  const auto axes = facts_.KnownInts(view->axes);
  const ValueFact* fact = facts_.Find(x);
  if (!axes || axes->size() != 1 || fact->dims.empty() || fact->dtype != DType::kFloat)
    return false;
  const int64_t rank = static_cast<int64_t>(fact->dims.size());
  return (*axes)[0] == -1 || (*axes)[0] == rank - 1;
}

// The other operand of Mul or Add, when it is a constant along the last dim.
std::optional<ValueRef> Patterns::RowConstant(NodeRef ref, ValueRef x, int64_t width) {
  const auto& in = node(ref).inputs;
  if (in.size() != 2 || in[0] == in[1]) return std::nullopt;
  const ValueRef other = in[0] == x ? in[1] : in[0];
  if (!facts_.IsEvaluable(other)) return std::nullopt;
  const ValueFact* fact = facts_.Find(other);
  if (fact->dtype != DType::kFloat || fact->dims.empty() || fact->dims.back() != width ||
      ir::ElementCount(fact->dims) != width || fact->dims.size() > facts_.Find(x)->dims.size())
    return std::nullopt;
  return other;
}

std::optional<LayerNormMatch> Patterns::LayerNorm(NodeRef ref) {
  if (!Is(ref, "ReduceMean") || facts_.opset() < 7) return std::nullopt;
  LayerNormMatch match;
  match.x = node(ref).inputs[0];
  if (facts_.IsEvaluable(match.x) || !IsMeanOverLast(ref, match.x)) return std::nullopt;
  const int64_t width = facts_.Find(match.x)->dims.back();
  match.width = width;
  match.nodes = {ref};
  const auto taken = readers_.Only(node(ref).outputs[0]);
  if (!taken || !Is(*taken, "Sub") || node(*taken).inputs[0] != match.x) return std::nullopt;
  match.nodes.push_back(*taken);
  const ValueRef d = node(*taken).outputs[0];
  const auto both = readers_.All(d);
  if (!both || both->size() != 2) return std::nullopt;
  // One squares it, the other scales it.
  NodeRef square = (*both)[0], divide = (*both)[1];
  if (!Is(square, "Pow") &&
      !(Is(square, "Mul") && node(square).inputs[1] == d && node(square).inputs[0] == d)) {
    std::swap(square, divide);
  }
  const auto& sq = node(square).inputs;
  const bool is_square = (Is(square, "Pow") && sq[0] == d && Scalar(sq[1]) == 2.0) ||
                         (Is(square, "Mul") && sq[0] == d && sq[1] == d);
  if (!is_square) return std::nullopt;
  const auto mean = readers_.Only(node(square).outputs[0]);
  if (!mean || !IsMeanOverLast(*mean, node(square).outputs[0])) return std::nullopt;
  const auto plus = readers_.Only(node(*mean).outputs[0]);
  if (!plus || !Is(*plus, "Add")) return std::nullopt;
  const auto& sum = node(*plus).inputs;
  const auto epsilon = Scalar(sum[0] == node(*mean).outputs[0] ? sum[1] : sum[0]);
  if (!epsilon || *epsilon < 0) return std::nullopt;
  match.epsilon = static_cast<float>(*epsilon);
  const auto root = readers_.Only(node(*plus).outputs[0]);
  if (!root || !Is(*root, "Sqrt")) return std::nullopt;
  match.nodes.insert(match.nodes.end(), {square, *mean, *plus, *root});
  ValueRef scale = node(*root).outputs[0];
  const auto after = readers_.Only(scale);
  if (!after) return std::nullopt;
  if (Is(*after, "Reciprocal")) {
    match.nodes.push_back(*after);
    scale = node(*after).outputs[0];
    if (readers_.Only(scale) != divide || !Is(divide, "Mul")) return std::nullopt;
  } else if (*after != divide || !Is(divide, "Div") || node(divide).inputs[0] != d) {
    return std::nullopt;
  }
  match.nodes.push_back(divide);
  match.y = node(divide).outputs[0];
  if (facts_.Find(match.y)->dims != facts_.Find(match.x)->dims) return std::nullopt;
  for (const std::string_view op : {"Mul", "Add"}) {
    const auto next = readers_.Only(match.y);
    if (!next || !Is(*next, op)) continue;
    const auto constant = RowConstant(*next, match.y, width);
    if (!constant) {
      if (op == "Mul") break;
      continue;
    }
    (op == "Mul" ? match.gain : match.shift) = *constant;
    match.nodes.push_back(*next);
    match.y = node(*next).outputs[0];
  }
  std::sort(match.nodes.begin(), match.nodes.end(),
            [&](NodeRef a, NodeRef b) { return readers_.Position(a) < readers_.Position(b); });
  return match;
}

std::optional<LayerNormMatch> Patterns::LayerNormNode(NodeRef ref) {
  const ir::Node& n = node(ref);
  const bool rms =
      IsOnnx(n) && (n.op_type == "RMSNormalization" || n.op_type == "SimplifiedLayerNormalization");
  if (!rms && (!IsOnnx(n) || n.op_type != "LayerNormalization")) return std::nullopt;
  // Mean and deviation are results of training.
  for (size_t i = 1; i < n.outputs.size(); ++i) {
    if (n.outputs[i]) return std::nullopt;
  }
  analysis::AttributeReader read(facts_.graph(), ref);
  LayerNormMatch match;
  match.plain_rms = rms;
  match.x = n.inputs[0], match.y = n.outputs[0];
  match.gain = analysis::InputAt(n, 1), match.shift = analysis::InputAt(n, 2);
  match.epsilon = read.Float("epsilon", 1e-5f);
  match.nodes = {ref};
  const ValueFact* x = facts_.Find(match.x);
  const int64_t rank = static_cast<int64_t>(x->dims.size());
  int64_t axis = read.Int("axis", -1);
  if (read.Int("stash_type", 1) != 1 || !read.status().ok()) return std::nullopt;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || x->dtype != DType::kFloat || x->evaluable) return std::nullopt;
  match.width = 1;
  for (int64_t i = axis; i < rank; ++i) match.width *= x->dims[static_cast<size_t>(i)];
  if (ir::ElementCount(x->dims).value_or(0) == 0) return std::nullopt;
  for (const ValueRef part : {match.gain, match.shift}) {
    if (!part) continue;
    const ValueFact* fact = facts_.Find(part);
    if (!fact->evaluable || fact->dtype != DType::kFloat ||
        ir::ElementCount(fact->dims) != match.width)
      return std::nullopt;
  }
  return match;
}

StridedView Patterns::See(ValueRef value, bool through_factors) {
  // Back to the first value that no move made, then forward as far as strides go.
  std::vector<NodeRef> moves;
  ValueRef base = value;
  for (int depth = 0; depth < 16; ++depth) {
    const NodeRef producer = facts_.graph().value(base).producer;
    if (facts_.IsEvaluable(base) || !producer || !readers_.Runs(producer)) break;
    double ignored = 1;
    const bool moves_only = Is(producer, "Transpose") || Is(producer, "Reshape") ||
                            Is(producer, "Unsqueeze") || Is(producer, "Squeeze") ||
                            Is(producer, "Flatten") || Is(producer, "Identity");
    const auto scaled = through_factors && !moves_only && readers_.Only(base)
                            ? Scaled(producer, ignored)
                            : std::nullopt;
    if (!moves_only && !scaled) break;
    moves.push_back(producer);
    base = scaled ? *scaled : node(producer).inputs[0];
  }
  std::reverse(moves.begin(), moves.end());
  for (size_t start = 0; start <= moves.size(); ++start) {
    StridedView view;
    view.base = value;
    if (start < moves.size()) {
      double ignored = 1;
      const auto scaled = Scaled(moves[start], ignored);
      view.base = scaled ? *scaled : node(moves[start]).inputs[0];
    }
    view.dims = facts_.Find(view.base)->dims;
    view.strides = PlainStrides(view.dims);
    bool seen = true;
    for (size_t i = start; i < moves.size() && seen; ++i) {
      const Shape& to = facts_.Find(node(moves[i]).outputs[0])->dims;
      if (Is(moves[i], "Transpose")) {
        const auto view_op = analysis::TransposeOp::From(facts_.graph(), moves[i], facts_.opset());
        const auto perm =
            view_op.ok() ? view_op->PermFor(view.dims.size()) : std::vector<int64_t>{};
        seen = perm.size() == view.dims.size();
        std::vector<int64_t> strides;
        for (const int64_t axis : perm) strides.push_back(view.strides[static_cast<size_t>(axis)]);
        view.strides = std::move(strides);
      } else if (!Scaled(moves[i], view.factor)) {
        const auto strides = Reshaped(view.dims, view.strides, to);
        seen = strides.has_value();
        if (seen) view.strides = *strides;
      }
      view.dims = to;
    }
    if (seen) return view;
  }
  return {};
}

std::optional<AttentionMatch> Patterns::Attention(NodeRef ref) {
  if (!Is(ref, "Softmax")) return std::nullopt;
  const auto softmax = analysis::SoftmaxOp::From(facts_.graph(), ref, facts_.opset());
  const ValueFact* scores = facts_.Find(node(ref).inputs[0]);
  if (!softmax.ok() || scores->dtype != DType::kFloat || scores->evaluable) return std::nullopt;
  const Shape dims = scores->dims;
  const int64_t rank = static_cast<int64_t>(dims.size());
  if ((rank != 3 && rank != 4) || ir::ElementCount(dims).value_or(0) == 0) return std::nullopt;
  if (softmax->axis != -1 && softmax->axis != rank - 1) return std::nullopt;
  AttentionMatch match;
  match.nodes = {ref};
  // Inward to the product of queries and keys.
  ValueRef at = node(ref).inputs[0];
  NodeRef reader = ref;
  NodeRef product;
  for (int step = 0; step < 4 && !product; ++step) {
    const NodeRef made = facts_.graph().value(at).producer;
    if (!made || !readers_.Runs(made) || readers_.Only(at) != reader) return std::nullopt;
    match.nodes.push_back(made);
    const ir::Node& n = node(made);
    double factor = match.scale;
    if (Is(made, "MatMul")) {
      product = made;
    } else if (const auto scaled = Scaled(made, factor); scaled && step < 3) {
      match.scale = factor;
      at = *scaled;
    } else if (Is(made, "Add") && !match.mask && match.scale == 1 && n.inputs.size() == 2) {
      // The side that hangs on a product, through a scale at most.
      size_t side = 2;
      for (size_t i = 0; i < 2; ++i) {
        const ValueFact* fact = facts_.Find(n.inputs[i]);
        double ignored = 1;
        const NodeRef source = facts_.graph().value(n.inputs[i]).producer;
        if (fact->evaluable || fact->dims != dims || !source || !readers_.Runs(source)) continue;
        if (side == 2 && (Is(source, "MatMul") || Scaled(source, ignored))) side = i;
      }
      if (side == 2 || n.inputs[0] == n.inputs[1]) return std::nullopt;
      match.mask = n.inputs[1 - side];
      const ValueFact* mask = facts_.Find(match.mask);
      if (mask->dtype != DType::kFloat || mask->dims.size() > dims.size()) return std::nullopt;
      at = n.inputs[side];
    } else {
      return std::nullopt;
    }
    reader = made;
  }
  if (!product) return std::nullopt;
  const ValueRef left = node(product).inputs[0], right = node(product).inputs[1];
  // Outward to the product with the values.
  ValueRef tail = node(ref).outputs[0];
  auto next = readers_.Only(tail);
  while (next && (Is(*next, "Identity") || Is(*next, "Dropout"))) {
    match.nodes.push_back(*next);
    tail = node(*next).outputs[0];
    next = readers_.Only(tail);
  }
  if (!next || !Is(*next, "MatMul") || node(*next).inputs[0] != tail ||
      node(*next).inputs[1] == tail)
    return std::nullopt;
  match.nodes.push_back(*next);
  const ValueRef values = node(*next).inputs[1];
  match.y = node(*next).outputs[0];
  match.result = facts_.Find(match.y)->dims;
  if (facts_.Find(left)->dims.size() != dims.size() ||
      facts_.Find(right)->dims.size() != dims.size() ||
      facts_.Find(values)->dims.size() != dims.size() || match.result.size() != dims.size())
    return std::nullopt;
  match.q = See(left, true);
  match.k = See(right, true);
  match.v = See(values, false);
  match.scale *= match.q.factor * match.k.factor;
  // The keys came turned for the product.
  std::swap(match.k.dims[dims.size() - 1], match.k.dims[dims.size() - 2]);
  std::swap(match.k.strides[dims.size() - 1], match.k.strides[dims.size() - 2]);
  for (StridedView* view : {&match.q, &match.k, &match.v}) {
    for (size_t i = 0; i + 2 < dims.size(); ++i) {
      if (view->dims[i] == 1) {
        view->strides[i] = 0;
      } else if (view->dims[i] != match.result[i]) {
        return std::nullopt;
      }
    }
  }
  // Where the results go: Transpose, then any Reshape.
  match.result_strides = PlainStrides(match.result);
  next = readers_.Only(match.y);
  if (next && Is(*next, "Transpose")) {
    const auto view = analysis::TransposeOp::From(facts_.graph(), *next, facts_.opset());
    const auto perm = view.ok() ? view->PermFor(dims.size()) : std::vector<int64_t>{};
    if (perm.size() == dims.size()) {
      match.y = node(*next).outputs[0];
      const auto strides = PlainStrides(facts_.Find(match.y)->dims);
      for (size_t i = 0; i < perm.size(); ++i)
        match.result_strides[static_cast<size_t>(perm[i])] = strides[i];
      match.nodes.push_back(*next);
      next = readers_.Only(match.y);
    }
  }
  while (next && Is(*next, "Reshape") && node(*next).inputs[0] == match.y) {
    match.y = node(*next).outputs[0];
    match.nodes.push_back(*next);
    next = readers_.Only(match.y);
  }
  std::sort(match.nodes.begin(), match.nodes.end(),
            [&](NodeRef a, NodeRef b) { return readers_.Position(a) < readers_.Position(b); });
  return match;
}

}  // namespace assize::engine
