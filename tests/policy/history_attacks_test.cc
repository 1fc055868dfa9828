// Attacks on the order of things: journals cut, rewritten or restarted, versions reused or renamed,
// clocks set back.
#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

using HistoryAttacks = GateTest;

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  const std::string text = ReadText(path);
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start) + 1;
    lines.push_back(text.substr(start, end - start));
    start = end;
  }
  return lines;
}
std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST_F(HistoryAttacks, failed_release_passes_model_signing) {
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = Make(bad);
  EXPECT_FALSE(std::filesystem::exists(path + "/model"));
  EXPECT_FALSE(std::filesystem::exists(path + "/model.sig"));
  // A model signature forged in by a colluding releaser does not make it pass.
  const std::string copy = CopyOut(path, store_.path() + "/forged");
  const trust::ModelTree tree = Must(trust::HashModelFolder(copy + "/rejected"));
  WriteText(copy + "/model.sig", Must(trust::SignModel(tree, "model", TestKeys().releaser)));
  Relist(copy, TestKeys().releaser);
  Refused(copy, "tree-exact");
  std::filesystem::rename(copy + "/rejected", copy + "/model");
  Refused(copy, "bounds-recomputed");
}

TEST_F(HistoryAttacks, failed_release_deleted_and_rebuilt) {
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = Make(bad);
  const std::string journal = Store() + "/journal.jsonl";
  const std::vector<std::string> before = Lines(journal);
  std::filesystem::remove_all(path);
  Recipe good = bad;
  good.wrong = 6;
  // The store remembers.
  const auto again = TryRelease(Store(), good, TestKeys().Roles(), clock_);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), StatusCode::kAlreadyExists);
  EXPECT_NE(Message(again.status()).find("FAILED"), std::string::npos);
  EXPECT_EQ(Lines(journal), before);

  // The failure's lines cut off the end: a gate that saw the journal before refuses.
  WriteText(journal, Joined({before.begin(), before.end() - 3}));
  const std::string rebuilt = Make(good);
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.accepted.journal_sequence = static_cast<int64_t>(before.size());
  policy.accepted.journal_entry_sha256 = HexOf(before.back());
  ExpectRefused(rebuilt, policy, clock_, Loaded(recipe_), "chain-unbroken");

  // Cut from the middle: the next lines do not follow any more.
  std::vector<std::string> lines = before;
  Recipe third = recipe_;
  third.version = "1.2.0";
  WriteText(journal, Joined(before));
  std::filesystem::remove_all(rebuilt);
  const std::string later = Make(third);
  lines = Lines(journal);
  lines.erase(lines.begin() + 4, lines.begin() + 8);
  WriteText(journal, Joined(lines));
  Refused(later, "chain-unbroken");
  Refused(release_, "chain-unbroken");
}

TEST_F(HistoryAttacks, version_started_twice) {
  // The builder writes the lines by hand, signed and chained, with the store's refusal bypassed.
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = Make(bad);
  const std::string journal = Store() + "/journal.jsonl";
  const trust::PrivateKey& builder = TestKeys().builder;
  std::vector<release::JournalEntry> entries = Must(release::ReadJournal(
      ReadText(journal),
      [&](const std::string&) -> StatusOr<trust::PublicKey> { return builder.public_key(); },
      journal));
  evidence::JournalFacts facts = entries[entries.size() - 3].facts;
  ASSERT_EQ(facts.event, "started");
  facts.time = entries.back().facts.time;
  entries.push_back(Must(release::MakeEntry(entries, facts, builder)));
  facts.event = "ABORTED";
  entries.push_back(Must(release::MakeEntry(entries, facts, builder)));
  std::string text;
  for (const release::JournalEntry& entry : entries) text += entry.line;
  WriteText(journal, text);
  Refused(release_, "chain-unbroken");
  Refused(path, "chain-unbroken");
}

