// Activations that a node names in an attribute: those of RNN, GRU and LSTM, and of fused layers.
// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#pragma once

#include <string>

#include "lib/support/status.h"

namespace assize::reference {

struct NamedActivation {
  std::string name;  // lower case
  double alpha = 0, beta = 0;

  // `name` in any case; InvalidArgument when it is not known. What is not given takes ONNX's
  // default.
  static StatusOr<NamedActivation> Of(std::string name, double alpha, double beta, bool has_alpha,
                                      bool has_beta);
  // Between low and high.
  static NamedActivation Clip(double low, double high) { return {"clip", low, high}; }
  double operator()(double x) const;
};

}  // namespace assize::reference
