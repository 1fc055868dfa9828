// Counting. Clusters (several rows of one person) widen every bound: proportions by a design effect
// (Rao and Scott 1992), areas by summing DeLong's components per cluster (Obuchowski 1997), the
// bootstrap by drawing clusters. Tests: tests/eval/metrics_test.cc.
#include "lib/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lib/data/dataset.h"
#include "lib/eval/intervals.h"

namespace assize::eval {
namespace {

// Dense numbers 0.. of the clusters of the given rows, and how many there are.
struct Clusters {
  std::vector<size_t> of;
  size_t count = 0;
};

Clusters ClustersOf(const Observations& observations, const std::vector<int64_t>& rows) {
  Clusters clusters;
  std::map<int64_t, size_t> number;
  for (const int64_t row : rows) {
    const int64_t group =
        observations.groups.empty() ? row : observations.groups[static_cast<size_t>(row)];
    clusters.of.push_back(number.emplace(group, number.size()).first->second);
  }
  clusters.count = number.size();
  return clusters;
}

// Variance of the mean of x over clusters, over its variance if rows were independent; 1 to n. When
// the rows do not vary, the worst that clustering can do: the mean cluster size seen from a row.
double DesignEffect(const std::vector<double>& x, const Clusters& clusters) {
  const double n = static_cast<double>(x.size());
  if (clusters.count == x.size()) return 1;
  std::vector<double> sums(clusters.count), sizes(clusters.count);
  double total = 0, squares = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sums[clusters.of[i]] += x[i];
    sizes[clusters.of[i]] += 1;
    total += x[i];
    squares += x[i] * x[i];
  }
  const double mean = total / n;
  const double independent = (squares / n - mean * mean) / n;
  double size_squares = 0, spread = 0;
  for (size_t g = 0; g < clusters.count; ++g) {
    size_squares += sizes[g] * sizes[g];
    spread += (sums[g] - mean * sizes[g]) * (sums[g] - mean * sizes[g]);
  }
  const double worst = size_squares / n;
  if (!(independent > 0) || clusters.count < 2) return std::clamp(worst, 1.0, n);
  const double groups = static_cast<double>(clusters.count);
  return std::clamp(groups / (groups - 1) * spread / (n * n) / independent, 1.0, n);
}

// Standard error of sum over rows of w, clusters as units: sqrt(G/(G-1) * sum of squared cluster
// sums).
double ClusteredError(const std::vector<double>& w, const Clusters& clusters) {
  std::vector<double> sums(clusters.count);
  for (size_t i = 0; i < w.size(); ++i) sums[clusters.of[i]] += w[i];
  double squares = 0;
  for (const double sum : sums) squares += sum * sum;
  const double groups = static_cast<double>(clusters.count);
  return clusters.count < 2 ? 1 : std::min(1.0, std::sqrt(groups / (groups - 1) * squares));
}

// What each row adds to the error of an area: (component - area) / number of its kind, in row
// order.
std::vector<double> Influence(const RocArea& roc, const std::vector<uint8_t>& positive) {
  std::vector<double> influence;
  size_t p = 0, q = 0;
  for (const uint8_t is_positive : positive) {
    influence.push_back(is_positive != 0
                            ? (roc.v10[p++] - roc.area) / static_cast<double>(roc.positives)
                            : (roc.v01[q++] - roc.area) / static_cast<double>(roc.negatives));
  }
  return influence;
}

bool IsRight(const Criterion& criterion, const Reading& reading, const Outputs& outputs,
             int64_t label, int64_t row) {
  const std::span<const float> values = outputs.Row(row);
  switch (criterion.metric) {
    case Metric::kTopK:
      return InTopK(reading, values, label, criterion.k);
    case Metric::kSpecificity:
      return PredictedClass(reading, values) != criterion.class_index;
    default:
      return PredictedClass(reading, values) == label;
  }
}

StatusOr<Counts> MeasureProportion(const Criterion& criterion, const Observations& observations,
                                   const Reading& reading) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < observations.model.rows; ++row) {
    if (criterion.metric == Metric::kRecall || criterion.metric == Metric::kSensitivity ||
        criterion.metric == Metric::kSpecificity) {
      const bool is_class = observations.labels[static_cast<size_t>(row)] == criterion.class_index;
      if (is_class == (criterion.metric == Metric::kSpecificity)) continue;
    }
    rows.push_back(row);
  }
  Counts counts;
  counts.n = static_cast<int64_t>(rows.size());
  const Clusters clusters = ClustersOf(observations, rows);
  // People count, not rows: twenty images of one patient are one person.
  if (criterion.class_index >= 0 && static_cast<int64_t>(clusters.count) < kSmallestSlice) {
    counts.kind = Counts::Kind::kWithheld;
    counts.n = 0;
    return counts;
  }
  int64_t source_right = 0;
  std::vector<double> x;
  const bool drop = criterion.comparator == Comparator::kMaxDrop;
  counts.kind = drop ? Counts::Kind::kPaired : Counts::Kind::kProportion;
  int64_t right = 0;
  for (const int64_t row : rows) {
    if (criterion.metric == Metric::kFlipRate) {
      const bool flipped = PredictedClass(reading, observations.model.Row(row)) !=
                           PredictedClass(reading, observations.source->Row(row));
      right += flipped;
      x.push_back(flipped ? 1 : 0);
      continue;
    }
    const int64_t label = observations.labels[static_cast<size_t>(row)];
    const bool after = IsRight(criterion, reading, observations.model, label, row);
    const bool before =
        observations.source && IsRight(criterion, reading, *observations.source, label, row);
    right += after;
    source_right += before;
    counts.b += drop && before && !after;
    counts.c += drop && !before && after;
    x.push_back(drop ? static_cast<double>(before) - static_cast<double>(after)
                     : static_cast<double>(after));
  }
  if (!drop) counts.k = right;
  counts.design_effect = DesignEffect(x, clusters);
  const double n = static_cast<double>(counts.n);
  counts.model_value = static_cast<double>(right) / n;
  if (observations.source && criterion.metric != Metric::kFlipRate) {
    counts.source_value = static_cast<double>(source_right) / n;
  }
  return counts;
}

