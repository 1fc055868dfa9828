// Activations as kernels take them: which op it is, and what it leaves of the numbers.
// Tests: tests/engine/ops_test.cc, tests/engine/int8_test.cc.
#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/units.h"

namespace assize::engine {

using ir::DType;
using ir::NodeRef;

std::optional<Bounds> BoundsOf(const std::optional<UnaryOpSpec>& activation) {
  if (!activation || activation->kind == Unary::kCopy) return Bounds{-INFINITY, INFINITY};
  if (activation->kind == Unary::kRelu) return Bounds{0, INFINITY};
  if (activation->kind == Unary::kClip) return Bounds{activation->a, activation->b};
  return std::nullopt;
}

Bounds InSteps(const Bounds& bounds, const QuantParams& grid) {
  const float lowest = static_cast<float>(grid.low() - grid.zero_point);
  const float highest = static_cast<float>(grid.high() - grid.zero_point);
  const float low = std::clamp(bounds.low / grid.scale, lowest, highest);
  return {low, std::clamp(bounds.high / grid.scale, low, highest)};
}

std::optional<UnaryOpSpec> UnarySpec(Facts& facts, NodeRef ref) {
  const ir::Graph& graph = facts.graph();
  const ir::Node& n = graph.node(ref);
  if (!IsOnnx(n) || n.inputs.empty() || n.outputs.size() != 1) return std::nullopt;
  const ValueFact* x = facts.Find(n.inputs[0]);
  if (x == nullptr || x->dtype != DType::kFloat) return std::nullopt;
  const std::string_view op = n.op_type;
  analysis::AttributeReader read(graph, ref);
  const auto done = [&](UnaryOpSpec spec) -> std::optional<UnaryOpSpec> {
    if (!read.status().ok()) return std::nullopt;
    return spec;
  };
  if (op == "Clip") {
    const auto view = analysis::ClipOp::From(graph, ref, facts.opset());
    if (!view.ok()) return std::nullopt;
    UnaryOpSpec spec{Unary::kClip, -INFINITY, INFINITY};
    const auto bound = [&](const analysis::FloatArgument& argument, float& to) {
      if (argument.attribute) {
        to = static_cast<float>(*argument.attribute);
      } else if (argument.input) {
        const ir::Tensor* tensor = facts.Known(argument.input);
        if (tensor == nullptr || tensor->dtype() != DType::kFloat || tensor->element_count() != 1)
          return false;
        to = tensor->data<float>()[0];
      }
      return !std::isnan(to);
    };
    if (!bound(view->min, spec.a) || !bound(view->max, spec.b)) return std::nullopt;
    return spec;
  }
  if (n.inputs.size() != 1) return std::nullopt;
  if (op == "Relu") return done({Unary::kRelu});
  if (op == "LeakyRelu") return done({Unary::kLeakyRelu, read.Float("alpha", 0.01f)});
  if (op == "Elu") return done({Unary::kElu, read.Float("alpha", 1.0f)});
  if (op == "HardSigmoid")
    return done({Unary::kHardSigmoid, read.Float("alpha", 0.2f), read.Float("beta", 0.5f)});
  if (op == "HardSwish") return done({Unary::kHardSwish});
  if (op == "Selu" && facts.opset() >= 6)
    return done({Unary::kSelu, read.Float("alpha", 1.67326319217681884765625f),
                 read.Float("gamma", 1.05070102214813232421875f)});
  if (op == "Celu") {
    const float alpha = read.Float("alpha", 1.0f);
    return alpha > 0 ? done({Unary::kCelu, alpha}) : std::nullopt;
  }
  if (op == "Swish") return done({Unary::kSwish, read.Float("alpha", 1.0f)});
  if (op == "ThresholdedRelu") return done({Unary::kThresholdedRelu, read.Float("alpha", 1.0f)});
  if (op == "Shrink")
    return done({Unary::kShrink, read.Float("bias", 0.0f), read.Float("lambd", 0.5f)});
  static const std::map<std::string_view, Unary> kPlain = {
      {"Mish", Unary::kMish},   {"Softsign", Unary::kSoftsign}, {"Sign", Unary::kSign},
      {"Round", Unary::kRound}, {"Sin", Unary::kSin},           {"Cos", Unary::kCos},
      {"Tan", Unary::kTan},     {"Asin", Unary::kAsin},         {"Acos", Unary::kAcos},
      {"Atan", Unary::kAtan},   {"Sinh", Unary::kSinh},         {"Cosh", Unary::kCosh},
      {"Asinh", Unary::kAsinh}, {"Acosh", Unary::kAcosh},       {"Atanh", Unary::kAtanh}};
  if (const auto plain = kPlain.find(op); plain != kPlain.end()) return done({plain->second});
  if (op == "Sigmoid") return done({Unary::kSigmoid});
  if (op == "Tanh") return done({Unary::kTanh});
  if (op == "Exp") return done({Unary::kExp});
  if (op == "Log") return done({Unary::kLog});
  if (op == "Sqrt") return done({Unary::kSqrt});
  if (op == "Abs") return done({Unary::kAbs});
  if (op == "Neg") return done({Unary::kNeg});
  if (op == "Reciprocal") return done({Unary::kReciprocal});
  if (op == "Floor") return done({Unary::kFloor});
  if (op == "Ceil") return done({Unary::kCeil});
  if (op == "Erf") return done({Unary::kErf});
  if (op == "Softplus") return done({Unary::kSoftplus});
  if (op == "Gelu") {
    const std::string approximate = read.Text("approximate", "none");
    if (approximate == "none") return done({Unary::kGelu});
    if (approximate == "tanh") return done({Unary::kGeluTanh});
  }
  return std::nullopt;
}

}  // namespace assize::engine
