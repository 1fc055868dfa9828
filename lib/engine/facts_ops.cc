// Shape rules of further ops: comparisons, logic, Where, repeats, other sizes, recurrent layers,
// transposed convolution, elements by index. Tests: tests/engine/native_ops_test.cc,
// tests/engine/indexing_test.cc, tests/engine/node_cases_test.cc.
#include <algorithm>
#include <set>
#include <string_view>

#include "lib/analysis/attributes.h"
#include "lib/analysis/equation.h"
#include "lib/analysis/ops.h"
#include "lib/engine/facts.h"
#include "lib/engine/resizes.h"

namespace assize::engine {

using ir::DType;
using ir::Shape;

bool IsContribSameShape(const ir::Node& node) {
  static const std::set<std::string_view> kOps = {"Gelu",
                                                  "FastGelu",
                                                  "QuickGelu",
                                                  "BiasGelu",
                                                  "SkipLayerNormalization",
                                                  "SkipSimplifiedLayerNormalization"};
  if (node.domain != "com.microsoft" || !kOps.contains(node.op_type)) return false;
  // Mean and deviation are results of training.
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (i != 3 && node.outputs[i]) return false;
  }
  return !node.inputs.empty() && node.inputs[0] && !node.outputs.empty();
}

std::optional<Shape> Facts::IndexedDims(ir::NodeRef ref, const ir::Node& node) {
  const std::string_view op = node.op_type;
  const ValueFact x = *Find(node.inputs[0]);
  const int64_t rank = static_cast<int64_t>(x.dims.size());
  if (op == "Trilu") return rank < 2 ? std::nullopt : std::optional(x.dims);
  const bool scatter = op == "Scatter" || op == "ScatterElements" || op == "ScatterND";
  if (!scatter && op != "GatherElements" && op != "GatherND") return std::nullopt;
  if (node.inputs.size() != (scatter ? 3u : 2u)) return std::nullopt;
  const ValueFact* which = Find(node.inputs[1]);
  const ValueFact* updates = scatter ? Find(node.inputs[2]) : nullptr;
  if (which == nullptr || !ir::IsInteger(which->dtype)) return std::nullopt;
  if (scatter && (updates == nullptr || updates->dtype != x.dtype)) return std::nullopt;
  analysis::AttributeReader read(graph(), ref);
  const Shape& indices = which->dims;
  if (!op.ends_with("ND")) {
    const auto axis = NormalAxis(read.Int("axis", 0), rank);
    if (!read.status().ok() || !axis || indices.size() != x.dims.size()) return std::nullopt;
    for (size_t i = 0; i < indices.size(); ++i) {
      if (static_cast<int64_t>(i) != *axis && indices[i] > x.dims[i]) return std::nullopt;
    }
    if (!scatter) return indices;
    return updates->dims == indices ? std::optional(x.dims) : std::nullopt;
  }
  const int64_t batch = scatter ? 0 : read.Int("batch_dims", 0);
  if (!read.status().ok() || indices.empty() || batch < 0 || batch >= rank ||
      batch >= static_cast<int64_t>(indices.size()))
    return std::nullopt;
  const int64_t width = indices.back();
  if (width < 1 || width > rank - batch) return std::nullopt;
  if (!std::equal(indices.begin(), indices.begin() + batch, x.dims.begin())) return std::nullopt;
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), x.dims.begin() + batch + width, x.dims.end());
  if (!scatter) return shape;
  return updates->dims == shape ? std::optional(x.dims) : std::nullopt;
}

