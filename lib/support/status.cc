// Status helpers that need no template, and the end of a program whose invariant failed.
// Tests: tests/support/status_test.cc.
#include "lib/support/status.h"

#include <unistd.h>

#include <atomic>

namespace assize {
namespace {

std::atomic<CheckHook> check_hook{nullptr};

void WriteToStderr(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    ssize_t written = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (written <= 0) return;
    done += static_cast<size_t>(written);
  }
}

}  // namespace

Status Annotate(const Status& status, const std::string& where) {
  if (status.ok()) return status;
  Status result(status.code(), where + ": " + Message(status));
  status.ForEachPayload([&result](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

void SetCheckHook(CheckHook hook) { check_hook.store(hook); }

namespace support_internal {

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  std::string text = fmt::format("{}:{}: check failed: {}{}{}", file, line, condition,
                                 message.empty() ? "" : ": ", message);
  WriteToStderr("assize: internal error: " + text + "\n");
  // Taken out before it is called, so that a check that fails inside the hook ends the program.
  if (CheckHook hook = check_hook.exchange(nullptr); hook != nullptr) hook(text);
  ::_exit(70);
}

}  // namespace support_internal
}  // namespace assize
