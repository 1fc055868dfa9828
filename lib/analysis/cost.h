// Cost model: parameters, bytes and multiply-accumulates of a model. Tests:
// tests/analysis/cost_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::analysis {

struct Cost {
  int64_t nodes = 0;       // main graph, subgraphs included; Constant nodes not counted
  int64_t parameters = 0;  // elements of initializers and Constant nodes
  int64_t nonzero_parameters = 0;
  int64_t weight_bytes = 0;
  int64_t macs =
      0;  // of one row (batch bound to 1), Conv, ConvTranspose, Gemm, MatMul and quantized kin
  bool macs_complete = true;           // false when a shape of such an op could not be inferred
  std::map<std::string, int64_t> ops;  // op type (domain-qualified when not ai.onnx) -> count
};

StatusOr<Cost> CostOf(const ir::Model& model);

}  // namespace assize::analysis
