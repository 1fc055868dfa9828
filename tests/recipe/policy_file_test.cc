// The policy file: keys and demands, where each fault is placed, and that the schema says the same.
#include "lib/recipe/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/support/clock.h"
#include "lib/support/exit_code.h"
#include "tests/recipe/examples.h"

namespace assize::recipe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

PolicyFile ParsedPolicy(const std::string& text) {
  StatusOr<PolicyFile> policy = ParsePolicyFile(text, "p.yaml", "folder");
  EXPECT_TRUE(policy.ok()) << Message(policy.status());
  return policy.ok() ? *std::move(policy) : PolicyFile{};
}

std::string PolicyRefusal(const std::string& text) {
  const StatusOr<PolicyFile> policy = ParsePolicyFile(text, "p.yaml", "folder");
  return policy.ok() ? "accepted" : Message(policy.status());
}

TEST(ParsePolicyFile, ReadsKeysAndDemands) {
  const PolicyFile policy = ParsedPolicy(kPolicy);
  EXPECT_EQ(policy.text, kPolicy);
  EXPECT_EQ(policy.release, "chest-xray");
  ASSERT_EQ(policy.keys.size(), 4u);
  EXPECT_EQ(policy.keys[0].path, "keys/criteria.pub.pem");
  EXPECT_THAT(policy.keys[0].roles, ElementsAre("criteria", "releaser"));
  EXPECT_EQ(policy.Resolve(policy.keys[0].path), "folder/keys/criteria.pub.pem");
  EXPECT_EQ(Rfc3339(*policy.keys[1].not_after), "2027-01-01T00:00:00Z");
  EXPECT_FALSE(policy.keys[2].revoked);
  EXPECT_TRUE(policy.keys[3].revoked);
  EXPECT_THAT(policy.keys[3].roles, ElementsAre("evaluator"));
  EXPECT_EQ(policy.source_sha256, kDigest);
  EXPECT_EQ(policy.criteria[0].id, "sensitivity-1-at-least");
  EXPECT_EQ(policy.min_samples, 300);
  EXPECT_THAT(policy.separate, ElementsAre("builder", "evaluator"));
  EXPECT_TRUE(policy.require_proved_order);
  EXPECT_TRUE(policy.require_re_evaluation);
  EXPECT_EQ(policy.max_earlier_attempts, 2);
  EXPECT_EQ(policy.approvals, 1);
  EXPECT_EQ(policy.not_older_than.journal_sequence, 4);
}

TEST(ParsePolicyFile, DefaultsAreTheStricterSideOfSilence) {
  const PolicyFile policy = ParsedPolicy(
      "assize_policy: 1\nrelease: a\nkeys: { releaser: k.pem }\ncriteria: [ { metric: top1, "
      "at_least: 0.9 } ]\n"
      "separation: { waived: true, reason: one person }\n");
  EXPECT_FALSE(policy.allow_demo_keys);
  EXPECT_FALSE(policy.allow_waivers);
  EXPECT_THAT(policy.separate, IsEmpty());
  EXPECT_EQ(policy.separation_waiver, "one person");
  EXPECT_FALSE(policy.max_earlier_attempts.has_value());
}

TEST(ParsePolicyFile, EmptyOrMissingIsAUsageError) {
  for (const char* text : {"", "# nothing\n", "{}\n"}) {
    EXPECT_EQ(ExitCodeOf(ParsePolicyFile(text, "p", ".").status()), ExitCode::kUsage) << text;
  }
  EXPECT_EQ(ExitCodeOf(ReadPolicyFile("/nonexistent/policy.yaml").status()), ExitCode::kUsage);
}

TEST(ParsePolicyFile, FaultsAreRefusedByParserAndSchema) {
  struct Case {
    const char *part, *other, *message;
  };
  const std::vector<Case> cases = {
      {"separation:", "seperation:",
       "p.yaml:14:1: policy: unknown key \"seperation\" (did you mean \"separation\"?)"},
      {"separation: { require: [ builder, evaluator ] }\n", "", "\"separation\" is missing"},
      {"require: [ builder, evaluator ]", "require: [ builder ]", "at least two roles"},
      {"require: [ builder, evaluator ]", "require: [ builder, evaluater ]",
       "did you mean \"evaluator\"?"},
      {"require: [ builder, evaluator ]", "waived: false, reason: x", "then say what is required"},
      {"require: [ builder, evaluator ]", "waived: true", "\"reason\" is missing"},
      {"require: [ builder, evaluator ]", "waived: true, reason: \"\"", "an empty string"},
      {"allow_demo_keys: false", "allow_demo_keys: no", "found \"no\", expected true or false"},
      {"order: proved", "order: proven", "did you mean \"proved\"?"},
      {"releaser: keys/criteria.pub.pem", "releasor: x", "did you mean \"releaser\"?"},
      {"evaluator: [ keys/lab.pub.pem, { file: keys/old-lab.pub.pem, revoked: true } ]",
       "evaluator: []", "an empty list"},
      {"not_after: 2027-01-01T00:00:00Z", "not_after: 2027-01-01",
       "p.yaml:5:87: keys.builder.not_after: time"},
      {"model_sha256: 3e67", "model_sha256: xx67", "lower-case hex"},
      {"model_sha256:", "model_sha:", "did you mean \"model_sha256\"?"},
      {"criteria: [ { metric: sensitivity, class: 1, at_least: 0.95 } ]", "criteria: []",
       "at least one criterion"},
      {"min_samples: 300", "min_samples: -1", "at least 0"},
      {"version: 1.0.0,", "version: 1.0,", "semantic version"},
      {"journal_sequence: 4, ", "", "belong together"},
      {"assize_policy: 1", "assize_policy: 2", "this program reads policies of format 1"},
      {"release: chest-xray", "release: ../x", "no name of a release"},
  };
  for (const Case& c : cases) {
    const std::string text = With(kPolicy, c.part, c.other);
    EXPECT_THAT(PolicyRefusal(text), HasSubstr(c.message)) << c.other;
    EXPECT_THAT(SchemaFindings("policy.schema.json", text), Not(IsEmpty())) << c.other;
  }
  EXPECT_THAT(PolicyRefusal(With(kPolicy, "not_after: 2027", "not_after: 2025")),
              HasSubstr("lies before not_before"));
  EXPECT_THAT(PolicyRefusal("assize_policy: 1\nrelease: a\nkeys: {}\n"),
              HasSubstr("no trusted key"));
}

TEST(EffectivePolicy, ReadsBackTheSame) {
  for (const std::string& text :
       {std::string(kPolicy),
        With(kPolicy, "require: [ builder, evaluator ]", "waived: true, reason: \"one: person\""),
        With(kPolicy, "not_older_than: {", "not_older_than: 1.0.0 #")}) {
    const Json effective = EffectivePolicy(ParsedPolicy(text));
    const std::string written = DumpYaml(effective);
    EXPECT_EQ(DumpPrettyJson(EffectivePolicy(ParsedPolicy(written))), DumpPrettyJson(effective))
        << written;
    EXPECT_THAT(SchemaFindings("policy.schema.json", written), IsEmpty()) << written;
    EXPECT_THAT(SchemaFindings("policy.schema.json", text), IsEmpty());
  }
}

}  // namespace
}  // namespace assize::recipe
