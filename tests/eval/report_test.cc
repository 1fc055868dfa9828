// The report: what it shows, what it hides, and that changed numbers contradict each other.
#include "lib/eval/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "lib/support/random.h"

namespace assize::eval {
namespace {

using ::testing::HasSubstr;

// n rows of `classes` classes; the model is right on most, the source on a few more.
Observations Random(int64_t n, int64_t classes, const std::function<int64_t(int64_t)>& label) {
  Observations observations;
  Philox random(5);
  Outputs source;
  for (int64_t i = 0; i < n; ++i) {
    observations.labels.push_back(label(i));
    for (int64_t c = 0; c < classes; ++c) {
      const float signal = c == label(i) ? 2.5f : 0.0f;
      const float value = signal + static_cast<float>(random.NextNormal());
      source.values.push_back(value);
      observations.model.values.push_back(value + 0.2f * static_cast<float>(random.NextNormal()));
    }
  }
  observations.model.rows = source.rows = n;
  observations.model.width = source.width = classes;
  observations.source = source;
  return observations;
}

std::vector<Criterion> Criteria() {
  std::vector<Criterion> criteria(3);
  criteria[0].metric = Metric::kTop1;
  criteria[0].comparator = Comparator::kMaxDrop;
  criteria[0].threshold = 0.05;
  criteria[0].against_source = true;
  criteria[1].metric = Metric::kFlipRate;
  criteria[1].comparator = Comparator::kAtMost;
  criteria[1].threshold = 0.5;
  criteria[1].against_source = true;
  criteria[2].metric = Metric::kSensitivity;
  criteria[2].class_index = 1;
  criteria[2].threshold = 0.6;
  return criteria;
}

TEST(Evaluate, FillsTheTableAndRoundTrips) {
  const Observations observations = Random(400, 3, [](int64_t i) { return i % 3; });
  const Report report = *Evaluate(Criteria(), observations);
  EXPECT_EQ(report.n, 400);
  ASSERT_TRUE(report.top1 && report.source_top1 && report.flips && report.drop);
  EXPECT_EQ(report.source_top1->k - report.top1->k, report.right_to_wrong - report.wrong_to_right);
  EXPECT_EQ(report.slices.size(), 3u);
  EXPECT_EQ(report.slices_not_shown, 0);
  EXPECT_EQ(report.criteria[0].criterion.id, "top1 max_drop 0.05");
  EXPECT_EQ(report.outcome, Outcome::kPassed);
  EXPECT_TRUE(Recheck(report).ok()) << Recheck(report);
  const Json json = report.ToJson();
  const StatusOr<Report> again = Report::FromJson(json);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(DumpJson(again->ToJson()), DumpJson(json));
  EXPECT_TRUE(Recheck(*again).ok()) << Recheck(*again);
}

TEST(Evaluate, SmallSlicesAreHiddenAndCannotBeSubtracted) {
  // Class 3 has 5 rows; class 2, the next smallest, must go with it, or the total would give class
  // 3 away.
  const Observations observations = Random(300, 4, [](int64_t i) -> int64_t {
    return i < 5 ? 3 : i < 45 ? 2 : i % 2;
  });
  const Report report = *Evaluate({}, observations);
  ASSERT_EQ(report.slices.size(), 2u);
  EXPECT_EQ(report.slices[0].class_index, 0);
  EXPECT_EQ(report.slices[1].class_index, 1);
  EXPECT_EQ(report.slices_not_shown, 2);
  EXPECT_EQ(report.outcome, Outcome::kUndecided);
}

TEST(Evaluate, RegressionHasNoClasses) {
  Observations observations;
  observations.model.rows = 60;
  observations.model.width = 2;
  std::vector<float> targets;
  for (int i = 0; i < 120; ++i) {
    targets.push_back(static_cast<float>(i % 7));
    observations.model.values.push_back(static_cast<float>(i % 7) + 0.5f);
  }
  observations.targets = data::Array::Of<float>({60, 2}, targets);
  const Report report = *Evaluate({}, observations);
  EXPECT_EQ(report.kind, OutputKind::kNumbers);
  EXPECT_FALSE(report.top1.has_value());
  EXPECT_NEAR(*report.rmse, 0.5, 1e-6);
}

TEST(Evaluate, TwoCriteriaOfOneNameAreRefused) {
  std::vector<Criterion> criteria = Criteria();
  criteria[1] = criteria[0];
  EXPECT_EQ(Evaluate(criteria, Random(100, 3, [](int64_t i) { return i % 3; })).status().code(),
            StatusCode::kInvalidArgument);
}

// Each forgery changes one thing in the JSON; the gate's recheck must notice.
TEST(Recheck, ForgedReportsAreRefused) {
  const Report honest = *Evaluate(Criteria(), Random(400, 3, [](int64_t i) { return i % 3; }));
  const auto refused = [&](const std::function<void(Json&)>& forge) {
    Json json = honest.ToJson();
    forge(json);
    const StatusOr<Report> report = Report::FromJson(json);
    return !report.ok() || !Recheck(*report).ok();
  };
  EXPECT_FALSE(refused([](Json&) {}));
  EXPECT_TRUE(refused([](Json& json) { json["criteria"][2]["outcome"] = "FAILED"; }));
  EXPECT_TRUE(refused([](Json& json) { json["outcome"] = "UNDECIDED"; }));
  EXPECT_TRUE(refused([](Json& json) { json["criteria"][1]["upper"] = 0.001; }));
  EXPECT_TRUE(refused([](Json& json) { json["criteria"][1]["counts"]["k"] = 0; }));
  EXPECT_TRUE(refused([](Json& json) { json["flips"]["k"] = 0; }));
  EXPECT_TRUE(refused([](Json& json) { json["top1"]["k"] = 400; }));
  EXPECT_TRUE(refused([](Json& json) { json["n"] = 40000; }));
  EXPECT_TRUE(refused([](Json& json) { json["drop"]["right_to_wrong"] = 0; }));
  EXPECT_TRUE(refused([](Json& json) { json["patient"] = "M. Mustermann"; }));
  EXPECT_TRUE(refused([](Json& json) { json["slices"][0]["recall"]["n"] = 5; }));
  EXPECT_TRUE(refused([](Json& json) { json["criteria"][2]["criterion"]["confidence"] = 0.5; }));
  // A threshold that was lowered does not contradict the counts: the gate compares criteria with
  // its policy's own.
  EXPECT_TRUE(refused([](Json& json) { json["top1"]["design_effect"] = 0.5; }));
}

}  // namespace
}  // namespace assize::eval