StatusOr<Counts> MeasureArea(const Criterion& criterion, const Observations& observations,
                             const Reading& reading) {
  std::vector<uint8_t> positive;
  for (const int64_t label : observations.labels) {
    positive.push_back(label == criterion.class_index);
  }
  Counts counts;
  const bool drop = criterion.comparator == Comparator::kMaxDrop;
  counts.kind = drop ? Counts::Kind::kAreaDrop : Counts::Kind::kArea;
  counts.n = observations.model.rows;
  counts.positives = std::count(positive.begin(), positive.end(), uint8_t{1});
  counts.negatives = counts.n - counts.positives;
  std::vector<int64_t> of_class, of_others;
  for (int64_t row = 0; row < counts.n; ++row) {
    (positive[static_cast<size_t>(row)] != 0 ? of_class : of_others).push_back(row);
  }
  if (static_cast<int64_t>(std::min(ClustersOf(observations, of_class).count,
                                    ClustersOf(observations, of_others).count)) < kSmallestSlice) {
    counts = Counts();
    counts.kind = Counts::Kind::kWithheld;
    return counts;
  }
  AZ_ASSIGN_OR_RETURN(
      const RocArea model,
      DeLong(ClassScores(reading, observations.model, criterion.class_index), positive));
  counts.estimate = model.area;
  counts.model_value = model.area;
  double variance = model.variance;
  std::vector<double> influence = Influence(model, positive);
  if (observations.source) {
    AZ_ASSIGN_OR_RETURN(
        const RocArea source,
        DeLong(ClassScores(reading, *observations.source, criterion.class_index), positive));
    counts.source_value = source.area;
    if (drop) {
      counts.estimate = source.area - model.area;
      variance += source.variance - 2 * DeLongCovariance(model, source);
      const std::vector<double> other = Influence(source, positive);
      for (size_t i = 0; i < other.size(); ++i) influence[i] = other[i] - influence[i];
    }
  }
  // Equal areas by equal rankings leave rounding noise, not a variance.
  if (variance < 1e-18) variance = 0;
  counts.standard_error = std::sqrt(variance);
  if (!observations.groups.empty()) {
    const Clusters clusters = ClustersOf(observations, data::AllRows(observations.model.rows));
    if (clusters.count < influence.size()) {
      const double clustered = ClusteredError(influence, clusters);
      counts.standard_error = clustered < 1e-9 ? 0 : std::max(counts.standard_error, clustered);
      counts.design_effect =
          static_cast<double>(influence.size()) / static_cast<double>(clusters.count);
    }
  }
  return counts;
}

