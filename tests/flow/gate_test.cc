// `verify` and `gate` on a real release: what passes under the example's policy, and what another
// policy, key or set of data makes of it.
#include "lib/flow/gate.h"

#include "lib/flow/key_files.h"
#include "lib/support/sha256.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

class GateFlow : public ::testing::Test {
 protected:
  void SetUp() override {
    release_ = Must(shop_.Build(shop_.recipe())).release;
    policy_ = shop_.policy_path();
  }
  GateRequest Request() {
    GateRequest request;
    request.release = release_;
    request.policy = policy_;
    return request;
  }
  std::string OtherPolicy(const std::string& from, const std::string& to) {
    const std::string path = shop_.example("other.yaml");
    Must(WriteFileAtomic(path, Replaced(Must(ReadFile(policy_)), from, to)));
    return path;
  }
  static void ExpectFailed(const policy::GateResult& result, const std::string& check,
                           ExitCode exit) {
    EXPECT_EQ(result.exit_code, exit) << result.ToText();
    const policy::CheckResult* found = result.Find(check);
    ASSERT_NE(found, nullptr) << result.ToText();
    EXPECT_EQ(found->status, policy::CheckStatus::kFail) << result.ToText();
  }
  Workshop shop_;
  std::string release_, policy_;
};

TEST_F(GateFlow, EveryCheckOfAnHonestReleasePasses) {
  const policy::GateResult result = Must(RunGate(Request(), NoProgress()));
  EXPECT_EQ(result.exit_code, ExitCode::kOk) << result.ToText();
  EXPECT_EQ(result.verdict, "PASSED");
  std::vector<std::string> ids;
  for (const policy::CheckResult& check : result.checks) {
    ids.push_back(check.id);
    EXPECT_TRUE(check.status == policy::CheckStatus::kPass ||
                check.status == policy::CheckStatus::kWaived)
        << check.id << ": " << check.reason;
  }
  // All of them ran; chain-unbroken compared the records' end with the model as loaded from the
  // verified bytes.
  for (const std::string& id : policy::CheckIds()) EXPECT_THAT(ids, ::testing::Contains(id));
}

TEST_F(GateFlow, MeasuringAgainAgreesAndMeasuresTheGatesOwnData) {
  GateRequest request = Request();
  request.reevaluate_recipe = shop_.recipe_path();
  const policy::GateResult result = Must(RunGate(request, NoProgress()));
  EXPECT_EQ(result.exit_code, ExitCode::kOk) << result.ToText();
  EXPECT_THAT(result.levels, ::testing::Contains("ASSIZE_REEVALUATED"));
  // Half of the rows are the gate's to choose, but too few for its own policy.
  Must(WriteFileAtomic(shop_.recipe_path(),
                       Replaced(shop_.recipe(), "evaluation: { from: test }",
                                "evaluation: { from: test, rows: 100, seed: 3 }")));
  const policy::GateResult fewer = Must(RunGate(request, NoProgress()));
  ExpectFailed(fewer, "bounds-recomputed", ExitCode::kFindings);
  EXPECT_THAT(fewer.Find("bounds-recomputed")->found, HasSubstr("the policy wants 75"));
}

TEST_F(GateFlow, AModelThatIsNotTrustedIsNeverRun) {
  GateRequest request = Request();
  request.reevaluate_recipe = shop_.recipe_path();
  // It loads, but could not even be fed: that this does not show is the proof that nobody tried.
  Must(WriteFileAtomic(release_ + "/model/model.onnx", Must(onnx::ExportBytes(Dense())).model));
  const policy::GateResult result = Must(RunGate(request, NoProgress()));
  ExpectFailed(result, "tree-exact", ExitCode::kNotTrusted);
  EXPECT_THAT(result.levels, ::testing::Not(::testing::Contains("ASSIZE_REEVALUATED")));
}

TEST_F(GateFlow, APolicyThatIsNotThePinnedOneIsRefused) {
  GateRequest request = Request();
  request.policy_sha256 = Hex(Must(Sha256OfFile(policy_)));
  EXPECT_EQ(Must(RunGate(request, NoProgress())).exit_code, ExitCode::kOk);
  request.policy = OtherPolicy("min_samples: 75", "min_samples: 74");
  ExpectFailed(Must(RunGate(request, NoProgress())), "policy-pinned", ExitCode::kNotTrusted);
}

TEST_F(GateFlow, AnotherSourceModelIsAnotherBaseline) {
  GateRequest request = Request();
  request.policy = OtherPolicy("76e0f0", "000000");
  ExpectFailed(Must(RunGate(request, NoProgress())), "baseline-pinned", ExitCode::kNotTrusted);
}

TEST_F(GateFlow, StricterCriteriaAreExitOne) {
  GateRequest request = Request();
  request.policy = OtherPolicy("at_least: 0.90", "at_least: 0.98");
  const policy::GateResult result = Must(RunGate(request, NoProgress()));
  EXPECT_EQ(result.exit_code, ExitCode::kFindings) << result.ToText();
  EXPECT_EQ(result.verdict, "FAILED");
}

TEST_F(GateFlow, AModelThatDoesNotLoadIsRefusedAndNothingIsWritten) {
  Must(WriteFileAtomic(release_ + "/model/model.onnx", "no model"));
  const auto before = Listing(release_);
  const policy::GateResult result = Must(RunGate(Request(), NoProgress()));
  EXPECT_EQ(result.exit_code, ExitCode::kNotTrusted);
  const policy::CheckResult* covered = result.Find("load-covered");
  ASSERT_NE(covered, nullptr);
  EXPECT_NE(covered->status, policy::CheckStatus::kPass) << "what did not load was not covered";
  EXPECT_EQ(Listing(release_), before);
}

TEST_F(GateFlow, ItsOwnVerdictNeedsAKeyThatThePolicyTrusts) {
  GateRequest request = Request();
  request.key = shop_.demo_private_key();
  request.passphrase = trust::NoPassphrase();
  const policy::GateResult result = Must(RunGate(request, NoProgress()));
  EXPECT_EQ(result.exit_code, ExitCode::kOk) << result.ToText();
  EXPECT_TRUE(FileExists(release_ + "/verdicts/0002.sigstore.json"));
  EXPECT_EQ(Must(RunGate(Request(), NoProgress())).exit_code, ExitCode::kOk)
      << "and the next gate accepts it";

  Must(CreateDemoKey(shop_ / "stranger").status());
  request.key = shop_ / "stranger.pem";
  const auto stranger = RunGate(request, NoProgress());
  EXPECT_EQ(ExitCodeOf(stranger.status()), ExitCode::kUsage) << Message(stranger.status());
  EXPECT_FALSE(FileExists(release_ + "/verdicts/0003.sigstore.json"));
}

TEST_F(GateFlow, VerifyHoldsUnderTheReleasersKeyAlone) {
  EXPECT_EQ(Must(VerifyRelease({release_, {shop_.demo_key()}})).exit_code, ExitCode::kOk);
  const std::string stranger = Must(CreateDemoKey(shop_ / "stranger")).public_path;
  EXPECT_EQ(Must(VerifyRelease({release_, {stranger}})).exit_code, ExitCode::kNotTrusted);
  EXPECT_EQ(Must(VerifyRelease({release_, {stranger, shop_.demo_key()}})).exit_code, ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(VerifyRelease({release_, {}}).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace assize::flow
