// Every #include of lib/, passes/ and tools/ against the doors and the table of libraries
// (doors.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/house/doors.h"
#include "tests/house/source_files.h"

namespace assize::house {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> ViolationsOf(const std::string& path, const std::string& text) {
  return Violations({path, text, ParseIncludes(text)});
}

TEST(Doors, EveryIncludeOfTheTreeIsAllowed) {
  const std::vector<SourceFile> files = ReadSources({"lib", "passes", "tools"});
  size_t includes = 0;
  std::string all;
  for (const SourceFile& file : files) {
    includes += file.includes.size();
    for (const std::string& violation : Violations(file)) all += violation + "\n";
  }
  EXPECT_EQ(all, "");
  // A scanner that sees nothing finds nothing.
  EXPECT_GT(files.size(), 100u);
  EXPECT_GT(includes, 500u);
}

TEST(Doors, TheTableHasNoCircleAndKnowsItsRooms) {
  std::map<std::string, std::vector<std::string>> doors;
  for (const Door& door : kDoors)
    EXPECT_TRUE(doors.emplace(door.room, door.may_include).second) << door.room;
  doors["schemas"] = {};
  // Rooms can be built one after the other: each needs only rooms that are done.
  std::set<std::string> done;
  while (done.size() < doors.size()) {
    const size_t before = done.size();
    for (const auto& [room, targets] : doors) {
      const bool ready =
          std::all_of(targets.begin(), targets.end(), [&](const std::string& target) {
            return done.contains(target.find('/') == std::string::npos ? target : RoomOf(target));
          });
      if (ready) done.insert(room);
    }
    ASSERT_GT(done.size(), before) << "a circle, or a room that is on no plan";
  }
}

TEST(Doors, ClosedOnesAreNoticed) {
  EXPECT_THAT(
      ViolationsOf("lib/recipe/x.cc", "#include \"lib/eval/criteria.h\"\n"),
      ElementsAre(
          "lib/recipe/x.cc:1: \"lib/eval/criteria.h\": there is no door from recipe to eval"));
  EXPECT_THAT(ViolationsOf("passes/fuse/x.cc", "#include \"lib/engine/engine.h\"\n"),
              ElementsAre(HasSubstr("no door")));
  EXPECT_THAT(ViolationsOf("tools/assize/x.cc", "#include \"lib/ir/graph.h\"\n"),
              ElementsAre(HasSubstr("no door")));
  EXPECT_THAT(ViolationsOf("lib/support/x.cc", "#include \"lib/flow/build.h\"\n"),
              ElementsAre(HasSubstr("no door")));
  EXPECT_THAT(ViolationsOf("lib/evidence/x.cc", "#include \"lib/pass/manager.h\"\n"),
              ElementsAre(HasSubstr("no door")));
  EXPECT_THAT(ViolationsOf("lib/evidence/x.cc", "#include \"lib/pass/record.h\"\n"), IsEmpty());
  EXPECT_THAT(ViolationsOf("lib/attic/x.cc", "#include \"lib/ir/graph.h\"\n"),
              ElementsAre(HasSubstr("on no plan")));
  EXPECT_THAT(ViolationsOf("lib/ir/x.cc", "#include \"graph.h\"\n"),
              ElementsAre(HasSubstr("repository's root")));
  EXPECT_THAT(ViolationsOf("lib/ir/x.cc", "#include \"tests/ir/x.h\"\n"),
              ElementsAre(HasSubstr("repository's root")));
}

TEST(Libraries, OutsideTheirRoomsAreNoticed) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"lib/eval/x.cc", "openssl/evp.h"},
      {"lib/support/json.h", "openssl/evp.h"},
      {"passes/fuse/x.cc", "oneapi/dnnl/dnnl.hpp"},
      {"lib/flow/x.cc", "nlohmann/json.hpp"},
      {"lib/analysis/x.cc", "google/protobuf/message_lite.h"},
      {"lib/recipe/x.cc", "yaml-cpp/yaml.h"},
      {"lib/flow/x.cc", "CLI/CLI.hpp"},
      {"lib/ir/x.cc", "absl/status/status.h"},
      {"lib/ir/x.cc", "absl/strings/str_cat.h"},
      {"lib/engine/x.cc", "thread"},
      {"lib/data/x.cc", "regex"},
      {"lib/eval/x.cc", "random"},
      {"lib/ir/x.cc", "boost/any.hpp"},
      {"lib/ir/x.cc", "gtest/gtest.h"}};
  for (const auto& [path, header] : cases) {
    EXPECT_EQ(ViolationsOf(path, std::string("#include <") + header + ">\n").size(), 1u)
        << path << " " << header;
  }
  for (const auto& [path, header] :
       {std::pair("lib/trust/keys.cc", "openssl/evp.h"),
        std::pair("lib/support/sha256.cc", "openssl/evp.h"),
        std::pair("lib/onnx/x.cc", "onnx/onnx-ml.pb.h"), std::pair("lib/ir/x.cc", "vector")}) {
    EXPECT_THAT(ViolationsOf(path, std::string("#include <") + header + ">\n"), IsEmpty()) << path;
  }
  EXPECT_EQ(ViolationsOf("lib/ir/x.cc", "#include \"onnx/onnx-ml.pb.h\"\n").size(), 1u);
}

TEST(ParseIncludes, SeesWhatThePreprocessorSees) {
  const std::vector<Include> includes = ParseIncludes(R"--(// #include <a>
/* #include <b>
#include <c> */ #include <d>
  #  include   "e/f.h" // tail
const char* s = "\"\
#include <g>";
const char* r = R"x(
#include <h>
)" )x";
int n = 1'000; char q = '"';
#include MACRO
#ifdef X
#include <i>
#endif
x #include <j>
)--");
  std::vector<std::string> seen;
  for (const Include& include : includes)
    seen.push_back(std::to_string(include.line) + include.header);
  EXPECT_THAT(seen, ElementsAre("3d", "4e/f.h", "11", "13i"));
  EXPECT_TRUE(includes[0].angled);
  EXPECT_FALSE(includes[1].angled);
}

// Follows quoted includes: a template anywhere below would be compiled for the instruction set.
void CheckInstructionSetFile(const std::map<std::string, const SourceFile*>& files,
                             const std::string& path, const std::string& root,
                             std::set<std::string>& seen) {
  const auto found = files.find(path);
  if (found == files.end() || !seen.insert(path).second) return;
  for (const Include& include : found->second->includes) {
    if (!include.angled) {
      CheckInstructionSetFile(files, include.header, root, seen);
      continue;
    }
    EXPECT_NE(
        std::find(kInstructionSetHeaders.begin(), kInstructionSetHeaders.end(), include.header),
        kInstructionSetHeaders.end())
        << root << " includes <" << include.header << "> by " << path << ":" << include.line;
  }
}

TEST(InstructionSets, TheirFilesIncludeNoTemplates) {
  const std::vector<SourceFile> files = ReadSources({"lib", "passes", "tools"});
  std::map<std::string, const SourceFile*> by_path;
  for (const SourceFile& file : files) by_path[file.path] = &file;
  for (const SourceFile& file : files) {
    for (const char* set : {"_avx2.cc", "_avx512.cc", "_vnni.cc", "_avxvnni.cc", "_sse41.cc"}) {
      if (!file.path.ends_with(set)) continue;
      std::set<std::string> seen;
      CheckInstructionSetFile(by_path, file.path, file.path, seen);
    }
  }
}

}  // namespace
}  // namespace assize::house
