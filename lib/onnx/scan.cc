// The scanner. Tests: tests/onnx/scan_test.cc, tests/onnx/corrupt_test.cc.
#include "lib/onnx/scan.h"

#include <array>

#include "lib/onnx/wire.h"

namespace assize::onnx {
namespace {

constexpr int kRawDataField = 9;       // TensorProto.raw_data
constexpr size_t kReferenceBytes = 4;  // of the number that stands for a payload
constexpr size_t kLengthBytes =
    5;  // of the lengths written into the copy, padded: 32 bits and more
constexpr size_t kMaxFieldsOfMessage = 24;

WireType WireTypeOf(FieldKind kind) {
  switch (kind) {
    case FieldKind::kInt:
      return WireType::kVarint;
    case FieldKind::kFloat:
      return WireType::kFixed32;
    case FieldKind::kDouble:
      return WireType::kFixed64;
    default:
      return WireType::kBytes;
  }
}

// Unknown fields of these messages have a place in the IR, or the message is kept as a whole.
bool KeepsUnknown(WireMessage message) {
  switch (message) {
    case WireMessage::kSegment:
    case WireMessage::kSparseTensor:
    case WireMessage::kPair:
    case WireMessage::kTypeTensor:
    case WireMessage::kTypeSequence:
    case WireMessage::kTypeMap:
    case WireMessage::kTypeOptional:
    case WireMessage::kTypeSparse:
    case WireMessage::kTypeOpaque:
    case WireMessage::kShape:
    case WireMessage::kDimension:
      return false;
    default:
      return true;
  }
}

class Scanner {
 public:
  Scanner(const char* start, const ImportLimits& limits) : start_(start), limits_(limits) {}

  Status Walk(WireMessage message, std::string_view bytes, int depth, int graphs, int types,
              bool kept, bool copy) {
    if (depth > result.max_nesting) result.max_nesting = depth;
    AZ_RETURN_IF_ERROR(CheckLimits(message, graphs, types));
    Cursor cursor(bytes, static_cast<uint64_t>(bytes.data() - start_));
    const auto fields = FieldsOf(message);
    std::array<uint32_t, kMaxFieldsOfMessage> seen{};
    std::array<std::string_view, 2> member{};  // of each oneof, the field that was given
    while (!cursor.done()) {
      const size_t field_start = cursor.position();
      AZ_ASSIGN_OR_RETURN(const Tag tag, cursor.ReadTag());
      const Field* field = FindField(message, tag.number);
      if (field == nullptr) {
        if (!kept && !KeepsUnknown(message)) {
          return Unimplemented(
              "byte {}: field {} of {} is not known, and there is no place to keep it",
              cursor.offset(), tag.number, NameOf(message));
        }
        AZ_RETURN_IF_ERROR(CountItem());
        AZ_RETURN_IF_ERROR(cursor.SkipField(tag, 0));
        if (copy)
          result.stripped.append(bytes.substr(field_start, cursor.position() - field_start));
        continue;
      }
      const size_t row = static_cast<size_t>(field - fields.data());
      const uint32_t index = seen[row]++;
      if (index > 0 && !field->repeated) {
        return InvalidArgument("byte {}: {} of {} is given more than once, expected at most once",
                               cursor.offset(), field->name, NameOf(message));
      }
      if (field->oneof != 0) {
        std::string_view& chosen = member[static_cast<size_t>(field->oneof) - 1];
        if (!chosen.empty()) {
          return InvalidArgument("byte {}: {} gives both {} and {}, expected one of them",
                                 cursor.offset(), NameOf(message), chosen, field->name);
        }
        chosen = field->name;
      }
      const Status status =
          One(*field, message, tag, cursor, bytes, field_start, {depth, graphs, types, kept, copy});
      if (!status.ok()) {
        trail_.push_back(field->repeated ? fmt::format("{}[{}]", field->name, index)
                                         : std::string(field->name));
        return status;
      }
    }
    return OkStatus();
  }

  // "graph.node[3].attribute[0].t" of the failure.
  std::string Trail() const {
    std::string path;
    for (auto it = trail_.rbegin(); it != trail_.rend(); ++it) {
      if (!path.empty()) path += '.';
      path += *it;
    }
    return path;
  }

