// Proof that a graph treats its rows alone, so that a batch may run row by row.
//
// Each row of the fed tensors (dim 0) then decides the same row of every value, and nothing else
// does. The proof reads the facts for the whole batch and for one row: every value's dim 0 must
// scale with the batch and every op must be one that never mixes blocks of dim 0. What is not
// proved runs as one batch. Tests: tests/engine/session_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/engine/facts.h"

namespace assize::engine {

// `many` and `one` hold the facts of all nodes in `order`, for `rows` rows and for one.
bool RowsAreIndependent(Facts& many, Facts& one, const std::vector<ir::NodeRef>& order,
                        const std::vector<ir::ValueRef>& outputs, int64_t rows);

}  // namespace assize::engine
