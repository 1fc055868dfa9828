// The families of single ops that generated graphs are made of.
#include <algorithm>

#include "tests/engine/generated_graphs.h"

namespace assize::engine {

using ir::DType;

void Generator::AddSomething() {
  const uint32_t family = e_.Below(32);
  switch (family) {
    case 0:
    case 1:
    case 2:
      Contraction(e_.OneIn(2) ? PickFloat(1, 4) : PickImage(), false);
      break;
    case 3:
    case 4:
    case 5:
      QuantizedLayer();
      break;
    case 6:
      Pool();
      break;
    case 7:
    case 8:
      Unary();
      break;
    case 9:
    case 10:
      Binary();
      break;
    case 11:
    case 12:
    case 13:
      Shaping();
      break;
    case 14:
      Indexing();
      break;
    case 15:
      Splitting();
      break;
    case 16:
    case 17:
      Normalization();
      break;
    case 18:
      Casting();
      break;
    case 19:
      QuantizedPair(PickFloat(0, 5));
      break;
    case 20:
      IntegerOps();
      break;
    case 21:
      LayerNormPattern();
      break;
    case 22:
      GeluPattern();
      break;
    case 23:
      AttentionPattern();
      break;
    case 24:
      ShapeChain();
      break;
    case 25:
      Recurrent();
      break;
    case 26:
      ControlFlow();
      break;
    case 27:
      Sequences();
      break;
    case 28:
      ReduceOf(PickAny());
      break;
    default:
      Generic();
      break;
  }
}

Item Generator::Contraction(const Item& x, bool quantized) {
  if (!x.known()) return {};
  return x.rank() >= 3 && !e_.OneIn(4) ? ConvOf(x, quantized) : MatMulOf(x, quantized);
}

Item Generator::ConvOf(const Item& x, bool quantized) {
  if (!x.known() || x.rank() < 3 || x.dims()[1] == 0) return {};
  const int64_t channels = x.dims()[1], spatial = x.rank() - 2;
  const bool transposed = !quantized && e_.OneIn(8);
  int64_t group = 1;
  if (e_.OneIn(3))
    group = channels;  // depthwise
  else if (e_.OneIn(4) && channels % 2 == 0)
    group = 2;
  int64_t outputs = group * e_.Of(std::vector<int64_t>{1, 4, 2, 3, 8, 16, 17});
  if (outputs > 128) outputs = group;
  ir::Shape dims =
      transposed ? ir::Shape{channels, outputs / group} : ir::Shape{outputs, channels / group};
  std::vector<int64_t> kernel, strides, dilations, pads;
  const bool square = !e_.OneIn(3);
  for (int64_t i = 0; i < spatial; ++i) {
    kernel.push_back(square && i > 0 ? kernel[0] : e_.Of(std::vector<int64_t>{3, 1, 2, 5, 7}));
    strides.push_back(square && i > 0 ? strides[0] : e_.Of(std::vector<int64_t>{1, 1, 2, 3}));
    dilations.push_back(e_.OneIn(6) ? 2 : 1);
    pads.push_back(square ? (kernel[0] - 1) / 2 : e_.Below(4));
  }
  for (int64_t i = 0; i < spatial; ++i)
    pads.push_back(square ? pads[static_cast<size_t>(i)] : e_.Below(4));
  dims.insert(dims.end(), kernel.begin(), kernel.end());
  Items inputs = {x, quantized ? QuantizedWeights(dims, 0) : Fresh(DType::kFloat, dims)};
  if (e_.OneIn(2))
    inputs.push_back(e_.OneIn(8) ? Floats({outputs}) : Fixed(Elements(DType::kFloat, {outputs})));
  Attributes attributes;
  if (group != 1 || e_.OneIn(8)) attributes.push_back(IntOf("group", group));
  if (!e_.OneIn(6)) attributes.push_back(IntsOf("kernel_shape", kernel));
  if (!e_.OneIn(3)) attributes.push_back(IntsOf("strides", strides));
  if (e_.OneIn(3)) attributes.push_back(IntsOf("dilations", dilations));
  if (e_.OneIn(5)) {
    attributes.push_back(
        Named("auto_pad", e_.Of(std::vector<std::string>{"SAME_UPPER", "SAME_LOWER", "VALID"})));
  } else {
    attributes.push_back(IntsOf("pads", pads));
  }
  if (transposed && e_.OneIn(3))
    attributes.push_back(IntsOf("output_padding", std::vector<int64_t>(kernel.size(), 1)));
  return Add(transposed ? "ConvTranspose" : "Conv", inputs, attributes);
}

Item Generator::MatMulOf(const Item& x, bool quantized) {
  if (!x.known() || x.rank() < 1) return {};
  const int64_t width = x.dims().back(),
                outputs = e_.Of(std::vector<int64_t>{4, 1, 3, 8, 10, 16, 33, 64});
  if (x.rank() == 2 && e_.OneIn(2)) {
    const bool trans_b = e_.OneIn(2), trans_a = e_.OneIn(6);
    const int64_t inner = trans_a ? x.dims()[0] : width;
    const ir::Shape dims = trans_b ? ir::Shape{outputs, inner} : ir::Shape{inner, outputs};
    Items inputs = {
        x, quantized ? QuantizedWeights(dims, trans_b ? 0 : 1) : Fresh(DType::kFloat, dims)};
    if (!e_.OneIn(3) || opset_ < 11) {
      const int64_t rows = trans_a ? width : x.dims()[0];
      inputs.push_back(Floats(
          e_.Of(std::vector<ir::Shape>{{outputs}, {1, outputs}, {}, {rows, outputs}, {rows, 1}})));
    }
    Attributes attributes;
    if (trans_b) attributes.push_back(IntOf("transB", 1));
    if (trans_a) attributes.push_back(IntOf("transA", 1));
    if (e_.OneIn(5)) attributes.push_back(Named("alpha", 0.5f));
    if (e_.OneIn(5)) attributes.push_back(Named("beta", e_.OneIn(2) ? 0.0f : 2.0f));
    return Add("Gemm", inputs, attributes);
  }
  ir::Shape dims;
  switch (e_.Below(5)) {
    case 1:
      dims = {width};
      break;
    case 2:  // a batch of matrices
      if (x.rank() > 2) dims.assign(x.dims().begin(), x.dims().end() - 2);
      dims.insert(dims.end(), {width, outputs});
      break;
    case 3:
      dims = {2, width, outputs};
      break;
    default:
      dims = {width, outputs};
      break;
  }
  if (ir::ElementCount(dims).value_or(9999) > 4096) return {};
  const Item w =
      quantized && dims.size() == 2 ? QuantizedWeights(dims, 1) : Fresh(DType::kFloat, dims);
  Item y = e_.OneIn(12) && dims.size() == 2 && x.rank() == 2 && x.dims()[0] == outputs
               ? Add("MatMul", {w, x})
               : Add("MatMul", {x, w});
  if (y.known() && y.rank() > 0 && e_.OneIn(2)) y = Add("Add", {y, Floats({y.dims().back()})});
  return y;
}

Item Generator::PoolOf(const Item& x) {
  if (!x.known() || x.rank() < 3) return {};
  if (e_.OneIn(4)) {
    return Add(
        e_.Of(std::vector<std::string>{"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}), {x});
  }
  const std::string op =
      e_.Of(std::vector<std::string>{"MaxPool", "AveragePool", "MaxPool", "AveragePool", "LpPool"});
  std::vector<int64_t> kernel, strides, pads;
  const size_t spatial = static_cast<size_t>(x.rank() - 2);
  for (size_t i = 0; i < spatial; ++i) {
    kernel.push_back(e_.Of(std::vector<int64_t>{2, 3, 1, 5}));
    strides.push_back(e_.Of(std::vector<int64_t>{2, 1, 3}));
  }
  for (size_t i = 0; i < 2 * spatial; ++i) pads.push_back(e_.Below(3));
  Attributes attributes = {IntsOf("kernel_shape", kernel)};
  if (!e_.OneIn(4)) attributes.push_back(IntsOf("strides", strides));
  if (e_.OneIn(2))
    attributes.push_back(IntsOf("pads", pads));
  else if (e_.OneIn(4))
    attributes.push_back(Named("auto_pad", std::string(e_.OneIn(2) ? "SAME_UPPER" : "SAME_LOWER")));
  if (op == "AveragePool" && e_.OneIn(2)) attributes.push_back(IntOf("count_include_pad", 1));
  if (op == "MaxPool" && e_.OneIn(4))
    attributes.push_back(IntsOf("dilations", std::vector<int64_t>(spatial, 2)));
  if (e_.OneIn(3)) attributes.push_back(IntOf("ceil_mode", 1));
  return AddNode(op, {x}, attributes, op == "MaxPool" && e_.OneIn(6) ? 2 : 1).front();
}

void Generator::Pool() { PoolOf(PickImage()); }

Item Generator::UnaryOf(const Item& x) {
  if (!x.known()) return {};
  const std::string op =
      e_.Of(std::vector<std::string>{"Relu",        "Sigmoid",   "Tanh",
                                     "Exp",         "LeakyRelu", "Clip",
                                     "HardSigmoid", "HardSwish", "Elu",
                                     "Softplus",    "Abs",       "Neg",
                                     "Sqrt",        "Erf",       "Floor",
                                     "Ceil",        "Round",     "Log",
                                     "Reciprocal",  "Sign",      "Identity",
                                     "Selu",        "Celu",      "Mish",
                                     "Gelu",        "Softsign",  "ThresholdedRelu",
                                     "Sin",         "Cos",       "Atan",
                                     "Not",         "IsNaN",     "IsInf",
                                     "PRelu",       "Shrink",    "Swish"});
  Attributes attributes;
  Items inputs = {x};
  if (op == "Clip") {
    if (opset_ >= 11) {
      if (!e_.OneIn(4))
        inputs.push_back(Source(ir::Tensor::Scalar<float>(e_.Of(std::vector<float>{0, -1, 2}))));
      if (!e_.OneIn(3)) {
        if (inputs.size() == 1) inputs.emplace_back();
        inputs.push_back(Source(ir::Tensor::Scalar<float>(e_.Of(std::vector<float>{6, 1, -1}))));
      }
    } else {
      attributes = {Named("min", 0.0f), Named("max", 6.0f)};
    }
  } else if (op == "PRelu") {
    inputs.push_back(x.rank() >= 2 ? Floats(ir::Shape(static_cast<size_t>(x.rank() - 1), 1))
                                   : Floats({}));
  } else if (e_.OneIn(4) && (op == "LeakyRelu" || op == "Elu" || op == "HardSigmoid")) {
    attributes = {Named("alpha", 0.25f)};
  } else if (op == "Gelu" && e_.OneIn(2)) {
    attributes = {Named("approximate", std::string("tanh"))};
  }
  return Add(op, inputs, attributes);
}

void Generator::Unary() { UnaryOf(e_.OneIn(6) ? PickAny() : PickFloat(0, 6)); }

Item Generator::BinaryOf(const Item& x, bool quantized) {
  if (!x.known()) return {};
  ir::Shape dims = x.dims();
  switch (e_.Below(6)) {
    case 1:
      for (int64_t& dim : dims) dim = e_.OneIn(2) ? 1 : dim;
      break;
    case 2:
      dims.clear();
      break;
    case 3:
      if (!dims.empty())
        dims.erase(dims.begin(), dims.begin() + e_.Below(static_cast<uint32_t>(dims.size())));
      break;
    case 4:
      for (size_t i = 0; i < dims.size(); ++i) dims[i] = i == 1 ? dims[i] : 1;
      break;
    default:
      break;
  }
  Item y = Pick([&](const ir::Tensor& t) { return t.dtype() == x.dtype() && t.dims() == dims; },
                [&] { return dims; }, x.dtype());
  if (quantized) y = QuantizedPair(y);
  if (!y.known()) return {};
  const std::string op =
      quantized
          ? e_.Of(std::vector<std::string>{"Add", "Mul", "Sub"})
          : e_.Of(std::vector<std::string>{"Add", "Mul", "Sub", "Div", "Max", "Min", "Pow", "Less",
                                           "Greater", "Equal", "And", "Or", "Xor", "Mod", "Sum",
                                           "Mean", "LessOrEqual", "BitwiseAnd", "BitShift"});
  Attributes attributes;
  if (op == "Mod") attributes = {IntOf("fmod", 1)};
  if (op == "BitShift")
    attributes = {Named("direction", std::string(e_.OneIn(2) ? "LEFT" : "RIGHT"))};
  return e_.OneIn(3) ? Add(op, {y, x}, attributes) : Add(op, {x, y}, attributes);
}

void Generator::Binary() { BinaryOf(e_.OneIn(5) ? PickAny() : PickFloat(0, 6), false); }

Item Generator::SliceOf(const Item& x) {
  if (!x.known() || x.rank() == 0) return {};
  std::vector<int64_t> starts, ends, axes, steps;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    if (axis > 0 && e_.OneIn(2)) continue;
    const int64_t size = x.dims()[static_cast<size_t>(axis)];
    const bool back = e_.OneIn(5) && opset_ >= 10;
    axes.push_back(e_.OneIn(4) ? axis - x.rank() : axis);
    starts.push_back(back ? -1 : e_.Below(3));
    ends.push_back(back ? -size - 1 : e_.Of(std::vector<int64_t>{size, size - 1, 1000, -1, 3}));
    steps.push_back(back ? -1 : e_.Of(std::vector<int64_t>{1, 1, 2, 3}));
  }
  if (opset_ < 10)
    return Add("Slice", {x},
               {IntsOf("starts", starts), IntsOf("ends", ends), IntsOf("axes", axes)});
  return Add("Slice", {x, IntsInput(starts), IntsInput(ends), IntsInput(axes), IntsInput(steps)});
}

Item Generator::PadOf(const Item& x) {
  if (!x.known()) return {};
  std::vector<int64_t> pads;
  for (int64_t i = 0; i < 2 * x.rank(); ++i) {
    pads.push_back(e_.OneIn(8) ? -1 : e_.Of(std::vector<int64_t>{0, 1, 0, 2}));
  }
  Attributes attributes;
  if (e_.OneIn(3)) {
    attributes.push_back(
        Named("mode", e_.Of(std::vector<std::string>{"reflect", "edge", "constant", "wrap"})));
  }
  if (opset_ < 11) {
    attributes.push_back(IntsOf("pads", pads));
    return Add("Pad", {x}, attributes);
  }
  Items inputs = {x, IntsInput(pads)};
  if (e_.OneIn(3)) inputs.push_back(Source(Elements(x.dtype(), {})));
  return Add("Pad", inputs, attributes);
}

Item Generator::ConcatOf(const Item& x, bool quantized) {
  if (!x.known() || x.rank() == 0) return {};
  const int64_t axis = e_.Below(static_cast<uint32_t>(x.rank()));
  Items inputs = {x};
  for (uint32_t i = 0; i < 1 + e_.Below(3); ++i) {
    ir::Shape dims = x.dims();
    dims[static_cast<size_t>(axis)] = e_.Below(6);
    Item other = Pick(
        [&](const ir::Tensor& t) {
          if (t.dtype() != x.dtype() || t.rank() != x.rank()) return false;
          ir::Shape same = t.dims();
          same[static_cast<size_t>(axis)] = dims[static_cast<size_t>(axis)];
          return same == dims;
        },
        [&] { return dims; }, x.dtype());
    if (quantized) other = QuantizedPair(other);
    if (!other.known()) return {};
    inputs.push_back(other);
  }
  return Add("Concat", inputs, {IntOf("axis", e_.OneIn(4) ? axis - x.rank() : axis)});
}

Item Generator::ShapingOf(const Item& x) {
  if (!x.known()) return {};
  const int64_t rank = x.rank();
  switch (e_.Below(14)) {
    case 0: {  // Reshape
      std::vector<int64_t> dims = x.dims();
      switch (e_.Below(4)) {
        case 0:
          dims = {-1};
          break;
        case 1:
          dims.insert(dims.begin(), 1);
          break;
        case 2:
          if (rank >= 2) {
            dims[0] = 0;
            dims.pop_back();
            dims.back() = -1;
          }
          break;
        default:
          std::reverse(dims.begin(), dims.end());
          break;
      }
      return Add("Reshape", {x, IntsInput(dims)});
    }
    case 1:
    case 2: {
      std::vector<int64_t> order;
      for (int64_t i = 0; i < rank; ++i)
        order.insert(order.begin() + e_.Below(static_cast<uint32_t>(i + 1)), i);
      return e_.OneIn(5) ? Add("Transpose", {x}) : Add("Transpose", {x}, {IntsOf("perm", order)});
    }
    case 3:
    case 4:
      return SliceOf(x);
    case 5:
      return PadOf(x);
    case 6:
    case 7:
      return ConcatOf(x, false);
    case 8:
      return Add("Flatten", {x}, {IntOf("axis", e_.Below(static_cast<uint32_t>(rank + 1)))});
    case 9: {
      const std::vector<int64_t> axes = {e_.Below(static_cast<uint32_t>(rank + 1))};
      return opset_ >= 13 ? Add("Unsqueeze", {x, IntsInput(axes)})
                          : Add("Unsqueeze", {x}, {IntsOf("axes", axes)});
    }
    case 10: {
      std::vector<int64_t> axes;
      for (int64_t i = 0; i < rank; ++i) {
        if (x.dims()[static_cast<size_t>(i)] == 1) axes.push_back(i);
      }
      if (axes.empty() || e_.OneIn(4)) return Add("Squeeze", {x});
      return opset_ >= 13 ? Add("Squeeze", {x, IntsInput(axes)})
                          : Add("Squeeze", {x}, {IntsOf("axes", axes)});
    }
    case 11: {
      std::vector<int64_t> dims = x.dims();
      for (int64_t& dim : dims) dim = dim == 1 ? 1 + e_.Below(4) : (e_.OneIn(3) ? 1 : dim);
      if (e_.OneIn(3)) dims.insert(dims.begin(), 2);
      return Add("Expand", {x, IntsInput(dims)});
    }
    case 12: {
      std::vector<int64_t> repeats;
      for (int64_t i = 0; i < rank; ++i) repeats.push_back(1 + e_.Below(3));
      return Add("Tile", {x, IntsInput(repeats)});
    }
    default:
      return ResizeOf(x);
  }
}

void Generator::Shaping() { ShapingOf(e_.OneIn(3) ? PickAny() : PickFloat(0, 6)); }

Item Generator::ResizeOf(const Item& x) {
  if (!x.known() || x.rank() < 1 || opset_ < 11) return {};
  std::vector<float> scales;
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < x.rank(); ++i) {
    scales.push_back(i < 2 && x.rank() > 2 ? 1.0f : e_.Of(std::vector<float>{2, 1, 0.5f, 1.7f, 3}));
    sizes.push_back(i < 2 && x.rank() > 2 ? x.dims()[static_cast<size_t>(i)] : 1 + e_.Below(9));
  }
  Attributes attributes = {
      Named("mode", e_.Of(std::vector<std::string>{"nearest", "linear", "cubic"}))};
  if (e_.OneIn(2)) {
    attributes.push_back(
        Named("coordinate_transformation_mode",
              e_.Of(std::vector<std::string>{"asymmetric", "align_corners", "pytorch_half_pixel",
                                             "half_pixel"})));
  }
  if (e_.OneIn(3)) {
    attributes.push_back(Named(
        "nearest_mode", e_.Of(std::vector<std::string>{"floor", "ceil", "round_prefer_ceil"})));
  }
  const Item none = Fixed(ir::Tensor::Of<float>({0}, {}));
  if (e_.OneIn(3)) return Add("Resize", {x, none, none, IntsInput(sizes)}, attributes);
  return Add("Resize", {x, none, Fixed(ir::Tensor::Of<float>({x.rank()}, scales))}, attributes);
}

Item Generator::ReduceOf(const Item& x) {
  if (!x.known()) return {};
  const std::string op = e_.Of(std::vector<std::string>{
      "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2", "ReduceL1",
      "ReduceSumSquare", "ReduceLogSumExp", "ReduceLogSum"});
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < x.rank(); ++i) {
    if (e_.OneIn(2)) axes.push_back(e_.OneIn(4) ? i - x.rank() : i);
  }
  Attributes attributes;
  if (e_.OneIn(2)) attributes.push_back(IntOf("keepdims", 0));
  const bool as_input = opset_ >= 18 || (op == "ReduceSum" && opset_ >= 13);
  Items inputs = {x};
  if (!axes.empty() && as_input) inputs.push_back(IntsInput(axes));
  if (!axes.empty() && !as_input) attributes.push_back(IntsOf("axes", axes));
  return Add(op, inputs, attributes);
}

void Generator::Indexing() {
  const Item x = PickAny();
  if (!x.known() || x.rank() == 0) return;
  const int64_t axis = e_.Below(static_cast<uint32_t>(x.rank()));
  const int64_t size = x.dims()[static_cast<size_t>(axis)];
  const auto indices = [&](const ir::Shape& dims) {
    std::vector<int64_t> values(static_cast<size_t>(ir::ElementCount(dims).value_or(0)));
    for (int64_t& value : values) {
      value = Int(size == 0 ? 0 : static_cast<int64_t>(e_.Byte()) % size);
      if (e_.OneIn(8)) value -= size;
    }
    return Source(ir::Tensor::Of<int64_t>(dims, values));
  };
  const Attributes along = {IntOf("axis", axis)};
  switch (e_.Below(9)) {
    case 0:
    case 1:
      Add("Gather", {x, indices(e_.Of(std::vector<ir::Shape>{{2}, {}, {2, 3}, {1}, {0}}))}, along);
      return;
    case 2:
      Add("GatherElements", {x, indices(ir::Shape(static_cast<size_t>(x.rank()), 1))}, along);
      return;
    case 3: {
      ir::Shape dims(static_cast<size_t>(x.rank()), 1);
      Add("ScatterElements", {x, indices(dims), Fresh(x.dtype(), dims)}, along);
      return;
    }
    case 4:
      AddNode("TopK", {x, IntsInput({std::min<int64_t>(size, 2)})}, along, 2);
      return;
    case 5:
      Add(e_.OneIn(2) ? "ArgMax" : "ArgMin", {x}, {along[0], IntOf("keepdims", e_.Below(2))});
      return;
    case 6: {
      const Item mask = Fresh(DType::kBool, e_.OneIn(2) ? x.dims() : ir::Shape{x.dims().back()});
      Add("Where", {mask, x, Fresh(x.dtype(), e_.OneIn(2) ? x.dims() : ir::Shape{})});
      return;
    }
    case 7:
      Add("NonZero", {x});
      return;
    default:
      Add("CumSum", {x, Source(ir::Tensor::Scalar<int64_t>(axis))},
          {IntOf("exclusive", e_.Below(2))});
      return;
  }
}

void Generator::Splitting() {
  const Item x = PickAny();
  if (!x.known() || x.rank() == 0) return;
  const int64_t axis = e_.Below(static_cast<uint32_t>(x.rank()));
  const int64_t size = x.dims()[static_cast<size_t>(axis)], first = size / 2;
  Attributes attributes = {IntOf("axis", axis)};
  Items inputs = {x};
  if (e_.OneIn(2) || size % 2 != 0) {
    if (opset_ >= 13)
      inputs.push_back(IntsInput({first, size - first}));
    else
      attributes.push_back(IntsOf("split", {first, size - first}));
  } else if (opset_ >= 18) {
    attributes.push_back(IntOf("num_outputs", 2));
  }
  AddNode("Split", inputs, attributes, 2);
}

void Generator::Normalization() {
  const Item x = e_.OneIn(2) ? PickImage() : PickFloat(1, 5);
  if (!x.known() || x.rank() == 0) return;
  const int64_t channels = x.rank() > 1 ? x.dims()[1] : 1;
  const auto positive = [&](int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = 0.25f + static_cast<float>(e_.Byte()) / 64;
    return Source(ir::Tensor::Of<float>({count}, values));
  };
  const int64_t axis = e_.Below(static_cast<uint32_t>(x.rank()));
  const int64_t width = x.dims().back();
  switch (e_.Below(9)) {
    case 0:
    case 1:
      Add("BatchNormalization",
          {x, positive(channels), Floats({channels}), Floats({channels}), positive(channels)});
      return;
    case 2:
      Add("LayerNormalization", {x, Floats({width}), Floats({width})}, {IntOf("axis", -1)});
      return;
    case 3:
      Add("InstanceNormalization", {x, positive(channels), Floats({channels})});
      return;
    case 4:
      Add("LRN", {x}, {IntOf("size", e_.Of(std::vector<int64_t>{3, 5, 1, 2}))});
      return;
    case 5:
      Add("LogSoftmax", {x}, {IntOf("axis", axis)});
      return;
    case 6:
      Add("LpNormalization", {x}, {IntOf("axis", axis)});
      return;
    default:
      Add("Softmax", {x}, {IntOf("axis", e_.OneIn(2) ? axis : axis - x.rank())});
      return;
  }
}

void Generator::Casting() {
  const Item x = PickAny();
  const int64_t to =
      e_.Of(std::vector<int64_t>{1, 6, 7, 2, 3, 9, 10, 11, 16, 5, 4, 12, 13, 17, 19, 22, 8});
  Add("Cast", {x}, {IntOf("to", to)});
}

void Generator::Generic() {
  struct Choice {
    const char* op;
    size_t inputs, outputs;
  };
  static constexpr Choice kChoices[] = {{"Shape", 1, 1},
                                        {"Size", 1, 1},
                                        {"DepthToSpace", 1, 1},
                                        {"SpaceToDepth", 1, 1},
                                        {"Trilu", 1, 1},
                                        {"Det", 1, 1},
                                        {"Einsum", 2, 1},
                                        {"Range", 3, 1},
                                        {"ConstantOfShape", 1, 1},
                                        {"OneHot", 3, 1},
                                        {"ReverseSequence", 2, 1},
                                        {"Compress", 2, 1},
                                        {"Unique", 1, 4},
                                        {"GatherND", 2, 1},
                                        {"ScatterND", 3, 1},
                                        {"MeanVarianceNormalization", 1, 1},
                                        {"Hardmax", 1, 1},
                                        {"EyeLike", 1, 1},
                                        {"NonMaxSuppression", 5, 1},
                                        {"RoiAlign", 3, 1},
                                        {"GridSample", 2, 1},
                                        {"MaxRoiPool", 2, 1},
                                        {"MaxUnpool", 2, 1},
                                        {"Dropout", 1, 2},
                                        {"DFT", 1, 1},
                                        {"STFT", 2, 1},
                                        {"MelWeightMatrix", 5, 1},
                                        {"HannWindow", 1, 1},
                                        {"Col2Im", 3, 1},
                                        {"CenterCropPad", 2, 1},
                                        {"GroupNormalization", 3, 1},
                                        {"AffineGrid", 2, 1},
                                        {"SoftmaxCrossEntropyLoss", 2, 1},
                                        {"NegativeLogLikelihoodLoss", 2, 1},
                                        {"TfIdfVectorizer", 1, 1},
                                        {"StringNormalizer", 1, 1},
                                        {"Upsample", 2, 1},
                                        {"CastLike", 2, 1},
                                        {"Bernoulli", 1, 1},
                                        {"BitwiseNot", 1, 1},
                                        {"OptionalHasElement", 1, 1},
                                        {"Attention", 3, 1},
                                        {"RMSNormalization", 2, 1},
                                        {"RotaryEmbedding", 3, 1},
                                        {"TensorScatter", 3, 1},
                                        {"DeformConv", 3, 1},
                                        {"StringSplit", 1, 2},
                                        {"RegexFullMatch", 1, 1},
                                        {"Acos", 1, 1},
                                        {"Tan", 1, 1},
                                        {"Asinh", 1, 1}};
  const Choice& choice = kChoices[e_.Below(std::size(kChoices))];
  Items inputs;
  for (size_t i = 0; i < choice.inputs; ++i) {
    if (i > 0 && e_.OneIn(3)) {
      inputs.push_back(IntsInput({1 + e_.Below(4), e_.Below(3)}));
    } else if (e_.OneIn(8)) {
      inputs.push_back(Source(ir::Tensor::Scalar<int64_t>(Int(e_.Below(9)))));
    } else {
      inputs.push_back(i == 0 && e_.OneIn(2) ? PickFloat(1, 5) : PickAny());
    }
  }
  Attributes attributes;
  const std::string op = choice.op;
  if (op == "Einsum")
    attributes.push_back(
        Named("equation", e_.Of(std::vector<std::string>{"ij,jk->ik", "bij,bjk->bik", "ij,ij->",
                                                         "i,j->ij", "...i,i->...", "ii->i"})));
  if (op == "DepthToSpace" || op == "SpaceToDepth") attributes.push_back(IntOf("blocksize", 2));
  if (op == "GroupNormalization") attributes.push_back(IntOf("num_groups", 1));
  if (op == "Bernoulli") attributes.push_back(Named("seed", 3.0f));
  if (e_.OneIn(3)) attributes.push_back(IntOf("axis", e_.Below(4)));
  AddNode(op, inputs, attributes, choice.outputs);
}

}  // namespace assize::engine
