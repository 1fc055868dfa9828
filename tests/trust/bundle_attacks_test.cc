// Bundles: each test is named after what an attacker does to one, and asserts that it is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "lib/trust/base64.h"
#include "lib/trust/bundle.h"
#include "lib/trust/dsse.h"
#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

using ::testing::HasSubstr;

std::string SamplePayload() { return DumpJson(SampleStatement().ToJson()); }

void ExpectRefused(std::string_view bundle, const std::string& why,
                   const PublicKey& key = TestKey().public_key()) {
  for (const BundleForm form : {BundleForm::kCanonical, BundleForm::kForeign}) {
    const auto verified = VerifyBundle(bundle, key, "b.json", form);
    ASSERT_FALSE(verified.ok()) << why;
    EXPECT_EQ(verified.status().code(), StatusCode::kUnauthenticated) << verified.status();
    EXPECT_THAT(Message(verified.status()), HasSubstr(why));
    EXPECT_THAT(Message(verified.status()), HasSubstr("b.json"));
  }
}

// Forges a bundle with a good signature, edits its JSON, and expects the refusal to say `why`.
void ExpectEditRefused(const std::string& why, const std::function<void(Json&)>& edit) {
  Json json = ForgeBundleJson(SamplePayload(), TestKey());
  edit(json);
  ExpectRefused(DumpJson(json) + "\n", why);
}

TEST(Bundle, RoundTripGivesTheSignedBytes) {
  for (const KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kP521, KeyType::kEd25519}) {
    const PrivateKey& key = TestKey(type);
    const auto bundle = SignStatement(SampleStatement(), key);
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    const auto verified = VerifyBundle(*bundle, key.public_key(), "b.json");
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->payload(), SamplePayload());
    EXPECT_EQ(verified->json(), SampleStatement().ToJson());
    EXPECT_EQ(verified->statement().predicate["correct"], 9891);
    EXPECT_EQ(verified->key_id(), key.id());
    EXPECT_EQ(verified->bundle_digest(), Sha256(*bundle));
    EXPECT_EQ(PeekKeyId(*bundle, "b.json").value(), key.id());
  }
}

TEST(Bundle, PayloadTravelsAsItIs) {
  // Spacing and number spelling of the signed text survive: nothing is re-serialised.
  const std::string payload = SampleStatement().ToJson().dump(1) + "\n  ";
  const auto bundle = SignPayload(payload, TestKey());
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(VerifyBundle(*bundle, TestKey().public_key(), "b")->payload(), payload);
}

TEST(Bundle, SigningRefusesWhatIsNoStatement) {
  EXPECT_FALSE(SignPayload("{}", TestKey()).ok());
  EXPECT_FALSE(SignPayload("not json", TestKey()).ok());
  Statement empty = SampleStatement();
  empty.subjects.clear();
  EXPECT_FALSE(SignStatement(empty, TestKey()).ok());
}

TEST(BundleAttacks, wrong_key) {
  const auto bundle = SignStatement(SampleStatement(), TestKey(KeyType::kP256, 1));
  ASSERT_TRUE(bundle.ok());
  ExpectRefused(*bundle, "expected key " + TestKey().id());
  const PublicKey keys[] = {TestKey().public_key(), TestKey(KeyType::kP384).public_key()};
  const auto any = VerifyBundleWithAny(*bundle, keys, "b.json");
  EXPECT_EQ(any.status().code(), StatusCode::kUnauthenticated);
  EXPECT_THAT(Message(any.status()), HasSubstr("none of the 2 expected keys"));
  EXPECT_FALSE(VerifyBundleWithAny(*bundle, {}, "b.json").ok());
}

TEST(BundleAttacks, right_key_is_chosen_among_several) {
  const auto bundle = SignStatement(SampleStatement(), TestKey(KeyType::kP256, 1));
  ASSERT_TRUE(bundle.ok());
  const PublicKey keys[] = {TestKey().public_key(), TestKey(KeyType::kP256, 1).public_key()};
  const auto verified = VerifyBundleWithAny(*bundle, keys, "b.json");
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->key_id(), TestKey(KeyType::kP256, 1).id());
}

