// Builders: facts -> in-toto statements, ready to be signed. Pure and deterministic; times come
// with the facts. The readers of the same formats are in claims.h. Tests:
// tests/evidence/claims_test.cc; schemas in schemas/statements/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/evidence/facts.h"
#include "lib/evidence/types.h"
#include "lib/trust/statement.h"

namespace assize::evidence {

// Subjects of every statement about a model folder: listing digest, OMS root, the ONNX file and its
// external data (by name below the folder), in this order.
std::vector<trust::Subject> ModelSubjects(const ReleaseFacts& release, const ModelFacts& result);

// criteria/v1. Subjects: the source model's files and the evaluation set (selection digest): the
// model to judge does not exist yet. `signed_at` in Unix seconds.
trust::Statement CriteriaStatement(const PlanFacts& plan, int64_t signed_at);

// SLSA provenance v1: recipe, source, data, tools, criteria bundle, the chain of pass records.
trust::Statement ProvenanceStatement(const BuildFacts& build, const ReleaseFacts& release);

// evaluation/v1: the whole report, on what, by which instruction set, under which criteria.
trust::Statement EvaluationStatement(const BuildFacts& build, const ReleaseFacts& release);

// test-result v0.1 for consumers that know no numbers: criterion ids as passed or failed tests;
// an undecided one counts as failed.
trust::Statement TestResultStatement(const BuildFacts& build, const ReleaseFacts& release);

// A whole document as a predicate: CycloneDX (kMlBomType) and OSCAL (kControlsType).
trust::Statement DocumentStatement(const char* predicate_type, const Json& document,
                                   const BuildFacts& build, const ReleaseFacts& release);

struct ApprovalFacts {
  std::string role;      // "clinical safety officer"
  std::string decision;  // "approved" or "rejected"
  std::string reason;
  std::string ticket;
  int64_t approved_at = 0;
  std::optional<int64_t> expires_at;
};
trust::Statement ApprovalStatement(const std::string& name, const std::string& version,
                                   const std::vector<trust::Subject>& model_subjects,
                                   const ApprovalFacts& approval);

struct WaiverFacts {
  std::string criterion;  // id of the one criterion that is waived
  std::string reason;
  int64_t waived_at = 0;
  int64_t expires_at = 0;
};
trust::Statement WaiverStatement(const std::string& name, const std::string& version,
                                 const std::vector<trust::Subject>& model_subjects,
                                 const WaiverFacts& waiver);

struct VerdictFacts {
  std::string name, version;
  std::string verifier;  // "assize build", "assize gate"
  std::string verifier_version;
  int64_t verified_at = 0;
  std::string policy_uri;  // "evidence/criteria.sigstore.json" or the policy's file name
  std::string policy_sha256;
  bool passed = false;
  std::string outcome;  // "PASSED" "FAILED" "UNDECIDED"
  std::vector<std::string> levels;
  int number = 1;           // of the verdict in its release
  std::string predecessor;  // digest of the verdict before; empty for the first
  int64_t journal_sequence = 0;
  std::string journal_entry_sha256;
  std::vector<FileFact>
      files;  // everything outside the model folder but verdict `number` and later
};
// VSA v1. inputAttestations: every bundle among `files`.
trust::Statement VerdictStatement(const std::vector<trust::Subject>& model_subjects,
                                  const VerdictFacts& verdict);

// One line of a store's journal (lib/release/journal.h says what the events mean).
struct JournalFacts {
  int64_t sequence = 0;     // from 1
  std::string predecessor;  // SHA-256 of the line before, newline included; 64 zeros for the first
  std::string event;        // "started" "criteria" "PASSED" "FAILED" "ABORTED"
  std::string name, version;
  int64_t time = 0;
  std::string
      about;  // digest, hex: source model, criteria bundle, first verdict, or `started` line
  std::string evaluation_set;  // digest, hex: event "criteria" only
  std::string reason;          // event "ABORTED" only
};
trust::Statement JournalStatement(const JournalFacts& entry);

}  // namespace assize::evidence
