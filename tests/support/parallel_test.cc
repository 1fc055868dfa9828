// ParallelFor: each index once, nesting, and the number of threads.
#include "lib/support/parallel.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace assize {
namespace {

class ParallelForTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { SetThreadCount(GetParam()); }
  void TearDown() override { SetThreadCount(0); }
};

TEST_P(ParallelForTest, VisitsEachIndexOnce) {
  for (int64_t count : {0, 1, 2, 7, 1000}) {
    std::vector<int> visits(static_cast<size_t>(count), 0);
    ParallelFor(count, [&](int64_t i) { ++visits[static_cast<size_t>(i)]; });
    EXPECT_EQ(visits, std::vector<int>(static_cast<size_t>(count), 1)) << count;
  }
}

TEST_P(ParallelForTest, NestedCallsRunInTheSameThread) {
  std::vector<int> wrong(8, 0), sums(8, 0);
  ParallelFor(8, [&](int64_t i) {
    const std::thread::id outer = std::this_thread::get_id();
    ParallelFor(50, [&](int64_t j) {
      if (std::this_thread::get_id() != outer) ++wrong[static_cast<size_t>(i)];
      sums[static_cast<size_t>(i)] += static_cast<int>(j);
    });
  });
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
  EXPECT_EQ(sums, std::vector<int>(8, 1225));
}

TEST_P(ParallelForTest, UsesNoMoreThreadsThanSet) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  ParallelFor(1000, [&](int64_t) {
    const std::lock_guard<std::mutex> lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_LE(ids.size(), static_cast<size_t>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Threads, ParallelForTest, testing::Values(1, 2, 5));

TEST(ThreadCount, ZeroAsksForTheCores) {
  SetThreadCount(3);
  EXPECT_EQ(ThreadCount(), 3);
  SetThreadCount(0);
  EXPECT_GE(ThreadCount(), 1);
  SetThreadCount(-4);
  EXPECT_GE(ThreadCount(), 1);
}

}  // namespace
}  // namespace assize
