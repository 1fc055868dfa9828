// The reference implementation of OpenSSF Model Signing verifies what we sign, and we verify what
// it signs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/support/files.h"
#include "lib/trust/oms.h"
#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

using ::testing::HasSubstr;

class ModelSigningOracle : public ::testing::Test {
 protected:
  void SetUp() override {
    tool_ = OracleTool("model_signing");
    if (tool_.empty()) GTEST_SKIP() << "model_signing is not installed (scripts/setup test)";
    scratch_.Put("model/model.onnx", "the graph");
    scratch_.Put("model/weights/part-0.bin", std::string(100000, 'w'));
    scratch_.Put("model/weights-0.bin",
                 "sorts before or after weights/, depending on whom you ask");
    scratch_.Put("model/empty", "");
  }
  std::string folder() const { return scratch_ / "model"; }

  std::string SignWithOurs(const PrivateKey& key) {
    const auto tree = HashModelFolder(folder());
    EXPECT_TRUE(tree.ok()) << tree.status();
    const auto bundle = SignModel(*tree, "model", key);
    EXPECT_TRUE(bundle.ok()) << bundle.status();
    scratch_.Put("key.pub", key.public_key().pem());
    return scratch_.Put("model.sig", *bundle);
  }
  CommandResult VerifyWithTheirs() {
    return RunCommand({tool_, "verify", "key", folder(), "--signature", scratch_ / "model.sig",
                       "--public_key", scratch_ / "key.pub"});
  }

  std::string tool_;
  ScratchFolder scratch_;
};

TEST_F(ModelSigningOracle, AcceptsOurSignatureOnEveryCurve) {
  for (const KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kP521}) {
    SignWithOurs(TestKey(type));
    const CommandResult result = VerifyWithTheirs();
    EXPECT_EQ(result.exit_code, 0) << KeyTypeName(type) << ": " << result.err;
    EXPECT_THAT(result.out, HasSubstr("Verification succeeded"));
    EXPECT_THAT(result.out + result.err, ::testing::Not(HasSubstr("WARNING")));
  }
}

TEST_F(ModelSigningOracle, RefusesWhatWeRefuse) {
  const std::string bundle = ReadFile(SignWithOurs(TestKey())).value();
  scratch_.Put("model/model.onnx", "the grapf");
  EXPECT_NE(VerifyWithTheirs().exit_code, 0);
  EXPECT_EQ(VerifyModelFolder(bundle, folder(), TestKey().public_key(), "s").status().code(),
            StatusCode::kDataLoss);
  scratch_.Put("model/model.onnx", "the graph");
  scratch_.Put("key.pub", TestKey(KeyType::kP256, 1).public_key().pem());
  EXPECT_NE(VerifyWithTheirs().exit_code, 0);
}

TEST_F(ModelSigningOracle, TheirSignaturesVerifyHere) {
  // Made with the key file that we wrote, so that its encryption is understood elsewhere too.
  const std::string key = scratch_ / "key.pem";
  ASSERT_TRUE(TestKey().Write(key, Secret("pass")).ok());
  const std::string signature = scratch_ / "theirs.sig";
  const CommandResult unlocked = RunCommand(
      {"openssl", "pkcs8", "-in", key, "-passin", "pass:pass", "-out", scratch_ / "plain.pem"});
  ASSERT_EQ(unlocked.exit_code, 0) << unlocked.err;
  const CommandResult result = RunCommand({tool_, "sign", "key", folder(), "--signature", signature,
                                           "--private_key", scratch_ / "plain.pem"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string bundle = ReadFile(signature).value();
  const auto model = VerifyModelFolder(bundle, folder(), TestKey().public_key(), "theirs.sig",
                                       BundleForm::kForeign);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tree.files, HashModelFolder(folder())->files);
  EXPECT_EQ(model->tree.files.size(), 4u);
  // Not our own encoding: refused where only ours will do.
  EXPECT_EQ(
      VerifyModelFolder(bundle, folder(), TestKey().public_key(), "theirs.sig").status().code(),
      StatusCode::kUnauthenticated);
  // Their signature, our checks: a file that they would skip is refused here.
  scratch_.Put("model/.gitattributes", "smuggled");
  EXPECT_EQ(VerifyModelFolder(bundle, folder(), TestKey().public_key(), "theirs.sig",
                              BundleForm::kForeign)
                .status()
                .code(),
            StatusCode::kDataLoss);
}

TEST_F(ModelSigningOracle, hidden_by_ignore_paths_passes_there_and_not_here) {
  // The signer hides the graph: the reference accepts any graph then. This is why coverage is
  // checked here.
  const std::string key = scratch_ / "demo.pem";
  const auto demo = PrivateKey::GenerateDemo();
  ASSERT_TRUE(demo.ok());
  ASSERT_TRUE(demo->WriteDemo(key).ok());
  scratch_.Put("key.pub", demo->public_key().pem());
  const std::string signature = scratch_ / "model.sig";
  const CommandResult result =
      RunCommand({tool_, "sign", "key", folder(), "--signature", signature, "--private_key", key,
                  "--ignore-paths", folder() + "/model.onnx"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  scratch_.Put("model/model.onnx", "another graph");
  EXPECT_EQ(VerifyWithTheirs().exit_code, 0) << VerifyWithTheirs().err;
  const auto model = VerifyModelFolder(ReadFile(signature).value(), folder(), demo->public_key(),
                                       "model.sig", BundleForm::kForeign);
  EXPECT_EQ(model.status().code(), StatusCode::kUnauthenticated);
  EXPECT_THAT(Message(model.status()), HasSubstr("hidden by ignore_paths"));
}

}  // namespace
}  // namespace assize::trust
