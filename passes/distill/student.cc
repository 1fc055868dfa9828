// Follows channels, narrows, draws weights. Tests: tests/passes/distill_export_test.cc.
#include "passes/distill/student.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "lib/analysis/infer.h"
#include "lib/analysis/ops.h"
#include "lib/ir/editor.h"
#include "lib/ir/text.h"
#include "lib/support/random.h"

namespace assize::passes::distill {
namespace {

using ir::Graph;
using ir::NodeRef;
using ir::Tensor;
using ir::ValueRef;

// Axis 1 of a value: `factor` elements for each channel of a group (more than 1 after Flatten).
struct Channels {
  size_t group = 0;
  int64_t factor = 1;
};

const std::set<std::string>& Elementwise() {
  static const std::set<std::string> ops = {"Relu",          "LeakyRelu",   "Sigmoid",
                                            "Tanh",          "Elu",         "Selu",
                                            "Clip",          "HardSwish",   "HardSigmoid",
                                            "Identity",      "Dropout",     "Softplus",
                                            "Softsign",      "Erf",         "Sqrt",
                                            "Exp",           "Neg",         "Abs",
                                            "MaxPool",       "AveragePool", "GlobalAveragePool",
                                            "GlobalMaxPool", "Mish",        "Gelu"};
  return ops;
}
const std::set<std::string>& Binary() {
  static const std::set<std::string> ops = {"Add", "Sub", "Mul", "Div", "Max", "Min"};
  return ops;
}

class Narrower {
 public:
  Narrower(const ir::Model& teacher, const StudentOptions& options)
      : student_(teacher), options_(options), opset_(teacher.opset().value_or(0)) {}

  StatusOr<ir::Model> Run() {
    AZ_ASSIGN_OR_RETURN(types_, analysis::InferTypes(student_));
    const Graph& graph = student_.graph;
    for (const ValueRef input : graph.inputs()) {
      if (graph.value(input).is_initializer()) continue;
      if (const auto size = AxisSize(input)) {
        channels_[input] = {NewGroup(*size), 1};
        fixed_.insert(channels_[input].group);
      }
    }
    for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
      const Status status = Follow(ref);
      if (!status.ok()) return Annotate(status, ir::NodeLabel(graph, ref));
    }
    for (const ValueRef output : graph.outputs()) {
      const auto it = channels_.find(output);
      if (it != channels_.end()) fixed_.insert(it->second.group);
    }
    Decide();
    ir::Editor edit(student_.graph);
    for (const Weight& weight : weights_) Draw(edit, weight);
    for (const auto& [value, batch, features] : reshapes_) {
      edit.ReplaceInitializer(
          value, Tensor::Of<int64_t>({2}, {batch, sizes_after_[features.group] * features.factor}));
    }
    // Declared sizes inside the graph are the teacher's: the student declares its interface only.
    for (const ValueRef value : edit.graph().values()) {
      const ir::Value& v = edit.graph().value(value);
      if (!v.has_value_info || v.is_input || v.graph_output_uses > 0) continue;
      edit.SetValueInfo(value, false);
      edit.SetType(value, ir::Type());
    }
    return std::move(student_);
  }

 private:
  enum class Role { kKernel, kZero, kOne };
  struct Weight {
    ValueRef value;
    std::optional<Channels> out, in;  // axes that shrink
    size_t out_axis = 0, in_axis = 1;
    int64_t fan_in_per_channel = 1;  // elements beside the input channels
    Role role = Role::kKernel;
  };

  size_t NewGroup(int64_t size) {
    parent_.push_back(parent_.size());
    sizes_.push_back(size);
    return parent_.size() - 1;
  }
  size_t Root(size_t group) const {
    while (parent_[group] != group) group = parent_[group];
    return group;
  }
  std::optional<int64_t> AxisSize(ValueRef value) const {
    const ir::Type& type = types_.type(value);
    if (!type.is_tensor() || !type.shape || type.shape->size() < 2 || !type.shape->at(1).known())
      return std::nullopt;
    return *type.shape->at(1).value;
  }
  StatusOr<Channels> Of(ValueRef value) const {
    const auto it = value ? channels_.find(value) : channels_.end();
    if (it == channels_.end()) return Unimplemented("the channels of its input are not followed");
    return it->second;
  }
  Status Own(ValueRef value) {
    const Graph& graph = student_.graph;
    if (!value) return OkStatus();
    if (!graph.value(value).is_constant())
      return Unimplemented("its weights are no initializers: run simplify first");
    if (graph.use_count(value) != 1) return Unimplemented("its weights are shared");
    return OkStatus();
  }

