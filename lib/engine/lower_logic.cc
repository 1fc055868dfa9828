// Comparisons, logic, integer arithmetic, Min, Max and Where; Expand, Tile, DepthToSpace and
// SpaceToDepth as strided copies; ArgMax and TopK. Tests: tests/engine/native_ops_test.cc.
#include <algorithm>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/kernels/broadcast.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/kernels/topk.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::Shape;

bool IsWhole(DType dtype) {
  const int bits = ir::BitsOf(dtype);
  return !ir::IsPacked(dtype) && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
}

}  // namespace

bool Lowering::LowerLogic(const Unit& unit) {
  const ir::Node& n = node(unit);
  auto op = PairwiseFromName(n.op_type);
  if (!op || n.inputs.size() < 2) return false;
  if (op == Pairwise::kMod) {
    analysis::AttributeReader read(graph_, unit.head);
    if (read.Int("fmod", 0) != 0) op = Pairwise::kRemainder;
    if (!read.status().ok()) return false;
  }
  const Shape& dims = fact(n.outputs[0]).dims;
  std::vector<Operand> operands;
  for (const ir::ValueRef input : n.inputs) {
    Operand operand = Plain(input);
    if (!operand.defined() || !CanPair(*op, operand.dtype)) return false;
    if (!operands.empty() && operand.dtype != operands[0].dtype) return false;
    operands.push_back(operand);
  }
  if (n.inputs.size() > 2 && GivesBool(*op)) return false;
  // Several operands are folded in order; what is in between has the shape of the two before it.
  Operand left = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) {
    const Operand right = operands[i];
    const auto both = Broadcast(left.dims, right.dims);
    if (!both || (i + 1 == operands.size() && *both != dims)) return false;
    const Operand y = NewArray(GivesBool(*op) ? DType::kBool : left.dtype, *both, Layout::kPlain);
    const BroadcastPlan plan = PlanBroadcast(
        *both, {BroadcastStrides(left, *both), BroadcastStrides(right, *both), {}}, y.strides());
    AddStep("own:pairwise", {left, right}, {y}, [=, op = *op](const StepContext& c) {
      RunPairwise(op, left.dtype, plan, c.at<std::byte>(left), c.at<std::byte>(right),
                  c.at<std::byte>(y));
      return OkStatus();
    });
    left = y;
  }
  Bind(n.outputs[0], left);
  return true;
}

