// Counting by hand-sized examples; clusters; every way in which observations do not belong
// together.
#include "lib/eval/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "lib/support/random.h"

namespace assize::eval {
namespace {

using ::testing::HasSubstr;

// Outputs of `classes` numbers per row that predict the given classes.
Outputs Predicting(int64_t classes, const std::vector<int64_t>& predictions) {
  Outputs outputs;
  outputs.rows = static_cast<int64_t>(predictions.size());
  outputs.width = classes;
  for (const int64_t prediction : predictions) {
    for (int64_t c = 0; c < classes; ++c) outputs.values.push_back(c == prediction ? 2.0f : -1.0f);
  }
  return outputs;
}

Criterion Measured(Metric metric, Comparator comparator, int64_t class_index = -1) {
  Criterion criterion;
  criterion.metric = metric;
  criterion.comparator = comparator;
  criterion.class_index = class_index;
  criterion.threshold = 0.5;
  criterion.against_source = comparator == Comparator::kMaxDrop || metric == Metric::kFlipRate ||
                             metric == Metric::kLogitNoise;
  criterion.id = MakeCriterionId(criterion);
  return criterion;
}

std::vector<int64_t> Repeat(std::initializer_list<std::pair<int, int64_t>> runs) {
  std::vector<int64_t> values;
  for (const auto& [count, value] : runs)
    values.insert(values.end(), static_cast<size_t>(count), value);
  return values;
}

// 30 rows: 12 of class 1 (9 found, 10 by the source), 18 of class 0 (15 right, 16 by the source).
Observations Example() {
  Observations observations;
  observations.labels = Repeat({{12, 1}, {18, 0}});
  observations.model = Predicting(2, Repeat({{9, 1}, {3, 0}, {15, 0}, {3, 1}}));
  observations.source = Predicting(2, Repeat({{8, 1}, {2, 0}, {2, 1}, {16, 0}, {2, 1}}));
  return observations;
}

TEST(Measure, CountsOfTheExample) {
  const Observations observations = Example();
  const Counts top1 = *Measure(Measured(Metric::kTop1, Comparator::kAtLeast), observations);
  EXPECT_EQ(top1.k, 24);
  EXPECT_EQ(top1.n, 30);
  EXPECT_NEAR(*top1.source_value, 26.0 / 30, 1e-15);
  const Counts sensitivity =
      *Measure(Measured(Metric::kSensitivity, Comparator::kAtLeast, 1), observations);
  EXPECT_EQ(sensitivity.k, 9);
  EXPECT_EQ(sensitivity.n, 12);
  const Counts specificity =
      *Measure(Measured(Metric::kSpecificity, Comparator::kAtLeast, 1), observations);
  EXPECT_EQ(specificity.k, 15);
  EXPECT_EQ(specificity.n, 18);
  // Model against source: rows 8 (found now), 10 and 11 (lost), 27 (a new false alarm).
  const Counts flips = *Measure(Measured(Metric::kFlipRate, Comparator::kAtMost), observations);
  EXPECT_EQ(flips.k, 4);
  const Counts drop = *Measure(Measured(Metric::kTop1, Comparator::kMaxDrop), observations);
  EXPECT_EQ(drop.b, 3);
  EXPECT_EQ(drop.c, 1);
  EXPECT_EQ(drop.n, 30);
  const Counts found =
      *Measure(Measured(Metric::kSensitivity, Comparator::kMaxDrop, 1), observations);
  EXPECT_EQ(found.b, 2);
  EXPECT_EQ(found.c, 1);
  EXPECT_EQ(found.n, 12);
}

TEST(Measure, SmallClassesAreWithheld) {
  Observations observations = Example();
  observations.labels = Repeat({{10, 1}, {20, 0}});
  const Criterion criterion = Measured(Metric::kSensitivity, Comparator::kAtLeast, 1);
  const Counts counts = *Measure(criterion, observations);
  EXPECT_EQ(counts.kind, Counts::Kind::kWithheld);
  EXPECT_EQ(counts.n, 0);
  EXPECT_FALSE(counts.model_value.has_value());
  EXPECT_EQ(Decide(criterion, counts)->outcome, Outcome::kUndecided);
  EXPECT_EQ(Measure(Measured(Metric::kAuc, Comparator::kAtLeast, 1), observations)->kind,
            Counts::Kind::kWithheld);
  // Twelve rows of three people are three people.
  observations = Example();
  for (int64_t i = 0; i < 30; ++i) observations.groups.push_back(i < 12 ? i / 4 : i);
  EXPECT_EQ(Measure(criterion, observations)->kind, Counts::Kind::kWithheld);
}

TEST(Measure, ClustersCountAsWhatTheyAre) {
  // 40 people with 5 rows each, all five right or all five wrong: 200 rows are worth 40.
  Observations observations;
  std::vector<int64_t> predictions;
  for (int64_t person = 0; person < 40; ++person) {
    for (int i = 0; i < 5; ++i) {
      observations.groups.push_back(person);
      observations.labels.push_back(1);
      predictions.push_back(person % 4 == 0 ? 0 : 1);
    }
  }
  observations.model = Predicting(2, predictions);
  const Criterion criterion = Measured(Metric::kTop1, Comparator::kAtLeast);
  EXPECT_NEAR(Measure(criterion, observations)->design_effect, 5 * 40.0 / 39, 1e-9);
  // All right: nothing varies, and the worst is assumed.
  observations.model = Predicting(2, observations.labels);
  EXPECT_NEAR(Measure(criterion, observations)->design_effect, 5, 1e-12);
  // Every person half right: clusters no worse than independent rows.
  for (size_t i = 0; i < predictions.size(); ++i) predictions[i] = static_cast<int64_t>(i % 2);
  observations.groups = Repeat({});
  for (int64_t i = 0; i < 200; ++i) observations.groups.push_back(i / 4);
  observations.model = Predicting(2, predictions);
  EXPECT_EQ(Measure(criterion, observations)->design_effect, 1);
}

TEST(Measure, AreaAndItsDrop) {
  Observations observations;
  observations.labels = Repeat({{20, 1}, {20, 0}});
  Philox random(3);
  Outputs model, source;
  model.rows = source.rows = 40;
  model.width = source.width = 2;
  for (int i = 0; i < 40; ++i) {
    const float signal = i < 20 ? 1.0f : 0.0f;
    const float noise = static_cast<float>(random.NextNormal());
    source.values.insert(source.values.end(), {0, signal + noise});
    model.values.insert(model.values.end(),
                        {0, signal + noise + 0.5f * static_cast<float>(random.NextNormal())});
  }
  observations.model = model;
  observations.source = source;
  const Counts area = *Measure(Measured(Metric::kAuc, Comparator::kAtLeast, 1), observations);
  EXPECT_EQ(area.positives, 20);
  EXPECT_GT(area.estimate, 0.5);
  EXPECT_EQ(area.design_effect, 1);
  const Counts drop = *Measure(Measured(Metric::kAuc, Comparator::kMaxDrop, 1), observations);
  EXPECT_NEAR(drop.estimate, *drop.source_value - *drop.model_value, 1e-15);
  EXPECT_LT(drop.standard_error, area.standard_error);  // pairing helps
  // Each row its own cluster changes nothing; the clustered formula agrees with DeLong's within
  // G/(G-1).
  Observations twice = observations;
  for (int64_t i = 0; i < 40; ++i) twice.groups.push_back(i);
  EXPECT_EQ(Measure(Measured(Metric::kAuc, Comparator::kAtLeast, 1), twice)->standard_error,
            area.standard_error);
  // Every row twice in its cluster: the same error as once, where independence would claim
  // 1/sqrt(2) of it.
  Observations doubled;
  doubled.model.width = 2;
  for (size_t i = 0; i < 40; ++i) {
    for (int copy = 0; copy < 2; ++copy) {
      doubled.labels.push_back(observations.labels[i]);
      doubled.groups.push_back(static_cast<int64_t>(i));
      const auto row = observations.model.Row(static_cast<int64_t>(i));
      doubled.model.values.insert(doubled.model.values.end(), row.begin(), row.end());
    }
  }
  doubled.model.rows = 80;
  EXPECT_NEAR(Measure(Measured(Metric::kAuc, Comparator::kAtLeast, 1), doubled)->standard_error,
              area.standard_error, 0.03 * area.standard_error);
  // The same model twice: no drop, and no certainty either.
  observations.source = observations.model;
  const Criterion no_drop = Measured(Metric::kAuc, Comparator::kMaxDrop, 1);
  const Counts same = *Measure(no_drop, observations);
  EXPECT_EQ(same.standard_error, 0);
  EXPECT_GT(Decide(no_drop, same)->upper, 0.05);
}

TEST(Measure, NumbersAndNoise) {
  Observations observations;
  observations.model.rows = 50;
  observations.model.width = 1;
  std::vector<float> targets;
  Outputs source = observations.model;
  for (int i = 0; i < 50; ++i) {
    targets.push_back(static_cast<float>(i));
    source.values.push_back(static_cast<float>(i) + (i % 2 == 0 ? 1.0f : -1.0f));
    observations.model.values.push_back(static_cast<float>(i) + (i % 2 == 0 ? 3.0f : -3.0f));
  }
  observations.targets = data::Array::Of<float>({50, 1}, targets);
  observations.source = source;
  const Counts rmse = *Measure(Measured(Metric::kRmse, Comparator::kAtMost), observations);
  EXPECT_NEAR(rmse.estimate, 3, 1e-12);
  EXPECT_NEAR(*rmse.source_value, 1, 1e-12);
  const Counts rise = *Measure(Measured(Metric::kRmse, Comparator::kMaxDrop), observations);
  EXPECT_NEAR(rise.estimate, 2, 1e-12);
  EXPECT_GT(rise.estimate, 0);  // a rise of the error counts against the model
  const Counts noise = *Measure(Measured(Metric::kLogitNoise, Comparator::kAtMost), observations);
  double signal = 0;
  for (const float value : source.values) signal += static_cast<double>(value) * value;
  EXPECT_NEAR(noise.estimate, 2 / std::sqrt(signal / 50), 1e-12);
  EXPECT_LT(noise.lower, noise.estimate);
  EXPECT_GT(noise.upper, noise.estimate);
  EXPECT_EQ(noise.confidence, 0.95);
  const Status flips =
      Measure(Measured(Metric::kFlipRate, Comparator::kAtMost), observations).status();
  EXPECT_THAT(Message(flips), HasSubstr("needs classes"));
}

TEST(Measure, WhatDoesNotFitIsNamed) {
  Observations observations = Example();
  observations.labels.pop_back();
  EXPECT_THAT(Message(CheckObservations(observations)), HasSubstr("29 labels for 30 rows"));
  observations = Example();
  observations.labels[7] = 2;
  EXPECT_THAT(Message(CheckObservations(observations)), HasSubstr("label of row 7 is 2"));
  observations = Example();
  observations.model.values[5] = NAN;
  EXPECT_THAT(Message(CheckObservations(observations)), HasSubstr("row 2, element 1"));
  observations = Example();
  observations.source.reset();
  EXPECT_EQ(Measure(Measured(Metric::kFlipRate, Comparator::kAtMost), observations).status().code(),
            StatusCode::kFailedPrecondition);
  observations = Example();
  observations.labels.clear();
  EXPECT_EQ(Measure(Measured(Metric::kTop1, Comparator::kAtLeast), observations).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Measure(Measured(Metric::kFlipRate, Comparator::kAtMost), observations).ok());
  EXPECT_EQ(
      Measure(Measured(Metric::kSensitivity, Comparator::kAtLeast, 7), Example()).status().code(),
      StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace assize::eval
