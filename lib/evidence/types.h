// Names that statements, store and gate share: predicate types, roles, events, levels, file names.
//
// The URIs only name formats (schemas/statements/ holds their JSON Schemas); nothing is ever
// fetched from them. Tests: tests/evidence/claims_test.cc.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/status.h"

namespace assize::evidence {

inline constexpr char kCriteriaType[] = "https://assize.dev/criteria/v1";
inline constexpr char kProvenanceType[] = "https://slsa.dev/provenance/v1";
inline constexpr char kBuildType[] = "https://assize.dev/build/v1";
inline constexpr char kEvaluationType[] = "https://assize.dev/evaluation/v1";
inline constexpr char kTestResultType[] = "https://in-toto.io/attestation/test-result/v0.1";
inline constexpr char kMlBomType[] = "https://cyclonedx.org/bom";
inline constexpr char kControlsType[] = "https://assize.dev/control-evidence/v1";
inline constexpr char kApprovalType[] = "https://assize.dev/approval/v1";
inline constexpr char kWaiverType[] = "https://assize.dev/waiver/v1";
inline constexpr char kVerdictType[] = "https://slsa.dev/verification_summary/v1";
// The verdict's extension member: what SLSA has no field for.
inline constexpr char kVerdictExtension[] = "https://assize.dev/verdict/v1";
inline constexpr char kJournalType[] = "https://assize.dev/journal-entry/v1";

// Who may sign what. One key may have several roles only where the policy says so.
enum class Role { kCriteria, kBuilder, kEvaluator, kReleaser, kApprover, kRiskOwner, kGate };
const char* RoleName(Role role);  // "criteria" "builder" ... "risk-owner" "gate"
StatusOr<Role> ParseRole(std::string_view name);
std::vector<std::string> RoleNames();

// Files of a release, relative to it.
inline constexpr char kModelFolder[] = "model";
inline constexpr char kRejectedFolder[] = "rejected";
inline constexpr char kModelSignature[] = "model.sig";
inline constexpr char kVerifyText[] = "VERIFY.md";
inline constexpr char kRecipeFile[] = "evidence/recipe.yaml";
inline constexpr char kCriteriaFile[] = "evidence/criteria.sigstore.json";
inline constexpr char kProvenanceFile[] = "evidence/provenance.sigstore.json";
inline constexpr char kEvaluationFile[] = "evidence/evaluation.sigstore.json";
inline constexpr char kTestResultFile[] = "evidence/test-result.sigstore.json";
inline constexpr char kMlBomFile[] = "evidence/mlbom.sigstore.json";
inline constexpr char kMlBomTwin[] = "evidence/mlbom.cdx.json";
inline constexpr char kControlsFile[] = "evidence/controls.sigstore.json";
inline constexpr char kControlsTwin[] = "evidence/controls.oscal.json";
inline constexpr char kReportFile[] = "evidence/report.html";
inline constexpr char kJournalFile[] = "evidence/journal.jsonl";
inline constexpr char kApprovalsFolder[] = "evidence/approvals";
inline constexpr char kWaiversFolder[] = "evidence/waivers";
inline constexpr char kVerdictsFolder[] = "verdicts";
std::string VerdictFile(int number);  // verdicts/0001.sigstore.json

// Names of the subjects that bind a statement to a model folder.
inline constexpr char kListingSubject[] = "model-listing";
inline constexpr char kRootSubject[] = "model-root";

// Levels of a verdict.
inline constexpr char kLevelSelfAttested[] = "ASSIZE_SELF_ATTESTED";
inline constexpr char kLevelSeparated[] = "ASSIZE_SEPARATED";
inline constexpr char kLevelReevaluated[] = "ASSIZE_REEVALUATED";
inline constexpr char kLevelWaived[] = "ASSIZE_WAIVED";

// "assize:chest-xray@1.0.0": the signed identity of a release.
std::string ReleaseUri(const std::string& name, const std::string& version);

}  // namespace assize::evidence
