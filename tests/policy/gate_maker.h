// Policies and gate runs for tests.
#pragma once

#include "lib/policy/gate.h"
#include "tests/release/release_maker.h"

namespace assize::testing {

inline policy::GatePolicy PolicyOf(const Recipe& recipe) {
  using evidence::Role;
  const Keys& keys = TestKeys();
  policy::GatePolicy policy;
  policy.text = "assize_policy: 1\nrelease: " + recipe.name + "\n";
  policy.origin = "policy.yaml";
  policy.release = recipe.name;
  const auto trust_key = [&](const trust::PrivateKey& key, Role role) {
    policy.keys.push_back({key.public_key(), {role}, std::nullopt, std::nullopt, false});
  };
  trust_key(keys.criteria, Role::kCriteria);
  trust_key(keys.builder, Role::kBuilder);
  trust_key(keys.evaluator, Role::kEvaluator);
  trust_key(keys.releaser, Role::kReleaser);
  trust_key(keys.approver, Role::kApprover);
  trust_key(keys.risk_owner, Role::kRiskOwner);
  trust_key(keys.gate, Role::kGate);
  policy.source_sha256 = HexOf(recipe.source);
  policy.evaluation_set_sha256 = HexOf(recipe.evaluation_set + "/rows");
  policy.criteria = CriteriaOf(recipe);
  policy.separate = {Role::kCriteria, Role::kBuilder, Role::kEvaluator, Role::kReleaser};
  return policy;
}

inline policy::GateOptions Loaded(const Recipe& recipe) {
  policy::GateOptions options;
  options.loaded_files = {"model.onnx"};
  for (const std::string& name : recipe.external) options.loaded_files->push_back(name);
  options.version = "0.1.0";
  return options;
}

inline policy::GateResult RunGate(const std::string& path, const policy::GatePolicy& policy,
                                  const Clock& clock, const policy::GateOptions& options) {
  return Must(policy::Gate(Must(release::ReadRelease(path)), policy, clock, options));
}

inline std::string Failures(const policy::GateResult& result) {
  std::string text;
  for (const policy::CheckResult& check : result.checks) {
    if (check.status == policy::CheckStatus::kFail ||
        check.status == policy::CheckStatus::kNotRun) {
      text += (text.empty() ? "" : " ") + check.id;
    }
  }
  return text;
}

// Refused with exit 4, by `check` among others, and nothing on disk changed.
inline void ExpectRefused(const std::string& path, const policy::GatePolicy& policy,
                          const Clock& clock, const policy::GateOptions& options,
                          const std::string& check) {
  policy::GateOptions with_key = options;
  with_key.gate_key = &TestKeys().gate;
  const auto before = Snapshot(path);
  const policy::GateResult result = RunGate(path, policy, clock, with_key);
  EXPECT_EQ(result.exit_code, ExitCode::kNotTrusted) << result.ToText();
  EXPECT_EQ(result.verdict, "FAILED");
  const policy::CheckResult* found = result.Find(check);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->status == policy::CheckStatus::kFail ||
              found->status == policy::CheckStatus::kNotRun)
      << check << " passed; failed: " << Failures(result) << "\n"
      << result.ToText();
  EXPECT_FALSE(found->about_criteria);
  EXPECT_FALSE(found->reason.empty() || found->mend.empty());
  EXPECT_EQ(Snapshot(path), before) << "the gate wrote into a release that it does not trust";
}

// A store with one good release, its policy, and a clock.
class GateTest : public ::testing::Test {
 protected:
  void SetUp() override { release_ = Make(recipe_); }

  std::string Make(const Recipe& recipe) {
    return Must(TryRelease(store_.path() + "/releases", recipe, TestKeys().Roles(), clock_)).path;
  }
  // The release, copied out of the store: no journal beside it.
  std::string Copy() {
    return CopyOut(release_, store_.path() + "/copy" + std::to_string(++copies_));
  }
  std::string Store() const { return store_.path() + "/releases"; }
  void Refused(const std::string& path, const std::string& check) {
    ExpectRefused(path, PolicyOf(recipe_), clock_, Loaded(recipe_), check);
  }

  TempFolder store_;
  TestClock clock_;
  Recipe recipe_;
  std::string release_;
  int copies_ = 0;
};

}  // namespace assize::testing
