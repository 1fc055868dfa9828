// Typed op views: everything but windows (ops_window.cc). Tests: tests/analysis/ops_test.cc.
#include "lib/analysis/ops.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops_internal.h"
#include "lib/ir/text.h"

namespace assize::analysis {

using ir::Graph;
using ir::NodeRef;
using ir::ValueRef;
using ops_internal::Inputs;
using ops_internal::Open;

namespace ops_internal {

Status Open(const Graph& graph, NodeRef ref, std::initializer_list<std::string_view> ops,
            Inputs range) {
  const ir::Node& node = graph.node(ref);
  if (!ir::IsMainDomain(node.domain)) {
    return InvalidArgument("{}: domain is \"{}\", expected ai.onnx", ir::NodeLabel(graph, ref),
                           node.domain);
  }
  if (std::find(ops.begin(), ops.end(), node.op_type) == ops.end()) {
    return InvalidArgument("{}: expected {}", ir::NodeLabel(graph, ref), fmt::join(ops, " or "));
  }
  for (size_t i = 0; i < range.required; ++i) {
    if (!InputAt(node, i)) {
      return InvalidArgument("{}: input {} is missing, expected at least {}",
                             ir::NodeLabel(graph, ref), i, range.required);
    }
  }
  if (node.inputs.size() > range.most) {
    return InvalidArgument("{}: has {} inputs, expected at most {}", ir::NodeLabel(graph, ref),
                           node.inputs.size(), range.most);
  }
  if (!OutputAt(node, 0)) {
    return InvalidArgument("{}: output 0 is missing", ir::NodeLabel(graph, ref));
  }
  return OkStatus();
}

}  // namespace ops_internal

namespace {

constexpr size_t kAny = SIZE_MAX;

std::optional<ir::Tensor> ConstantNodeValue(AttributeReader& read) {
  if (auto tensor = read.MaybeTensor("value")) return tensor;
  if (auto f = read.MaybeFloat("value_float")) return ir::Tensor::Scalar<float>(*f);
  if (auto i = read.MaybeInt("value_int")) return ir::Tensor::Scalar<int64_t>(*i);
  if (read.Has("value_floats")) {
    const std::vector<float> values = read.Floats("value_floats");
    return ir::Tensor::Of<float>({static_cast<int64_t>(values.size())}, values);
  }
  if (read.Has("value_ints")) {
    const std::vector<int64_t> values = read.Ints("value_ints");
    return ir::Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values);
  }
  if (read.Has("value_string")) return ir::Tensor::Strings({}, {read.Text("value_string", "")});
  if (read.Has("value_strings")) {
    std::vector<std::string> values = read.Texts("value_strings");
    const auto count = static_cast<int64_t>(values.size());
    return ir::Tensor::Strings({count}, std::move(values));
  }
  return std::nullopt;
}

}  // namespace

ValueRef InputAt(const ir::Node& node, size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : ValueRef();
}

ValueRef OutputAt(const ir::Node& node, size_t index) {
  return index < node.outputs.size() ? node.outputs[index] : ValueRef();
}

std::optional<ir::Tensor> ConstantValue(const Graph& graph, ValueRef value) {
  // A chain of Identity nodes is at most as long as the graph; a cycle would need a broken graph.
  for (size_t steps = 0; value && steps <= graph.node_count(); ++steps) {
    if (const ir::Tensor* tensor = graph.ConstantOf(value)) return *tensor;
    const NodeRef producer = graph.value(value).producer;
    if (!producer) return std::nullopt;
    const ir::Node& node = graph.node(producer);
    if (node.Is("Constant") || node.Is("Constant", "ai.onnx")) {
      AttributeReader read(graph, producer);
      auto tensor = ConstantNodeValue(read);
      return read.status().ok() ? tensor : std::nullopt;
    }
    if (!node.Is("Identity") && !node.Is("Identity", "ai.onnx")) return std::nullopt;
    value = InputAt(node, 0);
  }
  return std::nullopt;
}

std::optional<std::vector<int64_t>> IntsArgument::Constant(const Graph& graph) const {
  if (attribute) return attribute;
  const auto tensor = ConstantValue(graph, input);
  if (!tensor || !ir::IsInteger(tensor->dtype()) || tensor->rank() > 1) return std::nullopt;
  return tensor->ToInts();
}

std::optional<double> FloatArgument::Constant(const Graph& graph) const {
  if (attribute) return attribute;
  const auto tensor = ConstantValue(graph, input);
  if (!tensor || tensor->element_count() != 1) return std::nullopt;
  if (!ir::IsFloating(tensor->dtype()) && !ir::IsInteger(tensor->dtype())) return std::nullopt;
  return tensor->ToDoubles()[0];
}

