// `build` at every station where it can end: bad input spends nothing, a failing pass is ABORTED
// and nothing else, criteria that fail are a FAILED release, and what passes is signed in the right
// order.
#include "lib/flow/build.h"

#include "lib/support/parallel.h"
#include "lib/trust/base64.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

// The journal's statements, read as any JSON tool would.
std::vector<Json> Journal(const Workshop& shop) {
  std::vector<Json> statements;
  const std::string text = Must(ReadFile(shop.store() + "/journal.jsonl"));
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const Json bundle = Must(ParseJson(text.substr(at, end - at), "line"));
    const std::string payload =
        Must(trust::Base64Decode(bundle.at("dsseEnvelope").at("payload").get<std::string>()));
    statements.push_back(Must(ParseJson(payload, "payload")));
    at = end + 1;
  }
  return statements;
}

std::vector<std::string> Events(const Workshop& shop) {
  std::vector<std::string> events;
  for (const Json& statement : Journal(shop)) {
    const Json& predicate = statement.at("predicate");
    events.push_back(predicate.at("event").get<std::string>() + " " +
                     predicate.at("release").at("version").get<std::string>());
  }
  return events;
}

// Nothing of a release, finished or not.
void ExpectOnlyTheJournal(const Workshop& shop) {
  for (const std::string& name : Listing(shop.store())) {
    EXPECT_TRUE(name == "journal.jsonl" || name.starts_with(".lock") || name == ".keys" ||
                name.starts_with(".keys/"))
        << name;
  }
}

TEST(Build, CriteriaAreSealedBeforeTheOutcome) {
  Workshop shop;
  const BuildResult built = Must(shop.Build(shop.recipe()));
  EXPECT_EQ(built.verdict, "PASSED");
  EXPECT_THAT(Events(shop), ElementsAre("started 1.0.0", "criteria 1.0.0", "PASSED 1.0.0"));
  // The line seals the very bytes that lie in the release.
  const std::string sealed =
      Hex(Must(Sha256OfFile(built.release + "/evidence/criteria.sigstore.json")));
  EXPECT_THAT(DumpJson(Journal(shop)[1]), HasSubstr(sealed));
  EXPECT_EQ(built.sentence,
            "PASSED (criteria met). SELF-ATTESTED: every role signed with demo keys of one person; "
            "no approvals, no "
            "trusted time.");
  EXPECT_TRUE(built.ToText().ends_with(built.sentence + "\n"));
  EXPECT_TRUE(FileExists(built.report_page));
  EXPECT_EQ(built.ToJson().at("release"), built.release);
}

TEST(Build, TheReleasedModelIsTheOneThatWasMeasured) {
  Workshop shop;
  const BuildResult built = Must(shop.Build(shop.recipe()));
  EXPECT_EQ(built.comparison.after.file.sha256,
            Hex(Must(Sha256OfFile(built.release + "/model/model.onnx"))));
  // The chain of records leads from the source to it.
  ASSERT_FALSE(built.records.empty());
  EXPECT_EQ(Hex(built.records.front().input), built.comparison.before.structural_digest);
  EXPECT_EQ(Hex(built.records.back().output), built.comparison.after.structural_digest);
  for (size_t i = 1; i < built.records.size(); ++i)
    EXPECT_EQ(built.records[i].input, built.records[i - 1].output);
}

TEST(Build, BytesDoNotDependOnThreadsFolderOrKey) {
  std::vector<std::string> models;
  const int before = ThreadCount();
  for (const int threads : {1, 2}) {
    SetThreadCount(threads);
    Workshop shop(true);  // another folder and another demo key
    models.push_back(Must(ReadFile(Must(shop.Build(shop.recipe())).release + "/model/model.onnx")));
  }
  SetThreadCount(before);
  EXPECT_EQ(models[0], models[1]);
}

TEST(Build, FailedCriteriaAreARejectedRelease) {
  Workshop shop;
  const BuildResult built =
      Must(shop.Build(Replaced(shop.recipe(), "at_least: 0.90", "at_least: 0.999")));
  EXPECT_EQ(built.verdict, "FAILED");
  EXPECT_THAT(Events(shop), ElementsAre("started 1.0.0", "criteria 1.0.0", "FAILED 1.0.0"));
  EXPECT_TRUE(FileExists(built.release + "/rejected/model.onnx"));
  EXPECT_FALSE(FolderExists(built.release + "/model"));
  EXPECT_FALSE(FileExists(built.release + "/model.sig"));
}

