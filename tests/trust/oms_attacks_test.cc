// Model signatures: each test is named after what an attacker does to a signed folder or its
// signature.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>

#include "lib/trust/oms.h"
#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

using ::testing::HasSubstr;

class OmsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch_.Put("model/model.onnx", "the graph");
    scratch_.Put("model/weights.bin", "the weights");
    scratch_.Put("model/a/b", "x");
    scratch_.Put("model/a-b", "y");
    scratch_.Put("model/empty", "");
    const auto tree = HashModelFolder(folder());
    ASSERT_TRUE(tree.ok()) << tree.status();
    tree_ = *tree;
    const auto bundle = SignModel(tree_, "model", TestKey());
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    bundle_ = *bundle;
    ASSERT_TRUE(Verify().ok()) << Verify();
  }

  std::string folder() const { return scratch_ / "model"; }
  Status Verify() const {
    return VerifyModelFolder(bundle_, folder(), TestKey().public_key(), "model.sig").status();
  }
  // The folder was changed: not trusted, and the message names what.
  void ExpectRefused(const std::string& part) const {
    const Status status = Verify();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
    EXPECT_THAT(Message(status), HasSubstr(part));
  }
  // A forger who holds the trusted key signs an edited statement: refused in both forms.
  void ExpectForgeryRefused(const std::string& part, const std::function<void(Json&)>& edit,
                            bool foreign_too = true) const {
    Json json = MakeOmsStatement(tree_, "model").ToJson();
    edit(json);
    const std::string bundle = ForgeBundle(DumpJson(json), TestKey());
    for (const BundleForm form : {BundleForm::kCanonical, BundleForm::kForeign}) {
      if (form == BundleForm::kForeign && !foreign_too) continue;
      const auto model =
          VerifyModelFolder(bundle, folder(), TestKey().public_key(), "model.sig", form);
      ASSERT_FALSE(model.ok()) << part;
      EXPECT_EQ(model.status().code(), StatusCode::kUnauthenticated) << model.status();
      EXPECT_THAT(Message(model.status()), HasSubstr(part));
    }
  }

  ScratchFolder scratch_;
  ModelTree tree_;
  std::string bundle_;
};

TEST_F(OmsTest, FilesAreInCodePointOrderWithTheirDigests) {
  std::vector<std::string> names;
  for (const ModelFile& file : tree_.files) names.push_back(file.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a-b", "a/b", "empty", "model.onnx", "weights.bin"}));
  EXPECT_EQ(tree_.Find("empty")->sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(tree_.Find("nothing"), nullptr);
  const auto model = VerifyModelFolder(bundle_, folder(), TestKey().public_key(), "model.sig");
  EXPECT_EQ(model->tree.files, tree_.files);
  EXPECT_EQ(model->subject_name, "model");
  EXPECT_EQ(model->key_id, TestKey().id());
  EXPECT_EQ(model->bundle_digest, Sha256(bundle_));
}

TEST_F(OmsTest, one_byte_changed) {
  scratch_.Put("model/weights.bin", "the weightz");
  ExpectRefused("\"weights.bin\" was changed");
}

TEST_F(OmsTest, file_added) {
  scratch_.Put("model/extra.bin", "");
  ExpectRefused("\"extra.bin\" is not signed");
}

TEST_F(OmsTest, file_added_under_a_name_that_git_ignores) {
  // Other verifiers skip these by default; what loads them does not.
  for (const char* name : {".gitignore", ".gitattributes", ".git/config", ".github/x"}) {
    const std::string path = scratch_.Put(std::string("model/") + name, "payload");
    ExpectRefused("is not signed");
    std::filesystem::remove(path);
  }
  EXPECT_TRUE(Verify().ok());
}

TEST_F(OmsTest, file_removed) {
  std::filesystem::remove(scratch_ / "model/a/b");
  ExpectRefused("\"a/b\" is missing");
}

TEST_F(OmsTest, file_renamed) {
  std::filesystem::rename(scratch_ / "model/weights.bin", scratch_ / "model/other.bin");
  const Status status = Verify();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("\"other.bin\" is not signed"));
  EXPECT_THAT(Message(status), HasSubstr("\"weights.bin\" is missing"));
}

TEST_F(OmsTest, same_root_files_renamed) {
  // Names are not in the root digest: swapping two neighbours' names and contents keeps it. The
  // listing tells.
  ModelTree swapped = tree_;
  std::swap(swapped.files[3].name, swapped.files[4].name);
  EXPECT_EQ(swapped.RootSha256(), tree_.RootSha256());
  EXPECT_NE(swapped.ListingSha256(), tree_.ListingSha256());
  std::filesystem::rename(scratch_ / "model/weights.bin", scratch_ / "model/t");
  std::filesystem::rename(scratch_ / "model/model.onnx", scratch_ / "model/weights.bin");
  std::filesystem::rename(scratch_ / "model/t", scratch_ / "model/model.onnx");
  ExpectRefused("\"model.onnx\" was changed");
}

TEST_F(OmsTest, symlink_in_the_tree) {
  std::filesystem::remove(scratch_ / "model/weights.bin");
  const std::string target = scratch_.Put("outside", "the weights");
  ASSERT_EQ(symlink(target.c_str(), (scratch_ / "model/weights.bin").c_str()), 0);
  ExpectRefused("weights.bin");  // the same bytes, but reached through a link
}

TEST_F(OmsTest, symlinked_folder_and_cycle_in_the_tree) {
  ASSERT_EQ(symlink(".", (scratch_ / "model/loop").c_str()), 0);
  ExpectRefused("loop");
}

TEST_F(OmsTest, fifo_in_the_tree) {
  ASSERT_EQ(mkfifo((scratch_ / "model/pipe").c_str(), 0600), 0);
  ExpectRefused("pipe");  // and does not wait for a writer
}

TEST_F(OmsTest, name_that_forges_a_line_of_the_listing) {
  scratch_.Put("model/x\n" + std::string(64, '0') + "  y", "");
  ExpectRefused("control character");
}

TEST_F(OmsTest, everything_changed_is_counted) {
  for (int i = 0; i < 100; ++i) scratch_.Put(fmt::format("model/new{:03}", i), "");
  ExpectRefused("and 80 more");
}

TEST_F(OmsTest, wrong_key) {
  const Status status =
      VerifyModelFolder(bundle_, folder(), TestKey(KeyType::kP256, 1).public_key(), "model.sig")
          .status();
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated);
}