TEST(BundleAttacks, hint_relabelled_to_a_trusted_key) {
  // Signed by key 1, but claiming to be by the key that the verifier trusts.
  Json json = ForgeBundleJson(SamplePayload(), TestKey(KeyType::kP256, 1));
  json["verificationMaterial"]["publicKey"]["hint"] = TestKey().id();
  json["dsseEnvelope"]["signatures"][0]["keyid"] = TestKey().id();
  ExpectRefused(DumpJson(json) + "\n", "signature");
}

TEST(BundleAttacks, keyid_mismatch) {
  ExpectEditRefused(
      "keyid", [](Json& j) { j["dsseEnvelope"]["signatures"][0]["keyid"] = std::string(64, '0'); });
}

TEST(BundleAttacks, forged_counts) {
  // The payload's numbers changed under an old signature.
  Json json = ForgeBundleJson(SamplePayload(), TestKey());
  std::string payload = SamplePayload();
  payload.replace(payload.find("9891"), 4, "9991");
  json["dsseEnvelope"]["payload"] = Base64Encode(payload);
  ExpectRefused(DumpJson(json) + "\n", "signature");
}

TEST(BundleAttacks, signature_moved_to_another_statement) {
  Statement other = SampleStatement();
  other.subjects[0].name = "other.onnx";
  Json json = ForgeBundleJson(DumpJson(other.ToJson()), TestKey());
  json["dsseEnvelope"]["signatures"] =
      ForgeBundleJson(SamplePayload(), TestKey())["dsseEnvelope"]["signatures"];
  ExpectRefused(DumpJson(json) + "\n", "signature");
}

TEST(BundleAttacks, empty_signatures) {
  ExpectEditRefused("exactly one",
                    [](Json& j) { j["dsseEnvelope"]["signatures"] = Json::array(); });
  ExpectEditRefused("exactly one", [](Json& j) { j["dsseEnvelope"]["signatures"] = nullptr; });
  ExpectEditRefused("missing", [](Json& j) { j["dsseEnvelope"].erase("signatures"); });
}

TEST(BundleAttacks, two_signatures) {
  ExpectEditRefused("exactly one", [](Json& j) {
    j["dsseEnvelope"]["signatures"].push_back(Json(j["dsseEnvelope"]["signatures"][0]));
  });
}

TEST(BundleAttacks, empty_signature_bytes) {
  ExpectEditRefused("is empty", [](Json& j) { j["dsseEnvelope"]["signatures"][0]["sig"] = ""; });
  ExpectEditRefused("is empty", [](Json& j) { j["dsseEnvelope"]["payload"] = ""; });
}

TEST(BundleAttacks, wrong_media_type) {
  for (const char* type : {"application/vnd.dev.sigstore.bundle+json;version=0.3",
                           "application/vnd.dev.sigstore.bundle.v0.2+json", ""}) {
    ExpectEditRefused("/mediaType", [type](Json& j) { j["mediaType"] = type; });
  }
  ExpectEditRefused("mediaType", [](Json& j) { j.erase("mediaType"); });
  ExpectEditRefused("mediaType", [](Json& j) { j["mediaType"] = 3; });
}

TEST(BundleAttacks, wrong_payload_type) {
  for (const char* type : {"application/vnd.in-toto.oms+json", "application/json", ""}) {
    ExpectEditRefused("payloadType", [type](Json& j) { j["dsseEnvelope"]["payloadType"] = type; });
  }
}

TEST(BundleAttacks, unknown_member_at_every_level) {
  ExpectEditRefused("unknown member", [](Json& j) { j["extra"] = 1; });
  ExpectEditRefused("unknown member", [](Json& j) { j["messageSignature"] = Json::object(); });
  ExpectEditRefused("unknown member", [](Json& j) { j["verificationMaterial"]["extra"] = 1; });
  ExpectEditRefused("unknown member", [](Json& j) {
    j["verificationMaterial"]["timestampVerificationData"] = Json::object();
  });
  ExpectEditRefused("unknown member",
                    [](Json& j) { j["verificationMaterial"]["publicKey"]["rawBytes"] = "AA=="; });
  ExpectEditRefused("unknown member", [](Json& j) { j["dsseEnvelope"]["extra"] = 1; });
  ExpectEditRefused("unknown member",
                    [](Json& j) { j["dsseEnvelope"]["signatures"][0]["cert"] = ""; });
}

