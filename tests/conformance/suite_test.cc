// The reference evaluator and the fast engine against ONNX's own test cases: those that the onnx
// wheel generates or ships, and Debian's libonnx-testdata.
//
// Every case must pass but those listed, each with its reason, in expected_failures.txt (neither
// passes) and expected_failures_engine.txt (the reference passes, the engine does not); a listed
// case that passes, or is not there any more, fails the test too. docs/conformance.md must state
// the counts measured here. With ASSIZE_CONFORMANCE_OUT set to a folder, the outcomes go there as
// JSON instead: scripts/make-conformance makes the page of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <ostream>
#include <set>

#include "lib/support/files.h"
#include "lib/support/json.h"
#include "tests/conformance/cases.h"

namespace assize::conformance {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // ten to twenty times as slow
#else
constexpr bool kSanitized = false;
#endif

const std::string kSource = ASSIZE_SOURCE_DIR;

// "<set> <case> <reason ...>" a line, # comments.
std::map<std::string, std::set<std::string>> Listed(const std::string& file) {
  std::map<std::string, std::set<std::string>> out;
  const auto text = ReadFile(kSource + "/tests/conformance/" + file);
  EXPECT_TRUE(text.ok()) << text.status();
  if (!text.ok()) return out;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string set, name, reason;
    words >> set >> name >> reason;
    EXPECT_FALSE(reason.empty()) << "no reason given: " << line;
    EXPECT_TRUE(out[set].insert(name).second) << "listed twice: " << line;
  }
  return out;
}

struct CaseSet {
  const char* name;
  std::string root;
  size_t floor;  // cases that must be there
  size_t every;  // under a sanitizer, one of so many cases runs; 0: all, in the engine alone
};

void PrintTo(const CaseSet& set, std::ostream* out) { *out << set.name; }

struct OpCounts {
  int cases = 0, reference = 0, engine = 0;
};

// A case against the lists; true when it passed.
bool Judge(const CaseSet& set, const Case& test_case, const Outcome& outcome, const char* who,
           std::set<std::string>& listed) {
  if (listed.erase(test_case.name) > 0) {
    EXPECT_FALSE(outcome.status.ok()) << set.name << " " << test_case.name << " passes in the "
                                      << who << ": take it off the list";
  } else {
    EXPECT_TRUE(outcome.status.ok())
        << set.name << " " << test_case.name << " in the " << who << ": " << outcome.status;
  }
  return outcome.status.ok();
}

Json AsJson(const Outcome& outcome) {
  Json json = Json::object();
  json["passed"] = outcome.status.ok();
  json["found"] = outcome.status.ok() ? "" : Message(outcome.status);
  json["fallbacks"] = Json::object();
  for (const auto& [op, count] : outcome.fallbacks) json["fallbacks"][op] = count;
  return json;
}

// The page states these counts: one row a set, and of the generated cases one row an op.
void ExpectOnThePage(const CaseSet& set, const OpCounts& total,
                     const std::map<std::string, OpCounts>& by_op) {
  const auto page = ReadFile(kSource + "/docs/conformance.md");
  ASSERT_TRUE(page.ok()) << page.status();
  const auto expect = [&](size_t from, const std::string& name, const OpCounts& counts) {
    const std::string row =
        fmt::format("| {} | {} | {} | {} |", name, counts.cases, counts.reference, counts.engine);
    EXPECT_NE(page->find("\n" + row, from), std::string::npos)
        << "docs/conformance.md has no row \"" << row << "\": run scripts/make-conformance";
  };
  expect(0, set.name, total);
  if (std::string_view(set.name) != "node" && std::string_view(set.name) != "contrib") return;
  const size_t section = page->find(fmt::format("## By op, set `{}`", set.name));
  ASSERT_NE(section, std::string::npos);
  for (const auto& [op, counts] : by_op) expect(section, op, counts);
}

class Conformance : public testing::TestWithParam<CaseSet> {};

