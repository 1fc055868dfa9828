// OpenSSF Model Signing v1.0: a signature over a folder of model files.
//
// Every regular file below the folder is a resource; a symlink, device or FIFO is an error. Nothing
// is ignored: a signed `ignore_paths` beyond the four git names of the specification is refused,
// and even those files must be listed when they are there, so what verifies is exactly what is on
// disk. The root digest is over contents alone (two trees with names swapped share it); the listing
// digest is over what `sha256sum` prints, names included. Tests: tests/trust/oms_attacks_test.cc,
// tests/trust/model_signing_oracle_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/files.h"
#include "lib/support/sha256.h"
#include "lib/support/status.h"
#include "lib/trust/bundle.h"
#include "lib/trust/keys.h"

namespace assize::trust {

inline constexpr char kOmsPredicateType[] = "https://model_signing/signature/v1.0";

struct ModelFile {
  std::string name;    // relative to the folder, `/` separators
  std::string sha256;  // 64 lower-case hex digits
  friend bool operator==(const ModelFile&, const ModelFile&) = default;
};

// The files of a model folder, sorted by name (code points, which is the order of UTF-8's bytes).
struct ModelTree {
  std::vector<ModelFile> files;

  const ModelFile* Find(std::string_view name) const;  // null when absent
  // `<hex>  <name>\n` for each file: what `sha256sum` prints for them inside the folder, and
  // `sha256sum -c` reads.
  std::string Listing() const;
  std::string ListingSha256() const;
  // SHA-256 over the concatenated raw digests, hex.
  std::string RootSha256() const;
};

// Reads and hashes every file. InvalidArgument for no files at all, special files, or names outside
// CheckPortableName.
StatusOr<ModelTree> HashModelFolder(const std::string& folder);

// The OMS statement: one subject {subject_name, root}, nothing ignored.
Statement MakeOmsStatement(const ModelTree& tree, const std::string& subject_name);

// The bundle's bytes for `tree`. Every name must pass CheckReleaseName; Ed25519 keys are refused
// (OMS has none).
StatusOr<std::string> SignModel(const ModelTree& tree, const std::string& subject_name,
                                const PrivateKey& key);

struct VerifiedModel {
  ModelTree tree;            // signed, and exactly what is on disk
  std::string subject_name;  // as signed; the specification gives it no meaning
  std::string key_id;
  Digest bundle_digest{};
};

// The signed list alone; what is on disk was not looked at.
StatusOr<VerifiedModel> VerifyModelSignature(std::string_view bundle, const PublicKey& key,
                                             const std::string& origin,
                                             BundleForm form = BundleForm::kCanonical);
// DataLoss that lists every missing, unsigned and changed file (at most 20 of them, then a count).
Status CompareTrees(const ModelTree& found, const ModelTree& wanted, const std::string& folder);
// Signature, then the folder against the signed list. kForeign accepts what other signers write:
// any order of resources, other spacing, an empty keyid.
StatusOr<VerifiedModel> VerifyModelFolder(std::string_view bundle, const std::string& folder,
                                          const PublicKey& key, const std::string& origin,
                                          BundleForm form = BundleForm::kCanonical);

// Opens a signed file for use: the bytes are sealed, hashed and compared, so what is used is what
// was verified, whatever happens to the path meanwhile. NotFound when `name` is not signed,
// DataLoss when the bytes differ.
StatusOr<std::shared_ptr<const MappedFile>> OpenVerifiedFile(const ModelTree& tree,
                                                             const std::string& folder,
                                                             const std::string& name,
                                                             uint64_t max_bytes);

}  // namespace assize::trust
