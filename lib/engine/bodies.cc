// Bodies of control flow. Tests: tests/engine/bodies_test.cc.
#include "lib/engine/bodies.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "lib/analysis/traits.h"
#include "lib/engine/program.h"
#include "lib/ir/editor.h"

namespace assize::engine {
namespace {

bool IsLoop(const ir::Node& node) { return analysis::IsControlFlow(node) && node.op_type != "If"; }

// A layer of floats, or as heavy.
bool IsHeavy(const ir::Node& node) {
  static const std::set<std::string_view> kOps = {"ConvInteger", "DeformConv",  "MatMulInteger",
                                                  "QGemm",       "QLinearConv", "QLinearMatMul",
                                                  "Resize"};
  return analysis::IsLayer(node) || kOps.contains(node.op_type);
}

// True when `is` holds for a node of the graph or of a graph within it.
bool AnyNode(const ir::Graph& graph, bool (*is)(const ir::Node&)) {
  for (ir::NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    bool found = is(node);
    ir::ForEachSubgraph(node, [&](const ir::Graph& inner) { found = found || AnyNode(inner, is); });
    if (found) return true;
  }
  return false;
}

bool IsWorthCompiling(const ir::Node& node, const ir::Graph& body) {
  if (!IsLoop(node)) return true;
  return AnyNode(body, IsHeavy) && !AnyNode(body, IsLoop);
}

bool IsNumbers(const reference::RuntimeValue& value) {
  return value.is_tensor() && value.tensor.dtype() != ir::DType::kString;
}

// The body as a model. What it captures becomes an input, or an initializer where the outer graph
// has it as a constant that no feed replaces: weights are packed once. Shapes that the body
// declares are forgotten, as each iteration may bring others. Nullopt when a value is no tensor.
std::optional<ir::Model> ModelOf(const ir::Model& outer, const ir::Graph& body,
                                 const RuntimeValues& inputs, const Captures& captures) {
  ir::Model model;
  model.ir_version = outer.ir_version;
  model.opset_imports = outer.opset_imports;
  model.functions = outer.functions;
  model.graph = body;
  ir::Editor edit(model.graph);
  const std::vector<ir::ValueRef> parameters = body.inputs();
  if (inputs.size() != parameters.size()) return std::nullopt;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!IsNumbers(inputs[i]) || body.value(parameters[i]).is_initializer()) return std::nullopt;
    edit.SetType(parameters[i], ir::Type::TensorOf(inputs[i].tensor.dtype()));
  }
  for (const ir::ValueRef ref : body.values()) {
    const ir::Value& value = body.value(ref);
    if (!value.is_capture || !value.used()) continue;
    const ir::ValueRef source = outer.graph.FindValue(value.name);
    if (source && outer.graph.value(source).is_constant()) {
      edit.CaptureToInitializer(ref, outer.graph.value(source).initializer->tensor);
      continue;
    }
    const auto found = captures.find(value.name);
    if (found == captures.end() || !IsNumbers(found->second)) return std::nullopt;
    edit.CaptureToInput(ref, ir::Type::TensorOf(found->second.tensor.dtype()));
  }
  return model;
}

}  // namespace

std::shared_ptr<const Program> Bodies::For(const ir::Node& node, const ir::Graph& body,
                                           const RuntimeValues& inputs,
                                           const Captures& captures) const {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = programs_.find(&body);
    if (found != programs_.end()) return found->second;
  }
  // Compiled outside the lock: two threads may both do it, with equal results.
  std::shared_ptr<const Program> program;
  if (IsWorthCompiling(node, body)) {
    if (auto model = ModelOf(model_, body, inputs, captures)) {
      CompileOptions options = options_;
      options.fetch.clear();
      // What cannot be compiled, the reference runs or refuses.
      if (auto compiled = Compile(*std::move(model), options); compiled.ok())
        program = *std::move(compiled);
    }
  }
  const std::scoped_lock lock(mutex_);
  return programs_.emplace(&body, std::move(program)).first->second;
}

void Bodies::LeaveToReference(const ir::Graph& body) const {
  const std::scoped_lock lock(mutex_);
  programs_[&body] = nullptr;
}

std::map<std::string, ir::Tensor> FeedsOf(const Program& program, const ir::Graph& body,
                                          const RuntimeValues& inputs, const Captures& captures) {
  std::map<std::string, ir::Tensor> feeds;
  for (size_t i = 0; i < inputs.size() && i < body.inputs().size(); ++i)
    feeds[body.value(body.inputs()[i]).name] = inputs[i].tensor;
  const ir::Graph& graph = program.model().graph;
  for (const ir::ValueRef input : graph.inputs()) {
    const std::string& name = graph.value(input).name;
    const auto found = captures.find(name);
    if (!feeds.contains(name) && found != captures.end()) feeds[name] = found->second.tensor;
  }
  return feeds;
}

}  // namespace assize::engine
