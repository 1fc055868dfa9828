// Inference for layers: convolutions, pooling, products, recurrent cells. Tests:
// tests/analysis/infer_test.cc.
#include <algorithm>

#include "lib/analysis/infer_context.h"
#include "lib/analysis/ops_internal.h"

namespace assize::analysis {
namespace {

using ir::DType;

std::optional<std::vector<int64_t>> Numbers(const Dims& dims, size_t begin) {
  std::vector<int64_t> values;
  for (size_t i = begin; i < dims.size(); ++i) {
    if (!dims[i].known()) return std::nullopt;
    values.push_back(*dims[i].value);
  }
  return values;
}

// Output spatial dims of a window over x's. An axis whose size is unknown gives an unknown one; the
// others are computed one axis at a time.
StatusOr<Dims> Slide(const Window& given, const Dims& x, const std::optional<Dims>& w) {
  const size_t rank = x.size() - 2;
  AZ_ASSIGN_OR_RETURN(Window window, given.Filled(rank));
  if (window.kernel_shape.empty() && w) {
    const auto sizes = Numbers(*w, 2);
    if (sizes && sizes->size() == rank) window.kernel_shape = *sizes;
  }
  Dims spatial(rank);
  if (window.kernel_shape.empty()) return spatial;
  for (size_t i = 0; i < rank; ++i) {
    if (!x[i + 2].known()) continue;
    Window one = window;
    one.kernel_shape = {window.kernel_shape[i]};
    one.strides = {window.strides[i]};
    one.dilations = {window.dilations[i]};
    one.pads = {window.pads[i], window.pads[i + rank]};
    AZ_ASSIGN_OR_RETURN(const Window::Extent extent, one.Apply({*x[i + 2].value}));
    spatial[i] = Known(extent.output[0]);
  }
  return spatial;
}

Status ConvLike(InferContext& c, size_t x_index, size_t w_index, const Window& window,
                int64_t group, DType dtype) {
  if (!c.shape(x_index)) {
    c.Set(0, dtype, std::nullopt);
    return OkStatus();
  }
  const Dims x = *c.shape(x_index);
  const std::optional<Dims> w = c.shape(w_index);
  if (x.size() < 3) return c.Mismatch("x has rank {}, expected at least 3", x.size());
  if (w && w->size() != x.size()) {
    return c.Mismatch("W has rank {}, expected {} as x", w->size(), x.size());
  }
  const Dim channels = w ? Times((*w)[1], Known(group)) : Dim{};
  if (w && (*w)[1].known() && Differ(x[1], channels)) {
    return c.Mismatch("W dim 1 is {}, expected {} (x dim 1 / group = {} / {})", *(*w)[1].value,
                      static_cast<double>(*x[1].value) / static_cast<double>(group), *x[1].value,
                      group);
  }
  if (w && (*w)[0].known() && *(*w)[0].value % group != 0) {
    return c.Mismatch("W dim 0 is {}, expected a multiple of group {}", *(*w)[0].value, group);
  }
  AZ_ASSIGN_OR_RETURN(const Dims spatial, Slide(window, x, w));
  Dims y{Meet(x[0], {}), w ? Meet((*w)[0], {}) : Dim{}};
  y.insert(y.end(), spatial.begin(), spatial.end());
  c.Set(0, dtype, y);
  return OkStatus();
}

Status Conv(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const ConvOp op, ConvOp::From(c.graph, c.ref, c.opset));
  if (op.b && c.shape(2) && c.shape(1) && !c.shape(1)->empty()) {
    if (c.shape(2)->size() != 1) return c.Mismatch("b has rank {}, expected 1", c.shape(2)->size());
    if (Differ((*c.shape(2))[0], (*c.shape(1))[0])) {
      return c.Mismatch("b has {} elements, expected {} (W dim 0)", *(*c.shape(2))[0].value,
                        *(*c.shape(1))[0].value);
    }
  }
  return ConvLike(c, 0, 1, op.window, op.group, c.dtype(0));
}

Status ConvInteger(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const ConvIntegerOp op, ConvIntegerOp::From(c.graph, c.ref, c.opset));
  return ConvLike(c, 0, 1, op.window, op.group, DType::kInt32);
}

