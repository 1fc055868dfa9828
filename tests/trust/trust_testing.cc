// Keys, statements and shell commands that the trust tests share.
#include "tests/trust/trust_testing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "lib/trust/base64.h"
#include "lib/trust/bundle.h"
#include "lib/trust/dsse.h"

namespace assize::trust {
namespace {

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "assize-trust-XXXXXX").string();
  const char* made = mkdtemp(pattern.data());
  EXPECT_NE(made, nullptr);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string ScratchFolder::Put(const std::string& name, std::string_view bytes) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(out.good());
  return path.string();
}

std::vector<std::string> ScratchFolder::Names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

CommandResult RunCommand(const std::vector<std::string>& arguments, std::string_view input) {
  const ScratchFolder scratch;
  const std::string in = scratch.Put("in", input);
  const std::string out = scratch.Put("out", "");
  const std::string err = scratch.Put("err", "");
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int in_fd = open(in.c_str(), O_RDONLY);
    const int out_fd = open(out.c_str(), O_WRONLY);
    const int err_fd = open(err.c_str(), O_WRONLY);
    dup2(in_fd, 0);
    dup2(out_fd, 1);
    dup2(err_fd, 2);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = Slurp(out);
  result.err = Slurp(err);
  return result;
}

std::string OracleTool(const std::string& name) {
  const std::string path = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/" + name;
  if (access(path.c_str(), X_OK) == 0) return path;
  const char* ci = std::getenv("CI");
  if (ci != nullptr && std::string_view(ci) == "true") {
    ADD_FAILURE() << path << " is missing; scripts/setup test makes it";
  }
  return "";
}

const PrivateKey& TestKey(KeyType type, int which) {
  static std::map<std::pair<KeyType, int>, PrivateKey> keys;
  const auto found = keys.find({type, which});
  if (found != keys.end()) return found->second;
  auto key = PrivateKey::Generate(type);
  EXPECT_TRUE(key.ok()) << key.status();
  return keys.emplace(std::pair(type, which), *std::move(key)).first->second;
}

Statement SampleStatement() {
  Statement statement;
  statement.subjects.push_back(MakeSubject("model.onnx", std::string(64, 'a')));
  statement.predicate_type = "https://example.org/evaluation/v1";
  statement.predicate["correct"] = 9891;
  statement.predicate["note"] = "Größe <&> \"quoted\"";
  return statement;
}

Json ForgeBundleJson(std::string_view payload, const PrivateKey& key) {
  const auto signature = key.Sign(Pae(kInTotoPayloadType, payload));
  EXPECT_TRUE(signature.ok()) << signature.status();
  Json json;
  json["mediaType"] = kBundleMediaType;
  json["verificationMaterial"]["publicKey"]["hint"] = key.id();
  json["verificationMaterial"]["tlogEntries"] = Json::array();
  json["dsseEnvelope"]["payload"] = Base64Encode(payload);
  json["dsseEnvelope"]["payloadType"] = kInTotoPayloadType;
  Json entry;
  entry["sig"] = Base64Encode(*signature);
  entry["keyid"] = key.id();
  json["dsseEnvelope"]["signatures"] = Json::array({entry});
  return json;
}

std::string ForgeBundle(std::string_view payload, const PrivateKey& key) {
  return DumpJson(ForgeBundleJson(payload, key)) + "\n";
}

}  // namespace assize::trust
