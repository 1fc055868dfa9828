// The ops whose deviation from the reference is measured, each as a maker of small seeded graphs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/engine/testing.h"

namespace assize::engine {

// Builds one graph and its feeds; called with a new generator for each case.
using MakeCase = std::function<void(Builder&, Philox&, Feeds&)>;

struct ExactnessOp {
  std::string name;
  enum class Kind {
    kInteger,  // integer arithmetic: bit-equal
    kSteps,    // 8-bit results of quantized ops: within one step
    kFloat,    // within `bound` of the largest magnitude
  } kind = Kind::kFloat;
  double bound = 0;
  MakeCase make;
};

std::vector<ExactnessOp> ExactnessOps();

}  // namespace assize::engine
