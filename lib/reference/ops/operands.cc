// Operands aligned for broadcasting. Tests: tests/reference/numbers_test.cc.
#include "lib/reference/ops/operands.h"

namespace assize::reference {

StatusOr<Operands> Operands::Of(const OpContext& ctx) {
  Operands out{ctx.in(0), ctx.in(1), {}};
  if (ctx.opset() >= 7) {
    AZ_ASSIGN_OR_RETURN(out.dims, BroadcastShapes(out.a.dims(), out.b.dims()));
    return out;
  }
  out.dims = out.a.dims();
  if (out.a.dims() == out.b.dims()) return out;
  if (ctx.Int("broadcast", 0) == 0) {
    return InvalidArgument("shapes {} and {} differ and attribute \"broadcast\" is not set",
                           ir::ShapeText(out.a.dims()), ir::ShapeText(out.b.dims()));
  }
  if (ctx.HasAttribute("axis")) {
    const int64_t rank = out.a.rank();
    AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", 0), rank));
    if (axis + out.b.rank() > rank) {
      return InvalidArgument("b {} at axis {} passes the rank of a {}", out.b.TypeText(), axis,
                             out.a.TypeText());
    }
    ir::Shape dims = out.b.dims();
    dims.resize(static_cast<size_t>(rank - axis), 1);
    out.b = out.b.Reshaped(dims);
  }
  if (!BroadcastsTo(out.b.dims(), out.dims)) {
    return InvalidArgument("b {} does not broadcast to a {}", out.b.TypeText(), out.a.TypeText());
  }
  return out;
}

}  // namespace assize::reference
