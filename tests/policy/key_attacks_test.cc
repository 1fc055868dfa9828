// Attacks with keys: foreign, demonstration, revoked, in the wrong role; approvals and waivers out
// of place; a policy changed together with the release.
#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

using evidence::Role;
using KeyAttacks = GateTest;

policy::TrustedKey& KeyOf(policy::GatePolicy& policy, const trust::PrivateKey& key) {
  for (policy::TrustedKey& trusted : policy.keys) {
    if (trusted.key.id() == key.id()) return trusted;
  }
  std::abort();
}

TEST_F(KeyAttacks, another_key) {
  Recipe recipe = recipe_;
  recipe.version = "1.1.0";
  const std::string path = Must(TryRelease(store_.path() + "/forger", recipe,
                                           TestKeys().All(TestKeys().attacker), clock_))
                               .path;
  Refused(path, "key-role");
  EXPECT_EQ(
      Must(policy::Verify(Must(release::ReadRelease(path)), {TestKeys().releaser.public_key()}))
          .exit_code,
      ExitCode::kNotTrusted);
}

TEST_F(KeyAttacks, verdict_by_another_key) {
  Resign(JoinPath(release_, evidence::VerdictFile(1)), [](Json&) {}, TestKeys().attacker);
  Refused(release_, "key-role");
}

TEST_F(KeyAttacks, demo_key_under_production_policy) {
  Recipe recipe = recipe_;
  recipe.version = "1.1.0";
  const trust::PrivateKey& demo = TestKeys().demo;
  const std::string path = Must(TryRelease(Store(), recipe, TestKeys().All(demo), clock_)).path;
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.separate.clear();
  policy.keys.push_back({demo.public_key(),
                         {Role::kCriteria, Role::kBuilder, Role::kEvaluator, Role::kReleaser},
                         std::nullopt,
                         std::nullopt,
                         false});
  ExpectRefused(path, policy, clock_, Loaded(recipe_), "key-role");
  policy.allow_demo_keys = true;
  EXPECT_EQ(RunGate(path, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kOk);
}

TEST_F(KeyAttacks, revoked_key) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  KeyOf(policy, TestKeys().evaluator).revoked = true;
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "key-role");
}

TEST_F(KeyAttacks, key_not_valid_at_signing_time) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  KeyOf(policy, TestKeys().releaser).valid_until = clock_.now - 86'400;
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "key-role");
  policy = PolicyOf(recipe_);
  KeyOf(policy, TestKeys().criteria).valid_from = clock_.now + 86'400;
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "key-role");
}

TEST_F(KeyAttacks, signed_in_the_future) {
  TestClock gate;
  gate.now = clock_.now - 86'400;
  ExpectRefused(release_, PolicyOf(recipe_), gate, Loaded(recipe_), "key-role");
}

TEST_F(KeyAttacks, policy_weakened_in_same_pull_request) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy::GateOptions options = Loaded(recipe_);
  options.policy_sha256 = HexOf(policy.text);
  EXPECT_EQ(RunGate(release_, policy, clock_, options).exit_code, ExitCode::kOk);
  policy.text += "# top1 at_least 0.5 will do\n";
  policy.criteria[0].threshold = 0.5;
  ExpectRefused(release_, policy, clock_, options, "policy-pinned");
}

std::string AddApproval(const std::string& path, const trust::PrivateKey& key,
                        const evidence::ApprovalFacts& facts) {
  const trust::Statement verdict =
      Must(trust::ParseStatement(StatementIn(JoinPath(path, evidence::VerdictFile(1))), "verdict"));
  const Json identity = verdict.predicate[evidence::kVerdictExtension]["release"];
  const std::string file =
      JoinPath(path, std::string(evidence::kApprovalsFolder) + "/" + key.id() + ".sigstore.json");
  WriteText(file, Must(trust::SignStatement(
                      evidence::ApprovalStatement(identity["name"], identity["version"],
                                                  verdict.subjects, facts),
                      key)));
  return file;
}

