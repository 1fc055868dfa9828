// Sets the weights of smallest magnitude to zero, over the whole model or layer by layer.
//
//   k = floor(sparsity * weights);  the k weights with the smallest |w| become 0
//
// Shapes    W of Conv [O, I/group, *K], of Gemm [K, N] or [N, K], of MatMul (either side), each
// constant. Needs     constant weights; no data. Numerics  the function changes: judged by criteria
// on data. Ties are broken by the weight's position (layer in
//           execution order, then index), so a result depends on the model alone.
// Not done  biases; weights that other ops use too, or that a caller can replace (initializers that
// are inputs);
//           weights in subgraphs and functions; quantized weights (prune first).
// Source    Han et al. 2015, "Learning both weights and connections", section 3; without
// retraining. Tests     tests/passes/prune_magnitude_test.cc
#include <algorithm>
#include <cmath>
#include <map>

#include "lib/analysis/ops.h"
#include "lib/ir/text.h"
#include "lib/pass/pass.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;
using ir::Tensor;
using ir::ValueRef;

namespace {

struct Layer {
  std::string label;  // of the first node that uses the weight
  ValueRef value;
  Tensor tensor;
  std::vector<double> magnitude;
  int64_t zeros_before = 0, zeros_after = 0;
};

// The weight operand of a node, null when it has none of the kinds that are pruned.
ValueRef WeightOf(const Graph& graph, NodeRef ref, int64_t opset, const std::string& ops) {
  if (ops != "linear") {
    if (const auto conv = analysis::ConvOp::From(graph, ref, opset); conv.ok()) return conv->w;
  }
  if (ops == "conv") return {};
  if (const auto gemm = analysis::GemmOp::From(graph, ref, opset); gemm.ok()) return gemm->b;
  if (const auto matmul = analysis::MatMulOp::From(graph, ref, opset); matmul.ok()) {
    return analysis::ConstantValue(graph, matmul->b) ? matmul->b : matmul->a;
  }
  return {};
}

// The elements set to true become zero: all bits of every float type's zero are zero.
Tensor WithZeros(const Tensor& tensor, const std::vector<bool>& prune) {
  std::vector<std::byte> bytes(tensor.bytes().begin(), tensor.bytes().end());
  const size_t size = bytes.size() / prune.size();
  for (size_t i = 0; i < prune.size(); ++i) {
    if (prune[i])
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * size), size, std::byte{0});
  }
  return Tensor::FromBytes(tensor.dtype(), tensor.dims(), std::move(bytes));
}

}  // namespace

