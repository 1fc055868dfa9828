// Inference for ops that rearrange a tensor or compute with shapes. Tests:
// tests/analysis/infer_test.cc.
#include <algorithm>
#include <cmath>

#include "lib/analysis/infer_context.h"

namespace assize::analysis {
namespace {

using ir::DType;

// Clamps as Slice does, for one axis of known size.
int64_t SliceCount(int64_t size, int64_t start, int64_t end, int64_t step) {
  const auto clamp = [](int64_t v, int64_t low, int64_t high) {
    return std::min(std::max(v, low), high);
  };
  if (start < 0) start = start < -size ? -1 : start + size;
  if (end < 0) end = end < -size ? -1 : end + size;
  if (step > 0) {
    start = clamp(start, 0, size);
    end = clamp(end, 0, size);
    return end <= start ? 0 : (end - start - 1) / step + 1;
  }
  start = clamp(start, -1, size - 1);
  end = clamp(end, -1, size - 1);
  const int64_t back = step == INT64_MIN ? INT64_MAX : -step;
  return start <= end ? 0 : (start - end - 1) / back + 1;
}

// Where a non-empty slice of one axis begins.
int64_t SliceStart(int64_t size, int64_t start, int64_t step) {
  if (start < 0) start = start < -size ? -1 : start + size;
  return step > 0 ? std::clamp<int64_t>(start, 0, size)
                  : std::clamp<int64_t>(start, 0, std::max<int64_t>(0, size - 1));
}

Status Reshape(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const ReshapeOp op, ReshapeOp::From(c.graph, c.ref, c.opset));
  const auto wanted = c.data(1);
  if (!wanted) {
    std::optional<Dims> dims;  // the length of the shape input is the rank
    if (c.shape(1) && c.shape(1)->size() == 1 && (*c.shape(1))[0].known() &&
        *(*c.shape(1))[0].value <= 64) {
      dims = Dims(static_cast<size_t>(std::max<int64_t>(0, *(*c.shape(1))[0].value)));
    }
    c.Set(0, c.dtype(0), dims);
    return OkStatus();
  }
  Dims y;
  std::optional<size_t> rest;
  for (size_t i = 0; i < wanted->values.size(); ++i) {
    const Dim& d = wanted->values[i];
    if (d.known() && *d.value == -1) {
      if (rest) return c.Mismatch("shape has two -1");
      rest = i;
      y.push_back(Dim{});
    } else if (d.known() && *d.value == 0 && !op.allow_zero) {
      if (!c.shape(0))
        y.push_back(Dim{});
      else if (i >= c.shape(0)->size())
        return c.Mismatch("shape has 0 at {}, x has rank {}", i, c.shape(0)->size());
      else
        y.push_back(Meet((*c.shape(0))[i], {}));
    } else if (d.known() && *d.value < -1) {
      return c.Mismatch("shape has {}", *d.value);
    } else {
      y.push_back(d);
    }
  }
  if (c.shape(0)) {
    // Dims that occur on both sides by name or number cancel; what is left decides the -1.
    Dims from = *c.shape(0), to = y;
    if (rest) to.erase(to.begin() + static_cast<std::ptrdiff_t>(*rest));
    for (size_t i = 0; i < to.size();) {
      const auto match = std::find_if(from.begin(), from.end(), [&](const Dim& d) {
        return Same(d, to[i]) && !(d.known() && *d.value == 0);
      });
      if (match == from.end()) {
        ++i;
        continue;
      }
      from.erase(match);
      to.erase(to.begin() + static_cast<std::ptrdiff_t>(i));
    }
    const Dim have = Product(from, 0, from.size()), asked = Product(to, 0, to.size());
    if (rest) {
      if (to.empty() && from.size() == 1)
        y[*rest] = Meet(from[0], {});
      else if (have.known() && asked.known() && *asked.value > 0) {
        if (*have.value % *asked.value != 0) {
          return c.Mismatch("{} does not reshape to {}: {} elements over {}", DimsText(*c.shape(0)),
                            DimsText(wanted->values), *have.value, *asked.value);
        }
        y[*rest] = Known(*have.value / *asked.value);
      }
    } else if (Differ(have, asked)) {
      return c.Mismatch("{} does not reshape to {}: element counts differ", DimsText(*c.shape(0)),
                        DimsText(wanted->values));
    }
  }
  c.Set(0, c.dtype(0), y);
  // Elements of small shape vectors survive a reshape to rank 0 or 1.
  if (const auto data = c.data(0); data && y.size() <= 1)
    c.SetData(op.y, {data->values, y.empty()});
  const auto small = c.small(0);
  const auto dims = ir::Type::TensorOf(DType::kInt64, y).static_shape();
  if (small && dims && ir::ElementCount(*dims) == static_cast<int64_t>(small->values.size())) {
    c.SetInts(op.y, c.dtype(0), {*dims, small->values});
  }
  return OkStatus();
}

// Elements of a small tensor at the given strides and start, over `dims`.
std::vector<int64_t> Strided(const std::vector<int64_t>& values, const ir::Shape& dims,
                             const ir::Shape& strides, int64_t start) {
  std::vector<int64_t> picked;
  const int64_t count = ir::ElementCount(dims).value_or(0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, at = start;
    for (size_t k = dims.size(); k-- > 0;) {
      at += rest % dims[k] * strides[k];
      rest /= dims[k];
    }
    picked.push_back(values[static_cast<size_t>(at)]);
  }
  return picked;
}

ir::Shape StridesOf(const ir::Shape& dims) {
  ir::Shape strides(dims.size(), 1);
  for (size_t k = dims.size(); k-- > 1;) strides[k - 1] = strides[k] * dims[k];
  return strides;
}

Status Transpose(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const TransposeOp op, TransposeOp::From(c.graph, c.ref, c.opset));
  std::optional<Dims> y;
  if (c.shape(0)) {
    const Dims& x = *c.shape(0);
    const std::vector<int64_t> perm = op.PermFor(x.size());
    if (perm.size() != x.size())
      return c.Mismatch("perm has {} axes, x has rank {}", perm.size(), x.size());
    y.emplace();
    for (const int64_t axis : perm) y->push_back(Meet(x[static_cast<size_t>(axis)], {}));
  } else if (!op.perm.empty()) {
    y = Dims(op.perm.size());
  }
  c.Set(0, c.dtype(0), y);
  if (const auto small = c.small(0)) {
    const ir::Shape from = StridesOf(small->dims);
    ir::Shape dims, strides;
    for (const int64_t axis : op.PermFor(small->dims.size())) {
      dims.push_back(small->dims[static_cast<size_t>(axis)]);
      strides.push_back(from[static_cast<size_t>(axis)]);
    }
    c.SetInts(op.y, c.dtype(0), {dims, Strided(small->values, dims, strides, 0)});
  }
  return OkStatus();
}

