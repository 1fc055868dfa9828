// What changed between two models: nodes and initializers by name, counted and listed.
// Tests: tests/ir/diff_test.cc.
#pragma once

#include <string>
#include <vector>

#include "lib/ir/model.h"

namespace assize::ir {

struct ModelDiff {
  struct Change {
    std::string what;  // "node", "initializer", "input", "output", "opset", "metadata", "header",
                       // "function", "other"
    std::string name;
    std::string before;  // empty: added
    std::string after;   // empty: removed
  };
  std::vector<Change> changes;  // in a fixed order
  bool empty() const { return changes.empty(); }
};

// Nodes are matched by their first output's name.
ModelDiff Diff(const Model& before, const Model& after);

}  // namespace assize::ir
