// What a node computes, as a key: two nodes of one graph with equal keys compute the same.
// Tests: tests/analysis/ops_test.cc.
#pragma once

#include <optional>
#include <string>

#include "lib/ir/graph.h"

namespace assize::analysis {

// Op, version overload, inputs, attributes, and which outputs are in use by name. Constant inputs
// count by content, so equal constants under two names are one. Nullopt for nodes that have no such
// key: those that hold subgraphs, references to a function's attributes or sparse tensors, draw
// random numbers, or may have effects.
std::optional<std::string> NodeKey(const ir::Graph& graph, ir::NodeRef node);

}  // namespace assize::analysis
