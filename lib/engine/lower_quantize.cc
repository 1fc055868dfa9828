// QuantizeLinear, DequantizeLinear and the integer units around elementwise and moving ops.
// Tests: tests/engine/int8_test.cc.
#include <algorithm>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/int8.h"
#include "lib/engine/lower.h"

namespace assize::engine {
namespace {

using ir::DType;

QuantizeSpec SpecOf(const QuantParams& params) {
  return {params.scale, params.zero_point, params.dtype == DType::kInt8};
}

}  // namespace

Operand Lowering::Quantized(const Operand& x, const QuantParams& params) {
  const Operand y = NewArray(params.dtype, x.dims, x.layout);
  AddStep("own:quantize", {x}, {y},
          [spec = SpecOf(params), x, y, count = x.count()](const StepContext& c) {
            QuantizeFloats(spec, c.at<const float>(x), c.at<uint8_t>(y), count);
            return OkStatus();
          });
  return y;
}

Operand Lowering::Dequantized(const Operand& q, const QuantParams& params) {
  const Operand y = NewArray(DType::kFloat, q.dims, q.layout);
  AddStep("own:dequantize", {q}, {y},
          [spec = SpecOf(params), q, y, count = q.count()](const StepContext& c) {
            DequantizeFloats(spec, c.at<const uint8_t>(q), c.at<float>(y), count);
            return OkStatus();
          });
  return y;
}

// Scale and zero point of a whole 8-bit tensor, or nullopt.
static std::optional<QuantParams> WholeTensor(Facts& facts, ir::ValueRef scale, ir::ValueRef zero,
                                              DType dtype) {
  if (dtype != DType::kUint8 && dtype != DType::kInt8) return std::nullopt;
  const ir::Tensor* s = facts.Known(scale);
  if (s == nullptr || s->dtype() != DType::kFloat || s->element_count() != 1) return std::nullopt;
  QuantParams params{s->data<float>()[0], 0, dtype};
  if (zero) {
    const ir::Tensor* z = facts.Known(zero);
    if (z == nullptr || z->dtype() != dtype || z->element_count() != 1) return std::nullopt;
    params.zero_point = static_cast<int32_t>(z->ToInts()[0]);
  }
  return params;
}

bool Lowering::LowerQuantize(const Unit& unit) {
  const auto view = analysis::QuantizeLinearOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || view->block_size != 0) return false;
  const Operand x = Get(view->x);
  const auto params = WholeTensor(facts_, view->scale, view->zero_point, fact(view->y).dtype);
  if (!x.defined() || x.dtype != DType::kFloat || !params) return false;
  Bind(view->y, Quantized(x, *params));
  return true;
}

bool Lowering::LowerDequantize(const Unit& unit) {
  const auto view = analysis::DequantizeLinearOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || view->block_size != 0 || fact(view->y).dtype != DType::kFloat) return false;
  const Operand x = Get(view->x);
  if (!x.defined()) return false;
  const auto params = WholeTensor(facts_, view->scale, view->zero_point, x.dtype);
  if (!params) return false;
  Bind(view->y, Dequantized(x, *params));
  return true;
}

bool Lowering::LowerQuantUnary(const Unit& unit) {
  const Operand x = Get(unit.sources[0]->quantized);
  if (!x.defined()) return false;
  if (unit.sources[0]->params == *unit.result && unit.activation->kind == Unary::kCopy) {
    Bind(unit.writes[0], x);  // the same grid: the same bytes
    return true;
  }
  const ByteTable table =
      MakeTable(SpecOf(unit.sources[0]->params), *unit.activation, SpecOf(*unit.result));
  const Operand y = ResultLike(x, unit.result->dtype);
  AddStep("own:table:int8", {x}, {y}, [table, x, y, count = x.count()](const StepContext& c) {
    ApplyTable(table, c.at<const uint8_t>(x), c.at<uint8_t>(y), count);
    return OkStatus();
  });
  Bind(unit.writes[0], y);
  return true;
}

bool Lowering::LowerQuantBinary(const Unit& unit) {
  Operand a = Get(unit.sources[0]->quantized), b = Get(unit.sources[1]->quantized);
  if (!a.defined() || !b.defined() || a.dims != b.dims) return false;
  const Layout layout = a.layout == Layout::kChannelsLast || b.layout == Layout::kChannelsLast
                            ? Layout::kChannelsLast
                            : Layout::kPlain;
  a = In(a, layout, "operand");
  b = In(b, layout, "operand");
  QuantBinarySpec spec;
  spec.a = SpecOf(unit.sources[0]->params);
  spec.b = SpecOf(unit.sources[1]->params);
  spec.y = SpecOf(*unit.result);
  spec.op = *BinaryFromName(node(unit).op_type);
  if (unit.activation) spec.activation = *unit.activation;
  const Operand y = ResultLike(DiesHere(a) ? a : b, unit.result->dtype);
  AddStep("own:binary:int8", {a, b}, {y}, [spec, a, b, y, count = a.count()](const StepContext& c) {
    RunQuantBinary(spec, c.at<const uint8_t>(a), c.at<const uint8_t>(b), c.at<uint8_t>(y), count);
    return OkStatus();
  });
  Bind(unit.writes[0], y);
  return true;
}

bool Lowering::LowerQuantMove(const Unit& unit) {
  const ir::Node& n = node(unit);
  // Order-keeping and order-free: the elements move as bytes, on the grid of the result where grids
  // differ. A table is monotone, so the maximum of translated bytes is the translated maximum.
  std::vector<Operand> inputs;
  for (const auto& source : unit.sources) {
    if (!source) continue;
    Operand x = Get(source->quantized);
    if (!x.defined()) return false;
    if (!(source->params == *unit.result)) {
      const ByteTable table =
          MakeTable(SpecOf(source->params), UnaryOpSpec{}, SpecOf(*unit.result));
      // Not in place: Concat may read one tensor twice.
      const Operand y = NewArray(unit.result->dtype, x.dims, x.layout);
      AddStep("own:table:int8", {x}, {y}, [table, x, y, count = x.count()](const StepContext& c) {
        ApplyTable(table, c.at<const uint8_t>(x), c.at<uint8_t>(y), count);
        return OkStatus();
      });
      x = y;
    }
    inputs.push_back(x);
  }
  const Operand y = Move(unit.head, inputs, fact(n.outputs[0]).dims, &*unit.result);
  if (!y.defined()) return false;
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
