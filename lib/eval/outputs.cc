// Gathering outputs and reading predictions off them. Tests: tests/eval/outputs_test.cc.
#include "lib/eval/outputs.h"

#include <algorithm>
#include <cmath>

namespace assize::eval {
namespace {

bool AllWithinUnit(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0 && v <= 1; });
}

bool LooksLikeProbabilities(const Outputs& outputs) {
  if (!AllWithinUnit(outputs.values)) return false;
  for (int64_t row = 0; row < outputs.rows; ++row) {
    double sum = 0;
    for (const float value : outputs.Row(row)) sum += value;
    if (std::abs(sum - 1) > 1e-3) return false;
  }
  return true;
}

}  // namespace

Status OutputCollector::Append(const data::Array& batch, int64_t valid_rows) {
  if (batch.shape.empty()) return InvalidArgument("an output without rows cannot be judged");
  const int64_t rows = valid_rows < 0 ? batch.rows() : valid_rows;
  if (rows > batch.rows()) {
    return InvalidArgument("{} rows were fed, but the output is {}", rows, batch.ToString());
  }
  const int64_t width = batch.row_elements();
  if (outputs_.rows > 0 && width != outputs_.width) {
    return InvalidArgument("a batch has {} outputs per row, earlier ones had {}", width,
                           outputs_.width);
  }
  outputs_.width = width;
  int64_t long_dimensions = 0;
  for (size_t i = 1; i < batch.shape.size(); ++i) long_dimensions += batch.shape[i] > 1;
  outputs_.class_like = outputs_.class_like && long_dimensions <= 1;
  outputs_.values.reserve(outputs_.values.size() + static_cast<size_t>(rows * width));
  for (int64_t i = 0; i < rows * width; ++i) {
    const double value = batch.dtype == data::DType::kF32
                             ? static_cast<double>(batch.As<float>()[static_cast<size_t>(i)])
                             : batch.ValueAt(i);
    const float rounded = static_cast<float>(value);
    if (!std::isfinite(rounded)) {
      return InvalidArgument("the output for row {}, element {} is {}", outputs_.rows + i / width,
                             i % width, value);
    }
    outputs_.values.push_back(rounded);
  }
  outputs_.rows += rows;
  return OkStatus();
}

const char* OutputKindName(OutputKind kind) {
  switch (kind) {
    case OutputKind::kClasses:
      return "classes";
    case OutputKind::kBinary:
      return "binary";
    case OutputKind::kNumbers:
      return "numbers";
  }
  return "?";
}

Reading ReadOutputs(const Outputs& reference, bool has_class_labels) {
  Reading reading;
  if (!reference.class_like) {
    reading.kind = OutputKind::kNumbers;
  } else if (reference.width >= 2) {
    reading.kind = OutputKind::kClasses;
    reading.classes = reference.width;
  } else if (has_class_labels) {
    reading.kind = OutputKind::kBinary;
    reading.classes = 2;
    reading.threshold = AllWithinUnit(reference.values) ? 0.5f : 0.0f;
  } else {
    reading.kind = OutputKind::kNumbers;
  }
  return reading;
}

int64_t PredictedClass(const Reading& reading, std::span<const float> row) {
  AZ_CHECK(reading.kind != OutputKind::kNumbers, "numbers have no classes");
  if (reading.kind == OutputKind::kBinary) return row[0] > reading.threshold ? 1 : 0;
  // max_element gives the first of equals.
  return std::max_element(row.begin(), row.end()) - row.begin();
}

bool InTopK(const Reading& reading, std::span<const float> row, int64_t label, int64_t k) {
  if (reading.kind == OutputKind::kBinary) {
    return k >= 2 || PredictedClass(reading, row) == label;
  }
  const float own = row[static_cast<size_t>(label)];
  int64_t ahead = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] > own || (row[i] == own && static_cast<int64_t>(i) < label)) ++ahead;
  }
  return ahead < k;
}

std::vector<double> ClassScores(const Reading& reading, const Outputs& outputs,
                                int64_t class_index) {
  std::vector<double> scores(static_cast<size_t>(outputs.rows));
  const bool probabilities =
      reading.kind == OutputKind::kClasses && outputs.width > 2 && LooksLikeProbabilities(outputs);
  const size_t own = static_cast<size_t>(class_index);
  for (int64_t i = 0; i < outputs.rows; ++i) {
    const std::span<const float> row = outputs.Row(i);
    double& score = scores[static_cast<size_t>(i)];
    if (reading.kind == OutputKind::kBinary) {
      score = class_index == 1 ? row[0] : -row[0];
    } else if (row.size() == 2) {
      score = static_cast<double>(row[own]) - static_cast<double>(row[1 - own]);
    } else if (probabilities) {
      score = row[own];
    } else {
      double largest = -INFINITY;
      for (size_t j = 0; j < row.size(); ++j) {
        if (j != own) largest = std::max(largest, static_cast<double>(row[j]));
      }
      double sum = 0;
      for (size_t j = 0; j < row.size(); ++j) {
        if (j != own) sum += std::exp(static_cast<double>(row[j]) - largest);
      }
      score = static_cast<double>(row[own]) - largest - std::log(sum);
    }
  }
  return scores;
}

}  // namespace assize::eval
