// Scale and shift per output channel, folded into a convolution's weights: what the passes that end
// a convolution share.
//
//   k (W x + b) + d = (k W) x + (k b + d)
//
// Tests: tests/passes/fuse_conv_bn_test.cc, tests/passes/fuse_conv_affine_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/analysis/ops.h"
#include "lib/ir/editor.h"
#include "lib/ir/graph.h"
#include "lib/pass/rewrite.h"

namespace assize::passes::fuse {

// A Conv with constant weights whose result one node reads.
struct FoldableConv {
  ir::NodeRef node;
  ir::ValueRef result;
  std::string weight_name, bias_name;  // of what replaces them
  ir::Tensor weight;                   // [O, I / groups, *K]
  std::optional<ir::Tensor> bias;      // [O]
};

// The Conv that makes `value`, when it can take what follows; otherwise `reason` says why not.
std::optional<FoldableConv> FoldableConvOf(const ir::Graph& graph, ir::ValueRef value,
                                           int64_t opset, std::string& reason);

// `conv` with scale k and shift d per output channel: computed in double, one rounding per weight
// to the weights' type. False when a weight would not be finite.
bool FoldAffine(FoldableConv& conv, const std::vector<double>& k, const std::vector<double>& d);

// Gives the node its folded weights.
void SetFolded(ir::Editor& edit, const FoldableConv& conv);

}  // namespace assize::passes::fuse
