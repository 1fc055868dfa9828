// See exactness_cases.h.
#include "tests/engine/exactness_cases.h"

namespace assize::engine {
namespace {

using ir::DType;
using ir::ValueRef;
using Kind = ExactnessOp::Kind;

int64_t Between(Philox& r, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(r.NextBelow(static_cast<uint64_t>(high - low + 1)));
}

ir::Shape Image(Philox& r, int64_t channels = 0) {
  return {Between(r, 1, 2), channels > 0 ? channels : Between(r, 1, 40), Between(r, 4, 13),
          Between(r, 4, 13)};
}

ValueRef Fed(Builder& b, Philox& r, Feeds& feeds, const ir::Shape& dims, float spread = 1) {
  const std::string name = "x" + std::to_string(feeds.size());
  feeds[name] = RandomTensor(r, dims, spread);
  return b.Input(name, dims);
}

// A fed value on a random 8-bit grid that spans what is fed.
ValueRef Grid(Builder& b, Philox& r, ValueRef x, float spread = 4) {
  const bool is_signed = r.NextBelow(2) == 1;
  const float scale = spread / 128 * (0.7f + 0.6f * static_cast<float>(r.NextDouble()));
  const int zero = static_cast<int>(Between(r, 90, 160)) - (is_signed ? 128 : 0);
  return b.Dequantize(b.Quantize(x, scale, zero, is_signed), scale, zero, is_signed);
}

// The result's own grid: `spread` is about the largest magnitude to represent.
void OutputOnGrid(Builder& b, Philox& r, ValueRef y, float spread) {
  const bool is_signed = r.NextBelow(2) == 1;
  const float scale = spread / 128 * (0.7f + 0.6f * static_cast<float>(r.NextDouble()));
  b.Output(b.Quantize(y, scale, static_cast<int>(Between(r, 100, 156)) - (is_signed ? 128 : 0),
                      is_signed));
}

ir::Tensor Bytes(Philox& r, DType dtype, const ir::Shape& dims) {
  std::vector<std::byte> bytes(static_cast<size_t>(ir::ElementCount(dims).value()));
  for (std::byte& byte : bytes) byte = std::byte{static_cast<uint8_t>(r.NextU32() >> 24)};
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

ValueRef Weights(Builder& b, Philox& r, const ir::Shape& dims, int64_t axis) {
  const bool per_channel = r.NextBelow(2) == 1;
  const int64_t count = per_channel ? dims[static_cast<size_t>(axis)] : 1;
  std::vector<float> scales(static_cast<size_t>(count));
  for (float& scale : scales) scale = 0.002f + 0.006f * static_cast<float>(r.NextDouble());
  const ir::Shape form = per_channel ? ir::Shape{count} : ir::Shape{};
  std::vector<ir::Attribute> attributes;
  if (per_channel) attributes = {Int("axis", axis)};
  return b.Op("DequantizeLinear",
              {b.Const(Bytes(r, DType::kInt8, dims)), b.Const<float>(form, scales),
               b.Const(ir::Tensor::Zeros(DType::kInt8, form))},
              attributes);
}

struct ConvForm {
  int64_t kernel = 3;
  bool depthwise = false;
  int64_t group = 1;
  bool residual = false, relu = false;
};

MakeCase QuantizedConv(ConvForm form) {
  return [form](Builder& b, Philox& r, Feeds& feeds) {
    const int64_t unit = Between(r, 1, 20);
    const int64_t channels = form.depthwise ? Between(r, 1, 40) : unit * form.group;
    const int64_t group = form.depthwise ? channels : form.group;
    const int64_t outputs = form.depthwise ? channels : form.group * Between(r, 1, 20);
    const ir::Shape dims = Image(r, channels);
    const ValueRef x = Grid(b, r, Fed(b, r, feeds, dims));
    const ValueRef w = Weights(b, r, {outputs, channels / group, form.kernel, form.kernel}, 0);
    const int64_t pad = form.kernel / 2, stride = form.residual ? 1 : Between(r, 1, 2);
    ValueRef y = b.Op("Conv", {x, w, b.Const(RandomTensor(r, {outputs}))},
                      {Ints("pads", {pad, pad, pad, pad}), Ints("strides", {stride, stride}),
                       Int("group", group)});
    if (form.residual) {
      y = b.Op("Add", {y, Grid(b, r, Fed(b, r, feeds, {dims[0], outputs, dims[2], dims[3]}))});
    }
    if (form.relu) y = b.Op("Relu", {y});
    const double terms = static_cast<double>(channels / group * form.kernel * form.kernel);
    OutputOnGrid(b, r, y, static_cast<float>(1.2 * std::sqrt(terms) + 2));
  };
}

// Unary op between two grids, or in float.
MakeCase Unary(const std::string& op, bool quantized, std::vector<ir::Attribute> attributes = {},
               bool positive = false) {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    ValueRef x = Fed(b, r, feeds, Image(r), 2);
    if (positive) x = b.Op("Add", {b.Op("Abs", {x}), b.Const<float>({}, {0.1f})});
    if (!quantized) return b.Output(b.Op(op, {x}, attributes));
    OutputOnGrid(b, r, b.Op(op, {Grid(b, r, x, 6)}, attributes), 4);
  };
}

MakeCase Binary(const std::string& op, bool quantized) {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    const ir::Shape dims = Image(r);
    ir::Shape other = dims;
    if (r.NextBelow(3) == 0) other = {1, dims[1], 1, 1};
    ValueRef x = Fed(b, r, feeds, dims), y = Fed(b, r, feeds, other);
    if (op == "Div") y = b.Op("Add", {b.Op("Abs", {y}), b.Const<float>({}, {0.1f})});
    if (!quantized) return b.Output(b.Op(op, {x, y}));
    OutputOnGrid(b, r, b.Op(op, {Grid(b, r, x), Grid(b, r, y)}), 6);
  };
}

MakeCase Pool(const std::string& op, bool quantized) {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    ValueRef x = Fed(b, r, feeds, Image(r));
    std::vector<ir::Attribute> attributes;
    if (op.find("Global") == std::string::npos) {
      const int64_t kernel = Between(r, 2, 3), stride = Between(r, 1, 2);
      attributes = {Ints("kernel_shape", {kernel, kernel}), Ints("strides", {stride, stride}),
                    Ints("pads", {1, 1, 1, 1})};
    }
    if (!quantized) return b.Output(b.Op(op, {x}, attributes));
    OutputOnGrid(b, r, b.Op(op, {Grid(b, r, x)}, attributes), op == "MaxPool" ? 4 : 2);
  };
}

