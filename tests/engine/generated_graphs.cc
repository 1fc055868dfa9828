// The core of the generator: values, nodes, and what is spoiled on purpose.
#include "tests/engine/generated_graphs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lib/support/random.h"

namespace assize::engine {

using ir::DType;
using reference::RuntimeValue;

namespace {

constexpr int64_t kMaxElements = 1024;  // of a tensor made here: thousands of graphs a minute

std::byte ByteOf(uint32_t word) { return std::byte{static_cast<uint8_t>(word & 0xff)}; }

}  // namespace

ir::Attribute Named(const std::string& name, ir::Attribute::Value value) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.value = std::move(value);
  return attribute;
}

reference::Limits GeneratedLimits(int64_t max_memory_bytes) {
  reference::Limits limits;
  limits.max_tensor_bytes = max_memory_bytes;
  limits.max_total_bytes = max_memory_bytes;
  limits.max_loop_iterations = 1000;
  limits.max_products = 2e7;
  limits.max_call_depth = 16;
  return limits;
}

CompileOptions GeneratedOptions(const Generated& generated) {
  const reference::Limits limits = GeneratedLimits(generated.max_memory_bytes);
  CompileOptions options;
  options.max_memory_bytes = limits.max_total_bytes;
  options.max_loop_iterations = limits.max_loop_iterations;
  return options;
}

std::vector<uint8_t> SeededBytes(uint64_t seed) {
  Philox random(seed, 0x6e47);
  std::vector<uint8_t> bytes(64 + random.NextBelow(192));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.NextU32() >> 24);
  return bytes;
}

Generated GenerateGraph(std::span<const uint8_t> bytes) { return Generator(bytes).Make(); }

ir::Model WithFeeds(const Generated& generated) {
  ir::Model model = generated.model;
  ir::Editor edit(model.graph);
  for (const auto& [name, tensor] : generated.feeds) edit.AddInitializer("feed:" + name, tensor);
  return model;
}

Generated FromModelWithFeeds(ir::Model model) {
  Generated generated;
  generated.model = std::move(model);
  ir::Editor edit(generated.model.graph);
  for (const ir::ValueRef ref : generated.model.graph.values()) {
    const ir::Value& value = generated.model.graph.value(ref);
    if (!value.initializer || !value.name.starts_with("feed:")) continue;
    generated.feeds[value.name.substr(5)] = value.initializer->tensor;
    edit.RemoveValue(ref);
  }
  return generated;
}

