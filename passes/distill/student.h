// A student for a teacher: the same layers with fewer channels and fresh weights.
//
// Channels are followed through the graph in groups that must stay equal (an addition ties its
// operands, a depthwise convolution its input and output); each group that does not reach the
// model's interface is narrowed by `width`. An op that may mix channels keeps them as they are,
// before and after, and its own parameters too. Tests: tests/passes/distill_export_test.cc.
#pragma once

#include <cstdint>

#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::passes::distill {

struct StudentOptions {
  double width = 0.5;  // share of each group's channels that stays, rounded up, at least 1
  uint64_t seed = 0;
};

// Weights: normal with variance 2 / fan-in (He et al. 2015), biases 0, normalizations the identity;
// from Philox, one stream per weight, so they depend on the seed and the order of layers alone.
// Unimplemented, naming the node, where channels pass an op that is not followed.
StatusOr<ir::Model> MakeStudent(const ir::Model& teacher, const StudentOptions& options);

}  // namespace assize::passes::distill
