// Changes to graphs. Every public function leaves use-lists, names and captures consistent.
// Tests: tests/ir/editor_test.cc.
#include "lib/ir/editor.h"

#include <algorithm>
#include <queue>
#include <unordered_set>

namespace assize::ir {
namespace {

// Calls visit(graph) for every graph that the node's attributes own.
template <typename NodeType, typename Visit>
void ForEachBox(NodeType& node, const Visit& visit) {
  for (auto& attribute : node.attributes) {
    if (auto* box = std::get_if<GraphBox>(&attribute.value)) {
      visit(*box);
    } else if (auto* boxes = std::get_if<std::vector<GraphBox>>(&attribute.value)) {
      for (auto& each : *boxes) visit(each);
    }
  }
}

// Names a graph takes from outside: its capture values, which include those of its own subgraphs.
void CollectCaptureNames(const Graph& graph, std::vector<std::string>& names) {
  for (const ValueRef ref : graph.values()) {
    const Value& value = graph.value(ref);
    if (value.is_capture && value.used()) names.push_back(value.name);
  }
}

bool HasName(const Graph& graph, const std::string& name) {
  if (graph.FindValue(name)) return true;
  for (NodeRef at = graph.first_node(); at; at = graph.next_node(at)) {
    bool found = false;
    ForEachBox(graph.node(at), [&](const GraphBox& box) { found = found || HasName(*box, name); });
    if (found) return true;
  }
  return false;
}

}  // namespace

Node& Editor::mutable_node(NodeRef ref) {
  AZ_CHECK(graph_.valid(ref), "stale node handle {}.{}", ref.index, ref.generation);
  return graph_.nodes_[ref.index].node;
}

Value& Editor::mutable_value(ValueRef ref) {
  AZ_CHECK(graph_.valid(ref), "stale value handle {}.{}", ref.index, ref.generation);
  return graph_.values_[ref.index].value;
}

void Editor::Reserve(size_t nodes, size_t values) {
  graph_.nodes_.reserve(nodes);
  graph_.values_.reserve(values);
}

ValueRef Editor::NewValue(std::string name) {
  AZ_CHECK(!name.empty(), "a value needs a name");
  AZ_CHECK(!graph_.by_name_.contains(name), "the name \"{}\" is taken", name);
  ValueRef ref;
  if (graph_.free_values_.empty()) {
    ref = {static_cast<uint32_t>(graph_.values_.size()), 0};
    graph_.values_.emplace_back();
  } else {
    ref.index = graph_.free_values_.back();
    graph_.free_values_.pop_back();
    ref.generation = graph_.values_[ref.index].generation;
  }
  Graph::ValueSlot& slot = graph_.values_[ref.index];
  slot.live = true;
  slot.value = Value{};
  slot.value.name = name;
  graph_.by_name_.emplace(std::move(name), ref);
  return ref;
}

void Editor::AddUse(ValueRef value, Use use) {
  if (value) mutable_value(value).uses.push_back(use);
}

void Editor::DropUse(ValueRef value, const Use& use) {
  if (!value) return;
  std::vector<Use>& uses = mutable_value(value).uses;
  // Recent uses lie at the end; searching from there keeps removal in reverse order linear overall.
  const auto found = std::find(uses.rbegin(), uses.rend(), use);
  AZ_CHECK(found != uses.rend(), "a use of \"{}\" is missing", mutable_value(value).name);
  *found = uses.back();
  uses.pop_back();
}

ValueRef Editor::AddInput(std::string name, Type type) {
  const ValueRef ref = NewValue(std::move(name));
  Value& value = mutable_value(ref);
  value.type = std::move(type);
  value.is_input = true;
  graph_.inputs_.push_back(ref);
  return ref;
}

ValueRef Editor::AddCapture(std::string name) {
  const ValueRef ref = NewValue(std::move(name));
  mutable_value(ref).is_capture = true;
  return ref;
}

void Editor::CaptureToInput(ValueRef capture, Type type) {
  Value& value = mutable_value(capture);
  AZ_CHECK(value.is_capture, "\"{}\" is no capture", value.name);
  value.is_capture = false;
  value.is_input = true;
  value.type = std::move(type);
  graph_.inputs_.push_back(capture);
}

void Editor::CaptureToInitializer(ValueRef capture, Tensor tensor) {
  Value& value = mutable_value(capture);
  AZ_CHECK(value.is_capture, "\"{}\" is no capture", value.name);
  value.is_capture = false;
  NamedTensor named;
  named.tensor = std::move(tensor);
  SetInitializer(value.name, std::move(named));
}

ValueRef Editor::AddInitializer(const std::string& name, Tensor tensor) {
  NamedTensor named;
  named.tensor = std::move(tensor);
  return SetInitializer(UniqueName(name), std::move(named));
}

Value& Editor::BecomeInitializer(const std::string& name, ValueRef& ref) {
  ref = graph_.FindValue(name);
  if (!ref) ref = NewValue(name);
  Value& value = mutable_value(ref);
  AZ_CHECK(!value.producer && !value.is_capture && !value.is_initializer(),
           "\"{}\" cannot become an initializer", name);
  graph_.initializers_.push_back(ref);
  return value;
}

ValueRef Editor::SetInitializer(const std::string& name, NamedTensor tensor) {
  ValueRef ref;
  tensor.name = name;
  BecomeInitializer(name, ref).initializer = std::move(tensor);
  return ref;
}

ValueRef Editor::SetSparseInitializer(const std::string& name, SparseTensor tensor) {
  ValueRef ref;
  tensor.name = name;
  BecomeInitializer(name, ref).sparse_initializer = std::move(tensor);
  return ref;
}

void Editor::ReplaceInitializer(ValueRef ref, Tensor tensor) {
  Value& value = mutable_value(ref);
  AZ_CHECK(value.initializer.has_value(), "\"{}\" is no dense initializer", value.name);
  value.initializer->tensor = std::move(tensor);
}

void Editor::RemoveValue(ValueRef ref) {
  Value& value = mutable_value(ref);
  AZ_CHECK(!value.used(), "\"{}\" is still used", value.name);
  AZ_CHECK(!value.producer, "\"{}\" belongs to a node", value.name);
  if (value.is_input) std::erase(graph_.inputs_, ref);
  if (value.is_initializer()) std::erase(graph_.initializers_, ref);
  graph_.by_name_.erase(value.name);
  Graph::ValueSlot& slot = graph_.values_[ref.index];
  slot.value = Value{};
  slot.live = false;
  ++slot.generation;
  graph_.free_values_.push_back(ref.index);
}

void Editor::RemoveFromInputs(ValueRef ref) {
  Value& value = mutable_value(ref);
  AZ_CHECK(value.is_input, "\"{}\" is no input", value.name);
  AZ_CHECK(value.is_initializer() || !value.used(), "input \"{}\" is still used", value.name);
  value.is_input = false;
  std::erase(graph_.inputs_, ref);
  if (!value.is_initializer()) RemoveValue(ref);
}

void Editor::AddOutput(ValueRef ref) {
  ++mutable_value(ref).graph_output_uses;
  graph_.outputs_.push_back(ref);
}

void Editor::SetOutput(size_t index, ValueRef ref) {
  AZ_CHECK(index < graph_.outputs_.size(), "graph output {} of {}", index, graph_.outputs_.size());
  --mutable_value(graph_.outputs_[index]).graph_output_uses;
  ++mutable_value(ref).graph_output_uses;
  graph_.outputs_[index] = ref;
}

void Editor::SetInputs(std::vector<ValueRef> inputs) {
  for (const ValueRef ref : graph_.inputs_) mutable_value(ref).is_input = false;
  for (const ValueRef ref : inputs) {
    Value& value = mutable_value(ref);
    AZ_CHECK(!value.producer && !value.is_capture && !value.is_input, "\"{}\" cannot be an input",
             value.name);
    value.is_input = true;
  }
  graph_.inputs_ = std::move(inputs);
}

void Editor::SetOutputs(std::vector<ValueRef> outputs) {
  for (const ValueRef ref : graph_.outputs_) --mutable_value(ref).graph_output_uses;
  for (const ValueRef ref : outputs) ++mutable_value(ref).graph_output_uses;
  graph_.outputs_ = std::move(outputs);
}

void Editor::SetType(ValueRef ref, Type type) { mutable_value(ref).type = std::move(type); }
void Editor::SetValueInfo(ValueRef ref, bool listed) { mutable_value(ref).has_value_info = listed; }

void Editor::SetValueDoc(ValueRef ref, std::string doc, StringPairs metadata,
                         std::string unknown_fields) {
  Value& value = mutable_value(ref);
  value.doc = std::move(doc);
  value.metadata = std::move(metadata);
  value.unknown_fields = std::move(unknown_fields);
}

void Editor::RenameCapture(Graph& graph, const std::string& from, const std::string& to) {
  const ValueRef ref = graph.FindValue(from);
  if (!ref || !graph.value(ref).is_capture) return;
  Editor inner(graph);
  const ValueRef existing = graph.FindValue(to);
  if (existing && graph.value(existing).is_capture) {
    inner.ReplaceAllUses(ref, existing);
    inner.RemoveValue(ref);
    return;
  }
  // A local value that hides the outer name makes room: a subgraph's inputs and outputs go by
  // position, so no name inside it is part of an interface.
  if (existing) inner.Rename(existing, inner.UniqueName(to));
  inner.Rename(ref, to);
}

void Editor::Rename(ValueRef ref, const std::string& name) {
  Value& value = mutable_value(ref);
  if (value.name == name) return;
  AZ_CHECK(!graph_.by_name_.contains(name), "the name \"{}\" is taken", name);
  const std::string old = value.name;
  graph_.by_name_.erase(old);
  graph_.by_name_.emplace(name, ref);
  value.name = name;
  if (value.initializer) value.initializer->name = name;
  if (value.sparse_initializer) value.sparse_initializer->name = name;
  for (const Use& use : value.uses) {
    if (!use.capture) continue;
    ForEachBox(mutable_node(use.node),
               [&](GraphBox& box) { RenameCapture(box.mutable_graph(), old, name); });
  }
}

std::string Editor::UniqueName(std::string_view base) const {
  std::string name(base.empty() ? "value" : base);
  if (!HasName(graph_, name)) return name;
  for (int suffix = 1;; ++suffix) {
    std::string candidate = fmt::format("{}_{}", name, suffix);
    if (!HasName(graph_, candidate)) return candidate;
  }
}

void Editor::LinkBefore(NodeRef ref, NodeRef before) {
  Graph::NodeSlot& slot = graph_.nodes_[ref.index];
  slot.next = before;
  slot.previous = before ? graph_.nodes_[before.index].previous : graph_.tail_;
  (slot.previous ? graph_.nodes_[slot.previous.index].next : graph_.head_) = ref;
  (before ? graph_.nodes_[before.index].previous : graph_.tail_) = ref;
}

void Editor::Unlink(NodeRef ref) {
  Graph::NodeSlot& slot = graph_.nodes_[ref.index];
  (slot.previous ? graph_.nodes_[slot.previous.index].next : graph_.head_) = slot.next;
  (slot.next ? graph_.nodes_[slot.next.index].previous : graph_.tail_) = slot.previous;
  slot.previous = slot.next = {};
}

NodeRef Editor::AddNode(NodeSpec spec, NodeRef before) {
  AZ_CHECK(!before || graph_.valid(before), "stale node handle");
  NodeRef ref;
  if (graph_.free_nodes_.empty()) {
    ref = {static_cast<uint32_t>(graph_.nodes_.size()), 0};
    graph_.nodes_.emplace_back();
  } else {
    ref.index = graph_.free_nodes_.back();
    graph_.free_nodes_.pop_back();
    ref.generation = graph_.nodes_[ref.index].generation;
  }
  graph_.nodes_[ref.index].live = true;
  ++graph_.live_nodes_;
  LinkBefore(ref, before);
  Node& node = graph_.nodes_[ref.index].node;
  node = Node{};
  node.name = std::move(spec.name);
  node.op_type = std::move(spec.op_type);
  node.domain = std::move(spec.domain);
  node.overload = std::move(spec.overload);
  node.attributes = std::move(spec.attributes);
  node.doc = std::move(spec.doc);
  node.metadata = std::move(spec.metadata);
  node.unknown_fields = std::move(spec.unknown_fields);
  node.inputs = std::move(spec.inputs);
  for (uint32_t i = 0; i < node.inputs.size(); ++i) AddUse(node.inputs[i], {ref, i, false});
  for (uint32_t i = 0; i < spec.outputs.size(); ++i) {
    ValueRef output;
    if (!spec.outputs[i].empty()) {
      output = NewValue(std::move(spec.outputs[i]));
      Value& value = mutable_value(output);
      value.producer = ref;
      value.output_index = i;
    }
    node.outputs.push_back(output);
  }
  if (node.has_subgraphs()) RefreshCaptures(ref);
  return ref;
}

void Editor::RefreshCaptures(NodeRef ref) {
  for (uint32_t i = 0; i < mutable_node(ref).captures.size(); ++i) {
    DropUse(mutable_node(ref).captures[i], {ref, i, true});
  }
  mutable_node(ref).captures.clear();
  std::vector<std::string> names;
  ForEachBox(mutable_node(ref), [&](GraphBox& box) { CollectCaptureNames(*box, names); });
  std::unordered_set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) continue;
    // A name that this graph lacks comes from further out: it is a capture here too.
    ValueRef value = graph_.FindValue(name);
    if (!value) value = AddCapture(name);
    Node& node = mutable_node(ref);
    const auto index = static_cast<uint32_t>(node.captures.size());
    node.captures.push_back(value);
    AddUse(value, {ref, index, true});
  }
}

