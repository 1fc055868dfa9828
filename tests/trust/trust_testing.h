// What the trust tests share: scratch folders, other people's tools, keys made once, and the
// forger's kit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/support/json.h"
#include "lib/trust/keys.h"
#include "lib/trust/statement.h"

namespace assize::trust {

// A folder below the system's temporary folder that disappears with its owner.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Writes `bytes` to `name` below, making folders on the way; gives back the path.
  std::string Put(const std::string& name, std::string_view bytes) const;
  std::vector<std::string> Names() const;  // of the entries right below, sorted

 private:
  std::string path_;
};

struct CommandResult {
  int exit_code = -1;
  std::string out;  // stdout
  std::string err;  // stderr
};
// Runs a program without a shell; `input` is its stdin. exit_code 127 when it cannot be started.
CommandResult RunCommand(const std::vector<std::string>& arguments, std::string_view input = "");

// The oracle's path, or empty when it is not there. With CI=true its absence fails the test.
std::string OracleTool(const std::string& name);

// A key of each type, made once per test run; `which` tells several of one type apart.
const PrivateKey& TestKey(KeyType type = KeyType::kP256, int which = 0);

Statement SampleStatement();

// The bundle of an attacker who holds `key` but not our code: any payload, any edit.
Json ForgeBundleJson(std::string_view payload, const PrivateKey& key);
std::string ForgeBundle(std::string_view payload, const PrivateKey& key);

}  // namespace assize::trust
