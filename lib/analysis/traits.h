// What kind of thing an op is, where passes must know: draws random numbers, has effects, holds
// control flow. Tests: tests/analysis/ops_test.cc.
#pragma once

#include "lib/ir/graph.h"

namespace assize::analysis {

// Two runs may differ: the Random family, Multinomial, Bernoulli, and Dropout unless it is known to
// be inference.
bool IsRandom(const ir::Graph& graph, ir::NodeRef node);
// If, Loop, Scan and SequenceMap: evaluated through subgraphs.
bool IsControlFlow(const ir::Node& node);
// An op whose time goes into multiply-adds: convolution, matrix product, recurrence, attention; on
// floats, of ONNX or com.microsoft.
bool IsLayer(const ir::Node& node);
// An op of ONNX's own domains, whose meaning is known: no effects besides its outputs. Custom ops
// and function calls are not (a custom op may have effects, a function may hold anything).
bool IsPure(const ir::Node& node);

}  // namespace assize::analysis
