// Documents for other readers, made from the same facts as the statements: CycloneDX 1.6 ML-BOM,
// OSCAL 1.2 assessment results, the report page, VERIFY.md. Deterministic. Tests:
// tests/evidence/documents_test.cc, tests/evidence/schema_oracle_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/evidence/facts.h"
#include "lib/support/json.h"

namespace assize::evidence {

// CycloneDX 1.6: the model with its card, its source, data sets and tools. Serial number is a
// UUIDv5 over the listing digest.
Json MlBom(const BuildFacts& build, const ReleaseFacts& release);

// OSCAL 1.2 assessment-results for the catalogs of the plan. Findings are about our own
// objectives (`assize.A.8.29.criteria-met`), never whole controls; each says what it leaves open.
// UUIDs are v5 over the listing digest. NotFound for an unknown catalog, with the nearest name.
StatusOr<Json> Oscal(const BuildFacts& build, const ReleaseFacts& release);
std::vector<std::string> CatalogNames();

// One self-contained page for people: no script, no network, everything escaped.
std::string ReportHtml(const BuildFacts& build, const ReleaseFacts& release);

// How to check a release with openssl, jq and coreutils: the commands in it run as they stand from
// inside the release folder, with PUB naming a public key obtained elsewhere.
std::string VerifyMd(const BuildFacts& build, const ReleaseFacts& release);

// "PASSED (criteria met). SELF-ATTESTED: every role signed with demo keys of one person; no
// approvals, no trusted time." What may honestly be said; never more.
struct Standing {
  eval::Outcome outcome = eval::Outcome::kUndecided;
  std::vector<SignerFact> signers;
  int approvals = 0;
  bool trusted_time = false;  // RFC 3161 timestamps that were checked
  bool reevaluated = false;
  bool waived = false;
};
std::string HonestSentence(const Standing& standing);
// ASSIZE_SELF_ATTESTED or ASSIZE_SEPARATED by the keys, then REEVALUATED, WAIVED as they apply.
// Separated: the four roles' keys all differ and none is a demo key.
std::vector<std::string> Levels(const Standing& standing);

// Escapes & < > " ' for text and attribute values; control characters become U+FFFD.
std::string EscapeHtml(std::string_view text);

// RFC 9562 version 5, name space and name as given.
std::string UuidV5(std::string_view name);

}  // namespace assize::evidence
