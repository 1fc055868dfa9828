// DSSE envelopes: the pre-authentication encoding, signing, verifying. Tests:
// tests/trust/dsse_test.cc.
#include "lib/trust/dsse.h"

#include <utility>

#include "lib/trust/base64.h"
#include "lib/trust/members.h"

namespace assize::trust {
namespace {

StatusOr<Envelope> Refuse(const Status& status) { return Unauthenticated("{}", Message(status)); }

StatusOr<std::string> DecodeMember(const Json& json, const std::string& member,
                                   const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const std::string text, JsonString(json, member, where));
  StatusOr<std::string> bytes = Base64Decode(text);
  if (!bytes.ok()) return Annotate(bytes.status(), where + "/" + member);
  if (bytes->empty()) return InvalidArgument("{}/{}: is empty", where, member);
  return bytes;
}

}  // namespace

std::string Pae(std::string_view payload_type, std::string_view payload) {
  std::string out =
      fmt::format("DSSEv1 {} {} {} ", payload_type.size(), payload_type, payload.size());
  out += payload;
  return out;
}

StatusOr<Envelope> Envelope::Sign(std::string payload, const PrivateKey& key) {
  Envelope envelope;
  AZ_ASSIGN_OR_RETURN(envelope.signature_, key.Sign(Pae(kInTotoPayloadType, payload)));
  envelope.payload_ = std::move(payload);
  envelope.key_id_ = key.id();
  return envelope;
}

StatusOr<Envelope> Envelope::FromJson(const Json& json, const std::string& where) {
  Envelope envelope;
  if (const Status status = CheckMembers(json, where, {"payload", "payloadType", "signatures"});
      !status.ok()) {
    return Refuse(status);
  }
  const StatusOr<std::string> type = JsonString(json, "payloadType", where);
  if (!type.ok()) return Refuse(type.status());
  if (*type != kInTotoPayloadType) {
    return Unauthenticated("{}/payloadType: is {}, expected \"{}\"", where, DumpJson(Json(*type)),
                           kInTotoPayloadType);
  }
  const Json& signatures = json["signatures"];
  if (!signatures.is_array() || signatures.size() != 1) {
    return Unauthenticated("{}/signatures: has {} entries, expected an array of exactly one", where,
                           signatures.is_array() ? signatures.size() : 0);
  }
  const std::string first = where + "/signatures/0";
  if (const Status status = CheckMembers(signatures[0], first, {"sig"}, {"keyid"}); !status.ok()) {
    return Refuse(status);
  }
  if (signatures[0].contains("keyid")) {
    StatusOr<std::string> key_id = JsonString(signatures[0], "keyid", first);
    if (!key_id.ok()) return Refuse(key_id.status());
    envelope.key_id_ = *std::move(key_id);
  }
  StatusOr<std::string> signature = DecodeMember(signatures[0], "sig", first);
  if (!signature.ok()) return Refuse(signature.status());
  StatusOr<std::string> payload = DecodeMember(json, "payload", where);
  if (!payload.ok()) return Refuse(payload.status());
  envelope.signature_ = *std::move(signature);
  envelope.payload_ = *std::move(payload);
  return envelope;
}

Json Envelope::ToJson() const {
  Json signature = Json::object();
  signature["sig"] = Base64Encode(signature_);
  signature["keyid"] = key_id_;
  Json json = Json::object();
  json["payload"] = Base64Encode(payload_);
  json["payloadType"] = kInTotoPayloadType;
  json["signatures"] = Json::array({std::move(signature)});
  return json;
}

StatusOr<std::string> Envelope::Verify(const PublicKey& key) const {
  AZ_RETURN_IF_ERROR(key.Verify(Pae(kInTotoPayloadType, payload_), signature_));
  return payload_;
}

}  // namespace assize::trust
