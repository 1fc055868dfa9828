// What the files of the typed op views share. Tests: tests/analysis/ops_test.cc.
#pragma once

#include <initializer_list>
#include <string_view>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/ir/graph.h"
#include "lib/support/status.h"

namespace assize::analysis::ops_internal {

struct Inputs {
  size_t required;  // leading inputs that must be present
  size_t most;
};

// The node is one of `ops` of ai.onnx, has its required inputs, not too many of them, and a first
// output.
Status Open(const ir::Graph& graph, ir::NodeRef node, std::initializer_list<std::string_view> ops,
            Inputs inputs);

// kernel_shape, strides, dilations, pads and auto_pad; group. What is wrong is the reader's error.
Window ReadWindow(AttributeReader& read);
int64_t ReadGroup(AttributeReader& read);

}  // namespace assize::analysis::ops_internal
