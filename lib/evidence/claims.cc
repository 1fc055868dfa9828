// Strict readers of our statements; the writers are in statements.cc.
#include "lib/evidence/claims.h"

#include <algorithm>
#include <set>

#include "lib/evidence/strict.h"
#include "lib/support/clock.h"
#include "lib/support/sha256.h"

namespace assize::evidence {
namespace {

StatusOr<std::string> DigestOf(const Json& holder, const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* digest, JsonObject(holder, "digest", where));
  AZ_RETURN_IF_ERROR(ExactMembers(*digest, {"sha256"}, {}, where + "/digest"));
  return Sha256Member(*digest, "sha256", where + "/digest");
}

StatusOr<std::vector<FileFact>> ReadFiles(const Json& object, const std::string& member,
                                          const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* list, JsonArray(object, member, where));
  std::vector<FileFact> files;
  std::set<std::string> names;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string place = fmt::format("{}/{}/{}", where, member, i);
    AZ_RETURN_IF_ERROR(ExactMembers((*list)[i], {"name", "sha256"}, {}, place));
    FileFact file;
    AZ_ASSIGN_OR_RETURN(file.name, JsonString((*list)[i], "name", place));
    AZ_ASSIGN_OR_RETURN(file.sha256, Sha256Member((*list)[i], "sha256", place));
    if (!names.insert(file.name).second) {
      return InvalidArgument("{}: \"{}\" is listed twice", place, file.name);
    }
    files.push_back(std::move(file));
  }
  return files;
}

Status ReadSource(const Json& predicate, const std::string& where, FileFact& source,
                  std::vector<FileFact>& external) {
  AZ_ASSIGN_OR_RETURN(const Json* object, JsonObject(predicate, "sourceModel", where));
  const std::string place = where + "/sourceModel";
  AZ_RETURN_IF_ERROR(ExactMembers(*object, {"name", "sha256", "external"}, {}, place));
  AZ_ASSIGN_OR_RETURN(source.name, JsonString(*object, "name", place));
  AZ_ASSIGN_OR_RETURN(source.sha256, Sha256Member(*object, "sha256", place));
  AZ_ASSIGN_OR_RETURN(external, ReadFiles(*object, "external", place));
  return OkStatus();
}

Status ReadSet(const Json& predicate, const std::string& where, std::string& digest,
               int64_t& rows) {
  AZ_ASSIGN_OR_RETURN(const Json* set, JsonObject(predicate, "evaluationSet", where));
  const std::string place = where + "/evaluationSet";
  AZ_RETURN_IF_ERROR(ExactMembers(*set, {"digest", "from", "rows", "description"}, {}, place));
  AZ_ASSIGN_OR_RETURN(digest, Sha256Member(*set, "digest", place));
  AZ_RETURN_IF_ERROR(JsonString(*set, "from", place).status());
  AZ_ASSIGN_OR_RETURN(rows, JsonInt(*set, "rows", place));
  AZ_RETURN_IF_ERROR(JsonObject(*set, "description", place).status());
  return OkStatus();
}

Status ReadChange(const Json& predicate, const std::string& where, ChangeFacts& change) {
  AZ_ASSIGN_OR_RETURN(const Json* object, JsonObject(predicate, "change", where));
  const std::string place = where + "/change";
  AZ_RETURN_IF_ERROR(ExactMembers(*object, {"ticket", "requester", "reason"}, {}, place));
  AZ_ASSIGN_OR_RETURN(change.ticket, JsonString(*object, "ticket", place));
  AZ_ASSIGN_OR_RETURN(change.requester, JsonString(*object, "requester", place));
  AZ_ASSIGN_OR_RETURN(change.reason, JsonString(*object, "reason", place));
  return OkStatus();
}

Status ReadJournalRef(const Json& object, const std::string& where, int64_t& sequence,
                      std::string& entry) {
  AZ_ASSIGN_OR_RETURN(const Json* ref, JsonObject(object, "journal", where));
  const std::string place = where + "/journal";
  AZ_RETURN_IF_ERROR(ExactMembers(*ref, {"sequence", "entry"}, {}, place));
  AZ_ASSIGN_OR_RETURN(sequence, JsonInt(*ref, "sequence", place));
  AZ_ASSIGN_OR_RETURN(entry, Sha256Member(*ref, "entry", place));
  return OkStatus();
}