void Editor::RemoveNode(NodeRef ref) {
  Node& node = mutable_node(ref);
  for (const ValueRef output : node.outputs) {
    AZ_CHECK(!output || !graph_.value(output).used(),
             "output \"{}\" of a node to remove is still used", graph_.value(output).name);
  }
  for (uint32_t i = 0; i < node.inputs.size(); ++i) DropUse(node.inputs[i], {ref, i, false});
  for (uint32_t i = 0; i < node.captures.size(); ++i) DropUse(node.captures[i], {ref, i, true});
  for (const ValueRef output : node.outputs) {
    if (!output) continue;
    mutable_value(output).producer = {};
    RemoveValue(output);
  }
  Unlink(ref);
  Graph::NodeSlot& slot = graph_.nodes_[ref.index];
  slot.node = Node{};
  slot.live = false;
  ++slot.generation;
  --graph_.live_nodes_;
  graph_.free_nodes_.push_back(ref.index);
}

void Editor::MoveBefore(NodeRef ref, NodeRef before) {
  AZ_CHECK(graph_.valid(ref) && (!before || graph_.valid(before)), "stale node handle");
  if (ref == before) return;
  Unlink(ref);
  LinkBefore(ref, before);
}

void Editor::SetInput(NodeRef ref, size_t index, ValueRef value) {
  Node& node = mutable_node(ref);
  AZ_CHECK(index <= node.inputs.size(), "input {} of {}", index, node.inputs.size());
  const Use use{ref, static_cast<uint32_t>(index), false};
  if (index == node.inputs.size()) {
    node.inputs.push_back(value);
  } else {
    DropUse(node.inputs[index], use);
    node.inputs[index] = value;
  }
  AddUse(value, use);
}

