// The progress line's arithmetic, and signals as Cancelled.
#include "lib/support/progress.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "lib/support/exit_code.h"

namespace assize {
namespace {

TEST(ProgressLine, RateAndTimeLeft) {
  EXPECT_EQ(ProgressLine("eval", 250, 1000, 2'000'000), "eval: 250/1000 (25 %), 125/s, 6 s left");
  EXPECT_EQ(ProgressLine("eval", 1, 1000, 4'000'000),
            "eval: 1/1000 (0 %), 0.25/s, 1 h 06 min left");
  EXPECT_EQ(ProgressLine("eval", 0, 1000, 0), "eval: 0/1000 (0 %)");
  EXPECT_EQ(ProgressLine("eval", 1000, 1000, 1'000'000), "eval: 1000/1000 (100 %), 1000/s");
  EXPECT_EQ(ProgressLine("read", 50, 0, 1'000'000), "read: 50, 50/s");
}

TEST(Progress, DisabledIsSilent) {
  testing::internal::CaptureStderr();
  const std::unique_ptr<Progress> progress = MakeTerminalProgress(false);
  progress->Start("x", 10);
  progress->Advance(5);
  progress->Finish();
  NoProgress().Start("x", 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Interrupt, SignalsBecomeCancelledAndExit5) {
  InstallInterruptHandler();
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    ASSERT_TRUE(CheckInterrupted().ok());
    ::raise(signal);
    EXPECT_EQ(CheckInterrupted().code(), StatusCode::kCancelled);
    EXPECT_EQ(ExitCodeOf(CheckInterrupted()), ExitCode::kEnvironment);
    ClearInterrupt();
  }
}

TEST(Interrupt, TheThirdSignalEndsTheProgram) {
  EXPECT_EXIT(
      {
        InstallInterruptHandler();
        ::raise(SIGTERM);
        ::raise(SIGTERM);
        ::raise(SIGTERM);
        ::_exit(0);
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace assize
