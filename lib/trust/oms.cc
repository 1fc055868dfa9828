// OpenSSF Model Signing over a folder: listing, root digest, statement. Tests:
// tests/trust/oms_attacks_test.cc.
#include "lib/trust/oms.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

#include "lib/trust/members.h"
#include "lib/trust/names.h"

namespace assize::trust {
namespace {

constexpr size_t kMaxListedDifferences = 20;
// The only names that a signature may ask to ignore; other signers write them by default.
constexpr std::array<std::string_view, 4> kGitNames = {".git", ".gitattributes", ".github",
                                                       ".gitignore"};

bool NameBefore(const ModelFile& a, const ModelFile& b) { return a.name < b.name; }

std::string RootOf(const std::vector<ModelFile>& files) {
  Sha256Stream stream;
  for (const ModelFile& file : files) {
    const StatusOr<Digest> digest = ParseDigest(file.sha256);
    AZ_CHECK(digest.ok(), "model file \"{}\" has no SHA-256", file.name);
    stream.Update(std::as_bytes(std::span(*digest)));
  }
  return Hex(stream.Finish());
}

Status CheckSerialization(const Json& predicate, const std::string& where) {
  const Json& json = predicate["serialization"];
  AZ_RETURN_IF_ERROR(
      CheckMembers(json, where, {"method", "hash_type", "allow_symlinks", "ignore_paths"}));
  AZ_ASSIGN_OR_RETURN(const std::string method, JsonString(json, "method", where));
  if (method != "files") {
    return InvalidArgument("{}/method: is {}, expected \"files\"", where, DumpJson(Json(method)));
  }
  AZ_ASSIGN_OR_RETURN(const std::string hash, JsonString(json, "hash_type", where));
  if (hash != "sha256") {
    return InvalidArgument("{}/hash_type: is {}, expected \"sha256\"", where, DumpJson(Json(hash)));
  }
  AZ_ASSIGN_OR_RETURN(const bool symlinks, JsonBool(json, "allow_symlinks", where));
  if (symlinks) {
    return InvalidArgument(
        "{}/allow_symlinks: is true, expected false: a link's target is not signed", where);
  }
  AZ_ASSIGN_OR_RETURN(const Json* ignored, JsonArray(json, "ignore_paths", where));
  for (const Json& path : *ignored) {
    const bool known =
        path.is_string() && std::find(kGitNames.begin(), kGitNames.end(),
                                      path.get_ref<const std::string&>()) != kGitNames.end();
    if (!known) {
      return InvalidArgument(
          "{}/ignore_paths: {} would be hidden by ignore_paths: only .git, "
          ".gitattributes, .github and .gitignore may be named there",
          where, DumpJson(path));
    }
  }
  return OkStatus();
}

// The resources in the order in which they are listed, which is the order of the root digest.
StatusOr<std::vector<ModelFile>> ReadResources(const Json& json, const std::string& where,
                                               BundleForm form) {
  if (!json.is_array() || json.empty()) {
    return InvalidArgument("{}: lists no files, expected at least one", where);
  }
  std::vector<ModelFile> files;
  files.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string at = fmt::format("{}/{}", where, i);
    AZ_RETURN_IF_ERROR(CheckMembers(json[i], at, {"name", "algorithm", "digest"}));
    ModelFile file;
    AZ_ASSIGN_OR_RETURN(file.name, JsonString(json[i], "name", at));
    const Status name =
        form == BundleForm::kCanonical ? CheckReleaseName(file.name) : CheckPortableName(file.name);
    if (!name.ok()) return Annotate(name, at);
    AZ_ASSIGN_OR_RETURN(const std::string algorithm, JsonString(json[i], "algorithm", at));
    if (algorithm != "sha256") {
      return InvalidArgument("{}/algorithm: is {}, expected \"sha256\"", at,
                             DumpJson(Json(algorithm)));
    }
    AZ_ASSIGN_OR_RETURN(file.sha256, JsonString(json[i], "digest", at));
    if (!ParseDigest(file.sha256).ok()) {
      return InvalidArgument("{}/digest: is no SHA-256 in lower-case hex", at);
    }
    if (form == BundleForm::kCanonical && !files.empty() && !NameBefore(files.back(), file)) {
      return InvalidArgument(
          "{}/name: \"{}\" comes after \"{}\", expected each name once, in the "
          "order of code points",
          at, file.name, files.back().name);
    }
    files.push_back(std::move(file));
  }
  return files;
}

StatusOr<VerifiedModel> ReadSignedModel(const VerifiedStatement& verified, const std::string& where,
                                        BundleForm form) {
  const Statement& statement = verified.statement();
  AZ_RETURN_IF_ERROR(ExpectPredicateType(statement, kOmsPredicateType, where));
  if (statement.subjects.size() != 1) {
    return InvalidArgument("{}: /subject has {} entries, expected exactly one", where,
                           statement.subjects.size());
  }
  const std::string at = where + ": /predicate";
  AZ_RETURN_IF_ERROR(CheckMembers(statement.predicate, at, {"serialization", "resources"}));
  AZ_RETURN_IF_ERROR(CheckSerialization(statement.predicate, at + "/serialization"));
  VerifiedModel model;
  AZ_ASSIGN_OR_RETURN(model.tree.files,
                      ReadResources(statement.predicate["resources"], at + "/resources", form));
  const std::string root = RootOf(model.tree.files);
  if (statement.subjects[0].Sha256() != root) {
    return InvalidArgument("{}: the root digest is \"{}\", but the listed files hash to {}", where,
                           statement.subjects[0].Sha256(), root);
  }
  std::sort(model.tree.files.begin(), model.tree.files.end(), NameBefore);
  for (size_t i = 1; i < model.tree.files.size(); ++i) {
    if (model.tree.files[i].name == model.tree.files[i - 1].name) {
      return InvalidArgument("{}/resources: \"{}\" is listed twice", at, model.tree.files[i].name);
    }
  }
  model.subject_name = statement.subjects[0].name;
  model.key_id = verified.key_id();
  model.bundle_digest = verified.bundle_digest();
  return model;
}

}  // namespace

