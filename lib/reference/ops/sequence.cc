// Sequences and optionals. Positions may count from the end.
// Tests: tests/reference/executor_test.cc.
#include <algorithm>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

StatusOr<const Sequence*> SequenceIn(const OpContext& ctx, size_t i) {
  const RuntimeValue& value = ctx.value(i);
  if (value.kind == RuntimeValue::Kind::kSequence) return value.sequence.get();
  return InvalidArgument("input {} is no sequence", i);
}

StatusOr<int64_t> PositionIn(const OpContext& ctx, size_t i, int64_t size) {
  if (!ctx.value(i).is_tensor()) return InvalidArgument("position is no tensor");
  AZ_ASSIGN_OR_RETURN(const int64_t at, ctx.IntScalarIn(i, "position"));
  if (at < -size || at >= size)
    return OutOfRange("position {} is outside [{}, {}]", at, -size, size - 1);
  return at < 0 ? at + size : at;
}

Status SequenceConstruct(OpContext& ctx) {
  Sequence out;
  for (size_t i = 0; i < ctx.input_count(); ++i) {
    if (ctx.has(i)) out.push_back(ctx.value(i));
  }
  ctx.Set(0, RuntimeValue::OfSequence(std::move(out)));
  return OkStatus();
}

Status SequenceEmpty(OpContext& ctx) {
  ctx.Set(0, RuntimeValue::OfSequence({}));
  return OkStatus();
}

Status SequenceLength(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Sequence* sequence, SequenceIn(ctx, 0));
  ctx.Set(0, ir::Tensor::Scalar<int64_t>(static_cast<int64_t>(sequence->size())));
  return OkStatus();
}

Status SequenceAt(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Sequence* sequence, SequenceIn(ctx, 0));
  AZ_ASSIGN_OR_RETURN(const int64_t at, PositionIn(ctx, 1, static_cast<int64_t>(sequence->size())));
  ctx.Set(0, (*sequence)[static_cast<size_t>(at)]);
  return OkStatus();
}

Status SequenceErase(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Sequence* sequence, SequenceIn(ctx, 0));
  Sequence out = *sequence;
  int64_t at = static_cast<int64_t>(out.size()) - 1;
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(at, PositionIn(ctx, 1, static_cast<int64_t>(out.size())));
  }
  if (at < 0) return OutOfRange("the sequence is empty");
  out.erase(out.begin() + at);
  ctx.Set(0, RuntimeValue::OfSequence(std::move(out)));
  return OkStatus();
}

Status SequenceInsert(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Sequence* sequence, SequenceIn(ctx, 0));
  Sequence out = *sequence;
  const auto size = static_cast<int64_t>(out.size());
  int64_t at = size;
  if (ctx.has(2)) {
    if (!ctx.value(2).is_tensor()) return InvalidArgument("position is no tensor");
    AZ_ASSIGN_OR_RETURN(at, ctx.IntScalarIn(2, "position"));
    if (at < -size || at > size)
      return OutOfRange("position {} is outside [{}, {}]", at, -size, size);
    if (at < 0) at += size;
  }
  out.insert(out.begin() + at, ctx.value(1));
  ctx.Set(0, RuntimeValue::OfSequence(std::move(out)));
  return OkStatus();
}

// Parts of one size (a scalar; the last may be smaller), of listed sizes, or single slices when
// `split` is absent.
Status SplitToSequence(OpContext& ctx) {
  if (!ctx.value(0).is_tensor() || (ctx.has(1) && !ctx.value(1).is_tensor())) {
    return InvalidArgument("inputs are no tensors");
  }
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), x.rank()));
  const auto a = static_cast<size_t>(axis);
  const int64_t extent = x.dims()[a];
  const bool keep = ctx.has(1) || ctx.Int("keepdims", 1) != 0;
  std::vector<int64_t> sizes;
  if (ctx.has(1) && ctx.in(1).rank() > 0) {
    AZ_ASSIGN_OR_RETURN(sizes, ctx.IntsIn(1, "split"));
  } else {
    int64_t size = 1;
    if (ctx.has(1)) {
      AZ_ASSIGN_OR_RETURN(size, ctx.IntScalarIn(1, "split"));
    }
    if (size < 1) return InvalidArgument("split is {}, expected at least 1", size);
    for (int64_t left = extent; left > 0; left -= sizes.back())
      sizes.push_back(std::min(size, left));
  }
  int64_t total = 0;
  for (const int64_t size : sizes) {
    if (size < 0 || size > extent - total)
      return InvalidArgument("split sizes pass dim {} of x {}", axis, x.TypeText());
    total += size;
  }
  if (total != extent)
    return InvalidArgument("split sizes sum to {}, dim {} of x {}", total, axis, x.TypeText());
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const int64_t outer = Product(x.dims(), 0, a), inner = Product(x.dims(), a + 1, x.dims().size());
  const CellReader from(x);
  Sequence out;
  int64_t offset = 0;
  for (const int64_t size : sizes) {
    ir::Shape dims = x.dims();
    dims[a] = size;
    CellWriter part(x.dtype(), Product(dims));
    for (int64_t o = 0; o < outer; ++o)
      part.CopyRun(o * size * inner, from, (o * extent + offset) * inner, size * inner);
    offset += size;
    if (!keep) dims.erase(dims.begin() + axis);
    out.push_back(RuntimeValue::Of(std::move(part).Finish(dims)));
  }
  ctx.Set(0, RuntimeValue::OfSequence(std::move(out)));
  return OkStatus();
}

