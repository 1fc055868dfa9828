// Readers: signed statements -> typed claims. Strict: a missing, unknown or ill-typed member is
// InvalidArgument with a JSON pointer, so nothing that a gate decides on can hide or be renamed.
// Reading is all they do: whether a claim holds is the gate's matter (lib/policy). Tests:
// tests/evidence/claims_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/eval/report.h"
#include "lib/evidence/facts.h"
#include "lib/evidence/statements.h"
#include "lib/trust/statement.h"

namespace assize::evidence {

struct CriteriaClaim {
  std::string name, version, classification;
  ChangeFacts change;
  std::vector<eval::Criterion> criteria;
  FileFact source;                 // name and sha256
  std::vector<FileFact> external;  // of the source
  std::string evaluation_set;      // selection digest, hex
  int64_t evaluation_rows = 0;
  int64_t signed_at = 0;
};
StatusOr<CriteriaClaim> ReadCriteria(const trust::Statement& statement, const std::string& where);

struct ProvenanceClaim {
  std::string name, version;
  std::string recipe_sha256;
  std::string source_sha256;
  std::string criteria_sha256;  // bundle digest
  std::string evaluation_set;
  std::string invocation;
  int64_t started_at = 0, finished_at = 0;
  // Structural digests of the record chain's ends; empty when no pass ran.
  std::string chain_input, chain_output;
  Json passes = Json::array();
};
// Also refuses a chain of pass records whose links do not meet.
StatusOr<ProvenanceClaim> ReadProvenance(const trust::Statement& statement,
                                         const std::string& where);

struct EvaluationClaim {
  std::string name, version;
  eval::Report report;
  std::string source_sha256;
  std::string criteria_sha256;
  std::string evaluation_set;
  int64_t journal_sequence = 0;
  std::string journal_entry_sha256;
  std::string order;  // "asserted" or "proved"
  int64_t evaluated_at = 0;
};
StatusOr<EvaluationClaim> ReadEvaluation(const trust::Statement& statement,
                                         const std::string& where);

struct ApprovalClaim {
  std::string name, version;
  ApprovalFacts approval;
};
StatusOr<ApprovalClaim> ReadApproval(const trust::Statement& statement, const std::string& where);

struct WaiverClaim {
  std::string name, version;
  WaiverFacts waiver;
};
StatusOr<WaiverClaim> ReadWaiver(const trust::Statement& statement, const std::string& where);

StatusOr<VerdictFacts> ReadVerdict(const trust::Statement& statement, const std::string& where);
StatusOr<JournalFacts> ReadJournalEntry(const trust::Statement& statement,
                                        const std::string& where);

// Refuses an OSCAL document whose findings claim a whole control (target `A.8.29`) instead of one
// of our objectives, or one that is no catalog's. InvalidArgument with the finding's place.
Status CheckControls(const Json& oscal, const std::string& where);

}  // namespace assize::evidence
