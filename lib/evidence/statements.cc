// Statements from facts. Members stand in a fixed order, times in RFC 3339, digests in lower-case
// hex; readers in claims.cc accept exactly this.
#include "lib/evidence/statements.h"

#include <algorithm>

#include "lib/evidence/privacy.h"
#include "lib/evidence/strict.h"
#include "lib/support/clock.h"
#include "lib/support/sha256.h"

namespace assize::evidence {
namespace {

Json DigestSet(const std::string& sha256) { return Json{{"sha256", sha256}}; }

Json Descriptor(const std::string& name, const std::string& sha256) {
  return Json{{"name", name}, {"digest", DigestSet(sha256)}};
}

Json FilesJson(const std::vector<FileFact>& files) {
  Json list = Json::array();
  for (const FileFact& file : files) list.push_back({{"name", file.name}, {"sha256", file.sha256}});
  return list;
}

Json SourceJson(const ModelFacts& source) {
  return Json{{"name", source.file.name},
              {"sha256", source.file.sha256},
              {"external", FilesJson(source.external)}};
}

Json SetJson(const SplitFacts& split) {
  return Json{{"digest", split.digest},
              {"from", split.from},
              {"rows", split.rows},
              {"description", WithholdFileNames(split.description, split.from)}};
}

Json ChangeJson(const ChangeFacts& change) {
  return Json{
      {"ticket", change.ticket}, {"requester", change.requester}, {"reason", change.reason}};
}

Json JournalRef(int64_t sequence, const std::string& entry_sha256) {
  return Json{{"sequence", sequence}, {"entry", entry_sha256}};
}

Json SplitsJson(const std::vector<SplitFacts>& splits) {
  Json list = Json::array();
  for (const SplitFacts& split : splits) {
    list.push_back({{"name", split.name},
                    {"from", split.from},
                    {"rows", split.rows},
                    {"digest", split.digest},
                    {"record", split.record}});
  }
  return list;
}

Json ToolsJson(const std::vector<ToolFact>& tools) {
  Json list = Json::array();
  for (const ToolFact& tool : tools) {
    Json entry{{"name", tool.name},
               {"uri", fmt::format("pkg:generic/{}@{}", tool.name, tool.version)}};
    if (!tool.sha256.empty()) entry["digest"] = DigestSet(tool.sha256);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

std::vector<trust::Subject> ModelSubjects(const ReleaseFacts& release, const ModelFacts& result) {
  std::vector<trust::Subject> subjects = {
      trust::MakeSubject(kListingSubject, release.listing_sha256),
      trust::MakeSubject(kRootSubject, release.root_sha256)};
  auto add = [&](const std::string& name) {
    for (const FileFact& file : release.files) {
      if (file.name == name) subjects.push_back(trust::MakeSubject(name, file.sha256));
    }
  };
  add(release.model_file);
  for (const FileFact& file : result.external) add(file.name);
  return subjects;
}

trust::Statement CriteriaStatement(const PlanFacts& plan, int64_t signed_at) {
  trust::Statement statement;
  statement.subjects.push_back(trust::MakeSubject("source-model", plan.source.file.sha256));
  for (const FileFact& file : plan.source.external) {
    statement.subjects.push_back(trust::MakeSubject("source-model/" + file.name, file.sha256));
  }
  statement.subjects.push_back(trust::MakeSubject("evaluation-set", plan.evaluation.digest));
  statement.predicate_type = kCriteriaType;
  Json criteria = Json::array();
  for (const eval::Criterion& criterion : plan.criteria)
    criteria.push_back(eval::ToJson(criterion));
  statement.predicate = Json{{"release", Identity(plan.name, plan.version)},
                             {"classification", plan.classification},
                             {"change", ChangeJson(plan.change)},
                             {"criteria", std::move(criteria)},
                             {"sourceModel", SourceJson(plan.source)},
                             {"evaluationSet", SetJson(plan.evaluation)},
                             {"order", "asserted"},
                             {"signedAt", Rfc3339(signed_at)}};
  return statement;
}

trust::Statement ProvenanceStatement(const BuildFacts& build, const ReleaseFacts& release) {
  const PlanFacts& plan = build.plan;
  const std::string recipe_sha256 = Hex(Sha256(plan.recipe_yaml));
  Json dependencies = Json::array();
  dependencies.push_back(Descriptor("source-model", plan.source.file.sha256));
  for (const FileFact& file : plan.source.external) {
    dependencies.push_back(Descriptor("source-model/" + file.name, file.sha256));
  }
  for (const DataFacts& set : plan.data) {
    for (size_t i = 0; i < set.files.size(); ++i) {
      dependencies.push_back(
          Descriptor(fmt::format("data/{}[{}]", set.name, i), set.files[i].sha256));
    }
  }
  for (const SplitFacts& split : build.splits) {
    dependencies.push_back(Descriptor("split/" + split.name, split.digest));
  }
  dependencies.push_back({{"name", "criteria"},
                          {"uri", kCriteriaFile},
                          {"digest", DigestSet(release.criteria_bundle_sha256)}});
  dependencies.push_back(
      {{"name", "recipe"}, {"uri", kRecipeFile}, {"digest", DigestSet(recipe_sha256)}});

  Json external{{"release", Identity(plan.name, plan.version)},
                {"recipe", Json{{"sha256", recipe_sha256}}},
                {"pipeline", plan.pipeline},
                {"classification", plan.classification},
                {"change", ChangeJson(plan.change)}};
  Json internal{{"passes", pass::RecordsToJson(build.records)},
                {"splits", SplitsJson(build.splits)},
                {"evaluationSet", plan.evaluation.digest},
                {"instructionSet", build.instruction_set},
                {"measurements", build.measurements}};
  Json builder{{"id", "https://assize.dev/builder/local/v1"},
               {"version", Json::object()},
               {"builderDependencies", ToolsJson(build.tools)}};
  if (!build.tools.empty()) builder["version"][build.tools[0].name] = build.tools[0].version;

  trust::Statement statement;
  statement.subjects = ModelSubjects(release, build.result);
  statement.predicate_type = kProvenanceType;
  statement.predicate =
      Json{{"buildDefinition", Json{{"buildType", kBuildType},
                                    {"externalParameters", std::move(external)},
                                    {"internalParameters", std::move(internal)},
                                    {"resolvedDependencies", std::move(dependencies)}}},
           {"runDetails", Json{{"builder", std::move(builder)},
                               {"metadata", Json{{"invocationId", release.invocation},
                                                 {"startedOn", Rfc3339(build.started_at)},
                                                 {"finishedOn", Rfc3339(build.finished_at)}}}}}};
  return statement;
}

trust::Statement EvaluationStatement(const BuildFacts& build, const ReleaseFacts& release) {
  trust::Statement statement;
  statement.subjects = ModelSubjects(release, build.result);
  statement.predicate_type = kEvaluationType;
  statement.predicate =
      Json{{"release", Identity(build.plan.name, build.plan.version)},
           {"criteria", Json{{"file", kCriteriaFile}, {"sha256", release.criteria_bundle_sha256}}},
           {"sourceModel", SourceJson(build.plan.source)},
           {"evaluationSet", SetJson(build.plan.evaluation)},
           {"splits", SplitsJson(build.splits)},
           {"journal", JournalRef(release.journal_sequence, release.journal_entry_sha256)},
           {"order", "asserted"},
           {"instructionSet", build.instruction_set},
           {"report", build.report.ToJson()},
           {"evaluatedAt", Rfc3339(build.evaluated_at)}};
  return statement;
}

trust::Statement TestResultStatement(const BuildFacts& build, const ReleaseFacts& release) {
  Json passed = Json::array(), failed = Json::array();
  for (const eval::Judged& judged : build.report.criteria) {
    (judged.verdict.outcome == eval::Outcome::kPassed ? passed : failed)
        .push_back(judged.criterion.id);
  }
  const bool all = build.report.outcome == eval::Outcome::kPassed;
  trust::Statement statement;
  statement.subjects = ModelSubjects(release, build.result);
  statement.predicate_type = kTestResultType;
  statement.predicate = Json{
      {"result", all ? "PASSED" : "FAILED"},
      {"configuration", Json::array({Json{{"name", "criteria"},
                                          {"uri", kCriteriaFile},
                                          {"digest", DigestSet(release.criteria_bundle_sha256)}},
                                     Descriptor("evaluation-set", build.plan.evaluation.digest)})},
      {"passedTests", std::move(passed)},
      {"warnedTests", Json::array()},
      {"failedTests", std::move(failed)}};
  return statement;
}

trust::Statement DocumentStatement(const char* predicate_type, const Json& document,
                                   const BuildFacts& build, const ReleaseFacts& release) {
  trust::Statement statement;
  statement.subjects = ModelSubjects(release, build.result);
  statement.predicate_type = predicate_type;
  statement.predicate = document;
  return statement;
}

trust::Statement ApprovalStatement(const std::string& name, const std::string& version,
                                   const std::vector<trust::Subject>& model_subjects,
                                   const ApprovalFacts& approval) {
  trust::Statement statement;
  statement.subjects = model_subjects;
  statement.predicate_type = kApprovalType;
  statement.predicate =
      Json{{"release", Identity(name, version)}, {"role", approval.role},
           {"decision", approval.decision},      {"reason", approval.reason},
           {"ticket", approval.ticket},          {"approvedAt", Rfc3339(approval.approved_at)}};
  if (approval.expires_at) statement.predicate["expiresAt"] = Rfc3339(*approval.expires_at);
  return statement;
}

trust::Statement WaiverStatement(const std::string& name, const std::string& version,
                                 const std::vector<trust::Subject>& model_subjects,
                                 const WaiverFacts& waiver) {
  trust::Statement statement;
  statement.subjects = model_subjects;
  statement.predicate_type = kWaiverType;
  statement.predicate = Json{{"release", Identity(name, version)},
                             {"criterion", waiver.criterion},
                             {"reason", waiver.reason},
                             {"waivedAt", Rfc3339(waiver.waived_at)},
                             {"expiresAt", Rfc3339(waiver.expires_at)}};
  return statement;
}

trust::Statement VerdictStatement(const std::vector<trust::Subject>& model_subjects,
                                  const VerdictFacts& verdict) {
  Json inputs = Json::array();
  for (const FileFact& file : verdict.files) {
    if (file.name == kModelSignature || file.name.ends_with(".sigstore.json")) {
      inputs.push_back({{"uri", file.name}, {"digest", DigestSet(file.sha256)}});
    }
  }
  // SLSA's word for "no level": a FAILED verdict verifies none.
  const std::vector<std::string> levels =
      verdict.passed ? verdict.levels : std::vector<std::string>{"FAILED"};
  trust::Statement statement;
  statement.subjects = model_subjects;
  statement.predicate_type = kVerdictType;
  statement.predicate = Json{
      {"verifier", Json{{"id", "https://assize.dev/verifier/" + verdict.verifier},
                        {"version", Json{{"assize", verdict.verifier_version}}}}},
      {"timeVerified", Rfc3339(verdict.verified_at)},
      {"resourceUri", ReleaseUri(verdict.name, verdict.version)},
      {"policy", Json{{"uri", verdict.policy_uri}, {"digest", DigestSet(verdict.policy_sha256)}}},
      {"inputAttestations", std::move(inputs)},
      {"verificationResult", verdict.passed ? "PASSED" : "FAILED"},
      {"verifiedLevels", levels},
      {kVerdictExtension,
       Json{{"release", Identity(verdict.name, verdict.version)},
            {"outcome", verdict.outcome},
            {"number", verdict.number},
            {"predecessor", verdict.predecessor},
            {"journal", JournalRef(verdict.journal_sequence, verdict.journal_entry_sha256)},
            {"files", FilesJson(verdict.files)}}}};
  return statement;
}

trust::Statement JournalStatement(const JournalFacts& entry) {
  trust::Statement statement;
  statement.subjects.push_back(trust::MakeSubject("about", entry.about));
  statement.predicate_type = kJournalType;
  statement.predicate = Json{{"sequence", entry.sequence},
                             {"predecessor", entry.predecessor},
                             {"event", entry.event},
                             {"release", Identity(entry.name, entry.version)},
                             {"time", Rfc3339(entry.time)}};
  if (!entry.evaluation_set.empty()) statement.predicate["evaluationSet"] = entry.evaluation_set;
  if (!entry.reason.empty()) statement.predicate["reason"] = entry.reason;
  return statement;
}

}  // namespace assize::evidence