StatusOr<Counts> MeasureNumbers(const Criterion& criterion, const Observations& observations,
                                const MeasureOptions& options) {
  const int64_t n = observations.model.rows, width = observations.model.width;
  const bool noise = criterion.metric == Metric::kLogitNoise;
  const bool drop = criterion.comparator == Comparator::kMaxDrop;
  // Per cluster: noise {difference squared, source squared}; rmse {model's error squared, source's,
  // numbers}.
  const Clusters clusters = ClustersOf(observations, data::AllRows(n));
  constexpr int64_t kWidth = 3;
  std::vector<double> sums(clusters.count * kWidth);
  const std::span<const float> targets =
      noise ? std::span<const float>() : observations.targets->As<float>();
  for (int64_t row = 0; row < n; ++row) {
    double* sum = sums.data() + clusters.of[static_cast<size_t>(row)] * kWidth;
    const std::span<const float> model = observations.model.Row(row);
    for (int64_t j = 0; j < width; ++j) {
      const double after = model[static_cast<size_t>(j)];
      const double before =
          observations.source ? observations.source->Row(row)[static_cast<size_t>(j)] : 0.0f;
      if (noise) {
        sum[0] += (after - before) * (after - before);
        sum[1] += before * before;
      } else {
        const double wanted = targets[static_cast<size_t>(row * width + j)];
        sum[0] += (after - wanted) * (after - wanted);
        sum[1] += (before - wanted) * (before - wanted);
      }
      sum[2] += 1;
    }
  }
  const auto statistic = [&](std::span<const double> total) {
    if (noise) return std::sqrt(total[0] / total[1]);
    const double after = std::sqrt(total[0] / total[2]);
    return drop ? after - std::sqrt(total[1] / total[2]) : after;
  };
  StatusOr<BootstrapResult> result =
      BcaBootstrap(sums, kWidth, statistic, criterion.confidence, options.seed, options.resamples);
  if (!result.ok()) {
    return Annotate(result.status(), fmt::format("criterion \"{}\"", criterion.id));
  }
  Counts counts;
  counts.kind = Counts::Kind::kBootstrap;
  counts.n = n;
  counts.estimate = result->estimate;
  counts.lower = result->bounds.lower;
  counts.upper = result->bounds.upper;
  counts.confidence = criterion.confidence;
  counts.seed = options.seed;
  counts.resamples = options.resamples;
  double after = 0, before = 0, numbers = 0;
  for (size_t g = 0; g < clusters.count; ++g) {
    after += sums[g * kWidth];
    before += sums[g * kWidth + 1];
    numbers += sums[g * kWidth + 2];
  }
  counts.model_value = noise ? std::sqrt(after / before) : std::sqrt(after / numbers);
  if (!noise && observations.source) counts.source_value = std::sqrt(before / numbers);
  return counts;
}

}  // namespace

Reading ReadingOf(const Observations& observations) {
  if (observations.reading) return *observations.reading;
  Reading reading = ReadOutputs(observations.source ? *observations.source : observations.model,
                                !observations.labels.empty() && !observations.targets);
  if (observations.targets && observations.labels.empty()) {
    reading = Reading();  // numbers to compare, however many there are per row
    reading.kind = OutputKind::kNumbers;
  }
  return reading;
}

