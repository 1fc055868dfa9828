// PassManager: one stage at a time on a clone, then every net: verifier, signature, folder,
// numbers. Tests: tests/pass/manager_test.cc, tests/passes/sabotage_lie_test.cc.
#include "lib/pass/manager.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <ostream>

#include "lib/ir/hash.h"
#include "lib/ir/text.h"
#include "lib/pass/numeric_check.h"
#include "lib/verify/verify.h"

namespace assize::pass {
namespace {

int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

int64_t BytesOf(const ir::Tensor& tensor) {
  int64_t bytes = static_cast<int64_t>(tensor.bytes().size());
  if (tensor.dtype() == ir::DType::kString) {
    for (const std::string& s : tensor.strings()) bytes += static_cast<int64_t>(s.size());
  }
  return bytes;
}

struct Size {
  int64_t nodes = 0, bytes = 0;
};

void AddSize(const ir::Graph& graph, Size& size) {
  for (const ir::ValueRef ref : graph.initializers()) {
    const ir::Value& value = graph.value(ref);
    if (value.initializer) size.bytes += BytesOf(value.initializer->tensor);
    if (value.sparse_initializer) {
      size.bytes +=
          BytesOf(value.sparse_initializer->values) + BytesOf(value.sparse_initializer->indices);
    }
  }
  for (const ir::NodeRef ref : graph.nodes()) {
    ++size.nodes;
    for (const ir::Attribute& attribute : graph.node(ref).attributes) {
      if (const auto* tensor = std::get_if<ir::NamedTensor>(&attribute.value))
        size.bytes += BytesOf(tensor->tensor);
      if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value)) AddSize(**box, size);
      if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
        for (const ir::GraphBox& b : *boxes) AddSize(*b, size);
      }
    }
  }
}

Size SizeOf(const ir::Model& model) {
  Size size;
  AddSize(model.graph, size);
  for (const ir::Function& function : model.functions) AddSize(function.body, size);
  return size;
}

// The tolerance a stage promises, or nullopt when its function is meant to change.
std::optional<verify::Tolerance> Promise(Folder folder, const Descriptor& descriptor) {
  if (descriptor.judged_by_data) return std::nullopt;
  if (descriptor.tolerance) return descriptor.tolerance;
  switch (folder) {
    case Folder::kSimplify:
    case Folder::kConvert:
    case Folder::kCheck:
    case Folder::kTesting:
      return verify::kExact;
    case Folder::kFuse:
      return verify::kAffineFold;
    case Folder::kPrune:
    case Folder::kQuantize:
    case Folder::kDistill:
      return std::nullopt;
  }
  return std::nullopt;
}

Status CheckValues(const ir::Graph& before, const std::vector<ir::ValueRef>& was,
                   const ir::Graph& after, const std::vector<ir::ValueRef>& is, const char* what) {
  if (was.size() != is.size()) {
    return Internal("{} graph {}s before, {} after; the pass declares that it keeps them",
                    was.size(), what, is.size());
  }
  for (size_t i = 0; i < was.size(); ++i) {
    const ir::Value &a = before.value(was[i]), &b = after.value(is[i]);
    if (a.name != b.name || !(a.type == b.type)) {
      return Internal(
          "graph {} {} was \"{}\" {} and is \"{}\" {}; the pass declares that it keeps it", what, i,
          a.name, ir::TypeText(a.type), b.name, ir::TypeText(b.type));
    }
  }
  return OkStatus();
}

Status CheckSignature(const ir::Model& before, const ir::Model& after) {
  AZ_RETURN_IF_ERROR(
      CheckValues(before.graph, before.graph.inputs(), after.graph, after.graph.inputs(), "input"));
  return CheckValues(before.graph, before.graph.outputs(), after.graph, after.graph.outputs(),
                     "output");
}

// Operands that disagree, and element types an op does not take. A file may bring them; a pass must
// not add any.
std::vector<std::string> TypeErrors(const std::vector<Diagnostic>& findings) {
  std::vector<std::string> errors;
  for (const Diagnostic& d : findings) {
    if (d.rule == "AZ-VER-0040" || d.rule == "AZ-VER-0042")
      errors.push_back(d.place + ": " + d.message);
  }
  return errors;
}

