// Session: checks feeds, finds plans, runs them. Tests: tests/engine/session_test.cc.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "lib/engine/dnnl_steps.h"
#include "lib/engine/engine.h"
#include "lib/engine/program.h"
#include "lib/ir/text.h"
#include "lib/reference/reference.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

// Contexts (arenas) kept per session, over all segments and threads.
constexpr size_t kMaxContexts = 64;

}  // namespace

struct Session::Impl {
  std::shared_ptr<const Program> program;
  // Contexts by plan, as many as threads have run it.
  struct Workers {
    std::shared_ptr<const Plan> plan;
    std::vector<std::unique_ptr<PlanContext>> contexts;
  };
  std::vector<Workers> workers;  // most recent last
  std::map<const Program*, std::unique_ptr<Session>> bodies;
  bool profiling = false;

  explicit Impl(std::shared_ptr<const Program> p) : program(std::move(p)) {}

  StatusOr<std::vector<ir::Tensor>> Run(const std::map<std::string, ir::Tensor>& feeds);
  StatusOr<std::vector<LiveValue>> CheckFeeds(const std::map<std::string, ir::Tensor>& feeds,
                                              std::set<std::string>& overridden) const;
  Workers& WorkersFor(const std::shared_ptr<const Plan>& plan);
  Status RunPlan(const std::shared_ptr<const Segment>& segment,
                 std::map<uint32_t, reference::RuntimeValue>& values);
  Status RunLone(const Segment& segment, const Variant& variant,
                 std::map<uint32_t, reference::RuntimeValue>& values);
  std::optional<StatusOr<RuntimeValues>> RunBody(const ir::Node& node, const ir::Graph& body,
                                                 const RuntimeValues& inputs,
                                                 const Captures& captures);
};

StatusOr<std::vector<LiveValue>> Session::Impl::CheckFeeds(
    const std::map<std::string, ir::Tensor>& feeds, std::set<std::string>& overridden) const {
  const ir::Graph& graph = program->model().graph;
  std::vector<std::string> names;
  for (const ir::ValueRef input : graph.inputs()) names.push_back(graph.value(input).name);
  for (const auto& [name, tensor] : feeds) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return InvalidArgument("feed \"{}\" ({}): the model has no such input; its inputs are \"{}\"",
                             name, tensor.TypeText(), fmt::join(names, "\", \""));
    }
  }
  std::vector<LiveValue> live;
  std::map<std::string, std::pair<int64_t, std::string>>
      symbols;  // value and the input that set it
  for (const ir::ValueRef input : graph.inputs()) {
    const ir::Value& value = graph.value(input);
    const auto found = feeds.find(value.name);
    if (found == feeds.end()) {
      if (value.is_initializer() || !program->Reads(input)) continue;
      return InvalidArgument("input \"{}\" is not fed; expected {}", value.name,
                             ir::TypeText(value.type));
    }
    const ir::Tensor& tensor = found->second;
    if (value.is_initializer()) overridden.insert(value.name);
    const auto mismatch = [&] {
      return InvalidArgument("input \"{}\": found {}, expected {}", value.name, tensor.TypeText(),
                             ir::TypeText(value.type));
    };
    if (value.type.is_tensor()) {
      if (value.type.dtype != ir::DType::kUndefined && value.type.dtype != tensor.dtype())
        return mismatch();
      if (value.type.shape) {
        if (value.type.shape->size() != tensor.dims().size()) return mismatch();
        for (size_t i = 0; i < tensor.dims().size(); ++i) {
          const ir::Dim& dim = (*value.type.shape)[i];
          if (dim.value && *dim.value != tensor.dims()[i]) return mismatch();
          if (dim.value || dim.param.empty()) continue;
          const auto [at, fresh] = symbols.try_emplace(dim.param, tensor.dims()[i], value.name);
          if (!fresh && at->second.first != tensor.dims()[i]) {
            return InvalidArgument("input \"{}\": found {}, but \"{}\" made {} = {}", value.name,
                                   tensor.TypeText(), at->second.second, dim.param,
                                   at->second.first);
          }
        }
      }
    }
    if (program->Reads(input)) live.push_back({input, tensor.dtype(), tensor.dims()});
  }
  return live;
}

Session::Impl::Workers& Session::Impl::WorkersFor(const std::shared_ptr<const Plan>& plan) {
  for (size_t i = 0; i < workers.size(); ++i) {
    if (workers[i].plan == plan) {
      std::rotate(workers.begin() + static_cast<int64_t>(i),
                  workers.begin() + static_cast<int64_t>(i) + 1, workers.end());
      return workers.back();
    }
  }
  size_t total = 0;
  for (const Workers& entry : workers) total += entry.contexts.size();
  if (total >= kMaxContexts) workers.erase(workers.begin());
  workers.push_back({plan, {}});
  return workers.back();
}

