// verify, gate and key: their exit codes through the real binary.
#include <sys/stat.h>

#include "lib/support/sha256.h"
#include "tests/cli/store_maker.h"

namespace assize::cli {
namespace {

// One release for the tests of this file; they work on copies.
class Trust : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    const Result built = shop_->Build(shop_->recipe(), {"--json"});
    ASSERT_EQ(built.exit, 0) << built.err;
    std::string policy = ReadAll(SourcePath("examples/breast-cancer/policy.yaml"));
    const std::string from = "keys/demo.pub.pem";
    for (size_t at = 0; (at = policy.find(from, at)) != std::string::npos;) {
      policy.replace(at, from.size(), shop_->demo_key());
      at += shop_->demo_key().size();
    }
    WriteAll(Policy(), policy);
  }
  static void TearDownTestSuite() { delete shop_; }
  static std::string Release() { return shop_->store() + "/breast-cancer/1.0.0"; }
  static std::string Policy() { return *shop_ / "policy.yaml"; }

  // A copy of the whole store, changed.
  std::string Copy() {
    const std::string store = copies_ / "store";
    fs::remove_all(store);
    fs::copy(shop_->store(), store, fs::copy_options::recursive);
    return store + "/breast-cancer/1.0.0";
  }

  static Workshop* shop_;
  TemporaryFolder copies_;
};
Workshop* Trust::shop_ = nullptr;

TEST_F(Trust, VerifyHoldsUnderTheKeyAndNoOther) {
  const Result good = shop_->Do({"verify", Release(), "--key", shop_->demo_key(), "--json"});
  EXPECT_EQ(good.exit, 0) << good.err;
  EXPECT_EQ(JsonOf(good).at("verdict"), "PASSED") << good.out;
  ASSERT_EQ(shop_->Do({"key", *shop_ / "stranger", "--demo"}).exit, 0);
  EXPECT_EQ(shop_->Do({"verify", Release(), "--key", *shop_ / "stranger.pub.pem"}).exit, 4);
  // A private key is no public key, and its text stays out of the message.
  const Result mixed_up = shop_->Do({"verify", Release(), "--key", *shop_ / "stranger.pem"});
  ExpectError(mixed_up, 3, {"stranger.pem"});
  EXPECT_EQ(mixed_up.err.find("MIG"), std::string::npos);
}

TEST_F(Trust, OneByteOfTheModelIsExitFour) {
  const std::string release = Copy();
  std::string model = ReadAll(release + "/model/model.onnx");
  model[model.size() / 2] = static_cast<char>(model[model.size() / 2] ^ 1);
  fs::permissions(release + "/model/model.onnx", fs::perms::owner_write, fs::perm_options::add);
  WriteAll(release + "/model/model.onnx", model);
  EXPECT_EQ(shop_->Do({"verify", release, "--key", shop_->demo_key()}).exit, 4);
  const Result gate = shop_->Do({"gate", release, "--policy", Policy()});
  EXPECT_EQ(gate.exit, 4);
  EXPECT_NE(gate.out.find("tree-exact"), std::string::npos) << gate.out;
}

TEST_F(Trust, GateJudgesByThePolicy) {
  const Result good = shop_->Do({"gate", Release(), "--policy", Policy(), "--json"});
  EXPECT_EQ(good.exit, 0) << good.out << good.err;
  EXPECT_EQ(JsonOf(good).at("verdict"), "PASSED");

  const std::string digest = Hex(Sha256(ReadAll(Policy())));
  EXPECT_EQ(shop_->Do({"gate", Release(), "--policy", Policy(), "--policy-sha256", digest}).exit,
            0);
  const Result other =
      shop_->Do({"gate", Release(), "--policy", Policy(), "--policy-sha256", std::string(64, '0')});
  EXPECT_EQ(other.exit, 4) << other.out;
  EXPECT_NE(other.out.find("policy-pinned"), std::string::npos) << other.out;

  // Demo keys under a policy that does not allow them.
  WriteAll(*shop_ / "production.yaml",
           Replaced(ReadAll(Policy()), "allow_demo_keys: true", "allow_demo_keys: false"));
  const Result production = shop_->Do({"gate", Release(), "--policy", *shop_ / "production.yaml"});
  EXPECT_EQ(production.exit, 4) << production.out;
  EXPECT_NE(production.out.find("key-role"), std::string::npos) << production.out;

  // Trusted, but not good enough for this policy.
  WriteAll(*shop_ / "strict.yaml",
           Replaced(ReadAll(Policy()), "at_least: 0.90", "at_least: 0.999"));
  EXPECT_EQ(shop_->Do({"gate", Release(), "--policy", *shop_ / "strict.yaml"}).exit, 1);
}

