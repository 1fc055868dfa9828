// The families of checks that make up the verifier, and their rule ids.
//
// A rule id is never reused. Texts and rationale: schemas/rules/verifier.md.
#pragma once

#include "lib/ir/model.h"
#include "lib/support/diagnostics.h"

namespace assize::verify {

// AZ-VER-0001 ... 0019. False when an error makes the other checks meaningless.
bool CheckStructure(const ir::Model& model, DiagnosticSink& sink);
// AZ-VER-0020 ... 0039: opset imports, ops, arity, attributes, against the op schemas.
void CheckNodes(const ir::Model& model, DiagnosticSink& sink);
// AZ-VER-0040 ... : types.
void CheckTypes(const ir::Model& model, DiagnosticSink& sink);

}  // namespace assize::verify
