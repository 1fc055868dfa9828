// Attributes and the graphs they own. Tests: tests/ir/attribute_test.cc.
#include "lib/ir/attribute.h"

#include "lib/ir/graph.h"

namespace assize::ir {

GraphBox::GraphBox(Graph graph) : graph_(std::make_unique<Graph>(std::move(graph))) {}
GraphBox::GraphBox(const GraphBox& other) : graph_(std::make_unique<Graph>(*other.graph_)) {}
GraphBox::GraphBox(GraphBox&&) noexcept = default;
GraphBox& GraphBox::operator=(const GraphBox& other) {
  if (this != &other) graph_ = std::make_unique<Graph>(*other.graph_);
  return *this;
}
GraphBox& GraphBox::operator=(GraphBox&&) noexcept = default;
GraphBox::~GraphBox() = default;

int32_t Attribute::number() const {
  // FLOAT 1, INT 2, STRING 3, TENSOR 4, GRAPH 5, FLOATS 6, INTS 7, STRINGS 8, TENSORS 9, GRAPHS 10,
  // SPARSE_TENSOR 11, SPARSE_TENSORS 12, TYPE_PROTO 13, TYPE_PROTOS 14: the variant's order.
  return std::holds_alternative<std::monostate>(value) ? ref_type
                                                       : static_cast<int32_t>(value.index());
}

}  // namespace assize::ir
