// Services for tests of passes: an evaluator over the reference, and runs of single passes with
// every net on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/pass/manager.h"
#include "lib/pass/numeric_check.h"
#include "lib/reference/reference.h"
#include "passes/registry.h"

namespace assize::testing {

class ReferenceEvaluator final : public pass::Evaluator {
 public:
  StatusOr<std::unique_ptr<pass::Runner>> Prepare(const ir::Model& model,
                                                  const std::vector<std::string>& fetch) override {
    return std::unique_ptr<pass::Runner>(new Runner(model, fetch));
  }

 private:
  class Runner final : public pass::Runner {
   public:
    Runner(const ir::Model& model, std::vector<std::string> fetch)
        : model_(model), fetch_(std::move(fetch)) {}
    StatusOr<std::vector<ir::Tensor>> Run(const pass::Feeds& feeds) override {
      std::map<std::string, reference::RuntimeValue> values;
      for (const auto& [name, tensor] : feeds) values[name] = reference::RuntimeValue::Of(tensor);
      AZ_ASSIGN_OR_RETURN(const auto results, reference::Run(model_, values, fetch_));
      std::vector<ir::Tensor> tensors;
      for (const auto& result : results) {
        if (!result.is_tensor()) return Unimplemented("a result is no tensor");
        tensors.push_back(result.tensor);
      }
      return tensors;
    }

   private:
    ir::Model model_;
    std::vector<std::string> fetch_;
  };
};

struct Outcome {
  Status status;
  std::vector<pass::PassRecord> records;
  const pass::PassRecord& record() const { return records.at(0); }
};

// Runs pipeline text on `model` with verification and numeric checks against the reference.
inline Outcome RunPipeline(const std::string& text, ir::Model& model,
                           pass::ManagerOptions options = {}) {
  Outcome outcome;
  auto pipeline = pass::Pipeline::Parse(text, passes::AllPasses());
  if (!pipeline.ok()) {
    outcome.status = pipeline.status();
    return outcome;
  }
  ReferenceEvaluator evaluator;
  pass::Services services;
  services.evaluator = &evaluator;
  CollectingSink sink;
  if (options.seed == 0) options.seed = 20261123;
  pass::PassManager manager(options);
  outcome.status = manager.Run(*pipeline, model, services, sink, NoProgress());
  outcome.records = manager.records();
  return outcome;
}

// Runs one pass that must change the model and keep its promise on random inputs: a mistrusted or
// skipped check is a failure of the test.
inline pass::PassRecord ExpectChanged(const std::string& text, ir::Model& model) {
  const Outcome outcome = RunPipeline(text, model);
  EXPECT_TRUE(outcome.status.ok()) << Message(outcome.status);
  if (outcome.records.empty()) return {};
  EXPECT_TRUE(outcome.record().changed) << text;
  EXPECT_EQ(outcome.record().check.outcome, "passed")
      << outcome.record().check.reason << ", seed " << outcome.record().seed;
  return outcome.record();
}

// Runs one pass that must leave the model alone. Returns its counters ("declined: <reason>").
inline std::map<std::string, int64_t> ExpectUnchanged(const std::string& text, ir::Model& model) {
  const Outcome outcome = RunPipeline(text, model);
  EXPECT_TRUE(outcome.status.ok()) << Message(outcome.status);
  if (outcome.records.empty()) return {};
  EXPECT_FALSE(outcome.record().changed) << text;
  return outcome.record().statistics;
}

// The counter of one reason to decline, 0 when it was not given.
inline int64_t Declined(const std::map<std::string, int64_t>& statistics,
                        const std::string& reason) {
  const auto found = statistics.find("declined: " + reason);
  return found == statistics.end() ? 0 : found->second;
}

}  // namespace assize::testing
