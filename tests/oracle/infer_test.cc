// Type and shape inference against onnx.shape_inference, over the shared models and ONNX's node
// cases.
//
// A contradiction fails. Where the oracle knows a dim that we do not is counted, and held below a
// share; on the shared models there must be none.
#include "lib/analysis/infer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/onnx/onnx.h"
#include "lib/support/json.h"

namespace assize {
namespace {

namespace fs = std::filesystem;

std::string InferPython() {
  const fs::path python = fs::path(ASSIZE_SOURCE_DIR) / ".deps/oracles/bin/python";
  return fs::exists(python) ? python.string() : "";
}

std::string Shared() {
  const char* given = std::getenv("ASSIZE_SHARED");
  return given ? given : ASSIZE_SOURCE_DIR "/../shared";
}

std::vector<std::string> Models(const std::string& folder) {
  std::vector<std::string> paths;
  if (!fs::exists(folder)) return paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".onnx") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<Json> AskOracle(const std::vector<std::string>& paths) {
  const fs::path list = fs::temp_directory_path() / fmt::format("assize-infer-{}.txt", getpid());
  std::ofstream(list) << fmt::format("{}\n", fmt::join(paths, "\n"));
  const std::string command = fmt::format("{} {}/tests/oracle/infer_shapes.py < {} 2>/dev/null",
                                          InferPython(), ASSIZE_SOURCE_DIR, list.string());
  std::vector<Json> records;
  std::string line;
  FILE* pipe = popen(command.c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    if (c != '\n') {
      line.push_back(static_cast<char>(c));
      continue;
    }
    auto record = ParseJson(line, "oracle");
    EXPECT_TRUE(record.ok()) << Message(record.status());
    if (record.ok()) records.push_back(std::move(*record));
    line.clear();
  }
  EXPECT_EQ(pclose(pipe), 0);
  fs::remove(list);
  return records;
}

struct Tally {
  int64_t models = 0, dims = 0, unknown_to_us = 0;
  std::vector<std::string> contradictions;
  std::map<std::string, int64_t> unknown_by_op;
};

void Compare(const Json& record, Tally& tally) {
  const std::string path = record["path"];
  const auto imported = onnx::ImportFile(path);
  if (!imported.ok() || record.contains("error")) return;
  ++tally.models;
  const ir::Model& model = imported->model;
  analysis::InferOptions options;
  options.ignore_declared = true;
  const analysis::TypeTable types = analysis::InferTypesLeniently(model, options, nullptr);
  for (const auto& [name, expected] : record["values"].items()) {
    const ir::ValueRef ref = model.graph.FindValue(name);
    if (!ref) continue;
    const std::string op = model.graph.node(model.graph.value(ref).producer).op_type;
    const ir::Type& type = types.type(ref);
    const auto contradict = [&](const std::string& what) {
      tally.contradictions.push_back(fmt::format("{} {} \"{}\": {}", path, op, name, what));
    };
    const auto miss = [&](int64_t dims) {
      // The oracle takes a default that a caller may replace (an initializer that is an input) for
      // a constant.
      if (model.ir_version < 4) return;
      tally.unknown_to_us += dims;
      tally.unknown_by_op[op] += dims;
    };
    if (expected[1].is_array()) tally.dims += static_cast<int64_t>(expected[1].size());
    if (!type.is_tensor()) {
      miss(expected[1].is_array() ? static_cast<int64_t>(expected[1].size()) : 1);
      continue;
    }
    if (static_cast<int64_t>(type.dtype) != expected[0].get<int64_t>())
      contradict(ir::TypeText(type) + " against " + expected.dump());
    if (!expected[1].is_array()) continue;
    if (!type.shape) {
      miss(static_cast<int64_t>(expected[1].size()));
      continue;
    }
    if (type.shape->size() != expected[1].size()) {
      contradict(ir::TypeText(type) + " against " + expected.dump());
      continue;
    }
    for (size_t i = 0; i < type.shape->size(); ++i) {
      if (expected[1][i].is_null()) continue;
      const ir::Dim& dim = (*type.shape)[i];
      if (!dim.known())
        miss(1);
      else if (*dim.value != expected[1][i].get<int64_t>())
        contradict(ir::TypeText(type) + " against " + expected.dump());
    }
  }
}

Tally CompareAll(const std::vector<std::string>& paths) {
  Tally tally;
  for (const Json& record : AskOracle(paths)) Compare(record, tally);
  fmt::print("{} models, {} dims known to the oracle, {} of them not to us\n", tally.models,
             tally.dims, tally.unknown_to_us);
  for (const auto& [op, count] : tally.unknown_by_op) fmt::print("  {:>6} {}\n", count, op);
  for (const std::string& c : tally.contradictions) ADD_FAILURE() << c;
  return tally;
}

class InferOracle : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!InferPython().empty()) return;
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << "no oracles: run scripts/setup test";
    GTEST_SKIP() << "no oracles: run scripts/setup test";
  }
};

TEST_F(InferOracle, SharedModels) {
  const std::vector<std::string> paths = Models(Shared() + "/data");
  if (paths.empty()) GTEST_SKIP() << "no models below " << Shared() << "/data";
  EXPECT_EQ(CompareAll(paths).unknown_to_us, 0);
}

TEST_F(InferOracle, NodeCases) {
  const std::vector<std::string> paths = Models(ASSIZE_SOURCE_DIR "/.deps/node-cases");
  if (paths.empty()) GTEST_SKIP() << "no node cases: run scripts/setup test";
  const Tally tally = CompareAll(paths);
  EXPECT_GT(tally.models, 1500);
  EXPECT_LT(tally.unknown_to_us, tally.dims / 20);
}

}  // namespace
}  // namespace assize
