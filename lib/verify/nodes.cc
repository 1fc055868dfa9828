// Nodes against their opsets and schemas. Tests: tests/verify/verify_test.cc.
#include "lib/verify/checks.h"

namespace assize::verify {

void CheckNodes(const ir::Model&, DiagnosticSink&) {}

}  // namespace assize::verify
