// The com.microsoft cases, or the reason why they are not there (a failure with CI=true).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/files.h"
#include "tests/conformance/cases.h"

namespace assize::conformance {

class ContribCases : public testing::Test {
 protected:
  void SetUp() override {
    const std::string root = ASSIZE_SOURCE_DIR "/.deps/contrib-cases";
    if (!FolderExists(root)) {
      const char* ci = std::getenv("CI");
      if (ci != nullptr && std::string_view(ci) == "true")
        FAIL() << root << " is missing; scripts/setup test makes it";
      GTEST_SKIP() << root << " is missing; scripts/setup test makes it";
    }
    auto listed = ListCases(root);
    ASSERT_TRUE(listed.ok()) << listed.status();
    cases_ = *std::move(listed);
  }
  const std::vector<Case>& cases() const { return cases_; }

 private:
  std::vector<Case> cases_;
};

}  // namespace assize::conformance
