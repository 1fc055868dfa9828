// Reductions over any axes that lie together in memory, in both layouts. Tests:
// tests/engine/native_ops_test.cc.
#include <algorithm>

#include "lib/analysis/ops.h"
#include "lib/engine/kernels/reduce.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using ir::DType;

// [outer, terms, inner] of an array in memory, when the reduced axes are one run and the kept ones
// come out in the order of the result.
struct Runs {
  int64_t outer = 1, terms = 1, inner = 1;
};
std::optional<Runs> RunsOf(const Operand& x, const std::vector<bool>& reduced) {
  const std::vector<int64_t> strides = x.strides();
  std::vector<size_t> axes;
  for (size_t i = 0; i < x.dims.size(); ++i) {
    if (x.dims[i] != 1) axes.push_back(i);
  }
  std::stable_sort(axes.begin(), axes.end(),
                   [&](size_t a, size_t b) { return strides[a] > strides[b]; });
  Runs runs;
  int part = 0;  // 0 outer, 1 terms, 2 inner
  size_t last_kept = 0;
  bool any_kept = false;
  for (const size_t axis : axes) {
    if (reduced[axis]) {
      if (part == 2) return std::nullopt;
      part = 1;
      runs.terms *= x.dims[axis];
      continue;
    }
    if (any_kept && axis < last_kept) return std::nullopt;
    any_kept = true, last_kept = axis;
    if (part == 1) part = 2;
    (part == 0 ? runs.outer : runs.inner) *= x.dims[axis];
  }
  return runs;
}

}  // namespace

bool Lowering::LowerReduce(const Unit& unit) {
  const ir::Node& n = node(unit);
  const auto kind = ReductionFromName(n.op_type);
  if (!kind) return false;
  const auto view = analysis::ReduceOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok()) return false;
  Operand x = Get(view->x);
  if (!x.defined() || x.dtype != DType::kFloat) return false;
  const auto axes = facts_.KnownInts(view->axes);
  if (!axes) return false;
  if (axes->empty() && view->noop_with_empty_axes) return false;
  std::vector<bool> reduced(x.dims.size(), axes->empty());
  for (const int64_t axis : *axes) {
    const int64_t rank = static_cast<int64_t>(x.dims.size());
    reduced[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  std::optional<Runs> runs = RunsOf(x, reduced);
  if (!runs) {
    x = In(x, Layout::kPlain, "plain");
    runs = RunsOf(x, reduced);
  }
  if (!runs) return false;
  const Operand y = NewArray(DType::kFloat, fact(n.outputs[0]).dims, Layout::kPlain);
  const Operand sums = NewArray(DType::kDouble, {runs->inner}, Layout::kPlain);
  AddStep("own:reduce", {x}, {y, sums}, [=, runs = *runs, kind = *kind](const StepContext& c) {
    const float* src = c.at<const float>(x);
    float* dst = c.at<float>(y);
    double* scratch = c.at<double>(sums);
    if (runs.inner != 1) {  // one scratch: one thread
      Reduce(kind, src, dst, 0, runs.outer, runs.terms, runs.inner, scratch);
      return OkStatus();
    }
    ParallelRanges(runs.outer, kGrain / runs.terms + 1, [&](int64_t begin, int64_t end) {
      Reduce(kind, src, dst, begin, end, runs.terms, 1, nullptr);
    });
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

}  // namespace assize::engine
