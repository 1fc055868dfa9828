// The real models on their real labelled data: float counts, int8 accuracy and flips, criteria, and
// the agreement of ONNX Runtime with every file we write. Catches: a kernel or reader that is wrong
// on real input, a quantizer that loses answers, a file that only we can run.
//
// Expected counts are ONNX Runtime 1.32's on the same files; the flip limits are its own min/max
// quantizer's on the same calibration rows plus a tenth (mnist, which it cannot quantize:
// NNCF 3.4's). Needs ../shared/data.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "lib/data/npz.h"
#include "lib/data/splits.h"
#include "lib/flow/evaluate.h"
#include "lib/flow/model_file.h"
#include "lib/flow/pipeline_run.h"
#include "lib/flow/predict.h"
#include "lib/flow/services.h"
#include "lib/support/files.h"
#include "passes/registry.h"

namespace assize {
namespace {

std::string DataFolder() {
  const char* shared = std::getenv("ASSIZE_SHARED");
  return JoinPath(shared != nullptr ? shared : std::string(ASSIZE_SOURCE_DIR) + "/../shared",
                  "data");
}

std::string Python() { return std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python"; }

struct Case {
  std::string name, model;
  data::InputSource input;
  data::ArraySource labels;
  int64_t correct = 0;     // float, of all rows
  int64_t flip_limit = 0;  // int8
  // Calibration: rows of the same arrays (`rows_key` of calibration_rows.json), or other arrays of
  // the same file.
  std::string rows_key;
  std::string calibration_inputs;
  int64_t calibration_count = 0;  // first so many; 0: all
};

data::InputSource Image(const std::string& path, const std::string& array,
                        const std::string& layout, std::optional<double> scale,
                        std::vector<double> mean = {}, std::vector<double> std = {}) {
  data::InputSource source;
  source.source = {path, array};
  source.preprocessing.layout = layout;
  source.preprocessing.scale = scale;
  source.preprocessing.mean = std::move(mean);
  source.preprocessing.std = std::move(std);
  source.preprocessing.dtype = data::DType::kF32;
  return source;
}

std::vector<Case> Cases() {
  const std::string d = DataFolder();
  const std::string cifar = d + "/cifar10/images5000.npz";
  const std::string fashion = "/usr/share/datasets/fashion-mnist";
  const double byte = 1.0 / 255;
  const std::vector<double> mean = {.485, .456, .406}, std = {.229, .224, .225};
  data::InputSource kws = Image(d + "/kws/kws500.npz", "x", "", 0.5847029);
  kws.preprocessing.zero_point = 83;
  kws.preprocessing.reshape = {1, 49, 10};
  return {
      {"mnist",
       d + "/mnist/mnist-8.onnx",
       Image(d + "/mnist/t10k-images-idx3-ubyte.gz", "", "HW->NCHW", {}),
       {d + "/mnist/t10k-labels-idx1-ubyte.gz", ""},
       9891,
       5,
       "mnist",
       "",
       0},
      {"resnet20",
       d + "/cifar10/resnet20_cifar10.onnx",
       Image(cifar, "x", "HWC->NCHW", byte, mean, std),
       {cifar, "y"},
       4053,
       104,
       "resnet20",
       "",
       0},
      {"resnet56",
       d + "/cifar10/resnet56_cifar10.onnx",
       Image(cifar, "x", "HWC->NCHW", byte, mean, std),
       {cifar, "y"},
       4159,
       99,
       "resnet56",
       "",
       0},
      {"winml",
       d + "/cifar10/winml_cifar_cnn.onnx",
       Image(cifar, "x", "HWC->NCHW", byte, {.5}, {.5}),
       {cifar, "y"},
       3203,
       72,
       "winml",
       "",
       0},
      {"kws", d + "/kws/dscnn_kws.onnx", kws, {d + "/kws/kws500.npz", "y"}, 458, 6, "kws", "", 0},
      {"fashion",
       d + "/fashion-mnist/fashion_mobilenetv2_mini.onnx",
       Image(fashion + "/t10k-images-idx3-ubyte.gz", "", "HW->NCHW", byte),
       {fashion + "/t10k-labels-idx1-ubyte.gz", ""},
       9200,
       55,
       "fashion",
       "",
       0},
      {"pneumonia",
       d + "/pneumoniamnist/pneumonia_cnn.onnx",
       Image(d + "/pneumoniamnist/pneumoniamnist.npz", "test_images", "HW->NCHW", byte),
       {d + "/pneumoniamnist/pneumoniamnist.npz", "test_labels"},
       501,
       2,
       "",
       "train_images",
       300},
      {"wdbc",
       d + "/wdbc/wdbc_mlp.onnx",
       Image(d + "/wdbc/wdbc.npz", "test_x", "", {}),
       {d + "/wdbc/wdbc.npz", "test_y"},
       193,
       1,
       "",
       "train_x",
       0},
  };
}

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) {
    ADD_FAILURE() << Message(value.status());
    std::abort();
  }
  return *std::move(value);
}

// One case, loaded: rows to judge and rows to calibrate on.
struct Loaded {
  flow::LoadedModel source;
  data::Dataset set, calibration_set;
  std::vector<int64_t> all, judged, calibration;
};

Loaded Load(const Case& c) {
  flow::LoadedModel source = Must(flow::LoadModel(c.model));
  const auto dataset = [&](const data::InputSource& input,
                           std::optional<data::ArraySource> labels) {
    data::Dataset set = Must(data::LoadDataset({c.name, {input}, std::move(labels), {}, {}}));
    EXPECT_EQ(flow::BindToModel(set, source.model()), OkStatus());
    return set;
  };
  data::InputSource calibration_input = c.input;
  if (!c.calibration_inputs.empty()) calibration_input.source.array = c.calibration_inputs;
  data::Dataset set = dataset(c.input, c.labels);
  data::Dataset calibration_set = dataset(calibration_input, {});
  Loaded loaded{std::move(source), std::move(set), std::move(calibration_set), {}, {}, {}};
  loaded.all = loaded.judged = data::AllRows(loaded.set.rows());
  if (c.rows_key.empty()) {
    const int64_t count =
        c.calibration_count == 0 ? loaded.calibration_set.rows() : c.calibration_count;
    loaded.calibration = data::AllRows(count);
  } else {
    loaded.calibration =
        Must(data::ReadRowList(DataFolder() + "/calibration_rows.json", c.rows_key));
    std::erase_if(loaded.judged, [&](int64_t row) {
      return std::find(loaded.calibration.begin(), loaded.calibration.end(), row) !=
             loaded.calibration.end();
    });
  }
  return loaded;
}

eval::Report Judge(const Loaded& loaded, const ir::Model& model, const std::vector<int64_t>& rows,
                   const std::vector<eval::Criterion>& criteria = {}) {
  eval::Observations seen;
  seen.model = Must(flow::Predict(model, loaded.set, rows, "", "", NoProgress()));
  seen.source = Must(flow::Predict(loaded.source.model(), loaded.set, rows, "", "", NoProgress()));
  seen.labels = Must(loaded.set.ClassLabels(rows));
  return Must(eval::Evaluate(criteria, seen));
}

ir::Model Transformed(const Loaded& loaded, const std::string& pipeline) {
  ir::Model model = loaded.source.model();
  const flow::DatasetView calibration(loaded.calibration_set, loaded.calibration,
                                      flow::FixedBatch(model));
  flow::PipelineRun run;
  run.calibration = &calibration;
  const Status status = flow::RunPipeline(
      Must(pass::Pipeline::Parse(pipeline, passes::AllPasses())), model, run, NoProgress());
  EXPECT_EQ(status, OkStatus()) << pipeline;
  return model;
}

struct Agreement {
  double difference = 1, agreement = 0;
};

// Runs the model file in ONNX Runtime and here, on the same rows.
Agreement CompareWithOrt(const Loaded& loaded, const ir::Model& model, const std::string& folder,
                         const std::vector<int64_t>& rows) {
  const std::string file = folder + "/model.onnx", feed = folder + "/feed.npz",
                    ours = folder + "/ours.npz";
  EXPECT_TRUE(flow::WriteModel(model, file).ok());
  const auto arrays = Must(loaded.set.Batch(rows));
  EXPECT_EQ(data::WriteNpz(feed, arrays), OkStatus());
  const data::Dataset ready = Must(data::LoadReadyNpz(feed, flow::FeedNames(model)));
  data::Dataset bound = ready;
  EXPECT_EQ(flow::BindToModel(bound, model), OkStatus());
  EXPECT_EQ(data::WriteNpz(ours, Must(flow::RunAll(model, bound, NoProgress()))), OkStatus());
  const std::string command =
      fmt::format("'{}' '{}/tests/oracle/compare_with_ort.py' '{}' '{}' '{}'", Python(),
                  ASSIZE_SOURCE_DIR, file, feed, ours);
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[4096];
  while (pipe != nullptr && std::fgets(buffer, sizeof buffer, pipe) != nullptr) text += buffer;
  EXPECT_EQ(pipe == nullptr ? -1 : ::pclose(pipe), 0) << text;
  const auto json = ParseJson(text, "compare_with_ort.py");
  if (!json.ok()) return {};
  return {(*json)["difference"].get<double>(), (*json)["agreement"].get<double>()};
}

class DataModels : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!FolderExists(DataFolder())) GTEST_SKIP() << "needs the shared data at " << DataFolder();
  }
};

