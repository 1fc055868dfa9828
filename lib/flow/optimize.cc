// Pipelines over model files. Tests: tests/flow/optimize_test.cc.
#include "lib/flow/optimize.h"

#include <sys/stat.h>

#include <cstdlib>

#include "lib/flow/evaluate.h"
#include "lib/flow/measure.h"
#include "lib/flow/model_file.h"
#include "lib/flow/pipeline_run.h"
#include "lib/flow/services.h"
#include "lib/pass/pipeline.h"
#include "lib/support/files.h"
#include "passes/registry.h"

namespace assize::flow {
namespace {

// With labels, or at least rows, the table shows what changed for the very rows that were given.
StatusOr<eval::Report> CompareOnRows(const ir::Model& before, const ir::Model& after,
                                     const data::Dataset& dataset, uint64_t seed,
                                     Progress& progress) {
  const std::vector<int64_t> rows = data::AllRows(dataset.rows());
  return Measure({after, dataset}, Subject{before, dataset}, {rows, {}, "", seed}, "the result",
                 progress);
}

}  // namespace

StatusOr<OptimizeResult> Optimize(const OptimizeRequest& request, Progress& progress) {
  AZ_ASSIGN_OR_RETURN(const pass::Pipeline pipeline,
                      pass::Pipeline::Parse(request.pipeline, passes::AllPasses()));
  if (pipeline.NeedsCalibration() && !request.data.given()) {
    return UsageError("the pipeline needs calibration rows: give them with --data FILE.npz");
  }
  AZ_ASSIGN_OR_RETURN(const LoadedModel loaded, LoadModel(request.model));
  std::optional<data::Dataset> dataset;
  if (request.data.given()) {
    AZ_ASSIGN_OR_RETURN(dataset, LoadUserData(request.data, loaded.model()));
  }

  OptimizeResult result;
  result.pipeline = pipeline.Text();
  ir::Model model = loaded.model();
  PipelineRun run;
  run.bisect_limit = request.bisect_limit;
  run.print_after = request.print_after;
  run.print_stream = request.print_stream;
  run.numeric_checks = request.numeric_checks;
  run.seed = request.seed;
  run.artifacts = request.artifacts;
  if (run.artifacts.empty() && !request.output.empty())
    run.artifacts = request.output + ".artifacts";
  std::optional<DatasetView> calibration;
  if (dataset) {
    calibration.emplace(*dataset, data::AllRows(dataset->rows()), FixedBatch(loaded.model()));
    run.calibration = &*calibration;
  }
  AZ_RETURN_IF_ERROR(RunPipeline(pipeline, model, run, progress));
  result.records = std::move(run.records);
  result.diagnostics = std::move(run.diagnostics);

  AZ_ASSIGN_OR_RETURN(result.comparison.before, FactsOf(loaded));
  if (dataset && result.comparison.before.not_executable.empty() && NotExecutable(model).empty()) {
    StatusOr<eval::Report> report =
        CompareOnRows(loaded.model(), model, *dataset, request.seed, progress);
    if (report.ok()) {
      result.comparison.report = *std::move(report);
    } else if (absl::IsCancelled(report.status())) {
      return report.status();
    } else {
      result.diagnostics.push_back(
          {Severity::kWarning,
           "AZ-FLOW-0001",
           request.model,
           "the models could not be compared on the given rows: " + Message(report.status()),
           {}});
    }
  }
  // The model is written last: whatever fails before leaves nothing behind.
  if (request.output.empty()) {
    AZ_ASSIGN_OR_RETURN(result.comparison.after, FactsOf(model));
  } else {
    AZ_ASSIGN_OR_RETURN(result.comparison.after, WriteModel(model, request.output));
  }
  if (!run.artifacts.empty() && FolderExists(run.artifacts)) {
    AZ_ASSIGN_OR_RETURN(result.artifacts, ListFiles(run.artifacts));
  }
  return result;
}

StatusOr<std::string> NormalizePipeline(const std::string& text) {
  AZ_ASSIGN_OR_RETURN(const pass::Pipeline pipeline,
                      pass::Pipeline::Parse(text, passes::AllPasses()));
  return pipeline.Text();
}

Status RunReproducer(const std::string& path, Progress& progress) {
  const std::string file = JoinPath(path, "reproducer.json");
  AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(text, file));
  AZ_ASSIGN_OR_RETURN(const std::string pipeline_text, JsonString(json, "pipeline", file));
  AZ_ASSIGN_OR_RETURN(const int64_t seed, JsonInt(json, "seed", file));
  AZ_ASSIGN_OR_RETURN(const pass::Pipeline pipeline,
                      pass::Pipeline::Parse(pipeline_text, passes::AllPasses()));
  if (pipeline.NeedsCalibration()) {
    return FailedPrecondition(
        "{}: \"{}\" needs calibration rows, and a reproducer never holds any: run `assize opt` "
        "on its model.onnx with --data",
        path, pipeline_text);
  }
  AZ_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(JoinPath(path, "model.onnx")));
  PipelineRun run;
  run.seed = static_cast<uint64_t>(seed);
  run.reproducers = false;  // this is one already
  return RunPipeline(pipeline, loaded.imported.model, run, progress);
}

}  // namespace assize::flow
