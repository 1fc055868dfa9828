// From a policy file with key files to typed demands.
#include "lib/policy/policy.h"

#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

using evidence::Role;

class PolicyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteText(folder_.path() + "/lab.pub", TestKeys().evaluator.public_key().pem());
    WriteText(folder_.path() + "/other.pub", TestKeys().builder.public_key().pem());
  }
  StatusOr<policy::GatePolicy> Read(const std::string& text) {
    AZ_ASSIGN_OR_RETURN(const recipe::PolicyFile file,
                        recipe::ParsePolicyFile(text, "policy.yaml", folder_.path()));
    return policy::FromFile(file);
  }
  TempFolder folder_;
};

constexpr char kPolicy[] = R"(assize_policy: 1
release: chest-xray
keys:
  criteria: lab.pub
  builder: { file: other.pub, not_after: 2027-01-01T00:00:00Z }
  evaluator: lab.pub
  releaser: { file: other.pub, not_after: 2027-01-01T00:00:00Z }
criteria:
  - { metric: sensitivity, class: 1, at_least: 0.95 }
  - { metric: top5, at_least: 0.9 }
  - { metric: flip_rate, at_most: 0.03, against: source }
separation: { require: [ builder, evaluator ] }
)";

TEST_F(PolicyFiles, GiveKeysRolesAndCriteria) {
  const policy::GatePolicy policy = Must(Read(kPolicy));
  EXPECT_EQ(policy.text, kPolicy);
  ASSERT_EQ(policy.keys.size(), 2u);
  const policy::TrustedKey* lab = policy.FindKey(TestKeys().evaluator.id());
  ASSERT_NE(lab, nullptr);
  EXPECT_EQ(lab->roles, (std::set<Role>{Role::kCriteria, Role::kEvaluator}));
  const policy::TrustedKey* builder = policy.FindKey(TestKeys().builder.id());
  ASSERT_NE(builder, nullptr);
  EXPECT_TRUE(builder->valid_until.has_value());
  ASSERT_EQ(policy.criteria.size(), 3u);
  EXPECT_EQ(policy.criteria[0].class_index, 1);
  EXPECT_EQ(policy.criteria[1].k, 5);
  EXPECT_TRUE(policy.criteria[2].against_source);
  EXPECT_EQ(policy.separate, (std::set<Role>{Role::kBuilder, Role::kEvaluator}));
  EXPECT_FALSE(policy.allow_demo_keys);
}

TEST_F(PolicyFiles, PlaceTheirErrors) {
  std::string text = kPolicy;
  const auto unknown = Read(Replace(text, "sensitivity", "sensitivty"));
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(Message(unknown.status()).find("policy.yaml:9:"), std::string::npos)
      << Message(unknown.status());
  text = kPolicy;
  EXPECT_FALSE(Read(Replace(text, "lab.pub", "none.pub")).ok());
  // A private key where a public one belongs is not taken.
  Must(TestKeys().demo.WriteDemo(folder_.path() + "/private.pem"));
  text = kPolicy;
  EXPECT_FALSE(Read(Replace(text, "lab.pub", "private.pem")).ok());
}

TEST_F(PolicyFiles, OneKeyWithTwoValiditiesIsRefused) {
  std::string text = kPolicy;
  const auto twice =
      Read(Replace(text, "  evaluator: lab.pub", "  evaluator: { file: lab.pub, revoked: true }"));
  EXPECT_FALSE(twice.ok());
}

}  // namespace
}  // namespace assize::testing
