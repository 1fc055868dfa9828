// Running the checks, deriving the answer, and signing it when a key is given.
#include "lib/policy/gate.h"

#include <algorithm>

#include "lib/evidence/documents.h"
#include "lib/policy/verified.h"
#include "lib/support/files.h"
#include "lib/support/sha256.h"

namespace assize::policy {

const char* CheckStatusName(CheckStatus status) {
  switch (status) {
    case CheckStatus::kPass:
      return "pass";
    case CheckStatus::kWaived:
      return "waived by policy";
    case CheckStatus::kFail:
      return "fail";
    case CheckStatus::kNotRun:
      return "not run";
  }
  return "";
}

std::vector<std::string> CheckIds() {
  return {"policy-pinned",   "key-role",          "tree-exact",       "load-covered",
          "files-listed",    "subjects-bound",    "identity-version", "criteria-order",
          "baseline-pinned", "bounds-recomputed", "separation",       "chain-unbroken"};
}

namespace {

bool Failed(const CheckResult& check) {
  return check.status == CheckStatus::kFail || check.status == CheckStatus::kNotRun;
}

std::vector<evidence::SignerFact> Signers(const Verified& verified) {
  std::vector<evidence::SignerFact> signers;
  for (const auto& [file, role] :
       {std::pair(std::string(evidence::kCriteriaFile), evidence::Role::kCriteria),
        std::pair(std::string(evidence::kProvenanceFile), evidence::Role::kBuilder),
        std::pair(std::string(evidence::kEvaluationFile), evidence::Role::kEvaluator),
        std::pair(evidence::VerdictFile(1), evidence::Role::kReleaser)}) {
    if (const Signed* bundle = verified.Find(file)) {
      const std::string& key = bundle->statement.key_id();
      signers.push_back({evidence::RoleName(role), key, trust::IsDemoKeyId(key), ""});
    }
  }
  return signers;
}

Status AppendVerdict(const Context& context, GateResult& result) {
  const release::Release& release = context.release;
  const int number = release.newest_verdict + 1;
  const evidence::VerdictFacts& first = context.evidence.verdicts[0];
  evidence::VerdictFacts verdict;
  verdict.name = first.name;
  verdict.version = first.version;
  verdict.verifier = "gate";
  verdict.verifier_version = context.options.version;
  verdict.verified_at = context.now;
  verdict.policy_uri = BaseName(context.policy.origin);
  verdict.policy_sha256 = Hex(Sha256(context.policy.text));
  verdict.passed = result.exit_code == ExitCode::kOk;
  verdict.outcome = verdict.passed ? "PASSED" : "FAILED";
  if (!verdict.passed) {
    bool undecided = !context.judged.empty();
    for (const eval::Judged& judged : context.judged) {
      if (judged.verdict.outcome == eval::Outcome::kFailed) undecided = false;
    }
    if (undecided) verdict.outcome = "UNDECIDED";
  }
  verdict.levels = result.levels;
  verdict.number = number;
  verdict.predecessor = context.evidence.DigestOf(evidence::VerdictFile(number - 1));
  verdict.journal_sequence = first.journal_sequence;
  verdict.journal_entry_sha256 = first.journal_entry_sha256;
  verdict.files = release::ListedFiles(release, number);
  const trust::Statement statement = evidence::VerdictStatement(
      context.evidence.Find(evidence::VerdictFile(1))->statement.statement().subjects, verdict);
  AZ_ASSIGN_OR_RETURN(const std::string bundle,
                      trust::SignStatement(statement, *context.options.gate_key));
  AZ_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(release.path, evidence::VerdictFile(number)), bundle,
                                     /*overwrite=*/false));
  result.verdict_file = evidence::VerdictFile(number);
  return OkStatus();
}

}  // namespace

StatusOr<GateResult> Gate(const release::Release& release, const GatePolicy& policy,
                          const Clock& clock, const GateOptions& options) {
  if (policy.text.empty() || policy.keys.empty() || policy.criteria.empty()) {
    return UsageError(
        "{}: an empty policy: it names {} keys and {} criteria, expected some of both",
        policy.origin, policy.keys.size(), policy.criteria.size());
  }
  if (!options.policy_sha256.empty() && !ParseDigest(options.policy_sha256).ok()) {
    return UsageError("--policy-sha256 \"{}\": expected 64 lower-case hex digits",
                      options.policy_sha256.substr(0, 70));
  }
  if (options.gate_key != nullptr) {
    const TrustedKey* key = policy.FindKey(options.gate_key->id());
    if (key == nullptr || (!key->roles.contains(evidence::Role::kGate) &&
                           !key->roles.contains(evidence::Role::kReleaser))) {
      return UsageError(
          "{}: does not trust key {} as gate or releaser, so the verdict that it would sign would "
          "make the next gate refuse the release",
          policy.origin, options.gate_key->id());
    }
  }
  Context context{release, policy, options, clock.NowSeconds(), VerifyEvidence(release, policy),
                  {},      false,  0};
  GateResult result;
  result.checks = {
      CheckPolicyPinned(context),     CheckKeyRole(context),       CheckTreeExact(context),
      CheckLoadCovered(context),      CheckFilesListed(context),   CheckSubjectsBound(context),
      CheckIdentityVersion(context),  CheckCriteriaOrder(context), CheckBaselinePinned(context),
      CheckBoundsRecomputed(context), CheckSeparation(context),    CheckChainUnbroken(context)};
  std::stable_partition(result.checks.begin(), result.checks.end(), Failed);
  bool untrusted = false, unmet = false;
  for (const CheckResult& check : result.checks) {
    if (!Failed(check)) continue;
    (check.about_criteria ? unmet : untrusted) = true;
  }
  result.exit_code = untrusted ? ExitCode::kNotTrusted
                     : unmet   ? ExitCode::kFindings
                               : ExitCode::kOk;
  result.verdict = result.exit_code == ExitCode::kOk ? "PASSED" : "FAILED";
  if (!context.evidence.verdicts.empty()) {
    result.name = context.evidence.verdicts[0].name;
    result.version = context.evidence.verdicts[0].version;
  }
  result.criteria = context.judged;

  evidence::Standing standing;
  standing.signers = Signers(context.evidence);
  standing.approvals = context.approvals;
  standing.reevaluated = options.reevaluated.has_value();
  standing.waived = context.waived;
  standing.outcome = eval::Outcome::kPassed;
  if (unmet) {
    standing.outcome = eval::Outcome::kFailed;
    const bool any_failed =
        std::any_of(context.judged.begin(), context.judged.end(), [](const eval::Judged& judged) {
          return judged.verdict.outcome == eval::Outcome::kFailed;
        });
    const bool any_undecided =
        std::any_of(context.judged.begin(), context.judged.end(), [](const eval::Judged& judged) {
          return judged.verdict.outcome == eval::Outcome::kUndecided;
        });
    if (!any_failed && any_undecided) standing.outcome = eval::Outcome::kUndecided;
  }
  if (untrusted) {
    std::vector<std::string> failed;
    for (const CheckResult& check : result.checks) {
      if (Failed(check) && !check.about_criteria) failed.push_back(check.id);
    }
    result.sentence = fmt::format("FAILED (not trusted): {}.", fmt::join(failed, ", "));
  } else {
    result.levels = evidence::Levels(standing);
    result.sentence = evidence::HonestSentence(standing);
    if (options.gate_key != nullptr) AZ_RETURN_IF_ERROR(AppendVerdict(context, result));
  }
  return result;
}

}  // namespace assize::policy
