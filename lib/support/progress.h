// Progress on long work: rate and time left on a terminal, silence elsewhere; and the interruption flag.
// Tests: tests/support/progress_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/support/status.h"

namespace assize {

// Receives progress. The default sink draws one line on stderr if it is a terminal and --quiet is not set.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void Start(const std::string& what, int64_t total) = 0;  // total 0: unknown
  virtual void Advance(int64_t done) = 0;                          // absolute count
  virtual void Finish() = 0;
};

std::unique_ptr<Progress> MakeTerminalProgress(bool enabled);
Progress& NoProgress();

// SIGINT, SIGTERM and SIGHUP set a flag; long loops call CheckInterrupted between batches and return its Cancelled.
void InstallInterruptHandler();
Status CheckInterrupted();

}  // namespace assize
