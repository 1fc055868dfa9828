// Serialized tensors, sequences and optionals: the .pb files of ONNX's test data. Tests:
// tests/onnx/tensor_test.cc.
#include <onnx/onnx-data.pb.h>

#include "lib/onnx/onnx.h"
#include "lib/onnx/parse.h"
#include "lib/onnx/tensor_codec.h"

namespace assize::onnx {
namespace {

using Kind = ir::Type::Kind;

struct Reader {
  Scanned scanned;
  ImportOptions options;
  ExternalFiles external{"", options};
  TensorSource source{scanned, external, nullptr, options.limits};
};

template <typename Proto>
StatusOr<Proto> Parse(WireMessage message, std::string_view bytes, const std::string& origin,
                      Reader& reader) {
  AZ_ASSIGN_OR_RETURN(reader.scanned, Scan(message, bytes, origin, reader.options.limits));
  Proto proto;
  AZ_RETURN_IF_ERROR(ParseScanned(reader.scanned, proto, origin));
  return proto;
}

StatusOr<TestValue> FromTensor(const ::onnx::TensorProto& proto, Reader& reader) {
  TestValue value;
  value.kind = Kind::kTensor;
  AZ_ASSIGN_OR_RETURN(value.tensor, ReadTensor(proto, reader.source));
  return value;
}

StatusOr<TestValue> FromSequence(const ::onnx::SequenceProto& proto, Reader& reader);

StatusOr<TestValue> FromOptional(const ::onnx::OptionalProto& proto, Reader& reader) {
  TestValue value;
  value.kind = Kind::kOptional;
  value.tensor.name = proto.name();
  if (proto.has_sparse_tensor_value() || proto.has_map_value()) {
    return Unimplemented("optional \"{}\" holds a sparse tensor or a map", proto.name());
  }
  const int given =
      proto.has_tensor_value() + proto.has_sequence_value() + proto.has_optional_value();
  if (given > 1)
    return InvalidArgument("optional \"{}\" holds {} values, expected at most one", proto.name(),
                           given);
  if (proto.has_tensor_value()) {
    AZ_ASSIGN_OR_RETURN(TestValue element, FromTensor(proto.tensor_value(), reader));
    value.elements.push_back(std::move(element));
  } else if (proto.has_sequence_value()) {
    AZ_ASSIGN_OR_RETURN(TestValue element, FromSequence(proto.sequence_value(), reader));
    value.elements.push_back(std::move(element));
  } else if (proto.has_optional_value()) {
    AZ_ASSIGN_OR_RETURN(TestValue element, FromOptional(proto.optional_value(), reader));
    value.elements.push_back(std::move(element));
  }
  return value;
}

StatusOr<TestValue> FromSequence(const ::onnx::SequenceProto& proto, Reader& reader) {
  TestValue value;
  value.kind = Kind::kSequence;
  value.tensor.name = proto.name();
  if (proto.sparse_tensor_values_size() > 0 || proto.map_values_size() > 0) {
    return Unimplemented("sequence \"{}\" holds sparse tensors or maps", proto.name());
  }
  const int kinds = (proto.tensor_values_size() > 0) + (proto.sequence_values_size() > 0) +
                    (proto.optional_values_size() > 0);
  if (kinds > 1)
    return InvalidArgument("sequence \"{}\" mixes {} kinds of values", proto.name(), kinds);
  for (const auto& element : proto.tensor_values()) {
    AZ_ASSIGN_OR_RETURN(TestValue read, FromTensor(element, reader));
    value.elements.push_back(std::move(read));
  }
  for (const auto& element : proto.sequence_values()) {
    AZ_ASSIGN_OR_RETURN(TestValue read, FromSequence(element, reader));
    value.elements.push_back(std::move(read));
  }
  for (const auto& element : proto.optional_values()) {
    AZ_ASSIGN_OR_RETURN(TestValue read, FromOptional(element, reader));
    value.elements.push_back(std::move(read));
  }
  return value;
}

}  // namespace

StatusOr<ir::NamedTensor> ImportTensor(std::string_view bytes, const std::string& origin) {
  Reader reader;
  AZ_ASSIGN_OR_RETURN(const ::onnx::TensorProto proto,
                      Parse<::onnx::TensorProto>(WireMessage::kTensor, bytes, origin, reader));
  auto tensor = ReadTensor(proto, reader.source);
  if (!tensor.ok()) return Annotate(tensor.status(), origin);
  return tensor;
}

StatusOr<TestValue> ImportValue(std::string_view bytes, const ir::Type& declared,
                                const std::string& origin) {
  Reader reader;
  const auto read = [&]() -> StatusOr<TestValue> {
    switch (declared.kind) {
      case Kind::kTensor: {
        AZ_ASSIGN_OR_RETURN(const auto proto, Parse<::onnx::TensorProto>(WireMessage::kTensor,
                                                                         bytes, origin, reader));
        return FromTensor(proto, reader);
      }
      case Kind::kSequence: {
        AZ_ASSIGN_OR_RETURN(const auto proto, Parse<::onnx::SequenceProto>(WireMessage::kSequence,
                                                                           bytes, origin, reader));
        return FromSequence(proto, reader);
      }
      case Kind::kOptional: {
        AZ_ASSIGN_OR_RETURN(const auto proto, Parse<::onnx::OptionalProto>(WireMessage::kOptional,
                                                                           bytes, origin, reader));
        return FromOptional(proto, reader);
      }
      default:
        return Unimplemented(
            "{}: values of type {} are not read, expected a tensor, sequence or optional", origin,
            ir::TypeText(declared));
    }
  };
  return read();
}

std::string ExportTensor(const ir::NamedTensor& tensor) {
  ::onnx::TensorProto proto;
  WriteTensor(tensor, TensorTarget(), proto);
  return proto.SerializeAsString();
}

}  // namespace assize::onnx
