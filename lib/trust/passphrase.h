// Where the passphrase of an encrypted private key comes from: prompt, file descriptor or
// environment.
//
// A passphrase lives in a Secret, whose bytes are erased when it goes, and never appears in a
// message. Tests: tests/trust/passphrase_test.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize::trust {

// Bytes that are erased before their memory is given back. Movable only.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : bytes_(bytes) {}
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();
  std::string_view view() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  Secret Copy() const { return Secret(view()); }

 private:
  std::string bytes_;
};

inline constexpr size_t kMaxPassphraseBytes = 1024;
inline constexpr char kPassphraseVariable[] = "ASSIZE_KEY_PASSPHRASE";

// Asked only when a key turns out to be encrypted. `what` names the key in a prompt or an error.
using PassphraseProvider = std::function<StatusOr<Secret>(const std::string& what)>;

// Always fails: FailedPrecondition that names the three ways to give a passphrase.
PassphraseProvider NoPassphrase();
// The same passphrase for every key.
PassphraseProvider FixedPassphrase(std::string_view passphrase);
// The variable ASSIZE_KEY_PASSPHRASE; FailedPrecondition when unset or empty.
PassphraseProvider PassphraseFromEnvironment();
// The first line of descriptor `fd` (without its newline), read once and used for every key.
PassphraseProvider PassphraseFromDescriptor(int fd);
// Asks on the controlling terminal without echo; with `confirm` twice. FailedPrecondition without a
// terminal.
PassphraseProvider PassphraseFromPrompt(bool confirm);
// The usual order: the descriptor when one was given, else the environment when set, else the
// prompt.
PassphraseProvider DefaultPassphrase(std::optional<int> fd, bool confirm = false);

}  // namespace assize::trust