void Editor::SetNodeInputs(NodeRef ref, std::vector<ValueRef> inputs) {
  Node& node = mutable_node(ref);
  for (uint32_t i = 0; i < node.inputs.size(); ++i) DropUse(node.inputs[i], {ref, i, false});
  node.inputs = std::move(inputs);
  for (uint32_t i = 0; i < node.inputs.size(); ++i) AddUse(node.inputs[i], {ref, i, false});
}

void Editor::ResizeOutputs(NodeRef ref, size_t count) {
  while (mutable_node(ref).outputs.size() > count) {
    const ValueRef last = mutable_node(ref).outputs.back();
    mutable_node(ref).outputs.pop_back();
    if (!last) continue;
    mutable_value(last).producer = {};
    RemoveValue(last);
  }
  while (mutable_node(ref).outputs.size() < count) {
    const Node& node = mutable_node(ref);
    const std::string base = node.name.empty() ? node.op_type : node.name;
    const auto index = static_cast<uint32_t>(node.outputs.size());
    const ValueRef output = NewValue(UniqueName(fmt::format("{}_output_{}", base, index)));
    Value& value = mutable_value(output);
    value.producer = ref;
    value.output_index = index;
    mutable_node(ref).outputs.push_back(output);
  }
}

void Editor::SetAttribute(NodeRef ref, Attribute attribute) {
  Node& node = mutable_node(ref);
  const bool may_capture = std::holds_alternative<GraphBox>(attribute.value) ||
                           std::holds_alternative<std::vector<GraphBox>>(attribute.value) ||
                           !node.captures.empty();
  const auto found = std::find_if(node.attributes.begin(), node.attributes.end(),
                                  [&](const Attribute& a) { return a.name == attribute.name; });
  if (found == node.attributes.end()) {
    node.attributes.push_back(std::move(attribute));
  } else {
    *found = std::move(attribute);
  }
  if (may_capture) RefreshCaptures(ref);
}

