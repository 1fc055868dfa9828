// Rewrites a model of 16-bit floats as one of 32-bit floats, signature unchanged.
//
// Every float16 and bfloat16 tensor becomes float: initializers, constants, attributes, element
// types that attributes name (Cast's `to`, EyeLike's `dtype`), in subgraphs and local functions
// too. Weights keep their values exactly. The roundings to 16 bits between the ops fall away: the
// model computes in float what a runtime without 16-bit arithmetic computes in float and rounds
// after every node. So a result differs from the source's by those roundings, and a value that left
// the range of float16 on the way (65,504) no longer does.
//
// What stays: inputs and outputs of the main graph, with a Cast at the border; ops whose meaning
// hangs on the 16 bits (BitCast, Cast to string, ops that take no float) and ops that the schemas
// do not know, with Casts around them; and large tables that Gather alone reads, with a Cast behind
// the Gather: reading rows first and widening them then gives the same values from half the memory.
// Casts between floats that end up doing nothing are removed. Tests:
// tests/analysis/upcast_float16_test.cc.
#pragma once

#include <cstdint>

#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::analysis {

struct UpcastCounts {
  int64_t tensors = 0;        // initializers, constants and other tensor attributes
  int64_t casts_added = 0;    // at borders
  int64_t casts_removed = 0;  // that no longer changed anything
  int64_t nodes_kept = 0;     // still computing on 16-bit floats
};

// Rewrites `model`. FailedPrecondition, and nothing changed, when an op that the schemas do not
// know takes or gives a value of unknown type that other ops touch. Memory: the source's tensors
// are let go one by one.
StatusOr<UpcastCounts> UpcastFloat16(ir::Model& model);

}  // namespace assize::analysis
