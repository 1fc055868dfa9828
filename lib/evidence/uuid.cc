// UUIDs that are the same on every build of the same bytes (RFC 9562, version 5), as OSCAL and
// CycloneDX want them. Version 5 is defined over SHA-1, written out here because nothing is secured
// by it: the name that is hashed holds the SHA-256 that is.
#include <array>
#include <bit>
#include <cstdint>

#include "lib/evidence/documents.h"
#include "lib/support/sha256.h"

namespace assize::evidence {
namespace {

// FIPS 180-4, section 6.1.
std::array<uint8_t, 20> Sha1(std::string message) {
  const uint64_t bits = uint64_t{message.size()} * 8;
  message += static_cast<char>(0x80);
  while (message.size() % 64 != 56) message += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) message += static_cast<char>(bits >> shift & 0xff);
  std::array<uint32_t, 5> hash = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t block = 0; block < message.size(); block += 64) {
    std::array<uint32_t, 80> word{};
    for (size_t i = 0; i < 16; ++i) {
      for (size_t byte = 0; byte < 4; ++byte) {
        word[i] = word[i] << 8 | static_cast<uint8_t>(message[block + 4 * i + byte]);
      }
    }
    for (size_t i = 16; i < 80; ++i) {
      word[i] = std::rotl(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
    }
    auto [a, b, c, d, e] = hash;
    for (size_t i = 0; i < 80; ++i) {
      uint32_t mix = 0, constant = 0;
      if (i < 20) {
        mix = (b & c) | (~b & d), constant = 0x5a827999;
      } else if (i < 40) {
        mix = b ^ c ^ d, constant = 0x6ed9eba1;
      } else if (i < 60) {
        mix = (b & c) | (b & d) | (c & d), constant = 0x8f1bbcdc;
      } else {
        mix = b ^ c ^ d, constant = 0xca62c1d6;
      }
      const uint32_t next = std::rotl(a, 5) + mix + e + constant + word[i];
      e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
    }
    hash[0] += a, hash[1] += b, hash[2] += c, hash[3] += d, hash[4] += e;
  }
  std::array<uint8_t, 20> digest{};
  for (size_t i = 0; i < 20; ++i)
    digest[i] = static_cast<uint8_t>(hash[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace

std::string UuidV5(std::string_view name) {
  // RFC 9562's name space for URLs; all our names begin with "https://assize.dev/".
  static constexpr unsigned char kUrlNamespace[] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                                    0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
  std::string message(reinterpret_cast<const char*>(kUrlNamespace), sizeof(kUrlNamespace));
  message += name;
  std::array<uint8_t, 20> digest = Sha1(std::move(message));
  digest[6] = static_cast<uint8_t>((digest[6] & 0x0f) | 0x50);
  digest[8] = static_cast<uint8_t>((digest[8] & 0x3f) | 0x80);
  const std::string hex = Hex(std::span<const uint8_t>(digest.data(), 16));
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

}  // namespace assize::evidence
