// The check of quantized operands. Tests: tests/reference/robustness_test.cc.
#pragma once

#include "lib/reference/kernel.h"

namespace assize::reference {

// Integers whose differences and products int64 holds: at most 32 bits.
inline Status NeedNarrowInteger(const OpContext& ctx, size_t i) {
  if (ir::IsInteger(ctx.in(i).dtype()) && ir::BitsOf(ctx.in(i).dtype()) <= 32) return OkStatus();
  return InvalidArgument("input {} is {}, expected integers of at most 32 bits", i,
                         ctx.in(i).TypeText());
}

}  // namespace assize::reference
