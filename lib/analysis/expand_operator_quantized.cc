// A node is looked at whole before the first edit: what was added for one that is then left alone
// would be harmless, but would cost. The node itself becomes the last op of its expansion, so that
// nobody who reads its result need know. Tests: tests/engine/operator_quantized_test.cc.
#include "lib/analysis/expand_operator_quantized.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/ir/editor.h"

namespace assize::analysis {
namespace {

using ir::DType;
using ir::NodeRef;
using ir::ValueRef;

bool IsByte(DType dtype) { return dtype == DType::kUint8 || dtype == DType::kInt8; }

// Scale and zero point of a whole tensor; the type of its elements when the zero point tells.
struct Grid {
  ValueRef scale, zero;
  double step = 1;
  DType dtype = DType::kUndefined;
};

// Constant weights and what they mean: one scale and zero point, or one for each channel.
struct Weights {
  ValueRef value, scale, zero;
  ir::Tensor bytes;
  std::vector<double> scales;
  std::vector<int64_t> zeros;
};

class Expander {
 public:
  explicit Expander(ir::Model& model)
      : model_(model), edit_(model.graph), graph_(model.graph), opset_(model.opset().value_or(0)) {}

  int64_t Run() {
    if (opset_ < 10) return 0;
    int64_t count = 0;
    for (const NodeRef ref : graph_.nodes()) {
      if (Expand(ref)) ++count;
    }
    return count;
  }

 private:
  const ir::Node& node(NodeRef ref) const { return graph_.node(ref); }

  bool Expand(NodeRef ref) {
    const ir::Node& n = node(ref);
    if (n.outputs.size() != 1 || !n.outputs[0] || n.has_subgraphs()) return false;
    if (model_.FindFunction(n.domain, n.op_type, n.overload) != nullptr) return false;
    const std::string_view op = n.op_type;
    if (ir::IsMainDomain(n.domain)) {
      if (op == "QLinearConv") return Conv(ref);
      if (op == "QLinearMatMul") return MatMul(ref);
      return false;
    }
    if (n.domain != "com.microsoft") return false;
    if (op == "QLinearAdd") return Pair(ref, "Add");
    if (op == "QLinearMul") return Pair(ref, "Mul");
    if (op == "QLinearSigmoid") return Single(ref, "Sigmoid", {});
    if (op == "QLinearLeakyRelu") return Single(ref, "LeakyRelu", {"alpha"});
    if (op == "QLinearSoftmax") return Softmax(ref);
    if (op == "QLinearGlobalAveragePool") return Single(ref, "GlobalAveragePool", {});
    if (op == "QLinearAveragePool") {
      return Single(
          ref, "AveragePool",
          {"auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"});
    }
    if (op == "QLinearConcat") return Concat(ref);
    if (op == "QLinearWhere") return Where(ref);
    if (op == "QGemm") return Gemm(ref);
    if (op == "DynamicQuantizeMatMul") return DynamicMatMul(ref);
    if (op == "MatMulIntegerToFloat") return MatMulToFloat(ref);
    return false;
  }

  // ---- what a node says

  // A zero point of `count` elements at most, or none; nullopt when it is anything else.
  std::optional<std::vector<int64_t>> Zeros(ValueRef zero, DType& dtype) const {
    if (!zero) return std::vector<int64_t>{0};
    const auto tensor = ConstantValue(graph_, zero);
    if (!tensor || tensor->rank() > 1 || !IsByte(tensor->dtype()) || tensor->element_count() < 1)
      return std::nullopt;
    dtype = tensor->dtype();
    return tensor->ToInts();
  }

  std::optional<std::vector<double>> Scales(ValueRef scale) const {
    const auto tensor = ConstantValue(graph_, scale);
    if (!tensor || tensor->rank() > 1 || tensor->dtype() != DType::kFloat ||
        tensor->element_count() < 1)
      return std::nullopt;
    std::vector<double> values = tensor->ToDoubles();
    for (const double value : values) {
      if (!(value > 0) || !std::isfinite(value)) return std::nullopt;
    }
    return values;
  }