TEST_P(DataModels, FloatCountsAreOnnxRuntimes) {
  const Loaded loaded = Load(GetParam());
  const eval::Report report = Judge(loaded, loaded.source.model(), loaded.all);
  EXPECT_NEAR(static_cast<double>(report.top1->k), static_cast<double>(GetParam().correct), 1);
}

TEST_P(DataModels, Int8KeepsAccuracyAndAnswersAndRunsInOnnxRuntime) {
  const Loaded loaded = Load(GetParam());
  const ir::Model model = Transformed(loaded, "simplify,fuse,quantize-static");
  const eval::Report report = Judge(loaded, model, loaded.judged);
  std::printf("%-10s int8 %lld of %lld (float %lld), flips %lld (limit %lld)\n",
              GetParam().name.c_str(), static_cast<long long>(report.top1->k),
              static_cast<long long>(report.n), static_cast<long long>(report.source_top1->k),
              static_cast<long long>(report.flips->k),
              static_cast<long long>(GetParam().flip_limit));
  EXPECT_LE(std::abs(*report.drop), 0.005);
  EXPECT_LE(report.flips->k, GetParam().flip_limit);
  if (!FileExists(Python())) GTEST_SKIP() << "needs ONNX Runtime: scripts/setup test";
  const StagingFolder folder = Must(StagingFolder::Create(testing::TempDir()));
  const std::vector<int64_t> some(
      loaded.judged.begin(),
      loaded.judged.begin() + std::min<ptrdiff_t>(1000, std::ssize(loaded.judged)));
  EXPECT_GE(CompareWithOrt(loaded, model, folder.path(), some).agreement, 0.995);
}

