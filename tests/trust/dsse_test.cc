// Base64, the pre-authentication encoding and the envelope.
#include "lib/trust/dsse.h"

#include <gtest/gtest.h>

#include "lib/trust/base64.h"
#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

TEST(Base64, VectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text).value(), bytes);
  }
}

TEST(Base64, AllBytesRoundTrip) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (size_t cut = 0; cut < 4; ++cut) {
    const std::string part = bytes.substr(cut);
    EXPECT_EQ(Base64Decode(Base64Encode(part)).value(), part);
  }
}

TEST(Base64, OneTextPerValue) {
  // URL-safe alphabet, white space, padding missing, misplaced or surplus, non-zero unused bits.
  for (const char* text : {"-_-_", "Zm9v\n", "Zm 9", "Zg", "Zg=", "Z===", "====", "Zg==Zg==",
                           "Z=g=", "Zh==", "Zm9=", "Zm9v=", "\xff\xff\xff\xff"}) {
    EXPECT_FALSE(Base64Decode(text).ok()) << text;
  }
}

TEST(Pae, VectorOfTheProtocol) {
  EXPECT_EQ(Pae("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Pae, CountsBytesNotCharacters) {
  EXPECT_EQ(Pae("t", "\xc3\xb6"), "DSSEv1 1 t 2 \xc3\xb6");
  EXPECT_EQ(Pae("", ""), "DSSEv1 0  0 ");
}

TEST(Envelope, GivesBackTheVerySignedBytes) {
  const std::string payload("{\"a\" :\n 1}\0tail", 15);
  const auto envelope = Envelope::Sign(payload, TestKey());
  ASSERT_TRUE(envelope.ok());
  const auto again = Envelope::FromJson(envelope->ToJson(), "envelope");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Verify(TestKey().public_key()).value(), payload);
  EXPECT_EQ(again->Verify(TestKey(KeyType::kP256, 1).public_key()).status().code(),
            StatusCode::kUnauthenticated);
}

TEST(Envelope, type_confusion_other_payload_type_signed) {
  // A signature over another payload type must not pass for one over a statement.
  const std::string payload = "{}";
  const auto signature = TestKey().Sign(Pae("application/json", payload));
  ASSERT_TRUE(signature.ok());
  Json json = ForgeBundleJson(payload, TestKey())["dsseEnvelope"];
  json["signatures"][0]["sig"] = Base64Encode(*signature);
  const auto envelope = Envelope::FromJson(json, "envelope");
  ASSERT_TRUE(envelope.ok());
  EXPECT_EQ(envelope->Verify(TestKey().public_key()).status().code(), StatusCode::kUnauthenticated);
}

TEST(Envelope, signature_over_bare_payload_without_pae) {
  const std::string payload = "{}";
  const auto signature = TestKey().Sign(payload);
  ASSERT_TRUE(signature.ok());
  Json json = ForgeBundleJson(payload, TestKey())["dsseEnvelope"];
  json["signatures"][0]["sig"] = Base64Encode(*signature);
  const auto envelope = Envelope::FromJson(json, "envelope");
  ASSERT_TRUE(envelope.ok());
  EXPECT_FALSE(envelope->Verify(TestKey().public_key()).ok());
}

}  // namespace
}  // namespace assize::trust