  Scanned result;

 private:
  struct Place {
    int depth, graphs, types;
    bool kept, copy;
  };

  Status CheckLimits(WireMessage message, int graphs, int types) {
    AZ_RETURN_IF_ERROR(CountItem());
    if (message == WireMessage::kNode && ++nodes_ > limits_.max_nodes) {
      return ResourceExhausted("more nodes than the limit max_nodes of {}", limits_.max_nodes);
    }
    if (message == WireMessage::kFunction && ++functions_ > limits_.max_functions) {
      return ResourceExhausted("more functions than the limit max_functions of {}",
                               limits_.max_functions);
    }
    if (graphs > limits_.max_subgraph_depth) {
      return ResourceExhausted("subgraphs nest deeper than the limit max_subgraph_depth of {}",
                               limits_.max_subgraph_depth);
    }
    if (types > limits_.max_type_depth) {
      return ResourceExhausted("types nest deeper than the limit max_type_depth of {}",
                               limits_.max_type_depth);
    }
    return OkStatus();
  }

  Status CountItem() {
    if (++items_ <= limits_.max_items) return OkStatus();
    return ResourceExhausted("more messages and strings than the limit max_items of {}",
                             limits_.max_items);
  }

  Status One(const Field& field, WireMessage message, const Tag& tag, Cursor& cursor,
             std::string_view bytes, size_t field_start, const Place& place) {
    const WireType expected = WireTypeOf(field.kind);
    if (tag.type != expected) {
      const bool packed =
          field.repeated && tag.type == WireType::kBytes && expected != WireType::kBytes;
      if (!packed) {
        return InvalidArgument("byte {}: {} of {} has wire type {}, expected {}", cursor.offset(),
                               field.name, NameOf(message), static_cast<int>(tag.type),
                               static_cast<int>(expected));
      }
      AZ_ASSIGN_OR_RETURN(const std::string_view payload, cursor.Bytes());
      AZ_RETURN_IF_ERROR(CheckPacked(field, payload));
    } else if (field.kind == FieldKind::kInt) {
      AZ_ASSIGN_OR_RETURN(const uint64_t value, cursor.Varint());
      if (field.enum_max != 0 && value > static_cast<uint64_t>(field.enum_max)) {
        return InvalidArgument("byte {}: {} of {} is {}, expected 0 to {}", cursor.offset(),
                               field.name, NameOf(message), static_cast<int64_t>(value),
                               field.enum_max);
      }
    } else if (field.kind == FieldKind::kFloat) {
      AZ_RETURN_IF_ERROR(cursor.Skip(4, "a 32-bit value"));
    } else if (field.kind == FieldKind::kDouble) {
      AZ_RETURN_IF_ERROR(cursor.Skip(8, "a 64-bit value"));
    } else {
      AZ_ASSIGN_OR_RETURN(const std::string_view payload, cursor.Bytes());
      return Payload(field, message, payload,
                     bytes.substr(field_start, cursor.position() - field_start), place);
    }
    if (place.copy)
      result.stripped.append(bytes.substr(field_start, cursor.position() - field_start));
    return OkStatus();
  }

  Status CheckPacked(const Field& field, std::string_view payload) {
    if (field.kind == FieldKind::kInt) {
      Cursor values(payload, static_cast<uint64_t>(payload.data() - start_));
      while (!values.done()) AZ_RETURN_IF_ERROR(values.Varint().status());
      return OkStatus();
    }
    const size_t size = field.kind == FieldKind::kFloat ? 4 : 8;
    if (payload.size() % size == 0) return OkStatus();
    return InvalidArgument("byte {}: packed {} has {} bytes, expected a multiple of {}",
                           payload.data() - start_, field.name, payload.size(), size);
  }

