// A seeded corpus of damage: truncations, flipped bytes, exchanged lengths, random bytes. Nothing
// may crash or hang; what is refused names the file; what is accepted must export and come back
// equal. Run under the sanitizers by the dev preset.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/ir/hash.h"
#include "lib/onnx/onnx.h"
#include "lib/support/random.h"
#include "tests/onnx/corpus.h"
#include "tests/onnx/wire_builder.h"

namespace assize::onnx {
namespace {

using ::testing::HasSubstr;

// A deterministic generator of its own: the corpus must not move when support's does.
class Sequence {
 public:
  explicit Sequence(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t Below(size_t n) { return static_cast<size_t>(Next() % n); }

 private:
  uint64_t state_;
};

struct Tally {
  int refused = 0, accepted = 0;
};

void Try(const std::string& bytes, const std::string& what, Tally& tally) {
  const auto model = ImportBytes(bytes, "bad.onnx");
  if (!model.ok()) {
    ++tally.refused;
    const StatusCode code = model.status().code();
    EXPECT_TRUE(code == StatusCode::kInvalidArgument || code == StatusCode::kUnimplemented ||
                code == StatusCode::kResourceExhausted)
        << what << ": " << Message(model.status());
    EXPECT_THAT(Message(model.status()), ::testing::StartsWith("bad.onnx: ")) << what;
    EXPECT_LT(Message(model.status()).size(), 4000u) << what;
    return;
  }
  ++tally.accepted;
  const auto exported = ExportBytes(*model);
  ASSERT_TRUE(exported.ok()) << what << ": " << Message(exported.status());
  const auto again = ImportBytes(exported->model, "again.onnx");
  ASSERT_TRUE(again.ok()) << what << ": " << Message(again.status());
  EXPECT_EQ(ir::StructuralHash(*again), ir::StructuralHash(*model)) << what;
}

std::vector<std::pair<std::string, std::string>> Seeds() {
  std::vector<std::pair<std::string, std::string>> seeds;
  const Wire attributes =
      Wire()
          .Sub(5, Wire().Text(1, "f").Int(20, 1).Float(2, 1))
          .Sub(5, Wire().Text(1, "is").Int(20, 7).Int(8, 1).Int(8, -1))
          .Sub(5, Wire().Text(1, "t").Int(20, 4).Sub(5, Tensor("t", 22, {3}, "ab")))
          .Sub(5, Wire().Text(1, "g").Int(20, 5).Sub(6, ReluGraph()))
          .Sub(5, Wire().Text(1, "tp").Int(20, 13).Sub(
                      14, Wire().Sub(4, Wire().Sub(1, TensorType(1, {2})))));
  const Wire full =
      ModelOf(ReluGraph(Wire()
                            .Sub(1, Node("A", {"x", "", "y"}, {"p", "q"}).Raw(attributes.bytes()))
                            .Sub(5, Tensor("w", 1, {2}, "12345678"))
                            .Sub(13, ValueInfo("p", TensorType(1, {2})))))
          .Sub(25, Wire()
                       .Text(1, "F")
                       .Text(10, "d")
                       .Text(4, "a")
                       .Text(5, "b")
                       .Sub(9, Opset(1))
                       .Sub(7, Node("Relu", {"a"}, {"b"})))
          .Sub(14, Pair("k", "v"));
  seeds.emplace_back("built", full.bytes());
  for (const char* name :
       {"test_loop11", "test_if_seq", "test_sequence_map_add_1_sequence_1_tensor_expanded",
        "test_gemm_default_scalar_bias", "test_dequantizelinear_int4", "test_constant"}) {
    const std::string bytes =
        NodeCases().empty() ? "" : ReadAll(NodeCases() + "/" + name + "/model.onnx");
    if (!bytes.empty()) seeds.emplace_back(name, bytes);
  }
  return seeds;
}

TEST(Corrupt, EveryTruncation) {
  for (const auto& [name, bytes] : Seeds()) {
    Tally tally;
    for (size_t size = 0; size < bytes.size(); ++size) {
      Try(bytes.substr(0, size), name + " cut at " + std::to_string(size), tally);
    }
    // Cuts between two top-level fields leave a shorter message that protobuf cannot tell from a
    // whole one; all others must be refused.
    EXPECT_GT(tally.refused, tally.accepted) << name;
  }
}

TEST(Corrupt, TruncatedRealModels) {
  const auto models = ModelsBelow(SharedFolder() + "/data");
  if (models.empty()) GTEST_SKIP() << SharedFolder() << "/data is not here";
  const TemporaryFolder folder;
  for (const std::string& model : models) {
    const std::string bytes = ReadAll(model);
    for (int k = 1; k < 8; ++k) {
      const size_t size = bytes.size() * static_cast<size_t>(k) / 8;
      const auto imported = ImportFile(folder.Write("cut.onnx", bytes.substr(0, size)));
      ASSERT_FALSE(imported.ok()) << model << " cut at " << size;
      EXPECT_THAT(Message(imported.status()), HasSubstr("cut.onnx: "));
    }
  }
}

TEST(Corrupt, FlippedAndReplacedBytes) {
  for (const auto& [name, bytes] : Seeds()) {
    Sequence random(20'261'123);
    Tally tally;
    for (int i = 0; i < 3000; ++i) {
      std::string bad = bytes;
      const size_t changes = 1 + random.Below(3);
      for (size_t c = 0; c < changes; ++c) {
        const size_t at = random.Below(bad.size());
        switch (random.Below(5)) {
          case 0:
            bad[at] = static_cast<char>(bad[at] ^ (1 << random.Below(8)));
            break;
          case 1:
            bad[at] = static_cast<char>(random.Next());
            break;
          case 2:
            bad[at] = static_cast<char>(0xff);
            break;
          case 3:
            bad.insert(at, 1, static_cast<char>(random.Next()));
            break;
          default:
            bad.erase(at, 1 + random.Below(3));
            break;
        }
        if (bad.empty()) bad = "\n";
      }
      Try(bad, fmt::format("{} mutation {}", name, i), tally);
    }
    EXPECT_GT(tally.refused, 500) << name;
    EXPECT_GT(tally.accepted, 10) << name
                                  << ": the mutations prove little when none survives the scan";
  }
}

TEST(Corrupt, SplicedModels) {
  const auto seeds = Seeds();
  Sequence random(7);
  Tally tally;
  for (int i = 0; i < 2000; ++i) {
    const std::string& a = seeds[random.Below(seeds.size())].second;
    const std::string& b = seeds[random.Below(seeds.size())].second;
    Try(a.substr(0, random.Below(a.size())) + b.substr(random.Below(b.size())),
        fmt::format("splice {}", i), tally);
  }
  EXPECT_GT(tally.refused, 500);
}

TEST(Corrupt, RandomBytes) {
  Sequence random(99);
  Tally tally;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(1 + random.Below(300), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Next());
    Try(bytes, fmt::format("random {}", i), tally);
  }
  EXPECT_EQ(tally.accepted, 0);
}

TEST(Corrupt, SpecialFiles) {
  const TemporaryFolder folder;
  for (const std::string& path : {std::string("/dev/zero"), folder.path(),
                                  folder.path() + "/absent.onnx", folder.Write("empty.onnx", "")}) {
    const auto imported = ImportFile(path);
    ASSERT_FALSE(imported.ok()) << path;
    EXPECT_THAT(Message(imported.status()), HasSubstr(path));
  }
}

}  // namespace
}  // namespace assize::onnx
