// Text form of a model for people (`--print-after`, reproducers, diffs): one line a node.
// Tests: tests/ir/text_test.cc.
#pragma once

#include <string>

#include "lib/ir/model.h"

namespace assize::ir {

struct TextOptions {
  int64_t max_elements = 8;  // of a constant that are printed
};

std::string Print(const Model& model, const TextOptions& options = {});
std::string Print(const Graph& graph, const TextOptions& options = {});
// `y = Conv(x, W, b) {group=1, ...}`
std::string PrintNode(const Graph& graph, NodeRef node);
// How messages name a node: `Conv "c3"`, or `Conv -> "y"` when it has no name.
std::string NodeLabel(const Graph& graph, NodeRef node);

}  // namespace assize::ir