Status ReadSplits(const Json& object, const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* splits, JsonArray(object, "splits", where));
  for (size_t i = 0; i < splits->size(); ++i) {
    const std::string place = fmt::format("{}/splits/{}", where, i);
    const Json& split = (*splits)[i];
    AZ_RETURN_IF_ERROR(
        ExactMembers(split, {"name", "from", "rows", "digest", "record"}, {}, place));
    AZ_RETURN_IF_ERROR(JsonString(split, "name", place).status());
    AZ_RETURN_IF_ERROR(JsonString(split, "from", place).status());
    AZ_RETURN_IF_ERROR(JsonInt(split, "rows", place).status());
    AZ_RETURN_IF_ERROR(Sha256Member(split, "digest", place).status());
    AZ_RETURN_IF_ERROR(JsonObject(split, "record", place).status());
  }
  return OkStatus();
}

StatusOr<std::string> ReadOrder(const Json& predicate, const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const std::string order, JsonString(predicate, "order", where));
  if (order != "asserted" && order != "proved") {
    return InvalidArgument("{}/order: found \"{}\", expected asserted or proved", where, order);
  }
  return order;
}

Status ExpectSubjects(const trust::Statement& statement,
                      const std::vector<std::pair<std::string, std::string>>& wanted,
                      const std::string& where) {
  for (const auto& [name, sha256] : wanted) {
    const trust::Subject* subject = statement.Find(name);
    if (subject == nullptr) return InvalidArgument("{}: no subject \"{}\"", where, name);
    if (subject->Sha256() != sha256) {
      return InvalidArgument("{}: subject \"{}\" is {}, but the predicate says {}", where, name,
                             subject->Sha256(), sha256);
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<CriteriaClaim> ReadCriteria(const trust::Statement& statement, const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kCriteriaType, where));
  const Json& predicate = statement.predicate;
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(ExactMembers(predicate,
                                  {"release", "classification", "change", "criteria", "sourceModel",
                                   "evaluationSet", "order", "signedAt"},
                                  {}, place));
  CriteriaClaim claim;
  AZ_RETURN_IF_ERROR(ReadIdentity(predicate, place, claim.name, claim.version));
  AZ_ASSIGN_OR_RETURN(claim.classification, JsonString(predicate, "classification", place));
  AZ_RETURN_IF_ERROR(ReadChange(predicate, place, claim.change));
  AZ_ASSIGN_OR_RETURN(const Json* criteria, JsonArray(predicate, "criteria", place));
  std::set<std::string> ids;
  for (size_t i = 0; i < criteria->size(); ++i) {
    const std::string item = fmt::format("{}/criteria/{}", place, i);
    AZ_ASSIGN_OR_RETURN(eval::Criterion criterion, eval::CriterionFromJson((*criteria)[i], item));
    AZ_RETURN_IF_ERROR(Annotate(eval::CheckCriterion(criterion), item));
    if (!ids.insert(criterion.id).second) {
      return InvalidArgument("{}: criterion \"{}\" occurs twice", item, criterion.id);
    }
    claim.criteria.push_back(std::move(criterion));
  }
  if (claim.criteria.empty()) return InvalidArgument("{}/criteria: there are none", place);
  AZ_RETURN_IF_ERROR(ReadSource(predicate, place, claim.source, claim.external));
  AZ_RETURN_IF_ERROR(ReadSet(predicate, place, claim.evaluation_set, claim.evaluation_rows));
  AZ_RETURN_IF_ERROR(ReadOrder(predicate, place).status());
  AZ_ASSIGN_OR_RETURN(claim.signed_at, TimeMember(predicate, "signedAt", place));
  AZ_RETURN_IF_ERROR(ExpectSubjects(
      statement, {{"source-model", claim.source.sha256}, {"evaluation-set", claim.evaluation_set}},
      where));
  return claim;
}

StatusOr<ProvenanceClaim> ReadProvenance(const trust::Statement& statement,
                                         const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kProvenanceType, where));
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(
      ExactMembers(statement.predicate, {"buildDefinition", "runDetails"}, {}, place));
  ProvenanceClaim claim;

  AZ_ASSIGN_OR_RETURN(const Json* build, JsonObject(statement.predicate, "buildDefinition", place));
  const std::string at = place + "/buildDefinition";
  AZ_RETURN_IF_ERROR(ExactMembers(
      *build, {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}, {},
      at));
  AZ_ASSIGN_OR_RETURN(const std::string build_type, JsonString(*build, "buildType", at));
  if (build_type != kBuildType) {
    return InvalidArgument("{}/buildType: found \"{}\", expected \"{}\"", at, build_type,
                           kBuildType);
  }
  AZ_ASSIGN_OR_RETURN(const Json* external, JsonObject(*build, "externalParameters", at));
  const std::string external_at = at + "/externalParameters";
  AZ_RETURN_IF_ERROR(ExactMembers(
      *external, {"release", "recipe", "pipeline", "classification", "change"}, {}, external_at));
  AZ_RETURN_IF_ERROR(ReadIdentity(*external, external_at, claim.name, claim.version));
  AZ_ASSIGN_OR_RETURN(const Json* recipe, JsonObject(*external, "recipe", external_at));
  AZ_RETURN_IF_ERROR(ExactMembers(*recipe, {"sha256"}, {}, external_at + "/recipe"));
  AZ_ASSIGN_OR_RETURN(claim.recipe_sha256, Sha256Member(*recipe, "sha256", external_at));
  AZ_RETURN_IF_ERROR(JsonString(*external, "pipeline", external_at).status());
  AZ_RETURN_IF_ERROR(JsonString(*external, "classification", external_at).status());
  ChangeFacts change;
  AZ_RETURN_IF_ERROR(ReadChange(*external, external_at, change));

  AZ_ASSIGN_OR_RETURN(const Json* internal, JsonObject(*build, "internalParameters", at));
  const std::string internal_at = at + "/internalParameters";
  AZ_RETURN_IF_ERROR(ExactMembers(
      *internal, {"passes", "splits", "evaluationSet", "instructionSet", "measurements"}, {},
      internal_at));
  AZ_ASSIGN_OR_RETURN(claim.evaluation_set, Sha256Member(*internal, "evaluationSet", internal_at));
  AZ_RETURN_IF_ERROR(ReadSplits(*internal, internal_at));
  AZ_RETURN_IF_ERROR(JsonString(*internal, "instructionSet", internal_at).status());
  AZ_RETURN_IF_ERROR(JsonObject(*internal, "measurements", internal_at).status());
  AZ_ASSIGN_OR_RETURN(const Json* passes, JsonArray(*internal, "passes", internal_at));
  claim.passes = *passes;
  for (size_t i = 0; i < passes->size(); ++i) {
    const std::string item = fmt::format("{}/passes/{}", internal_at, i);
    AZ_ASSIGN_OR_RETURN(const std::string input, Sha256Member((*passes)[i], "input", item));
    AZ_ASSIGN_OR_RETURN(const std::string output, Sha256Member((*passes)[i], "output", item));
    if (i == 0) claim.chain_input = input;
    if (i > 0 && input != claim.chain_output) {
      return InvalidArgument("{}: begins with {}, but the pass before ended with {}", item, input,
                             claim.chain_output);
    }
    claim.chain_output = output;
  }

  AZ_ASSIGN_OR_RETURN(const Json* dependencies, JsonArray(*build, "resolvedDependencies", at));
  for (size_t i = 0; i < dependencies->size(); ++i) {
    const Json& dependency = (*dependencies)[i];
    const std::string item = fmt::format("{}/resolvedDependencies/{}", at, i);
    AZ_RETURN_IF_ERROR(ExactMembers(dependency, {"name", "digest"}, {"uri"}, item));
    AZ_ASSIGN_OR_RETURN(const std::string name, JsonString(dependency, "name", item));
    AZ_ASSIGN_OR_RETURN(const std::string sha256, DigestOf(dependency, item));
    std::string* wanted = name == "source-model" ? &claim.source_sha256
                          : name == "criteria"   ? &claim.criteria_sha256
                                                 : nullptr;
    if (wanted == nullptr) continue;
    if (!wanted->empty()) return InvalidArgument("{}: a second \"{}\"", item, name);
    *wanted = sha256;
  }
  if (claim.source_sha256.empty() || claim.criteria_sha256.empty()) {
    return InvalidArgument("{}/resolvedDependencies: source-model or criteria is missing", at);
  }

  AZ_ASSIGN_OR_RETURN(const Json* run, JsonObject(statement.predicate, "runDetails", place));
  AZ_RETURN_IF_ERROR(ExactMembers(*run, {"builder", "metadata"}, {}, place + "/runDetails"));
  AZ_ASSIGN_OR_RETURN(const Json* builder, JsonObject(*run, "builder", place + "/runDetails"));
  AZ_RETURN_IF_ERROR(ExactMembers(*builder, {"id", "version", "builderDependencies"}, {},
                                  place + "/runDetails/builder"));
  AZ_ASSIGN_OR_RETURN(const Json* metadata, JsonObject(*run, "metadata", place + "/runDetails"));
  const std::string run_at = place + "/runDetails/metadata";
  AZ_RETURN_IF_ERROR(
      ExactMembers(*metadata, {"invocationId", "startedOn", "finishedOn"}, {}, run_at));
  AZ_ASSIGN_OR_RETURN(claim.invocation, Sha256Member(*metadata, "invocationId", run_at));
  AZ_ASSIGN_OR_RETURN(claim.started_at, TimeMember(*metadata, "startedOn", run_at));
  AZ_ASSIGN_OR_RETURN(claim.finished_at, TimeMember(*metadata, "finishedOn", run_at));
  return claim;
}

