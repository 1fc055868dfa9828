// The reference evaluator against ONNX's own test cases: Debian's libonnx-testdata, and those the
// onnx wheel generates.
//
// Every case must pass but those listed in expected_failures.txt, each with its reason; a listed
// case that passes, or is not there any more, fails the test too. Prints passed and total for each
// op.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <ostream>
#include <set>

#include "lib/support/files.h"
#include "tests/conformance/cases.h"

namespace assize::conformance {
namespace {

// "<set> <case> <reason ...>" a line, # comments.
std::map<std::string, std::set<std::string>> ExpectedFailures() {
  std::map<std::string, std::set<std::string>> out;
  const auto text = ReadFile(ASSIZE_SOURCE_DIR "/tests/conformance/expected_failures.txt");
  EXPECT_TRUE(text.ok()) << text.status();
  if (!text.ok()) return out;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string set, name, reason;
    words >> set >> name >> reason;
    EXPECT_FALSE(reason.empty()) << "no reason given: " << line;
    out[set].insert(name);
  }
  return out;
}

struct CaseSet {
  const char* name;
  std::string root;
  size_t floor;  // cases that must be there
};

void PrintTo(const CaseSet& set, std::ostream* out) { *out << set.name; }

class ReferenceConformance : public testing::TestWithParam<CaseSet> {};

TEST_P(ReferenceConformance, EveryCasePassesThatIsNotListed) {
  const CaseSet& set = GetParam();
  if (!FolderExists(set.root)) {
    if (std::getenv("CI") != nullptr)
      FAIL() << set.root << " is missing; scripts/setup test makes it";
    GTEST_SKIP() << set.root << " is missing; scripts/setup test makes it";
  }
  const auto cases = ListCases(set.root);
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_GE(cases->size(), set.floor);
  std::set<std::string> expected = ExpectedFailures()[set.name];
  std::map<std::string, std::pair<int, int>> by_op;
  size_t passed = 0;
  for (const Case& test_case : *cases) {
    const Outcome outcome = RunCase(test_case);
    passed += outcome.status.ok() ? 1 : 0;
    for (const std::string& op : outcome.ops) {
      by_op[op].first += outcome.status.ok() ? 1 : 0;
      ++by_op[op].second;
    }
    if (expected.erase(test_case.name) > 0) {
      EXPECT_FALSE(outcome.status.ok())
          << set.name << " " << test_case.name << " passes: take it off expected_failures.txt";
    } else {
      EXPECT_TRUE(outcome.status.ok())
          << set.name << " " << test_case.name << ": " << outcome.status;
    }
  }
  for (const std::string& name : expected) {
    ADD_FAILURE() << set.name << " " << name
                  << " is listed in expected_failures.txt and does not exist";
  }
  std::string table;
  for (const auto& [op, counts] : by_op) {
    fmt::format_to(std::back_inserter(table), "  {:<28}{:>5}/{}\n", op, counts.first,
                   counts.second);
  }
  fmt::print("{}: {} of {} cases pass\n{}", set.name, passed, cases->size(), table);
}

const std::string kDebian = "/usr/share/libonnx-testdata/data/";
const std::string kDeps = ASSIZE_SOURCE_DIR "/.deps/";

INSTANTIATE_TEST_SUITE_P(
    Sets, ReferenceConformance,
    testing::Values(CaseSet{"debian-node", kDebian + "node", 932},
                    CaseSet{"debian-simple", kDebian + "simple", 23},
                    CaseSet{"debian-pytorch-converted", kDebian + "pytorch-converted", 82},
                    CaseSet{"debian-pytorch-operator", kDebian + "pytorch-operator", 35},
                    CaseSet{"node", kDeps + "node-cases", 1884},
                    CaseSet{"simple", kDeps + "model-cases/simple", 26},
                    CaseSet{"pytorch-converted", kDeps + "model-cases/pytorch-converted", 82},
                    CaseSet{"pytorch-operator", kDeps + "model-cases/pytorch-operator", 35}),
    [](const testing::TestParamInfo<CaseSet>& param) {
      std::string name = param.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace assize::conformance
