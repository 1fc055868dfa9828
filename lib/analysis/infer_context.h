// What a rule of type and shape inference sees of one node, and the algebra of dimensions it works
// in.
//
// A rule reads the types (and, for shape arithmetic, the elements) of the inputs and sets those of
// the outputs. An output left alone stays unknown; operands that disagree are an InvalidArgument.
// Tests: tests/analysis/infer_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/ir/graph.h"
#include "lib/support/status.h"

namespace assize::analysis {

using ir::Dim;
using Dims = std::vector<Dim>;

// Elements of an integer tensor of rank 0 or 1, some of them symbolic: what shapes are computed
// with.
struct ShapeData {
  Dims values;
  bool scalar = false;
};

// A fully known integer tensor of any rank, small enough to be part of shape arithmetic (pads as
// [n, 2] and the like).
struct SmallInts {
  ir::Shape dims;
  std::vector<int64_t> values;
};

class InferContext {
 public:
  InferContext(const ir::Graph& of_graph, ir::NodeRef of_node, int64_t opset_version)
      : graph(of_graph),
        ref(of_node),
        node(of_graph.node(of_node)),
        opset(opset_version),
        read(of_graph, of_node) {}
  virtual ~InferContext() = default;

  const ir::Graph& graph;
  const ir::NodeRef ref;
  const ir::Node& node;
  const int64_t opset;
  AttributeReader read;

  virtual const ir::Type& TypeOf(ir::ValueRef value) const = 0;
  virtual std::optional<ShapeData> DataOf(ir::ValueRef value) const = 0;
  // Constants and what shape arithmetic resolved.
  virtual std::optional<ir::Tensor> TensorOf(ir::ValueRef value) const = 0;
  virtual void SetType(ir::ValueRef value, ir::Type type) = 0;
  virtual void SetData(ir::ValueRef value, ShapeData data) = 0;
  // Keeps a fully known integer tensor of the given type (int32 or int64); too large or another
  // type: does nothing.
  virtual void SetInts(ir::ValueRef value, ir::DType dtype, SmallInts ints) = 0;
  // Types of the outputs of a subgraph whose inputs have the given types.
  virtual std::vector<ir::Type> InferSubgraph(const ir::Graph& subgraph,
                                              const std::vector<ir::Type>& inputs) = 0;

  ir::ValueRef in(size_t i) const { return InputAt(node, i); }
  const ir::Type& type(size_t i) const { return TypeOf(in(i)); }
  ir::DType dtype(size_t i) const {
    return type(i).is_tensor() ? type(i).dtype : ir::DType::kUndefined;
  }
  const std::optional<Dims>& shape(size_t i) const;
  std::optional<ShapeData> data(size_t i) const { return in(i) ? DataOf(in(i)) : std::nullopt; }
  std::optional<ir::Tensor> tensor(size_t i) const {
    return in(i) ? TensorOf(in(i)) : std::nullopt;
  }
  std::optional<SmallInts> small(size_t i) const;
  // Whole numbers of an input when all are known.
  std::optional<std::vector<int64_t>> ints(ir::ValueRef value) const;
  std::optional<std::vector<int64_t>> ints(const IntsArgument& argument) const;

  void Set(size_t output, ir::Type type);
  void Set(size_t output, ir::DType dtype, std::optional<Dims> dims);

  template <typename... Args>
  Status Mismatch(fmt::format_string<Args...> format, Args&&... args) const {
    return InvalidArgument("{}", fmt::format(format, std::forward<Args>(args)...));
  }
};

inline constexpr int64_t kMaxShapeData = 1024;  // elements; longer vectors are data, not shapes

using InferRule = Status (*)(InferContext&);
// The rule for an op of ai.onnx or com.microsoft, or null.
InferRule FindInferRule(std::string_view domain, std::string_view op);
using InferRules = std::unordered_map<std::string_view, InferRule>;
void AddElementwiseRules(InferRules& rules);
void AddLayerRules(InferRules& rules);
void AddShapeRules(InferRules& rules);
void AddIndexRules(InferRules& rules);
void AddControlRules(InferRules& rules);
void AddContribLayerRules(InferRules& rules);  // com.microsoft
void AddContribRules(InferRules& rules);       // com.microsoft

// Dimensions.
inline Dim Known(int64_t value) { return Dim{value, {}, {}}; }
std::string DimsText(const Dims& dims);
Dims KnownDims(const std::vector<int64_t>& values);
// Both are known and differ.
bool Differ(const Dim& a, const Dim& b);
bool Same(const Dim& a, const Dim& b);  // surely equal
Dim Meet(const Dim& a, const Dim& b);   // what is known of a dim that both describe
// Numpy broadcasting; InvalidArgument with both shapes.
StatusOr<Dims> Broadcast(const Dims& a, const Dims& b);
// Negative axes count from the end; InvalidArgument when out of range.
StatusOr<size_t> Axis(int64_t axis, size_t rank);
Dim Times(const Dim& a, const Dim& b);
Dim Plus(const Dim& a, int64_t b);
// Product of dims [begin, end).
Dim Product(const Dims& dims, size_t begin, size_t end);

}  // namespace assize::analysis
