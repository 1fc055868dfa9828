// The catalogs. An objective claims what this program can see and nothing more; whether a control
// as a whole is met is for an auditor with records from elsewhere.
#include "lib/evidence/controls.h"

#include <algorithm>
#include <array>

#include "lib/evidence/documents.h"
#include "lib/evidence/types.h"
#include "lib/support/suggest.h"

namespace assize::evidence {
namespace {

bool Always(const BuildFacts&, const ReleaseFacts&) { return true; }
bool BomComplete(const BuildFacts& build, const ReleaseFacts& release) {
  return !build.tools.empty() && !build.splits.empty() && !release.files.empty();
}
bool NoDemoKeys(const BuildFacts&, const ReleaseFacts& release) {
  return std::none_of(release.signers.begin(), release.signers.end(),
                      [](const SignerFact& signer) { return signer.demo; });
}
bool CriteriaMet(const BuildFacts& build, const ReleaseFacts&) {
  return build.report.outcome == eval::Outcome::kPassed;
}
bool CriteriaFirst(const BuildFacts& build, const ReleaseFacts& release) {
  return release.criteria_signed_at <= build.evaluated_at && release.journal_sequence > 0;
}
bool ChangeLinked(const BuildFacts& build, const ReleaseFacts&) {
  const ChangeFacts& change = build.plan.change;
  return !change.ticket.empty() && !change.requester.empty() && !change.reason.empty();
}
bool Classified(const BuildFacts& build, const ReleaseFacts&) {
  return !build.plan.classification.empty();
}
bool RecipeRecorded(const BuildFacts& build, const ReleaseFacts&) {
  return !build.plan.recipe_yaml.empty();
}
bool ToolsNamed(const BuildFacts& build, const ReleaseFacts&) {
  return !build.tools.empty() && !build.plan.source.file.sha256.empty();
}

constexpr std::array<Objective, 10> kIso27001 = {{
    {"A.5.9", "bom-complete",
     "The bill of materials names the model, its source, the data splits and the tools by digest "
     "or version.",
     "Owners of these assets and the inventory of everything else.", kMlBomTwin, BomComplete},
    {"A.5.21", "source-and-tools-named",
     "The source model is identified by digest and the tools by version.",
     "Agreements with suppliers, their assessment, and where the source model came from.",
     kProvenanceFile, ToolsNamed},
    {"A.5.33", "record-signed",
     "Every file of the record is listed by digest in a signed verdict, and the journal line that "
     "announced the build is chained to its predecessors.",
     "Retention, storage and access to the record; a copy kept by a second party.", kJournalFile,
     Always},
    {"A.8.9", "configuration-recorded",
     "The effective recipe, every default written out, is part of the record and cited by digest.",
     "Configuration of the machines that build or run the model.", kRecipeFile, RecipeRecorded},
    {"A.8.24", "signed-with-named-keys",
     "Signatures are ECDSA or Ed25519 by keys that are named by fingerprint; none is a "
     "demonstration key.",
     "How the keys are made, kept, rotated and revoked.", kVerifyText, NoDemoKeys},
    {"A.8.29", "criteria-before-run",
     "Acceptance criteria were signed and journalled before the evaluation, by the builder's clock "
     "and journal.",
     "That nobody tried the model on the same data in private before.", kCriteriaFile,
     CriteriaFirst},
    {"A.8.29", "criteria-met",
     "Every acceptance criterion passed with its one-sided confidence bound.",
     "Whether the criteria suit the use; tests in the environment where the model will run.",
     kEvaluationFile, CriteriaMet},
    {"A.8.32", "change-linked", "The release names a change ticket, a requester and a reason.",
     "Assessment, approval by someone other than the requester, and review of the change.",
     kCriteriaFile, ChangeLinked},
    {"A.8.32", "change-traceable",
     "Each transformation of the model is recorded with the digests before and after it.",
     "Planning and communication of the change, and the way back.", kProvenanceFile, Always},
    {"A.8.33", "test-data-identified",
     "The evaluation set is identified by digest and its classification is stated; the record "
     "holds "
     "no rows of it.",
     "Authorisation to use the data, its protection while in use, and its removal.",
     kEvaluationFile, Classified},
}};

constexpr std::array<Objective, 3> kHipaa = {{
    {"H.164.312.b", "build-journalled",
     "Each build and its outcome is written to a signed, chained journal.",
     "Activity in systems that contain or use electronic protected health information.",
     kJournalFile, Always},
    {"H.164.312.c.2", "alteration-detectable",
     "Digests and signatures show whether the model or its record was altered.",
     "Whether health information itself was altered; this record is about a model.", kVerifyText,
     Always},
    {"H.164.316.b.1.ii", "record-written",
     "The actions of the build are kept as a written, signed record.",
     "Keeping it for six years from its creation or from when it last was in effect, whichever is "
     "later.",
     kProvenanceFile, Always},
}};

constexpr std::array<Catalog, 2> kCatalogs = {{
    {"iso27001-2022", "ISO/IEC 27001:2022, Annex A, by number", kIso27001},
    {"hipaa-164", "45 CFR Part 164, Subpart C, by section", kHipaa},
}};

}  // namespace

std::span<const Catalog> Catalogs() { return kCatalogs; }

std::vector<std::string> CatalogNames() {
  std::vector<std::string> names;
  for (const Catalog& catalog : kCatalogs) names.emplace_back(catalog.name);
  return names;
}

StatusOr<const Catalog*> FindCatalog(const std::string& name) {
  for (const Catalog& catalog : kCatalogs) {
    if (name == catalog.name) return &catalog;
  }
  const std::vector<std::string> names = CatalogNames();
  return NotFound("no control catalog \"{}\"{}; there are {}", name, DidYouMean(name, names),
                  fmt::join(names, ", "));
}

}  // namespace assize::evidence
