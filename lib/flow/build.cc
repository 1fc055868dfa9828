// The straight road from recipe to release. Tests: tests/flow/build_test.cc, tests/e2e/.
#include "lib/flow/build.h"

#include <sys/resource.h>

#include "lib/engine/engine.h"
#include "lib/evidence/documents.h"
#include "lib/evidence/privacy.h"
#include "lib/flow/key_files.h"
#include "lib/flow/measure.h"
#include "lib/flow/model_file.h"
#include "lib/flow/pipeline_run.h"
#include "lib/flow/recipe_data.h"
#include "lib/flow/services.h"
#include "lib/release/store.h"
#include "lib/support/files.h"
#include "lib/support/parallel.h"
#include "lib/support/suggest.h"
#include "lib/support/yaml.h"

namespace assize::flow {
namespace {

constexpr char kModelFile[] = "model.onnx";

// Everything that is known before a version is reserved.
struct Prepared {
  recipe::Recipe recipe;
  pass::Pipeline pipeline;
  LoadedModel source;
  RecipeData data;
  evidence::PlanFacts plan;
};

Status CheckCatalogs(const recipe::Recipe& recipe) {
  const std::vector<std::string> known = evidence::CatalogNames();
  for (const std::string& catalog : recipe.evidence) {
    if (std::find(known.begin(), known.end(), catalog) == known.end()) {
      return recipe.evidence_place.At(InvalidArgument("evidence: unknown catalog \"{}\"{}", catalog,
                                                      DidYouMean(catalog, known)));
    }
  }
  return OkStatus();
}

StatusOr<Prepared> Prepare(const BuildRequest& request) {
  Prepared ready;
  AZ_ASSIGN_OR_RETURN(ready.recipe, recipe::ReadRecipe(request.recipe));
  recipe::Recipe& recipe = ready.recipe;
  if (!request.version.empty()) {
    if (!recipe::IsSemanticVersion(request.version)) {
      return UsageError("--version {}: expected MAJOR.MINOR.PATCH", request.version);
    }
    recipe.version = request.version;
  }
  AZ_ASSIGN_OR_RETURN(ready.pipeline, RecipePipeline(recipe));
  AZ_ASSIGN_OR_RETURN(ready.plan.criteria, RecipeCriteria(recipe));
  AZ_RETURN_IF_ERROR(CheckCatalogs(recipe));

  LoadOptions load;
  load.sealed = true;
  load.sha256 = recipe.model.sha256;
  load.max_model_bytes = static_cast<uint64_t>(recipe.limits.max_model_bytes.value_or(0));
  StatusOr<LoadedModel> source = LoadModel(recipe.Resolve(recipe.model.path), load);
  if (!source.ok()) return recipe.model.place.At(source.status());
  ready.source = *std::move(source);
  if (const auto missing = NotExecutable(ready.source.model()); !missing.empty()) {
    return recipe.model.place.At(
        Unimplemented("the model cannot be judged: nothing here runs {}; `assize opt` carries such "
                      "ops through untouched",
                      fmt::join(missing, ", ")));
  }
  if (ready.pipeline.NeedsCalibration() && recipe.FindSplit("calibration") == nullptr) {
    return InvalidArgument("{}: a pass needs calibration rows, and data.splits has no calibration",
                           recipe.origin);
  }
  AZ_ASSIGN_OR_RETURN(ready.data, LoadRecipeData(recipe, ready.source.model()));

  evidence::PlanFacts& plan = ready.plan;
  plan.name = recipe.name;
  plan.version = recipe.version;
  plan.classification = recipe.classification;
  plan.change = {recipe.change.ticket, recipe.change.requester, recipe.change.reason};
  AZ_ASSIGN_OR_RETURN(plan.source, FactsOf(ready.source));
  plan.data = ready.data.facts;
  plan.evaluation = ready.data.FactsOfSplit("evaluation");
  plan.pipeline = ready.pipeline.Text();
  plan.catalogs = recipe.evidence;
  // The effective recipe: options with every default, the model pinned, data files by digest only.
  recipe::Recipe effective = recipe;
  effective.model.sha256 = plan.source.file.sha256;
  std::map<std::string, std::string> withheld = ready.data.sha256_by_path;
  for (const recipe::Split& split : recipe.splits) {
    if (split.rows_file.empty()) continue;
    AZ_ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(recipe.Resolve(split.rows_file)));
    withheld[split.rows_file] = Hex(digest);
  }
  plan.recipe_yaml =
      DumpYaml(evidence::WithholdPaths(recipe::EffectiveRecipe(effective), withheld));
  return ready;
}

StatusOr<eval::Report> EvaluateBoth(const Prepared& ready, const ir::Model& result,
                                    Progress& progress) {
  const data::Dataset& set = ready.data.SetOf("evaluation");
  const std::vector<int64_t>& rows = *ready.data.RowsOf("evaluation");
  return Measure({result, set}, Subject{ready.source.model(), set},
                 {rows, ready.plan.criteria, "", ready.recipe.seed}, "the result", progress);
}

Json Measurements(int64_t micros) {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  Json json = Json::object();
  json["durationUs"] = micros;
  json["peakResidentBytes"] = static_cast<int64_t>(usage.ru_maxrss) * 1024;
  json["threads"] = ThreadCount();
  return json;
}

StatusOr<std::vector<trust::PublicKey>> LoadPublicKeys(const std::vector<std::string>& paths) {
  std::vector<trust::PublicKey> keys;
  for (const std::string& path : paths) {
    AZ_ASSIGN_OR_RETURN(trust::PublicKey key, trust::PublicKey::Load(path));
    keys.push_back(std::move(key));
  }
  return keys;
}

// From the reserved version to the published release; any error ends the build as ABORTED.
Status Produce(Prepared& ready, const BuildRequest& request, const Clock& clock,
               release::Build& build, BuildResult& result, Progress& progress) {
  const int64_t began = clock.MonotonicMicros();
  evidence::BuildFacts facts;
  facts.started_at = clock.NowSeconds();
  AZ_RETURN_IF_ERROR(build.SealCriteria(ready.plan));

  ir::Model model = ready.source.model();
  PipelineRun run;
  run.seed = ready.recipe.seed;
  run.clock = request.clock;
  run.max_memory_bytes = ready.recipe.limits.max_memory_bytes.value_or(0);
  const int64_t batch = FixedBatch(ready.source.model());
  std::optional<DatasetView> calibration, tuning;
  if (const auto* rows = ready.data.RowsOf("calibration")) {
    run.calibration = &calibration.emplace(ready.data.SetOf("calibration"), *rows, batch);
  }
  if (const auto* rows = ready.data.RowsOf("tuning")) {
    run.tuning = &tuning.emplace(ready.data.SetOf("tuning"), *rows, batch);
  }
  AZ_ASSIGN_OR_RETURN(StagingFolder artifacts, StagingFolder::Create(request.store));
  run.artifacts = artifacts.path();
  AZ_RETURN_IF_ERROR(RunPipeline(ready.pipeline, model, run, progress));
  AZ_ASSIGN_OR_RETURN(const std::vector<std::string> made, ListFiles(artifacts.path()));
  if (!made.empty()) {
    // Artifacts hold outputs per row, which never enter a release.
    return InvalidArgument(
        "{}: a pass writes files of its own ({}): run it with `assize opt`, not in a release",
        ready.recipe.origin, made.front());
  }
  result.records = run.records;
  result.diagnostics = run.diagnostics;

  AZ_ASSIGN_OR_RETURN(facts.result, WriteModel(model, JoinPath(build.model_folder(), kModelFile)));
  // What is judged is what was written, read back from the file.
  AZ_ASSIGN_OR_RETURN(const LoadedModel written,
                      LoadModel(JoinPath(build.model_folder(), kModelFile)));
  facts.evaluated_at = clock.NowSeconds();
  AZ_ASSIGN_OR_RETURN(facts.report, EvaluateBoth(ready, written.model(), progress));

  facts.plan = ready.plan;
  facts.splits = ready.data.split_facts;
  facts.records = run.records;
  facts.tools.push_back({"assize", ASSIZE_VERSION, ""});
  facts.instruction_set = engine::InstructionSet();
  if (facts.report.groups == 0) {
    facts.limits.push_back(
        "Samples were taken as independent: the data names no groups (persons).");
  }
  facts.finished_at = clock.NowSeconds();
  facts.measurements = Measurements(clock.MonotonicMicros() - began);
  result.comparison = {ready.plan.source, facts.result, facts.report};
  AZ_ASSIGN_OR_RETURN(const release::Published published,
                      build.Finish(facts, kModelFile, ready.data.paths));
  result.release = published.path;
  result.verdict = published.verdict;
  result.sentence = published.sentence;
  result.report_page = JoinPath(published.path, evidence::kReportFile);
  return OkStatus();
}

}  // namespace

