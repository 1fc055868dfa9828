// From a recipe's words to rows: preprocessing, splits, digests, and errors that stand at their
// place in the file.
#include "lib/flow/recipe_data.h"

#include <set>

#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

class RecipeDataTest : public ::testing::Test {
 protected:
  recipe::Recipe Read(const std::string& text) {
    return Must(recipe::ParseRecipe(text, shop_.recipe_path(), shop_.example("")));
  }
  StatusOr<RecipeData> Load(const std::string& text) {
    const LoadedModel model = Must(LoadModel(shop_.example("wdbc_mlp.onnx")));
    return LoadRecipeData(Read(text), model.model());
  }
  Workshop shop_;
};

TEST_F(RecipeDataTest, DrawsTheSplitsAndDigestsThem) {
  const RecipeData data = Must(Load(shop_.recipe()));
  EXPECT_EQ(data.RowsOf("evaluation")->size(), 200u);
  EXPECT_EQ(data.RowsOf("calibration")->size(), 369u);
  EXPECT_EQ(data.RowsOf("tuning"), nullptr);
  EXPECT_EQ(data.SetOf("evaluation").name(), "test");
  const evidence::SplitFacts& facts = data.FactsOfSplit("evaluation");
  EXPECT_EQ(facts.digest,
            Hex(data.SetOf("evaluation").SelectionDigest(*data.RowsOf("evaluation"))));
  // What the example's policy pins.
  EXPECT_THAT(Must(ReadFile(shop_.example("policy.yaml"))),
              HasSubstr("evaluation_set_sha256: " + facts.digest));
  EXPECT_EQ(data.sha256_by_path.at("wdbc.npz"), Hex(Must(Sha256OfFile(shop_.example("wdbc.npz")))));
}

TEST_F(RecipeDataTest, FileNamesStayOutOfTheFacts) {
  const RecipeData data = Must(Load(shop_.recipe()));
  for (const evidence::SplitFacts& facts : data.split_facts) {
    EXPECT_EQ(DumpJson(facts.description).find("wdbc"), std::string::npos)
        << DumpJson(facts.description);
    EXPECT_EQ(DumpJson(facts.record).find("wdbc"), std::string::npos) << DumpJson(facts.record);
  }
  EXPECT_THAT(data.paths, ::testing::Each("wdbc.npz"));
}

TEST_F(RecipeDataTest, SourcesThatNoSplitDrawsFromAreNotRead) {
  const std::string more =
      Replaced(shop_.recipe(), "  splits:", "  spare: { npz: gone.npz, input: a }\n  splits:");
  const auto data = Load(more);
  ASSERT_TRUE(data.ok()) << Message(data.status());
  EXPECT_EQ(data->sets.count("spare"), 0u);
}

TEST_F(RecipeDataTest, ErrorsStandAtTheSourcesPlace) {
  const auto missing = Load(Replaced(shop_.recipe(), "input: test_x", "input: tset_x"));
  EXPECT_EQ(ExitCodeOf(missing.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(missing.status()),
              ::testing::AllOf(HasSubstr("recipe.yaml:7:"), HasSubstr("test_x")));
  // An image layout on rows of thirty numbers.
  const auto layout = Load(
      Replaced(shop_.recipe(), "labels: test_y,  dtype: f32", "labels: test_y, layout: HW->NCHW"));
  EXPECT_EQ(ExitCodeOf(layout.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(layout.status()), HasSubstr("recipe.yaml:7:"));
}

TEST_F(RecipeDataTest, APinnedDataFileThatChangedIsNotTrusted) {
  const std::string zeros(64, '0');
  const auto data = Load(Replaced(shop_.recipe(), "labels: test_y,  dtype: f32",
                                  "labels: test_y,  dtype: f32, sha256: \"" + zeros + "\""));
  EXPECT_EQ(ExitCodeOf(data.status()), ExitCode::kNotTrusted) << Message(data.status());
  EXPECT_THAT(Message(data.status()), HasSubstr(zeros));
}

TEST_F(RecipeDataTest, RowsThatOccurInEvaluationAreDroppedAndCounted) {
  // Calibration and evaluation from the same source: every calibration row occurs in the other.
  const auto overlapping =
      Load(Replaced(shop_.recipe(), "calibration: { from: train }",
                    "calibration: { from: train, rows: 50, seed: 1 }, tuning: { from: train }"));
  ASSERT_TRUE(overlapping.ok()) << Message(overlapping.status());
  std::set<int64_t> seen;
  for (const char* split : {"calibration", "tuning"}) {
    for (const int64_t row : *overlapping->RowsOf(split))
      EXPECT_TRUE(seen.insert(row).second) << "row " << row;
  }
  EXPECT_EQ(overlapping->RowsOf("calibration")->size(), 50u);
  for (const data::SplitRecord& record : overlapping->splits.records)
    EXPECT_GE(record.dropped_overlap, 0);
}

TEST_F(RecipeDataTest, APassThatTheRegistryLacksStandsAtItsPlaceAsBadInput) {
  const auto typo = RecipePipeline(
      Read(Replaced(shop_.recipe(), "fuse, quantize-static", "fuse, quantise-static")));
  EXPECT_EQ(ExitCodeOf(typo.status()), ExitCode::kBadInput) << "a recipe is no command line";
  EXPECT_THAT(Message(typo.status()),
              ::testing::AllOf(HasSubstr("recipe.yaml:9:"), HasSubstr("quantize-static")));
  const auto option =
      RecipePipeline(Read(Replaced(shop_.recipe(), "fuse, quantize-static",
                                   "fuse, { quantize-static: { calibrator: percentle } }")));
  EXPECT_EQ(ExitCodeOf(option.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(option.status()),
              ::testing::AllOf(HasSubstr("recipe.yaml:9:"), HasSubstr("percentile")));
}

TEST_F(RecipeDataTest, CriteriaKeepWhatWasWritten) {
  const auto criteria = Must(RecipeCriteria(Read(shop_.recipe())));
  ASSERT_EQ(criteria.size(), 3u);
  EXPECT_EQ(eval::ToJson(criteria[1]).at("class"), 0);
  EXPECT_EQ(eval::ToJson(criteria[2]).at("against"), "source");
}

}  // namespace
}  // namespace assize::flow
