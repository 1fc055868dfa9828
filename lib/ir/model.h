// Model: a graph, its opsets, its local functions and everything else an ONNX file says.
//
// Copying a model copies structure and shares tensors, so a clone is cheap beside the weights.
// Tests: tests/ir/model_test.cc.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/ir/graph.h"

namespace assize::ir {

struct OpsetImport {
  std::string domain;  // "" is ai.onnx; "ai.onnx" is written as found
  int64_t version = 0;
  std::string unknown_fields;
  friend bool operator==(const OpsetImport&, const OpsetImport&) = default;
};

struct Function {
  std::string name, domain, overload, doc;
  std::vector<std::string> attributes;  // names without default
  std::vector<Attribute> attribute_defaults;
  std::vector<OpsetImport> opset_imports;
  StringPairs metadata;
  std::string unknown_fields;
  Graph body;  // inputs and outputs without types
};

struct Model {
  int64_t ir_version = 0;
  std::vector<OpsetImport> opset_imports;
  std::string producer_name, producer_version, domain, doc;
  std::optional<int64_t> model_version;
  StringPairs metadata;
  std::string unknown_fields;  // includes training info and device configurations as wire bytes
  Graph graph;
  std::vector<Function> functions;

  // Version of the opset imported for `domain` ("" and "ai.onnx" are one), or nullopt.
  std::optional<int64_t> opset(std::string_view domain = "") const;
  void set_opset(std::string_view domain, int64_t version);  // adds the import when absent
  const Function* FindFunction(std::string_view domain, std::string_view name,
                               std::string_view overload = "") const;
};

}  // namespace assize::ir
