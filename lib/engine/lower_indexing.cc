// Ops that pick or place elements by their index: GatherElements, GatherND, ScatterElements and
// ScatterND that replace, OneHot, Trilu; CumSum and Hardmax along an axis; Pad that repeats what
// lies at the border. Tests: tests/engine/indexing_test.cc.
#include <algorithm>
#include <utility>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/kernels/indexing.h"
#include "lib/engine/lower.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::Shape;

// Bytes of an element that can be moved by itself; 0: there are none.
int64_t MovableBytes(DType dtype) {
  const int bits = ir::BitsOf(dtype);
  if (ir::IsPacked(dtype)) return 0;
  const bool whole = bits == 8 || bits == 16 || bits == 32 || bits == 64 || bits == 128;
  return whole ? bits / 8 : 0;
}

bool IsIndex(DType dtype) { return dtype == DType::kInt64 || dtype == DType::kInt32; }

// Nothing tells a result written over `operand` from one beside it.
bool Apart(const Operand& operand, const Operand& a, const Operand& b) {
  return operand.storage != a.storage && operand.storage != b.storage;
}

LinesPlan LinesAlong(const Shape& dims, size_t axis) {
  LinesPlan lines;
  for (size_t i = 0; i < dims.size(); ++i)
    (i < axis ? lines.outer : i == axis ? lines.extent : lines.inner) *= dims[i];
  return lines;
}

// For indices `dims` along `axis` of x, whose rank they share.
ElementIndexPlan PlanElementIndices(const Operand& x, const Shape& dims, size_t axis) {
  ElementIndexPlan plan;
  plan.dims = dims;
  plan.strides = x.strides();
  plan.extent = x.dims[axis];
  plan.step = std::exchange(plan.strides[axis], 0);
  plan.element_bytes = MovableBytes(x.dtype);
  return plan;
}

// For indices [..., width] of the dims of x from `first` on.
RunIndexPlan PlanRunIndices(const Operand& x, const Operand& indices, size_t first) {
  const auto width = indices.dims.back();
  const auto begin = x.dims.begin() + static_cast<int64_t>(first);
  RunIndexPlan plan;
  plan.rows = indices.count() / width;
  for (size_t i = 0; i < first; ++i) plan.rows_per_array *= x.dims[i];
  plan.rows_per_array = std::max<int64_t>(1, plan.rows / plan.rows_per_array);
  plan.extents.assign(begin, begin + width);
  plan.run_bytes = MovableBytes(x.dtype);
  for (auto dim = begin + width; dim != x.dims.end(); ++dim) plan.run_bytes *= *dim;
  return plan;
}

}  // namespace

bool Lowering::LowerIndexing(const Unit& unit) {
  const std::string& op = node(unit).op_type;
  if (op == "GatherElements" || op == "GatherND") return LowerGatherEach(unit);
  if (op == "ScatterElements" || op == "Scatter" || op == "ScatterND") return LowerScatter(unit);
  if (op == "OneHot") return LowerOneHot(unit);
  if (op == "Trilu") return LowerTriangle(unit);
  if (op == "CumSum" || op == "Hardmax") return LowerLines(unit);
  return false;
}

