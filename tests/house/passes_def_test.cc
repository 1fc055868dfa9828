// From a pass's flag follow its file, its class and its test, mechanically, for every row of
// passes.def; and every file that makes a pass has its row.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "lib/support/files.h"
#include "passes/registry.h"
#include "tests/house/source_files.h"

namespace assize::house {
namespace {

struct Row {
  std::string flag, class_name, folder;
};

std::vector<Row> Rows() {
  const std::string text = ReadFile(std::string(ASSIZE_SOURCE_DIR) + "/passes/passes.def").value();
  std::vector<Row> rows;
  const std::regex row("(^|\n)ASSIZE_PASS\\(\"([a-z0-9-]+)\", *([A-Za-z0-9]+), *k([A-Za-z]+)\\)");
  for (auto it = std::sregex_iterator(text.begin(), text.end(), row); it != std::sregex_iterator();
       ++it) {
    std::string folder = (*it)[4];
    folder[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(folder[0])));
    rows.push_back({(*it)[2], (*it)[3], folder});
  }
  return rows;
}

std::string SnakeCase(std::string flag) {
  for (char& c : flag) {
    if (c == '-') c = '_';
  }
  return flag;
}

std::string CamelCase(const std::string& flag) {
  std::string name;
  bool upper = true;
  for (char c : flag) {
    if (c == '-') {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

TEST(PassesDef, NamesFollowFromTheFlag) {
  const std::filesystem::path root = ASSIZE_SOURCE_DIR;
  for (const Row& row : Rows()) {
    EXPECT_EQ(row.class_name, CamelCase(row.flag));
    const std::string file = "passes/" + row.folder + "/" + SnakeCase(row.flag) + ".cc";
    ASSERT_TRUE(std::filesystem::exists(root / file)) << file;
    const std::string text = ReadFile((root / file).string()).value();
    EXPECT_NE(text.find("class " + row.class_name + " final"), std::string::npos)
        << file << " does not define " << row.class_name;
    const std::string test = "tests/passes/" + SnakeCase(row.flag) + "_test.cc";
    EXPECT_TRUE(std::filesystem::exists(root / test)) << test;
    EXPECT_NE(text.find(test), std::string::npos) << file << " does not name its test " << test;
    // What a reader looks for first (the house style's order of the opening comment).
    const std::string opening = text.substr(0, text.find("#include"));
    for (const char* part : {"Needs", "Tests"}) {
      EXPECT_NE(opening.find(part), std::string::npos)
          << file << ": the opening comment has no \"" << part << "\"";
    }
  }
}

TEST(PassesDef, EveryPassHasItsRow) {
  std::set<std::string> classes;
  for (const Row& row : Rows())
    EXPECT_TRUE(classes.insert(row.class_name).second) << row.flag << " twice";
  const std::regex pass(
      "class ([A-Za-z0-9]+) final *: *public *(pass::)?(ModelPass|PatternPass|Pass)\\b");
  for (const SourceFile& file : ReadSources({"passes"})) {
    for (auto it = std::sregex_iterator(file.text.begin(), file.text.end(), pass);
         it != std::sregex_iterator(); ++it) {
      EXPECT_TRUE(classes.contains((*it)[1]))
          << file.path << ": " << (*it)[1] << " has no row in passes.def";
    }
  }
}

TEST(PassesDef, TheRegistryHasTheSameRows) {
  const std::vector<Row> rows = Rows();
  const std::vector<pass::Registration>& registered = passes::AllPasses().all();
  ASSERT_EQ(rows.size(), registered.size());
  ASSERT_FALSE(rows.empty());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].flag, registered[i].flag);
    EXPECT_EQ(rows[i].class_name, registered[i].class_name);
  }
}

}  // namespace
}  // namespace assize::house
