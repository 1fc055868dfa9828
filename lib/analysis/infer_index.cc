// Inference for ops that index, reduce and sort. Tests: tests/analysis/infer_test.cc.
#include <algorithm>

#include "lib/analysis/infer_context.h"

namespace assize::analysis {
namespace {

using ir::DType;

Status Gather(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const GatherOp op, GatherOp::From(c.graph, c.ref, c.opset));
  const auto data = c.data(0);
  const auto indices = c.ints(c.in(1));
  if (data && !data->scalar && indices) {
    ShapeData picked{{}, c.shape(1) && c.shape(1)->empty()};
    const auto size = static_cast<int64_t>(data->values.size());
    for (const int64_t i : *indices) {
      if (i < -size || i >= size)
        return c.Mismatch("index {} is out of range for {} elements", i, size);
      picked.values.push_back(data->values[static_cast<size_t>(i < 0 ? i + size : i)]);
    }
    c.SetData(op.y, std::move(picked));
  }
  std::optional<Dims> y;
  if (c.shape(0) && c.shape(1)) {
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(op.axis, c.shape(0)->size()));
    y = *c.shape(0);
    const auto at = y->begin() + static_cast<std::ptrdiff_t>(axis);
    y->insert(y->erase(at), c.shape(1)->begin(), c.shape(1)->end());
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status GatherElements(InferContext& c) {
  c.Set(0, c.dtype(0), c.shape(1));
  return OkStatus();
}

Status GatherNd(InferContext& c) {
  const int64_t batch = c.read.Int("batch_dims", 0);
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y;
  if (c.shape(0) && c.shape(1) && !c.shape(1)->empty() && c.shape(1)->back().known()) {
    const Dims &x = *c.shape(0), &indices = *c.shape(1);
    int64_t used = 0;
    const bool overflow = __builtin_add_overflow(batch, *indices.back().value, &used);
    if (overflow || batch < 0 || used < batch || used > static_cast<int64_t>(x.size())) {
      return c.Mismatch("indices of {} numbers into rank {}", *indices.back().value, x.size());
    }
    y = Dims(indices.begin(), indices.end() - 1);
    y->insert(y->end(), x.begin() + used, x.end());
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status OneHot(InferContext& c) {
  const int64_t axis_given = c.read.Int("axis", -1);
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y = c.shape(0);
  if (y) {
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(axis_given, y->size() + 1));
    const auto depth = c.tensor(1);
    Dim d;
    if (depth && depth->element_count() == 1 && depth->dtype() != DType::kString) {
      const double value = depth->ToDoubles()[0];
      if (value >= 0 && value < 1e15) d = Known(static_cast<int64_t>(value));
    }
    y->insert(y->begin() + static_cast<std::ptrdiff_t>(axis), d);
  }
  c.Set(0, c.dtype(2), y);
  return OkStatus();
}

Status TopK(InferContext& c) {
  const int64_t axis_given = c.read.Int("axis", -1);
  std::optional<int64_t> k = c.opset < 10 ? c.read.MaybeInt("k") : std::nullopt;
  AZ_RETURN_IF_ERROR(c.read.status());
  if (c.opset >= 10) {
    if (const auto given = c.ints(c.in(1)); given && given->size() == 1) k = (*given)[0];
  }
  std::optional<Dims> y = c.shape(0);
  if (y) {
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(axis_given, y->size()));
    Dim& d = (*y)[axis];
    if (k && (*k < 0 || (d.known() && *k > *d.value)))
      return c.Mismatch("k is {}, dim {} is {}", *k, axis, DimsText({d}));
    d = k ? Known(*k) : Dim{};
  }
  c.Set(0, c.dtype(0), y);
  c.Set(1, DType::kInt64, y);
  return OkStatus();
}

StatusOr<std::optional<Dims>> Reduced(InferContext& c,
                                      const std::optional<std::vector<int64_t>>& axes, bool keep) {
  if (!c.shape(0)) return std::optional<Dims>();
  const Dims& x = *c.shape(0);
  if (!axes) return keep ? std::optional<Dims>(Dims(x.size())) : std::optional<Dims>();
  std::vector<bool> reduce(x.size(), axes->empty());
  for (const int64_t a : *axes) {
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(a, x.size()));
    reduce[axis] = true;
  }
  Dims y;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!reduce[i])
      y.push_back(Meet(x[i], {}));
    else if (keep)
      y.push_back(Known(1));
  }
  return std::optional<Dims>(y);
}

