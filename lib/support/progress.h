// Progress on long work: rate and time left on a terminal, silence elsewhere; and the interruption
// flag. Tests: tests/support/progress_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/support/status.h"

namespace assize {

// Receives progress. The default sink draws one line on stderr if it is a terminal and --quiet is
// not set.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void Start(const std::string& what, int64_t total) = 0;  // total 0: unknown
  virtual void Advance(int64_t done) = 0;                          // absolute count
  virtual void Finish() = 0;
};

std::unique_ptr<Progress> MakeTerminalProgress(bool enabled);
Progress& NoProgress();

// SIGINT, SIGTERM and SIGHUP set a flag; long loops call CheckInterrupted between batches and
// return its Cancelled. The third signal ends the program at once. SIGPIPE and SIGXFSZ become plain
// write errors.
void InstallInterruptHandler();
Status CheckInterrupted();
void ClearInterrupt();  // forgets a signal that was seen; for tests, and after an interrupted verb

// "what: 250/1000 (25 %), 125/s, 6 s left": the text of the line, `micros` after the start.
std::string ProgressLine(const std::string& what, int64_t done, int64_t total, int64_t micros);

}  // namespace assize
