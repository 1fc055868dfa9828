// Running a model over rows: batches of the model's own size, padded where it is fixed.
// Tests: tests/flow/predict_test.cc.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lib/data/dataset.h"
#include "lib/eval/outputs.h"
#include "lib/ir/model.h"
#include "lib/support/progress.h"

namespace assize::flow {

// Binds the dataset to the model's inputs and checks dtypes and shapes; the message teaches
// (data::CheckFeed). Float values are fed to a float16 input rounded, float16 values to a float
// input widened, unless a type was declared.
Status BindToModel(data::Dataset& dataset, const ir::Model& model);

// Calls `take(outputs, valid_rows)` for each batch, in row order; outputs are in the graph's order
// and hold `valid_rows` real rows first. Cancelled when the user interrupts.
Status ForEachBatch(const ir::Model& model, const data::Dataset& dataset,
                    std::span<const int64_t> rows, const std::string& what, Progress& progress,
                    const std::function<Status(const std::vector<ir::Tensor>&, int64_t)>& take);

// The first output for every row. `output`: another one by name; empty: the first.
StatusOr<eval::Outputs> Predict(const ir::Model& model, const data::Dataset& dataset,
                                std::span<const int64_t> rows, const std::string& output,
                                const std::string& what, Progress& progress);

// Every output, rows concatenated: what `assize run` writes.
StatusOr<std::map<std::string, data::Array>> RunAll(const ir::Model& model,
                                                    const data::Dataset& dataset,
                                                    Progress& progress);

}  // namespace assize::flow
