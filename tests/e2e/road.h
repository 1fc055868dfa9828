// The whole road through the real binary: the breast-cancer example with its policy and a demo key
// of the test's own, and the shell for tools that are not ours.
#pragma once

#include <sys/wait.h>

#include <cstdio>

#include "tests/cli/store_maker.h"

namespace assize::e2e {

namespace fs = std::filesystem;
using cli::ExpectError;
using cli::JsonOf;
using cli::Listing;
using cli::ReadAll;
using cli::Replaced;
using cli::Result;
using cli::SourcePath;
using cli::WriteAll;

struct Ran {
  int exit = -1;
  std::string output;  // both streams
};
inline Ran Shell(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen(("exec 2>&1\n" + command).c_str(), "r");
  char buffer[4096];
  for (size_t n = 0; pipe != nullptr && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    ran.output.append(buffer, n);
  }
  const int status = pipe != nullptr ? ::pclose(pipe) : -1;
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return ran;
}

// Every file below a folder with its bytes.
inline std::map<std::string, std::string> Snapshot(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const std::string& name : Listing(folder)) {
    files[name] = fs::is_regular_file(folder + "/" + name) ? ReadAll(folder + "/" + name) : "";
  }
  return files;
}

// A workshop with the example's policy, where the policy's keys are the demo key that builds there.
class Road : public cli::Workshop {
 public:
  Road() { fs::copy_file(SourcePath("examples/breast-cancer/policy.yaml"), *this / "policy.yaml"); }

  // Builds and returns the release's path; the policy trusts the key from then on.
  std::string Release(const std::string& text, int exit = 0,
                      const std::vector<std::string>& more = {}) {
    const Result built = Build(text, cli::With({"--json"}, more));
    EXPECT_EQ(built.exit, exit) << built.err;
    fs::create_directories(*this / "keys");
    fs::copy_file(demo_key(), *this / "keys/demo.pub.pem", fs::copy_options::overwrite_existing);
    const Json json = JsonOf(built);
    return json.contains("release") ? json.at("release").get<std::string>() : "";
  }
  Result Gate(const std::string& release, const std::vector<std::string>& more = {}) {
    return Do(cli::With({"gate", release, "--policy", *this / "policy.yaml", "--json"}, more));
  }
  // A path of its own for a copy of the store, and the same release in it.
  std::string CopyOf(const std::string& release) {
    const std::string to = *this / ("copy" + std::to_string(++copies_));
    fs::copy(store(), to, fs::copy_options::recursive);
    return to + release.substr(store().size());
  }

 private:
  int copies_ = 0;
};

// Exit 4 with the named check failed, and nothing written into what is not trusted.
inline void ExpectRefused(Road& road, const std::string& release, const std::string& check,
                          const std::vector<std::string>& more = {}) {
  const auto before = Snapshot(release);
  const Result gate = road.Gate(release, more);
  EXPECT_EQ(gate.exit, 4) << gate.out << gate.err;
  const Json json = JsonOf(gate);
  EXPECT_EQ(json.value("verdict", ""), "FAILED");
  std::string failed;
  bool found = false;
  for (const Json& each : json.at("checks")) {
    const std::string status = each.at("status").get<std::string>();
    if (status != "fail" && status != "not run") continue;
    failed += each.at("id").get<std::string>() + " ";
    found = found || each.at("id") == check;
  }
  EXPECT_TRUE(found) << check << " is not among the failed checks: " << failed;
  EXPECT_EQ(Snapshot(release), before);
}

}  // namespace assize::e2e
