// Ops that only move elements: reshapes as views, the rest as strided copies. Tests:
// tests/engine/ops_test.cc.
#include <algorithm>
#include <cstring>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/lower.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::Shape;

int64_t Normal(int64_t axis, size_t rank) {
  return axis < 0 ? axis + static_cast<int64_t>(rank) : axis;
}

}  // namespace

bool Lowering::LowerMove(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type == "Split") {
    const auto view = analysis::SplitOp::From(graph_, unit.head, facts_.opset());
    const Operand x = Plain(n.inputs[0]);
    if (!view.ok() || !x.defined() || ir::BitsOf(x.dtype) < 8)
      return false;  // packed ones share bytes
    const size_t axis = static_cast<size_t>(Normal(view->axis, x.dims.size()));
    int64_t begin = 0;
    for (const ir::ValueRef out : n.outputs) {
      if (!out) return false;
      const Operand y = NewArray(x.dtype, fact(out).dims, Layout::kPlain);
      const auto copy = PlanStridedCopy(y.dims, x.strides(), y.strides(), ir::BitsOf(x.dtype) / 8,
                                        begin * x.strides()[axis]);
      AddStep("own:split", {x}, {y}, [copy, x, y](const StepContext& c) {
        StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
        return OkStatus();
      });
      begin += y.dims[axis];
      Bind(out, y);
    }
    return true;
  }
  if (n.outputs.size() != 1) return false;
  std::vector<Operand> inputs;
  const size_t data = n.op_type == "Concat" ? n.inputs.size() : 1;
  for (size_t i = 0; i < data; ++i) {
    inputs.push_back(Get(n.inputs[i]));
    if (!inputs.back().defined()) return false;
  }
  const Operand y = Move(unit.head, inputs, fact(n.outputs[0]).dims);
  if (!y.defined()) return false;
  Bind(n.outputs[0], y);
  return true;
}

