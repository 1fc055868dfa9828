// The pass manager with services, and reproducers of failures. Tests: tests/flow/optimize_test.cc.
#include "lib/flow/pipeline_run.h"

#include <sys/stat.h>

#include <cstdlib>

#include "lib/flow/services.h"
#include "lib/onnx/onnx.h"
#include "lib/support/files.h"

namespace assize::flow {
namespace {

// A folder with the model, the pipeline and the seed, below $TMPDIR, mode 0700. Never any data
// rows.
StatusOr<std::string> WriteReproducer(const ir::Model& before, const std::string& pipeline,
                                      uint64_t seed) {
  const char* folder = std::getenv("TMPDIR");
  const std::string parent = folder != nullptr && *folder != '\0' ? folder : "/tmp";
  AZ_ASSIGN_OR_RETURN(StagingFolder staging, StagingFolder::Create(parent));
  AZ_RETURN_IF_ERROR(onnx::ExportFile(before, JoinPath(staging.path(), "model.onnx")).status());
  Json json = Json::object();
  json["pipeline"] = pipeline;
  json["seed"] = seed;
  json["version"] = ASSIZE_VERSION;
  AZ_RETURN_IF_ERROR(
      WriteFileAtomic(JoinPath(staging.path(), "reproducer.json"), DumpPrettyJson(json)));
  // The staging name is unique in `parent`, so the published one is as well.
  const std::string path =
      JoinPath(parent, "assize-reproducer-" + BaseName(staging.path()).substr(9));
  // Publishing gives a folder the mode that releases have; a user's model is its user's own.
  AZ_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListFiles(staging.path()));
  for (const std::string& file : files) ::chmod(JoinPath(staging.path(), file).c_str(), 0600);
  AZ_RETURN_IF_ERROR(staging.Publish(path));
  ::chmod(path.c_str(), 0700);
  return path;
}

}  // namespace

Status RunPipeline(const pass::Pipeline& pipeline, ir::Model& model, PipelineRun& run,
                   Progress& progress) {
  EngineEvaluator evaluator(run.max_memory_bytes);
  ReferenceEvaluator oracle;
  FolderSink sink(run.artifacts);
  pass::Services services;
  services.evaluator = &evaluator;
  services.oracle = &oracle;
  services.calibration = run.calibration;
  services.tuning = run.tuning;
  if (!run.artifacts.empty()) services.artifacts = &sink;
  pass::ManagerOptions options;
  options.bisect_limit = run.bisect_limit;
  options.print_after = run.print_after;
  options.print_stream = run.print_stream;
  options.numeric_checks = run.numeric_checks;
  options.seed = run.seed;
  options.clock = run.clock;
  if (run.reproducers) options.write_reproducer = WriteReproducer;
  pass::PassManager manager(std::move(options));
  CollectingSink diagnostics;
  const Status status = manager.Run(pipeline, model, services, diagnostics, progress);
  run.records = manager.records();
  run.diagnostics = diagnostics.diagnostics();
  return status;
}

}  // namespace assize::flow
