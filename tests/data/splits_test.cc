// Splits: disjoint, groups whole, overlap dropped and counted; the real files with their known
// duplicates.
#include "lib/data/splits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "lib/support/files.h"

namespace assize::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One row per number; equal numbers are identical rows.
Dataset Set(const std::string& name, const std::vector<float>& values,
            std::optional<std::vector<int64_t>> groups = std::nullopt) {
  const int64_t n = static_cast<int64_t>(values.size());
  std::optional<Array> people;
  if (groups) people = Array::Of<int64_t>({n}, *groups);
  return *Dataset::Create(name, {{"x", "x", Array::Of<float>({n, 1}, values), {}}}, std::nullopt,
                          people, {});
}

std::vector<float> Distinct(int n) {
  std::vector<float> values;
  for (int i = 0; i < n; ++i) values.push_back(static_cast<float>(i));
  return values;
}

SplitRequest Request(const std::string& name, const std::string& from,
                     std::optional<int64_t> rows = std::nullopt, uint64_t seed = 0) {
  return {name, from, rows, seed, std::nullopt};
}

SplitRequest Listed(const std::string& name, const std::string& from, std::vector<int64_t> rows) {
  return {name, from, std::nullopt, 0, std::move(rows)};
}

TEST(MakeSplits, DrawIsFixedBySeedAndDisjointFromTheRest) {
  const Dataset set = Set("all", Distinct(100));
  const auto draw = [&](uint64_t seed) {
    return *MakeSplits({{"all", &set}},
                       {Request("calibration", "all", 30, seed), Request("tuning", "all", 20, seed),
                        Request("evaluation", "all")});
  };
  const Splits splits = draw(7);
  EXPECT_EQ(splits.rows.at("calibration").size(), 30u);
  EXPECT_EQ(splits.rows.at("tuning").size(), 20u);
  EXPECT_EQ(splits.rows.at("evaluation").size(), 50u);
  std::set<int64_t> all;
  for (const auto& [name, rows] : splits.rows) all.insert(rows.begin(), rows.end());
  EXPECT_EQ(all.size(), 100u);
  EXPECT_EQ(draw(7).rows, splits.rows);
  EXPECT_NE(draw(8).rows.at("calibration"), splits.rows.at("calibration"));
  EXPECT_EQ(splits.records[2].rule, "rest");
  EXPECT_EQ(splits.records[0].ToJson()["seed"], 7);
  // The draw is the same on every machine: these rows are part of what a recipe means.
  const std::vector<int64_t>& rows = splits.rows.at("calibration");
  const std::vector<int64_t> first(rows.begin(), rows.begin() + 5);
  EXPECT_THAT(first, ElementsAre(0, 5, 8, 11, 12));
}

TEST(MakeSplits, IdenticalRowsStayTogether) {
  // Ten contents, three rows each.
  std::vector<float> values;
  for (int i = 0; i < 30; ++i) values.push_back(static_cast<float>(i % 10));
  const Dataset set = Set("all", values);
  const Splits splits = *MakeSplits(
      {{"all", &set}}, {Request("calibration", "all", 10, 3), Request("evaluation", "all")});
  EXPECT_EQ(splits.rows.at("calibration").size(), 9u);  // three whole groups; a fourth overshoots
  EXPECT_EQ(splits.rows.at("evaluation").size(), 21u);
  std::set<float> calibration, evaluation;
  for (const int64_t row : splits.rows.at("calibration"))
    calibration.insert(values[static_cast<size_t>(row)]);
  for (const int64_t row : splits.rows.at("evaluation"))
    evaluation.insert(values[static_cast<size_t>(row)]);
  EXPECT_EQ(calibration.size() + evaluation.size(), 10u);
  EXPECT_EQ(splits.records[0].groups, 3);
  EXPECT_EQ(splits.records[0].asked, 10);
  EXPECT_EQ(splits.records[0].dropped_overlap, 0);
}

TEST(MakeSplits, ListedRowsThatEvaluationHasAreDropped) {
  const Dataset set = Set("all", {1, 2, 3, 4, 2, 5});
  const Splits splits = *MakeSplits(
      {{"all", &set}}, {Listed("calibration", "all", {0, 1, 2}), Request("evaluation", "all")});
  EXPECT_THAT(splits.rows.at("evaluation"), ElementsAre(3, 4, 5));
  EXPECT_THAT(splits.rows.at("calibration"), ElementsAre(0, 2));  // row 1 is row 4 again
  EXPECT_EQ(splits.records[0].dropped_overlap, 1);
}

TEST(MakeSplits, OverlapBetweenFilesIsDroppedBeforeTheDraw) {
  const Dataset train = Set("train", Distinct(20)), test = Set("test", {3, 4, 100});
  const Splits splits =
      *MakeSplits({{"train", &train}, {"test", &test}},
                  {Request("calibration", "train", 18, 1), Request("evaluation", "test")});
  EXPECT_EQ(splits.rows.at("calibration").size(), 18u);
  for (const int64_t row : splits.rows.at("calibration")) EXPECT_TRUE(row != 3 && row != 4);
  EXPECT_EQ(splits.records[0].dropped_overlap, 2);
  EXPECT_EQ(splits.records[1].dropped_overlap, 0);  // never from evaluation
  EXPECT_EQ(splits.records[1].rule, "all");
  const Status short_of =
      MakeSplits({{"train", &train}, {"test", &test}},
                 {Request("calibration", "train", 19, 1), Request("evaluation", "test")})
          .status();
  EXPECT_THAT(Message(short_of), HasSubstr("19 rows asked, but only 18"));
}

