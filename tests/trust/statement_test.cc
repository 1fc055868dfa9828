// in-toto statements: what is written reads back, what is malformed is named.
#include "lib/trust/statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

using ::testing::HasSubstr;

TEST(Statement, RoundTripKeepsEverythingAndTheOrder) {
  Statement statement = SampleStatement();
  statement.subjects.push_back(MakeSubject("model/", std::string(64, 'b')));
  const Json json = statement.ToJson();
  EXPECT_EQ(
      DumpJson(json).find("{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"),
      0u);
  const auto again = ParseStatement(json, "s");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->subjects, statement.subjects);
  EXPECT_EQ(DumpJson(again->ToJson()), DumpJson(json));
  ASSERT_NE(again->Find("model/"), nullptr);
  EXPECT_EQ(again->Find("model/")->Sha256(), std::string(64, 'b'));
  EXPECT_EQ(again->Find("model"), nullptr);
}

// Each row changes one thing in a good statement; the message must name the place.
struct BadRow {
  const char* name;
  const char* pointer;
  void (*change)(Json&);
};

TEST(Statement, MalformedIsRefusedWithThePlace) {
  const BadRow rows[] = {
      {"wrong_type", "/_type", [](Json& j) { j["_type"] = "https://in-toto.io/Statement/v0.1"; }},
      {"type_is_number", "/_type", [](Json& j) { j["_type"] = 1; }},
      {"no_type", "_type", [](Json& j) { j.erase("_type"); }},
      {"empty_subject", "/subject", [](Json& j) { j["subject"] = Json::array(); }},
      {"subject_is_object", "/subject", [](Json& j) { j["subject"] = Json::object(); }},
      {"subject_without_digest", "/subject/0", [](Json& j) { j["subject"][0].erase("digest"); }},
      {"subject_with_empty_digest", "/subject/0/digest",
       [](Json& j) { j["subject"][0]["digest"] = Json::object(); }},
      {"subject_without_name", "/subject/0", [](Json& j) { j["subject"][0].erase("name"); }},
      {"subject_name_empty", "/subject/0/name", [](Json& j) { j["subject"][0]["name"] = ""; }},
      {"upper_case_digest", "/subject/0/digest",
       [](Json& j) { j["subject"][0]["digest"]["sha256"] = std::string(64, 'A'); }},
      {"short_digest", "/subject/0/digest",
       [](Json& j) { j["subject"][0]["digest"]["sha256"] = "aa"; }},
      {"digest_is_number", "/subject/0/digest",
       [](Json& j) { j["subject"][0]["digest"]["sha256"] = 7; }},
      {"unknown_subject_member", "/subject/0", [](Json& j) { j["subject"][0]["size"] = 7; }},
      {"repeated_subject_name", "/subject/1/name",
       [](Json& j) { j["subject"].push_back(Json(j["subject"][0])); }},
      {"absent_predicate", "predicate", [](Json& j) { j.erase("predicate"); }},
      {"predicate_is_array", "/predicate", [](Json& j) { j["predicate"] = Json::array(); }},
      {"predicate_type_no_uri", "/predicateType",
       [](Json& j) { j["predicateType"] = "evaluation"; }},
      {"predicate_type_with_space", "/predicateType",
       [](Json& j) { j["predicateType"] = "https://a b"; }},
      {"unknown_member", "expires", [](Json& j) { j["expires"] = "never"; }},
  };
  for (const BadRow& row : rows) {
    Json json = SampleStatement().ToJson();
    row.change(json);
    const auto parsed = ParseStatement(json, "s.json");
    ASSERT_FALSE(parsed.ok()) << row.name;
    EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument) << row.name;
    EXPECT_THAT(Message(parsed.status()), HasSubstr(row.pointer)) << row.name;
    EXPECT_THAT(Message(parsed.status()), HasSubstr("s.json")) << row.name;
  }
  for (const Json& json : {Json(), Json(1), Json::array(), Json("x")}) {
    EXPECT_FALSE(ParseStatement(json, "s.json").ok());
  }
}

TEST(Statement, AllFindingsAreReportedAtOnce) {
  Json json = SampleStatement().ToJson();
  json["_type"] = "x";
  json["subject"][0]["digest"]["sha256"] = "zz";
  json["predicate"] = 3;
  const std::string message = Message(ParseStatement(json, "s").status());
  for (const char* part : {"/_type", "/subject/0/digest", "/predicate"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST(Statement, ManyFindingsAreCountedNotListed) {
  Json json = SampleStatement().ToJson();
  json["subject"] = Json::array();
  for (int i = 0; i < 1000; ++i) json["subject"].push_back(i);
  const std::string message = Message(ParseStatement(json, "s").status());
  EXPECT_THAT(message, HasSubstr("and 980 more"));
  EXPECT_LT(message.size(), 4000u);
}

TEST(Statement, OtherDescriptorMembersAreAllowed) {
  Json json = SampleStatement().ToJson();
  json["subject"][0]["uri"] = "file:model.onnx";
  json["subject"][0]["digest"]["sha512"] = std::string(128, '0');
  const auto parsed = ParseStatement(json, "s");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->subjects[0].digest.size(), 2u);
}

TEST(Statement, PredicateTypeIsComparedWhole) {
  const Statement statement = SampleStatement();
  EXPECT_TRUE(ExpectPredicateType(statement, "https://example.org/evaluation/v1", "s").ok());
  EXPECT_FALSE(ExpectPredicateType(statement, "https://example.org/evaluation/v10", "s").ok());
  EXPECT_FALSE(ExpectPredicateType(statement, "https://example.org/evaluation", "s").ok());
}

}  // namespace
}  // namespace assize::trust