Operand Lowering::Move(ir::NodeRef head, const std::vector<Operand>& inputs, const Shape& dims,
                       const QuantParams* grid) {
  const ir::Node& n = graph_.node(head);
  const std::string& op = n.op_type;
  const Operand& x = inputs[0];
  const int bits = ir::BitsOf(x.dtype);
  if (bits < 8 || bits % 8 != 0) return {};
  const int64_t bytes = bits / 8;
  const size_t rank = x.dims.size();

  if (op == "Identity" || op == "Dropout") return x;
  if (op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze") {
    Operand view = In(x, Layout::kPlain, "plain");
    view.dims = dims;
    return view;
  }
  if (op == "MaxPool" || op == "GlobalMaxPool") return MovePool(head, x, dims);
  if (op == "Resize" || op == "Upsample") return MoveResize(head, x, dims);
  if (op == "Transpose") {
    const auto view = analysis::TransposeOp::From(graph_, head, facts_.opset());
    if (!view.ok()) return {};
    const std::vector<int64_t> perm = view->PermFor(rank), from = x.strides();
    std::vector<int64_t> strides;
    for (const int64_t axis : perm) strides.push_back(from[static_cast<size_t>(axis)]);
    const Operand y = NewArray(x.dtype, dims, Layout::kPlain);
    const auto copy = PlanStridedCopy(dims, strides, y.strides(), bytes);
    AddStep("own:transpose", {x}, {y}, [copy, x, y](const StepContext& c) {
      StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
      return OkStatus();
    });
    return y;
  }
  if (op == "Slice") {
    const auto view = analysis::SliceOp::From(graph_, head, facts_.opset());
    if (!view.ok()) return {};
    const auto starts = facts_.KnownInts(view->starts), axes = facts_.KnownInts(view->axes),
               steps = facts_.KnownInts(view->steps);
    if (!starts || !axes || !steps) return {};
    std::vector<int64_t> strides = x.strides();
    int64_t offset = 0;
    for (size_t i = 0; i < starts->size(); ++i) {
      const size_t axis =
          static_cast<size_t>(Normal(axes->empty() ? static_cast<int64_t>(i) : (*axes)[i], rank));
      const int64_t step = steps->empty() ? 1 : (*steps)[i], dim = x.dims[axis];
      int64_t begin =
          (*starts)[i] < 0 ? ((*starts)[i] < -dim ? -1 : (*starts)[i] + dim) : (*starts)[i];
      begin =
          step > 0 ? std::clamp<int64_t>(begin, 0, dim) : std::clamp<int64_t>(begin, -1, dim - 1);
      offset += begin * strides[axis];
      strides[axis] *= step;
    }
    const Operand y = NewArray(x.dtype, dims, x.layout);
    const auto copy = PlanStridedCopy(dims, strides, y.strides(), bytes, offset);
    AddStep("own:slice", {x}, {y}, [copy, x, y](const StepContext& c) {
      StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
      return OkStatus();
    });
    return y;
  }
  if (op == "Pad") {
    const auto view = analysis::PadOp::From(graph_, head, facts_.opset());
    if (!view.ok()) return {};
    if (view->mode != analysis::PadOp::Mode::kConstant) return MoveBorder(*view, x, dims);
    const auto pads = facts_.KnownPads(*view, rank);
    if (!pads) return {};
    if (std::any_of(pads->begin(), pads->end(), [](int64_t p) { return p < 0; })) return {};
    std::vector<std::byte> element(static_cast<size_t>(bytes));
    if (grid != nullptr) {
      const std::optional<double> value = view->value.given() ? view->value.Constant(graph_) : 0.0;
      if (value != 0.0) return {};
      element[0] = static_cast<std::byte>(grid->zero_point);
    } else if (view->value.attribute) {
      if (x.dtype != DType::kFloat) return {};
      const float value = static_cast<float>(*view->value.attribute);
      std::memcpy(element.data(), &value, 4);
    } else if (view->value.input) {
      const ir::Tensor* value = facts_.Known(view->value.input);
      if (value == nullptr || value->dtype() != x.dtype || value->element_count() != 1) return {};
      std::memcpy(element.data(), value->bytes().data(), element.size());
    }
    const Operand y = NewArray(x.dtype, dims, x.layout);
    int64_t offset = 0;
    for (size_t i = 0; i < rank; ++i) offset += (*pads)[i] * y.strides()[i];
    const auto copy = PlanStridedCopy(x.dims, x.strides(), y.strides(), bytes, 0, offset);
    AddStep("own:pad", {x}, {y},
            [copy, x, y, element, bytes, count = y.count()](const StepContext& c) {
              FillElements(c.at<std::byte>(y), count, element.data(), bytes);
              StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
              return OkStatus();
            });
    return y;
  }
  if (op == "Concat") {
    const auto view = analysis::ConcatOp::From(graph_, head, facts_.opset());
    if (!view.ok()) return {};
    const size_t axis = static_cast<size_t>(Normal(view->axis, rank));
    const bool last = std::any_of(inputs.begin(), inputs.end(), [](const Operand& in) {
      return in.layout == Layout::kChannelsLast;
    });
    const Operand y = NewArray(x.dtype, dims, last ? Layout::kChannelsLast : Layout::kPlain);
    const std::vector<int64_t> to = y.strides();
    std::vector<StridedCopyPlan> copies;
    int64_t begin = 0;
    for (const Operand& in : inputs) {
      if (in.dtype != x.dtype) return {};
      copies.push_back(PlanStridedCopy(in.dims, in.strides(), to, bytes, 0, begin * to[axis]));
      begin += in.dims[axis];
    }
    AddStep("own:concat", inputs, {y}, [copies, inputs, y](const StepContext& c) {
      for (size_t i = 0; i < copies.size(); ++i) {
        StridedCopy(copies[i], c.at<std::byte>(inputs[i]), c.at<std::byte>(y));
      }
      return OkStatus();
    });
    return y;
  }
  if (op == "Gather") {
    const auto view = analysis::GatherOp::From(graph_, head, facts_.opset());
    if (!view.ok()) return {};
    const size_t axis = static_cast<size_t>(Normal(view->axis, rank));
    const auto indices = facts_.KnownInts(view->indices);
    if (!indices) return {};
    const Operand from = In(x, Layout::kPlain, "plain");
    int64_t outer = 1, inner = bytes;
    for (size_t i = 0; i < axis; ++i) outer *= x.dims[i];
    for (size_t i = axis + 1; i < rank; ++i) inner *= x.dims[i];
    const int64_t dim = x.dims[axis];
    std::vector<int64_t> rows;
    for (const int64_t index : *indices) {
      if (index < -dim || index >= dim) return {};
      rows.push_back(index < 0 ? index + dim : index);
    }
    const Operand y = NewArray(x.dtype, dims, Layout::kPlain);
    AddStep("own:gather", {from}, {y}, [=](const StepContext& c) {
      const std::byte* src = c.at<std::byte>(from);
      std::byte* dst = c.at<std::byte>(y);
      for (int64_t o = 0; o < outer; ++o) {
        for (const int64_t row : rows) {
          std::memcpy(dst, src + (o * dim + row) * inner, static_cast<size_t>(inner));
          dst += inner;
        }
      }
      return OkStatus();
    });
    return y;
  }
  return {};
}

bool Lowering::LowerShuffle(const Unit& unit) {
  const Operand input = Get(unit.reads[0]);
  if (!input.defined() || ir::BitsOf(input.dtype) < 8) return false;
  const Operand x = In(input, Layout::kChannelsLast, "channels-last");
  const Operand y = NewArray(x.dtype, x.dims, Layout::kChannelsLast);
  // Channel i * width + j of a pixel goes to j * groups + i.
  const int64_t width = x.dims[1] / unit.groups, pixels = x.count() / x.dims[1];
  const std::vector<int64_t> dims{pixels, unit.groups, width};
  const auto copy =
      PlanStridedCopy(dims, std::vector<int64_t>{x.dims[1], width, 1},
                      std::vector<int64_t>{x.dims[1], 1, unit.groups}, ir::BitsOf(x.dtype) / 8);
  AddStep("own:shuffle", {x}, {y}, [=](const StepContext& c) {
    StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  Bind(unit.writes[0], y);
  return true;
}

}  // namespace assize::engine
