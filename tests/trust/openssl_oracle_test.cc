// OpenSSL's command line, jq and coreutils check what we write, and we check what they write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/support/files.h"
#include "lib/support/sha256.h"
#include "lib/trust/base64.h"
#include "lib/trust/bundle.h"
#include "lib/trust/dsse.h"
#include "lib/trust/oms.h"
#include "tests/trust/trust_testing.h"

namespace assize::trust {
namespace {

using ::testing::HasSubstr;

struct Curve {
  KeyType type;
  const char* hash;
  const char* group;
};
constexpr Curve kCurves[] = {{KeyType::kP256, "-sha256", "P-256"},
                             {KeyType::kP384, "-sha384", "P-384"},
                             {KeyType::kP521, "-sha512", "P-521"}};

class OpensslOracle : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(RunCommand({"openssl", "version"}).exit_code, 0)
        << "openssl's command line is missing";
  }
  // Runs a command that must succeed; its stdout.
  static std::string Run(const std::vector<std::string>& arguments, std::string_view input = "") {
    const CommandResult result = RunCommand(arguments, input);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << " " << arguments[1] << ": " << result.err;
    return result.out;
  }
  ScratchFolder scratch_;
};

TEST_F(OpensslOracle, PublicTextIsWhatOpensslWrites) {
  for (const Curve& curve : kCurves) {
    const std::string path = scratch_ / fmt::format("{}.pem", curve.group);
    ASSERT_TRUE(TestKey(curve.type).Write(path, Secret("pass word")).ok());
    const std::string pem =
        Run({"openssl", "ec", "-in", path, "-pubout", "-passin", "pass:pass word"});
    EXPECT_EQ(pem, TestKey(curve.type).public_key().pem());
    const std::string pub = scratch_.Put("k.pub", pem);
    EXPECT_EQ(Run({"sha256sum", pub}).substr(0, 64), TestKey(curve.type).id());
  }
  const std::string path = scratch_ / "ed.pem";
  ASSERT_TRUE(TestKey(KeyType::kEd25519).Write(path, Secret("p")).ok());
  EXPECT_EQ(Run({"openssl", "pkey", "-in", path, "-pubout", "-passin", "pass:p"}),
            TestKey(KeyType::kEd25519).public_key().pem());
}

TEST_F(OpensslOracle, PrivateFilesAreSlowToGuess) {
  const std::string path = scratch_ / "k.pem";
  ASSERT_TRUE(TestKey().Write(path, Secret("p")).ok());
  const std::string dump = Run({"openssl", "asn1parse", "-in", path});
  for (const char* part : {"PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", "0927C0"}) {
    EXPECT_THAT(dump, HasSubstr(part));  // 0927C0 = 600,000 rounds
  }
}

TEST_F(OpensslOracle, AuditorsRecipeAcceptsOurBundle) {
  // VERIFY.md's steps: payload and signature by jq and base64, the pre-authentication text by hand.
  for (const Curve& curve : kCurves) {
    const PrivateKey& key = TestKey(curve.type);
    const auto bundle = SignStatement(SampleStatement(), key);
    ASSERT_TRUE(bundle.ok());
    const std::string file = scratch_.Put("b.json", *bundle);
    const std::string payload =
        Run({"base64", "-d"}, Run({"jq", "-r", ".dsseEnvelope.payload", file}));
    const std::string signature =
        Run({"base64", "-d"}, Run({"jq", "-r", ".dsseEnvelope.signatures[0].sig", file}));
    const std::string type = Run({"jq", "-j", ".dsseEnvelope.payloadType", file});
    EXPECT_EQ(type, "application/vnd.in-toto+json");
    const std::string pae = scratch_.Put(
        "pae", "DSSEv1 28 " + type + " " + std::to_string(payload.size()) + " " + payload);
    const std::string sig = scratch_.Put("sig", signature);
    const std::string pub = scratch_.Put("k.pub", key.public_key().pem());
    EXPECT_THAT(Run({"openssl", "dgst", curve.hash, "-verify", pub, "-signature", sig, pae}),
                HasSubstr("Verified OK"));
    EXPECT_EQ(Run({"jq", "-j", ".verificationMaterial.publicKey.hint", file}),
              Run({"sha256sum", pub}).substr(0, 64));
    // One digit of the payload changed: openssl refuses too.
    std::string forged = payload;
    forged.replace(forged.find("9891"), 4, "9892");
    const std::string bad = scratch_.Put("bad", Pae(type, forged));
    EXPECT_NE(RunCommand({"openssl", "dgst", curve.hash, "-verify", pub, "-signature", sig, bad})
                  .exit_code,
              0);
  }
}

