// JSON forms of criteria and counts, as statements carry them. Tests: tests/eval/criteria_test.cc.
#include "lib/eval/criteria.h"
#include "lib/eval/json_members.h"

namespace assize::eval {
namespace {

constexpr const char* kKinds[] = {"proportion", "paired",    "auc",
                                  "auc_drop",   "bootstrap", "withheld"};

}  // namespace

Json ToJson(const Criterion& criterion) {
  Json json = {{"id", criterion.id}, {"metric", MetricName(criterion.metric)}};
  if (criterion.metric == Metric::kTopK) json["k"] = criterion.k;
  if (criterion.class_index >= 0) json["class"] = criterion.class_index;
  json["comparator"] = ComparatorName(criterion.comparator);
  json["threshold"] = criterion.threshold;
  if (criterion.against_source) json["against"] = "source";
  json["confidence"] = criterion.confidence;
  if (criterion.min_samples > 0) json["min_samples"] = criterion.min_samples;
  return json;
}

StatusOr<Criterion> CriterionFromJson(const Json& json, const std::string& where) {
  AZ_RETURN_IF_ERROR(CheckMembers(json, where,
                                  {"id", "metric", "k", "class", "comparator", "threshold",
                                   "against", "confidence", "min_samples"}));
  Criterion criterion;
  AZ_ASSIGN_OR_RETURN(criterion.id, JsonString(json, "id", where));
  AZ_ASSIGN_OR_RETURN(const std::string metric, JsonString(json, "metric", where));
  AZ_ASSIGN_OR_RETURN(criterion.metric, ParseMetric(metric));
  if (json.contains("k")) {
    AZ_ASSIGN_OR_RETURN(criterion.k, JsonInt(json, "k", where));
  }
  if (json.contains("class")) {
    AZ_ASSIGN_OR_RETURN(criterion.class_index, JsonInt(json, "class", where));
    if (criterion.class_index < 0) return InvalidArgument("{}/class: is negative", where);
  }
  AZ_ASSIGN_OR_RETURN(const std::string comparator, JsonString(json, "comparator", where));
  AZ_ASSIGN_OR_RETURN(criterion.comparator, ParseComparator(comparator));
  AZ_ASSIGN_OR_RETURN(criterion.threshold, FiniteNumber(json, "threshold", where));
  if (json.contains("against")) {
    AZ_ASSIGN_OR_RETURN(const std::string against, JsonString(json, "against", where));
    if (against != "source") {
      return InvalidArgument("{}/against: expected \"source\", found \"{}\"", where, against);
    }
    criterion.against_source = true;
  }
  AZ_ASSIGN_OR_RETURN(criterion.confidence, FiniteNumber(json, "confidence", where));
  if (json.contains("min_samples")) {
    AZ_ASSIGN_OR_RETURN(criterion.min_samples, JsonInt(json, "min_samples", where));
  }
  const Status status = CheckCriterion(criterion);
  if (!status.ok()) return Annotate(status, where);
  return criterion;
}

Json ToJson(const Counts& counts) {
  Json json = {{"kind", kKinds[static_cast<size_t>(counts.kind)]}};
  if (counts.kind == Counts::Kind::kWithheld) return json;
  json["n"] = counts.n;
  switch (counts.kind) {
    case Counts::Kind::kProportion:
      json["k"] = counts.k;
      break;
    case Counts::Kind::kPaired:
      json["right_to_wrong"] = counts.b;
      json["wrong_to_right"] = counts.c;
      break;
    case Counts::Kind::kArea:
    case Counts::Kind::kAreaDrop:
      json["estimate"] = counts.estimate;
      json["standard_error"] = counts.standard_error;
      json["positives"] = counts.positives;
      json["negatives"] = counts.negatives;
      break;
    default:
      json["estimate"] = counts.estimate;
      json["lower"] = counts.lower;
      json["upper"] = counts.upper;
      json["confidence"] = counts.confidence;
      json["seed"] = counts.seed;
      json["resamples"] = counts.resamples;
      break;
  }
  if (counts.design_effect != 1) json["design_effect"] = counts.design_effect;
  if (counts.model_value) json["model"] = *counts.model_value;
  if (counts.source_value) json["source"] = *counts.source_value;
  return json;
}

StatusOr<Counts> CountsFromJson(const Json& json, const std::string& where) {
  if (!json.is_object()) return InvalidArgument("{}: expected an object", where);
  AZ_ASSIGN_OR_RETURN(const std::string kind, JsonString(json, "kind", where));
  Counts counts;
  size_t index = 0;
  while (index < std::size(kKinds) && kind != kKinds[index]) ++index;
  if (index == std::size(kKinds)) {
    return InvalidArgument("{}/kind: unknown kind of counts \"{}\"", where, kind);
  }
  counts.kind = static_cast<Counts::Kind>(index);
  if (counts.kind == Counts::Kind::kWithheld) {
    AZ_RETURN_IF_ERROR(CheckMembers(json, where, {"kind"}));
    return counts;
  }
  std::vector<std::string> known = {"kind", "n", "design_effect", "model", "source"};
  const auto integer = [&](const char* member, int64_t& value) -> Status {
    known.push_back(member);
    AZ_ASSIGN_OR_RETURN(value, JsonInt(json, member, where));
    return OkStatus();
  };
  const auto number = [&](const char* member, double& value) -> Status {
    known.push_back(member);
    AZ_ASSIGN_OR_RETURN(value, FiniteNumber(json, member, where));
    return OkStatus();
  };
  AZ_RETURN_IF_ERROR(integer("n", counts.n));
  switch (counts.kind) {
    case Counts::Kind::kProportion:
      AZ_RETURN_IF_ERROR(integer("k", counts.k));
      break;
    case Counts::Kind::kPaired:
      AZ_RETURN_IF_ERROR(integer("right_to_wrong", counts.b));
      AZ_RETURN_IF_ERROR(integer("wrong_to_right", counts.c));
      break;
    case Counts::Kind::kArea:
    case Counts::Kind::kAreaDrop:
      AZ_RETURN_IF_ERROR(number("estimate", counts.estimate));
      AZ_RETURN_IF_ERROR(number("standard_error", counts.standard_error));
      AZ_RETURN_IF_ERROR(integer("positives", counts.positives));
      AZ_RETURN_IF_ERROR(integer("negatives", counts.negatives));
      break;
    default:
      AZ_RETURN_IF_ERROR(number("estimate", counts.estimate));
      AZ_RETURN_IF_ERROR(number("lower", counts.lower));
      AZ_RETURN_IF_ERROR(number("upper", counts.upper));
      AZ_RETURN_IF_ERROR(number("confidence", counts.confidence));
      AZ_RETURN_IF_ERROR(integer("resamples", counts.resamples));
      known.push_back("seed");
      AZ_ASSIGN_OR_RETURN(counts.seed, UnsignedNumber(json, "seed", where));
      break;
  }
  AZ_RETURN_IF_ERROR(CheckMembers(json, where, known));
  if (json.contains("design_effect")) {
    AZ_ASSIGN_OR_RETURN(counts.design_effect, FiniteNumber(json, "design_effect", where));
  }
  AZ_ASSIGN_OR_RETURN(counts.model_value, OptionalNumber(json, "model", where));
  AZ_ASSIGN_OR_RETURN(counts.source_value, OptionalNumber(json, "source", where));
  return counts;
}

}  // namespace assize::eval
