// Checks of what was measured and in which order: criteria-order, baseline-pinned,
// bounds-recomputed, separation, chain-unbroken.
#include <algorithm>
#include <cmath>
#include <set>

#include "lib/policy/verified.h"
#include "lib/support/clock.h"
#include "lib/support/files.h"
#include "lib/support/sha256.h"

namespace assize::policy {
namespace {

using evidence::Role;

CheckResult CannotRun(const std::string& id, const std::string& what) {
  CheckResult result = Fail(id, what, "nothing to check", "evidence that can be read and trusted",
                            "the releaser: restore the evidence");
  result.status = CheckStatus::kNotRun;
  return result;
}

// The same question, whatever the threshold and confidence.
bool SameQuestion(const eval::Criterion& a, const eval::Criterion& b) {
  return a.metric == b.metric && a.k == b.k && a.class_index == b.class_index &&
         a.comparator == b.comparator && a.against_source == b.against_source;
}

bool SameCriteria(const std::vector<eval::Judged>& judged,
                  const std::vector<eval::Criterion>& criteria) {
  if (judged.size() != criteria.size()) return false;
  for (size_t i = 0; i < criteria.size(); ++i) {
    if (DumpJson(eval::ToJson(judged[i].criterion)) != DumpJson(eval::ToJson(criteria[i]))) {
      return false;
    }
  }
  return true;
}

const evidence::WaiverClaim* WaiverFor(const Context& context, const std::string& criterion) {
  for (const auto& [file, claim] : context.evidence.waivers) {
    if (claim.waiver.criterion == criterion && claim.waiver.waived_at <= context.now &&
        context.now < claim.waiver.expires_at) {
      return &claim;
    }
  }
  return nullptr;
}

}  // namespace

CheckResult CheckCriteriaOrder(const Context& context) {
  const char* id = "criteria-order";
  const Verified& evidence = context.evidence;
  if (!evidence.criteria || !evidence.provenance || !evidence.evaluation) {
    return CannotRun(id, "criteria, provenance and evaluation cannot all be read");
  }
  const std::string digest = evidence.DigestOf(evidence::kCriteriaFile);
  const std::string mend = "nobody: build a new version, with the criteria first";
  for (const auto& [file, cited] :
       {std::pair(evidence::kProvenanceFile, evidence.provenance->criteria_sha256),
        std::pair(evidence::kEvaluationFile, evidence.evaluation->criteria_sha256)}) {
    if (cited != digest) {
      return Fail(id, fmt::format("{} cites other criteria than the release has", file), cited,
                  digest, mend);
    }
  }
  if (!SameCriteria(evidence.evaluation->report.criteria, evidence.criteria->criteria)) {
    return Fail(id, "the evaluation judged other criteria than were signed before",
                fmt::format("{} judged", evidence.evaluation->report.criteria.size()),
                fmt::format("the {} signed ones, unchanged", evidence.criteria->criteria.size()),
                mend);
  }
  if (evidence.criteria->signed_at > evidence.evaluation->evaluated_at) {
    return Fail(id, "the criteria were signed after the evaluation",
                Rfc3339(evidence.criteria->signed_at),
                "not after " + Rfc3339(evidence.evaluation->evaluated_at), mend);
  }
  if (context.policy.require_proved_order && evidence.evaluation->order != "proved") {
    return Fail(id, "the order is asserted by the builder's clock and journal only",
                evidence.evaluation->order, "proved", "the builder: use a timestamp authority");
  }
  return Pass(id, fmt::format("criteria {} came before the evaluation; order {}",
                              digest.substr(0, 16), evidence.evaluation->order));
}

CheckResult CheckBaselinePinned(const Context& context) {
  const char* id = "baseline-pinned";
  const Verified& evidence = context.evidence;
  if (!evidence.criteria || !evidence.evaluation) {
    return CannotRun(id, "criteria and evaluation cannot both be read");
  }
  const GatePolicy& policy = context.policy;
  struct Pin {
    const char* what;
    std::string found, wanted;
  };
  std::string not_pinned;
  for (const Pin& pin :
       {Pin{"source model", evidence.evaluation->source_sha256, policy.source_sha256},
        Pin{"source model", evidence.criteria->source.sha256, policy.source_sha256},
        Pin{"evaluation set", evidence.evaluation->evaluation_set, policy.evaluation_set_sha256},
        Pin{"evaluation set", evidence.criteria->evaluation_set, policy.evaluation_set_sha256}}) {
    if (pin.wanted.empty()) {
      not_pinned = pin.what;
    } else if (pin.found != pin.wanted) {
      return Fail(id, fmt::format("measured against another {} than the policy's", pin.what),
                  pin.found, pin.wanted,
                  "the builder: use the agreed one; the policy's owner, if it was replaced");
    }
  }
  if (!not_pinned.empty()) {
    return Waived(id, fmt::format("waived by policy: it pins no {}", not_pinned));
  }
  return Pass(id, "source model and evaluation set are the policy's");
}

CheckResult CheckBoundsRecomputed(Context& context) {
  const char* id = "bounds-recomputed";
  const Verified& evidence = context.evidence;
  const GatePolicy& policy = context.policy;
  const std::string nobody = "nobody: such evidence is forged or broken; build a new version";
  if (!evidence.evaluation) return CannotRun(id, "the evaluation cannot be read");
  std::vector<std::string> evaluations;
  for (const auto& [file, bytes] : context.release.files) {
    StatusOr<trust::VerifiedStatement> statement =
        trust::VerifyBundleWithAny(bytes, policy.PublicKeys(), file);
    if (statement.ok() && statement->statement().predicate_type == evidence::kEvaluationType) {
      evaluations.push_back(file);
    }
  }
  if (evaluations.size() != 1) {
    return Fail(id, "not exactly one evaluation", fmt::format("{}", fmt::join(evaluations, "; ")),
                evidence::kEvaluationFile, nobody);
  }
  const eval::Report& report = evidence.evaluation->report;
  if (const Status status = eval::Recheck(report); !status.ok()) {
    return Fail(id, "the stored verdicts do not follow from the counts", Message(status),
                "bounds and outcomes as they follow from the counts", nobody);
  }
  std::vector<eval::Verdict> verdicts;
  for (const eval::Judged& judged : report.criteria) verdicts.push_back(judged.verdict);
  const eval::Outcome own = eval::Overall(verdicts);
  for (const evidence::VerdictFacts& verdict : evidence.verdicts) {
    if (verdict.number == 1 && (verdict.outcome != eval::OutcomeName(own) ||
                                verdict.passed != (own == eval::Outcome::kPassed))) {
      return Fail(id, "the verdict is not what the evaluation says", verdict.outcome,
                  eval::OutcomeName(own), nobody);
    }
  }
  if (const Signed* result = evidence.Find(evidence::kTestResultFile)) {
    const Json& predicate = result->statement.statement().predicate;
    const std::string wanted = own == eval::Outcome::kPassed ? "PASSED" : "FAILED";
    const StatusOr<std::string> said = JsonString(predicate, "result", evidence::kTestResultFile);
    if (!said.ok() || *said != wanted) {
      return Fail(id, "the test result is not what the evaluation says",
                  said.ok() ? *said : Message(said.status()), wanted, nobody);
    }
  }
  if (context.passed_release() != (own == eval::Outcome::kPassed)) {
    return Fail(id, "a model that did not pass lies in model/, or the reverse",
                context.release.folder + "/",
                own == eval::Outcome::kPassed ? "model/" : "rejected/", nobody);
  }

  const eval::Report* measured = &report;
  const GateOptions& options = context.options;
  if (options.reevaluated) {
    measured = &*options.reevaluated;
    if (options.reevaluated_source_sha256 != evidence.evaluation->source_sha256) {
      return Fail(id, "measured again against another source model",
                  options.reevaluated_source_sha256, evidence.evaluation->source_sha256,
                  "whoever runs the gate: give the policy's source model");
    }
    if (const Status status = eval::Recheck(*measured); !status.ok()) {
      return Fail(id, "the new measurement is not consistent", Message(status),
                  "bounds that follow from the counts", "whoever runs the gate");
    }
    // The same rows must give the same answers, but for rounding on another processor.
    if (options.reevaluated_set_sha256 == evidence.evaluation->evaluation_set && measured->top1 &&
        report.top1) {
      const int64_t allowed = 1 + report.n / 200;
      if (measured->n != report.n || std::abs(measured->top1->k - report.top1->k) > allowed) {
        return Fail(
            id, "measuring again on the same rows gave other counts",
            fmt::format("{} of {} right", measured->top1->k, measured->n),
            fmt::format("{} of {} as signed, at most {} apart", report.top1->k, report.n, allowed),
            nobody);
      }
    }
  } else if (policy.require_reevaluation) {
    return Fail(id, "the policy demands that the gate measures again", "signed numbers only",
                "a gate run with --re-evaluate", "whoever runs the gate");
  }

  // The policy's own thresholds, on the counts; stored outcomes play no part.
  std::vector<std::string> unmet, waived;
  auto judge = [&](const eval::Criterion& criterion,
                   const std::vector<eval::Judged>& counted) -> Status {
    const eval::Judged* source = nullptr;
    for (const eval::Judged& judged : counted) {
      if (SameQuestion(judged.criterion, criterion)) source = &judged;
    }
    if (source == nullptr) {
      unmet.push_back(fmt::format("{}: was not measured", criterion.id));
      return OkStatus();
    }
    eval::Criterion strict = criterion;
    strict.min_samples = std::max(strict.min_samples, policy.min_samples);
    AZ_ASSIGN_OR_RETURN(eval::Verdict verdict, eval::Decide(strict, source->verdict.counts));
    if (verdict.n < policy.min_samples) {
      unmet.push_back(fmt::format("{}: {} samples, the policy wants {}", criterion.id, verdict.n,
                                  policy.min_samples));
    } else if (verdict.outcome != eval::Outcome::kPassed) {
      if (policy.allow_waivers && WaiverFor(context, criterion.id) != nullptr) {
        waived.push_back(criterion.id);
      } else {
        unmet.push_back(fmt::format("{}: {}; {}", criterion.id, eval::OutcomeName(verdict.outcome),
                                    verdict.text));
      }
    }
    context.judged.push_back({strict, std::move(verdict)});
    return OkStatus();
  };
  for (const eval::Criterion& criterion : policy.criteria) {
    if (const Status status = judge(criterion, measured->criteria); !status.ok()) {
      return Fail(id, fmt::format("{} cannot be decided from the counts", criterion.id),
                  Message(status), "possible counts", nobody);
    }
  }
  if (own != eval::Outcome::kPassed) {
    unmet.push_back(fmt::format("the release's own criteria: {}", eval::OutcomeName(own)));
  }
  for (const auto& [file, claim] : evidence.waivers) {
    const bool known = std::any_of(
        policy.criteria.begin(), policy.criteria.end(),
        [&](const eval::Criterion& criterion) { return criterion.id == claim.waiver.criterion; });
    if (!known) {
      return Fail(id, "a waiver of something that is no criterion of the policy",
                  fmt::format("{}: \"{}\"", file, claim.waiver.criterion.substr(0, 80)),
                  "a criterion's id; checks of trust cannot be waived", "the risk owner");
    }
  }
  if (!unmet.empty()) {
    CheckResult result =
        Fail(id, "criteria are not met", fmt::format("{}", fmt::join(unmet, "; ")),
             "every criterion of the policy PASSED",
             "the model's owner: a better model, or more samples where it says UNDECIDED");
    result.about_criteria = true;
    return result;
  }
  if (!waived.empty()) {
    context.waived = true;
    return Waived(id, fmt::format("waived by a signed waiver: {}", fmt::join(waived, "; ")));
  }
  return Pass(id, fmt::format("{} criteria decided again from {} samples{}", policy.criteria.size(),
                              measured->n, options.reevaluated ? ", measured by the gate" : ""));
}

CheckResult CheckSeparation(Context& context) {
  const char* id = "separation";
  const Verified& evidence = context.evidence;
  const GatePolicy& policy = context.policy;
  std::map<Role, std::string> key_of_role;
  for (const auto& [file, role] :
       {std::pair(std::string(evidence::kCriteriaFile), Role::kCriteria),
        std::pair(std::string(evidence::kProvenanceFile), Role::kBuilder),
        std::pair(std::string(evidence::kEvaluationFile), Role::kEvaluator),
        std::pair(evidence::VerdictFile(1), Role::kReleaser)}) {
    const Signed* bundle = evidence.Find(file);
    if (bundle != nullptr) key_of_role[role] = bundle->statement.key_id();
  }
  std::set<std::string> own_keys;
  for (const auto& [role, key] : key_of_role) own_keys.insert(key);

  std::set<std::string> approvers;
  for (const auto& [file, claim] : evidence.approvals) {
    const Signed* bundle = evidence.Find(file);
    if (claim.approval.decision == "rejected") {
      return Fail(id, "an approver rejected this release",
                  fmt::format("{}: {}", file, claim.approval.reason.substr(0, 200)), "no rejection",
                  "the approver");
    }
    const bool expired = claim.approval.expires_at && context.now >= *claim.approval.expires_at;
    if (!expired && !own_keys.contains(bundle->statement.key_id())) {
      approvers.insert(bundle->statement.key_id());
    }
  }
  context.approvals = static_cast<int>(approvers.size());
  if (context.approvals < policy.approvals) {
    return Fail(id, "too few approvals by keys that signed nothing else here",
                fmt::format("{}", approvers.size()), fmt::format("{}", policy.approvals),
                "the approvers: sign an approval of this release");
  }
  std::map<std::string, Role> role_of_key;
  for (Role role : policy.separate) {
    const auto key = key_of_role.find(role);
    if (key == key_of_role.end()) {
      return CannotRun(id, fmt::format("nothing is signed by the {}", evidence::RoleName(role)));
    }
    const auto [other, is_new] = role_of_key.emplace(key->second, role);
    if (!is_new) {
      return Fail(id, "one key in two roles",
                  fmt::format("{} and {} by key {}", evidence::RoleName(other->second),
                              evidence::RoleName(role), key->second.substr(0, 16)),
                  "different keys, held by different people",
                  "the releaser: let the second person sign; the policy's owner may waive it");
    }
  }
  if (policy.separate.empty()) {
    return Waived(id,
                  fmt::format("waived by policy{}{}", policy.separation_waiver.empty() ? "" : ": ",
                              policy.separation_waiver));
  }
  return Pass(id, fmt::format("{} roles by different keys, {} approvals", policy.separate.size(),
                              context.approvals));
}

CheckResult CheckChainUnbroken(const Context& context) {
  const char* id = "chain-unbroken";
  const Verified& evidence = context.evidence;
  const GatePolicy& policy = context.policy;
  const std::string mend =
      "nobody: what a journal lost cannot be shown again; build a new version in an honest store";
  const auto excerpt = context.release.files.find(evidence::kJournalFile);
  if (excerpt == context.release.files.end() || !evidence.evaluation || !evidence.provenance ||
      evidence.verdicts.empty()) {
    return CannotRun(id, "journal, provenance, evaluation or verdict is missing");
  }
  const release::KeyFinder find = [&](const std::string& key_id) -> StatusOr<trust::PublicKey> {
    const TrustedKey* key = policy.FindKey(key_id);
    if (key == nullptr || !key->roles.contains(Role::kBuilder)) {
      return Unauthenticated("key {} is not trusted as builder", key_id.substr(0, 16));
    }
    return key->key;
  };
  const StatusOr<std::vector<release::JournalEntry>> own =
      release::ReadJournal(excerpt->second, find, evidence::kJournalFile);
  Status status = own.ok() ? release::CheckHistory(*own, evidence::kJournalFile) : own.status();
  if (!status.ok()) {
    return Fail(id, "the release's journal does not hold", Message(status),
                "an unbroken chain of signed lines", mend);
  }
  const std::string name = evidence.verdicts[0].name;
  const std::string version = evidence.verdicts[0].version;
  const size_t size = own->size();
  if (size < 2 || (*own)[size - 1].facts.event != "criteria" ||
      (*own)[size - 1].facts.name != name || (*own)[size - 1].facts.version != version) {
    return Fail(id, "the release's journal does not end with its own sealed criteria",
                size == 0 ? "an empty journal" : (*own)[size - 1].facts.event,
                fmt::format("criteria of {} {}", name, version), mend);
  }
  const release::JournalEntry& sealed = (*own)[size - 1];
  const release::JournalEntry& started = (*own)[size - 2];
  struct Link {
    const char* what;
    std::string found, wanted;
  };
  std::vector<Link> links = {
      {"the journal sealed other criteria", sealed.facts.about,
       evidence.DigestOf(evidence::kCriteriaFile)},
      {"the evaluation belongs to another run", evidence.evaluation->journal_entry_sha256,
       sealed.digest},
      {"the provenance belongs to another run", evidence.provenance->invocation, started.digest},
      {"the journal started from another source model", started.facts.about,
       evidence.provenance->source_sha256},
      {"the journal sealed another evaluation set", sealed.facts.evaluation_set,
       evidence.evaluation->evaluation_set}};
  for (const evidence::VerdictFacts& verdict : evidence.verdicts) {
    links.push_back(
        {"a verdict cites another journal line", verdict.journal_entry_sha256, sealed.digest});
    links.push_back({"a verdict cites another place in the journal",
                     fmt::format("{}", verdict.journal_sequence),
                     fmt::format("{}", sealed.facts.sequence)});
  }
  for (const Link& link : links) {
    if (link.found != link.wanted) return Fail(id, link.what, link.found, link.wanted, mend);
  }
  if (sealed.facts.time > evidence.evaluation->evaluated_at ||
      evidence.evaluation->evaluated_at > evidence.verdicts[0].verified_at) {
    return Fail(id, "the times run backwards: a clock was set back",
                fmt::format("sealed {}, evaluated {}, verdict {}", Rfc3339(sealed.facts.time),
                            Rfc3339(evidence.evaluation->evaluated_at),
                            Rfc3339(evidence.verdicts[0].verified_at)),
                "in this order", mend);
  }

  // The store's own journal goes on after the release's excerpt.
  std::string path = context.options.journal_path;
  const bool given = !path.empty();
  if (!given) path = JoinPath(context.release.path, "../../" + std::string(release::kJournalName));
  std::vector<release::JournalEntry> all = *own;
  const bool has_store = FileExists(path);
  if (!has_store && (given || policy.require_journal)) {
    return Fail(id, "the store's journal is not there", path, "the store's journal.jsonl",
                "whoever runs the gate: give --journal");
  }
  if (has_store) {
    const StatusOr<std::string> text = ReadFile(path, release::kMaxJournalBytes);
    const StatusOr<std::vector<release::JournalEntry>> entries =
        text.ok() ? release::ReadJournal(*text, find, path)
                  : StatusOr<std::vector<release::JournalEntry>>(text.status());
    status = entries.ok() ? release::CheckHistory(*entries, path) : entries.status();
    if (!status.ok()) {
      return Fail(id, "the store's journal does not hold", Message(status),
                  "an unbroken chain of signed lines", mend);
    }
    if (!text->starts_with(excerpt->second)) {
      return Fail(id, "the store's journal is not the one that the release was built in",
                  fmt::format("{} lines, another history", entries->size()),
                  fmt::format("the release's {} lines first", size), mend);
    }
    const std::string verdict = evidence.DigestOf(evidence::VerdictFile(1));
    const std::string wanted = evidence.verdicts[0].passed ? "PASSED" : "FAILED";
    if (entries->size() <= size || (*entries)[size].facts.event != wanted ||
        (*entries)[size].facts.about != verdict) {
      return Fail(id, "the journal gives this version another outcome",
                  entries->size() <= size
                      ? "no outcome"
                      : fmt::format("{} with verdict {}", (*entries)[size].facts.event,
                                    (*entries)[size].facts.about),
                  fmt::format("{} with verdict {}", wanted, verdict), mend);
    }
    all = *entries;
  }
  const Accepted& accepted = policy.accepted;
  if (accepted.journal_sequence > 0) {
    const size_t index = static_cast<size_t>(accepted.journal_sequence) - 1;
    if (index >= all.size() || all[index].digest != accepted.journal_entry_sha256) {
      return Fail(
          id, "the journal lost what this gate has seen before",
          index >= all.size() ? fmt::format("{} lines", all.size()) : all[index].digest,
          fmt::format("line {} = {}", accepted.journal_sequence, accepted.journal_entry_sha256),
          mend);
    }
  }
  int64_t failed = 0, aborted = 0;
  std::string looked_at;
  for (size_t i = 0; i + 1 < size; ++i) {
    const evidence::JournalFacts& facts = (*own)[i].facts;
    if (facts.event == "criteria") looked_at = facts.evaluation_set;
    if (!release::IsOutcome(facts.event)) continue;
    if (looked_at == sealed.facts.evaluation_set) {
      failed += facts.event == "FAILED" ? 1 : 0;
      aborted += facts.event == "ABORTED" ? 1 : 0;
    }
    looked_at.clear();
  }
  const std::string attempts = fmt::format(
      "earlier builds that looked at this evaluation set and did not pass: {} failed, {} aborted",
      failed, aborted);
  if (policy.max_earlier_attempts && failed + aborted > *policy.max_earlier_attempts) {
    return Fail(id, "too many attempts on one evaluation set", attempts,
                fmt::format("at most {}", *policy.max_earlier_attempts),
                "the model's owner: take a fresh evaluation set");
  }
  return Pass(
      id, fmt::format("{} lines{}; {}", all.size(),
                      has_store ? "" : " of the release's own copy, no store beside it", attempts));
}

}  // namespace assize::policy
