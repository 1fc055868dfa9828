// ONNX's own test cases: folders with model.onnx and test_data_set_<n>/{input,output}_<i>.pb.
#pragma once

#include <string>
#include <vector>

#include "lib/reference/reference.h"
#include "lib/support/status.h"

namespace assize::conformance {

struct Case {
  std::string name;  // of the folder
  std::string folder;
  double rtol = 1e-3, atol = 1e-7;  // the ONNX backend tests' own defaults
};

// The cases below `root`, by name. Tolerances come from data.json where there is one.
StatusOr<std::vector<Case>> ListCases(const std::string& root);

struct Outcome {
  Status status;                 // OK: ran, and every output agrees on every data set
  std::vector<std::string> ops;  // op types of the main graph's nodes, each once
};

// Imports the model, runs every data set through the reference evaluator, compares.
Outcome RunCase(const Case& test_case);

// Why `actual` is not `expected`, or OK: types and shapes equal, integers and strings equal, floats
// within atol + rtol * |expected| (float16 and bfloat16: or two units in the last place), NaN and
// infinities alike.
Status Compare(const reference::RuntimeValue& actual, const reference::RuntimeValue& expected,
               double rtol, double atol);

}  // namespace assize::conformance
