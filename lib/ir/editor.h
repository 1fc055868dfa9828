// Editor: the only way to change a graph. Keeps use-lists, names and captures by subgraphs
// consistent.
//
// Misuse (a stale handle, removing a value that is still used, a name that exists) is a bug of the
// caller and traps. Tests: tests/ir/editor_test.cc.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/graph.h"

namespace assize::ir {

struct NodeSpec {
  std::string op_type;
  std::string domain;
  std::string name;  // may be empty
  std::vector<ValueRef> inputs;
  std::vector<std::string>
      outputs;  // names of new values, "" for an omitted one; must be unused names
  std::vector<Attribute> attributes;
  std::string overload, doc, unknown_fields;
  StringPairs metadata;
};

class Editor {
 public:
  explicit Editor(Graph& graph) : graph_(graph) {}
  const Graph& graph() const { return graph_; }

  // Graph-level.
  void Reserve(size_t nodes, size_t values);  // room for so many in all
  void SetName(std::string name) { graph_.name_ = std::move(name); }
  void SetDoc(std::string doc) { graph_.doc_ = std::move(doc); }
  void SetMetadata(StringPairs metadata) { graph_.metadata_ = std::move(metadata); }
  void SetUnknownFields(std::string bytes) { graph_.unknown_fields_ = std::move(bytes); }

  // Values.
  ValueRef AddInput(std::string name, Type type);
  // A value that no node produces and that is neither input nor initializer: names a value of an
  // outer graph.
  ValueRef AddCapture(std::string name);
  // A graph that is to stand alone is given what it captures: as its last input, or as a constant.
  void CaptureToInput(ValueRef capture, Type type);
  void CaptureToInitializer(ValueRef capture, Tensor tensor);
  // A new constant; `name` is made unique by a suffix when taken.
  ValueRef AddInitializer(const std::string& name, Tensor tensor);
  // Attaches a tensor to an existing value (an input of IR < 4 that is an initializer too) or adds
  // one.
  ValueRef SetInitializer(const std::string& name, NamedTensor tensor);
  ValueRef SetSparseInitializer(const std::string& name, SparseTensor tensor);
  void ReplaceInitializer(ValueRef value, Tensor tensor);  // keeps name, doc, metadata
  // Removes an unused value that is no node's output: initializer, input or capture.
  void RemoveValue(ValueRef value);
  void RemoveFromInputs(ValueRef value);  // stays as initializer if it is one
  void AddOutput(ValueRef value);
  void SetOutput(size_t index, ValueRef value);
  void SetInputs(std::vector<ValueRef> inputs);  // reorder / reset; marks is_input
  void SetOutputs(std::vector<ValueRef> outputs);
  void SetType(ValueRef value, Type type);
  void SetValueInfo(ValueRef value, bool listed);
  void SetValueDoc(ValueRef value, std::string doc, StringPairs metadata,
                   std::string unknown_fields);
  // Renames, in subgraphs that capture it too. `name` must be free.
  void Rename(ValueRef value, const std::string& name);
  std::string UniqueName(
      std::string_view base) const;  // base, or base_1, base_2 ... (subgraph names too)

  // Nodes. A new node goes before `before`, or to the end when null.
  NodeRef AddNode(NodeSpec spec, NodeRef before = {});
  // Output `index` of a node just added.
  ValueRef output(NodeRef node, size_t index = 0) const { return graph_.node(node).outputs[index]; }
  // The node's outputs must be unused. Its unused captures and constants stay.
  void RemoveNode(NodeRef node);
  void MoveBefore(NodeRef node, NodeRef before);
  void SetInput(NodeRef node, size_t index, ValueRef value);  // index may equal size (append)
  void SetNodeInputs(NodeRef node, std::vector<ValueRef> inputs);
  // Gives the node outputs of the given names; outputs that vanish must be unused. Existing values
  // keep handles.
  void ResizeOutputs(NodeRef node, size_t count);
  void SetAttribute(NodeRef node,
                    Attribute attribute);  // replaces one of the same name, else appends
  void RemoveAttribute(NodeRef node, std::string_view name);
  void SetOp(NodeRef node, std::string op_type, std::string domain);
  void SetNodeName(NodeRef node, std::string name);
  void SetNodeUnknownFields(NodeRef node, std::string bytes);

  // Every use of `from` (inputs, graph outputs, captures inside subgraphs) becomes `to`. When
  // `from` is a graph output, the output's name must survive: see TakeOverOutput.
  void ReplaceAllUses(ValueRef from, ValueRef to);
  // `to` takes the place of `from` everywhere; if `from` is a graph output, `to` also takes its
  // name (and `from` gets a fresh one), so the interface of the graph does not change. False, and
  // nothing done, when `to` cannot be renamed (it is a graph input, an initializer, a capture, or
  // an output itself while `from` is an output).
  bool TakeOver(ValueRef from, ValueRef to);

  // Changes a subgraph held by `node` through an Editor of its own; captures are recomputed
  // afterwards.
  void EditSubgraphs(NodeRef node, const std::function<void(Editor&)>& edit);

  // Orders nodes topologically, stable by present order; false when there is a cycle.
  bool SortTopologically();

 private:
  Node& mutable_node(NodeRef ref);
  Value& mutable_value(ValueRef ref);
  ValueRef NewValue(std::string name);
  // The value of this name, new or an input, listed as an initializer; its tensor is for the
  // caller.
  Value& BecomeInitializer(const std::string& name, ValueRef& ref);
  void AddUse(ValueRef value, Use use);
  void DropUse(ValueRef value, const Use& use);
  void RefreshCaptures(NodeRef node);
  void Unlink(NodeRef node);
  void LinkBefore(NodeRef node, NodeRef before);
  static void RenameCapture(Graph& graph, const std::string& from, const std::string& to);

  Graph& graph_;
};

}  // namespace assize::ir