  Status Payload(const Field& field, WireMessage message, std::string_view payload,
                 std::string_view whole, const Place& place) {
    if (field.kind == FieldKind::kMessage) return Nested(field, message, payload, whole, place);
    const bool raw_data = message == WireMessage::kTensor && field.number == kRawDataField;
    if (!raw_data) AZ_RETURN_IF_ERROR(CountItem());
    if (field.kind == FieldKind::kName || field.kind == FieldKind::kText) {
      AZ_RETURN_IF_ERROR(CheckText(field, message, payload));
    }
    if (!place.copy) return OkStatus();
    if (raw_data) {
      const uint32_t number = static_cast<uint32_t>(result.payloads.size());
      result.payloads.push_back(payload);
      char reference[kReferenceBytes];
      for (size_t i = 0; i < kReferenceBytes; ++i)
        reference[i] = static_cast<char>(number >> (8 * i));
      AppendField(result.stripped, kRawDataField, {reference, kReferenceBytes});
    } else {
      result.stripped.append(whole);
    }
    return OkStatus();
  }

  Status Nested(const Field& field, WireMessage message, std::string_view payload,
                std::string_view whole, const Place& place) {
    const int graphs =
        place.graphs +
        (field.message == WireMessage::kGraph && message == WireMessage::kAttribute ? 1 : 0);
    const bool kept = place.kept || field.message == WireMessage::kTraining ||
                      field.message == WireMessage::kConfiguration ||
                      field.message == WireMessage::kNodeConfiguration ||
                      field.message == WireMessage::kAnnotation;
    const bool nests =
        field.message == WireMessage::kType || field.message == WireMessage::kSequence ||
        field.message == WireMessage::kMap || field.message == WireMessage::kOptional;
    const int types = nests ? place.types + 1 : place.types;
    const bool strip = place.copy && HoldsTensors(field.message);
    size_t length_at = 0;
    if (strip) {
      AppendTag(result.stripped, field.number, WireType::kBytes);
      length_at = result.stripped.size();
      result.stripped.append(kLengthBytes, '\0');
    }
    AZ_RETURN_IF_ERROR(Walk(field.message, payload, place.depth + 1, graphs, types, kept, strip));
    if (strip) {
      uint64_t size = result.stripped.size() - length_at - kLengthBytes;
      for (size_t i = 0; i < kLengthBytes; ++i) {
        const bool last = i + 1 == kLengthBytes;
        result.stripped[length_at + i] = static_cast<char>((size & 0x7f) | (last ? 0 : 0x80));
        size >>= 7;
      }
    } else if (place.copy) {
      result.stripped.append(whole);
    }
    return OkStatus();
  }

  Status CheckText(const Field& field, WireMessage message, std::string_view text) {
    const auto offset = text.data() - start_;
    if (!IsUtf8(text)) {
      return InvalidArgument("byte {}: {} of {} is not valid UTF-8", offset, field.name,
                             NameOf(message));
    }
    if (field.kind != FieldKind::kName) return OkStatus();
    if (static_cast<int64_t>(text.size()) > limits_.max_name_bytes) {
      return ResourceExhausted("byte {}: {} of {} has {} bytes, the limit max_name_bytes is {}",
                               offset, field.name, NameOf(message), text.size(),
                               limits_.max_name_bytes);
    }
    if (text.find('\0') != std::string_view::npos) {
      return InvalidArgument("byte {}: {} of {} holds a NUL byte", offset, field.name,
                             NameOf(message));
    }
    return OkStatus();
  }

  const char* start_;
  const ImportLimits& limits_;
  std::vector<std::string> trail_;  // innermost first
  int64_t nodes_ = 0, items_ = 0;
  int functions_ = 0;
};

}  // namespace

std::string_view Scanned::Payload(std::string_view reference) const {
  AZ_CHECK(reference.size() == kReferenceBytes, "raw_data reference of {} bytes", reference.size());
  uint32_t number = 0;
  for (size_t i = 0; i < kReferenceBytes; ++i) {
    number |= static_cast<uint32_t>(static_cast<uint8_t>(reference[i])) << (8 * i);
  }
  AZ_CHECK(number < payloads.size(), "raw_data reference {} of {}", number, payloads.size());
  return payloads[number];
}

StatusOr<Scanned> Scan(WireMessage message, std::string_view bytes, const std::string& origin,
                       const ImportLimits& limits) {
  Scanner scanner(bytes.data(), limits);
  const Status status = scanner.Walk(message, bytes, 0, 0, 0, false, true);
  if (!status.ok()) {
    const std::string trail = scanner.Trail();
    return Annotate(status, trail.empty() ? origin : origin + ": " + trail);
  }
  return std::move(scanner.result);
}

}  // namespace assize::onnx
