// Data sources in their four formats, their preprocessing, and the splits.
#include "lib/recipe/data_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/recipe/examples.h"

namespace assize::recipe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string DataRefusal(const std::string& data) {
  const YamlNode node = ParseYaml(data, "r.yaml").value();
  Recipe recipe;
  const Status status = ReadData(node, recipe);
  return status.ok() ? "accepted" : Message(status);
}

// One source and the shortest split.
std::string Source(const std::string& source) {
  return "a: { " + source + " }\nsplits: { evaluation: a }\n";
}

TEST(ReadData, FourFormats) {
  const Recipe recipe = ParseRecipe(kLongRecipe, "r.yaml", ".").value();
  const DataSource& many = *recipe.FindData("many");
  EXPECT_EQ(many.format, DataFormat::kNpz);
  ASSERT_EQ(many.inputs.size(), 2u);
  EXPECT_EQ(many.inputs[0].input, "image");
  EXPECT_EQ(many.inputs[0].source.array, "x");
  EXPECT_EQ(many.inputs[0].source.path, "a.npz");
  EXPECT_THAT(many.inputs[0].preprocessing.std, ElementsAre(0.229, 0.224, 0.225));
  EXPECT_EQ(many.inputs[0].preprocessing.dtype, "f32");
  EXPECT_EQ(many.inputs[1].source.array, "ages");
  EXPECT_EQ(many.sha256.at("a.npz"), kDigest);
  EXPECT_FALSE(many.labels.has_value());

  const DataSource& idx = *recipe.FindData("idx");
  EXPECT_EQ(idx.inputs[0].source.path, "images.gz");
  EXPECT_EQ(idx.inputs[0].input, "");
  EXPECT_EQ(idx.labels->path, "labels.gz");
  EXPECT_EQ(idx.inputs[0].preprocessing.scale, 1.0 / 255.0);
  EXPECT_THAT(idx.inputs[0].preprocessing.mean, ElementsAre(0.1307));
  EXPECT_EQ(idx.sha256.count("images.gz"), 0u);

  const DataSource& plain = *recipe.FindData("plain");
  EXPECT_EQ(plain.groups->path, "people.npy");
  EXPECT_EQ(plain.inputs[0].preprocessing.zero_point, 128.0);
  EXPECT_EQ(plain.inputs[0].preprocessing.scale, 0.00784313725490196);
  EXPECT_THAT(plain.inputs[0].preprocessing.reshape, ElementsAre(1, -1));

  const DataSource& table = *recipe.FindData("table");
  EXPECT_EQ(table.labels->path, "wdbc.csv");
  EXPECT_EQ(table.labels->array, "diagnosis");
  EXPECT_EQ(table.groups->array, "patient");
  EXPECT_THAT(table.inputs[0].source.skip, ElementsAre("id", "note"));
  EXPECT_THAT(recipe.FindData("chosen")->inputs[0].source.columns,
              ElementsAre("radius", "mean texture"));
  EXPECT_EQ(recipe.FindData("absent"), nullptr);
}

TEST(ReadData, Splits) {
  const Recipe recipe = ParseRecipe(kLongRecipe, "r.yaml", ".").value();
  const Split& calibration = *recipe.FindSplit("calibration");
  EXPECT_EQ(calibration.rows_file, "rows.json");
  EXPECT_EQ(calibration.key, "mnist");
  EXPECT_FALSE(calibration.rows.has_value());
  EXPECT_EQ(recipe.FindSplit("tuning")->rows, 10);
  EXPECT_EQ(recipe.FindSplit("tuning")->seed, 11u);  // the recipe's
  EXPECT_EQ(recipe.FindSplit("evaluation")->exclude_rows_of, "calibration");
}

TEST(ReadData, RefusesWhatContradictsItself) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"npz: a, npy: b, input: x", "both npz and npy"},
      {"input: x", "no file"},
      {"npz: a", "\"input\" is missing"},
      {"npz: \"\", input: x", "an empty string"},
      {"npz: a, input: x, inputs: { y: z }", "both input and inputs"},
      {"npz: a, inputs: { y: z }, scale: 2", "say it at the input it is for"},
      {"npz: a, inputs: {}", "expected a map, model input -> array"},
      {"npy: a, input: x", "unknown key \"input\""},
      {"csv: a, input: x", "unknown key \"input\""},
      {"npz: a, input: x, columns: [ b ]", "unknown key \"columns\""},
      {"csv: a, columns: [ b ], skip: [ c ]", "both columns and skip"},
      {"npy: a, scale: 0", "would erase the data"},
      {"npy: a, scale: 1, affine: { scale: 1, zero_point: 0 }", "both scale and affine"},
      {"npy: a, affine: { scale: 1 }", "\"zero_point\" is missing"},
      {"npy: a, std: [ 1, 0 ]", "expected above 0"},
      {"npy: a, mean: []", "one number per channel"},
      {"npy: a, mean: .nan", "expected a number"},
      {"npy: a, reshape: [ -1, -1 ]", "-1 once"},
      {"npy: a, reshape: [ 0 ]", "found 0"},
      {"npy: a, reshape: 28", "expected a list"},
      {"npy: a, sha256: 12", "64 hex digits"},
      {"npy: a, labels: b, sha256: { c: 12 }", "unknown key \"c\""},
  };
  for (const auto& [source, message] : cases)
    EXPECT_THAT(DataRefusal(Source(source)), HasSubstr(message)) << source;
  EXPECT_EQ(DataRefusal(Source("npy: a")), "accepted");
}

TEST(ReadData, RefusesSplitsThatCannotBe) {
  const std::string sources = "a: { npy: a }\nb: { npy: b }\n";
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"splits: { calibration: a }", "\"evaluation\" is missing"},
      {"splits: { evaluation: c }", "no data source \"c\""},
      {"splits: { evaluation: { rows: 5 } }", "\"from\" is missing"},
      {"splits: { evaluation: { from: a, seed: 5 } }", "a seed without rows"},
      {"splits: { evaluation: { from: a, rows: 5, seed: -1 } }", "at least 0"},
      {"splits: { evaluation: { from: a, rows: 5, rows_file: f } }", "both rows and rows_file"},
      {"splits: { evaluation: { from: a, key: f } }", "a key without rows_file"},
      {"splits: { evaluation: { from: a, exclude_rows_of: tuning } }", "no other split \"tuning\""},
      {"splits: { evaluation: { from: a, exclude_rows_of: evaluation } }", "no other split"},
      {"splits: { calibration: b, evaluation: { from: a, exclude_rows_of: calibration } }",
       "nothing to leave out"},
      {"splits: { calibration: { from: a, exclude_rows_of: evaluation }, evaluation: { from: a, "
       "exclude_rows_of: "
       "calibration } }",
       "leaves rows out itself"},
      {"splits: { validation: a, evaluation: a }", "unknown key \"validation\""},
      {"", "\"splits\" is missing"},
  };
  for (const auto& [splits, message] : cases) {
    EXPECT_THAT(DataRefusal(sources + splits + "\n"), HasSubstr(message)) << splits;
  }
  EXPECT_THAT(DataRefusal("splits: { evaluation: a }\n"), HasSubstr("no source"));
  EXPECT_THAT(DataRefusal("\"a/b\": { npy: a }\nsplits: { evaluation: a }\n"),
              HasSubstr("is no name of a source"));
}

}  // namespace
}  // namespace assize::recipe