const ModelFile* ModelTree::Find(std::string_view name) const {
  for (const ModelFile& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

std::string ModelTree::Listing() const {
  std::string text;
  for (const ModelFile& file : files) text += file.sha256 + "  " + file.name + "\n";
  return text;
}

std::string ModelTree::ListingSha256() const { return Hex(Sha256(Listing())); }

std::string ModelTree::RootSha256() const { return RootOf(files); }

StatusOr<ModelTree> HashModelFolder(const std::string& folder) {
  AZ_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFiles(folder));
  if (names.empty()) return InvalidArgument("{}: holds no files", folder);
  ModelTree tree;
  tree.files.reserve(names.size());
  for (const std::string& name : names) {
    if (const Status status = CheckPortableName(name); !status.ok())
      return Annotate(status, folder);
    AZ_ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(JoinPath(folder, name)));
    tree.files.push_back({name, Hex(digest)});
  }
  return tree;
}

Statement MakeOmsStatement(const ModelTree& tree, const std::string& subject_name) {
  Json serialization = Json::object();
  serialization["method"] = "files";
  serialization["hash_type"] = "sha256";
  serialization["allow_symlinks"] = false;
  serialization["ignore_paths"] = Json::array();
  Json resources = Json::array();
  for (const ModelFile& file : tree.files) {
    Json resource = Json::object();
    resource["name"] = file.name;
    resource["algorithm"] = "sha256";
    resource["digest"] = file.sha256;
    resources.push_back(std::move(resource));
  }
  Statement statement;
  statement.subjects.push_back(MakeSubject(subject_name, tree.RootSha256()));
  statement.predicate_type = kOmsPredicateType;
  statement.predicate["serialization"] = std::move(serialization);
  statement.predicate["resources"] = std::move(resources);
  return statement;
}

