// Recipes and policies with random damage: read or refused, never an exception, a crash or a hang,
// and what is read is written back as the same. Seeds are fixed; ASSIZE_MUTATIONS asks for more
// rounds.
#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/recipe/policy_file.h"
#include "lib/recipe/recipe.h"
#include "lib/support/random.h"
#include "tests/recipe/examples.h"

namespace assize::recipe {
namespace {

int Rounds() {
  const char* text = std::getenv("ASSIZE_MUTATIONS");
  return text == nullptr ? 1500 : std::atoi(text);
}

// One to four edits: a byte changed, a piece cut out, a piece doubled, or a piece that YAML finds
// interesting put in.
std::string Damaged(std::string text, Philox& random) {
  static const std::vector<std::string> pieces = {
      "{", "}",   "[",   "]",    ": ", "- ",   "\n",    "\n  ", "#",        "\"",    "'",    "|",
      ">", "&a ", "*a",  "!!t ", "? ", "<<: ", "---\n", "...",  "\t",       "%YAML", "null", "\xFF",
      ",", "1e9", "0x1", "true", "~",  "\\",   "@",     "`",    "\xC2\x85", "\r",    "-1",   "''"};
  for (uint64_t edits = 1 + random.NextBelow(4); edits > 0 && !text.empty(); --edits) {
    const size_t at = random.NextBelow(text.size());
    const size_t length = 1 + random.NextBelow(std::min<size_t>(text.size() - at, 40));
    switch (random.NextBelow(4)) {
      case 0:
        text[at] = static_cast<char>(random.NextBelow(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      default:
        text.insert(at, pieces[random.NextBelow(pieces.size())]);
        break;
    }
  }
  return text;
}

TEST(Mutations, RecipesAreReadOrRefused) {
  Philox random(20261123);
  int read = 0;
  for (int i = 0; i < Rounds(); ++i) {
    const std::string text = Damaged(i % 2 == 0 ? kShortRecipe : kLongRecipe, random);
    const StatusOr<Recipe> recipe = ParseRecipe(text, "r.yaml", ".");
    if (!recipe.ok()) {
      EXPECT_EQ(recipe.status().code(), StatusCode::kInvalidArgument) << text;
      EXPECT_TRUE(Message(recipe.status()).starts_with("r.yaml:")) << Message(recipe.status());
      continue;
    }
    ++read;
    const Json effective = EffectiveRecipe(*recipe);
    const StatusOr<Recipe> again = ParseRecipe(DumpYaml(effective), "e.yaml", ".");
    ASSERT_TRUE(again.ok()) << Message(again.status()) << "\n" << DumpYaml(effective);
    EXPECT_EQ(DumpJson(EffectiveRecipe(*again)), DumpJson(effective)) << text;
    EXPECT_EQ(PipelineText(again->passes), PipelineText(recipe->passes)) << text;
  }
  EXPECT_GT(read, Rounds() / 100);  // otherwise nothing but refusals was tested
}

TEST(Mutations, PoliciesAreReadOrRefused) {
  Philox random(20261124);
  int read = 0;
  for (int i = 0; i < Rounds(); ++i) {
    const std::string text = Damaged(kPolicy, random);
    const StatusOr<PolicyFile> policy = ParsePolicyFile(text, "p.yaml", ".");
    if (!policy.ok()) {
      EXPECT_EQ(policy.status().code(), StatusCode::kInvalidArgument) << text;
      continue;
    }
    ++read;
    const Json effective = EffectivePolicy(*policy);
    const StatusOr<PolicyFile> again = ParsePolicyFile(DumpYaml(effective), "e.yaml", ".");
    ASSERT_TRUE(again.ok()) << Message(again.status()) << "\n" << DumpYaml(effective);
    EXPECT_EQ(DumpJson(EffectivePolicy(*again)), DumpJson(effective)) << text;
  }
  EXPECT_GT(read, Rounds() / 100);
}

}  // namespace
}  // namespace assize::recipe
