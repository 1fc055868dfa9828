// Keys: one key has one id, private halves stay private, demo keys cannot be disguised.
#include "lib/trust/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/support/files.h"
#include "lib/support/sha256.h"
#include "lib/trust/base64.h"
#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr KeyType kAllTypes[] = {KeyType::kP256, KeyType::kP384, KeyType::kP521, KeyType::kEd25519};

std::string PemOf(std::string_view label, std::string_view der) {
  std::string text = fmt::format("-----BEGIN {}-----\n", label);
  const std::string body = Base64Encode(der);
  for (size_t i = 0; i < body.size(); i += 64) text += body.substr(i, 64) + "\n";
  return text + fmt::format("-----END {}-----\n", label);
}

std::string DerOf(const std::string& pem) {
  std::string body;
  for (size_t at = pem.find('\n') + 1; pem.compare(at, 5, "-----") != 0;) {
    const size_t end = pem.find('\n', at);
    body += pem.substr(at, end - at);
    at = end + 1;
  }
  return Base64Decode(body).value();
}

TEST(Keys, SignAndVerifyWithEveryType) {
  for (const KeyType type : kAllTypes) {
    const PrivateKey& key = TestKey(type);
    EXPECT_EQ(key.type(), type);
    for (const std::string& message : {std::string(), std::string("m"), std::string(100000, 'x')}) {
      const auto signature = key.Sign(message);
      ASSERT_TRUE(signature.ok()) << signature.status();
      EXPECT_TRUE(key.public_key().Verify(message, *signature).ok());
      EXPECT_FALSE(key.public_key().Verify(message + "x", *signature).ok());
      EXPECT_FALSE(key.public_key().Verify(message, "").ok());
      EXPECT_FALSE(TestKey(type, 1).public_key().Verify(message, *signature).ok());
    }
  }
}

TEST(Keys, TypeNamesReadBack) {
  for (const KeyType type : kAllTypes) EXPECT_EQ(ParseKeyType(KeyTypeName(type)).value(), type);
  EXPECT_EQ(ParseKeyType("p256").value(), KeyType::kP256);
  EXPECT_EQ(ParseKeyType("ED25519").value(), KeyType::kEd25519);
  EXPECT_FALSE(ParseKeyType("rsa").ok());
  EXPECT_FALSE(ParseKeyType("").ok());
}

TEST(Keys, EncryptedFileReadsBackAsTheSameKey) {
  const ScratchFolder scratch;
  // One of each kind; openssl_oracle_test.cc has all four read by openssl. Deriving the file's key
  // is slow.
  for (const KeyType type : {KeyType::kP256, KeyType::kEd25519}) {
    const std::string path = scratch / fmt::format("{}.pem", KeyTypeName(type));
    ASSERT_TRUE(TestKey(type).Write(path, Secret("correct horse")).ok());
    struct stat info{};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_THAT(ReadFile(path).value(), HasSubstr("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    const auto key = PrivateKey::Load(path, FixedPassphrase("correct horse"));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->id(), TestKey(type).id());
    EXPECT_FALSE(key->was_stored_unencrypted());
  }
  EXPECT_EQ(scratch.Names().size(), 2u) << "temporary files were left behind";
}

TEST(Keys, wrong_passphrase_says_so_and_leaks_nothing) {
  const ScratchFolder scratch;
  const std::string path = scratch / "k.pem";
  ASSERT_TRUE(TestKey().Write(path, Secret("correct horse")).ok());
  const auto key = PrivateKey::Load(path, FixedPassphrase("battery staple"));
  EXPECT_EQ(key.status().code(), StatusCode::kUnauthenticated);
  EXPECT_THAT(Message(key.status()), HasSubstr("k.pem: the passphrase is wrong"));
  EXPECT_THAT(Message(key.status()), Not(HasSubstr("battery")));
  const auto none = PrivateKey::Load(path, NoPassphrase());
  EXPECT_EQ(none.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(none.status()), HasSubstr("ASSIZE_KEY_PASSPHRASE"));
  const auto long_one = PrivateKey::Load(path, FixedPassphrase(std::string(5000, 'x')));
  EXPECT_EQ(long_one.status().code(), StatusCode::kInvalidArgument);
}

TEST(Keys, private_key_text_never_in_messages) {
  // Damaged in the middle: whatever the parser says, the text of the key must not be in it.
  const ScratchFolder scratch;
  const auto demo = PrivateKey::GenerateDemo();
  ASSERT_TRUE(demo.ok()) << demo.status();
  const std::string path = scratch / "demo.pem";
  ASSERT_TRUE(demo->WriteDemo(path).ok());
  std::string pem = ReadFile(path).value();
  const std::string line = pem.substr(pem.find('\n') + 1, 40);
  pem[pem.find('\n') + 50] = '!';
  for (const Status& status : {PrivateKey::Parse(pem, "k", NoPassphrase()).status(),
                               PublicKey::Parse(pem, "k").status()}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), Not(HasSubstr(line.substr(0, 12))));
  }
}

