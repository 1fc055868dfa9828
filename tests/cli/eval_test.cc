// eval and run: the numbers that scripts read, mapped names, and mismatches that teach.
#include "lib/data/npz.h"
#include "tests/cli/process.h"

namespace assize::cli {
namespace {

TEST(Eval, PrintsTheCountsThatScriptsRead) {
  const Result result = Assize(With({"eval", kModel, "--json"}, kTestRows));
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json json = JsonOf(result);
  EXPECT_EQ(json.at("n"), 200);
  EXPECT_NEAR(json.at("correct").get<int>(), 193, 1);
  EXPECT_DOUBLE_EQ(json.at("top1").get<double>(), json.at("correct").get<double>() / 200);
}

TEST(Eval, AgainstTheSourceCountsFlips) {
  const Result result = Assize(With({"eval", kModel, "--json", "--against", kModel}, kTestRows));
  ASSERT_EQ(result.exit, 0) << result.err;
  const Json json = JsonOf(result);
  EXPECT_EQ(json.at("flips"), 0);
  EXPECT_EQ(json.at("drop"), 0.0);
}

TEST(Eval, LabelsOfAnotherLength) {
  ExpectError(
      Assize({"eval", kModel, "--data", kData, "--input", "input=test_x", "--labels", "train_y"}),
      3, {"wdbc.npz", "369 labels", "200 rows"});
}

TEST(Eval, AMissingArrayNamesThoseThatAreThere) {
  ExpectError(Assize({"eval", kModel, "--data", kData, "--input", "input=tset_x"}), 3,
              {"tset_x", "test_x"});
  ExpectError(Assize({"eval", kModel, "--data", kData}), 3, {"wdbc.npz", "input", "test_x"});
  ExpectError(Assize({"eval", kModel, "--data", kData, "--input", "inptu=test_x"}), 3,
              {"inptu", "input"});
}

TEST(Eval, AMismatchOfShapeTeaches) {
  TemporaryFolder folder;
  const std::string npz = folder / "wide.npz";
  ASSERT_TRUE(data::WriteNpz(
                  npz, {{"input", data::Array::Of<float>({2, 31}, std::vector<float>(62, 0.5f))}})
                  .ok());
  ExpectError(Assize({"eval", kModel, "--data", npz}), 3, {"wide.npz", "[2,31]", "[N,30]"});
}

TEST(Eval, NanInTheDataIsNoResult) {
  TemporaryFolder folder;
  const std::string npz = folder / "nan.npz";
  std::vector<float> values(3 * 30, 0.5f);
  values[40] = std::nanf("");
  ASSERT_TRUE(data::WriteNpz(npz, {{"input", data::Array::Of<float>({3, 30}, values)},
                                   {"y", data::Array::Of<int64_t>({3}, {0, 1, 0})}})
                  .ok());
  ExpectError(Assize({"eval", kModel, "--data", npz}), 3, {"nan.npz", "row 1", "nan"});
  ExpectError(Assize({"quantize", kModel, "--data", npz, "-o", folder / "out.onnx"}), 3,
              {"nan.npz", "row 1"});
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"nan.npz"});
}

TEST(Run, WritesEveryOutputUnderItsName) {
  TemporaryFolder folder;
  const std::string out = folder / "out.npz";
  const Result result =
      Assize({"run", kModel, "--data", kData, "--input", "input=test_x", "-o", out, "--json"});
  ASSERT_EQ(result.exit, 0) << result.err;
  EXPECT_EQ(JsonOf(result).at("rows"), 200);
  auto arrays = data::ReadNpz(out);
  ASSERT_TRUE(arrays.ok()) << Message(arrays.status());
  ASSERT_EQ(arrays->size(), 1u);
  EXPECT_EQ(arrays->at("logits").ToString(), "f32 [200,2]");
  // Another thread count, and by a pipe: the same bytes.
  const Result piped = Assize(
      {"run", kModel, "--data", kData, "--input", "input=test_x", "-o", "-", "--threads", "1"});
  ASSERT_EQ(piped.exit, 0) << piped.err;
  EXPECT_EQ(piped.out, ReadAll(out));
}

}  // namespace
}  // namespace assize::cli
