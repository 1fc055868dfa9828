// Keys by OpenSSL: parsing, making, signing, verifying, writing. Tests: tests/trust/keys_test.cc.
#include "lib/trust/keys.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <utility>

#include "lib/support/files.h"
#include "lib/support/sha256.h"
#include "lib/trust/private_file.h"

namespace assize::trust {
namespace {

// OWASP's figure of 2023 for PBKDF2 with HMAC-SHA-256; about a quarter of a second.
constexpr int kPbkdf2Rounds = 600000;
constexpr size_t kSaltBytes = 16;
// 4,096 draws are expected; this many without success happen once in e^64 runs.
constexpr int kMaxDemoDraws = 1 << 18;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using BioHandle = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;

// A type's SubjectPublicKeyInfo up to the key's bits: named curve, uncompressed point. Whatever
// does not begin so, or has another length, is refused: that gives every key one encoding and one
// id.
struct TypeRow {
  KeyType type;
  const char* name;
  const char* group;  // OpenSSL's curve, null for Ed25519
  const EVP_MD* (*hash)();
  size_t spki_bytes;
  std::string_view spki_prefix;
};
const EVP_MD* NoHash() { return nullptr; }

using std::string_view_literals::operator""sv;
constexpr std::array<TypeRow, 4> kTypes = {{
    {KeyType::kP256, "P-256", "P-256", EVP_sha256, 91,
     "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
     "\x03\x42\x00\x04"sv},
    {KeyType::kP384, "P-384", "P-384", EVP_sha384, 120,
     "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"
     "\x04"sv},
    {KeyType::kP521, "P-521", "P-521", EVP_sha512, 158,
     "\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81"
     "\x86\x00\x04"sv},
    {KeyType::kEd25519, "Ed25519", nullptr, NoHash, 44,
     "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"sv},
}};

const TypeRow& RowOf(KeyType type) {
  return *std::find_if(kTypes.begin(), kTypes.end(),
                       [type](const TypeRow& row) { return row.type == type; });
}

const TypeRow* RowOfSpki(std::string_view spki) {
  for (const TypeRow& row : kTypes) {
    if (spki.size() == row.spki_bytes && spki.starts_with(row.spki_prefix)) return &row;
  }
  return nullptr;
}

// OpenSSL's reason for its last failure; its texts name formats and steps, never content.
std::string LastReason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  const std::string text = reason == nullptr ? "no reason given" : reason;
  ERR_clear_error();
  return text;
}

StatusOr<std::string> EncodeSpki(EVP_PKEY* key) {
  unsigned char* bytes = nullptr;
  const int length = i2d_PUBKEY(key, &bytes);
  if (length <= 0) return Internal("cannot encode a public key: {}", LastReason());
  std::string spki(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  OPENSSL_free(bytes);
  return spki;
}

StatusOr<std::string> TextOf(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  if (length <= 0) return Internal("OpenSSL wrote an empty PEM text: {}", LastReason());
  return std::string(data, static_cast<size_t>(length));
}

StatusOr<std::string> PublicPem(EVP_PKEY* key) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key) != 1) {
    return Internal("cannot write a public key: {}", LastReason());
  }
  return TextOf(bio.get());
}

StatusOr<KeyHandle> NewHandle(KeyType type) {
  const TypeRow& row = RowOf(type);
  KeyHandle key(row.group == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                     : EVP_EC_gen(row.group));
  if (!key) return Internal("cannot generate a {} key: {}", row.name, LastReason());
  return key;
}

struct PassphraseRequest {
  const PassphraseProvider* provider = nullptr;
  const std::string* origin = nullptr;
  bool asked = false;
  Status status;
};

int AnswerPassphrase(char* buffer, int size, int /*writing*/, void* user) {
  auto* request = static_cast<PassphraseRequest*>(user);
  request->asked = true;
  if (!*request->provider) {
    request->status = Annotate(NoPassphrase()("the key").status(), *request->origin);
    return -1;
  }
  const StatusOr<Secret> secret = (*request->provider)(*request->origin);
  if (!secret.ok()) {
    request->status = secret.status();
    return -1;
  }
  const std::string_view text = secret->view();
  if (text.size() > static_cast<size_t>(size)) {
    request->status = InvalidArgument("the passphrase for {} has {} bytes, at most {} are allowed",
                                      *request->origin, text.size(), size);
    return -1;
  }
  std::copy(text.begin(), text.end(), buffer);
  return static_cast<int>(text.size());
}

