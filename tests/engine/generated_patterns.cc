// The families of several nodes: quantized layers, normalization and attention as exporters write
// them, control flow.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/engine/generated_graphs.h"

namespace assize::engine {

using ir::DType;

Item Generator::Quantize(const Item& x, Item* scale, Item* zero) {
  if (!x.known()) return {};
  DType dtype = e_.Of(std::vector<DType>{DType::kUint8, DType::kInt8});
  if (e_.OneIn(16) && opset_ >= 21)
    dtype = e_.Of(std::vector<DType>{DType::kInt16, DType::kUint16, DType::kInt4});
  float step = e_.Of(std::vector<float>{0.05f, 0.03125f, 0.1f, 0.5f, 0.007f});
  if (wild_ && e_.OneIn(16)) {
    step = e_.Of(std::vector<float>{0, -0.05f, std::numeric_limits<float>::quiet_NaN(), 1e-42f,
                                    3e38f, std::numeric_limits<float>::infinity()});
  }
  const int point = dtype == DType::kUint8 ? e_.Of(std::vector<int>{128, 0, 100, 255})
                                           : e_.Of(std::vector<int>{0, 3, -128, 127});
  // Per channel where an axis fits, now and then; its zero points are those of the element type.
  ir::Shape dims;
  Attributes attributes;
  if (x.rank() >= 2 && e_.OneIn(12)) {
    const int64_t axis = e_.Below(static_cast<uint32_t>(x.rank()));
    dims = {x.dims()[static_cast<size_t>(axis)]};
    attributes = {IntOf("axis", axis)};
  }
  const int64_t count = ir::ElementCount(dims).value_or(1);
  std::vector<float> scales(static_cast<size_t>(count), step);
  for (size_t i = 1; i < scales.size(); ++i) scales[i] *= static_cast<float>(1 + i % 3);
  ir::Tensor zeros = ir::Tensor::Zeros(dtype, dims);
  if (dtype == DType::kUint8)
    zeros = ir::Tensor::Of<uint8_t>(
        dims, std::vector<uint8_t>(static_cast<size_t>(count), static_cast<uint8_t>(point)));
  if (dtype == DType::kInt8)
    zeros = ir::Tensor::Of<int8_t>(
        dims, std::vector<int8_t>(static_cast<size_t>(count), static_cast<int8_t>(point)));
  *scale = e_.OneIn(16) ? Source(ir::Tensor::Of<float>(dims, scales))
                        : Fixed(ir::Tensor::Of<float>(dims, scales));
  *zero = e_.OneIn(16) ? Source(zeros) : Fixed(zeros);
  return Add("QuantizeLinear", {x, *scale, *zero}, attributes);
}

Item Generator::QuantizedPair(const Item& x) {
  Item scale, zero;
  const Item q = Quantize(x, &scale, &zero);
  if (!q.known()) return {};
  Attributes attributes;
  const auto producer = made_.model.graph.value(q.ref).producer;
  if (producer) {
    for (const ir::Attribute& attribute : made_.model.graph.node(producer).attributes)
      attributes.push_back(attribute);
  }
  if (e_.OneIn(24)) scale = Fixed(ir::Tensor::Scalar<float>(0.0625f));  // another grid
  return Add("DequantizeLinear", {q, scale, zero}, attributes);
}

Item Generator::QuantizedWeights(const ir::Shape& dims, int64_t axis) {
  const DType dtype = e_.OneIn(5) ? DType::kUint8 : DType::kInt8;
  const bool per_channel = e_.OneIn(2);
  const int64_t channels = per_channel ? dims[static_cast<size_t>(axis)] : 1;
  const ir::Shape scale_dims = per_channel ? ir::Shape{channels} : ir::Shape{};
  std::vector<float> scales(static_cast<size_t>(channels));
  for (float& scale : scales) scale = 0.002f * static_cast<float>(1 + e_.Below(8));
  if (wild_ && e_.OneIn(16) && !scales.empty())
    scales[0] = e_.Of(std::vector<float>{0, -0.01f, 1e-42f, 1e30f});
  const Item w = e_.OneIn(16) ? Source(Elements(dtype, dims)) : Fixed(Elements(dtype, dims));
  Items inputs = {w, Fixed(ir::Tensor::Of<float>(scale_dims, scales))};
  if (!e_.OneIn(4)) {
    ir::Tensor zeros = ir::Tensor::Zeros(dtype, scale_dims);
    if (e_.OneIn(6)) zeros = Elements(dtype, scale_dims);
    inputs.push_back(Fixed(zeros));
  }
  Attributes attributes;
  if (per_channel) attributes.push_back(IntOf("axis", axis));
  return Add("DequantizeLinear", inputs, attributes);
}

// Between grids: a contraction, a sum, a pool, a movement; then an activation, and the next grid.
void Generator::QuantizedLayer() {
  const Item x = QuantizedPair(e_.OneIn(3) ? PickFloat(1, 5) : PickImage());
  if (!x.known()) return;
  Item y;
  switch (e_.Below(8)) {
    case 0:
    case 1:
    case 2:
      y = Contraction(x, true);
      break;
    case 3:
      y = BinaryOf(x, true);
      break;
    case 4:
      y = PoolOf(x);
      break;
    case 5:
      y = ConcatOf(x, true);
      break;
    case 6:
      y = e_.OneIn(2) ? ReduceOf(x) : UnaryOf(x);
      break;
    default:
      y = ShapingOf(x);
      break;
  }
  if (!y.known() || y.dtype() != DType::kFloat) return;
  if (e_.OneIn(4) && y.rank() > 0) {  // a residual
    const Item other = QuantizedPair(Pick(
        [&](const ir::Tensor& t) { return t.dtype() == DType::kFloat && t.dims() == y.dims(); },
        [&] { return y.dims(); }));
    if (other.known()) y = Add("Add", {y, other});
  }
  if (e_.OneIn(2))
    y = Add("Relu", {y});
  else if (e_.OneIn(4))
    y = UnaryOf(y);
  if (!e_.OneIn(5)) QuantizedPair(y);
}

void Generator::IntegerOps() {
  const DType a_type = e_.OneIn(2) ? DType::kUint8 : DType::kInt8;
  const auto scalar = [&](float value) { return Fixed(ir::Tensor::Scalar<float>(value)); };
  switch (e_.Below(7)) {
    case 0: {
      const int64_t inner = 1 + e_.Below(9);
      Items inputs = {Fresh(a_type, {3, inner}), Fresh(DType::kInt8, {inner, 5})};
      if (e_.OneIn(2)) inputs.push_back(Fresh(a_type, {}));
      if (e_.OneIn(2) && inputs.size() == 3)
        inputs.push_back(Fresh(DType::kInt8, e_.OneIn(2) ? ir::Shape{5} : ir::Shape{}));
      Add("MatMulInteger", inputs);
      return;
    }
    case 1: {
      Items inputs = {Fresh(a_type, {1, 2, 5, 5}), Fresh(DType::kInt8, {3, 2, 3, 3})};
      if (e_.OneIn(2)) inputs.push_back(Fresh(a_type, {}));
      Add("ConvInteger", inputs, {IntsOf("pads", {1, 1, 1, 1})});
      return;
    }
    case 2: {
      const Item za = Fresh(a_type, {}), zb = Fresh(DType::kInt8, {}), zy = Fresh(a_type, {});
      Add("QLinearMatMul", {Fresh(a_type, {4, 6}), scalar(0.05f), za, Fresh(DType::kInt8, {6, 3}),
                            scalar(0.01f), zb, scalar(0.1f), zy});
      return;
    }
    case 3: {
      const Item zx = Fresh(a_type, {}), zw = Fixed(ir::Tensor::Scalar<int8_t>(0)),
                 zy = Fresh(a_type, {});
      Add("QLinearConv",
          {Fresh(a_type, {1, 4, 6, 6}), scalar(0.05f), zx, Fresh(DType::kInt8, {8, 4, 3, 3}),
           scalar(0.01f), zw, scalar(0.1f), zy},
          {IntsOf("pads", {1, 1, 1, 1})});
      return;
    }
    case 4: {
      const Items q = AddNode("DynamicQuantizeLinear", {PickFloat(1, 4)}, {}, 3);
      if (q[0].known()) Add("DequantizeLinear", {q[0], q[1], q[2]});
      return;
    }
    case 5: {
      const Item x = PickFloat(2, 3);
      if (!x.known()) return;
      const int64_t inner = x.dims().back();
      AddNode("DynamicQuantizeMatMul", {x, Fresh(DType::kInt8, {inner, 4}), scalar(0.02f)}, {}, 1,
              "com.microsoft");
      return;
    }
    default: {
      const Item x = PickFloat(1, 4);
      AddNode(
          e_.Of(std::vector<std::string>{"Gelu", "FastGelu", "QuickGelu", "BiasGelu",
                                         "SkipLayerNormalization"}),
          x.known() && x.rank() > 0 && e_.OneIn(2) ? Items{x, Floats({x.dims().back()})} : Items{x},
          {}, 1, "com.microsoft");
      return;
    }
  }
}

void Generator::LayerNormPattern() {
  Item x = PickFloat(2, 4);
  if (!x.known()) return;
  if (e_.OneIn(2)) {
    x = Add("Add", {x, Pick(
                           [&](const ir::Tensor& t) {
                             return t.dtype() == DType::kFloat && t.dims() == x.dims();
                           },
                           [&] { return x.dims(); })});
    if (!x.known()) return;
  }
  const int64_t width = x.dims().back();
  const auto mean_of = [&](const Item& v) {
    if (opset_ >= 18) return Add("ReduceMean", {v, IntsInput({-1})});
    return Add("ReduceMean", {v}, {IntsOf("axes", {-1})});
  };
  const Item centered = Add("Sub", {x, mean_of(x)});
  const Item square =
      e_.OneIn(2)
          ? Add("Mul", {centered, centered})
          : Add("Pow", {centered, Fixed(ir::Tensor::Scalar<float>(e_.OneIn(8) ? 3.0f : 2.0f))});
  const Item variance = mean_of(square);
  const Item root = Add("Sqrt", {Add("Add", {variance, Fixed(ir::Tensor::Scalar<float>(1e-5f))})});
  Item y = Add("Div", {centered, root});
  if (!y.known()) return;
  const ir::Shape dims = e_.OneIn(8) ? ir::Shape{1} : ir::Shape{width};
  y = e_.OneIn(3) ? Add("Mul", {Floats(dims), y}) : Add("Mul", {y, Floats(dims)});
  if (y.known()) Add("Add", {y, Floats(dims)});
}

void Generator::GeluPattern() {
  const Item x = PickFloat(1, 4);
  if (!x.known()) return;
  const auto number = [&](float value) { return Fixed(ir::Tensor::Scalar<float>(value)); };
  if (e_.OneIn(2)) {
    const Item cubed = Add("Pow", {x, number(3)});
    const Item inner =
        Add("Mul", {Add("Add", {x, Add("Mul", {cubed, number(0.044715f)})}), number(0.7978846f)});
    const Item one = Add("Add", {Add("Tanh", {inner}), number(1)});
    Add("Mul", {Add("Mul", {x, number(0.5f)}), one});
    return;
  }
  const Item erf = Add("Erf", {Add("Div", {x, number(e_.OneIn(8) ? 1.5f : 1.4142135f)})});
  const Item twice = Add("Mul", {x, Add("Add", {erf, number(1)})});
  Add("Mul", {twice, number(0.5f)});
}

void Generator::AttentionPattern() {
  const int64_t heads = 1 + e_.Below(3), width = e_.Of(std::vector<int64_t>{4, 1, 3, 8, 16});
  const int64_t length = 1 + e_.Below(9), batch = 1 + e_.Below(2), hidden = heads * width;
  const Item x = Pick(
      [&](const ir::Tensor& t) {
        return t.dtype() == DType::kFloat && t.dims() == ir::Shape{batch, length, hidden};
      },
      [&] { return ir::Shape{batch, length, hidden}; });
  if (!x.known()) return;
  const bool quantized = e_.OneIn(3);
  const auto grid = [&](const Item& v) { return quantized ? QuantizedPair(v) : v; };
  const auto head = [&](std::vector<int64_t> order) {
    const Item w = quantized ? QuantizedWeights({hidden, hidden}, 1) : Floats({hidden, hidden});
    Item y = Add("MatMul", {grid(x), w});
    if (y.known() && e_.OneIn(2)) y = Add("Add", {y, Floats({hidden})});
    y = grid(y);
    y = Add("Reshape", {y, IntsInput({e_.OneIn(2) ? 0 : batch, -1, heads, width})});
    return Add("Transpose", {y}, {IntsOf("perm", std::move(order))});
  };
  const Item q = head({0, 2, 1, 3}), k = head({0, 2, 3, 1}), v = head({0, 2, 1, 3});
  if (!q.known() || !k.known() || !v.known()) return;
  Item scores = Add("MatMul", {q, k});
  if (e_.OneIn(2))
    scores = Add(e_.OneIn(2) ? "Mul" : "Div",
                 {scores, Fixed(ir::Tensor::Scalar<float>(e_.OneIn(4) ? 3.0f : 0.5f))});
  if (!scores.known()) return;
  if (e_.OneIn(2)) {
    scores =
        Add("Add",
            {scores,
             Floats(e_.Of(std::vector<ir::Shape>{
                 {batch, 1, 1, length}, {length, length}, {1}, {batch, heads, length, length}}))});
  }
  const Item shares =
      Add("Softmax", {scores}, {IntOf("axis", opset_ < 13 || e_.OneIn(2) ? 3 : -1)});
  Item y = Add("MatMul", {grid(shares), grid(v)});
  if (!y.known()) return;
  y = Add("Transpose", {y}, {IntsOf("perm", {0, 2, 1, 3})});
  if (y.known()) Add("Reshape", {y, IntsInput({batch, e_.OneIn(2) ? length : -1, hidden})});
}

// Shapes computed in the graph, as exporters write a view.
void Generator::ShapeChain() {
  const Item x = PickFloat(1, 5);
  if (!x.known()) return;
  const Item shape = Add("Shape", {x});
  if (!shape.known()) return;
  const int64_t at = e_.Below(static_cast<uint32_t>(x.rank()));
  Item dim =
      Add("Gather", {shape, Fixed(ir::Tensor::Scalar<int64_t>(Int(at)))}, {IntOf("axis", 0)});
  if (!dim.known()) return;
  if (e_.OneIn(3))
    dim = Add(e_.OneIn(2) ? "Mul" : "Add",
              {dim, Fixed(ir::Tensor::Scalar<int64_t>(Int(1 + e_.Below(3))))});
  Item row = opset_ >= 13 ? Add("Unsqueeze", {dim, IntsInput({0})})
                          : Add("Unsqueeze", {dim}, {IntsOf("axes", {0})});
  if (!row.known()) return;
  const Item target = Add("Concat", {row, IntsInput({-1})}, {IntOf("axis", 0)});
  switch (e_.Below(4)) {
    case 0:
      Add("Expand", {Floats({1, 3}), row});
      break;
    case 1:
      Add("ConstantOfShape", {row});
      break;
    case 2: {
      const Item zero = Fixed(ir::Tensor::Scalar<int64_t>(0)),
                 one = Fixed(ir::Tensor::Scalar<int64_t>(1));
      Add("Range", {zero, dim, one});
      break;
    }
    default:
      Add("Reshape", {x, target});
      break;
  }
}

void Generator::Recurrent() {
  const Item x =
      Pick([](const ir::Tensor& t) { return t.dtype() == DType::kFloat && t.rank() == 3; },
           [&] { return Dims(3, 3); });
  if (!x.known()) return;
  const std::string op = e_.Of(std::vector<std::string>{"LSTM", "GRU", "RNN"});
  const int64_t gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1, hidden = 1 + e_.Below(6);
  const bool both = e_.OneIn(4);
  const int64_t directions = both ? 2 : 1, width = x.dims()[2], batch = x.dims()[1];
  if (gates * hidden * width > 2048) return;
  Items inputs = {x, Floats({directions, gates * hidden, width}),
                  Floats({directions, gates * hidden, hidden})};
  if (e_.OneIn(2)) {
    inputs.push_back(Floats({directions, 2 * gates * hidden}));
    if (e_.OneIn(3)) {
      std::vector<int32_t> lengths(static_cast<size_t>(batch),
                                   static_cast<int32_t>(Int(x.dims()[0])));
      inputs.push_back(Source(ir::Tensor::Of<int32_t>({batch}, lengths)));
      if (e_.OneIn(2)) inputs.push_back(Floats({directions, batch, hidden}));
    }
  }
  Attributes attributes = {IntOf("hidden_size", hidden)};
  if (both)
    attributes.push_back(Named("direction", std::string("bidirectional")));
  else if (e_.OneIn(4))
    attributes.push_back(Named("direction", std::string("reverse")));
  if (op == "GRU" && e_.OneIn(2)) attributes.push_back(IntOf("linear_before_reset", 1));
  if (e_.OneIn(8)) attributes.push_back(IntOf("layout", 1));
  AddNode(op, inputs, attributes, op == "LSTM" ? 3 : 2);
}

ir::GraphBox Generator::Body(const std::function<void(ir::Editor&)>& build) {
  ir::Graph body;
  ir::Editor edit(body);
  edit.SetName(NewName("body"));
  build(edit);
  return ir::GraphBox(std::move(body));
}

void Generator::ControlFlow() {
  const Item x = PickFloat(1, 3);
  if (!x.known()) return;
  const std::string outer = Name(x);
  const std::string unary = e_.Of(std::vector<std::string>{"Relu", "Neg", "Sigmoid", "Abs"});
  const auto apply = [&](ir::Editor& edit, const std::string& op,
                         const std::vector<ir::ValueRef>& inputs) {
    ir::NodeSpec spec;
    spec.op_type = op;
    spec.inputs = inputs;
    spec.outputs = {NewName("b")};
    return edit.output(edit.AddNode(std::move(spec)));
  };
  const uint32_t kind = e_.Below(4);
  if (kind <= 1) {
    const Item condition = Source(ir::Tensor::Scalar<bool>(e_.OneIn(2)));
    Attributes attributes;
    for (const char* branch : {"then_branch", "else_branch"}) {
      attributes.push_back(
          Named(branch, Body([&](ir::Editor& edit) {
                  ir::ValueRef y =
                      apply(edit, branch[0] == 't' ? unary : "Exp", {edit.AddCapture(outer)});
                  if (e_.OneIn(3))
                    y = apply(edit, "Add",
                              {y, edit.AddInitializer(NewName("k"), Elements(DType::kFloat, {1}))});
                  edit.AddOutput(y);
                })));
    }
    Add("If", {condition}, attributes);
    return;
  }
  if (kind == 2) {
    const int64_t trips = e_.Below(5);
    const bool scan = e_.OneIn(2);
    Attributes attributes = {Named(
        "body", Body([&](ir::Editor& edit) {
          edit.AddInput(NewName("i"), ir::Type::TensorOf(DType::kInt64, std::vector<int64_t>{}));
          const ir::ValueRef go = edit.AddInput(
              NewName("go"), ir::Type::TensorOf(DType::kBool, std::vector<int64_t>{}));
          const ir::ValueRef state = edit.AddInput(NewName("s"), ir::Type::TensorOf(DType::kFloat));
          const ir::ValueRef next =
              apply(edit, e_.OneIn(4) ? "Concat" : "Add", {state, edit.AddCapture(outer)});
          edit.AddOutput(apply(edit, "Identity", {go}));
          edit.AddOutput(next);
          if (scan) edit.AddOutput(apply(edit, unary, {next}));
        }))};
    const Item count = Source(ir::Tensor::Scalar<int64_t>(trips)),
               go = Source(ir::Tensor::Scalar<bool>(true));
    AddNode("Loop", {count, go, x}, attributes, scan ? 2 : 1);
    return;
  }
  const ir::Shape row(x.dims().begin() + 1, x.dims().end());
  const Item state = Floats(row);
  Attributes attributes = {
      Named("body", Body([&](ir::Editor& edit) {
              const ir::ValueRef s = edit.AddInput(NewName("s"), ir::Type::TensorOf(DType::kFloat));
              const ir::ValueRef r = edit.AddInput(NewName("r"), ir::Type::TensorOf(DType::kFloat));
              const ir::ValueRef sum = apply(edit, "Add", {s, r});
              edit.AddOutput(sum);
              edit.AddOutput(apply(edit, unary, {sum}));
            })),
      IntOf("num_scan_inputs", 1)};
  AddNode("Scan", {state, x}, attributes, 2);
}

void Generator::Sequences() {
  const Item x = PickFloat(1, 4);
  if (!x.known()) return;
  switch (e_.Below(3)) {
    case 0: {
      const Item s = Add("SequenceConstruct", {x, x, PickFloat(1, 4)});
      const Item at = Source(ir::Tensor::Scalar<int64_t>(Int(e_.Below(3))));
      Add("SequenceAt", {s, at});
      Add("SequenceLength", {s});
      return;
    }
    case 1: {
      const Item s = Add("SplitToSequence", {x}, {IntOf("axis", 0)});
      Add("ConcatFromSequence", {s}, {IntOf("axis", 0)});
      return;
    }
    default: {
      Item s = Add("SequenceEmpty", {});
      s = Add("SequenceInsert", {s, x});
      s = Add("SequenceInsert", {s, PickFloat(1, 4)});
      Add("ConcatFromSequence", {s}, {IntOf("axis", 0), IntOf("new_axis", e_.Below(2))});
      return;
    }
  }
}

}  // namespace assize::engine
