// Outputs: what a model said for every evaluated row, as one float matrix, and what can be read off
// it. Tests: tests/eval/outputs_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/data/array.h"
#include "lib/support/status.h"

namespace assize::eval {

// [rows, width], row-major.
struct Outputs {
  int64_t rows = 0;
  int64_t width = 0;
  std::vector<float> values;
  // One score per class: the stored shape had one dimension beyond 1 after the rows, as [N,10] or
  // [N,10,1,1]. An image or a sequence of scores is not class-like.
  bool class_like = true;
  std::span<const float> Row(int64_t row) const {
    return std::span<const float>(values).subspan(static_cast<size_t>(row * width),
                                                  static_cast<size_t>(width));
  }
};

// Gathers batches. A batch is [rows, ...], any numeric dtype; dimensions after the first are
// flattened. NaN or infinity is InvalidArgument naming row and element: it is never skipped.
class OutputCollector {
 public:
  // `valid_rows` of the batch are kept (the rest pads a fixed batch); -1 keeps all.
  Status Append(const data::Array& batch, int64_t valid_rows = -1);
  Outputs Take() { return std::move(outputs_); }

 private:
  Outputs outputs_;
};

// How predictions are read off a matrix.
enum class OutputKind {
  kClasses,  // width >= 2: the predicted class is the first index of the largest value
  kBinary,   // width 1 with class labels 0 and 1: class 1 when the value is above the threshold
  kNumbers,  // regression targets, or outputs that are not class-like: no classes
};
const char* OutputKindName(OutputKind kind);

struct Reading {
  OutputKind kind = OutputKind::kClasses;
  // kBinary: 0.5 when all of the reference's values lie in [0,1] (probabilities), 0 otherwise
  // (logits).
  float threshold = 0;
  int64_t classes = 0;  // 2 for kBinary, 0 for kNumbers
};
// From the reference model's outputs (the source's when there is one), so that both models are read
// alike.
Reading ReadOutputs(const Outputs& reference, bool has_class_labels);

int64_t PredictedClass(const Reading& reading, std::span<const float> row);
// Is `label` among the k largest (ties: lower index first).
bool InTopK(const Reading& reading, std::span<const float> row, int64_t label, int64_t k);
// A score that grows with class c. Two classes: logit_c - logit_other. More: the output itself when
// the matrix looks like probabilities (rows within [0,1] that sum to 1 within 1e-3), otherwise
// logit_c minus the log-sum-exp of the others (monotone in the softmax probability). One output:
// the value, negated for class 0.
std::vector<double> ClassScores(const Reading& reading, const Outputs& outputs,
                                int64_t class_index);

}  // namespace assize::eval