TEST_F(OpensslOracle, Ed25519BundleVerifiesWithOpenssl) {
  const PrivateKey& key = TestKey(KeyType::kEd25519);
  const auto bundle = SignStatement(SampleStatement(), key);
  ASSERT_TRUE(bundle.ok());
  const Json json = ParseJson(*bundle, "b").value();
  const std::string pae =
      scratch_.Put("pae", Pae(kInTotoPayloadType, DumpJson(SampleStatement().ToJson())));
  const std::string sig = scratch_.Put(
      "sig", Base64Decode(json["dsseEnvelope"]["signatures"][0]["sig"].get<std::string>()).value());
  const std::string pub = scratch_.Put("k.pub", key.public_key().pem());
  Run({"openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", "-in", pae, "-sigfile",
       sig});
}

TEST_F(OpensslOracle, KeysAndSignaturesThatOpensslMade) {
  const std::string payload = DumpJson(SampleStatement().ToJson());
  const std::string pae = scratch_.Put("pae", Pae(kInTotoPayloadType, payload));
  for (const Curve& curve : kCurves) {
    // The older EC form, as `openssl ecparam` writes it, with its parameter block first.
    const std::string path =
        scratch_.Put("k.pem", Run({"openssl", "ecparam", "-name",
                                   std::string(curve.group) == "P-256"   ? "prime256v1"
                                   : std::string(curve.group) == "P-384" ? "secp384r1"
                                                                         : "secp521r1",
                                   "-genkey"}));
    const auto key = PrivateKey::Load(path, NoPassphrase());
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->type(), curve.type);
    EXPECT_TRUE(key->was_stored_unencrypted());
    EXPECT_EQ(key->public_key().pem(), Run({"openssl", "ec", "-in", path, "-pubout"}));
    const std::string signature = Run({"openssl", "dgst", curve.hash, "-sign", path, pae});
    EXPECT_TRUE(key->public_key().Verify(Pae(kInTotoPayloadType, payload), signature).ok());
    Json json = ForgeBundleJson(payload, *key);
    json["dsseEnvelope"]["signatures"][0]["sig"] = Base64Encode(signature);
    EXPECT_TRUE(VerifyBundle(DumpJson(json) + "\n", key->public_key(), "b").ok());
  }
}

TEST_F(OpensslOracle, p384_with_sha256) {
  // A signature with a weaker hash than the curve's is refused, though it is mathematically sound.
  const std::string path = scratch_.Put("k.pem", Run({"openssl", "genpkey", "-algorithm", "EC",
                                                      "-pkeyopt", "ec_paramgen_curve:P-384"}));
  const auto key = PrivateKey::Load(path, NoPassphrase());
  ASSERT_TRUE(key.ok()) << key.status();
  const std::string payload = DumpJson(SampleStatement().ToJson());
  const std::string pae = scratch_.Put("pae", Pae(kInTotoPayloadType, payload));
  const std::string pub = scratch_.Put("k.pub", key->public_key().pem());
  const std::string signature = Run({"openssl", "dgst", "-sha256", "-sign", path, pae});
  const std::string sig = scratch_.Put("sig", signature);
  EXPECT_THAT(Run({"openssl", "dgst", "-sha256", "-verify", pub, "-signature", sig, pae}),
              HasSubstr("Verified OK"));
  Json json = ForgeBundleJson(payload, *key);
  json["dsseEnvelope"]["signatures"][0]["sig"] = Base64Encode(signature);
  EXPECT_EQ(VerifyBundle(DumpJson(json) + "\n", key->public_key(), "b").status().code(),
            StatusCode::kUnauthenticated);
}

TEST_F(OpensslOracle, EncryptedKeysThatOpensslMade) {
  const std::string plain = scratch_.Put("k.pem", Run({"openssl", "genpkey", "-algorithm", "EC",
                                                       "-pkeyopt", "ec_paramgen_curve:P-256"}));
  const std::string id = PrivateKey::Load(plain, NoPassphrase())->id();
  const std::vector<std::vector<std::string>> ways = {
      {"openssl", "pkcs8", "-topk8", "-in", plain, "-passout", "pass:s3cret"},
      {"openssl", "pkcs8", "-topk8", "-scrypt", "-in", plain, "-passout", "pass:s3cret"},
      {"openssl", "ec", "-aes256", "-in", plain, "-passout", "pass:s3cret"}};
  for (const auto& way : ways) {
    const std::string path = scratch_.Put("e.pem", Run(way));
    const auto key = PrivateKey::Load(path, FixedPassphrase("s3cret"));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->id(), id);
    EXPECT_FALSE(key->was_stored_unencrypted());
    EXPECT_EQ(PrivateKey::Load(path, FixedPassphrase("wrong")).status().code(),
              StatusCode::kUnauthenticated);
  }
}

