// Graphs made from bytes: the same bytes give the same model and feeds, any bytes give some.
//
// A fuzzer mutates the bytes, a test draws them from a seed. Each node is evaluated by the
// reference as it is added, so that the next one knows real shapes and most graphs run; a "wild"
// part of them gets wrong attributes, ranks, types and sizes on purpose. Tests:
// tests/engine/generated_test.cc; fuzzer: tests/fuzz/graph_fuzz.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lib/engine/engine.h"
#include "lib/ir/editor.h"
#include "lib/ir/model.h"
#include "lib/reference/reference.h"

namespace assize::engine {

// Choices, taken from bytes in order; zeros once they are used up. Zero is always the plainest
// choice.
class Entropy {
 public:
  explicit Entropy(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool done() const { return at_ >= bytes_.size(); }
  uint8_t Byte() { return done() ? 0 : bytes_[at_++]; }
  // In [0, bound), bound at most 65536.
  uint32_t Below(uint32_t bound) {
    const uint32_t low = Byte();
    return (bound > 256 ? low | uint32_t{Byte()} << 8 : low) % bound;
  }
  bool OneIn(uint32_t n) { return Below(n) == n - 1; }
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(static_cast<uint32_t>(choices.size()))];
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

struct Generated {
  ir::Model model;
  std::map<std::string, ir::Tensor> feeds;
  // Feeds that may not fit: other shapes and types, missing and surplus ones.
  std::map<std::string, ir::Tensor> other_feeds;
  int64_t max_memory_bytes = int64_t{64} << 20;
};

// Limits under which graphs are made and driven.
reference::Limits GeneratedLimits(int64_t max_memory_bytes);
CompileOptions GeneratedOptions(const Generated& generated);  // of the same measure

Generated GenerateGraph(std::span<const uint8_t> bytes);
// The bytes that seed `seed` stands for.
std::vector<uint8_t> SeededBytes(uint64_t seed);

// A case as one file: the model, its feeds as initializers "feed:NAME" that nothing reads.
ir::Model WithFeeds(const Generated& generated);
Generated FromModelWithFeeds(ir::Model model);

// --- what generated_ops.cc builds with

// A value of the graph being made, with what it holds for the feeds; absent when that is not known.
struct Item {
  ir::ValueRef ref;
  reference::RuntimeValue value;
  bool known() const { return value.is_tensor() && value.tensor.defined(); }
  const ir::Tensor& tensor() const { return value.tensor; }
  const ir::Shape& dims() const { return value.tensor.dims(); }
  int64_t rank() const { return value.tensor.rank(); }
  ir::DType dtype() const { return value.tensor.dtype(); }
};
using Items = std::vector<Item>;
using Attributes = std::vector<ir::Attribute>;

ir::Attribute Named(const std::string& name, ir::Attribute::Value value);

class Generator {
 public:
  explicit Generator(std::span<const uint8_t> bytes) : e_(bytes) {}
  Generated Make();

 private:
  // --- core (generated_graphs.cc)
  Items AddNode(const std::string& op, const Items& inputs, Attributes attributes = {},
                size_t outputs = 1, const std::string& domain = "");
  // The first output; not known when the reference refused the node.
  Item Add(const std::string& op, const Items& inputs, Attributes attributes = {});
  void Corrupt(ir::NodeSpec& spec);
  int64_t WildInt();
  int64_t Int(int64_t plain);  // now and then a wild one instead
  ir::Attribute IntsOf(const std::string& name, std::vector<int64_t> values);
  ir::Attribute IntOf(const std::string& name, int64_t value) { return Named(name, Int(value)); }
  ir::Tensor Elements(ir::DType dtype, const ir::Shape& dims);
  ir::Shape Dims(int64_t min_rank, int64_t max_rank);
  ir::Shape ImageDims(int64_t spatial);
  Item Source(ir::Tensor tensor);  // an input, initializer, both, or Constant node
  Item Input(const ir::Tensor& tensor);
  Item Fixed(ir::Tensor tensor);                // an initializer
  Item IntsInput(std::vector<int64_t> values);  // an int64 vector, mostly an initializer
  Item Fresh(ir::DType dtype, const ir::Shape& dims) { return Source(Elements(dtype, dims)); }
  Item Floats(const ir::Shape& dims) { return Source(Elements(ir::DType::kFloat, dims)); }
  // A value made before that fits, or a new one of `dims()`.
  Item Pick(const std::function<bool(const ir::Tensor&)>& fits,
            const std::function<ir::Shape()>& dims, ir::DType dtype = ir::DType::kFloat);
  Item PickFloat(int64_t min_rank, int64_t max_rank);
  Item PickImage();
  Item PickAny();
  std::string NewName(const std::string& stem) { return stem + std::to_string(next_++); }
  std::string Name(const Item& item) const { return made_.model.graph.value(item.ref).name; }
  int64_t opset() const { return opset_; }

  // --- families (generated_ops.cc, generated_patterns.cc)
  void AddSomething();
  Item Contraction(const Item& x, bool quantized);
  Item ConvOf(const Item& x, bool quantized);
  Item MatMulOf(const Item& x, bool quantized);
  void Pool();
  Item PoolOf(const Item& x);
  void Unary();
  Item UnaryOf(const Item& x);
  void Binary();
  Item BinaryOf(const Item& x, bool quantized);
  void Shaping();
  Item ShapingOf(const Item& x);
  Item SliceOf(const Item& x);
  Item PadOf(const Item& x);
  Item ConcatOf(const Item& x, bool quantized);
  Item ReduceOf(const Item& x);
  Item ResizeOf(const Item& x);
  void Indexing();
  void Splitting();
  void Normalization();
  void Casting();
  void Generic();
  // generated_patterns.cc
  Item Quantize(const Item& x, Item* scale, Item* zero);
  Item QuantizedPair(const Item& x);  // QuantizeLinear, DequantizeLinear
  Item QuantizedWeights(const ir::Shape& dims, int64_t axis);
  void QuantizedLayer();
  void IntegerOps();
  void LayerNormPattern();
  void GeluPattern();
  void AttentionPattern();
  void ShapeChain();
  void Recurrent();
  void ControlFlow();
  void Sequences();
  ir::GraphBox Body(const std::function<void(ir::Editor&)>& build);

  Entropy e_;
  Generated made_;
  Items pool_;
  bool wild_ = false;
  int64_t opset_ = 13;
  int next_ = 0;
  std::map<int64_t, std::string> symbols_;  // the name of a free dim by its size
};

}  // namespace assize::engine