Generated Generator::Make() {
  ir::Model& model = made_.model;
  wild_ = e_.OneIn(2);
  opset_ = e_.Of(std::vector<int64_t>{13, 17, 11, 18, 21, 9, 24});
  model.ir_version = opset_ >= 21 ? 10 : 8;
  model.set_opset("", opset_);
  model.set_opset("com.microsoft", 1);
  ir::Editor(model.graph).SetName("generated");
  if (wild_)
    made_.max_memory_bytes = e_.Of(std::vector<int64_t>{4 << 20, 64 << 20, 1 << 20, 1 << 14});
  const uint32_t nodes = 1 + e_.Below(12);
  for (uint32_t i = 0; i < nodes && (i == 0 || !e_.done()); ++i) AddSomething();

  // Leaves are the results, and a few values between.
  ir::Editor edit(model.graph);
  for (const Item& item : pool_) {
    const ir::Value& value = model.graph.value(item.ref);
    if (!value.producer || value.graph_output_uses > 0) continue;
    if (item.value.present() && !item.value.is_tensor()) continue;
    if (!value.uses.empty() && !e_.OneIn(8)) continue;
    edit.AddOutput(item.ref);
  }
  if (model.graph.outputs().empty() && !pool_.empty()) edit.AddOutput(pool_.back().ref);
  for (const ir::ValueRef output : model.graph.outputs()) {
    const auto at = std::find_if(pool_.begin(), pool_.end(),
                                 [&](const Item& item) { return item.ref == output; });
    const ir::Value& value = model.graph.value(output);
    if (value.is_input || at == pool_.end() || !at->known()) continue;
    std::vector<ir::Dim> dims(
        static_cast<size_t>(at->rank()));  // unknown, as exporters often leave them
    edit.SetType(output, ir::Type::TensorOf(at->dtype(), dims));
  }

  made_.other_feeds = made_.feeds;
  for (auto& [name, tensor] : made_.other_feeds) {
    ir::Shape dims = tensor.dims();
    switch (e_.Below(6)) {
      case 1:
        for (int64_t& dim : dims) dim = dim == 4 ? 5 : dim;
        break;
      case 2:
        if (!dims.empty()) dims[0] += 2;
        break;
      case 3:
        if (!dims.empty()) dims.back() = e_.Below(9);
        break;
      case 4:
        dims.push_back(2);
        break;
      case 5:
        dims = Dims(0, 6);
        break;
      default:
        break;
    }
    if (ir::ElementCount(dims).value_or(kMaxElements * 4) >= kMaxElements * 4) continue;
    const DType dtype =
        e_.OneIn(8)
            ? e_.Of(std::vector<DType>{DType::kInt64, DType::kDouble, DType::kBool, DType::kUint8})
            : tensor.dtype();
    tensor = Elements(dtype, dims);
  }
  if (e_.OneIn(16) && !made_.other_feeds.empty())
    made_.other_feeds.erase(made_.other_feeds.begin());
  return std::move(made_);
}

int64_t Generator::WildInt() {
  return e_.Of(std::vector<int64_t>{
      -1, 0, 1, 2, -2, 3, 7, 64, 1000, int64_t{1} << 20, int64_t{1} << 31, (int64_t{1} << 32) + 1,
      int64_t{1} << 40, int64_t{1} << 62, std::numeric_limits<int64_t>::max(),
      std::numeric_limits<int64_t>::min(), -(int64_t{1} << 31), -1000});
}

int64_t Generator::Int(int64_t plain) { return wild_ && e_.OneIn(24) ? WildInt() : plain; }

ir::Attribute Generator::IntsOf(const std::string& name, std::vector<int64_t> values) {
  for (int64_t& value : values) value = Int(value);
  if (wild_ && e_.OneIn(32)) values.push_back(WildInt());
  if (wild_ && e_.OneIn(32) && !values.empty()) values.pop_back();
  return Named(name, std::move(values));
}

