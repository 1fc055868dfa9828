// Signing keys: EC P-256 (default), P-384, P-521 for everything; Ed25519 for our own statements
// only.
//
// A key's id is the hex SHA-256 of its public key's PEM text, byte for byte what `openssl ec
// -pubout` writes, so `sha256sum pub.pem` prints it. One key has one id: explicit curve parameters
// and compressed points are refused.
//
// Demo keys. A demo key is one whose id begins with `de0`. GenerateDemo draws keys until that holds
// (some 4,096 draws, a fraction of a second); Generate draws again when it does. The mark is a
// property of the key itself, so it cannot be stripped, forgotten or hidden by whoever signs, and
// sha256sum shows it to anybody. A key made elsewhere carries the mark by accident once in 4,096;
// it is then refused like a demo key, which costs a new key. The mark says nothing about keys made
// elsewhere without it. Only a demo key may be stored unencrypted. Tests: tests/trust/keys_test.cc,
// tests/trust/openssl_oracle_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/support/status.h"
#include "lib/trust/passphrase.h"

namespace assize::trust {

enum class KeyType { kP256, kP384, kP521, kEd25519 };

const char* KeyTypeName(KeyType type);  // "P-256", "P-384", "P-521", "Ed25519"
// By name, without regard to case and dashes; InvalidArgument lists the four.
StatusOr<KeyType> ParseKeyType(std::string_view name);

inline constexpr char kDemoKeyPrefix[] = "de0";
inline constexpr size_t kMaxKeyFileBytes = 64u << 10;

// True when a key id carries the mark of demo keys.
bool IsDemoKeyId(std::string_view key_id);

class PublicKey {
 public:
  // Exactly one PUBLIC KEY block. InvalidArgument for anything else, a private key included.
  static StatusOr<PublicKey> Parse(std::string_view pem, const std::string& origin);
  static StatusOr<PublicKey> Load(const std::string& path);

  KeyType type() const;
  const std::string& pem() const;  // canonical text, ends with a newline
  const std::string& id() const;   // 64 lower-case hex digits
  bool is_demo() const { return IsDemoKeyId(id()); }

  // ECDSA with the curve's hash (SHA-256, SHA-384, SHA-512) over strict DER, or Ed25519.
  // Unauthenticated when `signature` is not this key's over `message`.
  Status Verify(std::string_view message, std::string_view signature) const;

  // The PEM text to `path`, mode as the umask says. AlreadyExists rather than overwriting other
  // bytes.
  Status Write(const std::string& path) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.id() == b.id(); }

 private:
  friend class PrivateKey;
  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  // From DER SubjectPublicKeyInfo.
  static StatusOr<PublicKey> FromSpki(std::string_view spki, const std::string& origin);
  std::shared_ptr<const Impl> impl_;
};

class PrivateKey {
 public:
  // A new key, never one that carries the demo mark.
  static StatusOr<PrivateKey> Generate(KeyType type = KeyType::kP256);
  // A new P-256 key that carries the demo mark.
  static StatusOr<PrivateKey> GenerateDemo();

  // PEM: PKCS#8 (encrypted or not) or the older EC form. `passphrase` is called only for an
  // encrypted key. A wrong passphrase is Unauthenticated; a file that holds no private key is
  // InvalidArgument. No message ever quotes the file.
  static StatusOr<PrivateKey> Parse(std::string_view pem, const std::string& origin,
                                    const PassphraseProvider& passphrase);
  static StatusOr<PrivateKey> Load(const std::string& path, const PassphraseProvider& passphrase);

  KeyType type() const { return public_key_.type(); }
  const PublicKey& public_key() const { return public_key_; }
  const std::string& id() const { return public_key_.id(); }
  bool is_demo() const { return public_key_.is_demo(); }
  // True when it was read from an unencrypted file: callers warn, unless it is a demo key.
  bool was_stored_unencrypted() const { return was_stored_unencrypted_; }

  // DER signature with the curve's hash, or the 64 bytes of Ed25519.
  StatusOr<std::string> Sign(std::string_view message) const;

  // Encrypted PKCS#8 (PBES2: AES-256-CBC, PBKDF2-HMAC-SHA-256, 600,000 rounds), mode 0600, whole or
  // not at all. AlreadyExists when anything is at `path`; InvalidArgument for an empty or overlong
  // passphrase.
  Status Write(const std::string& path, const Secret& passphrase) const;
  // Unencrypted PKCS#8, mode 0600, for demo keys only (FailedPrecondition for any other).
  Status WriteDemo(const std::string& path) const;

 private:
  struct Impl;
  PrivateKey(std::shared_ptr<const Impl> impl, PublicKey public_key)
      : impl_(std::move(impl)), public_key_(std::move(public_key)) {}
  static StatusOr<PrivateKey> FromHandle(void* owned_handle, const std::string& origin);
  std::shared_ptr<const Impl> impl_;
  PublicKey public_key_;
  bool was_stored_unencrypted_ = false;
};

}  // namespace assize::trust
