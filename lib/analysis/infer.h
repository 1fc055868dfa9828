// Type and shape inference over a model, version-aware; unknown ops leave their outputs unset.
//
// Results are kept beside the graph (a side table), so inference never changes a model. Partial
// data propagation (Shape, Gather, Concat, Constant ...) resolves shapes of Reshape, Pad, Slice,
// Resize where constants allow. Tests: tests/analysis/infer_test.cc (oracle: onnx.shape_inference).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::analysis {

// Types of the values of one graph, by handle (a value made later has none); declared types are
// refined, never widened.
class TypeTable {
 public:
  const ir::Type& type(ir::ValueRef value) const;
  // All dims as numbers, or nullopt.
  std::optional<ir::Shape> shape(ir::ValueRef value) const { return type(value).static_shape(); }
  std::optional<int64_t> rank(ir::ValueRef value) const;
  // The value's elements when inference knows them (constants and shape arithmetic), else null.
  const ir::Tensor* known(ir::ValueRef value) const;
  // The table of a subgraph that a node of this graph holds, by the graph's address in the model
  // that was given. Null when inference did not get there.
  const TypeTable* inner(const ir::Graph& subgraph) const;

 private:
  friend class Inferencer;
  using Key = uint64_t;
  static Key KeyOf(ir::ValueRef value) { return (uint64_t{value.index} << 32) | value.generation; }
  std::unordered_map<Key, ir::Type> types_;
  std::unordered_map<Key, ir::Tensor> known_;
  std::map<const ir::Graph*, std::shared_ptr<const TypeTable>> inner_;
};

struct InferOptions {
  // Use declared value_info of intermediate values only as a hint when they contradict what is
  // inferred (files carry stale shapes).
  bool trust_declared = false;
  // Take nothing from the declared types of intermediate values and outputs. Passes that rewrite by
  // shape set it: only inputs and constants bind them.
  bool ignore_declared = false;
  // Fixed value for symbolic dims by name, e.g. {"N", 1}; used by the cost model.
  std::vector<std::pair<std::string, int64_t>> bind = {};
  // Fixed value for the first dim of graph inputs where it is symbolic or unknown: the batch.
  std::optional<int64_t> bind_batch = {};
};

// Types of the main graph's values. Errors name the node, the dims found and expected. A mismatch
// between a declared and an inferred intermediate type is no error here (the verifier warns).
StatusOr<TypeTable> InferTypes(const ir::Model& model, const InferOptions& options = {});

// What inference found wrong, in execution order.
struct InferProblem {
  enum class Kind {
    kMismatch,
    kStaleDeclaration
  };  // a node's operands disagree; a declared type is not what comes out
  Kind kind = Kind::kMismatch;
  std::string place;  // node or value
  std::string message;
};

// Never fails: a node whose operands disagree leaves its outputs unset and a problem in `problems`
// (may be null).
TypeTable InferTypesLeniently(const ir::Model& model, const InferOptions& options,
                              std::vector<InferProblem>* problems);
// The same for the body of a local function, whose inputs have no types.
TypeTable InferFunctionTypes(const ir::Model& model, const ir::Function& function);

}  // namespace assize::analysis
