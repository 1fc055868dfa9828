// Elementwise ops of up to three operands of any type, with broadcasting: comparisons, logic,
// integer arithmetic, Where, Min and Max. Tests: tests/engine/native_ops_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/ir/tensor.h"

namespace assize::engine {

struct BroadcastPlan {
  struct Dim {
    int64_t size;
    std::array<int64_t, 3> in;  // strides in elements, 0 where an operand repeats
    int64_t out;
  };
  std::vector<Dim> dims;  // outermost first, merged; never empty
};
// Operands without strides repeat everywhere.
BroadcastPlan PlanBroadcast(std::span<const int64_t> dims,
                            const std::array<std::vector<int64_t>, 3>& in,
                            const std::vector<int64_t>& out);

enum class Pairwise {
  kEqual,
  kLess,
  kGreater,
  kLessOrEqual,
  kGreaterOrEqual,  // to bool
  kAnd,
  kOr,
  kXor,  // of bools
  kAdd,
  kSub,
  kMul,
  kMin,
  kMax,  // of one type; integers wrap
  kDiv,
  kMod,
  kRemainder,  // of integers: toward zero; with the sign of b, of a; by 0 always 0
};
std::optional<Pairwise> PairwiseFromName(std::string_view op_type);
bool GivesBool(Pairwise op);
bool CanPair(Pairwise op, ir::DType dtype);
void RunPairwise(Pairwise op, ir::DType dtype, const BroadcastPlan& plan, const std::byte* a,
                 const std::byte* b, std::byte* y);

// y = condition ? a : b on elements of 1, 2, 4 or 8 bytes.
void RunWhere(int64_t element_bytes, const BroadcastPlan& plan, const uint8_t* condition,
              const std::byte* a, const std::byte* b, std::byte* y);

}  // namespace assize::engine
