// bench from the command line: what it prints, what it refuses; and the page that the comparison
// with other runtimes writes. Nothing here looks at a time.
#include <algorithm>

#include "tests/cli/process.h"

namespace assize::cli {
namespace {

// Short: the tests are about the form.
const std::vector<std::string> kShort = {"--rounds", "2", "--seconds", "0"};

TEST(Bench, PrintsOneDocumentOfTheSchema) {
  const Result result = Assize(With(
      {"bench", kModel, "--against", kModel, "--batch", "4", "--threads", "1", "--json"}, kShort));
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json json = JsonOf(result);
  const auto schema = ParseJson(ReadAll(SourcePath("schemas/bench.schema.json")), "schema");
  ASSERT_TRUE(schema.ok());
  const auto findings = ValidateJson(*schema, json);
  ASSERT_TRUE(findings.ok()) << Message(findings.status());
  EXPECT_TRUE(findings->empty()) << findings->front();
  EXPECT_EQ(json.at("batch"), 4);
  EXPECT_EQ(json.at("threads"), 1);
  EXPECT_EQ(json.at("turns"), "ABBA");
  EXPECT_EQ(json.at("largestDifference"), 0);
  EXPECT_EQ(json.at("models").at(0).at("path"), kModel);
}

TEST(Bench, WritesThePageOnlyWhereItIsAsked) {
  TemporaryFolder folder;
  const Result result = Assize(With({"bench", kModel, "--html", folder / "page.html"}, kShort));
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_NE(result.out.find("samples/s"), std::string::npos);
  EXPECT_NE(result.out.find("wrote "), std::string::npos);
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"page.html"});
  EXPECT_TRUE(ReadAll(folder / "page.html").starts_with("<!doctype html>"));
  ExpectError(Assize({"bench", "/nonexistent.onnx", "--html", folder / "none.html"}), 3,
              {"/nonexistent.onnx"});
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"page.html"});
}

TEST(Bench, TakesRowsOfAFile) {
  const Result result =
      Assize(With({"bench", kModel, "--data", kData, "--input", "input=test_x", "--json"}, kShort));
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(JsonOf(result).at("feeds"), kData);
}

TEST(Bench, RefusesWhatItCannotMeasure) {
  ExpectError(Assize({"bench", kModel, "--dim", "sequence"}), 2, {"--dim sequence", "NAME=N"});
  ExpectError(Assize({"bench", kModel, "--dim", "L=0"}), 2, {"--dim L=0", "from 1"});
  ExpectError(Assize({"bench", kModel, "--dim", "L=1", "--dim", "L=2"}), 2, {"given twice"});
  ExpectError(Assize({"bench", kModel, "--batch", "0"}), 2, {"--batch"});
  ExpectError(Assize({"bench", kModel, "--dim", "rows=3"}), 3, {"--dim rows=3", "there are: N"});
  const std::string other = SourcePath("examples/fashion/fashion_mobilenetv2_mini.onnx");
  ExpectError(Assize({"bench", kModel, "--against", other}), 3,
              {"cannot take what", "[N,1,28,28]", "[1,30]"});
}

// The page is rendered from the newest figures, not written by hand.
TEST(PeersPage, IsFresh) {
  const std::string folder = SourcePath("benchmarks/results");
  std::vector<std::string> figures;
  if (fs::is_directory(folder)) figures = Listing(folder);
  if (figures.empty()) GTEST_SKIP() << "no figures in benchmarks/results";
  const std::string python = SourcePath(".deps/oracles/bin/python");
  if (!fs::exists(python)) {
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string(ci) == "true") << python << " is missing";
    GTEST_SKIP() << "needs " << python << "; run scripts/setup test";
  }
  TemporaryFolder temporary;
  const std::string page = temporary / "page.md";
  const std::string command = fmt::format("'{}' '{}' --render '{}/{}' --markdown '{}' >/dev/null",
                                          python, SourcePath("benchmarks/peers/run.py"), folder,
                                          *std::max_element(figures.begin(), figures.end()), page);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  EXPECT_EQ(ReadAll(SourcePath("docs/performance.md")), ReadAll(page))
      << "run benchmarks/peers/run.py --render " << figures.back()
      << " --markdown docs/performance.md";
}

}  // namespace
}  // namespace assize::cli
