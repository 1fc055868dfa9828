// Small rewrites that several passes share, over the editor. Tests: tests/pass/rewrite_test.cc.
#pragma once

#include "lib/ir/editor.h"
#include "lib/ir/graph.h"

namespace assize::pass {

// `to` may take the place of `from` everywhere without changing the graph's interface: `from` is no
// graph output, or `to` can take over its name.
bool CanReplace(const ir::Graph& graph, ir::ValueRef from, ir::ValueRef to);
// Does it. A graph output keeps its name, declared type and documentation. Dies unless CanReplace.
void ReplaceValue(ir::Editor& edit, ir::ValueRef from, ir::ValueRef to);

// Removes the node, whose results must be unused, and those of its constants that nothing else
// uses.
void RemoveNodeAndConstants(ir::Editor& edit, ir::NodeRef node);

// The one result of `node`, which is no graph output, becomes a constant of the same name; the node
// goes.
void ReplaceByConstant(ir::Editor& edit, ir::NodeRef node, ir::Tensor tensor);

// An input of a node becomes a new constant; the old one goes when nothing else uses it. `base`
// names the new one.
void SetConstantInput(ir::Editor& edit, ir::NodeRef node, size_t index, const std::string& base,
                      ir::Tensor tensor);

}  // namespace assize::pass