TEST(Keys, NothingIsEverOverwritten) {
  const ScratchFolder scratch;
  const std::string path = scratch.Put("k.pem", "precious");
  EXPECT_EQ(TestKey().Write(path, Secret("p")).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadFile(path).value(), "precious");
  // A dangling link must not decide where the key goes.
  const std::string link = scratch / "link.pem";
  ASSERT_EQ(symlink((scratch / "elsewhere").c_str(), link.c_str()), 0);
  EXPECT_EQ(TestKey().Write(link, Secret("p")).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(scratch.Names(), (std::vector<std::string>{"k.pem", "link.pem"}));
  EXPECT_EQ(TestKey().Write(scratch / "no/such/k.pem", Secret("p")).code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(TestKey().Write(scratch / "e.pem", Secret()).code(), StatusCode::kInvalidArgument);
}

TEST(Keys, PublicFileIsKeptUnlessItDiffers) {
  const ScratchFolder scratch;
  const std::string path = scratch / "k.pub";
  ASSERT_TRUE(TestKey().public_key().Write(path).ok());
  EXPECT_TRUE(TestKey().public_key().Write(path).ok());
  EXPECT_EQ(TestKey(KeyType::kP256, 1).public_key().Write(path).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(PublicKey::Load(path)->id(), TestKey().id());
}

TEST(Keys, IdIsTheSha256OfThePemText) {
  for (const KeyType type : kAllTypes) {
    const PublicKey& key = TestKey(type).public_key();
    EXPECT_EQ(key.id(), Hex(Sha256(key.pem())));
    // Windows line ends and a missing final newline are the same key with the same id.
    std::string crlf;
    for (const char c : key.pem()) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_EQ(PublicKey::Parse(crlf, "k")->id(), key.id());
    EXPECT_EQ(PublicKey::Parse(key.pem().substr(0, key.pem().size() - 1), "k")->id(), key.id());
  }
}

TEST(DemoKeys, demo_key_cannot_shed_its_mark) {
  const ScratchFolder scratch;
  const auto demo = PrivateKey::GenerateDemo();
  ASSERT_TRUE(demo.ok()) << demo.status();
  EXPECT_TRUE(demo->is_demo());
  EXPECT_TRUE(demo->id().starts_with("de0"));
  // Re-encrypted, renamed, its public half copied: still a demo key.
  const std::string path = scratch / "production.pem";
  ASSERT_TRUE(demo->Write(path, Secret("p")).ok());
  EXPECT_TRUE(PrivateKey::Load(path, FixedPassphrase("p"))->is_demo());
  EXPECT_TRUE(
      PublicKey::Parse("release key of the hospital\n" + demo->public_key().pem(), "k")->is_demo());
}

TEST(DemoKeys, OnlyDemoKeysAreStoredUnencrypted) {
  const ScratchFolder scratch;
  ASSERT_FALSE(TestKey().is_demo());
  EXPECT_EQ(TestKey().WriteDemo(scratch / "k.pem").code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(scratch.Names().empty());
  const auto demo = PrivateKey::GenerateDemo();
  ASSERT_TRUE(demo.ok());
  const std::string path = scratch / "demo.pem";
  ASSERT_TRUE(demo->WriteDemo(path).ok());
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto key = PrivateKey::Load(path, NoPassphrase());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(key->was_stored_unencrypted());
  EXPECT_EQ(key->id(), demo->id());
}

TEST(KeyAttacks, one_key_under_two_ids) {
  // A compressed point is the same key in other bytes: two ids would make one person two approvers.
  const std::string spki = DerOf(TestKey().public_key().pem());
  ASSERT_EQ(spki.size(), 91u);
  std::string compressed = spki.substr(0, 26 + 1 + 32);
  compressed[26] = (spki.back() & 1) ? 3 : 2;
  compressed[1] = 0x39;
  compressed[24] = 0x22;
  const auto key = PublicKey::Parse(PemOf("PUBLIC KEY", compressed), "k.pub");
  EXPECT_EQ(key.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(key.status()), HasSubstr("uncompressed"));
  // Hybrid form: prefix 6 or 7 before both coordinates.
  std::string hybrid = spki;
  hybrid[26] = (spki.back() & 1) ? 7 : 6;
  EXPECT_FALSE(PublicKey::Parse(PemOf("PUBLIC KEY", hybrid), "k.pub").ok());
  // Bytes after the key.
  EXPECT_FALSE(PublicKey::Parse(PemOf("PUBLIC KEY", spki + std::string(1, '\0')), "k.pub").ok());
}

TEST(KeyAttacks, point_off_the_curve) {
  std::string spki = DerOf(TestKey().public_key().pem());
  spki.back() = static_cast<char>(spki.back() ^ 1);
  EXPECT_EQ(PublicKey::Parse(PemOf("PUBLIC KEY", spki), "k").status().code(),
            StatusCode::kInvalidArgument);
  // The point at infinity.
  std::string zero = spki.substr(0, 27) + std::string(64, '\0');
  EXPECT_FALSE(PublicKey::Parse(PemOf("PUBLIC KEY", zero), "k").ok());
}

TEST(KeyAttacks, two_keys_in_one_file) {
  const std::string both =
      TestKey().public_key().pem() + TestKey(KeyType::kP256, 1).public_key().pem();
  EXPECT_THAT(Message(PublicKey::Parse(both, "k").status()), HasSubstr("more than one"));
}

TEST(KeyAttacks, not_a_public_key) {
  EXPECT_FALSE(PublicKey::Parse("", "k").ok());
  EXPECT_FALSE(PublicKey::Parse("hello", "k").ok());
  EXPECT_FALSE(PublicKey::Parse(PemOf("CERTIFICATE", "x"), "k").ok());
  EXPECT_FALSE(PublicKey::Parse(PemOf("PUBLIC KEY", "x"), "k").ok());
  EXPECT_EQ(PublicKey::Parse(std::string(kMaxKeyFileBytes + 1, 'a'), "k").status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(PublicKey::Load("/no/such/file").status().code(), StatusCode::kNotFound);
  const std::string& pem = TestKey().public_key().pem();
  for (size_t length = 0; length + 2 < pem.size(); ++length) {
    EXPECT_FALSE(PublicKey::Parse(pem.substr(0, length), "k").ok()) << length;
  }
}

TEST(KeyAttacks, public_key_where_a_private_one_belongs) {
  const auto key = PrivateKey::Parse(TestKey().public_key().pem(), "k.pub", NoPassphrase());
  EXPECT_EQ(key.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(key.status()), HasSubstr("no readable private key"));
}

}  // namespace
}  // namespace assize::trust