MakeCase MatMul(bool quantized, bool both_fed) {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    const int64_t rows = Between(r, 1, 20), inner = Between(r, 1, 80), columns = Between(r, 1, 40);
    ValueRef x = Fed(b, r, feeds, both_fed ? ir::Shape{2, rows, inner} : ir::Shape{rows, inner});
    if (quantized) x = Grid(b, r, x);
    ValueRef w;
    if (both_fed) {
      w = Fed(b, r, feeds, {2, inner, columns});
      if (quantized) w = Grid(b, r, w);
    } else {
      w = quantized ? Weights(b, r, {inner, columns}, 1)
                    : b.Const(RandomTensor(r, {inner, columns}));
    }
    const ValueRef y = b.Op("MatMul", {x, w});
    if (!quantized) return b.Output(y);
    OutputOnGrid(
        b, r, y,
        static_cast<float>((both_fed ? 4.0 : 1.2) * std::sqrt(static_cast<double>(inner)) + 1));
  };
}

MakeCase FloatConv(bool depthwise, const std::string& op = "Conv") {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    const int64_t channels = Between(r, 1, 33), outputs = depthwise ? channels : Between(r, 1, 33);
    const ValueRef x = Fed(b, r, feeds, Image(r, channels));
    const int64_t kernel = r.NextBelow(3) == 0 ? 1 : 3;
    const ir::Shape dims = op == "Conv"
                               ? ir::Shape{outputs, depthwise ? 1 : channels, kernel, kernel}
                               : ir::Shape{channels, outputs, kernel, kernel};
    ValueRef y = b.Op(op, {x, b.Const(RandomTensor(r, dims)), b.Const(RandomTensor(r, {outputs}))},
                      {Ints("pads", {kernel / 2, kernel / 2, kernel / 2, kernel / 2}),
                       Int("group", depthwise ? channels : 1)});
    if (r.NextBelow(2) == 0) y = b.Op("Relu", {y});
    b.Output(y);
  };
}

