// `assize opt`: any pipeline over a model file. Tests: tests/cli/opt_test.cc.
#include <iostream>

#include "lib/flow/catalogue.h"
#include "lib/flow/optimize.h"
#include "lib/support/suggest.h"
#include "tools/assize/program.h"

namespace assize::cli {
namespace {

struct OptFlags {
  flow::OptimizeRequest request;
  DataFlags data;
  bool time_passes = false, stats = false, print_pipeline = false, list_passes = false,
       no_numeric_checks = false;
  std::string reproducer;
  std::string output;
};

Status CheckPrintAfter(const std::vector<std::string>& names) {
  std::vector<std::string> known = {"all"};
  for (const flow::CataloguePass& entry : flow::PassCatalogue()) known.push_back(entry.flag);
  for (const std::string& name : names) {
    // Hidden passes are not suggested, but may be named.
    if (std::find(known.begin(), known.end(), name) == known.end() &&
        !flow::NormalizePipeline(name).ok()) {
      return UsageError("--print-after: unknown pass \"{}\"{}", name, DidYouMean(name, known));
    }
  }
  return OkStatus();
}

StatusOr<ExitCode> Opt(OptFlags& flags, Output& output) {
  flow::OptimizeRequest& request = flags.request;
  if (flags.list_passes) {
    output.Data(flow::CatalogueText());
    output.Document(flow::CatalogueJson());
    return ExitCode::kOk;
  }
  if (!flags.reproducer.empty()) {
    AZ_RETURN_IF_ERROR(flow::RunReproducer(flags.reproducer, output.progress()));
    output.Data(fmt::format("{}: no longer fails\n", flags.reproducer));
    output.Document({{"reproducer", flags.reproducer}, {"fails", false}});
    return ExitCode::kOk;
  }
  if (request.pipeline.empty())
    return UsageError("-p PIPELINE is required, for example -p simplify,fuse");
  AZ_ASSIGN_OR_RETURN(const std::string pipeline, flow::NormalizePipeline(request.pipeline));
  if (flags.print_pipeline) {
    output.Data(pipeline + "\n");
    output.Document({{"pipeline", pipeline}});
    return ExitCode::kOk;
  }
  AZ_RETURN_IF_ERROR(CheckPrintAfter(request.print_after));
  if (request.model.empty()) return UsageError("MODEL is required");
  const bool only_looking = flags.time_passes || flags.stats || !request.print_after.empty();
  if (flags.output.empty() && !only_looking) return UsageError("-o OUT.onnx is required");
  AZ_ASSIGN_OR_RETURN(request.data, ToUserData(flags.data));
  AZ_ASSIGN_OR_RETURN(OutputFile file,
                      OutputFile::Open(flags.output, "model.onnx", output.settings()));
  request.output = file.path();
  request.numeric_checks = !flags.no_numeric_checks;
  request.print_stream = &std::cerr;
  AZ_ASSIGN_OR_RETURN(const flow::OptimizeResult result,
                      flow::Optimize(request, output.progress()));
  if (flags.time_passes) fmt::print(stderr, "{}", flow::TimingText(result.records));
  if (flags.stats) fmt::print(stderr, "{}", flow::StatisticsText(result.records));
  AZ_RETURN_IF_ERROR(PrintOptimized(result, file, output));
  return ExitCode::kOk;
}

}  // namespace

void AddOpt(Program& program) {
  CLI::App& app =
      program.Add("opt", "Runs a pipeline of passes over a model",
                  "assize opt model.onnx -p 'simplify,fuse,quantize-static{calibrator=percentile}' "
                  "--data rows.npz -o small.onnx");
  auto flags = std::make_shared<OptFlags>();
  flow::OptimizeRequest& request = flags->request;
  app.add_option("MODEL", request.model, "the model, an ONNX file")->type_name("");
  app.add_option("-p,--pipeline", request.pipeline,
                 "passes and groups, with options: a,b{k=v}; see `assize passes`")
      ->type_name("PIPELINE");
  app.add_option("-o,--output", flags->output, "the new model; - for a pipe")
      ->type_name("OUT.onnx");
  AddDataFlags(app, flags->data, false);
  app.add_option("--artifacts", request.artifacts,
                 "folder for what passes make besides; default: OUT.onnx.artifacts")
      ->type_name("DIR");
  app.add_option("--seed", request.seed, "seed of whatever draws at random; default: 0")
      ->type_name("N");
  app.add_flag("--no-numeric-checks", flags->no_numeric_checks,
               "do not run the models to check the passes' promises");
  app.add_option("--print-after", request.print_after,
                 "print the graph after this pass, or all, to standard error; may be repeated")
      ->type_name("PASS|all")
      ->allow_extra_args(false)
      ->group("Instrumentation");
  app.add_flag("--time-passes", flags->time_passes, "print each pass's time to standard error")
      ->group("Instrumentation");
  app.add_flag("--stats", flags->stats, "print each pass's counters to standard error")
      ->group("Instrumentation");
  app.add_option("--bisect-limit", request.bisect_limit, "stop after so many passes; -1: run all")
      ->type_name("N")
      ->check(CLI::Range(int64_t{-1}, int64_t{1'000'000}))
      ->group("Instrumentation");
  app.add_flag("--print-pipeline", flags->print_pipeline,
               "print the pipeline as it was understood, and exit")
      ->group("Instrumentation");
  app.add_flag("--list-passes", flags->list_passes, "print the catalogue of passes, and exit")
      ->group("Instrumentation");
  app.add_option("--run-reproducer", flags->reproducer,
                 "run what a failed pass left behind, and exit")
      ->type_name("FOLDER")
      ->group("Instrumentation");
  program.Does(app, [flags](Output& output) { return Opt(*flags, output); });
}

}  // namespace assize::cli
