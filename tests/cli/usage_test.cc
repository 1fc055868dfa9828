// Mistakes on the command line: exit 2, the nearest name, and the form of errors under --json.
#include "tests/cli/process.h"

namespace assize::cli {
namespace {

TEST(Usage, UnknownVerbGetsTheNearest) {
  ExpectError(Assize({"biuld", "recipe.yaml"}), 2,
              {"unknown verb \"biuld\"", "did you mean \"build\"?"});
}

TEST(Usage, NoVerbListsThem) { ExpectError(Assize({}), 2, {"no verb", "quantize", "list"}); }

TEST(Usage, UnknownOptionGetsTheNearestEvenWhenItHidesARequiredOne) {
  // --data is required here, and missing only because it is misspelt.
  ExpectError(Assize({"eval", kModel, "--dta", kData}), 2,
              {"unknown option \"--dta\" of eval", "did you mean \"--data\"?"});
}

TEST(Usage, UnknownOptionWithValueIsNamedWithoutIt) {
  ExpectError(Assize({"inspect", kModel, "--ful=yes"}), 2,
              {"unknown option \"--ful\"", "\"--full\""});
}

TEST(Usage, LeftoverArgumentsAreRefused) {
  ExpectError(Assize({"inspect", kModel, "second.onnx"}), 2,
              {"unexpected argument \"second.onnx\""});
}

TEST(Usage, MissingArgumentsAreNamed) {
  ExpectError(Assize({"verify", "release"}), 2, {"--key"});
  ExpectError(Assize({"gate", "release"}), 2, {"--policy"});
  ExpectError(Assize({"opt", kModel, "-p", "simplify"}), 2, {"-o OUT.onnx"});
  ExpectError(Assize({"prune", kModel, "-o", "out.onnx"}), 2, {"--sparsity"});
}

TEST(Usage, ThreadsAreANumberInRange) {
  ExpectError(Assize({"inspect", kModel, "--threads", "0"}), 2, {"--threads"});
  ExpectError(Assize({"inspect", kModel, "--threads", "many"}), 2, {"--threads"});
}

TEST(Usage, AnArgumentMayBeNamedAsAVerb) {
  // A folder called "list" is no second verb.
  ExpectError(Assize({"inspect", "list"}), 3, {"list"});
}

TEST(Usage, InputsAreNameAndArrayOnce) {
  ExpectError(Assize({"eval", kModel, "--data", kData, "--input", "test_x"}), 2,
              {"found \"test_x\", expected NAME=ARRAY"});
  ExpectError(Assize({"eval", kModel, "--data", kData, "--input", "input=a", "--input", "input=b"}),
              2, {"\"input\" is given twice"});
}

TEST(Usage, HelpAndVersionAreData) {
  const Result version = Assize({"--version"});
  EXPECT_EQ(version.exit, 0);
  EXPECT_EQ(version.out, "assize " ASSIZE_VERSION "\n");
  const Result help = Assize({"gate", "--help"});
  EXPECT_EQ(help.exit, 0);
  EXPECT_EQ(help.err, "");
  EXPECT_NE(help.out.find("--policy-sha256"), std::string::npos);
}

TEST(Usage, ErrorsAreOneObjectUnderJson) {
  // As wrong in parsing as in the work itself.
  const std::vector<std::pair<std::vector<std::string>, int>> cases = {
      {{"inspect", "--json", "--nonsense"}, 2},
      {{"biuld", "--json"}, 2},
      {{"inspect", "--json", "/nonexistent/model.onnx"}, 3},
      {{"verify", "/nonexistent", "--json", "--key", "/nonexistent.pem"}, 3},
  };
  for (const auto& [arguments, exit] : cases) {
    const Result result = Assize(arguments);
    EXPECT_EQ(result.exit, exit) << result.err;
    const Json json = JsonOf(result);
    ASSERT_TRUE(json.contains("error")) << result.out;
    EXPECT_EQ(json.size(), 1u);
    EXPECT_EQ(json["error"].at("exit"), exit);
    EXPECT_TRUE(json["error"].at("code").is_string());
    const std::string message = json["error"].at("message").get<std::string>();
    EXPECT_NE(result.err.find(message), std::string::npos) << "the same words for people";
  }
}

TEST(Usage, JsonIsTheOnlyThingOnStandardOutput) {
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"passes"}, {"inspect", kModel}, {"diff", kModel, kModel}, {"opt", "--list-passes"}}) {
    const Result result = Assize(With(verb, {"--json"}));
    EXPECT_EQ(result.exit, 0) << result.err;
    EXPECT_TRUE(JsonOf(result).is_object());
  }
}

TEST(Usage, AFullDiskBehindStandardOutputIsNoSuccess) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  Conditions full;
  full.standard_output = "/dev/full";
  const Result result = Assize({"passes"}, full);
  EXPECT_EQ(result.exit, 5);
  EXPECT_NE(result.err.find("standard output: cannot write"), std::string::npos) << result.err;
}

TEST(Usage, NothingMovesOrShinesAwayFromATerminal) {
  const Result result = Assize(With({"eval", kModel}, kTestRows));
  EXPECT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(result.err, "") << "progress is for terminals";
}

}  // namespace
}  // namespace assize::cli
