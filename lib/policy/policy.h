// What a gate demands: the typed policy that every check reads. It comes from outside the release,
// as do the keys in it. Tests: tests/policy/policy_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/eval/criteria.h"
#include "lib/evidence/types.h"
#include "lib/trust/keys.h"

namespace assize::policy {

struct TrustedKey {
  trust::PublicKey key;
  std::set<evidence::Role> roles;
  std::optional<int64_t> valid_from, valid_until;  // Unix seconds, of signing
  bool revoked = false;
};

// The newest thing a gate accepted, so that nothing older, and no shortened journal, passes later.
struct Accepted {
  std::string version;           // semantic; empty: none
  int64_t journal_sequence = 0;  // 0: none
  std::string journal_entry_sha256;
};

struct GatePolicy {
  std::string text;    // the policy file's bytes
  std::string origin;  // its file name
  std::string release; // name of the releases it is for
  std::vector<TrustedKey> keys;
  bool allow_demo_keys = false;

  std::string source_sha256;           // of the source model's file; empty: not pinned
  std::string evaluation_set_sha256;   // selection digest; empty: not pinned
  std::vector<eval::Criterion> criteria;
  int64_t min_samples = 0;

  // Roles whose keys must all differ. Empty: separation is waived by policy, and reads so.
  std::set<evidence::Role> separate;
  int approvals = 0;                   // by different approvers' keys, none of another role here
  bool allow_waivers = false;          // of criteria; nothing else can be waived
  bool require_proved_order = false;   // criteria older than the run by trusted time
  std::optional<int> max_earlier_attempts;  // earlier builds that looked at the same evaluation set
  bool require_journal = false;        // the store's own journal, not only the release's excerpt
  Accepted accepted;

  // Problems of the policy itself: no keys, no criteria, baseline not pinned ... InvalidArgument
  // as a usage error (exit 2) for an empty one.
  Status Check() const;
};

}  // namespace assize::policy