void Editor::RemoveAttribute(NodeRef ref, std::string_view name) {
  Node& node = mutable_node(ref);
  std::erase_if(node.attributes, [&](const Attribute& a) { return a.name == name; });
  if (!node.captures.empty()) RefreshCaptures(ref);
}

void Editor::SetOp(NodeRef ref, std::string op_type, std::string domain) {
  Node& node = mutable_node(ref);
  node.op_type = std::move(op_type);
  node.domain = std::move(domain);
}

void Editor::SetNodeName(NodeRef ref, std::string name) {
  mutable_node(ref).name = std::move(name);
}
void Editor::SetNodeUnknownFields(NodeRef ref, std::string bytes) {
  mutable_node(ref).unknown_fields = std::move(bytes);
}

void Editor::ReplaceAllUses(ValueRef from, ValueRef to) {
  AZ_CHECK(from != to && graph_.valid(to), "a value cannot replace itself");
  const std::vector<Use> uses = mutable_value(from).uses;
  std::vector<NodeRef> captors;
  for (const Use& use : uses) {
    if (use.capture) {
      captors.push_back(use.node);
    } else {
      mutable_node(use.node).inputs[use.index] = to;
      AddUse(to, use);
    }
  }
  std::erase_if(mutable_value(from).uses, [](const Use& use) { return !use.capture; });
  const std::string old_name = graph_.value(from).name;
  const std::string new_name = graph_.value(to).name;
  for (const NodeRef captor : captors) {
    ForEachBox(mutable_node(captor),
               [&](GraphBox& box) { RenameCapture(box.mutable_graph(), old_name, new_name); });
    RefreshCaptures(captor);
  }
  for (ValueRef& output : graph_.outputs_) {
    if (output != from) continue;
    --mutable_value(from).graph_output_uses;
    ++mutable_value(to).graph_output_uses;
    output = to;
  }
}