  std::optional<Grid> GridAt(const ir::Node& n, size_t scale, size_t zero) const {
    Grid grid{InputAt(n, scale), InputAt(n, zero)};
    const auto scales = Scales(grid.scale);
    const auto zeros = Zeros(grid.zero, grid.dtype);
    if (!scales || scales->size() != 1 || !zeros || zeros->size() != 1) return std::nullopt;
    grid.step = (*scales)[0];
    return grid;
  }

  // Weights with channels along `axis`, of `rank` dims (0: any).
  std::optional<Weights> WeightsAt(const ir::Node& n, size_t value, size_t scale, size_t zero,
                                   int64_t axis, int64_t rank) const {
    Weights w{InputAt(n, value), InputAt(n, scale), InputAt(n, zero), {}, {}, {}};
    const auto bytes = ConstantValue(graph_, w.value);
    if (!bytes || !IsByte(bytes->dtype()) || bytes->rank() <= axis) return std::nullopt;
    if ((rank != 0 && bytes->rank() != rank) || bytes->element_count() == 0) return std::nullopt;
    DType dtype = bytes->dtype();
    const auto zeros = Zeros(w.zero, dtype);
    const auto scales = Scales(w.scale);
    const auto channels = static_cast<size_t>(bytes->dims()[static_cast<size_t>(axis)]);
    if (!zeros || !scales || dtype != bytes->dtype()) return std::nullopt;
    for (const size_t size : {zeros->size(), scales->size()}) {
      if (size != 1 && size != channels) return std::nullopt;
    }
    w.bytes = *bytes, w.zeros = *zeros, w.scales = *scales;
    return w;
  }

  // ---- what is added

  std::string Fresh(const std::string& base, std::string_view suffix) const {
    return edit_.UniqueName(base + "_" + std::string(suffix));
  }
  const std::string& NameOf(ValueRef value) const { return graph_.value(value).name; }
  ValueRef Constant(const std::string& name, ir::Tensor tensor) {
    return edit_.AddInitializer(edit_.UniqueName(name), std::move(tensor));
  }

  ValueRef Add(NodeRef before, const std::string& op, std::vector<ValueRef> inputs,
               const std::string& result, std::vector<ir::Attribute> attributes = {},
               const std::string& name = "") {
    ir::NodeSpec spec;
    spec.op_type = op;
    spec.name = name;
    spec.inputs = std::move(inputs);
    spec.outputs = {edit_.UniqueName(result)};
    spec.attributes = std::move(attributes);
    return edit_.output(edit_.AddNode(std::move(spec), before));
  }

  // The node that does the work, under the name that the operator had, or else its result's.
  ValueRef AddHead(NodeRef ref, const std::string& op, std::vector<ValueRef> inputs,
                   std::vector<ir::Attribute> attributes = {}) {
    const std::string result = NameOf(node(ref).outputs[0]);
    const std::string name = node(ref).name.empty() ? result : node(ref).name;
    if (!node(ref).name.empty()) edit_.SetNodeName(ref, name + "_result");
    return Add(ref, op, std::move(inputs), result + "_real", std::move(attributes), name);
  }

  void Become(NodeRef ref, const std::string& op, const std::vector<ValueRef>& inputs,
              const std::vector<ir::Attribute>& attributes = {}) {
    const std::vector<ir::Attribute> old = node(ref).attributes;
    for (const ir::Attribute& attribute : old) edit_.RemoveAttribute(ref, attribute.name);
    for (const ir::Attribute& attribute : attributes) edit_.SetAttribute(ref, attribute);
    edit_.SetNodeInputs(ref, inputs);
    edit_.SetOp(ref, op, "");
  }

  // One DequantizeLinear for all that read the same bytes as the same numbers.
  ValueRef Dequantized(NodeRef before, ValueRef value, ValueRef scale, ValueRef zero,
                       std::optional<int64_t> axis = {}) {
    const std::array<uint32_t, 4> key{value.index, scale.index, zero.index,
                                      static_cast<uint32_t>(axis.value_or(-1))};
    ValueRef& known = dequantized_[key];
    if (known) return known;
    std::vector<ValueRef> inputs{value, scale};
    if (zero) inputs.push_back(zero);
    std::vector<ir::Attribute> attributes;
    if (axis) attributes.push_back(MakeAttribute("axis", *axis));
    return known = Add(before, "DequantizeLinear", std::move(inputs),
                       NameOf(value) + "_dequantized", std::move(attributes));
  }
  ValueRef Dequantized(NodeRef before, ValueRef value, const Grid& grid) {
    return Dequantized(before, value, grid.scale, grid.zero);
  }

