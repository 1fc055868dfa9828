// The recipe: what is read, where each fault is placed, and that the effective recipe says the
// same.
#include "lib/recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/support/exit_code.h"
#include "tests/recipe/examples.h"

namespace assize::recipe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Recipe Parsed(const std::string& text) {
  StatusOr<Recipe> recipe = ParseRecipe(text, "r.yaml", "folder");
  EXPECT_TRUE(recipe.ok()) << Message(recipe.status());
  return recipe.ok() ? *std::move(recipe) : Recipe{};
}

std::string Refusal(const std::string& text) {
  const StatusOr<Recipe> recipe = ParseRecipe(text, "r.yaml", "folder");
  if (recipe.ok()) return "accepted";
  EXPECT_EQ(ExitCodeOf(recipe.status()), ExitCode::kBadInput);
  return Message(recipe.status());
}

TEST(ParseRecipe, ReadsTheDocumentedShape) {
  const Recipe recipe = Parsed(kShortRecipe);
  EXPECT_EQ(recipe.model.path, "pneumonia_cnn.onnx");
  EXPECT_EQ(recipe.model.sha256, kDigest);
  EXPECT_EQ(recipe.Resolve(recipe.model.path), "folder/pneumonia_cnn.onnx");
  EXPECT_EQ(recipe.Resolve("/abs"), "/abs");
  ASSERT_EQ(recipe.passes.size(), 3u);
  EXPECT_EQ(recipe.passes[2].name, "quantize-static");
  EXPECT_EQ(recipe.passes[2].options[0].text, "percentile");
  EXPECT_EQ(recipe.passes[2].options[0].place.line, 7);
  EXPECT_EQ(PipelineText(recipe.passes), "simplify,fuse,quantize-static{calibrator=percentile}");
  ASSERT_EQ(recipe.criteria.size(), 3u);
  EXPECT_EQ(recipe.criteria[0].id, "sensitivity-1-at-least");
  EXPECT_EQ(recipe.criteria[0].class_index, 1);
  EXPECT_EQ(recipe.criteria[0].threshold, 0.95);
  EXPECT_EQ(recipe.criteria[0].confidence, 0.95);
  EXPECT_FALSE(recipe.criteria[0].against_source);
  EXPECT_EQ(recipe.criteria[1].comparator, Comparator::kMaxDrop);
  EXPECT_TRUE(recipe.criteria[1].against_source);
  EXPECT_EQ(recipe.criteria[2].id, "flip-rate-at-most");
  EXPECT_EQ(recipe.name, "chest-xray");
  EXPECT_EQ(recipe.version, "1.0.0");
  EXPECT_EQ(recipe.keys.releaser, "keys/releaser.pem");
  EXPECT_EQ(recipe.change.reason, "faster triage on ward PCs");
  EXPECT_EQ(recipe.classification, "deidentified");
  EXPECT_THAT(recipe.evidence, ElementsAre("iso27001-2022"));
}

TEST(ParseRecipe, KeepsThresholdsAndOptionsAsWritten) {
  const Recipe recipe = Parsed(With(kLongRecipe, "at_most: 1e-3", "at_most: 1/1000"));
  EXPECT_EQ(recipe.criteria[0].id, "five");
  EXPECT_EQ(recipe.criteria[0].k, 5);
  EXPECT_EQ(recipe.criteria[1].threshold, 0.001);
  EXPECT_EQ(recipe.criteria[1].threshold_text, "1/1000");
  EXPECT_EQ(PipelineText(recipe.passes),
            "simplify,fuse,quantize-static{percentile=99.99,per-channel=true,note=\"a, b\"},"
            "prune-magnitude{sparsity=0.50}");
  EXPECT_EQ(recipe.limits.max_memory_bytes, 4294967296);
  EXPECT_TRUE(recipe.keys.demo);
}

TEST(ParseRecipe, OneKeyForAllRolesAndTheWordDemo) {
  const std::string text = With(kLongRecipe, "keys: demo", "keys: \"demo\"");
  EXPECT_FALSE(Parsed(text).keys.demo);
  EXPECT_EQ(Parsed(text).keys.evaluator, "demo");
}

