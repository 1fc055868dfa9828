// Makes real releases for tests: real keys and signatures, real counts, model files of a few bytes
// (what a release holds is not looked into here). Also the tools of an attacker.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/eval/report.h"
#include "lib/evidence/claims.h"
#include "lib/evidence/documents.h"
#include "lib/evidence/facts.h"
#include "lib/evidence/statements.h"
#include "lib/release/reader.h"
#include "lib/release/store.h"
#include "lib/support/files.h"
#include "lib/support/json.h"
#include "lib/support/sha256.h"
#include "lib/trust/base64.h"
#include "lib/trust/bundle.h"
#include "lib/trust/keys.h"
#include "lib/trust/oms.h"

namespace assize::testing {

inline std::string HexOf(std::string_view text) { return Hex(Sha256(text)); }

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) {
    ADD_FAILURE() << Message(value.status());
    std::abort();
  }
  return *std::move(value);
}
inline void Must(const Status& status) {
  if (!status.ok()) {
    ADD_FAILURE() << Message(status);
    std::abort();
  }
}

class TempFolder {
 public:
  TempFolder() {
    // In memory where there is such a place: releases are flushed to disk file by file.
    std::error_code error;
    const auto parent =
        std::filesystem::is_directory("/dev/shm", error) && ::access("/dev/shm", W_OK) == 0
            ? std::filesystem::path("/dev/shm")
            : std::filesystem::temp_directory_path();
    std::string name = (parent / "assize-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Keys are made once per binary.
struct Keys {
  trust::PrivateKey criteria = Must(trust::PrivateKey::Generate());
  trust::PrivateKey builder = Must(trust::PrivateKey::Generate());
  trust::PrivateKey evaluator = Must(trust::PrivateKey::Generate());
  trust::PrivateKey releaser = Must(trust::PrivateKey::Generate());
  trust::PrivateKey approver = Must(trust::PrivateKey::Generate());
  trust::PrivateKey risk_owner = Must(trust::PrivateKey::Generate());
  trust::PrivateKey gate = Must(trust::PrivateKey::Generate());
  trust::PrivateKey attacker = Must(trust::PrivateKey::Generate());
  trust::PrivateKey demo = Must(trust::PrivateKey::GenerateDemo());
  release::RoleKeys Roles() const { return {&criteria, &builder, &evaluator, &releaser}; }
  release::RoleKeys All(const trust::PrivateKey& key) const { return {&key, &key, &key, &key}; }
};
inline const Keys& TestKeys() {
  static const Keys* keys = new Keys;
  return *keys;
}

// A clock that a test moves.
class TestClock final : public Clock {
 public:
  int64_t NowSeconds() const override { return now; }
  int64_t MonotonicMicros() const override { return 0; }
  int64_t now = 1'795'000'000;  // 2026-11-18
};

struct Recipe {
  std::string name = "chest-xray";
  std::string version = "1.0.0";
  std::map<std::string, std::string> files = {{"model.onnx", "the small model"},
                                              {"labels.txt", "normal\npneumonia\n"}};
  std::vector<std::string> external;
  std::string source = "the source model";
  std::string evaluation_set = "the evaluation set";
  int64_t rows = 400;
  int64_t wrong = 6;         // of the small model
  int64_t source_wrong = 6;  // of the source, the same rows
  double threshold = 0.95;   // top1 at_least
  std::vector<std::string> withheld;
  uint64_t seed = 7;
  std::string set_file = "images.npz";
};

inline std::vector<eval::Criterion> CriteriaOf(const Recipe& recipe) {
  eval::Criterion top1;
  top1.metric = eval::Metric::kTop1;
  top1.comparator = eval::Comparator::kAtLeast;
  top1.threshold = recipe.threshold;
  top1.id = "top1-at-least";
  eval::Criterion drop;
  drop.metric = eval::Metric::kTop1;
  drop.comparator = eval::Comparator::kMaxDrop;
  drop.threshold = 0.03;
  drop.against_source = true;
  drop.id = "top1-max-drop";
  return {top1, drop};
}

inline eval::Report ReportOf(const Recipe& recipe) {
  eval::Observations seen;
  eval::Outputs source;
  seen.model.rows = source.rows = recipe.rows;
  seen.model.width = source.width = 2;
  for (int64_t row = 0; row < recipe.rows; ++row) {
    const int64_t label = row % 2;
    auto push = [&](eval::Outputs& outputs, bool right) {
      const float one = (label == 1) == right ? 2.0f : 1.0f;
      outputs.values.push_back(3.0f - one);
      outputs.values.push_back(one);
    };
    push(seen.model, row >= recipe.wrong);
    push(source, row >= recipe.source_wrong);
    seen.labels.push_back(label);
  }
  seen.source = source;
  eval::MeasureOptions options;
  options.seed = recipe.seed;
  return Must(eval::Evaluate(CriteriaOf(recipe), seen, options));
}

inline evidence::PlanFacts PlanOf(const Recipe& recipe) {
  evidence::PlanFacts plan;
  plan.name = recipe.name;
  plan.version = recipe.version;
  plan.classification = "deidentified";
  plan.change = {"CR-1042", "radiology", "faster triage on ward PCs"};
  plan.criteria = CriteriaOf(recipe);
  plan.source.file = {"pneumonia_cnn.onnx", HexOf(recipe.source), 51'234'000};
  plan.source.structural_digest = HexOf("structure before");
  plan.source.nodes = 31;
  plan.source.parameters = 123'456;
  plan.source.nonzero_parameters = 123'450;
  plan.source.weight_bytes = 493'824;
  plan.source.macs = 9'876'543;
  plan.source.ir_version = 8;
  plan.source.opsets = {{"ai.onnx", 13}};
  plan.source.inputs = {{"x", "f32", "[N, 1, 28, 28]"}};
  plan.source.outputs = {{"logits", "f32", "[N, 2]"}};
  plan.data = {{"test", {{recipe.set_file, HexOf(recipe.evaluation_set), 1'000}}}};
  plan.evaluation.name = "evaluation";
  plan.evaluation.from = "test";
  plan.evaluation.rows = recipe.rows;
  plan.evaluation.digest = HexOf(recipe.evaluation_set + "/rows");
  plan.evaluation.record = {{"name", "evaluation"}, {"rows", recipe.rows}, {"dropped_overlap", 0}};
  plan.evaluation.description = {
      {"files", Json::array({Json{{"name", recipe.set_file}, {"sha256", HexOf("file")}}})},
      {"rows", recipe.rows}};
  plan.recipe_yaml = "assize: 1\nrelease: { name: " + recipe.name + " }\n";
  plan.pipeline = "simplify,fuse,quantize-static{calibrator=percentile}";
  plan.catalogs = {"iso27001-2022"};
  return plan;
}

inline evidence::BuildFacts BuildOf(const Recipe& recipe, const Clock& clock) {
  evidence::BuildFacts build;
  build.plan = PlanOf(recipe);
  build.result = build.plan.source;
  build.result.file = {"model.onnx", HexOf(recipe.files.at("model.onnx")), 14'321'000};
  for (const std::string& name : recipe.external) {
    build.result.external.push_back({name, HexOf(recipe.files.at(name)), 10});
  }
  build.result.structural_digest = HexOf("structure after");
  build.result.nodes = 24;
  build.result.weight_bytes = 123'456;
  evidence::SplitFacts calibration = build.plan.evaluation;
  calibration.name = "calibration";
  calibration.from = "train";
  calibration.rows = 300;
  calibration.digest = HexOf("calibration rows");
  calibration.record = {{"name", "calibration"}, {"rows", 300}, {"dropped_overlap", 2}};
  build.splits = {calibration, build.plan.evaluation};
  pass::PassRecord fuse;
  fuse.pass = "fuse-conv-bn";
  fuse.folder = "fuse";
  fuse.input = Sha256("structure before");
  fuse.output = Sha256("structure between");
  fuse.changed = true;
  fuse.nodes_before = 31;
  fuse.nodes_after = 24;
  fuse.bytes_before = 493'824;
  fuse.bytes_after = 490'000;
  fuse.statistics = {{"rewritten", 7}, {"declined", 0}};
  fuse.check = {"bounded", "passed", "", 1e-6, 1e-5};
  pass::PassRecord quantize;
  quantize.pass = "quantize-static";
  quantize.folder = "quantize";
  quantize.options = {{"calibrator", "percentile"}};
  quantize.input = fuse.output;
  quantize.output = Sha256("structure after");
  quantize.changed = true;
  quantize.nodes_before = 24;
  quantize.nodes_after = 24;
  quantize.bytes_before = 490'000;
  quantize.bytes_after = 123'456;
  quantize.check = {"none", "skipped", "judged by the criteria", 0, 0};
  build.records = {fuse, quantize};
  build.report = ReportOf(recipe);
  build.tools = {{"assize", "0.1.0", ""}, {"onednn", "3.2", ""}};
  build.instruction_set = "avx2";
  build.started_at = build.evaluated_at = build.finished_at = clock.NowSeconds();
  return build;
}

inline void WriteText(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}
inline std::string ReadText(const std::string& path) { return Must(ReadFile(path)); }

inline StatusOr<release::Published> TryRelease(const std::string& store, const Recipe& recipe,
                                               const release::RoleKeys& keys, TestClock& clock) {
  const evidence::PlanFacts plan = PlanOf(recipe);
  AZ_ASSIGN_OR_RETURN(release::Build build, release::Store(store).Begin(plan, keys, clock));
  clock.now += 1;
  AZ_RETURN_IF_ERROR(build.SealCriteria(plan));
  for (const auto& [name, text] : recipe.files) {
    WriteText(JoinPath(build.model_folder(), name), text);
  }
  clock.now += 60;
  return build.Finish(BuildOf(recipe, clock), "model.onnx", recipe.withheld);
}

// Every file below `folder` with its digest: two equal snapshots mean that nothing changed.
inline std::map<std::string, std::string> Snapshot(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    files[name] = entry.is_regular_file() ? Hex(Must(Sha256OfFile(entry.path().string()))) : "";
  }
  return files;
}

// --- the attacker's tools

inline std::string PayloadOf(const std::string& bundle) {
  const Json json = Must(ParseJson(bundle, "bundle"));
  return Must(trust::Base64Decode(json["dsseEnvelope"]["payload"].get<std::string>()));
}
inline Json StatementIn(const std::string& path) {
  return Must(ParseJson(PayloadOf(ReadText(path)), path));
}
// Changes a signed statement and signs it again with `key`.
inline void Resign(const std::string& path, const std::function<void(Json&)>& change,
                   const trust::PrivateKey& key) {
  Json statement = StatementIn(path);
  change(statement);
  WriteText(path, Must(trust::SignStatement(statement, key)));
}
inline std::string& Replace(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}
// The releaser's collusion: the first verdict lists whatever lies there now.
inline void Relist(const std::string& release_path, const trust::PrivateKey& releaser) {
  const release::Release release = Must(release::ReadRelease(release_path));
  Resign(
      JoinPath(release_path, evidence::VerdictFile(1)),
      [&](Json& statement) {
        Json files = Json::array(), inputs = Json::array();
        for (const evidence::FileFact& file : release::ListedFiles(release, 1)) {
          files.push_back({{"name", file.name}, {"sha256", file.sha256}});
          if (file.name == "model.sig" || file.name.ends_with(".sigstore.json")) {
            inputs.push_back({{"uri", file.name}, {"digest", {{"sha256", file.sha256}}}});
          }
        }
        statement["predicate"][evidence::kVerdictExtension]["files"] = files;
        statement["predicate"]["inputAttestations"] = inputs;
      },
      releaser);
}
// Copies a release out of its store, keeping name and version, so that no journal lies beside it.
inline std::string CopyOut(const std::string& release_path, const std::string& to) {
  const std::filesystem::path path(release_path);
  const std::filesystem::path target =
      std::filesystem::path(to) / path.parent_path().filename() / path.filename();
  std::filesystem::create_directories(target.parent_path());
  std::filesystem::copy(path, target, std::filesystem::copy_options::recursive);
  return target.string();
}

struct Ran {
  int exit = -1;
  std::string output;
};
// A command line for bash; both streams.
inline Ran Shell(const std::string& command) {
  Ran run;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return run;
  char buffer[4096];
  size_t n = 0;
  while ((n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0) run.output.append(buffer, n);
  const int status = ::pclose(pipe);
  run.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return run;
}

}  // namespace assize::testing