TEST(Build, TooFewRowsAreUndecidedAndSayHowManyWouldDo) {
  Workshop shop;
  const BuildResult built =
      Must(shop.Build(Replaced(shop.recipe(), "{ metric: top1, at_least: 0.90 }",
                               "{ metric: top1, max_drop: 0.01, against: source }")));
  EXPECT_EQ(built.verdict, "UNDECIDED");
  ASSERT_TRUE(built.comparison.report);
  const eval::Verdict& verdict = built.comparison.report->criteria.at(0).verdict;
  EXPECT_EQ(verdict.outcome, eval::Outcome::kUndecided);
  EXPECT_THAT(verdict.text, HasSubstr("samples"));
  EXPECT_THAT(built.ToText(), HasSubstr(verdict.text));
  EXPECT_THAT(Events(shop), ::testing::Contains("FAILED 1.0.0"));
}

TEST(Build, BadInputSpendsNoVersion) {
  Workshop shop;
  const struct {
    const char* what;
    std::string from, to;
    ExitCode exit;
  } mistakes[] = {
      {"array", "input: test_x", "input: tset_x", ExitCode::kBadInput},
      {"labels of another length", "labels: test_y", "labels: train_y", ExitCode::kBadInput},
      {"model digest", "76e0f0", "000000", ExitCode::kNotTrusted},
      {"pass", "quantize-static", "quantise-static", ExitCode::kBadInput},
      {"catalog", "iso27001-2022", "iso27001-2023", ExitCode::kBadInput},
      {"no calibration rows", "calibration: { from: train }, ", "", ExitCode::kBadInput},
      {"key file", "keys: demo", "keys: keys/none.pem", ExitCode::kBadInput},
      {"public key as private", "keys: demo", "keys: keys/demo.pub.pem", ExitCode::kBadInput},
  };
  for (const auto& mistake : mistakes) {
    const auto built = shop.Build(Replaced(shop.recipe(), mistake.from, mistake.to));
    EXPECT_EQ(ExitCodeOf(built.status()), mistake.exit)
        << mistake.what << ": " << Message(built.status());
    EXPECT_FALSE(FolderExists(shop.store())) << mistake.what;
  }
  // The version is still free.
  EXPECT_TRUE(shop.Build(shop.recipe()).ok());
}

TEST(Build, AModelThatNothingHereRunsCannotBeJudged) {
  Workshop shop;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("input", {"N", "30"}).Node("Frobnicate", {"input"}, {"logits"}).Output("logits");
  fs::remove(shop.example("wdbc_mlp.onnx"));
  const evidence::ModelFacts facts = Must(WriteModel(model, shop.example("wdbc_mlp.onnx")));
  const auto built = shop.Build(
      Replaced(shop.recipe(), "76e0f0baf733932b053936f0a81a72ae20de80a1bd16417faa64c32a37462d97",
               facts.file.sha256));
  EXPECT_TRUE(absl::IsUnimplemented(built.status())) << Message(built.status());
  EXPECT_THAT(Message(built.status()),
              ::testing::AllOf(HasSubstr("recipe.yaml:4:"), HasSubstr("ai.onnx.Frobnicate(13)")));
  EXPECT_FALSE(FolderExists(shop.store()));
}

TEST(Build, AFailingPassIsAbortedAndNothingElse) {
  Workshop shop;
  const auto built = shop.Build(Replaced(shop.recipe(), "fuse,", "sabotage-fail-midway,"));
  EXPECT_THAT(Message(built.status()), HasSubstr("sabotage-fail-midway"));
  EXPECT_THAT(Events(shop), ElementsAre("started 1.0.0", "criteria 1.0.0", "ABORTED 1.0.0"));
  ExpectOnlyTheJournal(shop);
  // The reason is a kind: a message may quote what is not the journal's to keep.
  EXPECT_THAT(DumpJson(Journal(shop)[2]), ::testing::AllOf(HasSubstr("INVALID_ARGUMENT"),
                                                           ::testing::Not(HasSubstr("sabotage"))));
  // The version is spent all the same.
  const auto again = shop.Build(shop.recipe());
  EXPECT_TRUE(absl::IsAlreadyExists(again.status())) << Message(again.status());
  EXPECT_THAT(Message(again.status()), HasSubstr("ABORTED"));
  EXPECT_EQ(Must(shop.Build(shop.recipe(), "1.0.1")).verdict, "PASSED");
}

