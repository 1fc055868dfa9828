// The wire cursor. Tests: tests/onnx/scan_test.cc.
#include "lib/onnx/wire.h"

namespace assize::onnx {

StatusOr<uint64_t> Cursor::Varint() {
  uint64_t value = 0;
  for (int i = 0; i < 10; ++i) {
    if (done()) return InvalidArgument("byte {}: the file ends inside a varint", offset());
    const uint8_t byte = static_cast<uint8_t>(bytes_[at_++]);
    if (i == 9 && byte > 1) {
      return InvalidArgument("byte {}: a varint is longer than 64 bits", offset() - 1);
    }
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value;
  }
  return InvalidArgument("byte {}: a varint is longer than ten bytes", offset());
}

StatusOr<Tag> Cursor::ReadTag() {
  const uint64_t start = offset();
  AZ_ASSIGN_OR_RETURN(const uint64_t key, Varint());
  const uint64_t number = key >> 3;
  const uint64_t type = key & 7;
  if (number == 0 || number >= (uint64_t{1} << 29)) {
    return InvalidArgument("byte {}: field number {}, expected 1 to 536870911", start, number);
  }
  if (type > 5) return InvalidArgument("byte {}: wire type {}, expected 0 to 5", start, type);
  return Tag{static_cast<int>(number), static_cast<WireType>(type)};
}

StatusOr<std::string_view> Cursor::Bytes() {
  const uint64_t start = offset();
  AZ_ASSIGN_OR_RETURN(const uint64_t size, Varint());
  if (size > left()) {
    return InvalidArgument(
        "byte {}: a field declares {} bytes, but {} are left in what encloses it", start, size,
        left());
  }
  const std::string_view payload = bytes_.substr(at_, size);
  at_ += size;
  return payload;
}

Status Cursor::Skip(size_t count, std::string_view what) {
  if (count > left()) {
    return InvalidArgument("byte {}: {} needs {} bytes, but {} are left in what encloses it",
                           offset(), what, count, left());
  }
  at_ += count;
  return OkStatus();
}

Status Cursor::SkipField(const Tag& tag, int depth) {
  switch (tag.type) {
    case WireType::kVarint:
      return Varint().status();
    case WireType::kFixed64:
      return Skip(8, "a 64-bit value");
    case WireType::kFixed32:
      return Skip(4, "a 32-bit value");
    case WireType::kBytes:
      return Bytes().status();
    case WireType::kEndGroup:
      return InvalidArgument("byte {}: the end of a group that did not begin", offset());
    case WireType::kGroup:
      break;
  }
  if (depth >= kMaxGroupDepth) {
    return ResourceExhausted("byte {}: groups nest deeper than the limit of {}", offset(),
                             kMaxGroupDepth);
  }
  while (true) {
    if (done()) return InvalidArgument("byte {}: group {} does not end", offset(), tag.number);
    AZ_ASSIGN_OR_RETURN(const Tag inner, ReadTag());
    if (inner.type == WireType::kEndGroup) {
      if (inner.number == tag.number) return OkStatus();
      return InvalidArgument("byte {}: group {} ends as group {}", offset(), tag.number,
                             inner.number);
    }
    AZ_RETURN_IF_ERROR(SkipField(inner, depth + 1));
  }
}

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void AppendTag(std::string& out, int number, WireType type) {
  AppendVarint(out, static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(type));
}

void AppendField(std::string& out, int number, std::string_view payload) {
  AppendTag(out, number, WireType::kBytes);
  AppendVarint(out, payload.size());
  out.append(payload);
}

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  while (i < text.size()) {
    const uint8_t first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    int extra = 0;
    uint32_t low = 0, code = 0;
    if (first >= 0xc2 && first <= 0xdf) {
      extra = 1, low = 0x80, code = first & 0x1f;
    } else if ((first & 0xf0) == 0xe0) {
      extra = 2, low = 0x800, code = first & 0x0f;
    } else if (first >= 0xf0 && first <= 0xf4) {
      extra = 3, low = 0x10000, code = first & 0x07;
    } else {
      return false;
    }
    if (i + static_cast<size_t>(extra) >= text.size()) return false;
    for (int k = 1; k <= extra; ++k) {
      const uint8_t next = byte(i + static_cast<size_t>(k));
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    if (code < low || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += static_cast<size_t>(extra) + 1;
  }
  return true;
}

}  // namespace assize::onnx