Status Session::Impl::RunPlan(const std::shared_ptr<const Segment>& segment,
                              std::map<uint32_t, reference::RuntimeValue>& values) {
  const Plan& plan = *segment->plan;
  Workers& mine = WorkersFor(segment->plan);
  std::vector<const ir::Tensor*> fed;
  int64_t rows = 1;
  for (const PlanPort& port : plan.inputs) {
    fed.push_back(&values.at(port.value.index).tensor);
    if (segment->by_row) rows = fed.back()->dims()[0] / port.dims[0];
  }
  std::vector<std::vector<std::byte>> results;
  int64_t total = plan.arena_bytes;
  for (const PlanPort& port : plan.outputs) total += port.bytes * rows;
  if (total > program->options().max_memory_bytes) {
    return ResourceExhausted(
        "{} rows need {} bytes of results and activations; max_memory_bytes is {}", rows, total,
        program->options().max_memory_bytes);
  }
  for (const PlanPort& port : plan.outputs)
    results.emplace_back(static_cast<size_t>(port.bytes * rows));

  // Either rows run side by side, or the steps of one row use the threads.
  const int64_t threads = plan.threads > 1 ? 1 : std::min<int64_t>(rows, ThreadCount());
  while (static_cast<int64_t>(mine.contexts.size()) < threads) {
    mine.contexts.push_back(std::make_unique<PlanContext>(segment->plan));
    mine.contexts.back()->set_profiling(profiling);
  }
  std::vector<Status> statuses(static_cast<size_t>(threads));
  std::atomic<int64_t> next{0};
  const auto work = [&](int64_t worker) {
    const ThreadScope threads_back(1);
    PlanContext& context = *mine.contexts[static_cast<size_t>(worker)];
    std::vector<const std::byte*> inputs(fed.size());
    std::vector<std::byte*> outputs(results.size());
    // A few rows at a time: the counter is shared.
    const int64_t piece = std::max<int64_t>(1, rows / (threads * 16));
    for (int64_t begin = next.fetch_add(piece); begin < rows; begin = next.fetch_add(piece)) {
      for (int64_t row = begin; row < std::min(rows, begin + piece); ++row) {
        for (size_t i = 0; i < fed.size(); ++i)
          inputs[i] = fed[i]->bytes().data() + row * plan.inputs[i].bytes;
        for (size_t i = 0; i < results.size(); ++i)
          outputs[i] = results[i].data() + row * plan.outputs[i].bytes;
        const Status status = context.Run(inputs, outputs);
        if (!status.ok()) {
          statuses[static_cast<size_t>(worker)] = status;
          return;
        }
      }
    }
  };
  if (threads == 1) {
    work(0);
  } else {
    ParallelFor(threads, work);
  }
  for (const Status& status : statuses) AZ_RETURN_IF_ERROR(status);
  for (size_t i = 0; i < results.size(); ++i) {
    ir::Shape dims = plan.outputs[i].dims;
    if (segment->by_row) dims[0] *= rows;
    values[plan.outputs[i].value.index] = reference::RuntimeValue::Of(
        ir::Tensor::FromBytes(plan.outputs[i].dtype, std::move(dims), std::move(results[i])));
  }
  return OkStatus();
}

std::optional<StatusOr<RuntimeValues>> Session::Impl::RunBody(const ir::Node& node,
                                                              const ir::Graph& body,
                                                              const RuntimeValues& inputs,
                                                              const Captures& captures) {
  const auto compiled = program->bodies().For(node, body, inputs, captures);
  if (compiled == nullptr) return std::nullopt;
  std::unique_ptr<Session>& session = bodies[compiled.get()];
  if (session == nullptr) {
    session = std::make_unique<Session>(compiled);
    session->set_profiling(profiling);
  }
  auto results = session->Run(FeedsOf(*compiled, body, inputs, captures));
  if (absl::IsUnimplemented(results.status())) {  // sequences are the reference's
    program->bodies().LeaveToReference(body);
    return std::nullopt;
  }
  if (!results.ok()) return results.status();
  RuntimeValues values;
  for (ir::Tensor& tensor : *results)
    values.push_back(reference::RuntimeValue::Of(std::move(tensor)));
  return values;
}

