// The gate: may this release be used? Twelve checks against a policy from outside the release; all
// run, all are reported, failures first. A check that could not run has failed.
//
// Tests, one per attack: tests/policy/*_attacks_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/eval/report.h"
#include "lib/policy/policy.h"
#include "lib/release/reader.h"
#include "lib/support/clock.h"
#include "lib/support/exit_code.h"
#include "lib/support/json.h"
#include "lib/trust/keys.h"

namespace assize::policy {

enum class CheckStatus { kPass, kWaived, kFail, kNotRun };
const char* CheckStatusName(CheckStatus status);  // "pass" "waived by policy" "fail" "not run"

struct CheckResult {
  std::string id;  // "tree-exact"
  CheckStatus status = CheckStatus::kNotRun;
  bool about_criteria = false;  // a failure is exit 1 (the model is not good enough), not 4
  std::string reason;           // one line, whatever the status
  std::string found, wanted;    // on failure
  std::string mend;             // who can mend it, and how
};

struct GateOptions {
  std::string policy_sha256;  // expected digest of the policy's bytes (hex); empty: not pinned
  std::string journal_path;   // empty: <release>/../../journal.jsonl when it is there
  // Files that loading model.onnx touches, relative to the model folder, the ONNX file first; as
  // found by importing the verified bytes. Without it load-covered has not run.
  std::optional<std::vector<std::string>> loaded_files;
  // Structural digest of the model as loaded from the verified bytes, hex: what the chain of pass
  // records must end with. Empty: not compared.
  std::string structural_digest;
  // Measured again on the gate's own data, over the policy's criteria.
  std::optional<eval::Report> reevaluated;
  std::string reevaluated_source_sha256, reevaluated_set_sha256;
  // Signs verdicts/000N when given; the policy must trust it as gate or releaser (a usage error
  // otherwise: the next gate would refuse the release). Nothing is written on exit 4.
  const trust::PrivateKey* gate_key = nullptr;
  std::string version;  // of this program, for the verdict
};

struct GateResult {
  std::string name, version;
  std::string verdict;  // "PASSED" or "FAILED": what the gate says
  ExitCode exit_code = ExitCode::kNotTrusted;
  std::vector<std::string> levels;
  std::string sentence;
  std::vector<CheckResult> checks;     // failures first, otherwise in the table's order
  std::vector<eval::Judged> criteria;  // the policy's, decided from the counts
  std::string verdict_file;            // written with gate_key

  const CheckResult* Find(std::string_view id) const;
  Json ToJson() const;
  std::string ToText() const;  // for a terminal, one line per check and the failures' details
};

std::vector<std::string> CheckIds();  // in the table's order

// Fails only when it cannot judge at all: bad policy (exit 2), unwritable verdict. Everything about
// the release is in the result.
StatusOr<GateResult> Gate(const release::Release& release, const GatePolicy& policy,
                          const Clock& clock, const GateOptions& options);

struct VerifyResult {
  std::string name, version;
  std::string verdict;  // the newest signed one: "PASSED" or "FAILED"
  std::string sentence;
  ExitCode exit_code = ExitCode::kNotTrusted;  // 0, 1 (integrity holds, the verdict is FAILED), 4
  std::vector<CheckResult> checks;             // signature, tree-exact, files-listed, bundles

  const CheckResult* Find(std::string_view id) const;
  Json ToJson() const;
  std::string ToText() const;
};

// Integrity only: are these the bytes that the holder of `keys` released? The model's signature and
// the verdicts must be by `keys`; a bundle by another key counts by its digest in the verdict and
// is reported so.
StatusOr<VerifyResult> Verify(const release::Release& release,
                              const std::vector<trust::PublicKey>& keys);

}  // namespace assize::policy
