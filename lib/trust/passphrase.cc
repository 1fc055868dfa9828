// Where passphrases come from, and how they are erased. Tests: tests/trust/passphrase_test.cc.
#include "lib/trust/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

namespace assize::trust {
namespace {

constexpr char kInterruptByte = 3;  // Ctrl-C

void Erase(std::string& bytes) {
  // The short-string buffer lies inside the object: its whole capacity counts.
  bytes.resize(bytes.capacity());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  bytes.clear();
}

// One line, byte by byte: what follows it in a pipe belongs to somebody else.
StatusOr<Secret> ReadLine(int fd, const std::string& from) {
  std::string line;
  line.reserve(kMaxPassphraseBytes + 1);  // never moved, so no copy of it stays behind
  Status status;
  while (true) {
    char byte = 0;
    const ssize_t count = read(fd, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      status = Unavailable("cannot read the passphrase from {}: {}", from, strerror(errno));
      break;
    }
    if (count == 0 || byte == '\n') break;
    if (byte == kInterruptByte) {
      status = Cancelled("interrupted at the passphrase prompt");
      break;
    }
    if (line.size() == kMaxPassphraseBytes) {
      status = InvalidArgument("the passphrase from {} is longer than {} bytes", from,
                               kMaxPassphraseBytes);
      break;
    }
    line += byte;
  }
  if (status.ok() && line.empty()) {
    status = InvalidArgument("the passphrase from {} is empty", from);
  }
  Secret secret(line);
  Erase(line);
  if (!status.ok()) return status;
  return secret;
}

// Echo off for as long as it lives. Ctrl-C ends the line instead of killing the program, so that
// the terminal is always restored.
class SilentTerminal {
 public:
  static StatusOr<std::unique_ptr<SilentTerminal>> Open() {
    const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
      return FailedPrecondition("there is no terminal to ask on ({})", strerror(errno));
    }
    std::unique_ptr<SilentTerminal> terminal(new SilentTerminal(fd));
    if (tcgetattr(fd, &terminal->saved_) != 0) {
      return FailedPrecondition("the terminal cannot be set up ({})", strerror(errno));
    }
    termios silent = terminal->saved_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    silent.c_lflag |= static_cast<tcflag_t>(ICANON | ECHONL);
    silent.c_cc[VEOL] = kInterruptByte;
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0) {
      return FailedPrecondition("the terminal's echo cannot be turned off ({})", strerror(errno));
    }
    terminal->changed_ = true;
    return terminal;
  }
  ~SilentTerminal() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &saved_);
    close(fd_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  StatusOr<Secret> Ask(const std::string& prompt) const {
    size_t done = 0;
    while (done < prompt.size()) {
      const ssize_t count = write(fd_, prompt.data() + done, prompt.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return Unavailable("cannot write to the terminal: {}", strerror(errno));
      done += static_cast<size_t>(count);
    }
    return ReadLine(fd_, "the terminal");
  }

 private:
  explicit SilentTerminal(int fd) : fd_(fd) {}
  int fd_;
  bool changed_ = false;
  termios saved_{};
};

}  // namespace

// Copied and erased rather than moved: a moved-from short string keeps its bytes.
// NOLINTNEXTLINE(performance-move-constructor-init)
Secret::Secret(Secret&& other) noexcept : bytes_(other.bytes_) { Erase(other.bytes_); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Erase(bytes_);
    bytes_ = other.bytes_;
    Erase(other.bytes_);
  }
  return *this;
}

Secret::~Secret() { Erase(bytes_); }

PassphraseProvider NoPassphrase() {
  return [](const std::string& what) -> StatusOr<Secret> {
    return FailedPrecondition(
        "{} is encrypted and no passphrase was given: set {}, pass a file "
        "descriptor, or run on a terminal",
        what, kPassphraseVariable);
  };
}

PassphraseProvider FixedPassphrase(std::string_view passphrase) {
  auto kept = std::make_shared<const Secret>(passphrase);
  return [kept](const std::string&) -> StatusOr<Secret> { return kept->Copy(); };
}

PassphraseProvider PassphraseFromEnvironment() {
  return [](const std::string& what) -> StatusOr<Secret> {
    const char* value = std::getenv(kPassphraseVariable);
    if (value == nullptr || *value == '\0') {
      return FailedPrecondition("{} needs a passphrase, and {} is not set", what,
                                kPassphraseVariable);
    }
    return Secret(value);
  };
}

PassphraseProvider PassphraseFromDescriptor(int fd) {
  struct State {
    std::mutex mutex;
    std::optional<Secret> secret;
  };
  auto state = std::make_shared<State>();
  return [state, fd](const std::string&) -> StatusOr<Secret> {
    const std::lock_guard<std::mutex> lock(state->mutex);
    if (!state->secret.has_value()) {
      AZ_ASSIGN_OR_RETURN(state->secret, ReadLine(fd, fmt::format("file descriptor {}", fd)));
    }
    return state->secret->Copy();
  };
}

PassphraseProvider PassphraseFromPrompt(bool confirm) {
  return [confirm](const std::string& what) -> StatusOr<Secret> {
    auto terminal = SilentTerminal::Open();
    if (!terminal.ok()) {
      return FailedPrecondition("{} needs a passphrase, and {}: set {} or pass a file descriptor",
                                what, Message(terminal.status()), kPassphraseVariable);
    }
    AZ_ASSIGN_OR_RETURN(Secret first, (*terminal)->Ask(fmt::format("passphrase for {}: ", what)));
    if (confirm) {
      AZ_ASSIGN_OR_RETURN(const Secret second, (*terminal)->Ask("the same again: "));
      if (first.view() != second.view()) {
        return InvalidArgument("the two passphrases for {} differ", what);
      }
    }
    return first;
  };
}

PassphraseProvider DefaultPassphrase(std::optional<int> fd, bool confirm) {
  if (fd.has_value()) return PassphraseFromDescriptor(*fd);
  const char* value = std::getenv(kPassphraseVariable);
  if (value != nullptr && *value != '\0') return PassphraseFromEnvironment();
  return PassphraseFromPrompt(confirm);
}

}  // namespace assize::trust
