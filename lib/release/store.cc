// Beginning, sealing and ending builds; the journal always says what happened.
#include "lib/release/store.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "lib/evidence/claims.h"
#include "lib/evidence/types.h"
#include "lib/release/build_state.h"
#include "lib/release/version.h"
#include "lib/support/sha256.h"
#include "lib/trust/bundle.h"

namespace assize::release {
namespace {

namespace fs = std::filesystem;

bool HoldsReleases(const std::string& store) {
  std::error_code error;
  for (const auto& name : fs::directory_iterator(store, error)) {
    if (!name.is_directory(error) || name.path().filename().string().starts_with(".")) continue;
    for (const auto& version : fs::directory_iterator(name.path(), error)) {
      if (FolderExists((version.path() / evidence::kVerdictsFolder).string())) return true;
    }
  }
  return false;
}

// Left by builds that died; nothing else runs in this store, since the journal is locked.
void RemoveStaleStaging(const std::string& store) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(store, error)) {
    if (entry.path().filename().string().starts_with(".staging-")) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove_all(path, error);
}

std::map<std::string, trust::PublicKey> CollectKeys(const std::string& store, const RoleKeys& keys,
                                                    const std::vector<trust::PublicKey>& known) {
  std::map<std::string, trust::PublicKey> found;
  for (const trust::PrivateKey* key :
       {keys.builder, keys.criteria, keys.evaluator, keys.releaser}) {
    found.emplace(key->id(), key->public_key());
  }
  for (const trust::PublicKey& key : known) found.emplace(key.id(), key);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(JoinPath(store, kKeysFolder), error)) {
    StatusOr<trust::PublicKey> key = trust::PublicKey::Load(entry.path().string());
    if (key.ok()) found.emplace(key->id(), *key);
  }
  return found;
}

// The outcome of a build that died after it had published: what its own verdict says.
std::optional<evidence::JournalFacts> OutcomeOnDisk(
    const std::string& path, const JournalEntry& sealed,
    const std::map<std::string, trust::PublicKey>& keys) {
  const std::string file = evidence::VerdictFile(1);
  const StatusOr<std::string> bundle = ReadFile(JoinPath(path, file), trust::kMaxBundleBytes);
  if (!bundle.ok()) return std::nullopt;
  std::vector<trust::PublicKey> list;
  for (const auto& [id, key] : keys) list.push_back(key);
  const StatusOr<trust::VerifiedStatement> verified =
      trust::VerifyBundleWithAny(*bundle, list, file);
  if (!verified.ok()) return std::nullopt;
  const StatusOr<evidence::VerdictFacts> verdict =
      evidence::ReadVerdict(verified->statement(), file);
  if (!verdict.ok() || verdict->journal_entry_sha256 != sealed.digest) return std::nullopt;
  evidence::JournalFacts facts;
  facts.event = verdict->passed ? "PASSED" : "FAILED";
  facts.about = Hex(verified->bundle_digest());
  return facts;
}

Status CheckKeys(const RoleKeys& keys) {
  for (const trust::PrivateKey* key :
       {keys.criteria, keys.builder, keys.evaluator, keys.releaser}) {
    AZ_CHECK(key != nullptr, "a role without key");
  }
  if (keys.releaser->type() == trust::KeyType::kEd25519) {
    return InvalidArgument(
        "the releaser's key is Ed25519, which model signatures cannot use; expected P-256, P-384 "
        "or P-521");
  }
  return OkStatus();
}

}  // namespace

std::string Build::State::ReleasePath() const { return JoinPath(JoinPath(store, name), version); }

Status Build::State::Journal(evidence::JournalFacts facts) {
  facts.name = name;
  facts.version = version;
  facts.time = clock->NowSeconds();
  AZ_ASSIGN_OR_RETURN(JournalEntry entry, MakeEntry(entries, std::move(facts), *keys.builder));
  AZ_RETURN_IF_ERROR(journal->Append(entry.line));
  entries.push_back(std::move(entry));
  return OkStatus();
}

