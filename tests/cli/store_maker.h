// A copy of the breast-cancer example with recipes of the test's own, and a store to build into.
#pragma once

#include "tests/cli/process.h"

namespace assize::cli {

// Replaces the one occurrence of `from`.
inline std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

class Workshop {
 public:
  Workshop() {
    for (const char* name : {"wdbc_mlp.onnx", "wdbc.npz", "recipe.yaml"}) {
      fs::copy_file(SourcePath("examples/breast-cancer/" + std::string(name)), folder_ / name);
    }
    recipe_ = ReadAll(folder_ / "recipe.yaml");
    conditions_.environment = {{"ASSIZE_HOME", folder_ / "home"}};
  }

  const std::string& recipe() const { return recipe_; }
  std::string store() const { return folder_ / "store"; }
  std::string demo_key() const { return folder_ / "home/demo-keys/demo.pub.pem"; }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  Conditions& conditions() { return conditions_; }

  // `text`: the recipe; more arguments after it.
  Result Build(const std::string& text, const std::vector<std::string>& more = {}) {
    WriteAll(folder_ / "recipe.yaml", text);
    return Assize(With({"build", folder_ / "recipe.yaml", "--store", store()}, more), conditions_);
  }
  Result Do(const std::vector<std::string>& arguments) { return Assize(arguments, conditions_); }

  // Events of the journal with their versions, "PASSED 1.0.0".
  std::vector<std::string> Journal() {
    const Result listing = Do({"list", store(), "--json"});
    EXPECT_EQ(listing.exit, 0) << listing.err;
    std::vector<std::string> events;
    const Json json = JsonOf(listing);
    for (const Json& row : json.at("releases")) {
      events.push_back(row.at("verdict").get<std::string>() + " " +
                       row.at("version").get<std::string>());
    }
    return events;
  }

 private:
  TemporaryFolder folder_;
  std::string recipe_;
  Conditions conditions_;
};

}  // namespace assize::cli