TEST(Build, ALyingPassIsCaughtBeforeAnythingIsSigned) {
  Workshop shop;
  const auto built =
      shop.Build(Replaced(shop.recipe(), "fuse,", "{ sabotage-wrong-math: { amount: 0.5 } },"));
  EXPECT_EQ(ExitCodeOf(built.status()), ExitCode::kOurBug) << Message(built.status());
  EXPECT_THAT(Message(built.status()), HasSubstr("reproducer: " + (shop / "tmp/")));
  ExpectOnlyTheJournal(shop);
}

TEST(Build, PassesThatWriteRowsOfTheirOwnAreRefused) {
  Workshop shop;
  const auto built = shop.Build(Replaced(shop.recipe(), "fuse, quantize-static", "distill-export"));
  EXPECT_EQ(ExitCodeOf(built.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(built.status()), HasSubstr("assize opt"));
  ExpectOnlyTheJournal(shop);
}

TEST(Build, AVersionIsNeverOverwritten) {
  Workshop shop;
  const BuildResult built = Must(shop.Build(shop.recipe()));
  const std::string verdict = Must(ReadFile(built.release + "/verdicts/0001.sigstore.json"));
  EXPECT_TRUE(absl::IsAlreadyExists(shop.Build(shop.recipe()).status()));
  EXPECT_EQ(Must(ReadFile(built.release + "/verdicts/0001.sigstore.json")), verdict);
  // Nor when somebody removes the folder: the journal remembers.
  fs::remove_all(built.release);
  EXPECT_TRUE(absl::IsAlreadyExists(shop.Build(shop.recipe()).status()));
  EXPECT_FALSE(FolderExists(built.release));
}

TEST(Build, VersionsOnTheCommandLineAreSemantic) {
  Workshop shop;
  EXPECT_EQ(ExitCodeOf(shop.Build(shop.recipe(), "1.0").status()), ExitCode::kUsage);
  EXPECT_FALSE(FolderExists(shop.store()));
}

TEST(Plan, SaysWhatEachCriterionNeedsAndWritesNothing) {
  Workshop shop(true);
  Must(WriteFileAtomic(shop.recipe_path(),
                       Replaced(shop.recipe(), "{ metric: top1, at_least: 0.90 }",
                                "{ metric: top1, at_least: 0.999 }")));
  const auto before = Listing(shop.example(""));
  BuildRequest request;
  request.recipe = shop.recipe_path();
  request.store = shop.store();
  const BuildPlan plan = Must(PlanBuild(request, NoProgress()));
  EXPECT_FALSE(FolderExists(shop.store()));
  EXPECT_FALSE(FolderExists(shop / "home")) << "not even a demo key";
  EXPECT_EQ(Listing(shop.example("")), before);
  // 0.999 at 95 % with no errors: ln 0.05 / ln 0.999 = 2994.2.
  EXPECT_EQ(plan.json.at("criteria").at(0).at("minimumSamples"), 2995);
  EXPECT_THAT(plan.text, HasSubstr("evaluation has 200, so this stays UNDECIDED at best"));
  EXPECT_THAT(plan.text, HasSubstr("quantize-static {"));
}

TEST(Build, TheOtherRealExampleTeachesAMissingLayout) {
  TemporaryFolder folder;
  const Variable home("ASSIZE_HOME", folder / "home");
  fs::copy(SourcePath("examples/chest-xray"), folder / "x", fs::copy_options::recursive);
  const std::string text = Must(ReadFile(folder / "x/recipe.yaml"));
  Must(WriteFileAtomic(folder / "x/recipe.yaml",
                       Replaced(text, "labels: test_labels,  layout: HW->NCHW, scale: 1/255",
                                "labels: test_labels")));
  BuildRequest request;
  request.recipe = folder / "x/recipe.yaml";
  request.store = folder / "store";
  const auto built = RunBuild(request, NoProgress());
  EXPECT_EQ(ExitCodeOf(built.status()), ExitCode::kBadInput);
  EXPECT_THAT(Message(built.status()),
              ::testing::AllOf(HasSubstr("recipe.yaml:7:"), HasSubstr("u8 [624,28,28]"),
                               HasSubstr("; try layout HW->NCHW, scale 1/255")));
  EXPECT_FALSE(FolderExists(request.store));
}

}  // namespace
}  // namespace assize::flow
