// Elementwise ops, BatchNormalization and Softmax on our own kernels. Tests:
// tests/engine/ops_test.cc, tests/engine/mean_test.cc.
#include <cmath>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/elementwise.h"
#include "lib/engine/kernels/transcendental.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {

using ir::DType;
using ir::Shape;

Operand Lowering::Activated(const Operand& x, const UnaryOpSpec& activation) {
  const Operand y = ResultLike(x, DType::kFloat);
  AddStep("own:activation", {x}, {y}, [x, y, activation, count = x.count()](const StepContext& c) {
    ParallelRanges(count, kGrain, [&](int64_t begin, int64_t end) {
      RunUnaryFast(activation, c.at<const float>(x) + begin, c.at<float>(y) + begin, end - begin);
    });
    return OkStatus();
  });
  return y;
}

bool Lowering::LowerActivation(const Unit& unit) {
  const Operand x = Get(unit.reads[0]);
  if (!x.defined() || x.dtype != DType::kFloat) return false;
  Operand y = Activated(x, *unit.activation);
  if (unit.result) y = Quantized(y, *unit.result);
  Bind(unit.writes[0], y);
  return true;
}

void Lowering::AddBinary(const std::string& kernel, Binary kind, const BinaryPlan& plan,
                         const Operand& a, const Operand& b, const Operand& y) {
  AddStep(kernel, {a, b}, {y}, [=](const StepContext& c) {
    RunBinary(kind, plan, c.at<const float>(a), c.at<const float>(b), c.at<float>(y));
    return OkStatus();
  });
}

Operand Lowering::AddedTo(const Operand& a, const Operand& b) {
  const auto dims = Broadcast(a.dims, b.dims);
  if (!dims || !a.defined() || !b.defined() || b.dtype != DType::kFloat || *dims != a.dims)
    return {};
  Operand right = b;
  if (a.dims == b.dims) right = In(b, a.layout, "operand");
  if (b.dims.size() < a.dims.size() && b.layout != Layout::kPlain)
    right = In(b, Layout::kPlain, "operand");
  const Operand y = ResultLike(a, DType::kFloat);
  const BinaryPlan plan =
      PlanBinary(*dims, BroadcastStrides(a, *dims), BroadcastStrides(right, *dims), y.strides());
  AddBinary("own:add", Binary::kAdd, plan, a, right, y);
  return y;
}

bool Lowering::LowerUnary(const Unit& unit) {
  const auto spec = UnarySpec(facts_, unit.head);
  if (!spec) return false;
  const ir::Node& n = node(unit);
  const Operand x = Get(n.inputs[0]);
  if (!x.defined() || x.dtype != DType::kFloat) return false;
  Bind(n.outputs[0], Activated(x, *spec));
  return true;
}

