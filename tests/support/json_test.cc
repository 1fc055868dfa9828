// The strict JSON reader, the writers and the schema checks.
#include "lib/support/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assize {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Refusal(std::string_view text, const JsonLimits& limits = {}) {
  const StatusOr<Json> value = ParseJson(text, "f.json", limits);
  if (value.ok()) return "accepted: " + DumpJson(*value);
  EXPECT_EQ(value.status().code(), StatusCode::kInvalidArgument);
  return Message(value.status());
}

TEST(ParseJson, KeepsOrderAndValues) {
  const std::string text =
      R"({"z":[1,-2,3.5,true,null,"\u00e9\n"],"a":{"b":{}},"big":18446744073709551615})";
  const Json value = ParseJson(text, "f").value();
  EXPECT_EQ(DumpJson(value),
            "{\"z\":[1,-2,3.5,true,null,\"\xC3\xA9\\n\"],\"a\":{\"b\":{}},"
            "\"big\":18446744073709551615}");
  EXPECT_EQ(ParseJson(DumpPrettyJson(value), "f").value(), value);
}

TEST(ParseJson, RefusesDuplicateKeysAtTheirPlace) {
  EXPECT_EQ(Refusal("{\n  \"a\": 1,\n  \"a\": 2\n}"),
            "f.json: line 3, column 5: duplicate key \"a\"");
  EXPECT_THAT(Refusal(R"({"x":{"a":1,"\u0061":2}})"), HasSubstr("duplicate key \"a\""));
  EXPECT_TRUE(ParseJson(R"([{"a":1},{"a":1,"b":{"a":2}}])", "f").ok());
}

TEST(ParseJson, RefusesWhatReadsDifferentlyElsewhere) {
  EXPECT_THAT(Refusal("{\"a\":1}\n}"), HasSubstr("line 2, column 1"));
  EXPECT_THAT(Refusal(std::string_view("{}\0{}", 5)), HasSubstr("NUL"));
  EXPECT_THAT(Refusal("\xEF\xBB\xBF{}"), HasSubstr("byte order mark"));
  for (const char* text :
       {"", " ", "NaN", "[NaN]", "[Infinity]", "[1,]", "{\"a\":1,}", "[01]", "[1e999]", "'a'",
        "\"\xFF\"", "\"\\ud800\"", "// c\n{}", "{a:1}", "[1] [2]", "\"\t\""}) {
    EXPECT_THAT(Refusal(text), HasSubstr("f.json: line ")) << text;
  }
}

TEST(ParseJson, LimitsDepthAndSize) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseJson(nested(64), "f").ok());
  EXPECT_THAT(Refusal(nested(65)), HasSubstr("max_depth, 64"));
  EXPECT_THAT(Refusal(std::string(1'000'000, '[')), HasSubstr("max_depth"));
  EXPECT_THAT(Refusal("[1,2]", {.max_bytes = 4}), HasSubstr("max_bytes is 4"));
}

TEST(DumpJson, NeverThrowsOnBytesThatAreNoUtf8) {
  EXPECT_EQ(DumpJson(Json{{"name", "a\xFFz"}}), "{\"name\":\"a\xEF\xBF\xBDz\"}");
}

TEST(Accessors, TellFoundAndExpected) {
  const Json value =
      ParseJson(R"({"s":"x","i":-3,"u":18446744073709551615,"n":1.5,"b":true,"o":{},"l":[]})", "f")
          .value();
  EXPECT_EQ(JsonString(value, "s", "f").value(), "x");
  EXPECT_EQ(JsonInt(value, "i", "f").value(), -3);
  EXPECT_EQ(JsonNumber(value, "i", "f").value(), -3.0);
  EXPECT_EQ(JsonNumber(value, "n", "f").value(), 1.5);
  EXPECT_TRUE(JsonBool(value, "b", "f").value());
  EXPECT_TRUE(JsonObject(value, "o", "f").value()->empty());
  EXPECT_TRUE(JsonArray(value, "l", "f").value()->empty());
  EXPECT_EQ(Message(JsonInt(value, "n", "/p").status()),
            "/p/n: found the number 1.5, expected an integer");
  EXPECT_EQ(Message(JsonInt(value, "u", "/p").status()),
            "/p/u: found the integer 18446744073709551615, expected an integer below 2^63");
  EXPECT_EQ(Message(JsonString(value, "b", "/p").status()),
            "/p/b: found boolean, expected a string");
  EXPECT_EQ(Message(JsonBool(value, "zz", "/p").status()),
            "/p: member \"zz\" is missing, expected true or false");
  EXPECT_FALSE(JsonArray(value, "o", "/p").ok());
  EXPECT_FALSE(JsonObject(value, "l", "/p").ok());
  EXPECT_FALSE(JsonObject(Json::array(), "l", "/p").ok());
}

const char* const kSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["name"],
  "properties": {
    "name": {"type": "string", "pattern": "^[a-z]+$"},
    "list": {"type": "array", "items": {"$ref": "#/definitions/item"}},
    "kind": {"enum": ["x", "y"]}
  },
  "definitions": {"item": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}}
})";

TEST(ValidateJson, ListsAllFindingsInDocumentOrder) {
  const Json schema = ParseJson(kSchema, "schema").value();
  EXPECT_THAT(
      ValidateJson(schema, ParseJson(R"({"name":"ok","list":[{"n":1}],"kind":"y"})", "d").value())
          .value(),
      IsEmpty());
  const Json bad =
      ParseJson(R"({"list":[{"n":1},{"n":0},{"n":"a"}],"kind":"q","name":"N"})", "d").value();
  EXPECT_THAT(ValidateJson(schema, bad).value(),
              ElementsAre(HasSubstr("/list/1/n: "), HasSubstr("/list/2/n: "), HasSubstr("/kind: "),
                          HasSubstr("/name: failed to match regex")));
  EXPECT_THAT(ValidateJson(schema, ParseJson(R"({"nmae":"x"})", "d").value()).value(),
              testing::Contains(HasSubstr("name")));
}

TEST(ValidateJson, LongStringsNeverReachTheRegex) {
  const Json schema = ParseJson(kSchema, "schema").value();
  EXPECT_THAT(ValidateJson(schema, Json{{"name", std::string(1'000'000, 'a')}}).value(),
              ElementsAre(HasSubstr("/name: a string of 1000000 bytes")));
  // The longest one that does must fit the stack, sanitizers included; only the thread sanitizer
  // keeps a call stack of its own that holds 65,536 frames and no more.
#ifdef __SANITIZE_THREAD__
  constexpr size_t kLongest = 4096;
#else
  constexpr size_t kLongest = 65536;
#endif
  EXPECT_THAT(ValidateJson(schema, Json{{"name", std::string(kLongest, 'a')}}).value(), IsEmpty());
}

TEST(ValidateJson, AnUnusableSchemaIsAStatus) {
  EXPECT_EQ(
      ValidateJson(ParseJson(R"({"$ref":"http://example.com/x"})", "s").value(), Json::object())
          .status()
          .code(),
      StatusCode::kInternal);
}

}  // namespace
}  // namespace assize
