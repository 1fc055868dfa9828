// Checks without our program: scripts/gate.sh, the commands of VERIFY.md as they stand, and
// model_signing, on honest and on forged releases.
#include <cstdlib>

#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

class OtherTools : public GateTest {
 protected:
  void SetUp() override {
    GateTest::SetUp();
    public_key_ = store_.path() + "/releaser.pub";
    Must(TestKeys().releaser.public_key().Write(public_key_));
  }

  Ran GateScript(const std::string& release, const std::string& key = "") {
    return Shell("bash '" ASSIZE_SOURCE_DIR "/scripts/gate.sh' '" + release + "' '" +
                 (key.empty() ? public_key_ : key) + "'");
  }

  // The bash blocks of the release's own VERIFY.md, run as it says.
  Ran FollowVerifyMd(const std::string& release, const std::string& key = "") {
    const std::string text = ReadText(JoinPath(release, evidence::kVerifyText));
    std::string script = "set -e\n";
    for (size_t at = text.find("```bash\n"); at != std::string::npos;
         at = text.find("```bash\n", at)) {
      at += 8;
      script += text.substr(at, text.find("```", at) - at);
    }
    const std::string file = store_.path() + "/verify.sh";
    WriteText(file, script);
    return Shell("cd '" + release + "' && PUB='" + (key.empty() ? public_key_ : key) + "' bash '" +
                 file + "'");
  }

  std::string public_key_;
};

TEST_F(OtherTools, AcceptAnHonestRelease) {
  const Ran gate = GateScript(release_);
  EXPECT_EQ(gate.exit, 0) << gate.output;
  EXPECT_NE(gate.output.find("PASSED: assize:chest-xray@1.0.0"), std::string::npos) << gate.output;
  const Ran by_hand = FollowVerifyMd(release_);
  EXPECT_EQ(by_hand.exit, 0) << by_hand.output;
  EXPECT_NE(by_hand.output.find("Verified OK"), std::string::npos) << by_hand.output;
}

TEST_F(OtherTools, AcceptReleasesOfAllCurves) {
  for (trust::KeyType type : {trust::KeyType::kP384, trust::KeyType::kP521}) {
    Recipe recipe = recipe_;
    recipe.name = type == trust::KeyType::kP384 ? "p384" : "p521";
    const trust::PrivateKey key = Must(trust::PrivateKey::Generate(type));
    const std::string file = store_.path() + "/" + recipe.name + ".pub";
    Must(key.public_key().Write(file));
    const std::string path =
        Must(TryRelease(Store() + recipe.name, recipe, TestKeys().All(key), clock_)).path;
    const Ran gate = GateScript(path, file);
    EXPECT_EQ(gate.exit, 0) << gate.output;
    const Ran by_hand = FollowVerifyMd(path, file);
    EXPECT_EQ(by_hand.exit, 0) << by_hand.output;
  }
}

TEST_F(OtherTools, AcceptVerdictsOfAGateWhenItsKeyIsGiven) {
  policy::GateOptions options = Loaded(recipe_);
  options.gate_key = &TestKeys().gate;
  ASSERT_EQ(RunGate(release_, PolicyOf(recipe_), clock_, options).exit_code, ExitCode::kOk);
  EXPECT_EQ(GateScript(release_).exit, 4);
  const std::string keys = store_.path() + "/keys";
  WriteText(keys + "/gate.pub", TestKeys().gate.public_key().pem());
  WriteText(keys + "/releaser.pub", TestKeys().releaser.public_key().pem());
  const Ran gate = GateScript(release_, keys);
  EXPECT_EQ(gate.exit, 0) << gate.output;
}

TEST_F(OtherTools, RefuseWhatWasTamperedWith) {
  const struct {
    const char* what;
    std::function<void(const std::string&)> attack;
  } attacks[] = {
      {"one byte", [](const std::string& p) { WriteText(p + "/model/labels.txt", "Normal\n"); }},
      {"added", [](const std::string& p) { WriteText(p + "/model/extra", "x"); }},
      {"added outside", [](const std::string& p) { WriteText(p + "/evidence/extra", "x"); }},
      {"added at the top", [](const std::string& p) { WriteText(p + "/.hidden", "x"); }},
      {"removed", [](const std::string& p) { std::filesystem::remove(p + "/model/labels.txt"); }},
      {"renamed",
       [](const std::string& p) {
         std::filesystem::rename(p + "/model/labels.txt", p + "/model/classes.txt");
       }},
      {"report",
       [](const std::string& p) { WriteText(p + "/evidence/report.html", "<h1>PASSED</h1>"); }},
      {"attestation",
       [](const std::string& p) { std::filesystem::remove(p + "/evidence/mlbom.sigstore.json"); }},
      {"verdict", [](const std::string& p) { std::filesystem::remove_all(p + "/verdicts"); }},
      {"model signature", [](const std::string& p) { std::filesystem::remove(p + "/model.sig"); }},
      {"swapped",
       [](const std::string& p) {
         std::filesystem::rename(p + "/model/labels.txt", p + "/model/t");
         std::filesystem::rename(p + "/model/model.onnx", p + "/model/labels.txt");
         std::filesystem::rename(p + "/model/t", p + "/model/model.onnx");
       }},
  };
  for (const auto& [what, attack] : attacks) {
    const std::string path = Copy();
    attack(path);
    const Ran gate = GateScript(path);
    EXPECT_TRUE(gate.exit == 4 || (gate.exit == 3 && !FolderExists(path + "/verdicts")))
        << what << ": " << gate.exit << "\n"
        << gate.output;
    const Ran by_hand = FollowVerifyMd(path);
    EXPECT_NE(by_hand.exit, 0) << what << "\n" << by_hand.output;
  }
}

