// Gemm and MatMul as oneDNN's matmul (never inner_product: its result moved with the thread count);
// float and 8 bits. Tests: tests/engine/contraction_test.cc, tests/engine/int8_test.cc.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/analysis/ops.h"
#include "lib/engine/dnnl_steps.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/lower.h"
#include "lib/engine/lower_contraction.h"

namespace assize::engine {
namespace {

using dnnl::memory;
using ir::DType;
using ir::Shape;

// Swaps the two last dims' strides.
std::vector<int64_t> Transposed(std::vector<int64_t> strides) {
  std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
  return strides;
}

}  // namespace

bool Lowering::LowerMatMul(const Unit& unit) {
  const ir::Node& n = node(unit);
  const bool integer = !unit.sources.empty();
  float alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
  ir::ValueRef c;
  if (n.op_type == "Gemm") {
    const auto view = analysis::GemmOp::From(graph_, unit.head, facts_.opset());
    if (!view.ok()) return false;
    alpha = view->alpha, beta = view->beta, trans_a = view->trans_a, trans_b = view->trans_b,
    c = view->c;
  }
  const Shape y_dims = fact(n.outputs[0]).dims;
  const Operand a =
      In(Get(integer ? unit.sources[0]->quantized : n.inputs[0]), Layout::kPlain, "plain");
  if (!a.defined() || (!integer && a.dtype != DType::kFloat) || y_dims.size() < 2) return false;
  const bool constant_b = facts_.IsEvaluable(n.inputs[1]);
  const Shape b_shape = fact(n.inputs[1]).dims;
  if (a.dims.size() < 2 || b_shape.size() < 2) return false;
  const int64_t columns = y_dims.back();
  const size_t count = static_cast<size_t>(columns);

  // y = alpha * k[n] * (a b) + (beta * c[n] * k[n] + d[n])
  std::vector<double> scale(count, alpha), shift(count, 0.0);
  Operand late_c;  // added by a step of its own
  if (c) {
    const ir::Tensor* tensor = facts_.IsEvaluable(c) ? facts_.Known(c) : nullptr;
    const bool row = tensor != nullptr && tensor->dtype() == DType::kFloat &&
                     (tensor->element_count() == 1 ||
                      (tensor->element_count() == columns && tensor->dims().back() == columns));
    if (row) {
      const std::vector<double> values = tensor->ToDoubles();
      for (size_t i = 0; i < count; ++i)
        shift[i] = static_cast<double>(beta) * values[values.size() == 1 ? 0 : i];
    } else {
      if (beta != 1 || !unit.scale.empty() || integer) return false;
      late_c = Plain(c);
      if (!late_c.defined()) return false;
    }
  }
  for (size_t i = 0; i < unit.scale.size(); ++i) {
    scale[i] *= unit.scale[i];
    shift[i] = shift[i] * unit.scale[i] + unit.shift[i];
  }
  const bool scaled = std::any_of(scale.begin(), scale.end(), [](double s) { return s != 1; });
  const bool shifted = std::any_of(shift.begin(), shift.end(), [](double s) { return s != 0; });
  // One matrix on the right: all rows of `a` are one matrix too.
  const bool flat = b_shape.size() == 2 && !trans_a;
  const int64_t k = trans_a ? a.dims[a.dims.size() - 2] : a.dims.back();
  const Shape y_flat = flat ? Shape{a.count() / k, columns} : y_dims;

  if (integer) {
    if (!flat) return false;
    // A matrix product is a convolution whose positions are the rows.
    const ir::Tensor* q = facts_.Known(unit.sources[1]->quantized);
    if (q == nullptr || q->dtype() != DType::kInt8) return false;
    // Stored [O, K] the weights are taken as they lie: of the largest, a copy would set the peak.
    ir::Tensor weights = *q;
    if (!trans_b) {
      std::vector<std::byte> turned(static_cast<size_t>(k * columns));
      const auto plan = PlanStridedCopy(Shape{columns, k}, std::vector<int64_t>{1, columns},
                                        std::vector<int64_t>{k, 1}, 1);
      StridedCopy(plan, q->raw_bytes().data(), turned.data());
      weights = ir::Tensor::FromBytes(DType::kInt8, {columns, k}, std::move(turned));
      q->Release();
    }
    ContractionGeometry geometry{a, std::move(weights), 1, {}, {}, {}, {}, y_dims};
    geometry.scale = scale, geometry.shift = shift;
    return LowerInt8(unit, geometry);
  }

  Shape a_dims = flat ? Shape{a.count() / k, k} : a.dims, b_dims = b_shape;
  std::vector<int64_t> a_strides = StridesOf(a_dims, Layout::kPlain),
                       b_strides = StridesOf(b_dims, Layout::kPlain);
  if (trans_a) {
    std::swap(a_dims[0], a_dims[1]);
    a_strides = Transposed(StridesOf(a.dims, Layout::kPlain));
  }
  if (trans_b) {
    b_strides = Transposed(b_strides);
    std::swap(b_dims[b_dims.size() - 1], b_dims[b_dims.size() - 2]);
  }
  // Equal ranks, as oneDNN wants them.
  const auto widen = [](Shape& dims, std::vector<int64_t>& strides, size_t rank) {
    while (dims.size() < rank) {
      strides.insert(strides.begin(), dims[0] * strides[0]);
      dims.insert(dims.begin(), 1);
    }
  };
  const size_t rank = y_flat.size();
  widen(a_dims, a_strides, rank);
  widen(b_dims, b_strides, rank);

  if (!constant_b && scaled) return false;
  const auto scaled_b = [&](const ir::Tensor& tensor) {
    std::vector<float> values = CopiedFloats(tensor);
    if (!scaled) return values;
    // They lie as stored: the column is the last index, or the one before it when stored
    // transposed.
    const size_t inner = static_cast<size_t>(trans_b ? k : columns);
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t column = trans_b ? i / inner % count : i % inner;
      values[i] = static_cast<float>(static_cast<double>(values[i]) * scale[column]);
    }
    return values;
  };
  if (flat && constant_b && !late_c.defined() && k * columns <= 1 << 16) {
    const ir::Tensor* tensor = facts_.Known(n.inputs[1]);
    if (tensor != nullptr && tensor->dtype() == DType::kFloat) {
      std::vector<float> values = scaled_b(*tensor);
      if (trans_b) {
        std::vector<float> turned(values.size());
        for (int64_t i = 0; i < k; ++i) {
          for (int64_t column = 0; column < columns; ++column)
            turned[static_cast<size_t>(i * columns + column)] =
                values[static_cast<size_t>(column * k + i)];
        }
        values = std::move(turned);
      }
      if (LowerDense(unit, a, values, shift, y_dims)) return true;
    }
  }
  std::optional<UnaryOpSpec> rest = unit.activation;
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops post;
  Operand residual;
  const memory::desc dst_md = Describe(y_flat, DType::kFloat, StridesOf(y_flat, Layout::kPlain));
  if (unit.residual) {
    residual = Plain(unit.residual);
    if (!residual.defined() || residual.dtype != DType::kFloat || late_c.defined()) return false;
    post.append_binary(dnnl::algorithm::binary_add, dst_md);
  }
  if (!late_c.defined() && rest && AppendActivation(*rest, post)) rest.reset();
  attr.set_post_ops(post);
  const memory::desc src_md = Describe(a_dims, DType::kFloat, a_strides);
  const memory::desc plain_b = Describe(b_dims, DType::kFloat, b_strides);
  const memory::desc b_md =
      constant_b ? memory::desc(b_dims, memory::data_type::f32, memory::format_tag::any) : plain_b;
  Shape bias_dims(rank, 1);
  bias_dims.back() = columns;
  const memory::desc bias_md =
      Describe(bias_dims, DType::kFloat, StridesOf(bias_dims, Layout::kPlain));
  const double rows_by_columns = static_cast<double>(*ir::ElementCount(y_flat));
  const Work work = WorkOf(rows_by_columns * static_cast<double>(k), false);
  const ThreadScope threads(work.threads);
  const dnnl::matmul::primitive_desc pd(CpuEngine(), src_md, b_md,
                                        shifted ? bias_md : memory::desc(), dst_md, attr);

