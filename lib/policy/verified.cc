// Verifying every bundle of a release under the policy's keys and reading what it claims.
#include "lib/policy/verified.h"

#include "lib/support/sha256.h"

namespace assize::policy {

using evidence::Role;

const Signed* Verified::Find(const std::string& file) const {
  const auto found = bundles.find(file);
  return found == bundles.end() ? nullptr : &found->second;
}

std::string Verified::DigestOf(const std::string& file) const {
  const Signed* bundle = Find(file);
  return bundle == nullptr ? "" : Hex(bundle->statement.bundle_digest());
}

namespace {

// Signature only; nullopt and a problem otherwise.
const Signed* Accept(const release::Release& release, const GatePolicy& policy,
                     const std::string& file, Role role, Verified& out) {
  const auto bytes = release.files.find(file);
  if (bytes == release.files.end()) {
    out.problems.push_back(file + ": missing");
    return nullptr;
  }
  StatusOr<trust::VerifiedStatement> statement =
      trust::VerifyBundleWithAny(bytes->second, policy.PublicKeys(), file);
  if (!statement.ok()) {
    out.problems.push_back(Message(statement.status()));
    return nullptr;
  }
  return &out.bundles.emplace(file, Signed{file, role, *std::move(statement), 0}).first->second;
}

template <typename Claim>
void Keep(StatusOr<Claim> claim, std::optional<Claim>& slot, Verified& out) {
  if (claim.ok()) {
    slot = *std::move(claim);
  } else {
    out.unreadable.push_back(Message(claim.status()));
  }
}

void ReadModelSignature(const release::Release& release, const GatePolicy& policy, Verified& out) {
  const auto bytes = release.files.find(evidence::kModelSignature);
  if (bytes == release.files.end()) {
    out.model_problem = "model.sig: missing";
    return;
  }
  const StatusOr<std::string> id = trust::PeekKeyId(bytes->second, evidence::kModelSignature);
  const TrustedKey* key = id.ok() ? policy.FindKey(*id) : nullptr;
  if (key == nullptr) {
    out.model_problem = id.ok() ? fmt::format(
                                      "model.sig: signed with key {}, which the policy does "
                                      "not name",
                                      *id)
                                : Message(id.status());
    return;
  }
  StatusOr<trust::VerifiedModel> model =
      trust::VerifyModelSignature(bytes->second, key->key, evidence::kModelSignature);
  if (model.ok()) {
    out.model = *std::move(model);
  } else {
    out.model_problem = Message(model.status());
  }
}

}  // namespace

Verified VerifyEvidence(const release::Release& release, const GatePolicy& policy) {
  Verified out;
  if (release.folder == evidence::kModelFolder) {
    Accept(release, policy, evidence::kModelSignature, Role::kReleaser, out);
    ReadModelSignature(release, policy, out);
  }
  if (const Signed* bundle =
          Accept(release, policy, evidence::kCriteriaFile, Role::kCriteria, out)) {
    Keep(evidence::ReadCriteria(bundle->statement.statement(), bundle->file), out.criteria, out);
  }
  if (const Signed* bundle =
          Accept(release, policy, evidence::kProvenanceFile, Role::kBuilder, out)) {
    Keep(evidence::ReadProvenance(bundle->statement.statement(), bundle->file), out.provenance,
         out);
  }
  if (const Signed* bundle =
          Accept(release, policy, evidence::kEvaluationFile, Role::kEvaluator, out)) {
    Keep(evidence::ReadEvaluation(bundle->statement.statement(), bundle->file), out.evaluation,
         out);
  }
  Accept(release, policy, evidence::kTestResultFile, Role::kEvaluator, out);
  Accept(release, policy, evidence::kMlBomFile, Role::kBuilder, out);
  Accept(release, policy, evidence::kControlsFile, Role::kReleaser, out);
  for (int number = 1; number <= release.newest_verdict; ++number) {
    const std::string file = evidence::VerdictFile(number);
    const Signed* bundle =
        Accept(release, policy, file, number == 1 ? Role::kReleaser : Role::kGate, out);
    if (bundle == nullptr) break;
    StatusOr<evidence::VerdictFacts> verdict =
        evidence::ReadVerdict(bundle->statement.statement(), file);
    if (!verdict.ok()) {
      out.unreadable.push_back(Message(verdict.status()));
      break;
    }
    out.verdicts.push_back(*std::move(verdict));
  }
  if (release.newest_verdict == 0) {
    out.problems.push_back(evidence::VerdictFile(1) + ": missing");
  }
  for (const auto& [file, bytes] : release.files) {
    if (file.starts_with(std::string(evidence::kApprovalsFolder) + "/")) {
      const Signed* bundle = Accept(release, policy, file, Role::kApprover, out);
      if (bundle == nullptr) continue;
      std::optional<evidence::ApprovalClaim> claim;
      Keep(evidence::ReadApproval(bundle->statement.statement(), file), claim, out);
      if (claim) out.approvals[file] = *std::move(claim);
    } else if (file.starts_with(std::string(evidence::kWaiversFolder) + "/")) {
      const Signed* bundle = Accept(release, policy, file, Role::kRiskOwner, out);
      if (bundle == nullptr) continue;
      std::optional<evidence::WaiverClaim> claim;
      Keep(evidence::ReadWaiver(bundle->statement.statement(), file), claim, out);
      if (claim) out.waivers[file] = *std::move(claim);
    }
  }

  // When each was signed, as its own statement or the verdict over it asserts.
  const int64_t released_at = out.verdicts.empty() ? 0 : out.verdicts[0].verified_at;
  for (auto& [file, bundle] : out.bundles) {
    bundle.signed_at = released_at;
    if (file == evidence::kCriteriaFile && out.criteria) {
      bundle.signed_at = out.criteria->signed_at;
    } else if (file == evidence::kEvaluationFile && out.evaluation) {
      bundle.signed_at = out.evaluation->evaluated_at;
    } else if (file == evidence::kProvenanceFile && out.provenance) {
      bundle.signed_at = out.provenance->finished_at;
    } else if (const auto approval = out.approvals.find(file); approval != out.approvals.end()) {
      bundle.signed_at = approval->second.approval.approved_at;
    } else if (const auto waiver = out.waivers.find(file); waiver != out.waivers.end()) {
      bundle.signed_at = waiver->second.waiver.waived_at;
    }
    for (size_t i = 0; i < out.verdicts.size(); ++i) {
      if (file == evidence::VerdictFile(static_cast<int>(i) + 1)) {
        bundle.signed_at = out.verdicts[i].verified_at;
      }
    }
  }
  return out;
}

CheckResult Pass(const std::string& id, const std::string& reason) {
  return CheckResult{id, CheckStatus::kPass, false, reason, "", "", ""};
}

CheckResult Waived(const std::string& id, const std::string& reason) {
  return CheckResult{id, CheckStatus::kWaived, false, reason, "", "", ""};
}

CheckResult Fail(const std::string& id, const std::string& reason, const std::string& found,
                 const std::string& wanted, const std::string& mend) {
  return CheckResult{id, CheckStatus::kFail, false, reason, found, wanted, mend};
}

}  // namespace assize::policy
