// Adapters of convert-opset: how a node of one op moves to the next version of that op.
//
// An adapter runs on a node as it stands one version below and rewrites it for `version`. Changes
// of an op that need none (more element types, new attributes whose default is the old meaning) are
// listed as compatible, one by one, in op_changes.cc. Tests: tests/passes/convert_opset_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/infer.h"
#include "lib/ir/editor.h"
#include "lib/support/status.h"

namespace assize::passes::convert {

// Where an adapter works.
struct Site {
  ir::Editor& edit;
  ir::NodeRef node;
  int64_t version;                   // that the node is moved to; it is of version - 1 now
  const analysis::TypeTable* types;  // of this graph; null when inference did not get here
  bool in_function;                  // function bodies hold no initializers: constants become nodes
};

// FailedPrecondition with a reason when this node cannot be moved.
using Adapter = Status (*)(Site& site);

struct OpChange {
  std::string_view op;
  int64_t version;
  Adapter adapter;
};
std::span<const OpChange> TensorAdapters();  // adapters_tensor.cc
std::span<const OpChange> LayerAdapters();   // adapters_layer.cc

// What the step of `op` to `version` needs.
struct ChangeRule {
  bool known = false;         // the change was looked at
  Adapter adapter = nullptr;  // null: compatible
};
ChangeRule RuleFor(std::string_view op, int64_t version);

// Helpers of the adapters.
// A constant in the site's graph, named after the node's first output and `role`.
ir::ValueRef MakeConstant(Site& site, std::string_view role, const ir::Tensor& tensor);
// Sets input `index`, with omitted ones before it where there are too few.
void SetInputAt(Site& site, size_t index, ir::ValueRef value);
std::optional<int64_t> RankOf(const Site& site, ir::ValueRef value);
std::optional<ir::DType> DTypeOfValue(const Site& site, ir::ValueRef value);
// A scalar of `like`'s element type, which must be a floating one.
StatusOr<ir::Tensor> ScalarLike(const Site& site, ir::ValueRef like, double number);
Status Refuse(const Site& site, const std::string& reason);

}  // namespace assize::passes::convert
