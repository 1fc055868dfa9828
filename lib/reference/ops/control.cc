// If, Loop, Scan (both versions), SequenceMap: the ops that run subgraphs, under the run's loop
// budget.
//
// Scan and Loop stack what each iteration yields; the size of the stack is checked before it is
// made. Tests: tests/reference/executor_test.cc, tests/conformance/.
#include <algorithm>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

using Values = std::vector<RuntimeValue>;

StatusOr<const ir::Graph*> Body(const OpContext& ctx, const char* name) {
  const ir::Graph* body = ctx.GraphAttribute(name);
  if (body == nullptr) return InvalidArgument("attribute \"{}\" is missing", name);
  return body;
}

StatusOr<bool> Truth(const RuntimeValue& value, std::string_view what) {
  if (!value.is_tensor() || value.tensor.dtype() != ir::DType::kBool ||
      value.tensor.element_count() != 1) {
    return InvalidArgument("{} is {}, expected one bool", what,
                           value.is_tensor() ? value.tensor.TypeText() : std::string("no tensor"));
  }
  return Ints(value.tensor)[0] != 0;
}

// [count, *element] of equal tensors, in order or reversed; an empty list has no shape to take:
// dims [0].
StatusOr<ir::Tensor> Stack(const OpContext& ctx, const Values& values, int64_t axis, bool reverse) {
  if (values.empty()) return ir::Tensor::Zeros(ir::DType::kFloat, {0});
  for (const RuntimeValue& value : values) {
    if (!value.is_tensor() || value.tensor.dtype() != values[0].tensor.dtype() ||
        value.tensor.dims() != values[0].tensor.dims()) {
      return InvalidArgument("iterations yield {} and {}, expected one type and shape",
                             values[0].is_tensor() ? values[0].tensor.TypeText() : "no tensor",
                             value.is_tensor() ? value.tensor.TypeText() : "no tensor");
    }
  }
  const ir::Tensor& first = values[0].tensor;
  AZ_ASSIGN_OR_RETURN(const int64_t at, ctx.Axis(axis, first.rank() + 1));
  ir::Shape dims = first.dims();
  const auto count = static_cast<int64_t>(values.size());
  dims.insert(dims.begin() + at, count);
  AZ_ASSIGN_OR_RETURN(const int64_t total, ctx.Plan(first.dtype(), dims));
  CellWriter out(first.dtype(), total);
  const int64_t outer = Product(first.dims(), 0, static_cast<size_t>(at));
  const int64_t run = Product(first.dims(), static_cast<size_t>(at), first.dims().size());
  for (int64_t i = 0; i < count; ++i) {
    const CellReader from(values[static_cast<size_t>(reverse ? count - 1 - i : i)].tensor);
    for (int64_t o = 0; o < outer; ++o) out.CopyRun((o * count + i) * run, from, o * run, run);
  }
  return std::move(out).Finish(dims);
}

// Slice i of x along `axis`, without that dim.
ir::Tensor SliceOf(const ir::Tensor& x, int64_t axis, int64_t i) {
  const auto a = static_cast<size_t>(axis);
  ir::Shape dims = x.dims();
  dims.erase(dims.begin() + axis);
  CellWriter out(x.dtype(), Product(dims));
  const CellReader from(x);
  const int64_t inner = Product(x.dims(), a + 1, x.dims().size());
  for (int64_t o = 0; o < Product(x.dims(), 0, a); ++o) {
    out.CopyRun(o * inner, from, (o * x.dims()[a] + i) * inner, inner);
  }
  return std::move(out).Finish(dims);
}

Status If(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const bool condition, Truth(ctx.value(0), "cond"));
  AZ_ASSIGN_OR_RETURN(const ir::Graph* branch,
                      Body(ctx, condition ? "then_branch" : "else_branch"));
  AZ_ASSIGN_OR_RETURN(Values results, ctx.RunGraph(*branch, {}));
  for (size_t i = 0; i < results.size(); ++i) ctx.Set(i, std::move(results[i]));
  return OkStatus();
}