StatusOr<GemmOp> GemmOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Gemm"}, {2, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  GemmOp op{InputAt(node, 0), InputAt(node, 1), InputAt(node, 2), node.outputs[0]};
  op.alpha = read.Float("alpha", 1);
  op.beta = read.Float("beta", 1);
  op.trans_a = read.Int("transA", 0) != 0;
  op.trans_b = read.Int("transB", 0) != 0;
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<MatMulOp> MatMulOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"MatMul"}, {2, 2}));
  const ir::Node& node = graph.node(ref);
  return MatMulOp{node.inputs[0], node.inputs[1], node.outputs[0]};
}

StatusOr<BatchNormalizationOp> BatchNormalizationOp::From(const Graph& graph, NodeRef ref,
                                                          int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"BatchNormalization"}, {5, 5}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  BatchNormalizationOp op{node.inputs[0], node.inputs[1], node.inputs[2],
                          node.inputs[3], node.inputs[4], node.outputs[0]};
  op.epsilon = read.Float("epsilon", 1e-5f);
  op.momentum = read.Float("momentum", 0.9f);
  if (opset >= 14) {
    op.training = read.Int("training_mode", 0) != 0;
  } else {
    for (size_t i = 1; i < node.outputs.size(); ++i) op.training = op.training || node.outputs[i];
  }
  if (opset < 9) op.spatial = read.Int("spatial", 1) != 0;
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

std::optional<std::vector<int64_t>> PadOp::ConstantPads(const Graph& graph, size_t rank) const {
  const auto given = pads.Constant(graph);
  if (!given) return std::nullopt;
  if (!axes) return given->size() == 2 * rank ? given : std::nullopt;
  const auto over = ConstantValue(graph, axes);
  if (!over || !ir::IsInteger(over->dtype())) return std::nullopt;
  const std::vector<int64_t> list = over->ToInts();
  if (given->size() != 2 * list.size()) return std::nullopt;
  std::vector<int64_t> all(2 * rank, 0);
  for (size_t i = 0; i < list.size(); ++i) {
    const int64_t axis = list[i] < 0 ? list[i] + static_cast<int64_t>(rank) : list[i];
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return std::nullopt;
    all[static_cast<size_t>(axis)] = (*given)[i];
    all[static_cast<size_t>(axis) + rank] = (*given)[i + list.size()];
  }
  return all;
}

StatusOr<PadOp> PadOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Pad"}, {opset < 11 ? 1u : 2u, 4}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  PadOp op;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  const std::string mode = read.Text("mode", "constant");
  if (mode == "constant")
    op.mode = Mode::kConstant;
  else if (mode == "reflect")
    op.mode = Mode::kReflect;
  else if (mode == "edge")
    op.mode = Mode::kEdge;
  else if (mode == "wrap")
    op.mode = Mode::kWrap;
  else
    read.Fail(fmt::format("mode is \"{}\", expected constant, reflect, edge or wrap", mode));
  if (opset < 11) {
    op.pads.attribute = read.RequiredInts("pads");
    op.value.attribute = read.Float("value", 0);
  } else {
    op.pads.input = node.inputs[1];
    op.value.input = InputAt(node, 2);
    op.axes = InputAt(node, 3);
  }
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<ClipOp> ClipOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Clip"}, {1, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ClipOp op;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  if (opset < 11) {
    if (const auto v = read.MaybeFloat("min")) op.min.attribute = *v;
    if (const auto v = read.MaybeFloat("max")) op.max.attribute = *v;
  } else {
    op.min.input = InputAt(node, 1);
    op.max.input = InputAt(node, 2);
  }
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<UnaryOp> UnaryOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(
      Open(graph, ref,
           {"Relu",     "Identity",   "Sigmoid", "Tanh",  "Abs",   "Neg",   "Exp",       "Log",
            "Sqrt",     "Reciprocal", "Floor",   "Ceil",  "Round", "Sign",  "Erf",       "Not",
            "Softplus", "Softsign",   "Sin",     "Cos",   "Tan",   "Asin",  "Acos",      "Atan",
            "Sinh",     "Cosh",       "Asinh",   "Acosh", "Atanh", "IsNaN", "HardSwish", "Mish"},
           {1, 1}));
  const ir::Node& node = graph.node(ref);
  return UnaryOp{node.op_type, node.inputs[0], node.outputs[0]};
}

StatusOr<BinaryOp> BinaryOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref,
                          {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "And", "Or", "Xor", "Equal",
                           "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "BitShift",
                           "BitwiseAnd", "BitwiseOr", "BitwiseXor", "PRelu"},
                          {2, 2}));
  const ir::Node& node = graph.node(ref);
  return BinaryOp{node.op_type, node.inputs[0], node.inputs[1], node.outputs[0]};
}

