// What a model does on labelled rows. Tests: tests/flow/evaluate_test.cc.
#include "lib/flow/measure.h"

#include "lib/flow/predict.h"

namespace assize::flow {
namespace {

// Classes where the outputs and the labels are class-like, else targets.
Status TakeLabels(const data::Dataset& dataset, std::span<const int64_t> rows,
                  eval::Observations& observations) {
  StatusOr<std::vector<int64_t>> classes = dataset.ClassLabels(rows);
  if (classes.ok() && observations.model.class_like) {
    observations.labels = *std::move(classes);
    return OkStatus();
  }
  AZ_ASSIGN_OR_RETURN(observations.targets, dataset.Targets(rows));
  return OkStatus();
}

// The group of each row, or nothing when the data names none.
std::vector<int64_t> GroupsOf(const data::Dataset& dataset, std::span<const int64_t> rows) {
  std::vector<int64_t> groups;
  if (dataset.has_groups()) {
    for (const int64_t row : rows) groups.push_back(dataset.groups()[static_cast<size_t>(row)]);
  }
  return groups;
}

}  // namespace

StatusOr<eval::Report> Measure(const Subject& subject, const std::optional<Subject>& source,
                               const MeasureRequest& request, const std::string& what,
                               Progress& progress) {
  eval::Observations observations;
  if (source) {
    AZ_ASSIGN_OR_RETURN(observations.source,
                        Predict(source->model, source->data, request.rows, request.output,
                                "evaluating the source", progress));
  }
  AZ_ASSIGN_OR_RETURN(observations.model, Predict(subject.model, subject.data, request.rows,
                                                  request.output, "evaluating " + what, progress));
  if (subject.data.has_labels())
    AZ_RETURN_IF_ERROR(TakeLabels(subject.data, request.rows, observations));
  observations.groups = GroupsOf(subject.data, request.rows);
  return eval::Evaluate(request.criteria, observations, {request.seed});
}

}  // namespace assize::flow
