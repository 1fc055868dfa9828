// Evaluates nodes whose inputs are all constant, and keeps their results as initializers.
//
//   before  c = Add(a, b)  with initializers a, b;  y = Mul(x, c)      after  y = Mul(x, c)  with
//   initializer c
//
// Needs     an evaluator; every input constant (an initializer that is also an input never is);
// results that are no
//           graph outputs; each result at most max-result-bytes, or not larger than the constants
//           it replaces.
// Numerics  exact: the very results that the evaluator gives when the model runs.
// Not done  random ops, ops with subgraphs, ops outside ONNX's domains; QuantizeLinear and
// DequantizeLinear (they are
//           how a quantized graph says what it is); functions' bodies, subgraphs, IR versions
//           below 4.
// Tests     tests/passes/fold_constants_test.cc
#include <algorithm>

#include "lib/analysis/infer.h"
#include "lib/analysis/traits.h"
#include "lib/pass/pass.h"
#include "lib/pass/rewrite.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;
using ir::ValueRef;

class FoldConstants final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    // 1 MiB: above it a fold like Expand or Tile costs more in the file than it saves in time.
    return {.summary = "Evaluates nodes whose inputs are all constant",
            .options = {{.name = "max-result-bytes",
                         .type = pass::OptionType::kInt,
                         .default_text = "1048576",
                         .summary =
                             "largest result that may exceed the constants it replaces, in bytes",
                         .min = 0}},
            .needs_evaluator = true};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    if (model.ir_version < 4) {
      (*context.statistics)["declined: below IR version 4 an initializer is an input too"] += 1;
      return OkStatus();
    }
    ir::Editor edit(model.graph);
    analysis::InferOptions from_constants;
    from_constants.ignore_declared = true;
    const analysis::TypeTable types = analysis::InferTypesLeniently(model, from_constants, nullptr);
    for (const NodeRef node : model.graph.nodes()) {
      AZ_RETURN_IF_ERROR(CheckInterrupted());
      if (!IsFoldable(model.graph, node)) continue;
      // The size is known before anything is computed, where inference tells it; else after.
      std::string reason = TooLarge(model.graph, node, ExpectedBytes(model.graph, node, types));
      StatusOr<std::vector<ir::Tensor>> results = std::vector<ir::Tensor>();
      if (reason.empty()) {
        results = Evaluate(model, node, context);
        reason = results.ok() ? TooLarge(model.graph, node, BytesOf(*results))
                              : "the evaluator cannot run it";
      }
      if (!reason.empty()) {
        ++(*context.statistics)["declined: " + reason];
        continue;
      }
      Replace(edit, node, *results);
      ++(*context.statistics)["rewritten"];
    }
    return OkStatus();
  }

 private:
  static bool IsFoldable(const Graph& graph, NodeRef ref) {
    const ir::Node& node = graph.node(ref);
    const bool left_alone = !analysis::IsPure(node) || analysis::IsRandom(graph, ref) ||
                            node.has_subgraphs() || analysis::IsControlFlow(node) ||
                            node.op_type == "Constant" || node.op_type == "QuantizeLinear" ||
                            node.op_type == "DequantizeLinear";
    if (left_alone || node.inputs.empty()) return false;
    const bool constant = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueRef v) {
      return !v || graph.ConstantOf(v) != nullptr;
    });
    return constant && std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueRef v) {
             return !v || graph.value(v).graph_output_uses == 0;
           });
  }

  static std::vector<std::string> ResultNames(const Graph& graph, const ir::Node& node) {
    std::vector<std::string> names;
    for (const ValueRef v : node.outputs) {
      if (v) names.push_back(graph.value(v).name);
    }
    return names;
  }

  // Runs a model that holds nothing but the node and its constants.
  static StatusOr<std::vector<ir::Tensor>> Evaluate(const ir::Model& model, NodeRef ref,
                                                    pass::Context& context) {
    const Graph& graph = model.graph;
    const ir::Node& node = graph.node(ref);
    ir::Model single;
    single.ir_version = model.ir_version;
    single.opset_imports = model.opset_imports;
    ir::Editor edit(single.graph);
    edit.SetName("fold");
    ir::NodeSpec spec;
    spec.op_type = node.op_type;
    spec.domain = node.domain;
    spec.name = node.name;
    spec.attributes = node.attributes;
    spec.overload = node.overload;
    for (const ValueRef v : node.inputs) {
      if (!v) {
        spec.inputs.emplace_back();
        continue;
      }
      const std::string& name = graph.value(v).name;
      ValueRef own = single.graph.FindValue(name);
      if (!own) own = edit.AddInitializer(name, *graph.ConstantOf(v));
      spec.inputs.push_back(own);
    }
    for (const ValueRef v : node.outputs) spec.outputs.push_back(v ? graph.value(v).name : "");
    const NodeRef added = edit.AddNode(std::move(spec));
    for (const ValueRef v : single.graph.node(added).outputs) {
      if (v) edit.AddOutput(v);
    }
    AZ_ASSIGN_OR_RETURN(const auto runner,
                        context.services.exact()->Prepare(single, ResultNames(graph, node)));
    return runner->Run({});
  }

  static size_t BytesOf(const std::vector<ir::Tensor>& results) {
    size_t bytes = 0;
    for (const ir::Tensor& t : results) bytes += t.bytes().size();
    return bytes;
  }

  // Bytes of the results as far as inference knows their shapes.
  static size_t ExpectedBytes(const Graph& graph, NodeRef ref, const analysis::TypeTable& types) {
    size_t bytes = 0;
    for (const ValueRef v : graph.node(ref).outputs) {
      if (!v) continue;
      const auto shape = types.shape(v);
      const auto count = shape ? ir::ElementCount(*shape) : std::nullopt;
      const auto size = count ? ir::ByteCount(types.type(v).dtype, *count) : std::nullopt;
      bytes += static_cast<size_t>(size.value_or(0));
    }
    return bytes;
  }

  std::string TooLarge(const Graph& graph, NodeRef ref, size_t made) const {
    size_t replaced = 0;
    for (const ValueRef v : graph.node(ref).inputs) {
      if (v && graph.use_count(v) == 1) replaced += graph.ConstantOf(v)->bytes().size();
    }
    const auto limit = static_cast<size_t>(options().Int("max-result-bytes"));
    return made > limit && made > replaced ? "the result exceeds max-result-bytes" : "";
  }

  static void Replace(ir::Editor& edit, NodeRef ref, const std::vector<ir::Tensor>& results) {
    const std::vector<ValueRef> outputs = edit.graph().node(ref).outputs;
    std::vector<std::pair<ValueRef, std::string>> renames;
    size_t next = 0;
    for (const ValueRef old : outputs) {
      if (!old) continue;
      const std::string name = edit.graph().value(old).name;
      const ir::Tensor& result = results[next++];
      if (!edit.graph().value(old).used()) continue;
      const ValueRef constant = edit.AddInitializer(name, result);
      edit.ReplaceAllUses(old, constant);
      renames.emplace_back(constant, name);
    }
    pass::RemoveNodeAndConstants(edit, ref);
    for (const auto& [value, name] : renames) edit.Rename(value, name);
  }
};

ASSIZE_DEFINE_PASS(FoldConstants);

}  // namespace assize::passes
