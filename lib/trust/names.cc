// Which file names may stand in a signed folder. Tests: tests/trust/names_test.cc.
#include "lib/trust/names.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace assize::trust {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxComponentBytes = 255;

// Decodes one UTF-8 sequence at `at`; its length, or 0 when it is not well-formed (overlong forms,
// surrogates and values above U+10FFFF included).
size_t Utf8Length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first < 0xc2   ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

// The name with everything that is not printable ASCII shown as \xNN: safe to print.
std::string Shown(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 200)) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  if (name.size() > 200) out += "...";
  return out;
}

Status CheckComponents(std::string_view name) {
  if (name.empty()) return InvalidArgument("a file name is empty");
  if (name.size() > kMaxNameBytes) {
    return InvalidArgument("file name \"{}\" has {} bytes, at most {} are allowed", Shown(name),
                           name.size(), kMaxNameBytes);
  }
  for (size_t start = 0; start <= name.size();) {
    const size_t slash = std::min(name.find('/', start), name.size());
    const std::string_view component = name.substr(start, slash - start);
    if (component.empty()) {
      return InvalidArgument(
          "file name \"{}\" has an empty component, expected a relative path with single slashes",
          Shown(name));
    }
    if (component == "." || component == "..") {
      return InvalidArgument(
          "file name \"{}\" has the component \"{}\", expected a plain path below "
          "the folder",
          Shown(name), component);
    }
    if (component.size() > kMaxComponentBytes) {
      return InvalidArgument("file name \"{}\" has a component of {} bytes, at most {} are allowed",
                             Shown(name), component.size(), kMaxComponentBytes);
    }
    start = slash + 1;
  }
  return OkStatus();
}

}  // namespace

Status CheckReleaseName(std::string_view name) {
  AZ_RETURN_IF_ERROR(CheckComponents(name));
  char previous = '/';
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool allowed = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/' || c == '-';
    if (!allowed) {
      return InvalidArgument(
          "file name \"{}\" has byte 0x{:02x} at offset {}, expected only "
          "A-Z a-z 0-9 . _ / -",
          Shown(name), static_cast<uint8_t>(c), i);
    }
    if (c == '-' && previous == '/') {
      return InvalidArgument(
          "file name \"{}\" has a component that begins with a dash: commands "
          "would read it as an option",
          Shown(name));
    }
    previous = c;
  }
  return OkStatus();
}

Status CheckPortableName(std::string_view name) {
  AZ_RETURN_IF_ERROR(CheckComponents(name));
  for (size_t i = 0; i < name.size();) {
    const auto byte = static_cast<uint8_t>(name[i]);
    if (byte < 0x20 || byte == 0x7f || byte == '\\') {
      return InvalidArgument(
          "file name \"{}\" has byte 0x{:02x} at offset {}, expected no control "
          "character and no backslash",
          Shown(name), byte, i);
    }
    const size_t length = Utf8Length(name, i);
    if (length == 0) {
      return InvalidArgument("file name \"{}\" is not valid UTF-8 at offset {}", Shown(name), i);
    }
    i += length;
  }
  return OkStatus();
}

}  // namespace assize::trust
