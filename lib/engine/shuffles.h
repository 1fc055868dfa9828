// Channel shuffles: Reshape, Transpose, Reshape that deal the channels of an image out to groups
// (Zhang et al. 2018, "ShuffleNet"), joined to one unit. As written they leave the channels-last
// layout and come back to it; joined, each pixel's channels change places. Tests:
// tests/engine/image_units_test.cc.
#pragma once

#include <vector>

#include "lib/engine/units.h"

namespace assize::engine {

// `units` in the order of execution. The units that are joined stay for other readers; without any
// they are not needed.
void JoinChannelShuffles(Facts& facts, std::vector<Unit>& units);

}  // namespace assize::engine