MakeCase Softmax(const std::string& op) {
  return [op](Builder& b, Philox& r, Feeds& feeds) {
    const ir::Shape dims = {Between(r, 1, 9), Between(r, 1, 9), Between(r, 1, 70)};
    b.Output(b.Op(op, {Fed(b, r, feeds, dims, 3)}, {Int("axis", Between(r, 0, 2))}));
  };
}

void LayerNorm(Builder& b, Philox& r, Feeds& feeds) {
  const int64_t width = Between(r, 2, 130);
  const ValueRef x = Fed(b, r, feeds, {Between(r, 1, 9), width});
  const ValueRef centered = b.Op("Sub", {x, b.Op("ReduceMean", {x}, {Ints("axes", {-1})})});
  const ValueRef square = b.Op("Pow", {centered, b.Const<float>({}, {2})});
  const ValueRef variance = b.Op("ReduceMean", {square}, {Ints("axes", {-1})});
  const ValueRef root = b.Op("Sqrt", {b.Op("Add", {variance, b.Const<float>({}, {1e-5f})})});
  const ValueRef y =
      b.Op("Mul", {b.Op("Div", {centered, root}), b.Const(RandomTensor(r, {width}))});
  b.Output(b.Op("Add", {y, b.Const(RandomTensor(r, {width}))}));
}

void Gelu(Builder& b, Philox& r, Feeds& feeds) {
  const ValueRef x = Fed(b, r, feeds, {Between(r, 1, 9), Between(r, 1, 130)}, 2);
  const ValueRef erf = b.Op("Erf", {b.Op("Div", {x, b.Const<float>({}, {1.4142135f})})});
  b.Output(b.Op("Mul", {b.Op("Mul", {x, b.Op("Add", {erf, b.Const<float>({}, {1})})}),
                        b.Const<float>({}, {0.5f})}));
}

void Attention(Builder& b, Philox& r, Feeds& feeds) {
  const int64_t heads = Between(r, 1, 4), width = Between(r, 4, 33), length = Between(r, 2, 40);
  const auto part = [&](std::vector<int64_t> order) {
    const ValueRef x = Fed(b, r, feeds, {1, length, heads * width});
    return b.Op("Transpose",
                {b.Op("Reshape", {x, b.Const<int64_t>({4}, {1, length, heads, width})})},
                {Ints("perm", std::move(order))});
  };
  const ValueRef q = part({0, 2, 1, 3}), k = part({0, 2, 3, 1}), v = part({0, 2, 1, 3});
  const ValueRef scores = b.Op("Mul", {b.Op("MatMul", {q, k}), b.Const<float>({}, {0.2f})});
  b.Output(b.Op("MatMul", {b.Op("Softmax", {scores}, {Int("axis", -1)}), v}));
}

MakeCase Recurrent(const std::string& op, int64_t gates) {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    const int64_t width = Between(r, 1, 20), hidden = Between(r, 1, 20);
    const ValueRef x = Fed(b, r, feeds, {Between(r, 1, 9), Between(r, 1, 3), width});
    b.Output(b.Op(op,
                  {x, b.Const(RandomTensor(r, {1, gates * hidden, width}, 0.3f)),
                   b.Const(RandomTensor(r, {1, gates * hidden, hidden}, 0.3f)),
                   b.Const(RandomTensor(r, {1, 2 * gates * hidden}))},
                  {Int("hidden_size", hidden)}));
  };
}

void Quantize(Builder& b, Philox& r, Feeds& feeds) {
  OutputOnGrid(b, r, Fed(b, r, feeds, Image(r)), 4);
}

void Dequantize(Builder& b, Philox& r, Feeds& feeds) {
  const ir::Shape dims = Image(r);
  feeds["q"] = Bytes(r, DType::kUint8, dims);
  b.Output(b.Dequantize(b.Input("q", dims, DType::kUint8), 0.0317f,
                        static_cast<int>(Between(r, 0, 255))));
}

