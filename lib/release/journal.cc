// Reading and extending the signed hash chain.
#include "lib/release/journal.h"

#include <map>
#include <set>
#include <utility>

#include "lib/evidence/claims.h"
#include "lib/support/clock.h"
#include "lib/support/sha256.h"
#include "lib/trust/bundle.h"

namespace assize::release {

bool IsOutcome(std::string_view event) {
  return event == "PASSED" || event == "FAILED" || event == "ABORTED";
}

StatusOr<std::vector<JournalEntry>> ReadJournal(std::string_view text, const KeyFinder& find,
                                                const std::string& origin) {
  std::vector<JournalEntry> entries;
  std::string predecessor(64, '0');
  size_t start = 0;
  while (start < text.size()) {
    const int64_t number = static_cast<int64_t>(entries.size()) + 1;
    const std::string where = fmt::format("{}:{}", origin, number);
    const size_t newline = text.find('\n', start);
    if (newline == std::string_view::npos) {
      return DataLoss("{}: the line is torn: it has no end", where);
    }
    JournalEntry entry;
    entry.line = std::string(text.substr(start, newline + 1 - start));
    entry.digest = Hex(Sha256(entry.line));
    start = newline + 1;
    AZ_ASSIGN_OR_RETURN(const std::string key_id, trust::PeekKeyId(entry.line, where));
    StatusOr<trust::PublicKey> key = find(key_id);
    if (!key.ok()) return Annotate(key.status(), where);
    AZ_ASSIGN_OR_RETURN(const trust::VerifiedStatement verified,
                        trust::VerifyBundle(entry.line, *key, where));
    entry.key_id = verified.key_id();
    StatusOr<evidence::JournalFacts> facts =
        evidence::ReadJournalEntry(verified.statement(), where);
    if (!facts.ok()) return DataLoss("{}", Message(facts.status()));
    entry.facts = *std::move(facts);
    if (entry.facts.sequence != number) {
      return DataLoss("{}: sequence {}, expected {}: lines were removed, added or moved", where,
                      entry.facts.sequence, number);
    }
    if (entry.facts.predecessor != predecessor) {
      return DataLoss("{}: names {} as the line before, but that is {}: the chain is broken", where,
                      entry.facts.predecessor, predecessor);
    }
    if (!entries.empty() && entry.facts.time < entries.back().facts.time) {
      return DataLoss("{}: {} lies before {} of the line before: a clock was set back", where,
                      Rfc3339(entry.facts.time), Rfc3339(entries.back().facts.time));
    }
    predecessor = entry.digest;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status CheckHistory(const std::vector<JournalEntry>& entries, const std::string& origin) {
  std::map<std::pair<std::string, std::string>, int64_t> started;
  const JournalEntry* open = nullptr;  // the `started` line of the build in progress
  bool sealed = false;
  for (const JournalEntry& entry : entries) {
    const evidence::JournalFacts& facts = entry.facts;
    const std::string where = fmt::format("{}:{}", origin, facts.sequence);
    if (facts.event == "started") {
      if (open != nullptr) {
        return DataLoss("{}: {} {} started, but the build of line {} has no outcome", where,
                        facts.name, facts.version, open->facts.sequence);
      }
      const auto [before, is_new] =
          started.emplace(std::pair(facts.name, facts.version), facts.sequence);
      if (!is_new) {
        return DataLoss("{}: {} {} started a second time; line {} spent this version", where,
                        facts.name, facts.version, before->second);
      }
      open = &entry;
      sealed = false;
      continue;
    }
    if (open == nullptr || open->facts.name != facts.name || open->facts.version != facts.version) {
      return DataLoss("{}: {} of {} {}, which is not the build in progress", where, facts.event,
                      facts.name, facts.version);
    }
    if (facts.event == "criteria") {
      if (sealed) return DataLoss("{}: criteria sealed a second time", where);
      sealed = true;
      continue;
    }
    if (!sealed && facts.event != "ABORTED") {
      return DataLoss("{}: {} without sealed criteria", where, facts.event);
    }
    open = nullptr;
  }
  return OkStatus();
}

StatusOr<JournalEntry> MakeEntry(const std::vector<JournalEntry>& entries,
                                 evidence::JournalFacts facts, const trust::PrivateKey& key) {
  if (!entries.empty() && facts.time < entries.back().facts.time) {
    return FailedPrecondition(
        "the clock says {}, but the journal's last line is from {}: set the clock before building",
        Rfc3339(facts.time), Rfc3339(entries.back().facts.time));
  }
  facts.sequence = static_cast<int64_t>(entries.size()) + 1;
  facts.predecessor = entries.empty() ? std::string(64, '0') : entries.back().digest;
  JournalEntry entry;
  AZ_ASSIGN_OR_RETURN(entry.line, trust::SignStatement(evidence::JournalStatement(facts), key));
  entry.digest = Hex(Sha256(entry.line));
  entry.key_id = key.id();
  entry.facts = std::move(facts);
  return entry;
}

}  // namespace assize::release
