// Tensors in and out. Tests: tests/onnx/tensor_test.cc.
#include "lib/onnx/tensor_codec.h"

#include <cstring>
#include <limits>

namespace assize::onnx {
namespace {

using ir::BitsOf;
using ir::DType;
using ir::NameOf;

// Six-bit floats: the IR holds one a byte, raw_data packs four into three bytes.
bool IsFloat6(DType dtype) { return dtype == DType::kFloat6E2M3 || dtype == DType::kFloat6E3M2; }
constexpr uint8_t kFloat6Mask = 0x3f;

// Bytes of raw_data and external data; nullopt on overflow.
std::optional<int64_t> StoredBytes(DType dtype, int64_t count) {
  if (!IsFloat6(dtype)) return ir::ByteCount(dtype, count);
  if (count > (std::numeric_limits<int64_t>::max() - 7) / 6) return std::nullopt;
  return (count * 6 + 7) / 8;
}

StatusOr<std::vector<std::byte>> UnpackFloat6(std::span<const std::byte> packed, int64_t count) {
  std::vector<std::byte> out(static_cast<size_t>(count));
  const auto bit_byte = [&](size_t i) {
    return i < packed.size() ? static_cast<unsigned>(packed[i]) : 0u;
  };
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t bit = i * 6;
    const unsigned word = bit_byte(bit / 8) | bit_byte(bit / 8 + 1) << 8;
    out[i] = static_cast<std::byte>(word >> (bit % 8) & kFloat6Mask);
  }
  const size_t used = static_cast<size_t>(count) * 6 % 8;
  if (used != 0 && (static_cast<unsigned>(packed.back()) >> used) != 0) {
    return InvalidArgument(
        "the last byte of packed {}-element data has bits beyond the last element", count);
  }
  return out;
}

std::string PackFloat6(std::span<const std::byte> bytes) {
  std::string out((bytes.size() * 6 + 7) / 8, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t bit = i * 6;
    const unsigned word = (static_cast<unsigned>(bytes[i]) & kFloat6Mask) << (bit % 8);
    out[bit / 8] = static_cast<char>(static_cast<uint8_t>(out[bit / 8]) | (word & 0xff));
    if (word > 0xff) out[bit / 8 + 1] = static_cast<char>(word >> 8);
  }
  return out;
}

// How many entries of int32_data and the like the elements take, and the range of one.
struct EntryRule {
  int64_t count = 0;
  int64_t low = 0, high = 0;
  size_t bytes = 0;  // of one entry, as stored in the tensor
};

EntryRule Int32Rule(DType dtype, int64_t count) {
  switch (dtype) {
    case DType::kInt32:
      return {count, INT32_MIN, INT32_MAX, 4};
    case DType::kInt16:
      return {count, INT16_MIN, INT16_MAX, 2};
    case DType::kInt8:
      return {count, INT8_MIN, INT8_MAX, 1};
    case DType::kUint16:
    case DType::kFloat16:
    case DType::kBfloat16:
      return {count, 0, UINT16_MAX, 2};
    case DType::kBool:
      return {count, 0, 1, 1};
    case DType::kFloat6E2M3:
    case DType::kFloat6E3M2:
      return {count, 0, kFloat6Mask, 1};
    case DType::kUint4:
    case DType::kInt4:
    case DType::kFloat4E2M1:
      return {count / 2 + count % 2, 0, UINT8_MAX, 1};
    case DType::kUint2:
    case DType::kInt2:
      return {count / 4 + (count % 4 != 0), 0, UINT8_MAX, 1};
    default:
      return {count, 0, UINT8_MAX, 1};  // uint8 and the eight-bit floats
  }
}

bool Int32Holds(DType dtype) {
  switch (dtype) {
    case DType::kUndefined:
    case DType::kFloat:
    case DType::kInt64:
    case DType::kString:
    case DType::kDouble:
    case DType::kUint32:
    case DType::kUint64:
    case DType::kComplex64:
    case DType::kComplex128:
      return false;
    default:
      return true;
  }
}

std::string FieldFor(DType dtype) {
  switch (dtype) {
    case DType::kFloat:
    case DType::kComplex64:
      return "float_data";
    case DType::kDouble:
    case DType::kComplex128:
      return "double_data";
    case DType::kInt64:
      return "int64_data";
    case DType::kUint32:
    case DType::kUint64:
      return "uint64_data";
    case DType::kString:
      return "string_data";
    default:
      return "int32_data";
  }
}

Status CountMismatch(const std::string& field, int64_t found, int64_t expected, DType dtype,
                     const ir::Shape& dims) {
  return InvalidArgument("{} has {} entries, expected {} for {} {}", field, found, expected,
                         NameOf(dtype), ir::ShapeText(dims));
}

// Copies a typed field; signed entries of one byte may also be written as int8 would be (-128 ...
// -1).
StatusOr<ir::Tensor> FromInt32(const ::onnx::TensorProto& proto, DType dtype, const ir::Shape& dims,
                               int64_t count) {
  const EntryRule rule = Int32Rule(dtype, count);
  if (proto.int32_data_size() != rule.count) {
    return CountMismatch("int32_data", proto.int32_data_size(), rule.count, dtype, dims);
  }
  std::vector<std::byte> bytes(static_cast<size_t>(rule.count) * rule.bytes);
  // Packed signed types may be written as signed bytes too.
  const int64_t low = ir::IsPacked(dtype) ? INT8_MIN : rule.low;
  for (int i = 0; i < proto.int32_data_size(); ++i) {
    const int64_t value = proto.int32_data(i);
    if (value < low || value > rule.high) {
      return InvalidArgument("int32_data[{}] is {}, expected {} to {} for {}", i, value, rule.low,
                             rule.high, NameOf(dtype));
    }
    const uint32_t bits = static_cast<uint32_t>(value);
    std::memcpy(bytes.data() + static_cast<size_t>(i) * rule.bytes, &bits, rule.bytes);
  }
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

template <typename T, typename Repeated>
StatusOr<ir::Tensor> FromField(const Repeated& field, const std::string& name, DType dtype,
                               const ir::Shape& dims, int64_t entries) {
  if (field.size() != entries) return CountMismatch(name, field.size(), entries, dtype, dims);
  std::vector<std::byte> bytes(static_cast<size_t>(field.size()) * sizeof(T));
  for (int i = 0; i < field.size(); ++i) {
    const T value = static_cast<T>(field.Get(i));
    if (value != field.Get(i) && field.Get(i) == field.Get(i)) {
      return InvalidArgument("{}[{}] is {}, too large for {}", name, i, field.Get(i),
                             NameOf(dtype));
    }
    std::memcpy(bytes.data() + static_cast<size_t>(i) * sizeof(T), &value, sizeof(T));
  }
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

StatusOr<ir::Tensor> FromRaw(std::span<const std::byte> raw, const std::string& what, DType dtype,
                             const ir::Shape& dims, int64_t count,
                             const std::shared_ptr<const void>& owner) {
  const std::optional<int64_t> want = StoredBytes(dtype, count);
  if (!want || static_cast<uint64_t>(*want) != raw.size()) {
    return InvalidArgument("{} has {} bytes, expected {} for {} {}", what, raw.size(),
                           want.value_or(-1), NameOf(dtype), ir::ShapeText(dims));
  }
  if (dtype == DType::kBool) {
    for (size_t i = 0; i < raw.size(); ++i) {
      if (static_cast<uint8_t>(raw[i]) > 1) {
        return InvalidArgument("{}: byte {} of a bool tensor is {}, expected 0 or 1", what, i,
                               static_cast<int>(raw[i]));
      }
    }
  }
  if (IsFloat6(dtype)) {
    AZ_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, UnpackFloat6(raw, count));
    return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
  }
  if (owner == nullptr) {
    return ir::Tensor::FromBytes(dtype, dims, std::vector<std::byte>(raw.begin(), raw.end()));
  }
  return ir::Tensor::View(dtype, dims, raw, owner, true);
}

struct Header {
  DType dtype = DType::kUndefined;
  ir::Shape dims;
  int64_t count = 0;
};

StatusOr<Header> ReadHeader(const ::onnx::TensorProto& proto, const ImportLimits& limits) {
  Header header;
  if (!ir::IsKnownDType(proto.data_type()) || proto.data_type() == 0) {
    return InvalidArgument("data_type is {}, expected 1 to {}", proto.data_type(), ir::kMaxDType);
  }
  header.dtype = static_cast<DType>(proto.data_type());
  if (proto.has_segment())
    return Unimplemented("segment is set: tensors in segments are not supported");
  if (proto.dims_size() > limits.max_rank) {
    return ResourceExhausted("rank {} passes the limit max_rank of {}", proto.dims_size(),
                             limits.max_rank);
  }
  header.dims.assign(proto.dims().begin(), proto.dims().end());
  for (size_t i = 0; i < header.dims.size(); ++i) {
    if (header.dims[i] < 0) {
      return InvalidArgument("dims[{}] is {}, expected a size that is not negative", i,
                             header.dims[i]);
    }
  }
  const std::optional<int64_t> count = ir::ElementCount(header.dims);
  if (!count || !ir::ByteCount(header.dtype, *count) || !StoredBytes(header.dtype, *count)) {
    return InvalidArgument("dims {} overflow a 64-bit element or byte count",
                           ir::ShapeText(header.dims));
  }
  header.count = *count;
  return header;
}

}  // namespace

ir::StringPairs ReadPairs(
    const google::protobuf::RepeatedPtrField<::onnx::StringStringEntryProto>& pairs) {
  ir::StringPairs out;
  for (const auto& pair : pairs) out.emplace_back(pair.key(), pair.value());
  return out;
}

void WritePairs(const ir::StringPairs& pairs,
                google::protobuf::RepeatedPtrField<::onnx::StringStringEntryProto>& out) {
  for (const auto& [key, value] : pairs) {
    ::onnx::StringStringEntryProto& entry = *out.Add();
    entry.set_key(key);
    entry.set_value(value);
  }
}

StatusOr<ir::NamedTensor> ReadTensor(const ::onnx::TensorProto& proto, TensorSource& source) {
  AZ_ASSIGN_OR_RETURN(const Header header, ReadHeader(proto, source.limits));
  const auto& [dtype, dims, count] = header;
  ir::NamedTensor out;
  out.name = proto.name();
  out.doc = proto.doc_string();
  out.metadata = ReadPairs(proto.metadata_props());
  out.unknown_fields = proto.unknown_fields();

  std::vector<std::string> given;
  if (proto.float_data_size() > 0) given.push_back("float_data");
  if (proto.int32_data_size() > 0) given.push_back("int32_data");
  if (proto.string_data_size() > 0) given.push_back("string_data");
  if (proto.int64_data_size() > 0) given.push_back("int64_data");
  if (proto.double_data_size() > 0) given.push_back("double_data");
  if (proto.uint64_data_size() > 0) given.push_back("uint64_data");
  // An empty raw_data beside a typed field says nothing; some writers set it.
  const std::string_view raw =
      proto.has_raw_data() ? source.scanned.Payload(proto.raw_data()) : std::string_view();
  if (!raw.empty()) given.push_back("raw_data");
  const bool external =
      proto.has_data_location() && proto.data_location() == ::onnx::TensorProto::EXTERNAL;
  if (external) given.push_back("external data");
  if (!external && proto.external_data_size() > 0) {
    return InvalidArgument("external_data is given, but data_location is not EXTERNAL");
  }
  if (given.size() > 1) {
    return InvalidArgument("both {} and {} are set, expected one of them", given[0], given[1]);
  }
  const std::string field = given.empty() ? "" : given[0];

  if (external) {
    if (dtype == DType::kString)
      return InvalidArgument("strings in external data, expected string_data");
    std::vector<std::pair<std::string, std::string>> entries = ReadPairs(proto.external_data());
    const int64_t want = *StoredBytes(dtype, count);
    AZ_ASSIGN_OR_RETURN(const auto found,
                        source.external.Read(entries, static_cast<uint64_t>(want)));
    AZ_ASSIGN_OR_RETURN(out.tensor,
                        FromRaw(found.first, "external data", dtype, dims, count, found.second));
    for (const auto& [key, value] : entries) {
      if (key == "location") out.external_location = value;
    }
    return out;
  }
  if (dtype == DType::kString) {
    if (!field.empty() && field != "string_data") {
      return InvalidArgument("{} is set, expected string_data for a string tensor", field);
    }
    if (proto.string_data_size() != count) {
      return CountMismatch("string_data", proto.string_data_size(), count, dtype, dims);
    }
    out.tensor =
        ir::Tensor::Strings(dims, {proto.string_data().begin(), proto.string_data().end()});
    return out;
  }
  if (field.empty() || field == "raw_data") {
    if (field.empty() && count > 0) {
      return InvalidArgument("no data is set, expected {} elements of {} {}", count, NameOf(dtype),
                             ir::ShapeText(dims));
    }
    AZ_ASSIGN_OR_RETURN(out.tensor, FromRaw(std::as_bytes(std::span(raw)), "raw_data", dtype, dims,
                                            count, source.owner));
    return out;
  }
  if (field != FieldFor(dtype)) {
    return InvalidArgument("{} is set, expected {} or raw_data for {}", field, FieldFor(dtype),
                           NameOf(dtype));
  }
  // Complex numbers take two entries each; the byte count was checked, so this does not overflow.
  const int64_t entries =
      dtype == DType::kComplex64 || dtype == DType::kComplex128 ? count * 2 : count;
  if (Int32Holds(dtype)) {
    AZ_ASSIGN_OR_RETURN(out.tensor, FromInt32(proto, dtype, dims, count));
  } else if (field == "float_data") {
    AZ_ASSIGN_OR_RETURN(out.tensor,
                        FromField<float>(proto.float_data(), field, dtype, dims, entries));
  } else if (field == "double_data") {
    AZ_ASSIGN_OR_RETURN(out.tensor,
                        FromField<double>(proto.double_data(), field, dtype, dims, entries));
  } else if (field == "int64_data") {
    AZ_ASSIGN_OR_RETURN(out.tensor,
                        FromField<int64_t>(proto.int64_data(), field, dtype, dims, entries));
  } else if (dtype == DType::kUint32) {
    AZ_ASSIGN_OR_RETURN(out.tensor,
                        FromField<uint32_t>(proto.uint64_data(), field, dtype, dims, entries));
  } else {
    AZ_ASSIGN_OR_RETURN(out.tensor,
                        FromField<uint64_t>(proto.uint64_data(), field, dtype, dims, entries));
  }
  return out;
}

StatusOr<ir::SparseTensor> ReadSparseTensor(const ::onnx::SparseTensorProto& proto,
                                            TensorSource& source) {
  ir::SparseTensor out;
  if (!proto.has_values() || !proto.has_indices()) {
    return InvalidArgument("a sparse tensor without {}", proto.has_values() ? "indices" : "values");
  }
  auto values = ReadTensor(proto.values(), source);
  if (!values.ok()) return Annotate(values.status(), "values");
  auto indices = ReadTensor(proto.indices(), source);
  if (!indices.ok()) return Annotate(indices.status(), "indices");
  for (const ir::NamedTensor* part : {&*values, &*indices}) {
    if (!part->doc.empty() || !part->metadata.empty() || !part->unknown_fields.empty()) {
      return Unimplemented(
          "doc_string, metadata and unknown fields on the parts of a sparse tensor have no place");
    }
  }
  if (!indices->name.empty())
    return Unimplemented("a name on a sparse tensor's indices has no place");
  if (indices->tensor.dtype() != DType::kInt64) {
    return InvalidArgument("indices of a sparse tensor are {}, expected int64",
                           NameOf(indices->tensor.dtype()));
  }
  if (values->tensor.rank() != 1) {
    return InvalidArgument("values of a sparse tensor have rank {}, expected 1",
                           values->tensor.rank());
  }
  if (proto.dims_size() > source.limits.max_rank) {
    return ResourceExhausted("rank {} passes the limit max_rank of {}", proto.dims_size(),
                             source.limits.max_rank);
  }
  out.dims.assign(proto.dims().begin(), proto.dims().end());
  const std::optional<int64_t> dense = ir::ElementCount(out.dims);
  if (!dense) return InvalidArgument("dims {} overflow or are negative", ir::ShapeText(out.dims));
  const int64_t nonzero = values->tensor.element_count();
  const int64_t rank = static_cast<int64_t>(out.dims.size());
  const ir::Shape& found = indices->tensor.dims();
  const bool linear = found == ir::Shape{nonzero};
  if (!linear && found != ir::Shape{nonzero, rank}) {
    return InvalidArgument("indices of a sparse tensor have shape {}, expected [{}] or [{},{}]",
                           ir::ShapeText(found), nonzero, nonzero, rank);
  }
  const auto index = indices->tensor.data<int64_t>();
  for (size_t i = 0; i < index.size(); ++i) {
    const int64_t end = linear ? *dense : out.dims[i % static_cast<size_t>(rank)];
    if (index[i] < 0 || index[i] >= end) {
      return InvalidArgument("indices[{}] of a sparse tensor is {}, expected 0 to {}", i, index[i],
                             end - 1);
    }
  }
  out.name = values->name;
  out.values = std::move(values->tensor);
  out.indices = std::move(indices->tensor);
  return out;
}

void WriteTensor(const ir::NamedTensor& tensor, const TensorTarget& target,
                 ::onnx::TensorProto& proto) {
  const ir::Tensor& data = tensor.tensor;
  for (const int64_t dim : data.dims()) proto.add_dims(dim);
  proto.set_data_type(static_cast<int32_t>(data.dtype()));
  if (!tensor.name.empty()) proto.set_name(tensor.name);
  if (!tensor.doc.empty()) proto.set_doc_string(tensor.doc);
  WritePairs(tensor.metadata, *proto.mutable_metadata_props());
  *proto.mutable_unknown_fields() = tensor.unknown_fields;
  if (data.dtype() == DType::kString) {
    for (const std::string& text : data.strings()) proto.add_string_data(text);
    return;
  }
  const std::span<const std::byte> bytes = data.raw_bytes();
  const bool large = static_cast<int64_t>(bytes.size()) >= target.threshold_bytes;
  const bool kept = target.keep_external && !tensor.external_location.empty() && !bytes.empty();
  if (target.layout != nullptr && !IsFloat6(data.dtype()) &&
      (kept || (target.all_external && large))) {
    const std::string& location = !target.location.empty() ? target.location
                                  : kept                   ? tensor.external_location
                                                           : target.default_location;
    const uint64_t offset = target.layout->Place(location, data);
    const ir::StringPairs entries = {{"location", location},
                                     {"offset", std::to_string(offset)},
                                     {"length", std::to_string(bytes.size())}};
    WritePairs(entries, *proto.mutable_external_data());
    proto.set_data_location(::onnx::TensorProto::EXTERNAL);
    return;
  }
  if (IsFloat6(data.dtype())) {
    proto.set_raw_data(PackFloat6(bytes));
  } else {
    proto.set_raw_data(bytes.data(), bytes.size());
  }
}

void WriteSparseTensor(const ir::SparseTensor& tensor, ::onnx::SparseTensorProto& proto) {
  const TensorTarget inside;
  ir::NamedTensor part;
  part.tensor = tensor.indices;
  WriteTensor(part, inside, *proto.mutable_indices());
  part.name = tensor.name;
  part.tensor = tensor.values;
  WriteTensor(part, inside, *proto.mutable_values());
  for (const int64_t dim : tensor.dims) proto.add_dims(dim);
}

}  // namespace assize::onnx
