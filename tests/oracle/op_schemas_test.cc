// schemas/ops.inc is what scripts/make_op_schemas.py makes from the pinned onnx package.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace assize {
namespace {

TEST(OpSchemas, AreFresh) {
  const std::string root = ASSIZE_SOURCE_DIR;
  const std::string python = root + "/.deps/oracles/bin/python";
  if (!std::filesystem::exists(python)) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << "no oracles: run scripts/setup test";
    GTEST_SKIP() << "no oracles: run scripts/setup test";
  }
  const std::string command = python + " " + root + "/scripts/make_op_schemas.py --check";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace assize
