// Feeding a model in its own batch size: padding never shows, order is the rows', and a mismatch
// teaches.
#include "lib/flow/predict.h"

#include "lib/flow/services.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

// One row after the other on the reference.
std::vector<float> RowByRow(const data::Dataset& dataset, const std::vector<int64_t>& rows) {
  ReferenceEvaluator reference;
  const auto runner = Must(reference.Prepare(Dense("1"), {"y"}));
  std::vector<float> all;
  for (const int64_t row : rows) {
    const auto arrays = Must(dataset.Batch(std::vector<int64_t>{row}));
    const auto results = Must(runner->Run({{"x", ToTensor(arrays.at("x"))}}));
    const auto values = results.at(0).data<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST(Predict, EveryBatchSizeGivesTheSameRows) {
  for (const std::vector<int64_t>& rows :
       {data::AllRows(10), std::vector<int64_t>{9, 0, 3, 3, 7}}) {
    std::vector<float> first;
    for (const char* batch : {"1", "4", "10", "32", "N"}) {
      SCOPED_TRACE(batch);
      const ir::Model model = Dense(batch);
      data::Dataset dataset = Rows(Values(10));
      ASSERT_TRUE(BindToModel(dataset, model).ok());
      const eval::Outputs outputs = Must(Predict(model, dataset, rows, "", "test", NoProgress()));
      EXPECT_EQ(outputs.rows, static_cast<int64_t>(rows.size()));
      EXPECT_EQ(outputs.width, 2);
      EXPECT_THAT(outputs.values,
                  ::testing::Pointwise(::testing::FloatNear(1e-5F), RowByRow(dataset, rows)));
      // Not a bit may depend on how rows are batched.
      if (first.empty()) first = outputs.values;
      EXPECT_EQ(outputs.values, first);
    }
  }
}

TEST(Predict, FixedBatchesArePaddedAndSaidToBe) {
  data::Dataset dataset = Rows(Values(10));
  const ir::Model model = Dense("4");
  ASSERT_TRUE(BindToModel(dataset, model).ok());
  std::vector<int64_t> valid;
  ASSERT_TRUE(ForEachBatch(model, dataset, data::AllRows(10), "test", NoProgress(),
                           [&](const std::vector<ir::Tensor>& outputs, int64_t rows) {
                             EXPECT_EQ(outputs.at(0).dims(), (ir::Shape{4, 2}));
                             valid.push_back(rows);
                             return OkStatus();
                           })
                  .ok());
  EXPECT_THAT(valid, ElementsAre(4, 4, 2));
}

// y = x, both of `dtype`.
ir::Model Pass(ir::DType dtype) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"}, dtype).Node("Identity", {"x"}, {"y"});
  b.Output("y", ir::Type::TensorOf(dtype,
                                   std::vector<ir::Dim>{ir::Dim{{}, "N", {}}, ir::Dim{3, {}, {}}}));
  return model;
}

TEST(Predict, OneDataSetServesAModelAndItsFloat16Twin) {
  const auto fed = [](data::Array array, ir::DType dtype, data::Preprocessing preprocessing = {}) {
    data::Dataset dataset = Rows(std::move(array), "x", std::move(preprocessing));
    const Status fits = BindToModel(dataset, Pass(dtype));
    if (!fits.ok()) return Message(fits);
    return std::string(data::DTypeName(Must(dataset.Batch(data::AllRows(2))).at("x").dtype));
  };
  const data::Array wide = Values(4), half = Must(data::Cast(wide, data::DType::kF16));
  EXPECT_EQ(fed(wide, ir::DType::kFloat16), "f16");
  EXPECT_EQ(fed(half, ir::DType::kFloat), "f32");
  EXPECT_EQ(fed(half, ir::DType::kFloat16), "f16");
  // What the user declared stands, and what is no float is still refused.
  data::Preprocessing declared;
  declared.dtype = data::DType::kF32;
  EXPECT_THAT(fed(wide, ir::DType::kFloat16, declared), HasSubstr("wants f16"));
  EXPECT_THAT(fed(Must(data::Cast(wide, data::DType::kF64)), ir::DType::kFloat16),
              HasSubstr("wants f16"));
  // The answers are those of the rounded rows.
  data::Dataset dataset = Rows(wide);
  Must(BindToModel(dataset, Pass(ir::DType::kFloat16)));
  const eval::Outputs outputs =
      Must(Predict(Pass(ir::DType::kFloat16), dataset, data::AllRows(4), "", "test", NoProgress()));
  const data::Array rounded = Must(data::Cast(half, data::DType::kF32));
  EXPECT_EQ(outputs.values,
            std::vector<float>(rounded.As<float>().begin(), rounded.As<float>().end()));
}

TEST(Predict, StopsAtTheFirstBatchThatIsNotTaken) {
  data::Dataset dataset = Rows(Values(10));
  const ir::Model model = Dense("4");
  ASSERT_TRUE(BindToModel(dataset, model).ok());
  int calls = 0;
  const Status status = ForEachBatch(model, dataset, data::AllRows(10), "test", NoProgress(),
                                     [&](const std::vector<ir::Tensor>&, int64_t) -> Status {
                                       ++calls;
                                       return DataLoss("enough");
                                     });
  EXPECT_TRUE(absl::IsDataLoss(status)) << Message(status);
  EXPECT_EQ(calls, 1);
}

TEST(Predict, AnswersThatAreNotPerRowAreRefused) {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "3"});
  b.Node("ReduceMean", {"x"}, {"mean"}, {Attr("axes", std::vector<int64_t>{0})}).Output("mean");
  data::Dataset dataset = Rows(Values(10));
  ASSERT_TRUE(BindToModel(dataset, model).ok());
  const auto outputs = Predict(model, dataset, data::AllRows(10), "", "test", NoProgress());
  ASSERT_TRUE(absl::IsInvalidArgument(outputs.status()));
  EXPECT_THAT(Message(outputs.status()), HasSubstr("f32 [1,3] holds 1 rows for a batch of 10"));
}

