// Properties of every registered pass: names follow from the flag, options parse, runs are
// deterministic, verified, idempotent where declared, and keep the signature. A new pass is covered
// by its row.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "lib/ir/hash.h"
#include "lib/verify/verify.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

namespace fs = std::filesystem;

std::string ClassName(const std::string& flag) {
  std::string name;
  bool upper = true;
  for (const char c : flag) {
    if (c == '-')
      upper = true;
    else
      name.push_back(upper ? static_cast<char>(std::toupper(c)) : c), upper = false;
  }
  return name;
}

std::string FileName(std::string flag) {
  std::replace(flag.begin(), flag.end(), '-', '_');
  return flag;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A branchy little model with something for most passes: constants in nodes and initializers, an
// identity, a shared weight, Pad, Conv, BN, MatMul and Add, a subgraph, a dead node.
ir::Model Sampler() {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  ir::NamedTensor two;
  two.tensor = ir::Tensor::Scalar<float>(2);
  b.Input("x", {"N", "2", "6", "6"})
      .Init("W", Normal({4, 2, 3, 3}, 1))
      .Init("pads", Longs({0, 0, 1, 1, 0, 0, 1, 1}));
  b.Init("gamma", Normal({4}, 2))
      .Init("beta", Normal({4}, 3))
      .Init("mean", Normal({4}, 4))
      .Init("var", Floats({4}, {1, 2, 3, 4}));
  b.Init("M", Normal({4, 3}, 5))
      .Init("bias", Normal({3}, 6))
      .Init("unused", Normal({2}, 7))
      .Init("half", ir::Tensor::Scalar<float>(0.5f));
  b.Node("Pad", {"x", "pads"}, {"p"}).Node("Conv", {"p", "W"}, {"c"});
  b.Node("BatchNormalization", {"c", "gamma", "beta", "mean", "var"}, {"n"})
      .Node("Identity", {"n"}, {"i"});
  b.Node("Constant", {}, {"two"}, {Attr("value", two)}).Node("Mul", {"two", "half"}, {"one"});
  b.Node("Mul", {"i", "one"}, {"s"})
      .Node("Relu", {"s"}, {"r1"})
      .Node("Relu", {"s"}, {"r2"})
      .Node("Add", {"r1", "r2"}, {"a"});
  b.Node("Exp", {"a"}, {"dead"})
      .Node("GlobalAveragePool", {"a"}, {"g"})
      .Node("Flatten", {"g"}, {"f"});
  b.Node("MatMul", {"f", "M"}, {"m"}).Node("Add", {"m", "bias"}, {"y"}).Output("y");
  return model;
}

class EveryPass : public ::testing::TestWithParam<std::string> {
 protected:
  const pass::Registration& registration() const { return *passes::AllPasses().Find(GetParam()); }
  pass::Descriptor descriptor() const { return registration().create()->Describe(); }
  // Passes that need data or places have runs of their own in their tests; saboteurs are meant to
  // fail.
  bool Runs() const {
    return registration().folder != pass::Folder::kTesting && !descriptor().needs_calibration &&
           !descriptor().needs_artifacts;
  }
};

TEST_P(EveryPass, IsNamedMechanically) {
  const pass::Registration& r = registration();
  EXPECT_EQ(r.class_name, ClassName(r.flag));
  const fs::path root = ASSIZE_SOURCE_DIR;
  const fs::path source =
      root / "passes" / std::string(pass::NameOf(r.folder)) / (FileName(r.flag) + ".cc");
  const fs::path test = root / "tests" / "passes" / (FileName(r.flag) + "_test.cc");
  EXPECT_TRUE(fs::exists(source)) << source;
  EXPECT_TRUE(fs::exists(test)) << test;
  const std::string text = Read(source);
  EXPECT_THAT(text, ::testing::HasSubstr("class " + r.class_name + " final"));
  EXPECT_THAT(text, ::testing::HasSubstr("ASSIZE_DEFINE_PASS(" + r.class_name + ")"));
  EXPECT_THAT(text, ::testing::HasSubstr(test.filename().string()))
      << "the header comment names the test";
  EXPECT_FALSE(descriptor().summary.empty());
  EXPECT_NE(descriptor().summary.back(), '.');
}

TEST_P(EveryPass, OptionsRoundTripThroughText) {
  const auto defaults = pass::Pipeline::Parse(GetParam(), passes::AllPasses());
  ASSERT_TRUE(defaults.ok()) << Message(defaults.status());
  EXPECT_EQ(defaults->Text(), GetParam());
  // Every option spelled out with its default is the same pass.
  std::string all;
  for (const pass::OptionDescriptor& o : descriptor().options) {
    EXPECT_FALSE(o.summary.empty()) << o.name;
    all += (all.empty() ? "" : ",") + o.name + "=\"" + o.default_text + "\"";
  }
  if (all.empty()) return;
  const auto spelled = pass::Pipeline::Parse(GetParam() + "{" + all + "}", passes::AllPasses());
  ASSERT_TRUE(spelled.ok()) << Message(spelled.status());
  EXPECT_EQ(spelled->stages()[0].options.effective(), defaults->stages()[0].options.effective());
  EXPECT_TRUE(spelled->stages()[0].options.given().empty());
}

TEST_P(EveryPass, IsDeterministicVerifiedAndIdempotent) {
  if (!Runs()) return;  // needs data, artifacts, or is a saboteur: its own test runs it
  ir::Model once = Sampler(), twice = Sampler();
  const Outcome first = RunPipeline(GetParam(), once), second = RunPipeline(GetParam(), twice);
  ASSERT_TRUE(first.status.ok()) << Message(first.status);
  ASSERT_TRUE(second.status.ok());
  EXPECT_EQ(ir::StructuralHash(once), ir::StructuralHash(twice));
  EXPECT_TRUE(verify::CheckModel(once).ok());
  Json a = first.record().ToJson(), b = second.record().ToJson();
  a.erase("measurements");
  b.erase("measurements");
  EXPECT_EQ(a.dump(), b.dump());
  if (first.record().changed) {
    EXPECT_NE(first.record().check.outcome, "mistrusted") << first.record().check.reason;
  }
  if (descriptor().idempotent) {
    const Outcome again = RunPipeline(GetParam(), once);
    ASSERT_TRUE(again.status.ok());
    EXPECT_FALSE(again.record().changed) << "declared idempotent";
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryPass, ::testing::ValuesIn([] {
                           std::vector<std::string> flags;
                           for (const auto& r : passes::AllPasses().all()) flags.push_back(r.flag);
                           return flags;
                         }()),
                         [](const auto& param) { return ClassName(param.param); });

TEST(Registry, GroupsKeepTheFunctionOnTheSampler) {
  ir::Model model = Sampler();
  const Outcome outcome = RunPipeline("simplify,fuse,simplify", model);
  ASSERT_TRUE(outcome.status.ok()) << Message(outcome.status);
  EXPECT_EQ(Ops(model.graph), "Conv Relu Add GlobalAveragePool Flatten Gemm");
  EXPECT_EQ(model.graph.initializers().size(), 4u);
}

// Every file below passes/<folder>/ that defines a pass has a row: a forgotten row would leave it
// out of all tests.
TEST(Registry, NoPassIsWithoutARow) {
  const fs::path root = fs::path(ASSIZE_SOURCE_DIR) / "passes";
  std::set<std::string> defined;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".cc") continue;
    const std::string text = Read(entry.path());
    for (size_t at = text.find("\nASSIZE_DEFINE_PASS("); at != std::string::npos;
         at = text.find("\nASSIZE_DEFINE_PASS(", at + 1)) {
      const size_t begin = text.find('(', at) + 1;
      defined.insert(text.substr(begin, text.find(')', begin) - begin));
    }
  }
  std::set<std::string> registered;
  for (const auto& r : passes::AllPasses().all()) registered.insert(r.class_name);
  EXPECT_EQ(defined, registered);
}

}  // namespace
}  // namespace assize::testing