Status CheckNoNewTypeErrors(std::vector<std::string>& before, std::vector<std::string> after) {
  if (after.size() > before.size()) {
    for (const std::string& error : after) {
      if (std::find(before.begin(), before.end(), error) == before.end()) {
        return Internal("the pass made operands disagree: {}", error);
      }
    }
  }
  before = std::move(after);
  return OkStatus();
}

Status CheckServices(const Descriptor& descriptor, const Services& services) {
  if (descriptor.needs_evaluator && services.exact() == nullptr) {
    return FailedPrecondition("the pass evaluates the model, and no evaluator was given");
  }
  if (descriptor.needs_calibration && services.calibration == nullptr) {
    return FailedPrecondition(
        "the pass needs calibration data, and none was given (--data FILE.npz, or data in the "
        "recipe)");
  }
  if (descriptor.needs_artifacts && services.artifacts == nullptr) {
    return FailedPrecondition(
        "the pass writes files besides the model, and no place for them was given");
  }
  return OkStatus();
}

std::string StageText(const Pipeline::Stage& stage) {
  return ItemText({stage.registration->flag, stage.options.given()});
}

// What the check hook needs when a pass dies: set while a pass runs, one manager at a time per
// process.
struct Failing {
  const ManagerOptions* options = nullptr;
  const ir::Model* before = nullptr;
  std::string pass_text;
};
Failing g_failing;

void WriteReproducerFromHook(const std::string&) {
  if (g_failing.before == nullptr) return;
  const Failing failing =
      std::exchange(g_failing, Failing{});  // a second failure must not come here again
  const auto path =
      failing.options->write_reproducer(*failing.before, failing.pass_text, failing.options->seed);
  if (path.ok()) std::fprintf(stderr, "reproducer: %s\n", path->c_str());
}

// Arms the hook for the time of a pass.
class HookScope {
 public:
  HookScope(const ManagerOptions& options, const ir::Model& before, std::string pass_text)
      : armed_(options.write_reproducer != nullptr) {
    if (!armed_) return;
    g_failing = {&options, &before, std::move(pass_text)};
    SetCheckHook(WriteReproducerFromHook);
  }
  ~HookScope() {
    if (!armed_) return;
    g_failing = {};
    SetCheckHook(nullptr);
  }
  HookScope(const HookScope&) = delete;
  HookScope& operator=(const HookScope&) = delete;

 private:
  bool armed_;
};

Status WithReproducer(const Status& status, const ManagerOptions& options, const ir::Model& before,
                      const std::string& pass_text) {
  if (status.code() != StatusCode::kInternal || !options.write_reproducer) return status;
  const auto path = options.write_reproducer(before, pass_text, options.seed);
  if (!path.ok()) {
    return Internal("{} (no reproducer could be written: {})", Message(status),
                    Message(path.status()));
  }
  return Internal("{} (reproducer: {})", Message(status), *path);
}

bool Wants(const std::vector<std::string>& print_after, const std::string& flag) {
  return std::find(print_after.begin(), print_after.end(), flag) != print_after.end() ||
         std::find(print_after.begin(), print_after.end(), "all") != print_after.end();
}

}  // namespace

