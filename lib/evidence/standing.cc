// What may honestly be said about a release: the last line that people read.
#include <algorithm>
#include <map>
#include <set>

#include "lib/evidence/documents.h"
#include "lib/evidence/types.h"

namespace assize::evidence {
namespace {

// The four roles of a build, by different keys of which none is a demo key.
bool Separated(const std::vector<SignerFact>& signers) {
  std::map<std::string, std::string> key_of_role;
  std::set<std::string> keys;
  for (const SignerFact& signer : signers) {
    if (signer.demo) return false;
    key_of_role[signer.role] = signer.key_id;
    keys.insert(signer.key_id);
  }
  for (Role role : {Role::kCriteria, Role::kBuilder, Role::kEvaluator, Role::kReleaser}) {
    if (!key_of_role.contains(RoleName(role))) return false;
  }
  return keys.size() == key_of_role.size();
}

std::string KeysClause(const std::vector<SignerFact>& signers) {
  std::set<std::string> keys;
  size_t demo = 0;
  for (const SignerFact& signer : signers) {
    keys.insert(signer.key_id);
    demo += signer.demo ? 1 : 0;
  }
  if (Separated(signers)) {
    return fmt::format("SEPARATED: the roles signed with {} different keys", keys.size());
  }
  if (demo == signers.size() && demo > 0) {
    return "SELF-ATTESTED: every role signed with demo keys of one person";
  }
  if (keys.size() <= 1) return "SELF-ATTESTED: every role signed with the same key";
  return fmt::format("SELF-ATTESTED: {} roles signed with {} keys{}", signers.size(), keys.size(),
                     demo > 0 ? fmt::format(", {} of them demo keys", demo) : "");
}

}  // namespace

std::string HonestSentence(const Standing& standing) {
  const char* met = "criteria met";
  if (standing.outcome == eval::Outcome::kFailed) met = "criteria not met";
  if (standing.outcome == eval::Outcome::kUndecided) met = "too few samples to decide";
  if (standing.waived) met = "criteria met or waived";
  std::string text = fmt::format("{} ({}). {}", eval::OutcomeName(standing.outcome), met,
                                 KeysClause(standing.signers));
  text += standing.approvals == 0   ? "; no approvals"
          : standing.approvals == 1 ? "; one approval"
                                    : fmt::format("; {} approvals", standing.approvals);
  text += standing.trusted_time ? ", trusted time." : ", no trusted time.";
  if (standing.reevaluated) text += " Measured again by the gate on its own data.";
  return text;
}

std::vector<std::string> Levels(const Standing& standing) {
  std::vector<std::string> levels = {Separated(standing.signers) ? kLevelSeparated
                                                                 : kLevelSelfAttested};
  if (standing.reevaluated) levels.emplace_back(kLevelReevaluated);
  if (standing.waived) levels.emplace_back(kLevelWaived);
  return levels;
}

}  // namespace assize::evidence
