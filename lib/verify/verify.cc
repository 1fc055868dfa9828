// The verifier's entry points. Structure is in structure.cc, nodes against their schemas in
// nodes.cc, declared types against inferred ones in types.cc. Tests: tests/verify/verify_test.cc.
#include "lib/verify/verify.h"

#include "lib/verify/checks.h"

namespace assize::verify {

std::vector<Diagnostic> Verify(const ir::Model& model) {
  CollectingSink sink;
  const bool sound = CheckStructure(model, sink);
  // The later checks follow handles and names, which a broken structure does not give.
  if (sound) {
    CheckNodes(model, sink);
    CheckTypes(model, sink);
  }
  return sink.diagnostics();
}

Status CheckModel(const ir::Model& model) { return StatusOf(Verify(model)); }

Status StatusOf(const std::vector<Diagnostic>& findings) {
  std::string errors;
  for (const Diagnostic& d : findings) {
    if (d.severity != Severity::kError) continue;
    if (!errors.empty()) errors += "\n";
    errors += fmt::format("{} {}: {}", d.rule, d.place, d.message);
  }
  if (errors.empty()) return OkStatus();
  return InvalidArgument("{}", errors);
}

}  // namespace assize::verify
