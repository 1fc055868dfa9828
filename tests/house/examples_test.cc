// The examples are whole: recipe, policy and README, the digests of the files beside them, criteria
// that the policy demands too; and nothing in the tree is a private key.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "lib/recipe/policy_file.h"
#include "lib/recipe/recipe.h"
#include "lib/support/files.h"
#include "lib/support/sha256.h"

namespace assize::house {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = ASSIZE_SOURCE_DIR;

std::vector<fs::path> Examples() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kRoot / "examples")) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::set<std::string> CriteriaOf(const std::vector<recipe::Criterion>& criteria) {
  std::set<std::string> texts;
  for (const recipe::Criterion& criterion : criteria) texts.insert(criterion.ToJson().dump());
  return texts;
}

TEST(Examples, AreThree) { EXPECT_EQ(Examples().size(), 3u); }

TEST(Examples, RecipesNameWhatLiesBesideThem) {
  for (const fs::path& folder : Examples()) {
    SCOPED_TRACE(folder.filename().string());
    const auto read = recipe::ReadRecipe((folder / "recipe.yaml").string());
    ASSERT_TRUE(read.ok()) << Message(read.status());
    EXPECT_EQ(read->name, folder.filename().string());
    EXPECT_TRUE(read->keys.demo);
    const auto digest = Sha256OfFile(read->Resolve(read->model.path));
    ASSERT_TRUE(digest.ok()) << Message(digest.status());
    EXPECT_EQ(Hex(*digest), read->model.sha256);
    EXPECT_TRUE(fs::exists(folder / "README.md"));
  }
}

TEST(Examples, PoliciesDemandWhatTheRecipesPromise) {
  for (const fs::path& folder : Examples()) {
    SCOPED_TRACE(folder.filename().string());
    const auto read = recipe::ReadRecipe((folder / "recipe.yaml").string());
    const auto policy = recipe::ReadPolicyFile((folder / "policy.yaml").string());
    ASSERT_TRUE(read.ok()) << Message(read.status());
    ASSERT_TRUE(policy.ok()) << Message(policy.status());
    EXPECT_EQ(policy->release, read->name);
    EXPECT_EQ(policy->source_sha256, read->model.sha256);
    EXPECT_EQ(CriteriaOf(policy->criteria), CriteriaOf(read->criteria));
    EXPECT_TRUE(policy->allow_demo_keys) << "the examples are signed with demo keys";
  }
}

TEST(Tree, HoldsNoPrivateKey) {
  const std::string mark = std::string("PRIVATE") + " KEY-----\nM";
  for (const char* top : {"examples", "scripts", "schemas", "docs", "tools", "lib", "passes"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      if (!entry.is_regular_file() || entry.file_size() > (4u << 20)) continue;
      EXPECT_EQ(ReadFile(entry.path().string()).value().find(mark), std::string::npos)
          << entry.path();
    }
  }
}

TEST(House, ItsTwoCommandsAreThoseOfTheReadme) {
  const std::string readme = ReadFile((kRoot / "README.md").string()).value();
  for (const char* command : {"quickstart", "test"}) {
    EXPECT_NE(readme.find(std::string("    ./") + command + " "), std::string::npos) << command;
    EXPECT_NE(fs::status(kRoot / command).permissions() & fs::perms::owner_exec, fs::perms::none)
        << command;
  }
  const std::string ci = ReadFile((kRoot / ".ci" / "run").string()).value();
  EXPECT_NE(ci.find("exec ./test\n"), std::string::npos) << "CI runs the README's test command";
}

}  // namespace
}  // namespace assize::house
