// Building a report and checking it again. Its JSON is in report_json.cc. Tests:
// tests/eval/report_test.cc.
#include "lib/eval/report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "lib/eval/intervals.h"

namespace assize::eval {
namespace {

Criterion Plain(Metric metric, Comparator comparator, bool against_source, double threshold) {
  Criterion criterion;
  criterion.metric = metric;
  criterion.comparator = comparator;
  criterion.against_source = against_source;
  criterion.threshold = threshold;
  return criterion;
}

Proportion FromCounts(const Counts& counts, double confidence) {
  Proportion proportion;
  proportion.k = counts.k;
  proportion.n = counts.n;
  proportion.design_effect = counts.design_effect;
  const Bounds bounds =
      ClopperPearson(static_cast<double>(counts.k) / counts.design_effect,
                     static_cast<double>(counts.n) / counts.design_effect, confidence);
  proportion.lower = bounds.lower;
  proportion.upper = bounds.upper;
  return proportion;
}

// The source judged as if it were the model.
Observations SourceAlone(const Observations& observations) {
  Observations alone = observations;
  alone.model = *observations.source;
  alone.source.reset();
  alone.reading = ReadingOf(observations);
  return alone;
}

// Classes in order; those below kSmallestSlice rows are not shown, nor is the next smallest one
// when subtracting the shown from the total would give fewer than that away.
Status FillSlices(const Observations& observations, const Reading& reading, Report& report) {
  std::vector<int64_t> n(static_cast<size_t>(reading.classes)), right = n, source_right = n;
  std::vector<std::set<int64_t>> people(n.size());  // rows, or clusters where they are declared
  for (int64_t row = 0; row < observations.model.rows; ++row) {
    const int64_t label = observations.labels[static_cast<size_t>(row)];
    const size_t c = static_cast<size_t>(label);
    ++n[c];
    people[c].insert(observations.groups.empty() ? row
                                                 : observations.groups[static_cast<size_t>(row)]);
    right[c] += PredictedClass(reading, observations.model.Row(row)) == label;
    if (observations.source) {
      source_right[c] += PredictedClass(reading, observations.source->Row(row)) == label;
    }
  }
  std::set<std::pair<int64_t, size_t>> shown;  // by size, then class
  int64_t hidden = 0;
  for (size_t c = 0; c < n.size(); ++c) {
    const int64_t size = static_cast<int64_t>(people[c].size());
    if (size == 0) continue;
    if (size >= kSmallestSlice) {
      shown.emplace(size, c);
    } else {
      hidden += size;
      ++report.slices_not_shown;
    }
  }
  while (hidden > 0 && hidden < kSmallestSlice && !shown.empty()) {
    hidden += shown.begin()->first;
    ++report.slices_not_shown;
    shown.erase(shown.begin());
  }
  for (const auto& [size, c] : shown) {
    ClassSlice slice;
    slice.class_index = static_cast<int64_t>(c);
    slice.model = MakeProportion(right[c], n[c], report.confidence);
    if (observations.source) {
      slice.source = MakeProportion(source_right[c], n[c], report.confidence);
    }
    if (!observations.groups.empty()) {  // bounds that know of the clusters
      Criterion recall = Plain(Metric::kRecall, Comparator::kAtLeast, false, 0);
      recall.class_index = slice.class_index;
      AZ_ASSIGN_OR_RETURN(const Counts counts, Measure(recall, observations));
      slice.model = FromCounts(counts, report.confidence);
      if (observations.source) {
        AZ_ASSIGN_OR_RETURN(const Counts before, Measure(recall, SourceAlone(observations)));
        slice.source = FromCounts(before, report.confidence);
      }
    }
    report.slices.push_back(slice);
  }
  std::sort(report.slices.begin(), report.slices.end(),
            [](const auto& a, const auto& b) { return a.class_index < b.class_index; });
  return OkStatus();
}

Status FillClasses(const Observations& observations, const Reading& reading, Report& report) {
  if (observations.source) {
    AZ_ASSIGN_OR_RETURN(
        const Counts flips,
        Measure(Plain(Metric::kFlipRate, Comparator::kAtMost, true, 1), observations));
    report.flips = FromCounts(flips, report.confidence);
  }
  if (observations.labels.empty()) return OkStatus();
  AZ_ASSIGN_OR_RETURN(const Counts top1,
                      Measure(Plain(Metric::kTop1, Comparator::kAtLeast, false, 0), observations));
  report.top1 = FromCounts(top1, report.confidence);
  AZ_RETURN_IF_ERROR(FillSlices(observations, reading, report));
  const bool two_classes = reading.classes == 2;
  if (two_classes) {
    Criterion area = Plain(Metric::kAuc, Comparator::kAtLeast, false, 0);
    area.class_index = 1;
    AZ_ASSIGN_OR_RETURN(const Counts counts, Measure(area, observations));
    report.auc = counts.model_value;
    report.source_auc = counts.source_value;
  }
  if (!observations.source) return OkStatus();
  AZ_ASSIGN_OR_RETURN(
      const Counts before,
      Measure(Plain(Metric::kTop1, Comparator::kAtLeast, false, 0), SourceAlone(observations)));
  report.source_top1 = FromCounts(before, report.confidence);
  const Criterion drop = Plain(Metric::kTop1, Comparator::kMaxDrop, true, 0.5);
  AZ_ASSIGN_OR_RETURN(const Counts pairs, Measure(drop, observations));
  AZ_ASSIGN_OR_RETURN(const Verdict verdict, Decide(drop, pairs));
  report.right_to_wrong = pairs.b;
  report.wrong_to_right = pairs.c;
  report.drop_design_effect = pairs.design_effect;
  report.drop = verdict.estimate;
  report.drop_lower = verdict.lower;
  report.drop_upper = verdict.upper;
  return OkStatus();
}

double RootMeanSquare(const Outputs& outputs, const data::Array& targets) {
  const std::span<const float> wanted = targets.As<float>();
  double sum = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double error = static_cast<double>(outputs.values[i]) - static_cast<double>(wanted[i]);
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(wanted.size()));
}

void FillNumbers(const Observations& observations, Report& report) {
  if (observations.targets) {
    report.rmse = RootMeanSquare(observations.model, *observations.targets);
    if (observations.source) {
      report.source_rmse = RootMeanSquare(*observations.source, *observations.targets);
    }
  }
  if (observations.source) {
    double noise = 0, signal = 0;
    for (size_t i = 0; i < observations.model.values.size(); ++i) {
      const double before = observations.source->values[i];
      const double difference = static_cast<double>(observations.model.values[i]) - before;
      noise += difference * difference;
      signal += before * before;
    }
    if (signal > 0) report.logit_noise = std::sqrt(noise / signal);
  }
}

bool Near(double a, double b) { return std::abs(a - b) <= 1e-9; }

Status RecheckProportion(const char* what, const std::optional<Proportion>& stored, int64_t n,
                         double confidence) {
  if (!stored) return OkStatus();
  if (stored->n < 1 || stored->n > n || stored->k < 0 || stored->k > stored->n ||
      !(stored->design_effect >= 1 && stored->design_effect <= static_cast<double>(stored->n))) {
    return InvalidArgument("{}: {} of {} is impossible with {} samples", what, stored->k, stored->n,
                           n);
  }
  const double scale = 1 / stored->design_effect;
  const Bounds bounds = ClopperPearson(static_cast<double>(stored->k) * scale,
                                       static_cast<double>(stored->n) * scale, confidence);
  if (!Near(bounds.lower, stored->lower) || !Near(bounds.upper, stored->upper)) {
    return InvalidArgument("{}: stored bounds [{}, {}], the counts give [{}, {}]", what,
                           stored->lower, stored->upper, bounds.lower, bounds.upper);
  }
  return OkStatus();
}

// The same thing counted twice must be the same number.
Status RecheckAgainstTable(const Report& report, const Judged& judged) {
  const Counts& counts = judged.verdict.counts;
  const auto differs = [&](const char* what, int64_t table) {
    return InvalidArgument("criterion \"{}\": {} is not the table's {}", judged.criterion.id, what,
                           table);
  };
  if (counts.kind == Counts::Kind::kWithheld) return OkStatus();
  if (judged.criterion.class_index >= 0 && judged.criterion.metric != Metric::kAuc) {
    if (counts.n > report.n) return differs("n", report.n);
  } else if (counts.n != report.n) {
    return differs("n", report.n);
  }
  if (judged.criterion.metric == Metric::kTop1) {
    if (counts.kind == Counts::Kind::kProportion && report.top1 && counts.k != report.top1->k) {
      return differs("the number of right answers", report.top1->k);
    }
    if (counts.kind == Counts::Kind::kPaired && report.drop &&
        (counts.b != report.right_to_wrong || counts.c != report.wrong_to_right)) {
      return differs("right to wrong", report.right_to_wrong);
    }
  }
  if (judged.criterion.metric == Metric::kFlipRate && report.flips && counts.k != report.flips->k) {
    return differs("the number of flips", report.flips->k);
  }
  return OkStatus();
}

}  // namespace