void IntegerProduct(Builder& b, Philox& r, Feeds& feeds) {
  const int64_t rows = Between(r, 1, 9), inner = Between(r, 1, 80), columns = Between(r, 1, 40);
  feeds["a"] = Bytes(r, DType::kUint8, {rows, inner});
  const ValueRef a = b.Input("a", {rows, inner}, DType::kUint8);
  b.Output(b.Op("MatMulInteger",
                {a, b.Const(Bytes(r, DType::kInt8, {inner, columns})),
                 b.Zero(static_cast<int>(Between(r, 0, 255)), false), b.Zero(3, true)}));
}

// Moved between equal grids: the bytes themselves.
void QuantizedMove(Builder& b, Philox& r, Feeds& feeds) {
  const ir::Shape dims = Image(r);
  const ValueRef x = b.Dequantize(b.Quantize(Fed(b, r, feeds, dims), 0.03f, 120), 0.03f, 120);
  ValueRef y = b.Op("Transpose", {x}, {Ints("perm", {0, 2, 3, 1})});
  if (r.NextBelow(2) == 0) y = b.Op("Reshape", {y, b.Const<int64_t>({2}, {dims[0], -1})});
  b.Output(b.Quantize(y, 0.03f, 120));
}

void QuantizedConcat(Builder& b, Philox& r, Feeds& feeds) {
  const ir::Shape dims = Image(r);
  ir::Shape other = dims;
  other[1] = Between(r, 1, 20);
  const ValueRef x = Grid(b, r, Fed(b, r, feeds, dims)), y = Grid(b, r, Fed(b, r, feeds, other));
  OutputOnGrid(b, r, b.Op("Concat", {x, y}, {Int("axis", 1)}), 4);
}

// To twice the size, or to sizes of its own.
ValueRef Resized(Builder& b, Philox& r, ValueRef x, const ir::Shape& dims,
                 const std::string& mode) {
  if (r.NextBelow(2) == 0) {
    return b.Op("Resize", {x, {}, b.Const<float>({4}, {1, 1, 2, 2})}, {Text("mode", mode)});
  }
  const std::vector<int64_t> sizes{dims[0], dims[1], Between(r, 2, 20), Between(r, 2, 20)};
  return b.Op("Resize", {x, {}, {}, b.Const<int64_t>({4}, sizes)},
              {Text("mode", mode), Text("coordinate_transformation_mode", "align_corners")});
}

MakeCase Resize(const std::string& mode, bool quantized) {
  return [=](Builder& b, Philox& r, Feeds& feeds) {
    const ir::Shape dims = Image(r);
    const ValueRef x = Fed(b, r, feeds, dims);
    if (!quantized) return b.Output(Resized(b, r, x, dims, mode));
    OutputOnGrid(b, r, Resized(b, r, Grid(b, r, x), dims, mode), 4);
  };
}

void GroupNorm(Builder& b, Philox& r, Feeds& feeds) {
  b.model.set_opset("", 21);
  const int64_t groups = Between(r, 1, 8);
  const ir::Shape dims = Image(r, groups * Between(r, 1, 6));
  b.Output(b.Op("GroupNormalization",
                {Fed(b, r, feeds, dims), b.Const(RandomTensor(r, {dims[1]})),
                 b.Const(RandomTensor(r, {dims[1]}))},
                {Int("num_groups", groups)}));
}

void BatchNorm(Builder& b, Philox& r, Feeds& feeds) {
  const ir::Shape dims = Image(r);
  const int64_t c = dims[1];
  std::vector<float> variance(static_cast<size_t>(c));
  for (float& v : variance) v = 0.2f + static_cast<float>(r.NextDouble());
  b.Output(b.Op("BatchNormalization", {Fed(b, r, feeds, dims), b.Const(RandomTensor(r, {c})),
                                       b.Const(RandomTensor(r, {c})), b.Const(RandomTensor(r, {c})),
                                       b.Const<float>({c}, variance)}));
}

void ReduceMean(Builder& b, Philox& r, Feeds& feeds) {
  b.Output(b.Op("ReduceMean", {Fed(b, r, feeds, Image(r))},
                {Ints("axes", {2, 3}), Int("keepdims", Between(r, 0, 1))}));
}

