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
#include "lib/recipe/policy_file.h"
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
  std::string text;     // the policy file's bytes
  std::string origin;   // its file name
  std::string release;  // name of the releases it is for
  std::vector<TrustedKey> keys;
  bool allow_demo_keys = false;

  std::string source_sha256;          // of the source model's file; empty: not pinned
  std::string evaluation_set_sha256;  // selection digest; empty: not pinned
  std::vector<eval::Criterion> criteria;
  int64_t min_samples = 0;

  // Roles whose keys must all differ. Empty: separation is waived by policy, and reads so.
  std::set<evidence::Role> separate;
  std::string separation_waiver;      // why separation is waived
  int64_t approvals = 0;              // by different approvers' keys, none of another role here
  bool allow_waivers = false;         // of criteria; nothing else can be waived
  bool require_proved_order = false;  // criteria older than the run by trusted time
  bool require_reevaluation = false;  // a gate that does not measure again fails
  std::optional<int64_t>
      max_earlier_attempts;      // earlier builds that looked at the same evaluation set
  bool require_journal = false;  // the store's own journal, not only the release's excerpt
  Accepted accepted;

  // Key by id, or null.
  const TrustedKey* FindKey(std::string_view key_id) const;
  std::vector<trust::PublicKey> PublicKeys() const;
};

// Loads the keys and types the criteria. Errors stand at their place in the policy file.
StatusOr<GatePolicy> FromFile(const recipe::PolicyFile& file);

// A recipe's or policy's criterion as the evaluation room wants it; its id stays. Errors stand at
// its place.
StatusOr<eval::Criterion> TypedCriterion(const recipe::Criterion& criterion);

}  // namespace assize::policy