StatusOr<EvaluationClaim> ReadEvaluation(const trust::Statement& statement,
                                         const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kEvaluationType, where));
  const Json& predicate = statement.predicate;
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(ExactMembers(predicate,
                                  {"release", "criteria", "sourceModel", "evaluationSet", "splits",
                                   "journal", "order", "instructionSet", "report", "evaluatedAt"},
                                  {}, place));
  EvaluationClaim claim;
  AZ_RETURN_IF_ERROR(ReadIdentity(predicate, place, claim.name, claim.version));
  AZ_ASSIGN_OR_RETURN(const Json* criteria, JsonObject(predicate, "criteria", place));
  AZ_RETURN_IF_ERROR(ExactMembers(*criteria, {"file", "sha256"}, {}, place + "/criteria"));
  AZ_RETURN_IF_ERROR(JsonString(*criteria, "file", place + "/criteria").status());
  AZ_ASSIGN_OR_RETURN(claim.criteria_sha256,
                      Sha256Member(*criteria, "sha256", place + "/criteria"));
  FileFact source;
  std::vector<FileFact> external;
  AZ_RETURN_IF_ERROR(ReadSource(predicate, place, source, external));
  claim.source_sha256 = source.sha256;
  int64_t rows = 0;
  AZ_RETURN_IF_ERROR(ReadSet(predicate, place, claim.evaluation_set, rows));
  AZ_RETURN_IF_ERROR(
      ReadJournalRef(predicate, place, claim.journal_sequence, claim.journal_entry_sha256));
  AZ_ASSIGN_OR_RETURN(claim.order, ReadOrder(predicate, place));
  AZ_RETURN_IF_ERROR(ReadSplits(predicate, place));
  AZ_RETURN_IF_ERROR(JsonString(predicate, "instructionSet", place).status());
  AZ_ASSIGN_OR_RETURN(const Json* report, JsonObject(predicate, "report", place));
  AZ_ASSIGN_OR_RETURN(claim.report, eval::Report::FromJson(*report, place + "/report"));
  if (claim.report.n != rows) {
    return InvalidArgument("{}/report: {} samples, but the evaluation set has {} rows", place,
                           claim.report.n, rows);
  }
  AZ_ASSIGN_OR_RETURN(claim.evaluated_at, TimeMember(predicate, "evaluatedAt", place));
  return claim;
}

