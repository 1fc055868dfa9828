// The whole way on real data, with ONNX Runtime as the model's executor: read, preprocess, count,
// bound. The expected numbers are those that each data set's README states.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "lib/data/dataset.h"
#include "lib/data/npz.h"
#include "lib/eval/report.h"
#include "lib/support/files.h"

namespace assize::eval {
namespace {

std::string Shared() {
  const char* folder = std::getenv("ASSIZE_SHARED");
  return folder != nullptr ? folder : std::string(ASSIZE_SOURCE_DIR) + "/../shared";
}

// Feeds FEED.npz (array x) to the model in one run; outputs go to OUT.npz as `out`.
constexpr const char* kScript =
    "import sys, numpy as np, onnxruntime as ort\n"
    "o = ort.SessionOptions(); o.log_severity_level = 3\n"
    "s = ort.InferenceSession(sys.argv[1], o, providers=['CPUExecutionProvider'])\n"
    "i = s.get_inputs()[0]\n"
    "x = np.load(sys.argv[2])['x']\n"
    "np.savez(sys.argv[3], out=s.run(None, {i.name: x})[0])\n";

class Oracle : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string python = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
    const bool required = std::getenv("CI") != nullptr && std::string(std::getenv("CI")) == "true";
    if (!FolderExists(Shared() + "/data")) GTEST_SKIP() << "no shared data at " << Shared();
    if (!std::filesystem::exists(python)) {
      if (required) FAIL() << python << " is missing, and CI=true";
      GTEST_SKIP() << python << " is missing: scripts/setup test makes it";
    }
    python_ = python;
    folder_ = ::testing::TempDir() + "assize_eval_oracle";
    ASSERT_TRUE(MakeFolders(folder_).ok());
    ASSERT_TRUE(WriteFileAtomic(folder_ + "/run.py", kScript).ok());
  }

  StatusOr<Outputs> Run(const std::string& model, const data::Dataset& set) {
    AZ_ASSIGN_OR_RETURN(auto batch, set.Batch(data::AllRows(set.rows())));
    AZ_RETURN_IF_ERROR(data::WriteNpz(folder_ + "/feed.npz", {{"x", batch.begin()->second}}));
    const std::string command = fmt::format("'{}' '{}/run.py' '{}' '{}/feed.npz' '{}/out.npz'",
                                            python_, folder_, model, folder_, folder_);
    if (std::system(command.c_str()) != 0) return Internal("{} failed", command);
    AZ_ASSIGN_OR_RETURN(const auto arrays, data::ReadNpz(folder_ + "/out.npz"));
    OutputCollector collector;
    AZ_RETURN_IF_ERROR(collector.Append(arrays.at("out")));
    return collector.Take();
  }

  std::string python_, folder_;
};

TEST_F(Oracle, ChestXrays) {
  const std::string folder = Shared() + "/data/pneumoniamnist/";
  data::DatasetSource source;
  source.name = "test";
  source.inputs.push_back({"", {folder + "pneumoniamnist.npz", "test_images"}, {}});
  source.inputs[0].preprocessing.scale = 1.0 / 255;
  source.inputs[0].preprocessing.layout = "HW->NCHW";
  source.labels = {folder + "pneumoniamnist.npz", "test_labels"};
  const StatusOr<data::Dataset> set = data::LoadDataset(source);
  ASSERT_TRUE(set.ok()) << set.status();
  StatusOr<Outputs> outputs = Run(folder + "pneumonia_cnn.onnx", *set);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  Observations observations;
  observations.model = *outputs;
  observations.labels = *set->ClassLabels(data::AllRows(set->rows()));
  std::vector<Criterion> criteria(3);
  criteria[0].metric = Metric::kSensitivity;
  criteria[0].class_index = 1;
  criteria[0].threshold = 0.95;
  criteria[1].metric = Metric::kSpecificity;
  criteria[1].class_index = 1;
  criteria[1].threshold = 0.5;
  criteria[2].metric = Metric::kAuc;
  criteria[2].class_index = 1;
  criteria[2].threshold = 0.95;
  const StatusOr<Report> report = Evaluate(criteria, observations);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->top1->k, 501);
  EXPECT_EQ(report->top1->n, 624);
  const auto counts = [&](size_t i) { return report->criteria[i].verdict.counts; };
  EXPECT_EQ(counts(0).k, 390);
  EXPECT_EQ(counts(0).n, 390);
  EXPECT_EQ(counts(1).k, 111);
  EXPECT_EQ(counts(1).n, 234);
  EXPECT_NEAR(counts(2).estimate, 0.9640259, 5e-7);
  EXPECT_NEAR(counts(2).standard_error, 0.0069258, 5e-7);
  EXPECT_EQ(report->criteria[0].verdict.outcome, Outcome::kPassed);
  EXPECT_EQ(report->criteria[1].verdict.outcome, Outcome::kUndecided);
  EXPECT_EQ(report->criteria[2].verdict.outcome, Outcome::kPassed);
  EXPECT_TRUE(Recheck(*report).ok());
}

TEST_F(Oracle, BreastCancer) {
  const std::string folder = Shared() + "/data/wdbc/";
  const StatusOr<data::Dataset> set =
      data::LoadReadyNpz(folder + "wdbc.npz", {"x"}, {{"x", "test_x"}}, "test_y");
  ASSERT_TRUE(set.ok()) << set.status();
  StatusOr<Outputs> outputs = Run(folder + "wdbc_mlp.onnx", *set);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  Observations observations;
  observations.model = *outputs;
  observations.labels = *set->ClassLabels(data::AllRows(set->rows()));
  Criterion area;
  area.metric = Metric::kAuc;
  area.class_index = 1;
  area.threshold = 0.98;
  const StatusOr<Report> report = Evaluate({area}, observations);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->top1->k, 193);
  ASSERT_EQ(report->slices.size(), 2u);
  EXPECT_EQ(report->slices[0].model.k, 72);
  EXPECT_EQ(report->slices[0].model.n, 75);
  EXPECT_NEAR(report->criteria[0].verdict.counts.estimate, 0.9936, 5e-5);
  EXPECT_NEAR(report->criteria[0].verdict.counts.standard_error, 0.0033026, 5e-7);
}

TEST_F(Oracle, KeywordsByAffineDequantization) {
  const std::string folder = Shared() + "/data/kws/";
  data::DatasetSource source;
  source.name = "kws";
  source.inputs.push_back({"", {folder + "kws500.npz", "x"}, {}});
  source.inputs[0].preprocessing.zero_point = 83;
  source.inputs[0].preprocessing.scale = 0.5847029;
  source.inputs[0].preprocessing.reshape = {1, 49, 10};
  source.labels = {folder + "kws500.npz", "y"};
  const StatusOr<data::Dataset> set = data::LoadDataset(source);
  ASSERT_TRUE(set.ok()) << set.status();
  StatusOr<Outputs> outputs = Run(folder + "dscnn_kws.onnx", *set);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  Observations observations;
  observations.model = *outputs;
  observations.labels = *set->ClassLabels(data::AllRows(set->rows()));
  const StatusOr<Report> report = Evaluate({}, observations);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->top1->k, 458);
}

}  // namespace
}  // namespace assize::eval