ir::Tensor Generator::Elements(DType dtype, const ir::Shape& dims) {
  const int64_t count = ir::ElementCount(dims).value_or(0);
  const uint32_t mode = e_.Below(10);
  Philox random(e_.Byte());
  if (dtype == DType::kString) {
    std::vector<std::string> texts(static_cast<size_t>(count));
    for (std::string& text : texts)
      text = std::string(1, static_cast<char>('a' + random.NextBelow(5)));
    return ir::Tensor::Strings(dims, std::move(texts));
  }
  const auto special = [&](int64_t i) -> double {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kValues[] = {std::numeric_limits<double>::quiet_NaN(),
                                  kInfinity,
                                  -kInfinity,
                                  1e-40,
                                  -1e-42,
                                  3e38,
                                  -3e38,
                                  0,
                                  -0.0,
                                  1e-30,
                                  16777217,
                                  -2147483648.0,
                                  2147483648.0,
                                  1e20};
    return i % 3 == 0 ? kValues[random.NextBelow(std::size(kValues))] : random.NextNormal();
  };
  const auto real = [&](int64_t i) -> double {
    switch (mode) {
      case 5:
        return static_cast<double>(random.NextBelow(17)) - 8;  // a grid: ties, equal elements
      case 6:
        return (static_cast<double>(random.NextBelow(65)) - 32) / 8;
      case 7:
        return 1.5;
      case 8:
        return random.NextNormal() * 1000;
      case 9:
        return special(i);
      default:
        return random.NextNormal();
    }
  };
  if (dtype == DType::kFloat || dtype == DType::kDouble) {
    if (dtype == DType::kDouble) {
      std::vector<double> values(static_cast<size_t>(count));
      for (int64_t i = 0; i < count; ++i) values[static_cast<size_t>(i)] = real(i);
      return ir::Tensor::Of<double>(dims, values);
    }
    std::vector<float> values(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i)
      values[static_cast<size_t>(i)] = static_cast<float>(real(i));
    return ir::Tensor::Of<float>(dims, values);
  }
  const int64_t size = ir::ByteCount(dtype, count).value_or(0);
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  for (std::byte& byte : bytes) byte = ByteOf(random.NextU32());
  const size_t width = static_cast<size_t>(std::max(1, ir::BitsOf(dtype) / 8));
  for (size_t i = 0; i < bytes.size(); ++i) {
    // 16-bit floats below 2 in magnitude; wide integers small, so that they serve as indices and
    // sums.
    if ((dtype == DType::kFloat16 || dtype == DType::kBfloat16) && i % 2 == 1)
      bytes[i] &= std::byte{0xbf};
    if (dtype == DType::kBool) bytes[i] &= std::byte{1};
    if (ir::IsInteger(dtype) && width > 1 && mode != 9) {
      bytes[i] = i % width == 0 ? bytes[i] & std::byte{7} : std::byte{0};
    }
  }
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

ir::Shape Generator::Dims(int64_t min_rank, int64_t max_rank) {
  const int64_t rank = min_rank + e_.Below(static_cast<uint32_t>(max_rank - min_rank + 1));
  ir::Shape dims;
  int64_t count = 1;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t dim = e_.Of(std::vector<int64_t>{4, 1, 2, 3, 5, 8, 6, 7, 9, 16, 17, 1, 2, 4, 33, 0});
    if (dim == 0 && !e_.OneIn(4)) dim = 3;
    if (count * dim > kMaxElements) dim = 1;
    count *= std::max<int64_t>(dim, 1);
    dims.push_back(dim);
  }
  return dims;
}

ir::Shape Generator::ImageDims(int64_t spatial) {
  ir::Shape dims = {e_.Of(std::vector<int64_t>{1, 2, 3}),
                    e_.Of(std::vector<int64_t>{4, 3, 8, 16, 1, 2, 17, 32, 5, 64})};
  int64_t count = dims[0] * dims[1];
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t dim = 1 + e_.Below(12);
    if (count * dim > 2 * kMaxElements) dim = 1;
    count *= dim;
    dims.push_back(dim);
  }
  return dims;
}

Item Generator::Input(const ir::Tensor& tensor) {
  const std::string name = NewName("x");
  ir::Type type = ir::Type::TensorOf(tensor.dtype(), tensor.dims());
  const uint32_t kind = e_.Below(8);
  if (kind >= 4) {
    std::vector<ir::Dim>& shape = *type.shape;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (kind == 4 && i > 0) break;  // the batch alone is free
      if (kind == 5 && e_.OneIn(2)) continue;
      const int64_t size = *shape[i].value;
      shape[i].value.reset();
      if (kind == 6) continue;  // without a name
      const auto [at, fresh] = symbols_.try_emplace(size, "S" + std::to_string(size));
      shape[i].param = at->second;
    }
    if (kind == 7 && e_.OneIn(4)) type.shape.reset();
  }
  if (wild_ && e_.OneIn(32) && type.shape && !type.shape->empty()) {
    ir::Dim& dim = type.shape->at(e_.Below(static_cast<uint32_t>(type.shape->size())));
    dim.value = std::max<int64_t>(0, WildInt());
  }
  const ir::ValueRef ref = ir::Editor(made_.model.graph).AddInput(name, type);
  made_.feeds[name] = tensor;
  return {ref, RuntimeValue::Of(tensor)};
}