bool Lowering::LowerWhere(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "Where" || n.inputs.size() != 3) return false;
  const Operand condition = Plain(n.inputs[0]), a = Plain(n.inputs[1]), b = Plain(n.inputs[2]);
  if (!condition.defined() || !a.defined() || !b.defined()) return false;
  if (condition.dtype != DType::kBool || a.dtype != b.dtype || !IsWhole(a.dtype)) return false;
  const Shape& dims = fact(n.outputs[0]).dims;
  const Operand y = NewArray(a.dtype, dims, Layout::kPlain);
  const BroadcastPlan plan = PlanBroadcast(
      dims,
      {BroadcastStrides(condition, dims), BroadcastStrides(a, dims), BroadcastStrides(b, dims)},
      y.strides());
  AddStep("own:where", {condition, a, b}, {y},
          [=, bytes = ir::BitsOf(a.dtype) / 8](const StepContext& c) {
            RunWhere(bytes, plan, c.at<const uint8_t>(condition), c.at<std::byte>(a),
                     c.at<std::byte>(b), c.at<std::byte>(y));
            return OkStatus();
          });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerRepeat(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "Expand" && n.op_type != "Tile" && n.op_type != "DepthToSpace" &&
      n.op_type != "SpaceToDepth")
    return false;
  const Shape& dims = fact(n.outputs[0]).dims;
  const Operand x = Plain(n.inputs[0]);
  if (!x.defined() || !IsWhole(x.dtype)) return false;
  const std::vector<int64_t> own = x.strides();
  Shape box;                  // of the copy, dims of the result in order, perhaps split
  std::vector<int64_t> from;  // strides of the source
  if (n.op_type == "Expand") {
    box = dims, from = BroadcastStrides(x, dims);
  } else if (n.op_type == "Tile") {
    if (x.dims.size() != dims.size()) return false;
    for (size_t i = 0; i < dims.size(); ++i) {
      box.insert(box.end(), {dims[i] / x.dims[i], x.dims[i]});
      from.insert(from.end(), {0, own[i]});
    }
  } else {
    analysis::AttributeReader read(graph_, unit.head);
    const int64_t b = read.RequiredInt("blocksize");
    const std::string mode = read.Text("mode", "DCR");
    if (!read.status().ok() || b < 1 || x.dims.size() != 4) return false;
    const auto& d = x.dims;
    if (n.op_type == "DepthToSpace") {
      if (mode != "DCR" && mode != "CRD") return false;
      const int64_t c = dims[1], plane = own[1];
      box = {d[0], c, d[2], b, d[3], b};
      // Channels are [b, b, c] for DCR and [c, b, b] for CRD.
      const bool deep = mode == "DCR";
      from = {own[0], deep ? plane : plane * b * b, own[2], deep ? plane * c * b : plane * b,
              own[3], deep ? plane * c : plane};
    } else {
      if (mode != "DCR") return false;
      box = {d[0], b, b, d[1], dims[2], dims[3]};
      from = {own[0], own[2], own[3], own[1], own[2] * b, own[3] * b};
    }
  }
  const Operand y = NewArray(x.dtype, dims, Layout::kPlain);
  const auto copy =
      PlanStridedCopy(box, from, StridesOf(box, Layout::kPlain), ir::BitsOf(x.dtype) / 8);
  AddStep("own:repeat", {x}, {y}, [copy, x, y](const StepContext& c) {
    StridedCopy(copy, c.at<std::byte>(x), c.at<std::byte>(y));
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerArg(const Unit& unit) {
  const ir::Node& n = node(unit);
  const bool max = n.op_type == "ArgMax";
  if (!max && n.op_type != "ArgMin") return false;
  analysis::AttributeReader read(graph_, unit.head);
  int64_t axis = read.Int("axis", 0);
  const bool last = read.Int("select_last_index", 0) != 0;
  const Operand x = Plain(n.inputs[0]);
  if (!read.status().ok() || !x.defined() || x.dtype != DType::kFloat || x.dims.empty())
    return false;
  if (axis < 0) axis += static_cast<int64_t>(x.dims.size());
  int64_t outer = 1, inner = 1;
  for (size_t i = 0; i < x.dims.size(); ++i) {
    if (static_cast<int64_t>(i) < axis) outer *= x.dims[i];
    if (static_cast<int64_t>(i) > axis) inner *= x.dims[i];
  }
  const int64_t terms = x.dims[static_cast<size_t>(axis)];
  const Operand y = NewArray(DType::kInt64, fact(n.outputs[0]).dims, Layout::kPlain);
  AddStep("own:arg", {x}, {y}, [=](const StepContext& c) {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const float* at = c.at<const float>(x) + o * terms * inner + i;
        int64_t best = 0;
        for (int64_t t = 1; t < terms; ++t) {
          const float now = at[t * inner], top = at[best * inner];
          const bool better = max ? now > top : now < top;
          if (better || (last && now == top)) best = t;
        }
        c.at<int64_t>(y)[o * inner + i] = best;
      }
    }
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerTopK(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "TopK") return false;
  analysis::AttributeReader read(graph_, unit.head);
  int64_t axis = read.Int("axis", -1);
  TopKPlan plan;
  plan.largest = read.Int("largest", 1) != 0;
  const Operand x = Plain(n.inputs[0]);
  if (!read.status().ok() || !x.defined() || !CanTopK(x.dtype) || x.dims.empty()) return false;
  if (axis < 0) axis += static_cast<int64_t>(x.dims.size());
  int64_t rows = 1;
  for (size_t i = 0; i < x.dims.size(); ++i) {
    if (static_cast<int64_t>(i) != axis) rows *= x.dims[i];
    if (static_cast<int64_t>(i) > axis) plan.inner *= x.dims[i];
  }
  plan.extent = x.dims[static_cast<size_t>(axis)];
  plan.k = fact(n.outputs[0]).dims[static_cast<size_t>(axis)];
  const Shape& dims = fact(n.outputs[0]).dims;
  const Operand values = NewArray(x.dtype, dims, Layout::kPlain);
  std::vector<Operand> writes{values};
  Operand indices;
  if (n.outputs.size() > 1) {
    if (!n.outputs[1]) return false;
    writes.push_back(indices = NewArray(DType::kInt64, dims, Layout::kPlain));
  }
  AddStep("own:top-k", {x}, writes, [=](const StepContext& c) {
    ParallelRanges(rows, kGrain / plan.extent + 1, [&](int64_t begin, int64_t end) {
      TopKRows(plan, x.dtype, c.at<const std::byte>(x), c.at<std::byte>(values),
               indices.defined() ? c.at<int64_t>(indices) : nullptr, begin, end);
    });
    return OkStatus();
  });
  Bind(n.outputs[0], values);
  if (indices.defined()) Bind(n.outputs[1], indices);
  return true;
}

}  // namespace assize::engine
