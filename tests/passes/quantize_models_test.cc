// quantize-static on real models and data: few answers flip, and ONNX Runtime answers the same.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "lib/data/npz.h"
#include "lib/flow/services.h"
#include "lib/onnx/onnx.h"
#include "lib/support/files.h"
#include "tests/passes/quantize_testing.h"

namespace assize::testing {
namespace {

namespace fs = std::filesystem;

struct QuantizeCase {
  std::string name, model, npz;
  std::string calibration, calibration_rows;  // array, and the rows of it: a key of the file of
                                              // rows, or empty for the first
  std::string judged;                         // array; rows that are not calibrated on
  int64_t rows;                               // at most, where no key is given
  ir::Shape row;                              // of the model's input
  double offset, scale;                       // (value + offset) * scale
  int64_t flips;
};

std::string Data() {
  const char* given = std::getenv("ASSIZE_SHARED");
  return std::string(given ? given : ASSIZE_SOURCE_DIR "/../shared") + "/data/";
}

ir::Tensor RowsOf(const data::Array& array, const std::vector<int64_t>& rows,
                  const QuantizeCase& c) {
  const data::Array wide = *data::Cast(*data::TakeRows(array, rows), data::DType::kF32);
  std::vector<float> values(wide.As<float>().begin(), wide.As<float>().end());
  for (float& v : values) v = (v + static_cast<float>(c.offset)) * static_cast<float>(c.scale);
  ir::Shape dims = c.row;
  dims.insert(dims.begin(), static_cast<int64_t>(rows.size()));
  return ir::Tensor::Of<float>(dims, values);
}

std::vector<int64_t> Answers(const ir::Model& model, const ir::Tensor& x) {
  flow::EngineEvaluator evaluator;
  const ir::Graph& graph = model.graph;
  auto runner = evaluator.Prepare(model, {graph.value(graph.outputs()[0]).name});
  EXPECT_TRUE(runner.ok()) << Message(runner.status());
  if (!runner.ok()) return {};
  const auto result = (*runner)->Run({{graph.value(graph.inputs()[0]).name, x}});
  EXPECT_TRUE(result.ok()) << Message(result.status());
  if (!result.ok()) return {};
  const auto logits = (*result)[0].data<float>();
  const int64_t classes = (*result)[0].dims()[1];
  std::vector<int64_t> answers;
  for (auto at = logits.begin(); at != logits.end(); at += classes) {
    answers.push_back(std::max_element(at, at + classes) - at);
  }
  return answers;
}

class QuantizedModels : public ::testing::TestWithParam<QuantizeCase> {};

TEST_P(QuantizedModels, FewAnswersFlip) {
  const QuantizeCase& c = GetParam();
  if (!fs::exists(Data() + c.model)) GTEST_SKIP() << "no " << Data() << c.model;
  auto imported = onnx::ImportFile(Data() + c.model);
  ASSERT_TRUE(imported.ok()) << Message(imported.status());
  ir::Model model = std::move(imported->model);
  const auto arrays = data::ReadNpz(Data() + c.npz);
  ASSERT_TRUE(arrays.ok()) << Message(arrays.status());

  std::vector<int64_t> calibration(
      static_cast<size_t>(std::min(c.rows, arrays->at(c.calibration).rows())));
  std::iota(calibration.begin(), calibration.end(), 0);
  std::vector<int64_t> judged(static_cast<size_t>(arrays->at(c.judged).rows()));
  std::iota(judged.begin(), judged.end(), 0);
  if (!c.calibration_rows.empty()) {
    const auto text = ReadFile(Data() + "calibration_rows.json");
    ASSERT_TRUE(text.ok());
    calibration = (*ParseJson(*text, "calibration_rows.json"))[c.calibration_rows]
                      .get<std::vector<int64_t>>();
    std::erase_if(judged, [&](int64_t row) {
      return std::find(calibration.begin(), calibration.end(), row) != calibration.end();
    });
  }
  const ir::Tensor x = RowsOf(arrays->at(c.judged), judged, c);
  const std::vector<int64_t> before = Answers(model, x);
  flow::EngineEvaluator evaluator;
  const std::string input = model.graph.value(model.graph.inputs()[0]).name;
  const Outcome outcome =
      Quantize("simplify,fuse,quantize-static", model,
               Rows(input, RowsOf(arrays->at(c.calibration), calibration, c), 50), &evaluator);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  const std::vector<int64_t> after = Answers(model, x);
  ASSERT_EQ(before.size(), after.size());
  int64_t flips = 0;
  for (size_t i = 0; i < before.size(); ++i) flips += before[i] != after[i];
  EXPECT_LE(flips, c.flips) << "of " << before.size();

  const std::string python = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
  if (!fs::exists(python)) GTEST_SKIP() << "no " << python << " (scripts/setup test makes it)";
  const std::string base = ::testing::TempDir() + "/assize_quantized_" + c.name;
  ASSERT_TRUE(onnx::ExportFile(model, base + ".onnx").ok());
  const auto npz = data::NpzBytes(
      {{"x", data::Array::Of<float>(x.dims(), {x.data<float>().begin(), x.data<float>().end()})},
       {"y", data::Array::Of<int64_t>({static_cast<int64_t>(after.size())}, after)}});
  ASSERT_TRUE(npz.ok() && WriteFileAtomic(base + ".npz", *npz).ok());
  const std::string command = fmt::format(
      "env -u LD_PRELOAD '{}' '{}/tests/passes/quantize_in_ort.py' '{}.onnx' '{}.npz' > '{}.txt'",
      python, ASSIZE_SOURCE_DIR, base, base, base);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  int64_t differ = -1;
  ASSERT_EQ(std::sscanf(ReadFile(base + ".txt")->c_str(), "differ %ld", &differ), 1);
  EXPECT_LE(static_cast<double>(differ), 0.005 * static_cast<double>(after.size()));
  for (const char* suffix : {".onnx", ".npz", ".txt"}) fs::remove(base + suffix);
}

// As many flips as ONNX Runtime's own min/max quantizer makes, and a tenth.
INSTANTIATE_TEST_SUITE_P(Data, QuantizedModels,
                         ::testing::Values(QuantizeCase{"wdbc",
                                                        "wdbc/wdbc_mlp.onnx",
                                                        "wdbc/wdbc.npz",
                                                        "train_x",
                                                        "",
                                                        "test_x",
                                                        369,
                                                        {30},
                                                        0,
                                                        1,
                                                        1},
                                           QuantizeCase{"pneumonia",
                                                        "pneumoniamnist/pneumonia_cnn.onnx",
                                                        "pneumoniamnist/pneumoniamnist.npz",
                                                        "train_images",
                                                        "",
                                                        "test_images",
                                                        300,
                                                        {1, 28, 28},
                                                        0,
                                                        1.0 / 255,
                                                        2},
                                           QuantizeCase{"kws",
                                                        "kws/dscnn_kws.onnx",
                                                        "kws/kws500.npz",
                                                        "x",
                                                        "kws",
                                                        "x",
                                                        100,
                                                        {1, 49, 10},
                                                        -83,
                                                        0.5847029,
                                                        6}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace assize::testing
