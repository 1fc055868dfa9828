// `inspect` and `diff`. Tests: tests/flow/inspect_test.cc.
#pragma once

#include <string>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::flow {

struct Inspection {
  std::string text;
  Json json;
};
// A model file: interface, opsets, ops with counts, sizes, MACs, ops we cannot run, verifier's
// warnings. `full`: the whole graph as text too.
StatusOr<Inspection> InspectModel(const std::string& path, bool full);

struct Differences {
  bool equal = false;
  std::string text;
  Json json;
};
// Two model files, or two releases of one recipe (folders): what must not differ.
StatusOr<Differences> DiffPaths(const std::string& left, const std::string& right);

}  // namespace assize::flow
