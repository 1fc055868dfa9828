// The strict YAML layer: each refusal at its line and column, typed reading, and the writer's round
// trip.
#include "lib/support/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assize {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string YamlRefusal(std::string_view text) {
  const StatusOr<YamlNode> node = ParseYaml(text, "r.yaml");
  if (node.ok()) return "accepted: " + DumpJson(node->ToJson());
  EXPECT_EQ(node.status().code(), StatusCode::kInvalidArgument);
  return Message(node.status());
}

TEST(ParseYaml, BuildsTheTreeWithPlaces) {
  const YamlNode root =
      ParseYaml("a: 1\nb:\n  - { c: \"x\", d: 'y' }\n  - ~\ntext: |\n  l1\n  l2\n", "r.yaml")
          .value();
  EXPECT_EQ(DumpJson(root.ToJson()), R"({"a":1,"b":[{"c":"x","d":"y"},null],"text":"l1\nl2\n"})");
  const YamlNode& c = *root.Find("b")->items()[0].Find("c");
  EXPECT_EQ(c.place().line, 3);
  EXPECT_EQ(c.place().column, 10);
  EXPECT_TRUE(c.quoted());
  EXPECT_FALSE(root.Find("a")->quoted());
  EXPECT_TRUE(root.Find("text")->quoted());
  EXPECT_EQ(root.key_place(1).line, 2);
  EXPECT_EQ(root.Find("absent"), nullptr);
  EXPECT_EQ(Message(c.Error("no")), "r.yaml:3:10: no");
}

TEST(ParseYaml, EmptyIsNull) {
  EXPECT_EQ(ParseYaml("", "r").value().kind(), YamlNode::Kind::kNull);
  EXPECT_EQ(ParseYaml("# only a comment\n", "r").value().kind(), YamlNode::Kind::kNull);
}

TEST(ParseYaml, RefusesDuplicateKeys) {
  EXPECT_EQ(YamlRefusal("a: 1\nb: 2\na: 3\n"), "r.yaml:3:1: duplicate key \"a\"");
  EXPECT_EQ(YamlRefusal("x: { a: 1, \"a\": 2 }\n"), "r.yaml:1:12: duplicate key \"a\"");
  EXPECT_TRUE(ParseYaml("x: { a: 1 }\ny: { a: 1 }\n", "r").ok());
}

TEST(ParseYaml, RefusesAnchorsAliasesTagsAndMerges) {
  EXPECT_THAT(YamlRefusal("a: &x 1\n"), StartsWith("r.yaml:1:"));
  EXPECT_THAT(YamlRefusal("a: &x 1\n"), HasSubstr("anchor"));
  EXPECT_THAT(YamlRefusal("a: &x [*x]\n"), HasSubstr("anchor"));
  EXPECT_THAT(YamlRefusal("a: &x\n"), HasSubstr("anchor"));
  EXPECT_THAT(YamlRefusal("a: *x\n"), StartsWith("r.yaml:1:"));
  EXPECT_THAT(YamlRefusal("a:\n  <<: {b: 1}\n"), HasSubstr("r.yaml:2:3: a merge key"));
  for (const char* text : {"a: !!str 1", "a: !local 1", "a: ! 1", "a: ! \"x\"", "a: !!map {}",
                           "a: ! {}", "a: ! [1]", "a: !!str", "!!str a: 1", "! a: 1"}) {
    EXPECT_THAT(YamlRefusal(text), HasSubstr("tag")) << text;
  }
  EXPECT_TRUE(ParseYaml("a: \"<<\"\nb: \"!x\"\nc: \"*x\"\n", "r").ok());
}

TEST(ParseYaml, RefusesSeveralDocuments) {
  EXPECT_THAT(YamlRefusal("a: 1\n---\nb: 2\n"), HasSubstr("second document"));
  EXPECT_THAT(YamlRefusal("---\na: 1\n---\n"), HasSubstr("second document"));
  EXPECT_TRUE(ParseYaml("---\na: 1\n...\n", "r").ok());
}