TEST_F(OpensslOracle, private_key_with_compressed_point_has_the_same_id) {
  const std::string plain = scratch_.Put("k.pem", Run({"openssl", "genpkey", "-algorithm", "EC",
                                                       "-pkeyopt", "ec_paramgen_curve:P-256"}));
  const std::string compressed =
      scratch_.Put("c.pem", Run({"openssl", "ec", "-in", plain, "-conv_form", "compressed"}));
  const auto key = PrivateKey::Load(compressed, NoPassphrase());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->id(), PrivateKey::Load(plain, NoPassphrase())->id());
  const std::string pub =
      Run({"openssl", "ec", "-in", compressed, "-pubout", "-conv_form", "compressed"});
  EXPECT_EQ(PublicKey::Parse(pub, "c.pub").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(OpensslOracle, key_with_explicit_curve_parameters) {
  // A look-alike curve with another generator (CVE-2020-0601) can only be spelt with explicit
  // parameters.
  const std::string path =
      scratch_.Put("k.pem", Run({"openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout",
                                 "-param_enc", "explicit"}));
  EXPECT_FALSE(PrivateKey::Load(path, NoPassphrase()).ok());
  const std::string pub = Run({"openssl", "ec", "-in", path, "-pubout", "-param_enc", "explicit"});
  EXPECT_EQ(PublicKey::Parse(pub, "k").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(OpensslOracle, other_algorithms_and_curves) {
  for (const auto& options :
       std::vector<std::vector<std::string>>{{"RSA", "rsa_keygen_bits:1024"},
                                             {"EC", "ec_paramgen_curve:secp256k1"},
                                             {"EC", "ec_paramgen_curve:P-224"}}) {
    const std::string path = scratch_.Put(
        "k.pem", Run({"openssl", "genpkey", "-algorithm", options[0], "-pkeyopt", options[1]}));
    const auto key = PrivateKey::Load(path, NoPassphrase());
    EXPECT_EQ(key.status().code(), StatusCode::kInvalidArgument);
    const std::string pub = Run({"openssl", "pkey", "-in", path, "-pubout"});
    EXPECT_THAT(Message(PublicKey::Parse(pub, "k.pub").status()), HasSubstr("P-256"));
  }
}

TEST_F(OpensslOracle, halves_of_two_keys_in_one_file) {
  // The private number of one key with the public point of another: signatures would verify with
  // neither.
  const auto der = [&](const char* name) {
    const std::string path =
        scratch_.Put(name, Run({"openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"}));
    return Run({"openssl", "ec", "-in", path, "-outform", "DER"});
  };
  const std::string first = der("a.pem");
  const std::string second = der("b.pem");
  ASSERT_EQ(first.size(), 121u);
  const std::string mixed = first.substr(0, 7) + second.substr(7, 32) + first.substr(39);
  const std::string body = Base64Encode(mixed);
  std::string pem = "-----BEGIN EC PRIVATE KEY-----\n";
  for (size_t i = 0; i < body.size(); i += 64) pem += body.substr(i, 64) + "\n";
  pem += "-----END EC PRIVATE KEY-----\n";
  const auto key = PrivateKey::Parse(pem, "mixed.pem", NoPassphrase());
  EXPECT_EQ(key.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(OpensslOracle, ListingIsWhatSha256sumPrintsAndChecks) {
  scratch_.Put("model/model.onnx", "graph");
  scratch_.Put("model/a/b", "x");
  scratch_.Put("model/a-b", "y");
  const auto tree = HashModelFolder(scratch_ / "model");
  ASSERT_TRUE(tree.ok());
  const std::string script =
      "cd \"$0\" && find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum";
  EXPECT_EQ(tree->Listing(), Run({"sh", "-c", script, scratch_ / "model"}));
  const std::string list = scratch_.Put("list", tree->Listing());
  EXPECT_EQ(Run({"sha256sum", list}).substr(0, 64), tree->ListingSha256());
  Run({"sh", "-c", "cd \"$0\" && sha256sum --strict -c \"$1\"", scratch_ / "model", list});
  std::string raw;
  for (const ModelFile& file : tree->files) raw += file.sha256;
  EXPECT_EQ(Run({"sh", "-c", "tr a-f A-F | basenc -d --base16 | sha256sum"}, raw).substr(0, 64),
            tree->RootSha256());
}

}  // namespace
}  // namespace assize::trust