StatusOr<std::string> SignModel(const ModelTree& tree, const std::string& subject_name,
                                const PrivateKey& key) {
  if (key.type() == KeyType::kEd25519) {
    return InvalidArgument(
        "a model is signed with an EC key (P-256, P-384 or P-521): model signing "
        "has no {}",
        KeyTypeName(key.type()));
  }
  for (const ModelFile& file : tree.files) AZ_RETURN_IF_ERROR(CheckReleaseName(file.name));
  AZ_ASSIGN_OR_RETURN(std::string bundle, SignStatement(MakeOmsStatement(tree, subject_name), key));
  const auto verified = VerifyModelSignature(bundle, key.public_key(), "new model signature");
  if (!verified.ok()) {
    return InvalidArgument("the tree to sign is not sound: {}", Message(verified.status()));
  }
  return bundle;
}

StatusOr<VerifiedModel> VerifyModelSignature(std::string_view bundle, const PublicKey& key,
                                             const std::string& origin, BundleForm form) {
  if (key.type() == KeyType::kEd25519) {
    return Unauthenticated("{}: a model signature needs an EC key, the key given is {}", origin,
                           KeyTypeName(key.type()));
  }
  AZ_ASSIGN_OR_RETURN(const VerifiedStatement verified, VerifyBundle(bundle, key, origin, form));
  StatusOr<VerifiedModel> model = ReadSignedModel(verified, origin, form);
  if (!model.ok()) return Unauthenticated("{}", Message(model.status()));
  return model;
}

Status CompareTrees(const ModelTree& found, const ModelTree& wanted, const std::string& folder) {
  std::map<std::string_view, std::pair<const ModelFile*, const ModelFile*>> pairs;
  for (const ModelFile& file : found.files) pairs[file.name].first = &file;
  for (const ModelFile& file : wanted.files) pairs[file.name].second = &file;
  std::string text;
  size_t count = 0;
  for (const auto& [name, pair] : pairs) {
    const auto& [on_disk, signed_file] = pair;
    if (on_disk && signed_file && on_disk->sha256 == signed_file->sha256) continue;
    if (count++ >= kMaxListedDifferences) continue;
    if (!text.empty()) text += "; ";
    if (!on_disk) {
      text += fmt::format("\"{}\" is missing", name);
    } else if (!signed_file) {
      text += fmt::format("\"{}\" is not signed", name);
    } else {
      text += fmt::format("\"{}\" was changed: found sha256 {}, signed {}", name, on_disk->sha256,
                          signed_file->sha256);
    }
  }
  if (count == 0) return OkStatus();
  if (count > kMaxListedDifferences) {
    text += fmt::format("; and {} more", count - kMaxListedDifferences);
  }
  return DataLoss("{}: {}", folder, text);
}

StatusOr<VerifiedModel> VerifyModelFolder(std::string_view bundle, const std::string& folder,
                                          const PublicKey& key, const std::string& origin,
                                          BundleForm form) {
  AZ_ASSIGN_OR_RETURN(VerifiedModel model, VerifyModelSignature(bundle, key, origin, form));
  const StatusOr<ModelTree> found = HashModelFolder(folder);
  if (!found.ok()) {
    // A link, device or odd name in the tree is an addition to it, not a fault of the user's.
    if (found.status().code() != StatusCode::kInvalidArgument) return found.status();
    return DataLoss("{}", Message(found.status()));
  }
  AZ_RETURN_IF_ERROR(CompareTrees(*found, model.tree, folder));
  return model;
}

StatusOr<std::shared_ptr<const MappedFile>> OpenVerifiedFile(const ModelTree& tree,
                                                             const std::string& folder,
                                                             const std::string& name,
                                                             uint64_t max_bytes) {
  const ModelFile* file = tree.Find(name);
  if (file == nullptr) return NotFound("{}: \"{}\" is not among the signed files", folder, name);
  AZ_ASSIGN_OR_RETURN(auto mapped, MappedFile::OpenSealed(JoinPath(folder, name), max_bytes));
  const std::string found = Hex(Sha256(mapped->bytes()));
  if (found != file->sha256) {
    return DataLoss("{}: \"{}\" was changed: found sha256 {}, signed {}", folder, name, found,
                    file->sha256);
  }
  return mapped;
}

}  // namespace assize::trust
