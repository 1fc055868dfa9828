// Attacks with files alone on a real release, through the real binary: each is refused with exit 4
// by a named check. What takes a forger with a key of the release is in tests/policy/.
#include <cstring>

#include "lib/support/sha256.h"
#include "tests/e2e/road.h"
#include "tests/onnx/wire_builder.h"

namespace assize::e2e {
namespace {

class Attacks : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    road_ = new Road;
    release_ = new std::string(road_->Release(road_->recipe()));
    ASSERT_EQ(road_->Gate(*release_).exit, 0) << "what is attacked must be honest";
  }
  static void TearDownTestSuite() {
    delete release_;
    delete road_;
  }
  static std::string Copy() { return road_->CopyOf(*release_); }
  // Neither does `verify` take it for what was released.
  static void Refused(const std::string& release, const std::string& check) {
    ExpectRefused(*road_, release, check);
    EXPECT_EQ(road_->Do({"verify", release, "--key", road_->demo_key()}).exit, 4);
  }

  static Road* road_;
  static std::string* release_;
};
Road* Attacks::road_ = nullptr;
std::string* Attacks::release_ = nullptr;

TEST_F(Attacks, one_byte_of_the_model_changed) {
  const std::string release = Copy(), model = release + "/model/model.onnx";
  std::string bytes = ReadAll(model);
  bytes[bytes.size() / 2] ^= 1;
  WriteAll(model, bytes);
  Refused(release, "tree-exact");
}

TEST_F(Attacks, file_added) {
  const std::string release = Copy();
  WriteAll(release + "/model/plugin.so", "x");
  Refused(release, "tree-exact");
}

TEST_F(Attacks, file_removed) {
  const std::string release = Copy();
  fs::remove(release + "/model/model.onnx");
  Refused(release, "tree-exact");
}

TEST_F(Attacks, file_renamed) {
  const std::string release = Copy();
  fs::rename(release + "/model/model.onnx", release + "/model/model2.onnx");
  Refused(release, "tree-exact");
}

TEST_F(Attacks, file_added_to_the_evidence) {
  const std::string release = Copy();
  WriteAll(release + "/evidence/approval.txt", "approved");
  Refused(release, "files-listed");
}

TEST_F(Attacks, another_key) {
  // The same recipe, built and signed throughout by somebody else.
  Road stranger;
  const std::string theirs = stranger.Release(stranger.recipe());
  EXPECT_EQ(ReadAll(theirs + "/model/model.onnx"), ReadAll(*release_ + "/model/model.onnx"));
  ExpectRefused(*road_, theirs, "key-role");
  EXPECT_EQ(road_->Do({"verify", theirs, "--key", road_->demo_key()}).exit, 4);
  // Nor does one signature of theirs pass among ours.
  for (const char* file :
       {"model.sig", "evidence/evaluation.sigstore.json", "verdicts/0001.sigstore.json"}) {
    const std::string release = Copy();
    fs::copy_file(theirs + "/" + file, release + "/" + file, fs::copy_options::overwrite_existing);
    ExpectRefused(*road_, release, "key-role");
  }
}

TEST_F(Attacks, forged_report) {
  const std::string release = Copy(), page = release + "/evidence/report.html";
  WriteAll(page, Replaced(ReadAll(page), "PASSED", "PERFECT"));
  Refused(release, "files-listed");
}

TEST_F(Attacks, forged_instructions) {
  const std::string release = Copy();
  WriteAll(release + "/VERIFY.md", "# nothing to check\n");
  Refused(release, "files-listed");
}

TEST_F(Attacks, deleted_attestation) {
  int deleted = 0;
  for (const std::string& name : Listing(*release_ + "/evidence")) {
    if (!name.ends_with(".sigstore.json")) continue;
    SCOPED_TRACE(name);
    const std::string release = Copy();
    fs::remove(release + "/evidence/" + name);
    ExpectRefused(*road_, release, "files-listed");
    ++deleted;
  }
  EXPECT_GE(deleted, 5);
}

