// Data sets: what must belong together, digests that follow every change, and the real files.
#include "lib/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "lib/data/npz.h"
#include "lib/support/files.h"

namespace assize::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Temp(const std::string& name) { return ::testing::TempDir() + "assize_set_" + name; }

Array Rows(std::vector<float> values) {
  const int64_t n = static_cast<int64_t>(values.size()) / 2;
  return Array::Of<float>({n, 2}, values);
}

StatusOr<Dataset> Make(Array x, std::optional<Array> y, Preprocessing p = {}) {
  return Dataset::Create("test", {{"x", "images", std::move(x), std::move(p)}}, std::move(y),
                         std::nullopt, {{"test.npz", Sha256(std::string_view("bytes"))}});
}

TEST(Dataset, LengthsAreNamedWithBothNumbers) {
  const Status labels = Make(Rows({1, 2, 3, 4}), Array::Of<int64_t>({3}, {0, 1, 0})).status();
  EXPECT_EQ(labels.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(labels), HasSubstr("2 rows of inputs (images), but 3 labels"));
  const Status inputs =
      Dataset::Create("test", {{"a", "a", Rows({1, 2, 3, 4}), {}}, {"b", "b", Rows({1, 2}), {}}},
                      std::nullopt, std::nullopt, {})
          .status();
  EXPECT_THAT(Message(inputs), HasSubstr("a has 2 rows, b has 1"));
  EXPECT_FALSE(Make(Array::Of<float>({0, 2}, {}), std::nullopt).ok());
}

TEST(Dataset, LabelsAreClassesOrTargets) {
  const Dataset classes = *Make(Rows({1, 2, 3, 4}), Array::Of<uint8_t>({2, 1}, {1, 0}));
  EXPECT_THAT(*classes.ClassLabels(AllRows(2)), ElementsAre(1, 0));
  const Dataset whole = *Make(Rows({1, 2, 3, 4}), Array::Of<double>({2}, {1, 0}));
  EXPECT_TRUE(whole.ClassLabels(AllRows(2)).ok());
  const Dataset targets = *Make(Rows({1, 2, 3, 4}), Array::Of<double>({2}, {0.5, 2}));
  EXPECT_THAT(Message(targets.ClassLabels(AllRows(2)).status()), HasSubstr("row 0 is 0.5"));
  EXPECT_EQ(targets.Targets(AllRows(2))->ToString(), "f32 [2,1]");
  const Dataset negative = *Make(Rows({1, 2, 3, 4}), Array::Of<int64_t>({2}, {0, -1}));
  EXPECT_FALSE(negative.ClassLabels(AllRows(2)).ok());
  EXPECT_FALSE(Make(Rows({1, 2}), Array::Of<float>({1}, {NAN})).ok());
  const Dataset none = *Make(Rows({1, 2}), std::nullopt);
  EXPECT_EQ(none.ClassLabels(AllRows(1)).status().code(), StatusCode::kFailedPrecondition);
}

TEST(Dataset, DigestFollowsEveryChange) {
  const auto digest = [](const Dataset& set, const std::vector<int64_t>& rows) {
    return Hex(set.SelectionDigest(rows));
  };
  Preprocessing scaled;
  scaled.scale = 0.5;
  const Array y = Array::Of<int64_t>({2}, {0, 1}), z = Array::Of<int64_t>({2}, {1, 1});
  const std::string base = digest(*Make(Rows({1, 2, 3, 4}), y), {0, 1});
  EXPECT_EQ(digest(*Make(Rows({1, 2, 3, 4}), y), {0, 1}), base);
  EXPECT_NE(digest(*Make(Rows({1, 2, 3, 4}), y), {1, 0}), base);  // another order, other batches
  EXPECT_NE(digest(*Make(Rows({1, 2, 3, 4}), y), {0}), base);
  EXPECT_NE(digest(*Make(Rows({1, 2, 3, 4}), z), {0, 1}), base);
  EXPECT_NE(digest(*Make(Rows({1, 2, 3, 4}), std::nullopt), {0, 1}), base);
  EXPECT_NE(digest(*Make(Rows({1, 2, 3, 4}), y, scaled), {0, 1}), base);
  const Json described = Make(Rows({1, 2, 3, 4}), y)->Describe(AllRows(2));
  EXPECT_EQ(described["digest"], base);
  EXPECT_EQ(described["rows"]["count"], 2);
}

TEST(Dataset, RowDigestsFindEqualRowsAcrossSets) {
  const Dataset one = *Make(Rows({1, 2, 3, 4, 1, 2}), std::nullopt);
  const Dataset two = *Make(Rows({3, 4}), Array::Of<int64_t>({1}, {1}));
  EXPECT_EQ(one.RowDigests()[0], one.RowDigests()[2]);
  EXPECT_NE(one.RowDigests()[0], one.RowDigests()[1]);
  EXPECT_EQ(one.RowDigests()[1], two.RowDigests()[0]);
}

TEST(Dataset, BindInputsTeaches) {
  Dataset set = *Make(Rows({1, 2}), std::nullopt);
  EXPECT_TRUE(set.BindInputs({"Input3"}).ok());  // the only array feeds the only input
  EXPECT_EQ(set.Batch(AllRows(1))->begin()->first, "Input3");
  Dataset two =
      *Dataset::Create("t", {{"imags", "a", Rows({1, 2}), {}}}, std::nullopt, std::nullopt, {});
  EXPECT_THAT(Message(two.BindInputs({"images", "mask"})), HasSubstr("did you mean \"images\""));
  Dataset missing =
      *Dataset::Create("t", {{"images", "a", Rows({1, 2}), {}}}, std::nullopt, std::nullopt, {});
  EXPECT_THAT(Message(missing.BindInputs({"images", "mask"})), HasSubstr("\"mask\""));
}

