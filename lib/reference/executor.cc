// Walks graphs. Tests: tests/reference/executor_test.cc.
#include "lib/reference/executor.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "lib/ir/text.h"
#include "lib/reference/convert.h"
#include "lib/reference/sparse.h"
#include "lib/support/progress.h"

namespace assize::reference {
namespace {

int64_t BytesOf(const RuntimeValue& value) {
  int64_t bytes = 0;
  if (value.is_tensor()) {
    if (value.tensor.dtype() == ir::DType::kString) {
      for (const std::string& text : value.tensor.strings())
        bytes += static_cast<int64_t>(text.size()) + 32;
    } else {
      bytes = static_cast<int64_t>(value.tensor.bytes().size());
    }
  } else if (value.sequence != nullptr) {
    for (const RuntimeValue& element : *value.sequence) bytes += BytesOf(element);
  }
  return bytes;
}

std::string_view KindName(const RuntimeValue& value) {
  switch (value.kind) {
    case RuntimeValue::Kind::kAbsent:
      return "nothing";
    case RuntimeValue::Kind::kTensor:
      return "a tensor";
    case RuntimeValue::Kind::kSequence:
      return "a sequence";
    case RuntimeValue::Kind::kOptionalNone:
      return "an empty optional";
  }
  return "";
}

std::optional<int64_t> OpsetOf(const Frame& frame, std::string_view domain) {
  if (domain == "ai.onnx") domain = "";
  for (const ir::OpsetImport& import : *frame.opsets) {
    const std::string_view imported =
        import.domain == "ai.onnx" ? std::string_view() : import.domain;
    if (imported == domain) return import.version;
  }
  return std::nullopt;
}

Status CheckFeed(const ir::Value& input, const RuntimeValue& feed) {
  if (!feed.is_tensor() || !input.type.is_tensor()) return OkStatus();
  const ir::Type& type = input.type;
  bool fits = type.dtype == ir::DType::kUndefined || type.dtype == feed.tensor.dtype();
  if (type.shape) {
    fits = fits && type.shape->size() == feed.tensor.dims().size();
    for (size_t d = 0; fits && d < type.shape->size(); ++d) {
      const auto& want = (*type.shape)[d].value;
      fits = !want || *want == feed.tensor.dims()[d];
    }
  }
  if (!fits) {
    return InvalidArgument("input \"{}\" wants {}, found {}", input.name, ir::TypeText(type),
                           feed.tensor.TypeText());
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::vector<RuntimeValue>> Executor::RunMain(
    const std::map<std::string, RuntimeValue>& feeds, const std::vector<std::string>& fetch) {
  const ir::Graph& graph = model_.graph;
  Bound bound;
  for (const auto& [name, feed] : feeds) {
    const ir::ValueRef ref = graph.FindValue(name);
    if (!ref || !graph.value(ref).is_input) {
      std::string known;
      for (ir::ValueRef input : graph.inputs()) known += " \"" + graph.value(input).name + "\"";
      return InvalidArgument("no input \"{}\"; the graph's inputs are{}", name, known);
    }
    AZ_RETURN_IF_ERROR(CheckFeed(graph.value(ref), feed));
    bound.emplace_back(ref, feed);
  }
  for (ir::ValueRef input : graph.inputs()) {
    const ir::Value& value = graph.value(input);
    if (!value.is_initializer() && !feeds.contains(value.name)) {
      return InvalidArgument("input \"{}\" ({}) has no value", value.name,
                             ir::TypeText(value.type));
    }
  }
  std::vector<ir::ValueRef> wanted = graph.outputs();
  if (!fetch.empty()) {
    wanted.clear();
    for (const std::string& name : fetch) {
      const ir::ValueRef ref = graph.FindValue(name);
      if (!ref) return InvalidArgument("no value \"{}\" in the graph", name);
      wanted.push_back(ref);
    }
  }
  Frame frame{&model_.opset_imports, {}};
  Scope scope;
  scope.graph = &graph;
  scope.frame = &frame;
  return RunGraph(scope, std::move(bound), wanted);
}

StatusOr<std::vector<RuntimeValue>> Executor::EvaluateOne(
    const ir::Graph& graph, ir::NodeRef ref, const std::vector<RuntimeValue>& inputs,
    const std::map<std::string, RuntimeValue>& captures) {
  const ir::Node& node = graph.node(ref);
  std::map<std::string, RuntimeValue> visible = captures;
  for (size_t i = 0; i < inputs.size() && i < node.inputs.size(); ++i) {
    if (node.inputs[i]) visible[graph.value(node.inputs[i]).name] = inputs[i];
  }
  Frame frame{&model_.opset_imports, {}};
  static const ir::Graph* const empty = new ir::Graph;
  Scope scope;
  scope.graph = empty;
  scope.frame = &frame;
  scope.outer = &visible;
  return RunNode(graph, ref, &scope, frame, inputs);
}

StatusOr<std::vector<RuntimeValue>> Executor::RunBody(const ir::Graph& graph,
                                                      std::vector<RuntimeValue> inputs,
                                                      const Scope* parent, const Frame* frame) {
  if (inputs.size() > graph.inputs().size()) {
    return InvalidArgument("graph \"{}\" has {} inputs, {} are given", graph.name(),
                           graph.inputs().size(), inputs.size());
  }
  Bound bound;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const bool given = i < inputs.size();
    if (!given && graph.value(graph.inputs()[i]).is_initializer()) continue;
    bound.emplace_back(graph.inputs()[i], given ? std::move(inputs[i]) : RuntimeValue());
  }
  Scope scope;
  scope.graph = &graph;
  scope.frame = frame;
  scope.parent = parent;
  return RunNested(scope, std::move(bound), graph.outputs());
}

StatusOr<std::vector<RuntimeValue>> Executor::RunPart(const ir::Graph& graph, Bound bound,
                                                      const std::vector<ir::ValueRef>& wanted,
                                                      const Frame* frame) {
  Scope scope;
  scope.graph = &graph;
  scope.frame = frame;
  return RunNested(scope, std::move(bound), wanted);
}

StatusOr<std::vector<RuntimeValue>> Executor::RunNested(Scope& scope, Bound bound,
                                                        const std::vector<ir::ValueRef>& wanted) {
  if (++depth_ > limits_.max_call_depth) {
    --depth_;
    return ResourceExhausted(
        "functions and subgraphs nest deeper than the limit max_call_depth ({})",
        limits_.max_call_depth);
  }
  auto result = RunGraph(scope, std::move(bound), wanted);
  --depth_;
  return result;
}

Status Executor::CountIteration() {
  AZ_RETURN_IF_ERROR(CheckInterrupted());
  if (++iterations_ > limits_.max_loop_iterations) {
    return ResourceExhausted("loops run longer than the limit max_loop_iterations ({})",
                             limits_.max_loop_iterations);
  }
  return OkStatus();
}

void Executor::Bind(Scope& scope, ir::ValueRef ref, RuntimeValue value) {
  if (ref.index >= scope.slots.size()) {
    scope.slots.resize(ref.index + size_t{1});
    scope.known.resize(ref.index + size_t{1}, 0);
  }
  live_bytes_ += BytesOf(value);
  scope.slots[ref.index] = std::move(value);
  scope.known[ref.index] = 1;
}

void Executor::Release(Scope& scope, ir::ValueRef ref) {
  if (ref.index >= scope.slots.size()) return;
  live_bytes_ -= BytesOf(scope.slots[ref.index]);
  scope.slots[ref.index] = RuntimeValue();
}

StatusOr<RuntimeValue> Executor::LookupName(const Scope& scope, const std::string& name) const {
  const ir::ValueRef ref = scope.graph->FindValue(name);
  if (ref && !scope.graph->value(ref).is_capture) return Lookup(scope, ref);
  if (scope.parent != nullptr) return LookupName(*scope.parent, name);
  if (scope.outer != nullptr) {
    if (const auto found = scope.outer->find(name); found != scope.outer->end())
      return found->second;
  }
  return InvalidArgument("no value \"{}\" in the graph or around it", name);
}

StatusOr<RuntimeValue> Executor::Lookup(const Scope& scope, ir::ValueRef ref) const {
  if (!ref) return RuntimeValue();
  if (ref.index < scope.known.size() && scope.known[ref.index] != 0) return scope.slots[ref.index];
  const ir::Value& value = scope.graph->value(ref);
  if (value.initializer) return RuntimeValue::Of(value.initializer->tensor);
  if (value.sparse_initializer) {
    AZ_ASSIGN_OR_RETURN(ir::Tensor dense,
                        Densify(*value.sparse_initializer, limits_.max_tensor_bytes));
    return RuntimeValue::Of(std::move(dense));
  }
  if (value.is_capture) {
    if (scope.parent != nullptr) return LookupName(*scope.parent, value.name);
    return LookupName(scope, value.name);
  }
  return InvalidArgument("value \"{}\" is used before it is computed", value.name);
}

StatusOr<std::vector<RuntimeValue>> Executor::RunGraph(Scope& scope, Bound bound,
                                                       const std::vector<ir::ValueRef>& wanted) {
  const ir::Graph& graph = *scope.graph;
  for (auto& [ref, value] : bound) Bind(scope, ref, std::move(value));

  // What the wanted values need, and how often each value is still to be read.
  const std::vector<ir::NodeRef> order = graph.nodes();
  std::vector<char> needed(order.size(), 0);
  std::unordered_map<uint32_t, size_t> position;
  for (size_t i = 0; i < order.size(); ++i) position.emplace(order[i].index, i);
  std::vector<ir::ValueRef> pending;
  const auto mark = [&](ir::ValueRef ref) {
    if (!ref) return;
    if (ref.index < scope.known.size() && scope.known[ref.index] != 0) return;  // given
    const ir::NodeRef producer = graph.value(ref).producer;
    if (!producer) return;
    const size_t at = position.at(producer.index);
    if (needed[at] != 0) return;
    needed[at] = 1;
    pending.push_back(ref);
  };
  std::unordered_map<uint32_t, int64_t> reads;
  for (ir::ValueRef ref : wanted) {
    mark(ref);
    reads[ref.index] = int64_t{1} << 40;  // never freed before the end
  }
  while (!pending.empty()) {
    const ir::Node& node = graph.node(graph.value(pending.back()).producer);
    pending.pop_back();
    for (const auto* refs : {&node.inputs, &node.captures}) {
      for (ir::ValueRef ref : *refs) {
        mark(ref);
        if (ref) ++reads[ref.index];
      }
    }
  }

  Status failure;
  for (size_t i = 0; i < order.size() && failure.ok(); ++i) {
    if (needed[i] == 0) continue;
    const ir::Node& node = graph.node(order[i]);
    failure = CheckInterrupted();
    if (!failure.ok()) break;
    std::vector<RuntimeValue> inputs;
    inputs.reserve(node.inputs.size());
    for (ir::ValueRef ref : node.inputs) {
      auto value = Lookup(scope, ref);
      if (!value.ok()) {
        failure = Annotate(value.status(), ir::NodeLabel(graph, order[i]));
        break;
      }
      inputs.push_back(*std::move(value));
    }
    if (!failure.ok()) break;
    auto outputs = RunNode(graph, order[i], &scope, *scope.frame, inputs);
    if (!outputs.ok()) {
      failure = outputs.status();
      break;
    }
    for (size_t o = 0; o < node.outputs.size() && o < outputs->size(); ++o) {
      if (node.outputs[o] && reads[node.outputs[o].index] > 0) {
        Bind(scope, node.outputs[o], std::move((*outputs)[o]));
      }
    }
    if (live_bytes_ > limits_.max_total_bytes) {
      failure =
          ResourceExhausted("{}: live values hold {} bytes, above the limit max_total_bytes ({})",
                            ir::NodeLabel(graph, order[i]), live_bytes_, limits_.max_total_bytes);
      break;
    }
    for (const auto* refs : {&node.inputs, &node.captures}) {
      for (ir::ValueRef ref : *refs) {
        if (ref && --reads[ref.index] == 0) Release(scope, ref);
      }
    }
  }
  std::vector<RuntimeValue> results;
  for (size_t i = 0; i < wanted.size() && failure.ok(); ++i) {
    auto value = Lookup(scope, wanted[i]);
    if (value.ok()) {
      results.push_back(*std::move(value));
    } else {
      failure = value.status();
    }
  }
  for (const RuntimeValue& slot : scope.slots) live_bytes_ -= BytesOf(slot);
  if (!failure.ok()) return failure;
  return results;
}

StatusOr<std::vector<RuntimeValue>> Executor::RunNode(const ir::Graph& graph, ir::NodeRef ref,
                                                      const Scope* scope, const Frame& frame,
                                                      const std::vector<RuntimeValue>& inputs) {
  const ir::Node& node = graph.node(ref);
  if (const ir::Function* function =
          model_.FindFunction(node.domain, node.op_type, node.overload)) {
    auto result = CallFunction(*function, node, frame, inputs);
    if (!result.ok()) return Annotate(result.status(), ir::NodeLabel(graph, ref));
    return result;
  }
  const std::string domain = node.domain.empty() ? "ai.onnx" : node.domain;
  const std::optional<int64_t> opset = OpsetOf(frame, node.domain);
  if (!opset) {
    return InvalidArgument("{}: no opset is imported for domain {}", ir::NodeLabel(graph, ref),
                           domain);
  }
  const KernelRow* row = FindKernel(node.domain, node.op_type, *opset);
  if (row == nullptr) {
    return Unimplemented("{}: the reference evaluator has no {} of {} version {}",
                         ir::NodeLabel(graph, ref), node.op_type, domain, *opset);
  }
  OpContext context(*this, graph, node, scope, *opset, inputs);
  auto result = CallKernel(*row, context);
  if (!result.ok()) return Annotate(result.status(), ir::NodeLabel(graph, ref));
  return result;
}

StatusOr<std::vector<RuntimeValue>> Executor::CallKernel(const KernelRow& row,
                                                         OpContext& context) const {
  const size_t given = context.input_count();
  size_t last = given;
  while (last > 0 && !context.has(last - 1)) --last;
  if (row.max_inputs >= 0 && last > static_cast<size_t>(row.max_inputs)) {
    return InvalidArgument("{} inputs are given, at most {} are expected", last, row.max_inputs);
  }
  for (size_t i = 0; i < static_cast<size_t>(row.min_inputs); ++i) {
    if (!context.has(i))
      return InvalidArgument("input {} is missing, {} are required", i, row.min_inputs);
  }
  if (row.takes != Takes::kValues) {
    for (size_t i = 0; i < last; ++i) {
      if (!context.has(i)) continue;
      const RuntimeValue& value = context.value(i);
      if (!value.is_tensor()) {
        return InvalidArgument("input {} is {}, expected a tensor", i, KindName(value));
      }
      if (row.takes == Takes::kNumeric && !IsNumeric(value.tensor.dtype())) {
        return InvalidArgument("input {} is {}, expected numbers", i, value.tensor.TypeText());
      }
    }
  }
  try {
    const Status status = row.run(context);
    if (!context.attribute_status().ok()) return context.attribute_status();
    if (!status.ok()) return status;
  } catch (const std::bad_alloc&) {
    return Unavailable("out of memory");
  } catch (const std::length_error&) {
    return ResourceExhausted("a working array is longer than memory can hold");
  }
  return std::move(context.outputs_);
}

StatusOr<std::vector<RuntimeValue>> Executor::CallFunction(
    const ir::Function& function, const ir::Node& node, const Frame& frame,
    const std::vector<RuntimeValue>& inputs) {
  Frame inner;
  inner.opsets = &function.opset_imports;
  for (const ir::Attribute& attribute : function.attribute_defaults) {
    inner.attributes[attribute.name] = &attribute;
  }
  for (const ir::Attribute& attribute : node.attributes) {
    if (attribute.ref_name.empty()) {
      inner.attributes[attribute.name] = &attribute;
    } else if (const auto found = frame.attributes.find(attribute.ref_name);
               found != frame.attributes.end()) {
      inner.attributes[attribute.name] = found->second;
    }
  }
  return RunBody(function.body, inputs, nullptr, &inner);
}

bool Supports(const std::string& domain, const std::string& op_type, int64_t opset) {
  return FindKernel(domain, op_type, opset) != nullptr;
}

StatusOr<std::vector<RuntimeValue>> EvaluateNode(
    const ir::Model& model, const ir::Graph& graph, ir::NodeRef node,
    const std::vector<RuntimeValue>& inputs, const std::map<std::string, RuntimeValue>& captures,
    const Limits& limits, const BodyRunner& run_body) {
  Executor executor(model, limits, &run_body);
  return executor.EvaluateOne(graph, node, inputs, captures);
}

StatusOr<std::vector<RuntimeValue>> Run(const ir::Model& model,
                                        const std::map<std::string, RuntimeValue>& feeds,
                                        const std::vector<std::string>& fetch,
                                        const Limits& limits) {
  Executor executor(model, limits);
  return executor.RunMain(feeds, fetch);
}

}  // namespace assize::reference
