// Subgraphs that mean one thing: GELU, layer normalization and attention as exporters write them
// out.
//
// They are found by what the nodes compute and who reads the values between, never by names. A
// match covers nodes whose results nobody else sees; what only moves elements in front of an
// attention (Reshape, Transpose) is seen through, not covered: if nobody else reads it, nothing
// runs it. Tests: tests/engine/transformer_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lib/engine/facts.h"
#include "lib/ir/model.h"

namespace assize::engine {

// Who reads a value when a plan runs.
class Readers {
 public:
  // `keep`: values that somebody outside `order` reads.
  Readers(const ir::Graph& graph, const std::vector<ir::NodeRef>& order,
          const std::set<uint32_t>& keep);
  // The one node of the plan that reads `value` (as input, once or more); none when there are
  // several, when a subgraph captures it, or when somebody outside reads it.
  std::optional<ir::NodeRef> Only(ir::ValueRef value) const;
  // All nodes of the plan that read it; nullopt when a subgraph or somebody outside does too.
  std::optional<std::vector<ir::NodeRef>> All(ir::ValueRef value) const;
  // Nodes of the plan that read it, whoever else does.
  std::vector<ir::NodeRef> Inside(ir::ValueRef value) const;
  size_t Position(ir::NodeRef node) const { return position_.at(node.index); }
  bool Runs(ir::NodeRef node) const { return position_.contains(node.index); }

 private:
  const ir::Graph& graph_;
  const std::set<uint32_t>& keep_;
  std::map<uint32_t, size_t> position_;
};

struct GeluMatch {
  ir::ValueRef x, y;
  bool tanh = false;               // the approximation by tanh
  std::vector<ir::NodeRef> nodes;  // in order
};

struct LayerNormMatch {
  ir::ValueRef x, y;
  ir::ValueRef gain, shift;  // constants [width], or null
  int64_t width = 0;         // elements that are normalized together: the last dims
  float epsilon = 0;
  bool plain_rms = false;  // the mean stays: RMSNormalization
  std::vector<ir::NodeRef> nodes;
};

// A value seen through the moves that made it: elements of `base` at strides.
struct StridedView {
  ir::ValueRef base;  // lies plain
  ir::Shape dims;
  std::vector<int64_t> strides;  // in elements, 0 where it repeats
  double factor = 1;             // and multiplied by this
};

// softmax(q k^T * scale + mask) v over [batch, heads, rows, depth]; arrays of rank 3 have heads
// alone.
struct AttentionMatch {
  StridedView q, k, v;  // k as [.., keys, depth]
  ir::ValueRef mask;    // added to the scaled scores; null: none
  double scale = 1;
  ir::ValueRef y;
  ir::Shape result;                     // [.., queries, value depth]
  std::vector<int64_t> result_strides;  // where the result's elements lie in y
  std::vector<ir::NodeRef> nodes;
};

class Patterns {
 public:
  Patterns(Facts& facts, const Readers& readers) : facts_(facts), readers_(readers) {}
  // `node` is the Erf or Tanh.
  std::optional<GeluMatch> Gelu(ir::NodeRef node);
  // `node` is the first ReduceMean.
  std::optional<LayerNormMatch> LayerNorm(ir::NodeRef node);
  // The op itself.
  std::optional<LayerNormMatch> LayerNormNode(ir::NodeRef node);
  // `node` is the Softmax.
  std::optional<AttentionMatch> Attention(ir::NodeRef node);

 private:
  const ir::Node& node(ir::NodeRef ref) const { return facts_.graph().node(ref); }
  bool Is(ir::NodeRef ref, std::string_view op) const;
  std::optional<double> Scalar(ir::ValueRef value);
  // The node that made `value`, when it runs in this plan and is of type `op`.
  std::optional<ir::NodeRef> MadeBy(ir::ValueRef value, std::string_view op) const;
  // x when `ref` is x * c or x / c of x's shape; `factor` is multiplied by it.
  std::optional<ir::ValueRef> Scaled(ir::NodeRef ref, double& factor);
  bool IsMeanOverLast(ir::NodeRef ref, ir::ValueRef x);
  StridedView See(ir::ValueRef value, bool through_factors);
  std::optional<ir::ValueRef> RowConstant(ir::NodeRef ref, ir::ValueRef x, int64_t width);

  Facts& facts_;
  const Readers& readers_;
};

}  // namespace assize::engine