Status Session::Impl::RunLone(const Segment& segment, const Variant& variant,
                              std::map<uint32_t, reference::RuntimeValue>& values) {
  const ir::Graph& graph = program->model().graph;
  const ir::NodeRef ref = program->order()[segment.begin];
  const ir::Node& node = graph.node(ref);
  const auto get = [&](ir::ValueRef value) -> StatusOr<reference::RuntimeValue> {
    const auto found = values.find(value.index);
    if (found != values.end()) return found->second;
    if (variant.constants.IsConstant(value)) {
      AZ_ASSIGN_OR_RETURN(ir::Tensor tensor, variant.constants.Get(value));
      return reference::RuntimeValue::Of(std::move(tensor));
    }
    return FailedPrecondition("{}: value \"{}\" was never computed", ir::NodeLabel(graph, ref),
                              graph.value(value).name);
  };
  std::vector<reference::RuntimeValue> inputs(node.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!node.inputs[i]) continue;
    AZ_ASSIGN_OR_RETURN(inputs[i], get(node.inputs[i]));
  }
  Captures captures;
  for (const ir::ValueRef capture : node.captures) {
    AZ_ASSIGN_OR_RETURN(captures[graph.value(capture).name], get(capture));
  }
  reference::Limits limits;
  limits.max_total_bytes = program->options().max_memory_bytes;
  limits.max_tensor_bytes = std::min(limits.max_tensor_bytes, program->options().max_memory_bytes);
  limits.max_loop_iterations = program->options().max_loop_iterations;
  AZ_ASSIGN_OR_RETURN(
      std::vector<reference::RuntimeValue> results,
      reference::EvaluateNode(program->model(), graph, ref, inputs, captures, limits,
                              [&](const ir::Graph& body, const RuntimeValues& given) {
                                return RunBody(node, body, given, captures);
                              }));
  for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i) {
    if (node.outputs[i]) values[node.outputs[i].index] = std::move(results[i]);
  }
  return OkStatus();
}

StatusOr<std::vector<ir::Tensor>> Session::Impl::Run(
    const std::map<std::string, ir::Tensor>& feeds) {
  const ir::Graph& graph = program->model().graph;
  std::set<std::string> overridden;
  AZ_ASSIGN_OR_RETURN(std::vector<LiveValue> live, CheckFeeds(feeds, overridden));
  const std::shared_ptr<const Variant> variant = program->VariantFor(overridden);
  std::map<uint32_t, reference::RuntimeValue> values;
  for (const LiveValue& value : live) {
    values[value.value.index] =
        reference::RuntimeValue::Of(feeds.at(graph.value(value.value).name));
  }
  size_t at = 0;
  bool first = true;
  while (first || at < program->order().size()) {
    if (!first) {
      live.clear();
      for (const ir::ValueRef value : program->NeededFrom(at)) {
        const auto found = values.find(value.index);
        if (found == values.end() || !found->second.is_tensor()) continue;
        if (found->second.tensor.dtype() == ir::DType::kString) continue;
        live.push_back({value, found->second.tensor.dtype(), found->second.tensor.dims()});
      }
    }
    first = false;
    std::erase_if(live, [](const LiveValue& value) { return value.dtype == ir::DType::kString; });
    AZ_ASSIGN_OR_RETURN(const std::shared_ptr<const Segment> segment,
                        program->SegmentAt(variant, at, live, ThreadCount()));
    if (segment->lone) {
      AZ_RETURN_IF_ERROR(RunLone(*segment, *variant, values));
    } else {
      AZ_RETURN_IF_ERROR(RunPlan(segment, values));
    }
    at = segment->end;
  }
  std::vector<ir::Tensor> results;
  for (const ir::ValueRef value : program->fetch()) {
    const auto found = values.find(value.index);
    if (found != values.end()) {
      if (!found->second.is_tensor()) {
        return Unimplemented("result \"{}\" is a sequence or optional; only tensors are returned",
                             graph.value(value).name);
      }
      results.push_back(found->second.tensor);
    } else if (variant->constants.IsConstant(value)) {
      AZ_ASSIGN_OR_RETURN(ir::Tensor tensor, variant->constants.Get(value));
      results.push_back(std::move(tensor));
    } else {
      return Internal("result \"{}\" was never computed", graph.value(value).name);
    }
  }
  return results;
}

Session::Session(std::shared_ptr<const Program> program)
    : impl_(std::make_unique<Impl>(std::move(program))) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
StatusOr<std::vector<ir::Tensor>> Session::Run(const std::map<std::string, ir::Tensor>& feeds) {
  return impl_->Run(feeds);
}

void Session::set_profiling(bool on) {
  impl_->profiling = on;
  for (Impl::Workers& entry : impl_->workers) {
    for (const auto& context : entry.contexts) context->set_profiling(on);
  }
  for (const auto& [program, session] : impl_->bodies) session->set_profiling(on);
}

std::vector<StepProfile> Session::Profile() const {
  std::vector<StepProfile> profile;
  for (const Impl::Workers& entry : impl_->workers) {
    std::vector<StepProfile> steps;
    for (const Step& step : entry.plan->steps) steps.push_back({step.info});
    bool ran = false;
    for (const auto& context : entry.contexts) {
      if (context->profiled_runs() == 0) continue;
      ran = true;
      for (size_t i = 0; i < steps.size(); ++i) {
        steps[i].runs += context->profiled_runs();
        steps[i].seconds += static_cast<double>(context->nanos()[i]) * 1e-9;
      }
    }
    if (ran) profile.insert(profile.end(), steps.begin(), steps.end());
  }
  for (const auto& [program, session] : impl_->bodies) {
    const std::vector<StepProfile> steps = session->Profile();
    profile.insert(profile.end(), steps.begin(), steps.end());
  }
  return profile;
}

}  // namespace assize::engine