Status Flatten(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const FlattenOp op, FlattenOp::From(c.graph, c.ref, c.opset));
  Dims y(2);
  if (c.shape(0)) {
    const Dims& x = *c.shape(0);
    const auto rank = static_cast<int64_t>(x.size());
    if (op.axis < -rank || op.axis > rank)
      return c.Mismatch("axis {} is out of range for rank {}", op.axis, rank);
    const auto axis = static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis);
    y = {Product(x, 0, axis), Product(x, axis, x.size())};
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Squeeze(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const SqueezeOp op, SqueezeOp::From(c.graph, c.ref, c.opset));
  const auto axes = c.ints(op.axes);
  if (const auto data = c.data(0); data) {
    // Shape vectors: [n] <-> scalar is the only case that shape arithmetic meets.
    if (op.unsqueeze ? data->scalar && axes && axes->size() == 1
                     : !data->scalar && data->values.size() == 1) {
      c.SetData(op.y, {data->values, !op.unsqueeze});
    }
  }
  std::optional<Dims> y;
  if (c.shape(0) && op.unsqueeze && axes) {
    y = Dims(c.shape(0)->size() + axes->size(), Dim{});
    std::vector<bool> added(y->size(), false);
    for (const int64_t a : *axes) {
      AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(a, y->size()));
      if (added[axis]) return c.Mismatch("axis {} twice", a);
      added[axis] = true;
      (*y)[axis] = Known(1);
    }
    size_t next = 0;
    for (size_t i = 0; i < y->size(); ++i) {
      if (!added[i]) (*y)[i] = Meet((*c.shape(0))[next++], {});
    }
  } else if (c.shape(0) && !op.unsqueeze && axes) {
    std::vector<bool> gone(c.shape(0)->size(), false);
    for (const int64_t a : *axes) {
      AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(a, gone.size()));
      const Dim& d = (*c.shape(0))[axis];
      if (d.known() && *d.value != 1)
        return c.Mismatch("axis {} of {} is no 1", a, DimsText(*c.shape(0)));
      gone[axis] = true;
    }
    y.emplace();
    for (size_t i = 0; i < gone.size(); ++i) {
      if (!gone[i]) y->push_back(Meet((*c.shape(0))[i], {}));
    }
  } else if (c.shape(0) && !op.unsqueeze && !op.axes.given()) {
    y.emplace();
    for (const Dim& d : *c.shape(0)) {
      if (!d.known()) {
        y.reset();
        break;
      }
      if (*d.value != 1) y->push_back(d);
    }
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Concat(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const ConcatOp op, ConcatOp::From(c.graph, c.ref, c.opset));
  ShapeData joined;
  bool all_data = true;
  for (size_t i = 0; i < op.xs.size(); ++i) {
    const auto data = c.data(i);
    all_data = all_data && data && !data->scalar;
    if (all_data)
      joined.values.insert(joined.values.end(), data->values.begin(), data->values.end());
  }
  if (all_data) c.SetData(op.y, joined);
  std::optional<Dims> y;
  for (size_t i = 0; i < op.xs.size(); ++i) {
    if (!c.shape(i)) {
      if (y) y = Dims(y->size());
      break;
    }
    const Dims& x = *c.shape(i);
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(op.axis, x.size()));
    if (!y) {
      y = x;
      continue;
    }
    if (x.size() != y->size())
      return c.Mismatch("input {} has rank {}, input 0 has {}", i, x.size(), y->size());
    for (size_t k = 0; k < x.size(); ++k) {
      if (k == axis) {
        int64_t sum = 0;
        const bool known = (*y)[k].known() && x[k].known() &&
                           !__builtin_add_overflow(*(*y)[k].value, *x[k].value, &sum);
        (*y)[k] = known ? Known(sum) : Dim{};
      } else if (Differ(x[k], (*y)[k])) {
        return c.Mismatch("input {} is {} at dim {}, the inputs before it are {}", i, *x[k].value,
                          k, *(*y)[k].value);
      } else {
        (*y)[k] = Meet((*y)[k], x[k]);
      }
    }
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Split(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const SplitOp op, SplitOp::From(c.graph, c.ref, c.opset));
  const size_t count = op.ys.size();
  for (size_t i = 0; i < count; ++i) c.Set(i, c.dtype(0), std::nullopt);
  if (!c.shape(0)) return OkStatus();
  AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(op.axis, c.shape(0)->size()));
  const Dim whole = (*c.shape(0))[axis];
  const auto parts = c.ints(op.split);
  if (parts && parts->size() != count)
    return c.Mismatch("{} parts for {} outputs", parts->size(), count);
  for (size_t i = 0; i < count; ++i) {
    Dims y = *c.shape(0);
    y[axis] = Dim{};
    if (parts) {
      y[axis] = Known((*parts)[i]);
    } else if (!op.split.given() && whole.known() && *whole.value < INT64_MAX / 2) {
      const auto n = static_cast<int64_t>(count);
      const int64_t chunk = (*whole.value + n - 1) / n;  // the last part takes what is left
      y[axis] = Known(
          std::max<int64_t>(0, std::min(chunk, *whole.value - chunk * static_cast<int64_t>(i))));
    }
    c.Set(i, c.dtype(0), y);
  }
  return OkStatus();
}