TEST(MakeSplits, PeopleStayTogetherAcrossFiles) {
  // Person 7 has images in both files, different ones.
  const Dataset train = Set("train", {1, 2, 3, 4}, std::vector<int64_t>{7, 7, 8, 9});
  const Dataset test = Set("test", {50, 60}, std::vector<int64_t>{7, 10});
  const Splits splits =
      *MakeSplits({{"train", &train}, {"test", &test}},
                  {Request("calibration", "train"), Request("evaluation", "test")});
  EXPECT_THAT(splits.rows.at("calibration"), ElementsAre(2, 3));
  EXPECT_EQ(splits.records[0].dropped_overlap, 2);
}

TEST(MakeSplits, MistakesAreNamed) {
  const Dataset set = Set("train", Distinct(5));
  const auto error = [&](std::vector<SplitRequest> requests) {
    return Message(MakeSplits({{"train", &set}}, requests).status());
  };
  EXPECT_THAT(error({Request("calibration", "trian", 3)}), HasSubstr("did you mean \"train\""));
  EXPECT_THAT(error({Request("calibration", "train", 6)}), HasSubstr("6 rows asked"));
  EXPECT_THAT(error({Request("calibration", "train", 0)}), HasSubstr("0 rows asked"));
  EXPECT_THAT(error({Listed("calibration", "train", {0, 5})}), HasSubstr("row 5"));
  EXPECT_THAT(error({Listed("calibration", "train", {1, 1})}), HasSubstr("listed twice"));
  EXPECT_THAT(error({Request("evaluation", "train"), Request("calibration", "train")}),
              HasSubstr("\"calibration\" is empty"));
  EXPECT_THAT(error({Request("tuning", "train"), Request("tuning", "train")}),
              HasSubstr("given twice"));
}

TEST(ReadRowList, JsonAndText) {
  const std::string path = ::testing::TempDir() + "assize_rows";
  ASSERT_TRUE(WriteFileAtomic(path, "{\"kws\": [3, 1], \"mnist\": []}").ok());
  EXPECT_THAT(*ReadRowList(path, "kws"), ElementsAre(3, 1));
  EXPECT_FALSE(ReadRowList(path).ok());
  ASSERT_TRUE(WriteFileAtomic(path, "3\r\n1\n\n").ok());
  EXPECT_THAT(*ReadRowList(path), ElementsAre(3, 1));
  ASSERT_TRUE(WriteFileAtomic(path, "3\n1.5\n").ok());
  EXPECT_THAT(Message(ReadRowList(path).status()), HasSubstr(":2:1"));
  ASSERT_TRUE(WriteFileAtomic(path, "[3, 1.0]").ok());
  EXPECT_FALSE(ReadRowList(path).ok());
}

// Known of the files: kws has 3 pairs of identical rows, 2 of them across its calibration list; the
// chest X-rays share rows between train and val.
TEST(MakeSplits, KnownDuplicatesOfTheSharedData) {
  const char* shared = std::getenv("ASSIZE_SHARED");
  const std::string folder =
      (shared != nullptr ? shared : std::string(ASSIZE_SOURCE_DIR) + "/../shared") + "/data/";
  if (!FolderExists(folder)) GTEST_SKIP() << "no shared data at " << folder;
  DatasetSource source;
  source.name = "kws";
  source.inputs.push_back({"", {folder + "kws/kws500.npz", "x"}, {}});
  const Dataset kws = *LoadDataset(source);
  const std::vector<int64_t> rows = *ReadRowList(folder + "calibration_rows.json", "kws");
  const Splits splits = *MakeSplits(
      {{"kws", &kws}}, {Listed("calibration", "kws", rows), Request("evaluation", "kws")});
  EXPECT_EQ(splits.rows.at("evaluation").size(), 400u);
  EXPECT_EQ(splits.rows.at("calibration").size(), 98u);
  EXPECT_EQ(splits.records[0].dropped_overlap, 2);
  const std::set<Digest> distinct(kws.RowDigests().begin(), kws.RowDigests().end());
  EXPECT_EQ(distinct.size(), 497u);
  source.inputs[0].source = {folder + "pneumoniamnist/pneumoniamnist.npz", "train_images"};
  const Dataset train = *LoadDataset(source);
  source.inputs[0].source.array = "val_images";
  const Dataset val = *LoadDataset(source);
  const Splits chest = *MakeSplits({{"train", &train}, {"val", &val}},
                                   {Request("calibration", "train"), Request("evaluation", "val")});
  // Eight contents are in both files, two of them twice in train (counted by NumPy).
  EXPECT_EQ(chest.records[0].dropped_overlap, 10);
}

}  // namespace
}  // namespace assize::data