TEST_F(OmsTest, signature_of_another_release) {
  ModelTree other = tree_;
  other.files[0].sha256 = std::string(64, '1');
  const auto bundle = SignModel(other, "model", TestKey());
  ASSERT_TRUE(bundle.ok());
  EXPECT_EQ(VerifyModelFolder(*bundle, folder(), TestKey().public_key(), "s").status().code(),
            StatusCode::kDataLoss);
}

TEST_F(OmsTest, hidden_by_ignore_paths) {
  // The signer leaves model.onnx out of the list and asks verifiers not to look at it.
  for (const char* hidden : {"model.onnx", "", ".", "a", "../x", ".git/../model.onnx"}) {
    ExpectForgeryRefused("hidden by ignore_paths", [hidden](Json& j) {
      j["predicate"]["serialization"]["ignore_paths"] = Json::array({".git", hidden});
    });
  }
}

TEST_F(OmsTest, git_names_may_be_named_but_hide_nothing) {
  Json json = MakeOmsStatement(tree_, "model").ToJson();
  json["predicate"]["serialization"]["ignore_paths"] =
      Json::array({".git", ".gitattributes", ".github", ".gitignore"});
  const std::string bundle = ForgeBundle(DumpJson(json), TestKey());
  EXPECT_TRUE(VerifyModelFolder(bundle, folder(), TestKey().public_key(), "s").ok());
  scratch_.Put("model/.gitignore", "hidden");
  EXPECT_EQ(VerifyModelFolder(bundle, folder(), TestKey().public_key(), "s").status().code(),
            StatusCode::kDataLoss);
}

TEST_F(OmsTest, wrong_predicate_type) {
  ExpectForgeryRefused("predicateType",
                       [](Json& j) { j["predicateType"] = "https://model_signing/Digests/v0.1"; });
}

TEST_F(OmsTest, two_subjects) {
  ExpectForgeryRefused("/subject", [](Json& j) {
    Json second = j["subject"][0];
    second["name"] = "other";
    j["subject"].push_back(second);
  });
}

TEST_F(OmsTest, root_digest_of_other_files) {
  ExpectForgeryRefused("root digest",
                       [](Json& j) { j["subject"][0]["digest"]["sha256"] = std::string(64, '0'); });
  ExpectForgeryRefused("root digest", [](Json& j) {
    j["subject"][0]["digest"] = Json::object({{"sha512", std::string(128, '0')}});
  });
}

TEST_F(OmsTest, empty_resources) {
  ExpectForgeryRefused("lists no files",
                       [](Json& j) { j["predicate"]["resources"] = Json::array(); });
  ExpectForgeryRefused("missing", [](Json& j) { j["predicate"].erase("resources"); });
}

TEST_F(OmsTest, duplicate_names) {
  ModelTree twice = tree_;
  twice.files.push_back(twice.files.back());
  const std::string bundle =
      ForgeBundle(DumpJson(MakeOmsStatement(twice, "model").ToJson()), TestKey());
  for (const BundleForm form : {BundleForm::kCanonical, BundleForm::kForeign}) {
    EXPECT_EQ(VerifyModelSignature(bundle, TestKey().public_key(), "s", form).status().code(),
              StatusCode::kUnauthenticated);
  }
  EXPECT_FALSE(SignModel(twice, "model", TestKey()).ok());
}

TEST_F(OmsTest, unsorted_names) {
  ModelTree reversed = tree_;
  std::reverse(reversed.files.begin(), reversed.files.end());
  const std::string bundle =
      ForgeBundle(DumpJson(MakeOmsStatement(reversed, "model").ToJson()), TestKey());
  EXPECT_EQ(VerifyModelSignature(bundle, TestKey().public_key(), "s").status().code(),
            StatusCode::kUnauthenticated);
  // Other signers sort by path components: accepted when asked for, and sorted for our own use.
  const auto foreign =
      VerifyModelFolder(bundle, folder(), TestKey().public_key(), "s", BundleForm::kForeign);
  ASSERT_TRUE(foreign.ok()) << foreign.status();
  EXPECT_EQ(foreign->tree.files, tree_.files);
  EXPECT_FALSE(SignModel(reversed, "model", TestKey()).ok());
}

