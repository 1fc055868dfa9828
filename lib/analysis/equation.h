// Einsum's equation against the dims of its inputs: one label for each dim, the ellipsis spread,
// and the labels of a result that the equation leaves unsaid. Tests:
// tests/reference/layers_test.cc, tests/engine/einsum_test.cc.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/tensor.h"
#include "lib/support/status.h"

namespace assize::analysis {

// A term is a list of labels: letters as their code, dims of the ellipsis as 256, 257 ... from the
// left.
struct Equation {
  std::vector<std::vector<int>> inputs;  // a label may be there twice: the diagonal
  std::vector<int> output;               // each label once
  std::map<int, int64_t> extent;         // a dim of 1 stretches to it
  ir::Shape OutputDims() const;
};

// InvalidArgument when the text is no equation over inputs of these dims.
StatusOr<Equation> ParseEquation(std::string text, std::span<const ir::Shape> inputs);

}  // namespace assize::analysis
