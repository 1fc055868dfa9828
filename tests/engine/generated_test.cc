// Replays graphs made from bytes: a few hundred seeds that cover many ops, and every case that the
// fuzzer found.
//
// A finding of tests/fuzz/graph_fuzz.cc is kept in tests/fuzz/regressions/graph_fuzz as a model
// with its feeds, so that it stays the same case when the generator changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "lib/engine/engine.h"
#include "lib/onnx/onnx.h"
#include "tests/engine/generated_drive.h"

namespace assize::engine {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 300;
#else
constexpr uint64_t kSeeds = 600;
#endif

TEST(Generated, EngineAndReferenceAgreeOnSeededGraphs) {
  std::set<std::string> ops, native;
  int engine_ran = 0, both = 0, refused = 0, compared = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Generated generated = GenerateGraph(SeededBytes(seed));
    const Outcome outcome = Drive(generated);
    EXPECT_EQ(outcome.finding, "") << "seed " << seed;
    engine_ran += outcome.engine_ran;
    both += outcome.engine_ran && outcome.reference_ran;
    refused += outcome.imported && !outcome.engine_ran;
    compared += outcome.compared;
    if (!outcome.engine_ran) continue;
    const ir::Graph& graph = generated.model.graph;
    for (const ir::NodeRef node : graph.nodes()) ops.insert(graph.node(node).op_type);
    const auto program = Compile(generated.model);
    if (!program.ok()) continue;
    for (const StepInfo& step : Describe(**program)) {
      if (step.kernel != "reference") native.insert(step.kernel);
    }
  }
  // A generator whose graphs all fail, or are all alike, would prove nothing.
  EXPECT_GT(both, static_cast<int>(kSeeds) / 2);
  EXPECT_GT(refused, static_cast<int>(kSeeds) / 20);
  EXPECT_GT(compared, 2 * static_cast<int>(kSeeds));
  EXPECT_GT(ops.size(), 80u);
  EXPECT_GT(native.size(), 25u);
  RecordProperty("both_ran", both);
  RecordProperty("ops", static_cast<int>(ops.size()));
}

TEST(Generated, SameBytesSameGraph) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Generated one = GenerateGraph(SeededBytes(seed)), two = GenerateGraph(SeededBytes(seed));
    const auto a = onnx::ExportBytes(WithFeeds(one)), b = onnx::ExportBytes(WithFeeds(two));
    ASSERT_EQ(a.ok(), b.ok());
    if (!a.ok()) continue;
    EXPECT_EQ(a->model, b->model) << seed;
  }
}

TEST(Generated, NoFindingComesBack) {
  const std::filesystem::path folder = ASSIZE_SOURCE_DIR "/tests/fuzz/regressions/graph_fuzz";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".onnx") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  EXPECT_GE(files.size(), 10u) << folder;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    auto imported = onnx::ImportFile(file);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(Drive(FromModelWithFeeds(std::move(imported->model))).finding, "");
  }
}

// What import alone would refuse never reaches the engine, and is no model to keep.
TEST(Generated, FeedsTravelWithTheModel) {
  const Generated generated = GenerateGraph(SeededBytes(1));
  const Generated back = FromModelWithFeeds(WithFeeds(generated));
  ASSERT_EQ(back.feeds.size(), generated.feeds.size());
  for (const auto& [name, tensor] : generated.feeds) EXPECT_EQ(back.feeds.at(name), tensor) << name;
  for (const ir::ValueRef value : back.model.graph.initializers()) {
    EXPECT_FALSE(back.model.graph.value(value).name.starts_with("feed:"));
  }
}

}  // namespace
}  // namespace assize::engine
