// Types in and out. Tests: tests/onnx/round_trip_test.cc.
#include "lib/onnx/type_codec.h"

namespace assize::onnx {
namespace {

using Kind = ir::Type::Kind;

StatusOr<ir::DType> ReadDType(int32_t number, std::string_view what) {
  if (!ir::IsKnownDType(number)) {
    return InvalidArgument("{} is {}, expected 0 to {}", what, number, ir::kMaxDType);
  }
  return static_cast<ir::DType>(number);
}

StatusOr<ir::Dim> ReadDim(const ::onnx::TensorShapeProto::Dimension& proto, int index) {
  ir::Dim dim;
  dim.denotation = proto.denotation();
  if (proto.has_dim_value()) {
    if (proto.dim_value() < -1) {
      return InvalidArgument("dim[{}] is {}, expected a size that is not negative", index,
                             proto.dim_value());
    }
    if (proto.dim_value() >= 0) dim.value = proto.dim_value();
  } else if (proto.has_dim_param()) {
    dim.param = proto.dim_param();
  }
  return dim;
}

template <typename Proto>
Status ReadTensorType(const Proto& proto, ir::Type& type) {
  AZ_ASSIGN_OR_RETURN(type.dtype, ReadDType(proto.elem_type(), "elem_type"));
  if (!proto.has_shape()) return OkStatus();
  type.shape.emplace();
  for (int i = 0; i < proto.shape().dim_size(); ++i) {
    AZ_ASSIGN_OR_RETURN(ir::Dim dim, ReadDim(proto.shape().dim(i), i));
    type.shape->push_back(std::move(dim));
  }
  return OkStatus();
}

Status ReadElement(const ::onnx::TypeProto& proto, ir::Type& type) {
  AZ_ASSIGN_OR_RETURN(ir::Type element, ReadType(proto));
  type.element = std::make_shared<const ir::Type>(std::move(element));
  return OkStatus();
}

template <typename Proto>
void WriteTensorType(const ir::Type& type, Proto& proto) {
  if (type.dtype != ir::DType::kUndefined) proto.set_elem_type(static_cast<int32_t>(type.dtype));
  if (!type.shape) return;
  ::onnx::TensorShapeProto& shape = *proto.mutable_shape();
  for (const ir::Dim& dim : *type.shape) {
    ::onnx::TensorShapeProto::Dimension& out = *shape.add_dim();
    if (dim.value) {
      out.set_dim_value(*dim.value);
    } else if (!dim.param.empty()) {
      out.set_dim_param(dim.param);
    }
    if (!dim.denotation.empty()) out.set_denotation(dim.denotation);
  }
}

}  // namespace

StatusOr<ir::Type> ReadType(const ::onnx::TypeProto& proto) {
  ir::Type type;
  type.denotation = proto.denotation();
  type.unknown_fields = proto.unknown_fields();
  switch (proto.value_case()) {
    case ::onnx::TypeProto::kTensorType:
      type.kind = Kind::kTensor;
      AZ_RETURN_IF_ERROR(ReadTensorType(proto.tensor_type(), type));
      break;
    case ::onnx::TypeProto::kSparseTensorType:
      type.kind = Kind::kSparseTensor;
      AZ_RETURN_IF_ERROR(ReadTensorType(proto.sparse_tensor_type(), type));
      break;
    case ::onnx::TypeProto::kSequenceType:
      type.kind = Kind::kSequence;
      if (proto.sequence_type().has_elem_type()) {
        AZ_RETURN_IF_ERROR(ReadElement(proto.sequence_type().elem_type(), type));
      }
      break;
    case ::onnx::TypeProto::kOptionalType:
      type.kind = Kind::kOptional;
      if (proto.optional_type().has_elem_type()) {
        AZ_RETURN_IF_ERROR(ReadElement(proto.optional_type().elem_type(), type));
      }
      break;
    case ::onnx::TypeProto::kMapType: {
      type.kind = Kind::kMap;
      AZ_ASSIGN_OR_RETURN(type.dtype, ReadDType(proto.map_type().key_type(), "key_type"));
      if (proto.map_type().has_value_type()) {
        AZ_RETURN_IF_ERROR(ReadElement(proto.map_type().value_type(), type));
      }
      break;
    }
    case ::onnx::TypeProto::kOpaqueType:
      type.kind = Kind::kOpaque;
      type.opaque_domain = proto.opaque_type().domain();
      type.opaque_name = proto.opaque_type().name();
      break;
    case ::onnx::TypeProto::VALUE_NOT_SET:
      break;
  }
  return type;
}

void WriteType(const ir::Type& type, ::onnx::TypeProto& proto) {
  if (!type.denotation.empty()) proto.set_denotation(type.denotation);
  *proto.mutable_unknown_fields() = type.unknown_fields;
  switch (type.kind) {
    case Kind::kTensor:
      WriteTensorType(type, *proto.mutable_tensor_type());
      break;
    case Kind::kSparseTensor:
      WriteTensorType(type, *proto.mutable_sparse_tensor_type());
      break;
    case Kind::kSequence: {
      auto& out = *proto.mutable_sequence_type();
      if (type.element) WriteType(*type.element, *out.mutable_elem_type());
      break;
    }
    case Kind::kOptional: {
      auto& out = *proto.mutable_optional_type();
      if (type.element) WriteType(*type.element, *out.mutable_elem_type());
      break;
    }
    case Kind::kMap: {
      auto& out = *proto.mutable_map_type();
      if (type.dtype != ir::DType::kUndefined) out.set_key_type(static_cast<int32_t>(type.dtype));
      if (type.element) WriteType(*type.element, *out.mutable_value_type());
      break;
    }
    case Kind::kOpaque: {
      auto& out = *proto.mutable_opaque_type();
      if (!type.opaque_domain.empty()) out.set_domain(type.opaque_domain);
      if (!type.opaque_name.empty()) out.set_name(type.opaque_name);
      break;
    }
    case Kind::kUnset:
      break;
  }
}

}  // namespace assize::onnx
