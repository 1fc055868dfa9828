// Every model at hand through the verifier and the exact and bounded passes: ONNX's node cases,
// Debian's test data.
//
// A model that ONNX ships must verify, and no pass may break one: the manager's nets (verifier,
// types, signature, differential run against the reference) turn any mistake into a failure here.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "lib/onnx/onnx.h"
#include "lib/verify/verify.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

namespace fs = std::filesystem;

// A sanitized build looks at every eighth model: it is there for memory errors, not for breadth.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t kStride = 8;
#else
constexpr size_t kStride = 1;
#endif

std::vector<std::string> ModelsBelow(const std::string& folder) {
  std::vector<std::string> paths;
  if (!fs::is_directory(folder)) return paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".onnx")
      paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void RunOver(const std::string& folder, int64_t least_models, int64_t least_passed) {
  const std::vector<std::string> paths = ModelsBelow(folder);
  if (paths.empty()) GTEST_SKIP() << "no models below " << folder;
  std::map<std::string, int64_t> checks;
  int64_t models = 0;
  for (size_t i = 0; i < paths.size(); i += kStride) {
    const std::string& path = paths[i];
    SCOPED_TRACE(path);
    auto imported = onnx::ImportFile(path);
    if (!imported.ok()) continue;  // refusals are tested in tests/onnx
    ++models;
    ir::Model model = std::move(imported->model);
    const Status valid = verify::CheckModel(model);
    EXPECT_TRUE(valid.ok()) << Message(valid);
    if (!valid.ok()) continue;
    pass::ManagerOptions options;
    options.numeric_check_max_macs = 10'000'000;
    // ONNX's light models make hundreds of megabytes of weights at run time: only the static nets
    // look at them.
    options.numeric_checks = path.find("/light/") == std::string::npos;
    const Outcome outcome = RunPipeline("simplify,fuse,simplify", model, options);
    EXPECT_TRUE(outcome.status.ok()) << Message(outcome.status);
    for (const pass::PassRecord& record : outcome.records) {
      if (record.changed) ++checks[record.pass + " " + record.check.outcome];
    }
  }
  fmt::print("{} models\n", models);
  int64_t passed = 0;
  for (const auto& [what, count] : checks) {
    fmt::print("  {:>6} {}\n", count, what);
    if (what.ends_with(" passed")) passed += count;
  }
  EXPECT_GE(models * static_cast<int64_t>(kStride), least_models);
  // Runs that compared outputs and found them the same: with far fewer of them this test would
  // prove little. Every eighth of few models may hold none.
  if (kStride == 1 || least_passed > 100) {
    EXPECT_GE(passed * static_cast<int64_t>(kStride) * 2, least_passed);
  }
}

TEST(Corpus, NodeCases) { RunOver(ASSIZE_SOURCE_DIR "/.deps/node-cases", 1800, 1000); }
TEST(Corpus, ModelCases) { RunOver(ASSIZE_SOURCE_DIR "/.deps/model-cases", 100, 1); }
TEST(Corpus, DebianTestData) {
  for (const std::string folder :
       {"/usr/share/libonnx-testdata/data", "/usr/share/libonnx-testdata"}) {
    if (fs::is_directory(folder)) return RunOver(folder, 1000, 200);
  }
  GTEST_SKIP() << "libonnx-testdata is not installed";
}

}  // namespace
}  // namespace assize::testing
