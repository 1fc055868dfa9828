// Runs the real binary: arguments in, exit code and both streams out. Also the conditions under
// which programs fail: a file size limit that stands for a full disk, another user, a signal in the
// middle of the work.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "lib/support/json.h"
#include "tests/support/temporary_folder.h"

namespace assize::cli {

namespace fs = std::filesystem;

inline std::string SourcePath(const std::string& name) {
  return std::string(ASSIZE_SOURCE_DIR) + "/" + name;
}

inline std::string Binary() {
  const char* path = std::getenv("ASSIZE_BIN");
  return path != nullptr ? path : std::string(ASSIZE_BINARY_DIR) + "/assize";
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

inline void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Everything below a folder, sorted: to see that nothing was left behind.
inline std::vector<std::string> Listing(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().lexically_relative(folder).generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Result {
  int exit = -1;  // 128 + signal when a signal ended it
  std::string out, err;
};

struct Conditions {
  std::string folder;  // to run in
  std::map<std::string, std::string> environment;
  std::string standard_output;             // a file instead of `out`, such as /dev/full
  std::optional<uint64_t> max_file_bytes;  // RLIMIT_FSIZE: writing more fails as on a full disk
  bool obey_permissions = false;           // root, too, may only do what a file's mode says
  // Asked again and again while the program runs; SIGINT is sent once when it says yes.
  std::function<bool()> interrupt_when;
};

inline Result Assize(const std::vector<std::string>& arguments, const Conditions& conditions = {}) {
  TemporaryFolder streams;
  const std::string out = streams / "out", err = streams / "err";
  std::vector<std::string> words = {Binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string target = conditions.standard_output.empty() ? out : conditions.standard_output;

  const pid_t child = ::fork();
  if (child == 0) {
    const int out_fd = ::open(target.c_str(), O_WRONLY | O_CREAT, 0666);
    const int err_fd = ::open(err.c_str(), O_WRONLY | O_CREAT, 0666);
    const int in_fd = ::open("/dev/null", O_RDONLY);
    if (out_fd < 0 || err_fd < 0 || in_fd < 0) ::_exit(125);
    ::dup2(in_fd, 0);
    ::dup2(out_fd, 1);
    ::dup2(err_fd, 2);
    if (!conditions.folder.empty() && ::chdir(conditions.folder.c_str()) != 0) ::_exit(125);
    for (const auto& [name, value] : conditions.environment)
      ::setenv(name.c_str(), value.c_str(), 1);
    if (conditions.max_file_bytes) {
      const rlimit limit = {*conditions.max_file_bytes, *conditions.max_file_bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (conditions.obey_permissions && ::geteuid() == 0 &&
        (::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) != 0 ||
         ::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH) != 0))
      ::_exit(125);
    ::execv(argv[0], argv.data());
    ::_exit(126);
  }
  int status = 0;
  if (conditions.interrupt_when) {
    bool sent = false;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (!sent && conditions.interrupt_when()) sent = ::kill(child, SIGINT) == 0;
      const timespec pause = {0, 1'000'000};  // leaves the processor to the program
      ::nanosleep(&pause, nullptr);
    }
  } else {
    ::waitpid(child, &status, 0);
  }
  Result result;
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = ReadAll(out);
  result.err = ReadAll(err);
  return result;
}

// The one JSON object on standard output.
inline Json JsonOf(const Result& result) {
  StatusOr<Json> json = ParseJson(result.out, "standard output");
  EXPECT_TRUE(json.ok()) << Message(json.status()) << "\n" << result.out << result.err;
  return json.ok() ? *json : Json::object();
}

// The exit code, and a message that says all of `parts`.
inline void ExpectError(const Result& result, int exit, const std::vector<std::string>& parts) {
  EXPECT_EQ(result.exit, exit) << result.err;
  EXPECT_EQ(result.out, "") << "a message belongs on standard error";
  EXPECT_NE(result.err.find("error: "), std::string::npos) << result.err;
  for (const std::string& part : parts) {
    EXPECT_NE(result.err.find(part), std::string::npos)
        << "\"" << part << "\" is not in: " << result.err;
  }
}

// The breast-cancer example: small, and its files are part of the project.
inline const std::string kModel = SourcePath("examples/breast-cancer/wdbc_mlp.onnx");
inline const std::string kData = SourcePath("examples/breast-cancer/wdbc.npz");
inline const std::vector<std::string> kTestRows = {"--data",       kData,      "--input",
                                                   "input=test_x", "--labels", "test_y"};

inline std::vector<std::string> With(std::vector<std::string> arguments,
                                     const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace assize::cli
