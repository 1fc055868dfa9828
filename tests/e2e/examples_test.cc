// What the READMEs of the examples say to expect is what a build prints: the sizes and the verdict.
// (How many answers change may differ by an instruction set.)
#include "tests/e2e/road.h"

namespace assize::e2e {
namespace {

class Example : public testing::TestWithParam<const char*> {};

// The indented lines after the heading, up to the results that depend on the machine, and the last.
std::vector<std::string> Expected(const std::string& readme) {
  std::istringstream text(readme.substr(readme.find("## What to expect")));
  std::vector<std::string> expected;
  bool sizes = true;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("    ")) {
      if (!expected.empty()) break;
      continue;
    }
    line.erase(0, 4);
    sizes = sizes && line.find("top-1") == std::string::npos;
    if (sizes || line.starts_with("PASSED")) expected.push_back(line);
  }
  return expected;
}

TEST_P(Example, PrintsWhatItsReadmeSays) {
  TemporaryFolder folder;
  cli::Conditions conditions;
  conditions.environment = {{"ASSIZE_HOME", folder / "home"}};
  const std::string example = SourcePath(std::string("examples/") + GetParam());
  const Result built =
      cli::Assize({"build", example + "/recipe.yaml", "--store", folder / "store"}, conditions);
  ASSERT_EQ(built.exit, 0) << built.out << built.err;
  const std::vector<std::string> expected = Expected(ReadAll(example + "/README.md"));
  EXPECT_GE(expected.size(), 8u) << "the table, seven rows and the verdict";
  for (const std::string& line : expected) {
    // A row may end in blanks that the README leaves out.
    EXPECT_NE(built.out.find(line), std::string::npos) << line << "\nnot in\n" << built.out;
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, Example,
                         testing::Values("breast-cancer", "chest-xray", "fashion"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace assize::e2e
