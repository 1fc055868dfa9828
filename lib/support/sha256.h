// SHA-256 digests, by OpenSSL's EVP. Tests: tests/support/sha256_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize {

using Digest = std::array<uint8_t, 32>;

std::string Hex(std::span<const uint8_t> bytes);  // lower case
inline std::string Hex(const Digest& digest) { return Hex(std::span<const uint8_t>(digest)); }
StatusOr<Digest> ParseDigest(std::string_view hex);  // 64 lower-case hex digits, or InvalidArgument

Digest Sha256(std::span<const std::byte> bytes);
Digest Sha256(std::string_view text);
// Streams the file; NotFound or Unavailable. The file must be regular.
StatusOr<Digest> Sha256OfFile(const std::string& path);

// Incremental. Update any number of times, then Finish once.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void Update(std::span<const std::byte> bytes);
  void Update(std::string_view text);
  void UpdateInt(int64_t value);            // eight bytes, little endian
  void UpdateSized(std::string_view text);  // length, then the bytes: no two sequences collide
  Digest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assize
