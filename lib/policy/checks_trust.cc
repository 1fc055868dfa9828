// Checks of keys, bytes and listings: policy-pinned, key-role, tree-exact, load-covered,
// files-listed, subjects-bound, identity-version.
#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "lib/policy/verified.h"
#include "lib/release/version.h"
#include "lib/support/clock.h"
#include "lib/support/sha256.h"

namespace assize::policy {
namespace {

using evidence::Role;

// Clocks of two machines may differ by this much before a signature counts as from the future.
constexpr int64_t kClockSkewSeconds = 300;

std::string Short(const std::string& key_id) { return key_id.substr(0, 16); }

std::string Joined(std::vector<std::string> items, size_t limit = 10) {
  const size_t total = items.size();
  if (total > limit) items.resize(limit);
  std::string text = fmt::format("{}", fmt::join(items, "; "));
  if (total > limit) text += fmt::format("; and {} more", total - limit);
  return text;
}

std::string RolesText(const std::set<Role>& roles) {
  std::vector<std::string> names;
  for (Role role : roles) names.emplace_back(evidence::RoleName(role));
  return fmt::format("{}", fmt::join(names, ", "));
}

// Why `bundle` may not count as signed in its role; empty when it may.
std::string KeyProblem(const Context& context, const Signed& bundle, Role role) {
  const TrustedKey* key = context.policy.FindKey(bundle.statement.key_id());
  if (key == nullptr) return "signed with a key that the policy does not name";
  const std::string id = Short(key->key.id());
  if (!key->roles.contains(role)) {
    return fmt::format("signed with key {}, which is trusted as {}, not as {}", id,
                       RolesText(key->roles), evidence::RoleName(role));
  }
  if (key->revoked) return fmt::format("signed with key {}, which is revoked", id);
  if (key->key.is_demo() && !context.policy.allow_demo_keys) {
    return fmt::format("signed with demo key {}", id);
  }
  if (key->valid_from && bundle.signed_at < *key->valid_from) {
    return fmt::format("signed at {}, before key {} became valid at {}", Rfc3339(bundle.signed_at),
                       id, Rfc3339(*key->valid_from));
  }
  if (key->valid_until && bundle.signed_at > *key->valid_until) {
    return fmt::format("signed at {}, after key {} ceased to be valid at {}",
                       Rfc3339(bundle.signed_at), id, Rfc3339(*key->valid_until));
  }
  if (bundle.signed_at > context.now + kClockSkewSeconds) {
    return fmt::format("signed at {}, which lies in the future of this clock, {}",
                       Rfc3339(bundle.signed_at), Rfc3339(context.now));
  }
  return "";
}

}  // namespace

CheckResult CheckPolicyPinned(const Context& context) {
  const char* id = "policy-pinned";
  const std::string digest = Hex(Sha256(context.policy.text));
  if (context.options.policy_sha256.empty()) {
    return Pass(id, fmt::format("policy {} has SHA-256 {}; no digest was demanded",
                                context.policy.origin, digest));
  }
  if (context.options.policy_sha256 != digest) {
    return Fail(id, fmt::format("{} is not the pinned policy", context.policy.origin), digest,
                context.options.policy_sha256,
                "the owner of the policy: review the change and pin the new digest");
  }
  return Pass(id, fmt::format("policy {} is the pinned one, {}", context.policy.origin, digest));
}

CheckResult CheckKeyRole(const Context& context) {
  const char* id = "key-role";
  std::vector<std::string> problems = context.evidence.problems;
  std::set<std::string> keys;
  for (const auto& [file, bundle] : context.evidence.bundles) {
    std::string problem = KeyProblem(context, bundle, bundle.role);
    // Verdicts after the first may come from the releaser as well.
    if (!problem.empty() && bundle.role == Role::kGate) {
      const std::string as_releaser = KeyProblem(context, bundle, Role::kReleaser);
      if (as_releaser.empty()) problem.clear();
    }
    if (!problem.empty()) problems.push_back(file + ": " + problem);
    keys.insert(bundle.statement.key_id());
  }
  if (!problems.empty()) {
    return Fail(
        id, fmt::format("{} of the signatures do not count", problems.size()), Joined(problems, 4),
        "each bundle signed by a key that the policy trusts for its role",
        "the releaser: sign with the keys of the roles; or the policy's owner, if a new key "
        "is to be trusted");
  }
  return Pass(id, fmt::format("{} bundles by {} trusted key{}", context.evidence.bundles.size(),
                              keys.size(), keys.size() == 1 ? "" : "s"));
}

CheckResult CheckTreeExact(const Context& context) {
  const char* id = "tree-exact";
  const release::Release& release = context.release;
  const std::string mend = "whoever copied the release: fetch it again, whole and unchanged";
  std::vector<std::string> odd = release.odd_names;
  for (const std::string& folder : release.empty_folders) odd.push_back(folder + "/ (empty)");
  if (!odd.empty()) {
    return Fail(id, "there are files or folders that no release has", Joined(odd),
                "names of A-Z a-z 0-9 . _ - only, no empty folders", mend);
  }
  const std::string listing = release.tree.ListingSha256();
  if (context.passed_release()) {
    if (!context.evidence.model) {
      return Fail(id, "the model's signature does not hold", context.evidence.model_problem,
                  "a model.sig by the releaser over the whole folder model/", mend);
    }
    const Status same = trust::CompareTrees(release.tree, context.evidence.model->tree, "model");
    if (!same.ok()) {
      return Fail(id, "model/ is not what was signed", Message(same),
                  "exactly the files of model.sig", mend);
    }
  } else if (release.has_signature()) {
    return Fail(id, "a rejected release has a model.sig", "model.sig beside rejected/",
                "no model signature on what has not passed",
                "the releaser: remove it and find out who signed it");
  }
  if (context.evidence.verdicts.empty()) {
    return Fail(id, "no verdict holds, so nothing says what the folder must contain", "no verdict",
                "a signed verdict over the listing", mend);
  }
  const Signed* verdict = context.evidence.Find(evidence::VerdictFile(1));
  const trust::Subject* subject = verdict->statement.statement().Find(evidence::kListingSubject);
  const std::string wanted = subject == nullptr ? "" : subject->Sha256();
  if (listing != wanted) {
    return Fail(id, fmt::format("{}/ is not the tree that the verdict is about", release.folder),
                "listing " + listing, "listing " + wanted, mend);
  }
  return Pass(id, fmt::format("{} files in {}/, listing {}", release.tree.files.size(),
                              release.folder, listing));
}

CheckResult CheckLoadCovered(const Context& context) {
  const char* id = "load-covered";
  if (!context.options.loaded_files) {
    CheckResult result = Fail(id, "the model could not be loaded, so it is not known what it needs",
                              "no list of files", "every file that loading touches is signed",
                              "whoever runs the gate: see the message about the model");
    result.status = CheckStatus::kNotRun;
    return result;
  }
  const trust::ModelTree* tree = &context.release.tree;
  if (context.passed_release()) {
    if (!context.evidence.model) {
      return Fail(id, "the model's signature does not hold", context.evidence.model_problem,
                  "a model.sig that ignores nothing and lists every file", "the releaser");
    }
    tree = &context.evidence.model->tree;
  }
  std::vector<std::string> missing;
  for (const std::string& name : *context.options.loaded_files) {
    if (tree->Find(name) == nullptr) missing.push_back(name);
  }
  if (!missing.empty() || context.options.loaded_files->empty()) {
    return Fail(id, "loading the model touches files that nobody signed", Joined(missing),
                "every such file below model/ and in model.sig",
                "the releaser: build the release again with all external data inside");
  }
  return Pass(
      id, fmt::format("loading touches {} file{}, all signed", context.options.loaded_files->size(),
                      context.options.loaded_files->size() == 1 ? "" : "s"));
}

CheckResult CheckFilesListed(const Context& context) {
  const char* id = "files-listed";
  const release::Release& release = context.release;
  const std::vector<evidence::VerdictFacts>& verdicts = context.evidence.verdicts;
  const std::string mend =
      "whoever copied the release: fetch it again; the releaser, if a file was replaced on purpose";
  if (verdicts.empty() || static_cast<int>(verdicts.size()) != release.newest_verdict) {
    return Fail(id, "a verdict does not hold",
                fmt::format("{} of {} verdicts hold", verdicts.size(), release.newest_verdict),
                "a chain of signed verdicts", mend);
  }
  std::vector<std::string> problems;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const std::string file = evidence::VerdictFile(static_cast<int>(i) + 1);
    const std::string before =
        i == 0 ? "" : context.evidence.DigestOf(evidence::VerdictFile(static_cast<int>(i)));
    if (verdicts[i].number != static_cast<int>(i) + 1 || verdicts[i].predecessor != before) {
      problems.push_back(fmt::format("{}: says number {} after {}, expected number {} after {}",
                                     file, verdicts[i].number, verdicts[i].predecessor, i + 1,
                                     before));
    }
    // Files are only ever added, so every verdict's list must still hold.
    for (const evidence::FileFact& listed : verdicts[i].files) {
      const auto found = release.digests.find(listed.name);
      if (found == release.digests.end()) {
        problems.push_back(listed.name + ": missing");
      } else if (found->second != listed.sha256) {
        problems.push_back(fmt::format("{}: changed ({} instead of {})", listed.name,
                                       Short(found->second), Short(listed.sha256)));
      }
    }
  }
  std::set<std::string> listed;
  for (const evidence::FileFact& file : verdicts.back().files) listed.insert(file.name);
  for (int n = static_cast<int>(verdicts.size()); n <= release.newest_verdict; ++n) {
    listed.insert(evidence::VerdictFile(n));
  }
  for (const auto& [name, bytes] : release.files) {
    if (listed.contains(name)) continue;
    // Approvals and waivers come later; each stands by its own signature.
    if (context.evidence.approvals.contains(name) || context.evidence.waivers.contains(name)) {
      continue;
    }
    problems.push_back(name + ": not in the newest verdict");
  }
  for (const char* name :
       {evidence::kRecipeFile, evidence::kCriteriaFile, evidence::kProvenanceFile,
        evidence::kEvaluationFile, evidence::kTestResultFile, evidence::kMlBomFile,
        evidence::kMlBomTwin, evidence::kControlsFile, evidence::kControlsTwin,
        evidence::kReportFile, evidence::kJournalFile, evidence::kVerifyText}) {
    if (!release.files.contains(name)) problems.push_back(std::string(name) + ": missing");
  }
  for (const auto& [bundle, twin] : {std::pair(evidence::kMlBomFile, evidence::kMlBomTwin),
                                     std::pair(evidence::kControlsFile, evidence::kControlsTwin)}) {
    const Signed* document = context.evidence.Find(bundle);
    if (document == nullptr || !release.files.contains(twin)) continue;
    const Status same =
        release::CheckTwin(document->statement.payload(), release.files.at(twin), twin);
    if (!same.ok()) problems.push_back(Message(same));
  }
  std::sort(problems.begin(), problems.end());
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
  if (!problems.empty()) {
    return Fail(id, "what lies beside the model is not what was signed", Joined(problems),
                "exactly the files of the newest verdict, unchanged", mend);
  }
  return Pass(id, fmt::format("{} files as {} lists them", verdicts.back().files.size(),
                              evidence::VerdictFile(static_cast<int>(verdicts.size()))));
}