TEST(BundleAttacks, method_mismatch_certificate_instead_of_key) {
  ExpectEditRefused("unknown member", [](Json& j) {
    j["verificationMaterial"].erase("publicKey");
    j["verificationMaterial"]["x509CertificateChain"]["certificates"] = Json::array();
  });
}

TEST(BundleAttacks, log_entries_nobody_checks) {
  ExpectEditRefused("tlogEntries", [](Json& j) {
    j["verificationMaterial"]["tlogEntries"].push_back(Json::object());
  });
  ExpectEditRefused("tlogEntries", [](Json& j) { j["verificationMaterial"].erase("tlogEntries"); });
}

TEST(BundleAttacks, hint_is_no_key_id) {
  for (const char* hint : {"", "abc", "../../etc/passwd"}) {
    ExpectEditRefused("hint",
                      [hint](Json& j) { j["verificationMaterial"]["publicKey"]["hint"] = hint; });
  }
  ExpectEditRefused("hint", [](Json& j) {
    j["verificationMaterial"]["publicKey"]["hint"] = std::string(64, 'A');
  });
  ExpectEditRefused("hint",
                    [](Json& j) { j["verificationMaterial"]["publicKey"]["hint"] = nullptr; });
}

TEST(BundleAttacks, url_safe_base64) {
  // Signatures are random: sign until the text has a character that the two alphabets spell
  // differently.
  for (int tries = 0; tries < 200; ++tries) {
    Json json = ForgeBundleJson(SamplePayload(), TestKey());
    std::string sig = json["dsseEnvelope"]["signatures"][0]["sig"].get<std::string>();
    if (sig.find_first_of("+/") == std::string::npos) continue;
    for (char& c : sig) c = c == '+' ? '-' : c == '/' ? '_' : c;
    json["dsseEnvelope"]["signatures"][0]["sig"] = sig;
    ExpectRefused(DumpJson(json) + "\n", "base64");
    return;
  }
  FAIL() << "200 signatures without + or /";
}

TEST(BundleAttacks, duplicate_json_keys) {
  const std::string bundle = ForgeBundle(SamplePayload(), TestKey());
  // The first or the last of the two may win elsewhere; here neither does.
  ExpectRefused("{\"mediaType\":\"x\"," + bundle.substr(1), "mediaType");
  std::string twice = bundle;
  twice.replace(twice.find("\"payload\":"), 10, "\"payload\":\"AAAA\",\"payload\":");
  ExpectRefused(twice, "payload");
}

TEST(BundleAttacks, duplicate_json_keys_inside_the_signed_payload) {
  std::string payload = SamplePayload();
  payload.replace(payload.find("\"correct\":9891"), 14, "\"correct\":1,\"correct\":9891");
  ExpectRefused(ForgeBundle(payload, TestKey()), "signed payload");
}

TEST(BundleAttacks, signed_payload_is_no_statement) {
  for (const char* payload : {"{}", "[]", "null", "\"x\"", "not json",
                              "{\"_type\":\"https://in-toto.io/Statement/v1\"}"}) {
    ExpectRefused(ForgeBundle(payload, TestKey()), "signed payload");
  }
}

TEST(BundleAttacks, trailing_bytes) {
  const std::string bundle = ForgeBundle(SamplePayload(), TestKey());
  for (const std::string& tail :
       {std::string("{}"), std::string("x"), std::string("\0", 1), bundle}) {
    ExpectRefused(bundle + tail, "b.json");
  }
}

TEST(BundleAttacks, deeply_nested_json) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 200000; ++i) text += open;
    ExpectRefused(text, "b.json");
  }
}

TEST(BundleAttacks, oversized_bundle) {
  const std::string text = "{\"mediaType\":\"" + std::string(kMaxBundleBytes, 'a') + "\"}";
  ExpectRefused(text, "limit");
}

TEST(BundleAttacks, other_spacing_or_order_has_another_digest) {
  // Same signature, other bytes: a second digest for one statement. Refused unless foreign bundles
  // are asked for.
  const Json json = ForgeBundleJson(SamplePayload(), TestKey());
  Json reordered;
  reordered["dsseEnvelope"] = json["dsseEnvelope"];
  reordered["mediaType"] = json["mediaType"];
  reordered["verificationMaterial"] = json["verificationMaterial"];
  for (const std::string& text : {DumpPrettyJson(json), DumpJson(json), DumpJson(json) + "\n\n",
                                  DumpJson(reordered) + "\n", " " + DumpJson(json) + "\n"}) {
    const auto strict = VerifyBundle(text, TestKey().public_key(), "b.json");
    EXPECT_EQ(strict.status().code(), StatusCode::kUnauthenticated);
    EXPECT_THAT(Message(strict.status()), HasSubstr("canonical"));
    const auto foreign = VerifyBundle(text, TestKey().public_key(), "b.json", BundleForm::kForeign);
    ASSERT_TRUE(foreign.ok()) << foreign.status();
    EXPECT_EQ(foreign->payload(), SamplePayload());
  }
}