Proportion MakeProportion(int64_t k, int64_t n, double confidence) {
  Counts counts;
  counts.k = k;
  counts.n = n;
  return FromCounts(counts, confidence);
}

StatusOr<Report> Evaluate(const std::vector<Criterion>& criteria, const Observations& observations,
                          const MeasureOptions& options) {
  AZ_RETURN_IF_ERROR(CheckObservations(observations));
  const Reading reading = ReadingOf(observations);
  Report report;
  report.n = observations.model.rows;
  report.outputs = observations.model.width;
  report.kind = observations.targets ? OutputKind::kNumbers : reading.kind;
  report.threshold = reading.threshold;
  report.seed = options.seed;
  if (!observations.groups.empty()) {
    report.groups = static_cast<int64_t>(
        std::set<int64_t>(observations.groups.begin(), observations.groups.end()).size());
  }
  // With targets the outputs are numbers, however many there are per row.
  if (report.kind != OutputKind::kNumbers) {
    AZ_RETURN_IF_ERROR(FillClasses(observations, reading, report));
  }
  FillNumbers(observations, report);
  std::set<std::string> ids;
  std::vector<Verdict> verdicts;
  for (Criterion criterion : criteria) {
    if (criterion.id.empty()) criterion.id = MakeCriterionId(criterion);
    if (!ids.insert(criterion.id).second) {
      return InvalidArgument("two criteria are called \"{}\"", criterion.id);
    }
    AZ_ASSIGN_OR_RETURN(const Counts counts, Measure(criterion, observations, options));
    AZ_ASSIGN_OR_RETURN(Verdict verdict, Decide(criterion, counts));
    verdicts.push_back(verdict);
    report.criteria.push_back({std::move(criterion), std::move(verdict)});
  }
  report.outcome = Overall(verdicts);
  return report;
}

