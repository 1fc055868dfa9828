// DSSE: a payload, its type and one signature over both (secure-systems-lab/dsse, protocol 1.0.2).
//
// An Envelope shows no payload: the only way to its bytes is a successful Verify, which gives back
// the very bytes that were verified. Tests: tests/trust/dsse_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "lib/support/json.h"
#include "lib/support/status.h"
#include "lib/trust/keys.h"

namespace assize::trust {

inline constexpr char kInTotoPayloadType[] = "application/vnd.in-toto+json";

// Pre-authentication encoding: `DSSEv1 SP len(type) SP type SP len(payload) SP payload`, lengths in
// bytes.
std::string Pae(std::string_view payload_type, std::string_view payload);

class Envelope {
 public:
  // Signs `payload` as an in-toto payload.
  static StatusOr<Envelope> Sign(std::string payload, const PrivateKey& key);
  // {payload, payloadType, signatures: [{sig, keyid}]}: exactly these members, one signature,
  // standard base64, payloadType as above. `keyid` may be empty or absent (see BundleForm).
  // Unauthenticated with a JSON pointer.
  static StatusOr<Envelope> FromJson(const Json& json, const std::string& where);
  Json ToJson() const;

  // What the envelope claims; not authenticated, good for choosing a key.
  const std::string& claimed_key_id() const { return key_id_; }

  // The payload, if `key` signed it; Unauthenticated otherwise.
  StatusOr<std::string> Verify(const PublicKey& key) const;

 private:
  Envelope() = default;
  std::string payload_;
  std::string signature_;
  std::string key_id_;
};

}  // namespace assize::trust
