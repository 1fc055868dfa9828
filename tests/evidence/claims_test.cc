// Statements are read back as they were meant, and nothing else is.
#include "lib/evidence/claims.h"

#include "tests/evidence/facts_maker.h"

namespace assize::testing {
namespace {

using evidence::BuildFacts;
using evidence::ReleaseFacts;

// Written out and parsed, as after a signature.
trust::Statement Travelled(const trust::Statement& statement) {
  return Must(
      trust::ParseStatement(Must(ParseJson(DumpJson(statement.ToJson()), "s")), "statement"));
}

TEST(Claims, SurviveTheJourney) {
  const BuildFacts build = SomeBuild();
  const ReleaseFacts release = SomeRelease();
  const auto criteria = Must(evidence::ReadCriteria(
      Travelled(evidence::CriteriaStatement(build.plan, 1'795'000'000)), "c"));
  EXPECT_EQ(criteria.name, "chest-xray");
  EXPECT_EQ(criteria.criteria.size(), 2u);
  EXPECT_EQ(criteria.source.sha256, build.plan.source.file.sha256);
  EXPECT_EQ(criteria.evaluation_set, build.plan.evaluation.digest);
  EXPECT_EQ(criteria.signed_at, 1'795'000'000);
  const auto provenance =
      Must(evidence::ReadProvenance(Travelled(evidence::ProvenanceStatement(build, release)), "p"));
  EXPECT_EQ(provenance.criteria_sha256, release.criteria_bundle_sha256);
  EXPECT_EQ(provenance.chain_input, HexOf("structure before"));
  EXPECT_EQ(provenance.chain_output, HexOf("structure after"));
  EXPECT_EQ(provenance.invocation, release.invocation);
  const auto evaluation =
      Must(evidence::ReadEvaluation(Travelled(evidence::EvaluationStatement(build, release)), "e"));
  EXPECT_EQ(evaluation.report.n, 400);
  EXPECT_EQ(DumpJson(evaluation.report.ToJson()), DumpJson(build.report.ToJson()));
  EXPECT_EQ(evaluation.journal_sequence, 2);
}

// Every member that is removed, renamed or given another type is refused: nothing a gate decides on
// can be left out or hidden under a second name.
template <typename Read>
void ExpectStrict(const trust::Statement& good, const std::vector<std::string>& objects,
                  Read read) {
  for (const std::string& pointer : objects) {
    const Json::json_pointer at(pointer);
    for (const auto& [member, value] : good.predicate[at].items()) {
      trust::Statement changed = good;
      changed.predicate[at].erase(member);
      EXPECT_FALSE(read(changed).ok()) << pointer << "/" << member << " removed";
      changed = good;
      changed.predicate[at][member] = value.is_boolean() ? Json("text") : Json(true);
      EXPECT_FALSE(read(changed).ok()) << pointer << "/" << member << " of another type";
    }
    trust::Statement changed = good;
    changed.predicate[at]["note"] = "x";
    EXPECT_FALSE(read(changed).ok()) << pointer << " with a member more";
  }
}

TEST(Claims, AreReadStrictly) {
  const BuildFacts build = SomeBuild();
  const ReleaseFacts release = SomeRelease();
  ExpectStrict(evidence::CriteriaStatement(build.plan, 0),
               {"", "/release", "/sourceModel", "/change"},
               [](const trust::Statement& s) { return evidence::ReadCriteria(s, "c").status(); });
  ExpectStrict(evidence::EvaluationStatement(build, release),
               {"", "/release", "/journal", "/evaluationSet", "/criteria", "/splits/0"},
               [](const trust::Statement& s) { return evidence::ReadEvaluation(s, "e").status(); });
  ExpectStrict(evidence::ProvenanceStatement(build, release),
               {"", "/buildDefinition", "/buildDefinition/externalParameters",
                "/buildDefinition/externalParameters/release",
                "/buildDefinition/internalParameters", "/runDetails", "/runDetails/metadata"},
               [](const trust::Statement& s) { return evidence::ReadProvenance(s, "p").status(); });
  evidence::VerdictFacts verdict;
  verdict.name = "a";
  verdict.version = "1.0.0";
  verdict.policy_sha256 = verdict.journal_entry_sha256 = HexOf("x");
  verdict.outcome = "FAILED";
  verdict.files = {{"evidence/report.html", HexOf("r"), 0}};
  ExpectStrict(
      evidence::VerdictStatement({}, verdict),
      {"", "/policy", std::string("/") + "https:~1~1assize.dev~1verdict~1v1",
       "/https:~1~1assize.dev~1verdict~1v1/journal", "/https:~1~1assize.dev~1verdict~1v1/files/0"},
      [](const trust::Statement& s) { return evidence::ReadVerdict(s, "v").status(); });
  evidence::JournalFacts entry{1, std::string(64, '0'), "criteria",   "a", "1.0.0",
                               0, HexOf("x"),           HexOf("set"), ""};
  ExpectStrict(evidence::JournalStatement(entry), {"", "/release"}, [](const trust::Statement& s) {
    return evidence::ReadJournalEntry(s, "j").status();
  });
}

TEST(Claims, RefuseABrokenChainOfPasses) {
  BuildFacts build = SomeBuild();
  build.records[1].input = Sha256("something else");
  const auto claim =
      evidence::ReadProvenance(evidence::ProvenanceStatement(build, SomeRelease()), "provenance");
  ASSERT_FALSE(claim.ok());
  EXPECT_NE(Message(claim.status()).find("/passes/1"), std::string::npos);
}

TEST(Claims, RefuseAVerdictThatLeavesABundleOutOfItsInputs) {
  evidence::VerdictFacts verdict;
  verdict.name = "a";
  verdict.version = "1.0.0";
  verdict.policy_sha256 = HexOf("policy");
  verdict.outcome = "PASSED";
  verdict.passed = true;
  verdict.journal_entry_sha256 = HexOf("line");
  verdict.files = {{"evidence/evaluation.sigstore.json", HexOf("e"), 0},
                   {"evidence/report.html", HexOf("r"), 0}};
  trust::Statement statement =
      evidence::VerdictStatement({trust::MakeSubject("model-listing", HexOf("l"))}, verdict);
  EXPECT_TRUE(evidence::ReadVerdict(statement, "v").ok());
  statement.predicate["inputAttestations"].erase(0);
  EXPECT_FALSE(evidence::ReadVerdict(statement, "v").ok());
}

TEST(Claims, AFailedVerdictVerifiesNoLevel) {
  evidence::VerdictFacts verdict;
  verdict.outcome = "FAILED";
  verdict.levels = {evidence::kLevelSeparated};
  const trust::Statement statement =
      evidence::VerdictStatement({trust::MakeSubject("model-listing", HexOf("l"))}, verdict);
  EXPECT_EQ(statement.predicate["verifiedLevels"], Json::array({"FAILED"}));
}

}  // namespace
}  // namespace assize::testing
