// Options of passes: defaults, ranges, and what misuse says.
#include "lib/pass/option.h"

#include <gtest/gtest.h>

#include "lib/support/status.h"

namespace assize::pass {
namespace {

std::vector<OptionDescriptor> Descriptors() {
  return {
      {.name = "bins", .type = OptionType::kInt, .default_text = "2048", .min = 2, .max = 65536},
      {.name = "share", .type = OptionType::kNumber, .default_text = "0.5", .min = 0, .max = 1},
      {.name = "symmetric", .type = OptionType::kBool, .default_text = "false"},
      {.name = "method",
       .type = OptionType::kChoice,
       .default_text = "minmax",
       .choices = {"minmax", "percentile"}},
      {.name = "path", .type = OptionType::kString}};
}

TEST(Options, FillsDefaultsAndKeepsOnlyWhatDiffers) {
  const auto options = Options::Parse("p", Descriptors(), {{"share", "0.50"}, {"bins", "128"}});
  ASSERT_TRUE(options.ok()) << Message(options.status());
  EXPECT_EQ(options->Int("bins"), 128);
  EXPECT_EQ(options->Number("share"), 0.5);
  EXPECT_FALSE(options->Bool("symmetric"));
  EXPECT_EQ(options->Text("method"), "minmax");
  EXPECT_EQ(options->effective().size(), 5u);
  // 0.50 is the default in another spelling: it does not show in the pipeline text.
  const std::vector<std::pair<std::string, std::string>> given = {{"bins", "128"}};
  EXPECT_EQ(options->given(), given);
}

TEST(Options, RefusesWithNearestNameRangeAndChoices) {
  const auto message = [](const std::string& name, const std::string& value) {
    const auto options = Options::Parse("p", Descriptors(), {{name, value}});
    EXPECT_FALSE(options.ok()) << name << "=" << value;
    EXPECT_EQ(options.status().code(), StatusCode::kInvalidArgument);
    return Message(options.status());
  };
  EXPECT_THAT(message("bin", "4"), ::testing::HasSubstr("did you mean \"bins\""));
  EXPECT_THAT(message("bins", "1"), ::testing::HasSubstr("expected 2 to 65536"));
  EXPECT_THAT(message("bins", "12x"), ::testing::HasSubstr("expected an integer"));
  EXPECT_THAT(message("bins", "99999999999999999999"), ::testing::HasSubstr("expected an integer"));
  EXPECT_THAT(message("share", "nan"), ::testing::HasSubstr("finite"));
  EXPECT_THAT(message("symmetric", "yes"), ::testing::HasSubstr("true or false"));
  EXPECT_THAT(message("method", "percentil"), ::testing::HasSubstr("did you mean \"percentile\""));
}

TEST(Options, RefusesAnOptionGivenTwice) {
  const auto options = Options::Parse("p", Descriptors(), {{"bins", "4"}, {"bins", "4"}});
  EXPECT_THAT(Message(options.status()), ::testing::HasSubstr("given twice"));
}

TEST(OptionsDeathTest, TrapsOnANameThatIsNoOption) {
  const auto options = Options::Parse("p", Descriptors(), {});
  EXPECT_DEATH(options->Int("share"), "no int option share");
}

}  // namespace
}  // namespace assize::pass
