// Private keys by role. Tests: tests/flow/key_files_test.cc.
#include "lib/flow/key_files.h"

#include <cstdlib>
#include <map>

#include "lib/support/files.h"

namespace assize::flow {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string PublicPath(const std::string& private_path) {
  const std::string suffix = ".pem";
  const bool has = private_path.size() > suffix.size() && private_path.ends_with(suffix);
  return (has ? private_path.substr(0, private_path.size() - suffix.size()) : private_path) +
         ".pub.pem";
}

StatusOr<NewKey> WritePair(const trust::PrivateKey& key, const std::string& path,
                           const std::function<Status(const std::string&)>& write_private) {
  NewKey made;
  made.private_path = path.ends_with(".pem") ? path : path + ".pem";
  made.public_path = PublicPath(made.private_path);
  made.key_id = key.id();
  made.type = trust::KeyTypeName(key.type());
  if (FileExists(made.public_path))
    return AlreadyExists("{} is there already; keys are never overwritten", made.public_path);
  AZ_RETURN_IF_ERROR(write_private(made.private_path));
  AZ_RETURN_IF_ERROR(key.public_key().Write(made.public_path));
  return made;
}

}  // namespace

std::string DemoKeyFolder() {
  if (const std::string home = Environment("ASSIZE_HOME"); !home.empty())
    return JoinPath(home, "demo-keys");
  if (const std::string data = Environment("XDG_DATA_HOME"); !data.empty()) {
    return JoinPath(data, "assize/demo-keys");
  }
  return JoinPath(Environment("HOME"), ".local/share/assize/demo-keys");
}

StatusOr<NewKey> CreateKey(const std::string& path, trust::KeyType type,
                           const trust::PassphraseProvider& passphrase) {
  AZ_ASSIGN_OR_RETURN(const trust::PrivateKey key, trust::PrivateKey::Generate(type));
  AZ_ASSIGN_OR_RETURN(const trust::Secret secret, passphrase(path));
  return WritePair(key, path, [&](const std::string& file) { return key.Write(file, secret); });
}

StatusOr<NewKey> CreateDemoKey(const std::string& path) {
  AZ_ASSIGN_OR_RETURN(const trust::PrivateKey key, trust::PrivateKey::GenerateDemo());
  return WritePair(key, path, [&](const std::string& file) { return key.WriteDemo(file); });
}

StatusOr<std::string> EnsureDemoKey() {
  const std::string folder = DemoKeyFolder();
  const std::string public_path = JoinPath(folder, "demo.pub.pem");
  if (FileExists(public_path)) return public_path;
  AZ_RETURN_IF_ERROR(MakeFolders(folder));
  const std::string private_path = JoinPath(folder, "demo.pem");
  if (!FileExists(private_path)) {
    const StatusOr<NewKey> made = CreateDemoKey(private_path);
    if (made.ok()) return public_path;
    if (!absl::IsAlreadyExists(made.status())) return made.status();
  }
  // Somebody came as far as the private half: a run that was ended there, or one beside this one.
  AZ_ASSIGN_OR_RETURN(const trust::PrivateKey key,
                      trust::PrivateKey::Load(private_path, trust::NoPassphrase()));
  AZ_RETURN_IF_ERROR(key.public_key().Write(public_path));
  return public_path;
}

StatusOr<BuildKeys> LoadBuildKeys(const recipe::Recipe& recipe,
                                  const trust::PassphraseProvider& passphrase) {
  recipe::KeyFiles files = recipe.keys;
  if (files.demo) {
    AZ_RETURN_IF_ERROR(EnsureDemoKey().status());
    files.criteria = files.builder = files.evaluator = files.releaser =
        JoinPath(DemoKeyFolder(), "demo.pem");
  }
  BuildKeys keys;
  std::map<std::string, const trust::PrivateKey*>
      loaded;  // each file once: unlocking a key is slow on purpose
  const auto load = [&](const std::string& path, const trust::PrivateKey*& role) -> Status {
    const std::string file = recipe.Resolve(path);
    if (const auto found = loaded.find(file); found != loaded.end()) {
      role = found->second;
      return OkStatus();
    }
    AZ_ASSIGN_OR_RETURN(trust::PrivateKey key, trust::PrivateKey::Load(file, passphrase));
    if (key.was_stored_unencrypted() && !key.is_demo()) {
      keys.warnings.push_back(fmt::format("{} holds a private key without encryption", path));
    }
    keys.keys.push_back(std::make_unique<trust::PrivateKey>(std::move(key)));
    role = loaded[file] = keys.keys.back().get();
    return OkStatus();
  };
  AZ_RETURN_IF_ERROR(load(files.criteria, keys.roles.criteria));
  AZ_RETURN_IF_ERROR(load(files.builder, keys.roles.builder));
  AZ_RETURN_IF_ERROR(load(files.evaluator, keys.roles.evaluator));
  AZ_RETURN_IF_ERROR(load(files.releaser, keys.roles.releaser));
  return keys;
}

}  // namespace assize::flow
