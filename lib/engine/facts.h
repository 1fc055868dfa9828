// What is known of a graph's values for one set of input shapes: element type, dims, and the
// elements of those that only shapes decide (Shape, arithmetic on it). The engine plans on these
// facts.
//
// A node whose result cannot be foreseen (data decides its shape, or its inputs contradict each
// other) is not an error here: Infer says false, and the node runs through the reference, which
// knows the right words. Tests: tests/engine/ops_test.cc, tests/engine/node_cases_test.cc.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "lib/analysis/ops.h"
#include "lib/engine/constants.h"
#include "lib/ir/model.h"

namespace assize::engine {

struct ValueFact {
  ir::DType dtype = ir::DType::kUndefined;
  ir::Shape dims;
  // The elements follow from constants and shapes alone: Facts::Known can give them.
  bool evaluable = false;
};

class Facts {
 public:
  Facts(const Constants& constants, int64_t max_bytes);

  void Set(ir::ValueRef value, ir::DType dtype, ir::Shape dims);  // what is fed
  const ValueFact* Find(ir::ValueRef value);                      // null: unknown
  bool IsEvaluable(ir::ValueRef value);
  // Elements of an evaluable value; null when the value is fed, unknown, or cannot be evaluated.
  const ir::Tensor* Known(ir::ValueRef value);
  std::optional<std::vector<int64_t>> KnownInts(ir::ValueRef value);
  // The same of an attribute or input; empty when neither is given.
  std::optional<std::vector<int64_t>> KnownInts(const analysis::IntsArgument& argument);
  // Begins of all `rank` dims, then their ends.
  std::optional<std::vector<int64_t>> KnownPads(const analysis::PadOp& pad, size_t rank);

  // Adds the facts of the node's outputs; false when they cannot be foreseen.
  bool Infer(ir::NodeRef node);

  const Constants& constants() const { return constants_; }
  const ir::Graph& graph() const { return constants_.graph(); }
  int64_t opset() const { return opset_; }

 private:
  bool InferShape(ir::NodeRef ref, const ir::Node& node, std::vector<ValueFact>& out);
  bool InferMore(ir::NodeRef ref, const ir::Node& node, std::vector<ValueFact>& out);
  // Dims of what GatherElements and its kin give; nullopt: another op, or arguments that do not fit
  // together.
  std::optional<ir::Shape> IndexedDims(ir::NodeRef ref, const ir::Node& node);

  const Constants& constants_;
  const int64_t max_bytes_;
  const int64_t opset_;
  std::map<uint32_t, ValueFact> facts_;
  std::map<uint32_t, ir::Tensor> known_;
};

// Ops whose one result has the first input's type and dims, whatever they compute.
// Counted from the front; nullopt when there is no such axis.
std::optional<int64_t> NormalAxis(int64_t axis, int64_t rank);
bool IsUnarySameShape(const ir::Node& node);
// Ops on two operands with broadcasting that keep the element type.
bool IsBinaryArithmetic(const ir::Node& node);
// Add, or Sum of two.
bool IsAdd(const ir::Node& node);
// Ops of com.microsoft whose results that anybody reads have the first input's type and dims.
bool IsContribSameShape(const ir::Node& node);
// Domain "" and its alias.
bool IsOnnx(const ir::Node& node);
std::optional<ir::Shape> Broadcast(const ir::Shape& a, const ir::Shape& b);

}  // namespace assize::engine
