// What the system counts follows what the process touches.
#include "lib/support/process_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace assize {
namespace {

TEST(ProcessMemory, FollowsWhatIsTouched) {
  const int64_t before = ResidentBytes();
  if (before == 0) GTEST_SKIP() << "this system does not say";
  constexpr int64_t kBytes = int64_t{64} << 20;
  {
    const std::vector<char> touched(static_cast<size_t>(kBytes), 1);
    EXPECT_GE(ResidentBytes(), before + kBytes / 2) << int{touched[1]};
  }
  EXPECT_GE(PeakResidentBytes(), before + kBytes / 2) << "the peak outlives what made it";
}

}  // namespace
}  // namespace assize