std::string Store::ReleasePath(const std::string& name, const std::string& version) const {
  return JoinPath(JoinPath(folder_, name), version);
}

StatusOr<Build> Store::Begin(const evidence::PlanFacts& plan, const RoleKeys& keys,
                             const Clock& clock,
                             const std::vector<trust::PublicKey>& known_keys) const {
  AZ_RETURN_IF_ERROR(CheckName(plan.name));
  AZ_RETURN_IF_ERROR(Version::Parse(plan.version).status());
  AZ_RETURN_IF_ERROR(CheckKeys(keys));
  AZ_RETURN_IF_ERROR(MakeFolders(folder_));

  auto state = std::make_unique<Build::State>();
  state->store = folder_;
  state->keys = keys;
  state->clock = &clock;
  const std::string journal_path = JoinPath(folder_, kJournalName);
  AZ_ASSIGN_OR_RETURN(state->journal, JournalFile::Open(journal_path));
  auto fail = [&](Status status) {
    state->journal->RemoveIfEmpty();
    std::error_code ignored;
    fs::remove(folder_, ignored);  // only if it is empty
    return status;
  };
  StatusOr<std::string> text = state->journal->ReadAndMend();
  if (!text.ok()) return fail(text.status());
  if (text->empty() && HoldsReleases(folder_)) {
    return fail(DataLoss("{}: the journal is missing or empty, but {} holds releases: restore it",
                         journal_path, folder_));
  }
  const std::map<std::string, trust::PublicKey> key_map = CollectKeys(folder_, keys, known_keys);
  const KeyFinder find = [&](const std::string& id) -> StatusOr<trust::PublicKey> {
    const auto found = key_map.find(id);
    if (found == key_map.end()) {
      return Unauthenticated("signed with key {}, whose public key is not in {}/{}", id, folder_,
                             kKeysFolder);
    }
    return found->second;
  };
  StatusOr<std::vector<JournalEntry>> entries = ReadJournal(*text, find, journal_path);
  if (!entries.ok()) return fail(entries.status());
  state->entries = *std::move(entries);
  if (Status status = CheckHistory(state->entries, journal_path); !status.ok()) return fail(status);

  // A build that died is still open at the end of the journal.
  if (!state->entries.empty() && !IsOutcome(state->entries.back().facts.event)) {
    const JournalEntry last = state->entries.back();
    state->name = last.facts.name;
    state->version = last.facts.version;
    evidence::JournalFacts outcome;
    outcome.event = "ABORTED";
    outcome.about = last.digest;
    outcome.reason = "the build ended without an outcome";
    if (last.facts.event == "criteria") {
      if (auto found = OutcomeOnDisk(state->ReleasePath(), last, key_map)) outcome = *found;
    }
    AZ_RETURN_IF_ERROR(state->Journal(std::move(outcome)));
  }
  RemoveStaleStaging(folder_);

  state->name = plan.name;
  state->version = plan.version;
  for (const JournalEntry& entry : state->entries) {
    if (entry.facts.name != plan.name || entry.facts.version != plan.version ||
        !IsOutcome(entry.facts.event)) {
      continue;
    }
    return AlreadyExists("{} {} is spent: {} on {} ({}:{}); give the release a new version",
                         plan.name, plan.version, entry.facts.event, Rfc3339(entry.facts.time),
                         journal_path, entry.facts.sequence);
  }
  if (FolderExists(state->ReleasePath()) || FileExists(state->ReleasePath())) {
    return AlreadyExists("{}: exists already, and versions are never overwritten",
                         state->ReleasePath());
  }

  AZ_ASSIGN_OR_RETURN(state->staging, StagingFolder::Create(folder_));
  state->model_folder = JoinPath(state->staging->path(), evidence::kModelFolder);
  AZ_RETURN_IF_ERROR(MakeFolders(state->model_folder));
  const std::string key_folder = JoinPath(folder_, kKeysFolder);
  AZ_RETURN_IF_ERROR(MakeFolders(key_folder));
  AZ_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(key_folder, keys.builder->id() + ".pub"),
                                     keys.builder->public_key().pem()));
  AZ_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(key_folder, keys.releaser->id() + ".pub"),
                                     keys.releaser->public_key().pem()));
  evidence::JournalFacts started;
  started.event = "started";
  started.about = plan.source.file.sha256;
  if (Status status = state->Journal(std::move(started)); !status.ok()) return fail(status);
  state->started = state->entries.back();
  state->open = true;
  return Build(std::move(state));
}