  // `values` one for each of `channels`, when there is one for all.
  template <typename T>
  static std::vector<T> Spread(std::vector<T> values, size_t channels) {
    if (values.size() == 1) values.assign(channels, values[0]);
    return values;
  }

  // The bytes as int8 around 0, or nullopt when a difference does not fit. Channels along `axis`.
  static std::optional<ir::Tensor> Centred(const Weights& w, int64_t axis) {
    int64_t inner = 1;
    for (int64_t i = axis + 1; i < w.bytes.rank(); ++i)
      inner *= w.bytes.dims()[static_cast<size_t>(i)];
    const int64_t channels = w.bytes.dims()[static_cast<size_t>(axis)];
    const bool is_signed = w.bytes.dtype() == DType::kInt8;
    const std::span<const uint8_t> source = w.bytes.data<uint8_t>();
    std::vector<int8_t> centred(source.size());
    for (size_t i = 0; i < centred.size(); ++i) {
      const size_t channel = static_cast<size_t>(static_cast<int64_t>(i) / inner % channels);
      const int64_t q = is_signed ? static_cast<int8_t>(source[i]) : int64_t{source[i]};
      const int64_t value = q - w.zeros[w.zeros.size() == 1 ? 0 : channel];
      if (value < -128 || value > 127) return std::nullopt;
      centred[i] = static_cast<int8_t>(value);
    }
    return ir::Tensor::Of<int8_t>(w.bytes.dims(), centred);
  }

  static bool IsCentred(const Weights& w) {
    return w.bytes.dtype() == DType::kInt8 &&
           std::all_of(w.zeros.begin(), w.zeros.end(), [](int64_t z) { return z == 0; });
  }

  // The weights as real numbers, from int8 around 0 where that is possible.
  ValueRef Dequantized(NodeRef before, const Weights& w, int64_t axis) {
    const bool per_channel = w.scales.size() != 1;
    const std::optional<int64_t> along = per_channel ? std::optional(axis) : std::nullopt;
    if (IsCentred(w)) return Dequantized(before, w.value, w.scale, {}, along);
    ValueRef& known = centred_[{w.value.index, w.zero.index, axis}];
    if (!known) {
      if (auto tensor = Centred(w, axis))
        known = Constant(NameOf(w.value) + "_centred", *std::move(tensor));
    }
    if (known) return Dequantized(before, known, w.scale, {}, along);
    if (w.zeros.size() == w.scales.size())
      return Dequantized(before, w.value, w.scale, w.zero, along);
    // One of the two is for all channels, and DequantizeLinear wants them alike.
    const auto channels = static_cast<size_t>(w.bytes.dims()[static_cast<size_t>(axis)]);
    const std::vector<double> scales = Spread(w.scales, channels);
    const std::vector<int64_t> zeros = Spread(w.zeros, channels);
    const auto dims = ir::Shape{static_cast<int64_t>(channels)};
    const ValueRef scale =
        Constant(NameOf(w.scale) + "_spread",
                 ir::Tensor::Of<float>(dims, std::vector<float>(scales.begin(), scales.end())));
    const ir::Tensor spread =
        w.bytes.dtype() == DType::kInt8
            ? ir::Tensor::Of<int8_t>(dims, std::vector<int8_t>(zeros.begin(), zeros.end()))
            : ir::Tensor::Of<uint8_t>(dims, std::vector<uint8_t>(zeros.begin(), zeros.end()));
    return Dequantized(before, w.value, scale, Constant(NameOf(w.zero) + "_spread", spread), axis);
  }

  // The node as QuantizeLinear of `real`. `like`: the elements' type where the grid does not tell.
  void Finish(NodeRef ref, ValueRef real, Grid grid, DType like) {
    if (!grid.zero && like == DType::kInt8)
      grid.zero = Constant(NameOf(grid.scale) + "_zero", ir::Tensor::Scalar<int8_t>(0));
    std::vector<ValueRef> inputs{real, grid.scale};
    if (grid.zero) inputs.push_back(grid.zero);
    Become(ref, "QuantizeLinear", inputs);
  }

