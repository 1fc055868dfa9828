// Two builds of one recipe, compared: what may differ is masked, and nothing else.
#include "lib/release/compare.h"

#include "tests/release/release_maker.h"

namespace assize::testing {
namespace {

class Comparisons : public ::testing::Test {
 protected:
  release::Release Make(const std::string& store, const Recipe& recipe,
                        const release::RoleKeys& keys, int64_t later = 0) {
    TestClock clock;
    clock.now += later;
    return Must(release::ReadRelease(
        Must(TryRelease(folder_.path() + "/" + store, recipe, keys, clock)).path));
  }
  static std::string Text(const std::vector<release::Difference>& differences) {
    std::string text;
    for (const release::Difference& d : differences) {
      text += d.file + " " + d.place + ": " + d.left + " | " + d.right + "\n";
    }
    return text;
  }
  TempFolder folder_;
};

TEST_F(Comparisons, MaskTimesKeysSignaturesAndSequence) {
  const Recipe recipe;
  const release::Release first = Make("a", recipe, TestKeys().Roles());
  Recipe before = recipe;
  before.version = "0.9.0";
  Make("b", before, TestKeys().Roles());
  // Four other people, a day later, in a store that has built before.
  const Keys& keys = TestKeys();
  const release::Release second =
      Make("b", recipe, {&keys.approver, &keys.risk_owner, &keys.gate, &keys.attacker}, 86'400);
  const auto differences = Must(release::CompareReleases(first, second));
  EXPECT_TRUE(differences.empty()) << Text(differences);
}

TEST_F(Comparisons, FindNothingBetweenTwoRunsOfOneRecipe) {
  const Recipe recipe;
  const auto differences = Must(release::CompareReleases(
      Make("a", recipe, TestKeys().Roles()), Make("b", recipe, TestKeys().Roles(), 86'400)));
  EXPECT_TRUE(differences.empty()) << Text(differences);
}

TEST_F(Comparisons, FindWhatASecondBuildMustReproduce) {
  const Recipe recipe;
  const release::Release first = Make("a", recipe, TestKeys().Roles());
  const struct {
    const char* file;
    std::function<void(Recipe&)> change;
  } cases[] = {
      {"model/model.onnx", [](Recipe& r) { r.files["model.onnx"] = "other bytes"; }},
      {evidence::kEvaluationFile, [](Recipe& r) { r.wrong = r.source_wrong = 5; }},
      {evidence::kProvenanceFile, [](Recipe& r) { r.source = "another source"; }},
      {evidence::kCriteriaFile, [](Recipe& r) { r.threshold = 0.94; }},
      {evidence::kCriteriaFile, [](Recipe& r) { r.evaluation_set = "another set"; }},
  };
  int number = 0;
  for (const auto& [file, change] : cases) {
    Recipe changed = recipe;
    change(changed);
    const auto differences = Must(release::CompareReleases(
        first, Make("c" + std::to_string(++number), changed, TestKeys().Roles())));
    bool found = false;
    for (const release::Difference& difference : differences) found |= difference.file == file;
    EXPECT_TRUE(found) << file << "\n" << Text(differences);
  }
}

TEST_F(Comparisons, ADigestOfTheWrongThingIsADifference) {
  const Recipe recipe;
  const release::Release first = Make("a", recipe, TestKeys().Roles());
  release::Release second = first;
  const std::string file = folder_.path() + "/evaluation";
  WriteText(file, first.files.at(evidence::kEvaluationFile));
  Resign(
      file,
      [&](Json& statement) {
        statement["predicate"]["criteria"]["sha256"] = first.digests.at(evidence::kMlBomFile);
      },
      TestKeys().evaluator);
  second.files[evidence::kEvaluationFile] = ReadText(file);
  const auto differences = Must(release::CompareReleases(first, second));
  ASSERT_EQ(differences.size(), 1u) << Text(differences);
  EXPECT_EQ(differences[0].place, "/predicate/criteria/sha256");
}

}  // namespace
}  // namespace assize::testing
