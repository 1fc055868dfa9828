// What the files of the typed op views share.
#pragma once

#include <initializer_list>
#include <string_view>

#include "lib/ir/graph.h"
#include "lib/support/status.h"

namespace assize::analysis::ops_internal {

struct Inputs {
  size_t required;  // leading inputs that must be present
  size_t most;
};

// The node is one of `ops` of ai.onnx, has its required inputs, not too many of them, and a first output.
Status Open(const ir::Graph& graph, ir::NodeRef node, std::initializer_list<std::string_view> ops, Inputs inputs);

}  // namespace assize::analysis::ops_internal
