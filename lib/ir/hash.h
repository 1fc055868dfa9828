// Structural hash: a SHA-256 over everything an export would write, in a canonical order.
//
// Two models with equal hashes export to equal files. Slots, generations and the order of use-lists
// do not count. Tests: tests/ir/hash_test.cc.
#pragma once

#include "lib/ir/model.h"
#include "lib/support/sha256.h"

namespace assize::ir {

Digest StructuralHash(const Model& model);
Digest StructuralHash(const Graph& graph);

}  // namespace assize::ir
