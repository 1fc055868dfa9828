// `build`: a recipe in, a signed and evidenced release out. Tests: tests/flow/build_test.cc,
// tests/e2e/.
//
// Order: everything that can be checked is checked; the version is reserved; criteria are signed
// and journalled; passes run; only then is the evaluation data used; statements are signed; the
// release is published atomically.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/eval/report.h"
#include "lib/flow/comparison.h"
#include "lib/pass/record.h"
#include "lib/recipe/recipe.h"
#include "lib/support/clock.h"
#include "lib/support/diagnostics.h"
#include "lib/support/progress.h"
#include "lib/trust/keys.h"

namespace assize::flow {

struct BuildRequest {
  std::string recipe;  // path
  std::string store = "releases";
  std::string version;           // replaces the recipe's; empty: the recipe's
  const Clock* clock = nullptr;  // null: the system's
  trust::PassphraseProvider passphrase;
  std::vector<std::string> known_keys;  // public key files of other builders in the store's journal
};

// What `--dry-run` prints: the plan, and the samples each criterion needs.
struct BuildPlan {
  std::string text;
  Json json;
};
StatusOr<BuildPlan> PlanBuild(const BuildRequest& request, Progress& progress);

struct BuildResult {
  std::string release;      // its path
  std::string verdict;      // PASSED, FAILED, UNDECIDED
  std::string sentence;     // the honest last line
  std::string report_page;  // path of report.html
  Comparison comparison;
  std::vector<pass::PassRecord> records;
  std::vector<Diagnostic> diagnostics;
  std::vector<std::string> warnings;
  Json ToJson() const;  // release, verdict, ...
  std::string ToText() const;
};
// A build whose criteria fail or stay undecided is a result with that verdict (exit 1), not an
// error.
StatusOr<BuildResult> RunBuild(const BuildRequest& request, Progress& progress);

}  // namespace assize::flow