  // The element type that these grids agree on; undefined when they do not, or none tells.
  static DType Common(const std::vector<Grid>& grids) {
    DType common = DType::kUndefined;
    for (const Grid& grid : grids) {
      if (grid.dtype == DType::kUndefined) continue;
      if (common != DType::kUndefined && common != grid.dtype) return DType::kUndefined;
      common = grid.dtype;
    }
    return common;
  }

  static std::vector<ir::Attribute> Kept(const ir::Node& n,
                                         const std::vector<std::string_view>& names) {
    std::vector<ir::Attribute> kept;
    for (const ir::Attribute& attribute : n.attributes) {
      if (std::find(names.begin(), names.end(), attribute.name) != names.end())
        kept.push_back(attribute);
    }
    return kept;
  }

  // ---- one op each; false: nothing was done

  // a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero.
  bool Pair(NodeRef ref, const std::string& op) {
    const ir::Node& n = node(ref);
    const auto a = GridAt(n, 1, 2), b = GridAt(n, 4, 5), c = GridAt(n, 6, 7);
    const ValueRef x = InputAt(n, 0), y = InputAt(n, 3);
    if (!a || !b || !c || !x || !y) return false;
    const DType dtype = Common({*a, *b, *c});
    if (dtype == DType::kUndefined) return false;
    const ValueRef left = Dequantized(ref, x, *a), right = Dequantized(ref, y, *b);
    Finish(ref, AddHead(ref, op, {left, right}), *c, dtype);
    return true;
  }

  // x, x_scale, x_zero, y_scale, y_zero.
  bool Single(NodeRef ref, const std::string& op, const std::vector<std::string_view>& attributes,
              std::vector<ir::Attribute> more = {}) {
    const ir::Node& n = node(ref);
    const auto from = GridAt(n, 1, 2), to = GridAt(n, 3, 4);
    const ValueRef x = InputAt(n, 0);
    AttributeReader read(graph_, ref);
    const bool last = read.Int("channels_last", 0) != 0;
    if (!from || !to || !x || last || !read.status().ok()) return false;
    const DType dtype = Common({*from, *to});
    if (dtype == DType::kUndefined) return false;
    std::vector<ir::Attribute> kept = Kept(n, attributes);
    kept.insert(kept.end(), more.begin(), more.end());
    const ValueRef real = Dequantized(ref, x, *from);
    Finish(ref, AddHead(ref, op, {real}, std::move(kept)), *to, dtype);
    return true;
  }

  // Attribute `opset` says which Softmax: below 13 all dims from `axis` on are one row, which on
  // the last dim makes no difference.
  bool Softmax(NodeRef ref) {
    AttributeReader read(graph_, ref);
    const int64_t axis = read.Int("axis", -1), version = read.Int("opset", 13);
    if (!read.status().ok() || (axis < 0 && opset_ < 11)) return false;
    if (axis != -1 && (version < 13) != (opset_ < 13)) return false;
    return Single(ref, "Softmax", {}, {MakeAttribute("axis", axis)});
  }

  // y_scale, y_zero, then x, x_scale, x_zero for each operand.
  bool Concat(NodeRef ref) {
    const ir::Node& n = node(ref);
    const auto to = GridAt(n, 0, 1);
    const std::vector<ValueRef> given = n.inputs;
    if (!to || to->dtype == DType::kUndefined || given.size() < 5 || given.size() % 3 != 2)
      return false;
    std::vector<Grid> grids;
    for (size_t i = 2; i < given.size(); i += 3) {
      const auto grid = GridAt(n, i + 1, i + 2);
      if (!grid || !given[i]) return false;
      grids.push_back(*grid);
    }
    std::vector<ir::Attribute> axis = Kept(n, {"axis"});
    if (axis.empty()) return false;
    std::vector<ValueRef> reals;
    for (size_t i = 2; i < given.size(); i += 3)
      reals.push_back(Dequantized(ref, given[i], grids[i / 3]));
    Finish(ref, AddHead(ref, "Concat", reals, std::move(axis)), *to, to->dtype);
    return true;
  }