TEST_F(OmsTest, names_that_leave_the_folder) {
  for (const char* name : {"../outside", "/etc/passwd", "a/../../b", "a\\b", "./a", "a//b", ""}) {
    ModelTree tree;
    tree.files = {{name, std::string(64, '1')}};
    const std::string bundle =
        ForgeBundle(DumpJson(MakeOmsStatement(tree, "model").ToJson()), TestKey());
    for (const BundleForm form : {BundleForm::kCanonical, BundleForm::kForeign}) {
      EXPECT_EQ(VerifyModelSignature(bundle, TestKey().public_key(), "s", form).status().code(),
                StatusCode::kUnauthenticated)
          << name;
    }
    EXPECT_FALSE(SignModel(tree, "model", TestKey()).ok()) << name;
  }
}

TEST_F(OmsTest, other_serialization) {
  ExpectForgeryRefused("/method",
                       [](Json& j) { j["predicate"]["serialization"]["method"] = "shards"; });
  ExpectForgeryRefused("/hash_type",
                       [](Json& j) { j["predicate"]["serialization"]["hash_type"] = "blake3"; });
  ExpectForgeryRefused("/allow_symlinks",
                       [](Json& j) { j["predicate"]["serialization"]["allow_symlinks"] = true; });
  ExpectForgeryRefused("/algorithm",
                       [](Json& j) { j["predicate"]["resources"][0]["algorithm"] = "md5"; });
  ExpectForgeryRefused(
      "/digest", [](Json& j) { j["predicate"]["resources"][0]["digest"] = std::string(64, 'A'); });
  ExpectForgeryRefused("unknown member", [](Json& j) { j["predicate"]["note"] = "trust me"; });
  ExpectForgeryRefused("unknown member",
                       [](Json& j) { j["predicate"]["resources"][0]["size"] = 3; });
  ExpectForgeryRefused("unknown member",
                       [](Json& j) { j["predicate"]["serialization"]["shard_size"] = 3; });
}

TEST_F(OmsTest, statement_of_ours_passed_off_as_a_model_signature) {
  const auto bundle = SignStatement(SampleStatement(), TestKey());
  ASSERT_TRUE(bundle.ok());
  EXPECT_EQ(VerifyModelSignature(*bundle, TestKey().public_key(), "s").status().code(),
            StatusCode::kUnauthenticated);
}

TEST_F(OmsTest, Ed25519IsNoModelSigningKey) {
  EXPECT_EQ(SignModel(tree_, "model", TestKey(KeyType::kEd25519)).status().code(),
            StatusCode::kInvalidArgument);
  const std::string bundle =
      ForgeBundle(DumpJson(MakeOmsStatement(tree_, "model").ToJson()), TestKey(KeyType::kEd25519));
  EXPECT_EQ(
      VerifyModelSignature(bundle, TestKey(KeyType::kEd25519).public_key(), "s").status().code(),
      StatusCode::kUnauthenticated);
}

TEST_F(OmsTest, file_swapped_between_check_and_use) {
  // What is opened after verification is compared again: a swap in between is seen.
  const auto good = OpenVerifiedFile(tree_, folder(), "model.onnx", 1000);
  ASSERT_TRUE(good.ok()) << good.status();
  scratch_.Put("model/model.onnx", "THE GRAPH");
  EXPECT_EQ(OpenVerifiedFile(tree_, folder(), "model.onnx", 1000).status().code(),
            StatusCode::kDataLoss);
  // The first one is a sealed copy: it still holds what was verified.
  EXPECT_EQ(
      std::string(reinterpret_cast<const char*>((*good)->bytes().data()), (*good)->bytes().size()),
      "the graph");
}

TEST_F(OmsTest, external_data_file_not_in_resources) {
  scratch_.Put("model/extra.bin", "weights nobody signed");
  EXPECT_EQ(OpenVerifiedFile(tree_, folder(), "extra.bin", 1000).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(OpenVerifiedFile(tree_, folder(), "../outside", 1000).status().code(),
            StatusCode::kNotFound);
}

TEST_F(OmsTest, EmptyOrMissingFolderIsNoModel) {
  EXPECT_FALSE(HashModelFolder(scratch_ / "nowhere").ok());
  std::filesystem::create_directories(scratch_ / "void");
  EXPECT_EQ(HashModelFolder(scratch_ / "void").status().code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(SignModel(ModelTree(), "model", TestKey()).ok());
}

TEST_F(OmsTest, SigningRefusesNamesThatAReleaseMayNotHold) {
  ModelTree tree;
  tree.files = {{"with space", std::string(64, '1')}};
  EXPECT_EQ(SignModel(tree, "model", TestKey()).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace assize::trust
