// The store: what a build leaves behind, whichever way it ends.
#include "lib/release/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "lib/support/exit_code.h"
#include "tests/release/release_maker.h"

namespace assize::testing {
namespace {

class Stores : public ::testing::Test {
 protected:
  std::string Store() const { return folder_.path() + "/releases"; }
  std::string Journal() const { return Store() + "/journal.jsonl"; }
  std::vector<std::string> Events() const {
    const trust::PublicKey key = TestKeys().builder.public_key();
    std::vector<std::string> events;
    for (const release::JournalEntry& entry : Must(release::ReadJournal(
             ReadText(Journal()),
             [&](const std::string&) -> StatusOr<trust::PublicKey> { return key; }, "journal"))) {
      events.push_back(entry.facts.event);
    }
    return events;
  }
  StatusOr<release::Published> Release(const Recipe& recipe) {
    return TryRelease(Store(), recipe, TestKeys().Roles(), clock_);
  }

  TempFolder folder_;
  TestClock clock_;
  Recipe recipe_;
};

TEST_F(Stores, PublishWholeReleasesAndJournalThem) {
  const release::Published published = Must(Release(recipe_));
  EXPECT_EQ(published.path, Store() + "/chest-xray/1.0.0");
  EXPECT_EQ(published.verdict, "PASSED");
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria", "PASSED"}));
  const release::Release release = Must(release::ReadRelease(published.path));
  EXPECT_EQ(release.folder, "model");
  EXPECT_TRUE(release.has_signature());
  EXPECT_EQ(release.newest_verdict, 1);
  EXPECT_EQ(release.digests.at("verdicts/0001.sigstore.json"), published.verdict_sha256);
  // No private key, no staging folder, nothing else.
  for (const auto& [name, digest] : Snapshot(Store())) {
    EXPECT_EQ(name.find("staging"), std::string::npos) << name;
    if (!digest.empty()) {
      EXPECT_EQ(ReadText(Store() + "/" + name).find("PRIVATE KEY"), std::string::npos) << name;
    }
  }
}

TEST_F(Stores, KeepWhatFailedApart) {
  recipe_.wrong = 60;
  const release::Published published = Must(Release(recipe_));
  EXPECT_EQ(published.verdict, "FAILED");
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria", "FAILED"}));
  EXPECT_TRUE(FolderExists(published.path + "/rejected"));
  EXPECT_FALSE(FolderExists(published.path + "/model"));
  EXPECT_FALSE(FileExists(published.path + "/model.sig"));
  EXPECT_EQ(published.sentence.substr(0, 26), "FAILED (criteria not met).");
}

TEST_F(Stores, CallTooFewSamplesUndecidedAndDoNotPublishThemAsPassed) {
  recipe_.rows = 40;
  recipe_.wrong = recipe_.source_wrong = 1;
  const release::Published published = Must(Release(recipe_));
  EXPECT_EQ(published.verdict, "UNDECIDED");
  EXPECT_TRUE(FolderExists(published.path + "/rejected"));
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria", "FAILED"}));
}

TEST_F(Stores, SpendAVersionByAnyOutcome) {
  Must(Release(recipe_));
  recipe_.version = "1.1.0";
  recipe_.wrong = 60;
  Must(Release(recipe_));
  const auto before = Snapshot(Store());
  for (const char* version : {"1.0.0", "1.1.0"}) {
    recipe_.version = version;
    EXPECT_EQ(Release(recipe_).status().code(), StatusCode::kAlreadyExists) << version;
  }
  EXPECT_EQ(Snapshot(Store()), before);
}

TEST_F(Stores, JournalAbandonedBuildsAndLeaveNothingElse) {
  const evidence::PlanFacts plan = PlanOf(recipe_);
  {
    release::Build build = Must(release::Store(Store()).Begin(plan, TestKeys().Roles(), clock_));
    Must(build.SealCriteria(plan));
    WriteText(build.model_folder() + "/model.onnx", "x");
  }
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria", "ABORTED"}));
  for (const auto& [name, digest] : Snapshot(Store())) {
    EXPECT_TRUE(name == "journal.jsonl" || name.starts_with(".keys")) << name;
  }
}

TEST_F(Stores, CloseWhatADeadProcessLeftOpen) {
  const evidence::PlanFacts plan = PlanOf(recipe_);
  const Keys& keys = TestKeys();
  const pid_t child = ::fork();
  if (child == 0) {
    auto build = release::Store(Store()).Begin(plan, keys.Roles(), clock_);
    if (!build.ok() || !build->SealCriteria(plan).ok()) ::_exit(1);
    WriteText(build->model_folder() + "/model.onnx", "x");
    ::_exit(0);  // no destructor runs
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria"}));
  EXPECT_EQ(Release(recipe_).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria", "ABORTED"}));
  recipe_.version = "1.0.1";
  EXPECT_EQ(Must(Release(recipe_)).verdict, "PASSED");
  for (const auto& [name, digest] : Snapshot(Store())) {
    EXPECT_EQ(name.find("staging"), std::string::npos) << name;
  }
}

TEST_F(Stores, GiveABuildThatDiedAfterPublishingItsOwnOutcome) {
  Must(Release(recipe_));
  const std::string journal = ReadText(Journal());
  // As if the process had died before writing the outcome.
  std::string cut = journal.substr(0, journal.rfind('\n', journal.size() - 2) + 1);
  WriteText(Journal(), cut);
  recipe_.version = "1.0.1";
  Must(Release(recipe_));
  EXPECT_EQ(Events(), (std::vector<std::string>{"started", "criteria", "PASSED", "started",
                                                "criteria", "PASSED"}));
}

TEST_F(Stores, CutOffATornLastLine) {
  Must(Release(recipe_));
  WriteText(Journal(), ReadText(Journal()) + "{\"mediaType\":\"appl");
  recipe_.version = "1.0.1";
  Must(Release(recipe_));
  EXPECT_EQ(Events().size(), 6u);
}

TEST_F(Stores, TakeOneBuildAtATime) {
  const evidence::PlanFacts plan = PlanOf(recipe_);
  release::Build build = Must(release::Store(Store()).Begin(plan, TestKeys().Roles(), clock_));
  recipe_.version = "1.0.1";
  const auto second = Release(recipe_);
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(second.status()), ExitCode::kEnvironment);
  Must(build.Abort("enough"));
  EXPECT_EQ(Must(Release(recipe_)).verdict, "PASSED");
}

TEST_F(Stores, RefuseATamperedJournal) {
  Must(Release(recipe_));
  std::string text = ReadText(Journal());
  const size_t at = text.find("\"sig\":\"") + 30;
  text[at] = text[at] == 'A' ? 'B' : 'A';
  WriteText(Journal(), text);
  recipe_.version = "1.0.1";
  EXPECT_EQ(ExitCodeOf(Release(recipe_).status()), ExitCode::kNotTrusted);
}

TEST_F(Stores, GoOnWithTheKeyOfAnotherBuilder) {
  Must(Release(recipe_));
  recipe_.version = "1.0.1";
  EXPECT_TRUE(TryRelease(Store(), recipe_, TestKeys().All(TestKeys().attacker), clock_).ok());
}

TEST_F(Stores, LeaveNothingWhenABuildCannotBegin) {
  recipe_.version = "1.0";
  EXPECT_EQ(Release(recipe_).status().code(), StatusCode::kInvalidArgument);
  recipe_.version = "1.0.0";
  recipe_.name = "../etc";
  EXPECT_EQ(Release(recipe_).status().code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(FolderExists(Store()));
}

TEST_F(Stores, RefuseWhatWasNotSealed) {
  const evidence::PlanFacts plan = PlanOf(recipe_);
  // Another threshold than the sealed one.
  release::Build build = Must(release::Store(Store()).Begin(plan, TestKeys().Roles(), clock_));
  EXPECT_EQ(build.Finish(BuildOf(recipe_, clock_), "model.onnx").status().code(),
            StatusCode::kFailedPrecondition);
  Must(build.SealCriteria(plan));
  EXPECT_EQ(build.SealCriteria(plan).code(), StatusCode::kFailedPrecondition);
  for (const auto& [name, text] : recipe_.files) {
    WriteText(build.model_folder() + "/" + name, text);
  }
  Recipe softer = recipe_;
  softer.threshold = 0.5;
  EXPECT_EQ(build.Finish(BuildOf(softer, clock_), "model.onnx").status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_FALSE(FolderExists(Store() + "/chest-xray"));
}

TEST_F(Stores, RefuseAModelThatWasNotTheMeasuredOne) {
  const evidence::PlanFacts plan = PlanOf(recipe_);
  release::Build build = Must(release::Store(Store()).Begin(plan, TestKeys().Roles(), clock_));
  Must(build.SealCriteria(plan));
  WriteText(build.model_folder() + "/model.onnx", "another model than was measured");
  EXPECT_EQ(build.Finish(BuildOf(recipe_, clock_), "model.onnx").status().code(),
            StatusCode::kInternal);
}

}  // namespace
}  // namespace assize::testing
