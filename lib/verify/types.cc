// Declared types against inferred ones. Tests: tests/verify/verify_test.cc.
#include "lib/verify/checks.h"

namespace assize::verify {

void CheckTypes(const ir::Model&, DiagnosticSink&) {}

}  // namespace assize::verify
