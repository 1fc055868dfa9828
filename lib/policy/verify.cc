// Integrity under given public keys, without a policy: is this what their holder released?
#include <algorithm>
#include <map>
#include <set>

#include "lib/evidence/claims.h"
#include "lib/evidence/documents.h"
#include "lib/policy/gate.h"
#include "lib/policy/verified.h"
#include "lib/trust/bundle.h"

namespace assize::policy {
namespace {

// A policy that trusts `keys` for everything and demands nothing: the integrity checks of the gate
// then say exactly what integrity means.
GatePolicy IntegrityPolicy(const std::vector<trust::PublicKey>& keys) {
  GatePolicy policy;
  policy.origin = "--key";
  policy.allow_demo_keys = true;
  for (const trust::PublicKey& key : keys) {
    TrustedKey trusted{key, {}, std::nullopt, std::nullopt, false};
    for (const std::string& name : evidence::RoleNames()) {
      trusted.roles.insert(*evidence::ParseRole(name));
    }
    policy.keys.push_back(std::move(trusted));
  }
  return policy;
}

bool IsVerdict(const std::string& file) {
  return file.starts_with(std::string(evidence::kVerdictsFolder) + "/");
}

CheckResult CheckSignature(const Context& context) {
  const char* id = "signature";
  const std::string mend = "whoever runs this: give the releaser's public key with --key";
  const Verified& verified = context.evidence;
  if (context.passed_release() && !verified.model) {
    return Fail(id, "the model's signature does not hold", verified.model_problem,
                "a signature by the given key", mend);
  }
  if (verified.verdicts.empty() ||
      static_cast<int>(verified.verdicts.size()) != context.release.newest_verdict) {
    std::string problem = "no verdict";
    for (const std::string& text : verified.problems) {
      if (text.find(evidence::kVerdictsFolder) != std::string::npos) problem = text;
    }
    for (const std::string& text : verified.unreadable) problem = text;
    return Fail(id, "a verdict does not hold", problem, "verdicts by the given keys", mend);
  }
  if (!context.passed_release() && verified.verdicts.back().passed) {
    return Fail(id, "a verdict says PASSED over a rejected model", "rejected/", "model/",
                "the releaser");
  }
  return Pass(id, context.passed_release()
                      ? "model.sig and the verdicts hold"
                      : "the verdicts hold; a rejected model has no model.sig");
}

CheckResult CheckBundles(const Context& context) {
  const char* id = "bundles";
  std::vector<std::string> others, broken;
  for (const auto& [file, bytes] : context.release.files) {
    if (!file.ends_with(".sigstore.json") || IsVerdict(file)) continue;
    if (context.evidence.Find(file) != nullptr) continue;
    const StatusOr<std::string> key = trust::PeekKeyId(bytes, file);
    const bool given = key.ok() && context.policy.FindKey(*key) != nullptr;
    const bool listed =
        std::any_of(context.evidence.verdicts.begin(), context.evidence.verdicts.end(),
                    [&, name = file](const evidence::VerdictFacts& verdict) {
                      return std::any_of(verdict.files.begin(), verdict.files.end(),
                                         [&](const auto& entry) { return entry.name == name; });
                    });
    if (!key.ok() || given || !listed) {
      broken.push_back(file);
    } else {
      others.push_back(fmt::format("{} (key {})", file, key->substr(0, 16)));
    }
  }
  if (!broken.empty()) {
    return Fail(id, "bundles that do not hold", fmt::format("{}", fmt::join(broken, "; ")),
                "signatures over their statements", "whoever copied the release: fetch it again");
  }
  if (!others.empty()) {
    return Pass(id, fmt::format("unchanged since the verdict, but signed with keys that were not "
                                "given: {}",
                                fmt::join(others, "; ")));
  }
  return Pass(id, fmt::format("{} bundles hold", context.evidence.bundles.size()));
}

}  // namespace

StatusOr<VerifyResult> Verify(const release::Release& release,
                              const std::vector<trust::PublicKey>& keys) {
  if (keys.empty()) return UsageError("no public key: give --key");
  const GatePolicy policy = IntegrityPolicy(keys);
  const GateOptions options;
  Context context{release, policy, options, 0, VerifyEvidence(release, policy), {}, false, 0};
  VerifyResult result;
  result.checks = {CheckSignature(context), CheckTreeExact(context), CheckFilesListed(context),
                   CheckBundles(context)};
  const auto failed = [](const CheckResult& check) {
    return check.status == CheckStatus::kFail || check.status == CheckStatus::kNotRun;
  };
  const bool holds = std::none_of(result.checks.begin(), result.checks.end(), failed);
  std::stable_partition(result.checks.begin(), result.checks.end(), failed);
  if (!context.evidence.verdicts.empty()) {
    result.name = context.evidence.verdicts[0].name;
    result.version = context.evidence.verdicts[0].version;
  }
  if (!holds) {
    result.verdict = "FAILED";
    result.sentence = "FAILED (not trusted): this is not what was released.";
    return result;
  }
  const evidence::VerdictFacts& newest = context.evidence.verdicts.back();
  result.verdict = newest.passed ? "PASSED" : "FAILED";
  result.exit_code = newest.passed ? ExitCode::kOk : ExitCode::kFindings;
  result.sentence = fmt::format(
      "Integrity holds: the bytes are as released. The newest signed verdict says {}. Whether to "
      "trust it is for `assize gate` and a policy.",
      newest.outcome);
  return result;
}

}  // namespace assize::policy
