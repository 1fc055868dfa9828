// The verifier: structure and types of a model. Runs after import and after every pass, in release
// builds too.
//
// Reports all findings in a fixed order, each with a rule id AZ-VER-NNNN: SSA, order (cycles),
// use-lists, names, captures, opset imports, op known/unknown (a note, not an error), attribute
// names and types, arity, inferred types against declared ones, functions without recursion. Tests:
// tests/verify/verify_test.cc.
#pragma once

#include <vector>

#include "lib/ir/model.h"
#include "lib/support/diagnostics.h"
#include "lib/support/status.h"

namespace assize::verify {

// Findings with severity kError make a model invalid; warnings (stale shapes) do not.
std::vector<Diagnostic> Verify(const ir::Model& model);
// InvalidArgument listing the errors among `findings`, one a line, or OK.
Status StatusOf(const std::vector<Diagnostic>& findings);
// InvalidArgument listing the errors (all, one a line), or OK.
Status CheckModel(const ir::Model& model);

}  // namespace assize::verify
