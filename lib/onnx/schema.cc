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
  return {number, name, kind, false, Message::kModel, oneof, 0};
}
constexpr Field Many(int number, std::string_view name, FieldKind kind) {
  return {number, name, kind, true, Message::kModel, 0, 0};
}
constexpr Field Enum(int number, std::string_view name, int8_t max) {
  return {number, name, kInt, false, Message::kModel, 0, max};
}
constexpr Field One(int number, std::string_view name, Message message, int8_t oneof = 0) {
  return {number, name, kMessage, false, message, oneof, 0};
}
constexpr Field Many(int number, std::string_view name, Message message) {
  return {number, name, kMessage, true, message, 0, 0};
}

constexpr Field kModelFields[] = {
    One(1, "ir_version", kInt),
    One(2, "producer_name", kText),
    One(3, "producer_version", kText),
    One(4, "domain", kText),
    One(5, "model_version", kInt),
    One(6, "doc_string", kText),
    One(7, "graph", Message::kGraph),
    Many(8, "opset_import", Message::kOpset),
    Many(14, "metadata_props", Message::kPair),
    Many(20, "training_info", Message::kTraining),
    Many(25, "functions", Message::kFunction),
    Many(26, "configuration", Message::kConfiguration),
};
constexpr Field kGraphFields[] = {
    Many(1, "node", Message::kNode),
    One(2, "name", kName),
    Many(5, "initializer", Message::kTensor),
    One(10, "doc_string", kText),
    Many(11, "input", Message::kValueInfo),
    Many(12, "output", Message::kValueInfo),
    Many(13, "value_info", Message::kValueInfo),
    Many(14, "quantization_annotation", Message::kAnnotation),
    Many(15, "sparse_initializer", Message::kSparseTensor),
    Many(16, "metadata_props", Message::kPair),
};
constexpr Field kNodeFields[] = {
    Many(1, "input", kName),
    Many(2, "output", kName),
    One(3, "name", kName),
    One(4, "op_type", kName),
    Many(5, "attribute", Message::kAttribute),
    One(6, "doc_string", kText),
    One(7, "domain", kName),
    One(8, "overload", kName),
    Many(9, "metadata_props", Message::kPair),
    Many(10, "device_configurations", Message::kNodeConfiguration),
};
constexpr Field kAttributeFields[] = {
    One(1, "name", kName),
    One(2, "f", kFloat),
    One(3, "i", kInt),
    One(4, "s", kBytes),
    One(5, "t", Message::kTensor),
    One(6, "g", Message::kGraph),
    Many(7, "floats", kFloat),
    Many(8, "ints", kInt),
    Many(9, "strings", kBytes),
    Many(10, "tensors", Message::kTensor),
    Many(11, "graphs", Message::kGraph),
    One(13, "doc_string", kText),
    One(14, "tp", Message::kType),
    Many(15, "type_protos", Message::kType),
    Enum(20, "type", 14),
    One(21, "ref_attr_name", kName),
    One(22, "sparse_tensor", Message::kSparseTensor),
    Many(23, "sparse_tensors", Message::kSparseTensor),
};
constexpr Field kValueInfoFields[] = {
    One(1, "name", kName),
    One(2, "type", Message::kType),
    One(3, "doc_string", kText),
    Many(4, "metadata_props", Message::kPair),
};
constexpr Field kTensorFields[] = {
    Many(1, "dims", kInt),
    One(2, "data_type", kInt),
    One(3, "segment", Message::kSegment),
    Many(4, "float_data", kFloat),
    Many(5, "int32_data", kInt),
    Many(6, "string_data", kBytes),
    Many(7, "int64_data", kInt),
    One(8, "name", kName),
    One(9, "raw_data", kBytes),
    Many(10, "double_data", kDouble),
    Many(11, "uint64_data", kInt),
    One(12, "doc_string", kText),
    Many(13, "external_data", Message::kPair),
    Enum(14, "data_location", 1),
    Many(16, "metadata_props", Message::kPair),
};
constexpr Field kSegmentFields[] = {One(1, "begin", kInt), One(2, "end", kInt)};
constexpr Field kSparseTensorFields[] = {
    One(1, "values", Message::kTensor),
    One(2, "indices", Message::kTensor),
    Many(3, "dims", kInt),
};
constexpr Field kFunctionFields[] = {
    One(1, "name", kName),
    Many(4, "input", kName),
    Many(5, "output", kName),
    Many(6, "attribute", kName),
    Many(7, "node", Message::kNode),
    One(8, "doc_string", kText),
    Many(9, "opset_import", Message::kOpset),
    One(10, "domain", kName),
    Many(11, "attribute_proto", Message::kAttribute),
    Many(12, "value_info", Message::kValueInfo),
    One(13, "overload", kName),
    Many(14, "metadata_props", Message::kPair),
};
constexpr Field kOpsetFields[] = {One(1, "domain", kName), One(2, "version", kInt)};
constexpr Field kPairFields[] = {One(1, "key", kText), One(2, "value", kText)};
constexpr Field kTypeFields[] = {
    One(1, "tensor_type", Message::kTypeTensor, 1),
    One(4, "sequence_type", Message::kTypeSequence, 1),
    One(5, "map_type", Message::kTypeMap, 1),
    One(6, "denotation", kText),
    One(7, "opaque_type", Message::kTypeOpaque, 1),
    One(8, "sparse_tensor_type", Message::kTypeSparse, 1),
    One(9, "optional_type", Message::kTypeOptional, 1),
};
constexpr Field kTypeTensorFields[] = {One(1, "elem_type", kInt), One(2, "shape", Message::kShape)};
constexpr Field kTypeElementFields[] = {One(1, "elem_type", Message::kType)};
constexpr Field kTypeMapFields[] = {One(1, "key_type", kInt), One(2, "value_type", Message::kType)};
constexpr Field kTypeOpaqueFields[] = {One(1, "domain", kText), One(2, "name", kText)};
constexpr Field kShapeFields[] = {Many(1, "dim", Message::kDimension)};
constexpr Field kDimensionFields[] = {
    One(1, "dim_value", kInt, 1), One(2, "dim_param", kName, 1), One(3, "denotation", kText)};