Item Generator::Fixed(ir::Tensor tensor) {
  const ir::ValueRef ref = ir::Editor(made_.model.graph).AddInitializer(NewName("c"), tensor);
  return {ref, RuntimeValue::Of(std::move(tensor))};
}

Item Generator::Source(ir::Tensor tensor) {
  switch (e_.Below(8)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return Fixed(std::move(tensor));
    case 4: {  // both: fed half of the time, with what it holds, or other elements
      const std::string name = NewName("d");
      ir::Editor edit(made_.model.graph);
      const ir::ValueRef ref =
          edit.AddInput(name, ir::Type::TensorOf(tensor.dtype(), tensor.dims()));
      ir::NamedTensor named;
      named.name = name;
      named.tensor = tensor;
      edit.SetInitializer(name, named);
      if (e_.OneIn(2)) {
        tensor = Elements(tensor.dtype(), tensor.dims());
        made_.feeds[name] = tensor;
      }
      return {ref, RuntimeValue::Of(std::move(tensor))};
    }
    case 5: {
      ir::NamedTensor named;
      named.tensor = tensor;
      return Add("Constant", {}, {Named("value", std::move(named))});
    }
    default:
      return Input(tensor);
  }
}

Item Generator::IntsInput(std::vector<int64_t> values) {
  for (int64_t& value : values) value = Int(value);
  const int64_t count = static_cast<int64_t>(values.size());
  const ir::Tensor tensor = ir::Tensor::Of<int64_t>({count}, values);
  return e_.OneIn(8) ? Source(tensor) : Fixed(tensor);
}

Item Generator::Pick(const std::function<bool(const ir::Tensor&)>& fits,
                     const std::function<ir::Shape()>& dims, DType dtype) {
  std::vector<const Item*> found;
  for (const Item& item : pool_) {
    if (item.known() && fits(item.tensor())) found.push_back(&item);
  }
  if (found.empty() || e_.OneIn(6)) {
    const ir::Tensor tensor = Elements(dtype, dims());
    return pool_.empty() || e_.OneIn(2) ? Input(tensor) : Source(tensor);
  }
  // The latest most often: chains are what engines fuse.
  return e_.OneIn(3) ? *found[e_.Below(static_cast<uint32_t>(found.size()))] : *found.back();
}

Item Generator::PickFloat(int64_t min_rank, int64_t max_rank) {
  return Pick(
      [&](const ir::Tensor& t) {
        return t.dtype() == DType::kFloat && t.rank() >= min_rank && t.rank() <= max_rank;
      },
      [&] { return Dims(min_rank, max_rank); });
}

Item Generator::PickImage() {
  return Pick(
      [](const ir::Tensor& t) {
        return t.dtype() == DType::kFloat && t.rank() >= 3 && t.rank() <= 5;
      },
      [&] { return ImageDims(e_.Of(std::vector<int64_t>{2, 2, 2, 1, 3})); });
}

Item Generator::PickAny() {
  return Pick([](const ir::Tensor&) { return true; }, [&] { return Dims(0, 6); },
              e_.Of(std::vector<DType>{DType::kFloat, DType::kInt64, DType::kInt32, DType::kUint8,
                                       DType::kInt8, DType::kBool, DType::kFloat16, DType::kDouble,
                                       DType::kUint16, DType::kBfloat16, DType::kInt4,
                                       DType::kUint64, DType::kString, DType::kFloat8E4M3Fn}));
}

Item Generator::Add(const std::string& op, const Items& inputs, Attributes attributes) {
  return AddNode(op, inputs, std::move(attributes)).front();
}

