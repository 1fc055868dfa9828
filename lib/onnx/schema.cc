// The field tables. Tests: tests/onnx/schema_test.cc.
#include "lib/onnx/schema.h"

namespace assize::onnx {
namespace {

constexpr FieldKind kInt = FieldKind::kInt;
constexpr FieldKind kFloat = FieldKind::kFloat;
constexpr FieldKind kDouble = FieldKind::kDouble;
constexpr FieldKind kName = FieldKind::kName;
constexpr FieldKind kText = FieldKind::kText;
constexpr FieldKind kBytes = FieldKind::kBytes;
constexpr FieldKind kMessage = FieldKind::kMessage;

constexpr Field One(int number, std::string_view name, FieldKind kind, int8_t oneof = 0) {
  return {number, name, kind, false, WireMessage::kModel, oneof, 0};
}
constexpr Field Many(int number, std::string_view name, FieldKind kind) {
  return {number, name, kind, true, WireMessage::kModel, 0, 0};
}
constexpr Field Enum(int number, std::string_view name, int8_t max) {
  return {number, name, kInt, false, WireMessage::kModel, 0, max};
}
constexpr Field One(int number, std::string_view name, WireMessage message, int8_t oneof = 0) {
  return {number, name, kMessage, false, message, oneof, 0};
}
constexpr Field Many(int number, std::string_view name, WireMessage message) {
  return {number, name, kMessage, true, message, 0, 0};
}

constexpr Field kModelFields[] = {
    One(1, "ir_version", kInt),
    One(2, "producer_name", kText),
    One(3, "producer_version", kText),
    One(4, "domain", kText),
    One(5, "model_version", kInt),
    One(6, "doc_string", kText),
    One(7, "graph", WireMessage::kGraph),
    Many(8, "opset_import", WireMessage::kOpset),
    Many(14, "metadata_props", WireMessage::kPair),
    Many(20, "training_info", WireMessage::kTraining),
    Many(25, "functions", WireMessage::kFunction),
    Many(26, "configuration", WireMessage::kConfiguration),
};
constexpr Field kGraphFields[] = {
    Many(1, "node", WireMessage::kNode),
    One(2, "name", kName),
    Many(5, "initializer", WireMessage::kTensor),
    One(10, "doc_string", kText),
    Many(11, "input", WireMessage::kValueInfo),
    Many(12, "output", WireMessage::kValueInfo),
    Many(13, "value_info", WireMessage::kValueInfo),
    Many(14, "quantization_annotation", WireMessage::kAnnotation),
    Many(15, "sparse_initializer", WireMessage::kSparseTensor),
    Many(16, "metadata_props", WireMessage::kPair),
};
constexpr Field kNodeFields[] = {
    Many(1, "input", kName),
    Many(2, "output", kName),
    One(3, "name", kName),
    One(4, "op_type", kName),
    Many(5, "attribute", WireMessage::kAttribute),
    One(6, "doc_string", kText),
    One(7, "domain", kName),
    One(8, "overload", kName),
    Many(9, "metadata_props", WireMessage::kPair),
    Many(10, "device_configurations", WireMessage::kNodeConfiguration),
};
constexpr Field kAttributeFields[] = {
    One(1, "name", kName),
    One(2, "f", kFloat),
    One(3, "i", kInt),
    One(4, "s", kBytes),
    One(5, "t", WireMessage::kTensor),
    One(6, "g", WireMessage::kGraph),
    Many(7, "floats", kFloat),
    Many(8, "ints", kInt),
    Many(9, "strings", kBytes),
    Many(10, "tensors", WireMessage::kTensor),
    Many(11, "graphs", WireMessage::kGraph),
    One(13, "doc_string", kText),
    One(14, "tp", WireMessage::kType),
    Many(15, "type_protos", WireMessage::kType),
    Enum(20, "type", 14),
    One(21, "ref_attr_name", kName),
    One(22, "sparse_tensor", WireMessage::kSparseTensor),
    Many(23, "sparse_tensors", WireMessage::kSparseTensor),
};
constexpr Field kValueInfoFields[] = {
    One(1, "name", kName),
    One(2, "type", WireMessage::kType),
    One(3, "doc_string", kText),
    Many(4, "metadata_props", WireMessage::kPair),
};
constexpr Field kTensorFields[] = {
    Many(1, "dims", kInt),
    One(2, "data_type", kInt),
    One(3, "segment", WireMessage::kSegment),
    Many(4, "float_data", kFloat),
    Many(5, "int32_data", kInt),
    Many(6, "string_data", kBytes),
    Many(7, "int64_data", kInt),
    One(8, "name", kName),
    One(9, "raw_data", kBytes),
    Many(10, "double_data", kDouble),
    Many(11, "uint64_data", kInt),
    One(12, "doc_string", kText),
    Many(13, "external_data", WireMessage::kPair),
    Enum(14, "data_location", 1),
    Many(16, "metadata_props", WireMessage::kPair),
};
constexpr Field kSegmentFields[] = {One(1, "begin", kInt), One(2, "end", kInt)};
constexpr Field kSparseTensorFields[] = {
    One(1, "values", WireMessage::kTensor),
    One(2, "indices", WireMessage::kTensor),
    Many(3, "dims", kInt),
};
constexpr Field kFunctionFields[] = {
    One(1, "name", kName),
    Many(4, "input", kName),
    Many(5, "output", kName),
    Many(6, "attribute", kName),
    Many(7, "node", WireMessage::kNode),
    One(8, "doc_string", kText),
    Many(9, "opset_import", WireMessage::kOpset),
    One(10, "domain", kName),
    Many(11, "attribute_proto", WireMessage::kAttribute),
    Many(12, "value_info", WireMessage::kValueInfo),
    One(13, "overload", kName),
    Many(14, "metadata_props", WireMessage::kPair),
};
constexpr Field kOpsetFields[] = {One(1, "domain", kName), One(2, "version", kInt)};
constexpr Field kPairFields[] = {One(1, "key", kText), One(2, "value", kText)};
constexpr Field kTypeFields[] = {
    One(1, "tensor_type", WireMessage::kTypeTensor, 1),
    One(4, "sequence_type", WireMessage::kTypeSequence, 1),
    One(5, "map_type", WireMessage::kTypeMap, 1),
    One(6, "denotation", kText),
    One(7, "opaque_type", WireMessage::kTypeOpaque, 1),
    One(8, "sparse_tensor_type", WireMessage::kTypeSparse, 1),
    One(9, "optional_type", WireMessage::kTypeOptional, 1),
};
constexpr Field kTypeTensorFields[] = {One(1, "elem_type", kInt),
                                       One(2, "shape", WireMessage::kShape)};
constexpr Field kTypeElementFields[] = {One(1, "elem_type", WireMessage::kType)};
constexpr Field kTypeMapFields[] = {One(1, "key_type", kInt),
                                    One(2, "value_type", WireMessage::kType)};
constexpr Field kTypeOpaqueFields[] = {One(1, "domain", kText), One(2, "name", kText)};
constexpr Field kShapeFields[] = {Many(1, "dim", WireMessage::kDimension)};
constexpr Field kDimensionFields[] = {One(1, "dim_value", kInt, 1), One(2, "dim_param", kName, 1),
                                      One(3, "denotation", kText)};
constexpr Field kAnnotationFields[] = {One(1, "tensor_name", kName),
                                       Many(2, "quant_parameter_tensor_names", WireMessage::kPair)};
constexpr Field kTrainingFields[] = {
    One(1, "initialization", WireMessage::kGraph),
    One(2, "algorithm", WireMessage::kGraph),
    Many(3, "initialization_binding", WireMessage::kPair),
    Many(4, "update_binding", WireMessage::kPair),
};
constexpr Field kConfigurationFields[] = {One(1, "name", kName), One(2, "num_devices", kInt),
                                          Many(3, "device", kName)};
constexpr Field kNodeConfigurationFields[] = {
    One(1, "configuration_id", kName),
    Many(2, "sharding_spec", WireMessage::kSharding),
    One(3, "pipeline_stage", kInt),
};
constexpr Field kShardingFields[] = {
    One(1, "tensor_name", kName),
    Many(2, "device", kInt),
    Many(3, "index_to_device_group_map", WireMessage::kIntIntList),
    Many(4, "sharded_dim", WireMessage::kShardedDim),
};
constexpr Field kIntIntListFields[] = {One(1, "key", kInt), Many(2, "value", kInt)};
constexpr Field kShardedDimFields[] = {One(1, "axis", kInt),
                                       Many(2, "simple_sharding", WireMessage::kSimpleShardedDim)};
constexpr Field kSimpleShardedDimFields[] = {
    One(1, "dim_value", kInt, 1), One(2, "dim_param", kName, 1), One(3, "num_shards", kInt)};
constexpr Field kSequenceFields[] = {
    One(1, "name", kName),
    Enum(2, "elem_type", 5),
    Many(3, "tensor_values", WireMessage::kTensor),
    Many(4, "sparse_tensor_values", WireMessage::kSparseTensor),
    Many(5, "sequence_values", WireMessage::kSequence),
    Many(6, "map_values", WireMessage::kMap),
    Many(7, "optional_values", WireMessage::kOptional),
};
constexpr Field kMapFields[] = {
    One(1, "name", kName),
    One(2, "key_type", kInt),
    Many(3, "keys", kInt),
    Many(4, "string_keys", kBytes),
    One(5, "values", WireMessage::kSequence),
};
constexpr Field kOptionalFields[] = {
    One(1, "name", kName),
    Enum(2, "elem_type", 5),
    One(3, "tensor_value", WireMessage::kTensor),
    One(4, "sparse_tensor_value", WireMessage::kSparseTensor),
    One(5, "sequence_value", WireMessage::kSequence),
    One(6, "map_value", WireMessage::kMap),
    One(7, "optional_value", WireMessage::kOptional),
};

struct Row {
  std::string_view name;
  std::span<const Field> fields;
  bool tensors;
};

// In the order of WireMessage.
constexpr Row kRows[] = {
    {"ModelProto", kModelFields, true},
    {"GraphProto", kGraphFields, true},
    {"NodeProto", kNodeFields, true},
    {"AttributeProto", kAttributeFields, true},
    {"ValueInfoProto", kValueInfoFields, false},
    {"TensorProto", kTensorFields, true},
    {"TensorProto.Segment", kSegmentFields, false},
    {"SparseTensorProto", kSparseTensorFields, true},
    {"FunctionProto", kFunctionFields, true},
    {"OperatorSetIdProto", kOpsetFields, false},
    {"StringStringEntryProto", kPairFields, false},
    {"TypeProto", kTypeFields, false},
    {"TypeProto.Tensor", kTypeTensorFields, false},
    {"TypeProto.Sequence", kTypeElementFields, false},
    {"TypeProto.Map", kTypeMapFields, false},
    {"TypeProto.Optional", kTypeElementFields, false},
    {"TypeProto.SparseTensor", kTypeTensorFields, false},
    {"TypeProto.Opaque", kTypeOpaqueFields, false},
    {"TensorShapeProto", kShapeFields, false},
    {"TensorShapeProto.Dimension", kDimensionFields, false},
    {"TensorAnnotation", kAnnotationFields, false},
    // Training graphs are kept as they are: their tensors stay in the bytes.
    {"TrainingInfoProto", kTrainingFields, false},
    {"DeviceConfigurationProto", kConfigurationFields, false},
    {"NodeDeviceConfigurationProto", kNodeConfigurationFields, false},
    {"ShardingSpecProto", kShardingFields, false},
    {"IntIntListEntryProto", kIntIntListFields, false},
    {"ShardedDimProto", kShardedDimFields, false},
    {"SimpleShardedDimProto", kSimpleShardedDimFields, false},
    {"SequenceProto", kSequenceFields, true},
    {"MapProto", kMapFields, true},
    {"OptionalProto", kOptionalFields, true},
};
static_assert(std::size(kRows) == static_cast<size_t>(WireMessage::kOptional) + 1);

}  // namespace

std::string_view NameOf(WireMessage message) { return kRows[static_cast<size_t>(message)].name; }
std::span<const Field> FieldsOf(WireMessage message) {
  return kRows[static_cast<size_t>(message)].fields;
}
bool HoldsTensors(WireMessage message) { return kRows[static_cast<size_t>(message)].tensors; }

const Field* FindField(WireMessage message, int number) {
  for (const Field& field : FieldsOf(message)) {
    if (field.number == number) return &field;
  }
  return nullptr;
}

}  // namespace assize::onnx
