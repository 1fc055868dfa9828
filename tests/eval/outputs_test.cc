// Reading predictions off outputs: ties, thresholds, scores, and what is never skipped.
#include "lib/eval/outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assize::eval {
namespace {

using ::testing::HasSubstr;

Outputs Matrix(int64_t width, std::vector<float> values) {
  Outputs outputs;
  outputs.width = width;
  outputs.rows = static_cast<int64_t>(values.size()) / width;
  outputs.values = std::move(values);
  return outputs;
}

TEST(OutputCollector, JoinsBatchesAndDropsPadding) {
  OutputCollector collector;
  ASSERT_TRUE(collector.Append(data::Array::Of<float>({2, 1, 2}, {1, 2, 3, 4})).ok());
  ASSERT_TRUE(collector.Append(data::Array::Of<double>({2, 2}, {5, 6, NAN, NAN}), 1).ok());
  const Outputs outputs = collector.Take();
  EXPECT_EQ(outputs.rows, 3);
  EXPECT_EQ(outputs.width, 2);
  EXPECT_EQ(outputs.values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(OutputCollector, NanAndInfinityAreErrorsThatNameTheRow) {
  OutputCollector collector;
  ASSERT_TRUE(collector.Append(data::Array::Of<float>({2, 2}, {1, 2, 3, 4})).ok());
  const Status nan = collector.Append(data::Array::Of<float>({1, 2}, {5, NAN}));
  EXPECT_EQ(nan.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(nan), HasSubstr("row 2, element 1"));
  // 1e300 is finite, but not as the float that the matrix holds.
  EXPECT_FALSE(OutputCollector().Append(data::Array::Of<double>({1, 1}, {1e300})).ok());
  EXPECT_FALSE(OutputCollector().Append(data::Array::Of<float>({1, 1}, {INFINITY})).ok());
}

TEST(PredictedClass, FirstIndexWinsTies) {
  const Outputs outputs = Matrix(3, {1, 5, 5, 2, 2, 2});
  const Reading reading = ReadOutputs(outputs, true);
  EXPECT_EQ(PredictedClass(reading, outputs.Row(0)), 1);
  EXPECT_EQ(PredictedClass(reading, outputs.Row(1)), 0);
  EXPECT_TRUE(InTopK(reading, outputs.Row(0), 2, 2));
  EXPECT_FALSE(InTopK(reading, outputs.Row(1), 2, 2));  // a constant row does not hit by luck
}

TEST(ReadOutputs, OneOutputIsAProbabilityOrALogit) {
  const Outputs probability = Matrix(1, {0.1f, 0.5f, 0.9f});
  const Outputs logit = Matrix(1, {-3, 0, 2});
  const Reading as_probability = ReadOutputs(probability, true),
                as_logit = ReadOutputs(logit, true);
  EXPECT_EQ(as_probability.kind, OutputKind::kBinary);
  EXPECT_EQ(as_probability.threshold, 0.5f);
  EXPECT_EQ(as_logit.threshold, 0.0f);
  EXPECT_EQ(PredictedClass(as_probability, probability.Row(1)), 0);
  EXPECT_EQ(PredictedClass(as_probability, probability.Row(2)), 1);
  EXPECT_EQ(PredictedClass(as_logit, logit.Row(2)), 1);
  EXPECT_EQ(ReadOutputs(logit, false).kind, OutputKind::kNumbers);
}

TEST(ReadOutputs, MapsOfScoresAreNotClasses) {
  OutputCollector flat, map;
  ASSERT_TRUE(flat.Append(data::Array::Of<float>({1, 4, 1, 1}, {1, 2, 3, 4})).ok());
  ASSERT_TRUE(map.Append(data::Array::Of<float>({1, 2, 2}, {1, 2, 3, 4})).ok());
  EXPECT_EQ(ReadOutputs(flat.Take(), true).kind, OutputKind::kClasses);
  EXPECT_EQ(ReadOutputs(map.Take(), true).kind, OutputKind::kNumbers);
}

TEST(ClassScores, TwoClassesAreADifferenceManyAreAgainstTheRest) {
  const Outputs two = Matrix(2, {1, 4, 3, 2});
  EXPECT_EQ(ClassScores(ReadOutputs(two, true), two, 1), (std::vector<double>{3, -1}));
  EXPECT_EQ(ClassScores(ReadOutputs(two, true), two, 0), (std::vector<double>{-3, 1}));
  // Logits: adding a constant to a row must not move it among the others.
  const Outputs logits = Matrix(3, {1, 2, 3, 101, 102, 103});
  const std::vector<double> scores = ClassScores(ReadOutputs(logits, true), logits, 2);
  EXPECT_NEAR(scores[0], 3 - std::log(std::exp(1) + std::exp(2)), 1e-12);
  EXPECT_NEAR(scores[0], scores[1], 1e-12);
  // Probabilities are their own score.
  const Outputs softmax = Matrix(3, {0.25f, 0.25f, 0.5f});
  EXPECT_EQ(ClassScores(ReadOutputs(softmax, true), softmax, 2), (std::vector<double>{0.5}));
}

}  // namespace
}  // namespace assize::eval