Status Slice(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const SliceOp op, SliceOp::From(c.graph, c.ref, c.opset));
  const auto starts = c.ints(op.starts), ends = c.ints(op.ends);
  auto axes = c.ints(op.axes), steps = c.ints(op.steps);
  if (!c.shape(0)) {
    c.Set(0, c.dtype(0), std::nullopt);
    return OkStatus();
  }
  Dims y = *c.shape(0);
  const bool axes_known = !op.axes.given() ? starts.has_value() : axes.has_value();
  if (!axes_known) {
    c.Set(0, c.dtype(0), Dims(y.size()));
    return OkStatus();
  }
  if (!axes) {
    axes.emplace();
    for (size_t i = 0; i < starts->size(); ++i) axes->push_back(static_cast<int64_t>(i));
  }
  if (!op.steps.given()) steps = std::vector<int64_t>(axes->size(), 1);
  const bool known = starts && ends && steps;
  if (known && (starts->size() != axes->size() || ends->size() != axes->size() ||
                steps->size() != axes->size())) {
    return c.Mismatch(
        "starts, ends, axes and steps have {}, {}, {} and {} numbers, expected equal counts",
        starts->size(), ends->size(), axes->size(), steps->size());
  }
  for (size_t i = 0; i < axes->size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis((*axes)[i], y.size()));
    const Dim size = y[axis];
    y[axis] = Dim{};
    if (!known) continue;
    if ((*steps)[i] == 0) return c.Mismatch("steps has 0");
    if (size.known())
      y[axis] = Known(SliceCount(*size.value, (*starts)[i], (*ends)[i], (*steps)[i]));
    else if ((*starts)[i] == 0 && (*steps)[i] == 1 && (*ends)[i] >= INT32_MAX)
      y[axis] = Meet(size, {});  // all of it
  }
  c.Set(0, c.dtype(0), y);
  if (const auto data = c.data(0); data && !data->scalar && known && axes->size() == 1) {
    const auto size = static_cast<int64_t>(data->values.size());
    const int64_t step = (*steps)[0], start = SliceStart(size, (*starts)[0], step);
    const int64_t count = SliceCount(size, (*starts)[0], (*ends)[0], step);
    ShapeData cut;
    for (int64_t i = 0; i < count; ++i)
      cut.values.push_back(data->values[static_cast<size_t>(start + i * step)]);
    c.SetData(op.y, std::move(cut));
  }
  const auto small = c.small(0);
  const auto dims = ir::Type::TensorOf(DType::kInt64, y).static_shape();
  if (!small || !dims || !known) return OkStatus();
  ir::Shape strides = StridesOf(small->dims);
  int64_t begin = 0;
  for (size_t i = 0; i < axes->size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const size_t axis, Axis((*axes)[i], strides.size()));
    // A step beyond the axis takes one element at most; clamping it keeps the products small.
    const int64_t size = small->dims[axis],
                  step = std::clamp<int64_t>((*steps)[i], -size - 1, size + 1);
    begin += SliceStart(size, (*starts)[i], step) * strides[axis];
    strides[axis] *= step;
  }
  c.SetInts(op.y, c.dtype(0), {*dims, Strided(small->values, *dims, strides, begin)});
  return OkStatus();
}

