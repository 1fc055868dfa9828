// SHA-256 by OpenSSL's EVP interface. A digest that cannot be computed is an invariant, not an
// error: EVP fails only when the library is broken. Tests: tests/support/sha256_test.cc.
#include "lib/support/sha256.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "lib/support/files.h"
#include "lib/support/files_internal.h"

namespace assize {

struct Sha256Stream::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  bool finished = false;
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  AZ_CHECK(
      impl_->context != nullptr && EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) == 1,
      "OpenSSL offers no SHA-256");
}
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(std::span<const std::byte> bytes) {
  AZ_CHECK(!impl_->finished, "Update after Finish");
  AZ_CHECK(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1);
}

void Sha256Stream::Update(std::string_view text) {
  Update(std::as_bytes(std::span<const char>(text.data(), text.size())));
}

void Sha256Stream::UpdateInt(int64_t value) {
  std::array<std::byte, 8> bytes;
  for (int i = 0; i < 8; ++i) {
    bytes[static_cast<size_t>(i)] = static_cast<std::byte>(static_cast<uint64_t>(value) >> (8 * i));
  }
  Update(bytes);
}

void Sha256Stream::UpdateSized(std::string_view text) {
  UpdateInt(static_cast<int64_t>(text.size()));
  Update(text);
}

Digest Sha256Stream::Finish() {
  AZ_CHECK(!impl_->finished, "Finish twice");
  impl_->finished = true;
  Digest digest;
  unsigned size = 0;
  AZ_CHECK(EVP_DigestFinal_ex(impl_->context, digest.data(), &size) == 1 && size == digest.size());
  return digest;
}

std::string Hex(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

StatusOr<Digest> ParseDigest(std::string_view hex) {
  Digest digest{};
  if (hex.size() != 64) {
    return InvalidArgument("a SHA-256 digest has 64 hex digits, found {} characters", hex.size());
  }
  for (size_t i = 0; i < 64; ++i) {
    const char c = hex[i];
    int value;
    if (c >= '0' && c <= '9') {
      value = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      value = c - 'a' + 10;
    } else {
      return InvalidArgument(
          "a SHA-256 digest has lower-case hex digits only, found byte 0x{:02x} at {}",
          static_cast<unsigned char>(c), i);
    }
    digest[i / 2] = static_cast<uint8_t>(digest[i / 2] << 4 | value);
  }
  return digest;
}

Digest Sha256(std::span<const std::byte> bytes) {
  Sha256Stream stream;
  stream.Update(bytes);
  return stream.Finish();
}

Digest Sha256(std::string_view text) {
  return Sha256(std::as_bytes(std::span<const char>(text.data(), text.size())));
}

StatusOr<Digest> Sha256OfFile(const std::string& path) {
  AZ_ASSIGN_OR_RETURN(const int opened, OpenRegular(path));
  const support_internal::Descriptor fd(opened);
  Sha256Stream stream;
  std::vector<std::byte> buffer(size_t{1} << 18);
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Unavailable("{}: cannot read: {}", path, support_internal::ErrnoText(errno));
    }
    if (got == 0) break;
    stream.Update(std::span<const std::byte>(buffer.data(), static_cast<size_t>(got)));
  }
  return stream.Finish();
}

}  // namespace assize