constexpr Field kAnnotationFields[] = {
    One(1, "tensor_name", kName), Many(2, "quant_parameter_tensor_names", Message::kPair)};
constexpr Field kTrainingFields[] = {
    One(1, "initialization", Message::kGraph),
    One(2, "algorithm", Message::kGraph),
    Many(3, "initialization_binding", Message::kPair),
    Many(4, "update_binding", Message::kPair),
};
constexpr Field kConfigurationFields[] = {
    One(1, "name", kName), One(2, "num_devices", kInt), Many(3, "device", kName)};
constexpr Field kNodeConfigurationFields[] = {
    One(1, "configuration_id", kName),
    Many(2, "sharding_spec", Message::kSharding),
    One(3, "pipeline_stage", kInt),
};
constexpr Field kShardingFields[] = {
    One(1, "tensor_name", kName),
    Many(2, "device", kInt),
    Many(3, "index_to_device_group_map", Message::kIntIntList),
    Many(4, "sharded_dim", Message::kShardedDim),
};
constexpr Field kIntIntListFields[] = {One(1, "key", kInt), Many(2, "value", kInt)};
constexpr Field kShardedDimFields[] = {
    One(1, "axis", kInt), Many(2, "simple_sharding", Message::kSimpleShardedDim)};
constexpr Field kSimpleShardedDimFields[] = {
    One(1, "dim_value", kInt, 1), One(2, "dim_param", kName, 1), One(3, "num_shards", kInt)};
constexpr Field kSequenceFields[] = {
    One(1, "name", kName),
    Enum(2, "elem_type", 5),
    Many(3, "tensor_values", Message::kTensor),
    Many(4, "sparse_tensor_values", Message::kSparseTensor),
    Many(5, "sequence_values", Message::kSequence),
    Many(6, "map_values", Message::kMap),
    Many(7, "optional_values", Message::kOptional),
};
constexpr Field kMapFields[] = {
    One(1, "name", kName),
    One(2, "key_type", kInt),
    Many(3, "keys", kInt),
    Many(4, "string_keys", kBytes),
    One(5, "values", Message::kSequence),
};
constexpr Field kOptionalFields[] = {
    One(1, "name", kName),
    Enum(2, "elem_type", 5),
    One(3, "tensor_value", Message::kTensor),
    One(4, "sparse_tensor_value", Message::kSparseTensor),
    One(5, "sequence_value", Message::kSequence),
    One(6, "map_value", Message::kMap),
    One(7, "optional_value", Message::kOptional),
};

struct Row {
  std::string_view name;
  std::span<const Field> fields;
  bool tensors;
};

// In the order of Message.
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
static_assert(std::size(kRows) == static_cast<size_t>(Message::kOptional) + 1);

}  // namespace

std::string_view NameOf(Message message) { return kRows[static_cast<size_t>(message)].name; }
std::span<const Field> FieldsOf(Message message) { return kRows[static_cast<size_t>(message)].fields; }
bool HoldsTensors(Message message) { return kRows[static_cast<size_t>(message)].tensors; }

const Field* FindField(Message message, int number) {
  for (const Field& field : FieldsOf(message)) {
    if (field.number == number) return &field;
  }
  return nullptr;
}

}  // namespace assize::onnx