  // condition, x, x_scale, x_zero, y, y_scale, y_zero, z_scale, z_zero.
  bool Where(NodeRef ref) {
    const ir::Node& n = node(ref);
    const auto a = GridAt(n, 2, 3), b = GridAt(n, 5, 6), c = GridAt(n, 7, 8);
    const ValueRef condition = InputAt(n, 0), x = InputAt(n, 1), y = InputAt(n, 4);
    if (!a || !b || !c || !condition || !x || !y) return false;
    const DType dtype = Common({*a, *b, *c});
    if (dtype == DType::kUndefined) return false;
    const ValueRef left = Dequantized(ref, x, *a), right = Dequantized(ref, y, *b);
    Finish(ref, AddHead(ref, "Where", {condition, left, right}), *c, dtype);
    return true;
  }

  // x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, b (int32, scale x_scale * w_scale).
  bool Conv(NodeRef ref) {
    const ir::Node& n = node(ref);
    const auto from = GridAt(n, 1, 2), to = GridAt(n, 6, 7);
    const auto w = WeightsAt(n, 3, 4, 5, 0, 0);
    const ValueRef x = InputAt(n, 0), b = InputAt(n, 8);
    if (!from || !to || to->dtype == DType::kUndefined || !w || !x) return false;
    if (w->bytes.rank() < 3) return false;
    const int64_t channels = w->bytes.dims()[0];
    std::optional<ir::Tensor> bias;
    if (b) {
      const auto known = ConstantValue(graph_, b);
      if (!known || known->dtype() != DType::kInt32 || known->dims() != ir::Shape{channels})
        return false;
      bias = RealBias(*known, from->step, w->scales, known->dims());
    }
    std::vector<ir::Attribute> kept =
        Kept(n, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
    if (!IsCentred(*w) && !Centred(*w, 0)) {
      ir::Shape dims(w->bytes.dims().size(), 1);
      dims[1] = channels;
      const ValueRef sums =
          AddHead(ref, "ConvInteger", {x, w->value, from->zero, w->zero}, std::move(kept));
      ValueRef real =
          ScaledSums(ref, sums, from->step, Spread(w->scales, static_cast<size_t>(channels)), dims);
      if (bias) {
        const ValueRef shift = Constant(NameOf(b) + "_real", bias->Reshaped(dims));
        real = Add(ref, "Add", {real, shift}, NameOf(sums) + "_biased");
      }
      Finish(ref, real, *to, to->dtype);
      return true;
    }
    std::vector<ValueRef> inputs{Dequantized(ref, x, *from), Dequantized(ref, *w, 0)};
    if (bias) inputs.push_back(Constant(NameOf(b) + "_real", *std::move(bias)));
    Finish(ref, AddHead(ref, "Conv", inputs, std::move(kept)), *to, to->dtype);
    return true;
  }

  // Exact sums of the bytes as they are, at scale step * scales[i]; the scales are of shape `dims`.
  ValueRef ScaledSums(NodeRef before, ValueRef sums, double step, const std::vector<double>& scales,
                      const ir::Shape& dims) {
    std::vector<float> products;
    for (const double scale : scales) products.push_back(static_cast<float>(step * scale));
    const ValueRef scale = Constant(NameOf(sums) + "_scale", ir::Tensor::Of<float>(dims, products));
    return Add(before, "Mul", {Float(before, sums), scale}, NameOf(sums) + "_scaled");
  }

  // Integers at scale step * scales[c], c the last index, as numbers of shape `dims`.
  static ir::Tensor RealBias(const ir::Tensor& bias, double step, const std::vector<double>& scales,
                             const ir::Shape& dims) {
    const std::vector<int64_t> values = bias.ToInts();
    std::vector<float> real(static_cast<size_t>(ir::ElementCount(dims).value_or(0)));
    for (size_t i = 0; i < real.size(); ++i) {
      const auto value = static_cast<double>(values[values.size() == 1 ? 0 : i]);
      real[i] = static_cast<float>(value * (step * scales[i % scales.size()]));
    }
    return ir::Tensor::Of<float>(dims, real);
  }

  // a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero.
  bool MatMul(NodeRef ref) {
    const ir::Node& n = node(ref);
    const auto from = GridAt(n, 1, 2), to = GridAt(n, 6, 7);
    const ValueRef a = InputAt(n, 0), b = InputAt(n, 3);
    if (!from || !to || to->dtype == DType::kUndefined || !a || !b) return false;
    if (const auto w = WeightsAt(n, 3, 4, 5, 1, 2)) {
      if (IsCentred(*w) || Centred(*w, 1)) {
        const ValueRef left = Dequantized(ref, a, *from), right = Dequantized(ref, *w, 1);
        Finish(ref, AddHead(ref, "MatMul", {left, right}), *to, to->dtype);
        return true;
      }
      const ValueRef sums = AddHead(ref, "MatMulInteger", {a, b, from->zero, w->zero});
      const auto count = static_cast<int64_t>(w->scales.size());
      const ValueRef real =
          ScaledSums(ref, sums, from->step, w->scales, count == 1 ? ir::Shape{} : ir::Shape{count});
      Finish(ref, real, *to, to->dtype);
      return true;
    }
    const auto of_b = GridAt(n, 4, 5);
    if (!of_b) return false;
    const ValueRef left = Dequantized(ref, a, *from), right = Dequantized(ref, b, *of_b);
    Finish(ref, AddHead(ref, "MatMul", {left, right}), *to, to->dtype);
    return true;
  }

  ValueRef Float(NodeRef before, ValueRef value) {
    return Add(before, "Cast", {value}, NameOf(value) + "_float",
               {MakeAttribute("to", static_cast<int64_t>(DType::kFloat))});
  }

  // a, a_scale, a_zero, b, b_scale, b_zero, c (int32, scale alpha * a_scale * b_scale), y_scale,
  // y_zero; without y_scale the result is float.
  bool Gemm(NodeRef ref) {
    const ir::Node& n = node(ref);
    AttributeReader read(graph_, ref);
    const int64_t axis = read.Int("transB", 0) != 0 ? 0 : 1;
    const double alpha = static_cast<double>(read.Float("alpha", 1.0f));
    const auto from = GridAt(n, 1, 2);
    const auto w = WeightsAt(n, 3, 4, 5, axis, 2);
    const ValueRef a = InputAt(n, 0), c = InputAt(n, 6);
    const bool quantized = static_cast<bool>(InputAt(n, 7));
    if (!read.status().ok() || !from || !w || !a) return false;
    if (quantized != static_cast<bool>(InputAt(n, 8))) return false;
    const auto to = quantized ? GridAt(n, 7, 8) : std::optional<Grid>(Grid{});
    if (!to || (!c && opset_ < 11)) return false;
    std::optional<ir::Tensor> bias;
    if (c) {
      const int64_t columns = w->bytes.dims()[static_cast<size_t>(axis)];
      const auto known = ConstantValue(graph_, c);
      if (!known || known->dtype() != DType::kInt32 || known->rank() > 2) return false;
      const bool row = known->element_count() == columns && known->dims().back() == columns;
      if (!row && known->element_count() != 1) return false;
      bias = RealBias(*known, alpha * from->step, w->scales, {columns});
    }
    std::vector<ir::Attribute> kept = Kept(n, {"alpha", "transA", "transB"});
    std::vector<ValueRef> inputs{Dequantized(ref, a, *from), Dequantized(ref, *w, axis)};
    if (bias) inputs.push_back(Constant(NameOf(c) + "_real", *std::move(bias)));
    if (quantized) {
      Finish(ref, AddHead(ref, "Gemm", inputs, std::move(kept)), *to, to->dtype);
    } else {
      Become(ref, "Gemm", inputs, kept);
    }
    return true;
  }

  // Constant B [K, N] for a float result; its scale may be zero, as of a column of zeros.
  bool IsFloatWeights(const ir::Node& n, size_t scale, size_t zero) const {
    const auto b = ConstantValue(graph_, InputAt(n, 1));
    const auto s = ConstantValue(graph_, InputAt(n, scale));
    if (!b || b->rank() != 2 || !IsByte(b->dtype()) || !s || s->dtype() != DType::kFloat)
      return false;
    if (s->rank() > 1 || (s->element_count() != 1 && s->element_count() != b->dims()[1]))
      return false;
    DType dtype = b->dtype();
    const auto zeros = Zeros(InputAt(n, zero), dtype);
    return zeros && dtype == b->dtype() &&
           (zeros->size() == 1 || static_cast<int64_t>(zeros->size()) == b->dims()[1]);
  }

  // Float(MatMulInteger(q, b)) * (q_scale * b_scale) + bias, the node its last op.
  void Scaled(NodeRef ref, const std::array<ValueRef, 4>& operands, ValueRef q_scale,
              ValueRef b_scale, ValueRef bias) {
    const ValueRef sums = AddHead(ref, "MatMulInteger", {operands.begin(), operands.end()});
    const ValueRef real = Float(ref, sums);
    const ValueRef scale = Add(ref, "Mul", {q_scale, b_scale}, NameOf(sums) + "_scale");
    if (!bias) return Become(ref, "Mul", {real, scale});
    Become(ref, "Add", {Add(ref, "Mul", {real, scale}, NameOf(sums) + "_scaled"), bias});
  }

  bool IsBias(ValueRef bias, int64_t columns) const {
    if (!bias) return true;
    const auto known = ConstantValue(graph_, bias);
    return known && known->dtype() == DType::kFloat && known->dims() == ir::Shape{columns};
  }

  // a (float), b, b_scale, b_zero, bias.
  bool DynamicMatMul(NodeRef ref) {
    const ir::Node& n = node(ref);
    const ValueRef a = InputAt(n, 0), b = InputAt(n, 1);
    if (opset_ < 11 || !a || !IsFloatWeights(n, 2, 3)) return false;
    const ValueRef scale = InputAt(n, 2), zero = InputAt(n, 3), bias = InputAt(n, 4);
    if (!IsBias(bias, ConstantValue(graph_, b)->dims()[1])) return false;
    std::array<ValueRef, 3>& q = ranges_[a.index];
    if (!q[0]) {
      ir::NodeSpec spec;
      spec.op_type = "DynamicQuantizeLinear";
      spec.inputs = {a};
      const std::string name = NameOf(a);
      spec.outputs = {Fresh(name, "quantized"), Fresh(name, "scale"), Fresh(name, "zero_point")};
      const NodeRef added = edit_.AddNode(std::move(spec), ref);
      for (size_t i = 0; i < q.size(); ++i) q[i] = edit_.output(added, i);
    }
    Scaled(ref, {q[0], b, q[2], zero}, q[1], scale, bias);
    return true;
  }

  // One element of at most one dim, whoever computes it.
  bool IsScalar(ValueRef value) const {
    if (const auto known = ConstantValue(graph_, value))
      return known->element_count() == 1 && known->rank() <= 1;
    const ir::Value& v = graph_.value(value);
    if (!v.producer) return v.type.is_tensor() && v.type.shape && v.type.shape->empty();
    return ir::IsMainDomain(node(v.producer).domain) &&
           node(v.producer).op_type == "DynamicQuantizeLinear" && v.output_index > 0;
  }

  // a, b, a_scale, b_scale, a_zero, b_zero, bias.
  bool MatMulToFloat(NodeRef ref) {
    const ir::Node& n = node(ref);
    const ValueRef a = InputAt(n, 0), b = InputAt(n, 1), a_scale = InputAt(n, 2);
    const ValueRef b_scale = InputAt(n, 3), a_zero = InputAt(n, 4), b_zero = InputAt(n, 5);
    if (!a || !a_scale || !IsFloatWeights(n, 3, 5) || !IsScalar(a_scale)) return false;
    if (a_zero && !IsScalar(a_zero)) return false;
    const ValueRef bias = InputAt(n, 6);
    if (!IsBias(bias, ConstantValue(graph_, b)->dims()[1])) return false;
    Scaled(ref, {a, b, a_zero, b_zero}, a_scale, b_scale, bias);
    return true;
  }

  ir::Model& model_;
  ir::Editor edit_;
  const ir::Graph& graph_;
  const int64_t opset_;
  std::map<std::array<uint32_t, 4>, ValueRef> dequantized_;
  std::map<std::array<int64_t, 3>, ValueRef> centred_;  // by bytes, zero point, axis
  std::map<uint32_t, std::array<ValueRef, 3>> ranges_;  // by float: bytes, scale, zero point
};

}  // namespace

int64_t ExpandOperatorQuantized(ir::Model& model) { return Expander(model).Run(); }

}  // namespace assize::analysis
