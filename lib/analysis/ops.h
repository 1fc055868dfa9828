// Typed views of ops: inputs by role, attributes with the defaults of the op's version.
//
// `From(graph, node, opset)` is InvalidArgument when the node is not that op, an attribute has the
// wrong type or refers to a function's attribute, or a required input is missing. `opset` is the
// version that the model (or function) imports for the node's domain. A view holds handles and
// values, no pointers into the graph; what moved from attributes to inputs over the versions
// (Clip's bounds, Pad's pads, axes) appears as one member with both forms. Tests:
// tests/analysis/ops_test.cc.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/support/status.h"

namespace assize::analysis {

// The elements of `value` when they are constant in this graph: an initializer that is no input, or
// the result of a Constant node (dense), also through Identity. Null for anything else, and for a
// null ref.
std::optional<ir::Tensor> ConstantValue(const ir::Graph& graph, ir::ValueRef value);
// Input `index` of a node, null when omitted or beyond the end.
ir::ValueRef InputAt(const ir::Node& node, size_t index);
ir::ValueRef OutputAt(const ir::Node& node, size_t index);

// A list that is an attribute in old versions and an input in new ones.
struct IntsArgument {
  std::optional<std::vector<int64_t>> attribute;
  ir::ValueRef input;
  bool given() const { return attribute.has_value() || static_cast<bool>(input); }
  // The attribute, or the constant the input holds; nullopt when absent or computed.
  std::optional<std::vector<int64_t>> Constant(const ir::Graph& graph) const;
};

// A scalar of the same kind.
struct FloatArgument {
  std::optional<double> attribute;
  ir::ValueRef input;
  bool given() const { return attribute.has_value() || static_cast<bool>(input); }
  std::optional<double> Constant(const ir::Graph& graph) const;
};

enum class AutoPad { kNotSet, kSameUpper, kSameLower, kValid };

// The window of a convolution or pooling. Lists may be empty in the file; Filled writes the
// defaults out.
struct Window {
  std::vector<int64_t> kernel_shape;  // empty: take it from W
  std::vector<int64_t> strides, dilations;
  std::vector<int64_t> pads;  // [begin of each axis..., end of each axis...]
  AutoPad auto_pad = AutoPad::kNotSet;
  bool ceil_mode = false;  // pooling
  // For `rank` spatial axes: strides, dilations 1 and pads 0 where absent. InvalidArgument on lists
  // of another length, or strides, dilations, kernel sizes below 1.
  StatusOr<Window> Filled(size_t rank) const;
  // Sizes after a convolution or pooling over `spatial` input sizes, and pads written out (auto_pad
  // resolved). Call on a filled window with kernel_shape. Negative or overflowing sizes are
  // InvalidArgument.
  struct Extent {
    std::vector<int64_t> output;
    std::vector<int64_t> pads;
  };
  StatusOr<Extent> Apply(const std::vector<int64_t>& spatial) const;
};

struct ConvOp {             // Conv; also ConvInteger and QLinearConv by their own views below
  ir::ValueRef x, w, b, y;  // x [N, C, *], w [O, C/group, *K], b [O] or null
  int64_t group = 1;
  Window window;
  static StatusOr<ConvOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ConvTransposeOp {
  ir::ValueRef x, w, b, y;  // w [C, O/group, *K]
  int64_t group = 1;
  Window window;
  std::vector<int64_t> output_padding, output_shape;
  // Sizes of the result and explicit pads, for a filled window.
  StatusOr<Window::Extent> Apply(const std::vector<int64_t>& spatial) const;
  static StatusOr<ConvTransposeOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ConvIntegerOp {
  ir::ValueRef x, w, x_zero_point, w_zero_point, y;
  int64_t group = 1;
  Window window;
  static StatusOr<ConvIntegerOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct QLinearConvOp {
  ir::ValueRef x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, b, y;
  int64_t group = 1;
  Window window;
  static StatusOr<QLinearConvOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct PoolOp {  // MaxPool, AveragePool, LpPool
  enum class Kind { kMax, kAverage, kLp };
  Kind kind = Kind::kMax;
  ir::ValueRef x, y, indices;  // indices: MaxPool's second result
  Window window;
  bool count_include_pad = false;  // AveragePool
  bool column_major = false;       // MaxPool's storage_order
  int64_t p = 2;                   // LpPool
  static StatusOr<PoolOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct GemmOp {  // y = alpha * a' * b' + beta * c
  ir::ValueRef a, b, c, y;
  float alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
  static StatusOr<GemmOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct MatMulOp {
  ir::ValueRef a, b, y;
  static StatusOr<MatMulOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct BatchNormalizationOp {
  ir::ValueRef x, scale, bias, mean, var, y;
  float epsilon = 1e-5f, momentum = 0.9f;
  // Running statistics are updated from the batch: training_mode (>= 14), or further results in use
  // (< 14).
  bool training = false;
  // spatial = 0 (opset 7 and 8): statistics per element, not per channel.
  bool spatial = true;
  static StatusOr<BatchNormalizationOp> From(const ir::Graph& graph, ir::NodeRef node,
                                             int64_t opset);
};

struct PadOp {
  ir::ValueRef x, y;
  enum class Mode { kConstant, kReflect, kEdge, kWrap };
  Mode mode = Mode::kConstant;
  IntsArgument pads;    // [begin..., end...] over all axes, or over `axes`
  FloatArgument value;  // absent: 0
  ir::ValueRef axes;    // >= 18, may be null
  // Pads over all `rank` axes [begin..., end...] when they and the axes are constant.
  std::optional<std::vector<int64_t>> ConstantPads(const ir::Graph& graph, size_t rank) const;
  static StatusOr<PadOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ClipOp {
  ir::ValueRef x, y;
  FloatArgument min, max;  // absent: unbounded
  static StatusOr<ClipOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct UnaryOp {  // Relu, Identity, Sigmoid, Tanh ... : one input, one output, no attributes that
                  // matter here
  std::string op_type;
  ir::ValueRef x, y;
  static StatusOr<UnaryOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct BinaryOp {  // Add, Sub, Mul, Div, Pow, Mod, And, Equal ... with broadcasting (opset >= 7)
  std::string op_type;
  ir::ValueRef a, b, y;
  static StatusOr<BinaryOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ReshapeOp {
  ir::ValueRef x, y;
  IntsArgument shape;
  bool allow_zero = false;
  static StatusOr<ReshapeOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct TransposeOp {
  ir::ValueRef x, y;
  std::vector<int64_t> perm;  // empty: reversed axes
  std::vector<int64_t> PermFor(size_t rank) const;
  static StatusOr<TransposeOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct FlattenOp {
  ir::ValueRef x, y;
  int64_t axis = 1;
  static StatusOr<FlattenOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ConcatOp {
  std::vector<ir::ValueRef> xs;
  ir::ValueRef y;
  int64_t axis = 0;
  static StatusOr<ConcatOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct SplitOp {
  ir::ValueRef x;
  std::vector<ir::ValueRef> ys;
  int64_t axis = 0;
  IntsArgument split;                  // absent: equal parts
  std::optional<int64_t> num_outputs;  // >= 18
  static StatusOr<SplitOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct SqueezeOp {  // Squeeze and Unsqueeze
  bool unsqueeze = false;
  ir::ValueRef x, y;
  IntsArgument axes;  // Squeeze: absent means every axis of size 1
  static StatusOr<SqueezeOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct SliceOp {
  ir::ValueRef x, y;
  IntsArgument starts, ends, axes, steps;
  static StatusOr<SliceOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct GatherOp {
  ir::ValueRef x, indices, y;
  int64_t axis = 0;
  static StatusOr<GatherOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ReduceOp {  // ReduceMean, ReduceSum, ReduceMax ...
  std::string op_type;
  ir::ValueRef x, y;
  IntsArgument axes;
  bool keep_dims = true;
  bool noop_with_empty_axes = false;
  static StatusOr<ReduceOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct QuantizeLinearOp {
  ir::ValueRef x, scale, zero_point, y;
  int64_t axis = 1;          // meaningless while scale is a scalar
  int64_t block_size = 0;    // >= 21: 0 is no blocks
  int64_t output_dtype = 0;  // >= 21: 0 is taken from zero_point, or uint8
  bool saturate = true;
  static StatusOr<QuantizeLinearOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct DequantizeLinearOp {
  ir::ValueRef x, scale, zero_point, y;
  int64_t axis = 1;
  int64_t block_size = 0;
  int64_t output_dtype = 0;  // >= 23: 0 is the type of scale
  static StatusOr<DequantizeLinearOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct SoftmaxOp {  // Softmax, LogSoftmax, Hardmax
  std::string op_type;
  ir::ValueRef x, y;
  int64_t axis = -1;
  bool coerces_to_2d = false;  // < 13: all axes from `axis` on are one
  static StatusOr<SoftmaxOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct DropoutOp {
  ir::ValueRef x, y, mask;
  FloatArgument ratio;         // absent: 0.5
  ir::ValueRef training_mode;  // >= 12, may be null: false
  // The output equals the input: no training_mode, or a constant false one.
  bool IsInference(const ir::Graph& graph) const;
  static StatusOr<DropoutOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct ConstantOp {
  ir::ValueRef y;
  // Dense value in any of its forms (value, value_float(s), value_int(s), value_string(s)); nullopt
  // for a sparse one.
  std::optional<ir::Tensor> value;
  static StatusOr<ConstantOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct CastOp {
  ir::ValueRef x, y;
  ir::DType to = ir::DType::kUndefined;
  bool saturate = true;
  static StatusOr<CastOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct AttentionOp {  // softmax(scale * q k^T + mask) v by heads
  // A tensor [batch, heads, length, width], or [batch, length, heads * width] when packed.
  struct Heads {
    int64_t batch = 0, heads = 0, length = 0, width = 0;
    bool packed = false;
    ir::Shape Dims() const;
    static std::optional<Heads> Of(const ir::Shape& dims, int64_t heads);
  };
  struct AllHeads {
    Heads q, k, v, y;
  };
  ir::ValueRef q, k, v, mask, past_key, past_value;
  ir::ValueRef valid_keys;  // nonpad_kv_seqlen, >= 24
  ir::ValueRef y;
  int64_t q_heads = 0, kv_heads = 0;          // of packed tensors
  std::optional<float> scale = std::nullopt;  // absent: 1 / sqrt(width of q)
  bool causal = false;
  float softcap = 0;                            // 0: none
  int64_t left_window = -1, right_window = -1;  // >= 27; below 0: none
  // nullopt when the dims do not fit together.
  std::optional<AllHeads> HeadsOf(const ir::Shape& q_dims, const ir::Shape& k_dims,
                                  const ir::Shape& v_dims) const;
  static StatusOr<AttentionOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

struct LrnOp {
  ir::ValueRef x, y;
  float alpha = 1e-4f, beta = 0.75f, bias = 1;
  int64_t size = 1;
  static StatusOr<LrnOp> From(const ir::Graph& graph, ir::NodeRef node, int64_t opset);
};

}  // namespace assize::analysis