// Inputs: trip count, condition, carried values. The body takes (iteration, condition, carried) and
// yields (condition, carried, scanned).
Status Loop(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const ir::Graph* body, Body(ctx, "body"));
  int64_t trips = INT64_MAX;
  if (ctx.has(0)) {
    if (!ctx.value(0).is_tensor()) return InvalidArgument("trip count is no tensor");
    AZ_ASSIGN_OR_RETURN(trips, ctx.IntScalarIn(0, "trip count"));
  }
  bool go = true;
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(go, Truth(ctx.value(1), "cond"));
  }
  const size_t carried_count = ctx.input_count() > 2 ? ctx.input_count() - 2 : 0;
  if (body->outputs().size() < 1 + carried_count) {
    return InvalidArgument("body has {} outputs, expected at least {}", body->outputs().size(),
                           1 + carried_count);
  }
  Values carried;
  for (size_t i = 0; i < carried_count; ++i) carried.push_back(ctx.value(i + 2));
  std::vector<Values> scanned(body->outputs().size() - 1 - carried_count);
  for (int64_t i = 0; go && i < trips; ++i) {
    AZ_RETURN_IF_ERROR(ctx.CountIteration());
    Values inputs{RuntimeValue::Of(ir::Tensor::Scalar<int64_t>(i)),
                  RuntimeValue::Of(FromBools({}, std::vector<uint8_t>{1}))};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    inputs.resize(std::min(inputs.size(), body->inputs().size()));
    AZ_ASSIGN_OR_RETURN(Values results, ctx.RunGraph(*body, std::move(inputs)));
    AZ_ASSIGN_OR_RETURN(go, Truth(results[0], "the body's condition"));
    for (size_t k = 0; k < carried_count; ++k) carried[k] = std::move(results[1 + k]);
    for (size_t k = 0; k < scanned.size(); ++k)
      scanned[k].push_back(std::move(results[1 + carried_count + k]));
  }
  for (size_t k = 0; k < carried_count; ++k) ctx.Set(k, std::move(carried[k]));
  for (size_t k = 0; k < scanned.size(); ++k) {
    if (scanned[k].empty()) {
      // No iteration: the declared type says what the empty result is.
      const ir::Type& type = body->value(body->outputs()[1 + carried_count + k]).type;
      ir::Shape dims{0};
      if (type.is_tensor() && type.shape) {
        for (const ir::Dim& dim : *type.shape) dims.push_back(dim.value.value_or(0));
      }
      const ir::DType dtype =
          type.is_tensor() && type.dtype != ir::DType::kUndefined ? type.dtype : ir::DType::kFloat;
      AZ_RETURN_IF_ERROR(ctx.Plan(dtype, dims).status());
      ctx.Set(carried_count + k, dtype == ir::DType::kString ? ir::Tensor::Strings(dims, {})
                                                             : ir::Tensor::Zeros(dtype, dims));
      continue;
    }
    AZ_ASSIGN_OR_RETURN(ir::Tensor stacked, Stack(ctx, scanned[k], 0, false));
    ctx.Set(carried_count + k, std::move(stacked));
  }
  return OkStatus();
}

struct ScanPlan {
  size_t states = 0, inputs = 0, outputs = 0;
  std::vector<int64_t> input_axes, input_directions, output_axes, output_directions;
};

StatusOr<std::vector<int64_t>> ListOf(const OpContext& ctx, const char* name, size_t size) {
  std::vector<int64_t> list = ctx.Ints(name);
  if (list.empty()) list.assign(size, 0);
  if (list.size() != size)
    return InvalidArgument("attribute \"{}\" has {} values, expected {}", name, list.size(), size);
  return list;
}

// One scan over `xs` from `states`: the final states, then the stacked outputs.
StatusOr<Values> ScanOnce(const OpContext& ctx, const ir::Graph& body, const ScanPlan& plan,
                          Values states, const std::vector<ir::Tensor>& xs, int64_t length) {
  std::vector<Values> yields(plan.outputs);
  for (int64_t i = 0; i < length; ++i) {
    AZ_RETURN_IF_ERROR(ctx.CountIteration());
    Values inputs = states;
    for (size_t k = 0; k < xs.size(); ++k) {
      const int64_t at = plan.input_directions[k] != 0 ? length - 1 - i : i;
      inputs.push_back(RuntimeValue::Of(SliceOf(xs[k], plan.input_axes[k], at)));
    }
    AZ_ASSIGN_OR_RETURN(Values results, ctx.RunGraph(body, std::move(inputs)));
    for (size_t k = 0; k < plan.states; ++k) states[k] = std::move(results[k]);
    for (size_t k = 0; k < plan.outputs; ++k)
      yields[k].push_back(std::move(results[plan.states + k]));
  }
  for (size_t k = 0; k < plan.outputs; ++k) {
    AZ_ASSIGN_OR_RETURN(ir::Tensor stacked,
                        Stack(ctx, yields[k], plan.output_axes[k], plan.output_directions[k] != 0));
    states.push_back(RuntimeValue::Of(std::move(stacked)));
  }
  return states;
}