Status Shape(InferContext& c) {
  int64_t start = c.read.Int("start", 0);
  const auto end_given = c.read.MaybeInt("end");
  AZ_RETURN_IF_ERROR(c.read.status());
  if (!c.shape(0)) {
    c.Set(0, DType::kInt64, Dims(1));
    return OkStatus();
  }
  const auto rank = static_cast<int64_t>(c.shape(0)->size());
  const auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  start = clamp(start);
  const int64_t end = std::max(start, clamp(end_given.value_or(rank)));
  c.Set(0, DType::kInt64, Dims{Known(end - start)});
  ShapeData data;
  for (int64_t i = start; i < end; ++i)
    data.values.push_back(Meet((*c.shape(0))[static_cast<size_t>(i)], {}));
  c.SetData(OutputAt(c.node, 0), std::move(data));
  return OkStatus();
}

Status Size(InferContext& c) {
  c.Set(0, DType::kInt64, Dims{});
  if (c.shape(0))
    c.SetData(OutputAt(c.node, 0), {{Product(*c.shape(0), 0, c.shape(0)->size())}, true});
  return OkStatus();
}

// Dims given by the elements of input `index`.
std::optional<Dims> DimsFrom(InferContext& c, size_t index) {
  if (const auto data = c.data(index)) {
    for (const Dim& d : data->values) {
      if (d.known() && *d.value < 0) return std::nullopt;
    }
    return data->values;
  }
  if (c.shape(index) && c.shape(index)->size() == 1 && (*c.shape(index))[0].known()) {
    const int64_t rank = *(*c.shape(index))[0].value;
    if (rank >= 0 && rank <= 64) return Dims(static_cast<size_t>(rank));
  }
  return std::nullopt;
}

Status ConstantOfShape(InferContext& c) {
  const auto value = c.read.MaybeTensor("value");
  AZ_RETURN_IF_ERROR(c.read.status());
  const std::optional<Dims> y = DimsFrom(c, 0);
  c.Set(0, value ? value->dtype() : DType::kFloat, y);
  const auto dims = y ? ir::Type::TensorOf(DType::kInt64, *y).static_shape() : std::nullopt;
  const auto count = dims ? ir::ElementCount(*dims) : std::nullopt;
  if (value && ir::IsInteger(value->dtype()) && value->element_count() == 1 && count &&
      *count <= kMaxShapeData) {
    const std::vector<int64_t> values(static_cast<size_t>(*count), value->ToInts()[0]);
    c.SetInts(OutputAt(c.node, 0), value->dtype(), {*dims, values});
  }
  return OkStatus();
}

