// Every need is checked before the first edit, so a node is rewritten whole or not at all.
// Tests: tests/engine/dynamic_quantized_test.cc.
#include "lib/analysis/expand_matmul_nbits.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/ir/editor.h"
#include "lib/support/parallel.h"

namespace assize::analysis {
namespace {

using ir::DType;
using ir::NodeRef;
using ir::ValueRef;

// Columns that one piece of work fills: the floats of a cache line.
constexpr int64_t kColumns = 16;

// Number `i` of those packed `bits` each into a row of bytes, the first in the lowest bits.
uint8_t Packed(const uint8_t* row, int64_t i, int64_t bits) {
  const int64_t bit = i * bits;
  return static_cast<uint8_t>(row[bit / 8] >> (bit % 8) & ((1 << bits) - 1));
}

// What a node holds, checked.
struct Blocks {
  int64_t k = 0, n = 0, bits = 4, block = 0, blocks = 0;
  ir::Tensor bytes;
  std::vector<double> scales, zeros;  // [N, blocks]
  std::vector<int64_t> group;         // block of each k; empty: k / block
};

std::optional<Blocks> BlocksOf(const ir::Graph& graph, NodeRef ref) {
  const ir::Node& node = graph.node(ref);
  AttributeReader read(graph, ref);
  Blocks w;
  w.k = read.Int("K", 0), w.n = read.Int("N", 0), w.bits = read.Int("bits", 4);
  w.block = read.Int("block_size", 0);
  const bool prepacked = read.Int("weight_prepacked", 0) != 0;
  constexpr int64_t kMost = int64_t{1} << 31;
  if (!read.status().ok() || prepacked || w.k < 1 || w.n < 1 || w.k > kMost || w.n > kMost)
    return std::nullopt;
  if ((w.bits != 2 && w.bits != 4 && w.bits != 8) || w.block < 16 || w.block > kMost ||
      (w.block & (w.block - 1)) != 0)
    return std::nullopt;
  w.blocks = (w.k + w.block - 1) / w.block;
  const auto bytes = ConstantValue(graph, InputAt(node, 1));
  const auto scales = ConstantValue(graph, InputAt(node, 2));
  const auto count = [](int64_t a, int64_t b, int64_t c) {
    return ir::ElementCount(std::vector<int64_t>{a, b, c}).value_or(-1);
  };
  const int64_t of_blocks = count(w.n, w.blocks, 1);
  if (!bytes || bytes->dtype() != DType::kUint8 ||
      bytes->element_count() != count(w.n, w.blocks, w.block * w.bits / 8))
    return std::nullopt;
  if (!scales || scales->dtype() != DType::kFloat || scales->element_count() != of_blocks)
    return std::nullopt;
  w.bytes = *bytes;
  w.scales = scales->ToDoubles();
  w.zeros.assign(w.scales.size(), static_cast<double>(1 << (w.bits - 1)));
  if (const ValueRef given = InputAt(node, 3)) {
    const auto zeros = ConstantValue(graph, given);
    if (!zeros) return std::nullopt;
    if (zeros->dtype() == DType::kFloat && zeros->element_count() == of_blocks) {
      w.zeros = zeros->ToDoubles();
    } else {
      const int64_t row = (w.blocks * w.bits + 7) / 8;
      if (zeros->dtype() != DType::kUint8 || zeros->element_count() != count(w.n, row, 1))
        return std::nullopt;
      const uint8_t* packed = zeros->data<uint8_t>().data();
      for (int64_t i = 0; i < of_blocks; ++i) {
        w.zeros[static_cast<size_t>(i)] = Packed(packed + i / w.blocks * row, i % w.blocks, w.bits);
      }
    }
  }
  if (const ValueRef given = InputAt(node, 4)) {
    const auto group = ConstantValue(graph, given);
    if (!group || !ir::IsInteger(group->dtype()) || group->element_count() < w.k)
      return std::nullopt;
    w.group = group->ToInts();
    for (const int64_t g : w.group) {
      if (g < 0 || g >= w.blocks) return std::nullopt;
    }
  }
  return w;
}

ir::Tensor Floats(const Blocks& w) {
  std::vector<std::byte> bytes(static_cast<size_t>(w.k * w.n) * sizeof(float));
  auto* const floats = reinterpret_cast<float*>(bytes.data());
  const uint8_t* const packed = w.bytes.data<uint8_t>().data();
  const int64_t row = w.blocks * (w.block * w.bits / 8);
  ParallelFor((w.n + kColumns - 1) / kColumns, [&](int64_t piece) {
    const int64_t begin = piece * kColumns, end = std::min(w.n, begin + kColumns);
    for (int64_t i = 0; i < w.k; ++i) {
      const int64_t block = w.group.empty() ? i / w.block : w.group[static_cast<size_t>(i)];
      for (int64_t column = begin; column < end; ++column) {
        const auto at = static_cast<size_t>(column * w.blocks + block);
        const double q = Packed(packed + column * row, i, w.bits);
        floats[i * w.n + column] = static_cast<float>((q - w.zeros[at]) * w.scales[at]);
      }
    }
  });
  return ir::Tensor::FromBytes(DType::kFloat, {w.k, w.n}, std::move(bytes));
}

bool Expand(ir::Editor& edit, NodeRef ref) {
  const ir::Graph& graph = edit.graph();
  const ir::Node& node = graph.node(ref);
  const std::optional<Blocks> blocks = BlocksOf(graph, ref);
  const ValueRef a = InputAt(node, 0), bias = InputAt(node, 5);
  if (!blocks || !a || node.outputs.size() != 1 || !node.outputs[0]) return false;
  if (bias) {
    const auto known = ConstantValue(graph, bias);
    if (!known || known->dtype() != DType::kFloat || known->dims() != ir::Shape{blocks->n})
      return false;
  }
  const std::string name = graph.value(node.inputs[1]).name;
  const ValueRef w = edit.AddInitializer(edit.UniqueName(name + "_float"), Floats(*blocks));
  const std::vector<ir::Attribute> attributes = node.attributes;
  for (const ir::Attribute& attribute : attributes) edit.RemoveAttribute(ref, attribute.name);
  std::vector<ValueRef> inputs{a, w};
  std::string op = "MatMul";
  if (bias) {
    const std::string result = graph.value(node.outputs[0]).name;
    ir::NodeSpec product;
    product.op_type = "MatMul";
    product.name = node.name.empty() ? result : node.name;
    product.inputs = inputs;
    product.outputs = {edit.UniqueName(result + "_product")};
    const NodeRef added = edit.AddNode(std::move(product), ref);
    inputs = {edit.output(added), bias};
    op = "Add";
  }
  edit.SetNodeInputs(ref, inputs);
  edit.SetOp(ref, op, "");
  return true;
}

}  // namespace

int64_t ExpandMatMulNBits(ir::Model& model) {
  int64_t count = 0;
  if (model.opset().value_or(0) < 9) return 0;
  ir::Editor edit(model.graph);
  for (const NodeRef ref : model.graph.nodes()) {
    const ir::Node& node = model.graph.node(ref);
    if (!node.Is("MatMulNBits", "com.microsoft")) continue;
    if (model.FindFunction(node.domain, node.op_type, node.overload) != nullptr) continue;
    if (Expand(edit, ref)) ++count;
  }
  return count;
}

}  // namespace assize::analysis
