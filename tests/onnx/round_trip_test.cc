// Lossless in and out: every model we know of. The second import must equal the first, byte for
// byte in its tensors, and a second export must write the same file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>

#include "lib/ir/hash.h"
#include "lib/ir/text.h"
#include "lib/onnx/onnx.h"
#include "lib/support/files.h"
#include "tests/onnx/corpus.h"

namespace assize::onnx {
namespace {

using Tensors = std::map<std::string, ir::Tensor>;

void Collect(const ir::Graph& graph, const std::string& prefix, Tensors& out);

void Collect(const ir::Attribute& attribute, const std::string& prefix, Tensors& out) {
  const std::string path = prefix + "/" + attribute.name;
  if (const auto* tensor = std::get_if<ir::NamedTensor>(&attribute.value))
    out[path] = tensor->tensor;
  if (const auto* sparse = std::get_if<ir::SparseTensor>(&attribute.value)) {
    out[path + "/values"] = sparse->values;
    out[path + "/indices"] = sparse->indices;
  }
  if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value)) Collect(**box, path, out);
}

void Collect(const ir::Graph& graph, const std::string& prefix, Tensors& out) {
  for (const ir::ValueRef ref : graph.initializers()) {
    const ir::Value& value = graph.value(ref);
    if (value.initializer) out[prefix + "/" + value.name] = value.initializer->tensor;
    if (value.sparse_initializer) out[prefix + "/" + value.name] = value.sparse_initializer->values;
  }
  int index = 0;
  for (const ir::NodeRef ref : graph.nodes()) {
    const std::string path = prefix + "/" + std::to_string(index++);
    for (const ir::Attribute& attribute : graph.node(ref).attributes) Collect(attribute, path, out);
  }
}

// Empty: all is well; otherwise what went wrong.
std::string RoundTrip(const std::string& path, int64_t* tensor_bytes) {
  const auto first = ImportFile(path);
  if (!first.ok()) return "import: " + Message(first.status());
  ExportOptions inside;
  inside.keep_external = false;
  const auto exported = ExportBytes(first->model, inside);
  if (!exported.ok()) return "export: " + Message(exported.status());
  const auto second = ImportBytes(exported->model, path);
  if (!second.ok()) return "second import: " + Message(second.status());
  Tensors before, after;
  Collect(first->model.graph, "", before);
  Collect(second->graph, "", after);
  if (before.size() != after.size()) return "another number of tensors";
  for (const auto& [name, tensor] : before) {
    const auto it = after.find(name);
    if (it == after.end()) return "tensor " + name + " is lost";
    if (!(it->second == tensor)) return "tensor " + name + " differs";
    if (tensor_bytes != nullptr) *tensor_bytes += static_cast<int64_t>(tensor.bytes().size());
  }
  if (first->external.empty() && ir::StructuralHash(first->model) != ir::StructuralHash(*second)) {
    return "another structural hash:\n" + ir::Print(first->model) + "\n" + ir::Print(*second);
  }
  const auto again = ExportBytes(*second, inside);
  if (!again.ok()) return "second export: " + Message(again.status());
  if (again->model != exported->model) return "the second export differs";
  return "";
}

void RunAll(const std::vector<std::string>& models) {
  int64_t bytes = 0;
  int failed = 0;
  for (const std::string& model : models) {
    const std::string problem = RoundTrip(model, &bytes);
    if (problem.empty()) continue;
    ADD_FAILURE() << model << ": " << problem;
    if (++failed >= 20) break;
  }
  EXPECT_GT(bytes, 0) << "no tensor was compared";
}

TEST(RoundTrip, SharedModels) {
  const auto models = ModelsBelow(SharedFolder() + "/data");
  if (models.empty()) GTEST_SKIP() << SharedFolder() << "/data is not here";
  RunAll(models);
}

TEST(RoundTrip, DebianTestData) {
  if (DebianTestData().empty()) {
    ASSERT_FALSE(InCi()) << "libonnx-testdata is not installed";
    GTEST_SKIP() << "libonnx-testdata is not installed";
  }
  const auto models = ModelsBelow(DebianTestData());
  EXPECT_EQ(models.size(), 1072u);
  RunAll(models);
}

TEST(RoundTrip, NodeCases) {
  if (NodeCases().empty()) {
    ASSERT_FALSE(InCi()) << "the oracles are missing: scripts/setup test";
    GTEST_SKIP() << "no node cases: scripts/setup test, then scripts/make_node_cases.py";
  }
  const auto models = ModelsBelow(NodeCases());
  EXPECT_EQ(models.size(), 1884u);
  RunAll(models);
  RunAll(ModelsBelow(ModelCases()));
}

// What we write, Python's onnx reads, accepts where it accepted the source, and finds equal field
// by field.
TEST(RoundTrip, PythonOnnxFindsTheSame) {
  if (OraclePython().empty()) {
    ASSERT_FALSE(InCi()) << "the oracles are missing: scripts/setup test";
    GTEST_SKIP() << "no oracles: scripts/setup test";
  }
  const TemporaryFolder folder;
  std::ofstream list(folder.path() + "/list");
  int count = 0;
  for (const std::string& root :
       {SharedFolder() + "/data", DebianTestData(), NodeCases(), ModelCases()}) {
    for (const std::string& model : ModelsBelow(root)) {
      const auto imported = ImportFile(model);
      ASSERT_TRUE(imported.ok()) << Message(imported.status());
      ExportOptions inside;
      inside.keep_external = false;
      const auto exported = ExportBytes(imported->model, inside);
      ASSERT_TRUE(exported.ok()) << model << ": " << Message(exported.status());
      list << model << "\t" << folder.Write(std::to_string(count++) + ".onnx", exported->model)
           << "\n";
    }
  }
  list.close();
  const std::string command = OraclePython() + " " + ASSIZE_SOURCE_DIR +
                              "/tests/onnx/compare_with_onnx.py " + folder.path() + "/list > " +
                              folder.path() + "/log 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadAll(folder.path() + "/log");
  EXPECT_NE(ReadAll(folder.path() + "/log").find(std::to_string(count) + " models equal"),
            std::string::npos)
      << ReadAll(folder.path() + "/log");
}

// The same property over data of the test cases: tensors in and out.
TEST(RoundTrip, TensorsOfNodeCases) {
  if (NodeCases().empty()) GTEST_SKIP() << "no node cases";
  int count = 0;
  for (const std::string& model : ModelsBelow(NodeCases())) {
    const auto imported = ImportFile(model);
    ASSERT_TRUE(imported.ok());
    const ir::Graph& graph = imported->model.graph;
    const std::string folder = FolderOf(model) + "/test_data_set_0/";
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const std::string path = folder + "output_" + std::to_string(i) + ".pb";
      const std::string bytes = ReadAll(path);
      const ir::Type& type = graph.value(graph.outputs()[i]).type;
      const auto value = ImportValue(bytes, type, path);
      ASSERT_TRUE(value.ok()) << Message(value.status());
      ++count;
      if (value->kind != ir::Type::Kind::kTensor) continue;
      const auto again = ImportTensor(ExportTensor(value->tensor), path);
      ASSERT_TRUE(again.ok()) << Message(again.status());
      EXPECT_TRUE(again->tensor == value->tensor.tensor) << path;
    }
  }
  EXPECT_GT(count, 1800);
}

}  // namespace
}  // namespace assize::onnx
