// The pass services over the engine and the datasets. Tests: tests/flow/services_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/data/dataset.h"
#include "lib/pass/services.h"

namespace assize::flow {

ir::Tensor ToTensor(const data::Array& array);
// InvalidArgument for element types that NumPy's files lack (bfloat16, strings ...).
StatusOr<data::Array> ToArray(const ir::Tensor& tensor);

// Runs models with the fast engine.
class EngineEvaluator final : public pass::Evaluator {
 public:
  explicit EngineEvaluator(int64_t max_memory_bytes = 0) : max_memory_bytes_(max_memory_bytes) {}
  StatusOr<std::unique_ptr<pass::Runner>> Prepare(const ir::Model& model,
                                                  const std::vector<std::string>& fetch) override;

 private:
  int64_t max_memory_bytes_;  // 0: the engine's default
};

// Runs models with the reference: slow, exact, the same on every machine. What promises are checked
// against.
class ReferenceEvaluator final : public pass::Evaluator {
 public:
  StatusOr<std::unique_ptr<pass::Runner>> Prepare(const ir::Model& model,
                                                  const std::vector<std::string>& fetch) override;
};

// Chosen rows of a dataset. `fixed_batch` > 0: batch_rows() is that number, and a shorter last
// batch is padded with its own first rows by the caller (see PadBatch).
class DatasetView final : public pass::Dataset {
 public:
  DatasetView(const data::Dataset& dataset, std::vector<int64_t> rows, int64_t fixed_batch);
  int64_t rows() const override { return static_cast<int64_t>(rows_.size()); }
  StatusOr<pass::Feeds> Batch(int64_t begin, int64_t end) const override;
  int64_t batch_rows() const override;
  std::string digest() const override;

 private:
  const data::Dataset& dataset_;
  std::vector<int64_t> rows_;
  int64_t fixed_batch_;
};

// Files below a folder, written as they come.
class FolderSink final : public pass::ArtifactSink {
 public:
  explicit FolderSink(std::string folder) : folder_(std::move(folder)) {}
  Status Write(const std::string& name, std::span<const std::byte> bytes) override;
  Status WriteModel(const std::string& name, const ir::Model& model) override;

 private:
  std::string folder_;
};

}  // namespace assize::flow
