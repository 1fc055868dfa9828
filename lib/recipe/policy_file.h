// The gate's policy file: whom to trust and what to demand, as typed structures. Strict, as the
// recipe is; the bytes are kept, so that their digest can be pinned and recorded. The policy room
// turns this into decisions.
//
// The format is described by schemas/policy.schema.json. Tests: tests/recipe/policy_file_test.cc.
//
//   assize_policy: 1
//   release: chest-xray                        # the releases it is for
//   keys:                                      # role -> public key: a file, or a map, or a list of
//   these
//     criteria: keys/criteria.pub.pem
//     builder: { file: keys/builder.pub.pem, not_after: 2027-01-01T00:00:00Z }
//     evaluator: [ keys/lab.pub.pem, { file: keys/old-lab.pub.pem, revoked: true } ]
//     releaser: keys/releaser.pub.pem
//   allow_demo_keys: false
//   baseline: { model_sha256: 3e67..., evaluation_set_sha256: 91b0... }
//   criteria: [ { metric: sensitivity, class: 1, at_least: 0.95 } ]      # as in a recipe
//   min_samples: 300
//   separation: { require: [ criteria, builder, evaluator, releaser ] }  # or { waived: true,
//   reason: ... } order: asserted                            # or proved
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/recipe/recipe.h"
#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::recipe {

// One public key file and what it may sign. A key trusted for several roles has one entry with all
// of them.
struct TrustedKeyFile {
  std::string path;                              // as written; PolicyFile::Resolve finds it
  std::vector<std::string> roles;                // of PolicyRoles(), in its order
  std::optional<int64_t> not_before, not_after;  // Unix seconds, of signing; inclusive
  bool revoked = false;
  Place place;
};

// The newest release that a gate has accepted: nothing older passes later.
struct AcceptedMark {
  std::string version;               // semantic; empty: none
  int64_t journal_sequence = 0;      // 0: none
  std::string journal_entry_sha256;  // 64 hex digits; empty: none
};

struct PolicyFile {
  std::string text;                  // the file's bytes
  std::string origin;                // file name, for messages
  std::string folder;                // that relative paths start from
  std::string release;               // name of the releases it is for
  std::vector<TrustedKeyFile> keys;  // at least one
  bool allow_demo_keys = false;

  std::string source_sha256;          // baseline.model_sha256; 64 hex digits, empty: not pinned
  std::string evaluation_set_sha256;  // the selection digest; the same
  std::vector<Criterion> criteria;    // at least one: the policy's own thresholds
  int64_t min_samples = 0;

  // Roles whose keys must all differ. Empty only when separation is waived, with the reason.
  std::vector<std::string> separate;
  std::string separation_waiver;
  int64_t approvals = 0;               // how many, by different keys
  bool allow_waivers = false;          // of criteria; nothing else can be waived
  bool require_proved_order = false;   // `order: proved`
  bool require_re_evaluation = false;  // a gate that does not measure again fails
  std::optional<int64_t>
      max_earlier_attempts;      // earlier builds that looked at the same evaluation set
  bool require_journal = false;  // the store's journal, not only the release's excerpt
  AcceptedMark not_older_than;

  std::string Resolve(const std::string& path) const;
};

// "criteria" "builder" "evaluator" "releaser" "approver" "risk-owner" "gate".
const std::vector<std::string>& PolicyRoles();

// InvalidArgument at the place of the first fault; a usage error (exit 2) when the text is empty or
// says nothing.
StatusOr<PolicyFile> ParsePolicyFile(std::string_view text, const std::string& origin,
                                     const std::string& folder);
StatusOr<PolicyFile> ReadPolicyFile(const std::string& path);

// The policy with every default written out; DumpYaml of it parses to the same demands.
Json EffectivePolicy(const PolicyFile& policy);

}  // namespace assize::recipe