TEST_F(HistoryAttacks, peek_and_abort) {
  // Look at the result, dislike it, kill the build, try again under the same version.
  Recipe recipe = recipe_;
  recipe.version = "1.1.0";
  const evidence::PlanFacts plan = PlanOf(recipe);
  {
    release::Build build = Must(release::Store(Store()).Begin(plan, TestKeys().Roles(), clock_));
    Must(build.SealCriteria(plan));
  }
  const auto again = TryRelease(Store(), recipe, TestKeys().Roles(), clock_);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), StatusCode::kAlreadyExists);
  EXPECT_NE(Message(again.status()).find("ABORTED"), std::string::npos);
  // Under the next version the attempt shows, and a policy may forbid it.
  recipe.version = "1.1.1";
  const std::string path = Make(recipe);
  policy::GatePolicy policy = PolicyOf(recipe_);
  const policy::GateResult shown = RunGate(path, policy, clock_, Loaded(recipe_));
  EXPECT_EQ(shown.exit_code, ExitCode::kOk) << shown.ToText();
  EXPECT_NE(shown.Find("chain-unbroken")->reason.find("0 failed, 1 aborted"), std::string::npos)
      << shown.Find("chain-unbroken")->reason;
  policy.max_earlier_attempts = 0;
  ExpectRefused(path, policy, clock_, Loaded(recipe_), "chain-unbroken");
  // The aborted lines cut out of the store's journal, the rest left.
  std::vector<std::string> lines = Lines(Store() + "/journal.jsonl");
  lines.erase(lines.begin() + 3, lines.begin() + 6);
  WriteText(Store() + "/journal.jsonl", Joined(lines));
  Refused(path, "chain-unbroken");
}

TEST_F(HistoryAttacks, journal_exchanged_for_a_fresh_one) {
  Recipe other = recipe_;
  other.name = "another";
  const std::string store = store_.path() + "/fresh";
  Must(TryRelease(store, other, TestKeys().Roles(), clock_));
  std::filesystem::copy_file(store + "/journal.jsonl", Store() + "/journal.jsonl",
                             std::filesystem::copy_options::overwrite_existing);
  Refused(release_, "chain-unbroken");
  // Nor does a build go on in a store whose journal is gone.
  std::filesystem::remove(Store() + "/journal.jsonl");
  Recipe next = recipe_;
  next.version = "1.1.0";
  const auto built = TryRelease(Store(), next, TestKeys().Roles(), clock_);
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.status().code(), StatusCode::kDataLoss);
}

TEST_F(HistoryAttacks, journal_line_edited) {
  const std::string journal = Store() + "/journal.jsonl";
  std::string text = ReadText(journal);
  text[text.size() / 2] = text[text.size() / 2] == 'A' ? 'B' : 'A';
  WriteText(journal, text);
  Refused(release_, "chain-unbroken");
}

TEST_F(HistoryAttacks, clock_set_back) {
  // The store refuses to go on.
  clock_.now -= 86'400;
  Recipe next = recipe_;
  next.version = "1.1.0";
  const auto built = TryRelease(Store(), next, TestKeys().Roles(), clock_);
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.status().code(), StatusCode::kFailedPrecondition);
  clock_.now += 86'400;
  // Criteria that claim to be older than the journal line that sealed them are no older for it, but
  // an evaluation from before its criteria is refused.
  const std::string path = Copy();
  Resign(
      JoinPath(path, evidence::kEvaluationFile),
      [](Json& statement) { statement["predicate"]["evaluatedAt"] = "2020-01-01T00:00:00Z"; },
      TestKeys().evaluator);
  Relist(path, TestKeys().releaser);
  Refused(path, "criteria-order");
  Refused(path, "chain-unbroken");
}

TEST_F(HistoryAttacks, release_relabelled) {
  std::filesystem::rename(release_, Store() + "/chest-xray/9.9.9");
  Refused(Store() + "/chest-xray/9.9.9", "identity-version");
  const std::string other = CopyOut(Store() + "/chest-xray/9.9.9", store_.path() + "/x");
  const std::string renamed = store_.path() + "/x/knee-mri/1.0.0";
  std::filesystem::create_directories(FolderOf(renamed));
  std::filesystem::rename(other, renamed);
  Refused(renamed, "identity-version");
}

TEST_F(HistoryAttacks, rolled_back_to_an_older_version) {
  policy::GatePolicy policy = PolicyOf(recipe_);
  policy.accepted.version = "1.1.0";
  ExpectRefused(release_, policy, clock_, Loaded(recipe_), "identity-version");
  policy.accepted.version = "1.0.0-rc.1";
  EXPECT_EQ(RunGate(release_, policy, clock_, Loaded(recipe_)).exit_code, ExitCode::kOk);
}

TEST_F(HistoryAttacks, release_of_another_name_under_this_policy) {
  Recipe other = recipe_;
  other.name = "knee-mri";
  Refused(Make(other), "identity-version");
}

}  // namespace
}  // namespace assize::testing
