// The report's JSON, a closed schema of aggregates. Tests: tests/eval/report_test.cc.
#include "lib/eval/json_members.h"
#include "lib/eval/report.h"

namespace assize::eval {
namespace {

Json ProportionJson(const Proportion& proportion) {
  Json json = {{"k", proportion.k},
               {"n", proportion.n},
               {"lower", proportion.lower},
               {"upper", proportion.upper}};
  if (proportion.design_effect != 1) json["design_effect"] = proportion.design_effect;
  return json;
}

StatusOr<Proportion> ProportionFromJson(const Json& json, const std::string& where) {
  AZ_RETURN_IF_ERROR(CheckMembers(json, where, {"k", "n", "lower", "upper", "design_effect"}));
  Proportion proportion;
  AZ_ASSIGN_OR_RETURN(proportion.k, JsonInt(json, "k", where));
  AZ_ASSIGN_OR_RETURN(proportion.n, JsonInt(json, "n", where));
  AZ_ASSIGN_OR_RETURN(proportion.lower, FiniteNumber(json, "lower", where));
  AZ_ASSIGN_OR_RETURN(proportion.upper, FiniteNumber(json, "upper", where));
  if (json.contains("design_effect")) {
    AZ_ASSIGN_OR_RETURN(proportion.design_effect, FiniteNumber(json, "design_effect", where));
  }
  return proportion;
}

StatusOr<std::optional<Proportion>> OptionalProportion(const Json& json, const std::string& member,
                                                       const std::string& where) {
  if (!json.contains(member)) return std::optional<Proportion>();
  AZ_ASSIGN_OR_RETURN(const Proportion value,
                      ProportionFromJson(json.at(member), where + "/" + member));
  return std::optional<Proportion>(value);
}

Json JudgedJson(const Judged& judged) {
  const Verdict& verdict = judged.verdict;
  Json json = {{"criterion", eval::ToJson(judged.criterion)},
               {"outcome", OutcomeName(verdict.outcome)},
               {"estimate", verdict.estimate},
               {"lower", verdict.lower},
               {"upper", verdict.upper},
               {"n", verdict.n},
               {"counts", eval::ToJson(verdict.counts)}};
  if (verdict.outcome == Outcome::kUndecided) json["needed_samples"] = verdict.needed_samples;
  json["text"] = verdict.text;
  return json;
}

StatusOr<Judged> JudgedFromJson(const Json& json, const std::string& where) {
  AZ_RETURN_IF_ERROR(CheckMembers(json, where,
                                  {"criterion", "outcome", "estimate", "lower", "upper", "n",
                                   "counts", "needed_samples", "text"}));
  Judged judged;
  AZ_ASSIGN_OR_RETURN(const Json* criterion, JsonObject(json, "criterion", where));
  AZ_ASSIGN_OR_RETURN(judged.criterion, CriterionFromJson(*criterion, where + "/criterion"));
  Verdict& verdict = judged.verdict;
  AZ_ASSIGN_OR_RETURN(const std::string outcome, JsonString(json, "outcome", where));
  AZ_ASSIGN_OR_RETURN(verdict.outcome, ParseOutcome(outcome));
  AZ_ASSIGN_OR_RETURN(verdict.estimate, FiniteNumber(json, "estimate", where));
  AZ_ASSIGN_OR_RETURN(verdict.lower, FiniteNumber(json, "lower", where));
  AZ_ASSIGN_OR_RETURN(verdict.upper, FiniteNumber(json, "upper", where));
  AZ_ASSIGN_OR_RETURN(verdict.n, JsonInt(json, "n", where));
  AZ_ASSIGN_OR_RETURN(const Json* counts, JsonObject(json, "counts", where));
  AZ_ASSIGN_OR_RETURN(verdict.counts, CountsFromJson(*counts, where + "/counts"));
  if (verdict.outcome == Outcome::kUndecided) {
    AZ_ASSIGN_OR_RETURN(verdict.needed_samples, JsonInt(json, "needed_samples", where));
  } else if (json.contains("needed_samples")) {
    return InvalidArgument("{}/needed_samples: only an UNDECIDED criterion has it", where);
  }
  AZ_ASSIGN_OR_RETURN(verdict.text, JsonString(json, "text", where));
  return judged;
}

}  // namespace

Json Report::ToJson() const {
  Json json = {{"n", n},
               {"outputs", outputs},
               {"kind", OutputKindName(kind)},
               {"confidence", confidence},
               {"seed", seed}};
  if (kind == OutputKind::kBinary) json["threshold"] = threshold;
  json["independence"] = groups > 0 ? "clustered" : "samples taken as independent";
  if (groups > 0) json["groups"] = groups;
  const auto proportion = [&](const char* name, const std::optional<Proportion>& value) {
    if (value) json[name] = ProportionJson(*value);
  };
  const auto number = [&](const char* name, const std::optional<double>& value) {
    if (value) json[name] = *value;
  };
  proportion("top1", top1);
  proportion("source_top1", source_top1);
  proportion("flips", flips);
  if (drop) {
    json["drop"] = {{"estimate", *drop},
                    {"lower", drop_lower.value_or(-1)},
                    {"upper", drop_upper.value_or(1)},
                    {"right_to_wrong", right_to_wrong},
                    {"wrong_to_right", wrong_to_right}};
    if (drop_design_effect != 1) json["drop"]["design_effect"] = drop_design_effect;
  }
  number("auc", auc);
  number("source_auc", source_auc);
  number("rmse", rmse);
  number("source_rmse", source_rmse);
  number("logit_noise", logit_noise);
  if (!slices.empty() || slices_not_shown > 0) {
    Json list = Json::array();
    for (const ClassSlice& slice : slices) {
      Json item = {{"class", slice.class_index}, {"recall", ProportionJson(slice.model)}};
      if (slice.source) item["source_recall"] = ProportionJson(*slice.source);
      list.push_back(std::move(item));
    }
    json["slices"] = std::move(list);
    json["slices_not_shown"] = slices_not_shown;
  }
  Json judged = Json::array();
  for (const Judged& item : criteria) judged.push_back(JudgedJson(item));
  json["criteria"] = std::move(judged);
  json["outcome"] = OutcomeName(outcome);
  return json;
}

StatusOr<Report> Report::FromJson(const Json& json, const std::string& where) {
  AZ_RETURN_IF_ERROR(CheckMembers(json, where,
                                  {"n",
                                   "outputs",
                                   "kind",
                                   "confidence",
                                   "seed",
                                   "threshold",
                                   "independence",
                                   "groups",
                                   "top1",
                                   "source_top1",
                                   "flips",
                                   "drop",
                                   "auc",
                                   "source_auc",
                                   "rmse",
                                   "source_rmse",
                                   "logit_noise",
                                   "slices",
                                   "slices_not_shown",
                                   "criteria",
                                   "outcome"}));
  Report report;
  AZ_ASSIGN_OR_RETURN(report.n, JsonInt(json, "n", where));
  AZ_ASSIGN_OR_RETURN(report.outputs, JsonInt(json, "outputs", where));
  AZ_ASSIGN_OR_RETURN(const std::string kind, JsonString(json, "kind", where));
  bool known = false;
  for (const OutputKind each : {OutputKind::kClasses, OutputKind::kBinary, OutputKind::kNumbers}) {
    if (kind != OutputKindName(each)) continue;
    report.kind = each;
    known = true;
  }
  if (!known) return InvalidArgument("{}/kind: unknown kind of outputs \"{}\"", where, kind);
  AZ_ASSIGN_OR_RETURN(report.confidence, FiniteNumber(json, "confidence", where));
  AZ_ASSIGN_OR_RETURN(report.seed, UnsignedNumber(json, "seed", where));
  if (report.kind == OutputKind::kBinary) {
    AZ_ASSIGN_OR_RETURN(const double threshold, FiniteNumber(json, "threshold", where));
    report.threshold = static_cast<float>(threshold);
  }
  AZ_ASSIGN_OR_RETURN(const std::string independence, JsonString(json, "independence", where));
  if (json.contains("groups")) {
    AZ_ASSIGN_OR_RETURN(report.groups, JsonInt(json, "groups", where));
  }
  if (independence != (report.groups > 0 ? "clustered" : "samples taken as independent")) {
    return InvalidArgument("{}/independence: \"{}\" with {} groups", where, independence,
                           report.groups);
  }
  AZ_ASSIGN_OR_RETURN(report.top1, OptionalProportion(json, "top1", where));
  AZ_ASSIGN_OR_RETURN(report.source_top1, OptionalProportion(json, "source_top1", where));
  AZ_ASSIGN_OR_RETURN(report.flips, OptionalProportion(json, "flips", where));
  if (json.contains("drop")) {
    AZ_ASSIGN_OR_RETURN(const Json* drop, JsonObject(json, "drop", where));
    const std::string place = where + "/drop";
    AZ_RETURN_IF_ERROR(CheckMembers(
        *drop, place,
        {"estimate", "lower", "upper", "right_to_wrong", "wrong_to_right", "design_effect"}));
    AZ_ASSIGN_OR_RETURN(report.drop, FiniteNumber(*drop, "estimate", place));
    AZ_ASSIGN_OR_RETURN(report.drop_lower, FiniteNumber(*drop, "lower", place));
    AZ_ASSIGN_OR_RETURN(report.drop_upper, FiniteNumber(*drop, "upper", place));
    AZ_ASSIGN_OR_RETURN(report.right_to_wrong, JsonInt(*drop, "right_to_wrong", place));
    AZ_ASSIGN_OR_RETURN(report.wrong_to_right, JsonInt(*drop, "wrong_to_right", place));
    if (drop->contains("design_effect")) {
      AZ_ASSIGN_OR_RETURN(report.drop_design_effect, FiniteNumber(*drop, "design_effect", place));
    }
  }
  AZ_ASSIGN_OR_RETURN(report.auc, OptionalNumber(json, "auc", where));
  AZ_ASSIGN_OR_RETURN(report.source_auc, OptionalNumber(json, "source_auc", where));
  AZ_ASSIGN_OR_RETURN(report.rmse, OptionalNumber(json, "rmse", where));
  AZ_ASSIGN_OR_RETURN(report.source_rmse, OptionalNumber(json, "source_rmse", where));
  AZ_ASSIGN_OR_RETURN(report.logit_noise, OptionalNumber(json, "logit_noise", where));
  if (json.contains("slices")) {
    AZ_ASSIGN_OR_RETURN(const Json* slices, JsonArray(json, "slices", where));
    for (size_t i = 0; i < slices->size(); ++i) {
      const std::string place = fmt::format("{}/slices/{}", where, i);
      AZ_RETURN_IF_ERROR(CheckMembers((*slices)[i], place, {"class", "recall", "source_recall"}));
      ClassSlice slice;
      AZ_ASSIGN_OR_RETURN(slice.class_index, JsonInt((*slices)[i], "class", place));
      AZ_ASSIGN_OR_RETURN(const Json* recall, JsonObject((*slices)[i], "recall", place));
      AZ_ASSIGN_OR_RETURN(slice.model, ProportionFromJson(*recall, place + "/recall"));
      AZ_ASSIGN_OR_RETURN(slice.source, OptionalProportion((*slices)[i], "source_recall", place));
      report.slices.push_back(std::move(slice));
    }
    AZ_ASSIGN_OR_RETURN(report.slices_not_shown, JsonInt(json, "slices_not_shown", where));
  }
  AZ_ASSIGN_OR_RETURN(const Json* criteria, JsonArray(json, "criteria", where));
  for (size_t i = 0; i < criteria->size(); ++i) {
    AZ_ASSIGN_OR_RETURN(Judged judged,
                        JudgedFromJson((*criteria)[i], fmt::format("{}/criteria/{}", where, i)));
    report.criteria.push_back(std::move(judged));
  }
  AZ_ASSIGN_OR_RETURN(const std::string outcome, JsonString(json, "outcome", where));
  AZ_ASSIGN_OR_RETURN(report.outcome, ParseOutcome(outcome));
  return report;
}

}  // namespace assize::eval