bool Facts::InferMore(ir::NodeRef ref, const ir::Node& node, std::vector<ValueFact>& out) {
  static const std::set<std::string_view> kToBool = {
      "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Xor"};
  static const std::set<std::string_view> kFold = {"Min", "Max", "Sum", "Mean", "Mod"};
  const std::string_view op = node.op_type;
  const ValueFact& first = *Find(node.inputs[0]);
  const Shape dims = first.dims;
  const DType dtype = first.dtype;
  const int64_t rank = static_cast<int64_t>(dims.size());
  const auto one = [&](DType type, Shape shape) {
    out[0] = {type, std::move(shape), false};
    return true;
  };
  if (IsContribSameShape(node)) {
    for (const ir::ValueRef input : node.inputs) {
      const ValueFact* fact = input ? Find(input) : &first;
      if (fact->dtype != dtype || !Broadcast(dims, fact->dims) ||
          *Broadcast(dims, fact->dims) != dims)
        return false;
    }
    std::fill(out.begin(), out.end(), ValueFact{dtype, dims, false});
    return true;
  }
  analysis::AttributeReader read(graph(), ref);
  if ((op == "RMSNormalization" || op == "SimplifiedLayerNormalization") &&
      node.outputs.size() == 1 && node.inputs.size() == 2) {
    const ValueFact* scale = Find(node.inputs[1]);
    return scale != nullptr && one(scale->dtype, dims);
  }
  if ((op == "LSTM" || op == "GRU") && node.inputs.size() >= 3) {
    const ValueFact* r = Find(node.inputs[2]);
    if (r == nullptr || rank != 3 || r->dims.size() != 3) return false;
    const bool batch_first = read.Int("layout", 0) != 0;
    const std::string direction = read.Text("direction", "forward");
    const int64_t directions = direction == "bidirectional" ? 2 : 1;
    if (!read.status().ok() || batch_first || r->dims[0] != directions) return false;
    const Shape state{directions, dims[1], r->dims[2]};
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = {dtype, i == 0 ? Shape{dims[0], directions, dims[1], r->dims[2]} : state, false};
    return out.size() <= (op == "LSTM" ? 3u : 2u);
  }
  if (op == "TopK" && rank > 0 && node.outputs.size() <= 2) {
    int64_t axis = read.Int("axis", -1), k = opset_ < 10 ? read.Int("k", -1) : -1;
    if (opset_ >= 10 && node.inputs.size() == 2) {
      const auto known = KnownInts(node.inputs[1]);
      if (known && known->size() == 1) k = (*known)[0];
    }
    if (axis < 0) axis += rank;
    if (!read.status().ok() || axis < 0 || axis >= rank || k < 0 ||
        k > dims[static_cast<size_t>(axis)])
      return false;
    Shape shape = dims;
    shape[static_cast<size_t>(axis)] = k;
    for (size_t i = 0; i < out.size(); ++i) out[i] = {i == 0 ? dtype : DType::kInt64, shape, false};
    return true;
  }
  if (node.outputs.size() != 1) return false;
  // What nothing fed decides is evaluated, and its indices checked, without a rule.
  const bool runs = std::any_of(node.inputs.begin(), node.inputs.end(),
                                [&](ir::ValueRef input) { return input && !IsEvaluable(input); });
  if (op == "OneHot" && runs) {
    const ValueFact* values = Find(node.inputs[2]);
    const auto depth = KnownInts(node.inputs[1]);
    const auto axis = NormalAxis(read.Int("axis", -1), rank + 1);
    if (!read.status().ok() || !axis || values == nullptr || !depth) return false;
    if (depth->size() != 1 || (*depth)[0] < 0 || values->dims != Shape{2}) return false;
    Shape shape = dims;
    shape.insert(shape.begin() + *axis, (*depth)[0]);
    return one(values->dtype, shape);
  }
  if (auto shape = runs ? IndexedDims(ref, node) : std::nullopt) return one(dtype, *shape);
  if (kToBool.contains(op) || kFold.contains(op)) {
    if (opset_ < 8) return false;
    Shape shape = dims;
    for (const ir::ValueRef input : node.inputs) {
      const ValueFact* fact = Find(input);
      if (fact == nullptr || fact->dtype != dtype) return false;
      const auto both = Broadcast(shape, fact->dims);
      if (!both) return false;
      shape = *both;
    }
    if (kToBool.contains(op) && node.inputs.size() != 2) return false;
    return one(kToBool.contains(op) ? DType::kBool : dtype, shape);
  }
  if (op == "Where" && node.inputs.size() == 3) {
    const ValueFact *a = Find(node.inputs[1]), *b = Find(node.inputs[2]);
    if (a == nullptr || b == nullptr || a->dtype != b->dtype) return false;
    const auto values = Broadcast(a->dims, b->dims);
    const auto shape = values ? Broadcast(dims, *values) : std::nullopt;
    return shape ? one(a->dtype, *shape) : false;
  }
  if (op == "Expand" && node.inputs.size() == 2) {
    const auto target = KnownInts(node.inputs[1]);
    if (!target || std::any_of(target->begin(), target->end(), [](int64_t d) { return d < 0; }))
      return false;
    const auto shape = Broadcast(dims, *target);
    return shape ? one(dtype, *shape) : false;
  }
  if (op == "Tile" && node.inputs.size() == 2) {
    const auto repeats = KnownInts(node.inputs[1]);
    if (!repeats || repeats->size() != dims.size()) return false;
    Shape shape = dims;
    for (size_t i = 0; i < shape.size(); ++i) {
      if ((*repeats)[i] < 0 || __builtin_mul_overflow(shape[i], (*repeats)[i], &shape[i]))
        return false;
    }
    return one(dtype, shape);
  }
  if (op == "ArgMax" || op == "ArgMin") {
    int64_t axis = read.Int("axis", 0);
    const bool keep = read.Int("keepdims", 1) != 0;
    if (axis < 0) axis += rank;
    if (!read.status().ok() || axis < 0 || axis >= rank || dims[static_cast<size_t>(axis)] == 0)
      return false;
    Shape shape = dims;
    if (keep) {
      shape[static_cast<size_t>(axis)] = 1;
    } else {
      shape.erase(shape.begin() + axis);
    }
    return one(DType::kInt64, shape);
  }
  if (op == "GroupNormalization") return one(dtype, dims);
  if (op == "Einsum") {
    std::vector<Shape> shapes;
    for (const ir::ValueRef input : node.inputs) {
      const ValueFact* fact = Find(input);
      if (fact == nullptr || fact->dtype != dtype) return false;
      shapes.push_back(fact->dims);
    }
    const auto equation = analysis::ParseEquation(read.Text("equation", ""), shapes);
    return read.status().ok() && equation.ok() ? one(dtype, equation->OutputDims()) : false;
  }
  if (op == "Attention") {
    const auto view = analysis::AttentionOp::From(graph(), ref, opset_);
    if (!view.ok() || view->past_key || view->past_value || view->valid_keys) return false;
    const ValueFact *k = Find(view->k), *v = Find(view->v);
    if (k->dtype != dtype || v->dtype != dtype) return false;
    const auto heads = view->HeadsOf(dims, k->dims, v->dims);
    if (!heads) return false;
    if (view->mask) {
      const Shape scores{heads->q.batch, heads->q.heads, heads->q.length, heads->k.length};
      if (Broadcast(Find(view->mask)->dims, scores) != scores) return false;
    }
    return one(dtype, heads->y.Dims());
  }
  if (op == "Resize" || op == "Upsample") {
    const auto match = MatchResize(*this, ref);
    return match ? one(dtype, match->ResultDims()) : false;
  }
  if (op == "DepthToSpace" || op == "SpaceToDepth") {
    const int64_t b = read.RequiredInt("blocksize");
    if (!read.status().ok() || rank != 4 || b < 1 || b > 65536) return false;
    if (op == "DepthToSpace") {
      if (dims[1] % (b * b) != 0) return false;
      return one(dtype, {dims[0], dims[1] / (b * b), dims[2] * b, dims[3] * b});
    }
    if (dims[2] % b != 0 || dims[3] % b != 0) return false;
    return one(dtype, {dims[0], dims[1] * b * b, dims[2] / b, dims[3] / b});
  }
  if (op == "ConvTranspose") {
    const auto view = analysis::ConvTransposeOp::From(graph(), ref, opset_);
    const ValueFact* w = view.ok() ? Find(view->w) : nullptr;
    if (w == nullptr || rank < 3 || w->dims.size() != dims.size() || w->dtype != dtype ||
        w->dims[0] != dims[1] || view->group < 1 || dims[1] % view->group != 0)
      return false;
    auto filled = *view;
    const auto window = view->window.Filled(static_cast<size_t>(rank - 2));
    if (!window.ok()) return false;
    filled.window = *window;
    const Shape kernel(w->dims.begin() + 2, w->dims.end());
    if (!view->window.kernel_shape.empty() && view->window.kernel_shape != kernel) return false;
    filled.window.kernel_shape = kernel;
    const auto extent = filled.Apply({dims.begin() + 2, dims.end()});
    if (!extent.ok()) return false;
    Shape shape{dims[0], w->dims[1] * view->group};
    for (const int64_t size : extent->output) {
      if (size < 0) return false;
      shape.push_back(size);
    }
    return one(dtype, shape);
  }
  return false;
}

}  // namespace assize::engine