void Gemm(Builder& b, Philox& r, Feeds& feeds) {
  const int64_t inner = Between(r, 1, 90), columns = Between(r, 1, 40);
  b.Output(b.Op("Gemm",
                {Fed(b, r, feeds, {Between(r, 1, 9), inner}),
                 b.Const(RandomTensor(r, {columns, inner})), b.Const(RandomTensor(r, {columns}))},
                {Int("transB", 1)}));
}

void QuantizedGemm(Builder& b, Philox& r, Feeds& feeds) {
  const int64_t inner = Between(r, 1, 90), columns = Between(r, 1, 40);
  const ValueRef x = Grid(b, r, Fed(b, r, feeds, {Between(r, 1, 9), inner}));
  const ValueRef y =
      b.Op("Gemm", {x, Weights(b, r, {columns, inner}, 0), b.Const(RandomTensor(r, {columns}))},
           {Int("transB", 1)});
  OutputOnGrid(b, r, y, static_cast<float>(1.2 * std::sqrt(static_cast<double>(inner)) + 2));
}

}  // namespace

std::vector<ExactnessOp> ExactnessOps() {
  constexpr double kPlain = 2e-6,
                   kFunction = 1e-5;  // a sum in another order; an approximated function
  return {
      {"DequantizeLinear", Kind::kInteger, 0, Dequantize},
      {"QuantizeLinear", Kind::kInteger, 0, Quantize},
      {"MatMulInteger", Kind::kInteger, 0, IntegerProduct},
      {"MaxPool, one grid", Kind::kInteger, 0,
       [](Builder& b, Philox& r, Feeds& feeds) {
         const ValueRef x =
             b.Dequantize(b.Quantize(Fed(b, r, feeds, Image(r)), 0.03f, 120), 0.03f, 120);
         b.Output(b.Quantize(
             b.Op("MaxPool", {x}, {Ints("kernel_shape", {2, 2}), Ints("strides", {2, 2})}), 0.03f,
             120));
       }},
      {"Transpose and Reshape, one grid", Kind::kInteger, 0, QuantizedMove},
      {"Resize to nearest, one grid", Kind::kInteger, 0,
       [](Builder& b, Philox& r, Feeds& feeds) {
         const ir::Shape dims = Image(r);
         const ValueRef x =
             b.Dequantize(b.Quantize(Fed(b, r, feeds, dims), 0.03f, 120), 0.03f, 120);
         b.Output(b.Quantize(Resized(b, r, x, dims, "nearest"), 0.03f, 120));
       }},
      {"Conv 3x3, int8", Kind::kSteps, 0, QuantizedConv({3})},
      {"Conv 1x1, int8", Kind::kSteps, 0, QuantizedConv({1})},
      {"Conv 5x5, int8", Kind::kSteps, 0, QuantizedConv({5})},
      {"Conv 3x3 in groups, int8", Kind::kSteps, 0, QuantizedConv({3, false, 2})},
      {"Conv 3x3 depthwise, int8", Kind::kSteps, 0, QuantizedConv({3, true})},
      {"Conv 5x5 depthwise, int8", Kind::kSteps, 0, QuantizedConv({5, true})},
      {"Conv 3x3 + Add + Relu, int8", Kind::kSteps, 0, QuantizedConv({3, false, 1, true, true})},
      {"Gemm, int8", Kind::kSteps, 0, QuantizedGemm},
      {"MatMul by weights, int8", Kind::kSteps, 0, MatMul(true, false)},
      {"MatMul of two activations, int8", Kind::kSteps, 0, MatMul(true, true)},
      {"Add, int8", Kind::kSteps, 0, Binary("Add", true)},
      {"Mul, int8", Kind::kSteps, 0, Binary("Mul", true)},
      {"Concat, int8", Kind::kSteps, 0, QuantizedConcat},
      {"MaxPool, int8", Kind::kSteps, 0, Pool("MaxPool", true)},
      {"AveragePool, int8", Kind::kSteps, 0, Pool("AveragePool", true)},
      {"GlobalAveragePool, int8", Kind::kSteps, 0, Pool("GlobalAveragePool", true)},
      {"Resize to nearest, int8", Kind::kSteps, 0, Resize("nearest", true)},
      {"Resize linear, int8", Kind::kSteps, 0, Resize("linear", true)},
      {"Relu, int8", Kind::kSteps, 0, Unary("Relu", true)},
      {"Sigmoid, int8", Kind::kSteps, 0, Unary("Sigmoid", true)},
      {"HardSwish, int8", Kind::kSteps, 0, Unary("HardSwish", true)},
      {"Conv", Kind::kFloat, kPlain, FloatConv(false)},
      {"Conv, depthwise", Kind::kFloat, kPlain, FloatConv(true)},
      {"ConvTranspose", Kind::kFloat, kPlain, FloatConv(false, "ConvTranspose")},
      {"Gemm", Kind::kFloat, kPlain, Gemm},
      {"MatMul by weights", Kind::kFloat, kPlain, MatMul(false, false)},
      {"MatMul of two activations", Kind::kFloat, kPlain, MatMul(false, true)},
      {"Attention, decomposed", Kind::kFloat, kFunction, Attention},
      {"LayerNormalization, decomposed", Kind::kFloat, kFunction, LayerNorm},
      {"Gelu, decomposed", Kind::kFloat, kFunction, Gelu},
      {"Softmax", Kind::kFloat, kFunction, Softmax("Softmax")},
      {"LogSoftmax", Kind::kFloat, kFunction, Softmax("LogSoftmax")},
      {"BatchNormalization", Kind::kFloat, kPlain, BatchNorm},
      {"LRN", Kind::kFloat, kFunction, Unary("LRN", false, {Int("size", 5)})},
      {"InstanceNormalization", Kind::kFloat, kFunction,
       [](Builder& b, Philox& r, Feeds& feeds) {
         const ir::Shape dims = Image(r);
         b.Output(b.Op("InstanceNormalization",
                       {Fed(b, r, feeds, dims), b.Const(RandomTensor(r, {dims[1]})),
                        b.Const(RandomTensor(r, {dims[1]}))}));
       }},
      {"GroupNormalization", Kind::kFloat, kFunction, GroupNorm},
      {"Resize to nearest", Kind::kFloat, 0, Resize("nearest", false)},
      {"Resize linear", Kind::kFloat, kPlain, Resize("linear", false)},
      {"Resize cubic", Kind::kFloat, kPlain, Resize("cubic", false)},
      {"ReduceMean", Kind::kFloat, kPlain, ReduceMean},
      {"AveragePool", Kind::kFloat, kPlain, Pool("AveragePool", false)},
      {"GlobalAveragePool", Kind::kFloat, kPlain, Pool("GlobalAveragePool", false)},
      {"MaxPool", Kind::kFloat, 0, Pool("MaxPool", false)},
      {"Add", Kind::kFloat, 0, Binary("Add", false)},
      {"Mul", Kind::kFloat, 0, Binary("Mul", false)},
      {"Div", Kind::kFloat, 0, Binary("Div", false)},
      {"Relu", Kind::kFloat, 0, Unary("Relu", false)},
      {"Sigmoid", Kind::kFloat, kFunction, Unary("Sigmoid", false)},
      {"Tanh", Kind::kFloat, kFunction, Unary("Tanh", false)},
      {"Exp", Kind::kFloat, kFunction, Unary("Exp", false)},
      {"Erf", Kind::kFloat, kFunction, Unary("Erf", false)},
      {"Log", Kind::kFloat, kFunction, Unary("Log", false, {}, true)},
      {"Sqrt", Kind::kFloat, kPlain, Unary("Sqrt", false, {}, true)},
      {"HardSwish", Kind::kFloat, kPlain, Unary("HardSwish", false)},
      {"Elu", Kind::kFloat, kFunction, Unary("Elu", false)},
      {"Softplus", Kind::kFloat, kFunction, Unary("Softplus", false)},
      {"LSTM", Kind::kFloat, kFunction, Recurrent("LSTM", 4)},
      {"GRU", Kind::kFloat, kFunction, Recurrent("GRU", 3)},
  };
}

}  // namespace assize::engine
