// External data: the rules that keep a model inside its folder, bounds, and the export's layout.
// Each refusal here is an attack that worked on a loader in the past.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "lib/ir/editor.h"
#include "lib/ir/hash.h"
#include "lib/onnx/onnx.h"
#include "tests/onnx/corpus.h"
#include "tests/onnx/wire_builder.h"

namespace assize::onnx {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Wire External(std::string_view name, const std::vector<int64_t>& dims,
              const std::vector<std::pair<std::string, std::string>>& entries, int dtype = 2) {
  Wire tensor;
  for (const int64_t dim : dims) tensor.Int(1, dim);
  tensor.Int(2, dtype).Text(8, name).Int(14, 1);
  for (const auto& [key, value] : entries) tensor.Sub(13, Pair(key, value));
  return tensor;
}

class ExternalData : public ::testing::Test {
 protected:
  ExternalData() {
    folder_.Write("m/w.bin", "0123456789");
    folder_.Write("secret", "0123456789");
    folder_.Write("m-evil/w.bin", "0123456789");
  }
  // Imports a model whose one initializer has these entries, four bytes of uint8.
  StatusOr<Imported> Import(const std::vector<std::pair<std::string, std::string>>& entries,
                            bool sealed = false) {
    return ImportGraph(ReluGraph(Wire().Sub(5, External("w", {4}, entries))), sealed);
  }
  StatusOr<Imported> ImportGraph(const Wire& graph, bool sealed = false) {
    ImportOptions options;
    options.sealed = sealed;
    return ImportFile(folder_.Write("m/model.onnx", ModelOf(graph).bytes()), options);
  }
  void Refused(const std::vector<std::pair<std::string, std::string>>& entries,
               const std::string& message) {
    const auto imported = Import(entries);
    ASSERT_FALSE(imported.ok()) << message;
    EXPECT_THAT(Message(imported.status()), HasSubstr(message));
    EXPECT_THAT(Message(imported.status()), HasSubstr("model.onnx"));
    EXPECT_THAT(Message(imported.status()), ::testing::Not(HasSubstr("0123")));  // no foreign bytes
  }
  TemporaryFolder folder_;
};

TEST_F(ExternalData, IsReadAndNamed) {
  for (const bool sealed : {false, true}) {
    const auto imported = Import({{"location", "w.bin"}, {"offset", "2"}, {"length", "4"}}, sealed);
    ASSERT_TRUE(imported.ok()) << Message(imported.status());
    const ir::Graph& graph = imported->model.graph;
    const ir::Value& value = graph.value(graph.FindValue("w"));
    const auto bytes = value.initializer->tensor.bytes();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "2345");
    EXPECT_EQ(value.initializer->external_location, "w.bin");
    ASSERT_EQ(imported->external.size(), 1u);
    EXPECT_EQ(imported->external[0].location, "w.bin");
    EXPECT_EQ(imported->external[0].bytes, 10u);
    EXPECT_EQ(imported->external[0].digest, Sha256(std::string_view("0123456789")));
  }
}

TEST_F(ExternalData, LocationsThatLeadOutAreRefused) {
  for (const std::string location :
       {"../secret", "a/../../secret", "../m-evil/w.bin", "sub/..", ".."}) {
    Refused({{"location", location}}, "leads out with \"..\"");
  }
  Refused({{"location", "/etc/passwd"}}, "is absolute");
  Refused({{"location", "..\\secret"}}, "holds a backslash");
  Refused({{"location", "C:secret"}}, "has a drive letter");
  Refused({{"location", ""}}, "is empty");
  Refused({{"location", "."}}, "\".\" component");
  Refused({{"location", "./w.bin"}}, "\".\" component");
  Refused({{"location", "a//w.bin"}}, "empty or");
  Refused({{"location", "*/_ORT_MEM_ADDR_/*"}, {"offset", "140737488355328"}}, "names memory");
  Refused({{"location", std::string("w.bin\0x", 7)}}, "NUL");
  Refused({}, "is empty");
}

TEST_F(ExternalData, LinksAndSpecialFilesAreRefused) {
  fs::create_symlink("../secret", folder_.path() + "/m/link");
  Refused({{"location", "link"}, {"length", "4"}}, "symbolic link");
  fs::create_symlink("..", folder_.path() + "/m/up");
  Refused({{"location", "up/secret"}, {"length", "4"}}, "symbolic link");
  fs::create_hard_link(folder_.path() + "/secret", folder_.path() + "/m/hard");
  Refused({{"location", "hard"}, {"length", "4"}}, "hard links, expected 1");
  ASSERT_EQ(::mkfifo((folder_.path() + "/m/pipe").c_str(), 0600), 0);
  Refused({{"location", "pipe"}, {"length", "4"}}, "expected a regular file");
  fs::create_directory(folder_.path() + "/m/dir");
  Refused({{"location", "dir"}, {"length", "4"}}, "expected a regular file");
  Refused({{"location", "absent.bin"}}, "no such file");
}