  Status Follow(NodeRef ref) {
    const Graph& graph = student_.graph;
    const ir::Node& node = graph.node(ref);
    const std::string op = node.domain.empty() ? node.op_type : "";
    if (op == "Conv") return FollowConv(ref);
    if (op == "Gemm") return FollowGemm(ref);
    if (op == "MatMul") return FollowMatMul(ref);
    if (op == "BatchNormalization") return FollowNormalization(ref);
    if (op == "Flatten" || op == "Reshape") return FollowFlat(ref);
    if (Binary().count(op) > 0) return FollowBinary(ref);
    if (op == "Constant") return OkStatus();
    if (Elementwise().count(op) > 0) {
      const auto in = Of(analysis::InputAt(node, 0));
      if (!in.ok()) return Keep(ref);
      channels_[node.outputs[0]] = *in;
      return OkStatus();
    }
    return Keep(ref);
  }

  // An op that may mix channels: they keep their number before and after, and it keeps its
  // parameters.
  Status Keep(NodeRef ref) {
    const Graph& graph = student_.graph;
    const ir::Node& node = graph.node(ref);
    for (const ValueRef input : node.inputs) {
      if (input && channels_.count(input) > 0) fixed_.insert(channels_[input].group);
    }
    for (const ValueRef capture : node.captures) {
      if (channels_.count(capture) > 0) fixed_.insert(channels_[capture].group);
    }
    for (const ValueRef output : node.outputs) {
      if (!output) continue;
      if (const auto size = AxisSize(output)) {
        channels_[output] = {NewGroup(*size), 1};
        fixed_.insert(channels_[output].group);
      }
    }
    return OkStatus();
  }

  Status FollowConv(NodeRef ref) {
    AZ_ASSIGN_OR_RETURN(const auto conv, analysis::ConvOp::From(student_.graph, ref, opset_));
    AZ_RETURN_IF_ERROR(Own(conv.w));
    AZ_RETURN_IF_ERROR(Own(conv.b));
    AZ_ASSIGN_OR_RETURN(const Channels in, Of(conv.x));
    const ir::Shape dims = student_.graph.value(conv.w).initializer->tensor.dims();
    Weight weight;
    weight.value = conv.w;
    for (size_t i = 2; i < dims.size(); ++i) weight.fan_in_per_channel *= dims[i];
    Channels out{0, 1};
    if (conv.group == 1) {
      out.group = NewGroup(dims[0]);
      weight.in = in;
    } else if (conv.group == dims[0] && dims[1] == 1) {
      out = in;  // depthwise
      depthwise_.push_back({ref, in.group});
    } else {
      return Unimplemented("{} groups that are not depthwise", conv.group);
    }
    weight.out = out;
    weights_.push_back(weight);
    AddVector(conv.b, out, Role::kZero);
    channels_[conv.y] = out;
    return OkStatus();
  }

  Status FollowGemm(NodeRef ref) {
    AZ_ASSIGN_OR_RETURN(const auto gemm, analysis::GemmOp::From(student_.graph, ref, opset_));
    if (gemm.trans_a) return Unimplemented("transA");
    AZ_RETURN_IF_ERROR(Own(gemm.b));
    AZ_RETURN_IF_ERROR(Own(gemm.c));
    AZ_ASSIGN_OR_RETURN(const Channels in, Of(gemm.a));
    const ir::Shape dims = student_.graph.value(gemm.b).initializer->tensor.dims();
    AddMatrix(gemm.b, in, dims[gemm.trans_b ? 0 : 1], gemm.trans_b ? 0 : 1, gemm.y);
    AddVector(gemm.c, channels_[gemm.y], Role::kZero);
    return OkStatus();
  }

