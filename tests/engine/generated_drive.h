// Drives a generated graph through everything that a model from outside meets, and compares engine
// and reference.
//
// Export, import, verify, Compile, Run on feeds that fit and feeds that do not, twice, and the
// reference on the same feeds. Nothing may crash; results of a run must not depend on earlier ones;
// where both machines give results these must agree: exactly, or within what rounding can do to
// this graph. That is measured, not guessed: when a plain tolerance is passed, the reference runs
// again with noise of a rounding's size on each computed float, and the spread of its results is
// the measure. Tests: tests/engine/generated_test.cc.
#pragma once

#include <string>
#include <vector>

#include "tests/engine/generated_graphs.h"

namespace assize::engine {

struct Outcome {
  std::string finding;  // empty: all is well
  bool imported = false, verified = false, compiled = false, engine_ran = false,
       reference_ran = false;
  int compared = 0;  // results that both gave
  int measured = 0;  // of these: results that needed the measure
};

Outcome Drive(const Generated& generated);

}  // namespace assize::engine
