// ai.onnx.preview.training Gradient: the derivatives of the sum of a value y by values xs.
//
// The part of the graph that leads from xs and zs to y is computed again on the node's inputs, then
// walked backwards: each node hands on to its inputs what its result's derivative contributes. In
// double from values as the graph computes them; one rounding.
// Shapes    each result has the shape of its x; a broadcast operand gets the sum over its copies.
// Not done  ops without a rule below (elementwise ops, MatMul, Gemm, Reshape and their kin have
// one). Source    Linnainmaa 1976 (reverse accumulation).        Tests
// tests/reference/gradient_test.cc.
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "lib/ir/text.h"
#include "lib/reference/ops/common.h"
#include "lib/reference/ops/product.h"

namespace assize::reference {
namespace {

using Values = std::vector<double>;

// A node of the walk: its inputs and first result, and the derivative by that result.
struct Local {
  const ir::Node& node;
  std::vector<ir::Tensor> x;
  ir::Tensor y;
  const Values& dy;
};

// dy / dx of an elementwise op of one operand, as a function of (x, y); null when there is no rule.
using Slope = double (*)(double x, double y);
Slope SlopeOf(const std::string& op) {
  static const std::map<std::string, Slope> slopes = {
      {"Neg", [](double, double) { return -1.0; }},
      {"Abs", [](double x, double) { return x > 0   ? 1.0
                                            : x < 0 ? -1.0
                                                    : 0.0; }},
      {"Exp", [](double, double y) { return y; }},
      {"Log", [](double x, double) { return 1 / x; }},
      {"Sqrt", [](double, double y) { return 0.5 / y; }},
      {"Reciprocal", [](double, double y) { return -y * y; }},
      {"Tanh", [](double, double y) { return 1 - y * y; }},
      {"Sigmoid", [](double, double y) { return y * (1 - y); }},
      {"Relu", [](double x, double) { return x > 0 ? 1.0 : 0.0; }},
      {"Softplus", [](double x, double) { return 1 / (1 + std::exp(-x)); }},
      {"Sin", [](double x, double) { return std::cos(x); }},
      {"Cos", [](double x, double) { return -std::sin(x); }},
      {"Erf", [](double x, double) { return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x); }},
  };
  const auto found = slopes.find(op);
  return found == slopes.end() ? nullptr : found->second;
}

// Both operands' slopes of an elementwise op of two, as a function of (a, b).
struct Slopes {
  double by_a, by_b;
};
using BinarySlope = Slopes (*)(double a, double b);
BinarySlope BinarySlopeOf(const std::string& op) {
  static const std::map<std::string, BinarySlope> slopes = {
      {"Add", [](double, double) { return Slopes{1, 1}; }},
      {"Sub", [](double, double) { return Slopes{1, -1}; }},
      {"Mul", [](double a, double b) { return Slopes{b, a}; }},
      {"Div", [](double a, double b) { return Slopes{1 / b, -a / (b * b)}; }},
      {"Pow",
       [](double a, double b) {
         const double by_b = a > 0 ? std::pow(a, b) * std::log(a) : 0;
         return Slopes{b * std::pow(a, b - 1), by_b};
       }},
  };
  const auto found = slopes.find(op);
  return found == slopes.end() ? nullptr : found->second;
}

Status ByBinary(const Local& n, BinarySlope slope, std::vector<Values>& dx) {
  const ir::Shape& dims = n.y.dims();
  if (!BroadcastsTo(n.x[0].dims(), dims) || !BroadcastsTo(n.x[1].dims(), dims))
    return Unimplemented("operands aligned by attributes");
  const BroadcastMap at_a(n.x[0].dims(), dims), at_b(n.x[1].dims(), dims);
  const Values a = Reals(n.x[0]), b = Reals(n.x[1]);
  for (size_t i = 0; i < n.dy.size(); ++i) {
    const auto ia = static_cast<size_t>(at_a(static_cast<int64_t>(i))),
               ib = static_cast<size_t>(at_b(static_cast<int64_t>(i)));
    const Slopes s = slope(a[ia], b[ib]);
    dx[0][ia] += s.by_a * n.dy[i];
    dx[1][ib] += s.by_b * n.dy[i];
  }
  return OkStatus();
}

// y = A' B' scaled by alpha, two dims each; and beta C, broadcast.
Status ByProduct(const Local& n, std::vector<Values>& dx) {
  const bool gemm = n.node.op_type == "Gemm";
  for (const ir::Attribute& attribute : n.node.attributes) {
    const auto* number = std::get_if<int64_t>(&attribute.value);
    const auto* real = std::get_if<float>(&attribute.value);
    if ((number != nullptr && *number != 0) || (real != nullptr && *real != 1.0f))
      return Unimplemented("attribute \"{}\" of {}", attribute.name, n.node.op_type);
  }
  if (n.x[0].rank() != 2 || n.x[1].rank() != 2)
    return Unimplemented("{} of other than two dims", n.node.op_type);
  if (n.x[0].dims()[1] != n.x[1].dims()[0] ||
      n.y.dims() != ir::Shape{n.x[0].dims()[0], n.x[1].dims()[1]} ||
      (n.x.size() > 2 && !BroadcastsTo(n.x[2].dims(), n.y.dims())))
    return Unimplemented("{} with operands that do not fit", n.node.op_type);
  const int64_t m = n.x[0].dims()[0], k = n.x[0].dims()[1], columns = n.x[1].dims()[1];
  AZ_ASSIGN_OR_RETURN(const MatMulShapes a, MatMulShapes::Of({m, columns}, {columns, k}));
  AZ_ASSIGN_OR_RETURN(const MatMulShapes b, MatMulShapes::Of({k, m}, {m, columns}));
  dx[0] = Multiply(a, n.dy, Transposed(Reals(n.x[1]), k, columns));
  dx[1] = Multiply(b, Transposed(Reals(n.x[0]), m, k), n.dy);
  if (gemm && n.x.size() > 2) {
    const BroadcastMap at(n.x[2].dims(), n.y.dims());
    for (size_t i = 0; i < n.dy.size(); ++i)
      dx[2][static_cast<size_t>(at(static_cast<int64_t>(i)))] += n.dy[i];
  }
  return OkStatus();
}

// The derivatives by the node's inputs; dx[i] comes as zeros, one for each element of x[i].
Status Backward(const Local& n, std::vector<Values>& dx) {
  static const std::set<std::string> same = {"Identity", "Reshape", "Flatten", "Squeeze",
                                             "Unsqueeze"};
  const std::string& op = n.node.op_type;
  const bool main = ir::IsMainDomain(n.node.domain);
  // A model may define functions of these names; the shapes say whether the rules fit.
  if (n.x.empty()) return Unimplemented("no derivative of {} is known", op);
  const bool alike = n.x[0].element_count() == n.y.element_count();
  if (main && alike && same.contains(op)) {
    dx[0] = n.dy;
    return OkStatus();
  }
  if (const Slope slope = main && alike ? SlopeOf(op) : nullptr; slope != nullptr) {
    const Values x = Reals(n.x[0]), y = Reals(n.y);
    for (size_t i = 0; i < y.size(); ++i) dx[0][i] = slope(x[i], y[i]) * n.dy[i];
    return OkStatus();
  }
  if (const BinarySlope slope = main && n.x.size() == 2 ? BinarySlopeOf(op) : nullptr;
      slope != nullptr)
    return ByBinary(n, slope, dx);
  if (main && n.x.size() > 1 && (op == "MatMul" || op == "Gemm")) return ByProduct(n, dx);
  if (main && op == "ReduceSum" && n.y.element_count() == 1) {
    for (double& value : dx[0]) value = n.dy[0];
    return OkStatus();
  }
  return Unimplemented("no derivative of {} is known", op);
}

Status Gradient(OpContext& ctx) {
  const ir::Graph& graph = ctx.graph();
  std::vector<std::string> names = ctx.Strings("xs");
  const size_t xs = names.size();
  for (const std::string& name : ctx.Strings("zs")) names.push_back(name);
  if (names.size() != ctx.input_count() || xs == 0)
    return InvalidArgument("{} inputs for {} names in xs and zs", ctx.input_count(), names.size());
  const ir::ValueRef y = graph.FindValue(ctx.String("y", ""));
  if (!y) return InvalidArgument("no value \"{}\" in the graph", ctx.String("y", ""));
  std::vector<std::pair<ir::ValueRef, RuntimeValue>> bound;
  std::set<uint32_t> given, active;
  for (size_t i = 0; i < names.size(); ++i) {
    const ir::ValueRef ref = graph.FindValue(names[i]);
    if (!ref) return InvalidArgument("no value \"{}\" in the graph", names[i]);
    if (!ctx.has(i)) return InvalidArgument("input {} is missing", i);
    if (i < xs) AZ_RETURN_IF_ERROR(NeedFloat(ctx, i));
    bound.emplace_back(ref, ctx.value(i));
    given.insert(ref.index);
    if (i < xs) active.insert(ref.index);
  }
  // Nodes through which y may depend on xs, in the order of execution; what their rules read.
  std::vector<ir::NodeRef> path;
  std::vector<ir::ValueRef> wanted;
  for (const ir::NodeRef ref : graph.nodes()) {
    const ir::Node& node = graph.node(ref);
    if (&node == &ctx.node() || node.outputs.empty() || given.contains(node.outputs[0].index))
      continue;
    bool depends = false;
    for (const ir::ValueRef input : node.inputs)
      depends = depends || (input && active.contains(input.index));
    if (!depends || active.contains(y.index)) continue;
    path.push_back(ref);
    for (const ir::ValueRef output : node.outputs) {
      if (output) active.insert(output.index);
    }
  }
  // Only what y needs: walk back once by names alone.
  std::set<uint32_t> needed = {y.index};
  std::vector<ir::NodeRef> back;
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    const ir::Node& node = graph.node(*at);
    if (!needed.contains(node.outputs[0].index)) continue;
    back.push_back(*at);
    wanted.push_back(node.outputs[0]);
    for (const ir::ValueRef input : node.inputs) {
      if (!input) continue;
      needed.insert(input.index);
      wanted.push_back(input);
    }
  }
  wanted.push_back(y);
  AZ_ASSIGN_OR_RETURN(const std::vector<RuntimeValue> results, ctx.RunPart(bound, wanted));
  std::map<uint32_t, ir::Tensor> values;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!results[i].is_tensor() || !IsNumeric(results[i].tensor.dtype()))
      return Unimplemented("the way to y passes something other than a tensor of numbers");
    values[wanted[i].index] = results[i].tensor;
  }
  std::map<uint32_t, Values> derivative;
  derivative[y.index] = Values(static_cast<size_t>(values[y.index].element_count()), 1.0);
  for (const ir::NodeRef ref : back) {
    const ir::Node& node = graph.node(ref);
    const auto dy = derivative.find(node.outputs[0].index);
    if (dy == derivative.end()) continue;
    Local local{node, {}, values[node.outputs[0].index], dy->second};
    std::vector<Values> dx;
    for (const ir::ValueRef input : node.inputs) {
      if (!input) return Unimplemented("{} with an omitted input", node.op_type);
      local.x.push_back(values[input.index]);
      dx.emplace_back(static_cast<size_t>(local.x.back().element_count()));
    }
    const Status status = Backward(local, dx);
    if (!status.ok()) return Annotate(status, ir::NodeLabel(graph, ref));
    for (size_t i = 0; i < dx.size(); ++i) {
      Values& sum = derivative[node.inputs[i].index];
      sum.resize(dx[i].size());
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += dx[i][k];
    }
  }
  for (size_t i = 0; i < xs; ++i) {
    if (!ctx.wants(i)) continue;
    Values& sum = derivative[bound[i].first.index];
    sum.resize(static_cast<size_t>(ctx.in(i).element_count()));
    ctx.Set(i, FromReals(ctx.in(i).dtype(), ctx.in(i).dims(), sum));
  }
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Gradient", 1, Gradient, 1, -1, Takes::kNumeric, kTrainingDomain},
};

}  // namespace

KernelRows GradientRows() { return kRows; }

}  // namespace assize::reference
