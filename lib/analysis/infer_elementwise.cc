// Inference for ops whose result has the shape of an input or the broadcast of several, and
// normalizations. Tests: tests/analysis/infer_test.cc.
#include "lib/analysis/infer_context.h"

namespace assize::analysis {
namespace {

using ir::DType;

Status SameAsFirst(InferContext& c) {
  if (c.type(0).kind != ir::Type::Kind::kUnset) c.Set(0, c.type(0));
  return OkStatus();
}

Status Identity(InferContext& c) {
  if (const auto data = c.data(0)) c.SetData(OutputAt(c.node, 0), *data);
  return SameAsFirst(c);
}

// First two inputs broadcast; the result has the given type, or that of the first input.
Status BroadcastTwo(InferContext& c, DType result) {
  if (result == DType::kUndefined)
    result = c.dtype(0) != DType::kUndefined ? c.dtype(0) : c.dtype(1);
  std::optional<Dims> dims;
  if (c.shape(0) && c.shape(1)) {
    AZ_ASSIGN_OR_RETURN(dims, Broadcast(*c.shape(0), *c.shape(1)));
  }
  c.Set(0, result, dims);
  return OkStatus();
}

std::optional<int64_t> Fold(std::string_view op, int64_t a, int64_t b) {
  int64_t r = 0;
  if (op == "Add") return __builtin_add_overflow(a, b, &r) ? std::nullopt : std::optional(r);
  if (op == "Sub") return __builtin_sub_overflow(a, b, &r) ? std::nullopt : std::optional(r);
  if (op == "Mul") return __builtin_mul_overflow(a, b, &r) ? std::nullopt : std::optional(r);
  if (op == "Div" && b != 0 && !(a == INT64_MIN && b == -1)) return a / b;
  return std::nullopt;
}

Status Arithmetic(InferContext& c) {
  AZ_RETURN_IF_ERROR(BroadcastTwo(c, DType::kUndefined));
  if (!ir::IsInteger(c.dtype(0))) return OkStatus();
  const auto a = c.data(0), b = c.data(1);
  if (!a || !b || a->values.empty() || b->values.empty()) return OkStatus();
  const size_t size = std::max(a->values.size(), b->values.size());
  if ((a->values.size() != size && a->values.size() != 1) ||
      (b->values.size() != size && b->values.size() != 1)) {
    return OkStatus();
  }
  ShapeData result{{}, a->scalar && b->scalar};
  for (size_t i = 0; i < size; ++i) {
    const Dim& x = a->values[a->values.size() == 1 ? 0 : i];
    const Dim& y = b->values[b->values.size() == 1 ? 0 : i];
    const auto folded =
        x.known() && y.known() ? Fold(c.node.op_type, *x.value, *y.value) : std::nullopt;
    result.values.push_back(folded ? Known(*folded) : Dim{});
  }
  c.SetData(OutputAt(c.node, 0), std::move(result));
  return OkStatus();
}

Status Compare(InferContext& c) { return BroadcastTwo(c, DType::kBool); }

Status Variadic(InferContext& c) {
  std::optional<Dims> dims = c.shape(0);
  for (size_t i = 1; i < c.node.inputs.size(); ++i) {
    if (!dims || !c.shape(i)) {
      dims.reset();
      break;
    }
    AZ_ASSIGN_OR_RETURN(dims, Broadcast(*dims, *c.shape(i)));
  }
  c.Set(0, c.dtype(0), dims);
  return OkStatus();
}

Status Where(InferContext& c) {
  std::optional<Dims> dims;
  if (c.shape(0) && c.shape(1) && c.shape(2)) {
    AZ_ASSIGN_OR_RETURN(dims, Broadcast(*c.shape(1), *c.shape(2)));
    AZ_ASSIGN_OR_RETURN(dims, Broadcast(*c.shape(0), *dims));
  }
  c.Set(0, c.dtype(1) != DType::kUndefined ? c.dtype(1) : c.dtype(2), dims);
  return OkStatus();
}

Status Cast(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const CastOp op, CastOp::From(c.graph, c.ref, c.opset));
  c.Set(0, op.to, c.shape(0));
  if (op.to == DType::kInt64 || op.to == DType::kInt32) {
    if (const auto data = c.data(0); data && ir::IsInteger(c.dtype(0))) c.SetData(op.y, *data);
    if (const auto small = c.small(0)) c.SetInts(op.y, op.to, *small);
  }
  return OkStatus();
}

Status CastLike(InferContext& c) {
  c.Set(0, c.dtype(1), c.shape(0));
  return OkStatus();
}

Status ToBool(InferContext& c) {
  c.Set(0, DType::kBool, c.shape(0));
  return OkStatus();
}

Status Dropout(InferContext& c) {
  AZ_RETURN_IF_ERROR(SameAsFirst(c));
  c.Set(1, c.opset >= 10 ? DType::kBool : c.dtype(0), c.shape(0));
  return OkStatus();
}

Status BatchNormalization(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const auto op, BatchNormalizationOp::From(c.graph, c.ref, c.opset));
  if (c.shape(0) && op.spatial && c.shape(0)->size() >= 2) {
    const Dim& channels = (*c.shape(0))[1];
    for (size_t i = 1; i < 5; ++i) {
      if (!c.shape(i)) continue;
      if (c.shape(i)->size() != 1) {
        return c.Mismatch("input {} has rank {}, expected 1", i, c.shape(i)->size());
      }
      if (Differ(channels, (*c.shape(i))[0])) {
        return c.Mismatch("input {} has {} elements, expected {} (x dim 1)", i,
                          *(*c.shape(i))[0].value, *channels.value);
      }
    }
  }
  for (size_t i = 1; i < 5; ++i) {
    if (c.shape(3)) c.Set(i, c.dtype(3), c.shape(3));
  }
  return SameAsFirst(c);
}

