// What of a release's evidence holds under the policy's keys: the common ground of the checks.
// Private to this room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/evidence/claims.h"
#include "lib/policy/gate.h"
#include "lib/release/journal.h"
#include "lib/trust/bundle.h"

namespace assize::policy {

// A bundle whose signature held, and the role it was signed in.
struct Signed {
  std::string file;
  evidence::Role role = evidence::Role::kBuilder;
  trust::VerifiedStatement statement;
  int64_t signed_at = 0;  // as asserted
};

struct Verified {
  std::map<std::string, Signed> bundles;      // by file name; signature holds, statement parsed
  std::vector<std::string> problems;          // bundles that are missing, broken or by unknown keys
  std::vector<std::string> unreadable;        // signed, but not in our format
  std::optional<trust::VerifiedModel> model;  // model.sig, whatever is on disk
  std::string model_problem;
  std::optional<evidence::CriteriaClaim> criteria;
  std::optional<evidence::ProvenanceClaim> provenance;
  std::optional<evidence::EvaluationClaim> evaluation;
  std::vector<evidence::VerdictFacts> verdicts;  // 0001 ..., as far as they are readable
  std::map<std::string, evidence::ApprovalClaim> approvals;  // by file name
  std::map<std::string, evidence::WaiverClaim> waivers;

  const Signed* Find(const std::string& file) const;
  // Digest of a bundle as the other statements cite it; empty when it does not hold.
  std::string DigestOf(const std::string& file) const;
};

Verified VerifyEvidence(const release::Release& release, const GatePolicy& policy);

// The state that the checks share.
struct Context {
  const release::Release& release;
  const GatePolicy& policy;
  const GateOptions& options;
  int64_t now = 0;
  Verified evidence;
  // Outcome of the criteria check, for verdict and levels.
  std::vector<eval::Judged> judged;
  bool waived = false;
  int approvals = 0;

  bool passed_release() const { return release.folder == "model"; }
};

CheckResult Pass(const std::string& id, const std::string& reason);
CheckResult Waived(const std::string& id, const std::string& reason);
// `found` and `wanted` are facts, `mend` a person and an action.
CheckResult Fail(const std::string& id, const std::string& reason, const std::string& found,
                 const std::string& wanted, const std::string& mend);

CheckResult CheckPolicyPinned(const Context& context);
CheckResult CheckKeyRole(const Context& context);
CheckResult CheckTreeExact(const Context& context);
CheckResult CheckLoadCovered(const Context& context);
CheckResult CheckFilesListed(const Context& context);
CheckResult CheckSubjectsBound(const Context& context);
CheckResult CheckIdentityVersion(const Context& context);
CheckResult CheckCriteriaOrder(const Context& context);
CheckResult CheckBaselinePinned(const Context& context);
CheckResult CheckBoundsRecomputed(Context& context);
CheckResult CheckSeparation(Context& context);
CheckResult CheckChainUnbroken(const Context& context);

// Folder of `path` with "." and ".." and links resolved, split into its last two components.
std::string LastTwoComponents(const std::string& path);

}  // namespace assize::policy
