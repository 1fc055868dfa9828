// Reductions of floats over the middle of [outer, terms, inner]; sums in double, in an order that
// depends on the shape alone. Tests: tests/engine/native_ops_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assize::engine {

enum class Reduction { kSum, kMean, kMax, kMin, kProd, kSumSquare, kL1, kL2 };
std::optional<Reduction> ReductionFromName(std::string_view op_type);

// Rows [begin, end) of outer. `sums` holds `inner` doubles.
void Reduce(Reduction kind, const float* src, float* dst, int64_t begin, int64_t end, int64_t terms,
            int64_t inner, double* sums);

}  // namespace assize::engine
