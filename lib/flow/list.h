// `list`: what a store's journal says was built, and what of it lies on disk. Tests:
// tests/cli/build_test.cc.
#pragma once

#include <string>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::flow {

struct ListRequest {
  std::string store = "releases";
  // Public key files of the builders. Empty: the keys that the store itself keeps, so that the
  // journal is shown to be consistent, but not by whom it was written.
  std::vector<std::string> keys;
};

// One version of one release; every build that was begun has one.
struct ListedRelease {
  std::string name, version;
  std::string verdict;  // PASSED, FAILED, ABORTED; OPEN: begun, without an outcome yet
  std::string time;     // of the last event, RFC 3339
  std::string path;     // empty: no folder (aborted, open, or removed)
  std::string reason;   // of ABORTED
};

struct StoreListing {
  std::string store;
  std::vector<ListedRelease> releases;  // in the journal's order
  std::vector<std::string> warnings;    // where journal and disk differ
  bool keys_given = false;
  std::string head;  // digest of the journal's last line, hex
  Json ToJson() const;
  std::string ToText() const;
};

// NotFound: no such store. DataLoss, Unauthenticated: the journal does not hold.
StatusOr<StoreListing> ListStore(const ListRequest& request);

}  // namespace assize::flow