TEST(ParseRecipe, FaultsAreAtTheirPlaceWithTheNearestName) {
  struct Case {
    const char *part, *other, *message;
  };
  const std::vector<Case> cases = {
      {"criteria:\n", "criterai:\n",
       "r.yaml:8:1: recipe: unknown key \"criterai\" (did you mean \"criteria\"?)"},
      {"metric: sensitivity", "metrc: sensitivity",
       "r.yaml:9:7: criteria[0]: unknown key \"metrc\" (did you mean \"metric\"?)"},
      {"labels: train_labels", "label: train_labels",
       "r.yaml:4:58: data.train: unknown key \"label\" (did you mean \"labels\"?)"},
      {"from: test", "from: tset",
       "r.yaml:6:83: data.splits.evaluation.from: no data source \"tset\" (did you mean "
       "\"test\"?)"},
      {"rows: 300", "rows: \"300\"",
       "r.yaml:6:47: data.splits.calibration.rows: found the string \"300\", expected an integer "
       "in decimal digits"},
      {"rows: 300", "rows: 0",
       "r.yaml:6:47: data.splits.calibration.rows: found 0, expected at least 1"},
      {"at_least: 0.95", "at_least: high",
       "r.yaml:9:48: criteria[0].at_least: found \"high\", expected a number (0.5, 1e-3) or a "
       "fraction (1/255)"},
      {"version: 1.0.0", "version: 1.0",
       "r.yaml:12:39: release.version: \"1.0\", expected a semantic version such as 1.0.0"},
      {"classification: deidentified", "classification: deidentifed",
       "r.yaml:15:17: classification: found \"deidentifed\", expected public or deidentified or "
       "phi (did you mean "
       "\"deidentified\"?)"},
      {"assize: 1", "assize: 2",
       "r.yaml:1:9: assize: found 2, this program reads recipes of format 1"},
      {"model: {", "model: { path: a,", "r.yaml:2:19: duplicate key \"path\""},
      {"release: {", "release: { nmae: x,",
       "r.yaml:12:12: release: unknown key \"nmae\" (did you mean \"name\"?)"},
  };
  for (const Case& c : cases) EXPECT_EQ(Refusal(With(kShortRecipe, c.part, c.other)), c.message);
}

