// Three outcomes, sample sizes, and the refusal of counts that cannot be.
#include "lib/eval/criteria.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "lib/eval/intervals.h"

namespace assize::eval {
namespace {

using ::testing::HasSubstr;

Criterion Make(Metric metric, Comparator comparator, double threshold, int64_t class_index = -1) {
  Criterion criterion;
  criterion.metric = metric;
  criterion.comparator = comparator;
  criterion.threshold = threshold;
  criterion.class_index = class_index;
  criterion.against_source = comparator == Comparator::kMaxDrop || metric == Metric::kFlipRate ||
                             metric == Metric::kLogitNoise;
  criterion.id = MakeCriterionId(criterion);
  return criterion;
}

Counts Share(int64_t k, int64_t n) {
  Counts counts;
  counts.k = k;
  counts.n = n;
  return counts;
}

Counts Pairs(int64_t b, int64_t c, int64_t n) {
  Counts counts;
  counts.kind = Counts::Kind::kPaired;
  counts.b = b;
  counts.c = c;
  counts.n = n;
  return counts;
}

Outcome OutcomeOf(const Criterion& criterion, const Counts& counts) {
  const StatusOr<Verdict> verdict = Decide(criterion, counts);
  EXPECT_TRUE(verdict.ok()) << verdict.status();
  return verdict.ok() ? verdict->outcome : Outcome::kUndecided;
}

TEST(Decide, TheBoundDecidesNotTheEstimate) {
  const Criterion at_least = Make(Metric::kSensitivity, Comparator::kAtLeast, 0.95, 1);
  EXPECT_EQ(OutcomeOf(at_least, Share(390, 390)), Outcome::kPassed);
  EXPECT_EQ(OutcomeOf(at_least, Share(72, 75)), Outcome::kUndecided);  // 96 %, but from 75
  EXPECT_EQ(OutcomeOf(at_least, Share(58, 58)), Outcome::kUndecided);
  EXPECT_EQ(OutcomeOf(at_least, Share(59, 59)), Outcome::kPassed);
  EXPECT_EQ(OutcomeOf(at_least, Share(111, 234)), Outcome::kFailed);
  const Criterion flips = Make(Metric::kFlipRate, Comparator::kAtMost, 0.03);
  EXPECT_EQ(OutcomeOf(flips, Share(2, 624)), Outcome::kPassed);
  EXPECT_EQ(OutcomeOf(flips, Share(15, 624)), Outcome::kUndecided);
  EXPECT_EQ(OutcomeOf(flips, Share(60, 624)), Outcome::kFailed);
}

TEST(Decide, PairedDrops) {
  const Criterion drop = Make(Metric::kTop1, Comparator::kMaxDrop, 0.01);
  EXPECT_EQ(OutcomeOf(drop, Pairs(25, 25, 9700)), Outcome::kPassed);
  EXPECT_EQ(OutcomeOf(drop, Pairs(621, 0, 9700)), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(drop, Pairs(0, 0, 267)), Outcome::kUndecided);
  EXPECT_EQ(OutcomeOf(drop, Pairs(0, 0, 268)), Outcome::kPassed);
  // A gate that looked at estimates would pass this: a drop of zero.
  EXPECT_EQ(OutcomeOf(drop, Pairs(3, 3, 400)), Outcome::kUndecided);
}

TEST(Decide, UndecidedSaysHowManySamples) {
  const Verdict verdict =
      *Decide(Make(Metric::kTop1, Comparator::kMaxDrop, 0.01), Pairs(3, 3, 400));
  EXPECT_GT(verdict.needed_samples, 400);
  EXPECT_THAT(verdict.text,
              HasSubstr(fmt::format("{} samples would decide", verdict.needed_samples)));
  // It is the smallest: the bound crosses exactly there.
  const double rate = 3.0 / 400;
  const double n = static_cast<double>(verdict.needed_samples);
  EXPECT_LE(TangoDrop(rate * n, rate * n, n, 0.95).upper, 0.01);
  EXPECT_GT(TangoDrop(rate * (n - 1), rate * (n - 1), n - 1, 0.95).upper, 0.01);
}

TEST(Decide, EstimateOnTheThresholdNeverDecides) {
  const Verdict verdict = *Decide(Make(Metric::kTop1, Comparator::kAtLeast, 0.75), Share(75, 100));
  EXPECT_EQ(verdict.outcome, Outcome::kUndecided);
  EXPECT_EQ(verdict.needed_samples, 0);
}

TEST(Decide, PolicyFloorOnSamples) {
  Criterion criterion = Make(Metric::kTop1, Comparator::kAtLeast, 0.5);
  criterion.min_samples = 1000;
  const Verdict verdict = *Decide(criterion, Share(390, 390));
  EXPECT_EQ(verdict.outcome, Outcome::kUndecided);
  EXPECT_EQ(verdict.needed_samples, 1000);
  EXPECT_EQ(OutcomeOf(criterion, Share(10, 390)), Outcome::kFailed);
}

TEST(Decide, ClustersWidenTheBound) {
  Counts counts = Share(390, 390);
  const Criterion criterion = Make(Metric::kTop1, Comparator::kAtLeast, 0.99);
  EXPECT_EQ(OutcomeOf(criterion, counts), Outcome::kPassed);
  counts.design_effect = 4;  // as good as 97.5 independent samples
  const Verdict verdict = *Decide(criterion, counts);
  EXPECT_EQ(verdict.outcome, Outcome::kUndecided);
  EXPECT_NEAR(verdict.lower, std::pow(0.05, 1 / 97.5), 1e-12);
}

TEST(Decide, Areas) {
  Counts counts;
  counts.kind = Counts::Kind::kArea;
  counts.n = 624;
  counts.positives = 390;
  counts.negatives = 234;
  counts.estimate = 0.9640259;
  counts.standard_error = 0.0069258;
  EXPECT_EQ(OutcomeOf(Make(Metric::kAuc, Comparator::kAtLeast, 0.95, 1), counts), Outcome::kPassed);
  EXPECT_EQ(OutcomeOf(Make(Metric::kAuc, Comparator::kAtLeast, 0.96, 1), counts),
            Outcome::kUndecided);
  EXPECT_EQ(OutcomeOf(Make(Metric::kAuc, Comparator::kAtLeast, 0.98, 1), counts), Outcome::kFailed);
  counts.standard_error = 0;
  counts.estimate = 1;
  // A perfect ranking of 11 and 613 proves little.
  counts.positives = 11;
  counts.negatives = 613;
  EXPECT_EQ(OutcomeOf(Make(Metric::kAuc, Comparator::kAtLeast, 0.95, 1), counts),
            Outcome::kUndecided);
}

TEST(Decide, ForgedCountsAreRefused) {
  const Criterion top1 = Make(Metric::kTop1, Comparator::kAtLeast, 0.9);
  const Criterion drop = Make(Metric::kTop1, Comparator::kMaxDrop, 0.01);
  const Criterion rmse = Make(Metric::kRmse, Comparator::kAtMost, 2);
  const auto refused = [](const Criterion& criterion, const Counts& counts) {
    return Decide(criterion, counts).status().code() == StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused(top1, Share(201, 200)));
  EXPECT_TRUE(refused(top1, Share(-1, 200)));
  EXPECT_TRUE(refused(top1, Share(0, 0)));
  EXPECT_TRUE(refused(top1, Pairs(0, 0, 200)));  // counts of another kind
  EXPECT_TRUE(refused(drop, Pairs(150, 100, 200)));
  Counts shrunk = Share(150, 200);
  shrunk.design_effect = 0.1;  // would multiply the samples by ten
  EXPECT_TRUE(refused(top1, shrunk));
  Counts withheld;
  withheld.kind = Counts::Kind::kWithheld;
  EXPECT_TRUE(refused(top1, withheld));  // the whole set cannot be too small a class
  Counts bootstrap;
  bootstrap.kind = Counts::Kind::kBootstrap;
  bootstrap.n = 100;
  bootstrap.estimate = 1;
  bootstrap.lower = 0.9;
  bootstrap.upper = 1.1;
  bootstrap.confidence = 0.95;
  EXPECT_EQ(OutcomeOf(rmse, bootstrap), Outcome::kPassed);
  bootstrap.confidence = 0.5;  // bounds made at a laxer confidence than asked
  EXPECT_TRUE(refused(rmse, bootstrap));
  bootstrap.confidence = 0.95;
  bootstrap.estimate = NAN;
  EXPECT_TRUE(refused(rmse, bootstrap));
}

TEST(CheckCriterion, RefusesWhatCannotBeDecided) {
  const auto refused = [](const Criterion& criterion) {
    return CheckCriterion(criterion).code() == StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused(Make(Metric::kTop1, Comparator::kAtLeast, 1.0)));
  EXPECT_TRUE(refused(Make(Metric::kTop1, Comparator::kAtLeast, 95)));  // percent by mistake
  EXPECT_TRUE(refused(Make(Metric::kSensitivity, Comparator::kAtLeast, 0.9)));  // of which class?
  EXPECT_TRUE(refused(Make(Metric::kTop1, Comparator::kAtLeast, 0.9, 1)));
  EXPECT_TRUE(refused(Make(Metric::kFlipRate, Comparator::kMaxDrop, 0.1)));
  EXPECT_TRUE(refused(Make(Metric::kTop1, Comparator::kAtLeast, NAN)));
  Criterion certain = Make(Metric::kTop1, Comparator::kAtLeast, 0.9);
  certain.confidence = 1;
  EXPECT_TRUE(refused(certain));
  Criterion alone = Make(Metric::kTop1, Comparator::kMaxDrop, 0.01);
  alone.against_source = false;
  EXPECT_TRUE(refused(alone));
}

TEST(MinimumSamples, KnownNumbers) {
  EXPECT_EQ(MinimumSamples(Make(Metric::kTop1, Comparator::kMaxDrop, 0.01)).samples, 268);
  EXPECT_EQ(MinimumSamples(Make(Metric::kTop1, Comparator::kAtLeast, 0.95)).samples, 59);
  EXPECT_EQ(MinimumSamples(Make(Metric::kFlipRate, Comparator::kAtMost, 0.03)).samples, 99);
  const SampleNeed need = MinimumSamples(Make(Metric::kSensitivity, Comparator::kAtLeast, 0.95, 1));
  EXPECT_EQ(need.samples, 59);
  EXPECT_EQ(need.of, "samples of class 1");
  EXPECT_EQ(MinimumSamples(Make(Metric::kRmse, Comparator::kAtMost, 2)).samples, 0);
}

TEST(MinimumSamples, IsWhereAPerfectOutcomeStartsToPass) {
  for (const double t : {0.5, 0.8, 0.9, 0.99, 0.999}) {
    const Criterion criterion = Make(Metric::kTop1, Comparator::kAtLeast, t);
    const int64_t n = MinimumSamples(criterion).samples;
    EXPECT_EQ(OutcomeOf(criterion, Share(n, n)), Outcome::kPassed) << t;
    ASSERT_GT(n, 1);
    EXPECT_NE(OutcomeOf(criterion, Share(n - 1, n - 1)), Outcome::kPassed) << t;
  }
}

TEST(Overall, OnlyAllPassedPasses) {
  Verdict passed, failed, undecided;
  passed.outcome = Outcome::kPassed;
  failed.outcome = Outcome::kFailed;
  EXPECT_EQ(Overall({passed, passed}), Outcome::kPassed);
  EXPECT_EQ(Overall({passed, undecided}), Outcome::kUndecided);
  EXPECT_EQ(Overall({undecided, failed, passed}), Outcome::kFailed);
  EXPECT_EQ(Overall({}), Outcome::kUndecided);
}

TEST(Json, CriteriaAndCountsRoundTrip) {
  Criterion topk = Make(Metric::kTopK, Comparator::kAtLeast, 0.9);
  topk.k = 5;
  topk.id = "top five";
  topk.min_samples = 300;
  for (const Criterion& criterion :
       {topk, Make(Metric::kSensitivity, Comparator::kAtLeast, 0.95, 1),
        Make(Metric::kTop1, Comparator::kMaxDrop, 0.1),
        Make(Metric::kFlipRate, Comparator::kAtMost, 0.03)}) {
    const Json json = ToJson(criterion);
    EXPECT_EQ(ToJson(*CriterionFromJson(json, "")), json);
  }
  Counts pairs = Pairs(3, 4, 400);
  pairs.design_effect = 1.25;
  pairs.model_value = 0.1 + 0.2;
  Counts bootstrap;
  bootstrap.kind = Counts::Kind::kBootstrap;
  bootstrap.n = 5;
  bootstrap.seed = UINT64_MAX;
  bootstrap.confidence = 0.95;
  for (const Counts& counts : {Share(3, 4), pairs, bootstrap}) {
    const Json json = ToJson(counts);
    EXPECT_EQ(ToJson(*CountsFromJson(json, "")), json);
  }
  Json extra = ToJson(Share(3, 4));
  extra["row"] = 17;  // a closed schema: nothing may ride along
  EXPECT_FALSE(CountsFromJson(extra, "").ok());
}

TEST(ParseMetric, NamesAndNeighbours) {
  EXPECT_EQ(*ParseMetric("top5"), Metric::kTopK);
  EXPECT_EQ(*TopKOf("top5"), 5);
  EXPECT_FALSE(TopKOf("top1").has_value());
  EXPECT_THAT(Message(ParseMetric("sensitvity").status()),
              HasSubstr("did you mean \"sensitivity\""));
}

}  // namespace
}  // namespace assize::eval