bool Lowering::LowerGatherEach(const Unit& unit) {
  const ir::Node& n = node(unit);
  analysis::AttributeReader read(graph_, unit.head);
  const Operand x = Plain(n.inputs[0]), indices = Plain(n.inputs[1]);
  if (!x.defined() || !indices.defined() || !IsIndex(indices.dtype)) return false;
  if (MovableBytes(x.dtype) == 0) return false;
  const Operand y = NewArray(x.dtype, fact(n.outputs[0]).dims, Layout::kPlain);
  const bool wide = indices.dtype == DType::kInt64;
  if (n.op_type == "GatherElements") {
    int64_t axis = read.Int("axis", 0);
    if (!read.status().ok()) return false;
    if (axis < 0) axis += static_cast<int64_t>(x.dims.size());
    const auto plan = PlanElementIndices(x, indices.dims, static_cast<size_t>(axis));
    AddStep("own:gather-elements", {x, indices}, {y}, [=](const StepContext& c) {
      return GatherElements(plan, c.at<std::byte>(x), {c.at<std::byte>(indices), wide},
                            c.at<std::byte>(y));
    });
  } else {
    const int64_t batch = read.Int("batch_dims", 0);
    if (!read.status().ok()) return false;
    const auto plan = PlanRunIndices(x, indices, static_cast<size_t>(batch));
    AddStep("own:gather-nd", {x, indices}, {y}, [=](const StepContext& c) {
      return GatherRuns(plan, c.at<std::byte>(x), {c.at<std::byte>(indices), wide},
                        c.at<std::byte>(y));
    });
  }
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerScatter(const Unit& unit) {
  const ir::Node& n = node(unit);
  analysis::AttributeReader read(graph_, unit.head);
  int64_t axis = read.Int("axis", 0);
  if (read.Text("reduction", "none") != "none" || !read.status().ok()) return false;
  const Operand x = Plain(n.inputs[0]), indices = Plain(n.inputs[1]), updates = Plain(n.inputs[2]);
  if (!x.defined() || !indices.defined() || !updates.defined()) return false;
  if (!IsIndex(indices.dtype) || MovableBytes(x.dtype) == 0) return false;
  if (indices.count() == 0) {
    Bind(n.outputs[0], x);
    return true;
  }
  const Operand y = Apart(x, indices, updates) ? ResultLike(x, x.dtype)
                                               : NewArray(x.dtype, x.dims, Layout::kPlain);
  const bool wide = indices.dtype == DType::kInt64;
  if (n.op_type == "ScatterND") {
    const auto plan = PlanRunIndices(x, indices, 0);
    const Operand places = NewArray(DType::kInt64, {plan.rows}, Layout::kPlain);
    AddStep("own:scatter-nd", {x, indices, updates}, {y, places}, [=](const StepContext& c) {
      return ScatterRuns(plan, c.at<std::byte>(x), c.at<std::byte>(updates),
                         {c.at<std::byte>(indices), wide}, c.at<int64_t>(places),
                         c.at<std::byte>(y));
    });
  } else {
    if (axis < 0) axis += static_cast<int64_t>(x.dims.size());
    const auto plan = PlanElementIndices(x, indices.dims, static_cast<size_t>(axis));
    if (x.storage != y.storage) AddCopy(x, y, "own:copy");
    AddStep("own:scatter-elements", {y, indices, updates}, {y}, [=](const StepContext& c) {
      return ScatterElements(plan, c.at<std::byte>(updates), {c.at<std::byte>(indices), wide},
                             c.at<std::byte>(y));
    });
  }
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerOneHot(const Unit& unit) {
  const ir::Node& n = node(unit);
  analysis::AttributeReader read(graph_, unit.head);
  int64_t axis = read.Int("axis", -1);
  const Operand indices = Plain(n.inputs[0]), values = Plain(n.inputs[2]);
  if (!read.status().ok() || !indices.defined() || !values.defined()) return false;
  const int64_t bytes = MovableBytes(values.dtype);
  if (!IsIndex(indices.dtype) || bytes == 0 || values.count() != 2) return false;
  const Operand y = NewArray(values.dtype, fact(n.outputs[0]).dims, Layout::kPlain);
  if (axis < 0) axis += static_cast<int64_t>(y.dims.size());
  const LinesPlan lines = LinesAlong(y.dims, static_cast<size_t>(axis));
  const bool wide = indices.dtype == DType::kInt64;
  AddStep("own:one-hot", {indices, values}, {y}, [=](const StepContext& c) {
    OneHot(lines, {c.at<std::byte>(indices), wide}, c.at<std::byte>(values), bytes,
           c.at<std::byte>(y));
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerTriangle(const Unit& unit) {
  const ir::Node& n = node(unit);
  analysis::AttributeReader read(graph_, unit.head);
  TrianglePlan plan;
  plan.upper = read.Int("upper", 1) != 0;
  const ir::ValueRef given = analysis::InputAt(n, 1);
  const auto k = given ? facts_.KnownInts(given) : std::vector<int64_t>{0};
  const Operand x = Plain(n.inputs[0]);
  if (!read.status().ok() || !k || k->size() != 1 || !x.defined()) return false;
  plan.element_bytes = MovableBytes(x.dtype);
  if (plan.element_bytes == 0 || x.dims.size() < 2) return false;
  plan.k = (*k)[0];
  plan.rows = x.dims[x.dims.size() - 2], plan.columns = x.dims.back();
  plan.matrices = x.count() / (plan.rows * plan.columns);
  const Operand y = ResultLike(x, x.dtype);
  AddStep("own:triangle", {x}, {y}, [=](const StepContext& c) {
    KeepTriangle(plan, c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerLines(const Unit& unit) {
  const ir::Node& n = node(unit);
  const Operand x = Plain(n.inputs[0]);
  if (!x.defined() || x.dims.empty()) return false;
  const int64_t rank = static_cast<int64_t>(x.dims.size());
  if (n.op_type == "Hardmax") {
    const auto view = analysis::SoftmaxOp::From(graph_, unit.head, facts_.opset());
    if (!view.ok() || x.dtype != DType::kFloat) return false;
    const int64_t axis = view->axis < 0 ? view->axis + rank : view->axis;
    if (axis < 0 || axis >= rank) return false;
    LinesPlan lines = LinesAlong(x.dims, static_cast<size_t>(axis));
    if (view->coerces_to_2d) lines.extent *= std::exchange(lines.inner, 1);
    const Operand y = ResultLike(x, x.dtype);
    AddStep("own:hardmax", {x}, {y}, [=](const StepContext& c) {
      Hardmax(lines, c.at<const float>(x), c.at<float>(y));
      return OkStatus();
    });
    Bind(n.outputs[0], y);
    return true;
  }
  analysis::AttributeReader read(graph_, unit.head);
  const bool exclusive = read.Int("exclusive", 0) != 0, reverse = read.Int("reverse", 0) != 0;
  const auto given = facts_.KnownInts(n.inputs[1]);
  if (!read.status().ok() || !given || given->size() != 1 || !CanSumUp(x.dtype)) return false;
  const int64_t axis = (*given)[0] < 0 ? (*given)[0] + rank : (*given)[0];
  if (axis < 0 || axis >= rank) return false;
  const LinesPlan lines = LinesAlong(x.dims, static_cast<size_t>(axis));
  const Operand y = ResultLike(x, x.dtype);
  AddStep("own:cumulative-sum", {x}, {y}, [=](const StepContext& c) {
    SumUp(lines, x.dtype, exclusive, reverse, c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

Operand Lowering::MoveBorder(const analysis::PadOp& pad, const Operand& x, const Shape& dims) {
  const size_t rank = x.dims.size();
  const auto pads = facts_.KnownPads(pad, rank);
  const int64_t bytes = MovableBytes(x.dtype);
  if (!pads || bytes == 0 || x.count() == 0 || ir::ElementCount(dims).value_or(0) == 0) return {};
  // As the dims lie in memory.
  std::vector<size_t> order;
  for (size_t i = 0; i < rank; ++i) order.push_back(i);
  if (x.layout == Layout::kChannelsLast && rank > 2)
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  Shape lying;
  std::vector<int64_t> around(2 * rank);
  for (size_t i = 0; i < rank; ++i) {
    lying.push_back(x.dims[order[i]]);
    around[i] = (*pads)[order[i]], around[i + rank] = (*pads)[order[i] + rank];
  }
  using Mode = analysis::PadOp::Mode;
  const Border border = pad.mode == Mode::kReflect ? Border::kReflect
                        : pad.mode == Mode::kEdge  ? Border::kEdge
                                                   : Border::kWrap;
  const Operand y = NewArray(x.dtype, dims, x.layout);
  const BorderPlan plan = PlanBorder(border, lying, around, bytes);
  AddStep("own:pad-border", {x}, {y}, [=](const StepContext& c) {
    PadBorder(plan, c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  return y;
}

}  // namespace assize::engine