TEST(ParseRecipe, RefusesContradictionsAndGaps) {
  struct Case {
    const char *part, *other, *message;
  };
  const std::vector<Case> cases = {
      {"max_drop: 0.02, against: source", "max_drop: 0.02", "max_drop needs \"against: source\""},
      {"class: 1, at_least: 0.95", "class: 1, at_least: 0.95, at_most: 1",
       "both at_least and at_most"},
      {"class: 1, at_least: 0.95", "class: 1", "no threshold"},
      {"class: 1, at_least: 0.95", "at_least: 0.95, against: source", "is absolute"},
      {"against: source }\n  - { metric: flip", "against: sauce }\n  - { metric: flip",
       "expected source"},
      {"at_least: 0.95", "at_least: 0.95, confidence: 95", "expected 0.5 up to below 1"},
      {"  - { metric: top1, max_drop: 0.02, against: source }",
       "  - { metric: sensitivity, class: 1, at_least: 0.9 }", "is taken by an earlier criterion"},
      {"class: 1,", "class: -1,", "expected at least 0"},
      {"name: chest-xray", "name: -rf", "release.name"},
      {"name: chest-xray", "name: ../up", "release.name"},
      {"name: chest-xray", "name: a b", "release.name"},
      {"classification: deidentified\n", "", "\"classification\" is missing"},
      {"releaser: keys/releaser.pem", "approver: x", "unknown key \"approver\""},
      {", releaser: keys/releaser.pem", "", "\"releaser\" is missing"},
      {"{ quantize-static: {", "{ fuse: {}, quantize-static: {", "2 names in one map"},
      {"{ calibrator: percentile }", "percentile", "expected a map of options for quantize-static"},
      {"calibrator: percentile", "calibrator: [ a ]", "found a list, expected a string"},
      {"[ iso27001-2022 ]", "iso27001-2022", "evidence: expected a list"},
      {"[ iso27001-2022 ]", "[ a, a ]", "stands there twice"},
      {"sha256: 3e67", "sha256: 3E67", "lower-case hex"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(Refusal(With(kShortRecipe, c.part, c.other)), HasSubstr(c.message)) << c.other;
  EXPECT_THAT(Refusal(""), HasSubstr("empty"));
  EXPECT_THAT(Refusal("- a\n"), HasSubstr("r.yaml:1:1: recipe: found a list, expected a map"));
  EXPECT_THAT(Refusal("assize: 1\n"), HasSubstr("\"model\" is missing"));
}

TEST(EffectiveRecipe, ReadsBackTheSame) {
  for (const char* text : {kShortRecipe, kLongRecipe}) {
    const Json effective = EffectiveRecipe(Parsed(text));
    const std::string written = DumpYaml(effective);
    EXPECT_EQ(DumpPrettyJson(EffectiveRecipe(Parsed(written))), DumpPrettyJson(effective))
        << written;
    EXPECT_EQ(PipelineText(Parsed(written).passes), PipelineText(Parsed(text).passes));
    EXPECT_THAT(SchemaFindings("recipe.schema.json", written), IsEmpty()) << written;
  }
}

TEST(EffectiveRecipe, WritesDefaultsOut) {
  const Json effective = EffectiveRecipe(Parsed(kLongRecipe));
  EXPECT_EQ(effective["data"]["splits"]["tuning"]["seed"], 11);
  EXPECT_EQ(effective["criteria"][1]["confidence"], 0.95);
  EXPECT_EQ(effective["criteria"][1]["id"], "rmse-at-most");
  EXPECT_EQ(effective["evidence"], Json::array());
  EXPECT_EQ(effective["data"]["plain"]["affine"]["zero_point"], 128.0);
  EXPECT_EQ(effective["passes"][3]["prune-magnitude"]["sparsity"], "0.50");
  EXPECT_EQ(effective["passes"][2]["quantize-static"]["percentile"], 99.99);
}

TEST(Schema, AgreesWithTheParser) {
  for (const char* text : {kShortRecipe, kLongRecipe}) {
    EXPECT_THAT(SchemaFindings("recipe.schema.json", text), IsEmpty());
  }
  // Faults that a schema can see: both must refuse, so that an editor warns before the program
  // does.
  const std::vector<std::pair<const char*, const char*>> faults = {
      {"metric: sensitivity", "metrc: sensitivity"},
      {"at_least: 0.95", "at_least: high"},
      {"at_least: 0.95", "at_least: 0.9, at_most: 1"},
      {"max_drop: 0.02, against: source", "max_drop: 0.02"},
      {"version: 1.0.0", "version: 1.0"},
      {"name: chest-xray", "name: -rf"},
      {"rows: 300, seed", "rows: 0, seed"},
      {"rows: 300, seed", "seed"},
      {"from: test", "form: test"},
      {"assize: 1", "assize: 2"},
      {"sha256: 3e67", "sha256: 3E67"},
      {"classification: deidentified", "classification: secret"},
      {"npz: pneumoniamnist.npz, input: train", "csv: pneumoniamnist.npz, input: train"},
      {"scale: 1/255", "scale: a/255"},
      {"evaluation: {", "evaluate: {"},
      {", releaser: keys/releaser.pem", ""},
      {"{ quantize-static: {", "{ fuse: {}, quantize-static: {"}};
  for (const auto& [part, other] : faults) {
    const std::string text = With(kShortRecipe, part, other);
    EXPECT_NE(Refusal(text), "accepted") << other;
    EXPECT_THAT(SchemaFindings("recipe.schema.json", text), Not(IsEmpty())) << other;
  }
}

TEST(Names, SemanticVersions) {
  for (const char* good : {"0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha", "1.0.0-rc.1", "1.0.0-0.3.7",
                           "1.0.0--", "1.0.0+001", "1.0.0-a+b.c"}) {
    EXPECT_TRUE(IsSemanticVersion(good)) << good;
  }
  for (const char* bad :
       {"", "1", "1.0", "1.0.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+",
        "v1.0.0", "1.0.0 ", "-1.0.0", "1.0.0-ä", "1..0", "a.b.c", "1.0.0/.."}) {
    EXPECT_FALSE(IsSemanticVersion(bad)) << bad;
  }
}

TEST(ReadRecipe, MissingFileIsNotFound) {
  EXPECT_EQ(ReadRecipe("/nonexistent/recipe.yaml").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace assize::recipe