Build::Build(std::unique_ptr<State> state) : state_(std::move(state)) {}
Build::Build(Build&&) noexcept = default;
Build& Build::operator=(Build&& other) noexcept {
  if (this != &other) {
    if (state_ && state_->open) (void)Abort("the build was given up");
    state_ = std::move(other.state_);
  }
  return *this;
}
Build::~Build() {
  if (state_ && state_->open) (void)Abort("the build ended without an outcome");
}

const std::string& Build::model_folder() const { return state_->model_folder; }

Status Build::SealCriteria(const evidence::PlanFacts& plan) {
  State& state = *state_;
  AZ_CHECK(state.open, "SealCriteria on a build that ended");
  if (state.sealed) return FailedPrecondition("the criteria are sealed already");
  if (plan.name != state.name || plan.version != state.version) {
    return FailedPrecondition("criteria for {} {}, but the build is {} {}", plan.name, plan.version,
                              state.name, state.version);
  }
  const int64_t now = state.clock->NowSeconds();
  const trust::Statement statement = evidence::CriteriaStatement(plan, now);
  // What we sign, a gate must be able to read.
  AZ_RETURN_IF_ERROR(evidence::ReadCriteria(statement, evidence::kCriteriaFile).status());
  AZ_ASSIGN_OR_RETURN(state.criteria_bundle, trust::SignStatement(statement, *state.keys.criteria));
  evidence::JournalFacts facts;
  facts.event = "criteria";
  facts.about = Hex(Sha256(state.criteria_bundle));
  facts.evaluation_set = plan.evaluation.digest;
  AZ_RETURN_IF_ERROR(state.Journal(std::move(facts)));
  state.sealed = state.entries.back();
  state.criteria_statement = statement.ToJson();
  state.criteria_signed_at = now;
  return OkStatus();
}

Status Build::Abort(const std::string& reason) {
  State& state = *state_;
  AZ_CHECK(state.open, "Abort on a build that ended");
  state.open = false;
  state.staging.reset();
  evidence::JournalFacts facts;
  facts.event = "ABORTED";
  facts.about = state.started.digest;
  facts.reason = reason.empty() ? "no reason given" : reason.substr(0, 500);
  const Status status = state.Journal(std::move(facts));
  state.journal.reset();
  return status;
}

StatusOr<Published> Build::Finish(const evidence::BuildFacts& build, const std::string& model_file,
                                  const std::vector<std::string>& withheld_paths) {
  State& state = *state_;
  AZ_CHECK(state.open, "Finish on a build that ended");
  if (!state.sealed) return FailedPrecondition("the criteria were not sealed before the run");
  AZ_ASSIGN_OR_RETURN(const Composed composed, Compose(state, build, model_file, withheld_paths));
  const std::string path = state.ReleasePath();
  AZ_RETURN_IF_ERROR(state.staging->Publish(path));
  // From here on the release is whole: if this process dies before the next line is written, the
  // next build writes what the verdict says.
  state.staging.reset();
  state.open = false;
  evidence::JournalFacts facts;
  facts.event = composed.outcome == "PASSED" ? "PASSED" : "FAILED";
  facts.about = composed.verdict_sha256;
  AZ_RETURN_IF_ERROR(state.Journal(std::move(facts)));
  state.journal.reset();
  return Published{path, composed.outcome, composed.sentence, composed.verdict_sha256};
}

}  // namespace assize::release