TEST_F(OtherTools, failed_vsa_through_gate_sh) {
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = Make(bad);
  const Ran gate = GateScript(path);
  EXPECT_EQ(gate.exit, 1) << gate.output;
  EXPECT_NE(gate.output.find("FAILED"), std::string::npos);
  EXPECT_EQ(gate.output.find("PASSED"), std::string::npos);
  const Ran by_hand = FollowVerifyMd(path);
  EXPECT_EQ(by_hand.exit, 0) << by_hand.output;  // it is what it says: rejected
  // Dressed up as a release that passed.
  const std::string copy = CopyOut(path, store_.path() + "/dressed");
  std::filesystem::rename(copy + "/rejected", copy + "/model");
  const trust::ModelTree tree = Must(trust::HashModelFolder(copy + "/model"));
  WriteText(copy + "/model.sig", Must(trust::SignModel(tree, "model", TestKeys().attacker)));
  EXPECT_EQ(GateScript(copy).exit, 4);
}

TEST_F(OtherTools, verify_md_with_attacker_key) {
  // The attacker signs everything with a key of his own; his VERIFY.md shows his fingerprint.
  Recipe recipe = recipe_;
  recipe.files["model.onnx"] = "a model of the attacker";
  const std::string path = Must(TryRelease(store_.path() + "/forger", recipe,
                                           TestKeys().All(TestKeys().attacker), clock_))
                               .path;
  const std::string own = store_.path() + "/attacker.pub";
  Must(TestKeys().attacker.public_key().Write(own));
  EXPECT_EQ(FollowVerifyMd(path, own).exit, 0);  // it holds together by itself
  EXPECT_NE(FollowVerifyMd(path).exit, 0);       // but not with the key that the auditor knows
  EXPECT_EQ(GateScript(path).exit, 4);
  Refused(path, "key-role");
  // With the fingerprint line doctored, the signature still does not hold.
  std::string text = ReadText(JoinPath(path, evidence::kVerifyText));
  Replace(text, TestKeys().attacker.id(), TestKeys().releaser.id());
  WriteText(JoinPath(path, evidence::kVerifyText), text);
  EXPECT_NE(FollowVerifyMd(path).exit, 0);
  // It opens with the fingerprint and with where to get it from.
  EXPECT_LT(text.find("Key fingerprint"), 200u);
  EXPECT_LT(text.find("obtained elsewhere"), 400u);
}

TEST_F(OtherTools, shell_metacharacters_in_name) {
  for (const char* name :
       {"/model/$(touch pwned)", "/evidence/`touch pwned`", "/a;touch pwned", "/model/-rf",
        "/evidence/x\ny", "/a b", "/model/*", "/'; touch pwned; '"}) {
    const std::string path = Copy();
    WriteText(path + name, "x");
    const Ran gate = GateScript(path);
    EXPECT_EQ(gate.exit, 4) << name << "\n" << gate.output;
    EXPECT_FALSE(std::filesystem::exists(path + "/pwned"));
    EXPECT_FALSE(std::filesystem::exists(path + "/model/pwned"));
  }
  // Inside a signed list.
  const std::string path = Copy();
  Resign(
      path + "/model.sig",
      [](Json& statement) {
        statement["predicate"]["resources"][0]["name"] = "$(touch pwned)\n../../x";
      },
      TestKeys().releaser);
  Relist(path, TestKeys().releaser);
  EXPECT_EQ(GateScript(path).exit, 4);
  EXPECT_FALSE(std::filesystem::exists(path + "/pwned"));
}

TEST_F(OtherTools, model_hidden_by_ignore_paths) {
  const std::string path = Copy();
  Resign(
      path + "/model.sig",
      [](Json& statement) {
        statement["predicate"]["serialization"]["ignore_paths"].push_back("model.onnx");
      },
      TestKeys().releaser);
  Relist(path, TestKeys().releaser);
  EXPECT_EQ(GateScript(path).exit, 4);
}

TEST_F(OtherTools, ModelSigningAcceptsWhatPassedAndNothingElse) {
  const std::string tool = ASSIZE_SOURCE_DIR "/.deps/oracles/bin/model_signing";
  if (!FileExists(tool)) {
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string(ci) == "true") << tool << " is missing";
    GTEST_SKIP() << tool << " is missing; scripts/setup test makes it";
  }
  const auto verify = [&](const std::string& path, const std::string& folder) {
    return Shell("'" + tool + "' verify key '" + path + "/" + folder + "' --signature '" + path +
                 "/model.sig' --public_key '" + public_key_ + "'");
  };
  const Ran good = verify(release_, "model");
  EXPECT_EQ(good.exit, 0) << good.output;
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  EXPECT_NE(verify(Make(bad), "rejected").exit, 0);
  WriteText(release_ + "/model/labels.txt", "Normal\n");
  EXPECT_NE(verify(release_, "model").exit, 0);
}

}  // namespace
}  // namespace assize::testing
