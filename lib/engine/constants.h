// Which values of a model no fed data decides, and their elements.
//
// A value is constant when it is an initializer that nobody overrides, or when every input of its
// producer is constant. Elements are computed by the reference, on demand and once: a weight that
// only an integer kernel reads is never dequantized. Thread-safe. Tests:
// tests/engine/session_test.cc.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lib/engine/packed_weights.h"
#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::engine {

// A node whose result may differ from run to run, or that runs subgraphs: never folded.
bool IsFoldable(const ir::Node& node);

class Constants {
 public:
  // `overridden`: initializers that the caller feeds. `model` must outlive this.
  Constants(const ir::Model& model, const std::set<std::string>& overridden, int64_t max_bytes);

  bool IsConstant(ir::ValueRef value) const {
    return value && value.index < constant_.size() && constant_[value.index];
  }
  // Elements of a constant value. Errors are the reference's, or ResourceExhausted.
  StatusOr<ir::Tensor> Get(ir::ValueRef value) const;
  const ir::Model& model() const { return model_; }
  const ir::Graph& graph() const { return model_.graph; }
  // Constants brought into the orders that kernels want.
  engine::PackedWeights& packed() const { return packed_; }

 private:
  StatusOr<ir::Tensor> Compute(ir::ValueRef value) const;

  const ir::Model& model_;
  const int64_t max_bytes_;
  std::vector<bool> constant_;
  mutable std::mutex mutex_;
  mutable std::map<uint32_t, ir::Tensor> memo_;
  mutable engine::PackedWeights packed_;
};

}  // namespace assize::engine