TEST_F(Attacks, deleted_signature_or_verdict) {
  const std::string unsigned_model = Copy();
  fs::remove(unsigned_model + "/model.sig");
  Refused(unsigned_model, "tree-exact");
  const std::string unjudged = Copy();
  fs::remove(unjudged + "/verdicts/0001.sigstore.json");
  ExpectRefused(*road_, unjudged, "files-listed");
}

TEST_F(Attacks, evidence_of_another_release) {
  Road& road = *road_;
  const std::string other = road.Release(road.recipe(), 0, {"--version", "2.0.0"});
  const std::string release = road.CopyOf(*release_);
  fs::copy_file(other + "/evidence/evaluation.sigstore.json",
                release + "/evidence/evaluation.sigstore.json",
                fs::copy_options::overwrite_existing);
  Refused(release, "files-listed");
  // The whole of it under another version's name.
  const std::string renamed = road.CopyOf(*release_);
  const std::string folder = renamed.substr(0, renamed.rfind('/')) + "/3.0.0";
  fs::rename(renamed, folder);
  ExpectRefused(road, folder, "identity-version");
}

TEST_F(Attacks, two_files_swapped) {
  const std::string release = Copy(), evidence = release + "/evidence/";
  fs::rename(evidence + "criteria.sigstore.json", evidence + "t");
  fs::rename(evidence + "evaluation.sigstore.json", evidence + "criteria.sigstore.json");
  fs::rename(evidence + "t", evidence + "evaluation.sigstore.json");
  Refused(release, "files-listed");
}

TEST_F(Attacks, demo_key_under_a_production_policy) {
  const std::string policy = ReadAll(*road_ / "policy.yaml");
  WriteAll(*road_ / "production.yaml",
           Replaced(policy, "allow_demo_keys: true", "allow_demo_keys: false"));
  const Result gate =
      road_->Do({"gate", *release_, "--policy", *road_ / "production.yaml", "--json"});
  EXPECT_EQ(gate.exit, 4) << gate.out;
  bool refused = false;
  const Json json = JsonOf(gate);
  for (const Json& check : json.at("checks")) {
    refused = refused || (check.at("id") == "key-role" && check.at("status") == "fail");
  }
  EXPECT_TRUE(refused) << gate.out;
}

TEST(History, failed_version_deleted_and_rebuilt) {
  Road road;
  const std::string failed =
      road.Release(Replaced(road.recipe(), "at_least: 0.90", "at_least: 0.999"), 1);
  fs::remove_all(failed);
  // Not in its own store: the journal remembers.
  ExpectError(road.Build(road.recipe()), 3, {"1.0.0", "FAILED"});
  // Nor in another store with the same key, moved over: the journal beside it is of another
  // history.
  const Result elsewhere =
      road.Do({"build", road / "recipe.yaml", "--store", road / "fresh", "--json"});
  ASSERT_EQ(elsewhere.exit, 0) << elsewhere.err;
  const std::string rebuilt = JsonOf(elsewhere).at("release").get<std::string>();
  ASSERT_EQ(road.Gate(rebuilt).exit, 0) << "alone it shows nothing";
  fs::create_directories(fs::path(failed).parent_path());
  fs::copy(rebuilt, failed, fs::copy_options::recursive);
  ExpectRefused(road, failed, "chain-unbroken");
  ExpectRefused(road, rebuilt, "chain-unbroken", {"--journal", road.store() + "/journal.jsonl"});
  // Nor when the journal's last lines are cut off to make room.
  const std::string journal = ReadAll(road.store() + "/journal.jsonl");
  fs::remove_all(failed);
  WriteAll(road.store() + "/journal.jsonl", journal.substr(0, journal.find('\n') + 1));
  const Result cut = road.Build(road.recipe());
  EXPECT_EQ(cut.exit, 3) << "what was begun is closed as ABORTED, and spent: " << cut.out;
}