Status Expand(InferContext& c) {
  std::optional<Dims> y = DimsFrom(c, 1);
  if (y && c.shape(0)) {
    AZ_ASSIGN_OR_RETURN(y, Broadcast(*c.shape(0), *y));
  } else {
    y.reset();
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Tile(InferContext& c) {
  std::optional<Dims> y = c.shape(0);
  if (y) {
    const auto repeats = c.ints(c.in(1));
    if (repeats && repeats->size() != y->size()) {
      return c.Mismatch("{} repeats for rank {}", repeats->size(), y->size());
    }
    for (const int64_t r : repeats.value_or(std::vector<int64_t>())) {
      if (r < 0) return c.Mismatch("repeats has {}", r);
    }
    for (size_t i = 0; i < y->size(); ++i)
      (*y)[i] = repeats ? Times((*y)[i], Known((*repeats)[i])) : Dim{};
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Pad(InferContext& c) {
  AZ_ASSIGN_OR_RETURN(const PadOp op, PadOp::From(c.graph, c.ref, c.opset));
  std::optional<Dims> y = c.shape(0);
  if (y) {
    const size_t rank = y->size();
    auto pads = op.ConstantPads(c.graph, rank);
    if (!pads && !op.axes) pads = c.ints(op.pads);
    if (pads && pads->size() != 2 * rank)
      return c.Mismatch("pads has {} numbers, expected {}", pads->size(), 2 * rank);
    for (size_t i = 0; i < rank; ++i) {
      if (!pads) {
        (*y)[i] = Dim{};
        continue;
      }
      int64_t both = 0;
      if (__builtin_add_overflow((*pads)[i], (*pads)[i + rank], &both))
        return c.Mismatch("pads overflow");
      (*y)[i] = Plus((*y)[i], both);
      if ((*y)[i].known() && *(*y)[i].value < 0) return c.Mismatch("pads leave dim {} negative", i);
    }
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Resize(InferContext& c) {
  const bool upsample = c.node.op_type == "Upsample" || c.opset < 11;
  std::vector<double> scales;
  std::optional<std::vector<int64_t>> sizes;
  if (upsample && c.opset < 9) {
    for (const float s : c.read.Floats("scales")) scales.push_back(s);
  } else {
    const size_t index = upsample ? 1 : 2;
    if (const auto t = c.tensor(index); t && ir::IsFloating(t->dtype())) scales = t->ToDoubles();
  }
  if (!upsample) sizes = c.ints(c.in(3));
  const auto axes = c.read.MaybeInts("axes");
  const std::string policy = c.read.Text("keep_aspect_ratio_policy", "stretch");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y = c.shape(0);
  if (y) {
    std::vector<size_t> over;
    if (axes) {
      for (const int64_t a : *axes) {
        AZ_ASSIGN_OR_RETURN(const size_t axis, Axis(a, y->size()));
        over.push_back(axis);
      }
    } else {
      for (size_t i = 0; i < y->size(); ++i) over.push_back(i);
    }
    const bool by_sizes = sizes && sizes->size() == over.size() && policy == "stretch";
    const bool by_scales = scales.size() == over.size();
    for (size_t i = 0; i < over.size(); ++i) {
      Dim& d = (*y)[over[i]];
      if (by_sizes) {
        d = Known((*sizes)[i]);
      } else if (by_scales && d.known()) {
        // In float as engines do: the product decides how many samples there are.
        const float size = std::floor(static_cast<float>(*d.value) * static_cast<float>(scales[i]));
        d = size >= 0 && size < 1e15f ? Known(static_cast<int64_t>(size)) : Dim{};
      } else {
        d = Dim{};
      }
    }
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status DepthSpace(InferContext& c) {
  const int64_t block = c.read.RequiredInt("blocksize");
  AZ_RETURN_IF_ERROR(c.read.status());
  std::optional<Dims> y = c.shape(0);
  if (y) {
    if (y->size() != 4 || block < 1 || block > 65536) {
      return c.Mismatch("x has rank {}, blocksize is {}; expected 4 and at least 1", y->size(),
                        block);
    }
    const bool to_depth = c.node.op_type == "SpaceToDepth";
    const auto divide = [](const Dim& d, int64_t by) {
      return d.known() ? Known(*d.value / by) : Dim{};
    };
    const Dim k = Known(block);
    (*y)[1] = to_depth ? Times((*y)[1], Known(block * block)) : divide((*y)[1], block * block);
    (*y)[2] = to_depth ? divide((*y)[2], block) : Times((*y)[2], k);
    (*y)[3] = to_depth ? divide((*y)[3], block) : Times((*y)[3], k);
    (*y)[0] = Meet((*y)[0], {});
  }
  c.Set(0, c.dtype(0), y);
  return OkStatus();
}

Status Constant(InferContext& c) {
  if (const auto t = ConstantValue(c.graph, OutputAt(c.node, 0))) {
    c.Set(0, ir::Type::TensorOf(t->dtype(), t->dims()));
    return OkStatus();
  }
  const ir::Attribute* sparse = c.node.FindAttribute("sparse_value");
  if (sparse == nullptr) return OkStatus();
  if (const auto* value = std::get_if<ir::SparseTensor>(&sparse->value)) {
    ir::Type type = ir::Type::TensorOf(value->values.dtype(), value->dims);
    c.Set(0, std::move(type));
  }
  return OkStatus();
}

Status Range(InferContext& c) {
  Dim count;
  const auto a = c.tensor(0), b = c.tensor(1), s = c.tensor(2);
  if (a && b && s && a->element_count() == 1 && b->element_count() == 1 &&
      s->element_count() == 1 && a->dtype() != DType::kString) {
    const double step = s->ToDoubles()[0];
    const double n = step == 0 ? -1 : std::ceil((b->ToDoubles()[0] - a->ToDoubles()[0]) / step);
    if (std::isfinite(n) && n < 1e15) count = Known(std::max<int64_t>(0, static_cast<int64_t>(n)));
  }
  c.Set(0, c.dtype(0), Dims{count});
  if (count.known() && *count.value <= 64 && ir::IsInteger(c.dtype(0))) {
    const int64_t start = a->ToInts()[0], step = s->ToInts()[0];
    ShapeData data;
    int64_t value = start;
    for (int64_t i = 0; i < *count.value; ++i) {
      data.values.push_back(Known(value));
      if (__builtin_add_overflow(value, step, &value) && i + 1 < *count.value) return OkStatus();
    }
    c.SetData(OutputAt(c.node, 0), std::move(data));
  }
  return OkStatus();
}

Status RandomOfShape(InferContext& c) {
  const auto shape = c.read.RequiredInts("shape");
  const int64_t dtype = c.read.Int("dtype", 1);
  AZ_RETURN_IF_ERROR(c.read.status());
  c.Set(0, static_cast<DType>(dtype), KnownDims(shape));
  return OkStatus();
}

Status EyeLike(InferContext& c) {
  const int64_t dtype = c.read.Int("dtype", 0);
  AZ_RETURN_IF_ERROR(c.read.status());
  c.Set(0, dtype != 0 ? static_cast<DType>(dtype) : c.dtype(0), c.shape(0));
  return OkStatus();
}

}  // namespace

void AddShapeRules(InferRules& rules) {
  rules["Reshape"] = Reshape;
  rules["Transpose"] = Transpose;
  rules["Flatten"] = Flatten;
  rules["Squeeze"] = Squeeze;
  rules["Unsqueeze"] = Squeeze;
  rules["Concat"] = Concat;
  rules["Split"] = Split;
  rules["Slice"] = Slice;
  rules["Shape"] = Shape;
  rules["Size"] = Size;
  rules["ConstantOfShape"] = ConstantOfShape;
  rules["Expand"] = Expand;
  rules["Tile"] = Tile;
  rules["Pad"] = Pad;
  rules["Resize"] = Resize;
  rules["Upsample"] = Resize;
  rules["DepthToSpace"] = DepthSpace;
  rules["SpaceToDepth"] = DepthSpace;
  rules["Constant"] = Constant;
  rules["Range"] = Range;
  rules["RandomNormal"] = RandomOfShape;
  rules["RandomUniform"] = RandomOfShape;
  rules["EyeLike"] = EyeLike;
}

}  // namespace assize::analysis
