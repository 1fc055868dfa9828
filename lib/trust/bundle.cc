// Sigstore bundles: one canonical form out, nothing unexpected in. Tests:
// tests/trust/bundle_attacks_test.cc.
#include "lib/trust/bundle.h"

#include <utility>

#include "lib/trust/dsse.h"
#include "lib/trust/members.h"

namespace assize::trust {
namespace {

struct ParsedBundle {
  Envelope envelope;
  std::string hint;
};

std::string Encode(const Envelope& envelope, const std::string& hint) {
  Json public_key = Json::object();
  public_key["hint"] = hint;
  Json material = Json::object();
  material["publicKey"] = std::move(public_key);
  material["tlogEntries"] = Json::array();
  Json json = Json::object();
  json["mediaType"] = kBundleMediaType;
  json["verificationMaterial"] = std::move(material);
  json["dsseEnvelope"] = envelope.ToJson();
  return DumpJson(json) + "\n";
}

Status AsUntrusted(const Status& status) { return Unauthenticated("{}", Message(status)); }

Status CheckKeyHint(const std::string& hint, const std::string& where) {
  if (hint.size() != 64 || !ParseDigest(hint).ok()) {
    return InvalidArgument("{}: is {}, expected the 64 lower-case hex digits of a key id", where,
                           DumpJson(Json(hint.substr(0, 80))));
  }
  return OkStatus();
}

StatusOr<ParsedBundle> ParseStrict(std::string_view bytes, const std::string& origin,
                                   BundleForm form) {
  JsonLimits limits;
  limits.max_bytes = kMaxBundleBytes;
  limits.max_depth = 16;  // a bundle's own structure has six levels
  AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(bytes, origin, limits));
  AZ_RETURN_IF_ERROR(
      CheckMembers(json, origin + ": /", {"mediaType", "verificationMaterial", "dsseEnvelope"}));
  AZ_ASSIGN_OR_RETURN(const std::string media_type, JsonString(json, "mediaType", origin + ": "));
  if (media_type != kBundleMediaType) {
    return InvalidArgument("{}: /mediaType is {}, expected \"{}\"", origin,
                           DumpJson(Json(media_type)), kBundleMediaType);
  }
  const Json& material = json["verificationMaterial"];
  const std::string at = origin + ": /verificationMaterial";
  AZ_RETURN_IF_ERROR(CheckMembers(material, at, {"publicKey", "tlogEntries"}));
  const Json& entries = material["tlogEntries"];
  if (!entries.is_array() || !entries.empty()) {
    return InvalidArgument(
        "{}/tlogEntries: is {}, expected an empty array: log entries are not "
        "verified here",
        at, entries.is_array() ? "not empty" : entries.type_name());
  }
  const Json& public_key = material["publicKey"];
  AZ_RETURN_IF_ERROR(CheckMembers(public_key, at + "/publicKey", {"hint"}));
  AZ_ASSIGN_OR_RETURN(std::string hint, JsonString(public_key, "hint", at + "/publicKey"));
  AZ_RETURN_IF_ERROR(CheckKeyHint(hint, at + "/publicKey/hint"));
  AZ_ASSIGN_OR_RETURN(Envelope envelope,
                      Envelope::FromJson(json["dsseEnvelope"], origin + ": /dsseEnvelope"));
  const std::string& key_id = envelope.claimed_key_id();
  if (key_id != hint && !(form == BundleForm::kForeign && key_id.empty())) {
    return InvalidArgument("{}: /dsseEnvelope/signatures/0/keyid is {}, expected the hint, \"{}\"",
                           origin, DumpJson(Json(key_id)), hint);
  }
  if (form == BundleForm::kCanonical && Encode(envelope, hint) != bytes) {
    return InvalidArgument(
        "{}: not in canonical form (one line of JSON without spaces, members in "
        "the fixed order, a newline at the end)",
        origin);
  }
  return ParsedBundle{std::move(envelope), std::move(hint)};
}

// Whatever is wrong with a bundle, it is not trusted.
StatusOr<ParsedBundle> ParseBundle(std::string_view bytes, const std::string& origin,
                                   BundleForm form) {
  StatusOr<ParsedBundle> parsed = ParseStrict(bytes, origin, form);
  if (!parsed.ok()) return AsUntrusted(parsed.status());
  return parsed;
}

}  // namespace

StatusOr<std::string> SignPayload(const std::string& payload, const PrivateKey& key) {
  AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(payload, "statement to sign"));
  AZ_RETURN_IF_ERROR(ParseStatement(json, "statement to sign").status());
  AZ_ASSIGN_OR_RETURN(const Envelope envelope, Envelope::Sign(payload, key));
  std::string bundle = Encode(envelope, key.id());
  const auto verified = VerifyBundle(bundle, key.public_key(), "new bundle");
  if (!verified.ok() || verified->payload() != payload) {
    return Internal("a bundle just signed does not verify: {}", Message(verified.status()));
  }
  return bundle;
}

StatusOr<std::string> SignStatement(const Json& statement, const PrivateKey& key) {
  return SignPayload(DumpJson(statement), key);
}

StatusOr<VerifiedStatement> VerifyBundle(std::string_view bundle, const PublicKey& key,
                                         const std::string& origin, BundleForm form) {
  AZ_ASSIGN_OR_RETURN(const ParsedBundle parsed, ParseBundle(bundle, origin, form));
  if (parsed.hint != key.id()) {
    return Unauthenticated("{}: names key {} as its signer, expected key {}", origin, parsed.hint,
                           key.id());
  }
  StatusOr<std::string> payload = parsed.envelope.Verify(key);
  if (!payload.ok()) return Annotate(payload.status(), origin);
  StatusOr<Json> json = ParseJson(*payload, origin + ": signed payload");
  if (!json.ok()) return AsUntrusted(json.status());
  StatusOr<Statement> statement = ParseStatement(*json, origin + ": signed payload");
  if (!statement.ok()) return AsUntrusted(statement.status());

  VerifiedStatement verified;
  verified.statement_ = *std::move(statement);
  verified.payload_ = *std::move(payload);
  verified.json_ = *std::move(json);
  verified.key_id_ = key.id();
  verified.bundle_digest_ = Sha256(bundle);
  return verified;
}

StatusOr<VerifiedStatement> VerifyBundleWithAny(std::string_view bundle,
                                                std::span<const PublicKey> keys,
                                                const std::string& origin, BundleForm form) {
  AZ_ASSIGN_OR_RETURN(const ParsedBundle parsed, ParseBundle(bundle, origin, form));
  for (const PublicKey& key : keys) {
    if (key.id() == parsed.hint) return VerifyBundle(bundle, key, origin, form);
  }
  return Unauthenticated("{}: names key {} as its signer, which is none of the {} expected keys",
                         origin, parsed.hint, keys.size());
}

StatusOr<std::string> PeekKeyId(std::string_view bundle, const std::string& origin,
                                BundleForm form) {
  AZ_ASSIGN_OR_RETURN(ParsedBundle parsed, ParseBundle(bundle, origin, form));
  return std::move(parsed.hint);
}

}  // namespace assize::trust