Status CheckObservations(const Observations& observations) {
  const Outputs& model = observations.model;
  if (model.rows < 1 || model.width < 1) return InvalidArgument("nothing was evaluated");
  AZ_CHECK(static_cast<int64_t>(model.values.size()) == model.rows * model.width, "outputs");
  if (observations.source &&
      (observations.source->rows != model.rows || observations.source->width != model.width)) {
    return InvalidArgument("the source's outputs are [{},{}], the model's [{},{}]",
                           observations.source->rows, observations.source->width, model.rows,
                           model.width);
  }
  if (!observations.groups.empty() &&
      static_cast<int64_t>(observations.groups.size()) != model.rows) {
    return InvalidArgument("{} group numbers for {} rows", observations.groups.size(), model.rows);
  }
  if (observations.targets) {
    const data::Array& targets = *observations.targets;
    if (targets.rows() != model.rows || targets.row_elements() != model.width) {
      return InvalidArgument("targets are {}, the outputs [{},{}]", targets.ToString(), model.rows,
                             model.width);
    }
    if (targets.dtype != data::DType::kF32) {
      return InvalidArgument("targets are {}, expected f32", targets.ToString());
    }
    if (data::FirstNonFinite(targets) >= 0) {
      return InvalidArgument("the target of row {} is not finite",
                             data::FirstNonFinite(targets) / model.width);
    }
  }
  const auto check_finite = [](const Outputs& outputs, const char* whose) -> Status {
    for (size_t i = 0; i < outputs.values.size(); ++i) {
      if (!std::isfinite(outputs.values[i])) {
        return InvalidArgument("{} output for row {}, element {} is {}", whose,
                               static_cast<int64_t>(i) / outputs.width,
                               static_cast<int64_t>(i) % outputs.width, outputs.values[i]);
      }
    }
    return OkStatus();
  };
  AZ_RETURN_IF_ERROR(check_finite(model, "the model's"));
  if (observations.source) AZ_RETURN_IF_ERROR(check_finite(*observations.source, "the source's"));
  if (!observations.labels.empty()) {
    if (static_cast<int64_t>(observations.labels.size()) != model.rows) {
      return InvalidArgument("{} labels for {} rows of outputs", observations.labels.size(),
                             model.rows);
    }
    const Reading reading = ReadingOf(observations);
    for (size_t i = 0; reading.classes > 0 && i < observations.labels.size(); ++i) {
      const int64_t label = observations.labels[i];
      if (label >= 0 && label < reading.classes) continue;
      if (reading.kind == OutputKind::kBinary) {
        return InvalidArgument(
            "the label of row {} is {}, but the model has one output per row: classes 0 and 1, or "
            "float targets for a regression",
            i, label);
      }
      return InvalidArgument("the label of row {} is {}, but the model has {} classes (0 to {})", i,
                             label, reading.classes, reading.classes - 1);
    }
  }
  return OkStatus();
}

StatusOr<Counts> Measure(const Criterion& criterion, const Observations& observations,
                         const MeasureOptions& options) {
  AZ_RETURN_IF_ERROR(CheckCriterion(criterion));
  AZ_RETURN_IF_ERROR(CheckObservations(observations));
  const Reading reading = ReadingOf(observations);
  const auto lacks = [&](const char* what) {
    return FailedPrecondition("criterion \"{}\": {} needs {}", criterion.id,
                              MetricName(criterion.metric), what);
  };
  if (criterion.against_source && !observations.source) return lacks("the source model's outputs");
  if (criterion.metric == Metric::kRmse) {
    if (!observations.targets) return lacks("numbers to compare with (float labels)");
    return MeasureNumbers(criterion, observations, options);
  }
  if (criterion.metric == Metric::kLogitNoise) {
    return MeasureNumbers(criterion, observations, options);
  }
  if (reading.kind == OutputKind::kNumbers) {
    return InvalidArgument(
        "criterion \"{}\": {} needs classes, but {}", criterion.id, MetricName(criterion.metric),
        !observations.model.class_like
            ? "the output has several long dimensions per row: not one score per class"
        : observations.targets
            ? "the labels are numbers to compare with (float targets)"
            : "the model puts out one number per row and no class labels are given");
  }
  if (criterion.metric != Metric::kFlipRate && observations.labels.empty()) {
    return lacks("class labels");
  }
  if (criterion.class_index >= reading.classes) {
    return InvalidArgument("criterion \"{}\": class {}, but the model has {} (0 to {})",
                           criterion.id, criterion.class_index, reading.classes,
                           reading.classes - 1);
  }
  if (criterion.k > reading.classes) {
    return InvalidArgument("criterion \"{}\": k is {}, but the model has {} classes", criterion.id,
                           criterion.k, reading.classes);
  }
  if (criterion.metric == Metric::kAuc) return MeasureArea(criterion, observations, reading);
  return MeasureProportion(criterion, observations, reading);
}

}  // namespace assize::eval
