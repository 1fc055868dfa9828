// Attribute: a named, typed value on a node; may hold tensors and subgraphs.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/ir/tensor.h"
#include "lib/ir/type.h"

namespace assize::ir {

class Graph;

using StringPairs = std::vector<std::pair<std::string, std::string>>;  // metadata, in file order

// ONNX's sparse form: values and their indices in a dense shape.
struct SparseTensor {
  std::string name;  // initializers carry their name on `values`
  Tensor values, indices;
  Shape dims;
  friend bool operator==(const SparseTensor&, const SparseTensor&) = default;
};

// A tensor with what the file says about it besides its elements.
struct NamedTensor {
  std::string name;
  Tensor tensor;
  std::string doc;
  StringPairs metadata;
  std::string unknown_fields;
  // Where the bytes lay, when they were external: the export may place them there again.
  std::string external_location;
};

// Subgraphs are owned by their node; copying an attribute copies its graphs (tensors stay shared).
class GraphBox {
 public:
  explicit GraphBox(Graph graph);
  GraphBox(const GraphBox& other);
  GraphBox(GraphBox&&) noexcept;
  GraphBox& operator=(const GraphBox& other);
  GraphBox& operator=(GraphBox&&) noexcept;
  ~GraphBox();
  const Graph& operator*() const { return *graph_; }
  const Graph* operator->() const { return graph_.get(); }
  Graph& mutable_graph() { return *graph_; }  // for Editor and importers

 private:
  std::unique_ptr<Graph> graph_;
};

// A reference to an attribute of the enclosing function is an Attribute with ref_name set and no
// value.
struct Attribute {
  // Order equals onnx.AttributeProto.AttributeType, see number().
  using Value = std::variant<std::monostate, float, int64_t, std::string, NamedTensor, GraphBox,
                             std::vector<float>, std::vector<int64_t>, std::vector<std::string>,
                             std::vector<NamedTensor>, std::vector<GraphBox>, SparseTensor,
                             std::vector<SparseTensor>, Type, std::vector<Type>>;
  std::string name;
  Value value;
  std::string ref_name;
  int32_t ref_type = 0;  // declared type of a reference
  std::string doc;
  std::string unknown_fields;

  // onnx.AttributeProto.AttributeType of the value held (FLOAT 1 ... TYPE_PROTOS 14), or ref_type.
  int32_t number() const;
};

}  // namespace assize::ir