// A classifier whose weights lie outside: x [1,30] times W [30,2] of weights.bin.
std::string ExternalModel() {
  using onnx::Node;
  using onnx::Wire;
  const Wire weights = Wire()
                           .Int(1, 30)
                           .Int(1, 2)
                           .Int(2, 1)
                           .Text(8, "W")
                           .Int(14, 1)
                           .Sub(13, onnx::Pair("location", "weights.bin"))
                           .Sub(13, onnx::Pair("length", "240"));
  const Wire graph = Wire()
                         .Sub(1, Node("MatMul", {"input", "W"}, {"logits"}))
                         .Text(2, "g")
                         .Sub(5, weights)
                         .Sub(11, onnx::ValueInfo("input", onnx::TensorType(1, {1, 30})))
                         .Sub(12, onnx::ValueInfo("logits", onnx::TensorType(1, {1, 2})));
  return onnx::ModelOf(graph).bytes();
}

class ExternalData : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<float> weights(60);
    for (size_t i = 0; i < 60; ++i)
      weights[i] = (i % 2 == 0 ? 0.1F : -0.1F) * static_cast<float>(i % 7);
    std::string bytes(240, '\0');
    std::memcpy(bytes.data(), weights.data(), bytes.size());
    WriteAll(road_ / "external.onnx", ExternalModel());
    WriteAll(road_ / "weights.bin", bytes);
    const std::string digest = Hex(Sha256(ExternalModel()));
    const std::string source = "76e0f0baf733932b053936f0a81a72ae20de80a1bd16417faa64c32a37462d97";
    std::string recipe = Replaced(road_.recipe(), source, digest);
    recipe = Replaced(recipe, "wdbc_mlp.onnx", "external.onnx");
    recipe = Replaced(recipe, "[ simplify, fuse, quantize-static ]", "[ simplify ]");
    std::string policy = Replaced(ReadAll(road_ / "policy.yaml"), source, digest);
    for (std::string* text : {&recipe, &policy}) {
      const size_t from = text->find("  - { metric: top1"),
                   to = text->find("  - { metric: flip_rate");
      text->erase(from, to - from);
    }
    WriteAll(road_ / "policy.yaml", policy);
    release_ = road_.Release(recipe);
    const Result gate = road_.Gate(release_);
    ASSERT_EQ(gate.exit, 0) << gate.out << gate.err;
    ASSERT_EQ(ReadAll(release_ + "/model/weights.bin"), bytes)
        << "the weights are released beside the model";
  }
  Road road_;
  std::string release_;
};

TEST_F(ExternalData, external_data_not_covered) {
  const std::string weights = release_ + "/model/weights.bin", bytes = ReadAll(weights);
  std::string other = bytes;
  other[3] ^= 1;
  WriteAll(weights, other);
  ExpectRefused(road_, release_, "tree-exact");
  // A link to the very same bytes outside of what was signed: a release holds no links at all.
  fs::remove(weights);
  WriteAll(road_ / "outside.bin", bytes);
  fs::create_symlink(road_ / "outside.bin", weights);
  const Result linked = road_.Gate(release_);
  EXPECT_EQ(linked.exit, 3) << linked.out;
  EXPECT_NE(linked.err.find("weights.bin: a symbolic link"), std::string::npos) << linked.err;
  fs::remove(weights);
  ExpectRefused(road_, release_, "load-covered");
}

TEST_F(ExternalData, two_files_swapped) {
  const std::string model = release_ + "/model/";
  fs::rename(model + "model.onnx", model + "t");
  fs::rename(model + "weights.bin", model + "model.onnx");
  fs::rename(model + "t", model + "weights.bin");
  ExpectRefused(road_, release_, "tree-exact");
}

}  // namespace
}  // namespace assize::e2e
