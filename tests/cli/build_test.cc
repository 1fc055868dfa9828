// build and list: what scripts read, the three outcomes, and that a version is spent once.
#include "tests/cli/store_maker.h"

namespace assize::cli {
namespace {

const char kTop1[] = "{ metric: top1, at_least: 0.90 }";

TEST(Build, PassesAndSaysSoInItsLastLine) {
  Workshop shop;
  const Result dry = shop.Build(shop.recipe(), {"--dry-run", "--json"});
  ASSERT_EQ(dry.exit, 0) << dry.err;
  ASSERT_EQ(JsonOf(dry).at("criteria").size(), 3u);
  EXPECT_TRUE(JsonOf(dry).at("criteria").at(0).contains("minimumSamples"));
  EXPECT_FALSE(fs::exists(shop.store())) << "a dry run writes nothing";

  const Result text = shop.Build(shop.recipe());
  ASSERT_EQ(text.exit, 0) << text.err;
  EXPECT_TRUE(text.out.ends_with(
      "\nPASSED (criteria met). SELF-ATTESTED: every role signed with demo keys of one "
      "person; no approvals, no trusted time.\n"))
      << text.out;
  EXPECT_NE(text.out.find("before"), std::string::npos) << "the table";

  const Result again = shop.Build(shop.recipe());
  ExpectError(again, 3, {"1.0.0"});

  const Result json = shop.Build(shop.recipe(), {"--version", "1.0.1", "--json"});
  ASSERT_EQ(json.exit, 0) << json.err;
  EXPECT_EQ(JsonOf(json).at("verdict"), "PASSED");
  const std::string release = JsonOf(json).at("release").get<std::string>();
  EXPECT_TRUE(fs::exists(release + "/model/model.onnx")) << release;

  EXPECT_EQ(shop.Journal(), (std::vector<std::string>{"PASSED 1.0.0", "PASSED 1.0.1"}));
}

TEST(Build, TwiceTheSameRecipeIsTheSameReleaseForDiff) {
  Workshop shop;
  ASSERT_EQ(shop.Build(shop.recipe(), {"--threads", "1"}).exit, 0);
  const std::string elsewhere = shop / "elsewhere";
  ASSERT_EQ(shop.Do({"build", shop / "recipe.yaml", "--store", elsewhere, "--threads", "2"}).exit,
            0);
  const std::string name = "/breast-cancer/1.0.0";
  const Result same = shop.Do({"diff", shop.store() + name, elsewhere + name});
  EXPECT_EQ(same.exit, 0) << same.out << same.err;
  const std::string model = elsewhere + name + "/model/model.onnx";
  fs::permissions(model, fs::perms::owner_write, fs::perm_options::add);
  WriteAll(model, ReadAll(model) + "x");
  EXPECT_EQ(shop.Do({"diff", shop.store() + name, elsewhere + name}).exit, 1);
}

TEST(Build, FailedAndUndecidedExitOneAndStayInTheStore) {
  Workshop shop;
  const Result failed =
      shop.Build(Replaced(shop.recipe(), kTop1, "{ metric: top1, at_least: 0.999 }"), {"--json"});
  EXPECT_EQ(failed.exit, 1) << failed.err;
  EXPECT_EQ(JsonOf(failed).at("verdict"), "FAILED");
  const std::string release = JsonOf(failed).at("release").get<std::string>();
  EXPECT_TRUE(fs::exists(release + "/rejected/model.onnx"));
  EXPECT_FALSE(fs::exists(release + "/model"));
  EXPECT_FALSE(fs::exists(release + "/model.sig"));

  const Result undecided = shop.Build(
      Replaced(shop.recipe(), kTop1, "{ metric: top1, max_drop: 0.01, against: source }"),
      {"--version", "1.0.1"});
  EXPECT_EQ(undecided.exit, 1) << undecided.err;
  EXPECT_NE(undecided.out.find("UNDECIDED"), std::string::npos) << undecided.out;
  EXPECT_EQ(shop.Journal(), (std::vector<std::string>{"FAILED 1.0.0", "FAILED 1.0.1"}));
}

// What a recipe can get wrong: place, found, expected; exit 3; and no store, not even an empty one.
struct Mistake {
  const char* name;
  std::string from, to;
  std::vector<std::string> parts;
  int exit = 3;
};
void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }
class RecipeMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(RecipeMistakes, AreOneMessageAndNothingElse) {
  Workshop shop;
  const Mistake& mistake = GetParam();
  const Result result = shop.Build(Replaced(shop.recipe(), mistake.from, mistake.to));
  ExpectError(result, mistake.exit, mistake.parts);
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
      << "one message: " << result.err;
  EXPECT_FALSE(fs::exists(shop.store()));
}

INSTANTIATE_TEST_SUITE_P(
    Recipe, RecipeMistakes,
    ::testing::Values(
        Mistake{"UnknownKey", "passes:", "pases:", {"recipe.yaml:9:1", "pases", "passes"}},
        Mistake{"DuplicateKey",
                "classification: deidentified",
                "classification: deidentified\nclassification: public",
                {"recipe.yaml:18:1", "classification"}},
        Mistake{"WrongType",
                "at_least: 0.85",
                "at_least: [0.85]",
                {"recipe.yaml:12:", "at_least", "number"}},
        Mistake{"UnknownPass",
                "quantize-static",
                "quantise-static",
                {"recipe.yaml:9:", "quantise-static", "\"quantize-static\""}},
        Mistake{"UnknownMetric",
                "metric: sensitivity",
                "metric: sensitivty",
                {"recipe.yaml:12:", "sensitivty", "sensitivity"}},
        Mistake{"MissingModel", "wdbc_mlp.onnx", "wdbc_mpl.onnx", {"wdbc_mpl.onnx"}},
        Mistake{"MissingArray", "test_x", "tset_x", {"tset_x", "test_x"}},
        Mistake{"LabelsOfAnotherLength", "labels: test_y", "labels: train_y", {"200", "369"}},
        Mistake{"AnotherDigest", "76e0f0", "76e0f1", {"wdbc_mlp.onnx", "76e0f0", "76e0f1"}, 4},
        Mistake{"NotYaml", "assize: 1", "assize: [1", {"recipe.yaml:"}}),
    [](const auto& mistake) { return std::string(mistake.param.name); });

TEST(Build, NanInTheDataIsNoRelease) {
  Workshop shop;
  std::string csv = "a,b,label\n1.0,2.0,0\nnan,1.0,1\n";
  WriteAll(shop / "rows.csv", csv);
  const Result result = shop.Build(Replaced(
      shop.recipe(), "train: { npz: wdbc.npz, input: train_x, labels: train_y, dtype: f32 }",
      "train: { csv: rows.csv, labels: label, dtype: f32 }"));
  EXPECT_EQ(result.exit, 3) << result.err;
  EXPECT_FALSE(fs::exists(shop.store()));
}

TEST(List, ShowsTheJournalAndWhatIsGone) {
  Workshop shop;
  ExpectError(shop.Do({"list", shop.store()}), 3, {"no such store"});
  ASSERT_EQ(shop.Build(shop.recipe()).exit, 0);
  const Result with_key = shop.Do({"list", shop.store(), "--key", shop.demo_key()});
  EXPECT_EQ(with_key.exit, 0) << with_key.err;
  EXPECT_NE(with_key.out.find("holds under the given keys"), std::string::npos) << with_key.out;

  // Another person's key.
  ASSERT_EQ(shop.Do({"key", shop / "other", "--demo"}).exit, 0);
  ExpectError(shop.Do({"list", shop.store(), "--key", shop / "other.pub.pem"}), 4,
              {"not given", "--key"});

  fs::remove_all(shop.store() + "/breast-cancer/1.0.0");
  const Result gone = shop.Do({"list", shop.store(), "--json"});
  EXPECT_EQ(gone.exit, 0) << gone.err;
  EXPECT_EQ(JsonOf(gone).at("releases").at(0).at("path"), nullptr);
  EXPECT_EQ(JsonOf(gone).at("warnings").size(), 1u) << gone.out;

  // A line that was cut out of the middle.
  const std::string journal = shop.store() + "/journal.jsonl";
  const std::string text = ReadAll(journal);
  const size_t first = text.find('\n') + 1;
  WriteAll(journal, text.substr(0, first) + text.substr(text.find('\n', first) + 1));
  ExpectError(shop.Do({"list", shop.store()}), 4, {"journal.jsonl"});
}

}  // namespace
}  // namespace assize::cli
