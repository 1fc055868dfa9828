// `--data`, `--input` and `--labels`: which array feeds what, and what the messages say when none
// fits.
#include "lib/flow/user_data.h"

#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

std::string Npz(const TemporaryFolder& folder, const std::map<std::string, data::Array>& arrays) {
  const std::string path = folder / "data.npz";
  Must(data::WriteNpz(path, arrays));
  return path;
}

data::Array Labels(int64_t n) {
  return data::Array::Of<int64_t>({n}, std::vector<int64_t>(static_cast<size_t>(n), 1));
}

// The model's input is "x" in Dense; here it has a longer name.
ir::Model Named(const std::string& input) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input(input, {"N", "3"}).Node("Relu", {input}, {"y"}).Output("y");
  return model;
}

TEST(UserData, TakesTheInputsNameOrXAndLabelsUnderY) {
  TemporaryFolder folder;
  const std::string path = Npz(folder, {{"x", Values(4)}, {"y", Labels(4)}});
  for (const char* input : {"x", "pixel_values"}) {
    const data::Dataset dataset = Must(LoadUserData({path, {}, {}}, Named(input)));
    EXPECT_EQ(dataset.rows(), 4);
    EXPECT_TRUE(dataset.has_labels());
    EXPECT_TRUE(Must(dataset.Batch(std::vector<int64_t>{0})).contains(input));
  }
}

TEST(UserData, MapsOtherNames) {
  TemporaryFolder folder;
  const std::string path =
      Npz(folder, {{"train_x", Values(5)}, {"train_y", Labels(5)}, {"x", Values(2)}});
  const data::Dataset dataset =
      Must(LoadUserData({path, {{"x", "train_x"}}, "train_y"}, Named("x")));
  EXPECT_EQ(dataset.rows(), 5);
  EXPECT_EQ(Must(dataset.ClassLabels(data::AllRows(5))).size(), 5u);
}

TEST(UserData, LabelsMayBeAbsentUnlessAskedFor) {
  TemporaryFolder folder;
  const std::string path = Npz(folder, {{"x", Values(4)}});
  EXPECT_FALSE(Must(LoadUserData({path, {}, {}}, Named("x"))).has_labels());
  const auto missing = LoadUserData({path, {}, "answers"}, Named("x"));
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(Message(missing.status()), HasSubstr("answers"));
}

TEST(UserData, AnInputThatTheModelLacksIsNamedWithThoseItHas) {
  TemporaryFolder folder;
  const std::string path = Npz(folder, {{"x", Values(4)}});
  const auto wrong = LoadUserData({path, {{"image", "x"}}, {}}, Named("pixel_values"));
  EXPECT_TRUE(absl::IsNotFound(wrong.status()));
  EXPECT_EQ(Message(wrong.status()),
            "--input image=x: the model has no input \"image\"; its inputs are: pixel_values");
}

TEST(UserData, AMismatchNamesTheFileAndTeaches) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "1", "28", "28"}).Node("Relu", {"x"}, {"y"}).Output("y");
  const std::string path =
      Npz(folder,
          {{"images", data::Array::Of<uint8_t>({2, 28, 28}, std::vector<uint8_t>(2 * 28 * 28))}});
  const auto wrong = LoadUserData({path, {{"x", "images"}}, {}}, model);
  EXPECT_TRUE(absl::IsInvalidArgument(wrong.status()));
  EXPECT_THAT(Message(wrong.status()),
              ::testing::EndsWith(
                  "data.npz: images: u8 [2,28,28], input \"x\" wants f32 [N,1,28,28]; try layout "
                  "HW->NCHW, scale 1/255"));
}

TEST(UserData, LabelsOfAnotherLengthNameBothNumbers) {
  TemporaryFolder folder;
  const std::string path = Npz(folder, {{"x", Values(4)}, {"y", Labels(3)}});
  const auto wrong = LoadUserData({path, {}, {}}, Named("x"));
  EXPECT_TRUE(absl::IsInvalidArgument(wrong.status()));
  EXPECT_THAT(Message(wrong.status()), ::testing::AllOf(HasSubstr("4"), HasSubstr("3")));
}

TEST(UserData, TwoInputsAreNotGuessed) {
  TemporaryFolder folder;
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("a", {"N", "3"}).Input("b", {"N", "3"}).Node("Add", {"a", "b"}, {"y"}).Output("y");
  const auto wrong = LoadUserData({Npz(folder, {{"x", Values(4)}}), {}, {}}, model);
  EXPECT_TRUE(absl::IsNotFound(wrong.status())) << Message(wrong.status());
  EXPECT_THAT(Message(wrong.status()), HasSubstr("a"));
}

}  // namespace
}  // namespace assize::flow