// Erases a text that may hold key material.
class ErasedOnExit {
 public:
  explicit ErasedOnExit(std::string& text) : text_(text) {}
  ~ErasedOnExit() { OPENSSL_cleanse(text_.data(), text_.size()); }
  ErasedOnExit(const ErasedOnExit&) = delete;
  ErasedOnExit& operator=(const ErasedOnExit&) = delete;

 private:
  std::string& text_;
};

}  // namespace

const char* KeyTypeName(KeyType type) { return RowOf(type).name; }

StatusOr<KeyType> ParseKeyType(std::string_view name) {
  const auto plain = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return out;
  };
  for (const TypeRow& row : kTypes) {
    if (plain(name) == plain(row.name)) return row.type;
  }
  return InvalidArgument("\"{}\" is no key type, expected P-256, P-384, P-521 or Ed25519", name);
}

bool IsDemoKeyId(std::string_view key_id) { return key_id.starts_with(kDemoKeyPrefix); }

// ---- public keys

struct PublicKey::Impl {
  KeyType type = KeyType::kP256;
  KeyHandle key;
  std::string pem;
  std::string id;
};

StatusOr<PublicKey> PublicKey::FromSpki(std::string_view spki, const std::string& origin) {
  const TypeRow* row = RowOfSpki(spki);
  if (row == nullptr) {
    return InvalidArgument(
        "{}: unsupported public key ({} bytes), expected P-256, P-384 or P-521 as a named curve "
        "with "
        "an uncompressed point, or Ed25519",
        origin, spki.size());
  }
  auto impl = std::make_shared<Impl>();
  const auto* cursor = reinterpret_cast<const unsigned char*>(spki.data());
  const unsigned char* const end = cursor + spki.size();
  impl->key.reset(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(spki.size())));
  if (!impl->key || cursor != end) {
    return InvalidArgument("{}: damaged {} public key: {}", origin, row->name, LastReason());
  }
  if (row->group != nullptr) {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl->key.get(), nullptr));
    if (!context || EVP_PKEY_public_check(context.get()) != 1) {
      return InvalidArgument("{}: the point is not on {}: {}", origin, row->name, LastReason());
    }
  }
  AZ_ASSIGN_OR_RETURN(const std::string again, EncodeSpki(impl->key.get()));
  if (again != spki) {
    return InvalidArgument(
        "{}: {} public key in an unusual encoding; write it anew with openssl pkey "
        "-pubin -pubout",
        origin, row->name);
  }
  impl->type = row->type;
  AZ_ASSIGN_OR_RETURN(impl->pem, PublicPem(impl->key.get()));
  impl->id = Hex(Sha256(impl->pem));
  return PublicKey(std::move(impl));
}

StatusOr<PublicKey> PublicKey::Parse(std::string_view pem, const std::string& origin) {
  if (pem.size() > kMaxKeyFileBytes) {
    return ResourceExhausted("{}: key file has {} bytes, the limit max_key_file_bytes is {}",
                             origin, pem.size(), kMaxKeyFileBytes);
  }
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return Internal("cannot read a PEM text: {}", LastReason());
  std::optional<std::string> spki;
  while (true) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long length = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &length) != 1) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      const std::string reason = LastReason();
      if (!at_end) return InvalidArgument("{}: damaged PEM text: {}", origin, reason);
      break;
    }
    const std::string label = name;
    const std::string content(reinterpret_cast<const char*>(data), static_cast<size_t>(length));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<size_t>(length));
    if (label.ends_with("PRIVATE KEY")) {
      return InvalidArgument(
          "{}: holds a private key, expected a public one (openssl pkey -pubout "
          "makes it)",
          origin);
    }
    if (label != "PUBLIC KEY") {
      return InvalidArgument("{}: holds a PEM block \"{}\", expected \"PUBLIC KEY\"", origin,
                             label);
    }
    if (spki.has_value()) {
      return InvalidArgument("{}: holds more than one public key, expected exactly one", origin);
    }
    spki = content;
  }
  if (!spki.has_value()) {
    return InvalidArgument("{}: holds no public key, expected one PEM block \"PUBLIC KEY\"",
                           origin);
  }
  return FromSpki(*spki, origin);
}

