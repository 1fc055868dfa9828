// Untrusted signature bytes: bundles, key files, base64, statements and signed model lists.
//
// The first byte chooses the door. Properties beyond "does not crash": nothing that was not signed
// ever verifies, what decodes has one spelling, and what we sign verifies as what it was. Run:
// build/fuzz/tests/fuzz/bundle_fuzz.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/support/json.h"
#include "lib/trust/base64.h"
#include "lib/trust/bundle.h"
#include "lib/trust/dsse.h"
#include "lib/trust/keys.h"
#include "lib/trust/names.h"
#include "lib/trust/oms.h"
#include "lib/trust/statement.h"

namespace {

using assize::Json;
using namespace assize::trust;  // NOLINT(google-build-using-namespace)

void Require(bool holds) {
  if (!holds) std::abort();
}

const PrivateKey& Key() {
  static const PrivateKey key = PrivateKey::Generate().value();
  return key;
}

// A good signature over any bytes: how the fuzzer gets behind it.
std::string Wrap(const std::string& payload) {
  const Envelope envelope = Envelope::Sign(payload, Key()).value();
  Json json;
  json["mediaType"] = kBundleMediaType;
  json["verificationMaterial"]["publicKey"]["hint"] = Key().id();
  json["verificationMaterial"]["tlogEntries"] = Json::array();
  json["dsseEnvelope"] = envelope.ToJson();
  return assize::DumpJson(json) + "\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0:
      // The key is made anew in every run: no input can hold its signature.
      for (const BundleForm form : {BundleForm::kCanonical, BundleForm::kForeign}) {
        Require(!VerifyBundle(text, Key().public_key(), "fuzz", form).ok());
        (void)PeekKeyId(text, "fuzz", form);
      }
      break;
    case 1: {
      const std::string bundle = text.empty() ? text : Wrap(text);
      const auto verified = VerifyBundle(bundle, Key().public_key(), "fuzz");
      if (verified.ok()) Require(verified->payload() == text);
      break;
    }
    case 2: {
      const std::string bundle = text.empty() ? text : Wrap(text);
      const auto model =
          VerifyModelSignature(bundle, Key().public_key(), "fuzz", BundleForm::kForeign);
      if (!model.ok()) break;
      for (const ModelFile& file : model->tree.files) Require(CheckPortableName(file.name).ok());
      break;
    }
    case 3: {
      const auto key = PublicKey::Parse(text, "fuzz");
      if (key.ok()) Require(PublicKey::Parse(key->pem(), "fuzz")->id() == key->id());
      break;
    }
    case 4: {
      const auto bytes = Base64Decode(text);
      if (bytes.ok()) Require(Base64Encode(*bytes) == text);
      Require(Base64Decode(Base64Encode(text)).value() == text);
      if (CheckReleaseName(text).ok()) Require(CheckPortableName(text).ok());
      break;
    }
    default: {
      const auto json = assize::ParseJson(text, "fuzz");
      if (!json.ok()) break;
      const auto statement = ParseStatement(*json, "fuzz");
      if (statement.ok()) Require(ParseStatement(statement->ToJson(), "fuzz").ok());
      break;
    }
  }
  return 0;
}
