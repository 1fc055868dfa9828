// OSCAL 1.2 assessment results. Findings are about our own objectives, each marked as partial
// coverage of its control and saying what it leaves open: a tool's "satisfied" over a whole control
// would claim what only an auditor can say.
#include <set>

#include "lib/evidence/claims.h"
#include "lib/evidence/controls.h"
#include "lib/evidence/documents.h"
#include "lib/evidence/types.h"
#include "lib/support/clock.h"
#include "lib/support/sha256.h"

namespace assize::evidence {
namespace {

constexpr char kNamespace[] = "https://assize.dev/ns/oscal";

class Uuids {
 public:
  explicit Uuids(const std::string& listing) : base_("https://assize.dev/oscal/" + listing + "/") {}
  std::string Of(const std::string& what) const { return UuidV5(base_ + what); }

 private:
  std::string base_;
};

std::string TargetId(const Objective& objective) {
  return fmt::format("assize.{}.{}", objective.control, objective.name);
}

Json Prop(const char* name, const std::string& value) {
  return Json{{"name", name}, {"ns", kNamespace}, {"value", value}};
}

}  // namespace

StatusOr<Json> Oscal(const BuildFacts& build, const ReleaseFacts& release) {
  const PlanFacts& plan = build.plan;
  const Uuids uuid(release.listing_sha256);
  std::vector<std::string> names = plan.catalogs;
  if (names.empty()) names.push_back("iso27001-2022");

  const std::string tool = uuid.Of("component/assize");
  const std::string model = uuid.Of("component/model");
  const std::string when = Rfc3339(build.evaluated_at);
  Json observations = Json::array(), findings = Json::array(), selections = Json::array();
  Json resources = Json::array();
  std::set<std::string> cited;
  auto cite = [&](const std::string& file) {
    if (cited.insert(file).second) {
      Json link{{"href", "../" + file}};
      // Files whose bytes do not depend on this document can be cited by digest; the signed verdict
      // lists all of them.
      if (file == kCriteriaFile) {
        link["hashes"] = Json::array(
            {Json{{"algorithm", "SHA-256"}, {"value", release.criteria_bundle_sha256}}});
      } else if (file == kRecipeFile) {
        link["hashes"] =
            Json::array({Json{{"algorithm", "SHA-256"}, {"value", Hex(Sha256(plan.recipe_yaml))}}});
      }
      resources.push_back({{"uuid", uuid.Of("resource/" + file)},
                           {"title", file},
                           {"rlinks", Json::array({std::move(link)})}});
    }
    return "#" + uuid.Of("resource/" + file);
  };
  const std::string plan_resource = cite(kCriteriaFile);

  for (const std::string& name : names) {
    AZ_ASSIGN_OR_RETURN(const Catalog* catalog, FindCatalog(name));
    Json controls = Json::array();
    std::set<std::string> seen;
    for (const Objective& objective : catalog->objectives) {
      const std::string target = TargetId(objective);
      const bool met = objective.met(build, release);
      if (seen.insert(objective.control).second) {
        controls.push_back({{"control-id", objective.control}});
      }
      observations.push_back(
          {{"uuid", uuid.Of("observation/" + target)},
           {"title", target},
           {"description", fmt::format("{} {}", objective.title, met ? "Held." : "Did not hold.")},
           {"methods", Json::array({"TEST"})},
           {"types", Json::array({"control-objective"})},
           {"origins",
            Json::array(
                {Json{{"actors", Json::array({Json{{"type", "tool"}, {"actor-uuid", tool}}})}}})},
           {"subjects", Json::array({Json{{"subject-uuid", model}, {"type", "component"}}})},
           {"relevant-evidence", Json::array({Json{{"href", cite(objective.evidence)},
                                                   {"description", objective.evidence}}})},
           {"collected", when}});
      findings.push_back(
          {{"uuid", uuid.Of("finding/" + target)},
           {"title", fmt::format("{}: {}", objective.control, objective.name)},
           {"description", objective.title},
           {"props", Json::array({Prop("coverage", "partial"), Prop("catalog", catalog->name)})},
           {"target", Json{{"type", "objective-id"},
                           {"target-id", target},
                           {"status", Json{{"state", met ? "satisfied" : "not-satisfied"},
                                           {"reason", met ? "pass" : "fail"}}}}},
           {"related-observations",
            Json::array({Json{{"observation-uuid", uuid.Of("observation/" + target)}}})},
           {"remarks", fmt::format("Says nothing about: {}", objective.leaves_open)}});
    }
    selections.push_back(
        {{"description", catalog->title}, {"include-controls", std::move(controls)}});
  }

  Json result{
      {"uuid", uuid.Of("result")},
      {"title", fmt::format("Build of {} {}", plan.name, plan.version)},
      {"description",
       "What the build could observe about single objectives. It is partial evidence for the "
       "controls named; whether a control is met is for an assessor with records from elsewhere."},
      {"start", Rfc3339(build.started_at)},
      {"end", Rfc3339(build.finished_at)},
      {"local-definitions",
       Json{{"components",
             Json::array(
                 {Json{{"uuid", tool},
                       {"type", "software"},
                       {"title", "assize"},
                       {"description", "The compiler that made and measured the model."},
                       {"status", Json{{"state", "operational"}}}},
                  Json{{"uuid", model},
                       {"type", "software"},
                       {"title", fmt::format("{} {}", plan.name, plan.version)},
                       {"description", fmt::format("The model; SHA-256 of its file listing: {}",
                                                   release.listing_sha256)},
                       {"status", Json{{"state", "under-development"}}}}})}}},
      {"reviewed-controls", Json{{"control-selections", std::move(selections)}}},
      {"observations", std::move(observations)},
      {"findings", std::move(findings)}};
  return Json{{"assessment-results",
               Json{{"uuid", uuid.Of("assessment-results")},
                    {"metadata", Json{{"title", fmt::format("Assessment results for {} {}",
                                                            plan.name, plan.version)},
                                      {"last-modified", Rfc3339(build.finished_at)},
                                      {"version", plan.version},
                                      {"oscal-version", "1.2.1"}}},
                    {"import-ap", Json{{"href", plan_resource}}},
                    {"results", Json::array({std::move(result)})},
                    {"back-matter", Json{{"resources", std::move(resources)}}}}}};
}

Status CheckControls(const Json& oscal, const std::string& where) {
  const std::string root = where + ": /assessment-results";
  AZ_ASSIGN_OR_RETURN(const Json* document, JsonObject(oscal, "assessment-results", where));
  AZ_ASSIGN_OR_RETURN(const Json* results, JsonArray(*document, "results", root));
  std::set<std::string> known;
  for (const Catalog& catalog : Catalogs()) {
    for (const Objective& objective : catalog.objectives) known.insert(TargetId(objective));
  }
  for (size_t r = 0; r < results->size(); ++r) {
    if (!(*results)[r].is_object() || !(*results)[r].contains("findings")) continue;
    const std::string at = fmt::format("{}/results/{}", root, r);
    AZ_ASSIGN_OR_RETURN(const Json* findings, JsonArray((*results)[r], "findings", at));
    for (size_t f = 0; f < findings->size(); ++f) {
      const std::string place = fmt::format("{}/findings/{}", at, f);
      AZ_ASSIGN_OR_RETURN(const Json* target, JsonObject((*findings)[f], "target", place));
      AZ_ASSIGN_OR_RETURN(const std::string id, JsonString(*target, "target-id", place));
      if (!known.contains(id)) {
        return InvalidArgument(
            "{}/target/target-id: found \"{}\", expected one of our objectives (assize.<control>."
            "<objective>): a tool cannot say that a control as a whole is satisfied",
            place, id.substr(0, 80));
      }
    }
  }
  return OkStatus();
}

}  // namespace assize::evidence
