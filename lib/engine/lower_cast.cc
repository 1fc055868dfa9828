// Cast, and Gather with indices that run. Tests: tests/engine/native_ops_test.cc.
#include <cstring>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/convert.h"
#include "lib/engine/lower.h"

namespace assize::engine {

using ir::DType;

bool Lowering::LowerCast(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "Cast" && n.op_type != "CastLike") return false;
  const Operand x = Get(n.inputs[0]);
  const DType to = fact(n.outputs[0]).dtype;
  if (!x.defined() || !CanConvert(x.dtype, to)) return false;
  if (x.dtype == to) {
    Bind(n.outputs[0], x);
    return true;
  }
  const Operand y = NewArray(to, x.dims, x.layout);
  AddStep("own:cast", {x}, {y}, [=, count = x.count()](const StepContext& c) {
    ConvertElements(x.dtype, c.at<std::byte>(x), to, c.at<std::byte>(y), count);
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerGather(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "Gather") return false;
  const auto view = analysis::GatherOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || facts_.IsEvaluable(view->indices)) return false;
  // A table is read where it lies in the file: of the largest, a copy would set the peak.
  const Operand x = facts_.Known(view->x) != nullptr ? Get(view->x, false) : Plain(view->x);
  const Operand indices = Plain(view->indices);
  if (!x.defined() || !indices.defined()) return false;
  const int bits = ir::BitsOf(x.dtype);
  if (bits < 8 || bits % 8 != 0 || ir::IsPacked(x.dtype)) return false;
  if (indices.dtype != DType::kInt64 && indices.dtype != DType::kInt32) return false;
  const size_t axis = static_cast<size_t>(
      view->axis < 0 ? view->axis + static_cast<int64_t>(x.dims.size()) : view->axis);
  int64_t outer = 1, inner = bits / 8;
  for (size_t i = 0; i < axis; ++i) outer *= x.dims[i];
  for (size_t i = axis + 1; i < x.dims.size(); ++i) inner *= x.dims[i];
  const int64_t dim = x.dims[axis], count = indices.count();
  const bool wide = indices.dtype == DType::kInt64;
  const Operand y = NewArray(x.dtype, fact(n.outputs[0]).dims, Layout::kPlain);
  AddStep("own:gather", {x, indices}, {y}, [=](const StepContext& c) -> Status {
    const std::byte* src = c.at<std::byte>(x);
    std::byte* dst = c.at<std::byte>(y);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index =
          wide ? c.at<const int64_t>(indices)[i] : c.at<const int32_t>(indices)[i];
      if (index < -dim || index >= dim) {
        return InvalidArgument("index {} at {} is not in [{}, {}) of axis {}", index, i, -dim, dim,
                               axis);
      }
      const int64_t row = index < 0 ? index + dim : index;
      for (int64_t o = 0; o < outer; ++o) {
        std::memcpy(dst + (o * count + i) * inner, src + (o * dim + row) * inner,
                    static_cast<size_t>(inner));
      }
    }
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

}  // namespace assize::engine