TEST(Predict, OutputsAreFoundByName) {
  ir::Model model = Dense();
  GraphBuilder b(model.graph);
  b.Output("hidden");
  data::Dataset dataset = Rows(Values(3));
  ASSERT_TRUE(BindToModel(dataset, model).ok());
  const auto rows = data::AllRows(3);
  const eval::Outputs y = Must(Predict(model, dataset, rows, "y", "test", NoProgress()));
  const eval::Outputs hidden = Must(Predict(model, dataset, rows, "hidden", "test", NoProgress()));
  for (size_t i = 0; i < y.values.size(); ++i)
    EXPECT_EQ(y.values[i], std::max(0.0F, hidden.values[i]));
  const auto none = Predict(model, dataset, rows, "z", "test", NoProgress());
  EXPECT_TRUE(absl::IsNotFound(none.status()));
  EXPECT_EQ(Message(none.status()), "the model has no output \"z\"");
}

TEST(RunAll, WritesTheRowsAndNotThePadding) {
  ir::Model model = Dense("4");
  GraphBuilder b(model.graph);
  b.Output("hidden");
  data::Dataset dataset = Rows(Values(10));
  ASSERT_TRUE(BindToModel(dataset, model).ok());
  const auto arrays = Must(RunAll(model, dataset, NoProgress()));
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays.at("hidden").shape, (std::vector<int64_t>{10, 2}));
  const auto y = arrays.at("y").As<float>();
  EXPECT_THAT(
      std::vector<float>(y.begin(), y.end()),
      ::testing::Pointwise(::testing::FloatNear(1e-5F), RowByRow(dataset, data::AllRows(10))));
}

// A model that wants [N,1,28,28], and images as they are stored.
ir::Model Images() {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "1", "28", "28"}).Node("Flatten", {"x"}, {"y"}).Output("y");
  return model;
}
data::Array Pixels() {
  return data::Array::Of<uint8_t>({624, 28, 28}, std::vector<uint8_t>(size_t{624} * 28 * 28, 51));
}

TEST(BindToModel, AMismatchTeaches) {
  data::Dataset dataset = Rows(Pixels(), "images");
  const Status status = BindToModel(dataset, Images());
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(Message(status),
            "images: u8 [624,28,28], input \"x\" wants f32 [N,1,28,28]; try layout HW->NCHW, scale "
            "1/255");
}

TEST(BindToModel, WhatItTeachesWorks) {
  data::Preprocessing preprocessing;
  preprocessing.layout = "HW->NCHW";
  preprocessing.scale = 1.0 / 255;
  data::Dataset dataset = Rows(Pixels(), "images", preprocessing);
  ASSERT_TRUE(BindToModel(dataset, Images()).ok());
  const std::vector<int64_t> rows = {623};
  const eval::Outputs outputs = Must(Predict(Images(), dataset, rows, "", "test", NoProgress()));
  EXPECT_EQ(outputs.width, 784);
  EXPECT_FLOAT_EQ(outputs.values.at(100), 0.2F);
}

TEST(BindToModel, InitializersThatAreInputsAreNotFed) {
  ir::Model model = Dense();
  GraphBuilder b(model.graph);
  b.edit().SetInputs({b.Get("x"), b.Get("W")});
  data::Dataset dataset = Rows(Values(2));
  EXPECT_TRUE(BindToModel(dataset, model).ok());
  EXPECT_THAT(FeedNames(model), ElementsAre("x"));
}

}  // namespace
}  // namespace assize::flow