StatusOr<ReshapeOp> ReshapeOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Reshape"}, {2, 2}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ReshapeOp op{node.inputs[0], node.outputs[0], {std::nullopt, node.inputs[1]}};
  if (opset >= 14) op.allow_zero = read.Int("allowzero", 0) != 0;
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

std::vector<int64_t> TransposeOp::PermFor(size_t rank) const {
  if (!perm.empty()) return perm;
  std::vector<int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return reversed;
}

StatusOr<TransposeOp> TransposeOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Transpose"}, {1, 1}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  TransposeOp op{node.inputs[0], node.outputs[0], read.Ints("perm")};
  std::vector<bool> seen(op.perm.size(), false);
  for (const int64_t axis : op.perm) {
    if (axis < 0 || axis >= static_cast<int64_t>(op.perm.size()) ||
        seen[static_cast<size_t>(axis)]) {
      read.Fail(fmt::format("perm {} is no permutation", ir::ShapeText(op.perm)));
      break;
    }
    seen[static_cast<size_t>(axis)] = true;
  }
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<FlattenOp> FlattenOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Flatten"}, {1, 1}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  FlattenOp op{node.inputs[0], node.outputs[0], read.Int("axis", 1)};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<ConcatOp> ConcatOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Concat"}, {1, kAny}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ConcatOp op{node.inputs, node.outputs[0], read.RequiredInt("axis")};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<SplitOp> SplitOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Split"}, {1, 2}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  SplitOp op;
  op.x = node.inputs[0];
  op.ys = node.outputs;
  op.axis = read.Int("axis", 0);
  if (opset < 13)
    op.split.attribute = read.MaybeInts("split");
  else
    op.split.input = InputAt(node, 1);
  if (opset >= 18) op.num_outputs = read.MaybeInt("num_outputs");
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<SqueezeOp> SqueezeOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Squeeze", "Unsqueeze"}, {1, 2}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  SqueezeOp op;
  op.unsqueeze = node.op_type == "Unsqueeze";
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  if (opset < 13)
    op.axes.attribute = read.MaybeInts("axes");
  else
    op.axes.input = InputAt(node, 1);
  if (op.unsqueeze && !op.axes.given()) read.Fail("axes are missing");
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<SliceOp> SliceOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Slice"}, {opset < 10 ? 1u : 3u, 5}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  SliceOp op;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  if (opset < 10) {
    op.starts.attribute = read.RequiredInts("starts");
    op.ends.attribute = read.RequiredInts("ends");
    op.axes.attribute = read.MaybeInts("axes");
  } else {
    op.starts.input = node.inputs[1];
    op.ends.input = node.inputs[2];
    op.axes.input = InputAt(node, 3);
    op.steps.input = InputAt(node, 4);
  }
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<GatherOp> GatherOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Gather"}, {2, 2}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  GatherOp op{node.inputs[0], node.inputs[1], node.outputs[0], read.Int("axis", 0)};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<ReduceOp> ReduceOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(
      Open(graph, ref,
           {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
            "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"},
           {1, 2}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  ReduceOp op;
  op.op_type = node.op_type;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  // ReduceSum moved its axes to an input in 13, the others in 18.
  const bool as_input = opset >= (node.op_type == "ReduceSum" ? 13 : 18);
  if (as_input)
    op.axes.input = InputAt(node, 1);
  else
    op.axes.attribute = read.MaybeInts("axes");
  op.keep_dims = read.Int("keepdims", 1) != 0;
  if (as_input) op.noop_with_empty_axes = read.Int("noop_with_empty_axes", 0) != 0;
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<QuantizeLinearOp> QuantizeLinearOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"QuantizeLinear"}, {2, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  QuantizeLinearOp op{node.inputs[0], node.inputs[1], InputAt(node, 2), node.outputs[0]};
  if (opset >= 13) op.axis = read.Int("axis", 1);
  if (opset >= 19) op.saturate = read.Int("saturate", 1) != 0;
  if (opset >= 21) {
    op.block_size = read.Int("block_size", 0);
    op.output_dtype = read.Int("output_dtype", 0);
  }
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<DequantizeLinearOp> DequantizeLinearOp::From(const Graph& graph, NodeRef ref,
                                                      int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"DequantizeLinear"}, {2, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  DequantizeLinearOp op{node.inputs[0], node.inputs[1], InputAt(node, 2), node.outputs[0]};
  op.axis = read.Int("axis", 1);  // since 13; whoever writes it earlier means the same
  if (opset >= 21) op.block_size = read.Int("block_size", 0);
  if (opset >= 23) op.output_dtype = read.Int("output_dtype", 0);
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<SoftmaxOp> SoftmaxOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Softmax", "LogSoftmax", "Hardmax"}, {1, 1}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  SoftmaxOp op;
  op.op_type = node.op_type;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  op.coerces_to_2d = opset < 13;
  op.axis = read.Int("axis", op.coerces_to_2d ? 1 : -1);
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

bool DropoutOp::IsInference(const Graph& graph) const {
  if (!training_mode) return true;
  const auto mode = ConstantValue(graph, training_mode);
  return mode && mode->dtype() == ir::DType::kBool && mode->element_count() == 1 &&
         !mode->data<bool>()[0];
}

StatusOr<DropoutOp> DropoutOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Dropout"}, {1, 3}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  DropoutOp op;
  op.x = node.inputs[0];
  op.y = node.outputs[0];
  op.mask = OutputAt(node, 1);
  if (opset < 12) {
    op.ratio.attribute = read.Float("ratio", 0.5f);
  } else {
    op.ratio.input = InputAt(node, 1);
    op.training_mode = InputAt(node, 2);
  }
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<ConstantOp> ConstantOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Constant"}, {0, 0}));
  AttributeReader read(graph, ref);
  ConstantOp op{graph.node(ref).outputs[0], ConstantNodeValue(read)};
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<CastOp> CastOp::From(const Graph& graph, NodeRef ref, int64_t opset) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Cast"}, {1, 1}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  CastOp op{node.inputs[0], node.outputs[0]};
  const int64_t to = read.RequiredInt("to");
  if (read.status().ok()) {
    if (to <= 0 || to > ir::kMaxDType)
      read.Fail(fmt::format("to is {}, expected 1 to {}", to, ir::kMaxDType));
    else
      op.to = static_cast<ir::DType>(to);
  }
  if (opset >= 19) op.saturate = read.Int("saturate", 1) != 0;
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

StatusOr<LrnOp> LrnOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"LRN"}, {1, 1}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  LrnOp op{node.inputs[0], node.outputs[0]};
  op.alpha = read.Float("alpha", 1e-4f);
  op.beta = read.Float("beta", 0.75f);
  op.bias = read.Float("bias", 1);
  op.size = read.RequiredInt("size");
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

ir::Shape AttentionOp::Heads::Dims() const {
  if (packed) return {batch, length, heads * width};
  return {batch, heads, length, width};
}

std::optional<AttentionOp::Heads> AttentionOp::Heads::Of(const ir::Shape& dims, int64_t heads) {
  if (dims.size() == 4) return Heads{dims[0], dims[1], dims[2], dims[3], false};
  if (dims.size() != 3 || heads < 1 || dims[2] % heads != 0) return std::nullopt;
  return Heads{dims[0], heads, dims[1], dims[2] / heads, true};
}

std::optional<AttentionOp::AllHeads> AttentionOp::HeadsOf(const ir::Shape& q_dims,
                                                          const ir::Shape& k_dims,
                                                          const ir::Shape& v_dims) const {
  const auto to = Heads::Of(q_dims, q_heads), from = Heads::Of(k_dims, kv_heads),
             values = Heads::Of(v_dims, kv_heads);
  if (!to || !from || !values) return std::nullopt;
  if (from->batch != to->batch || values->batch != to->batch || values->heads != from->heads ||
      values->length != from->length || from->width != to->width || from->heads == 0 ||
      to->heads % from->heads != 0)
    return std::nullopt;
  return AllHeads{
      *to, *from, *values, {to->batch, to->heads, to->length, values->width, to->packed}};
}

StatusOr<AttentionOp> AttentionOp::From(const Graph& graph, NodeRef ref, int64_t) {
  AZ_RETURN_IF_ERROR(Open(graph, ref, {"Attention"}, {3, 7}));
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  AttentionOp op{node.inputs[0],   node.inputs[1],   node.inputs[2],   InputAt(node, 3),
                 InputAt(node, 4), InputAt(node, 5), InputAt(node, 6), node.outputs[0]};
  op.q_heads = read.Int("q_num_heads", 0);
  op.kv_heads = read.Int("kv_num_heads", 0);
  op.scale = read.MaybeFloat("scale");
  op.causal = read.Int("is_causal", 0) != 0;
  op.softcap = read.Float("softcap", 0);
  op.left_window = read.Int("left_window_size", -1);
  op.right_window = read.Int("right_window_size", -1);
  AZ_RETURN_IF_ERROR(read.status());
  return op;
}

}  // namespace assize::analysis
