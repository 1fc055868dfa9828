// Journal and folders side by side. Tests: tests/cli/build_test.cc.
#include "lib/flow/list.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "lib/release/journal.h"
#include "lib/release/store.h"
#include "lib/support/clock.h"
#include "lib/support/files.h"
#include "lib/trust/keys.h"

namespace assize::flow {
namespace {

namespace fs = std::filesystem;

// Names of the folders in `path`, sorted; none when it cannot be read.
std::vector<std::string> FoldersIn(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory(error) && !name.starts_with(".")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

StatusOr<std::map<std::string, trust::PublicKey>> KeysFor(const ListRequest& request) {
  std::vector<std::string> paths = request.keys;
  if (paths.empty()) {
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(JoinPath(request.store, release::kKeysFolder), error)) {
      paths.push_back(entry.path().string());
    }
  }
  std::map<std::string, trust::PublicKey> keys;
  for (const std::string& path : paths) {
    AZ_ASSIGN_OR_RETURN(trust::PublicKey key, trust::PublicKey::Load(path));
    keys.emplace(key.id(), key);
  }
  return keys;
}

std::string Padded(const std::string& text, size_t width) {
  return text + std::string(width > text.size() ? width - text.size() : 0, ' ');
}

}  // namespace

StatusOr<StoreListing> ListStore(const ListRequest& request) {
  if (!FolderExists(request.store)) {
    return NotFound("{}: no such store; expected the folder that `assize build --store` wrote to",
                    request.store);
  }
  StoreListing listing;
  listing.store = request.store;
  listing.keys_given = !request.keys.empty();
  const std::string journal = JoinPath(request.store, release::kJournalName);
  AZ_ASSIGN_OR_RETURN(const auto keys, KeysFor(request));
  std::vector<release::JournalEntry> entries;
  if (FileExists(journal)) {
    AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(journal, release::kMaxJournalBytes));
    const release::KeyFinder find = [&](const std::string& id) -> StatusOr<trust::PublicKey> {
      const auto found = keys.find(id);
      if (found != keys.end()) return found->second;
      return Unauthenticated(
          "signed with key {}, which was not given; add its public key with --key", id);
    };
    AZ_ASSIGN_OR_RETURN(entries, release::ReadJournal(text, find, journal));
    AZ_RETURN_IF_ERROR(release::CheckHistory(entries, journal));
  }

  const release::Store store(request.store);
  std::map<std::string, size_t> position;  // "name/version" -> index in listing.releases
  for (const release::JournalEntry& entry : entries) {
    const evidence::JournalFacts& facts = entry.facts;
    const auto [at, added] =
        position.emplace(facts.name + "/" + facts.version, listing.releases.size());
    if (added) listing.releases.push_back({facts.name, facts.version, "OPEN", "", "", ""});
    ListedRelease& row = listing.releases[at->second];
    row.time = Rfc3339(facts.time);
    if (release::IsOutcome(facts.event)) {
      row.verdict = facts.event;
      row.reason = facts.reason;
    }
  }
  if (!entries.empty()) listing.head = entries.back().digest;
  for (ListedRelease& row : listing.releases) {
    const std::string path = store.ReleasePath(row.name, row.version);
    const bool there = FolderExists(path);
    if (there) row.path = path;
    if (!there && (row.verdict == "PASSED" || row.verdict == "FAILED")) {
      listing.warnings.push_back(fmt::format("{} {}: the journal says {}, but {} is gone", row.name,
                                             row.version, row.verdict, path));
    }
  }
  for (const std::string& name : FoldersIn(request.store)) {
    for (const std::string& version : FoldersIn(JoinPath(request.store, name))) {
      if (!position.contains(name + "/" + version)) {
        listing.warnings.push_back(
            fmt::format("{}: on disk, but not in the journal", store.ReleasePath(name, version)));
      }
    }
  }
  return listing;
}

Json StoreListing::ToJson() const {
  Json json = Json::object();
  json["store"] = store;
  json["keys"] = keys_given ? "given" : "store";
  json["head"] = head.empty() ? Json(nullptr) : Json(head);
  json["releases"] = Json::array();
  for (const ListedRelease& row : releases) {
    Json item = {
        {"name", row.name}, {"version", row.version}, {"verdict", row.verdict}, {"time", row.time}};
    item["path"] = row.path.empty() ? Json(nullptr) : Json(row.path);
    if (!row.reason.empty()) item["reason"] = row.reason;
    json["releases"].push_back(std::move(item));
  }
  json["warnings"] = warnings;
  return json;
}

std::string StoreListing::ToText() const {
  if (releases.empty()) return fmt::format("{}: no builds yet\n", store);
  size_t name = 4, version = 7;
  for (const ListedRelease& row : releases) {
    name = std::max(name, row.name.size());
    version = std::max(version, row.version.size());
  }
  std::string text =
      fmt::format("{}  {}  {}  {}  {}\n", Padded("name", name), Padded("version", version),
                  Padded("verdict", 7), Padded("time", 20), "where");
  for (const ListedRelease& row : releases) {
    text += fmt::format("{}  {}  {}  {}  {}\n", Padded(row.name, name),
                        Padded(row.version, version), Padded(row.verdict, 7), Padded(row.time, 20),
                        !row.path.empty()    ? row.path
                        : row.reason.empty() ? "-"
                                             : "- (" + row.reason + ")");
  }
  text += keys_given ? "the journal holds under the given keys\n"
                     : "the journal is consistent under the store's own keys; name the builders' "
                       "keys with --key to "
                       "know who wrote it\n";
  return text;
}

}  // namespace assize::flow