TEST(ParseYaml, RefusesKeysThatAreNoNames) {
  EXPECT_THAT(YamlRefusal("{[a]: 1}"), HasSubstr("list or map as key"));
  EXPECT_THAT(YamlRefusal("? {a: 1}\n: 2\n"), HasSubstr("list or map as key"));
  EXPECT_THAT(YamlRefusal(": 1\n"), HasSubstr("null or nothing as key"));
  EXPECT_THAT(YamlRefusal("~: 1\n"), HasSubstr("null or nothing as key"));
}

TEST(ParseYaml, RefusesBytesThatReadersDisagreeOn) {
  EXPECT_EQ(YamlRefusal("a:\n\tb: 1\n"), "r.yaml:2:1: a tab as indent, expected spaces");
  EXPECT_THAT(YamlRefusal("a:\n  \tb: 1\n"), StartsWith("r.yaml:2:3: a tab"));
  EXPECT_TRUE(ParseYaml("a: 1\t# tab before a comment\n\t\n", "r").ok());
  EXPECT_THAT(YamlRefusal(std::string_view("a: \0", 4)),
              HasSubstr("r.yaml:1:4: control character 0x00"));
  EXPECT_THAT(YamlRefusal("a: \x1b[31m\n"), HasSubstr("control character 0x1b"));
  EXPECT_THAT(YamlRefusal("\xEF\xBB\xBF"
                          "a: 1\n"),
              HasSubstr("byte order mark"));
  for (const char* text : {"a: \xFF", "a: \xC0\xAF", "a: \xE0\x80\x80", "a: \xED\xA0\x80",
                           "a: \xF4\x90\x80\x80", "a: \xE2\x82"}) {
    EXPECT_THAT(YamlRefusal(text), HasSubstr("r.yaml:1:4: byte 0x")) << text;
  }
  EXPECT_TRUE(ParseYaml("a: \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n", "r").ok());
}

