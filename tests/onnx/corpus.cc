// Finding the model files that tests run over.
#include "tests/onnx/corpus.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace assize::onnx {
namespace fs = std::filesystem;

std::vector<std::string> ModelsBelow(const std::string& folder) {
  std::vector<std::string> models;
  if (folder.empty() || !fs::is_directory(folder)) return models;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".onnx" && entry.is_regular_file())
      models.push_back(entry.path().string());
  }
  std::sort(models.begin(), models.end());
  return models;
}

std::string SharedFolder() {
  const char* given = std::getenv("ASSIZE_SHARED");
  return given != nullptr ? given : std::string(ASSIZE_SOURCE_DIR) + "/../shared";
}

std::string DebianTestData() {
  for (const char* folder : {"/usr/share/libonnx-testdata/data", "/usr/share/libonnx-testdata"}) {
    if (fs::is_directory(folder)) return folder;
  }
  return "";
}

std::string OraclePython() {
  const std::string python = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
  return fs::exists(python) ? python : "";
}

std::string NodeCases() {
  static const std::string folder = [] {
    const std::string path = std::string(ASSIZE_SOURCE_DIR) + "/.deps/node-cases";
    if (!OraclePython().empty()) {
      const std::string command =
          OraclePython() + " " + ASSIZE_SOURCE_DIR + "/scripts/make_node_cases.py >/dev/null";
      if (std::system(command.c_str()) != 0) return std::string();
    }
    return fs::is_directory(path) ? path : std::string();
  }();
  return folder;
}

std::string ModelCases() {
  return NodeCases().empty() ? "" : std::string(ASSIZE_SOURCE_DIR) + "/.deps/model-cases";
}

bool InCi() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "assize-onnx-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() { fs::remove_all(path_); }

std::string TemporaryFolder::Write(const std::string& name, const std::string& bytes) const {
  const fs::path path = fs::path(path_) / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  return path.string();
}

}  // namespace assize::onnx