TEST_F(KeyAttacks, approval_replayed_on_new_version) {
  const evidence::ApprovalFacts approval = {"safety officer", "approved", "reviewed",
                                            "CR-1042",        clock_.now, std::nullopt};
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.approvals = 1;
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "separation");
  const std::string file = AddApproval(release_, TestKeys().approver, approval);
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kOk);

  Recipe next = recipe_;
  next.version = "1.1.0";
  next.files["model.onnx"] = "the next model";
  const std::string path = Make(next);
  WriteText(JoinPath(path, std::string(evidence::kApprovalsFolder) + "/" + BaseName(file)),
            ReadText(file));
  ExpectRefused(path, policy, clock_, Loaded(next), "subjects-bound");
  // The same bytes under a new version: the subjects agree, the identity does not.
  Recipe same = recipe_;
  same.version = "1.2.0";
  const std::string twin = Make(same);
  WriteText(JoinPath(twin, std::string(evidence::kApprovalsFolder) + "/" + BaseName(file)),
            ReadText(file));
  ExpectRefused(twin, policy, clock_, Loaded(same), "subjects-bound");
}

TEST_F(KeyAttacks, self_approval) {
  const evidence::ApprovalFacts approval = {"developer", "approved", "works for me",
                                            "",          clock_.now, std::nullopt};
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.approvals = 1;
  KeyOf(policy, TestKeys().builder).roles.insert(Role::kApprover);
  AddApproval(release_, TestKeys().builder, approval);
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "separation");
}

TEST_F(KeyAttacks, rejection_by_an_approver) {
  AddApproval(release_, TestKeys().approver,
              {"safety officer", "rejected", "unclear labels", "", clock_.now, std::nullopt});
  Refused(release_, "separation");
}

std::string AddWaiver(const std::string& path, const trust::PrivateKey& key,
                      const evidence::WaiverFacts& facts) {
  const trust::Statement verdict =
      Must(trust::ParseStatement(StatementIn(JoinPath(path, evidence::VerdictFile(1))), "verdict"));
  const Json identity = verdict.predicate[evidence::kVerdictExtension]["release"];
  const std::string file =
      JoinPath(path, std::string(evidence::kWaiversFolder) + "/w1.sigstore.json");
  WriteText(
      file,
      Must(trust::SignStatement(
          evidence::WaiverStatement(identity["name"], identity["version"], verdict.subjects, facts),
          key)));
  return file;
}

TEST_F(KeyAttacks, waiver_of_signature_check) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.allow_waivers = true;
  for (const char* check : {"key-role", "tree-exact", "signature"}) {
    AddWaiver(release_, TestKeys().risk_owner,
              {check, "in a hurry", clock_.now, clock_.now + 86'400});
    ExpectRefused(release_, policy, clock_, Loaded(recipe_), "bounds-recomputed");
    // And it waives nothing.
    const std::string model = ReadText(release_ + "/model/model.onnx");
    WriteText(release_ + "/model/model.onnx", "tampered");
    ExpectRefused(release_, policy, clock_, Loaded(recipe_), "tree-exact");
    WriteText(release_ + "/model/model.onnx", model);
  }
}

TEST_F(KeyAttacks, waivers_hold_for_one_criterion_until_they_expire) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.allow_waivers = true;
  policy.criteria[0].threshold = 0.99;
  AddWaiver(release_, TestKeys().risk_owner,
            {policy.criteria[0].id, "a pilot on one ward", clock_.now, clock_.now + 86'400});
  const policy::GateResult waived = RunGate(release_, policy, clock_, Loaded(recipe_));
  EXPECT_EQ(waived.exit_code, ExitCode::kOk) << waived.ToText();
  EXPECT_EQ(waived.levels, (std::vector<std::string>{"ASSIZE_SEPARATED", "ASSIZE_WAIVED"}));
  EXPECT_EQ(waived.Find("bounds-recomputed")->status, policy::CheckStatus::kWaived);
  clock_.now += 86'400;
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kFindings);
  clock_.now -= 86'400;
  policy.allow_waivers = false;
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kFindings);
  // By somebody who is no risk owner.
  policy.allow_waivers = true;
  AddWaiver(release_, TestKeys().builder,
            {policy.criteria[0].id, "trust me", clock_.now, clock_.now + 86'400});
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "key-role");
}

}  // namespace
}  // namespace assize::testing