Status ConcatFromSequence(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Sequence* sequence, SequenceIn(ctx, 0));
  if (sequence->empty()) return InvalidArgument("the sequence is empty");
  const bool stack = ctx.Int("new_axis", 0) != 0;
  for (const RuntimeValue& value : *sequence) {
    if (!value.is_tensor()) return InvalidArgument("the sequence holds other than tensors");
  }
  const ir::Tensor& first = sequence->front().tensor;
  AZ_ASSIGN_OR_RETURN(const int64_t axis,
                      ctx.Axis(ctx.Int("axis", 0), first.rank() + (stack ? 1 : 0)));
  const auto a = static_cast<size_t>(axis);
  ir::Shape dims = first.dims();
  if (stack) dims.insert(dims.begin() + axis, 0);
  if (!stack) dims[a] = 0;
  std::vector<ir::Shape> shapes;
  for (const RuntimeValue& value : *sequence) {
    ir::Shape own = value.tensor.dims();
    if (stack)
      own.insert(own.begin() + std::min<int64_t>(axis, static_cast<int64_t>(own.size())), 1);
    ir::Shape other = own;
    if (other.size() == dims.size()) other[a] = dims[a];
    const auto sum = other == dims ? CheckedAdd(dims[a], own[a]) : std::nullopt;
    if (!sum || value.tensor.dtype() != first.dtype()) {
      return InvalidArgument("elements {} and {} do not join along axis {}", first.TypeText(),
                             value.tensor.TypeText(), axis);
    }
    dims[a] = *sum;
    shapes.push_back(std::move(own));
  }
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(first.dtype(), dims));
  CellWriter out(first.dtype(), count);
  const int64_t row = Product(dims, a, dims.size());
  int64_t offset = 0;
  for (size_t i = 0; count > 0 && i < shapes.size(); ++i) {
    const CellReader from((*sequence)[i].tensor);
    const int64_t run = Product(shapes[i], a, shapes[i].size());
    for (int64_t o = 0; o < Product(dims, 0, a); ++o)
      out.CopyRun(o * row + offset, from, o * run, run);
    offset += run;
  }
  ctx.Set(0, std::move(out).Finish(dims));
  return OkStatus();
}

// An optional is its element, or None.
Status Optional(OpContext& ctx) {
  ctx.Set(0, ctx.has(0) ? ctx.value(0) : RuntimeValue::None());
  return OkStatus();
}

Status OptionalHasElement(OpContext& ctx) {
  const bool has = ctx.has(0) && ctx.value(0).kind != RuntimeValue::Kind::kOptionalNone;
  ctx.Set(0, FromBools({}, std::vector<uint8_t>{has}));
  return OkStatus();
}

Status OptionalGetElement(OpContext& ctx) {
  if (ctx.value(0).kind == RuntimeValue::Kind::kOptionalNone)
    return InvalidArgument("the optional has no element");
  ctx.Set(0, ctx.value(0));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"SequenceConstruct", 11, SequenceConstruct, 1, -1, Takes::kValues},
    {"SequenceEmpty", 11, SequenceEmpty, 0, 0, Takes::kValues},
    {"SequenceLength", 11, SequenceLength, 1, 1, Takes::kValues},
    {"SequenceAt", 11, SequenceAt, 2, 2, Takes::kValues},
    {"SequenceErase", 11, SequenceErase, 1, 2, Takes::kValues},
    {"SequenceInsert", 11, SequenceInsert, 2, 3, Takes::kValues},
    {"SplitToSequence", 11, SplitToSequence, 1, 2, Takes::kValues},
    {"ConcatFromSequence", 11, ConcatFromSequence, 1, 1, Takes::kValues},
    {"Optional", 15, Optional, 0, 1, Takes::kValues},
    {"OptionalHasElement", 15, OptionalHasElement, 0, 1, Takes::kValues},
    {"OptionalGetElement", 15, OptionalGetElement, 1, 1, Takes::kValues},
};

}  // namespace

KernelRows SequenceRows() { return kRows; }

}  // namespace assize::reference
