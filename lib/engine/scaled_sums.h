// What dynamic quantization writes behind a product of bytes, in the step of the product: Cast to
// float, Mul by scales, Add of a bias. The same roundings as one by one, in one pass over the sums.
// Tests: tests/engine/dynamic_quantized_test.cc.
#pragma once

#include <vector>

#include "lib/engine/facts.h"
#include "lib/engine/patterns.h"
#include "lib/engine/units.h"

namespace assize::engine {

// Joins units of one node each (MatMulInteger or ConvInteger, Cast, Mul, and Add if there is one)
// to one of kind kScaledSums, in the product's place; the others are gone. Scales and bias: one
// value, or one for each column or channel.
void JoinScaledSums(Facts& facts, const Readers& readers, std::vector<Unit>& units);

}  // namespace assize::engine