CheckResult CheckSubjectsBound(const Context& context) {
  const char* id = "subjects-bound";
  const release::Release& release = context.release;
  const Verified& evidence = context.evidence;
  std::vector<std::string> problems = evidence.unreadable;
  const std::string listing = release.tree.ListingSha256();
  const std::string root = release.tree.RootSha256();
  std::string name, version;
  if (!evidence.verdicts.empty()) {
    name = evidence.verdicts[0].name;
    version = evidence.verdicts[0].version;
  }
  auto identity = [&](const std::string& file, const std::string& its_name,
                      const std::string& its_version) {
    if (its_name != name || its_version != version) {
      problems.push_back(fmt::format("{}: is about {} {}, not about {} {}", file, its_name,
                                     its_version, name, version));
    }
  };
  for (const auto& [file, bundle] : evidence.bundles) {
    if (file == evidence::kCriteriaFile || file == evidence::kModelSignature) continue;
    const trust::Statement& statement = bundle.statement.statement();
    auto expect = [&](const char* subject_name, const std::string& wanted) {
      const trust::Subject* subject = statement.Find(subject_name);
      if (subject == nullptr || subject->Sha256() != wanted) {
        problems.push_back(fmt::format("{}: {} is {}, expected {}", file, subject_name,
                                       subject == nullptr ? "missing" : subject->Sha256(), wanted));
      }
    };
    expect(evidence::kListingSubject, listing);
    expect(evidence::kRootSubject, root);
    for (const trust::Subject& subject : statement.subjects) {
      if (subject.name == evidence::kListingSubject || subject.name == evidence::kRootSubject) {
        continue;
      }
      const trust::ModelFile* found = release.tree.Find(subject.name);
      if (found == nullptr || found->sha256 != subject.Sha256()) {
        problems.push_back(
            fmt::format("{}: subject \"{}\" is no file of this release", file, subject.name));
      }
    }
  }
  std::string source;
  if (evidence.criteria) {
    identity(evidence::kCriteriaFile, evidence.criteria->name, evidence.criteria->version);
    source = evidence.criteria->source.sha256;
  }
  if (evidence.provenance) {
    identity(evidence::kProvenanceFile, evidence.provenance->name, evidence.provenance->version);
    if (evidence.provenance->source_sha256 != source) {
      problems.push_back(
          "evidence/provenance.sigstore.json: another source model than the "
          "criteria's");
    }
    const std::string& loaded = context.options.structural_digest;
    if (!loaded.empty() && !evidence.provenance->chain_output.empty() &&
        evidence.provenance->chain_output != loaded) {
      problems.push_back(fmt::format(
          "evidence/provenance.sigstore.json: its passes end with {}, but the model is {}",
          evidence.provenance->chain_output, loaded));
    }
    const auto recipe = release.digests.find(evidence::kRecipeFile);
    if (recipe != release.digests.end() && recipe->second != evidence.provenance->recipe_sha256) {
      problems.push_back("evidence/recipe.yaml: not the recipe of the provenance");
    }
  }
  if (evidence.evaluation) {
    identity(evidence::kEvaluationFile, evidence.evaluation->name, evidence.evaluation->version);
    if (evidence.evaluation->source_sha256 != source) {
      problems.push_back(
          "evidence/evaluation.sigstore.json: another source model than the "
          "criteria's");
    }
    if (evidence.criteria &&
        evidence.evaluation->evaluation_set != evidence.criteria->evaluation_set) {
      problems.push_back(
          "evidence/evaluation.sigstore.json: another evaluation set than the "
          "criteria's");
    }
  }
  for (size_t i = 0; i < evidence.verdicts.size(); ++i) {
    identity(evidence::VerdictFile(static_cast<int>(i) + 1), evidence.verdicts[i].name,
             evidence.verdicts[i].version);
  }
  for (const auto& [file, claim] : evidence.approvals) identity(file, claim.name, claim.version);
  for (const auto& [file, claim] : evidence.waivers) identity(file, claim.name, claim.version);
  auto expect_type = [&](const char* file, const char* type) {
    const Signed* bundle = evidence.Find(file);
    if (bundle == nullptr) return;
    const Status status = trust::ExpectPredicateType(bundle->statement.statement(), type, file);
    if (!status.ok()) problems.push_back(Message(status));
  };
  expect_type(evidence::kTestResultFile, evidence::kTestResultType);
  expect_type(evidence::kMlBomFile, evidence::kMlBomType);
  expect_type(evidence::kControlsFile, evidence::kControlsType);
  if (const Signed* controls = evidence.Find(evidence::kControlsFile)) {
    const Status status =
        evidence::CheckControls(controls->statement.statement().predicate, evidence::kControlsFile);
    if (!status.ok()) problems.push_back(Message(status));
  }
  if (!evidence.criteria || !evidence.provenance || !evidence.evaluation) {
    problems.push_back("criteria, provenance and evaluation cannot all be read");
  }
  if (!problems.empty()) {
    return Fail(id, "evidence that is not about this model, or claims more than it may",
                Joined(problems), fmt::format("every statement about listing {}", listing),
                "the releaser: restore this release's own evidence");
  }
  return Pass(id, fmt::format("{} statements are about this tree", evidence.bundles.size()));
}

