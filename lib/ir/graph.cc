// Reading access to graphs; handles are checked here. Tests: tests/ir/graph_test.cc.
#include "lib/ir/graph.h"

namespace assize::ir {

const Attribute* Node::FindAttribute(std::string_view attribute_name) const {
  for (const Attribute& attribute : attributes) {
    if (attribute.name == attribute_name) return &attribute;
  }
  return nullptr;
}

bool Node::has_subgraphs() const {
  for (const Attribute& attribute : attributes) {
    if (std::holds_alternative<GraphBox>(attribute.value) ||
        std::holds_alternative<std::vector<GraphBox>>(attribute.value)) {
      return true;
    }
  }
  return false;
}

bool Graph::valid(NodeRef ref) const {
  return ref.index < nodes_.size() && nodes_[ref.index].live &&
         nodes_[ref.index].generation == ref.generation;
}

bool Graph::valid(ValueRef ref) const {
  return ref.index < values_.size() && values_[ref.index].live &&
         values_[ref.index].generation == ref.generation;
}

const Node& Graph::node(NodeRef ref) const {
  AZ_CHECK(valid(ref), "stale node handle {}.{}", ref.index, ref.generation);
  return nodes_[ref.index].node;
}

const Value& Graph::value(ValueRef ref) const {
  AZ_CHECK(valid(ref), "stale value handle {}.{}", ref.index, ref.generation);
  return values_[ref.index].value;
}

NodeRef Graph::next_node(NodeRef ref) const {
  AZ_CHECK(valid(ref), "stale node handle {}.{}", ref.index, ref.generation);
  return nodes_[ref.index].next;
}

NodeRef Graph::previous_node(NodeRef ref) const {
  AZ_CHECK(valid(ref), "stale node handle {}.{}", ref.index, ref.generation);
  return nodes_[ref.index].previous;
}

std::vector<NodeRef> Graph::nodes() const {
  std::vector<NodeRef> order;
  order.reserve(live_nodes_);
  for (NodeRef at = head_; at; at = nodes_[at.index].next) order.push_back(at);
  return order;
}

std::vector<ValueRef> Graph::values() const {
  std::vector<ValueRef> all;
  for (uint32_t i = 0; i < values_.size(); ++i) {
    if (values_[i].live) all.push_back({i, values_[i].generation});
  }
  return all;
}

ValueRef Graph::FindValue(std::string_view value_name) const {
  const auto found = by_name_.find(std::string(value_name));
  return found == by_name_.end() ? ValueRef{} : found->second;
}

const Tensor* Graph::ConstantOf(ValueRef ref) const {
  if (!ref) return nullptr;
  const Value& v = value(ref);
  return v.is_constant() ? &v.initializer->tensor : nullptr;
}

size_t Graph::use_count(ValueRef ref) const {
  const Value& v = value(ref);
  return v.uses.size() + static_cast<size_t>(v.graph_output_uses);
}

}  // namespace assize::ir