TEST_F(ExternalData, NumbersAreExact) {
  Refused({{"location", "w.bin"}, {"offset", "-1"}}, "offset is \"-1\"");
  Refused({{"location", "w.bin"}, {"offset", "2x"}}, "offset is \"2x\"");
  Refused({{"location", "w.bin"}, {"offset", ""}}, "offset is \"\"");
  Refused({{"location", "w.bin"}, {"offset", "99999999999999999999999"}}, "offset is");
  Refused({{"location", "w.bin"}, {"length", "-4"}}, "length is \"-4\"");
  Refused({{"location", "w.bin"}, {"length", "5"}}, "length is 5, expected 4");
  Refused({{"location", "w.bin"}, {"length", "1000000000000000"}}, "expected 4");
  Refused({{"location", "w.bin"}, {"offset", "7"}, {"length", "4"}}, "but the file has 10");
  Refused({{"location", "w.bin"}, {"offset", "18446744073709551615"}, {"length", "4"}},
          "but the file has 10");
  Refused({{"location", "w.bin"}}, "the rest of the file counts, 10 bytes, expected 4");
  EXPECT_TRUE(Import({{"location", "w.bin"}, {"offset", "6"}}).ok());
}

TEST_F(ExternalData, KeysAreKnownAndGivenOnce) {
  Refused({{"location", "w.bin"}, {"__class__", "x"}}, "key \"__class__\"");
  Refused({{"location", "w.bin"}, {"basepath", "/"}}, "key \"basepath\"");
  Refused({{"location", "w.bin"}, {"location", "../secret"}}, "location more than once");
  EXPECT_TRUE(Import({{"location", "w.bin"}, {"length", "4"}, {"checksum", "00"}}).ok());
}

// The same rule wherever a tensor can hide.
TEST_F(ExternalData, IsCheckedEverywhere) {
  const Wire bad = External("w", {4}, {{"location", "../secret"}, {"length", "4"}});
  const Wire bad_indices = External("", {4}, {{"location", "../secret"}, {"length", "32"}}, 7);
  const Wire values = Tensor("s", 2, {4}, "abcd");
  const Wire attribute = Wire().Text(1, "value").Int(20, 4).Sub(5, bad);
  const Wire constant = Node("Constant", {}, {"c"}).Sub(5, attribute);
  const Wire subgraph = Wire().Sub(5, bad).Text(2, "sub");
  const std::vector<Wire> graphs = {
      ReluGraph(Wire().Sub(5, bad)),
      ReluGraph(Wire().Sub(1, constant)),
      ReluGraph(Wire().Sub(
          15, Wire().Sub(1, bad).Sub(2, Tensor("", 7, {4}, std::string(32, '\0'))).Int(3, 9))),
      ReluGraph(Wire().Sub(15, Wire().Sub(1, values).Sub(2, bad_indices).Int(3, 9))),
      ReluGraph(Wire().Sub(
          1, Node("If", {"x"}, {"z"}).Sub(5, Wire().Text(1, "b").Int(20, 5).Sub(6, subgraph)))),
      ReluGraph(Wire().Sub(
          1, Node("A", {"x"}, {"z"}).Sub(5, Wire().Text(1, "ts").Int(20, 9).Sub(10, bad)))),
  };
  for (const Wire& graph : graphs) {
    const auto imported = ImportGraph(graph);
    ASSERT_FALSE(imported.ok());
    EXPECT_THAT(Message(imported.status()), HasSubstr("leads out"));
  }
  const Wire function = Wire().Text(1, "F").Text(10, "d").Sub(9, Opset(17)).Sub(7, constant);
  const auto imported =
      ImportFile(folder_.Write("m/model.onnx", ModelOf(ReluGraph()).Sub(25, function).bytes()));
  ASSERT_FALSE(imported.ok());
  EXPECT_THAT(Message(imported.status()), HasSubstr("leads out"));
}