StatusOr<ScanPlan> PlanScan(const OpContext& ctx, const ir::Graph& body, size_t inputs) {
  const int64_t scans = ctx.Int("num_scan_inputs", 0);
  if (scans < 1 || static_cast<size_t>(scans) > inputs) {
    return InvalidArgument("num_scan_inputs is {} of {} inputs", scans, inputs);
  }
  ScanPlan plan;
  plan.inputs = static_cast<size_t>(scans);
  plan.states = inputs - plan.inputs;
  if (body.outputs().size() < plan.states) {
    return InvalidArgument("body has {} outputs, expected at least {}", body.outputs().size(),
                           plan.states);
  }
  plan.outputs = body.outputs().size() - plan.states;
  return plan;
}

Status Scan(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const ir::Graph* body, Body(ctx, "body"));
  AZ_ASSIGN_OR_RETURN(ScanPlan plan, PlanScan(ctx, *body, ctx.input_count()));
  AZ_ASSIGN_OR_RETURN(plan.input_axes, ListOf(ctx, "scan_input_axes", plan.inputs));
  AZ_ASSIGN_OR_RETURN(plan.input_directions, ListOf(ctx, "scan_input_directions", plan.inputs));
  AZ_ASSIGN_OR_RETURN(plan.output_axes, ListOf(ctx, "scan_output_axes", plan.outputs));
  AZ_ASSIGN_OR_RETURN(plan.output_directions, ListOf(ctx, "scan_output_directions", plan.outputs));
  Values states;
  for (size_t i = 0; i < plan.states; ++i) states.push_back(ctx.value(i));
  std::vector<ir::Tensor> xs;
  int64_t length = -1;
  for (size_t k = 0; k < plan.inputs; ++k) {
    if (!ctx.value(plan.states + k).is_tensor())
      return InvalidArgument("scan input {} is no tensor", k);
    xs.push_back(ctx.in(plan.states + k));
    AZ_ASSIGN_OR_RETURN(plan.input_axes[k],
                        ctx.Axis(plan.input_axes[k], xs[k].rank(), "scan input axis"));
    const int64_t extent = xs[k].dims()[static_cast<size_t>(plan.input_axes[k])];
    if (length >= 0 && extent != length)
      return InvalidArgument("scan inputs have {} and {} elements", length, extent);
    length = extent;
  }
  AZ_ASSIGN_OR_RETURN(Values results, ScanOnce(ctx, *body, plan, std::move(states), xs, length));
  for (size_t i = 0; i < results.size(); ++i) ctx.Set(i, std::move(results[i]));
  return OkStatus();
}

