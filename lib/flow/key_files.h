// Private keys by role, from files or made for a demonstration. Tests:
// tests/flow/key_files_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/recipe/recipe.h"
#include "lib/release/store.h"
#include "lib/trust/keys.h"

namespace assize::flow {

// Keys of a build; `roles` points into `keys`.
struct BuildKeys {
  std::vector<std::unique_ptr<trust::PrivateKey>> keys;
  release::RoleKeys roles;
  std::vector<std::string> warnings;  // a key stored without encryption
};

// Loads each file once. With `keys: demo`, one demo key in DemoKeyFolder(), made when missing.
StatusOr<BuildKeys> LoadBuildKeys(const recipe::Recipe& recipe,
                                  const trust::PassphraseProvider& passphrase);

// $ASSIZE_HOME, else $XDG_DATA_HOME/assize, else ~/.local/share/assize; then /demo-keys.
std::string DemoKeyFolder();
// Path of the demo public key there (demo.pub.pem); makes the pair when missing.
StatusOr<std::string> EnsureDemoKey();

struct NewKey {
  std::string private_path, public_path, key_id, type;
};
// `assize key`: writes NAME.pem (encrypted PKCS#8, 0600) and NAME.pub.pem; neither may exist.
StatusOr<NewKey> CreateKey(const std::string& path, trust::KeyType type,
                           const trust::PassphraseProvider& passphrase);
StatusOr<NewKey> CreateDemoKey(const std::string& path);

}  // namespace assize::flow