StatusOr<PublicKey> PublicKey::Load(const std::string& path) {
  AZ_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, kMaxKeyFileBytes));
  return Parse(pem, path);
}

KeyType PublicKey::type() const { return impl_->type; }
const std::string& PublicKey::pem() const { return impl_->pem; }
const std::string& PublicKey::id() const { return impl_->id; }

Status PublicKey::Verify(std::string_view message, std::string_view signature) const {
  const DigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, RowOf(type()).hash(), nullptr,
                                       impl_->key.get()) != 1) {
    return Internal("cannot start to verify with {}: {}", KeyTypeName(type()), LastReason());
  }
  const int result = EVP_DigestVerify(
      context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
      reinterpret_cast<const unsigned char*>(message.data()), message.size());
  ERR_clear_error();
  if (result != 1) {
    return Unauthenticated("the signature is not key {}'s over these bytes", id());
  }
  return OkStatus();
}

Status PublicKey::Write(const std::string& path) const {
  Status status = WriteFileAtomic(path, pem(), /*overwrite=*/false);
  if (status.code() != StatusCode::kAlreadyExists) return status;
  const StatusOr<std::string> existing = ReadFile(path, kMaxKeyFileBytes);
  if (existing.ok() && *existing == pem()) return OkStatus();
  return status;
}

// ---- private keys

struct PrivateKey::Impl {
  KeyHandle key;
};

StatusOr<PrivateKey> PrivateKey::FromHandle(void* owned_handle, const std::string& origin) {
  auto impl = std::make_shared<Impl>();
  impl->key.reset(static_cast<EVP_PKEY*>(owned_handle));
  EVP_PKEY* key = impl->key.get();
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    // Files may store the public half compressed, or not at all; the id is over the uncompressed
    // form.
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    ERR_clear_error();
  }
  AZ_ASSIGN_OR_RETURN(const std::string spki, EncodeSpki(key));
  AZ_ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromSpki(spki, origin));
  return PrivateKey(std::move(impl), std::move(public_key));
}

StatusOr<PrivateKey> PrivateKey::Generate(KeyType type) {
  while (true) {
    AZ_ASSIGN_OR_RETURN(KeyHandle handle, NewHandle(type));
    AZ_ASSIGN_OR_RETURN(PrivateKey key, FromHandle(handle.release(), "new key"));
    if (!key.is_demo()) return key;
  }
}

StatusOr<PrivateKey> PrivateKey::GenerateDemo() {
  for (int draw = 0; draw < kMaxDemoDraws; ++draw) {
    AZ_ASSIGN_OR_RETURN(KeyHandle handle, NewHandle(KeyType::kP256));
    AZ_ASSIGN_OR_RETURN(const std::string pem, PublicPem(handle.get()));
    if (!IsDemoKeyId(Hex(Sha256(pem)))) continue;
    return FromHandle(handle.release(), "new demo key");
  }
  return Internal("no demo key in {} draws: the random generator is broken", kMaxDemoDraws);
}