TEST(ParseYaml, LimitsDepthNodesAndSize) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseYaml(nested(64), "r").ok());
  EXPECT_THAT(YamlRefusal(nested(65)), HasSubstr("r.yaml:1:65: nested deeper than 64"));
  EXPECT_THAT(YamlRefusal(nested(100'000)), HasSubstr("nested deeper"));
  std::string wide;
  for (int i = 0; i < 10000; ++i) wide += "- x\n";
  EXPECT_THAT(YamlRefusal(wide), HasSubstr("more than 10000 values"));
  EXPECT_THAT(YamlRefusal(std::string((1 << 20) + 1, ' ')), HasSubstr("limit is 1048576"));
}

TEST(ParseYaml, SyntaxErrorsHavePlaces) {
  EXPECT_THAT(YamlRefusal("a: [1, 2\nb: 3\n"), StartsWith("r.yaml:"));
  EXPECT_EQ(YamlRefusal("a: \"open\\\"\n"), "r.yaml:1:4: a quote (\") that is never closed");
  EXPECT_EQ(YamlRefusal("a: 'it''s\n"), "r.yaml:1:4: a quote (') that is never closed");
  EXPECT_TRUE(ParseYaml("a: ['it''s', \"\\\"\"]\n", "r").ok());
  EXPECT_THAT(YamlRefusal("a: 1\n  b: 2\n"), StartsWith("r.yaml:2:"));
}

TEST(Typed, NothingIsGuessed) {
  const YamlNode root =
      ParseYaml(
          "yes: yes\noct: 010\ninf: .inf\nhex: 0x10\nquoted: \"12\"\ntrue: true\nint: -7\nhuge: "
          "9223372036854775808\nfraction: 1/255\nzero: 1/0\nsci: 2.5e-3\nover: 1e999\nnothing: "
          "null\n"
          "True: True\nversion: 1.10\n",
          "r.yaml")
          .value();
  auto at = [&](const char* key) -> const YamlNode& { return *root.Find(key); };
  EXPECT_TRUE(at("true").AsBool("x").value());
  EXPECT_FALSE(at("yes").AsBool("x").ok());
  EXPECT_FALSE(at("True").AsBool("x").ok());
  EXPECT_EQ(at("int").AsInt("x").value(), -7);
  for (const char* key : {"oct", "hex", "quoted", "huge", "sci", "nothing", "yes"})
    EXPECT_FALSE(at(key).AsInt("x").ok()) << key;
  EXPECT_EQ(at("fraction").AsNumber("x").value(), 1.0 / 255.0);
  EXPECT_EQ(at("sci").AsNumber("x").value(), 0.0025);
  EXPECT_EQ(at("huge").AsNumber("x").value(), 9223372036854775808.0);
  for (const char* key : {"inf", "zero", "over", "quoted", "oct", "nothing"})
    EXPECT_FALSE(at(key).AsNumber("x").ok()) << key;
  EXPECT_EQ(at("version").AsString("x").value(), "1.10");
  EXPECT_FALSE(at("nothing").AsString("x").ok());
  EXPECT_EQ(
      Message(at("quoted").AsInt("data.rows").status()),
      "r.yaml:5:9: data.rows: found the string \"12\", expected an integer in decimal digits");
}

TEST(Typed, CheckKeysNamesTheNearest) {
  const YamlNode root = ParseYaml("name: a\nverison: 1\n", "r.yaml").value();
  EXPECT_EQ(Message(root.CheckKeys("release", {"name", "version"})),
            "r.yaml:2:1: release: unknown key \"verison\" (did you mean \"version\"?)");
  EXPECT_EQ(Message(root.CheckKeys("release", {"name"})),
            "r.yaml:2:1: release: unknown key \"verison\", expected one of name");
  EXPECT_TRUE(root.CheckKeys("release", {"name", "verison"}).ok());
  EXPECT_EQ(Message(root.Find("name")->CheckKeys("x", {})),
            "r.yaml:1:7: x: found \"a\", expected a map");
}

TEST(DumpYaml, RoundTripsWhatIsEasilyMisread) {
  Json strings = Json::array();
  for (const char* text :
       {"",     " ",    "a b",        "a ",       "yes",        "No",   "null", "~",
        "1",    "010",  "1.5",        "1/255",    "-",          "- a",  "a: b", "a #b",
        "#a",   "*a",   "&a",         "!a",       "%a",         "@a",   "`a",   "[a]",
        "{a}",  "'a'",  "\"a\"",      "a\nb",     "\t",         "\x7f", "\x01", "HW->NCHW",
        "<<",   "=",    "\xC3\xA9",   "\xC2\x85", "keys/a.pem", "/abs", "---",  "1e5",
        ".inf", "true", "2026-11-23", "?",        ":",          "a:",   ","}) {
    strings.push_back(text);
  }
  Json value = Json::object();
  value["strings"] = strings;
  value["numbers"] = Json::array({0, -1, 1.0, 1.0 / 255, 1e-7, 1e300, int64_t{9007199254740993}});
  value["flags"] = Json::array({true, false, nullptr});
  value["empty"] = Json::object({{"list", Json::array()}, {"map", Json::object()}});
  value["deep"] = Json::array({Json::array(
      {Json::array({1}), Json::object({{"a", Json::array({Json::object({{"b", 1}})})}})})});
  value["odd key: \n"] = 1;
  value["yes"] = Json::object({{"no", 1}});
  const std::string text = DumpYaml(value);
  const StatusOr<YamlNode> again = ParseYaml(text, "r.yaml");
  ASSERT_TRUE(again.ok()) << Message(again.status()) << "\n" << text;
  EXPECT_EQ(DumpJson(again->ToJson()), DumpJson(value)) << text;
  EXPECT_EQ(DumpYaml(again->ToJson()), text);
}

TEST(DumpYaml, ReadsWell) {
  EXPECT_EQ(DumpYaml(Json::object(
                {{"a", 1},
                 {"list", Json::array({"x", Json::object({{"b", "HW->NCHW"}, {"c", "1.0.0"}})})}})),
            "a: 1\nlist:\n  - x\n  - b: HW->NCHW\n    c: \"1.0.0\"\n");
}

}  // namespace
}  // namespace assize
