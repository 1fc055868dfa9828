// What the tests against ONNX Runtime share: the shared models and the oracles' Python, or the
// reason why they are not there (a failure with CI=true), and the files that a script leaves.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/tensor.h"

namespace assize::engine {

inline std::string Shared() {
  const char* given = std::getenv("ASSIZE_SHARED");
  return given != nullptr ? given : std::string(ASSIZE_SOURCE_DIR) + "/../shared";
}

inline bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

inline std::vector<std::byte> ReadBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) __builtin_memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}
inline std::vector<float> ReadFloats(const std::string& path) {
  const auto bytes = ReadBytes(path);
  std::vector<float> values(bytes.size() / 4);
  if (!values.empty()) __builtin_memcpy(values.data(), bytes.data(), values.size() * 4);
  return values;
}
inline ir::Shape ReadDims(const std::string& line) {
  std::istringstream in(line);
  ir::Shape shape;
  for (int64_t dim; in >> dim;) shape.push_back(dim);
  return shape;
}

// `Case` has `set` (a folder of ../shared/data, or a name) and `rows`, and is printed as its name.
template <typename Case>
class OrtOracle : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const char* ci = std::getenv("CI");
    const bool must = ci != nullptr && std::string_view(ci) == "true";
    for (const std::string& need : {Python(), Shared() + "/data/README.md"}) {
      if (Exists(need)) continue;
      if (must) FAIL() << need << " is not there";
      GTEST_SKIP() << need << " is not there (scripts/setup test makes the oracles)";
    }
    if (this->GetParam().set == "fashion" && !Exists("/usr/share/dataset-fashion-mnist") &&
        !Exists("/usr/share/datasets/fashion-mnist")) {
      GTEST_SKIP() << "Debian's dataset-fashion-mnist is not installed";
    }
  }

  // The folder where `script ../shared <arguments> FOLDER <options>` of tests/engine left its
  // files. What ONNX Runtime says does not change between runs of the tests: it is asked once.
  std::string Asked(const std::string& script, const std::string& prefix,
                    const std::string& arguments, const std::string& options = "") {
    const Case& c = this->GetParam();
    std::ostringstream name;
    name << ASSIZE_BINARY_DIR << "/engine-oracle/" << prefix << c;
    const std::string folder = name.str();
    EXPECT_EQ(std::system(("mkdir -p '" + folder + "'").c_str()), 0);
    const std::string stamp = folder + "/rows-" + std::to_string(c.rows);
    if (Exists(stamp)) return folder;
    const std::string command = "env -u LD_PRELOAD '" + Python() + "' '" + ASSIZE_SOURCE_DIR +
                                "/tests/engine/" + script + "' '" + Shared() + "' " + arguments +
                                " '" + folder + "'" + options + " >'" + folder + "/log' 2>&1";
    const int status = std::system(command.c_str());
    EXPECT_EQ(status, 0) << command;
    if (status == 0) std::ofstream(stamp).put('\n');
    return folder;
  }

 private:
  static std::string Python() {
    return std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
  }
};

}  // namespace assize::engine