StatusOr<ApprovalClaim> ReadApproval(const trust::Statement& statement, const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kApprovalType, where));
  const Json& predicate = statement.predicate;
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(ExactMembers(predicate,
                                  {"release", "role", "decision", "reason", "ticket", "approvedAt"},
                                  {"expiresAt"}, place));
  ApprovalClaim claim;
  AZ_RETURN_IF_ERROR(ReadIdentity(predicate, place, claim.name, claim.version));
  AZ_ASSIGN_OR_RETURN(claim.approval.role, JsonString(predicate, "role", place));
  AZ_ASSIGN_OR_RETURN(claim.approval.decision, JsonString(predicate, "decision", place));
  if (claim.approval.decision != "approved" && claim.approval.decision != "rejected") {
    return InvalidArgument("{}/decision: found \"{}\", expected approved or rejected", place,
                           claim.approval.decision);
  }
  AZ_ASSIGN_OR_RETURN(claim.approval.reason, JsonString(predicate, "reason", place));
  AZ_ASSIGN_OR_RETURN(claim.approval.ticket, JsonString(predicate, "ticket", place));
  AZ_ASSIGN_OR_RETURN(claim.approval.approved_at, TimeMember(predicate, "approvedAt", place));
  if (predicate.contains("expiresAt")) {
    AZ_ASSIGN_OR_RETURN(claim.approval.expires_at, TimeMember(predicate, "expiresAt", place));
  }
  return claim;
}