  Status FollowMatMul(NodeRef ref) {
    AZ_ASSIGN_OR_RETURN(const auto matmul, analysis::MatMulOp::From(student_.graph, ref, opset_));
    AZ_RETURN_IF_ERROR(Own(matmul.b));
    AZ_ASSIGN_OR_RETURN(const Channels in, Of(matmul.a));
    const ir::Shape dims = student_.graph.value(matmul.b).initializer->tensor.dims();
    if (dims.size() != 2 || types_.rank(matmul.a) != std::optional<int64_t>(2)) {
      return Unimplemented("a product that is not of two matrices");
    }
    AddMatrix(matmul.b, in, dims[1], 1, matmul.y);
    return OkStatus();
  }

  void AddMatrix(ValueRef value, Channels in, int64_t outputs, size_t out_axis, ValueRef y) {
    const Channels out{NewGroup(outputs), 1};
    Weight weight;
    weight.value = value;
    weight.in = in;
    weight.out = out;
    weight.out_axis = out_axis;
    weight.in_axis = 1 - out_axis;
    weights_.push_back(weight);
    channels_[y] = out;
  }

  // One number for each channel, along `axis` (the last when absent); one for all channels keeps
  // its shape.
  void AddVector(ValueRef value, Channels channels, Role role,
                 std::optional<size_t> axis = std::nullopt) {
    if (!value) return;
    Weight weight;
    weight.value = value;
    const ir::Shape& dims = student_.graph.value(value).initializer->tensor.dims();
    const size_t along = axis.value_or(dims.empty() ? 0 : dims.size() - 1);
    if (along < dims.size() && dims[along] != 1) {
      weight.out = channels;
      weight.out_axis = along;
    }
    weight.role = role;
    weights_.push_back(weight);
  }

  Status FollowNormalization(NodeRef ref) {
    AZ_ASSIGN_OR_RETURN(const auto norm,
                        analysis::BatchNormalizationOp::From(student_.graph, ref, opset_));
    AZ_ASSIGN_OR_RETURN(const Channels in, Of(norm.x));
    for (const ValueRef value : {norm.scale, norm.bias, norm.mean, norm.var})
      AZ_RETURN_IF_ERROR(Own(value));
    AddVector(norm.scale, in, Role::kOne);
    AddVector(norm.bias, in, Role::kZero);
    AddVector(norm.mean, in, Role::kZero);
    AddVector(norm.var, in, Role::kOne);
    channels_[norm.y] = in;
    return OkStatus();
  }

  // Flatten at axis 1, or a Reshape that does the same.
  Status FollowFlat(NodeRef ref) {
    const ir::Node& node = student_.graph.node(ref);
    const ValueRef x = node.inputs[0], y = node.outputs[0];
    const auto found = Of(x);
    const auto before = AxisSize(x), after = AxisSize(y);
    if (!found.ok() || !before || !after || types_.rank(y) != std::optional<int64_t>(2))
      return Keep(ref);
    Channels in = *found;
    const ir::Type& type = types_.type(x);
    int64_t spatial = 1;
    for (size_t i = 2; i < type.shape->size(); ++i) {
      if (!type.shape->at(i).known()) return Keep(ref);
      spatial *= *type.shape->at(i).value;
    }
    if (*before * spatial != *after) return Keep(ref);
    in.factor *= spatial;
    if (node.op_type == "Reshape") {
      AZ_ASSIGN_OR_RETURN(const auto reshape,
                          analysis::ReshapeOp::From(student_.graph, ref, opset_));
      const auto shape = reshape.shape.Constant(student_.graph);
      if (!shape || shape->size() != 2) return Keep(ref);
      if (shape->at(1) != -1) {
        // [N, features]: the number of features follows the channels.
        if (!Own(reshape.shape.input).ok()) return Keep(ref);
        reshapes_.push_back({reshape.shape.input, shape->at(0), in});
      }
    }
    channels_[y] = in;
    return OkStatus();
  }