StatusOr<BuildResult> RunBuild(const BuildRequest& request, Progress& progress) {
  const Clock& clock = request.clock != nullptr ? *request.clock : SystemClock();
  AZ_ASSIGN_OR_RETURN(Prepared ready, Prepare(request));
  AZ_ASSIGN_OR_RETURN(const BuildKeys keys, LoadBuildKeys(ready.recipe, request.passphrase));
  AZ_ASSIGN_OR_RETURN(const std::vector<trust::PublicKey> known,
                      LoadPublicKeys(request.known_keys));
  AZ_RETURN_IF_ERROR(CheckInterrupted());
  const release::Store store(request.store);
  AZ_ASSIGN_OR_RETURN(release::Build build, store.Begin(ready.plan, keys.roles, clock, known));
  BuildResult result;
  result.warnings = keys.warnings;
  if (const Status status = Produce(ready, request, clock, build, result, progress); !status.ok()) {
    // The reason goes into the journal by its kind only: messages may quote the user's files.
    const Status aborted = build.Abort(absl::StatusCodeToString(status.code()));
    return aborted.ok()
               ? status
               : MakeStatus(status.code(),
                            Message(status) +
                                "; and the journal could not be closed: " + Message(aborted));
  }
  return result;
}

StatusOr<BuildPlan> PlanBuild(const BuildRequest& request, Progress&) {
  AZ_ASSIGN_OR_RETURN(const Prepared ready, Prepare(request));
  BuildPlan plan;
  plan.json["release"] = {{"name", ready.plan.name}, {"version", ready.plan.version}};
  plan.json["pipeline"] = ready.plan.pipeline;
  plan.json["source"] = ModelFactsJson(ready.plan.source);
  plan.text =
      fmt::format("{} {}: {} ({} nodes, {} weight bytes)\n", ready.plan.name, ready.plan.version,
                  ready.recipe.model.path, ready.plan.source.nodes, ready.plan.source.weight_bytes);
  plan.text += "passes\n";
  plan.json["passes"] = Json::array();
  for (const pass::Pipeline::Stage& stage : ready.pipeline.stages()) {
    Json options = Json::object();
    std::string text;
    for (const auto& [name, value] : stage.options.effective()) {
      options[name] = value;
      text += fmt::format("{}{}={}", text.empty() ? " {" : ", ", name, value);
    }
    plan.json["passes"].push_back({{"pass", stage.registration->flag}, {"options", options}});
    plan.text += fmt::format("  {}{}{}\n", stage.registration->flag, text, text.empty() ? "" : "}");
  }
  plan.text += "data\n";
  plan.json["splits"] = Json::array();
  int64_t evaluation_rows = 0;
  for (const data::SplitRecord& record : ready.data.splits.records) {
    plan.json["splits"].push_back(record.ToJson());
    if (record.name == "evaluation") evaluation_rows = record.rows;
    plan.text += fmt::format(
        "  {:<12} {} rows of {}{}\n", record.name, record.rows, record.from,
        record.dropped_overlap > 0
            ? fmt::format("; {} dropped: they also occur in evaluation", record.dropped_overlap)
            : "");
  }
  plan.text += "criteria\n";
  plan.json["criteria"] = Json::array();
  for (const eval::Criterion& criterion : ready.plan.criteria) {
    const eval::SampleNeed need = eval::MinimumSamples(criterion);
    Json json = eval::ToJson(criterion);
    json["minimumSamples"] = need.samples;
    json["minimumSamplesOf"] = need.of;
    json["note"] = need.text;
    plan.json["criteria"].push_back(std::move(json));
    plan.text += "  " + need.text;
    if (need.of == "samples" && need.samples > evaluation_rows) {
      plan.text +=
          fmt::format("; evaluation has {}, so this stays UNDECIDED at best", evaluation_rows);
    }
    plan.text += "\n";
  }
  plan.text += "nothing was run and nothing was written\n";
  return plan;
}

Json BuildResult::ToJson() const {
  Json json = Json::object();
  json["release"] = release;
  json["verdict"] = verdict;
  json["sentence"] = sentence;
  json["report"] = report_page;
  json["comparison"] = comparison.ToJson();
  json["passes"] = pass::RecordsToJson(records);
  json["warnings"] = warnings;
  return json;
}

std::string BuildResult::ToText() const {
  std::string text = comparison.ToText();
  text += "criteria\n";
  if (comparison.report) {
    for (const eval::Judged& judged : comparison.report->criteria) {
      text += fmt::format("  {}: {}\n", judged.criterion.id, judged.verdict.text);
    }
  }
  text += fmt::format("release  {}\nreport   {}\n{}\n", release, report_page, sentence);
  return text;
}

}  // namespace assize::flow