Status Reduce(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const ReduceOp op, ReduceOp::From(c.graph, c.ref, c.opset));
  std::optional<std::vector<int64_t>> axes = std::vector<int64_t>();
  if (op.axes.given()) axes = c.ints(op.axes);
  if (op.noop_with_empty_axes && axes && axes->empty()) {
    c.Set(0, c.dtype(0), c.shape(0));
    return OkStatus();
  }
  AZ_ASSIGN_OR_RETURN(const std::optional<Dims> y, Reduced(c, axes, op.keep_dims));
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status ArgReduce(InferContext& c) {
  const int64_t axis = c.read.Int("axis", 0);
  const bool keep = c.read.Int("keepdims", 1) != 0;
  AZ_RETURN_IF_ERROR(c.read.status());
  AZ_ASSIGN_OR_RETURN(const std::optional<Dims> y, Reduced(c, std::vector<int64_t>{axis}, keep));
  c.Set(0, DType::kInt64, y);
  return OkStatus();
}

Status NonZero(InferContext& c) {
  c.Set(0, DType::kInt64,
        Dims{c.shape(0) ? Known(static_cast<int64_t>(c.shape(0)->size())) : Dim{}, Dim{}});
  return OkStatus();
}

Status Compress(InferContext& c) {
  const auto axis_given = c.read.MaybeInt("axis");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y = Dims(1);
  if (axis_given) {
    y = c.shape(0);
    if (y) {
      AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(*axis_given, y->size()));
      (*y)[axis] = Dim{};
    }
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status NonMaxSuppression(InferContext& c) {
  c.Set(0, DType::kInt64, Dims{Dim{}, Known(3)});
  return OkStatus();
}

Status Unique(InferContext& c) {
  c.Set(0, c.dtype(0),
        c.read.Has("axis") && c.shape(0) ? std::optional(Dims(c.shape(0)->size()))
                                         : std::optional(Dims(1)));
  for (size_t i = 1; i < 4; ++i) c.Set(i, DType::kInt64, Dims(1));
  return OkStatus();
}

Status Multinomial(InferContext& c) {
  const int64_t samples = c.read.Int("sample_size", 1);
  const int64_t dtype = c.read.Int("dtype", static_cast<int64_t>(DType::kInt32));
  AZ_RETURN_IF_ERROR(c.read.status());
  c.Set(0, static_cast<DType>(dtype),
        Dims{c.shape(0) && !c.shape(0)->empty() ? Meet((*c.shape(0))[0], {}) : Dim{},
             Known(samples)});
  return OkStatus();
}

}  // namespace

void AddIndexRules(InferRules& rules) {
  rules["Gather"] = Gather;
  rules["GatherElements"] = GatherElements;
  rules["GatherND"] = GatherNd;
  rules["OneHot"] = OneHot;
  rules["TopK"] = TopK;
  for (const std::string_view op :
       {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
        "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"}) {
    rules[op] = Reduce;
  }
  rules["ArgMax"] = ArgReduce;
  rules["ArgMin"] = ArgReduce;
  rules["NonZero"] = NonZero;
  rules["Compress"] = Compress;
  rules["NonMaxSuppression"] = NonMaxSuppression;
  rules["Unique"] = Unique;
  rules["Multinomial"] = Multinomial;
}

}  // namespace assize::analysis
