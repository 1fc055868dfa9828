// The store's journal: one signed line per event, each naming the digest of the line before.
//
// A line is a Sigstore bundle over a journal-entry/v1 statement, signed by the builder's key, so a
// line cannot be edited, dropped from the middle or moved without its key, and jq and openssl read
// it. A build writes `started`, then `criteria` (the digest of the signed criteria, before the
// evaluation data is opened), then exactly one of PASSED, FAILED and ABORTED. What a chain cannot
// show is that its tail was cut off: for that a gate keeps the newest head it has seen. Tests:
// tests/release/store_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/evidence/statements.h"
#include "lib/support/status.h"
#include "lib/trust/keys.h"

namespace assize::release {

inline constexpr char kJournalName[] = "journal.jsonl";
inline constexpr uint64_t kMaxJournalBytes = uint64_t{256} << 20;

struct JournalEntry {
  evidence::JournalFacts facts;
  std::string line;    // with its newline
  std::string digest;  // hex SHA-256 of `line`
  std::string key_id;  // that signed it
};

// Finds the public key for a key id; Unauthenticated or PermissionDenied when it is not trusted.
using KeyFinder = std::function<StatusOr<trust::PublicKey>(const std::string& key_id)>;

// Splits into lines and verifies every signature, the sequence, the predecessors and that time
// never runs backwards. Unauthenticated or DataLoss with the line's number; also for a torn last
// line.
StatusOr<std::vector<JournalEntry>> ReadJournal(std::string_view text, const KeyFinder& find,
                                                const std::string& origin);

// What the entries say happened: every `started` is followed by at most one `criteria` and then one
// outcome before the next `started`; a name and version start once. DataLoss with the sequence.
Status CheckHistory(const std::vector<JournalEntry>& entries, const std::string& origin);

// The next line for `entries`; sequence and predecessor are filled in. FailedPrecondition when
// `facts.time` lies before the last entry's (a clock set back).
StatusOr<JournalEntry> MakeEntry(const std::vector<JournalEntry>& entries,
                                 evidence::JournalFacts facts, const trust::PrivateKey& key);

bool IsOutcome(std::string_view event);  // PASSED, FAILED, ABORTED

}  // namespace assize::release
