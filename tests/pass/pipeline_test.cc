// Pipeline text: grammar, columns, groups, and the round trip.
#include "lib/pass/pipeline.h"

#include <gtest/gtest.h>

namespace assize::pass {
namespace {

class Nothing final : public ModelPass {
 public:
  Descriptor Describe() const override {
    return {.summary = "Does nothing",
            .options = {{.name = "text", .type = OptionType::kString, .default_text = "a"},
                        {.name = "n", .type = OptionType::kInt, .default_text = "1", .min = 0}}};
  }
  Status Run(ir::Model&, Context&) override { return OkStatus(); }
};

const Registry& PipelineRegistry() {
  static const Registry registry = [] {
    Registry r;
    const auto create = [] { return std::unique_ptr<Pass>(new Nothing); };
    r.Add({"eliminate-one", "EliminateOne", Folder::kSimplify, create});
    r.Add({"fuse-two", "FuseTwo", Folder::kFuse, create});
    r.Add({"eliminate-three", "EliminateThree", Folder::kSimplify, create});
    r.Add({"sabotage-four", "SabotageFour", Folder::kTesting, create});
    return r;
  }();
  return registry;
}

std::string Error(std::string_view text) {
  const auto pipeline = Pipeline::Parse(text, PipelineRegistry());
  EXPECT_FALSE(pipeline.ok()) << text;
  // A usage error: exit 2.
  EXPECT_TRUE(pipeline.status().GetPayload("assize/exit").has_value()) << text;
  return Message(pipeline.status());
}

TEST(Pipeline, PrintsBackWhatItRead) {
  for (const std::string text :
       {"fuse-two", "simplify,fuse-two{n=3}", "fuse-two{text=x-1,n=2},eliminate-one",
        R"(fuse-two{text="a,b}c\"d\\"},fuse)", R"(fuse-two{text=""})",
        R"(fuse-two{text=" lead"})"}) {
    const auto pipeline = Pipeline::Parse(text, PipelineRegistry());
    ASSERT_TRUE(pipeline.ok()) << text << ": " << Message(pipeline.status());
    EXPECT_EQ(pipeline->Text(), text);
    const auto again = Pipeline::Parse(pipeline->Text(), PipelineRegistry());
    ASSERT_TRUE(again.ok());
    ASSERT_EQ(again->stages().size(), pipeline->stages().size());
    for (size_t i = 0; i < again->stages().size(); ++i) {
      EXPECT_EQ(again->stages()[i].options.effective(), pipeline->stages()[i].options.effective());
    }
  }
}

TEST(Pipeline, UnquotesAndIgnoresSpaces) {
  const auto pipeline =
      Pipeline::Parse(R"( fuse-two { text = "a\"\\,}" , n = 7 } , fuse )", PipelineRegistry());
  ASSERT_TRUE(pipeline.ok()) << Message(pipeline.status());
  EXPECT_EQ(pipeline->stages()[0].options.Text("text"), "a\"\\,}");
  EXPECT_EQ(pipeline->stages()[0].options.Int("n"), 7);
}

TEST(Pipeline, ExpandsGroupsInRegistryOrderWithoutSaboteurs) {
  const auto pipeline = Pipeline::Parse("simplify", PipelineRegistry());
  ASSERT_TRUE(pipeline.ok());
  ASSERT_EQ(pipeline->stages().size(), 2u);
  EXPECT_EQ(pipeline->stages()[0].registration->flag, "eliminate-one");
  EXPECT_EQ(pipeline->stages()[1].registration->flag, "eliminate-three");
  EXPECT_EQ(pipeline->Text(), "simplify");
  EXPECT_THAT(Error("testing"), ::testing::HasSubstr("unknown pass \"testing\""));
}

TEST(Pipeline, ErrorsNameColumnAndNearestName) {
  EXPECT_THAT(Error(""), ::testing::HasSubstr("column 1"));
  EXPECT_THAT(Error("simplify,fuse-twoo"),
              ::testing::AllOf(::testing::HasSubstr("column 10"),
                               ::testing::HasSubstr("did you mean \"fuse-two\"")));
  EXPECT_THAT(Error("simplify,"), ::testing::HasSubstr("column 10"));
  EXPECT_THAT(Error("fuse-two{n=1"),
              ::testing::HasSubstr("expected \",\" or \"}\", found the end"));
  EXPECT_THAT(Error("fuse-two{n}"), ::testing::HasSubstr("expected \"=\" after \"n\""));
  EXPECT_THAT(Error("fuse-two{text=\"a"), ::testing::HasSubstr("unterminated"));
  EXPECT_THAT(Error("fuse-two{text=\"\\n\"}"), ::testing::HasSubstr("unknown escape"));
  EXPECT_THAT(Error("fuse-two}"), ::testing::HasSubstr("expected \",\" or the end"));
  EXPECT_THAT(Error("simplify{n=1}"), ::testing::HasSubstr("a group takes no options"));
  EXPECT_THAT(Error("fuse-two{n=-1}"), ::testing::HasSubstr("at least 0"));
}

TEST(Pipeline, NeverSuggestsASaboteur) {
  EXPECT_THAT(Error("sabotage-fou"), ::testing::Not(::testing::HasSubstr("sabotage-four\"")));
  EXPECT_TRUE(Pipeline::Parse("sabotage-four", PipelineRegistry()).ok());
}

TEST(RegistryDeathTest, TrapsOnTheSameFlagTwice) {
  Registry registry;
  registry.Add({"x", "X", Folder::kFuse, [] { return std::unique_ptr<Pass>(new Nothing); }});
  EXPECT_DEATH(registry.Add({"x", "X", Folder::kFuse, nullptr}), "registered twice");
}

}  // namespace
}  // namespace assize::pass
