// Inference for the ops of com.microsoft that quantized and transformer models carry, those of the
// layers apart. Tests: tests/conformance/infer_contrib_test.cc.
#include <algorithm>

#include "lib/analysis/infer_context.h"

namespace assize::analysis {
namespace {

using ir::DType;

Status SameAsFirst(InferContext& c) {
  if (c.type(0).kind != ir::Type::Kind::kUnset) c.Set(0, c.type(0));
  return OkStatus();
}

// Inputs a and b broadcast.
template <size_t a, size_t b>
Status Broadcasting(InferContext& c) {
  std::optional<Dims> dims;
  if (c.shape(a) && c.shape(b)) {
    AZ_ASSIGN_OR_RETURN(dims, Broadcast(*c.shape(a), *c.shape(b)));
  }
  c.Set(0, c.dtype(a), dims);
  return OkStatus();
}

Status QLinearWhere(InferContext& c) {
  std::optional<Dims> dims;
  if (c.shape(0) && c.shape(1) && c.shape(4)) {
    AZ_ASSIGN_OR_RETURN(const Dims both, Broadcast(*c.shape(1), *c.shape(4)));
    AZ_ASSIGN_OR_RETURN(dims, Broadcast(*c.shape(0), both));
  }
  c.Set(0, c.dtype(1), dims);
  return OkStatus();
}

// y_scale, y_zero_point, then three inputs an operand.
Status QLinearConcat(InferContext& c) {
  const int64_t given = c.read.RequiredInt("axis");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y;
  for (size_t i = 2; i < c.node.inputs.size(); i += 3) {
    if (!c.shape(i)) {
      y.reset();
      break;
    }
    const Dims& x = *c.shape(i);
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(given, x.size()));
    if (i == 2) {
      y = x;
      continue;
    }
    if (x.size() != y->size()) return c.Mismatch("operands of rank {} and {}", y->size(), x.size());
    for (size_t d = 0; d < x.size(); ++d) {
      if (d == axis) {
        (*y)[d] = x[d].known() ? Plus((*y)[d], *x[d].value) : Dim{};
      } else if (Differ((*y)[d], x[d])) {
        return c.Mismatch("operand {} is {}, expected dim {} to be {}", (i - 2) / 3, DimsText(x), d,
                          *(*y)[d].value);
      } else {
        (*y)[d] = Meet((*y)[d], x[d]);
      }
    }
  }
  c.Set(0, c.dtype(1), y);
  return OkStatus();
}

Status QuantizeLinear(InferContext& c) {
  c.Set(0, c.in(2) ? c.dtype(2) : DType::kUint8, c.shape(0));
  return OkStatus();
}

Status DequantizeLinear(InferContext& c) {
  c.Set(0, c.dtype(1), c.shape(0));
  return OkStatus();
}

// A at input 0, B at input b, transposed by attributes; two dims each.
Status TwoDims(InferContext& c, size_t b, DType dtype) {
  const bool trans_a = c.read.Int("transA", 0) != 0, trans_b = c.read.Int("transB", 0) != 0;
  AZ_RETURN_IF_ERROR(c.read.status());
  Dims y(2);
  Dim inner_a, inner_b;
  if (c.shape(0)) {
    if (c.shape(0)->size() != 2) return c.Mismatch("A has rank {}, expected 2", c.shape(0)->size());
    y[0] = Meet((*c.shape(0))[trans_a ? 1 : 0], {});
    inner_a = (*c.shape(0))[trans_a ? 0 : 1];
  }
  if (c.shape(b)) {
    if (c.shape(b)->size() != 2) return c.Mismatch("B has rank {}, expected 2", c.shape(b)->size());
    y[1] = Meet((*c.shape(b))[trans_b ? 0 : 1], {});
    inner_b = (*c.shape(b))[trans_b ? 1 : 0];
  }
  if (Differ(inner_a, inner_b)) {
    return c.Mismatch("inner dims are {} (A) and {} (B), expected equal", *inner_a.value,
                      *inner_b.value);
  }
  c.Set(0, dtype, y);
  return OkStatus();
}

Status FusedGemm(InferContext& c) { return TwoDims(c, 1, c.dtype(0)); }
Status QGemm(InferContext& c) { return TwoDims(c, 3, c.in(8) ? c.dtype(8) : c.dtype(1)); }

Status FusedMatMul(InferContext& c) {
  const auto turned = [&](size_t i, const char* batch, const char* swap) {
    std::optional<Dims> dims = c.shape(i);
    const bool move = c.read.Int(batch, 0) != 0, exchange = c.read.Int(swap, 0) != 0;
    if (dims && move && dims->size() > 2)
      std::rotate(dims->begin(), dims->begin() + 1, dims->end() - 1);
    if (dims && exchange && dims->size() > 1)
      std::swap((*dims)[dims->size() - 1], (*dims)[dims->size() - 2]);
    return dims;
  };
  const std::optional<Dims> a = turned(0, "transBatchA", "transA"),
                            b = turned(1, "transBatchB", "transB");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y;
  if (a && b && a->size() >= 2 && b->size() >= 2) {
    if (Differ(a->back(), (*b)[b->size() - 2])) {
      return c.Mismatch("inner dims are {} (A) and {} (B), expected equal", *a->back().value,
                        *(*b)[b->size() - 2].value);
    }
    AZ_ASSIGN_OR_RETURN(y,
                        Broadcast(Dims(a->begin(), a->end() - 2), Dims(b->begin(), b->end() - 2)));
    y->push_back(Meet((*a)[a->size() - 2], {}));
    y->push_back(Meet(b->back(), {}));
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status MatMulNBits(InferContext& c) {
  const int64_t k = c.read.RequiredInt("K"), n = c.read.RequiredInt("N");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y = c.shape(0);
  if (y && y->empty()) return c.Mismatch("A is a scalar");
  if (y && Differ(y->back(), Known(k)))
    return c.Mismatch("A ends in {}, attribute K is {}", *y->back().value, k);
  if (y) y->back() = Known(n);
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

// y, mean, inverse standard deviation, sum.
Status SkipNormalization(InferContext& c) {
  AZ_RETURN_IF_ERROR(SameAsFirst(c));
  std::optional<Dims> rows = c.shape(0);
  if (rows && !rows->empty()) rows->back() = Known(1);
  c.Set(1, DType::kFloat, rows);
  c.Set(2, DType::kFloat, rows);
  c.Set(3, c.dtype(0), c.shape(0));
  return OkStatus();
}

Status EmbedLayerNormalization(InferContext& c) {
  std::optional<Dims> y, batch;
  if (c.shape(0) && c.shape(0)->size() == 2) {
    y = *c.shape(0);
    y->push_back(c.shape(2) && c.shape(2)->size() == 2 ? Meet((*c.shape(2))[1], {}) : Dim{});
    batch = Dims{(*c.shape(0))[0]};
  }
  c.Set(0, c.dtype(2), y);
  c.Set(1, DType::kInt32, batch);
  c.Set(2, c.dtype(2), y);
  return OkStatus();
}

// [B, S, width of V] and the present [2, B, H, P + S, D]; the projection's columns come from the
// weights.
Status Projected(InferContext& c, DType dtype, size_t past) {
  const std::vector<int64_t> sizes = c.read.Ints("qkv_hidden_sizes");
  const int64_t heads = c.read.RequiredInt("num_heads");
  AZ_RETURN_IF_ERROR(c.read.status());
  Dim width;
  if (sizes.size() == 3) {
    width = Known(sizes[2]);
  } else if (c.shape(1) && c.shape(1)->size() == 2 && (*c.shape(1))[1].known()) {
    width = Known(*(*c.shape(1))[1].value / 3);
  }
  std::optional<Dims> y, present;
  if (c.shape(0) && c.shape(0)->size() == 3) {
    y = Dims{(*c.shape(0))[0], (*c.shape(0))[1], width};
    present = Dims{Known(2), (*c.shape(0))[0], Known(heads), Dim{}, Dim{}};
    if (width.known() && heads > 0) (*present)[4] = Known(*width.value / heads);
    const std::optional<Dims>& before = c.shape(past);
    if (!c.in(past)) {
      (*present)[3] = (*y)[1];
    } else if (before && before->size() == 5 && (*y)[1].known()) {
      (*present)[3] = Plus((*before)[3], *(*y)[1].value);
    }
  }
  c.Set(0, dtype, y);
  c.Set(1, dtype, present);
  return OkStatus();
}

Status Attention(InferContext& c) { return Projected(c, c.dtype(0), 4); }
Status QAttention(InferContext& c) { return Projected(c, c.dtype(3), 8); }

Status MultiHeadAttention(InferContext& c) {
  const int64_t heads = c.read.RequiredInt("num_heads");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y;
  if (c.shape(0) && c.shape(0)->size() == 3 && c.shape(2)) {
    const Dims& v = *c.shape(2);
    y = Dims{(*c.shape(0))[0], (*c.shape(0))[1], Dim{}};
    if (v.size() == 3) y->back() = Meet(v[2], {});
    if (v.size() == 4) y->back() = Times(v[3], Known(heads));
  }
  c.Set(0, c.dtype(0), y);
  c.Set(1, c.dtype(0), std::nullopt);
  c.Set(2, c.dtype(0), std::nullopt);
  return OkStatus();
}

Status GroupQueryAttention(InferContext& c) {
  const int64_t heads = c.read.RequiredInt("num_heads"),
                groups = c.read.RequiredInt("kv_num_heads");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y = c.shape(0);
  if (y && y->size() == 3 && !c.in(1)) {  // query, key and value in one
    const int64_t all = heads + 2 * groups;
    y->back() = y->back().known() && all > 0 ? Known(*y->back().value / all * heads) : Dim{};
  }
  c.Set(0, c.dtype(0), y);
  c.Set(1, c.dtype(0), std::nullopt);
  c.Set(2, c.dtype(0), std::nullopt);
  return OkStatus();
}

}  // namespace

void AddContribRules(InferRules& rules) {
  for (const std::string_view op : {"Gelu", "BiasGelu", "FastGelu", "QuickGelu", "QLinearSigmoid",
                                    "QLinearLeakyRelu", "QLinearSoftmax", "RotaryEmbedding"}) {
    rules[op] = SameAsFirst;
  }
  for (const std::string_view op : {"QLinearAdd", "QLinearMul"}) rules[op] = Broadcasting<0, 3>;
  rules["QLinearWhere"] = QLinearWhere;
  rules["QLinearConcat"] = QLinearConcat;
  rules["QuantizeLinear"] = QuantizeLinear;
  rules["DequantizeLinear"] = DequantizeLinear;
  rules["FusedGemm"] = FusedGemm;
  rules["QGemm"] = QGemm;
  rules["FusedMatMul"] = FusedMatMul;
  rules["MatMulNBits"] = MatMulNBits;
  for (const std::string_view op : {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"}) {
    rules[op] = SkipNormalization;
  }
  rules["EmbedLayerNormalization"] = EmbedLayerNormalization;
  rules["Attention"] = Attention;
  rules["QAttention"] = QAttention;
  rules["MultiHeadAttention"] = MultiHeadAttention;
  rules["GroupQueryAttention"] = GroupQueryAttention;
}

}  // namespace assize::analysis
