// Type and shape inference over a model, version-aware; unknown ops leave their outputs unset.
//
// Results are kept beside the graph (a side table), so inference never changes a model. Partial data propagation
// (Shape, Gather, Concat, Constant ...) resolves shapes of Reshape, Pad, Slice, Resize where constants allow.
// Tests: tests/analysis/infer_test.cc (oracle: onnx.shape_inference).
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::analysis {

// Types of the values of one graph, by slot index; declared types are refined, never widened.
class TypeTable {
 public:
  const ir::Type& type(ir::ValueRef value) const;
  // All dims as numbers, or nullopt.
  std::optional<ir::Shape> shape(ir::ValueRef value) const { return type(value).static_shape(); }
  std::optional<int64_t> rank(ir::ValueRef value) const;
  // The value's elements when inference knows them (constants and shape arithmetic), else null.
  const ir::Tensor* known(ir::ValueRef value) const;

 private:
  friend class Inferencer;
  std::unordered_map<uint32_t, ir::Type> types_;
  std::unordered_map<uint32_t, ir::Tensor> known_;
};

struct InferOptions {
  // Use declared value_info of intermediate values only as a hint when they contradict what is inferred
  // (files carry stale shapes).
  bool trust_declared = false;
  // Fixed value for symbolic dims by name, e.g. {"N", 1}; used by the cost model.
  std::vector<std::pair<std::string, int64_t>> bind;
};

// Types of the main graph's values. Errors name the node, the dims found and expected. A mismatch between a
// declared and an inferred intermediate type is no error here (the verifier warns).
StatusOr<TypeTable> InferTypes(const ir::Model& model, const InferOptions& options = {});

}  // namespace assize::analysis
