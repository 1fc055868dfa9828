// Reading protobuf's wire format by hand: a bounds-checked cursor, and the few writers the scan
// needs.
//
// Only what protobuf allows: varints of at most ten bytes that fit 64 bits, field numbers from 1 to
// 2^29-1, wire types 0, 1, 2, 5 and balanced groups (3, 4). Every failure tells the byte offset.
// Tests: tests/onnx/scan_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize::onnx {

enum class WireType : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5
};

struct Tag {
  int number = 0;
  WireType type = WireType::kVarint;
};

class Cursor {
 public:
  // `base` is the offset of `bytes` in the file, for messages.
  Cursor(std::string_view bytes, uint64_t base) : bytes_(bytes), base_(base) {}
  bool done() const { return at_ == bytes_.size(); }
  uint64_t offset() const { return base_ + at_; }
  size_t position() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  StatusOr<uint64_t> Varint();
  StatusOr<Tag> ReadTag();
  // A length and that many bytes; refused before anything is allocated when they are not there.
  StatusOr<std::string_view> Bytes();
  Status Skip(size_t count, std::string_view what);
  // The rest of a field of an unknown number, groups included.
  Status SkipField(const Tag& tag, int depth);

 private:
  std::string_view bytes_;
  uint64_t base_;
  size_t at_ = 0;
};

inline constexpr int kMaxGroupDepth = 32;  // of groups in unknown fields; ONNX has none

void AppendVarint(std::string& out, uint64_t value);
void AppendTag(std::string& out, int number, WireType type);
// A length-delimited field.
void AppendField(std::string& out, int number, std::string_view payload);

// Well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool IsUtf8(std::string_view text);

}  // namespace assize::onnx
