// What the scan knows of ONNX's messages: one row per field of onnx-ml.proto and onnx-data.proto.
//
// A test walks these rows against the .proto files, so a field that a newer file adds cannot be
// missed. Tests: tests/onnx/schema_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace assize::onnx {

enum class WireMessage : uint8_t {
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kValueInfo,
  kTensor,
  kSegment,
  kSparseTensor,
  kFunction,
  kOpset,
  kPair,
  kType,
  kTypeTensor,
  kTypeSequence,
  kTypeMap,
  kTypeOptional,
  kTypeSparse,
  kTypeOpaque,
  kShape,
  kDimension,
  kAnnotation,
  kTraining,
  kConfiguration,
  kNodeConfiguration,
  kSharding,
  kIntIntList,
  kShardedDim,
  kSimpleShardedDim,
  kSequence,
  kMap,
  kOptional,
};

enum class FieldKind : uint8_t {
  kInt,     // varint
  kFloat,   // 32 bits
  kDouble,  // 64 bits
  kName,    // UTF-8 without NUL
  kText,    // UTF-8
  kBytes,
  kMessage,
};

struct Field {
  int number;
  std::string_view name;
  FieldKind kind;
  bool repeated = false;
  WireMessage message = WireMessage::kModel;  // of kMessage
  int8_t oneof = 0;     // fields of one message with equal nonzero numbers exclude each other
  int8_t enum_max = 0;  // of an enum: its greatest value (the parser drops values it does not know)
};

std::string_view NameOf(WireMessage message);  // "ModelProto", "TypeProto.Tensor", ...
std::span<const Field> FieldsOf(WireMessage message);
const Field* FindField(WireMessage message, int number);
// The message may hold a TensorProto somewhere, so the scan has to look for raw_data.
bool HoldsTensors(WireMessage message);

}  // namespace assize::onnx