TEST(BundleAttacks, empty_keyid_only_from_foreign_signers) {
  Json json = ForgeBundleJson(SamplePayload(), TestKey());
  json["dsseEnvelope"]["signatures"][0]["keyid"] = "";
  const std::string text = DumpJson(json) + "\n";
  EXPECT_FALSE(VerifyBundle(text, TestKey().public_key(), "b").ok());
  EXPECT_TRUE(VerifyBundle(text, TestKey().public_key(), "b", BundleForm::kForeign).ok());
}

TEST(BundleAttacks, truncated_at_every_byte) {
  const std::string bundle = ForgeBundle(SamplePayload(), TestKey());
  for (size_t length = 0; length < bundle.size(); ++length) {
    const auto verified =
        VerifyBundle(bundle.substr(0, length), TestKey().public_key(), "b", BundleForm::kCanonical);
    ASSERT_FALSE(verified.ok()) << length;
    ASSERT_EQ(verified.status().code(), StatusCode::kUnauthenticated);
  }
}

TEST(BundleAttacks, one_byte_changed_anywhere) {
  const std::string bundle = ForgeBundle(SamplePayload(), TestKey());
  for (const BundleForm form : {BundleForm::kCanonical, BundleForm::kForeign}) {
    for (size_t i = 0; i < bundle.size(); ++i) {
      for (const int flip : {0x01, 0x20, 0x80}) {
        std::string changed = bundle;
        changed[i] = static_cast<char>(changed[i] ^ flip);
        const auto verified = VerifyBundle(changed, TestKey().public_key(), "b", form);
        ASSERT_FALSE(verified.ok()) << "byte " << i << " xor " << flip;
        ASSERT_EQ(verified.status().code(), StatusCode::kUnauthenticated) << verified.status();
      }
    }
  }
}

TEST(BundleAttacks, non_canonical_der_signature) {
  // Long-form length, trailing byte, leading zero: other bytes for the same two numbers.
  const Json good = ForgeBundleJson(SamplePayload(), TestKey());
  const std::string der =
      Base64Decode(good["dsseEnvelope"]["signatures"][0]["sig"].get<std::string>()).value();
  ASSERT_EQ(der[0], 0x30);
  std::vector<std::string> variants;
  variants.push_back(der + std::string(1, '\0'));
  variants.push_back(der.substr(0, 1) + "\x81" + der.substr(1));
  std::string padded = der;
  padded[1] = static_cast<char>(padded[1] + 1);
  padded[3] = static_cast<char>(padded[3] + 1);
  padded.insert(4, 1, '\0');
  variants.push_back(padded);
  variants.push_back(der.substr(0, der.size() - 1));
  for (const std::string& variant : variants) {
    Json json = good;
    json["dsseEnvelope"]["signatures"][0]["sig"] = Base64Encode(variant);
    ExpectRefused(DumpJson(json) + "\n", "signature");
  }
}

TEST(BundleAttacks, all_zero_signature) {
  // r = s = 0 was accepted by some verifiers (CVE-2022-21449).
  Json json = ForgeBundleJson(SamplePayload(), TestKey());
  json["dsseEnvelope"]["signatures"][0]["sig"] =
      Base64Encode(std::string("\x30\x06\x02\x01\x00\x02\x01\x00", 8));
  ExpectRefused(DumpJson(json) + "\n", "signature");
}

TEST(BundleAttacks, empty_and_non_json_input) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("null"), std::string("[]"),
        std::string("\xff\xfe"), std::string(1000, '\0')}) {
    ExpectRefused(text, "b.json");
    EXPECT_EQ(PeekKeyId(text, "b.json").status().code(), StatusCode::kUnauthenticated);
  }
}

}  // namespace
}  // namespace assize::trust