TEST_P(Conformance, EveryCasePassesThatIsNotListed) {
  const CaseSet& set = GetParam();
  if (!FolderExists(set.root)) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true")
      FAIL() << set.root << " is missing; scripts/setup test makes it";
    GTEST_SKIP() << set.root << " is missing; scripts/setup test makes it";
  }
  // Whole networks in double take minutes under a sanitizer.
  const bool engine_alone = kSanitized && set.every == 0;
  const size_t every = kSanitized && !engine_alone ? set.every : 1;
  const auto cases = ListCases(set.root);
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_GE(cases->size(), set.floor);
  const std::set<std::string> neither = Listed("expected_failures.txt")[set.name];
  std::set<std::string> in_reference = neither;
  std::set<std::string> in_engine = Listed("expected_failures_engine.txt")[set.name];
  for (const std::string& name : neither) {
    EXPECT_TRUE(in_engine.insert(name).second) << set.name << " " << name << " is on both lists";
  }
  OpCounts total;
  std::map<std::string, OpCounts> by_op;
  Json report = Json::array();
  for (size_t i = 0; i < cases->size(); i += every) {
    const Case& test_case = (*cases)[i];
    const Outcome engine = RunCase(test_case, Runner::kEngine);
    if (engine_alone) {
      Judge(set, test_case, engine, "engine", in_engine);
      continue;
    }
    const Outcome reference = RunCase(test_case, Runner::kReference);
    const OpCounts one{1, Judge(set, test_case, reference, "reference", in_reference),
                       Judge(set, test_case, engine, "engine", in_engine)};
    const auto add = [&](OpCounts& counts) {
      counts.cases += one.cases;
      counts.reference += one.reference;
      counts.engine += one.engine;
    };
    add(total);
    for (const auto& [op, nodes] : reference.ops) add(by_op[op]);
    Json row = Json::object();
    row["case"] = test_case.name;
    row["model"] = test_case.model;
    row["rtol"] = test_case.rtol;
    row["atol"] = test_case.atol;
    row["ops"] = Json::object();
    for (const auto& [op, nodes] : reference.ops) row["ops"][op] = nodes;
    row["reference"] = AsJson(reference);
    row["engine"] = AsJson(engine);
    report.push_back(std::move(row));
  }
  if (every == 1) {
    in_engine.insert(in_reference.begin(), in_reference.end());
    for (const std::string& name : in_engine)
      ADD_FAILURE() << set.name << " " << name << " is listed and does not exist";
  }
  if (engine_alone) return;
  fmt::print("{}: of {} cases the reference passes {}, the engine {}\n", set.name, total.cases,
             total.reference, total.engine);
  if (const char* folder = std::getenv("ASSIZE_CONFORMANCE_OUT")) {
    std::ofstream(fmt::format("{}/{}.json", folder, set.name)) << DumpPrettyJson(report);
  } else if (every == 1) {
    ExpectOnThePage(set, total, by_op);
  }
}

const std::string kDebian = "/usr/share/libonnx-testdata/data/";
const std::string kDeps = ASSIZE_SOURCE_DIR "/.deps/";

INSTANTIATE_TEST_SUITE_P(
    Sets, Conformance,
    testing::Values(CaseSet{"node", kDeps + "node-cases", 1884, 1},
                    CaseSet{"simple", kDeps + "model-cases/simple", 26, 1},
                    CaseSet{"pytorch-converted", kDeps + "model-cases/pytorch-converted", 82, 1},
                    CaseSet{"pytorch-operator", kDeps + "model-cases/pytorch-operator", 35, 1},
                    CaseSet{"contrib", kDeps + "contrib-cases", 200, 1},
                    CaseSet{"light", kDeps + "model-cases/light", 9, 0},
                    CaseSet{"debian-node", kDebian + "node", 932, 5},
                    CaseSet{"debian-simple", kDebian + "simple", 23, 5},
                    CaseSet{"debian-pytorch-converted", kDebian + "pytorch-converted", 82, 5},
                    CaseSet{"debian-pytorch-operator", kDebian + "pytorch-operator", 35, 5}),
    [](const testing::TestParamInfo<CaseSet>& param) {
      std::string name = param.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace assize::conformance