Status PassManager::Run(const Pipeline& pipeline, ir::Model& model, const Services& services,
                        DiagnosticSink& diagnostics, Progress& progress) {
  records_.clear();
  std::vector<std::string> type_errors;
  {
    const std::vector<Diagnostic> findings = verify::Verify(model);
    AZ_RETURN_IF_ERROR(verify::StatusOf(findings));
    type_errors = TypeErrors(findings);
  }
  const Clock& clock = options_.clock ? *options_.clock : SystemClock();
  NumericChecker checker(services.exact(), options_.seed, options_.numeric_check_max_macs);
  Digest hash = ir::StructuralHash(model);
  Size size = SizeOf(model);

  for (size_t index = 0; index < pipeline.stages().size(); ++index) {
    if (options_.bisect_limit >= 0 && static_cast<int64_t>(index) >= options_.bisect_limit) break;
    const Pipeline::Stage& stage = pipeline.stages()[index];
    const std::string& flag = stage.registration->flag;
    AZ_RETURN_IF_ERROR(Annotate(CheckInterrupted(), flag));
    if (options_.before_pass) options_.before_pass(index, flag);

    PassRecord record;
    record.pass = flag;
    record.folder = std::string(NameOf(stage.registration->folder));
    record.options = stage.options.effective();
    record.seed = options_.seed;
    record.input = hash;
    record.nodes_before = size.nodes;
    record.bytes_before = size.bytes;

    const std::unique_ptr<Pass> pass = stage.registration->create();
    const Descriptor descriptor = pass->Describe();
    AZ_RETURN_IF_ERROR(Annotate(CheckServices(descriptor, services), flag));
    pass->Configure(stage.options);

    const int64_t begin_us = clock.MonotonicMicros();
    ir::Model after = model;
    Context context{services,      &diagnostics,       &progress,
                    options_.seed, &record.statistics, &record.facts};
    const auto run_and_check = [&]() -> Status {
      AZ_RETURN_IF_ERROR(pass->Run(after, context));
      std::vector<Diagnostic> findings = verify::Verify(after);
      if (const Status broken = verify::StatusOf(findings); !broken.ok()) {
        return Internal("the pass broke the model: {}", Message(broken));
      }
      AZ_RETURN_IF_ERROR(CheckNoNewTypeErrors(type_errors, TypeErrors(findings)));
      record.output = ir::StructuralHash(after);
      record.changed = record.output != record.input;
      if (descriptor.keeps_signature) AZ_RETURN_IF_ERROR(CheckSignature(model, after));
      if (stage.registration->folder == Folder::kCheck && record.changed) {
        return Internal("a check must not change the model, and this one did");
      }
      const auto promise = Promise(stage.registration->folder, descriptor);
      record.check.kind = !promise ? "none" : *promise == verify::kExact ? "bitwise" : "bounded";
      record.check.outcome = "skipped";
      if (!promise)
        record.check.reason = "the function is meant to change; criteria on data judge it";
      else if (!record.changed)
        record.check.reason = "nothing changed";
      else if (!options_.numeric_checks)
        record.check.reason = "numeric checks are off";
      else {
        AZ_ASSIGN_OR_RETURN(record.check,
                            checker.Check(model, record.input, after, record.output, *promise));
      }
      return OkStatus();
    };
    Status status;
    {
      const HookScope hook(options_, model, StageText(stage));
      status = run_and_check();
    }
    if (!status.ok())
      return WithReproducer(Annotate(status, flag), options_, model, StageText(stage));

    size = SizeOf(after);
    record.nodes_after = size.nodes;
    record.bytes_after = size.bytes;
    record.measurements.duration_us = clock.MonotonicMicros() - begin_us;
    record.measurements.peak_bytes = PeakBytes();
    hash = record.output;
    model = std::move(after);
    records_.push_back(std::move(record));
    if (options_.print_stream != nullptr && Wants(options_.print_after, flag)) {
      *options_.print_stream << "// after " << flag
                             << (records_.back().changed ? "" : " (no change)") << "\n"
                             << ir::Print(model);
    }
  }
  return OkStatus();
}

std::string TimingTable(const std::vector<PassRecord>& records) {
  int64_t total = 0;
  for (const PassRecord& r : records) total += r.measurements.duration_us;
  std::string text = fmt::format("{:>12} {:>6}  {}\n", "time [ms]", "share", "pass");
  const auto line = [&](int64_t us, const std::string& name) {
    text += fmt::format(
        "{:>12.3f} {:>5.1f}%  {}\n", static_cast<double>(us) / 1e3,
        total > 0 ? 100.0 * static_cast<double>(us) / static_cast<double>(total) : 0.0, name);
  };
  for (const PassRecord& r : records) line(r.measurements.duration_us, r.pass);
  line(total, "total");
  return text;
}

std::string StatisticsTable(const std::vector<PassRecord>& records) {
  std::string text;
  for (const PassRecord& r : records) {
    text += fmt::format("{}: {}, nodes {} -> {}, bytes {} -> {}, check {} {}{}\n", r.pass,
                        r.changed ? "changed" : "unchanged", r.nodes_before, r.nodes_after,
                        r.bytes_before, r.bytes_after, r.check.kind, r.check.outcome,
                        r.check.reason.empty() ? "" : " (" + r.check.reason + ")");
    for (const auto& [name, count] : r.statistics)
      text += fmt::format("  {:>8}  {}\n", count, name);
  }
  return text;
}

}  // namespace assize::pass
