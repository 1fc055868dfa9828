// The generated pages are fresh, every verb has help with an example, and sabotage stays hidden.
#include "tests/cli/process.h"

namespace assize::cli {
namespace {

const std::vector<std::string> kVerbs = {"build", "verify", "gate",   "opt",   "quantize",
                                         "prune", "eval",   "run",    "bench", "inspect",
                                         "diff",  "key",    "passes", "list"};

TEST(Help, CommandLinePageIsFresh) {
  const Result result = Assize({"--help-markdown"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(ReadAll(SourcePath("docs/cli.md")), result.out) << "run scripts/make-docs";
}

// The catalogue is printed, not kept in the tree: adding a pass touches three files, and no page.
TEST(Help, CatalogueOfPassesIsPrinted) {
  const Result result = Assize({"passes", "--markdown"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("# Passes\n")) << result.out.substr(0, 80);
  EXPECT_NE(result.out.find("### `fuse-conv-bn`"), std::string::npos);
}

TEST(Help, EveryVerbHasAnExampleOfItself) {
  const std::string page = ReadAll(SourcePath("docs/cli.md"));
  for (const std::string& verb : kVerbs) {
    const size_t section = page.find("\n## assize " + verb + "\n");
    ASSERT_NE(section, std::string::npos) << verb;
    const size_t example = page.find("Example:\n  assize " + verb, section);
    const size_t next = page.find("\n## ", section + 1);
    EXPECT_LT(example, next) << verb;
    for (const char* flag : {"--json", "--quiet", "--verbose", "--threads", "--help"}) {
      EXPECT_LT(page.find(flag, section), next) << verb << " " << flag;
    }
  }
}

TEST(Help, ExitCodesAreDocumented) {
  const std::string help = Assize({"--help"}).out;
  for (const char* line : {"  0   done", "  1   findings", "  2   usage", "  3   bad input",
                           "  4   not trusted", "  5   environment", "  70  a bug"}) {
    EXPECT_NE(help.find(line), std::string::npos) << line;
  }
}

TEST(Help, EveryPassFileHasItsPlaceInTheCatalogueExceptSabotage) {
  const Json catalogue = JsonOf(Assize({"passes", "--json"}));
  std::vector<std::string> listed, files;
  for (const Json& entry : catalogue.at("passes"))
    listed.push_back(entry.at("name").get<std::string>());
  // The rows of the index, read as text: what a pass's author added.
  std::istringstream rows(ReadAll(SourcePath("passes/passes.def")));
  for (std::string line; std::getline(rows, line);) {
    if (!line.starts_with("ASSIZE_PASS(\"")) continue;
    const size_t begin = line.find('"') + 1;
    const std::string flag = line.substr(begin, line.find('"', begin) - begin);
    if (!flag.starts_with("sabotage-")) files.push_back(flag);
  }
  EXPECT_EQ(listed, files);
  EXPECT_EQ(Assize({"passes"}).out.find("sabotage"), std::string::npos);
}

}  // namespace
}  // namespace assize::cli
