// The progress line, and the interruption flag that long loops ask. Tests:
// tests/support/progress_test.cc.
#include "lib/support/progress.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "lib/support/clock.h"

namespace assize {
namespace {

class Silent final : public Progress {
 public:
  void Start(const std::string&, int64_t) override {}
  void Advance(int64_t) override {}
  void Finish() override {}
};

// One line on stderr, redrawn at most ten times a second and wiped at the end.
class Terminal final : public Progress {
 public:
  ~Terminal() override { Terminal::Finish(); }
  void Start(const std::string& what, int64_t total) override {
    Finish();
    what_ = what;
    total_ = total;
    begun_ = SystemClock().MonotonicMicros();
    drawn_ = 0;
  }
  void Advance(int64_t done) override {
    const int64_t now = SystemClock().MonotonicMicros();
    if (now - drawn_ < 100'000) return;
    drawn_ = now;
    Write("\r\x1b[K" + ProgressLine(what_, done, total_, now - begun_));
    shown_ = true;
  }
  void Finish() override {
    if (shown_) Write("\r\x1b[K");
    shown_ = false;
  }

 private:
  static void Write(const std::string& text) {
    // A terminal that went away is no reason to stop the work.
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
  }

  std::string what_;
  int64_t total_ = 0, begun_ = 0, drawn_ = 0;
  bool shown_ = false;
};

std::string Duration(int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

std::atomic<int> interrupt_signal{0};
std::atomic<int> interrupt_count{0};
static_assert(std::atomic<int>::is_always_lock_free, "the handler may use no lock");

extern "C" void OnInterrupt(int signal) {
  interrupt_signal.store(signal);
  // The first asks for an orderly end; somebody who insists gets the plain one.
  if (interrupt_count.fetch_add(1) >= 2) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
}

}  // namespace

std::string ProgressLine(const std::string& what, int64_t done, int64_t total, int64_t micros) {
  const double seconds = static_cast<double>(std::max<int64_t>(micros, 1)) * 1e-6;
  const double rate = static_cast<double>(done) / seconds;
  std::string line = total > 0
                         ? fmt::format("{}: {}/{} ({} %)", what, done, total, done * 100 / total)
                         : fmt::format("{}: {}", what, done);
  if (done > 0)
    line += rate >= 10 ? fmt::format(", {:.0f}/s", rate) : fmt::format(", {:.2g}/s", rate);
  if (done > 0 && total > done) {
    const double left = static_cast<double>(total - done) / rate;
    line += fmt::format(", {} left", Duration(static_cast<int64_t>(left + 0.5)));
  }
  return line;
}

std::unique_ptr<Progress> MakeTerminalProgress(bool enabled) {
  if (enabled && ::isatty(STDERR_FILENO) == 1) return std::make_unique<Terminal>();
  return std::make_unique<Silent>();
}

Progress& NoProgress() {
  static Silent silent;
  return silent;
}

void InstallInterruptHandler() {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // nohup and background jobs ignore some of these on purpose.
    struct sigaction before = {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
  }
  // A full disk by quota or a closed pipe shall be an error of write(), so that everything is
  // cleaned up.
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
}

Status CheckInterrupted() {
  switch (interrupt_signal.load(std::memory_order_relaxed)) {
    case 0:
      return OkStatus();
    case SIGINT:
      return Cancelled("interrupted by SIGINT");
    case SIGTERM:
      return Cancelled("interrupted by SIGTERM");
    default:
      return Cancelled("interrupted by SIGHUP");
  }
}

void ClearInterrupt() {
  interrupt_signal.store(0);
  interrupt_count.store(0);
}

}  // namespace assize