  int b_storage;
  if (constant_b) {
    const ir::Tensor* tensor = facts_.Known(n.inputs[1]);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat) return false;
    b_storage = PackedWeights(unit, pd.weights_desc(), [&] {
      // As they are stored, where nothing changes them: a copy of the largest would set the peak.
      if (!scaled) return PackedOnce(*tensor, plain_b, pd.weights_desc());
      return Reordered(scaled_b(*tensor).data(), plain_b, pd.weights_desc());
    });
  } else {
    const Operand b = Plain(n.inputs[1]);
    if (!b.defined() || b.dtype != DType::kFloat) return false;
    b_storage = b.storage;
  }
  Operand y = NewArray(DType::kFloat, y_flat, Layout::kPlain);
  std::vector<DnnlArgument> arguments = {{DNNL_ARG_SRC, src_md, a.storage},
                                         {DNNL_ARG_WEIGHTS, pd.weights_desc(), b_storage},
                                         {DNNL_ARG_DST, dst_md, y.storage}};
  if (residual.defined()) {
    arguments.push_back(
        {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, dst_md, residual.storage});
  }
  if (shifted) {
    const std::vector<float> bias(shift.begin(), shift.end());
    arguments.push_back({DNNL_ARG_BIAS, bias_md, ConstantFloats(bias).storage});
  }
  AddScratchpad(pd.scratchpad_desc(), arguments);
  AddDnnl("onednn:matmul:f32", dnnl::matmul(pd), std::move(arguments), 1, work);
  y.dims = y_dims;
  if (late_c.defined()) {
    y = AddedTo(y, late_c);
    if (!y.defined()) return false;
  }
  if (rest) y = Activated(y, *rest);
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