bool Lowering::LowerBinary(const Unit& unit) {
  const ir::Node& n = node(unit);
  const auto kind = BinaryFromName(n.op_type);
  if (!kind || n.inputs.size() != 2) return false;
  Operand a = Get(n.inputs[0]), b = Get(n.inputs[1]);
  const Shape& dims = fact(n.outputs[0]).dims;
  if (!a.defined() || !b.defined() || a.dtype != DType::kFloat || b.dtype != DType::kFloat)
    return false;
  if (kind == Binary::kPRelu && a.dims != dims) return false;
  // The result lies as an operand of its own shape does; strides of constants follow by themselves.
  Layout layout = Layout::kPlain;
  for (const Operand* operand : {&a, &b}) {
    if (operand->dims == dims && operand->layout == Layout::kChannelsLast)
      layout = Layout::kChannelsLast;
  }
  for (Operand* operand : {&a, &b}) {
    const bool constant =
        plan_.storages[static_cast<size_t>(operand->storage)].kind == Storage::Kind::kConstant;
    if (operand->dims == dims && !constant) *operand = In(*operand, layout, "operand");
    // Channels-last strides are those of the operand's own rank.
    if (operand->dims.size() != dims.size() && operand->layout != Layout::kPlain) {
      *operand = In(*operand, Layout::kPlain, "operand");
    }
  }
  Operand y;
  if (a.dims == dims && a.layout == layout && DiesHere(a) && a.storage != b.storage) {
    y = ResultLike(a, DType::kFloat);
  } else if (b.dims == dims && b.layout == layout && DiesHere(b) && a.storage != b.storage) {
    y = ResultLike(b, DType::kFloat);
  } else {
    y = NewArray(DType::kFloat, dims, layout);
  }
  const BinaryPlan plan =
      PlanBinary(dims, BroadcastStrides(a, dims), BroadcastStrides(b, dims), y.strides());
  AddBinary("own:binary", *kind, plan, a, b, y);
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerMean(const Unit& unit) {
  const ir::Node& n = node(unit);
  const bool folds = n.op_type == "Sum" || n.op_type == "Max" || n.op_type == "Min";
  if (n.op_type != "Mean" && !(folds && n.inputs.size() == 1)) return false;
  const auto paired = [&](Binary kind, const Operand& a, const Operand& b, const Shape& dims) {
    const Operand y = NewArray(DType::kFloat, dims, Layout::kPlain);
    const BinaryPlan plan =
        PlanBinary(dims, BroadcastStrides(a, dims), BroadcastStrides(b, dims), y.strides());
    AddBinary("own:binary", kind, plan, a, b, y);
    return y;
  };
  Operand sum;
  for (const ir::ValueRef input : n.inputs) {
    const Operand x = Plain(input);
    if (!x.defined() || x.dtype != DType::kFloat) return false;
    if (!sum.defined()) {
      sum = x;
      continue;
    }
    const auto dims = Broadcast(sum.dims, x.dims);
    if (!dims) return false;
    sum = paired(Binary::kAdd, sum, x, *dims);
  }
  if (n.inputs.size() > 1) {
    const Operand count = ConstantFloats({static_cast<float>(n.inputs.size())});
    sum = paired(Binary::kDiv, sum, {count.storage, count.dtype, {}, count.layout}, sum.dims);
  }
  Bind(n.outputs[0], sum);
  return true;
}

bool Lowering::LowerBatchNormalization(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "BatchNormalization") return false;
  const auto view = analysis::BatchNormalizationOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || view->training || !view->spatial) return false;
  const Operand x = Get(view->x);
  if (!x.defined() || x.dtype != DType::kFloat || x.dims.size() < 2) return false;
  const size_t channels = static_cast<size_t>(x.dims[1]);
  std::vector<std::vector<double>> parts;
  for (const ir::ValueRef part : {view->scale, view->bias, view->mean, view->var}) {
    const ir::Tensor* tensor = facts_.Known(part);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat) return false;
    if (tensor->element_count() != x.dims[1]) return false;
    parts.push_back(tensor->ToDoubles());
  }
  std::vector<float> k(channels), d(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double scale = parts[0][c] / std::sqrt(parts[3][c] + static_cast<double>(view->epsilon));
    k[c] = static_cast<float>(scale);
    d[c] = static_cast<float>(parts[1][c] - parts[2][c] * scale);
  }
  const Operand ks = ConstantFloats(k), ds = ConstantFloats(d), y = ResultLike(x, DType::kFloat);
  const int64_t count = x.count(), c_count = x.dims[1], outer = x.dims[0];
  const bool last = x.layout == Layout::kChannelsLast || x.dims.size() == 2;
  AddStep("own:batch-normalization", {x, ks, ds}, {y}, [=](const StepContext& c) {
    const float* src = c.at<const float>(x);
    if (last) {
      ScaleShiftChannelsLast(src, c.at<const float>(ks), c.at<const float>(ds), c.at<float>(y),
                             count / c_count, c_count);
    } else {
      ScaleShiftPlain(src, c.at<const float>(ks), c.at<const float>(ds), c.at<float>(y), outer,
                      c_count, count / (outer * c_count));
    }
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerSoftmax(const Unit& unit) {
  const ir::Node& n = node(unit);
  const bool log = n.op_type == "LogSoftmax";
  if (n.op_type != "Softmax" && !log) return false;
  const auto view = analysis::SoftmaxOp::From(graph_, unit.head, facts_.opset());
  const Operand x = Plain(n.inputs[0]);
  if (!view.ok() || !x.defined() || x.dtype != DType::kFloat || x.dims.empty()) return false;
  const int64_t rank = static_cast<int64_t>(x.dims.size());
  const int64_t axis = view->axis < 0 ? view->axis + rank : view->axis;
  if (axis < 0 || axis >= rank) return false;
  int64_t outer = 1, middle = 1, inner = 1;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t& part = i < axis ? outer : i == axis || view->coerces_to_2d ? middle : inner;
    part *= x.dims[static_cast<size_t>(i)];
  }
  const Operand y = ResultLike(x, DType::kFloat);
  AddStep(log ? "own:log-softmax" : "own:softmax", {x}, {y}, [=](const StepContext& c) {
    if (inner == 1) {
      const auto rows = log ? simd::LogSoftmaxRows : simd::SoftmaxRows;
      ParallelRanges(outer, kGrain / middle + 1, [&](int64_t begin, int64_t end) {
        rows(c.at<const float>(x) + begin * middle, c.at<float>(y) + begin * middle, end - begin,
             middle);
      });
      return OkStatus();
    }
    RunSoftmax(c.at<const float>(x), c.at<float>(y), outer, middle, inner, log);
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

}  // namespace assize::engine
