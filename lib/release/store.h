// The store: a folder with a journal and releases, `<store>/<name>/<version>/`.
//
// One build at a time: the journal is locked from Begin until the Build ends. A version is spent by
// any outcome and never overwritten. A build that died is closed as ABORTED by the next one (or as
// its verdict says, when it died after publishing), and its staging folder is removed. Tests:
// tests/release/store_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/evidence/facts.h"
#include "lib/release/journal.h"
#include "lib/support/clock.h"
#include "lib/support/files.h"
#include "lib/trust/keys.h"

namespace assize::release {

// Below the store: public keys of those who built here, <key id>.pub, so that the next build can
// verify the lines of an earlier key. They identify themselves (the id is their digest) and are
// trusted for nothing.
inline constexpr char kKeysFolder[] = ".keys";

// The private keys of the four roles; all may be the same key. Not owned.
struct RoleKeys {
  const trust::PrivateKey* criteria = nullptr;
  const trust::PrivateKey* builder = nullptr;
  const trust::PrivateKey* evaluator = nullptr;
  const trust::PrivateKey* releaser = nullptr;
};

struct Published {
  std::string path;  // of the release
  std::string
      verdict;  // "PASSED", "FAILED", "UNDECIDED"; the store's outcome of the last is FAILED
  std::string sentence;  // evidence::HonestSentence
  std::string verdict_sha256;
};

// A build in progress. Destroying one that did not finish writes ABORTED and leaves nothing else.
class Build {
 public:
  Build(Build&&) noexcept;
  Build& operator=(Build&&) noexcept;
  ~Build();

  // Signs the criteria, keeps the bundle for the release and journals its digest. To be called
  // before the evaluation data is used; once.
  Status SealCriteria(const evidence::PlanFacts& plan);

  // Where the flow writes the deployed tree: model.onnx, external data, labels. Never inside a
  // published release.
  const std::string& model_folder() const;

  // Signs everything and publishes. PASSED by the report: `model/` and `model.sig`; otherwise
  // `rejected/` and no model.sig. `build.plan` must be what was sealed (FailedPrecondition).
  // `withheld_paths`: data files whose names must not occur in the evidence. `model_file` is the
  // ONNX file's name below the folder; every file in build.result.external must be in the tree.
  StatusOr<Published> Finish(const evidence::BuildFacts& build, const std::string& model_file,
                             const std::vector<std::string>& withheld_paths = {});

  // Journals ABORTED with the reason (a status message without data).
  Status Abort(const std::string& reason);

  struct State;  // of this room

 private:
  friend class Store;
  explicit Build(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}
  const std::string& folder() const { return folder_; }
  std::string ReleasePath(const std::string& name, const std::string& version) const;

  // Creates the folder when it is not there, locks the journal, closes what a dead build left
  // open, journals `started`. `known_keys` verify lines of other builders than keys.builder.
  // AlreadyExists: the version is spent (the message says by which outcome and when) or its folder
  // exists. Unavailable: another build holds the store. DataLoss, Unauthenticated: the journal was
  // tampered with, or is missing while releases are there.
  StatusOr<Build> Begin(const evidence::PlanFacts& plan, const RoleKeys& keys, const Clock& clock,
                        const std::vector<trust::PublicKey>& known_keys = {}) const;

 private:
  std::string folder_;
};

}  // namespace assize::release