TEST_F(ExternalData, LimitCountsAllFiles) {
  folder_.Write("m/v.bin", "abcdefghij");
  const Wire graph = ReluGraph(Wire()
                                   .Sub(5, External("w", {10}, {{"location", "w.bin"}}))
                                   .Sub(5, External("v", {10}, {{"location", "v.bin"}})));
  const std::string path = folder_.Write("m/model.onnx", ModelOf(graph).bytes());
  ImportOptions options;
  options.limits.max_external_bytes = 20;
  EXPECT_TRUE(ImportFile(path, options).ok());
  options.limits.max_external_bytes = 19;
  EXPECT_THAT(Message(ImportFile(path, options).status()),
              HasSubstr("limit max_external_bytes of 19"));
}

TEST_F(ExternalData, ExportKeepsItOutsideAndComesBack) {
  folder_.Write("m/w.bin", std::string(3000, 'w'));
  const Wire graph =
      ReluGraph(Wire()
                    .Sub(5, External("w", {2000}, {{"location", "w.bin"}, {"length", "2000"}}))
                    .Sub(5, External("v", {1000}, {{"location", "w.bin"}, {"offset", "2000"}}))
                    .Sub(5, Tensor("inside", 2, {4}, "abcd")));
  const auto imported = ImportGraph(graph);
  ASSERT_TRUE(imported.ok()) << Message(imported.status());
  const std::string target = folder_.path() + "/out/copy.onnx";
  fs::create_directory(folder_.path() + "/out");
  const auto written = ExportFile(imported->model, target);
  ASSERT_TRUE(written.ok()) << Message(written.status());
  EXPECT_EQ(*written, (std::vector<std::string>{"w.bin", "copy.onnx"}));
  const auto again = ImportFile(target);
  ASSERT_TRUE(again.ok()) << Message(again.status());
  EXPECT_EQ(ir::StructuralHash(again->model), ir::StructuralHash(imported->model));
  const auto bytes = ExportBytes(imported->model);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->model, ReadAll(target));
  ASSERT_EQ(bytes->external.size(), 1u);
  EXPECT_EQ(bytes->external[0].bytes, ReadAll(folder_.path() + "/out/w.bin"));
}

// Writing beside the source must not damage the source.
TEST_F(ExternalData, ExportLeavesOtherModelsDataAlone) {
  folder_.Write("m/w.bin", std::string(3000, 'w') + "tail");
  const auto imported = ImportGraph(ReluGraph(Wire().Sub(
      5, External("w", {2000}, {{"location", "w.bin"}, {"offset", "4"}, {"length", "2000"}}))));
  ASSERT_TRUE(imported.ok()) << Message(imported.status());
  const std::string before = ReadAll(folder_.path() + "/m/w.bin");
  const auto written = ExportFile(imported->model, folder_.path() + "/m/other.onnx");
  ASSERT_TRUE(written.ok()) << Message(written.status());
  EXPECT_EQ(*written, (std::vector<std::string>{"other.onnx.data", "other.onnx"}));
  EXPECT_EQ(ReadAll(folder_.path() + "/m/w.bin"), before);
  const auto again = ImportFile(folder_.path() + "/m/other.onnx");
  ASSERT_TRUE(again.ok()) << Message(again.status());
  const ir::Graph& graph = again->model.graph;
  EXPECT_EQ(graph.value(graph.FindValue("w")).initializer->tensor.bytes().size(), 2000u);
  // A second run replaces its own files.
  EXPECT_TRUE(ExportFile(imported->model, folder_.path() + "/m/other.onnx").ok());
}

// More than 2 GiB of weights: a sparse file of zeros, mapped, never read whole.
TEST_F(ExternalData, AboveTwoGibibytes) {
  const int64_t size = (int64_t{5} << 29) + 4096;  // 2.5 GiB
  const std::string path = folder_.path() + "/m/big.bin";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_GE(fd, 0);
  if (::ftruncate(fd, size) != 0) {
    ::close(fd);
    GTEST_SKIP() << "no sparse files here";
  }
  ASSERT_EQ(::pwrite(fd, "\x2a", 1, size - 1), 1);
  ::close(fd);
  const Wire graph = ReluGraph(Wire().Sub(5, External("w", {size}, {{"location", "big.bin"}})));
  const auto model = ImportBytes(ModelOf(graph).bytes(), "big", folder_.path() + "/m");
  ASSERT_TRUE(model.ok()) << Message(model.status());
  const auto bytes = model->graph.value(model->graph.FindValue("w")).initializer->tensor.bytes();
  ASSERT_EQ(static_cast<int64_t>(bytes.size()), size);
  EXPECT_EQ(bytes.back(), std::byte{0x2a});
}

}  // namespace
}  // namespace assize::onnx