Status Recheck(const Report& report) {
  if (report.n < 1) return InvalidArgument("n is {}", report.n);
  if (!(report.confidence >= 0.5 && report.confidence < 1)) {
    return InvalidArgument("confidence is {}", report.confidence);
  }
  const auto table = [&](const char* what, const std::optional<Proportion>& stored) {
    return RecheckProportion(what, stored, report.n, report.confidence);
  };
  AZ_RETURN_IF_ERROR(table("top1", report.top1));
  AZ_RETURN_IF_ERROR(table("source top1", report.source_top1));
  AZ_RETURN_IF_ERROR(table("flips", report.flips));
  for (const auto* whole : {&report.top1, &report.source_top1, &report.flips}) {
    if (*whole && (*whole)->n != report.n) {
      return InvalidArgument("a count of the whole set has n {}, the report {}", (*whole)->n,
                             report.n);
    }
  }
  for (const ClassSlice& slice : report.slices) {
    const std::string what = fmt::format("class {}", slice.class_index);
    AZ_RETURN_IF_ERROR(table(what.c_str(), slice.model));
    AZ_RETURN_IF_ERROR(table(what.c_str(), slice.source));
    if (slice.model.n < kSmallestSlice) {
      return InvalidArgument("{}: a slice of {} samples is shown", what, slice.model.n);
    }
  }
  if (report.drop) {
    if (report.right_to_wrong < 0 || report.wrong_to_right < 0 ||
        report.right_to_wrong > report.n ||
        report.wrong_to_right > report.n - report.right_to_wrong ||
        !(report.drop_design_effect >= 1 &&
          report.drop_design_effect <= static_cast<double>(report.n))) {
      return InvalidArgument("{} right to wrong and {} wrong to right of {}", report.right_to_wrong,
                             report.wrong_to_right, report.n);
    }
    const double scale = 1 / report.drop_design_effect;
    const double n = static_cast<double>(report.n);
    const Bounds bounds =
        TangoDrop(static_cast<double>(report.right_to_wrong) * scale,
                  static_cast<double>(report.wrong_to_right) * scale, n * scale, report.confidence);
    const double estimate = static_cast<double>(report.right_to_wrong - report.wrong_to_right) / n;
    if (!Near(estimate, *report.drop) || !report.drop_lower || !report.drop_upper ||
        !Near(bounds.lower, *report.drop_lower) || !Near(bounds.upper, *report.drop_upper)) {
      return InvalidArgument("drop: the counts give {} with bounds [{}, {}], not what is stored",
                             estimate, bounds.lower, bounds.upper);
    }
    if (report.top1 && report.source_top1 &&
        report.source_top1->k - report.top1->k != report.right_to_wrong - report.wrong_to_right) {
      return InvalidArgument("drop: {} right before and {} after differ by other than {} - {}",
                             report.source_top1->k, report.top1->k, report.right_to_wrong,
                             report.wrong_to_right);
    }
  }
  std::vector<Verdict> verdicts;
  for (const Judged& judged : report.criteria) {
    AZ_ASSIGN_OR_RETURN(const Verdict again, Decide(judged.criterion, judged.verdict.counts));
    const Verdict& stored = judged.verdict;
    if (again.outcome != stored.outcome) {
      return InvalidArgument("criterion \"{}\": stored as {}, the counts say {}",
                             judged.criterion.id, OutcomeName(stored.outcome),
                             OutcomeName(again.outcome));
    }
    if (again.n != stored.n || !Near(again.estimate, stored.estimate) ||
        !Near(again.lower, stored.lower) || !Near(again.upper, stored.upper)) {
      return InvalidArgument(
          "criterion \"{}\": stored estimate {} with bounds [{}, {}], the counts give {} with "
          "[{}, {}]",
          judged.criterion.id, stored.estimate, stored.lower, stored.upper, again.estimate,
          again.lower, again.upper);
    }
    AZ_RETURN_IF_ERROR(RecheckAgainstTable(report, judged));
    verdicts.push_back(again);
  }
  if (Overall(verdicts) != report.outcome) {
    return InvalidArgument("the outcome is stored as {}, the criteria say {}",
                           OutcomeName(report.outcome), OutcomeName(Overall(verdicts)));
  }
  return OkStatus();
}

}  // namespace assize::eval