class PruneMagnitude final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {
        .summary = "Sets the weights of smallest magnitude to zero",
        .options = {{.name = "sparsity",
                     .type = pass::OptionType::kNumber,
                     .default_text = "0.5",
                     .summary = "share of the weights that become zero; zeros that are there count",
                     .min = 0,
                     .max = 1,
                     .choices = {}},
                    {.name = "scope",
                     .type = pass::OptionType::kChoice,
                     .default_text = "global",
                     .summary = "one threshold over all layers, or the same share in each",
                     .min = {},
                     .max = {},
                     .choices = {"global", "layer"}},
                    {.name = "ops",
                     .type = pass::OptionType::kChoice,
                     .default_text = "all",
                     .summary = "whose weights: Conv, or Gemm and MatMul (linear), or all of them",
                     .min = {},
                     .max = {},
                     .choices = {"all", "conv", "linear"}}}};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    const double sparsity = options().Number("sparsity");
    const int64_t opset = model.opset().value_or(0);
    AZ_ASSIGN_OR_RETURN(std::vector<Layer> layers, FindLayers(model.graph, opset, context));
    std::vector<std::vector<bool>> masks;
    if (options().Text("scope") == "global") {
      masks = Select(layers, 0, layers.size(), sparsity);
    } else {
      for (size_t i = 0; i < layers.size(); ++i)
        masks.push_back(Select(layers, i, i + 1, sparsity)[0]);
    }
    ir::Editor edit(model.graph);
    for (size_t i = 0; i < layers.size(); ++i) Store(edit, layers[i], masks[i]);
    Report(layers, context);
    return OkStatus();
  }

 private:
  // Every weight once, in execution order of its first use.
  StatusOr<std::vector<Layer>> FindLayers(const Graph& graph, int64_t opset,
                                          pass::Context& context) const {
    std::vector<Layer> layers;
    std::map<ValueRef, size_t> uses;  // as a weight, by value
    std::map<std::string, int64_t>& statistics = *context.statistics;
    for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
      const ValueRef value = WeightOf(graph, ref, opset, options().Text("ops"));
      if (!value) continue;
      if (uses[value]++ > 0) continue;
      const auto tensor = analysis::ConstantValue(graph, value);
      const bool stored = graph.value(value).is_constant() || IsConstantNode(graph, value);
      if (!tensor || !stored || !ir::IsFloating(tensor->dtype()) ||
          ir::BitsOf(tensor->dtype()) < 16 || tensor->element_count() == 0) {
        ++statistics["not_constant"];
        uses.erase(value);
        continue;
      }
      Layer layer;
      layer.label = ir::NodeLabel(graph, ref);
      layer.value = value;
      layer.tensor = *tensor;
      layer.magnitude = tensor->ToDoubles();
      for (size_t i = 0; i < layer.magnitude.size(); ++i) {
        double& w = layer.magnitude[i];
        if (!std::isfinite(w)) {
          return InvalidArgument("{}: weight {} of \"{}\" is {}, expected finite weights",
                                 layer.label, i, graph.value(value).name, w);
        }
        w = std::fabs(w);
        layer.zeros_before += w == 0;
      }
      layers.push_back(std::move(layer));
    }
    // Another reader (an embedding that shares the matrix, say) would change with the weight.
    const auto shared = [&](const Layer& layer) {
      if (graph.use_count(layer.value) == uses[layer.value]) return false;
      ++statistics["shared"];
      return true;
    };
    std::erase_if(layers, shared);
    return layers;
  }

  static bool IsConstantNode(const Graph& graph, ValueRef value) {
    const NodeRef producer = graph.value(value).producer;
    return producer && graph.node(producer).Is("Constant");
  }

  // Masks for layers [begin, end), which share one threshold.
  static std::vector<std::vector<bool>> Select(const std::vector<Layer>& layers, size_t begin,
                                               size_t end, double sparsity) {
    std::vector<double> all;
    for (size_t i = begin; i < end; ++i) {
      all.insert(all.end(), layers[i].magnitude.begin(), layers[i].magnitude.end());
    }
    // floor, with the product rounded to where 0.3 * 10 is 3.
    const double exact = sparsity * static_cast<double>(all.size());
    const double nearest = std::nearbyint(exact);
    const bool whole = std::fabs(exact - nearest) < 1e-9 * std::max(1.0, exact);
    const int64_t wanted = static_cast<int64_t>(whole ? nearest : std::floor(exact));
    std::vector<std::vector<bool>> masks;
    for (size_t i = begin; i < end; ++i) masks.emplace_back(layers[i].magnitude.size(), false);
    if (wanted == 0) return masks;
    const auto last = all.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
    std::nth_element(all.begin(), last, all.end());
    const double threshold = *last;
    // Below the threshold all go; at it, the first ones until the number is reached.
    int64_t ties = wanted;
    for (size_t i = begin; i < end; ++i) {
      for (const double w : layers[i].magnitude) ties -= w < threshold;
    }
    for (size_t i = begin; i < end; ++i) {
      for (size_t k = 0; k < layers[i].magnitude.size(); ++k) {
        const double w = layers[i].magnitude[k];
        if (w < threshold) {
          masks[i - begin][k] = true;
        } else if (w == threshold && ties > 0) {
          masks[i - begin][k] = true;
          --ties;
        }
      }
    }
    return masks;
  }

  static void Store(ir::Editor& edit, Layer& layer, const std::vector<bool>& mask) {
    for (size_t i = 0; i < mask.size(); ++i)
      layer.zeros_after += mask[i] || layer.magnitude[i] == 0;
    if (layer.zeros_after == layer.zeros_before) return;
    const Tensor pruned = WithZeros(layer.tensor, mask);
    const ir::Value& value = edit.graph().value(layer.value);
    if (value.is_constant()) {
      edit.ReplaceInitializer(layer.value, pruned);
      return;
    }
    ir::Attribute attribute;
    attribute.name = "value";
    ir::NamedTensor named;
    named.tensor = pruned;
    attribute.value = std::move(named);
    edit.SetAttribute(value.producer, std::move(attribute));
  }

  static void Report(const std::vector<Layer>& layers, pass::Context& context) {
    std::map<std::string, int64_t>& statistics = *context.statistics;
    Json table = Json::array();
    for (const Layer& layer : layers) {
      const int64_t weights = static_cast<int64_t>(layer.magnitude.size());
      statistics["weights"] += weights;
      statistics["zeros_before"] += layer.zeros_before;
      statistics["zeros_after"] += layer.zeros_after;
      table.push_back({{"layer", layer.label},
                       {"weights", weights},
                       {"zeros_before", layer.zeros_before},
                       {"zeros_after", layer.zeros_after}});
    }
    statistics["layers"] += static_cast<int64_t>(layers.size());
    (*context.facts)["layers"] = std::move(table);
  }
};

ASSIZE_DEFINE_PASS(PruneMagnitude);

}  // namespace assize::passes
