// The two operands of an elementwise op, aligned for broadcasting by the rules of the node's opset.
// Tests: tests/reference/numbers_test.cc.
#pragma once

#include "lib/reference/kernel.h"
#include "lib/reference/shapes.h"

namespace assize::reference {

struct Operands {
  ir::Tensor a, b;
  ir::Shape dims;  // of the result

  // Opset 7 on: both ways, aligned right. Before: equal shapes, or with `broadcast` b fits into a,
  // aligned right or from `axis` on.
  static StatusOr<Operands> Of(const OpContext& ctx);
};

}  // namespace assize::reference
