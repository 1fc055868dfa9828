// A recipe in, a release out that we and others accept, on the examples as they are shipped; and
// the two outcomes that are no release to use.
#include "tests/e2e/road.h"

namespace assize::e2e {
namespace {

TEST(Road, BuildVerifyGateMeasureAgain) {
  Road road;
  const std::string release = road.Release(road.recipe());
  const Result verify = road.Do({"verify", release, "--key", road.demo_key(), "--json"});
  EXPECT_EQ(verify.exit, 0) << verify.out << verify.err;
  const Result gate = road.Gate(release);
  EXPECT_EQ(gate.exit, 0) << gate.out << gate.err;
  EXPECT_EQ(JsonOf(gate).at("verdict"), "PASSED");
  const Result again = road.Gate(release, {"--re-evaluate", road / "recipe.yaml"});
  EXPECT_EQ(again.exit, 0) << again.out << again.err;
  EXPECT_NE(again.out.find("ASSIZE_REEVALUATED"), std::string::npos) << again.out;
  // The released model, measured by another verb from the file alone.
  const Result eval = road.Do(cli::With(
      {"eval", release + "/model/model.onnx", "--against", cli::kModel, "--json"}, cli::kTestRows));
  EXPECT_EQ(JsonOf(eval).at("n"), 200);
  EXPECT_GE(JsonOf(eval).at("correct").get<int>(), 192) << "within half a point of 193";
}

TEST(Road, ChestXrayPassesItsOwnPolicy) {
  TemporaryFolder folder;
  fs::copy(SourcePath("examples/chest-xray"), folder / "x", fs::copy_options::recursive);
  cli::Conditions conditions;
  conditions.environment = {{"ASSIZE_HOME", folder / "home"}};
  const Result built = cli::Assize(
      {"build", folder / "x/recipe.yaml", "--store", folder / "store", "--json"}, conditions);
  ASSERT_EQ(built.exit, 0) << built.out << built.err;
  fs::create_directories(folder / "x/keys");
  fs::copy_file(folder / "home/demo-keys/demo.pub.pem", folder / "x/keys/demo.pub.pem",
                fs::copy_options::overwrite_existing);
  const Result gate =
      cli::Assize({"gate", JsonOf(built).at("release").get<std::string>(), "--policy",
                   folder / "x/policy.yaml", "--re-evaluate", folder / "x/recipe.yaml"},
                  conditions);
  EXPECT_EQ(gate.exit, 0) << gate.out << gate.err;
}

// Tools that are not ours, on an honest release and on one whose model has one more byte.
class OtherTools : public ::testing::Test {
 protected:
  void SetUp() override {
    release_ = road_.Release(road_.recipe());
    forged_ = road_.CopyOf(release_);
    const std::string model = forged_ + "/model/model.onnx";
    WriteAll(model, ReadAll(model) + '\0');
  }
  // Each bash block of VERIFY.md, as it stands, in one session.
  Ran FollowVerifyText(const std::string& release) {
    const std::string text = ReadAll(release_ + "/VERIFY.md");
    std::string script = "set -e\n";
    int blocks = 0;
    for (size_t at = text.find("```bash\n"); at != std::string::npos;
         at = text.find("```bash\n", at)) {
      at += 8;
      script += text.substr(at, text.find("```", at) - at);
      ++blocks;
    }
    EXPECT_GE(blocks, 5);
    WriteAll(road_ / "verify.sh", script);
    return Shell("cd '" + release + "' && PUB='" + road_.demo_key() + "' bash '" +
                 (road_ / "verify.sh") + "'");
  }
  Road road_;
  std::string release_, forged_;
};

TEST_F(OtherTools, VerifyTextDoesWhatItSays) {
  const Ran good = FollowVerifyText(release_);
  EXPECT_EQ(good.exit, 0) << good.output;
  EXPECT_NE(good.output.find("Verified OK"), std::string::npos) << good.output;
  EXPECT_NE(good.output.find("model.onnx: OK"), std::string::npos) << good.output;
  EXPECT_NE(FollowVerifyText(forged_).exit, 0);
}

TEST_F(OtherTools, GateScript) {
  const std::string script = "bash '" + SourcePath("scripts/gate.sh") + "' ";
  const Ran good = Shell(script + release_ + " " + road_.demo_key());
  EXPECT_EQ(good.exit, 0) << good.output;
  EXPECT_NE(good.output.find("PASSED: assize:breast-cancer@1.0.0"), std::string::npos)
      << good.output;
  EXPECT_EQ(Shell(script + forged_ + " " + road_.demo_key()).exit, 4);
  ASSERT_EQ(road_.Do({"key", road_ / "stranger", "--demo"}).exit, 0);
  EXPECT_EQ(Shell(script + release_ + " " + (road_ / "stranger.pub.pem")).exit, 4);
}

TEST_F(OtherTools, OpensslVerifiesEveryBundleOverItsPae) {
  int bundles = 0;
  for (const std::string& name : Listing(release_)) {
    if (!name.ends_with(".sigstore.json") && name != "model.sig") continue;
    ++bundles;
    const Ran ran = Shell(
        "set -e; t=$(mktemp -d); trap 'rm -r $t' EXIT; cd '" + release_ + "'; b='" + name +
        "'\n"
        "jq -j .dsseEnvelope.payload $b | base64 -d > $t/p; type=$(jq -j .dsseEnvelope.payloadType "
        "$b)\n"
        "jq -j '.dsseEnvelope.signatures[0].sig' $b | base64 -d > $t/s\n"
        "(printf 'DSSEv1 %d %s %d ' ${#type} \"$type\" $(stat -c %s $t/p); cat $t/p) > $t/pae\n"
        "openssl dgst -sha256 -verify '" +
        road_.demo_key() + "' -signature $t/s $t/pae");
    EXPECT_EQ(ran.exit, 0) << name << ": " << ran.output;
  }
  EXPECT_GE(bundles, 7) << "model.sig, five statements, a verdict";
}

TEST_F(OtherTools, ModelSigning) {
  const std::string tool = SourcePath(".deps/oracles/bin/model_signing");
  if (!fs::exists(tool)) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true")
      FAIL() << tool << " is missing; scripts/setup test makes it";
    GTEST_SKIP() << tool << " is missing (scripts/setup test makes it)";
  }
  const auto verify = [&](const std::string& release) {
    return Shell("'" + tool + "' verify key '" + release + "/model' --signature '" + release +
                 "/model.sig' --public_key '" + road_.demo_key() + "'");
  };
  const Ran good = verify(release_);
  EXPECT_EQ(good.exit, 0) << good.output;
  EXPECT_NE(verify(forged_).exit, 0);
}

TEST(Outcomes, AFailedCriterionIsARejectedReleaseThatNobodyAccepts) {
  Road road;
  const std::string release =
      road.Release(Replaced(road.recipe(), "at_least: 0.90", "at_least: 0.999"), 1);
  EXPECT_TRUE(fs::exists(release + "/rejected/model.onnx"));
  EXPECT_FALSE(fs::exists(release + "/model"));
  EXPECT_FALSE(fs::exists(release + "/model.sig"));
  EXPECT_EQ(road.Journal(), std::vector<std::string>{"FAILED 1.0.0"});
  EXPECT_NE(road.Gate(release).exit, 0);
  EXPECT_NE(road.Do({"verify", release, "--key", road.demo_key()}).exit, 0);
  EXPECT_NE(
      Shell("bash '" + SourcePath("scripts/gate.sh") + "' " + release + " " + road.demo_key()).exit,
      0);
}

TEST(Outcomes, TooFewRowsAreUndecidedWithTheNumberThatWouldDo) {
  Road road;
  const Result built = road.Build(Replaced(road.recipe(), "{ metric: top1, at_least: 0.90 }",
                                           "{ metric: top1, max_drop: 0.01, against: source }"));
  EXPECT_EQ(built.exit, 1) << built.err;
  EXPECT_NE(built.out.find("UNDECIDED"), std::string::npos) << built.out;
  // With no flip at all, Tango's upper bound z^2 / (n + z^2) falls below 0.01 at n = 268.
  EXPECT_NE(built.out.find("268"), std::string::npos) << built.out;
}

TEST(Determinism, ThreadsFoldersAndKeysDoNotShow) {
  Road one, two;
  const std::string left = one.Release(one.recipe(), 0, {"--threads", "1"});
  const std::string right = two.Release(two.recipe(), 0, {"--threads", "2"});
  EXPECT_NE(ReadAll(one.demo_key()), ReadAll(two.demo_key()));
  EXPECT_EQ(ReadAll(left + "/model/model.onnx"), ReadAll(right + "/model/model.onnx"));
  const Result diff = one.Do({"diff", left, right});
  EXPECT_EQ(diff.exit, 0) << diff.out << diff.err;
  // What differs between two recipes is not masked.
  fs::remove_all(two.store());
  const std::string other = two.Release(Replaced(two.recipe(), "at_least: 0.90", "at_least: 0.91"));
  EXPECT_EQ(two.Do({"diff", left, other}).exit, 1);
}

}  // namespace
}  // namespace assize::e2e
