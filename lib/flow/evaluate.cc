// `eval` and `run`. Tests: tests/flow/evaluate_test.cc.
#include "lib/flow/evaluate.h"

#include "lib/data/npz.h"
#include "lib/flow/measure.h"
#include "lib/flow/model_file.h"
#include "lib/flow/predict.h"

namespace assize::flow {

StatusOr<eval::Report> EvaluateFile(const EvaluateRequest& request, Progress& progress) {
  AZ_ASSIGN_OR_RETURN(const LoadedModel loaded, LoadModel(request.model));
  AZ_ASSIGN_OR_RETURN(const data::Dataset dataset, LoadUserData(request.data, loaded.model()));
  const std::vector<int64_t> rows = data::AllRows(dataset.rows());
  const MeasureRequest measure{rows, {}, request.output, request.seed};
  const Subject subject{loaded.model(), dataset};
  if (request.against.empty())
    return Measure(subject, std::nullopt, measure, "the model", progress);
  AZ_ASSIGN_OR_RETURN(const LoadedModel source, LoadModel(request.against));
  // The source may name its inputs differently: the data is bound to each model on its own.
  AZ_ASSIGN_OR_RETURN(const data::Dataset source_data, LoadUserData(request.data, source.model()));
  return Measure(subject, Subject{source.model(), source_data}, measure, "the model", progress);
}

namespace {

std::string Percent(double value) { return fmt::format("{:.2f} %", 100 * value); }

std::string Line(const std::string& what, const eval::Proportion& p) {
  return fmt::format("  {:<22} {} of {} = {}  (95 % bounds {} .. {})\n", what, p.k, p.n,
                     Percent(p.value()), Percent(p.lower), Percent(p.upper));
}

}  // namespace

std::string ReportText(const eval::Report& report) {
  std::string text = fmt::format("  samples                {}\n", report.n);
  if (report.top1) text += Line("top-1", *report.top1);
  if (report.source_top1) text += Line("top-1 of the source", *report.source_top1);
  if (report.drop) {
    text += fmt::format("  {:<22} {:+.2f} points  (95 % bounds {:+.2f} .. {:+.2f})\n", "drop",
                        100 * *report.drop, 100 * report.drop_lower.value_or(0),
                        100 * report.drop_upper.value_or(0));
  }
  if (report.flips) text += Line("flips", *report.flips);
  if (report.auc) text += fmt::format("  {:<22} {:.4f}\n", "AUC", *report.auc);
  if (report.rmse) text += fmt::format("  {:<22} {:.6g}\n", "RMSE", *report.rmse);
  if (report.logit_noise)
    text += fmt::format("  {:<22} {}\n", "logit noise", Percent(*report.logit_noise));
  for (const eval::ClassSlice& slice : report.slices) {
    text += Line(fmt::format("recall of class {}", slice.class_index), slice.model);
  }
  if (report.slices_not_shown > 0) {
    text += fmt::format("  {} classes with fewer than {} samples are not shown\n",
                        report.slices_not_shown, eval::kSmallestSlice);
  }
  return text;
}

Json EvaluateJson(const eval::Report& report) {
  Json json = Json::object();
  json["n"] = report.n;
  json["correct"] = report.top1 ? Json(report.top1->k) : Json(nullptr);
  json["top1"] = report.top1 ? Json(report.top1->value()) : Json(nullptr);
  if (report.flips) json["flips"] = report.flips->k;
  if (report.drop) json["drop"] = *report.drop;
  if (report.auc) json["auc"] = *report.auc;
  if (report.rmse) json["rmse"] = *report.rmse;
  json["report"] = report.ToJson();
  return json;
}

StatusOr<RunResult> RunFile(const RunRequest& request, Progress& progress) {
  AZ_ASSIGN_OR_RETURN(const LoadedModel loaded, LoadModel(request.model));
  AZ_ASSIGN_OR_RETURN(const data::Dataset dataset, LoadUserData(request.data, loaded.model()));
  AZ_ASSIGN_OR_RETURN(const auto arrays, RunAll(loaded.model(), dataset, progress));
  AZ_RETURN_IF_ERROR(data::WriteNpz(request.output, arrays));
  RunResult result;
  result.rows = dataset.rows();
  for (const auto& [name, array] : arrays) result.outputs.emplace_back(name, array.ToString());
  return result;
}

}  // namespace assize::flow