Status QLinearConv(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const QLinearConvOp op, QLinearConvOp::From(c.graph, c.ref, c.opset));
  return ConvLike(c, 0, 3, op.window, op.group, c.dtype(7));
}

Status ConvTranspose(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(ConvTransposeOp op, ConvTransposeOp::From(c.graph, c.ref, c.opset));
  if (!c.shape(0)) {
    c.Set(0, c.dtype(0), std::nullopt);
    return OkStatus();
  }
  const Dims x = *c.shape(0);
  const std::optional<Dims> w = c.shape(1);
  if (x.size() < 3 || (w && w->size() != x.size())) {
    return c.Mismatch("x has rank {} and W rank {}, expected equal ranks of at least 3", x.size(),
                      w ? w->size() : 0);
  }
  if (w && Differ(x[1], (*w)[0])) {
    return c.Mismatch("W dim 0 is {}, expected {} (x dim 1)", *(*w)[0].value, *x[1].value);
  }
  Dims y{Meet(x[0], {}), w ? Times((*w)[1], Known(op.group)) : Dim{}};
  AZ_ASSIGN_OR_RETURN(op.window, op.window.Filled(x.size() - 2));
  const auto kernel = w ? Numbers(*w, 2) : std::nullopt;
  if (op.window.kernel_shape.empty() && kernel) op.window.kernel_shape = *kernel;
  const auto spatial = Numbers(x, 2);
  y.resize(x.size());
  if (spatial && !op.window.kernel_shape.empty()) {
    AZ_ASSIGN_OR_RETURN(const Window::Extent extent, op.Apply(*spatial));
    for (size_t i = 0; i < extent.output.size(); ++i) y[i + 2] = Known(extent.output[i]);
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Pool(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const PoolOp op, PoolOp::From(c.graph, c.ref, c.opset));
  if (!c.shape(0)) {
    c.Set(0, c.dtype(0), std::nullopt);
    return OkStatus();
  }
  const Dims x = *c.shape(0);
  if (x.size() < 3) return c.Mismatch("x has rank {}, expected at least 3", x.size());
  AZ_ASSIGN_OR_RETURN(const Dims spatial, Slide(op.window, x, std::nullopt));
  Dims y{Meet(x[0], {}), Meet(x[1], {})};
  y.insert(y.end(), spatial.begin(), spatial.end());
  c.Set(0, c.dtype(0), y);
  c.Set(1, DType::kInt64, y);
  return OkStatus();
}

Status GlobalPool(InferContext& c) {
  std::optional<Dims> y;
  if (c.shape(0) && c.shape(0)->size() >= 2) {
    y = *c.shape(0);
    for (size_t i = 2; i < y->size(); ++i) (*y)[i] = Known(1);
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Gemm(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const GemmOp op, GemmOp::From(c.graph, c.ref, c.opset));
  for (size_t i = 0; i < 2; ++i) {
    if (c.shape(i) && c.shape(i)->size() != 2) {
      return c.Mismatch("{} has rank {}, expected 2", i == 0 ? "A" : "B", c.shape(i)->size());
    }
  }
  Dims y(2);
  Dim inner_a, inner_b;
  if (c.shape(0)) {
    y[0] = Meet((*c.shape(0))[op.trans_a ? 1 : 0], {});
    inner_a = (*c.shape(0))[op.trans_a ? 0 : 1];
  }
  if (c.shape(1)) {
    y[1] = Meet((*c.shape(1))[op.trans_b ? 0 : 1], {});
    inner_b = (*c.shape(1))[op.trans_b ? 1 : 0];
  }
  if (Differ(inner_a, inner_b)) {
    return c.Mismatch("inner dims are {} (A) and {} (B), expected equal", *inner_a.value,
                      *inner_b.value);
  }
  if (op.c && c.shape(2)) {
    AZ_ASSIGN_OR_RETURN(const Dims both, Broadcast(y, *c.shape(2)));
    if (both.size() != 2 || Differ(both[0], y[0]) || Differ(both[1], y[1])) {
      return c.Mismatch("C {} does not broadcast to {}", DimsText(*c.shape(2)), DimsText(y));
    }
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Product(InferContext& c, size_t ai, size_t bi, DType dtype) {
  if (!c.shape(ai) || !c.shape(bi)) {
    c.Set(0, dtype, std::nullopt);
    return OkStatus();
  }
  Dims a = *c.shape(ai), b = *c.shape(bi);
  if (a.empty() || b.empty())
    return c.Mismatch("operands {} and {}: a scalar", DimsText(a), DimsText(b));
  const bool vector_a = a.size() == 1, vector_b = b.size() == 1;
  if (vector_a) a.insert(a.begin(), Known(1));
  if (vector_b) b.push_back(Known(1));
  const Dim &inner_a = a.back(), &inner_b = b[b.size() - 2];
  if (Differ(inner_a, inner_b)) {
    return c.Mismatch("inner dims are {} (A {}) and {} (B {}), expected equal", *inner_a.value,
                      DimsText(*c.shape(ai)), *inner_b.value, DimsText(*c.shape(bi)));
  }
  AZ_ASSIGN_OR_RETURN(Dims y,
                      Broadcast(Dims(a.begin(), a.end() - 2), Dims(b.begin(), b.end() - 2)));
  if (!vector_a) y.push_back(Meet(a[a.size() - 2], {}));
  if (!vector_b) y.push_back(Meet(b.back(), {}));
  c.Set(0, dtype, y);
  return OkStatus();
}

Status MatMul(InferContext& c) { return Product(c, 0, 1, c.dtype(0)); }
Status MatMulInteger(InferContext& c) { return Product(c, 0, 1, DType::kInt32); }
Status QLinearMatMul(InferContext& c) { return Product(c, 0, 3, c.dtype(7)); }

// RNN, GRU, LSTM: X [seq, batch, in] (layout 0) or [batch, seq, in].
Status Recurrent(InferContext& c) {
  const std::string direction = c.read.Text("direction", "forward");
  const int64_t layout = c.read.Int("layout", 0);
  const auto hidden_size = c.read.MaybeInt("hidden_size");
  AZ_RETURN_IF_ERROR(c.read.status());
  const Dim directions = Known(direction == "bidirectional" ? 2 : 1);
  Dim hidden = hidden_size ? Known(*hidden_size) : Dim{};
  if (!hidden_size && c.shape(2) && c.shape(2)->size() == 3) hidden = Meet((*c.shape(2))[2], {});
  Dim seq, batch;
  if (c.shape(0)) {
    if (c.shape(0)->size() != 3) return c.Mismatch("X has rank {}, expected 3", c.shape(0)->size());
    seq = Meet((*c.shape(0))[layout == 0 ? 0 : 1], {});
    batch = Meet((*c.shape(0))[layout == 0 ? 1 : 0], {});
  }
  c.Set(0, c.dtype(0),
        layout == 0 ? Dims{seq, directions, batch, hidden} : Dims{batch, seq, directions, hidden});
  const Dims state =
      layout == 0 ? Dims{directions, batch, hidden} : Dims{batch, directions, hidden};
  c.Set(1, c.dtype(0), state);
  c.Set(2, c.dtype(0), state);
  return OkStatus();
}

Status Einsum(InferContext& c) {
  std::string equation = c.read.Text("equation", "");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::erase(equation, ' ');
  c.Set(0, c.dtype(0), std::nullopt);
  const size_t arrow = equation.find("->");
  if (arrow == std::string::npos || equation.find('.') != std::string::npos) return OkStatus();
  std::unordered_map<char, Dim> dims;
  size_t operand = 0, at = 0;
  for (size_t i = 0; i < arrow; ++i) {
    if (equation[i] == ',') {
      ++operand;
      at = 0;
      continue;
    }
    if (!c.shape(operand)) return OkStatus();
    if (at >= c.shape(operand)->size())
      return c.Mismatch("\"{}\" has more letters than operand {} dims", equation, operand);
    const Dim& dim = (*c.shape(operand))[at++];
    Dim& known = dims[equation[i]];
    if (Differ(known, dim) && *known.value != 1 && *dim.value != 1) {
      return c.Mismatch("\"{}\": '{}' is {} and {}", equation, equation[i], *known.value,
                        *dim.value);
    }
    known = known.known() && *known.value != 1 ? known : Meet(dim, known);
  }
  Dims y;
  for (size_t i = arrow + 2; i < equation.size(); ++i) y.push_back(dims[equation[i]]);
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

}  // namespace

// com.microsoft: the layers whose shapes are those of their ONNX kin.
namespace {

Status FusedConv(InferContext& c) {
  const int64_t group = ops_internal::ReadGroup(c.read);
  const Window window = ops_internal::ReadWindow(c.read);
  AZ_RETURN_IF_ERROR(c.read.status());
  return ConvLike(c, 0, 1, window, group, c.dtype(0));
}

Status QLinearAveragePool(InferContext& c) {
  Window window = ops_internal::ReadWindow(c.read);
  window.ceil_mode = c.read.Int("ceil_mode", 0) != 0;
  const bool last = c.read.Int("channels_last", 0) != 0;
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y;
  if (c.shape(0)) {
    Dims x = *c.shape(0);
    if (x.size() < 3) return c.Mismatch("x has rank {}, expected at least 3", x.size());
    if (last) std::rotate(x.begin() + 1, x.end() - 1, x.end());
    AZ_ASSIGN_OR_RETURN(const Dims spatial, Slide(window, x, std::nullopt));
    y = Dims{Meet(x[0], {})};
    if (!last) y->push_back(Meet(x[1], {}));
    y->insert(y->end(), spatial.begin(), spatial.end());
    if (last) y->push_back(Meet(x[1], {}));
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status QLinearGlobalAveragePool(InferContext& c) {
  const bool last = c.read.Int("channels_last", 0) != 0;
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y;
  if (c.shape(0) && c.shape(0)->size() >= 3) {
    y = *c.shape(0);
    for (size_t i = last ? 1 : 2; i < y->size() - (last ? 1 : 0); ++i) (*y)[i] = Known(1);
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status DynamicQuantizeMatMul(InferContext& c) { return Product(c, 0, 1, c.dtype(0)); }
Status MatMulIntegerToFloat(InferContext& c) { return Product(c, 0, 1, c.dtype(3)); }

}  // namespace

void AddContribLayerRules(InferRules& rules) {
  rules["FusedConv"] = FusedConv;
  rules["QLinearAveragePool"] = QLinearAveragePool;
  rules["QLinearGlobalAveragePool"] = QLinearGlobalAveragePool;
  rules["DynamicQuantizeMatMul"] = DynamicQuantizeMatMul;
  rules["MatMulIntegerToFloat"] = MatMulIntegerToFloat;
}

void AddLayerRules(InferRules& rules) {
  rules["Conv"] = Conv;
  rules["ConvInteger"] = ConvInteger;
  rules["QLinearConv"] = QLinearConv;
  rules["ConvTranspose"] = ConvTranspose;
  for (const std::string_view op : {"MaxPool", "AveragePool", "LpPool"}) rules[op] = Pool;
  for (const std::string_view op : {"GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"})
    rules[op] = GlobalPool;
  rules["Gemm"] = Gemm;
  rules["MatMul"] = MatMul;
  rules["MatMulInteger"] = MatMulInteger;
  rules["QLinearMatMul"] = QLinearMatMul;
  for (const std::string_view op : {"RNN", "GRU", "LSTM"}) rules[op] = Recurrent;
  rules["Einsum"] = Einsum;
}

}  // namespace assize::analysis
