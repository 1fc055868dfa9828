// Composing a release below the staging folder: the tree, the evidence, the signatures, the
// verdict.
#include <filesystem>
#include <set>

#include "lib/evidence/claims.h"
#include "lib/evidence/documents.h"
#include "lib/evidence/privacy.h"
#include "lib/evidence/types.h"
#include "lib/release/build_state.h"
#include "lib/support/sha256.h"
#include "lib/trust/bundle.h"
#include "lib/trust/names.h"
#include "lib/trust/oms.h"

namespace assize::release {
namespace {

using evidence::BuildFacts;
using evidence::FileFact;
using evidence::ReleaseFacts;
using evidence::Role;

// Files outside the model folder, in the order of writing.
class Evidence {
 public:
  Evidence(const std::string& root, const std::vector<std::string>& withheld)
      : root_(root), withheld_(withheld) {}

  Status Add(const std::string& name, const std::string& bytes) {
    AZ_RETURN_IF_ERROR(trust::CheckReleaseName(name));
    AZ_RETURN_IF_ERROR(evidence::CheckWithheld(bytes, withheld_, name));
    const std::string path = JoinPath(root_, name);
    AZ_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
    AZ_RETURN_IF_ERROR(WriteFileAtomic(path, bytes, false));
    files_.push_back({name, Hex(Sha256(bytes)), static_cast<int64_t>(bytes.size())});
    return OkStatus();
  }

  Status Sign(const std::string& name, const trust::Statement& statement,
              const trust::PrivateKey& key) {
    const std::string payload = DumpJson(statement.ToJson());
    // The bundle carries the payload in base64, where a name would hide from Add's look.
    AZ_RETURN_IF_ERROR(evidence::CheckWithheld(payload, withheld_, name));
    AZ_ASSIGN_OR_RETURN(const std::string bundle, trust::SignPayload(payload, key));
    return Add(name, bundle);
  }

  std::vector<FileFact> Sorted() const {
    std::vector<FileFact> files = files_;
    std::sort(files.begin(), files.end(),
              [](const FileFact& a, const FileFact& b) { return a.name < b.name; });
    return files;
  }

