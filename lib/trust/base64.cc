// Standard base64, both ways; strict on the way in. Tests: tests/trust/dsse_test.cc.
#include "lib/trust/base64.h"

#include <array>
#include <cstdint>

namespace assize::trust {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> MakeValues() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}
constexpr std::array<int8_t, 256> kValues = MakeValues();

}  // namespace

std::string Base64Encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= count ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

StatusOr<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return InvalidArgument("base64 text has {} characters, expected a multiple of 4 with padding",
                           text.size());
  }
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const size_t digits = text.size() - padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t group = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int value = kValues[static_cast<uint8_t>(text[i])];
    if (value < 0) {
      return InvalidArgument("byte 0x{:02x} at offset {} is not standard base64 (A-Z a-z 0-9 + /)",
                             static_cast<uint8_t>(text[i]), i);
    }
    group = group << 6 | static_cast<uint32_t>(value);
    if (i % 4 == 3) {
      for (const int shift : {16, 8, 0}) out += static_cast<char>(group >> shift & 0xff);
      group = 0;
    }
  }
  // One padding character leaves 18 bits of which 16 count; two leave 12 of which 8 count.
  if (padding == 1) {
    if ((group & 3) != 0)
      return InvalidArgument("base64 text ends in unused bits that are not zero");
    out += static_cast<char>(group >> 10 & 0xff);
    out += static_cast<char>(group >> 2 & 0xff);
  } else if (padding == 2) {
    if ((group & 15) != 0)
      return InvalidArgument("base64 text ends in unused bits that are not zero");
    out += static_cast<char>(group >> 4 & 0xff);
  }
  return out;
}

}  // namespace assize::trust