StatusOr<WaiverClaim> ReadWaiver(const trust::Statement& statement, const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kWaiverType, where));
  const Json& predicate = statement.predicate;
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(ExactMembers(
      predicate, {"release", "criterion", "reason", "waivedAt", "expiresAt"}, {}, place));
  WaiverClaim claim;
  AZ_RETURN_IF_ERROR(ReadIdentity(predicate, place, claim.name, claim.version));
  AZ_ASSIGN_OR_RETURN(claim.waiver.criterion, JsonString(predicate, "criterion", place));
  AZ_ASSIGN_OR_RETURN(claim.waiver.reason, JsonString(predicate, "reason", place));
  if (claim.waiver.reason.empty()) return InvalidArgument("{}/reason: empty", place);
  AZ_ASSIGN_OR_RETURN(claim.waiver.waived_at, TimeMember(predicate, "waivedAt", place));
  AZ_ASSIGN_OR_RETURN(claim.waiver.expires_at, TimeMember(predicate, "expiresAt", place));
  return claim;
}

StatusOr<VerdictFacts> ReadVerdict(const trust::Statement& statement, const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kVerdictType, where));
  const Json& predicate = statement.predicate;
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(
      ExactMembers(predicate,
                   {"verifier", "timeVerified", "resourceUri", "policy", "inputAttestations",
                    "verificationResult", "verifiedLevels", kVerdictExtension},
                   {}, place));
  VerdictFacts facts;
  AZ_ASSIGN_OR_RETURN(const Json* verifier, JsonObject(predicate, "verifier", place));
  AZ_RETURN_IF_ERROR(ExactMembers(*verifier, {"id", "version"}, {}, place + "/verifier"));
  AZ_ASSIGN_OR_RETURN(facts.verifier, JsonString(*verifier, "id", place + "/verifier"));
  AZ_ASSIGN_OR_RETURN(facts.verified_at, TimeMember(predicate, "timeVerified", place));
  AZ_ASSIGN_OR_RETURN(const Json* policy, JsonObject(predicate, "policy", place));
  AZ_RETURN_IF_ERROR(ExactMembers(*policy, {"uri", "digest"}, {}, place + "/policy"));
  AZ_ASSIGN_OR_RETURN(facts.policy_uri, JsonString(*policy, "uri", place + "/policy"));
  AZ_ASSIGN_OR_RETURN(facts.policy_sha256, DigestOf(*policy, place + "/policy"));
  AZ_ASSIGN_OR_RETURN(const std::string result, JsonString(predicate, "verificationResult", place));
  if (result != "PASSED" && result != "FAILED") {
    return InvalidArgument("{}/verificationResult: found \"{}\", expected PASSED or FAILED", place,
                           result);
  }
  facts.passed = result == "PASSED";
  AZ_ASSIGN_OR_RETURN(const Json* levels, JsonArray(predicate, "verifiedLevels", place));
  for (const Json& level : *levels) {
    if (!level.is_string()) return InvalidArgument("{}/verifiedLevels: not all are text", place);
    facts.levels.push_back(level.get<std::string>());
  }

  AZ_ASSIGN_OR_RETURN(const Json* own, JsonObject(predicate, kVerdictExtension, place));
  const std::string at = place + "/" + kVerdictExtension;
  AZ_RETURN_IF_ERROR(ExactMembers(
      *own, {"release", "outcome", "number", "predecessor", "journal", "files"}, {}, at));
  AZ_RETURN_IF_ERROR(ReadIdentity(*own, at, facts.name, facts.version));
  AZ_ASSIGN_OR_RETURN(const std::string uri, JsonString(predicate, "resourceUri", place));
  if (uri != ReleaseUri(facts.name, facts.version)) {
    return InvalidArgument("{}/resourceUri: found \"{}\", expected \"{}\"", place, uri,
                           ReleaseUri(facts.name, facts.version));
  }
  AZ_ASSIGN_OR_RETURN(facts.outcome, JsonString(*own, "outcome", at));
  AZ_RETURN_IF_ERROR(Annotate(eval::ParseOutcome(facts.outcome).status(), at + "/outcome"));
  AZ_ASSIGN_OR_RETURN(const int64_t number, JsonInt(*own, "number", at));
  if (number < 1 || number > 9999) return InvalidArgument("{}/number: found {}", at, number);
  facts.number = static_cast<int>(number);
  AZ_ASSIGN_OR_RETURN(facts.predecessor, JsonString(*own, "predecessor", at));
  AZ_RETURN_IF_ERROR(ReadJournalRef(*own, at, facts.journal_sequence, facts.journal_entry_sha256));
  AZ_ASSIGN_OR_RETURN(facts.files, ReadFiles(*own, "files", at));

  AZ_ASSIGN_OR_RETURN(const Json* inputs, JsonArray(predicate, "inputAttestations", place));
  std::set<std::pair<std::string, std::string>> cited, wanted;
  for (size_t i = 0; i < inputs->size(); ++i) {
    const std::string item = fmt::format("{}/inputAttestations/{}", place, i);
    AZ_RETURN_IF_ERROR(ExactMembers((*inputs)[i], {"uri", "digest"}, {}, item));
    AZ_ASSIGN_OR_RETURN(const std::string name, JsonString((*inputs)[i], "uri", item));
    AZ_ASSIGN_OR_RETURN(const std::string sha256, DigestOf((*inputs)[i], item));
    cited.emplace(name, sha256);
  }
  for (const FileFact& file : facts.files) {
    if (file.name == kModelSignature || file.name.ends_with(".sigstore.json")) {
      wanted.emplace(file.name, file.sha256);
    }
  }
  if (cited != wanted) {
    return InvalidArgument("{}/inputAttestations: not the bundles among the listed files", place);
  }
  return facts;
}