  Status FollowBinary(NodeRef ref) {
    const ir::Node& node = student_.graph.node(ref);
    std::optional<Channels> tied;
    for (const ValueRef input : node.inputs) {
      const auto constant = analysis::ConstantValue(student_.graph, input);
      if (constant) continue;
      const auto found = Of(input);
      if (!found.ok()) return Keep(ref);
      const Channels in = *found;
      if (!tied) {
        tied = in;
        continue;
      }
      if (tied->factor != in.factor || sizes_[tied->group] != sizes_[in.group]) return Keep(ref);
      Tie(tied->group, in.group);
    }
    if (!tied) return OkStatus();
    for (const ValueRef input : node.inputs) {
      const auto constant = analysis::ConstantValue(student_.graph, input);
      if (!constant || constant->element_count() == 1) continue;
      const ir::Shape& dims = constant->dims();
      // Broadcasting aligns from the right: where axis 1 of the result lies in the constant.
      const int64_t axis =
          static_cast<int64_t>(dims.size()) - types_.rank(node.outputs[0]).value_or(0) + 1;
      const bool bias = axis >= 0 && axis < static_cast<int64_t>(dims.size()) &&
                        dims[static_cast<size_t>(axis)] == constant->element_count();
      if (!bias) return Unimplemented("a constant operand that is not one number for each channel");
      AZ_RETURN_IF_ERROR(Own(input));
      AddVector(input, *tied,
                node.op_type == "Mul" || node.op_type == "Div" ? Role::kOne : Role::kZero,
                static_cast<size_t>(axis));
    }
    channels_[node.outputs[0]] = *tied;
    return OkStatus();
  }

  void Tie(size_t a, size_t b) { parent_[Root(b)] = Root(a); }

  void Decide() {
    std::set<size_t> fixed;
    for (const size_t group : fixed_) fixed.insert(Root(group));
    sizes_after_.resize(sizes_.size());
    for (size_t i = 0; i < sizes_.size(); ++i) {
      const size_t root = Root(i);
      sizes_after_[i] =
          fixed.count(root) > 0
              ? sizes_[root]
              : std::max<int64_t>(
                    1, static_cast<int64_t>(
                           std::ceil(static_cast<double>(sizes_[root]) * options_.width - 1e-9)));
    }
    // The number of groups of a depthwise convolution is its number of channels.
    ir::Editor edit(student_.graph);
    for (const auto& [ref, group] : depthwise_) {
      ir::Attribute attribute;
      attribute.name = "group";
      attribute.value = sizes_after_[group];
      edit.SetAttribute(ref, std::move(attribute));
    }
  }

  void Draw(ir::Editor& edit, const Weight& weight) {
    const Tensor& old = edit.graph().value(weight.value).initializer->tensor;
    ir::Shape dims = old.dims();
    if (weight.out) dims[weight.out_axis] = sizes_after_[weight.out->group] * weight.out->factor;
    int64_t fan_in = weight.fan_in_per_channel;
    if (weight.in) {
      dims[weight.in_axis] = sizes_after_[weight.in->group] * weight.in->factor;
      fan_in *= dims[weight.in_axis];
    }
    const int64_t count = *ir::ElementCount(dims);
    std::vector<float> values(static_cast<size_t>(count), weight.role == Role::kOne ? 1.0f : 0.0f);
    if (weight.role == Role::kKernel) {
      Philox random(options_.seed, stream_++);
      const double deviation = std::sqrt(2.0 / static_cast<double>(fan_in));
      for (float& value : values) value = static_cast<float>(random.NextNormal() * deviation);
    }
    edit.ReplaceInitializer(weight.value, Tensor::Of<float>(dims, values));
  }

  ir::Model student_;
  StudentOptions options_;
  int64_t opset_;
  analysis::TypeTable types_;
  std::map<ValueRef, Channels> channels_;
  std::vector<size_t> parent_;
  std::vector<int64_t> sizes_, sizes_after_;
  std::set<size_t> fixed_;
  std::vector<Weight> weights_;
  struct Flattening {
    ValueRef shape;
    int64_t batch;
    Channels features;
  };
  std::vector<Flattening> reshapes_;
  std::vector<std::pair<NodeRef, size_t>> depthwise_;
  uint64_t stream_ = 0;
};

}  // namespace

StatusOr<ir::Model> MakeStudent(const ir::Model& teacher, const StudentOptions& options) {
  return Narrower(teacher, options).Run();
}

}  // namespace assize::passes::distill
