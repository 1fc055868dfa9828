// Sigstore bundle v0.3: one signed in-toto statement as a file that other tools verify.
//
// Strict on the way in: size and depth limits, no duplicate or unknown members, exact media and
// payload types, one signature, `hint` = `keyid` = the key's id, no log entries. By default the
// bytes must be the very encoding that we write, so a bundle has one text per signature and its
// digest can be cited; kForeign accepts other spacing and member order and an empty keyid, as other
// signers write them. Nothing of the payload can be seen before its signature was verified. Every
// refusal is Unauthenticated. Tests: tests/trust/bundle_attacks_test.cc,
// tests/trust/openssl_oracle_test.cc; tests/fuzz/bundle_fuzz.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/support/json.h"
#include "lib/support/sha256.h"
#include "lib/support/status.h"
#include "lib/trust/keys.h"
#include "lib/trust/statement.h"

namespace assize::trust {

inline constexpr char kBundleMediaType[] = "application/vnd.dev.sigstore.bundle.v0.3+json";
inline constexpr size_t kMaxBundleBytes = size_t{64} << 20;

enum class BundleForm { kCanonical, kForeign };

// A statement whose signature held. Made only by VerifyBundle.
class VerifiedStatement {
 public:
  const Statement& statement() const { return statement_; }
  const std::string& payload() const { return payload_; }  // the bytes that were signed
  const Json& json() const { return json_; }               // the same bytes, parsed
  const std::string& key_id() const { return key_id_; }
  const Digest& bundle_digest() const { return bundle_digest_; }  // SHA-256 of the bundle's bytes

 private:
  friend StatusOr<VerifiedStatement> VerifyBundle(std::string_view, const PublicKey&,
                                                  const std::string&, BundleForm);
  VerifiedStatement() = default;
  Statement statement_;
  std::string payload_;
  Json json_;
  std::string key_id_;
  Digest bundle_digest_{};
};

// The bundle's bytes (one line and a newline) over `payload`, which must parse as a statement; it
// is signed and carried as it is. Check our own work: the bundle is verified again before it is
// returned.
StatusOr<std::string> SignPayload(const std::string& payload, const PrivateKey& key);
// The same, payload = DumpJson(statement).
StatusOr<std::string> SignStatement(const Json& statement, const PrivateKey& key);
inline StatusOr<std::string> SignStatement(const Statement& statement, const PrivateKey& key) {
  return SignStatement(statement.ToJson(), key);
}

// `origin` names the bundle in errors (a file name).
StatusOr<VerifiedStatement> VerifyBundle(std::string_view bundle, const PublicKey& key,
                                         const std::string& origin,
                                         BundleForm form = BundleForm::kCanonical);
// With the one of `keys` whose id the bundle names; Unauthenticated when none of them has it.
StatusOr<VerifiedStatement> VerifyBundleWithAny(std::string_view bundle,
                                                std::span<const PublicKey> keys,
                                                const std::string& origin,
                                                BundleForm form = BundleForm::kCanonical);

// The key id that the bundle claims. Not authenticated: only for choosing the key to verify with.
StatusOr<std::string> PeekKeyId(std::string_view bundle, const std::string& origin,
                                BundleForm form = BundleForm::kCanonical);

}  // namespace assize::trust