std::string LastTwoComponents(const std::string& path) {
  std::error_code error;
  std::filesystem::path full = std::filesystem::weakly_canonical(path, error);
  if (error) full = std::filesystem::path(path).lexically_normal();
  if (full.filename().empty()) full = full.parent_path();
  return full.parent_path().filename().string() + "/" + full.filename().string();
}

CheckResult CheckIdentityVersion(const Context& context) {
  const char* id = "identity-version";
  if (context.evidence.verdicts.empty()) {
    return Fail(id, "no verdict holds, so nothing says which release this is", "no verdict",
                "a signed name and version", "the releaser");
  }
  const evidence::VerdictFacts& verdict = context.evidence.verdicts[0];
  const std::string folder = LastTwoComponents(context.release.path);
  const std::string wanted = verdict.name + "/" + verdict.version;
  if (folder != wanted) {
    return Fail(id, "the folder does not bear the signed name and version", folder, wanted,
                "whoever moved it: keep releases below <name>/<version>");
  }
  if (!context.policy.release.empty() && verdict.name != context.policy.release) {
    return Fail(id, "the policy is for another release", verdict.name, context.policy.release,
                "whoever runs the gate: use the policy of this release");
  }
  const StatusOr<release::Version> version = release::Version::Parse(verdict.version);
  if (!version.ok()) {
    return Fail(id, "the signed version is no semantic version", verdict.version,
                "MAJOR.MINOR.PATCH", "the releaser");
  }
  if (!context.policy.accepted.version.empty()) {
    const StatusOr<release::Version> newest =
        release::Version::Parse(context.policy.accepted.version);
    if (!newest.ok() || version->Compare(*newest) < 0) {
      return Fail(id, "older than the newest release that was accepted", verdict.version,
                  "at least " + context.policy.accepted.version,
                  "the policy's owner, if going back is wanted");
    }
  }
  return Pass(id, fmt::format("{} {}", verdict.name, verdict.version));
}

}  // namespace assize::policy