StatusOr<PrivateKey> PrivateKey::Parse(std::string_view pem, const std::string& origin,
                                       const PassphraseProvider& passphrase) {
  if (pem.size() > kMaxKeyFileBytes) {
    return ResourceExhausted("{}: key file has {} bytes, the limit max_key_file_bytes is {}",
                             origin, pem.size(), kMaxKeyFileBytes);
  }
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return Internal("cannot read a PEM text: {}", LastReason());
  PassphraseRequest request{&passphrase, &origin, false, OkStatus()};
  KeyHandle handle(PEM_read_bio_PrivateKey(bio.get(), nullptr, AnswerPassphrase, &request));
  ERR_clear_error();
  if (!handle) {
    if (!request.status.ok()) return request.status;
    if (request.asked) {
      return Unauthenticated("{}: the passphrase is wrong, or the key is damaged", origin);
    }
    return InvalidArgument(
        "{}: holds no readable private key, expected PEM: PKCS#8 (encrypted or not) "
        "or an EC private key",
        origin);
  }
  AZ_ASSIGN_OR_RETURN(PrivateKey key, FromHandle(handle.release(), origin));
  // A file may hold a public half of another key; what we sign would then verify with neither.
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.impl_->key.get(), nullptr));
  if (!context || EVP_PKEY_pairwise_check(context.get()) != 1) {
    ERR_clear_error();
    return InvalidArgument("{}: the private and public halves do not belong together", origin);
  }
  key.was_stored_unencrypted_ = !request.asked;
  return key;
}

StatusOr<PrivateKey> PrivateKey::Load(const std::string& path,
                                      const PassphraseProvider& passphrase) {
  AZ_ASSIGN_OR_RETURN(std::string pem, ReadFile(path, kMaxKeyFileBytes));
  const ErasedOnExit erase(pem);
  return Parse(pem, path, passphrase);
}

StatusOr<std::string> PrivateKey::Sign(std::string_view message) const {
  const DigestContext context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  size_t length = 0;
  if (!context ||
      EVP_DigestSignInit(context.get(), nullptr, RowOf(type()).hash(), nullptr, impl_->key.get()) !=
          1 ||
      EVP_DigestSign(context.get(), nullptr, &length, bytes, message.size()) != 1) {
    return Internal("cannot start to sign with {}: {}", KeyTypeName(type()), LastReason());
  }
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                     bytes, message.size()) != 1) {
    return Internal("cannot sign with {}: {}", KeyTypeName(type()), LastReason());
  }
  signature.resize(length);
  return signature;
}

Status PrivateKey::Write(const std::string& path, const Secret& passphrase) const {
  const std::string_view text = passphrase.view();
  if (text.empty() || text.size() > kMaxPassphraseBytes) {
    return InvalidArgument("{}: the passphrase has {} bytes, expected 1 to {}", path, text.size(),
                           kMaxPassphraseBytes);
  }
  AZ_RETURN_IF_ERROR(CheckPathIsFree(path));  // before the slow part
  std::array<unsigned char, kSaltBytes> salt{};
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return Internal("no random bytes: {}", LastReason());
  }
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>> plain(
      EVP_PKEY2PKCS8(impl_->key.get()));
  std::unique_ptr<X509_ALGOR, Deleter<X509_ALGOR_free>> scheme(
      PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), kPbkdf2Rounds, salt.data(),
                        static_cast<int>(salt.size()), nullptr, NID_hmacWithSHA256));
  if (!plain || !scheme) return Internal("cannot encrypt a key: {}", LastReason());
  const std::unique_ptr<X509_SIG, Deleter<X509_SIG_free>> sealed(
      PKCS8_set0_pbe(text.data(), static_cast<int>(text.size()), plain.get(), scheme.get()));
  if (!sealed) return Internal("cannot encrypt a key: {}", LastReason());
  static_cast<void>(scheme.release());  // owned by `sealed` from here on
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return Internal("cannot write a key: {}", LastReason());
  }
  AZ_ASSIGN_OR_RETURN(const std::string pem, TextOf(bio.get()));
  return WritePrivateFile(path, pem);
}

Status PrivateKey::WriteDemo(const std::string& path) const {
  if (!is_demo()) {
    return FailedPrecondition(
        "{}: only a demo key (id {}...) may be stored unencrypted; this key's id "
        "is {}",
        path, kDemoKeyPrefix, id());
  }
  const BioHandle bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0,
                                            nullptr, nullptr) != 1) {
    return Internal("cannot write a key: {}", LastReason());
  }
  AZ_ASSIGN_OR_RETURN(std::string pem, TextOf(bio.get()));
  const ErasedOnExit erase(pem);
  return WritePrivateFile(path, pem);
}

}  // namespace assize::trust
