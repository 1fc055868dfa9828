// Writes a placement into the graph: pairs on activations, int8 weights and int32 biases behind
// DequantizeLinear. Tests: tests/passes/quantize_static_test.cc.
#pragma once

#include <string>
#include <vector>

#include "lib/ir/editor.h"
#include "passes/quantize/placement.h"
#include "passes/quantize/ranges.h"

namespace assize::passes::quantize {

// What was written for one layer, for the record.
struct EmittedLayer {
  std::string label;
  int64_t channels = 1;  // scales of the weight
  int64_t widened = 0;   // scales enlarged for the bias
  bool integer_bias = false;
};

// `grids` by range index. Standard ONNX: the per-channel form needs opset 13, the other opset 10.
std::vector<EmittedLayer> Emit(ir::Editor& edit, const Placement& placement,
                               const std::vector<Grid8>& grids, bool per_channel);

}  // namespace assize::passes::quantize