// LayerNormalization: mean and inverse deviation keep the leading axes, the normalized ones
// become 1.
Status LayerNormalization(InferContext& c) {
  AZ_RETURN_IF_ERROR(SameAsFirst(c));
  if (!c.shape(0)) return OkStatus();
  AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(c.read.Int("axis", -1), c.shape(0)->size()));
  Dims reduced = *c.shape(0);
  for (size_t i = axis; i < reduced.size(); ++i) reduced[i] = Known(1);
  const auto stash = static_cast<DType>(c.read.Int("stash_type", 1));
  c.Set(1, stash, reduced);
  c.Set(2, stash, reduced);
  return c.read.status();
}

// RMSNormalization, and ONNX Runtime's SimplifiedLayerNormalization in ONNX's domain: the result is
// of the scale's type.
Status NormalizationByScale(InferContext& c) {
  AZ_RETURN_IF_ERROR(LayerNormalization(c));
  c.Set(0, c.dtype(1), c.shape(0));
  return OkStatus();
}

Status QuantizeLinear(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const auto op, QuantizeLinearOp::From(c.graph, c.ref, c.opset));
  DType dtype = DType::kUint8;
  if (op.zero_point)
    dtype = c.dtype(2);
  else if (op.output_dtype != 0)
    dtype = static_cast<DType>(op.output_dtype);
  c.Set(0, dtype, c.shape(0));
  return OkStatus();
}

Status DequantizeLinear(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const auto op, DequantizeLinearOp::From(c.graph, c.ref, c.opset));
  const DType dtype = op.output_dtype != 0 ? static_cast<DType>(op.output_dtype)
                      : c.opset >= 19      ? c.dtype(1)
                                           : DType::kFloat;
  c.Set(0, dtype, c.shape(0));
  return OkStatus();
}

Status DynamicQuantizeLinear(InferContext& c) {
  c.Set(0, DType::kUint8, c.shape(0));
  c.Set(1, DType::kFloat, Dims{});
  c.Set(2, DType::kUint8, Dims{});
  return OkStatus();
}

Status RandomLike(InferContext& c) {
  const int64_t given = c.read.Int("dtype", 0);
  AZ_RETURN_IF_ERROR(c.read.status());
  c.Set(0, given != 0 ? static_cast<DType>(given) : c.dtype(0), c.shape(0));
  return OkStatus();
}

}  // namespace

void AddElementwiseRules(InferRules& rules) {
  for (const std::string_view op : {"Relu",
                                    "Sigmoid",
                                    "Tanh",
                                    "Abs",
                                    "Neg",
                                    "Exp",
                                    "Log",
                                    "Sqrt",
                                    "Reciprocal",
                                    "Floor",
                                    "Ceil",
                                    "Round",
                                    "Sign",
                                    "Erf",
                                    "Not",
                                    "Softplus",
                                    "Softsign",
                                    "Sin",
                                    "Cos",
                                    "Tan",
                                    "Asin",
                                    "Acos",
                                    "Atan",
                                    "Sinh",
                                    "Cosh",
                                    "Asinh",
                                    "Acosh",
                                    "Atanh",
                                    "HardSwish",
                                    "Mish",
                                    "Clip",
                                    "Elu",
                                    "LeakyRelu",
                                    "Selu",
                                    "Celu",
                                    "HardSigmoid",
                                    "ThresholdedRelu",
                                    "Gelu",
                                    "Swish",
                                    "Shrink",
                                    "Softmax",
                                    "LogSoftmax",
                                    "Hardmax",
                                    "LRN",
                                    "InstanceNormalization",
                                    "GroupNormalization",
                                    "MeanVarianceNormalization",
                                    "LpNormalization",
                                    "PRelu",
                                    "CumSum",
                                    "CumProd",
                                    "BitwiseNot",
                                    "Trilu",
                                    "ReverseSequence",
                                    "Scatter",
                                    "ScatterElements",
                                    "ScatterND",
                                    "RotaryEmbedding",
                                    "TensorScatter"}) {
    rules[op] = SameAsFirst;
  }
  rules["Identity"] = Identity;
  for (const std::string_view op : {"Add", "Sub", "Mul", "Div"}) rules[op] = Arithmetic;
  for (const std::string_view op :
       {"Pow", "Mod", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"}) {
    rules[op] = [](InferContext& c) { return BroadcastTwo(c, DType::kUndefined); };
  }
  for (const std::string_view op :
       {"And", "Or", "Xor", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"}) {
    rules[op] = Compare;
  }
  for (const std::string_view op : {"Sum", "Min", "Max", "Mean"}) rules[op] = Variadic;
  rules["Where"] = Where;
  rules["Cast"] = Cast;
  rules["CastLike"] = CastLike;
  rules["IsNaN"] = ToBool;
  rules["IsInf"] = ToBool;
  rules["Dropout"] = Dropout;
  rules["BatchNormalization"] = BatchNormalization;
  rules["LayerNormalization"] = LayerNormalization;
  rules["RMSNormalization"] = NormalizationByScale;
  rules["SimplifiedLayerNormalization"] = NormalizationByScale;
  rules["QuantizeLinear"] = QuantizeLinear;
  rules["DequantizeLinear"] = DequantizeLinear;
  rules["DynamicQuantizeLinear"] = DynamicQuantizeLinear;
  rules["RandomNormalLike"] = RandomLike;
  rules["RandomUniformLike"] = RandomLike;
  rules["Bernoulli"] = RandomLike;
}

}  // namespace assize::analysis