StatusOr<JournalFacts> ReadJournalEntry(const trust::Statement& statement,
                                        const std::string& where) {
  AZ_RETURN_IF_ERROR(trust::ExpectPredicateType(statement, kJournalType, where));
  const Json& predicate = statement.predicate;
  const std::string place = where + ": /predicate";
  AZ_RETURN_IF_ERROR(ExactMembers(predicate,
                                  {"sequence", "predecessor", "event", "release", "time"},
                                  {"evaluationSet", "reason"}, place));
  JournalFacts facts;
  AZ_ASSIGN_OR_RETURN(facts.sequence, JsonInt(predicate, "sequence", place));
  AZ_ASSIGN_OR_RETURN(facts.predecessor, Sha256Member(predicate, "predecessor", place));
  AZ_ASSIGN_OR_RETURN(facts.event, JsonString(predicate, "event", place));
  static const std::set<std::string> kEvents = {"started", "criteria", "PASSED", "FAILED",
                                                "ABORTED"};
  if (!kEvents.contains(facts.event)) {
    return InvalidArgument("{}/event: found \"{}\", expected one of {}", place, facts.event,
                           fmt::join(kEvents, ", "));
  }
  AZ_RETURN_IF_ERROR(ReadIdentity(predicate, place, facts.name, facts.version));
  AZ_ASSIGN_OR_RETURN(facts.time, TimeMember(predicate, "time", place));
  if (statement.subjects.size() != 1 || statement.subjects[0].name != "about") {
    return InvalidArgument("{}: expected one subject, \"about\"", where);
  }
  facts.about = statement.subjects[0].Sha256();
  if (predicate.contains("evaluationSet") != (facts.event == "criteria")) {
    return InvalidArgument("{}: evaluationSet belongs to the event criteria, and only there",
                           place);
  }
  if (facts.event == "criteria") {
    AZ_ASSIGN_OR_RETURN(facts.evaluation_set, Sha256Member(predicate, "evaluationSet", place));
  }
  if (predicate.contains("reason")) {
    AZ_ASSIGN_OR_RETURN(facts.reason, JsonString(predicate, "reason", place));
  }
  return facts;
}

}  // namespace assize::evidence
