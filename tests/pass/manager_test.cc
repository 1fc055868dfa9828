// The manager on passes of its own: records, bisection, printing, services, the signature. The nets
// against registered saboteurs are in tests/passes/sabotage_*_test.cc.
#include "lib/pass/manager.h"

#include <gtest/gtest.h>

#include <sstream>

#include "lib/ir/hash.h"
#include "tests/passes/testing_models.h"

namespace assize::pass {
namespace {

using ::testing::HasSubstr;

// Appends text to the model's doc string.
class AppendDoc : public ModelPass {
 public:
  Descriptor Describe() const override {
    return {.summary = "Appends", .options = {{.name = "text", .default_text = "+"}}};
  }
  Status Run(ir::Model& model, Context& context) override {
    model.doc += options().Text("text");
    (*context.statistics)["appended"] = 1;
    (*context.facts)["length"] = model.doc.size();
    return OkStatus();
  }
};

class NeedsData final : public AppendDoc {
 public:
  Descriptor Describe() const override {
    return {.summary = "Needs data", .needs_calibration = true};
  }
};

class CheckThatEdits final : public AppendDoc {
  Descriptor Describe() const override {
    return {.summary = "Edits", .options = {{.name = "text", .default_text = "+"}}};
  }
};

template <typename T>
std::function<std::unique_ptr<Pass>()> Maker() {
  return [] { return std::unique_ptr<Pass>(new T); };
}

const Registry& TestRegistry() {
  static const Registry registry = [] {
    Registry r;
    r.Add({"append", "AppendDoc", Folder::kPrune, Maker<AppendDoc>()});
    r.Add({"needs-data", "NeedsData", Folder::kQuantize, Maker<NeedsData>()});
    r.Add({"check-edits", "CheckThatEdits", Folder::kCheck, Maker<CheckThatEdits>()});
    return r;
  }();
  return registry;
}

ir::Model SmallModel() {
  ir::Model model = assize::testing::MakeModel();
  assize::testing::GraphBuilder(model.graph)
      .Input("x", {"N"})
      .Node("Relu", {"x"}, {"y"})
      .Output("y");
  return model;
}

class ManagerTest : public ::testing::Test {
 protected:
  Status Run(const std::string& text, ManagerOptions options = {}) {
    auto pipeline = Pipeline::Parse(text, TestRegistry());
    AZ_CHECK(pipeline.ok(), "{}", Message(pipeline.status()));
    PassManager manager(std::move(options));
    const Status status = manager.Run(*pipeline, model_, {}, sink_, NoProgress());
    records_ = manager.records();
    return status;
  }
  ir::Model model_ = SmallModel();
  CollectingSink sink_;
  std::vector<PassRecord> records_;
};

TEST_F(ManagerTest, RecordsChainByDigest) {
  const Digest before = ir::StructuralHash(model_);
  ASSERT_TRUE(Run("append{text=a},append{text=b}").ok());
  ASSERT_EQ(records_.size(), 2u);
  EXPECT_EQ(records_[0].input, before);
  EXPECT_EQ(records_[0].output, records_[1].input);
  EXPECT_EQ(records_[1].output, ir::StructuralHash(model_));
  EXPECT_TRUE(records_[0].changed);
  EXPECT_EQ(records_[0].check.kind, "none");
  EXPECT_EQ(records_[1].facts["length"], 2);
  EXPECT_EQ(records_[1].statistics.at("appended"), 1);
  EXPECT_EQ(model_.doc, "ab");
}

TEST_F(ManagerTest, BisectLimitStopsAfterSoManyApplications) {
  ASSERT_TRUE(Run("append{text=a},append{text=b},append{text=c}", {.bisect_limit = 2}).ok());
  EXPECT_EQ(model_.doc, "ab");
  EXPECT_EQ(records_.size(), 2u);
}

TEST_F(ManagerTest, PrintsAfterTheNamedPass) {
  std::ostringstream out;
  ManagerOptions options;
  options.print_after = {"append"};
  options.print_stream = &out;
  ASSERT_TRUE(Run("append", options).ok());
  EXPECT_THAT(out.str(), HasSubstr("// after append"));
  EXPECT_THAT(out.str(), HasSubstr("Relu(x)"));
}

TEST_F(ManagerTest, RefusesAPassWhoseServicesAreMissingBeforeItStarts) {
  const Status status = Run("append{text=a},needs-data");
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("needs-data"));
  EXPECT_THAT(Message(status), HasSubstr("calibration"));
  EXPECT_EQ(model_.doc, "a");
  EXPECT_EQ(records_.size(), 1u);
}

TEST_F(ManagerTest, ACheckMustNotChangeTheModelAndLeavesAReproducer) {
  std::string text;
  ManagerOptions options;
  options.seed = 5;
  options.write_reproducer = [&](const ir::Model& before, const std::string& pipeline,
                                 uint64_t seed) {
    EXPECT_EQ(before.doc, "a");
    EXPECT_EQ(seed, 5u);
    text = pipeline;
    return StatusOr<std::string>("/tmp/somewhere");
  };
  const Status status = Run("append{text=a},check-edits{text=\"x,y\"}", options);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_THAT(Message(status), HasSubstr("reproducer: /tmp/somewhere"));
  // The failing pass alone, in a form that parses again.
  EXPECT_EQ(text, "check-edits{text=\"x,y\"}");
  EXPECT_EQ(model_.doc, "a");
}

TEST_F(ManagerTest, RefusesABrokenModelBeforeAnyPass) {
  ir::Editor edit(model_.graph);
  edit.SetOp(model_.graph.first_node(), "Relu", "com.example");
  const Status status = Run("append");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(records_.empty());
}

TEST_F(ManagerTest, JsonOfARecordKeepsWhatVariesInMeasurements) {
  const FixedClock clock(0);
  ManagerOptions options;
  options.clock = &clock;
  ASSERT_TRUE(Run("append", options).ok());
  Json a = records_[0].ToJson();
  model_ = SmallModel();
  ASSERT_TRUE(Run("append").ok());
  Json b = records_[0].ToJson();
  EXPECT_TRUE(a.contains("measurements"));
  a.erase("measurements");
  b.erase("measurements");
  EXPECT_EQ(a.dump(), b.dump());
  EXPECT_EQ(a["options"]["text"], "+");
  EXPECT_THAT(StatisticsTable(records_), HasSubstr("appended"));
  EXPECT_THAT(TimingTable(records_), HasSubstr("total"));
}

}  // namespace
}  // namespace assize::pass
