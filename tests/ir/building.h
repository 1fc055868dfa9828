// Small graphs for the IR's tests, and a check that recomputes everything an Editor must keep.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/ir/editor.h"
#include "lib/ir/model.h"

namespace assize::ir {

// Names stand for values; unknown ones are captured from outside, "" is an omitted one.
class GraphMaker {
 public:
  explicit GraphMaker(Graph& graph) : edit(graph) {}
  ValueRef Get(const std::string& name) {
    if (name.empty()) return {};
    const ValueRef found = edit.graph().FindValue(name);
    return found ? found : edit.AddCapture(name);
  }
  GraphMaker& Input(const std::string& name,
                    Type type = Type::TensorOf(DType::kFloat, std::vector<int64_t>{2})) {
    edit.AddInput(name, std::move(type));
    return *this;
  }
  GraphMaker& Init(const std::string& name, const std::vector<float>& values = {1, 2}) {
    edit.AddInitializer(name, Tensor::Of<float>({static_cast<int64_t>(values.size())}, values));
    return *this;
  }
  NodeRef Node(const std::string& op, const std::vector<std::string>& inputs,
               const std::vector<std::string>& outputs, std::vector<Attribute> attributes = {},
               NodeRef before = {}) {
    NodeSpec spec;
    spec.op_type = op;
    for (const std::string& input : inputs) spec.inputs.push_back(Get(input));
    spec.outputs = outputs;
    spec.attributes = std::move(attributes);
    return edit.AddNode(std::move(spec), before);
  }
  GraphMaker& Output(const std::string& name) {
    edit.AddOutput(Get(name));
    return *this;
  }
  Editor edit;
};

inline Attribute GraphAttribute(const std::string& name, Graph graph) {
  Attribute attribute;
  attribute.name = name;
  attribute.value = GraphBox(std::move(graph));
  return attribute;
}

// A subgraph that adds two outer values: out = Add(a, b).
inline Graph AddOf(const std::string& a, const std::string& b,
                   const std::string& out = "inner_sum") {
  Graph graph;
  GraphMaker make(graph);
  make.Node("Add", {a, b}, {out});
  make.Output(out);
  return graph;
}

inline std::vector<const Graph*> SubgraphsOf(const Node& node) {
  std::vector<const Graph*> graphs;
  for (const Attribute& attribute : node.attributes) {
    if (const auto* box = std::get_if<GraphBox>(&attribute.value)) graphs.push_back(&**box);
    if (const auto* boxes = std::get_if<std::vector<GraphBox>>(&attribute.value)) {
      for (const GraphBox& each : *boxes) graphs.push_back(&*each);
    }
  }
  return graphs;
}

// Names in the order of a list of values.
inline std::vector<std::string> Names(const Graph& graph, const std::vector<ValueRef>& refs) {
  std::vector<std::string> names;
  for (const ValueRef ref : refs) names.push_back(ref ? graph.value(ref).name : "");
  return names;
}

inline std::vector<std::string> OpTypes(const Graph& graph) {
  std::vector<std::string> ops;
  for (const NodeRef ref : graph.nodes()) ops.push_back(graph.node(ref).op_type);
  return ops;
}

// Uses, producers, names, order links and captures, all computed anew from nodes and outputs.
inline void ExpectConsistent(const Graph& graph, const std::string& where = "graph") {
  SCOPED_TRACE(where);
  using Row =
      std::tuple<uint32_t, uint32_t, uint32_t, bool>;  // node slot, generation, index, capture
  std::map<ValueRef, std::multiset<Row>> uses;
  std::map<ValueRef, int> output_uses;
  std::map<ValueRef, std::pair<NodeRef, uint32_t>> producers;
  const std::vector<NodeRef> nodes = graph.nodes();
  EXPECT_EQ(nodes.size(), graph.node_count());
  NodeRef previous;
  for (const NodeRef ref : nodes) {
    ASSERT_TRUE(graph.valid(ref));
    EXPECT_EQ(graph.previous_node(ref), previous);
    if (previous) {
      EXPECT_EQ(graph.next_node(previous), ref);
    }
    previous = ref;
    const Node& node = graph.node(ref);
    for (uint32_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i]) uses[node.inputs[i]].insert({ref.index, ref.generation, i, false});
    }
    for (uint32_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i]) producers[node.outputs[i]] = {ref, i};
    }
    std::set<std::string> taken;
    for (const Graph* inner : SubgraphsOf(node)) {
      ExpectConsistent(*inner, where + "/" + node.op_type);
      for (const ValueRef value : inner->values()) {
        if (inner->value(value).is_capture && inner->value(value).used())
          taken.insert(inner->value(value).name);
      }
    }
    std::set<std::string> recorded;
    for (uint32_t i = 0; i < node.captures.size(); ++i) {
      uses[node.captures[i]].insert({ref.index, ref.generation, i, true});
      EXPECT_TRUE(recorded.insert(graph.value(node.captures[i]).name).second) << "captured twice";
    }
    EXPECT_EQ(recorded, taken) << "captures of " << node.op_type;
  }
  if (previous) {
    EXPECT_FALSE(static_cast<bool>(graph.next_node(previous)));
  }
  for (const ValueRef ref : graph.outputs()) ++output_uses[ref];
  std::set<std::string> names;
  for (const ValueRef ref : graph.values()) {
    const Value& value = graph.value(ref);
    EXPECT_TRUE(names.insert(value.name).second) << value.name << " twice";
    EXPECT_EQ(graph.FindValue(value.name), ref) << value.name;
    std::multiset<Row> said;
    for (const Use& use : value.uses)
      said.insert({use.node.index, use.node.generation, use.index, use.capture});
    EXPECT_EQ(said, uses[ref]) << "uses of " << value.name;
    EXPECT_EQ(value.graph_output_uses, output_uses[ref]) << value.name;
    const auto producer = producers.find(ref);
    if (producer == producers.end()) {
      EXPECT_FALSE(static_cast<bool>(value.producer)) << value.name;
    } else {
      EXPECT_EQ(value.producer, producer->second.first) << value.name;
      EXPECT_EQ(value.output_index, producer->second.second) << value.name;
    }
    EXPECT_EQ(value.is_input, std::count(graph.inputs().begin(), graph.inputs().end(), ref) == 1)
        << value.name;
    EXPECT_EQ(value.is_initializer(),
              std::count(graph.initializers().begin(), graph.initializers().end(), ref) == 1)
        << value.name;
    if (value.initializer) {
      EXPECT_EQ(value.initializer->name, value.name);
    }
  }
  for (const auto& [ref, rows] : uses) EXPECT_TRUE(graph.valid(ref));
}

}  // namespace assize::ir