// Opset 8: everything has a leading batch dim, and input 0 may give each sample's length.
Status ScanBatched(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const ir::Graph* body, Body(ctx, "body"));
  AZ_ASSIGN_OR_RETURN(ScanPlan plan, PlanScan(ctx, *body, ctx.input_count() - 1));
  AZ_ASSIGN_OR_RETURN(plan.input_directions, ListOf(ctx, "directions", plan.inputs));
  plan.input_axes.assign(plan.inputs, 0);
  plan.output_axes.assign(plan.outputs, 0);
  plan.output_directions.assign(plan.outputs, 0);
  int64_t batch = -1, longest = -1;
  for (size_t i = 0; i < plan.states + plan.inputs; ++i) {
    if (!ctx.has(i + 1) || !ctx.value(i + 1).is_tensor() ||
        ctx.in(i + 1).rank() < (i < plan.states ? 1 : 2)) {
      return InvalidArgument("input {} has no batch or sequence dim", i + 1);
    }
    const ir::Shape& dims = ctx.in(i + 1).dims();
    if (batch >= 0 && dims[0] != batch)
      return InvalidArgument("batches of {} and {}", batch, dims[0]);
    batch = dims[0];
    if (i < plan.states) continue;
    if (longest >= 0 && dims[1] != longest)
      return InvalidArgument("sequences of {} and {}", longest, dims[1]);
    longest = dims[1];
  }
  std::vector<int64_t> lengths(static_cast<size_t>(batch), longest);
  if (ctx.has(0)) {
    if (!ctx.value(0).is_tensor()) return InvalidArgument("sequence_lens is no tensor");
    AZ_ASSIGN_OR_RETURN(lengths, ctx.IntsIn(0, "sequence_lens"));
  }
  if (static_cast<int64_t>(lengths.size()) != batch)
    return InvalidArgument("sequence_lens has {} values", lengths.size());
  std::vector<Values> all(plan.states + plan.outputs);
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t length = lengths[static_cast<size_t>(b)];
    if (length < 1 || length > longest) {
      return OutOfRange("sequence length {} is outside [1, {}]", length, longest);
    }
    Values states;
    std::vector<ir::Tensor> xs;
    for (size_t i = 0; i < plan.states; ++i)
      states.push_back(RuntimeValue::Of(SliceOf(ctx.in(i + 1), 0, b)));
    for (size_t k = 0; k < plan.inputs; ++k)
      xs.push_back(SliceOf(ctx.in(1 + plan.states + k), 0, b));
    AZ_ASSIGN_OR_RETURN(Values results, ScanOnce(ctx, *body, plan, std::move(states), xs, length));
    for (size_t i = 0; i < results.size(); ++i) {
      if (i >= plan.states && length < longest) {
        // Rows past the sample's own length are zero.
        const ir::Tensor& short_one = results[i].tensor;
        ir::Shape dims = short_one.dims();
        dims[0] = longest;
        AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(short_one.dtype(), dims));
        CellWriter padded(short_one.dtype(), count);
        const CellReader from(short_one);
        padded.CopyRun(0, from, 0, short_one.element_count());
        results[i] = RuntimeValue::Of(std::move(padded).Finish(dims));
      }
      all[i].push_back(std::move(results[i]));
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(ir::Tensor stacked, Stack(ctx, all[i], 0, false));
    ctx.Set(i, std::move(stacked));
  }
  return OkStatus();
}

// The body runs once for each element of the first sequence; other inputs are sequences of that
// length, or tensors.
Status SequenceMap(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const ir::Graph* body, Body(ctx, "body"));
  if (ctx.value(0).kind != RuntimeValue::Kind::kSequence)
    return InvalidArgument("input 0 is no sequence");
  const size_t length = ctx.value(0).sequence->size();
  std::vector<Sequence> out(body->outputs().size());
  for (size_t i = 0; i < length; ++i) {
    AZ_RETURN_IF_ERROR(ctx.CountIteration());
    Values inputs;
    for (size_t k = 0; k < ctx.input_count(); ++k) {
      const RuntimeValue& value = ctx.value(k);
      if (value.kind != RuntimeValue::Kind::kSequence) {
        inputs.push_back(value);
        continue;
      }
      if (value.sequence->size() != length) {
        return InvalidArgument("sequences of {} and {} elements", length, value.sequence->size());
      }
      inputs.push_back((*value.sequence)[i]);
    }
    AZ_ASSIGN_OR_RETURN(Values results, ctx.RunGraph(*body, std::move(inputs)));
    for (size_t k = 0; k < out.size(); ++k) out[k].push_back(std::move(results[k]));
  }
  for (size_t k = 0; k < out.size(); ++k) ctx.Set(k, RuntimeValue::OfSequence(std::move(out[k])));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"If", 1, If, 1, 1, Takes::kValues},
    {"Loop", 1, Loop, 0, -1, Takes::kValues},
    {"Scan", 8, ScanBatched, 0, -1, Takes::kValues},
    {"Scan", 9, Scan, 1, -1, Takes::kValues},
    {"SequenceMap", 17, SequenceMap, 1, -1, Takes::kValues},
};

}  // namespace

KernelRows ControlRows() { return kRows; }

}  // namespace assize::reference