Items Generator::AddNode(const std::string& op, const Items& inputs, Attributes attributes,
                         size_t outputs, const std::string& domain) {
  ir::NodeSpec spec;
  spec.op_type = op;
  spec.domain = domain;
  for (const Item& input : inputs) spec.inputs.push_back(input.ref);
  for (size_t i = 0; i < outputs; ++i) spec.outputs.push_back(NewName("v"));
  spec.attributes = std::move(attributes);
  if (wild_ && e_.OneIn(20)) Corrupt(spec);

  ir::Graph& graph = made_.model.graph;
  ir::Editor edit(graph);
  const ir::NodeRef node = edit.AddNode(std::move(spec));
  std::vector<RuntimeValue> values;
  bool evaluable = true;
  const auto value_of = [&](ir::ValueRef ref) -> RuntimeValue {
    if (!ref) return {};
    for (const Item& item : inputs) {
      if (item.ref == ref) return item.value;
    }
    for (const Item& item : pool_) {
      if (item.ref == ref) return item.value;
    }
    return {};
  };
  for (const ir::ValueRef ref : graph.node(node).inputs) {
    values.push_back(value_of(ref));
    evaluable = evaluable && (!ref || values.back().present());
  }
  std::map<std::string, RuntimeValue> captures;
  for (const ir::ValueRef ref : graph.node(node).captures)
    captures[graph.value(ref).name] = value_of(ref);
  Items items(outputs);
  for (size_t i = 0; i < outputs; ++i) items[i].ref = graph.node(node).outputs[i];
  if (evaluable) {
    const auto results = reference::EvaluateNode(made_.model, graph, node, values, captures,
                                                 GeneratedLimits(made_.max_memory_bytes));
    if (results.ok()) {
      for (size_t i = 0; i < outputs && i < results->size(); ++i) items[i].value = (*results)[i];
    } else if (!wild_ || !e_.OneIn(3)) {
      // Nothing would run with it; what follows goes on without.
      edit.RemoveNode(node);
      return Items(outputs);
    }
  }
  for (const Item& item : items) pool_.push_back(item);
  return items;
}

void Generator::Corrupt(ir::NodeSpec& spec) {
  const auto any_value = [&]() -> ir::ValueRef {
    return pool_.empty() ? ir::ValueRef()
                         : pool_[e_.Below(static_cast<uint32_t>(pool_.size()))].ref;
  };
  const uint32_t attributes = static_cast<uint32_t>(spec.attributes.size());
  const uint32_t inputs = static_cast<uint32_t>(spec.inputs.size());
  switch (e_.Below(9)) {
    case 0:  // another number
      if (attributes == 0) return;
      if (auto* ints =
              std::get_if<std::vector<int64_t>>(&spec.attributes[e_.Below(attributes)].value)) {
        if (!ints->empty()) (*ints)[e_.Below(static_cast<uint32_t>(ints->size()))] = WildInt();
      } else if (auto* one = std::get_if<int64_t>(&spec.attributes[e_.Below(attributes)].value)) {
        *one = WildInt();
      }
      return;
    case 1:  // another type
      if (attributes > 0) spec.attributes[e_.Below(attributes)].value = WildInt();
      return;
    case 2:
      if (attributes > 0) spec.attributes.erase(spec.attributes.begin() + e_.Below(attributes));
      return;
    case 3:
      if (inputs > 0) spec.inputs[e_.Below(inputs)] = any_value();
      return;
    case 4:
      if (inputs > 0) spec.inputs[e_.Below(inputs)] = {};
      return;
    case 5:
      if (inputs > 1) spec.inputs.pop_back();
      return;
    case 6:
      if (inputs > 1) std::swap(spec.inputs[0], spec.inputs[e_.Below(inputs)]);
      return;
    case 7:
      spec.inputs.push_back(any_value());
      return;
    default:
      spec.attributes.push_back(
          Named(e_.Of(std::vector<std::string>{"axis", "group", "pads", "strides", "to", "perm",
                                               "keepdims", "axes", "dilations", "kernel_shape",
                                               "block_size", "num_outputs"}),
                e_.OneIn(2) ? ir::Attribute::Value(WildInt())
                            : ir::Attribute::Value(std::vector<int64_t>{WildInt(), WildInt()})));
      return;
  }
}

}  // namespace assize::engine
