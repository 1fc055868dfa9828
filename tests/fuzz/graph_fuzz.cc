// Graphs made from bytes, run by engine and reference: no crash, no hang, no memory above the
// limits, equal results.
//
// Run: build/fuzz/tests/fuzz/graph_fuzz -timeout=25 -rss_limit_mb=1024 CORPUS. With
// ASSIZE_KEEP=FILE it writes each case as FILE (model and feeds in one) before it drives it: what
// tests/fuzz/regressions/graph_fuzz keeps.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "lib/onnx/onnx.h"
#include "tests/engine/generated_drive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assize::engine;
  if (size > 1024) return -1;
  const Generated generated = GenerateGraph({data, size});
  if (const char* path = std::getenv("ASSIZE_KEEP")) {
    (void)assize::onnx::ExportFile(WithFeeds(generated), path);
  }
  const Outcome outcome = Drive(generated);
  if (!outcome.finding.empty()) {
    std::fprintf(stderr, "%s\n", outcome.finding.c_str());
    std::abort();
  }
  // Graphs that do not run at all teach little: the corpus keeps those that do.
  return outcome.imported ? 0 : -1;
}