TEST_F(Trust, ReEvaluationMeasuresAgain) {
  const Result result = shop_->Do(
      {"gate", Release(), "--policy", Policy(), "--re-evaluate", *shop_ / "recipe.yaml", "--json"});
  EXPECT_EQ(result.exit, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("ASSIZE_REEVALUATED"), std::string::npos) << result.out;
}

TEST_F(Trust, MissingOrEmptyPolicyIsUsage) {
  ExpectError(shop_->Do({"gate", Release(), "--policy", *shop_ / "none.yaml"}), 2, {"none.yaml"});
  WriteAll(*shop_ / "empty.yaml", "");
  ExpectError(shop_->Do({"gate", Release(), "--policy", *shop_ / "empty.yaml"}), 2, {"empty.yaml"});
}

TEST_F(Trust, NoReleaseIsBadInput) {
  ExpectError(shop_->Do({"gate", shop_->store(), "--policy", Policy()}), 3, {"not a release"});
  ExpectError(shop_->Do({"verify", "/nonexistent", "--key", shop_->demo_key()}), 3,
              {"/nonexistent"});
}

TEST(Key, IsEncryptedPrivateAndNeverOverwritten) {
  TemporaryFolder folder;
  Conditions with_passphrase;
  with_passphrase.environment = {{"ASSIZE_KEY_PASSPHRASE", "correct horse"}};
  const Result made = Assize({"key", folder / "k", "--json"}, with_passphrase);
  ASSERT_EQ(made.exit, 0) << made.err;
  const Json json = JsonOf(made);
  EXPECT_EQ(json.at("private"), folder / "k.pem");
  EXPECT_EQ(json.at("keyId"), Hex(Sha256(ReadAll(folder / "k.pub.pem"))));
  EXPECT_TRUE(ReadAll(folder / "k.pem").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
  struct stat info = {};
  ASSERT_EQ(::stat((folder / "k.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const std::string before = ReadAll(folder / "k.pem");
  ExpectError(Assize({"key", folder / "k"}, with_passphrase), 3, {"k.p"});
  EXPECT_EQ(ReadAll(folder / "k.pem"), before);
  EXPECT_EQ(made.out.find("horse"), std::string::npos);
}

TEST(Key, WithoutAWayToAskItSaysTheWays) {
  TemporaryFolder folder;
  const Result result = Assize({"key", folder / "k"});
  EXPECT_NE(result.exit, 0);
  EXPECT_NE(result.err.find("ASSIZE_KEY_PASSPHRASE"), std::string::npos) << result.err;
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{}) << "not even the public half";
  ExpectError(Assize({"key", folder / "k", "--type", "rsa"}), 2, {"--type", "rsa", "P-256"});
  ExpectError(Assize({"key", folder / "k", "--demo", "--type", "P-384"}), 2, {"P-256", "P-384"});
}

TEST(Key, PassphraseFromADescriptor) {
  TemporaryFolder folder;
  // Descriptor 0 is /dev/null here: an empty passphrase is none.
  const Result result = Assize({"key", folder / "k", "--passphrase-fd", "0"});
  EXPECT_NE(result.exit, 0);
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{});
}

}  // namespace
}  // namespace assize::cli