bool Editor::TakeOver(ValueRef from, ValueRef to) {
  AZ_CHECK(from != to, "a value cannot replace itself");
  if (graph_.value(from).graph_output_uses == 0) {
    ReplaceAllUses(from, to);
    return true;
  }
  if (graph_.value(from).is_input) return false;  // its name is the graph's interface twice
  const Value& target = graph_.value(to);
  if (target.is_input || target.is_initializer() || target.is_capture || !target.producer ||
      target.graph_output_uses > 0) {
    return false;
  }
  const std::string name = graph_.value(from).name;
  // What the file says of the output (type, doc) belongs to the name, so it moves along.
  const Value before = graph_.value(from);
  ReplaceAllUses(from, to);
  Rename(from, UniqueName(name + "_replaced"));
  Rename(to, name);
  Value& after = mutable_value(to);
  after.type = before.type;
  after.doc = before.doc;
  after.metadata = before.metadata;
  after.unknown_fields = before.unknown_fields;
  after.has_value_info = before.has_value_info;
  return true;
}

void Editor::EditSubgraphs(NodeRef ref, const std::function<void(Editor&)>& edit) {
  ForEachBox(mutable_node(ref), [&](GraphBox& box) {
    Editor inner(box.mutable_graph());
    edit(inner);
  });
  RefreshCaptures(ref);
}

bool Editor::SortTopologically() {
  const std::vector<NodeRef> order = graph_.nodes();
  std::unordered_map<uint32_t, size_t> position;  // node slot -> present position
  for (size_t i = 0; i < order.size(); ++i) position[order[i].index] = i;
  std::vector<size_t> waiting(order.size(), 0);
  std::vector<std::vector<size_t>> consumers(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const Node& node = graph_.node(order[i]);
    const auto depends = [&](ValueRef ref) {
      if (!ref || !graph_.value(ref).producer) return;
      consumers[position[graph_.value(ref).producer.index]].push_back(i);
      ++waiting[i];
    };
    for (const ValueRef ref : node.inputs) depends(ref);
    for (const ValueRef ref : node.captures) depends(ref);
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < order.size(); ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<NodeRef> sorted;
  while (!ready.empty()) {
    const size_t at = ready.top();
    ready.pop();
    sorted.push_back(order[at]);
    for (const size_t consumer : consumers[at]) {
      if (--waiting[consumer] == 0) ready.push(consumer);
    }
  }
  if (sorted.size() != order.size()) return false;
  for (const NodeRef ref : sorted) MoveBefore(ref, {});
  return true;
}

}  // namespace assize::ir
