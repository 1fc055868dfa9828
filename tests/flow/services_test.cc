// The services behind passes: the engine and the reference agree, views show the rows that were
// chosen, and artifacts land below their folder.
#include "lib/flow/services.h"

#include "lib/flow/predict.h"
#include "lib/onnx/onnx.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

TEST(Tensors, EveryElementTypeOfNumPyGoesBothWays) {
  for (int i = 0; i <= static_cast<int>(data::DType::kF64); ++i) {
    const auto dtype = static_cast<data::DType>(i);
    SCOPED_TRACE(data::DTypeName(dtype));
    std::vector<std::byte> bytes(6 * data::SizeOf(dtype));
    for (size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<std::byte>(at % 2);
    const data::Array array = Must(data::Array::FromBytes(dtype, {2, 3}, bytes));
    const ir::Tensor tensor = ToTensor(array);
    EXPECT_EQ(ir::ShortNameOf(tensor.dtype()), data::DTypeName(dtype))
        << "the two rooms' names agree";
    EXPECT_EQ(tensor.dims(), (ir::Shape{2, 3}));
    EXPECT_EQ(tensor.bytes().data(), array.bytes.data()) << "a view, not a copy";
    const data::Array back = Must(ToArray(tensor));
    EXPECT_EQ(back.dtype, dtype);
    EXPECT_EQ(back.shape, array.shape);
    EXPECT_TRUE(std::equal(back.bytes.begin(), back.bytes.end(), bytes.begin(), bytes.end()));
  }
}

TEST(Tensors, TheViewKeepsItsMemoryAlive) {
  std::optional<data::Array> array = Values(4);
  const std::vector<std::byte> bytes(array->bytes.begin(), array->bytes.end());
  const data::Array back = Must(ToArray(ToTensor(*array)));
  array.reset();
  EXPECT_TRUE(std::equal(back.bytes.begin(), back.bytes.end(), bytes.begin(), bytes.end()));
}

TEST(Tensors, TypesThatNumPyLacksAreRefusedByName) {
  const ir::Tensor tensor =
      ir::Tensor::FromBytes(ir::DType::kBfloat16, {1}, std::vector<std::byte>(2));
  const auto array = ToArray(tensor);
  ASSERT_TRUE(absl::IsInvalidArgument(array.status()));
  EXPECT_THAT(Message(array.status()), HasSubstr("bfloat16"));
}

TEST(Evaluators, FetchAnyValueAndAgree) {
  const ir::Model model = Dense();
  EngineEvaluator engine;
  ReferenceEvaluator reference;
  const auto fast = Must(engine.Prepare(model, {"hidden", "y"}));
  const auto exact = Must(reference.Prepare(model, {"hidden", "y"}));
  for (const int64_t rows : {5, 1, 3}) {  // the same runner takes batches of any size
    const pass::Feeds feeds = {{"x", ToTensor(Values(rows))}};
    const auto a = Must(fast->Run(feeds));
    const auto b = Must(exact->Run(feeds));
    ASSERT_EQ(a.size(), 2u);
    ASSERT_EQ(b.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(a[i].dims(), (ir::Shape{rows, 2}));
      const auto left = a[i].data<float>(), right = b[i].data<float>();
      for (size_t at = 0; at < left.size(); ++at) EXPECT_NEAR(left[at], right[at], 1e-5);
    }
  }
}

TEST(Evaluators, SayWhichOpTheyCannotRun) {
  ir::Model model = MakeModel();
  model.set_opset("com.example", 1);
  GraphBuilder b(model.graph);
  b.Input("x", {"N"}).Node("Frobnicate", {"x"}, {"y"}, {}, "com.example").Output("y");
  ReferenceEvaluator reference;
  const auto exact = reference.Prepare(model, {"y"});
  EXPECT_TRUE(absl::IsUnimplemented(exact.status()));
  EXPECT_THAT(Message(exact.status()), HasSubstr("com.example.Frobnicate(1)"));
  EngineEvaluator engine;
  const auto fast = engine.Prepare(model, {"y"});
  EXPECT_TRUE(absl::IsUnimplemented(fast.status())) << Message(fast.status());
  EXPECT_THAT(Message(fast.status()), HasSubstr("Frobnicate"));
}

TEST(Evaluators, TheMemoryLimitHolds) {
  EngineEvaluator engine(16);  // bytes: less than one row
  const auto runner = engine.Prepare(Dense(), {"y"});
  const Status status =
      runner.ok() ? (*runner)->Run({{"x", ToTensor(Values(64))}}).status() : runner.status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << Message(status);
}

TEST(DatasetView, ShowsTheChosenRowsInTheirOrder) {
  data::Dataset dataset = Rows(Values(10));
  ASSERT_TRUE(BindToModel(dataset, Dense()).ok());
  const DatasetView view(dataset, {7, 2, 9}, 0);
  EXPECT_EQ(view.rows(), 3);
  const auto feeds = Must(view.Batch(1, 3));
  const data::Array stored = Values(10);
  const auto all = stored.As<float>();
  const auto got = feeds.at("x").data<float>();
  ASSERT_EQ(got.size(), 6u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(got[i], all[2 * 3 + i]);
    EXPECT_EQ(got[3 + i], all[9 * 3 + i]);
  }
  EXPECT_TRUE(absl::IsOutOfRange(view.Batch(1, 4).status()));
  EXPECT_TRUE(absl::IsOutOfRange(view.Batch(-1, 1).status()));
  EXPECT_TRUE(absl::IsOutOfRange(view.Batch(2, 1).status()));
}

TEST(DatasetView, ItsDigestIsTheSelections) {
  data::Dataset dataset = Rows(Values(10));
  const std::vector<int64_t> rows = {7, 2, 9}, other = {2, 7, 9};
  EXPECT_EQ(DatasetView(dataset, rows, 0).digest(), Hex(dataset.SelectionDigest(rows)));
  EXPECT_NE(DatasetView(dataset, rows, 0).digest(), DatasetView(dataset, other, 0).digest());
}

TEST(DatasetView, BatchesAreTheModelsOrFitTheRows) {
  data::Dataset dataset = Rows(Values(200));
  EXPECT_EQ(DatasetView(dataset, data::AllRows(200), 7).batch_rows(), 7);
  EXPECT_EQ(DatasetView(dataset, data::AllRows(3), 0).batch_rows(), 3);
  EXPECT_GT(DatasetView(dataset, data::AllRows(200), 0).batch_rows(), 1);
  EXPECT_EQ(DatasetView(dataset, {}, 0).batch_rows(), 1) << "never a step of nothing";
}

TEST(FolderSink, WritesBelowItsFolder) {
  TemporaryFolder folder;
  FolderSink sink(folder / "out");
  const std::string text = "logits";
  ASSERT_TRUE(sink.Write("teacher/y.bin", std::as_bytes(std::span(text))).ok());
  ASSERT_TRUE(sink.WriteModel("student.onnx", Dense()).ok());
  EXPECT_THAT(Must(ListFiles(folder / "out")), ElementsAre("student.onnx", "teacher/y.bin"));
  EXPECT_EQ(Must(ReadFile(folder / "out/teacher/y.bin")), text);
  EXPECT_TRUE(LoadModel(folder / "out/student.onnx").ok());
}

}  // namespace
}  // namespace assize::flow
