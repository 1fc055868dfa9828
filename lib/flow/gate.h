// `verify` and `gate`: files in, a judgement out. Tests: tests/flow/gate_test.cc, tests/e2e/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/policy/gate.h"
#include "lib/support/clock.h"
#include "lib/support/progress.h"
#include "lib/trust/keys.h"

namespace assize::flow {

struct VerifyRequest {
  std::string release;
  std::vector<std::string> keys;  // public key files; at least one
};
StatusOr<policy::VerifyResult> VerifyRelease(const VerifyRequest& request);

struct GateRequest {
  std::string release;
  std::string policy;
  std::string policy_sha256;  // pin; empty: not pinned
  std::string journal;        // the store's journal; empty: beside the release when it is there
  // The gate's own recipe: source model, data and preprocessing to measure again with. Empty: no
  // re-evaluation.
  std::string reevaluate_recipe;
  std::string key;  // signs a new verdict; empty: none is written
  trust::PassphraseProvider passphrase;
  const Clock* clock = nullptr;
};
StatusOr<policy::GateResult> RunGate(const GateRequest& request, Progress& progress);

}  // namespace assize::flow
