// The gate on honest releases: what passes, what is waived, what is a criterion's failure.
#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

using policy::CheckStatus;
using Gates = GateTest;

TEST_F(Gates, AnHonestReleasePassesEveryCheck) {
  const auto before = Snapshot(release_);
  const policy::GateResult result = RunGate(release_, PolicyOf(recipe_), clock_, Loaded(recipe_));
  EXPECT_EQ(result.exit_code, ExitCode::kOk) << result.ToText();
  EXPECT_EQ(result.checks.size(), policy::CheckIds().size());
  for (size_t i = 0; i < result.checks.size(); ++i) {
    EXPECT_EQ(result.checks[i].id, policy::CheckIds()[i]);
    EXPECT_EQ(result.checks[i].status, CheckStatus::kPass) << result.checks[i].reason;
  }
  EXPECT_EQ(result.levels, std::vector<std::string>{"ASSIZE_SEPARATED"});
  EXPECT_EQ(Snapshot(release_), before);
}

TEST_F(Gates, ACopyWithoutTheStorePassesUnlessThePolicyWantsTheJournal) {
  const std::string copy = Copy();
  policy::GatePolicy policy = PolicyOf(recipe_);
  EXPECT_EQ(RunGate(copy, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kOk);
  policy.require_journal = true;
  ExpectRefused(copy, policy, clock_, Loaded(recipe_), "chain-unbroken");
}

TEST_F(Gates, AGateWithAKeyAppendsVerdictsThatTheNextGateChecks) {
  policy::GateOptions options = Loaded(recipe_);
  options.gate_key = &TestKeys().gate;
  for (int number = 2; number <= 3; ++number) {
    const policy::GateResult result = RunGate(release_, PolicyOf(recipe_), clock_, options);
    EXPECT_EQ(result.exit_code, ExitCode::kOk) << result.ToText();
    EXPECT_EQ(result.verdict_file, evidence::VerdictFile(number));
  }
  EXPECT_EQ(RunGate(release_, PolicyOf(recipe_), clock_, Loaded(recipe_)).exit_code, ExitCode::kOk);
  // Taking the middle one away breaks the chain.
  std::filesystem::remove(JoinPath(release_, evidence::VerdictFile(2)));
  Refused(release_, "files-listed");
}

TEST_F(Gates, StricterThresholdsOfThePolicyDecide) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.criteria[0].threshold = 0.995;
  const policy::GateResult failed = RunGate(release_, policy, clock_, Loaded(recipe_));
  EXPECT_EQ(failed.exit_code, ExitCode::kFindings) << failed.ToText();
  EXPECT_TRUE(failed.Find("bounds-recomputed")->about_criteria);
  policy = PolicyOf(recipe_);
  policy.min_samples = recipe_.rows + 1;
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kFindings);
  // Not trusted beats not good enough.
  WriteText(release_ + "/model/model.onnx", "another");
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kNotTrusted);
}

TEST_F(Gates, ACriterionThatWasNotMeasuredIsNotMet) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.criteria[0].metric = eval::Metric::kSensitivity;
  policy.criteria[0].class_index = 1;
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kFindings);
}

TEST_F(Gates, AFailedReleaseIsHonestAndNotUsable) {
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = Make(bad);
  const policy::GateResult result = RunGate(path, PolicyOf(recipe_), clock_, Loaded(recipe_));
  EXPECT_EQ(result.exit_code, ExitCode::kFindings) << result.ToText();
  EXPECT_EQ(Failures(result), "bounds-recomputed");
  EXPECT_EQ(
      Must(policy::Verify(Must(release::ReadRelease(path)), {TestKeys().releaser.public_key()}))
          .exit_code,
      ExitCode::kFindings);
}

TEST_F(Gates, UnmetSeparationReadsWaivedNeverPass) {
  Recipe own = recipe_;
  own.version = "1.2.0";
  const trust::PrivateKey& demo = TestKeys().demo;
  const std::string path = Must(TryRelease(Store(), own, TestKeys().All(demo), clock_)).path;
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.allow_demo_keys = true;
  policy.separate.clear();
  policy.separation_waiver = "a demonstration";
  using evidence::Role;
  policy.keys.push_back({demo.public_key(),
                         {Role::kCriteria, Role::kBuilder, Role::kEvaluator, Role::kReleaser},
                         std::nullopt,
                         std::nullopt,
                         false});
  const policy::GateResult result = RunGate(path, policy, clock_, Loaded(recipe_));
  EXPECT_EQ(result.exit_code, ExitCode::kOk) << result.ToText();
  EXPECT_EQ(result.Find("separation")->status, CheckStatus::kWaived);
  EXPECT_EQ(result.levels, std::vector<std::string>{"ASSIZE_SELF_ATTESTED"});
  EXPECT_EQ(result.sentence,
            "PASSED (criteria met). SELF-ATTESTED: every role signed with demo keys of one person; "
            "no approvals, no trusted time.");
  policy.separate = {Role::kBuilder, Role::kEvaluator};
  ExpectRefused(path, policy, clock_, Loaded(recipe_), "separation");
}

TEST_F(Gates, MeasuringAgainRaisesTheLevelOrFindsTheLie) {
  policy::GateOptions options = Loaded(recipe_);
  options.reevaluated = ReportOf(recipe_);
  options.reevaluated_source_sha256 = HexOf(recipe_.source);
  options.reevaluated_set_sha256 = HexOf(recipe_.evaluation_set + "/rows");
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.require_reevaluation = true;
  const policy::GateResult good = RunGate(release_, policy, clock_, options);
  EXPECT_EQ(good.exit_code, ExitCode::kOk) << good.ToText();
  EXPECT_EQ(good.levels, (std::vector<std::string>{"ASSIZE_SEPARATED", "ASSIZE_REEVALUATED"}));
  Recipe truth = recipe_;
  truth.wrong = 11;
  options.reevaluated = ReportOf(truth);
  ExpectRefused(release_, policy, clock_, options, "bounds-recomputed");
  // On other rows a worse result is no lie, but it decides.
  options.reevaluated_set_sha256 = HexOf("the hospital's own set");
  truth.wrong = 60;
  options.reevaluated = ReportOf(truth);
  EXPECT_EQ(RunGate(release_, policy, clock_, options).exit_code, ExitCode::kFindings);
}

TEST_F(Gates, AVerdictIsSignedOnlyByAKeyThatTheNextGateTrusts) {
  policy::GateOptions options = Loaded(recipe_);
  options.gate_key = &TestKeys().builder;
  const StatusOr<policy::GateResult> result =
      policy::Gate(Must(release::ReadRelease(release_)), PolicyOf(recipe_), clock_, options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ExitCodeOf(result.status()), ExitCode::kUsage);
  EXPECT_FALSE(FileExists(JoinPath(release_, evidence::VerdictFile(2))));
}

TEST_F(Gates, AnEmptyPolicyIsAUsageError) {
  policy::GatePolicy empty;
  empty.origin = "policy.yaml";
  const StatusOr<policy::GateResult> result =
      policy::Gate(Must(release::ReadRelease(release_)), empty, clock_, Loaded(recipe_));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ExitCodeOf(result.status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace assize::testing
