// Calibration data and runs of quantize-static for its tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {

// One input's rows.
class Rows final : public pass::Dataset {
 public:
  Rows(std::string input, ir::Tensor tensor, int64_t batch_rows = 8)
      : input_(std::move(input)), tensor_(std::move(tensor)), batch_rows_(batch_rows) {}
  int64_t rows() const override { return tensor_.dims()[0]; }
  StatusOr<pass::Feeds> Batch(int64_t begin, int64_t end) const override {
    const size_t row = tensor_.bytes().size() / static_cast<size_t>(rows());
    const auto bytes = tensor_.bytes().subspan(static_cast<size_t>(begin) * row,
                                               static_cast<size_t>(end - begin) * row);
    ir::Shape dims = tensor_.dims();
    dims[0] = end - begin;
    return pass::Feeds{
        {input_, ir::Tensor::FromBytes(tensor_.dtype(), dims, {bytes.begin(), bytes.end()})}};
  }
  int64_t batch_rows() const override { return batch_rows_; }
  std::string digest() const override { return "0000"; }

 private:
  std::string input_;
  ir::Tensor tensor_;
  int64_t batch_rows_;
};

inline Outcome Quantize(const std::string& text, ir::Model& model, const pass::Dataset& rows,
                        pass::Evaluator* evaluator = nullptr) {
  Outcome outcome;
  auto pipeline = pass::Pipeline::Parse(text, passes::AllPasses());
  if (!pipeline.ok()) {
    outcome.status = pipeline.status();
    return outcome;
  }
  ReferenceEvaluator reference;
  pass::Services services;
  services.evaluator = evaluator != nullptr ? evaluator : &reference;
  services.calibration = &rows;
  CollectingSink sink;
  pass::ManagerOptions options;
  options.seed = 20261123;
  options.numeric_checks = false;  // of the passes before it, which have tests of their own
  pass::PassManager manager(options);
  outcome.status = manager.Run(*pipeline, model, services, sink, NoProgress());
  outcome.records = manager.records();
  return outcome;
}

// The first output for all rows at once, by the reference.
inline std::vector<float> Predict(const ir::Model& model, const std::string& input,
                                  const ir::Tensor& x) {
  ReferenceEvaluator evaluator;
  auto runner = evaluator.Prepare(model, {model.graph.value(model.graph.outputs()[0]).name});
  auto result = (*runner)->Run({{input, x}});
  EXPECT_TRUE(result.ok()) << Message(result.status());
  return result.ok() ? (*result)[0].ToFloats() : std::vector<float>{};
}

// Root mean square of the difference over that of `want`.
inline double Noise(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double error = 0, size = 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    const double d = static_cast<double>(got[i]) - static_cast<double>(want[i]);
    error += d * d;
    size += static_cast<double>(want[i]) * static_cast<double>(want[i]);
  }
  return size == 0 ? 1 : std::sqrt(error / size);
}

// Whether a value is the result of a DequantizeLinear of a QuantizeLinear.
inline bool HasPair(const ir::Graph& graph, ir::ValueRef read) {
  const ir::NodeRef dq = graph.value(read).producer;
  if (!dq || !graph.node(dq).Is("DequantizeLinear")) return false;
  const ir::NodeRef q = graph.value(graph.node(dq).inputs[0]).producer;
  return q && graph.node(q).Is("QuantizeLinear");
}

inline int64_t Count(const ir::Graph& graph, const std::string& op) {
  int64_t count = 0;
  for (const ir::NodeRef node : graph.nodes()) count += graph.node(node).op_type == op;
  return count;
}

}  // namespace assize::testing
