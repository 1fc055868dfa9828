// simplify and fuse on the real models: every promise is checked by a run, and what must go is
// gone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "lib/analysis/cost.h"
#include "lib/onnx/onnx.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

struct SharedModel {
  std::string path, ops;  // ops after simplify and fuse, counted
};

std::string Counted(const ir::Graph& graph) {
  std::map<std::string, int> counts;
  for (const ir::NodeRef node : graph.nodes()) ++counts[graph.node(node).op_type];
  std::string text;
  for (const auto& [op, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, op);
  return text;
}

class SharedModels : public ::testing::TestWithParam<SharedModel> {};

TEST_P(SharedModels, SimplifyAndFuseKeepTheirPromises) {
  const char* given = std::getenv("ASSIZE_SHARED");
  const std::string path =
      std::string(given ? given : ASSIZE_SOURCE_DIR "/../shared") + "/data/" + GetParam().path;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  auto imported = onnx::ImportFile(path);
  ASSERT_TRUE(imported.ok()) << Message(imported.status());
  ir::Model model = std::move(imported->model);
  const auto before = analysis::CostOf(model);
  EXPECT_TRUE(before->macs_complete);
  const Outcome outcome = RunPipeline("freeze-initializers,simplify,fuse,simplify", model);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  for (const pass::PassRecord& record : outcome.records) {
    if (!record.changed) continue;
    EXPECT_EQ(record.check.outcome, "passed") << record.pass << ": " << record.check.reason;
  }
  EXPECT_EQ(Counted(model.graph), GetParam().ops);
  EXPECT_LE(analysis::CostOf(model)->macs, before->macs);
}

INSTANTIATE_TEST_SUITE_P(
    Data, SharedModels,
    ::testing::Values(
        SharedModel{"wdbc/wdbc_mlp.onnx", "1 Div, 3 Gemm, 2 Relu, 1 Sub"},
        SharedModel{"mnist/mnist-8.onnx", "2 Conv, 1 Gemm, 2 MaxPool, 2 Relu, 1 Reshape"},
        SharedModel{"kws/dscnn_kws.onnx",
                    "1 AveragePool, 9 Conv, 1 Flatten, 1 Gemm, 9 Relu, 1 Softmax"},
        SharedModel{"pneumoniamnist/pneumonia_cnn.onnx",
                    "5 Conv, 1 Flatten, 1 Gemm, 1 GlobalAveragePool, 5 Relu"},
        SharedModel{"fashion-mnist/fashion_mobilenetv2_mini.onnx",
                    "2 Add, 12 Clip, 17 Conv, 1 Flatten, 1 Gemm, 1 GlobalAveragePool"},
        SharedModel{"cifar10/winml_cifar_cnn.onnx", "4 Conv, 1 Gemm, 1 MaxPool, 4 Relu, 1 Reshape"},
        SharedModel{"cifar10/resnet20_cifar10.onnx",
                    "9 Add, 1 AveragePool, 19 Conv, 1 Flatten, 1 Gemm, 2 Pad, 19 Relu, 4 Slice"}),
    [](const auto& param) {
      std::string name = std::filesystem::path(param.param.path).stem().string();
      std::replace_if(
          name.begin(), name.end(),
          [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
      return name;
    });

}  // namespace
}  // namespace assize::testing
