// The inside of a Build, shared by store.cc (begin, seal, abort) and compose.cc (finish). Private
// to this room.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/release/store.h"
#include "lib/release/store_files.h"

namespace assize::release {

struct Build::State {
  std::string store;
  std::string name, version;
  RoleKeys keys;
  const Clock* clock = nullptr;
  std::optional<JournalFile> journal;
  std::vector<JournalEntry> entries;
  std::optional<StagingFolder> staging;
  std::string model_folder;
  JournalEntry started;
  std::optional<JournalEntry> sealed;  // the `criteria` line
  std::string criteria_bundle;
  Json criteria_statement;
  int64_t criteria_signed_at = 0;
  bool open = false;  // `started` is journalled and no outcome is

  // Signs and appends one line; the build's name and version are filled in.
  Status Journal(evidence::JournalFacts facts);
  std::string ReleasePath() const;
};

// Checks, signs and writes everything below the staging folder: all that Finish does before
// publishing. The path and the outcome line are the caller's.
struct Composed {
  std::string verdict_sha256;
  std::string outcome;  // PASSED, FAILED, UNDECIDED
  std::string sentence;
};
StatusOr<Composed> Compose(Build::State& state, const evidence::BuildFacts& build,
                           const std::string& model_file,
                           const std::vector<std::string>& withheld_paths);

}  // namespace assize::release
