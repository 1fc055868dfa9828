// Op schemas as data: what each version of each ONNX op takes and gives.
//
// The table is schemas/ops.inc, made from the onnx package by scripts/make_op_schemas.py; an op's
// rows are parsed when it is first asked for. It holds all of ONNX, and of com.microsoft the ops
// that the reference evaluator runs. Tests: tests/analysis/schema_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assize::analysis {

struct OpSchema {
  enum class Option { kSingle, kOptional, kVariadic };
  struct Formal {
    std::string name;
    Option option = Option::kSingle;
    bool homogeneous = true;  // variadic: all of one type
    std::string type;         // a type parameter ("T"), or a type ("int64", "seq(tensor(float))")
  };
  struct Attribute {
    std::string name;
    int32_t type = 0;  // onnx.AttributeProto.AttributeType
    bool required = false;
    std::string default_text;  // empty: none
  };
  struct Constraint {
    std::string parameter;  // "T"
    const std::vector<std::string_view>* types =
        nullptr;  // element type name for tensors ("float"), else the whole type
  };
  std::string domain, name;
  int64_t since_version = 0;
  bool deprecated = false;
  bool nondeterministic = false;
  int64_t min_inputs = 0, max_inputs = 0, min_outputs = 0, max_outputs = 0;  // INT32_MAX: no bound
  std::vector<Formal> inputs, outputs;
  std::vector<Attribute> attributes;  // by name
  std::vector<Constraint> constraints;

  const Attribute* FindAttribute(std::string_view attribute_name) const;
  const Constraint* FindConstraint(std::string_view parameter) const;
  // The formal for actual position `index`: the last one repeats when it is variadic. Null beyond.
  const Formal* InputFormal(size_t index) const;
  const Formal* OutputFormal(size_t index) const;
};

// The op as of `opset` of its domain ("ai.onnx" and "" are one): the newest version not above it.
// Null when there is none.
const OpSchema* FindSchema(std::string_view domain, std::string_view op, int64_t opset);
// Every version of the op, oldest first; empty when the op is unknown.
std::vector<const OpSchema*> SchemaVersions(std::string_view domain, std::string_view op);
// True for the domains the table covers.
bool IsOnnxDomain(std::string_view domain);
// The newest opset of ai.onnx that the table knows: the largest since_version, 0 for unknown
// domains.
int64_t NewestOpset(std::string_view domain = "");

}  // namespace assize::analysis