TEST(LoadReadyNpz, NamesInputsLabelsAndMappings) {
  const std::string path = Temp("ready.npz");
  ASSERT_TRUE(WriteNpz(path, {{"x", Rows({1, 2, 3, 4})},
                              {"y", Array::Of<int64_t>({2}, {0, 1})},
                              {"other", Rows({5, 6, 7, 8})}})
                  .ok());
  const Dataset plain = *LoadReadyNpz(path, {"Input3"});
  EXPECT_TRUE(plain.has_labels());
  EXPECT_EQ(plain.Batch(AllRows(2))->at("Input3").As<float>()[3], 4);
  const Dataset mapped = *LoadReadyNpz(path, {"Input3"}, {{"Input3", "other"}}, "y");
  EXPECT_EQ(mapped.Batch(AllRows(2))->at("Input3").As<float>()[3], 8);
  const Status missing = LoadReadyNpz(path, {"a", "b"}).status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr("it holds other, x, y"));
  EXPECT_FALSE(LoadReadyNpz(path, {"a"}, {{"z", "x"}}).ok());
  EXPECT_EQ(LoadReadyNpz(path, {"a"}, {{"a", "x"}}, "labels").status().code(),
            StatusCode::kNotFound);
}

TEST(LoadDataset, CsvWithLabelAndGroupColumns) {
  const std::string path = Temp("t.csv");
  ASSERT_TRUE(WriteFileAtomic(path, "id,a,b,y\np1,1,2,0\np2,3,4,1\np1,5,6,0\n").ok());
  DatasetSource source;
  source.name = "t";
  source.inputs.push_back({"", {path, ""}, {}});
  source.labels = {path, "y"};
  source.groups = {path, "id"};
  const Dataset set = *LoadDataset(source);
  EXPECT_EQ(set.inputs()[0].raw.ToString(), "f32 [3,2]");
  EXPECT_EQ(set.groups()[0], set.groups()[2]);
  source.inputs[0].source.array = "b, a";
  EXPECT_EQ(LoadDataset(source)->inputs()[0].raw.As<float>()[0], 2);
  source.inputs[0].source.array = "";
  source.inputs[0].source.columns = {"b"};
  EXPECT_EQ(LoadDataset(source)->inputs()[0].raw.ToString(), "f32 [3,1]");
  source.inputs[0].source.columns = {};
  source.inputs[0].source.skip = {"a"};
  EXPECT_EQ(LoadDataset(source)->inputs()[0].raw.ToString(), "f32 [3,1]");
  source.inputs[0].source.skip = {"A"};
  EXPECT_EQ(LoadDataset(source).status().code(), StatusCode::kNotFound);
}

TEST(LoadDataset, PinnedFilesMustBeTheOnes) {
  const std::string csv = Temp("pin.csv"), npz = Temp("pin.npz");
  ASSERT_TRUE(WriteFileAtomic(csv, "a\n1\n").ok());
  ASSERT_TRUE(WriteNpz(npz, {{"x", Rows({1, 2})}}).ok());
  for (const std::string& path : {csv, npz}) {
    DatasetSource source;
    source.inputs.push_back({"", {path, ""}, {}});
    source.sha256[path] = Hex(*Sha256OfFile(path));
    EXPECT_TRUE(LoadDataset(source).ok()) << path;
    source.sha256[path][0] = source.sha256[path][0] == 'a' ? 'b' : 'a';
    EXPECT_EQ(LoadDataset(source).status().code(), StatusCode::kDataLoss) << path;
  }
}

TEST(LoadDataset, UnknownFilesAreRefused) {
  const std::string path = Temp("what.bin");
  ASSERT_TRUE(WriteFileAtomic(path, "something else").ok());
  DatasetSource source;
  source.inputs.push_back({"", {path, ""}, {}});
  EXPECT_EQ(LoadDataset(source).status().code(), StatusCode::kInvalidArgument);
  source.inputs[0].source.path = Temp("missing.npz");
  EXPECT_EQ(LoadDataset(source).status().code(), StatusCode::kNotFound);
}

TEST(LoadDataset, MnistByIdx) {
  const char* shared = std::getenv("ASSIZE_SHARED");
  const std::string folder =
      (shared != nullptr ? shared : std::string(ASSIZE_SOURCE_DIR) + "/../shared") + "/data/mnist/";
  if (!FolderExists(folder)) GTEST_SKIP() << "no shared data at " << folder;
  DatasetSource source;
  source.name = "mnist";
  source.inputs.push_back({"", {folder + "t10k-images-idx3-ubyte.gz", ""}, {}});
  source.inputs[0].preprocessing.layout = "HW->NCHW";
  source.inputs[0].preprocessing.dtype = DType::kF32;
  source.labels = {folder + "t10k-labels-idx1-ubyte.gz", ""};
  const Dataset set = *LoadDataset(source);
  EXPECT_EQ(set.rows(), 10'000);
  EXPECT_EQ(set.inputs()[0].raw.ToString(), "u8 [10000,28,28]");
  const std::vector<int64_t> labels = *set.ClassLabels(AllRows(10'000));
  EXPECT_THAT(std::vector<int64_t>(labels.begin(), labels.begin() + 5), ElementsAre(7, 2, 1, 0, 4));
  const std::vector<int64_t> row = {0};
  const auto batch = *set.Batch(row);
  EXPECT_EQ(batch.at("").ToString(), "f32 [1,1,28,28]");
  double sum = 0;
  for (const float value : batch.at("").As<float>()) sum += value;
  EXPECT_EQ(sum, 18454);  // by NumPy
}

}  // namespace
}  // namespace assize::data
