// Traits of ops. Tests: tests/analysis/ops_test.cc.
#include "lib/analysis/traits.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/analysis/ops.h"
#include "lib/analysis/schema.h"

namespace assize::analysis {
bool IsRandom(const ir::Graph& graph, ir::NodeRef ref) {
  static constexpr std::array<std::string_view, 6> kRandom = {"RandomNormal",  "RandomNormalLike",
                                                              "RandomUniform", "RandomUniformLike",
                                                              "Multinomial",   "Bernoulli"};
  const ir::Node& node = graph.node(ref);
  if (!ir::IsMainDomain(node.domain)) return false;
  if (std::find(kRandom.begin(), kRandom.end(), node.op_type) != kRandom.end()) return true;
  // Dropout's training_mode is its third input in every version that has it.
  if (node.op_type != "Dropout" || !InputAt(node, 2)) return false;
  const auto op = DropoutOp::From(graph, ref, /*opset=*/12);
  return !op.ok() || !op->IsInference(graph);
}

bool IsControlFlow(const ir::Node& node) {
  static constexpr std::array<std::string_view, 4> kControl = {"If", "Loop", "Scan", "SequenceMap"};
  return ir::IsMainDomain(node.domain) &&
         std::find(kControl.begin(), kControl.end(), node.op_type) != kControl.end();
}

bool IsLayer(const ir::Node& node) {
  static constexpr std::array<std::string_view, 9> kLayers = {
      "Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN", "Attention"};
  static constexpr std::array<std::string_view, 8> kMicrosoftLayers = {
      "Attention", "MultiHeadAttention", "GroupQueryAttention", "FusedConv",
      "FusedGemm", "FusedMatMul",        "MatMulNBits",         "QAttention"};
  const auto among = [&](const auto& names) {
    return std::find(names.begin(), names.end(), node.op_type) != names.end();
  };
  if (ir::IsMainDomain(node.domain)) return among(kLayers);
  return node.domain == "com.microsoft" && among(kMicrosoftLayers);
}

bool IsPure(const ir::Node& node) {
  // Of com.microsoft the table holds the ops we run; the others may be anything.
  if (node.domain == "com.microsoft") return !SchemaVersions(node.domain, node.op_type).empty();
  return IsOnnxDomain(node.domain);
}

}  // namespace assize::analysis
