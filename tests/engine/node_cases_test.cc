// The engine against the reference on every node case that the onnx wheel generates: all ops, old
// and new forms. Catches shape rules that differ from what an op does, and graphs that a plan must
// leave to the reference.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lib/analysis/float16_use.h"
#include "lib/onnx/onnx.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kEvery = 7;  // the sanitizers take ten times as long
#else
constexpr size_t kEvery = 1;
#endif

std::string Bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(NodeCases, EngineEqualsReference) {
  const std::string root = ASSIZE_SOURCE_DIR "/.deps/node-cases";
  if (!std::filesystem::is_directory(root)) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << root << " is not there";
    GTEST_SKIP() << root << " is not there (scripts/setup test makes it)";
  }
  std::vector<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(root))
    folders.push_back(entry.path().string());
  std::sort(folders.begin(), folders.end());
  size_t compared = 0, left_out = 0;
  for (size_t i = 0; i < folders.size(); i += kEvery) {
    const std::string& folder = folders[i];
    SCOPED_TRACE(std::filesystem::path(folder).filename().string());
    const auto imported = onnx::ImportFile(folder + "/model.onnx");
    if (!imported.ok()) {
      ++left_out;
      continue;
    }
    const ir::Graph& graph = imported->model.graph;
    Feeds feeds;
    std::map<std::string, reference::RuntimeValue> values;
    bool tensors = true;
    size_t position = 0;
    for (const ir::ValueRef input : graph.inputs()) {
      const ir::Value& value = graph.value(input);
      if (value.is_initializer()) continue;
      const std::string path = fmt::format("{}/test_data_set_0/input_{}.pb", folder, position++);
      tensors = tensors && value.type.is_tensor() && std::filesystem::exists(path);
      if (!tensors) break;
      const auto read = onnx::ImportTensor(Bytes(path), path);
      ASSERT_TRUE(read.ok()) << read.status();
      feeds[value.name] = read->tensor;
      values[value.name] = reference::RuntimeValue::Of(read->tensor);
    }
    for (const ir::ValueRef output : graph.outputs())
      tensors = tensors && graph.value(output).type.is_tensor();
    // Sequences and optionals do not cross a session; unseeded generators differ from run to run.
    const auto want =
        tensors ? reference::Run(imported->model, values) : Unimplemented("not tensors");
    if (!want.ok()) {
      ++left_out;
      continue;
    }
    const auto program = Compile(imported->model);
    ASSERT_TRUE(program.ok()) << program.status();
    const auto got = Session(*program).Run(feeds);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->size(), want->size());
    // With a layer in it, a graph of 16-bit floats is computed in float between its borders, and
    // the reference rounds after every op: two or three of its roundings apart.
    const bool upcast = analysis::HasFloat16Layers(imported->model);
    for (size_t k = 0; k < got->size(); ++k) {
      const ir::Tensor& a = (*got)[k];
      const ir::Tensor& b = (*want)[k].tensor;
      if (upcast && a.dtype() == b.dtype() && analysis::Is16(a.dtype())) {
        EXPECT_LE(Distance(ir::Tensor::Of<float>(a.dims(), a.ToFloats()),
                           ir::Tensor::Of<float>(b.dims(), b.ToFloats())),
                  a.dtype() == ir::DType::kFloat16 ? 3e-3 : 2.4e-2)
            << "result " << k;
        continue;
      }
      EXPECT_LE(Distance(a, b), 2e-5) << "result " << k;
    }
    ++compared;
  }
  RecordProperty("compared", static_cast<int>(compared));
  RecordProperty("left_out", static_cast<int>(left_out));
  EXPECT_GE(compared * kEvery, 1700u);
}

}  // namespace
}  // namespace assize::engine
