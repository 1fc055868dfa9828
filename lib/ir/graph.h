// Graph, Node, Value: SSA in ONNX's terms, with checked handles and use-lists.
//
// A NodeRef or ValueRef names a slot and its generation: using one after its node was removed
// traps. A graph is const to everybody; only Editor (lib/ir/editor.h) changes one and keeps the
// use-lists. Values that a subgraph takes from an outer graph appear in the subgraph as captures,
// and as capture uses in the outer graph. Tests: tests/ir/graph_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/ir/attribute.h"
#include "lib/ir/tensor.h"
#include "lib/ir/type.h"

namespace assize::ir {

struct NodeRef {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend bool operator==(const NodeRef&, const NodeRef&) = default;
  friend auto operator<=>(const NodeRef&, const NodeRef&) = default;
};

// A null ValueRef among a node's inputs or outputs is an omitted optional one (empty name in ONNX).
struct ValueRef {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend bool operator==(const ValueRef&, const ValueRef&) = default;
  friend auto operator<=>(const ValueRef&, const ValueRef&) = default;
};

// One use of a value: input `index` of `node`, or (capture) by a subgraph somewhere inside `node`.
struct Use {
  NodeRef node;
  uint32_t index = 0;
  bool capture = false;
  friend bool operator==(const Use&, const Use&) = default;
};

struct Value {
  std::string name;
  Type type;  // kUnset when the file says nothing
  std::string doc;
  StringPairs metadata;
  std::string unknown_fields;
  bool has_value_info = false;  // the file lists a value_info for it (kept on export)

  bool is_input = false;                   // graph input (may be an initializer as well)
  bool is_capture = false;                 // taken from an outer graph, by name
  NodeRef producer;                        // null for inputs, initializers, captures
  uint32_t output_index = 0;               // which output of the producer
  std::optional<NamedTensor> initializer;  // dense initializer
  std::optional<SparseTensor> sparse_initializer;
  std::vector<Use> uses;      // in no promised order; one entry per use
  int graph_output_uses = 0;  // how many times it is a graph output

  bool is_initializer() const { return initializer.has_value() || sparse_initializer.has_value(); }
  // A dense constant that no caller can replace: an initializer that is not an input too.
  bool is_constant() const { return initializer.has_value() && !is_input; }
  bool used() const { return !uses.empty() || graph_output_uses > 0; }
};

// The domain of ONNX's own ops goes by two names.
inline bool IsMainDomain(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

struct Node {
  std::string name;
  std::string op_type;
  std::string domain;  // "" is ai.onnx
  std::string overload;
  std::vector<ValueRef> inputs;
  std::vector<ValueRef> outputs;
  std::vector<Attribute> attributes;  // in file order
  std::string doc;
  StringPairs metadata;
  std::string unknown_fields;      // includes device configurations, kept as wire bytes
  std::vector<ValueRef> captures;  // outer values its subgraphs use, deduplicated, first use first

  const Attribute* FindAttribute(std::string_view attribute_name) const;
  bool has_subgraphs() const;
  bool Is(std::string_view op, std::string_view op_domain = "") const {
    return op_type == op && domain == op_domain;
  }
};

// visit(graph) for each graph that the node holds in its attributes, in order.
template <typename Visit>
void ForEachSubgraph(const Node& node, const Visit& visit) {
  for (const Attribute& attribute : node.attributes) {
    if (const auto* box = std::get_if<GraphBox>(&attribute.value)) visit(**box);
    if (const auto* boxes = std::get_if<std::vector<GraphBox>>(&attribute.value)) {
      for (const GraphBox& box : *boxes) visit(*box);
    }
  }
}

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = default;  // deep in structure, tensors shared
  Graph(Graph&&) noexcept = default;
  Graph& operator=(const Graph&) = default;
  Graph& operator=(Graph&&) noexcept = default;

  const std::string& name() const { return name_; }
  const std::string& doc() const { return doc_; }
  const StringPairs& metadata() const { return metadata_; }
  const std::string& unknown_fields() const {
    return unknown_fields_;
  }  // with quantization annotations

  // Handles in execution order (a topological order when the graph verifies). O(nodes).
  std::vector<NodeRef> nodes() const;
  size_t node_count() const { return live_nodes_; }
  // First and following node in execution order; null at the end. Safe while later nodes are
  // edited.
  NodeRef first_node() const { return head_; }
  NodeRef next_node(NodeRef node) const;
  NodeRef previous_node(NodeRef node) const;

  const Node& node(NodeRef ref) const;     // traps on a stale or null handle
  const Value& value(ValueRef ref) const;  // same
  bool valid(NodeRef ref) const;
  bool valid(ValueRef ref) const;

  const std::vector<ValueRef>& inputs() const {
    return inputs_;
  }  // includes initializers listed as inputs
  const std::vector<ValueRef>& outputs() const { return outputs_; }
  const std::vector<ValueRef>& initializers() const {
    return initializers_;
  }                                                       // dense and sparse, file order
  std::vector<ValueRef> values() const;                   // all live, by slot
  ValueRef FindValue(std::string_view value_name) const;  // null when absent

  // Convenience.
  const Tensor* ConstantOf(
      ValueRef ref) const;  // initializer's tensor when is_constant(), else null; null ref ok
  size_t use_count(ValueRef ref) const;  // node uses + graph output uses

 private:
  friend class Editor;
  struct NodeSlot {
    Node node;
    uint32_t generation = 0;
    bool live = false;
    NodeRef previous, next;
  };
  struct ValueSlot {
    Value value;
    uint32_t generation = 0;
    bool live = false;
  };
  std::string name_, doc_, unknown_fields_;
  StringPairs metadata_;
  std::vector<NodeSlot> nodes_;
  std::vector<ValueSlot> values_;
  std::vector<uint32_t> free_nodes_, free_values_;
  std::unordered_map<std::string, ValueRef> by_name_;
  std::vector<ValueRef> inputs_, outputs_, initializers_;
  NodeRef head_, tail_;
  size_t live_nodes_ = 0;
};

}  // namespace assize::ir