 private:
  const std::string& root_;
  const std::vector<std::string>& withheld_;
  std::vector<FileFact> files_;
};

Status CheckTree(const trust::ModelTree& tree, const BuildFacts& build,
                 const std::string& model_file, const std::vector<std::string>& withheld) {
  for (const trust::ModelFile& file : tree.files) {
    AZ_RETURN_IF_ERROR(trust::CheckReleaseName(file.name));
    AZ_RETURN_IF_ERROR(evidence::CheckWithheld(file.name, withheld, "the model folder"));
  }
  std::vector<FileFact> loaded = build.result.external;
  loaded.push_back({model_file, build.result.file.sha256, 0});
  for (const FileFact& file : loaded) {
    const trust::ModelFile* found = tree.Find(file.name);
    if (found == nullptr) {
      return Internal("\"{}\" is loaded with the model, but is not in the model folder", file.name);
    }
    if (found->sha256 != file.sha256) {
      return Internal("\"{}\" is {} on disk, but {} was measured", file.name, found->sha256,
                      file.sha256);
    }
  }
  return OkStatus();
}

// The evaluation must be of the sealed criteria, all of them and no others, and hold when decided
// again.
Status CheckReport(const BuildFacts& build) {
  const std::vector<eval::Judged>& judged = build.report.criteria;
  const std::vector<eval::Criterion>& sealed = build.plan.criteria;
  if (judged.size() != sealed.size()) {
    return FailedPrecondition("{} criteria were judged, but {} were sealed", judged.size(),
                              sealed.size());
  }
  for (size_t i = 0; i < judged.size(); ++i) {
    if (DumpJson(eval::ToJson(judged[i].criterion)) != DumpJson(eval::ToJson(sealed[i]))) {
      return FailedPrecondition("criterion \"{}\" was judged, but \"{}\" was sealed",
                                judged[i].criterion.id, sealed[i].id);
    }
  }
  return eval::Recheck(build.report);
}

}  // namespace

StatusOr<Composed> Compose(Build::State& state, const BuildFacts& build,
                           const std::string& model_file,
                           const std::vector<std::string>& withheld_paths) {
  const Json sealed = evidence::CriteriaStatement(build.plan, state.criteria_signed_at).ToJson();
  if (DumpJson(sealed) != DumpJson(state.criteria_statement)) {
    return FailedPrecondition("the plan was changed after the criteria were sealed");
  }
  AZ_RETURN_IF_ERROR(CheckReport(build));
  const bool passed = build.report.outcome == eval::Outcome::kPassed;

  const std::string root = state.staging->path();
  AZ_ASSIGN_OR_RETURN(const trust::ModelTree tree, trust::HashModelFolder(state.model_folder));
  AZ_RETURN_IF_ERROR(CheckTree(tree, build, model_file, withheld_paths));
  ReleaseFacts release;
  release.folder = passed ? evidence::kModelFolder : evidence::kRejectedFolder;
  if (!passed) {
    std::error_code error;
    std::filesystem::rename(state.model_folder, JoinPath(root, evidence::kRejectedFolder), error);
    if (error) return Unavailable("{}: {}", state.model_folder, error.message());
  }
  for (const trust::ModelFile& file : tree.files) {
    std::error_code error;
    const auto bytes =
        std::filesystem::file_size(JoinPath(JoinPath(root, release.folder), file.name), error);
    if (error) return Unavailable("{}: {}", file.name, error.message());
    release.files.push_back({file.name, file.sha256, static_cast<int64_t>(bytes)});
  }
  release.listing_sha256 = tree.ListingSha256();
  release.root_sha256 = tree.RootSha256();
  release.model_file = model_file;
  release.criteria_bundle_sha256 = Hex(Sha256(state.criteria_bundle));
  release.criteria_signed_at = state.criteria_signed_at;
  release.journal_sequence = state.sealed->facts.sequence;
  release.journal_entry_sha256 = state.sealed->digest;
  release.invocation = state.started.digest;
  const std::pair<Role, const trust::PrivateKey*> roles[] = {
      {Role::kCriteria, state.keys.criteria},
      {Role::kBuilder, state.keys.builder},
      {Role::kEvaluator, state.keys.evaluator},
      {Role::kReleaser, state.keys.releaser}};
  for (const auto& [role, key] : roles) {
    release.signers.push_back(
        {evidence::RoleName(role), key->id(), key->is_demo(), trust::KeyTypeName(key->type())});
  }

  Evidence out(root, withheld_paths);
  AZ_RETURN_IF_ERROR(out.Add(evidence::kRecipeFile, build.plan.recipe_yaml));
  AZ_RETURN_IF_ERROR(
      evidence::CheckWithheld(DumpJson(sealed), withheld_paths, evidence::kCriteriaFile));
  AZ_RETURN_IF_ERROR(out.Add(evidence::kCriteriaFile, state.criteria_bundle));
  std::string journal;
  for (const JournalEntry& entry : state.entries) journal += entry.line;
  AZ_RETURN_IF_ERROR(out.Add(evidence::kJournalFile, journal));
  AZ_RETURN_IF_ERROR(out.Sign(evidence::kProvenanceFile,
                              evidence::ProvenanceStatement(build, release), *state.keys.builder));
  AZ_RETURN_IF_ERROR(out.Sign(evidence::kEvaluationFile,
                              evidence::EvaluationStatement(build, release),
                              *state.keys.evaluator));
  AZ_RETURN_IF_ERROR(out.Sign(evidence::kTestResultFile,
                              evidence::TestResultStatement(build, release),
                              *state.keys.evaluator));
  const Json bom = evidence::MlBom(build, release);
  AZ_RETURN_IF_ERROR(out.Sign(
      evidence::kMlBomFile, evidence::DocumentStatement(evidence::kMlBomType, bom, build, release),
      *state.keys.builder));
  AZ_RETURN_IF_ERROR(out.Add(evidence::kMlBomTwin, DumpJson(bom)));
  AZ_ASSIGN_OR_RETURN(const Json controls, evidence::Oscal(build, release));
  AZ_RETURN_IF_ERROR(evidence::CheckControls(controls, evidence::kControlsTwin));
  AZ_RETURN_IF_ERROR(
      out.Sign(evidence::kControlsFile,
               evidence::DocumentStatement(evidence::kControlsType, controls, build, release),
               *state.keys.releaser));
  AZ_RETURN_IF_ERROR(out.Add(evidence::kControlsTwin, DumpJson(controls)));
  AZ_RETURN_IF_ERROR(out.Add(evidence::kReportFile, evidence::ReportHtml(build, release)));
  AZ_RETURN_IF_ERROR(out.Add(evidence::kVerifyText, evidence::VerifyMd(build, release)));
  if (passed) {
    AZ_ASSIGN_OR_RETURN(const std::string signature,
                        trust::SignModel(tree, evidence::kModelFolder, *state.keys.releaser));
    AZ_RETURN_IF_ERROR(out.Add(evidence::kModelSignature, signature));
  }

  evidence::Standing standing;
  standing.outcome = build.report.outcome;
  standing.signers = release.signers;
  evidence::VerdictFacts verdict;
  verdict.name = state.name;
  verdict.version = state.version;
  verdict.verifier = "build";
  verdict.verifier_version = build.tools.empty() ? "unknown" : build.tools[0].version;
  verdict.verified_at = state.clock->NowSeconds();
  verdict.policy_uri = evidence::kCriteriaFile;
  verdict.policy_sha256 = release.criteria_bundle_sha256;
  verdict.passed = passed;
  verdict.outcome = eval::OutcomeName(build.report.outcome);
  verdict.levels = evidence::Levels(standing);
  verdict.journal_sequence = release.journal_sequence;
  verdict.journal_entry_sha256 = release.journal_entry_sha256;
  verdict.files = out.Sorted();
  const trust::Statement statement =
      evidence::VerdictStatement(evidence::ModelSubjects(release, build.result), verdict);
  AZ_RETURN_IF_ERROR(evidence::ReadVerdict(statement, evidence::VerdictFile(1)).status());
  AZ_ASSIGN_OR_RETURN(const std::string bundle,
                      trust::SignStatement(statement, *state.keys.releaser));
  AZ_RETURN_IF_ERROR(out.Add(evidence::VerdictFile(1), bundle));
  return Composed{Hex(Sha256(bundle)), verdict.outcome, evidence::HonestSentence(standing)};
}

}  // namespace assize::release