TEST_P(DataModels, WhatSimplifyAndFuseWriteRunsInOnnxRuntimeAsHere) {
  if (!FileExists(Python())) GTEST_SKIP() << "needs ONNX Runtime: scripts/setup test";
  const Loaded loaded = Load(GetParam());
  const StagingFolder folder = Must(StagingFolder::Create(testing::TempDir()));
  const std::vector<int64_t> some(
      loaded.all.begin(), loaded.all.begin() + std::min<ptrdiff_t>(200, std::ssize(loaded.all)));
  EXPECT_LE(CompareWithOrt(loaded, loaded.source.model(), folder.path(), some).difference, 1e-4);
  EXPECT_LE(
      CompareWithOrt(loaded, Transformed(loaded, "simplify,fuse"), folder.path(), some).difference,
      1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, DataModels, testing::ValuesIn(Cases()),
                         [](const auto& each) { return each.param.name; });

// `top1 max_drop 0.01`, on what is good, on what is not, and on too few samples.
class DropOfOnePoint : public testing::Test {
 protected:
  static eval::Verdict Decide(const std::string& name, const std::string& pipeline) {
    for (const Case& c : Cases()) {
      if (c.name != name) continue;
      eval::Criterion drop;
      drop.id = "drop";
      drop.comparator = eval::Comparator::kMaxDrop;
      drop.threshold = 0.01;
      drop.against_source = true;
      const Loaded loaded = Load(c);
      return Judge(loaded, Transformed(loaded, pipeline), loaded.judged, {drop})
          .criteria.front()
          .verdict;
    }
    std::abort();
  }
  void SetUp() override {
    if (!FolderExists(DataFolder())) GTEST_SKIP() << "needs the shared data at " << DataFolder();
  }
};

TEST_F(DropOfOnePoint, PassesFashionPerChannel) {
  EXPECT_EQ(Decide("fashion", "simplify,fuse,quantize-static").outcome, eval::Outcome::kPassed);
}

TEST_F(DropOfOnePoint, FailsFashionPerTensor) {
  const eval::Verdict verdict =
      Decide("fashion", "simplify,fuse,quantize-static{per-channel=false}");
  EXPECT_EQ(verdict.outcome, eval::Outcome::kFailed) << verdict.text;
}

TEST_F(DropOfOnePoint, FailsThirtyPercentMagnitudePruning) {
  for (const char* name : {"fashion", "kws"}) {
    const eval::Verdict verdict = Decide(name, "simplify,fuse,prune-magnitude{sparsity=0.3}");
    EXPECT_EQ(verdict.outcome, eval::Outcome::kFailed) << name << ": " << verdict.text;
  }
}

TEST_F(DropOfOnePoint, StaysUndecidedOnTooFewSamplesAndSaysHowMany) {
  for (const char* name : {"kws", "wdbc"}) {
    const eval::Verdict verdict = Decide(name, "simplify,fuse,quantize-static");
    EXPECT_EQ(verdict.outcome, eval::Outcome::kUndecided) << name << ": " << verdict.text;
    EXPECT_GT(verdict.needed_samples, verdict.n) << name << ": " << verdict.text;
    EXPECT_NE(verdict.text.find(std::to_string(verdict.needed_samples)), std::string::npos)
        << verdict.text;
  }
}

}  // namespace
}  // namespace assize
