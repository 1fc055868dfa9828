// ONNX's own test cases: folders with model.onnx and test_data_set_<n>/{input,output}_<i>.pb, and
// the light models, one file each with the expected result beside it.
//
// Each case runs through the reference evaluator or the fast engine and is compared as ONNX's own
// runner compares. Tests: tests/conformance/suite_test.cc.
#pragma once

#include <map>
#include <string>

#include "lib/reference/reference.h"
#include "lib/support/status.h"

namespace assize::conformance {

enum class Runner { kReference, kEngine };

struct Case {
  std::string name;
  std::string model;                // the file
  std::string folder;               // of the data sets; empty: a light model
  double rtol = 1e-3, atol = 1e-7;  // the ONNX backend tests' own defaults
  double steps = 0;                 // by how much an integer may be off
};

// The cases below `root`, by name. Tolerances come from data.json where there is one. In a folder
// of light models each *.onnx is a case, fed as ONNX's runner feeds it: arange(n) / n.
StatusOr<std::vector<Case>> ListCases(const std::string& root);

struct Outcome {
  Status status;                   // OK: ran, and every output agrees on every data set
  std::map<std::string, int> ops;  // nodes of the main graph by op type
  // kEngine, when it ran: those that the reference computed for the engine, by op type.
  std::map<std::string, int> fallbacks;
};

// Imports the model, runs every data set, compares.
Outcome RunCase(const Case& test_case, Runner runner);

// Why `actual` is not `expected`, or OK: types and shapes equal, integers and strings equal, floats
// within atol + rtol * |expected| (float16 and bfloat16: or two units in the last place), NaN and
// infinities alike. Numbers are the case's.
Status Compare(const reference::RuntimeValue& actual, const reference::RuntimeValue& expected,
               const Case& test_case);

}  // namespace assize::conformance
